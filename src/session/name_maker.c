/*
 * session/name_maker.c - prepared statements put on the server ahead of a text that may
 * meet their names.
 *
 *     [savepoint] · [its settings] · Close "mine" · PREPARE mine … · [the settings of before] · Sync · [rollback to it]
 *
 * What is only tried is between savepoints: its failure is remembered, and is nobody's error.
 */
#include "session/name_maker.h"

#include <string.h>

#include "session/forward_private.h"
#include "session/own.h"
#include "session/own_names.h"

#define MAKER STATEMENT_PREFIX "sql"

/* A server keeps about this many names of its clients' own. */
#define OWN_NAMES_MOST 200

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

void
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

/* True when it has settings of its own around it: for maker_end. */
static bool
maker_begin(struct maker *m, struct statement *statement)
{
	maker_save(m, "savepoint pgweir");
	return window_open(m->s, statement, m->purpose);
}

static void
maker_end(struct maker *m, struct statement *statement, bool windowed)
{
	if (windowed)
		window_close(m->s, statement, m->purpose);
	m->sent = true;
	if (m->synced)
		maker_sync(m);
	if (maker_save(m, "rollback to savepoint pgweir") && maker_save(m, "release savepoint pgweir"))
		maker_sync(m);
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
	windowed = maker_begin(m, statement);
	if (statement->sql)
		maker_run(m, statement->body, name);
	else
		maker_parse(m, name, statement->body, statement->body_length);
	server_name_set(m->s->server, name, statement);
	maker_end(m, statement, windowed);
}

/* The same of one that clients share, by its name there. */
static void
maker_share(struct maker *m, struct statement *statement)
{
	bool windowed;

	inject_make_room(m->s, statement);
	windowed = maker_begin(m, statement);
	inject_send_parse(m->s, statement, false);
	maker_expect(m, ANSWER_PARSE)->statement = statement_ref(statement);
	maker_end(m, statement, windowed);
}

void
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

void
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

/* ------------------------------------------------------------ all of them */

static bool
maker_has_empty(const struct maker *m, const char *name)
{
	const struct server_name *n = m->names ? server_name_find(m->s->server, name) : NULL;

	return n != NULL && n->empty;
}

void
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

void
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

void
maker_bring(struct maker *m)
{
	list_for_each(node, &m->s->names) {
		const struct name_entry *e = list_entry(node, struct name_entry, in_session);

		if (e->statement->sql)
			maker_ensure(m, names_text(e), e);
		else if (e->described == 0 && !m->s->looking && server_find_prepared(m->s->server, e->statement) == NULL)
			maker_share(m, e->statement);
	}
}
