/*
 * session/own_names.c - statements under the clients' own names: those that SQL
 * prepares, and those of the protocol that SQL runs, forgets or looks at.
 *
 *     EXECUTE mine ─▶ is "mine" there, and this client's? ─▶ forward
 *                          │ no: Close "mine" · PREPARE mine … (its own text, its own settings) · Sync
 *                          └────── the message waits for the answer; an error is told in its place
 *
 * A text that may look at all names, or run any, has all of the client's there and
 * nobody else's.  The server remembers whose statement each name is (server_name).
 */
#include <stdlib.h>
#include <string.h>

#include "session/forward_private.h"
#include "session/name_maker.h"
#include "session/own_names.h"
#include "session/pin.h"

/* What is run by what is run is followed so far: by itself it may go on for ever. */
#define DEPTH_MOST 8

#define EFFECTS_OF_NAMES (EFFECT_prepares | EFFECT_executes | EFFECT_deallocates)

bool
own_name_is_used(struct session *s, const struct name_entry *e)
{
	const struct server_name *n;

	if (e->statement->sql)
		return true;
	n = s->looking ? server_name_find(s->server, names_text(e)) : NULL;
	return n != NULL && n->statement == e->statement && !n->failed;
}

void
own_name_ensure(struct session *s, const char *name, const struct name_entry *e)
{
	struct maker m = {.s = s, .purpose = PURPOSE_REPREPARE};

	maker_ensure(&m, name, e);
}

/* ------------------------------------------------------------------ ahead */

static bool maker_ensure_named(void *user, const struct statement_detail *statement);

/* The name that is run, and those that it runs, prepares or deallocates itself. */
static void
maker_ensure_run(struct maker *m, const char *name)
{
	const struct name_entry *e = names_find(m->s, name);

	maker_ensure(m, name, e);
	if (e == NULL || e->statement->sql || (e->effects & EFFECTS_OF_NAMES) == 0 || m->depth == DEPTH_MOST)
		return;
	m->depth++;
	route_each_detail(e->statement->body, strlen(e->statement->body), maker_ensure_named, m);
	m->depth--;
}

static bool
maker_ensure_named(void *user, const struct statement_detail *statement)
{
	struct maker *m = user;
	const struct verdict_detail *detail = statement->detail;

	if (statement->executes != NULL)
		maker_ensure_run(m, statement->executes);
	if (detail == NULL || detail->name == NULL || detail->is_all)
		return true;
	switch (statement->kind) {
	/* A name that is taken has only to be there: what it runs may not be possible any more. */
	case KIND_PREPARE:
	case KIND_DEALLOCATE:
		maker_ensure_any(m, detail->name);
		break;
	default:
		break;
	}
	return true;
}

/* True, in the end, when a name that the text runs looks at all of them. */
struct look {
	struct session *s;
	bool looks;
};

static bool
look_take(void *user, const struct statement_detail *statement)
{
	struct look *look = user;
	const struct name_entry *e = statement->executes != NULL ? names_find(look->s, statement->executes) : NULL;

	look->looks |= e != NULL && (e->effects & EFFECT_looks_prepared) != 0;
	return !look->looks;
}

static bool
text_runs_a_look(struct session *s, const struct verdict *v, const char *text, size_t length)
{
	struct look look = {.s = s};

	if ((v->effects & EFFECT_executes) != 0 && (v->effects & EFFECT_looks_prepared) == 0)
		route_each_detail(text, length, look_take, &look);
	return look.looks;
}

/* True when a text that nobody can look into could meet a name. */
static bool
session_has_names(const struct session *s)
{
	return s->sql_names > 0 || s->server->own_names != NULL;
}

/* The client waits for answers to what it has asked before: how they end is not known. */
static bool
session_owes_answers(const struct session *s)
{
	for (uint32_t i = 0; i < s->server->answers.count; i++)
		if (answers_at(&s->server->answers, i)->way != ANSWER_SWALLOW)
			return true;
	return false;
}

/* An error of what was asked in this batch would skip what takes all names off the server, and nobody could tell what it has. */
static bool
batch_may_fail(struct session *s)
{
	const struct answers *a = &s->server->answers;

	if (s->looking)
		return false;
	forward_made(s);
	for (uint32_t i = 0; i < a->count; i++)
		if (answers_at(a, i)->way != ANSWER_MADE)
			return true;
	return false;
}

/* What the transaction has done to names so far is asked for before any of them matters. */
enum ahead
own_names_learn(struct session *s)
{
	struct bytes *out;
	size_t before;

	if (!s->asks_names || s->server->status != 'T' || s->in_batch)
		return AHEAD_GO;
	if (session_owes_answers(s))
		return AHEAD_WAIT;
	if (s->names_asked) {
		asked_names_done(s);
		s->asks_names = s->names_asked = false;
		return AHEAD_GO;
	}
	out = gather_make(&s->worker->to_server);
	before = out->length;
	asked_names_write(s, out);
	gather_made(&s->worker->to_server, before);
	s->names_asked = s->making = true;
	return AHEAD_WAIT;
}

/* Beside temporary objects what is taken off the server may not come back as it was: a text that nobody can look into has to say so. */
static bool
text_looks(const struct session *s, const struct verdict *v, const char *text)
{
	if ((v->effects & EFFECT_looks_prepared) == 0)
		return false;
	return (v->effects & EFFECT_unknown) == 0 || !pin_has_temporary(s) || strcasestr(text, "pg_prepared_statement") != NULL;
}

enum ahead
own_names_ahead(struct session *s, char type, const struct verdict *v, const char *text, size_t length)
{
	struct maker m = {.s = s, .purpose = PURPOSE_REPREPARE, .synced = !s->in_batch};
	bool looks = text_looks(s, v, text);
	/* A text that only runs a name meets no others; who else prepares by EXECUTE is asked afterwards. */
	bool one = type == FRONTEND_QUERY ? v->kind == KIND_EXECUTE || v->kind == KIND_PREPARE : v->surely == EFFECT_executes;
	bool any = (v->effects & EFFECT_unknown) != 0 && !one && session_has_names(s);
	bool hides = m.synced && (v->effects & EFFECT_temporary) != 0 && !pin_has_temporary(s);

	if (!inject_renames(s) || (!looks && !any && !hides && (v->effects & EFFECTS_OF_NAMES) == 0))
		return AHEAD_GO;
	if (s->refusal != NULL)
		return AHEAD_REFUSE;
	/* The end of them goes on with what waits. */
	if (m.synced && session_owes_answers(s))
		return AHEAD_WAIT;
	/* There only the end of the transaction does anything. */
	if (s->server->status == 'E')
		return AHEAD_GO;
	if (own_names_learn(s) == AHEAD_WAIT)
		return AHEAD_WAIT;
	looks |= text_runs_a_look(s, v, text, length);
	m.names = (v->surely & (EFFECT_prepares | EFFECT_deallocates)) != 0;
	m.purpose = m.synced ? PURPOSE_NAMES_TRIED : PURPOSE_REPREPARE;
	if (looks && !m.synced && batch_may_fail(s)) {
		forward_wait_for_answers(s);
		return AHEAD_WAIT;
	}
	if (looks)
		maker_show(&m);
	if (any)
		maker_ensure_all(&m, true);
	/* What has failed would fail again, for as long as the message waits. */
	if (hides && !s->names_brought)
		maker_bring(&m);
	s->names_brought = hides && m.sent;
	m.purpose = m.synced ? PURPOSE_NAMES : PURPOSE_REPREPARE;
	if ((v->effects & EFFECTS_OF_NAMES) != 0)
		route_each_detail(text, length, maker_ensure_named, &m);
	if (!m.sent || !m.synced)
		return AHEAD_GO;
	maker_sync(&m);
	s->making = true;
	return AHEAD_WAIT;
}

/* -------------------------------------------------------- what a text does */

/* A text's only statement, if it prepares or deallocates a name. */
struct lone {
	unsigned statements;
	enum statement_kind kind;
	bool executes;
	char *name; /* owned */
};

static bool
lone_take(void *user, const struct statement_detail *statement)
{
	struct lone *lone = user;

	lone->kind = statement->kind;
	lone->executes = statement->executes != NULL;
	if (statement->executes != NULL)
		lone->name = lone->statements == 0 ? text_copy(statement->executes) : lone->name;
	if (lone->statements++ == 0 && lone->name == NULL && statement->detail != NULL && !statement->detail->is_all && statement->detail->name != NULL)
		lone->name = text_copy(statement->detail->name);
	return lone->statements < 2;
}

static void
note_prepare(struct session *s, const char *name, const struct verdict *v, const char *text, size_t length, struct answer *a)
{
	const struct profile *p;
	struct statement_about about = {.sql = true};
	struct statement *statement;

	/* One that exists fails; and so does any in a transaction that has failed. */
	if (names_find(s, name) != NULL || s->server->status == 'E')
		return;
	p = names_profile(s);
	about.profile = p;
	about.era = atomic_load_explicit(&s->ledger->era, memory_order_relaxed);
	about.alone = (s->effects & EFFECT_settings) != 0;
	statement = statement_intern(text, length + 1, &about);
	a->change = names_change(s, name, statement);
	names_find(s, name)->effects = v->effects;
	a->own_name = text_copy(name);
	server_name_set(s->server, name, statement);
	statement_unref(statement);
	profile_unref(p);
}

static void
note_deallocate(struct session *s, const char *name, struct answer *a)
{
	struct server_name *n = server_name_find(s->server, name);

	if (s->server->status == 'E')
		return;
	if (n != NULL)
		server_name_remove(s->server, n);
	a->own_name = text_copy(name);
	if (names_find(s, name) != NULL)
		a->change = names_change(s, name, NULL);
}

/* EXECUTE of a name whose own text does nothing to names. */
static bool
runs_what_is_known(struct session *s, const struct lone *lone)
{
	const struct name_entry *e = lone->executes ? names_find(s, lone->name) : NULL;

	return e != NULL && (e->effects & (EFFECT_unknown | EFFECT_deallocates)) == 0;
}

void
own_names_note(struct session *s, const struct verdict *v, const char *text, size_t length, struct answer *a)
{
	bool changes = (v->effects & (EFFECT_prepares | EFFECT_deallocates)) != 0;
	bool may = (v->effects & (EFFECT_unknown | EFFECT_executes)) == EFFECT_unknown;
	struct lone lone = {0};

	if ((!changes && !may) || !inject_renames(s))
		return;
	if (changes)
		route_each_detail(text, length, lone_take, &lone);
	if (lone.statements == 1 && lone.name != NULL && lone.kind == KIND_DEALLOCATE)
		note_deallocate(s, lone.name, a);
	/* Of a batch it is the Execute that prepares, and may fail. */
	else if (lone.statements == 1 && lone.name != NULL && lone.kind == KIND_PREPARE && a->kind == ANSWER_QUERY && s->features != FEATURES_IGNORE)
		note_prepare(s, lone.name, v, text, length, a);
	else if (lone.statements != 1 || !runs_what_is_known(s, &lone))
		s->asks_names |= s->features != FEATURES_IGNORE;
	free(lone.name);
}

void
own_names_undo(struct session *s, struct answer *a)
{
	struct server_name *n = server_name_find(s->server, a->own_name);

	/* It was there for the words of an error. */
	if (a->kind == ANSWER_DESCRIBE || a->tells_name)
		return;
	if (a->purpose == PURPOSE_NAMES_TRIED && n != NULL && n->statement != NULL)
		n->failed = true;
	/* It was seen to that nobody else's was there, and the client's own PREPARE has failed. */
	else if (a->kind == ANSWER_QUERY && n != NULL && names_find(s, a->own_name) == NULL)
		server_name_remove(s->server, n);
	else
		server_name_set(s->server, a->own_name, NULL);
}
