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

#define NAME_KEY_MOST 1024

/* Writes the table's key; names longer than PostgreSQL's protocol ever needs are hashed into the key. */
static size_t
name_key(const struct session *s, const char *name, char key[NAME_KEY_MOST])
{
	size_t length = strlen(name);
	uint64_t hash;

	memcpy(key, &s, sizeof(s));
	if (length <= NAME_KEY_MOST - sizeof(s) - sizeof(hash)) {
		memcpy(key + sizeof(s), name, length);
		return sizeof(s) + length;
	}
	hash = hash_bytes(name, length);
	memcpy(key + sizeof(s), name, NAME_KEY_MOST - sizeof(s) - sizeof(hash));
	memcpy(key + NAME_KEY_MOST - sizeof(hash), &hash, sizeof(hash));
	return NAME_KEY_MOST;
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
names_remove(struct session *s, struct name_entry *e)
{
	HASH_DEL(s->worker->names, e);
	list_remove(&e->in_session);
	statement_unref(e->statement);
	free(e);
}

static void
names_set(struct session *s, const char *name, struct statement *statement)
{
	struct name_entry *e = names_find(s, name);
	char key[NAME_KEY_MOST];
	size_t length;

	if (e != NULL)
		names_remove(s, e);
	if (statement == NULL)
		return;
	length = name_key(s, name, key);
	e = memory_new(sizeof(*e) + length);
	memcpy(e->key, key, length);
	e->key_length = length;
	e->statement = statement_ref(statement);
	list_push_back(&s->names, &e->in_session);
	HASH_ADD_KEYPTR(hh, s->worker->names, e->key, length, e);
}

struct name_change *
names_change(struct session *s, const char *name, struct statement *statement)
{
	size_t length = strlen(name);
	struct name_change *change = memory_new(sizeof(*change) + length + 1);
	struct name_entry *before = names_find(s, name);

	change->session = s;
	memcpy(change->name, name, length + 1);
	change->before = before != NULL ? statement_ref(before->statement) : NULL;
	names_set(s, name, statement);
	return change;
}

void
names_undo(struct name_change **change)
{
	struct name_change *c = *change;

	if (c == NULL)
		return;
	names_set(c->session, c->name, c->before);
	names_keep(change);
}

void
names_keep(struct name_change **change)
{
	struct name_change *c = *change;

	*change = NULL;
	if (c == NULL)
		return;
	statement_unref(c->before);
	free(c);
}

void
names_clear(struct session *s)
{
	list_for_each_safe(node, &s->names)
		names_remove(s, list_entry(node, struct name_entry, in_session));
}
