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
#include "session/own.h"
#include "session/own_names.h"

#define MAKER STATEMENT_PREFIX "sql"

/* What is run by what is run is followed so far: by itself it may go on for ever. */
#define DEPTH_MOST 8

#define EFFECTS_OF_NAMES (EFFECT_prepares | EFFECT_executes | EFFECT_deallocates)

/* A server keeps about this many names of its clients' own. */
#define OWN_NAMES_MOST 200

/* One text on its way, and what is put in front of it. */
struct maker {
	struct session *s;
	enum answer_purpose purpose;
	bool synced; /* what is put in front has its own Sync, and the text waits for it */
	bool names;  /* the text prepares or deallocates itself: an empty statement is there for its sake */
	bool sent;
	unsigned depth; /* of the EXECUTE that is run by one that is run */
};

static struct answer *
maker_expect(struct maker *m, enum answer_kind kind)
{
	struct answer *a = forward_expect(m->s, kind, ANSWER_SWALLOW);

	a->purpose = m->purpose;
	m->sent = true;
	return a;
}

static void
maker_close(struct maker *m, const char *name, bool own)
{
	struct bytes *out = gather_make(&m->s->worker->to_server);
	size_t before = out->length;

	own_close(out, name);
	gather_made(&m->s->worker->to_server, before);
	maker_expect(m, ANSWER_CLOSE)->own_name = own ? text_copy(name) : NULL;
}

static void
maker_remove(struct maker *m, struct server_name *n)
{
	maker_close(m, n->name, true);
	server_name_remove(m->s->server, n);
}

static void
maker_sync(struct maker *m)
{
	struct bytes *out = gather_make(&m->s->worker->to_server);
	size_t before = out->length;

	message_sync(out);
	gather_made(&m->s->worker->to_server, before);
	maker_expect(m, ANSWER_SYNC);
}

/* Runs a text by a statement of ours; NAME: what it makes. */
static struct answer *
maker_run(struct maker *m, const char *text, const char *name)
{
	struct bytes *out = gather_make(&m->s->worker->to_server);
	size_t before = out->length, begun;
	struct answer *a;

	begun = own_once_begin(out, MAKER, text, 0);
	own_once_end(out, begun, MAKER);
	gather_made(&m->s->worker->to_server, before);
	a = own_once_expect(m->s->server, m->purpose);
	a->own_name = name != NULL ? text_copy(name) : NULL;
	m->sent = true;
	return a;
}

/* A Parse under the client's own name; an empty body makes a statement that there is only to be deallocated. */
static void
maker_parse(struct maker *m, const char *name, const char *body, size_t length)
{
	struct bytes *out = gather_make(&m->s->worker->to_server);
	size_t before = out->length, begun = message_begin(out, FRONTEND_PARSE);

	bytes_text(out, name);
	bytes_append(out, body, length);
	message_end(out, begun);
	gather_made(&m->s->worker->to_server, before);
	maker_expect(m, ANSWER_PARSE)->own_name = text_copy(name);
}

/* The server forgets the names that were not used for longest. */
static void
maker_make_room(struct maker *m)
{
	while (!m->s->looking && HASH_COUNT(m->s->server->own_names) >= OWN_NAMES_MOST)
		maker_remove(m, server_name_oldest(m->s->server));
}

/* What is only tried must not end the client's transaction.  What is prepared stays prepared. */
static bool
maker_save(struct maker *m, const char *text)
{
	if (m->purpose != PURPOSE_NAMES_TRIED || m->s->server->status != 'T')
		return false;
	maker_run(m, text, NULL);
	return true;
}

static void
maker_make(struct maker *m, const char *name, const struct name_entry *e)
{
	struct server_name *n = server_name_find(m->s->server, name);
	struct statement *statement = e->statement;
	bool windowed;

	if (n != NULL && n->statement == statement && (!n->failed || m->purpose == PURPOSE_NAMES_TRIED))
		return;
	if (n != NULL)
		maker_close(m, name, true);
	else
		maker_make_room(m);
	maker_save(m, "savepoint pgweir");
	windowed = window_open(m->s, statement, m->purpose);
	if (statement->sql)
		maker_run(m, statement->body, name);
	else
		maker_parse(m, name, statement->body, statement->body_length);
	if (windowed)
		window_close(m->s, statement, m->purpose);
	server_name_set(m->s->server, name, statement);
	m->sent = true;
	if (m->synced)
		maker_sync(m);
	if (maker_save(m, "rollback to savepoint pgweir") && maker_save(m, "release savepoint pgweir"))
		maker_sync(m);
}

/* Nobody else's statement has that name. */
static void
maker_ensure(struct maker *m, const char *name, const struct name_entry *e)
{
	struct server_name *n;

	if (strncmp(name, STATEMENT_PREFIX, strlen(STATEMENT_PREFIX)) == 0)
		return;
	if (e != NULL) {
		maker_make(m, name, e);
		return;
	}
	n = server_name_find(m->s->server, name);
	if (n != NULL)
		maker_remove(m, n);
}

/* Something has that name, to be deallocated or to be in the way: an empty statement will do. */
static void
maker_ensure_any(struct maker *m, const char *name)
{
	struct name_entry *e = names_find(m->s, name);
	struct server_name *n = server_name_find(m->s->server, name);

	if (e == NULL || strncmp(name, STATEMENT_PREFIX, strlen(STATEMENT_PREFIX)) == 0) {
		maker_ensure(m, name, NULL);
		return;
	}
	if (n != NULL && !n->failed && (n->statement == e->statement || n->empty))
		return;
	maker_close(m, name, true);
	maker_parse(m, name, "\0\0\0", 3);
	server_name_set(m->s->server, name, NULL)->empty = true;
	if (m->synced)
		maker_sync(m);
}

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

/* ------------------------------------------------------------ all of them */

static bool
maker_has_empty(const struct maker *m, const char *name)
{
	const struct server_name *n = m->names ? server_name_find(m->s->server, name) : NULL;

	return n != NULL && n->empty;
}

static void
maker_ensure_all(struct maker *m, bool sql_only)
{
	struct session *s = m->s;

	for (struct server_name *n = s->server->own_names, *next; n != NULL; n = next) {
		const struct name_entry *e = names_find(s, n->name);

		next = n->hh.next;
		if (!n->failed && (e == NULL || (e->statement != n->statement && !(m->names && n->empty))))
			maker_remove(m, n);
	}
	list_for_each(node, &s->names) {
		const struct name_entry *e = list_entry(node, struct name_entry, in_session);

		if ((e->statement->sql || !sql_only) && !maker_has_empty(m, names_text(e)))
			maker_ensure(m, names_text(e), e);
	}
}

/* The server has this client's names and no others, ours included. */
static void
maker_show(struct maker *m)
{
	struct session *s = m->s;

	if (s->looking)
		return;
	maker_run(m, "deallocate all", NULL)->forgets = true;
	server_forget_prepared(s->server);
	s->looking = true;
	if (m->synced)
		maker_sync(m);
	maker_ensure_all(m, false);
	/* What could not be prepared has left it there. */
	maker_close(m, MAKER, false);
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

enum ahead
own_names_ahead(struct session *s, char type, const struct verdict *v, const char *text, size_t length)
{
	struct maker m = {.s = s, .purpose = PURPOSE_REPREPARE, .synced = !s->in_batch};
	bool looks = (v->effects & EFFECT_looks_prepared) != 0;
	/* A text that only runs a name meets no others; who else prepares by EXECUTE is asked afterwards. */
	bool one = type == FRONTEND_QUERY ? v->kind == KIND_EXECUTE || v->kind == KIND_PREPARE : v->surely == EFFECT_executes;
	bool any = (v->effects & EFFECT_unknown) != 0 && !one && session_has_names(s);

	if (!inject_renames(s) || (!looks && !any && (v->effects & EFFECTS_OF_NAMES) == 0))
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
	if (looks)
		maker_show(&m);
	if (any)
		maker_ensure_all(&m, true);
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
