/*
 * session/relay_error.c - errors of the server, and what they undo: the rest of the
 * batch will not happen, and names go back to what they were.
 */
#include <stdlib.h>
#include <string.h>

#include "session/feature.h"
#include "session/heal.h"
#include "session/own_names.h"
#include "session/relay_private.h"
#include "session/sequence.h"

void
relay_finish(struct answer *done)
{
	names_keep(&done->change);
	statement_unref(done->statement);
	free(done->refusal);
	free(done->own_name);
}

/* The request behind this answer was never done: what was noted of it is taken back. */
void
relay_undo(struct session *s, struct answer *a)
{
	struct server *server = s->server;

	names_undo(&a->change);
	if (a->own_name != NULL)
		own_names_undo(s, a);
	if (a->kind == ANSWER_PARSE && a->statement != NULL && !a->of_unnamed)
		server_unprepare(server, a->statement);
	if (a->of_unnamed)
		unnamed_undo(s, a);
	/* What it has still is not known any more. */
	if (a->forgets)
		server->close_needed = true;
	if (a->kind == ANSWER_CLOSE && a->statement != NULL && !a->of_unnamed)
		statement_unref(server_prepare(server, a->statement, UINT32_MAX));
	statement_unref(a->statement);
	a->statement = NULL;
	free(a->refusal);
	a->refusal = NULL;
	if (a->purpose == PURPOSE_SEQUENCES)
		sequence_undo(server);
	free(a->own_name);
	a->own_name = NULL;
}

void
relay_drop(struct session *s, uint32_t count)
{
	struct answers *a = &s->server->answers;

	for (uint32_t i = count; i > 0; i--)
		relay_undo(s, answers_at(a, i - 1));
	for (uint32_t i = 0; i < count; i++)
		answers_pop(a);
}

void
relay_drop_batch(struct session *s)
{
	struct answers *a = &s->server->answers;
	uint32_t count = 0;

	while (count < a->count && answers_at(a, count)->kind != ANSWER_SYNC)
		count++;
	/* The server drops all that comes before the next Sync, a Query too. */
	if (count == a->count) {
		s->batch_failed = true;
		s->in_batch = true;
	}
	relay_drop(s, count);
}

void
relay_settle(struct session *s)
{
	gather_drop(&s->worker->to_server, &s->server->stream);
	for (uint32_t i = s->server->answers.count; i > 0; i--) {
		struct answer *a = answers_at(&s->server->answers, i - 1);

		names_undo(&a->change);
		free(a->refusal);
		a->refusal = NULL;
		free(a->own_name);
		a->own_name = NULL;
	}
}

/* ---------------------------------------------------------------- errors */

/* The client's name of a statement that the server calls NAME, of several the one that HEAD has asked for; or NULL. */
static const struct name_entry *
relay_client_name(const struct session *s, const char *name, size_t length, const struct answer *head)
{
	const struct name_entry *found = NULL;

	list_for_each(node, &s->names) {
		const struct name_entry *e = list_entry(node, struct name_entry, in_session);

		if (strlen(e->statement->name) != length || memcmp(e->statement->name, name, length) != 0)
			continue;
		if (found == NULL || (head != NULL && head->name_hint == (uint8_t)e->hh.hashv))
			found = e;
	}
	return found;
}

/* The same of one that was closed behind the message that failed. */
static const struct name_entry *
relay_closed_name(const struct session *s, const char *name, size_t length)
{
	const struct answers *a = &s->server->answers;

	for (uint32_t i = 0; i < a->count; i++) {
		const struct name_change *c = answers_at(a, i)->change;
		const struct name_entry *e = c != NULL ? c->before : NULL;

		if (e != NULL && strlen(e->statement->name) == length && memcmp(e->statement->name, name, length) == 0)
			return e;
	}
	return NULL;
}

/* Forwards an error with the server's statement names replaced by the client's. */
static void
relay_error_renamed(struct session *s, const struct relay_frame *f, const struct answer *head)
{
	struct gather *g = &s->worker->to_client;
	struct bytes *out = gather_make(g);
	size_t before = out->length, begun = message_begin(out, f->type);
	const char *at = f->body, *end = f->body + f->length;

	while (at < end) {
		const char *found = memmem(at, (size_t)(end - at), STATEMENT_PREFIX, strlen(STATEMENT_PREFIX));
		const struct name_entry *e;
		size_t length;

		if (found == NULL)
			break;
		bytes_append(out, at, (size_t)(found - at));
		length = strlen(STATEMENT_PREFIX);
		length += strspn(found + length, "0123456789");
		e = relay_client_name(s, found, length, head);
		if (e == NULL)
			e = relay_closed_name(s, found, length);
		/* Of what is bound it may be the name that the text speaks of. */
		if (head != NULL && head->own_name != NULL && (head->kind != ANSWER_BIND || head->tells_name || e == NULL))
			bytes_append(out, head->own_name, strlen(head->own_name));
		else if (e != NULL)
			bytes_append(out, e->key + sizeof(s), e->key_length - sizeof(s));
		else
			bytes_append(out, found, length);
		at = found + length;
	}
	bytes_append(out, at, (size_t)(end - at));
	message_end(out, begun);
	gather_made(g, before);
}

/* Only servers that hold our names mention them. */
static bool
relay_mentions_names(const struct relay_frame *f)
{
	return f->whole && memmem(f->body, f->length, STATEMENT_PREFIX, strlen(STATEMENT_PREFIX)) != NULL;
}

/* The server did not take the session's settings, or what else was put ahead. */
static enum step
relay_fence_error(struct session *s, const struct answer *head, const struct error *e)
{
	char *message;

	/* Nothing has run behind it: another server may do. */
	if (s->fencing && !s->fenced_again && !s->wary) {
		s->server->close_needed = true;
		return STEP_SWALLOW;
	}
	if (head->purpose == PURPOSE_FENCE && s->fencing && s->wary) {
		if (refit_failed(s, e))
			return STEP_SWALLOW;
	} else if (head->purpose == PURPOSE_FENCE && refit_may_tell(s, e)) {
		refit_tell(s, e);
		return STEP_CLOSED;
	}
	message = text_copy(e->message);
	session_close_as(s, CLOSE_server_settings, e->sqlstate, message);
	free(message);
	return STEP_CLOSED;
}

/* An error in what was put in front of the client's request. */
static enum step
relay_own_error(struct session *s, const struct answer *head, const struct relay_frame *f, const struct error *e)
{
	switch (head->purpose) {
	case PURPOSE_REPREPARE:
	case PURPOSE_MEND:
	case PURPOSE_COMPARE:
		return STEP_FORWARD;
	case PURPOSE_SEQUENCES:
		return sequence_error_is_ours(s->server) ? STEP_SWALLOW : STEP_FORWARD;
	case PURPOSE_NAMES_TRIED:
		return STEP_SWALLOW;
	/* The message that waits for the name will be told. */
	case PURPOSE_NAMES:
		free(s->refusal);
		s->refusal = memory_copy(f->body - FRAME_HEAD, f->length + FRAME_HEAD);
		return STEP_SWALLOW;
	case PURPOSE_BEGIN:
		refit_refuse(s, e, "a transaction could not be begun or moved");
		return STEP_CLOSED;
	default:
		break;
	}
	if (head->purpose == PURPOSE_LEARN) {
		welcome_learn_failed(s, e);
		return STEP_SWALLOW;
	}
	if (s->settling) {
		feature_failed(s, head);
		return STEP_SWALLOW;
	}
	return relay_fence_error(s, head, e);
}

/* The error that the server was made to give stands for one of ours. */
static void
relay_refusal(struct session *s, const struct answer *head)
{
	struct gather *g = &s->worker->to_client;
	struct bytes *out = gather_make(g);
	size_t before = out->length;
	struct reader length = reader_over(head->refusal + 1, sizeof(uint32_t));

	bytes_append(out, head->refusal, 1 + reader_u32(&length));
	gather_made(g, before);
}

/* The client has all of its answers and needs this server no longer: how the server ends is not the client's business. */
static bool
relay_owes_nothing(const struct session *s)
{
	return !session_keeps_server(s) && s->server->status == 'I' && !s->in_batch && s->state == SESSION_ACTIVE;
}

/* What it changes, whoever is told. */
static void
relay_note_error(struct session *s, const struct answer *head, const struct error *e)
{
	if (head != NULL && head->way == ANSWER_FORWARD && head->kind != ANSWER_PARSE && head->kind != ANSWER_DESCRIBE)
		feature_error(s, e->sqlstate);
	/* What was prepared before the change of a table fails on; who prepares it anew gets a new one. */
	if (e->sqlstate != NULL && strcmp(e->sqlstate, "0A000") == 0 && s->ledger != NULL)
		atomic_fetch_add_explicit(&s->ledger->era, 1, memory_order_relaxed);
}

/* An error that is the client's is told in other words where it would show what is not the client's. */
static enum step
relay_word_error(struct session *s, const struct answer *head, const struct relay_frame *f, enum step step)
{
	if (head != NULL && head->refusal != NULL) {
		relay_refusal(s, head);
		return STEP_SWALLOW;
	}
	if (step == STEP_FORWARD && relay_mentions_names(f)) {
		relay_error_renamed(s, f, head);
		return STEP_SWALLOW;
	}
	return step;
}

enum step
relay_error(struct session *s, const struct relay_frame *f)
{
	struct answer *head = answers_head(&s->server->answers);
	struct error e = {0};
	enum step step = STEP_FORWARD;

	if (f->whole && !message_read_error(f->body, f->length, &e))
		return STEP_BROKEN;
	if (e.severity != NULL && (strcmp(e.severity, "FATAL") == 0 || strcmp(e.severity, "PANIC") == 0))
		s->server->fatal_seen = true;
	if (s->heal != NULL) {
		enum heal_verdict v = heal_judge_error(s, f, &e);

		if (v != HEAL_PASS)
			return v == HEAL_RERUN ? STEP_RERUN : STEP_SWALLOW;
	}
	if (s->server->fatal_seen && heal_keeps_farewell(s, &e))
		return STEP_SWALLOW;
	s->server->in_copy = false;
	if (head == NULL && s->server->fatal_seen && (relay_owes_nothing(s) || s->ready_held)) {
		s->server->close_needed = true;
		/* Whom it concerns all the same is told when the connection ends, in place of a ReadyForQuery. */
		s->server->fatal_seen = false;
		return STEP_SWALLOW;
	}
	if (head != NULL && head->way == ANSWER_SWALLOW)
		step = relay_own_error(s, head, f, &e);
	if (step == STEP_CLOSED)
		return step;
	relay_note_error(s, head, &e);
	if (step == STEP_FORWARD)
		sequence_failed(s);
	step = relay_word_error(s, head, f, step);
	if (head != NULL && head->of_unnamed)
		unnamed_failed(head);
	if (head != NULL && !answer_is_end(head))
		relay_drop_batch(s);
	else if (head != NULL)
		relay_undo(s, head);
	return step;
}
