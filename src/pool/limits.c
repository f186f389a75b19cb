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
	*from_reserve = account_oldest_wait_us(a, 1u << host, clock_monotonic_us()) >= a->ledger->reserve_timeout_us;
	return *from_reserve;
}

/* The idle server of the cell that was not used for the longest time, or OLDEST if that was used before. */
static struct server *
cell_oldest_idle(const struct cell *c, unsigned workers, struct server *oldest)
{
	for (unsigned w = 0; w < workers; w++) {
		struct list *last = list_last(&c->idle[w]);
		struct server *s = last != NULL ? list_entry(last, struct server, idle) : NULL;

		if (s != NULL && (oldest == NULL || s->returned_us < oldest->returned_us))
			oldest = s;
	}
	return oldest;
}

/*
 * True when an idle server there may go for one of account FOR_WHOM on HOST.  Its own are lent instead of closed, but where hosts
 * have roles: what waits for the primary has no use for a server of a replica.
 */
static bool
cell_may_yield(const struct account *a, unsigned i, const struct account *for_whom, unsigned host)
{
	return a != for_whom || (i != host && cluster_is_monitored(a->ledger->cluster));
}

/* An idle server makes room, one at a time: of the account itself alone, or of any. */
static void
ledger_evict_locked(const struct account *for_whom, unsigned host, bool own_alone)
{
	struct ledger *l = for_whom->ledger;
	struct server *oldest = NULL;

	for (struct account *a = l->accounts; a != NULL; a = a->hh.next) {
		for (unsigned i = 0; (a == for_whom || !own_alone) && i < a->cell_count; i++) {
			if (!cell_may_yield(a, i, for_whom, host))
				continue;
			if (a->cells[i]->by_state[SERVER_CLOSING] > 0)
				return;
			oldest = cell_oldest_idle(a->cells[i], hub_worker_count(l->hub), oldest);
		}
	}
	if (oldest != NULL)
		ledger_close_one_locked(oldest, "evicted");
}

bool
limit_allows_database_locked(const struct account *a, unsigned host, bool for_waiter)
{
	struct ledger *l = a->ledger;

	if (l->max_connections <= 0 || l->total - l->beyond < (unsigned)l->max_connections)
		return true;
	if (for_waiter)
		ledger_evict_locked(a, host, false);
	return false;
}

bool
limit_reserve_user_locked(const struct account *a, unsigned host, bool for_waiter)
{
	struct user_counter *c = a->counter;
	int most = atomic_load(&c->most);

	if (atomic_fetch_add(&c->servers, 1) < most || most <= 0) {
		atomic_store(&c->wanted, false);
		return true;
	}
	atomic_fetch_sub(&c->servers, 1);
	if (for_waiter) {
		atomic_store(&c->wanted, true);
		ledger_evict_locked(a, host, true);
	}
	return false;
}

bool
cell_is_resting(const struct cell *c, const struct ledger *l)
{
	return c->failed_us != 0 && clock_monotonic_us() - c->failed_us < l->login_retry_us;
}
