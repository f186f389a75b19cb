/*
 * session/deadline.c - how long a session may do what it is doing, and when a client
 * that waits is told so.
 */
#include "session/floor.h"

/* A timeout that met a grant in transit looks again after this long. */
#define LOOK_AGAIN_US ((int64_t)100 * 1000)

struct deadline {
	int64_t due_us; /* INT64_MAX: none */
	enum close_reason reason;
};

static void
deadline_add(struct deadline *d, int64_t since_us, int64_t limit_ms, enum close_reason reason)
{
	if (limit_ms <= 0 || since_us <= 0 || since_us + limit_ms * 1000 >= d->due_us)
		return;
	d->due_us = since_us + limit_ms * 1000;
	d->reason = reason;
}

static struct deadline
session_deadline(const struct session *s)
{
	const struct snapshot *snap = s->snapshot;
	struct deadline d = {.due_us = INT64_MAX};

	switch (s->state) {
	case SESSION_STARTUP:
	case SESSION_AUTH:
		deadline_add(&d, s->idle_us, snap->global.client_login_timeout_ms, CLOSE_client_login_timeout);
		break;
	case SESSION_WELCOME:
		deadline_add(&d, s->idle_us, snap->global.client_login_timeout_ms, CLOSE_client_login_timeout_server);
		deadline_add(&d, s->borrower.since_us, snapshot_query_wait_timeout_ms(snap, s->database, s->user), CLOSE_query_wait_timeout);
		deadline_add(&d, s->borrower.since_us, snapshot_query_timeout_ms(snap, s->user), CLOSE_query_timeout_waiting);
		break;
	case SESSION_WAITING:
		deadline_add(&d, s->borrower.since_us, snapshot_query_wait_timeout_ms(snap, s->database, s->user), CLOSE_query_wait_timeout);
		deadline_add(&d, s->borrower.since_us, snapshot_query_timeout_ms(snap, s->user), CLOSE_query_timeout_waiting);
		break;
	case SESSION_ACTIVE:
		deadline_add(&d, s->request_us, snapshot_query_timeout_ms(snap, s->user), CLOSE_query_timeout);
		deadline_add(&d, s->transaction_us, snapshot_transaction_timeout_ms(snap, s->user), CLOSE_transaction_timeout);
		if (s->request_us == 0 && s->status == 'I' && s->pins != 0)
			deadline_add(&d, s->idle_us, snapshot_client_idle_timeout_ms(snap, s->user), CLOSE_client_idle_timeout);
		if (s->request_us == 0 && s->status != 'I')
			deadline_add(&d, s->idle_us, snapshot_idle_transaction_timeout_ms(snap, s->user), CLOSE_idle_transaction_timeout);
		break;
	case SESSION_IDLE:
		if (s->lazy != NULL) {
			deadline_add(&d, s->transaction_us, snapshot_transaction_timeout_ms(snap, s->user), CLOSE_transaction_timeout);
			deadline_add(&d, s->idle_us, snapshot_idle_transaction_timeout_ms(snap, s->user), CLOSE_idle_transaction_timeout);
			break;
		}
		deadline_add(&d, s->idle_us, snapshot_client_idle_timeout_ms(snap, s->user), CLOSE_client_idle_timeout);
		/* One that keeps its server has it there. */
		deadline_add(&d, s->idle_us, restore_idle_timeout_ms(s), CLOSE_idle_session_timeout);
		break;
	default:
		break;
	}
	return d;
}

/* When a waiting client is to be told so; INT64_MAX: not again. */
static int64_t
session_notice_due_us(const struct session *s)
{
	int64_t notify_ms = s->snapshot->global.query_wait_notify_ms;

	if ((s->state != SESSION_WAITING && s->state != SESSION_WELCOME) || s->notified || notify_ms <= 0 || s->borrower.since_us == 0)
		return INT64_MAX;
	return s->borrower.since_us + notify_ms * 1000;
}

void
session_arm(struct session *s)
{
	struct timers *timers = loop_timers(s->worker->loop);
	int64_t due_us = min_of(session_deadline(s).due_us, session_notice_due_us(s));

	due_us = min_of(due_us, floor_due_us(s));

	if (due_us == INT64_MAX)
		timer_disarm(timers, &s->timer);
	else
		timer_arm(timers, &s->timer, due_us - loop_now_us(s->worker->loop));
}

static void
session_notify_waiting(struct session *s)
{
	static const struct error notice = {.sqlstate = "01000",
	    .message = "No server connection available in postgres backend, client being queued"};
	struct bytes b = {0};

	s->notified = true;
	message_notice(&b, &notice);
	session_send(s, &b);
	bytes_free(&b);
}

void
deadline_passed(struct timer *t)
{
	struct session *s = container_of(t, struct session, timer);
	struct deadline d = session_deadline(s);
	int64_t now_us = loop_now_us(s->worker->loop);

	if (atomic_load(&s->worker->process->suspended)) {
		timer_arm(loop_timers(s->worker->loop), &s->timer, LOOK_AGAIN_US);
		return;
	}
	if (floor_looks_again(s))
		return;
	if (session_notice_due_us(s) <= now_us)
		session_notify_waiting(s);
	if (d.due_us > now_us) {
		session_arm(s);
		return;
	}
	/* A grant in transit beats a timeout; should that server end on its way, the wait goes on. */
	if ((s->state == SESSION_WAITING || s->state == SESSION_WELCOME) && !pool_withdraw(&s->borrower)) {
		timer_arm(loop_timers(s->worker->loop), &s->timer, LOOK_AGAIN_US);
		return;
	}
	if (!lazy_outlives_wait(s, d.reason, &(struct error){.sqlstate = NULL}))
		session_close(s, d.reason, NULL);
}
