/*
 * pool/server_name.c - the clients' own names on a server: what was prepared by SQL,
 * and what one of its clients runs or looks at by SQL under its protocol name.
 *
 * They are one name space for all clients that get the server, so each entry says
 * which statement it is.  What others have there is taken away where it would be seen.
 */
#include <stdlib.h>
#include <string.h>

#include "pool/server.h"

/* PostgreSQL looks at no more of a name (NAMEDATALEN). */
#define NAME_MOST 63

struct server_name *
server_name_find(struct server *s, const char *name)
{
	struct server_name *found;

	HASH_FIND(hh, s->own_names, name, strnlen(name, NAME_MOST), found);
	return found;
}

void
server_name_remove(struct server *s, struct server_name *n)
{
	HASH_DEL(s->own_names, n);
	list_remove(&n->used);
	statement_unref(n->statement);
	free(n);
}

struct server_name *
server_name_set(struct server *s, const char *name, struct statement *statement)
{
	struct server_name *n = server_name_find(s, name);
	size_t length = strnlen(name, NAME_MOST);

	if (n == NULL) {
		n = memory_new(sizeof(*n) + length + 1);
		memcpy(n->name, name, length);
		HASH_ADD_KEYPTR(hh, s->own_names, n->name, length, n);
	} else {
		list_remove(&n->used);
	}
	list_push_back(&s->own_used, &n->used);
	if (statement != NULL)
		statement_ref(statement);
	statement_unref(n->statement);
	n->statement = statement;
	n->failed = false;
	n->empty = false;
	return n;
}

struct server_name *
server_name_oldest(struct server *s)
{
	return list_is_empty(&s->own_used) ? NULL : list_entry(list_first(&s->own_used), struct server_name, used);
}

void
server_name_forget_all(struct server *s)
{
	struct server_name *n;

	while ((n = server_name_oldest(s)) != NULL)
		server_name_remove(s, n);
}
