/*
 * pool/renew.h - what logins begin with has changed (ALTER ROLE | DATABASE ... SET):
 * servers that have logged in before serve nobody new.
 */
#ifndef PGWEIR_POOL_RENEW_H
#define PGWEIR_POOL_RENEW_H

#include "pool/ledger.h"

/*
 * Renews the servers of USER (NULL: of every one) that entries have for DATABASE, as the host calls it (NULL: any),
 * on the host number HOST of cluster C: idle ones close, others when they come back, and what was known of their
 * logins is forgotten.  Any thread, under no lock.
 */
void renew_servers(struct hub *h, const struct cluster *c, unsigned host, const char *user, const char *database);

#endif
