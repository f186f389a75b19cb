/*
 * session/forward.c - one message of the client on its way to the server: names of
 * prepared statements are changed, what the server lacks is put in front, and the
 * answer that it will owe is queued.
 */
#include "session/session_private.h"

#include <string.h>

/* An unnamed statement up to this size is kept for a later Bind. */
#define UNNAMED_MOST ((size_t)64 * 1024)

struct frame {
	char type;
	const char *bytes;  /* the whole frame, as far as it is here */
	size_t size;        /* what it will be */
	size_t here;        /* what of it is here */
	struct reader body; /* what is here of its body */
};

static struct answer *
forward_expect(struct session *s, enum answer_kind kind, enum answer_way way)
{
	return answers_push(&s->server->answers, kind, way);
}

/* Expects the answer that ends a request, and so says why the request went where it went. */
static struct answer *
forward_expect_end(struct session *s, enum answer_kind kind)
{
	struct answer *a = forward_expect(s, kind, ANSWER_FORWARD);

	a->reason = s->batch.reason;
	return a;
}

/* Sends the frame from byte FROM on as it is; a part that is not here yet streams through later. */
static size_t
forward_rest(struct session *s, const struct frame *f, size_t from)
{
	gather_refer(&s->worker->to_server, f->bytes + from, f->here - from);
	s->skip = f->size - f->here;
	return f->here;
}

static bool
frame_is_whole(const struct frame *f)
{
	return f->here == f->size;
}

static size_t
forward_broken(struct session *s)
{
	session_close(s, CLOSE_bad_packet, NULL);
	return 0;
}

/* ------------------------------------------------ what the server lacks */

static void
forward_inject_close(struct session *s, struct statement *gone, const char *name)
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
static void
forward_make_prepared(struct session *s, struct statement *statement)
{
	unsigned most = (unsigned)max_of(s->snapshot->global.max_prepared_statements, 1);
	struct statement *gone = server_prepare(s->server, statement, most);

	if (gone != NULL)
		forward_inject_close(s, gone, gone->name);
}

static void
forward_inject_parse(struct session *s, struct statement *statement, bool unnamed)
{
	struct bytes *out;
	struct answer *a;
	size_t before;

	if (!unnamed)
		forward_make_prepared(s, statement);
	out = gather_make(&s->worker->to_server);
	before = out->length;
	statement_write_parse(statement, unnamed, out);
	gather_made(&s->worker->to_server, before);
	a = forward_expect(s, ANSWER_PARSE, ANSWER_SWALLOW);
	a->purpose = PURPOSE_REPREPARE;
	a->statement = unnamed ? NULL : statement_ref(statement);
	stat_add(session_stats(s)->server_parses, 1);
}

static void
forward_ensure(struct session *s, struct statement *statement)
{
	if (server_find_prepared(s->server, statement) == NULL)
		forward_inject_parse(s, statement, false);
}

/* The server's unnamed statement becomes the session's own. */
static void
forward_ensure_unnamed(struct session *s)
{
	if (s->server->unnamed == s->unnamed)
		return;
	if (s->unnamed != NULL)
		forward_inject_parse(s, s->unnamed, true);
	else
		forward_inject_close(s, NULL, "");
	server_set_unnamed(s->server, s->unnamed);
}

/*
 * The name that a statement has on the server, brought there if it is missing.  A
 * name that the client never prepared goes as it is, and the server says so.
 */
static const char *
forward_server_name(struct session *s, const char *name)
{
	struct name_entry *e;

	if (name[0] == '\0') {
		forward_ensure_unnamed(s);
		return name;
	}
	e = names_find(s, name);
	if (e == NULL)
		return strncmp(name, STATEMENT_PREFIX, strlen(STATEMENT_PREFIX)) == 0 ? "(unknown)" : name;
	forward_ensure(s, e->statement);
	return e->statement->name;
}

static bool
forward_renames(const struct session *s)
{
	return s->snapshot->global.max_prepared_statements > 0 && s->pool_mode != POOL_SESSION;
}

/* ----------------------------------------------------- simple and function */

static size_t
forward_query_streamed(struct session *s, const struct frame *f)
{
	forward_expect_end(s, ANSWER_QUERY);
	return forward_rest(s, f, 0);
}

/*
 * DEALLOCATE of a name that the protocol prepared.  The server has the statement under
 * another name, and keeps it for others; so the command is aimed at an empty one, put
 * there to be deallocated.
 */
static void
forward_inject_gone(struct session *s)
{
	struct bytes *out;
	size_t before;

	forward_inject_close(s, NULL, STATEMENT_PREFIX "gone");
	out = gather_make(&s->worker->to_server);
	before = out->length;
	message_parse(out, STATEMENT_PREFIX "gone", "");
	gather_made(&s->worker->to_server, before);
	forward_expect(s, ANSWER_PARSE, ANSWER_SWALLOW)->purpose = PURPOSE_REPREPARE;
}

static bool
forward_deallocate(struct session *s, const struct verdict_detail *detail)
{
	struct name_entry *e = detail->is_all || detail->name == NULL ? NULL : names_find(s, detail->name);
	struct bytes *out;
	size_t before;

	if (e == NULL)
		return false;
	forward_inject_gone(s);
	out = gather_make(&s->worker->to_server);
	before = out->length;
	message_sync(out);
	message_query(out, "deallocate " STATEMENT_PREFIX "gone");
	gather_made(&s->worker->to_server, before);
	forward_expect(s, ANSWER_SYNC, ANSWER_SWALLOW)->purpose = PURPOSE_REPREPARE;
	forward_expect_end(s, ANSWER_QUERY)->change = names_change(s, detail->name, NULL);
	return true;
}

/* The same by an unnamed Parse: the name goes with it, whether or not it will be executed. */
static bool
forward_parse_deallocate(struct session *s, const char *text, size_t length)
{
	struct verdict_detail detail;
	struct bytes *out;
	size_t before;
	bool known;

	known = route_detail(text, length, &detail) && !detail.is_all && detail.name != NULL && names_find(s, detail.name) != NULL;
	if (known) {
		forward_inject_gone(s);
		out = gather_make(&s->worker->to_server);
		before = out->length;
		message_parse(out, "", "deallocate " STATEMENT_PREFIX "gone");
		gather_made(&s->worker->to_server, before);
		forward_expect(s, ANSWER_PARSE, ANSWER_FORWARD)->change = names_change(s, detail.name, NULL);
	}
	verdict_detail_free(&detail);
	return known;
}

/* A look at the first letters: true for what may be SET, RESET, DEALLOCATE or DISCARD, or begins with a comment. */
static bool
text_may_concern_session(const char *text)
{
	while (*text == ' ' || (*text >= '\t' && *text <= '\r') || *text == ';')
		text++;
	switch (*text | 0x20) {
	case 's':
		return text_starts_nocase(text, "set");
	case 'r':
		return text_starts_nocase(text, "reset");
	case 'd':
		return text_starts_nocase(text, "deallocate") || text_starts_nocase(text, "discard");
	default:
		return *text == '/' || *text == '-';
	}
}

/* What the session itself has to know of a statement: names of settings, and names to free. */
static bool
forward_note_statement(struct session *s, const struct verdict *v, const char *text, size_t length)
{
	struct verdict_detail detail;
	bool sent = false;

	switch (v->kind) {
	case KIND_SET:
	case KIND_SET_LOCAL:
	case KIND_RESET:
	case KIND_DEALLOCATE:
	case KIND_DISCARD:
		break;
	default:
		return false;
	}
	/* What is prepared behind it must not be looked up in what it will clear. */
	s->clearing = v->kind == KIND_DISCARD || v->kind == KIND_DEALLOCATE;
	if (route_detail(text, length, &detail)) {
		if (v->kind == KIND_DEALLOCATE)
			sent = forward_renames(s) && forward_deallocate(s, &detail);
		else if (v->kind != KIND_DISCARD && detail.name != NULL)
			restore_touch(s, detail.name);
		if (v->kind == KIND_RESET) {
			s->reset_one = !detail.is_all;
			s->reset_all = detail.is_all;
		}
	}
	verdict_detail_free(&detail);
	return sent;
}

static size_t
forward_query(struct session *s, struct frame *f)
{
	const char *text;
	struct verdict v;

	if (!frame_is_whole(f) && f->size > ROUTE_TEXT_MAX_BYTES)
		return forward_query_streamed(s, f);
	if (!frame_is_whole(f))
		return 0;
	text = reader_text(&f->body);
	if (!reader_ok(&f->body))
		return forward_broken(s);
	statement_unref(s->unnamed);
	s->unnamed = NULL;
	server_set_unnamed(s->server, NULL);
	if (routing_judges(s) || text_may_concern_session(text)) {
		routing_judge(s, text, strlen(text), &v);
		s->ddl |= v.makes_relation;
		if (forward_note_statement(s, &v, text, strlen(text)))
			return f->size;
	}
	forward_expect_end(s, ANSWER_QUERY);
	return forward_rest(s, f, 0);
}

static size_t
forward_function(struct session *s, const struct frame *f)
{
	forward_expect_end(s, ANSWER_FUNCTION);
	return forward_rest(s, f, 0);
}

/* -------------------------------------------------------------- extended */

/* A message whose statement name changes: its head made anew, its rest as it came. */
static size_t
forward_renamed(struct session *s, const struct frame *f, const char *before_name, const char *name)
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
forward_parse_unnamed(struct session *s, const struct frame *f)
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
forward_parse_duplicate(struct session *s, struct frame *f, struct name_entry *e)
{
	struct bytes *out;
	size_t before, from = (size_t)(f->body.at - f->bytes);

	forward_ensure(s, e->statement);
	out = gather_make(&s->worker->to_server);
	before = out->length;
	bytes_u8(out, FRONTEND_PARSE);
	bytes_u32(out, (uint32_t)(4 + strlen(e->statement->name) + 1 + (f->size - from)));
	bytes_text(out, e->statement->name);
	gather_made(&s->worker->to_server, before);
	forward_expect(s, ANSWER_PARSE, ANSWER_FORWARD);
	return forward_rest(s, f, from);
}

static size_t
forward_parse_named(struct session *s, struct frame *f, const char *name)
{
	struct name_entry *e = names_find(s, name);
	struct statement *statement;
	struct answer *a;

	if (e != NULL)
		return forward_parse_duplicate(s, f, e);
	statement = statement_intern(f->body.at, reader_left(&f->body), s->profile);
	if (server_find_prepared(s->server, statement) != NULL) {
		a = forward_expect(s, ANSWER_PARSE, ANSWER_MADE);
	} else {
		struct bytes *out;
		size_t before;

		forward_make_prepared(s, statement);
		out = gather_make(&s->worker->to_server);
		before = out->length;
		statement_write_parse(statement, false, out);
		gather_made(&s->worker->to_server, before);
		a = forward_expect(s, ANSWER_PARSE, ANSWER_FORWARD);
		a->statement = statement_ref(statement);
		stat_add(session_stats(s)->server_parses, 1);
	}
	a->change = names_change(s, name, statement);
	statement_unref(statement);
	return f->size;
}

static size_t
forward_parse(struct session *s, struct frame *f)
{
	const char *name, *text;
	struct reader after;
	struct verdict v;

	if (!frame_is_whole(f))
		return 0;
	name = reader_text(&f->body);
	after = f->body;
	text = reader_text(&after);
	reader_bytes(&after, (size_t)reader_u16(&after) * 4);
	if (!reader_at_end(&after))
		return forward_broken(s);
	stat_add(session_stats(s)->client_parses, 1);
	if ((routing_judges(s) && s->target != LEND_REPLICA) || text_may_concern_session(text)) {
		routing_judge(s, text, strlen(text), &v);
		s->ddl |= v.makes_relation;
		if (v.kind == KIND_SET || v.kind == KIND_SET_LOCAL || v.kind == KIND_RESET)
			forward_note_statement(s, &v, text, strlen(text));
		if (v.kind == KIND_DEALLOCATE && name[0] == '\0' && forward_renames(s) && forward_parse_deallocate(s, text, strlen(text))) {
			statement_unref(s->unnamed);
			s->unnamed = NULL;
			server_set_unnamed(s->server, NULL);
			return f->size;
		}
	}
	if (name[0] == '\0')
		return forward_parse_unnamed(s, f);
	if (forward_renames(s))
		return forward_parse_named(s, f, name);
	forward_expect(s, ANSWER_PARSE, ANSWER_FORWARD);
	return forward_rest(s, f, 0);
}

static size_t
forward_bind(struct session *s, struct frame *f)
{
	const char *portal = reader_text(&f->body);
	const char *name = reader_text(&f->body);
	const char *server_name;

	if (!reader_ok(&f->body))
		return frame_is_whole(f) || f->here > AHEAD_MOST ? forward_broken(s) : 0;
	if (!frame_is_whole(f) && f->size <= AHEAD_MOST)
		return 0;
	stat_add(session_stats(s)->binds, 1);
	server_name = forward_renames(s) || name[0] == '\0' ? forward_server_name(s, name) : name;
	forward_expect(s, ANSWER_BIND, ANSWER_FORWARD);
	if (server_name == name)
		return forward_rest(s, f, 0);
	return forward_renamed(s, f, portal, server_name);
}

/* Describe and Close name a statement or a portal: 'S' or 'P', then the name. */
static bool
frame_read_what(struct frame *f, char *what, const char **name)
{
	*what = (char)reader_u8(&f->body);
	*name = reader_text(&f->body);
	return reader_at_end(&f->body) && (*what == 'S' || *what == 'P');
}

static size_t
forward_describe(struct session *s, struct frame *f)
{
	const char *name, *server_name;
	struct bytes *out;
	size_t before, begun;
	char what;

	if (!frame_is_whole(f))
		return 0;
	if (!frame_read_what(f, &what, &name))
		return forward_broken(s);
	server_name = what == 'S' && (forward_renames(s) || name[0] == '\0') ? forward_server_name(s, name) : name;
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

static size_t
forward_close(struct session *s, struct frame *f)
{
	const char *name;
	char what;

	if (!frame_is_whole(f))
		return 0;
	if (!frame_read_what(f, &what, &name))
		return forward_broken(s);
	/* The statement stays on the server for others; only the name goes. */
	if (what == 'S' && name[0] != '\0' && forward_renames(s)) {
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

static size_t
forward_execute(struct session *s, struct frame *f)
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

static size_t
forward_sync(struct session *s, const struct frame *f)
{
	s->in_batch = false;
	s->batch_failed = false;
	s->requests++;
	forward_expect_end(s, ANSWER_SYNC);
	return forward_rest(s, f, 0);
}

static size_t
forward_flush(struct session *s, const struct frame *f)
{
	size_t consumed = forward_rest(s, f, 0);
	struct answer *head = answers_head(&s->server->answers);

	if (head == NULL || head->way != ANSWER_MADE || s->server->skip > 0)
		return consumed;
	gather_begin(&s->worker->to_client, &s->stream);
	relay_made(s);
	gather_flush(&s->worker->to_client);
	return consumed;
}

/* ------------------------------------------------------------------ copy */

/* While a COPY FROM STDIN runs the server takes data; Sync and Flush mean nothing to it and owe no answer. */
static size_t
forward_copy(struct session *s, const struct frame *f)
{
	if (f->type == FRONTEND_COPY_DONE || f->type == FRONTEND_COPY_FAIL)
		s->server->in_copy = false;
	return forward_rest(s, f, 0);
}

static size_t
forward_dropped(struct session *s, const struct frame *f)
{
	s->skip = f->size - f->here;
	s->skip_dropped = true;
	return f->here;
}

/*
 * Data sent ahead of the CopyInResponse that will ask for it waits: before it the
 * data mean nothing, and would be dropped.  The server is told not to keep its answer back.
 */
static size_t
forward_wait_for_copy(struct session *s)
{
	if (!s->blocked)
		gather_refer(&s->worker->to_server, "H\0\0\0\4", FRAME_HEAD);
	s->blocked = true;
	return 0;
}

/* ------------------------------------------------------------------ gate */

static bool
type_is_of_copy(char type)
{
	return type == FRONTEND_COPY_DATA || type == FRONTEND_COPY_DONE || type == FRONTEND_COPY_FAIL;
}

static bool
type_begins_request(char type)
{
	return type != FRONTEND_SYNC && type != FRONTEND_FLUSH && !type_is_of_copy(type);
}

/*
 * True when the request that begins here has to wait: for the answers before it
 * (another host is needed, or enough was sent ahead), or for room.
 */
static bool
forward_must_wait(struct session *s, char type, const char *bytes, size_t length)
{
	struct plan plan;
	bool outstanding = s->server->answers.count > 0;

	/* Who leaves gets the answers to what it has asked. */
	if (type == FRONTEND_TERMINATE)
		return outstanding;
	if (outstanding && s->clearing)
		return true;
	if (stream_unsent(&s->server->stream) > HIGH_WATER)
		return true;
	if (!outstanding || s->server->status != 'I' || s->pool_mode == POOL_SESSION)
		return false;
	if (s->requests >= REQUESTS_MOST)
		return true;
	if (s->target != LEND_REPLICA)
		return false;
	plan = routing_plan(s, bytes, length);
	if (plan.outcome == PLAN_WAIT || (plan.outcome == PLAN_LEND && routing_target(s, &plan.brief) != LEND_REPLICA))
		return true;
	s->batch = plan.brief;
	return false;
}

/*
 * A client that flushes sends on what was not there to be judged.  When that may not
 * run here, a Sync of ours ends the batch so far, which was reads, and the rest goes
 * elsewhere.  An Execute alone goes on with a portal, and so stays.
 */
static bool
forward_must_leave(struct session *s, const char *bytes, size_t length)
{
	struct bytes *out;
	struct plan plan;
	size_t before;

	if (s->target != LEND_REPLICA || s->server->answers.count > 0 || s->server->status != 'I' || s->pool_mode == POOL_SESSION)
		return false;
	plan = routing_plan(s, bytes, length);
	if (plan.outcome == PLAN_WAIT)
		return true;
	if (plan.outcome == PLAN_BROKEN || !plan.is_judged || routing_target(s, &plan.brief) == LEND_REPLICA)
		return false;
	out = gather_make(&s->worker->to_server);
	before = out->length;
	message_sync(out);
	gather_made(&s->worker->to_server, before);
	forward_expect(s, ANSWER_SYNC, ANSWER_SWALLOW)->purpose = PURPOSE_REPREPARE;
	s->in_batch = false;
	return true;
}

/* Requests inside a transaction stay on its server, whatever they are. */
static void
forward_note_request(struct session *s)
{
	if (s->server->status != 'I')
		s->batch = (struct brief){.target = TARGET_FOLLOW, .reason = ROUTE_REASON_in_transaction, .known = true};
}

static void
forward_start_request(struct session *s)
{
	struct server *server = s->server;
	int64_t now_us;

	if (server->answers.count > 0)
		return;
	s->clearing = false;
	if (server->status == 'I' && restore_is_needed(s))
		restore_fence(s);
	now_us = loop_now_us(s->worker->loop);
	s->request_us = now_us;
	if (s->transaction_us == 0)
		s->transaction_us = now_us;
	session_arm(s);
}

static size_t
forward_dispatch(struct session *s, struct frame *f)
{
	switch (f->type) {
	case FRONTEND_QUERY:
		return forward_query(s, f);
	case FRONTEND_FUNCTION_CALL:
		return forward_function(s, f);
	case FRONTEND_PARSE:
		return forward_parse(s, f);
	case FRONTEND_BIND:
		return forward_bind(s, f);
	case FRONTEND_DESCRIBE:
		return forward_describe(s, f);
	case FRONTEND_EXECUTE:
		return forward_execute(s, f);
	case FRONTEND_CLOSE:
		return forward_close(s, f);
	case FRONTEND_SYNC:
		return forward_sync(s, f);
	case FRONTEND_FLUSH:
		return forward_flush(s, f);
	case FRONTEND_TERMINATE:
		session_close(s, CLOSE_client_request, NULL);
		return 0;
	case FRONTEND_PASSWORD:
		session_close(s, CLOSE_protocol_violation, NULL);
		return 0;
	default:
		return forward_dropped(s, f);
	}
}

/* After an error the server drops everything up to Sync, and so do we. */
static bool
forward_is_dropped(const struct session *s, char type)
{
	return s->batch_failed && type != FRONTEND_SYNC && type != FRONTEND_TERMINATE;
}

size_t
forward_frame(struct session *s, const char *bytes, size_t length)
{
	struct frame f = {.bytes = bytes};
	bool begins;
	size_t consumed;

	switch (frame_read(FROM_CLIENT, bytes, length, (uint32_t)s->snapshot->global.max_packet_size, &f.type, &f.size)) {
	case FRAME_WAIT:
		return 0;
	case FRAME_BROKEN:
		session_close(s, CLOSE_bad_packet, NULL);
		return 0;
	default:
		break;
	}
	f.here = min_of(f.size, length);
	f.body = reader_over(bytes + FRAME_HEAD, f.here - FRAME_HEAD);
	if (s->server->in_copy && f.type != FRONTEND_TERMINATE)
		return forward_copy(s, &f);
	if (forward_is_dropped(s, f.type))
		return forward_dropped(s, &f);
	if (type_is_of_copy(f.type) && s->server->answers.count > 0)
		return forward_wait_for_copy(s);
	begins = !s->in_batch && type_begins_request(f.type);
	if (s->settling || (begins && forward_must_wait(s, f.type, bytes, length))) {
		s->blocked = true;
		return 0;
	}
	if (!begins && type_begins_request(f.type) && f.type != FRONTEND_TERMINATE && forward_must_leave(s, bytes, length)) {
		s->blocked = true;
		return 0;
	}
	if (begins)
		forward_note_request(s);
	if (s->request_us == 0 && f.type != FRONTEND_TERMINATE && f.type != FRONTEND_FLUSH)
		forward_start_request(s);
	consumed = forward_dispatch(s, &f);
	if (consumed == 0)
		return 0;
	if (f.type == FRONTEND_QUERY || f.type == FRONTEND_FUNCTION_CALL) {
		/* Either ends a batch that has had no Sync. */
		s->in_batch = false;
		s->requests++;
	} else if (begins) {
		s->in_batch = true;
	}
	return consumed;
}
