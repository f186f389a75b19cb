/*
 * session/heal_wait.c - a read is lost, and who may run it again depends on whether its
 * host is gone: the session waits for word of that.
 *
 * A host that is shut down ends its sessions one by one, and the monitor's may be the
 * last: only one that lets somebody in after the loss is taken for alive.
 */
#include "session/heal.h"

#include <string.h>

#include "cluster/cluster.h"

/* How often it is looked whether the host was asked. */
#define LOOK_US ((int64_t)10 * 1000)
/* Beyond what the monitor takes to find a host down. */
#define LOOK_GRACE_US ((int64_t)500 * 1000)

/* Without a word of the server's own. */
void
heal_make_error(struct heal *h)
{
	static const struct error lost = {.sqlstate = "57P01",
	    .message = "the connection to the server was lost",
	    .detail = "The statement was a read, and it was not run again."};

	if (h->error.length == 0)
		heal_keep_error(h, &lost);
}

/* Nobody runs it again: the client is told what the first server said, and the request is dropped up to its end. */
static void
heal_give_up(struct session *s, enum heal_count why)
{
	struct heal *h = s->heal;
	struct bytes out = {0};

	stat_add(session_stats(s)->heals[why], 1);
	bytes_append(&out, h->error.data, h->error.length);
	session_send(s, &out);
	bytes_free(&out);
	heal_end(s);
	session_enter(s, SESSION_IDLE);
	s->cancelled = true;
	request_resume(s);
}

void
heal_wait(struct session *s)
{
	struct heal *h = s->heal;
	const struct settings *set = &s->snapshot->global;

	h->due_us = h->lost_us + (set->check_timeout_ms * max_of(set->check_fall, 1) + set->check_interval_ms) * 1000 + LOOK_GRACE_US;
	s->borrower.since_us = h->lost_us;
	session_enter(s, SESSION_WAITING);
	session_arm(s);
	cluster_doubt(h->cluster, h->host);
	timer_arm(loop_timers(s->worker->loop), &h->timer, LOOK_US);
}

void
heal_look(struct timer *t)
{
	struct heal *h = container_of(t, struct heal, timer);
	struct session *s = h->session;
	struct cluster *c = h->cluster;
	struct host_report report;
	bool is_gone, answers;

	cluster_report(c, h->host, &report);
	is_gone = (report.state == HOST_DOWN && report.asked_us >= h->lost_us) || (cluster_dethroned(c) & 1u << h->host) != 0 ||
	    c != s->ledger->cluster;
	answers = report.state != HOST_DOWN && report.login_us >= h->lost_us;
	if (!is_gone && !answers && loop_now_us(s->worker->loop) < h->due_us) {
		cluster_suspect(c, h->host);
		timer_arm(loop_timers(s->worker->loop), &h->timer, LOOK_US);
		return;
	}
	if (!is_gone && !h->ended_by_admin) {
		heal_give_up(s, HEAL_given_up_no_host);
		return;
	}
	h->checked = true;
	session_enter(s, SESSION_IDLE);
	request_resume(s);
}
