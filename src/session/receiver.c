/*
 * session/receiver.c - who wants which channels, and for how long: the table of all
 * receivers, the requests of the workers' audiences, and the watch over the
 * connection that reception.c has.  See receiver.h.
 */
#include "session/receiver_private.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "auth/crypto.h"
#include "session/receivers.h"

/* How long the connection is kept while nobody listens. */
#define RECEIVER_LINGER_US ((int64_t)1000 * 1000)

static pthread_mutex_t receivers_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct receiver *receivers;

void
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

/* -------------------------------------------------------------- its watch */

/* Why the connection may not stay, or NULL. */
static const char *
receiver_reason_to_close(struct receiver *l)
{
	struct ledger *ledger = l->ledger;
	bool paused;

	pthread_mutex_lock(&ledger->mutex);
	paused = ledger->paused || ledger->primary_paused;
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
request_free(struct receiver_request *r)
{
	bytes_free(&r->add);
	bytes_free(&r->drop);
	free(r->problem);
	free(r);
}

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
	bytes_text(&l->startup, "pgweir listener");
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
receiver_count(struct receiver *l, int more)
{
	atomic_fetch_add_explicit(&l->subscriptions, (unsigned)more, memory_order_relaxed);
}

void
receivers_each(const struct worker *w, void (*take)(void *user, const struct receiver_report *report), void *user)
{
	list_for_each(node, &w->receivers) {
		const struct receiver *l = list_entry(node, struct receiver, all);
		struct receiver_report report = {
		    .database = l->ledger->name,
		    .user = l->borrower.account->user,
		    .encoding = l->startup.data + strlen("client_encoding") + 1,
		    .channels = HASH_COUNT(l->stations),
		    .subscriptions = atomic_load_explicit(&l->subscriptions, memory_order_relaxed),
		    .server = l->server,
		    .lost_wall_us = l->lost_wall_us,
		};

		take(user, &report);
	}
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
