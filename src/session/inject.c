/*
 * session/inject.c - what a server lacks for the client's message: its prepared
 * statement, its unnamed one, or room for it.
 */
#include <string.h>

#include "session/forward_private.h"
#include "session/own_names.h"

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

void
inject_describe(struct session *s, const char *name)
{
	struct bytes *out = gather_make(&s->worker->to_server);
	size_t before = out->length;
	size_t begun = message_begin(out, FRONTEND_DESCRIBE);

	bytes_u8(out, 'S');
	bytes_text(out, name);
	message_end(out, begun);
	gather_made(&s->worker->to_server, before);
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
inject_send_parse(struct session *s, const struct statement *statement, bool unnamed)
{
	struct bytes *out = gather_make(&s->worker->to_server);
	size_t before = out->length;

	statement_write_parse(statement, unnamed, out);
	gather_made(&s->worker->to_server, before);
}

void
inject_parse(struct session *s, struct statement *statement, bool unnamed)
{
	/* What a failed transaction takes has no meaning that settings change, and it takes no settings. */
	bool windowed = s->server->status != 'E' && window_open(s, statement, PURPOSE_REPREPARE);
	struct answer *a;

	if (!unnamed)
		inject_make_room(s, statement);
	inject_send_parse(s, statement, unnamed);
	a = forward_expect(s, ANSWER_PARSE, ANSWER_SWALLOW);
	a->purpose = PURPOSE_REPREPARE;
	a->of_unnamed = unnamed;
	a->statement = unnamed ? NULL : statement_ref(statement);
	/* A batch behind this one must not count on it. */
	s->close_in_doubt |= !unnamed && answers_may_skip(&s->server->answers, s->server->answers.count - 1);
	stat_add(session_stats(s)->server_parses, 1);
	if (windowed)
		window_close(s, statement, PURPOSE_REPREPARE);
}

void
inject_ensure(struct session *s, struct statement *statement)
{
	if (server_find_prepared(s->server, statement) == NULL)
		inject_parse(s, statement, false);
}

/* The server's unnamed statement becomes the session's own. */
void
inject_ensure_unnamed(struct session *s, char type)
{
	if (s->unnamed != NULL && s->server->unnamed == s->unnamed)
		return;
	if (unlikely(s->server->status == 'E') && s->unnamed != NULL && stand_in_for_unnamed(s, type))
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
inject_server_name(struct session *s, const char *name, char type)
{
	const char *stand_in;
	struct name_entry *e;

	if (name[0] == '\0') {
		inject_ensure_unnamed(s, type);
		return name;
	}
	e = names_find(s, name);
	if (e != NULL && own_name_is_used(s, e)) {
		own_name_ensure(s, name, e);
		return name;
	}
	if (e == NULL) {
		own_name_ensure(s, name, NULL);
		return strncmp(name, STATEMENT_PREFIX, strlen(STATEMENT_PREFIX)) == 0 ? "(unknown)" : name;
	}
	stand_in = unlikely(s->server->status == 'E') ? stand_in_ensure(s, e, type) : NULL;
	if (stand_in != NULL)
		return stand_in;
	inject_ensure(s, e->statement);
	return e->statement->name;
}

/* What a Describe is told of a statement whose rows are others now: its parameters, and an error behind them. */
static void
inject_describe_parameters(struct session *s, const struct name_entry *e)
{
	struct answer *a;

	inject_describe(s, e->statement->name);
	a = forward_expect(s, ANSWER_DESCRIBE, ANSWER_FORWARD);
	a->purpose = PURPOSE_COMPARE;
	a->describes_statement = true;
}

/*
 * A statement that the server lacks is prepared there again before it is bound, and
 * must still return what the client was told: else the client gets the error that a
 * connection of its own would give.
 */
enum ahead
inject_ahead_of_use(struct session *s, struct name_entry *e, char type)
{
	static const struct error changed = {.sqlstate = "0A000", .message = "cached plan must not change result type"};
	struct answer *a;

	if (e->described == 0 || own_name_is_used(s, e))
		return AHEAD_GO;
	if (s->changed) {
		s->changed = false;
		if (type == FRONTEND_DESCRIBE)
			inject_describe_parameters(s, e);
		server_unprepare(s->server, e->statement);
		inject_close(s, NULL, e->statement->name);
		feature_refuse(s, &changed);
		return AHEAD_REFUSE;
	}
	if (server_find_prepared(s->server, e->statement) != NULL || s->server->status == 'E')
		return AHEAD_GO;
	s->changed = false;
	inject_parse(s, e->statement, false);
	inject_describe(s, e->statement->name);
	gather_refer(&s->worker->to_server, "H\0\0\0\4", FRAME_HEAD);
	a = forward_expect(s, ANSWER_DESCRIBE, ANSWER_SWALLOW);
	a->purpose = PURPOSE_COMPARE;
	a->describes_statement = true;
	a->described = e->described;
	s->in_batch = true;
	s->making = true;
	return AHEAD_WAIT;
}

bool
inject_renames(const struct session *s)
{
	return s->snapshot->global.max_prepared_statements > 0 && s->pool_mode != POOL_SESSION;
}
