/*
 * pool/renew.c - servers whose logins began with other defaults than new ones.
 */
#include "pool/renew.h"

#include "pool/hub_private.h"
#include "pool/pool_private.h"

struct renewal {
	struct snapshot *snapshot;
	const char *host; /* borrowed */
	uint16_t port;
	const char *user;
	const char *database;
};

static bool
renewal_concerns(const struct renewal *r, const struct ledger *l)
{
	const struct database_config *d = snapshot_database(r->snapshot, l->name);
	const char *database = d != NULL && d->dbname != NULL ? d->dbname : l->name;

	return r->database == NULL || text_equal(r->database, database);
}

static void
renew_ledger(struct ledger *l, void *user)
{
	const struct renewal *r = user;

	if (!ledger_has_host(l, r->host, r->port))
		return;
	atomic_fetch_add(&l->renewals, 1);
	if (!renewal_concerns(r, l))
		return;
	pthread_mutex_lock(&l->mutex);
	for (struct account *a = l->accounts; a != NULL; a = a->hh.next) {
		if (r->user != NULL && !text_equal(r->user, a->user))
			continue;
		atomic_fetch_add(&a->renewals, 1);
		account_forget_database_locked(a);
		ledger_close_idle_locked(a, UINT32_MAX, RENEW_TEXT);
	}
	ledger_pump_all_locked(l);
	pthread_mutex_unlock(&l->mutex);
}

void
renew_servers(struct hub *h, const struct cluster *c, unsigned host, const char *user, const char *database)
{
	struct renewal r = {.snapshot = hub_snapshot(h), .host = cluster_host_name(c, host), .port = cluster_host_port(c, host),
	    .user = user, .database = database};

	hub_each_ledger(h, renew_ledger, &r);
	snapshot_unref(r.snapshot);
}
