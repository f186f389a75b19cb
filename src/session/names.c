/*
 * session/names.c - the names that clients gave to their prepared statements: one
 * table per worker, keyed by session and name.
 *
 * A name changes when its message is forwarded, and changes back when the server
 * turns out not to have done it: each change carries what it replaced.
 */
#include <stdlib.h>
#include <string.h>

#include "session/session_private.h"

#define NAME_KEY_MOST (sizeof(struct session *) + NAME_MOST)

/* Writes the table's key, returns its length. */
static size_t
name_key(const struct session *s, const char *name, char key[NAME_KEY_MOST])
{
	size_t length = strnlen(name, NAME_MOST);

	memcpy(key, &s, sizeof(s));
	memcpy(key + sizeof(s), name, length);
	return sizeof(s) + length;
}

struct name_entry *
names_find(struct session *s, const char *name)
{
	char key[NAME_KEY_MOST];
	struct name_entry *found;
	size_t length;

	if (s->worker->names == NULL)
		return NULL;
	length = name_key(s, name, key);
	HASH_FIND(hh, s->worker->names, key, length, found);
	return found;
}

static void
names_free(struct name_entry *e)
{
	if (e == NULL)
		return;
	statement_unref(e->statement);
	free(e);
}

/* Takes the entry out; it is the caller's. */
static struct name_entry *
names_take(struct session *s, struct name_entry *e)
{
	HASH_DEL(s->worker->names, e);
	list_remove(&e->in_session);
	s->sql_names -= e->statement->sql;
	return e;
}

static void
names_put(struct session *s, struct name_entry *e)
{
	list_push_back(&s->names, &e->in_session);
	HASH_ADD_KEYPTR(hh, s->worker->names, e->key, e->key_length, e);
	s->sql_names += e->statement->sql;
}

static struct name_entry *
names_new(struct session *s, const char *name, struct statement *statement)
{
	char key[NAME_KEY_MOST];
	size_t length = name_key(s, name, key);
	struct name_entry *e = memory_new(sizeof(*e) + length + 1);

	memcpy(e->key, key, length);
	e->key_length = length;
	e->statement = statement_ref(statement);
	e->does = DOES_WRITE;
	return e;
}

const char *
names_text(const struct name_entry *e)
{
	return e->key + sizeof(struct session *);
}

struct name_change *
names_change(struct session *s, const char *name, struct statement *statement)
{
	struct name_entry *before = names_find(s, name);
	size_t length = strlen(name);
	struct name_change *change;

	/* Undone behind a Parse of the name that was sent since, it would take that. */
	if (before == NULL && statement == NULL)
		return NULL;
	change = memory_new(sizeof(*change) + length + 1);
	change->session = s;
	memcpy(change->name, name, length + 1);
	change->before = before != NULL ? names_take(s, before) : NULL;
	if (statement != NULL)
		names_put(s, names_new(s, name, statement));
	return change;
}

void
names_undo(struct name_change **change)
{
	struct name_change *c = *change;
	struct name_entry *now;

	if (c == NULL)
		return;
	now = names_find(c->session, c->name);
	if (now != NULL)
		names_free(names_take(c->session, now));
	if (c->before != NULL)
		names_put(c->session, c->before);
	c->before = NULL;
	names_keep(change);
}

void
names_keep(struct name_change **change)
{
	struct name_change *c = *change;

	*change = NULL;
	if (c == NULL)
		return;
	names_free(c->before);
	free(c);
}

/* A Parse of the statement, or a change of what the name was. */
static bool
answer_concerns(const struct answer *one, const char *name, const struct name_entry *e)
{
	if (e != NULL && one->kind == ANSWER_PARSE && !one->of_unnamed && one->statement == e->statement)
		return true;
	return one->change != NULL && one->change->before != NULL && strncmp(one->change->name, name, NAME_MOST) == 0;
}

bool
names_is_in_doubt(const struct session *s, const char *name)
{
	const struct answers *a = &s->server->answers;
	const struct name_entry *e = names_find((struct session *)s, name);
	bool is_earlier = false;

	for (uint32_t i = a->count; i > 0; i--) {
		const struct answer *one = answers_at(a, i - 1);

		is_earlier |= answer_is_end(one);
		if (is_earlier && answer_concerns(one, name, e) && answers_may_skip(a, i - 1))
			return true;
	}
	return false;
}

bool
names_is_owed(const struct session *s, const char *name)
{
	const struct answers *a = &s->server->answers;
	bool is_earlier = false;

	for (uint32_t i = a->count; i > 0; i--) {
		const struct answer *one = answers_at(a, i - 1);

		is_earlier |= answer_is_end(one);
		if (is_earlier && one->kind == ANSWER_PARSE && one->change != NULL && strncmp(one->change->name, name, NAME_MOST) == 0)
			return true;
	}
	return false;
}

void
names_clear(struct session *s)
{
	list_for_each_safe(node, &s->names)
		names_free(names_take(s, list_entry(node, struct name_entry, in_session)));
}

/* What the server has reported is of whoever had it before. */
static bool
fence_is_owed(const struct session *s)
{
	for (uint32_t i = 0; i < s->server->answers.count; i++)
		if (answers_at(&s->server->answers, i)->purpose == PURPOSE_FENCE)
			return true;
	return false;
}

const struct profile *
names_profile(const struct session *s)
{
	const struct profile *p = profile_ref(s->profile);

	if (((s->effects & EFFECT_settings) == 0 && !s->reported) || fence_is_owed(s))
		return p;
	for (const char *const *name = statement_settings; *name != NULL; name++) {
		const struct server_value *row = server_value(s->server, *name);
		const char *usual = server_unset_value(s->server, *name);

		if (row == NULL)
			continue;
		usual = usual != NULL ? usual : row->initial;
		p = profile_with(p, *name, strcmp(usual, row->value) == 0 ? NULL : row->value);
	}
	return p;
}
