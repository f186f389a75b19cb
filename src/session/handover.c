/*
 * session/handover.c - how what a session's own server was told to LISTEN to becomes
 * the shared receiver's, with no notification lost, doubled, or out of its order.
 *
 * LISTEN and UNLISTEN run on the client's server as they are: PostgreSQL judges them,
 * transactions and savepoints undo them.  When the transaction has ended, and before
 * its ReadyForQuery is passed on, the server is asked what it listens to.
 *
 *   server    LISTEN x · COMMIT   "what do you listen to?"            NOTIFY marker  UNLISTEN *
 *                  ├── natives: all of x since then ──────────────────────┤
 *   receiver                                   LISTEN x · ready ──▶       ▼
 *                  ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄├ pending ───── marker ─── x from here ──▶
 *
 * PostgreSQL has one queue per cluster, and all who listen read it in one order.  So
 * the marker has the same place among the notifications of both: what the server
 * said before it and the receiver says after it is exactly what a connection of
 * the session's own would have said.
 *
 * A session that listens already has its channels brought to the server ahead of
 * whatever may change or look at them.  From then on both hear those; the server's,
 * up to the marker, are the last ones of the receiver's, so they are counted off there.
 */
#include "session/listening_private.h"

#include <stdlib.h>
#include <string.h>

#include "observe/log.h"
#include "session/forward_private.h"
#include "session/own.h"

#define LISTENS_NAME STATEMENT_PREFIX "listen"

static void
handover_write(struct bytes *out, const char *channel)
{
	bytes_chars(out, "listen ");
	receiver_quote(out, channel);
}

/* ------------------------------------------------------------------- bring */

static void
bring_push(struct session *s, struct bytes *out, const char *text)
{
	message_query(out, text);
	answers_push(&s->server->answers, ANSWER_QUERY, ANSWER_SWALLOW)->purpose = PURPOSE_CHANNELS;
	/* A Query ends the unnamed statement of the server. */
	server_set_unnamed(s->server, NULL);
}

static void
bring_by_query(struct session *s, struct bytes *out, bool in_doubt)
{
	struct listening *l = s->listening;
	struct bytes text = {0};

	if (in_doubt)
		handover_write(&text, receiver_marker(audience_receiver(l->audience)));
	if (l->only != NULL)
		handover_write(&text, l->only);
	list_for_each(node, &l->subscriptions) {
		if (l->only != NULL)
			break;
		bytes_chars(&text, text.length > 0 ? ";" : "");
		handover_write(&text, subscription_channel(list_entry(node, struct subscription, in_session)));
	}
	bytes_u8(&text, 0);
	bring_push(s, out, text.data);
	bytes_free(&text);
}

/* One LISTEN in the midst of the client's batch, whose Sync commits it. */
static void
bring_one(struct session *s, struct bytes *out, const char *channel)
{
	struct bytes text = {0};

	handover_write(&text, channel);
	bytes_u8(&text, 0);
	own_once_end(out, own_once_begin(out, LISTENS_NAME, text.data, 0), LISTENS_NAME);
	bytes_free(&text);
	own_once_expect(s->server, PURPOSE_CHANNELS);
}

static void
bring_in_batch(struct session *s, struct bytes *out)
{
	struct listening *l = s->listening;

	bring_one(s, out, receiver_marker(audience_receiver(l->audience)));
	list_for_each(node, &l->subscriptions)
		bring_one(s, out, subscription_channel(list_entry(node, struct subscription, in_session)));
}

enum ahead
handover_bring(struct session *s)
{
	struct listening *l = s->listening;
	struct bytes *out;
	size_t before;

	/* Outside of a batch its place in the transaction is known once the answers are. */
	if (!s->in_batch && answers_readies(&s->server->answers) > 0)
		return AHEAD_WAIT;
	out = gather_make(&s->worker->to_server);
	before = out->length;
	l->brought = true;
	/* Done before the transaction it is a fact; inside, the marker's channel among the others shows that it was not undone. */
	l->in_doubt = s->in_batch || s->server->status != 'I';
	if (s->in_batch)
		bring_in_batch(s, out);
	else
		bring_by_query(s, out, l->in_doubt);
	gather_made(&s->worker->to_server, before);
	return AHEAD_GO;
}

/* -------------------------------------------------------------- afterwards */

void
listening_settle(struct session *s, struct bytes *out)
{
	struct listening *l = s->listening;
	bool brought = l != NULL && l->brought;

	if (!listening_is_shared(s) || (l == NULL && (s->effects & (EFFECT_listens | EFFECT_unknown)) == 0))
		return;
	/* It has been told nothing, so what it says is nobody's. */
	if (cluster_host_role(s->server->cluster, s->server->host) == HOST_REPLICA)
		return;
	if (l != NULL) {
		l->failed = false;
		bytes_free(&l->listed);
	}
	if (s->discarded && l != NULL) {
		listening_end_all(&l->subscriptions);
		backlog_free(&l->queue);
		l->brought = brought = false;
	}
	if ((s->effects & (EFFECT_listens | EFFECT_unknown)) != 0) {
		bring_push(s, out, "select pg_catalog.pg_listening_channels()");
		if (l != NULL)
			l->step = HANDOVER_ASKED;
	} else if (brought) {
		bring_push(s, out, "unlisten *");
		l->step = HANDOVER_CLEANING;
	}
}

void
listening_row(struct session *s, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);
	struct listening *l = listening_make(s);
	uint16_t columns = reader_u16(&r);
	uint32_t size = reader_u32(&r);
	const char *name = reader_bytes(&r, size);

	l->step = HANDOVER_ASKED;
	if (columns != 1 || name == NULL || memchr(name, '\0', size) != NULL) {
		l->failed = true;
		return;
	}
	bytes_append(&l->listed, name, size);
	bytes_u8(&l->listed, 0);
}

void
listening_failed(struct session *s)
{
	listening_make(s)->failed = true;
	s->server->close_needed = true;
}

/* True when the name is among the NUL-ended ones. */
static bool
names_have(const struct bytes *names, const char *name)
{
	struct reader r = reader_over(names->data, names->length);

	while (reader_left(&r) > 0)
		if (strcmp(reader_text(&r), name) == 0)
			return true;
	return false;
}

static void
handover_drop_from_queue(struct listening *l, const char *channel)
{
	for (uint32_t i = l->queue.count; i-- > 0;)
		if (strcmp(notification_channel(backlog_at(&l->queue, i)), channel) == 0)
			backlog_remove(&l->queue, i);
}

/* Subscriptions that the transaction ended. */
static void
handover_take_away(struct listening *l)
{
	bool is_fact = l->brought && (!l->in_doubt || names_have(&l->listed, receiver_marker(audience_receiver(l->audience))));

	if (!is_fact)
		return;
	list_for_each_safe(node, &l->subscriptions) {
		struct subscription *s = list_entry(node, struct subscription, in_session);

		if ((l->only != NULL && strcmp(subscription_channel(s), l->only) != 0) || names_have(&l->listed, subscription_channel(s)))
			continue;
		handover_drop_from_queue(l, subscription_channel(s));
		subscription_end(s);
	}
}

/* Channels that the transaction began to listen to; answers whether there are any. */
static bool
handover_add(struct session *s)
{
	struct listening *l = s->listening;
	struct reader r = reader_over(l->listed.data, l->listed.length);
	bool any = false;

	while (reader_left(&r) > 0) {
		const char *name = reader_text(&r);
		struct subscription *added;

		if (listening_find(l, name) != NULL || (l->audience != NULL && strcmp(name, receiver_marker(audience_receiver(l->audience))) == 0))
			continue;
		listening_join(s);
		added = subscription_new(l->audience, l, name);
		list_push_back(&l->subscriptions, &added->in_session);
		any = true;
	}
	return any;
}

static void
handover_send(struct session *s, struct bytes *out)
{
	stream_send_bytes(&s->server->stream, out->data, out->length);
	bytes_free(out);
}

static void
handover_clean(struct session *s)
{
	struct bytes out = {0};

	bring_push(s, &out, "unlisten *");
	handover_send(s, &out);
	s->listening->step = HANDOVER_CLEANING;
}

/* The marker needs no disk: who waits for it is told only after the transaction that it stands behind. */
static void
handover_mark(struct session *s)
{
	struct listening *l = s->listening;
	const char *channel = receiver_marker(audience_receiver(l->audience));
	char *text = text_format("set local synchronous_commit = off; listen \"%s\"; notify \"%s\", '%llu'", channel, channel,
	    (unsigned long long)l->marker);
	struct bytes out = {0};

	bring_push(s, &out, text);
	bring_push(s, &out, "unlisten *");
	free(text);
	handover_send(s, &out);
	l->step = HANDOVER_MARKING;
}

/* What the receiver has said since the marker is behind all that the server said. */
static void
handover_set_apart(struct listening *l, struct backlog *later)
{
	for (uint32_t i = l->marked_at; i < l->queue.count; i++)
		backlog_push(later, backlog_at(&l->queue, i));
	while (l->queue.count > l->marked_at)
		backlog_remove(&l->queue, l->queue.count - 1);
}

/* Counts off what the server and the receiver have both said, and puts all that the server said to the marker's place. */
static void
handover_merge(struct listening *l)
{
	struct backlog later = {0};

	handover_set_apart(l, &later);
	for (uint32_t i = l->natives.count; i-- > 0;) {
		const char *channel = notification_channel(backlog_at(&l->natives, i));
		const struct subscription *s = listening_find(l, channel);
		uint32_t k = l->queue.count;

		if (s == NULL || s->is_pending)
			continue;
		while (k > 0 && strcmp(notification_channel(backlog_at(&l->queue, k - 1)), channel) != 0)
			k--;
		if (k > 0)
			backlog_remove(&l->queue, k - 1);
	}
	while (l->natives.count > 0) {
		struct notification *n = backlog_pop(&l->natives);

		if (listening_find(l, notification_channel(n)) != NULL)
			backlog_push(&l->queue, n);
		notification_unref(n);
	}
	for (uint32_t i = 0; i < later.count; i++)
		backlog_push(&l->queue, backlog_at(&later, i));
	backlog_free(&later);
	list_for_each(node, &l->subscriptions)
		list_entry(node, struct subscription, in_session)->is_pending = false;
	l->marked_shared = false;
}

/* The server could not be asked, or the receiver could not be had: the client must not believe that it listens. */
static bool
handover_end(struct session *s, const char *why)
{
	char *text = text_format("LISTEN could not be completed: %s", why);

	session_close(s, CLOSE_listen_failed, text);
	free(text);
	return true;
}

/* The server has said what it listens to. */
static bool
handover_compare(struct session *s)
{
	struct listening *l = s->listening;

	if (l->failed)
		return handover_end(s, "the server did not say what it listens to");
	handover_take_away(l);
	if (handover_add(s)) {
		static _Atomic uint64_t last;

		l->marker = atomic_fetch_add(&last, 1) + 1;
		l->marked_shared = false;
		l->step = HANDOVER_JOINING;
		l->number = listening_ask(s, true, l->marker);
		return true;
	}
	if (l->listed.length > 0) {
		handover_clean(s);
		return true;
	}
	l->step = HANDOVER_NONE;
	return false;
}

/* The server has said all that it will: it is clean. */
static bool
handover_cleaned(struct session *s)
{
	struct listening *l = s->listening;

	if (l->failed)
		return handover_end(s, "the server did not do as it was told");
	l->brought = false;
	if (l->step == HANDOVER_CLEANING) {
		backlog_free(&l->natives);
		l->step = HANDOVER_NONE;
		return false;
	}
	if (!l->marked_native)
		return handover_end(s, "the server has not heard itself");
	l->step = HANDOVER_MARKED;
	return false;
}

static bool
handover_catch_up(struct session *s)
{
	struct listening *l = s->listening;

	if (l->step == HANDOVER_NONE && s->ready_held && !list_is_empty(&l->subscriptions)) {
		l->step = HANDOVER_CATCHING_UP;
		l->number = listening_ask(s, false, 0);
	}
	return l->step == HANDOVER_CATCHING_UP;
}

/*
 * Another client_encoding, or another user of the entry's, has another receiver.  The
 * one that it has goes on until the other one has all channels.
 */
static bool
handover_move(struct session *s)
{
	struct listening *l = s->listening;

	if (l->step == HANDOVER_MOVED || !s->ready_held || list_is_empty(&l->subscriptions) || listening_is_at_home(s))
		return false;
	l->next = listening_audience(s);
	list_for_each(node, &l->subscriptions) {
		struct subscription *old = list_entry(node, struct subscription, in_session);

		list_push_back(&l->next_ones, &subscription_new(l->next, l, subscription_channel(old))->in_session);
	}
	l->step = HANDOVER_MOVING;
	l->number = listening_ask(s, true, 0);
	return true;
}

static void
handover_moved(struct listening *l)
{
	struct list *node;

	listening_end_all(&l->subscriptions);
	audience_leave(&l->audience);
	l->audience = l->next;
	l->next = NULL;
	while ((node = list_pop_front(&l->next_ones)) != NULL) {
		list_push_back(&l->subscriptions, node);
		list_entry(node, struct subscription, in_session)->is_pending = false;
	}
	l->step = HANDOVER_MOVED;
}

void
handover_finish(struct listening *l)
{
	l->step = HANDOVER_NONE;
	l->brought = false;
	l->opened = false;
	l->marked_native = false;
	l->marked_shared = false;
	backlog_free(&l->natives);
	bytes_free(&l->listed);
	free(l->only);
	l->only = NULL;
}

bool
listening_continues(struct session *s)
{
	struct listening *l = s->listening;

	if (l == NULL)
		return false;
	switch (l->step) {
	case HANDOVER_ASKED:
		if (handover_compare(s))
			return true;
		break;
	case HANDOVER_JOINING:
	case HANDOVER_CATCHING_UP:
	case HANDOVER_MOVING:
		return true;
	case HANDOVER_JOINED:
		handover_mark(s);
		return true;
	case HANDOVER_MARKING:
	case HANDOVER_CLEANING:
		if (handover_cleaned(s))
			return true;
		break;
	default:
		break;
	}
	if (l->step == HANDOVER_MARKED && !l->marked_shared)
		return true;
	if (l->step == HANDOVER_MARKED) {
		handover_merge(l);
		l->step = HANDOVER_DONE;
	}
	if (handover_catch_up(s) || handover_move(s))
		return true;
	handover_finish(l);
	return false;
}

/* ------------------------------------------------------- from the receiver */

void
handover_answered(struct session *s, const struct receiver_request *r)
{
	struct listening *l = s->listening;

	if (l->step == HANDOVER_CATCHING_UP) {
		l->step = HANDOVER_DONE;
	} else if (l->step != HANDOVER_JOINING && l->step != HANDOVER_MOVING) {
		return;
	} else if (r->lost) {
		handover_end(s, r->problem != NULL ? r->problem : "the connection was lost");
		return;
	} else if (l->step == HANDOVER_MOVING) {
		handover_moved(l);
	} else {
		l->step = HANDOVER_JOINED;
	}
	release_transaction(s);
}

void
listening_marked(struct session *s, uint64_t marker)
{
	struct listening *l = s->listening;

	if (marker != l->marker)
		return;
	l->marked_shared = true;
	l->marked_at = l->queue.count;
	if (l->step == HANDOVER_MARKED)
		release_transaction(s);
}
