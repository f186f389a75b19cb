/* pool/hub_private.h - what hub.c and ledger.c share. */
#ifndef PGWEIR_POOL_HUB_PRIVATE_H
#define PGWEIR_POOL_HUB_PRIVATE_H

#include "pool/ledger.h"

struct ledger *ledger_new(struct hub *h, const char *name, struct cluster *cluster);
void ledger_close_idle_all_locked(struct ledger *l, const char *text);
void ledger_janitor(struct ledger *l, const struct snapshot *s);

#endif
