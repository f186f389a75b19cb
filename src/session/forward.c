/*
 * session/forward.c - one message of the client on its way to the server: names of
 * prepared statements are changed, what the server lacks is put in front, and the
 * answer that it will owe is queued.
 */
#include "session/floor.h"
#include "session/forward_private.h"
#include "session/lazy.h"
#include "session/heal.h"
#include "session/listening.h"
#include "session/own_names.h"
#include "session/pin.h"

#include <ctype.h>
#include <string.h>

#include "session/sequence.h"

struct answer *
forward_expect(struct session *s, enum answer_kind kind, enum answer_way way)
{
	return answers_push(&s->server->answers, kind, way);
}

/* Expects the answer that ends a request, and so says why the request went where it went. */
struct answer *
forward_expect_end(struct session *s, enum answer_kind kind)
{
	struct answer *a = forward_expect(s, kind, ANSWER_FORWARD);

	a->reason = s->batch.reason;
	a->does = s->does;
	s->does = 0;
	return a;
}

/* Sends the frame from byte FROM on as it is; a part that is not here yet streams through later. */
size_t
forward_rest(struct session *s, const struct frame *f, size_t from)
{
	gather_refer(&s->worker->to_server, f->bytes + from, f->here - from);
	s->skip = (uint32_t)(f->size - f->here);
	return f->here;
}

bool
frame_is_whole(const struct frame *f)
{
	return f->here == f->size;
}

size_t
forward_broken(struct session *s)
{
	session_close(s, CLOSE_bad_packet, NULL);
	return 0;
}

/* ----------------------------------------------------- simple and function */

static size_t
forward_query_streamed(struct session *s, const struct frame *f)
{
	s->effects |= EFFECTS_ALL;
	sequence_ahead_unseen(s);
	s->asks_names = inject_renames(s) && s->features != FEATURES_IGNORE;
	/* Whatever is in it. */
	s->probe |= s->features != FEATURES_IGNORE;
	s->names_unknown = s->hides = true;
	touch_head(s, f->body.at, reader_left(&f->body));
	if (s->floor != NULL)
		floor_sends(s, NULL, NULL);
	s->does = DOES_WRITE;
	unnamed_change(s, forward_expect_end(s, ANSWER_QUERY), NULL);
	return forward_rest(s, f, 0);
}

static bool
text_is_of(const char *text, const char *verb, const char *kind)
{
	size_t length = strlen(verb);

	if (!text_starts_nocase(text, verb))
		return false;
	while (isspace((unsigned char)text[length]))
		length++;
	return text_starts_nocase(text + length, kind) || text[length] == '/' || text[length] == '-';
}

/* A look at the first letters: true for what may be SET, RESET, DEALLOCATE, DISCARD, or about a database or a role, or begins with a comment. */
static bool
forward_concerns_session(const char *text)
{
	while (*text == ' ' || (*text >= '\t' && *text <= '\r') || *text == ';')
		text++;
	switch (*text | 0x20) {
	case 's':
		return text_starts_nocase(text, "set");
	case 'r':
		return text_starts_nocase(text, "reset");
	case 'd':
		return text_starts_nocase(text, "deallocate") || text_starts_nocase(text, "discard") || text_is_of(text, "drop", "database");
	case 'c':
		return text_is_of(text, "create", "database");
	case 'a':
		return text_is_of(text, "alter", "database") || text_is_of(text, "alter", "role") || text_is_of(text, "alter", "user");
	default:
		return *text == '/' || *text == '-';
	}
}

/* What is on its way to a replica reads; of all else that nobody has judged nothing is known. */
uint8_t
forward_does_unjudged(const struct session *s)
{
	return routing_judges(s) && s->target == LEND_REPLICA ? 0 : DOES_WRITE;
}

/* A read that was judged on its way to a replica has nothing that a session would have to know. */
bool
forward_has_to_judge(const struct session *s, const char *text)
{
	bool was_judged = routing_judges(s) && s->target == LEND_REPLICA && s->server->status == 'I';

	return (feature_judges(s) && !was_judged) || forward_concerns_session(text);
}

/* What is prepared behind it must not be looked up in what it will clear. */
static void
forward_note_statement(struct session *s, const struct verdict *v)
{
	if (v->kind == KIND_DEALLOCATE || v->kind == KIND_DISCARD)
		s->clearing = true;
}

/* True when all that the server owes is that it has the settings, of which nobody waits for more than that. */
static bool
forward_owes_fence_alone(const struct session *s)
{
	const struct answers *a = &s->server->answers;

	if (s->making || s->in_batch || s->server->status != 'I' || a->count == 0)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (answers_at(a, i)->purpose != PURPOSE_FENCE)
			return false;
	return true;
}

/* The message stays in the input until request_resume. */
size_t
forward_wait(struct session *s)
{
	s->blocked = true;
	lazy_wait(s);
	/* Its request has not begun: the end of the fence is no end of a transaction, for which the server would go back. */
	if (forward_owes_fence_alone(s)) {
		s->fencing = true;
		s->request_us = 0;
	}
	return 0;
}

/* *JUDGED: whether the text was read, and *V is its verdict; if it was not, V has no effects, and nothing else. */
static inline enum ahead
forward_ahead_of_query(struct session *s, const char *text, size_t length, struct verdict *v, bool *judged)
{
	v->effects = 0;
	*judged = forward_has_to_judge(s, text);
	if (!*judged) {
		s->does = forward_does_unjudged(s);
		touch_text(s, NULL, text, length);
		if (unlikely(s->floor != NULL))
			floor_sends(s, NULL, text);
		return AHEAD_GO;
	}
	routing_judge(s, text, length, v);
	if (unlikely(s->floor != NULL))
		floor_sends(s, v, text);
	s->does = v->does;
	return feature_ahead(s, FRONTEND_QUERY, v, text, length);
}

/* Answers whether what it defines is its session's alone. */
static inline bool
forward_note_query(struct session *s, const struct verdict *v, const char *text, size_t length)
{
	bool is_private = v->statements == 1 && pin_is_private(s, v->effects, v->surely);

	s->ddl |= v->makes_relation && !is_private;
	s->effects |= v->effects;
	lazy_note(s, v);
	lazy_note_begin(s, v, text);
	touch_text(s, v, text, length);
	return is_private;
}

static size_t
forward_query(struct session *s, struct frame *f)
{
	struct verdict v;
	const char *text;
	size_t length;
	bool judged, is_private;
	enum ahead ahead;
	struct answer *a;

	if (!frame_is_whole(f) && f->size > ROUTE_TEXT_MAX_BYTES)
		return forward_query_streamed(s, f);
	if (!frame_is_whole(f))
		return 0;
	text = reader_text(&f->body);
	if (!reader_ok(&f->body))
		return forward_broken(s);
	length = strlen(text);
	ahead = forward_ahead_of_query(s, text, length, &v, &judged);
	if (ahead == AHEAD_WAIT)
		return forward_wait(s);
	if (ahead == AHEAD_REFUSE)
		return feature_send_refused(s, f->type, "", f->size);
	is_private = judged && forward_note_query(s, &v, text, length);
	if (ahead == AHEAD_SENT) {
		unnamed_drop(s);
		return f->size;
	}
	if (judged)
		forward_note_statement(s, &v);
	a = forward_expect_end(s, ANSWER_QUERY);
	a->is_private = is_private;
	unnamed_change(s, a, NULL);
	if (v.effects != 0)
		own_names_note(s, &v, text, length, a);
	return forward_rest(s, f, 0);
}

static size_t
forward_function(struct session *s, const struct frame *f)
{
	s->effects |= EFFECTS_ALL;
	sequence_ahead_unseen(s);
	/* It may be set_config(). */
	s->probe |= s->features != FEATURES_IGNORE;
	s->names_unknown = s->hides = true;
	if (s->floor != NULL)
		floor_sends(s, NULL, NULL);
	s->does = DOES_WRITE;
	forward_expect_end(s, ANSWER_FUNCTION);
	return forward_rest(s, f, 0);
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
	s->skip = (uint32_t)(f->size - f->here);
	s->skip_dropped = true;
	return f->here;
}

/* The message waits for answers.  The server is told not to keep them back. */
size_t
forward_wait_for_answers(struct session *s)
{
	if (!s->blocked)
		gather_refer(&s->worker->to_server, "H\0\0\0\4", FRAME_HEAD);
	s->blocked = true;
	return 0;
}

/* ------------------------------------------------------------------ gate */

void
forward_made(struct session *s)
{
	struct answer *head = answers_head(&s->server->answers);

	if (head == NULL || head->way != ANSWER_MADE || s->server->skip > 0)
		return;
	gather_begin(&s->worker->to_client, &s->stream);
	relay_made(s);
	relay_flush(s);
}

/* True when the server owes so many answers that no more is asked of it; it is told not to keep back what it has. */
static bool
forward_is_full(struct session *s)
{
	const struct answers *a = &s->server->answers;

	if (a->count >= ANSWERS_MOST)
		forward_made(s);
	if (a->count < ANSWERS_MOST) {
		s->full = false;
		return false;
	}
	if (!s->full)
		gather_refer(&s->worker->to_server, "H\0\0\0\4", FRAME_HEAD);
	s->full = true;
	s->blocked = true;
	return true;
}

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
	if (outstanding && (s->clearing || listening_blocks(s)))
		return true;
	if (stream_unsent(&s->server->stream) > HIGH_WATER)
		return true;
	if (s->lazy != NULL && !outstanding && lazy_moves(s, bytes, length))
		return true;
	if (unlikely(s->has_begun) && lazy_begins_elsewhere(s, bytes, length))
		return true;
	if (!outstanding || s->server->status != 'I' || session_keeps_server(s))
		return false;
	if (s->requests >= REQUESTS_MOST || restore_wants_another(s, bytes, length))
		return true;
	if (s->target == LEND_PRIMARY || s->target == LEND_ANY)
		return false;
	plan = routing_plan(s, bytes, length);
	if (plan.outcome == PLAN_WAIT || (plan.outcome == PLAN_LEND && routing_target(s, &plan.brief) != s->target))
		return true;
	if (unlikely(s->floor != NULL) && !floor_still_suits(s))
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

	if (s->target == LEND_PRIMARY || s->target == LEND_ANY || s->server->answers.count > 0 || s->server->status != 'I' || session_keeps_server(s))
		return false;
	plan = routing_plan(s, bytes, length);
	if (plan.outcome == PLAN_WAIT)
		return true;
	if (plan.outcome == PLAN_BROKEN || !plan.is_judged || routing_target(s, &plan.brief) == (enum lend_target)s->target)
		return false;
	out = gather_make(&s->worker->to_server);
	before = out->length;
	message_sync(out);
	gather_made(&s->worker->to_server, before);
	forward_expect(s, ANSWER_SYNC, ANSWER_SWALLOW)->purpose = PURPOSE_REPREPARE;
	s->in_batch = false;
	return true;
}

/* Requests inside a transaction stay on its server, whatever they are, and those of a pinned session on its own. */
static void
forward_note_request(struct session *s)
{
	if (unlikely(floor_has_to_look(s)))
		floor_configure(s);
	if (s->server->status != 'I')
		s->batch = (struct brief){.target = TARGET_FOLLOW, .reason = ROUTE_REASON_in_transaction, .known = true};
	else if (s->pins != 0)
		s->batch = (struct brief){.target = TARGET_FOLLOW, .reason = ROUTE_REASON_session_pinned, .known = true};
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
	if (s->lazy != NULL)
		lazy_write(s);
	now_us = loop_now_us(s->worker->loop);
	s->request_us = now_us;
	if (s->transaction_us == 0)
		s->transaction_us = now_us;
	session_arm(s);
}

void
forward_fenced(struct session *s)
{
	bool failed = s->server->close_needed;

	s->fencing = false;
	if (failed) {
		s->fenced_again = true;
		release_server(s);
		return;
	}
	s->fenced_again = false;
	if (s->wary)
		refit_done(s);
	request_resume(s);
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
		return extended_parse(s, f);
	case FRONTEND_BIND:
		return extended_bind(s, f);
	case FRONTEND_DESCRIBE:
		return extended_describe(s, f);
	case FRONTEND_EXECUTE:
		return extended_execute(s, f);
	case FRONTEND_CLOSE:
		return extended_close(s, f);
	case FRONTEND_SYNC:
		return extended_sync(s, f);
	case FRONTEND_FLUSH:
		return extended_flush(s, f);
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

/* True while the message has to stay where it is. */
static inline bool
forward_is_early(struct session *s, char type, bool begins, const char *bytes, size_t length)
{
	if (s->settling || (begins && forward_must_wait(s, type, bytes, length)))
		return true;
	if (!begins && type_begins_request(type) && type != FRONTEND_TERMINATE && forward_must_leave(s, bytes, length))
		return true;
	return begins && !listening_may_begin(s);
}

static inline void
forward_note_batch(struct session *s, char type, bool begins)
{
	if (type == FRONTEND_QUERY || type == FRONTEND_FUNCTION_CALL) {
		/* Either ends a batch that has had no Sync. */
		s->in_batch = false;
		s->requests++;
	} else if (begins) {
		s->in_batch = true;
	}
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
		request_broken(s, bytes, length);
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
	/* Ahead of the CopyInResponse that will ask for them the data mean nothing, and would be dropped. */
	if (type_is_of_copy(f.type) && s->server->answers.count > 0)
		return forward_wait_for_answers(s);
	if (f.type != FRONTEND_TERMINATE && forward_is_full(s))
		return 0;
	begins = !s->in_batch && type_begins_request(f.type);
	if (begins && s->request_us == 0 && !s->settling && restore_waits_for_fence(s))
		return forward_wait(s);
	if (forward_is_early(s, f.type, begins, bytes, length)) {
		s->blocked = true;
		return 0;
	}
	if (begins) {
		forward_note_request(s);
		if (s->target >= LEND_REPLICA || s->batch.heals || s->heal != NULL)
			heal_begin(s);
	}
	if (s->request_us == 0 && f.type != FRONTEND_TERMINATE && f.type != FRONTEND_FLUSH)
		forward_start_request(s);
	if (begins && unlikely(s->listening != NULL) && f.type != FRONTEND_QUERY && listening_ahead_of_batch(s, bytes, length) == AHEAD_WAIT)
		return forward_wait(s);
	consumed = forward_dispatch(s, &f);
	if (consumed > 0)
		forward_note_batch(s, f.type, begins);
	return consumed;
}
