/*
 * session/sequence.c - sequences on borrowed servers.
 *
 * A server knows whose last numbers it holds.  Whoever asks for one (currval, lastval)
 * on another's server has them discarded first, so it is told 55000, as one who has
 * never drawn any.  Whoever draws one by name keeps the server, and so does whoever
 * adds rows, once somebody of its account was seen to ask.
 *
 *     nobody has asked yet ── a waiter, and 200 ms idle ──▶ the server is given up
 *                │ currval, lastval                              │ often: nobody is pinned
 *                ▼                                               ▼
 *     kept until DISCARD, or a waiter and 2 s idle   only the own server is preferred
 */
#include "session/sequence.h"

#include <string.h>

#include "session/forward_private.h"
#include "session/own.h"
#include "session/pin.h"

#define WATCH_US ((int64_t)10 * 1000)
/* Who draws and asks does so in one breath; a server is left to it for so long while others wait. */
#define PATIENCE_US ((int64_t)200 * 1000)
#define PATIENCE_ASKED_US ((int64_t)2 * 1000 * 1000)
/* An account whose sessions gave up so many servers without ever asking draws numbers only to use them. */
#define GIVEN_UP_MOST 20
#define DISCARD_NAME STATEMENT_PREFIX "sequences"

/* True when numbers that were drawn are asked for later. */
static bool
sequence_is_asked(const struct session *s)
{
	switch (snapshot_track_sequences(s->snapshot, s->database)) {
	case TRACK_SEQUENCES_ALWAYS:
		return true;
	case TRACK_SEQUENCES_NEVER:
		return false;
	default:
		return atomic_load_explicit(&s->borrower.account->asks_sequences, memory_order_relaxed);
	}
}

/* ----------------------------------------------------------------- ahead */

/* In a batch the client's Sync ends it too; a Query of the client's would commit what stood before it. */
static void
sequence_discard(struct session *s)
{
	struct gather *g = &s->worker->to_server;
	struct bytes *out = gather_make(g);
	size_t before = out->length;

	/* Nothing of it stays: the client may look at what its transaction has. */
	own_once_end(out, own_once_begin(out, DISCARD_NAME, "discard sequences", 0), DISCARD_NAME);
	if (!s->in_batch)
		message_sync(out);
	gather_made(g, before);
	own_once_expect(s->server, PURPOSE_SEQUENCES);
	if (!s->in_batch)
		forward_expect(s, ANSWER_SYNC, ANSWER_SWALLOW)->purpose = PURPOSE_SEQUENCES;
	s->server->sequences_of = SEQUENCES_OF_NOBODY;
}

static bool
sequence_is_foreign(const struct session *s)
{
	return s->server->sequences_of != SEQUENCES_OF_NOBODY && s->server->sequences_of != s->id;
}

/* True of a text that may still say of its transaction what has to be said ahead of any query. */
static bool
text_sets_transaction(const struct verdict *v, const char *text)
{
	static const char *const words[] = {"isolation", "deferrable", "read write", "snapshot"};

	for (size_t i = 0; v->statements != 1 && i < array_length(words); i++)
		if (strcasestr(text, words[i]) != NULL)
			return true;
	return false;
}

/*
 * Another's numbers are discarded before they can be told, or mixed with numbers that will be asked for: in
 * this transaction anybody may.  Who adds a row and goes does not pay for it.
 */
static bool
sequence_has_to_discard(const struct session *s, const struct verdict *v, const char *text)
{
	if (!sequence_is_foreign(s) || s->server->status == 'E')
		return false;
	if (s->server->status == 'T' && text_sets_transaction(v, text))
		return (v->surely & EFFECT_asks_sequence) != 0;
	return (v->effects & EFFECT_asks_sequence) != 0 || s->server->status == 'T' || v->statements > 1 || sequence_is_asked(s);
}

void
sequence_lent(struct session *s)
{
	if (s->server->answers.count == 0)
		s->draws_now = false;
	if (s->pool_mode != POOL_SESSION && sequence_is_foreign(s) && s->server->status == 'I' && !s->in_batch && sequence_is_asked(s))
		sequence_discard(s);
}

/* True when the server has to be kept for what the text draws. */
static bool
sequence_pins(const struct session *s, const struct verdict *v)
{
	bool asked = sequence_is_asked(s);

	if (s->features != FEATURES_KEEP)
		return false;
	if (snapshot_track_sequences(s->snapshot, s->database) == TRACK_SEQUENCES_ALWAYS)
		return (v->effects & (EFFECT_draws | EFFECT_fills | EFFECT_unknown)) != 0;
	if ((v->surely & EFFECT_draws) != 0)
		return asked || atomic_load_explicit(&s->borrower.account->draws_given_up, memory_order_relaxed) < GIVEN_UP_MOST;
	if (!asked)
		return false;
	/* What nobody can look into is not taken for a draw: it would pin everybody. */
	return (v->surely & EFFECT_fills) != 0 || ((v->effects & (EFFECT_draws | EFFECT_fills)) != 0 && (v->effects & EFFECT_unknown) == 0);
}

enum ahead
sequence_ahead(struct session *s, char type, const struct verdict *v, const char *text, size_t length)
{
	if ((v->surely & EFFECT_asks_sequence) != 0)
		atomic_store_explicit(&s->borrower.account->asks_sequences, true, memory_order_relaxed);
	/* It runs when it is bound.  But in front of its Bind nothing may stand when it is a VACUUM, which runs in no pipeline. */
	if (type == FRONTEND_PARSE) {
		if (!s->in_batch && s->server->status == 'I' && sequence_has_to_discard(s, v, text))
			sequence_discard(s);
		return AHEAD_GO;
	}
	if (sequence_has_to_discard(s, v, text))
		sequence_discard(s);
	/* By its effects it may be one of the database's operators that draw, but those are no proven reads. */
	if (v->is_proven || cluster_host_role(s->server->cluster, s->server->host) == HOST_REPLICA) {
		s->draws_now = false;
		return AHEAD_GO;
	}
	if ((v->effects & (EFFECT_draws | EFFECT_fills)) != 0)
		s->server->sequences_of = sequence_is_foreign(s) ? SEQUENCES_OF_MANY : s->id;
	s->draws_now = sequence_pins(s, v);
	s->draws |= s->draws_now;
	if (s->draws_now)
		pin_note_text(s, EFFECT_draws, text, length);
	return AHEAD_GO;
}

void
sequence_ahead_unseen(struct session *s)
{
	static const struct verdict unseen = {.effects = EFFECTS_ALL};

	if (s->pool_mode != POOL_SESSION && s->features != FEATURES_IGNORE)
		sequence_ahead(s, FRONTEND_QUERY, &unseen, "", 0);
}

void
sequence_undo(struct server *server)
{
	server->sequences_of = SEQUENCES_OF_MANY;
}

bool
sequence_error_is_ours(const struct server *server)
{
	for (uint32_t i = 0; i < server->answers.count; i++) {
		const struct answer *a = answers_at(&server->answers, i);

		if (a->kind == ANSWER_SYNC)
			return a->way == ANSWER_SWALLOW;
	}
	return false;
}

/* ------------------------------------------------------------ afterwards */

void
sequence_tag(struct session *s, const char *tag)
{
	if (tag[0] == 'D' && (strcmp(tag, "DISCARD SEQUENCES") == 0 || strcmp(tag, "DISCARD ALL") == 0)) {
		s->server->sequences_of = SEQUENCES_OF_NOBODY;
		pin_end(s, EFFECT_draws);
		s->draws = false;
	} else {
		s->draws |= s->draws_now;
	}
}

void
sequence_failed(struct session *s)
{
	s->draws |= s->draws_now;
}

void
sequence_settled(struct session *s)
{
	/* What was drawn stays drawn, whatever became of the statement. */
	if (s->draws)
		pin_take(s, EFFECT_draws);
	s->draws = s->draws_now = false;
}

/* ------------------------------------------------------------- giving up */

/* Nothing but a number that it has drawn keeps the server, and nobody has said that this is reason enough. */
static bool
sequence_may_give_up(const struct session *s)
{
	return s->server != NULL && s->pins == EFFECT_draws && s->pool_mode != POOL_SESSION &&
	    snapshot_track_sequences(s->snapshot, s->database) != TRACK_SEQUENCES_ALWAYS;
}

static bool
sequence_has_to_give_up(const struct session *s, int64_t now_us)
{
	int64_t patience_us = sequence_is_asked(s) ? PATIENCE_ASKED_US : PATIENCE_US;

	return session_is_between_transactions(s) && now_us - s->idle_us >= patience_us && account_is_wanted(s->borrower.account);
}

void
sequence_released(struct session *s)
{
	struct worker *w = s->worker;

	if (s->server->sequences_of == s->id)
		s->borrower.prefers = s->server->number;
	if (!sequence_may_give_up(s) || !list_is_empty(&pin_notes(s)->drawing))
		return;
	list_push_back(&w->drawing, &pin_notes(s)->drawing);
	if (!timer_is_armed(&w->drawing_timer))
		timer_arm(loop_timers(w->loop), &w->drawing_timer, WATCH_US);
}

static void
sequence_give_up(struct session *s)
{
	if (!sequence_is_asked(s))
		atomic_fetch_add_explicit(&s->borrower.account->draws_given_up, 1, memory_order_relaxed);
	pin_end(s, EFFECT_draws);
	pin_settled(s);
	release_server(s);
}

void
sequence_watch(struct timer *t)
{
	struct worker *w = container_of(t, struct worker, drawing_timer);
	int64_t now_us = loop_now_us(w->loop);

	list_for_each_safe(node, &w->drawing) {
		struct session *s = list_entry(node, struct pins, drawing)->session;

		if (!sequence_may_give_up(s))
			list_remove(node);
		else if (sequence_has_to_give_up(s, now_us))
			sequence_give_up(s);
	}
	if (!list_is_empty(&w->drawing))
		timer_arm(loop_timers(w->loop), t, WATCH_US);
}
