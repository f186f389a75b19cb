/*
 * pool/limits.c - whether one more server may be opened: the size of its pool and the
 * reserve, the entry's and the user's number of servers, a host whose logins fail.
 * Everything here runs under the ledger's mutex.
 */
#include "pool/pool_private.h"

bool
limit_allows_pool_locked(const struct account *a, unsigned host, bool *from_reserve)
{
	bool monitored = cluster_is_monitored(a->ledger->cluster);
	bool replica = monitored && cluster_host_role(a->ledger->cluster, host) == HOST_REPLICA;
	unsigned total = monitored ? a->cells[host]->total - a->cells[host]->beyond : a->total - a->beyond;
	int size = replica ? a->replica_pool_size : a->pool_size;

	if (size <= 0 || total < (unsigned)size)
		return true;
	if (a->reserve_pool_size <= 0 || total >= (unsigned)(size + a->reserve_pool_size))
		return false;
	*from_reserve = account_oldest_wait_us(a, clock_monotonic_us()) >= a->ledger->reserve_timeout_us;
	return *from_reserve;
}

/* An idle server of another account makes room under max_db_connections. */
static void
ledger_evict_locked(struct ledger *l, const struct account *for_account)
{
	struct server *oldest = NULL;

	for (struct account *a = l->accounts; a != NULL; a = a->hh.next) {
		for (unsigned i = 0; a != for_account && i < a->cell_count; i++) {
			if (a->cells[i]->by_state[SERVER_CLOSING] > 0)
				return;
			for (unsigned w = 0; w < hub_worker_count(l->hub); w++) {
				struct list *last = list_last(&a->cells[i]->idle[w]);
				struct server *s = last != NULL ? list_entry(last, struct server, idle) : NULL;

				if (s != NULL && (oldest == NULL || s->returned_us < oldest->returned_us))
					oldest = s;
			}
		}
	}
	if (oldest != NULL)
		ledger_close_one_locked(oldest, "evicted");
}

bool
limit_allows_database_locked(const struct account *a, bool for_waiter)
{
	struct ledger *l = a->ledger;

	if (l->max_connections <= 0 || l->total - l->beyond < (unsigned)l->max_connections)
		return true;
	if (for_waiter)
		ledger_evict_locked(l, a);
	return false;
}

bool
limit_reserve_user(struct user_counter *c, bool for_waiter)
{
	int most = atomic_load(&c->most);

	if (atomic_fetch_add(&c->servers, 1) < most || most <= 0) {
		atomic_store(&c->wanted, false);
		return true;
	}
	atomic_fetch_sub(&c->servers, 1);
	if (for_waiter)
		atomic_store(&c->wanted, true);
	return false;
}

bool
cell_is_resting(const struct cell *c, const struct ledger *l)
{
	return c->failed_us != 0 && clock_monotonic_us() - c->failed_us < l->login_retry_us;
}
