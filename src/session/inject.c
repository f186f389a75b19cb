/*
 * session/inject.c - what a server lacks for the client's message: its prepared
 * statement, its unnamed one, or room for it.
 */
#include <string.h>

#include "session/forward_private.h"

void
inject_close(struct session *s, struct statement *gone, const char *name)
{
	struct bytes *out = gather_make(&s->worker->to_server);
	size_t before = out->length;
	size_t begun = message_begin(out, FRONTEND_CLOSE);
	struct answer *a;

	bytes_u8(out, 'S');
	bytes_text(out, name);
	message_end(out, begun);
	gather_made(&s->worker->to_server, before);
	a = forward_expect(s, ANSWER_CLOSE, ANSWER_SWALLOW);
	a->purpose = PURPOSE_REPREPARE;
	a->statement = gone;
}

/* Room for one more statement on the server; what is pushed out is closed there. */
void
inject_make_room(struct session *s, struct statement *statement)
{
	unsigned most = (unsigned)max_of(s->snapshot->global.max_prepared_statements, 1);
	struct statement *gone = server_prepare(s->server, statement, most);

	if (gone != NULL)
		inject_close(s, gone, gone->name);
}

void
inject_parse(struct session *s, struct statement *statement, bool unnamed)
{
	struct bytes *out;
	struct answer *a;
	size_t before;

	if (!unnamed)
		inject_make_room(s, statement);
	out = gather_make(&s->worker->to_server);
	before = out->length;
	statement_write_parse(statement, unnamed, out);
	gather_made(&s->worker->to_server, before);
	a = forward_expect(s, ANSWER_PARSE, ANSWER_SWALLOW);
	a->purpose = PURPOSE_REPREPARE;
	a->statement = unnamed ? NULL : statement_ref(statement);
	stat_add(session_stats(s)->server_parses, 1);
}

void
inject_ensure(struct session *s, struct statement *statement)
{
	if (server_find_prepared(s->server, statement) == NULL)
		inject_parse(s, statement, false);
}

/* The server's unnamed statement becomes the session's own. */
void
inject_ensure_unnamed(struct session *s)
{
	if (s->server->unnamed == s->unnamed)
		return;
	if (s->unnamed != NULL)
		inject_parse(s, s->unnamed, true);
	else
		inject_close(s, NULL, "");
	server_set_unnamed(s->server, s->unnamed);
}

/*
 * The name that a statement has on the server, brought there if it is missing.  A
 * name that the client never prepared goes as it is, and the server says so.
 */
const char *
inject_server_name(struct session *s, const char *name)
{
	struct name_entry *e;

	if (name[0] == '\0') {
		inject_ensure_unnamed(s);
		return name;
	}
	e = names_find(s, name);
	if (e == NULL)
		return strncmp(name, STATEMENT_PREFIX, strlen(STATEMENT_PREFIX)) == 0 ? "(unknown)" : name;
	inject_ensure(s, e->statement);
	return e->statement->name;
}

bool
inject_renames(const struct session *s)
{
	return s->snapshot->global.max_prepared_statements > 0 && s->pool_mode != POOL_SESSION;
}

/*
 * DEALLOCATE of a name that the protocol prepared.  The server has the statement under
 * another name, and keeps it for others; so the command is aimed at an empty one, put
 * there to be deallocated.
 */
void
inject_gone(struct session *s)
{
	struct bytes *out;
	size_t before;

	inject_close(s, NULL, STATEMENT_PREFIX "gone");
	out = gather_make(&s->worker->to_server);
	before = out->length;
	message_parse(out, STATEMENT_PREFIX "gone", "");
	gather_made(&s->worker->to_server, before);
	forward_expect(s, ANSWER_PARSE, ANSWER_SWALLOW)->purpose = PURPOSE_REPREPARE;
}
