/*
 * session/vacate.h - statements that want a database for themselves.
 */
#ifndef PGWEIR_SESSION_VACATE_H
#define PGWEIR_SESSION_VACATE_H

#include "session/feature.h"

/* Ahead of what may be such a statement (EFFECT_databases): waits until pgweir's own servers have left the database. */
enum ahead vacate_ahead(struct session *s, char type, const struct verdict *v, const char *text, size_t length);
/* The statement is over, or its client has gone; s->vacating is not NULL. */
void vacate_end(struct session *s);

#endif
