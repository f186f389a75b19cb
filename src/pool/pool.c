/*
 * pool/pool.c - lending and returning, and the orders that workers give each other.
 *
 *      worker A                      ledger                       worker B
 *   pool_lend ── no idle here ──▶ claim ── HAND_OVER ──────────▶ stops polling
 *   granted() ◀───────────────────────────────── TAKE_OVER ───── sends it over
 */
#include "pool/pool.h"

#include <stdlib.h>
#include <string.h>

#include "observe/log.h"
#include "pool/pool_private.h"
#include "pool/profile.h"

static void
server_log_closing(const struct server *s, const char *reason)
{
	char who[256];

	server_describe(s, who, sizeof(who));
	if (s->pool->snapshot->global.log_disconnections)
		log_info(who, "closing because: %s (age=%llds)", reason,
		    (long long)(s->connected_us > 0 ? (clock_monotonic_us() - s->connected_us) / 1000000 : 0));
}

void
server_lend(struct server *s, struct borrower *b)
{
	s->use = USE_LENT;
	s->borrower = b;
	s->request_wall_us = loop_wall_us(s->pool->loop);
	s->lends++;
	s->dirty |= s->pool->snapshot->global.server_reset_query_always != 0;
}

/* ------------------------------------------------------------------ lend */

/* True when an idle server has to answer server_check_query before anybody gets it. */
static bool
server_is_stale(const struct server *s, const struct settings *set, int64_t now_us)
{
	return set->server_check_query[0] != '\0' && now_us - s->returned_us >= set->server_check_delay_ms * 1000;
}

static bool
pool_lend_idle_locked(struct borrower *b, uint32_t mask, struct server **out)
{
	struct server *s = ledger_take_idle_locked(b->account, mask, b);

	if (s == NULL)
		return false;
	if (server_is_stale(s, &b->pool->snapshot->global, b->since_us)) {
		server_enter_locked(s, SERVER_TESTING);
		server_order_locked(s, ORDER_CHECK);
		ledger_enqueue_locked(b);
		return true;
	}
	if (s->pool != b->pool) {
		ledger_promise_locked(s, b);
		return true;
	}
	server_enter_locked(s, SERVER_ACTIVE);
	*out = s;
	return true;
}

/* Hosts that are watched are waited for: one of them will take over. */
static void
pool_lend_later_locked(struct borrower *b)
{
	const struct ledger *l = b->account->ledger;

	if (!l->paused && !cluster_is_monitored(l->cluster) && account_is_failing_locked(b->account)) {
		account_refuse_failing_locked(b);
		return;
	}
	ledger_enqueue_locked(b);
	ledger_pump_locked(b->account);
	if (cluster_is_monitored(l->cluster) && borrower_mask_locked(b) == 0)
		cluster_want_primary(l->cluster);
}

enum lend_outcome
pool_lend(struct borrower *b, enum lend_target target, struct server **out)
{
	struct account *a = b->account;
	struct ledger *l = a->ledger;
	uint32_t mask;

	*out = NULL;
	b->target = (uint8_t)target;
	b->overtaken = 0;
	b->ordered = false;
	b->since_us = loop_now_us(b->pool->loop);
	pthread_mutex_lock(&l->mutex);
	must(b->state == BORROWER_NONE);
	b->sequence = ++l->sequence;
	mask = borrower_mask_locked(b);
	if (l->paused || !pool_lend_idle_locked(b, mask, out))
		pool_lend_later_locked(b);
	if (a->cell_count > 1)
		ledger_even_out_locked(a, mask);
	pthread_mutex_unlock(&l->mutex);
	if (*out == NULL)
		return LEND_LATER;
	server_lend(*out, b);
	return LEND_NOW;
}

bool
pool_withdraw(struct borrower *b)
{
	struct ledger *l = b->account->ledger;
	bool withdrawn;

	pthread_mutex_lock(&l->mutex);
	withdrawn = b->state != BORROWER_PROMISED;
	if (b->state == BORROWER_QUEUED)
		ledger_dequeue_locked(b);
	pthread_mutex_unlock(&l->mutex);
	return withdrawn;
}

/* ---------------------------------------------------------------- return */

#define PRIVATE_TEXT "its startup settings are one client's"

static const char *
server_reason_to_close_locked(struct server *s, int64_t now_us)
{
	if (s->epoch != s->ledger->epoch)
		return "database configuration changed";
	if (s->renewals != atomic_load(&s->account->renewals))
		return RENEW_TEXT;
	if (s->ledger->removed)
		return "database removed";
	if (s->ledger->paused)
		return "pause mode";
	if (s->ledger->primary_paused && cluster_host_role(s->cluster, s->host) != HOST_REPLICA)
		return "pause mode";
	if (s->ledger->vacating > 0)
		return VACATE_TEXT;
	if ((ledger_usable_locked(s->ledger) & 1u << s->host) == 0)
		return "host is out of rotation";
	if (server_moved_locked(s) != NULL)
		return server_moved_locked(s);
	if (s->set != NULL && s->set->is_private && s->lends > 0)
		return PRIVATE_TEXT;
	return server_aged_locked(s, now_us);
}

bool
pool_server_is_outdated(struct server *s)
{
	bool outdated;

	pthread_mutex_lock(&s->ledger->mutex);
	outdated = s->epoch != s->ledger->epoch || server_moved_locked(s) != NULL;
	pthread_mutex_unlock(&s->ledger->mutex);
	return outdated;
}

/* Sends the server to another worker; its stream is served by nobody until it gets there. */
static void
server_send_over_locked(struct server *s, struct borrower *b)
{
	server_enter_locked(s, SERVER_IN_TRANSIT);
	s->borrower = b;
	b->state = BORROWER_PROMISED;
	s->use = USE_NONE;
	stream_detach(&s->stream);
	list_remove(&s->all);
	s->pool = b->pool;
	server_order_locked(s, ORDER_TAKE_OVER);
}

/* Who gets it; *UNSUITED: who would, insists on another. */
static struct borrower *
pool_next_waiter_locked(struct server *s, bool *unsuited)
{
	struct borrower *next;

	if (s->set != NULL && s->set->is_private)
		return ledger_private_waiter_locked(s);
	next = ledger_next_waiter_locked(s->account, s->host, s->pool->number);
	*unsuited = next != NULL && !borrower_takes(next, s);
	return *unsuited ? NULL : next;
}

static void
pool_give_on(struct server *s)
{
	struct ledger *l = s->ledger;
	int64_t now_us = loop_now_us(s->pool->loop);
	struct borrower *next = NULL;
	bool fresh = s->returned_us == 0, unsuited = false;
	const char *reason;

	s->returned_us = now_us;
	pthread_mutex_lock(&l->mutex);
	reason = server_reason_to_close_locked(s, now_us);
	if (reason == NULL) {
		next = pool_next_waiter_locked(s, &unsuited);
		if (next == NULL && s->set != NULL && s->set->is_private) {
			reason = PRIVATE_TEXT;
		} else if (next == NULL) {
			ledger_idle_locked(s);
		} else {
			ledger_dequeue_locked(next);
			if (s->account->cell_count > 1)
				ledger_gave_locked(l, s->host, (enum lend_target)next->target);
		}
		/* Waiters for another target may have counted on this login; who insists may need its place, and others may take it. */
		if ((fresh || unsuited) && l->waiting > 0)
			ledger_pump_locked(s->account);
	}
	if (next != NULL && next->pool != s->pool) {
		server_send_over_locked(s, next);
		pthread_mutex_unlock(&l->mutex);
		return;
	}
	if (next != NULL)
		server_enter_locked(s, SERVER_ACTIVE);
	else
		s->use = USE_NONE;
	pthread_mutex_unlock(&l->mutex);
	if (reason != NULL) {
		pool_close_server(&s, reason);
	} else if (next != NULL) {
		server_lend(s, next);
		next->events->granted(next, s);
	}
}

void
pool_return(struct server **given)
{
	struct server *s = *given;

	*given = NULL;
	s->borrower = NULL;
	/* It may have waited for a client that reads slowly. */
	stream_resume(&s->stream);
	if (s->close_needed || s->answers.count > 0 || s->status != 'I' || s->skip > 0 || s->stream.failed || stream_unsent(&s->stream) > 0) {
		pool_close_server(&s, s->close_needed ? "close was asked for" : "client disconnect while server was not ready");
		return;
	}
	if (s->cancels > 0) {
		s->use = USE_CANCEL;
		server_enter(s, SERVER_CANCELLING);
		return;
	}
	if (clean_server(s))
		pool_give_on(s);
}

void
pool_return_unused(struct server **s)
{
	(*s)->lends--;
	pool_return(s);
}

/* ----------------------------------------------------------------- close */

void
pool_close_server(struct server **gone, const char *reason)
{
	struct server *s = *gone;

	*gone = NULL;
	if (s->stream.closing && !server_login_is_retrying(s))
		return;
	server_log_closing(s, reason);
	if (s->dedicated != NULL) {
		pthread_mutex_lock(&s->ledger->mutex);
		dedicated_refuse_locked(s, &(struct refusal){.reason = CLOSE_server_lost});
		pthread_mutex_unlock(&s->ledger->mutex);
	}
	s->borrower = NULL;
	s->use = USE_NONE;
	timer_disarm(loop_timers(s->pool->loop), &s->timer);
	server_login_free(s->login);
	s->login = NULL;
	ledger_forget(s);
	if (!s->stream.attached) {
		list_remove(&s->all);
		s->closed = true;
		if (s->cancels == 0)
			server_free(s);
		return;
	}
	if (s->stream.fd >= 0 && s->status == 'I' && s->answers.count == 0)
		stream_send_bytes(&s->stream, "X\0\0\0\4", 5);
	stream_close(&s->stream);
}

static void
server_stream_closed(struct stream *stream)
{
	struct server *s = container_of(stream, struct server, stream);

	if (server_login_closed(s))
		return;
	list_remove(&s->all);
	s->closed = true;
	if (s->order == ORDER_NONE && s->cancels == 0)
		server_free(s);
}

void
pool_close_all(struct pool *p)
{
	pool_end_cancels(p);
	list_for_each_safe(node, &p->servers) {
		struct server *s = list_entry(node, struct server, all);

		if (!server_is_ordered(s))
			pool_close_server(&s, "pgweir is shutting down");
	}
}

/* ---------------------------------------------------------------- orders */

static void
order_hand_over(struct server *s)
{
	struct borrower *b;

	pthread_mutex_lock(&s->ledger->mutex);
	b = s->borrower;
	if (b->pool != s->pool) {
		server_send_over_locked(s, b);
		pthread_mutex_unlock(&s->ledger->mutex);
		return;
	}
	server_enter_locked(s, SERVER_ACTIVE);
	b->state = BORROWER_NONE;
	pthread_mutex_unlock(&s->ledger->mutex);
	server_lend(s, b);
	b->events->granted(b, s);
}

static void
order_take_over(struct server *s)
{
	struct borrower *b = s->borrower;

	list_push_back(&s->pool->servers, &s->all);
	stream_attach(&s->stream, s->pool->loop);
	pthread_mutex_lock(&s->ledger->mutex);
	server_enter_locked(s, SERVER_ACTIVE);
	b->state = BORROWER_NONE;
	pthread_mutex_unlock(&s->ledger->mutex);
	server_lend(s, b);
	b->events->granted(b, s);
}

static void
order_run(struct message *m)
{
	struct server *s = container_of(m, struct server, order_message);
	uint8_t order;

	pthread_mutex_lock(&s->ledger->mutex);
	order = s->order;
	s->order = ORDER_NONE;
	pthread_mutex_unlock(&s->ledger->mutex);
	if (s->died) {
		if (s->closed && s->cancels == 0)
			server_free(s);
		return;
	}
	switch (order) {
	case ORDER_LOGIN:
		list_push_back(&s->pool->servers, &s->all);
		server_login_begin(s);
		break;
	case ORDER_HAND_OVER:
		order_hand_over(s);
		break;
	case ORDER_TAKE_OVER:
		order_take_over(s);
		break;
	case ORDER_CHECK:
		clean_begin(s, s->pool->snapshot->global.server_check_query, PURPOSE_CHECK);
		break;
	default:
		pool_close_server(&s, s->close_text);
	}
}

void
server_order_locked(struct server *s, enum server_order order)
{
	must(s->order == ORDER_NONE);
	s->order = (uint8_t)order;
	s->order_message.run = order_run;
	loop_post(s->pool->loop, &s->order_message);
}

/* --------------------------------------------------- events of the stream */

/* Messages that a server may send while nobody asked it anything; false ends it. */
static bool
server_take_unasked(struct server *s, char type, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);
	const char *name, *value;

	if (type == BACKEND_NOTICE || type == BACKEND_NOTIFICATION)
		return true;
	if (type != BACKEND_PARAMETER_STATUS)
		return false;
	name = reader_text(&r);
	value = reader_text(&r);
	if (reader_ok(&r))
		server_set_value(s, name, value);
	return reader_ok(&r);
}

static void
server_test_ended(struct server *s)
{
	struct answer answer = answers_pop(&s->answers);

	timer_disarm(loop_timers(s->pool->loop), &s->timer);
	if (answer.purpose == PURPOSE_RESET) {
		server_start_over(s);
	}
	pool_return(&s);
}

enum step { STEP_ON, STEP_END };

static enum step
server_test_frame(struct server *s, char type, const char *body, size_t length)
{
	struct error e;

	switch (type) {
	case BACKEND_READY:
		s->status = body[0];
		server_test_ended(s);
		return STEP_END;
	case BACKEND_ERROR:
		message_read_error(body, length, &e);
		log_warning("pool", "a server failed its check or reset query: %s", e.message != NULL ? e.message : "(no message)");
		pool_close_server(&s, "check or reset query failed");
		return STEP_END;
	case BACKEND_DATA_ROW:
		s->close_needed |= answers_head(&s->answers)->purpose == PURPOSE_LOOK && !clean_row_is_zero(body, length);
		return STEP_ON;
	case BACKEND_PARAMETER_STATUS:
		if (server_take_unasked(s, type, body, length))
			return STEP_ON;
		pool_close_server(&s, "server sent a broken message");
		return STEP_END;
	default:
		return STEP_ON;
	}
}

static enum step
server_own_frame(struct server *s, char type, const char *body, size_t length)
{
	struct error e;

	if (s->use == USE_TEST)
		return server_test_frame(s, type, body, length);
	if (server_take_unasked(s, type, body, length))
		return STEP_ON;
	if (type == BACKEND_ERROR && message_read_error(body, length, &e) && e.message != NULL)
		log_info("pool", "an idle server said: %s", e.message);
	s->stream.events->ended(&s->stream, 0);
	return STEP_END;
}

/* What an own query or an idle server brings: small frames, looked at whole. */
static size_t
server_own_data(struct server *s, const char *bytes, size_t length)
{
	struct frames frames = frames_over(FROM_SERVER, bytes, length, LOOP_READ_SIZE);
	struct whole_frame frame;
	enum frame_state state;

	while ((state = frames_next(&frames, &frame)) == FRAME_OK)
		if (server_own_frame(s, frame.type, frame.body, frame.length) == STEP_END)
			return length;
	if (state == FRAME_WAIT)
		return frames.at;
	s->stream.events->ended(&s->stream, 0);
	return length;
}

static size_t
server_stream_data(struct stream *stream, char *bytes, size_t length)
{
	struct server *s = container_of(stream, struct server, stream);

	if (s->use == USE_LENT)
		return s->borrower->events->data(s->borrower, s, bytes, length);
	if (s->use == USE_LOGIN)
		return server_login_data(s, bytes, length);
	if (s->use == USE_RECOVERY)
		return recover_data(s, bytes, length);
	return server_own_data(s, bytes, length);
}

static void
server_stream_drained(struct stream *stream)
{
	struct server *s = container_of(stream, struct server, stream);

	if (s->use == USE_LENT)
		s->borrower->events->drained(s->borrower, s);
}

/* An idle server has ended: a waiter to whom it was promised queues again, with its old number. */
static void
server_ended_unused(struct server *s)
{
	static const struct refusal why = {.reason = CLOSE_server_lost};
	struct ledger *l = s->ledger;

	pthread_mutex_lock(&l->mutex);
	s->died = s->order != ORDER_NONE;
	if (s->order == ORDER_HAND_OVER && s->borrower->abandoned)
		account_refuse_one_locked(s->borrower, &why);
	else if (s->order == ORDER_HAND_OVER)
		ledger_enqueue_locked(s->borrower);
	if (!s->died)
		list_remove(&s->idle);
	server_enter_locked(s, SERVER_CLOSING);
	pthread_mutex_unlock(&l->mutex);
	pool_close_server(&s, "server conn crashed?");
}

static void
server_stream_ended(struct stream *stream, int error)
{
	struct server *s = container_of(stream, struct server, stream);

	cluster_suspect(s->cluster, s->host);
	if (s->use == USE_LENT)
		s->borrower->events->lost(s->borrower, s, error);
	else if (s->use == USE_LOGIN)
		server_login_ended(s);
	else if (s->use == USE_TEST || s->use == USE_CANCEL || s->use == USE_RECOVERY)
		pool_close_server(&s, "server conn crashed?");
	else
		server_ended_unused(s);
}

static void
server_stream_secured(struct stream *stream)
{
	server_login_secured(container_of(stream, struct server, stream));
}

const struct stream_events server_stream_events = {
	.data = server_stream_data,
	.drained = server_stream_drained,
	.ended = server_stream_ended,
	.closed = server_stream_closed,
	.secured = server_stream_secured,
};
