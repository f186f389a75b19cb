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
	l->unused_us = clock_monotonic_us();
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
ledger_close_idle_all_locked(struct ledger *l)
{
	for (struct account *a = l->accounts; a != NULL; a = a->hh.next)
		ledger_close_idle_locked(a, UINT32_MAX);
}

void
ledger_pause(struct ledger *l, bool paused)
{
	pthread_mutex_lock(&l->mutex);
	l->paused = paused;
	if (paused)
		ledger_close_idle_all_locked(l);
	else
		ledger_pump_all_locked(l);
	pthread_mutex_unlock(&l->mutex);
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
	ledger_close_idle_all_locked(l);
	pthread_mutex_unlock(&l->mutex);
}

/* -------------------------------------------------------------- janitor */

static bool
server_is_expired(const struct server *s, const struct account *a, int64_t idle_us, int64_t lifetime_us, int64_t now_us)
{
	if (lifetime_us > 0 && now_us - s->connected_us >= lifetime_us)
		return true;
	return idle_us > 0 && now_us - s->returned_us >= idle_us && s->cell->total > (unsigned)a->min_pool_size;
}

static void
account_close_expired_locked(struct account *a, int64_t idle_us, int64_t lifetime_us, int64_t now_us)
{
	for (unsigned i = 0; i < a->cell_count; i++) {
		for (unsigned w = 0; w < hub_worker_count(a->ledger->hub); w++) {
			list_for_each_safe(node, &a->cells[i]->idle[w]) {
				struct server *s = list_entry(node, struct server, idle);

				if (!server_is_expired(s, a, idle_us, lifetime_us, now_us))
					continue;
				list_remove(node);
				server_enter_locked(s, SERVER_CLOSING);
				server_order_locked(s, ORDER_CLOSE);
				/* The lifetime's ends are spaced over the pool's size. */
				if (lifetime_us > 0 && now_us - s->connected_us >= lifetime_us)
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

void
ledger_janitor(struct ledger *l, const struct snapshot *s)
{
	int64_t idle_us = s->global.server_idle_timeout_ms * 1000;
	int64_t lifetime_us = l->server_lifetime_us;
	int64_t now_us = clock_monotonic_us();

	pthread_mutex_lock(&l->mutex);
	for (struct account *a = l->accounts; a != NULL; a = a->hh.next) {
		account_close_expired_locked(a, idle_us, lifetime_us, now_us);
		account_fill_minimum_locked(a);
	}
	if (l->waiting > 0)
		ledger_pump_all_locked(l);
	pthread_mutex_unlock(&l->mutex);
}
