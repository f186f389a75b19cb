/*
 * pool/report.c - copies of what the ledgers know; see the header.
 */
#include "pool/report.h"

#include <stdlib.h>
#include <string.h>

#include "pool/pool_private.h"

static unsigned
cell_count_used(const struct cell *c, unsigned workers, int64_t delay_us, int64_t now_us)
{
	unsigned used = 0;

	for (unsigned w = 0; w < workers; w++)
		list_for_each(node, &c->idle[w])
			used += now_us - list_entry(node, struct server, idle)->returned_us > delay_us;
	return used;
}

static void
account_report(const struct account *a, int64_t delay_us, struct account_report *out)
{
	unsigned workers = hub_worker_count(a->ledger->hub);
	int64_t now_us = clock_monotonic_us();

	*out = (struct account_report){
	    .account = a,
	    .user = text_copy(a->user),
	    .total = a->total,
	    .clients = a->clients,
	    .waiting = account_waiting(a),
	    .oldest_wait_us = account_oldest_wait_us(a, UINT32_MAX, now_us),
	    .pool_mode = a->pool_mode,
	};
	for (unsigned i = 0; i < a->cell_count; i++) {
		const struct cell *c = a->cells[i];

		for (unsigned state = 0; state <= SERVER_CLOSING; state++)
			out->servers[state] += c->by_state[state];
		out->used += cell_count_used(c, workers, delay_us, now_us);
	}
}

static int
account_order(const void *a, const void *b)
{
	return strcmp(((const struct account_report *)a)->user, ((const struct account_report *)b)->user);
}

static void
ledger_report(struct ledger *l, int64_t delay_us, struct ledger_report *out)
{
	pthread_mutex_lock(&l->mutex);
	*out = (struct ledger_report){
	    .ledger = ledger_ref(l),
	    .cluster = cluster_ref(l->cluster),
	    .accounts = memory_array(HASH_COUNT(l->accounts) + 1, sizeof(struct account_report)),
	    .servers = l->total,
	    .clients = atomic_load(&l->clients),
	    .max_connections = l->max_connections,
	    .paused = l->paused,
	    .primary_paused = l->primary_paused,
	    .disabled = l->disabled,
	};
	for (const struct account *a = l->accounts; a != NULL; a = a->hh.next) {
		account_report(a, delay_us, &out->accounts[out->account_count++]);
		for (unsigned i = 0; i < a->cell_count && i < CLUSTER_HOSTS_MOST; i++)
			out->host_servers[i] += a->cells[i]->total;
	}
	pthread_mutex_unlock(&l->mutex);
	qsort(out->accounts, out->account_count, sizeof(out->accounts[0]), account_order);
}

struct collection {
	struct hub_report report;
	unsigned capacity;
	int64_t delay_us;
};

static bool
ledger_is_removed(struct ledger *l)
{
	bool removed;

	pthread_mutex_lock(&l->mutex);
	removed = l->removed;
	pthread_mutex_unlock(&l->mutex);
	return removed;
}

static void
collect_ledger(struct ledger *l, void *user)
{
	struct collection *c = user;
	struct ledger_report *one;

	if (ledger_is_removed(l))
		return;
	if (c->report.count == c->capacity) {
		c->capacity = max_of(c->capacity * 2, 16u);
		c->report.ledgers = memory_resize(c->report.ledgers, c->capacity * sizeof(*one));
	}
	one = &c->report.ledgers[c->report.count++];
	ledger_report(l, c->delay_us, one);
	c->report.accounts += one->account_count;
	c->report.servers += one->servers;
}

static int
ledger_order(const void *a, const void *b)
{
	return strcmp(((const struct ledger_report *)a)->ledger->name, ((const struct ledger_report *)b)->ledger->name);
}

struct hub_report
hub_report(struct hub *h)
{
	struct snapshot *s = hub_snapshot(h);
	struct collection c = {.delay_us = s->global.server_check_delay_ms * 1000};

	snapshot_unref(s);
	hub_each_ledger(h, collect_ledger, &c);
	if (c.report.count > 1)
		qsort(c.report.ledgers, c.report.count, sizeof(c.report.ledgers[0]), ledger_order);
	return c.report;
}

void
hub_report_free(struct hub_report *r)
{
	for (unsigned i = 0; i < r->count; i++) {
		struct ledger_report *one = &r->ledgers[i];

		for (unsigned k = 0; k < one->account_count; k++)
			free(one->accounts[k].user);
		free(one->accounts);
		cluster_unref(one->cluster);
		ledger_unref(one->ledger);
	}
	free(r->ledgers);
	*r = (struct hub_report){0};
}

/* ------------------------------------------------------------------ sums */

#define stat_read(counter) atomic_load_explicit(&(counter), memory_order_relaxed)

void
ledger_sums(const struct ledger *l, uint64_t sums[SUM_COUNT])
{
	memset(sums, 0, SUM_COUNT * sizeof(sums[0]));
	for (unsigned w = 0; w < hub_worker_count(l->hub); w++) {
		const struct ledger_stats *s = &l->stats[w];

		sums[SUM_ASSIGNMENTS] += stat_read(s->assignments);
		sums[SUM_TRANSACTIONS] += stat_read(s->transactions);
		sums[SUM_QUERIES] += stat_read(s->queries);
		sums[SUM_RECEIVED] += stat_read(s->received);
		sums[SUM_SENT] += stat_read(s->sent);
		sums[SUM_TRANSACTION_US] += stat_read(s->transaction_us);
		sums[SUM_QUERY_US] += stat_read(s->query_us);
		sums[SUM_WAIT_US] += stat_read(s->wait_us);
		sums[SUM_CLIENT_PARSES] += stat_read(s->client_parses);
		sums[SUM_SERVER_PARSES] += stat_read(s->server_parses);
		sums[SUM_BINDS] += stat_read(s->binds);
		sums[SUM_LOGINS] += stat_read(s->logins);
	}
}

void
ledger_pins(const struct ledger *l, uint64_t taken[PIN_REASONS], uint64_t ended[PIN_REASONS])
{
	for (unsigned i = 0; i < PIN_REASONS; i++) {
		taken[i] = ended[i] = 0;
		for (unsigned w = 0; w < hub_worker_count(l->hub); w++)
			ended[i] += stat_read(l->stats[w].pins_ended[i]);
		for (unsigned w = 0; w < hub_worker_count(l->hub); w++)
			taken[i] += stat_read(l->stats[w].pins_taken[i]);
	}
}

/* --------------------------------------------------------------- one fact */

unsigned
hub_user_servers(struct hub *h, const char *user)
{
	struct user_counter *c = hub_counter(h, user);
	int servers = atomic_load(&c->servers);

	hub_counter_unref(h, c);
	return (unsigned)max_of(servers, 0);
}

uint32_t
ledger_epoch(struct ledger *l)
{
	uint32_t epoch;

	pthread_mutex_lock(&l->mutex);
	epoch = l->epoch;
	pthread_mutex_unlock(&l->mutex);
	return epoch;
}

enum server_state
server_state_now(struct server *s)
{
	enum server_state state;

	pthread_mutex_lock(&s->ledger->mutex);
	state = s->state;
	pthread_mutex_unlock(&s->ledger->mutex);
	return state;
}
