/*
 * pool/pause.h - PAUSE and RESUME: of all ledgers, and of single ones, which do not
 * forget that they were paused by name when all are resumed.  Any thread.
 */
#ifndef PGWEIR_POOL_PAUSE_H
#define PGWEIR_POOL_PAUSE_H

#include "pool/ledger.h"

/* Pauses or resumes all ledgers; false when they are that already. */
bool pause_all(struct hub *h, bool paused);
bool pause_is_all(const struct hub *h);
/* The same of one ledger. */
bool pause_one(struct ledger *l, bool paused);
bool pause_is_one(struct ledger *l); /* paused by name */

#endif
