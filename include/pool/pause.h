/*
 * pool/pause.h - PAUSE and RESUME: of all ledgers, and of single ones, which do not
 * forget that they were paused by name when all are resumed; of the primary alone,
 * which is apart from both.  Any thread.
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

/*
 * Pauses or resumes the primary of a routed ledger, whichever host that is: it serves nobody, while replicas go on with
 * the reads that they may serve.  For a planned switchover.  False when it is that already.
 */
bool pause_primary(struct ledger *l, bool paused);
bool pause_is_primary(struct ledger *l);
/* Servers on hosts that are no replicas; 0 means that the pause of the primary is complete. */
unsigned pause_primary_servers(struct ledger *l);

#endif
