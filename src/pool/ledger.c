/*
 * pool/ledger.c - the life of a ledger, and what operators do to it.
 */
#include "pool/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "pool/hub_private.h"
#include "pool/pool_private.h"
#include "pool/route_counts.h"

struct ledger *
ledger_new(struct hub *h, const char *name, struct cluster *cluster)
{
	static _Atomic uint64_t last;
	struct ledger *l = memory_new(sizeof(*l));

	l->id = atomic_fetch_add(&last, 1) + 1;
	atomic_init(&l->looks_for_floors, true);
	pthread_mutex_init(&l->mutex, NULL);
	l->name = text_copy(name);
	l->hub = h;
	l->cluster = cluster;
	atomic_init(&l->references, 1);
	l->stats = aligned_alloc(64, hub_worker_count(h) * sizeof(*l->stats));
	must(l->stats != NULL);
	memset(l->stats, 0, hub_worker_count(h) * sizeof(*l->stats));
	return l;
}

struct ledger *
ledger_ref(struct ledger *l)
{
	atomic_fetch_add(&l->references, 1);
	return l;
}

void
ledger_unref(struct ledger *l)
{
	if (l == NULL || atomic_fetch_sub(&l->references, 1) > 1)
		return;
	while (l->accounts != NULL)
		account_free_locked(l->accounts);
	facts_unref(&l->facts);
	free(l->heal_shapes);
	table_floors_unref(l->floors);
	cluster_unref(l->cluster);
	ledger_forget_addresses_locked(l);
	for (unsigned i = 0; i < l->former_count; i++)
		cluster_unref(l->former[i]);
	free(l->former);
	pthread_mutex_destroy(&l->mutex);
	for (unsigned w = 0; w < hub_worker_count(l->hub); w++)
		route_counts_free(&l->stats[w]);
	free(l->stats);
	free(l->name);
	free(l);
}

void
ledger_set_facts(struct ledger *l, struct catalog_facts *facts)
{
	struct catalog_facts *old;

	pthread_mutex_lock(&l->mutex);
	old = l->facts;
	l->facts = facts;
	l->facts_doubted = false;
	atomic_fetch_add(&l->facts_generation, 1);
	pthread_mutex_unlock(&l->mutex);
	facts_unref(&old);
}

void
ledger_doubt_facts(struct ledger *l)
{
	pthread_mutex_lock(&l->mutex);
	l->facts_doubted = true;
	atomic_fetch_add(&l->facts_generation, 1);
	pthread_mutex_unlock(&l->mutex);
}

struct catalog_facts *
ledger_facts_or_former(struct ledger *l, uint64_t *generation, bool *doubted)
{
	struct catalog_facts *facts;

	pthread_mutex_lock(&l->mutex);
	facts = facts_ref(l->facts);
	*generation = atomic_load(&l->facts_generation);
	*doubted = l->facts_doubted;
	pthread_mutex_unlock(&l->mutex);
	return facts;
}

struct catalog_facts *
ledger_facts(struct ledger *l, uint64_t *generation)
{
	bool doubted;
	struct catalog_facts *facts = ledger_facts_or_former(l, generation, &doubted);

	if (doubted)
		facts_unref(&facts);
	return facts;
}

void
ledger_close_idle_all_locked(struct ledger *l, const char *text)
{
	for (struct account *a = l->accounts; a != NULL; a = a->hh.next)
		ledger_close_idle_locked(a, UINT32_MAX, text);
}

void
ledger_disable(struct ledger *l, bool disabled)
{
	pthread_mutex_lock(&l->mutex);
	l->disabled = disabled;
	pthread_mutex_unlock(&l->mutex);
}

unsigned
ledger_servers(struct ledger *l)
{
	unsigned total;

	pthread_mutex_lock(&l->mutex);
	total = l->total;
	pthread_mutex_unlock(&l->mutex);
	return total;
}

void
ledger_reconnect(struct ledger *l)
{
	pthread_mutex_lock(&l->mutex);
	l->epoch++;
	ledger_close_idle_all_locked(l, "database configuration changed");
	pthread_mutex_unlock(&l->mutex);
	hub_note_outdated(l->hub);
}

/* -------------------------------------------------------------- janitor */

/* True after a reload that made the pool smaller. */
static bool
cell_is_too_large(const struct cell *c, const struct account *a)
{
	bool monitored = cluster_is_monitored(a->ledger->cluster);
	bool replica = monitored && cluster_host_role(a->ledger->cluster, c->host) == HOST_REPLICA;
	int size = replica ? a->replica_pool_size : a->pool_size;

	return size > 0 && (monitored ? c->total - c->beyond : a->total - a->beyond) > (unsigned)(size + max_of(a->reserve_pool_size, 0));
}

/* How many servers count against min_pool_size where this cell is. */
static unsigned
cell_pool_total(const struct cell *c, const struct account *a)
{
	return cluster_is_monitored(a->ledger->cluster) ? c->total - c->beyond : a->total - a->beyond;
}

const char *
server_aged_locked(struct server *s, int64_t now_us)
{
	int64_t lifetime_us = s->ledger->server_lifetime_us;
	struct account *a = s->account;

	/* Zero: each server is used once.  One that has just logged in was not used yet. */
	if (lifetime_us == 0)
		return s->lends > 0 ? "server lifetime over" : NULL;
	if (now_us - s->connected_us < lifetime_us)
		return NULL;
	/* One after the other, so that a pool is not renewed all at once. */
	if (a->pool_size > 0 && now_us - a->aged_us < lifetime_us / a->pool_size)
		return NULL;
	a->aged_us = now_us;
	return "server lifetime over";
}

/* Why an idle server has to go, or NULL. */
static const char *
server_reason_to_expire(struct server *s, const struct account *a, int64_t idle_us, int64_t now_us)
{
	const char *reason = server_aged_locked(s, now_us);

	if (reason != NULL)
		return reason;
	if (cell_is_too_large(s->cell, a))
		return "too many servers in the pool";
	if (idle_us > 0 && now_us - s->returned_us >= idle_us && cell_pool_total(s->cell, a) > (unsigned)a->min_pool_size)
		return "server idle timeout";
	if (atomic_load(&a->counter->wanted) && account_waiting(a) == 0 && atomic_exchange(&a->counter->wanted, false))
		return "evicted";
	return NULL;
}

/* False when no more may go in this turn: closing servers still count, and a minimum is kept. */
static bool
cell_close_expired_locked(struct cell *c, struct account *a, int64_t idle_us, int64_t now_us)
{
	for (unsigned w = 0; w < hub_worker_count(a->ledger->hub); w++) {
		list_for_each_safe(node, &c->idle[w]) {
			struct server *s = list_entry(node, struct server, idle);
			const char *reason = server_reason_to_expire(s, a, idle_us, now_us);

			if (reason == NULL)
				continue;
			ledger_close_one_locked(s, reason);
			if (a->min_pool_size > 0 || cell_is_too_large(c, a))
				return false;
		}
	}
	return true;
}

/* One more server at a time, without driving others away. */
static void
account_fill_minimum_locked(struct account *a)
{
	struct ledger *l = a->ledger;
	uint32_t mask = ledger_usable_locked(l);
	struct pool *p = hub_pool(l->hub, a->total % hub_worker_count(l->hub));

	if (a->min_pool_size <= 0 || l->paused || l->disabled || (a->clients == 0 && !a->forced_user))
		return;
	for (unsigned i = 0; i < a->cell_count; i++) {
		struct cell *c = a->cells[i];

		if (c->by_state[SERVER_LOGIN] > 0 || cell_pool_total(c, a) >= (unsigned)a->min_pool_size)
			mask &= ~(1u << i);
	}
	if (cluster_is_monitored(l->cluster) || account_logins(a, UINT32_MAX) == 0)
		account_open_one(a, mask, p, NULL);
}

/* An entry with a forced user keeps its minimum before the first client comes. */
static void
ledger_make_forced_locked(struct ledger *l, const struct snapshot *s)
{
	const struct database_config *d = snapshot_database(s, l->name);

	if (d == NULL || d->user == NULL || l->removed || snapshot_min_pool_size(s, d, snapshot_user(s, d->user)) <= 0)
		return;
	account_find_locked(l, d->user, s, d);
}

/* Notes since when nobody uses it, and answers for how long that is. */
static int64_t
unused_for_us(int64_t *since_us, bool used, int64_t now_us)
{
	if (used || *since_us == 0)
		*since_us = used ? 0 : now_us;
	return used ? 0 : now_us - *since_us;
}

/* An account that has had neither clients nor servers for pool_idle_timeout is gone, from SHOW POOLS too. */
static void
ledger_free_unused_locked(struct ledger *l, int64_t timeout_us, int64_t now_us)
{
	struct account *a, *next;

	HASH_ITER(hh, l->accounts, a, next) {
		bool used = a->clients > 0 || a->total > 0 || account_waiting(a) > 0 || !list_is_empty(&a->dedicated);

		if (unused_for_us(&a->unused_us, used, now_us) >= timeout_us && timeout_us > 0 && !used)
			account_free_locked(a);
	}
}

bool
ledger_is_forgotten(struct ledger *l, const struct snapshot *s)
{
	int64_t unused_us;
	bool used;

	pthread_mutex_lock(&l->mutex);
	used = l->total > 0 || l->waiting > 0 || l->paused_by_name || l->primary_paused || l->disabled || atomic_load(&l->clients) > 0;
	unused_us = unused_for_us(&l->unused_us, used, clock_monotonic_us());
	used |= !l->automatic || s->global.autodb_idle_timeout_ms <= 0 || unused_us < s->global.autodb_idle_timeout_ms * 1000;
	used &= !l->removed;
	pthread_mutex_unlock(&l->mutex);
	return !used;
}

void
ledger_janitor(struct ledger *l, const struct snapshot *s)
{
	int64_t idle_us = s->global.server_idle_timeout_ms * 1000;
	int64_t now_us = clock_monotonic_us();

	pthread_mutex_lock(&l->mutex);
	ledger_make_forced_locked(l, s);
	for (struct account *a = l->accounts; a != NULL; a = a->hh.next) {
		for (unsigned i = 0; i < a->cell_count; i++)
			if (!cell_close_expired_locked(a->cells[i], a, idle_us, now_us))
				break;
		account_fill_minimum_locked(a);
	}
	ledger_free_unused_locked(l, s->global.pool_idle_timeout_ms * 1000, now_us);
	if (l->waiting > 0)
		ledger_pump_all_locked(l);
	pthread_mutex_unlock(&l->mutex);
}
