/*
 * admin/sample.c - what happened in the last stats_period: the sums of each ledger,
 * taken on the main thread once per period, and the averages that any thread may ask.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_private.h"
#include "base/clock.h"
#include "observe/log.h"

/* Stands for all ledgers together; ledgers count from 1. */
#define ALL_LEDGERS 0
/* Stands for the console's own database. */
#define CONSOLE_LEDGER UINT64_MAX

struct sample {
	UT_hash_handle hh;
	uint64_t id; /* key: the ledger's */
	uint64_t sums[SUM_COUNT];
	uint64_t delta[SUM_COUNT];
	uint64_t round;
};

static struct {
	pthread_mutex_t mutex;
	struct sample *samples; /* owned, uthash by id */
	uint64_t round;
	int64_t taken_us;
	int64_t period_us;      /* 0: not even one period has passed */
} sampler = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static _Atomic uint64_t console_commands;

void
sample_count_console(void)
{
	atomic_fetch_add_explicit(&console_commands, 1, memory_order_relaxed);
}

void
sample_console_sums(uint64_t sums[SUM_COUNT])
{
	memset(sums, 0, SUM_COUNT * sizeof(sums[0]));
	sums[SUM_TRANSACTIONS] = sums[SUM_QUERIES] = atomic_load_explicit(&console_commands, memory_order_relaxed);
}

static struct sample *
sample_find_locked(uint64_t id)
{
	struct sample *s;

	HASH_FIND(hh, sampler.samples, &id, sizeof(id), s);
	return s;
}

static struct sample *
sample_get_locked(uint64_t id)
{
	struct sample *s = sample_find_locked(id);

	if (s == NULL) {
		s = memory_new(sizeof(*s));
		s->id = id;
		HASH_ADD(hh, sampler.samples, id, sizeof(s->id), s);
	}
	s->round = sampler.round;
	return s;
}

static void
sample_take_locked(struct sample *s, const uint64_t sums[SUM_COUNT])
{
	for (unsigned i = 0; i < SUM_COUNT; i++) {
		s->delta[i] = sums[i] - s->sums[i];
		s->sums[i] = sums[i];
	}
}

static void
sample_ledger(struct ledger *l, void *user)
{
	uint64_t *all = user;
	uint64_t sums[SUM_COUNT];
	struct sample *s;

	ledger_sums(l, sums);
	pthread_mutex_lock(&sampler.mutex);
	s = sample_get_locked(l->id);
	sample_take_locked(s, sums);
	for (unsigned i = 0; i < SUM_COUNT; i++)
		all[i] += s->delta[i];
	pthread_mutex_unlock(&sampler.mutex);
}

static void
sample_begin(void)
{
	int64_t now_us = clock_monotonic_us();

	pthread_mutex_lock(&sampler.mutex);
	sampler.round++;
	sampler.period_us = sampler.taken_us > 0 ? now_us - sampler.taken_us : 0;
	sampler.taken_us = now_us;
	pthread_mutex_unlock(&sampler.mutex);
}

/* Ledgers that are gone are forgotten. */
static void
sample_end(const uint64_t all[SUM_COUNT])
{
	uint64_t sums[SUM_COUNT];

	sample_console_sums(sums);
	pthread_mutex_lock(&sampler.mutex);
	memcpy(sample_get_locked(ALL_LEDGERS)->delta, all, SUM_COUNT * sizeof(all[0]));
	sample_take_locked(sample_get_locked(CONSOLE_LEDGER), sums);
	for (struct sample *s = sampler.samples, *next; s != NULL; s = next) {
		next = s->hh.next;
		if (s->round == sampler.round)
			continue;
		HASH_DEL(sampler.samples, s);
		free(s);
	}
	pthread_mutex_unlock(&sampler.mutex);
}

static uint64_t
per_event(uint64_t sum, uint64_t events)
{
	return events > 0 ? sum / events : 0;
}

struct averages
sample_averages(uint64_t ledger_id)
{
	struct averages a = {0};
	uint64_t delta[SUM_COUNT] = {0};
	const struct sample *s;
	int64_t period_us;

	pthread_mutex_lock(&sampler.mutex);
	s = sample_find_locked(ledger_id);
	period_us = sampler.period_us;
	if (s != NULL)
		memcpy(delta, s->delta, sizeof(delta));
	pthread_mutex_unlock(&sampler.mutex);
	if (period_us <= 0)
		return a;
	for (unsigned i = 0; i < SUM_COUNT; i++)
		a.value[i] = (uint64_t)((double)delta[i] * 1e6 / (double)period_us);
	a.value[SUM_TRANSACTION_US] = per_event(delta[SUM_TRANSACTION_US], delta[SUM_TRANSACTIONS]);
	a.value[SUM_QUERY_US] = per_event(delta[SUM_QUERY_US], delta[SUM_QUERIES]);
	a.value[SUM_WAIT_US] = per_event(delta[SUM_WAIT_US], delta[SUM_ASSIGNMENTS]);
	return a;
}

bool
console_stats_line(char *out, size_t size)
{
	struct averages a = sample_averages(ALL_LEDGERS);
	const unsigned long long *v = (const unsigned long long *)a.value;
	bool is_known;

	pthread_mutex_lock(&sampler.mutex);
	is_known = sampler.period_us > 0;
	pthread_mutex_unlock(&sampler.mutex);
	snprintf(out, size, "stats: %llu xacts/s, %llu queries/s, %llu client parses/s, %llu server parses/s, %llu binds/s, "
	    "%llu client logins/s, in %llu B/s, out %llu B/s, xact %llu us, query %llu us, wait %llu us",
	    v[SUM_TRANSACTIONS], v[SUM_QUERIES], v[SUM_CLIENT_PARSES], v[SUM_SERVER_PARSES], v[SUM_BINDS], v[SUM_LOGINS],
	    v[SUM_RECEIVED], v[SUM_SENT], v[SUM_TRANSACTION_US], v[SUM_QUERY_US], v[SUM_WAIT_US]);
	return is_known;
}

void
console_sample(struct hub *hub)
{
	uint64_t all[SUM_COUNT] = {0};
	struct snapshot *s = hub_snapshot(hub);
	char line[CONSOLE_STATS_SIZE];

	sample_begin();
	hub_each_ledger(hub, sample_ledger, all);
	sample_end(all);
	if (s->global.log_stats && console_stats_line(line, sizeof(line)))
		log_info(NULL, "%s", line);
	snapshot_unref(s);
}
