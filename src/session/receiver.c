/*
 * session/receiver.c - the home side of a receiver: its connection, the channels that
 * somebody wants, and who waits for what.  See receiver.h.
 *
 *   CLOSED ── somebody wants a channel ──▶ ASKED ──▶ GREETING (LISTENs to all) ──▶ UP
 *     ▲                                                                            │
 *     └── nobody listens any more · connection lost · PAUSE · another primary ◀────┘
 *
 * It is a borrower with a dedicated server beside the pool's limits.  One query is
 * under way at a time; what is wanted meanwhile goes together in the next one.  A
 * query, an empty one too, is a fence: PostgreSQL passes on what was committed
 * before it came, and only then says that it is ready.
 */
#include "session/receiver.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "auth/crypto.h"
#include "observe/log.h"
#include "session/session_private.h"

/* How often it looks at what nobody tells it: PAUSE, a reload, roles. */
#define RECEIVER_TICK_US ((int64_t)100 * 1000)
/* How long the connection is kept while nobody listens. */
#define RECEIVER_LINGER_US ((int64_t)1000 * 1000)
#define RECEIVER_RETRY_US ((int64_t)1000 * 1000)
#define RECEIVER_FRAME_MOST ((uint32_t)192 * 1024)

enum receiver_state { RECEIVER_CLOSED, RECEIVER_ASKED, RECEIVER_GREETING, RECEIVER_UP };

/* A channel that somebody wants. */
struct station {
	UT_hash_handle hh;
	uint64_t workers; /* bit n: worker n has somebody for it */
	char name[];
};

struct marker {
	struct list node;
	struct worker *worker;
	uint64_t number;
	uint32_t slot, generation;
};

struct receiver {
	UT_hash_handle hh;        /* in the table of all, under its mutex */
	unsigned references;      /* likewise */
	struct bytes key;         /* owned: ledger's id, user, encoding */
	uint64_t id;
	char marker_channel[RECEIVER_CHANNEL_SIZE];
	struct message end_message;
	struct list all;          /* in worker.receivers of its home; all below is its home's alone */
	struct borrower borrower;
	struct timer timer;
	struct bytes startup;     /* owned: the parameters of its login */
	struct worker *home;      /* borrowed */
	struct ledger *ledger;    /* owned reference */
	struct server *server;    /* borrowed from the pool once it is granted */
	struct station *stations; /* uthash by name */
	struct bytes todo;        /* statements that the next query has */
	struct list waiting;      /* of receiver_request.node */
	struct list sent;         /* likewise: answered when the query under way is */
	struct list markers;      /* of marker.node */
	uint64_t audience;        /* bit n: worker n has asked, and hears what is for all */
	int64_t unused_us;        /* since when nobody wants anything; 0: somebody does */
	int64_t retry_us;         /* not opened again before */
	int64_t lost_wall_us;     /* since when notifications may be lost; 0: all is well */
	enum receiver_state state;
	bool busy;                /* a query is under way */
	bool failed;              /* and has failed */
	bool shut;                /* the process ends */
	bool ending;              /* freed when the server that was promised has come */
};

static pthread_mutex_t receivers_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct receiver *receivers;

static void receiver_pump(struct receiver *l);

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

static void
request_free(struct receiver_request *r)
{
	bytes_free(&r->add);
	bytes_free(&r->drop);
	free(r->problem);
	free(r);
}

static void
receiver_answer(struct receiver_request *r, bool lost, const char *problem)
{
	r->lost = lost;
	r->problem = text_copy(problem);
	r->message.run = audience_take_answer;
	loop_post(r->worker->loop, &r->message);
}

static void
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

static bool
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

static void
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

static void
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
static void
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

static void
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

static void
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

/* Nothing is lent or promised to it any more. */
static void
receiver_free(struct receiver *l)
{
	struct station *s, *next;

	HASH_ITER (hh, l->stations, s, next) {
		HASH_DEL(l->stations, s);
		free(s);
	}
	timer_disarm(loop_timers(l->home->loop), &l->timer);
	list_remove(&l->all);
	account_detach(l->borrower.account);
	ledger_unref(l->ledger);
	bytes_free(&l->startup);
	bytes_free(&l->todo);
	bytes_free(&l->key);
	free(l);
}

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

static const struct borrower_events receiver_events = {
	.granted = receiver_granted,
	.refused = receiver_refused,
	.data = receiver_data,
	.drained = receiver_drained,
	.lost = receiver_lost,
};

/* -------------------------------------------------------------- its watch */

/* Why the connection may not stay, or NULL. */
static const char *
receiver_reason_to_close(struct receiver *l)
{
	struct ledger *ledger = l->ledger;
	bool paused;

	pthread_mutex_lock(&ledger->mutex);
	paused = ledger->paused;
	pthread_mutex_unlock(&ledger->mutex);
	if (paused)
		return "pause mode";
	if (ledger->removed)
		return "database removed";
	if (pool_server_is_outdated(l->server) || l->server->cluster != ledger->cluster)
		return "database configuration changed";
	if (cluster_is_monitored(ledger->cluster) && cluster_host_role(ledger->cluster, l->server->host) != HOST_PRIMARY)
		return "the primary has changed";
	return NULL;
}

/* Who has waited for as long as a login may take is told. */
static void
receiver_end_long_waits(struct receiver *l)
{
	int64_t oldest_us = loop_now_us(l->home->loop) - pool_snapshot(l->home->pool)->global.server_connect_timeout_ms * 1000;

	list_for_each_safe(node, &l->waiting) {
		struct receiver_request *r = list_entry(node, struct receiver_request, node);

		if (l->state == RECEIVER_UP || r->asked_us > oldest_us)
			continue;
		list_remove(node);
		receiver_answer(r, true, "no connection to listen on");
	}
}

static void
receiver_look_at_use(struct receiver *l)
{
	int64_t now_us = loop_now_us(l->home->loop);

	if (receiver_is_wanted(l)) {
		l->unused_us = 0;
		if (l->state == RECEIVER_CLOSED && now_us >= l->retry_us)
			receiver_open(l);
		return;
	}
	if (l->unused_us == 0)
		l->unused_us = now_us;
	else if (l->server != NULL && !l->busy && now_us - l->unused_us >= RECEIVER_LINGER_US)
		receiver_close(l, "nobody listens", true);
}

static void
receiver_tick(struct timer *t)
{
	struct receiver *l = container_of(t, struct receiver, timer);
	const char *reason = l->server != NULL ? receiver_reason_to_close(l) : NULL;

	if (reason != NULL)
		receiver_close(l, reason, false);
	receiver_end_long_waits(l);
	receiver_look_at_use(l);
	if (l->state != RECEIVER_CLOSED || receiver_is_wanted(l))
		receiver_rest(l, RECEIVER_TICK_US);
}

/* --------------------------------------------------------------- requests */

static void
receiver_add(struct receiver *l, const char *name, uint64_t worker)
{
	struct station *s;
	size_t length = strlen(name);

	HASH_FIND_STR(l->stations, name, s);
	if (s == NULL) {
		s = memory_new(sizeof(*s) + length + 1);
		memcpy(s->name, name, length);
		HASH_ADD_STR(l->stations, name, s);
		if (l->state >= RECEIVER_GREETING)
			receiver_write(&l->todo, "listen ", name);
	}
	s->workers |= worker;
}

static void
receiver_drop(struct receiver *l, const char *name, uint64_t worker)
{
	struct station *s;

	HASH_FIND_STR(l->stations, name, s);
	if (s == NULL || (s->workers &= ~worker) != 0)
		return;
	if (l->state >= RECEIVER_GREETING)
		receiver_write(&l->todo, "unlisten ", name);
	HASH_DEL(l->stations, s);
	free(s);
}

static void
receiver_each_name(struct receiver *l, const struct bytes *names, void (*each)(struct receiver *, const char *, uint64_t), uint64_t worker)
{
	struct reader r = reader_over(names->data, names->length);

	while (reader_left(&r) > 0)
		each(l, reader_text(&r), worker);
}

static void
receiver_take_request(struct message *m)
{
	struct receiver_request *r = container_of(m, struct receiver_request, message);
	struct receiver *l = r->receiver;
	uint64_t worker = UINT64_C(1) << r->worker->number;

	l->audience |= worker;
	receiver_each_name(l, &r->drop, receiver_drop, worker);
	receiver_each_name(l, &r->add, receiver_add, worker);
	if (!r->wants_answer)
		request_free(r);
	else if (l->shut || (l->state != RECEIVER_UP && !r->waits))
		receiver_answer(r, true, NULL);
	else
		list_push_back(&l->waiting, &r->node);
	receiver_pump(l);
	if (l->state == RECEIVER_CLOSED && receiver_is_wanted(l))
		receiver_look_at_use(l);
	if (!timer_is_armed(&l->timer))
		receiver_rest(l, RECEIVER_TICK_US);
}

void
receiver_ask(struct receiver *l, struct receiver_request *request)
{
	request->receiver = l;
	request->asked_us = loop_now_us(request->worker->loop);
	request->message.run = receiver_take_request;
	loop_post(l->home->loop, &request->message);
}

/* ------------------------------------------------------ beginning and end */

static struct bytes
receiver_key(const struct ledger *ledger, const char *user, const char *encoding)
{
	struct bytes b = {0};

	bytes_u64(&b, ledger->id);
	bytes_text(&b, user);
	bytes_text(&b, encoding);
	return b;
}

static struct receiver *
receiver_new(struct worker *home, struct ledger *ledger, const char *user, const char *encoding)
{
	static _Atomic uint64_t last;
	struct receiver *l = memory_new(sizeof(*l));
	uint8_t random[16];
	struct bytes name = {0};

	l->id = atomic_fetch_add(&last, 1) + 1;
	l->home = home;
	l->ledger = ledger_ref(ledger);
	crypto_random(random, sizeof(random));
	bytes_chars(&name, "pgweir_");
	for (size_t i = 0; i < sizeof(random); i++)
		bytes_format(&name, "%02x", random[i]);
	memcpy(l->marker_channel, name.data, name.length);
	bytes_free(&name);
	bytes_text(&l->startup, "client_encoding");
	bytes_text(&l->startup, encoding);
	bytes_text(&l->startup, "application_name");
	bytes_text(&l->startup, "pgweir receiver");
	list_init(&l->waiting);
	list_init(&l->sent);
	list_init(&l->markers);
	list_init(&l->borrower.order);
	list_init(&l->borrower.own);
	l->borrower.events = &receiver_events;
	l->borrower.pool = home->pool;
	l->borrower.beyond = true;
	l->borrower.account = account_attach(ledger, user, pool_snapshot(home->pool));
	timer_init(&l->timer, receiver_tick);
	list_push_back(&home->receivers, &l->all);
	return l;
}

struct receiver *
receiver_of(struct worker *worker, struct ledger *ledger, const char *user, const char *encoding)
{
	struct bytes key = receiver_key(ledger, user, encoding);
	struct receiver *l, *fresh = NULL;

	for (;;) {
		pthread_mutex_lock(&receivers_mutex);
		HASH_FIND(hh, receivers, key.data, key.length, l);
		if (l == NULL && fresh != NULL) {
			l = fresh;
			fresh = NULL;
			l->key = key;
			key = (struct bytes){0};
			HASH_ADD_KEYPTR(hh, receivers, l->key.data, l->key.length, l);
		}
		if (l != NULL)
			l->references++;
		pthread_mutex_unlock(&receivers_mutex);
		if (l != NULL)
			break;
		/* Attached to its account outside of the mutex, which is taken under no other. */
		fresh = receiver_new(worker, ledger, user, encoding);
	}
	bytes_free(&key);
	if (fresh != NULL)
		receiver_free(fresh);
	return l;
}

static void
receiver_end(struct message *m)
{
	struct receiver *l = container_of(m, struct receiver, end_message);

	l->ending = true;
	receiver_close(l, "nobody listens", true);
	receiver_answer_all(&l->waiting, true, NULL);
	if (pool_abandon(&l->borrower))
		receiver_free(l);
}

void
receiver_unref(struct receiver *l)
{
	bool last;

	pthread_mutex_lock(&receivers_mutex);
	last = --l->references == 0;
	if (last)
		HASH_DEL(receivers, l);
	pthread_mutex_unlock(&receivers_mutex);
	if (!last)
		return;
	l->end_message.run = receiver_end;
	loop_post(l->home->loop, &l->end_message);
}

void
receiver_end_all(struct worker *w)
{
	list_for_each_safe(node, &w->receivers) {
		struct receiver *l = list_entry(node, struct receiver, all);

		l->shut = true;
		receiver_close(l, "pgweir is shutting down", true);
		receiver_answer_all(&l->waiting, true, close_row(CLOSE_pooler_shutdown)->text);
	}
}

uint64_t
receiver_id(const struct receiver *l)
{
	return l->id;
}

const char *
receiver_marker(const struct receiver *l)
{
	return l->marker_channel;
}

bool
receiver_is(const struct receiver *l, const struct ledger *ledger, const char *user, const char *encoding)
{
	struct bytes key = receiver_key(ledger, user, encoding);
	bool same = key.length == l->key.length && memcmp(key.data, l->key.data, key.length) == 0;

	bytes_free(&key);
	return same;
}
