/*
 * admin/switchover.c - PAUSE db PRIMARY and RESUME db PRIMARY, around a planned change
 * of the primary.
 *
 *   PAUSE db PRIMARY ─▶ nobody gets a server of the primary ─▶ the last one is back ─▶ done
 *                       (reads on replicas go on)
 *          … somebody promotes a replica …
 *   RESUME db PRIMARY ─▶ each host is asked anew who it is ─▶ who waited goes to the new one
 *
 * A promoted host may not have been noticed yet when RESUME comes, and the former
 * primary may still live: so nobody is let go on what was known before.
 */
#include "admin/switchover.h"

#include "admin/admin_private.h"
#include "base/clock.h"
#include "pool/pause.h"

#define LOOK_AGAIN_US ((int64_t)50 * 1000)
/* The check that is under way when RESUME comes may be older; the next one is not. */
#define CHECKS_NEEDED 2

static bool
switchover_is_possible(struct console *c)
{
	if (cluster_is_monitored(c->ledger->cluster))
		return true;
	console_fail(c, NULL, "database %s is not routed: it has no primary", c->call.words.argument);
	return false;
}

/* Another console's RESUME ends the wait too. */
static void
switchover_look(struct console *c)
{
	if (pause_is_primary(c->ledger) && pause_primary_servers(c->ledger) > 0)
		console_sleep(c, LOOK_AGAIN_US, switchover_look);
	else
		console_done(c, NULL);
}

void
switchover_pause(struct console *c)
{
	if (!switchover_is_possible(c))
		return;
	c->resume_on_leave = pause_primary(c->ledger, true);
	console_wait(c);
	switchover_look(c);
}

static uint64_t
host_checks(const struct cluster *cluster, unsigned host)
{
	struct host_report report;

	cluster_report(cluster, host, &report);
	return report.checks;
}

/* True when every host was asked since RESUME came; the rest are asked at once. */
static bool
switchover_has_asked(struct console *c)
{
	struct cluster *cluster = c->ledger->cluster;
	bool all = true;

	for (unsigned i = 0; i < cluster_host_count(cluster); i++) {
		if (host_checks(cluster, i) >= c->checks[i] + CHECKS_NEEDED)
			continue;
		cluster_suspect(cluster, i);
		all = false;
	}
	return all;
}

static void
switchover_ask(struct console *c)
{
	if (!switchover_has_asked(c) && clock_monotonic_us() < c->checks_due_us) {
		console_sleep(c, LOOK_AGAIN_US, switchover_ask);
		return;
	}
	pause_primary(c->ledger, false);
	console_done(c, NULL);
}

void
switchover_resume(struct console *c)
{
	const struct settings *set = &pool_snapshot(c->session->worker->pool)->global;

	if (!switchover_is_possible(c))
		return;
	if (!pause_is_primary(c->ledger)) {
		console_fail(c, NULL, "the primary of database %s is not paused", c->call.words.argument);
		return;
	}
	for (unsigned i = 0; i < cluster_host_count(c->ledger->cluster); i++)
		c->checks[i] = host_checks(c->ledger->cluster, i);
	c->checks_due_us = clock_monotonic_us() + 3 * set->check_timeout_ms * 1000;
	console_wait(c);
	switchover_ask(c);
}
