/*
 * session/reception.c - a receiver's connection: its login, its queries, what it hears.
 *
 *   CLOSED ── somebody wants a channel ──▶ ASKED ──▶ GREETING (LISTENs to all) ──▶ UP
 *     ▲                                                                            │
 *     └── nobody listens any more · connection lost · PAUSE · another primary ◀────┘
 *
 * It is a borrower with a dedicated server beside the pool's limits.  One query is
 * under way at a time; what is wanted meanwhile goes together in the next one.  A
 * query, an empty one too, is a catch-up: PostgreSQL passes on what was committed
 * before it came, and only then says that it is ready.
 */
#include "session/receiver_private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "observe/log.h"

#define RECEIVER_RETRY_US ((int64_t)1000 * 1000)
#define RECEIVER_FRAME_MOST ((uint32_t)192 * 1024)

void
receiver_quote(struct bytes *out, const char *name)
{
	bytes_u8(out, '"');
	for (; *name != '\0'; name++) {
		if (*name == '"')
			bytes_u8(out, '"');
		bytes_u8(out, (uint8_t)*name);
	}
	bytes_u8(out, '"');
}

/* ---------------------------------------------------------------- answers */

void
receiver_answer(struct receiver_request *r, bool lost, const char *problem)
{
	r->lost = lost;
	r->problem = text_copy(problem);
	r->message.run = audience_take_answer;
	loop_post(r->worker->loop, &r->message);
}

void
receiver_answer_all(struct list *requests, bool lost, const char *problem)
{
	struct list *node;

	while ((node = list_pop_front(requests)) != NULL)
		receiver_answer(list_entry(node, struct receiver_request, node), lost, problem);
}

static struct receiver_news *
news_new(const struct receiver *l, struct worker *w, enum receiver_news_kind kind)
{
	struct receiver_news *n = memory_new(sizeof(*n));

	n->message.run = audience_take_news;
	n->worker = w;
	n->receiver = l->id;
	n->kind = kind;
	return n;
}

static void
receiver_tell(const struct receiver *l, uint64_t workers, enum receiver_news_kind kind, struct notification *notification)
{
	for (; workers != 0; workers &= workers - 1) {
		struct worker *w = l->home->process->workers[__builtin_ctzll(workers)];
		struct receiver_news *n = news_new(l, w, kind);

		n->notification = notification_ref(notification);
		loop_post(w->loop, &n->message);
	}
}

static void
marker_tell(const struct receiver *l, struct marker *m)
{
	struct receiver_news *n = news_new(l, m->worker, NEWS_MARKER);

	n->slot = m->slot;
	n->generation = m->generation;
	n->marker = m->number;
	loop_post(m->worker->loop, &n->message);
	list_remove(&m->node);
	free(m);
}

static void
receiver_take_marker(struct receiver *l, const char *payload)
{
	uint64_t number = strtoull(payload, NULL, 10);

	list_for_each_safe(node, &l->markers) {
		struct marker *m = list_entry(node, struct marker, node);

		if (m->number == number)
			marker_tell(l, m);
	}
}

static void
receiver_expect_marker(struct receiver *l, const struct receiver_request *r)
{
	struct marker *m;

	if (r->marker == 0)
		return;
	m = memory_new(sizeof(*m));
	*m = (struct marker){.worker = r->worker, .number = r->marker, .slot = r->slot, .generation = r->generation};
	list_push_back(&l->markers, &m->node);
}

/* ------------------------------------------------------------- connection */

bool
receiver_is_wanted(const struct receiver *l)
{
	if (l->shut || l->ending)
		return false;
	if (l->stations != NULL)
		return true;
	list_for_each(node, &l->waiting)
		if (list_entry(node, struct receiver_request, node)->waits)
			return true;
	return false;
}

void
receiver_rest(struct receiver *l, int64_t delay_us)
{
	timer_arm(loop_timers(l->home->loop), &l->timer, delay_us);
}

/* Where notifications are: standbys have none. */
static enum lend_target
receiver_target(const struct receiver *l)
{
	return cluster_is_monitored(l->ledger->cluster) ? LEND_PRIMARY : LEND_ANY;
}

void
receiver_open(struct receiver *l)
{
	l->state = RECEIVER_ASKED;
	pool_dedicate(&l->borrower, receiver_target(l), &l->startup);
}

/* Requests that do not wait for a connection learn that there is none. */
static void
receiver_answer_impatient(struct receiver *l, struct list *requests)
{
	list_for_each_safe(node, requests) {
		struct receiver_request *r = list_entry(node, struct receiver_request, node);

		list_remove(node);
		if (r->waits)
			list_push_back(&l->waiting, node);
		else
			receiver_answer(r, true, NULL);
	}
}

/* The connection is gone, or goes now. */
void
receiver_close(struct receiver *l, const char *reason, bool lossless)
{
	struct list *node, waiting;

	if (l->server != NULL)
		pool_close_server(&l->server, reason);
	if (l->state == RECEIVER_UP && !lossless && l->lost_wall_us == 0) {
		l->lost_wall_us = loop_wall_us(l->home->loop);
		log_warning("listen", "the connection that listens in %s as %s is lost: %s", l->ledger->name, l->borrower.account->user, reason);
	}
	l->state = RECEIVER_CLOSED;
	l->busy = false;
	l->failed = false;
	bytes_free(&l->todo);
	list_init(&waiting);
	while ((node = list_pop_front(&l->waiting)) != NULL)
		list_push_back(&waiting, node);
	receiver_answer_impatient(l, &l->sent);
	receiver_answer_impatient(l, &waiting);
	while ((node = list_first(&l->markers)) != NULL)
		marker_tell(l, list_entry(node, struct marker, node));
	if (receiver_is_wanted(l))
		receiver_rest(l, 0);
}

static void
receiver_send(struct receiver *l, struct bytes *text)
{
	struct bytes b = {0};

	bytes_u8(text, 0);
	message_query(&b, text->data);
	answers_push(&l->server->answers, ANSWER_QUERY, ANSWER_SWALLOW);
	stream_send_bytes(&l->server->stream, b.data, b.length);
	bytes_free(&b);
	bytes_free(text);
	l->busy = true;
}

void
receiver_write(struct bytes *out, const char *verb, const char *channel)
{
	bytes_chars(out, verb);
	receiver_quote(out, channel);
	bytes_u8(out, ';');
}

/* It may be idle for long, whatever the user's settings say of ordinary sessions. */
static void
receiver_greet(struct receiver *l)
{
	struct bytes text = {0};

	bytes_chars(&text, "select pg_catalog.set_config(name,'0',false) from pg_catalog.pg_settings "
	    "where name in ('idle_session_timeout','statement_timeout','lock_timeout');");
	receiver_write(&text, "listen ", l->marker_channel);
	for (struct station *s = l->stations; s != NULL; s = s->hh.next)
		receiver_write(&text, "listen ", s->name);
	l->state = RECEIVER_GREETING;
	receiver_send(l, &text);
}

static void
receiver_healed(struct receiver *l)
{
	char since[64];
	char *detail;
	time_t seconds = (time_t)(l->lost_wall_us / 1000000);
	struct tm parts;
	struct notification *notice;
	struct error e = {.severity = "WARNING", .sqlstate = "01000",
	    .message = "notifications may have been lost: the connection that listens was interrupted"};

	gmtime_r(&seconds, &parts);
	strftime(since, sizeof(since), "%Y-%m-%d %H:%M:%S UTC", &parts);
	detail = text_format("It was lost at %s and is back %.1f s later.", since, (double)(loop_wall_us(l->home->loop) - l->lost_wall_us) / 1e6);
	e.detail = detail;
	log_info("listen", "the connection that listens in %s as %s is back", l->ledger->name, l->borrower.account->user);
	notice = notification_of_notice(&e);
	receiver_tell(l, l->audience, NEWS_ALL, notice);
	notification_unref(notice);
	free(detail);
	l->lost_wall_us = 0;
}

/* ------------------------------------------------------------ its answers */

void
receiver_pump(struct receiver *l)
{
	struct list *node;
	struct bytes text;

	if (l->state != RECEIVER_UP || l->busy || (l->todo.length == 0 && list_is_empty(&l->waiting)))
		return;
	while ((node = list_pop_front(&l->waiting)) != NULL)
		list_push_back(&l->sent, node);
	text = l->todo;
	l->todo = (struct bytes){0};
	receiver_send(l, &text);
}

static void
receiver_take_ready(struct receiver *l)
{
	struct list *node;

	l->server->status = 'I';
	answers_pop(&l->server->answers);
	l->busy = false;
	if (l->failed) {
		l->retry_us = loop_now_us(l->home->loop) + RECEIVER_RETRY_US;
		receiver_close(l, "it may not listen there", false);
		return;
	}
	if (l->state == RECEIVER_GREETING) {
		l->state = RECEIVER_UP;
		if (l->lost_wall_us != 0)
			receiver_healed(l);
	}
	while ((node = list_pop_front(&l->sent)) != NULL) {
		struct receiver_request *r = list_entry(node, struct receiver_request, node);

		receiver_expect_marker(l, r);
		receiver_answer(r, false, NULL);
	}
	receiver_pump(l);
}

static bool
receiver_take_notification(struct receiver *l, const char *body, size_t length)
{
	struct notification *n = notification_read(&l->server->peer, body, length);
	struct station *s;

	if (n == NULL)
		return false;
	if (strcmp(notification_channel(n), l->marker_channel) == 0) {
		receiver_take_marker(l, notification_payload(n));
	} else {
		HASH_FIND_STR(l->stations, notification_channel(n), s);
		if (s != NULL)
			receiver_tell(l, s->workers, NEWS_NOTIFICATION, n);
	}
	notification_unref(n);
	return true;
}

static void
receiver_take_error(struct receiver *l, const char *body, size_t length)
{
	struct error e;

	l->failed = true;
	if (message_read_error(body, length, &e))
		log_warning("listen", "the connection that listens in %s says: %s", l->ledger->name, e.message != NULL ? e.message : "(no message)");
}

/* False when the connection is no more. */
static bool
receiver_take_frame(struct receiver *l, char type, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);
	const char *name, *value;

	switch (type) {
	case BACKEND_NOTIFICATION:
		if (receiver_take_notification(l, body, length))
			return true;
		receiver_close(l, close_row(CLOSE_server_broken)->text, false);
		return false;
	case BACKEND_ERROR:
		receiver_take_error(l, body, length);
		return true;
	case BACKEND_PARAMETER_STATUS:
		name = reader_text(&r);
		value = reader_text(&r);
		if (reader_ok(&r))
			server_set_value(l->server, name, value);
		return true;
	case BACKEND_READY:
		if (!l->busy) {
			receiver_close(l, close_row(CLOSE_server_broken)->text, false);
			return false;
		}
		receiver_take_ready(l);
		return l->server != NULL;
	default:
		return true;
	}
}

static size_t
receiver_data(struct borrower *b, struct server *server, char *bytes, size_t length)
{
	struct receiver *l = container_of(b, struct receiver, borrower);
	size_t at = 0;

	(void)server;
	while (at < length) {
		char type;
		size_t size;
		enum frame_state state = frame_read(FROM_SERVER, bytes + at, length - at, RECEIVER_FRAME_MOST, &type, &size);

		if (state == FRAME_BROKEN) {
			receiver_close(l, close_row(CLOSE_server_broken)->text, false);
			return length;
		}
		if (state == FRAME_WAIT || size > length - at)
			return at;
		at += size;
		if (!receiver_take_frame(l, type, bytes + at - size + FRAME_HEAD, size - FRAME_HEAD))
			return length;
	}
	return at;
}

/* ------------------------------------------------------------ the borrower */

static void
receiver_granted(struct borrower *b, struct server *server)
{
	struct receiver *l = container_of(b, struct receiver, borrower);

	l->server = server;
	if (l->ending) {
		pool_close_server(&l->server, "nobody listens");
		receiver_free(l);
	} else if (!receiver_is_wanted(l)) {
		receiver_close(l, "nobody listens", true);
	} else {
		receiver_greet(l);
	}
}

static void
receiver_refused(struct borrower *b, const struct refusal *why)
{
	struct receiver *l = container_of(b, struct receiver, borrower);

	if (l->ending) {
		receiver_free(l);
		return;
	}
	l->state = RECEIVER_CLOSED;
	l->retry_us = loop_now_us(l->home->loop) + RECEIVER_RETRY_US;
	receiver_answer_all(&l->waiting, true, why->message != NULL ? why->message : close_row(why->reason)->text);
	if (receiver_is_wanted(l))
		receiver_rest(l, RECEIVER_TICK_US);
}

static void
receiver_drained(struct borrower *b, struct server *server)
{
	(void)b;
	(void)server;
}

static void
receiver_lost(struct borrower *b, struct server *server, int error)
{
	(void)server;
	(void)error;
	receiver_close(container_of(b, struct receiver, borrower), close_row(CLOSE_server_lost)->text, false);
}

const struct borrower_events receiver_events = {
	.granted = receiver_granted,
	.refused = receiver_refused,
	.data = receiver_data,
	.drained = receiver_drained,
	.lost = receiver_lost,
};
