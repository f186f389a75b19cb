/*
 * session/refit.c - a fence has failed: PostgreSQL does not take a setting any more that
 * the client has (its prefix is an extension's by now, a privilege or a tablespace is gone).
 *
 * Nothing has run behind the fence, so the requests that were sent with it are answered by
 * the error.  Ahead of the next one each setting is made by itself, without exit_on_error,
 * and what fails is taken from the session, with a warning, as PostgreSQL removes a
 * setting whose prefix is reserved.  But nobody goes on as another user or role than the
 * one that was set: a session whose role is gone ends.
 *
 *      fence fails ─▶ ERROR for all that was sent ─▶ IDLE, wary
 *      next request ─▶ one by one ─▶ WARNING for each that fails ─▶ the request
 */
#include <stdlib.h>
#include <string.h>

#include "session/heal.h"
#include "session/restore_private.h"

#define REFIT STATEMENT_PREFIX "refit"
#define REFIT_TEXT "select pg_catalog.set_config($1,$2,false)"

static bool
setting_is_identity(const char *name)
{
	return strcmp(name, "role") == 0 || strcmp(name, "session_authorization") == 0;
}

static bool
profile_has_identity(const struct profile *p)
{
	return profile_find(p, "role") != NULL || profile_find(p, "session_authorization") != NULL;
}

bool
refit_may_tell(const struct session *s, const struct error *e)
{
	/* 57: the server is being shut down, or somebody has ended it. */
	if (session_keeps_server(s) || (s->server->status != 'I' && !lazy_is_unanswered(s)) || e->sqlstate == NULL || strncmp(e->sqlstate, "57", 2) == 0)
		return false;
	return !profile_has_identity(s->profile) || (strcmp(e->sqlstate, "42501") != 0 && strncmp(e->sqlstate, "22", 2) != 0);
}

/* The client has begun a transaction: it is still held back, among what was sent, or ends here to begin elsewhere. */
static bool
refit_is_in_block(const struct session *s)
{
	return s->lazy != NULL;
}

/* One request that was sent, up to its end; answers whether the client is in a failed transaction behind it. */
static bool
refit_answer_one(const struct answer *a, const struct error *told, bool in_block, struct bytes *out)
{
	if (in_block && a->kind == ANSWER_QUERY && a->does == DOES_END)
		message_command(out, "ROLLBACK");
	else
		message_error(out, told);
	in_block &= (a->does & DOES_END) == 0;
	message_ready(out, in_block ? 'E' : 'I');
	return in_block;
}

/* One error for each request that was sent, and the end of each that is complete; answers as refit_answer_one. */
static bool
refit_answer(struct session *s, const struct error *e)
{
	struct error told = {.severity = "ERROR", .sqlstate = e->sqlstate, .message = e->message, .detail = e->detail, .hint = e->hint};
	struct answers *a = &s->server->answers;
	bool is_open = true, in_block = refit_is_in_block(s);
	struct bytes b = {0};

	for (uint32_t i = 0; i < a->count; i++) {
		const struct answer *answer = answers_at(a, i);

		if (answer->way == ANSWER_SWALLOW || !answer_is_end(answer))
			continue;
		in_block = refit_answer_one(answer, &told, in_block, &b);
		is_open = s->in_batch;
	}
	if (is_open)
		message_error(&b, &told);
	/* What is still to come of it is dropped, up to its end. */
	s->cancelled = is_open;
	s->skip_dropped |= s->skip > 0;
	session_send(s, &b);
	bytes_free(&b);
	return in_block;
}

void
refit_refuse(struct session *s, const struct error *e, const char *why)
{
	bool in_block = refit_answer(s, e);

	relay_settle(s);
	heal_end(s);
	s->in_batch = s->batch_failed = s->fencing = s->fenced_again = s->clearing = s->making = false;
	s->asks_names = s->names_asked = s->looking = s->reported = false;
	s->request_us = 0;
	s->effects = 0;
	s->status = 'I';
	if (in_block)
		lazy_fail(s);
	else
		lazy_free(s);
	/* What it asked for has not run, so it leaves nothing. */
	pool_close_server(&s->server, why);
	session_enter(s, SESSION_IDLE);
	release_forget(s);
}

void
refit_tell(struct session *s, const struct error *e)
{
	refit_refuse(s, e, "a client's settings were refused");
	s->wary = true;
}

/* ------------------------------------------------------------ one by one */

static void
refit_difference(const struct session *s, struct difference *d)
{
	const char *exits = profile_find(s->profile, "exit_on_error");

	difference_between(d, s->server, s->server->profile, s->profile);
	if (exits != NULL)
		difference_add(d, "exit_on_error", exits);
}

void
refit_write(struct session *s, struct bytes *out)
{
	struct difference d;
	size_t begun;

	refit_difference(s, &d);
	own_close(out, REFIT);
	own_parse(REFIT, REFIT_TEXT, 2, out);
	answers_push(&s->server->answers, ANSWER_CLOSE, ANSWER_SWALLOW)->purpose = PURPOSE_FENCE;
	answers_push(&s->server->answers, ANSWER_PARSE, ANSWER_SWALLOW)->purpose = PURPOSE_FENCE;
	message_sync(out);
	answers_push(&s->server->answers, ANSWER_SYNC, ANSWER_SWALLOW)->purpose = PURPOSE_FENCE;
	for (unsigned i = 0; i < d.count; i++) {
		begun = own_bind_begin(out, REFIT, 2);
		own_bind_value(out, d.names[i]);
		own_bind_value(out, d.values[i]);
		own_execute(out, begun);
		own_expect(s->server, false, PURPOSE_FENCE);
	}
	difference_free(&d);
}

static void
refit_warn(struct session *s, const char *name, const struct error *e)
{
	char *text = text_format("setting \"%s\" is lost: %s", name, e->message != NULL ? e->message : "(no message)");
	struct error warning = {.severity = "WARNING", .sqlstate = e->sqlstate, .message = text};
	struct bytes b = {0};

	message_notice(&b, &warning);
	session_send(s, &b);
	bytes_free(&b);
	free(text);
}

bool
refit_failed(struct session *s, const struct error *e)
{
	uint32_t left = answers_readies(&s->server->answers);
	struct difference d;
	bool goes_on;

	refit_difference(s, &d);
	goes_on = left > 0 && left <= d.count && !setting_is_identity(d.names[d.count - left]);
	if (goes_on) {
		bytes_text(&upkeep_of(s)->lost, d.names[d.count - left]);
		refit_warn(s, d.names[d.count - left], e);
	}
	difference_free(&d);
	return goes_on;
}

void
refit_done(struct session *s)
{
	const struct bytes *lost = s->upkeep != NULL ? &s->upkeep->lost : &(struct bytes){0};
	const struct profile *p = profile_ref(s->profile);

	for (size_t at = 0; at < lost->length; at += strlen(lost->data + at) + 1)
		p = profile_with(p, lost->data + at, NULL);
	restore_set_profile(s, p);
	server_set_profile(s->server, p);
	restore_apply_pgweir(s);
	s->wary = false;
}
