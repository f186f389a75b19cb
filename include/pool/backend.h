/*
 * pool/backend.h - which process of PostgreSQL serves whom: the process id that a
 * NotificationResponse names is that of a borrowed server, and its client was told
 * another one.  Process-wide, any thread.
 */
#ifndef PGWEIR_POOL_BACKEND_H
#define PGWEIR_POOL_BACKEND_H

#include "pool/server.h"

/* The server has logged in; its `backend_pid` and `peer` stay as they are until backend_remove. */
void backend_add(struct server *s);
void backend_remove(struct server *s); /* harmless when it was never added */
/* The process id that the client of process PID on HOST was told; PID itself when no client of ours has it. */
uint32_t backend_holder(const struct endpoint *host, uint32_t pid);

#endif
