/*
 * session/listening.c - what a session listens to, and what it is told; how it comes
 * to listen is in handover.c.
 *
 * PostgreSQL tells a client at the end of a transaction, before ReadyForQuery, or
 * while it is idle outside of one; so does this.  To be as sure as there that all
 * which was committed before is there, each of a listening session's transactions
 * ends with a catch-up of the receiver's.  One begins with it when the server was
 * another's meanwhile: what that one notified has been delivered under its own
 * name before the process counts as this session's.
 */
#include "session/listening_private.h"

#include <stdlib.h>
#include <string.h>

#include "session/floor.h"
#include "session/forward_private.h"
#include "session/own.h"
#include "session/relay_private.h"

/* So many notifications at most wait for one client. */
#define QUEUE_MOST 10000u
/* Sent with one system call. */
#define DELIVER_PIECES 64

/* ----------------------------------------------------------------- backlog */

void
backlog_push(struct backlog *b, struct notification *n)
{
	if (b->count == b->capacity) {
		uint32_t capacity = max_of(b->capacity * 2, 8u);
		struct notification **ring = memory_array(capacity, sizeof(*ring));

		for (uint32_t i = 0; i < b->count; i++)
			ring[i] = backlog_at(b, i);
		free(b->ring);
		b->ring = ring;
		b->first = 0;
		b->capacity = capacity;
	}
	b->ring[(b->first + b->count++) % b->capacity] = notification_ref(n);
}

struct notification *
backlog_at(const struct backlog *b, uint32_t i)
{
	return b->ring[(b->first + i) % b->capacity];
}

struct notification *
backlog_pop(struct backlog *b)
{
	struct notification *n = backlog_at(b, 0);

	b->first = (b->first + 1) % b->capacity;
	b->count--;
	return n;
}

void
backlog_remove(struct backlog *b, uint32_t i)
{
	notification_unref(backlog_at(b, i));
	for (; i + 1 < b->count; i++)
		b->ring[(b->first + i) % b->capacity] = backlog_at(b, i + 1);
	b->count--;
}

void
backlog_free(struct backlog *b)
{
	while (b->count > 0)
		notification_unref(backlog_pop(b));
	free(b->ring);
	*b = (struct backlog){0};
}

/* ------------------------------------------------------- begin and end */

bool
listening_is_shared(const struct session *s)
{
	return s->pool_mode != POOL_SESSION && s->features != FEATURES_IGNORE && s->state != SESSION_REPLICATION;
}

struct listening *
listening_make(struct session *s)
{
	struct listening *l = s->listening;

	if (l != NULL)
		return l;
	l = memory_new(sizeof(*l));
	l->session = s;
	list_init(&l->subscriptions);
	list_init(&l->next_ones);
	s->listening = l;
	return l;
}

void
listening_end_all(struct list *subscriptions)
{
	struct list *node;

	while ((node = list_first(subscriptions)) != NULL)
		subscription_end(list_entry(node, struct subscription, in_session));
}

void
listening_free(struct session *s)
{
	struct listening *l = s->listening;

	if (l == NULL)
		return;
	/* What it still listens to there would reach the next client. */
	if (s->server != NULL && (l->step != HANDOVER_NONE || l->brought))
		s->server->left |= EFFECT_listens;
	listening_end_all(&l->subscriptions);
	listening_end_all(&l->next_ones);
	audience_leave(&l->audience);
	audience_leave(&l->next);
	backlog_free(&l->queue);
	backlog_free(&l->natives);
	bytes_free(&l->listed);
	free(l->only);
	free(l->problem);
	free(l);
	s->listening = NULL;
}

struct subscription *
listening_find(const struct listening *l, const char *channel)
{
	list_for_each(node, &l->subscriptions) {
		struct subscription *s = list_entry(node, struct subscription, in_session);

		if (strcmp(subscription_channel(s), channel) == 0)
			return s;
	}
	return NULL;
}

static const char *
listening_encoding(const struct session *s)
{
	const struct server_value *row = server_value(s->server, "client_encoding");

	return row != NULL ? row->value : "UTF8";
}

struct audience *
listening_audience(struct session *s)
{
	return audience_join(s->worker, s->ledger, s->borrower.account->user, listening_encoding(s));
}

bool
listening_is_at_home(const struct session *s)
{
	const struct audience *a = s->listening->audience;

	return a != NULL && receiver_is(audience_receiver(a), s->ledger, s->borrower.account->user, listening_encoding(s));
}

void
listening_join(struct session *s)
{
	struct listening *l = s->listening;

	if (!list_is_empty(&l->subscriptions) || listening_is_at_home(s))
		return;
	audience_leave(&l->audience);
	l->audience = listening_audience(s);
}

uint64_t
listening_ask(struct session *s, bool waits, uint64_t marker)
{
	static _Atomic uint64_t last;
	struct listening *l = s->listening;
	uint64_t number = atomic_fetch_add(&last, 1) + 1;

	audience_ask(l->next != NULL ? l->next : l->audience, s, number, waits, marker);
	return number;
}

static bool
listening_has_any(const struct session *s)
{
	return s->listening != NULL && !list_is_empty(&s->listening->subscriptions);
}

/* ---------------------------------------------------------------- delivery */

/* Idle outside of a transaction, with nothing of an answer under way. */
static bool
listening_may_deliver(const struct session *s)
{
	if (s->ready_held || s->listening->step != HANDOVER_NONE)
		return false;
	return s->state == SESSION_WAITING || session_is_between_transactions(s);
}

static void
listening_send(struct session *s)
{
	struct backlog *b = &s->listening->queue;

	if (b->count > 0 && s->floor != NULL)
		floor_heard(s);
	while (b->count > 0 && stream_unsent(&s->stream) <= HIGH_WATER) {
		struct notification *sent[DELIVER_PIECES];
		struct iovec iov[DELIVER_PIECES];
		int n = 0;

		for (; n < DELIVER_PIECES && b->count > 0; n++) {
			sent[n] = backlog_pop(b);
			iov[n] = (struct iovec){.iov_base = sent[n]->frame, .iov_len = sent[n]->length};
			stat_add(session_stats(s)->sent, sent[n]->length);
		}
		stream_send(&s->stream, iov, n);
		while (n > 0)
			notification_unref(sent[--n]);
	}
	if (b->count == 0)
		backlog_free(b);
}

void
listening_deliver(struct session *s)
{
	if (s->listening != NULL && s->listening->queue.count > 0 && listening_may_deliver(s))
		listening_send(s);
}

void
listening_take(struct listening *l, struct notification *n)
{
	struct session *s = l->session;

	if (s->state == SESSION_CLOSING)
		return;
	if (l->queue.count >= QUEUE_MOST) {
		session_close(s, CLOSE_too_far_behind, "too many notifications wait for this client");
		return;
	}
	backlog_push(&l->queue, n);
	listening_deliver(s);
}

void
listening_release(struct session *s)
{
	if (s->listening != NULL)
		listening_send(s);
	if (!s->ready_held)
		return;
	s->ready_held = false;
	stream_send_bytes(&s->stream, "Z\0\0\0\5I", 6);
}

void
listening_outlives(struct session *s)
{
	struct listening *l = s->listening;

	if (l == NULL || l->step != HANDOVER_CATCHING_UP)
		return;
	l->number = 0;
	handover_finish(l);
	listening_release(s);
}

bool
listening_hears(const struct listening *l, uint64_t receiver)
{
	return l->audience != NULL && !list_is_empty(&l->subscriptions) && receiver_id(audience_receiver(l->audience)) == receiver;
}

bool
listening_is_past_marker(const struct listening *l)
{
	return l->marked_shared;
}

bool
listening_native(struct session *s, const char *body, size_t length)
{
	struct notification *n = notification_read(&s->server->peer, body, length);
	struct listening *l = s->listening;

	if (n == NULL)
		return false;
	if (!listening_is_shared(s)) {
		struct bytes *out = gather_make(&s->worker->to_client);
		size_t before = out->length;

		bytes_append(out, n->frame, n->length);
		gather_made(&s->worker->to_client, before);
	} else if ((s->effects & (EFFECT_listens | EFFECT_unknown)) != 0 || (l != NULL && l->brought)) {
		l = listening_make(s);
		if (l->audience != NULL && strcmp(notification_channel(n), receiver_marker(audience_receiver(l->audience))) == 0)
			l->marked_native |= strtoull(notification_payload(n), NULL, 10) == l->marker;
		else if (!l->marked_native)
			backlog_push(&l->natives, n);
	}
	notification_unref(n);
	return true;
}

bool
listening_holds(struct session *s)
{
	const struct listening *l = s->listening;

	if (s->status != 'I' || s->server->answers.count > 0 || s->in_batch || s->learning || !listening_is_shared(s))
		return false;
	s->ready_held = (s->effects & EFFECT_listens) != 0 || (l != NULL && (l->brought || listening_has_any(s)));
	return s->ready_held;
}

/* --------------------------------------------------------- before a request */

void
listening_lent(struct session *s)
{
	/* Who listens waits with that until it has heard all that its predecessor said: listening_may_begin. */
	if (!listening_is_shared(s) || !listening_has_any(s))
		atomic_store_explicit(&s->server->holder, s->cancel_pid, memory_order_release);
}

bool
listening_may_begin(struct session *s)
{
	struct listening *l = s->listening;

	if (l == NULL || !listening_has_any(s) || !listening_is_shared(s) || s->server->status != 'I' || s->server->answers.count > 0)
		return true;
	if (atomic_load_explicit(&s->server->holder, memory_order_relaxed) == s->cancel_pid)
		return true;
	if (s->server->returned_us <= l->caught_up_us) {
		atomic_store_explicit(&s->server->holder, s->cancel_pid, memory_order_release);
		return true;
	}
	if (l->beginning == 0)
		l->beginning = listening_ask(s, false, 0);
	return false;
}

bool
listening_blocks(const struct session *s)
{
	const struct listening *l = s->listening;

	/* What has to come between two answers is only known when the former is complete. */
	return l != NULL && s->server->answers.count > 0 && listening_is_shared(s) && (l->brought || l->opened || listening_has_any(s));
}

/* LISTEN needs a receiver: without one it fails here, where the client can be told so. */
static enum ahead
listening_open(struct session *s)
{
	struct listening *l = listening_make(s);
	struct error e = {.severity = "ERROR", .sqlstate = "57P03", .message = "cannot listen: there is no connection for it"};

	if (l->opened)
		return AHEAD_GO;
	if (l->problem != NULL) {
		e.detail = l->problem;
		feature_refuse(s, &e);
		free(l->problem);
		l->problem = NULL;
		return AHEAD_REFUSE;
	}
	if (l->opening == 0) {
		listening_join(s);
		l->opening = listening_ask(s, true, 0);
	}
	return AHEAD_WAIT;
}

/* So many channels are brought for one's sake: what is said on two of them while one is added stays in its order. */
#define CHANNELS_FEW 64

static bool
listening_has_many(const struct listening *l)
{
	unsigned count = 0;

	list_for_each(node, &l->subscriptions)
		if (++count > CHANNELS_FEW)
			return true;
	return false;
}

/*
 * To bring all channels for each that is added, or taken away, would be quadratic, in
 * PostgreSQL too.  True when the text is a LISTEN or UNLISTEN of one, by itself: then
 * the server needs that one alone (l->only), or none at all.
 */
static bool
listening_takes_one(struct session *s, char type, const struct verdict *v, const char *text)
{
	struct listening *l = s->listening;
	struct verdict_detail detail;

	free(l->only);
	l->only = NULL;
	if (type != FRONTEND_QUERY || s->in_batch || s->server->status != 'I' || v->statements != 1 || (v->kind != KIND_LISTEN && v->kind != KIND_UNLISTEN))
		return false;
	if (!listening_has_many(l))
		return false;
	if (route_detail(text, strlen(text), &detail) && detail.name != NULL)
		l->only = text_copy(detail.name);
	verdict_detail_free(&detail);
	return l->only != NULL;
}

static bool
text_is_listen(const char *text)
{
	while (*text == ' ' || (*text >= '\t' && *text <= '\r') || *text == ';')
		text++;
	return text_starts_nocase(text, "listen");
}

/* The request may end what the session listens to: first it is told what was committed before, as if it had been there at once. */
static bool
listening_has_heard(struct session *s, bool heard)
{
	struct listening *l = s->listening;

	if (heard || s->in_batch || s->server->status != 'I' || s->server->answers.count > 0)
		return true;
	if (l->beginning == 0)
		l->beginning = listening_ask(s, false, 0);
	return false;
}

/* What a replica runs neither changes what a session listens to nor can be told of it. */
static bool
listening_is_elsewhere(const struct session *s)
{
	return cluster_host_role(s->server->cluster, s->server->host) == HOST_REPLICA;
}

enum ahead
listening_ahead(struct session *s, char type, const struct verdict *v, const char *text)
{
	bool heard = s->listening != NULL && s->listening->heard;

	if (heard)
		s->listening->heard = false;
	if (!listening_is_shared(s) || s->server->status == 'E')
		return AHEAD_GO;
	if ((v->effects & EFFECT_listens) != 0 && text_is_listen(text)) {
		enum ahead ahead = listening_open(s);

		if (ahead != AHEAD_GO)
			return ahead;
	}
	if (!listening_has_any(s) || s->listening->brought || listening_is_elsewhere(s))
		return AHEAD_GO;
	if (listening_takes_one(s, type, v, text) && listening_find(s->listening, s->listening->only) == NULL)
		return AHEAD_GO;
	if ((v->effects & (EFFECT_listens | EFFECT_looks_channels | EFFECT_unknown)) != 0 || strcasestr(text, "pg_listening_channels") != NULL ||
	    v->statements != 1 || v->kind == KIND_BEGIN || v->kind == KIND_BEGIN_READ_ONLY)
		return listening_has_heard(s, heard) ? handover_bring(s) : AHEAD_WAIT;
	if ((v->effects & EFFECT_discards) != 0 && !listening_has_heard(s, heard))
		return AHEAD_WAIT;
	return AHEAD_GO;
}

enum ahead
listening_ahead_of_batch(struct session *s, const char *bytes, size_t length)
{
	static const char look[] = "pg_listening_channels";
	struct listening *l = s->listening;
	bool heard = l->heard;

	if (!listening_is_shared(s) || !listening_has_any(s) || l->brought || s->in_batch || s->server->status != 'I' || listening_is_elsewhere(s) ||
	    memmem(bytes, length, look, sizeof(look) - 1) == NULL)
		return AHEAD_GO;
	l->heard = false;
	free(l->only);
	l->only = NULL;
	return listening_has_heard(s, heard) ? handover_bring(s) : AHEAD_WAIT;
}

bool
listening_may_lose_server(const struct session *s)
{
	const struct listening *l = s->listening;

	return l == NULL || (l->step == HANDOVER_NONE && l->natives.count == 0);
}

void
listening_lost_server(struct session *s)
{
	if (s->listening != NULL)
		s->listening->brought = s->listening->in_doubt = s->listening->heard = false;
}

/* ----------------------------------------------------------------- answers */

void
listening_answered(struct session *s, const struct receiver_request *r)
{
	struct listening *l = s->listening;

	if (r->number != l->opening && r->number != l->beginning && r->number != l->number)
		return;
	if (!r->lost)
		l->caught_up_us = r->asked_us;
	if (r->number == l->opening) {
		l->opening = 0;
		l->opened = !r->lost;
		l->problem = r->lost ? text_copy(r->problem != NULL ? r->problem : "The connection was lost.") : NULL;
		request_resume(s);
	} else if (r->number == l->beginning) {
		/* Without a connection nothing of the past can come any more. */
		l->beginning = 0;
		l->heard = true;
		l->caught_up_us = loop_now_us(s->worker->loop);
		request_resume(s);
	} else {
		l->number = 0;
		handover_answered(s, r);
	}
}
