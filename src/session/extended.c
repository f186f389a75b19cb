/*
 * session/extended.c - the extended protocol's messages on their way to the server:
 * names of prepared statements are changed, and the answers are queued.
 */
#include <string.h>

#include "session/forward_private.h"

/* An unnamed statement up to this size is kept for a later Bind. */
#define UNNAMED_MOST ((size_t)64 * 1024)

/* A message whose statement name changes: its head made anew, its rest as it came. */
static size_t
extended_renamed(struct session *s, const struct frame *f, const char *before_name, const char *name)
{
	struct bytes *out = gather_make(&s->worker->to_server);
	size_t from = (size_t)(f->body.at - f->bytes);
	size_t at = out->length;

	bytes_u8(out, (uint8_t)f->type);
	bytes_u32(out, (uint32_t)(4 + strlen(before_name) + 1 + strlen(name) + 1 + (f->size - from)));
	bytes_text(out, before_name);
	bytes_text(out, name);
	gather_made(&s->worker->to_server, at);
	return forward_rest(s, f, from);
}

static size_t
extended_parse_unnamed(struct session *s, const struct frame *f)
{
	const char *body = f->body.at;
	size_t length = reader_left(&f->body);

	if (length > UNNAMED_MOST) {
		statement_unref(s->unnamed);
		s->unnamed = NULL;
	} else if (s->unnamed == NULL || !statement_is(s->unnamed, body, length, s->profile)) {
		statement_unref(s->unnamed);
		s->unnamed = statement_intern(body, length, s->profile);
	}
	server_set_unnamed(s->server, s->unnamed);
	forward_expect(s, ANSWER_PARSE, ANSWER_FORWARD);
	return forward_rest(s, f, 0);
}

/* A name that exists already: the server has it too and says so; the name in its message is put right. */
static size_t
extended_parse_duplicate(struct session *s, struct frame *f, struct name_entry *e)
{
	struct bytes *out;
	size_t before, from = (size_t)(f->body.at - f->bytes);

	inject_ensure(s, e->statement);
	out = gather_make(&s->worker->to_server);
	before = out->length;
	bytes_u8(out, FRONTEND_PARSE);
	bytes_u32(out, (uint32_t)(4 + strlen(e->statement->name) + 1 + (f->size - from)));
	bytes_text(out, e->statement->name);
	gather_made(&s->worker->to_server, before);
	forward_expect(s, ANSWER_PARSE, ANSWER_FORWARD);
	return forward_rest(s, f, from);
}

static uint32_t
extended_generation(struct session *s)
{
	struct catalog_facts *facts = facts_of_session(s);

	return facts != NULL ? (uint32_t)facts_generation(facts) : 0;
}

static void
extended_note_effects(struct session *s, struct name_entry *e, const struct verdict *v)
{
	e->effects = v->effects;
	e->surely = v->surely;
	e->effects_generation = extended_generation(s);
}

/* The effects of a prepared statement, judged again when the catalog's facts have changed. */
static void
extended_effects_of(struct session *s, struct name_entry *e, struct verdict *v)
{
	if (feature_judges(s) && e->effects_generation != extended_generation(s)) {
		routing_judge(s, e->statement->body, strlen(e->statement->body), v);
		extended_note_effects(s, e, v);
	}
	v->effects = e->effects;
	v->surely = e->surely;
}

static size_t
extended_parse_named(struct session *s, struct frame *f, const char *name, const struct verdict *v)
{
	struct name_entry *e = names_find(s, name);
	struct statement *statement;
	struct answer *a;

	if (e != NULL)
		return extended_parse_duplicate(s, f, e);
	statement = statement_intern(f->body.at, reader_left(&f->body), s->profile);
	if (server_find_prepared(s->server, statement) != NULL) {
		a = forward_expect(s, ANSWER_PARSE, ANSWER_MADE);
	} else {
		struct bytes *out;
		size_t before;

		inject_make_room(s, statement);
		out = gather_make(&s->worker->to_server);
		before = out->length;
		statement_write_parse(statement, false, out);
		gather_made(&s->worker->to_server, before);
		a = forward_expect(s, ANSWER_PARSE, ANSWER_FORWARD);
		a->statement = statement_ref(statement);
		stat_add(session_stats(s)->server_parses, 1);
	}
	a->change = names_change(s, name, statement);
	e = names_find(s, name);
	extended_note_effects(s, e, v);
	statement_unref(statement);
	return f->size;
}

size_t
extended_parse(struct session *s, struct frame *f)
{
	const char *name, *text;
	struct reader after;
	struct verdict v = {0};
	enum ahead ahead;
	bool judged;

	if (!frame_is_whole(f))
		return 0;
	name = reader_text(&f->body);
	after = f->body;
	text = reader_text(&after);
	reader_bytes(&after, (size_t)reader_u16(&after) * 4);
	if (!reader_at_end(&after))
		return forward_broken(s);
	judged = forward_has_to_judge(s, text);
	if (judged) {
		routing_judge(s, text, strlen(text), &v);
		ahead = feature_ahead(s, FRONTEND_PARSE, &v, text, strlen(text));
		if (ahead == AHEAD_WAIT)
			return forward_wait(s);
		if (ahead == AHEAD_REFUSE)
			return feature_send_refused(s, f->type, name, f->size);
		if (ahead == AHEAD_SENT)
			return f->size;
	}
	stat_add(session_stats(s)->client_parses, 1);
	touch_named(s, text);
	if (judged) {
		s->ddl |= v.makes_relation;
		if (v.kind == KIND_SET || v.kind == KIND_SET_LOCAL || v.kind == KIND_RESET)
			forward_note_statement(s, &v, text, strlen(text));
		if (v.kind == KIND_DEALLOCATE && name[0] == '\0' && inject_renames(s) && forward_parse_deallocate(s, text, strlen(text))) {
			statement_unref(s->unnamed);
			s->unnamed = NULL;
			server_set_unnamed(s->server, NULL);
			return f->size;
		}
	}
	if (name[0] == '\0') {
		s->unnamed_effects = v.effects;
		s->unnamed_surely = v.surely;
		return extended_parse_unnamed(s, f);
	}
	if (inject_renames(s))
		return extended_parse_named(s, f, name, &v);
	forward_expect(s, ANSWER_PARSE, ANSWER_FORWARD);
	return forward_rest(s, f, 0);
}

/* What runs now has its effects now. */
static enum ahead
extended_ahead_of_bind(struct session *s, const char *name)
{
	struct name_entry *e;
	struct verdict v = {.effects = EFFECTS_ALL};
	enum ahead ahead = AHEAD_GO;

	if (name[0] == '\0') {
		v.effects = s->unnamed_effects;
		v.surely = s->unnamed_surely;
		if (v.effects != 0 && s->unnamed != NULL)
			ahead = feature_ahead(s, FRONTEND_BIND, &v, s->unnamed->body, strlen(s->unnamed->body));
	} else if (inject_renames(s)) {
		e = names_find(s, name);
		v.effects = 0;
		if (e != NULL)
			extended_effects_of(s, e, &v);
		if (v.effects != 0)
			ahead = feature_ahead(s, FRONTEND_BIND, &v, e->statement->body, strlen(e->statement->body));
	}
	if (ahead == AHEAD_GO)
		s->effects |= v.effects;
	return ahead;
}

size_t
extended_bind(struct session *s, struct frame *f)
{
	const char *portal = reader_text(&f->body);
	const char *name = reader_text(&f->body);
	const char *server_name;
	enum ahead ahead;

	if (!reader_ok(&f->body))
		return frame_is_whole(f) || f->here > AHEAD_MOST ? forward_broken(s) : 0;
	if (!frame_is_whole(f) && f->size <= AHEAD_MOST)
		return 0;
	ahead = extended_ahead_of_bind(s, name);
	if (ahead == AHEAD_WAIT)
		return forward_wait(s);
	if (ahead == AHEAD_REFUSE)
		return feature_send_refused(s, f->type, "", f->size);
	stat_add(session_stats(s)->binds, 1);
	server_name = inject_renames(s) || name[0] == '\0' ? inject_server_name(s, name) : name;
	forward_expect(s, ANSWER_BIND, ANSWER_FORWARD);
	if (server_name == name)
		return forward_rest(s, f, 0);
	return extended_renamed(s, f, portal, server_name);
}

/* Describe and Close name a statement or a portal: 'S' or 'P', then the name. */
static bool
frame_read_what(struct frame *f, char *what, const char **name)
{
	*what = (char)reader_u8(&f->body);
	*name = reader_text(&f->body);
	return reader_at_end(&f->body) && (*what == 'S' || *what == 'P');
}

size_t
extended_describe(struct session *s, struct frame *f)
{
	const char *name, *server_name;
	struct bytes *out;
	size_t before, begun;
	char what;

	if (!frame_is_whole(f))
		return 0;
	if (!frame_read_what(f, &what, &name))
		return forward_broken(s);
	server_name = what == 'S' && (inject_renames(s) || name[0] == '\0') ? inject_server_name(s, name) : name;
	forward_expect(s, ANSWER_DESCRIBE, ANSWER_FORWARD)->describes_statement = what == 'S';
	if (server_name == name)
		return forward_rest(s, f, 0);
	out = gather_make(&s->worker->to_server);
	before = out->length;
	begun = message_begin(out, FRONTEND_DESCRIBE);
	bytes_u8(out, 'S');
	bytes_text(out, server_name);
	message_end(out, begun);
	gather_made(&s->worker->to_server, before);
	return f->size;
}

size_t
extended_close(struct session *s, struct frame *f)
{
	const char *name;
	char what;

	if (!frame_is_whole(f))
		return 0;
	if (!frame_read_what(f, &what, &name))
		return forward_broken(s);
	/* The statement stays on the server for others; only the name goes. */
	if (what == 'S' && name[0] != '\0' && inject_renames(s)) {
		forward_expect(s, ANSWER_CLOSE, ANSWER_MADE)->change = names_change(s, name, NULL);
		return f->size;
	}
	if (what == 'S' && name[0] == '\0') {
		statement_unref(s->unnamed);
		s->unnamed = NULL;
		server_set_unnamed(s->server, NULL);
	}
	forward_expect(s, ANSWER_CLOSE, ANSWER_FORWARD);
	return forward_rest(s, f, 0);
}

size_t
extended_execute(struct session *s, struct frame *f)
{
	if (!frame_is_whole(f))
		return 0;
	reader_text(&f->body);
	reader_u32(&f->body);
	if (!reader_at_end(&f->body))
		return forward_broken(s);
	forward_expect(s, ANSWER_EXECUTE, ANSWER_FORWARD);
	return forward_rest(s, f, 0);
}

size_t
extended_sync(struct session *s, const struct frame *f)
{
	s->in_batch = false;
	s->batch_failed = false;
	s->requests++;
	forward_expect_end(s, ANSWER_SYNC);
	return forward_rest(s, f, 0);
}

void
extended_made(struct session *s)
{
	struct answer *head = answers_head(&s->server->answers);

	if (head == NULL || head->way != ANSWER_MADE || s->server->skip > 0)
		return;
	gather_begin(&s->worker->to_client, &s->stream);
	relay_made(s);
	gather_flush(&s->worker->to_client);
}

size_t
extended_flush(struct session *s, const struct frame *f)
{
	size_t consumed = forward_rest(s, f, 0);

	extended_made(s);
	return consumed;
}
