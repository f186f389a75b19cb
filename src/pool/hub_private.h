/* pool/hub_private.h - what hub.c and ledger.c share. */
#ifndef PGWEIR_POOL_HUB_PRIVATE_H
#define PGWEIR_POOL_HUB_PRIVATE_H

#include "pool/ledger.h"

struct ledger *ledger_new(struct hub *h, const char *name, struct cluster *cluster);
/* True when the entry has that host: the same instance, as far as names tell, since this machine has several. */
bool ledger_has_host(const struct ledger *l, const char *host, uint16_t port);
void ledger_close_idle_all_locked(struct ledger *l, const char *text);
void ledger_janitor(struct ledger *l, const struct snapshot *s);
/* True when it is gone from the configuration, or was made on demand and unused for autodb_idle_timeout. */
bool ledger_is_forgotten(struct ledger *l, const struct snapshot *s);
/* That host name has these addresses now. */
void ledger_addresses_changed(struct ledger *l, const char *name, struct dns_addresses *now);
void ledger_forget_addresses_locked(struct ledger *l);
/* Cuts off who still uses servers of C's former primaries; on their workers, soon. */
void hub_shut_dethroned(struct hub *h, struct cluster *c);

#endif
