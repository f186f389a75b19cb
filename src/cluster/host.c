/*
 * cluster/host.c - the rhythm of the checks of one host.
 *
 * A quiet host is asked every check_interval, one that is down twice as often so
 * that it is back within one, one that is coming back or whose cluster has no
 * primary every HOST_HURRY_MS, a replica whose position somebody waits for every
 * HOST_RUSH_MS, and its primary every HOST_RUSH_PRIMARY_MS: what that has written
 * without a commit may lie there unflushed for 15 seconds, and no replica gets it.
 */
#include "cluster/host.h"

#include <stdlib.h>

#include "base/clock.h"
#include "net/loop.h"

/* The pause from the start of the last check to the next. */
static int64_t
host_pause_ms(const struct host *h)
{
	int64_t interval_ms = h->health.up ? h->rules->interval_ms : h->rules->interval_ms / 2;
	int64_t hurry_ms = h->events->hurry_ms(h->user, h);

	if (h->nudges)
		return 0;
	if (hurry_ms == 0 && (h->again || health_is_rising(&h->health)))
		hurry_ms = HOST_HURRY_MS;
	return hurry_ms != 0 ? min_of(interval_ms, hurry_ms) : interval_ms;
}

static void
host_plan(struct host *h, int64_t pause_ms)
{
	int64_t due_us = h->started_us + pause_ms * 1000;

	timer_arm(loop_timers(h->loop), &h->next, due_us - clock_monotonic_us());
}

static void
host_check(struct timer *t)
{
	struct host *h = container_of(t, struct host, next);

	h->again = false;
	h->started_us = clock_monotonic_us();
	probe_ask(h->probe, h->login, h->tls, h->rules->timeout_ms, h->nudges);
	h->nudges = false;
}

/* -------------------------------------------------------------- answers */

/* The same is unflushed as at the last check: no commit waits for it, and only another one would take it along. */
static bool
host_is_stuck(const struct host *h, const struct answer *a)
{
	return !a->standby && a->flushed != 0 && a->lsn > a->flushed && h->flushed == a->flushed && h->lsn > h->flushed;
}

static void
host_learn_position(struct host *h, const struct answer *a)
{
	h->nudges = host_is_stuck(h, a) && h->nudged != a->flushed && h->events->wants_flush(h->user, h);
	if (h->nudges)
		h->nudged = a->flushed;
	h->flushed = a->flushed;
	h->lsn = a->lsn;
	h->lsn_at_us = clock_monotonic_us();
	h->lsn_asked_us = h->started_us;
	if (a->standby || a->timeline != h->timeline)
		lag_forget(&h->history);
	if (!a->standby && a->lsn != 0)
		lag_add_flushed(&h->history, h->lsn_at_us, a->lsn, a->flushed);
}

static void
host_learn(struct host *h, const struct answer *a)
{
	bool keeps_timeline = a->timeline == 0 && a->standby && h->standby;

	host_learn_position(h, a);
	h->standby = a->standby;
	h->seen_as_standby = h->seen_as_standby || a->standby;
	/* A standby whose receiver is gone is still where it was. */
	if (!keeps_timeline)
		h->timeline = a->timeline;
	if (a->standby) {
		h->followed = h->timeline;
		h->followed_lsn = h->lsn;
	}
	/* What a role may not see any more has not changed. */
	if (a->system_identifier != 0)
		h->system_identifier = a->system_identifier;
	h->checked_us = clock_wall_us();
	h->heard_us = h->started_us;
	h->login_us = probe_begun_us(h->probe);
}

/* True when nothing differs that an election looks at, or somebody who waits for a login. */
static bool
host_is_as(const struct host *h, const struct host *was)
{
	return h->health.heard == was->health.heard && h->health.up == was->health.up &&
	    (h->health.missed_in_row == 0) == (was->health.missed_in_row == 0) && h->standby == was->standby &&
	    h->timeline == was->timeline && h->system_identifier == was->system_identifier && h->login_us == was->login_us;
}

static void
host_answered(void *user, const struct answer *a)
{
	struct host *h = user;
	const struct host was = {.health = h->health,
	    .standby = h->standby,
	    .timeline = h->timeline,
	    .system_identifier = h->system_identifier,
	    .login_us = h->login_us};

	h->checks++;
	h->asked_us = h->started_us;
	if (a->result == CHECK_GOOD)
		host_learn(h, a);
	else
		h->failures++;
	health_take(&h->health, a->result, a->reason, h->rules->fall, h->rules->rise);
	h->news = !host_is_as(h, &was);
	h->events->heard(h->user, h);
	host_plan(h, host_pause_ms(h));
}

static void
host_lost(void *user)
{
	host_look(user);
}

/* ----------------------------------------------------------- the outside */

struct host *
host_new(struct loop *loop, const char *name, uint16_t port, const struct probe_login *login,
    const struct host_rules *rules, const struct host_events *events, void *user)
{
	static const struct probe_events probe_events = {.answered = host_answered, .lost = host_lost};
	struct host *h = memory_new(sizeof(*h));

	list_init(&h->node);
	list_init(&h->uses);
	h->name = text_copy(name);
	h->port = port;
	h->subject = text_format("host %s:%u", name, port);
	h->said = -1;
	health_init(&h->health);
	h->loop = loop;
	h->probe = probe_new(loop, name, port, &probe_events, h);
	h->login = login;
	h->rules = rules;
	h->events = events;
	h->user = user;
	timer_init(&h->next, host_check);
	timer_arm(loop_timers(loop), &h->next, 0);
	return h;
}

void
host_free(struct host *h)
{
	timer_disarm(loop_timers(h->loop), &h->next);
	list_remove(&h->node);
	probe_free(h->probe);
	free(h->name);
	free(h->subject);
	free(h);
}

void
host_look(struct host *h)
{
	host_look_within(h, HOST_HURRY_MS);
}

void
host_look_within(struct host *h, int64_t pause_ms)
{
	int64_t due_us = max_of(h->started_us + pause_ms * 1000, clock_monotonic_us());

	if (probe_is_asking(h->probe)) {
		h->again = true;
		return;
	}
	/* Arming anew would push the check back: those who suspect without pause would prevent it. */
	if (!timer_is_armed(&h->next) || h->next.due_us > due_us)
		host_plan(h, pause_ms);
}

void
host_doubt(struct host *h, int64_t doubted_us)
{
	if (probe_begun_us(h->probe) < doubted_us)
		probe_reset(h->probe);
}

void
host_login_again(struct host *h)
{
	probe_reset(h->probe);
	host_look(h);
}
