/*
 * admin/extended.h - the extended protocol, for drivers that speak nothing else:
 * statements without parameters, and one portal at a time.
 */
#ifndef PGWEIR_ADMIN_EXTENDED_H
#define PGWEIR_ADMIN_EXTENDED_H

#include "admin/admin_private.h"

/* Runs the call; console_done or console_fail follow, now or later. */
void console_run(struct console *c, const struct call *call, uint64_t binary);

/* Parse, Bind, Describe, Execute, Close, Flush, Sync; false when the message is broken. */
bool extended_message(struct console *c, char type, const char *body, size_t length);
/* The portal's command has ended well: its rows are in the console's. */
void extended_done(struct console *c);
/* A portal lives until Sync, or until a Query comes. */
void extended_forget_portal(struct console *c);
/* Frees all statements and the portal. */
void extended_forget(struct console *c);

#endif
