/*
 * pool/ledger.c - the life of a ledger, and what operators do to it.
 */
#include "pool/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "pool/hub_private.h"
#include "pool/pool_private.h"

struct ledger *
ledger_new(struct hub *h, const char *name, struct cluster *cluster)
{
	static _Atomic uint64_t last;
	struct ledger *l = memory_new(sizeof(*l));

	l->id = atomic_fetch_add(&last, 1) + 1;
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
	cluster_unref(l->cluster);
	for (unsigned i = 0; i < l->former_count; i++)
		cluster_unref(l->former[i]);
	free(l->former);
	pthread_mutex_destroy(&l->mutex);
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
	atomic_fetch_add(&l->facts_generation, 1);
	pthread_mutex_unlock(&l->mutex);
	facts_unref(&old);
}

struct catalog_facts *
ledger_facts(struct ledger *l, uint64_t *generation)
{
	struct catalog_facts *facts;

	pthread_mutex_lock(&l->mutex);
	facts = facts_ref(l->facts);
	*generation = atomic_load(&l->facts_generation);
	pthread_mutex_unlock(&l->mutex);
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
}

/* -------------------------------------------------------------- janitor */

/* True after a reload that made the pool smaller. */
static bool
cell_is_too_large(const struct cell *c, const struct account *a)
{
	bool monitored = cluster_is_monitored(a->ledger->cluster);
	bool replica = monitored && cluster_host_role(a->ledger->cluster, c->host) == HOST_REPLICA;
	int size = replica ? a->replica_pool_size : a->pool_size;

	return size > 0 && (monitored ? c->total : a->total) > (unsigned)(size + max_of(a->reserve_pool_size, 0));
}

/* Why an idle server has to go, or NULL. */
static const char *
server_reason_to_expire(const struct server *s, const struct account *a, int64_t idle_us, int64_t lifetime_us, int64_t now_us)
{
	if (lifetime_us > 0 && now_us - s->connected_us >= lifetime_us)
		return "server lifetime over";
	if (cell_is_too_large(s->cell, a))
		return "too many servers in the pool";
	if (idle_us > 0 && now_us - s->returned_us >= idle_us && s->cell->total > (unsigned)a->min_pool_size)
		return "server idle timeout";
	if (atomic_load(&a->counter->wanted) && account_waiting(a) == 0 && atomic_exchange(&a->counter->wanted, false))
		return "evicted";
	return NULL;
}

static void
account_close_expired_locked(struct account *a, int64_t idle_us, int64_t lifetime_us, int64_t now_us)
{
	for (unsigned i = 0; i < a->cell_count; i++) {
		for (unsigned w = 0; w < hub_worker_count(a->ledger->hub); w++) {
			list_for_each_safe(node, &a->cells[i]->idle[w]) {
				struct server *s = list_entry(node, struct server, idle);
				const char *reason = server_reason_to_expire(s, a, idle_us, lifetime_us, now_us);

				if (reason == NULL)
					continue;
				ledger_close_one_locked(s, reason);
				/* One per turn: the lifetime's ends are spaced, and a closing server still counts. */
				if (cell_is_too_large(a->cells[i], a) || (lifetime_us > 0 && now_us - s->connected_us >= lifetime_us))
					return;
			}
		}
	}
}

static void
account_fill_minimum_locked(struct account *a)
{
	struct ledger *l = a->ledger;
	uint32_t mask = ledger_mask_locked(l, LEND_ANY);

	if (a->min_pool_size <= 0 || l->paused || (a->clients == 0 && !a->forced_user))
		return;
	for (unsigned i = 0; i < a->cell_count; i++) {
		struct cell *c = a->cells[i];
		struct pool *p = hub_pool(l->hub, c->total % hub_worker_count(l->hub));
		unsigned have = cluster_is_monitored(l->cluster) ? c->total : a->total;

		if ((mask & 1u << i) != 0 && have < (unsigned)a->min_pool_size && c->by_state[SERVER_LOGIN] == 0)
			ledger_open_locked(a, i, p, false);
	}
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

void
ledger_janitor(struct ledger *l, const struct snapshot *s)
{
	int64_t idle_us = s->global.server_idle_timeout_ms * 1000;
	int64_t lifetime_us = l->server_lifetime_us;
	int64_t now_us = clock_monotonic_us();

	pthread_mutex_lock(&l->mutex);
	ledger_make_forced_locked(l, s);
	for (struct account *a = l->accounts; a != NULL; a = a->hh.next) {
		account_close_expired_locked(a, idle_us, lifetime_us, now_us);
		account_fill_minimum_locked(a);
	}
	if (l->waiting > 0)
		ledger_pump_all_locked(l);
	pthread_mutex_unlock(&l->mutex);
}
