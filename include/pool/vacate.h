/*
 * pool/vacate.h - databases out of which pgweir keeps its own servers for a while,
 * since PostgreSQL drops, renames, moves and copies only what nobody is connected to.
 *
 *   vacancy_add ─▶ idle servers close; others when they come back; none is opened
 *   vacancy_end ─▶ all as before
 */
#ifndef PGWEIR_POOL_VACATE_H
#define PGWEIR_POOL_VACATE_H

#include "pool/ledger.h"

struct vacancy;

/*
 * Vacates the databases called NAMES (each with a NUL, then one more) that entries have on the host number
 * HOST of cluster C.  *V is made when it is NULL.  Any thread.
 */
void vacancy_add(struct vacancy **v, struct hub *h, const struct cluster *c, unsigned host, const char *names);
/* True when none of them had a server that nobody has: there is nothing to wait for. */
bool vacancy_was_empty(const struct vacancy *v);
/* True when all servers that are still there serve a borrower. */
bool vacancy_is_reached(const struct vacancy *v);
/* Servers may be opened again, and what was known of those databases is forgotten.  NULL is fine. */
void vacancy_end(struct vacancy **v);

#endif
