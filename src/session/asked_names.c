/*
 * session/asked_names.c - which names of prepared statements a transaction has left,
 * where its texts do not tell: several statements in one, a DO, the extended protocol.
 *
 * PostgreSQL is asked.  What was there and is not any more was deallocated, what was
 * not was prepared; the rest is what it was.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/feature.h"
#include "session/floor.h"
#include "session/own.h"
#include "session/own_names.h"

#define ASKER STATEMENT_PREFIX "names"
#define FENCE_NAME STATEMENT_PREFIX "fence_"

static void
close_question(struct server *server, unsigned number, struct bytes *out)
{
	char name[32];

	snprintf(name, sizeof(name), STATEMENT_PREFIX "pins_%u", number);
	own_close(out, name);
	answers_push(&server->answers, ANSWER_CLOSE, ANSWER_SWALLOW)->purpose = PURPOSE_NAMES_ASKED;
}

void
asked_names_write(struct session *s, struct bytes *out)
{
	struct server *server = s->server;
	struct answers *a = &server->answers;
	size_t begun;

	for (struct server_name *n = server->own_names; n != NULL; n = n->hh.next)
		n->seen = false;
	for (struct prepared *p = server->prepared; p != NULL; p = p->hh.next)
		p->seen = false;
	/* Ours may be gone too: the rows say which fences are left, the other question is asked anew. */
	server->fences = 0;
	for (unsigned i = 0; i < 32; i++)
		if ((server->pin_questions & 1u << i) != 0)
			close_question(server, i, out);
	server->pin_questions = 0;
	if (server->lsn_question) {
		own_close(out, FLOOR_QUESTION);
		answers_push(a, ANSWER_CLOSE, ANSWER_SWALLOW)->purpose = PURPOSE_NAMES_ASKED;
		server->lsn_question = false;
	}
	begun = own_once_begin(out, ASKER, "select name,statement,from_sql from pg_catalog.pg_prepared_statements", 0);
	own_once_end(out, begun, ASKER);
	message_sync(out);
	own_once_expect(server, PURPOSE_NAMES_ASKED);
	answers_push(a, ANSWER_SYNC, ANSWER_SWALLOW)->purpose = PURPOSE_NAMES_ASKED;
}

/* ------------------------------------------------------------------- rows */

/* The PREPARE of a name in the text that it was part of. */
struct search {
	const char *name;
	size_t offset;
	size_t length;
	unsigned statements;
	bool found;
};

static bool
search_take(void *user, const struct statement_detail *statement)
{
	struct search *search = user;

	search->statements++;
	if (statement->kind != KIND_PREPARE || statement->detail == NULL || !text_equal(statement->detail->name, search->name))
		return true;
	search->offset = statement->offset;
	search->length = statement->length;
	search->found = true;
	return true;
}

/* The PREPARE alone, as far behind as it stood: so the positions in errors are the same.  Owned by the caller; NULL: not found. */
static char *
lone_text(const char *name, const char *text)
{
	struct search search = {.name = name};
	struct bytes out = {0};

	route_each_detail(text, strlen(text), search_take, &search);
	if (!search.found)
		return NULL;
	if (search.statements == 1)
		return text_copy(text);
	/* A space for each character; the second and later bytes of one count for nothing. */
	for (size_t i = 0; i < search.offset; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			bytes_u8(&out, ' ');
	bytes_append(&out, text + search.offset, search.length);
	bytes_u8(&out, 0);
	return out.data;
}

static void
names_learn(struct session *s, const char *name, const char *text)
{
	const struct server_name *n = server_name_find(s->server, name);
	char *lone = lone_text(name, text);
	const char *body = lone != NULL ? lone : text;
	struct statement_about about = {.sql = true, .alone = (s->effects & EFFECT_settings) != 0};
	struct name_change *change;
	struct statement *statement;

	about.profile = names_profile(s);
	about.era = atomic_load_explicit(&s->ledger->era, memory_order_relaxed);
	/* What was there before stays whose it is, and is not this client's where nobody knows. */
	if (n == NULL || n->empty || (n->statement != NULL && strcmp(n->statement->body, body) != 0)) {
		statement = statement_intern(body, strlen(body) + 1, &about);
		change = names_change(s, name, statement);
		names_keep(&change);
		server_name_set(s->server, name, statement);
		statement_unref(statement);
	}
	profile_unref(about.profile);
	free(lone);
}

static void
names_row(struct session *s, const char *name, const char *text, bool sql)
{
	struct server_name *n;
	struct prepared *p;
	uint64_t number;

	if (strncmp(name, FENCE_NAME, strlen(FENCE_NAME)) == 0) {
		number = strtoull(name + strlen(FENCE_NAME), NULL, 10);
		s->server->fences |= number < 32 ? 1u << number : 0;
		return;
	}
	if (strncmp(name, STATEMENT_PREFIX, strlen(STATEMENT_PREFIX)) == 0) {
		number = strtoull(name + strlen(STATEMENT_PREFIX), NULL, 10);
		HASH_FIND(hh, s->server->prepared, &number, sizeof(number), p);
		if (p != NULL)
			p->seen = true;
		return;
	}
	if (sql)
		names_learn(s, name, text);
	n = server_name_find(s->server, name);
	if (n == NULL)
		n = server_name_set(s->server, name, NULL);
	n->seen = true;
}

static char *
row_text(struct reader *r)
{
	uint32_t length = reader_u32(r);
	const char *bytes = length == UINT32_MAX ? NULL : reader_bytes(r, length);

	return bytes != NULL ? text_copy_n(bytes, length) : NULL;
}

void
asked_names_row(struct session *s, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);
	char *name, *text, *sql;

	reader_u16(&r);
	name = row_text(&r);
	text = row_text(&r);
	sql = row_text(&r);
	if (name != NULL && text != NULL && name[0] != '\0')
		names_row(s, name, text, text_equal(sql, "t"));
	free(name);
	free(text);
	free(sql);
}

/* ------------------------------------------------------------- afterwards */

/* Every statement of ours is gone: so all were deallocated, the client's with them. */
static bool
all_are_gone(const struct session *s)
{
	if (s->server->prepared == NULL)
		return false;
	for (const struct prepared *p = s->server->prepared; p != NULL; p = p->hh.next)
		if (p->seen)
			return false;
	return true;
}

void
asked_names_done(struct session *s)
{
	if (all_are_gone(s))
		names_clear(s);
	for (struct prepared *p = s->server->prepared, *next; p != NULL; p = next) {
		next = p->hh.next;
		if (!p->seen)
			server_unprepare(s->server, p->statement);
	}
	for (struct server_name *n = s->server->own_names, *next; n != NULL; n = next) {
		const struct name_entry *e = names_find(s, n->name);
		struct name_change *change;

		next = n->hh.next;
		if (n->seen || n->failed)
			continue;
		if (e != NULL && (n->empty || e->statement == n->statement)) {
			change = names_change(s, n->name, NULL);
			names_keep(&change);
		}
		server_name_remove(s->server, n);
	}
}
