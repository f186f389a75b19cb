/*
 * session/relay.c - the server's answers on their way to the client.
 *
 *     server's bytes → frame → head of the answer queue → forward · swallow
 *                                      │
 *                              ReadyForQuery 'I', nothing owed → release.c
 *
 * A row's body is neither kept nor looked at: it streams through.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "observe/log.h"
#include "pool/vacate.h"
#include "session/feature.h"
#include "session/lazy.h"
#include "session/heal.h"
#include "session/listening.h"
#include "session/relay_private.h"

/* No message that has to be here as a whole is longer: an answer to a question of ours, a CopyInResponse. */
#define KEPT_MOST ((size_t)16 * 1024 * 1024)

/* ----------------------------------------------------------- made answers */

static void
relay_make(struct session *s, char type)
{
	struct gather *g = &s->worker->to_client;
	struct bytes *out = gather_make(g);
	size_t before = out->length;

	message_end(out, message_begin(out, type));
	gather_made(g, before);
}

static void
relay_done(struct session *s, struct answer done)
{
	if (s->heal == NULL || !heal_takes_done(s->heal, &done))
		relay_finish(&done);
}

static void
relay_make_head(struct session *s)
{
	struct answer done = answers_pop(&s->server->answers);

	relay_make(s, done.kind == ANSWER_PARSE ? BACKEND_PARSE_COMPLETE : BACKEND_CLOSE_COMPLETE);
	relay_done(s, done);
}

static inline bool
relay_owes_made(const struct session *s)
{
	const struct answer *head = answers_head(&s->server->answers);

	return head != NULL && head->way == ANSWER_MADE;
}

void
relay_made(struct session *s)
{
	while (relay_owes_made(s))
		relay_make_head(s);
}

/* ------------------------------------------------------- other messages */

static enum step
relay_parameter(struct session *s, const struct relay_frame *f)
{
	struct answer *head = answers_head(&s->server->answers);
	struct reader r = reader_over(f->body, f->length);
	const char *name = reader_text(&r);
	const char *value = reader_text(&r);

	if (!reader_at_end(&r))
		return STEP_BROKEN;
	server_set_value(s->server, name, value);
	if (head != NULL && head->way == ANSWER_SWALLOW && head->purpose != PURPOSE_MEND)
		return STEP_SWALLOW;
	/* What the client came with follows at once. */
	if (head != NULL && head->way == ANSWER_FORWARD && mend_hides(s, name, value))
		return STEP_SWALLOW;
	if (restore_name_is_followed(s, name))
		s->reported = true;
	return s->route == ROUTE_SPLIT && strcmp(name, "in_hot_standby") == 0 ? STEP_SWALLOW : STEP_FORWARD;
}

/* The oldest answer, if it is of that kind; else the server sends what nobody asked. */
static struct answer *
relay_head(const struct session *s, enum answer_kind kind)
{
	struct answer *head = answers_head(&s->server->answers);

	return head != NULL && head->kind == kind ? head : NULL;
}

static enum step
relay_complete(struct session *s, enum answer_kind kind)
{
	struct answer *head = relay_head(s, kind);
	enum step step;

	if (head == NULL)
		return STEP_BROKEN;
	step = head->way == ANSWER_SWALLOW ? STEP_SWALLOW : STEP_FORWARD;
	relay_done(s, answers_pop(&s->server->answers));
	return step;
}

/* Messages inside the answer to a Query or Execute. */
static struct answer *
relay_running(const struct session *s)
{
	struct answer *head = answers_head(&s->server->answers);

	return head != NULL && (head->kind == ANSWER_QUERY || head->kind == ANSWER_EXECUTE) ? head : NULL;
}

static enum step
relay_row(struct session *s, const struct relay_frame *f)
{
	struct answer *head = relay_running(s);

	if (head == NULL)
		return STEP_BROKEN;
	if (head->way == ANSWER_FORWARD)
		return STEP_FORWARD;
	feature_row(s, head, f->body, f->length);
	return STEP_SWALLOW;
}

static enum step
relay_command(struct session *s, const struct relay_frame *f)
{
	struct answer *head = relay_running(s);
	enum step step;

	if (head == NULL || f->length == 0 || memchr(f->body, '\0', f->length) != f->body + f->length - 1)
		return STEP_BROKEN;
	step = head->way == ANSWER_SWALLOW ? STEP_SWALLOW : STEP_FORWARD;
	if (step == STEP_FORWARD) {
		relay_look_at_tag(s, head, f->body);
		feature_tag(s, f->body);
	}
	s->server->in_copy = false;
	if (head->kind == ANSWER_EXECUTE)
		relay_done(s, answers_pop(&s->server->answers));
	return step;
}

static enum step
relay_parameters(const struct session *s)
{
	struct answer *head = relay_head(s, ANSWER_DESCRIBE);

	if (head == NULL)
		return STEP_BROKEN;
	return head->way == ANSWER_SWALLOW ? STEP_SWALLOW : STEP_FORWARD;
}

/* The end of what a Describe is answered: its rows.  Those that are only compared are not told. */
static enum step
relay_rows_described(struct session *s, const struct relay_frame *f)
{
	const struct answer *head = relay_head(s, ANSWER_DESCRIBE);
	bool is_told = head == NULL || head->purpose != PURPOSE_COMPARE;
	enum step step;

	description_note(s, f);
	step = relay_complete(s, ANSWER_DESCRIBE);
	return step == STEP_FORWARD && !is_told ? STEP_SWALLOW : step;
}

static enum step
relay_description(struct session *s, const struct relay_frame *f)
{
	struct answer *head = answers_head(&s->server->answers);

	if (head == NULL)
		return STEP_BROKEN;
	if (head->kind == ANSWER_DESCRIBE)
		return relay_rows_described(s, f);
	return relay_running(s) == NULL ? STEP_BROKEN : head->way == ANSWER_SWALLOW ? STEP_SWALLOW : STEP_FORWARD;
}

static void
relay_begin_copy(struct session *s)
{
	struct answers *a = &s->server->answers;
	struct answer head = answers_pop(a);

	/* Syncs that were sent behind the COPY are read by it, and owe nothing. */
	relay_drop(s, a->count);
	*answers_push(a, head.kind, head.way) = head;
	/* The Sync that ends a batch is the one that comes behind the data. */
	s->in_batch = head.kind == ANSWER_EXECUTE;
}

static enum step
relay_copy_in(struct session *s)
{
	struct answer *head = relay_running(s);

	if (head == NULL || head->way != ANSWER_FORWARD)
		return STEP_BROKEN;
	relay_begin_copy(s);
	s->server->in_copy = true;
	return STEP_FORWARD;
}

static enum step
relay_forward_if_running(const struct session *s)
{
	struct answer *head = relay_running(s);

	return head != NULL && head->way == ANSWER_FORWARD ? STEP_FORWARD : STEP_BROKEN;
}

/* ----------------------------------------------------------------- ready */

static void
relay_count_request(struct session *s, int64_t now_us)
{
	struct ledger_stats *stats = session_stats(s);

	stat_add(stats->queries, 1);
	if (s->server->status == 'I')
		stat_add(stats->transactions, 1);
	if (s->request_us > 0 && s->server->answers.count == 0) {
		stat_add(stats->query_us, now_us - s->request_us);
		if (s->server->status == 'I')
			stat_add(stats->transaction_us, now_us - s->transaction_us);
	}
}

/* The transaction is over.  The client has not heard of it, or its next word could be judged by the old catalog. */
static inline void
relay_note_end(struct session *s)
{
	const struct server *server = s->server;

	if (s->altered) {
		atomic_fetch_add_explicit(&s->ledger->era, 1, memory_order_relaxed);
		s->altered = false;
	}
	restore_defaults_changed(s);
	/* A function with a data definition in its body has no tag that says so.  A replica defines nothing. */
	if ((s->effects & EFFECT_defines) != 0 && s->effects != EFFECTS_ALL && cluster_host_role(server->cluster, server->host) != HOST_REPLICA)
		s->ddl = s->defines_code = true;
	if (s->ddl) {
		inquiry_catalog_changed(s);
		s->ddl = s->defines_code = false;
	}
	if (s->discarded)
		release_tell_startup(s);
}

static enum step
relay_ready(struct session *s, const struct relay_frame *f)
{
	struct server *server = s->server;
	struct answer *head = answers_head(&server->answers);
	char status = f->body[0];
	struct answer done;

	if (head == NULL || (head->kind != ANSWER_QUERY && head->kind != ANSWER_SYNC && head->kind != ANSWER_FUNCTION))
		return STEP_BROKEN;
	if (status != 'I' && status != 'T' && status != 'E')
		return STEP_BROKEN;
	server->status = status;
	server->in_copy = false;
	done = answers_pop(&server->answers);
	relay_done(s, done);
	if (done.way == ANSWER_SWALLOW)
		return STEP_SWALLOW;
	if (s->heal != NULL)
		s->heal->ended = true;
	s->status = status;
	s->mends = false;
	if (s->lazy != NULL)
		lazy_ready(s, status);
	if (status == 'I')
		relay_note_end(s);
	if (s->notice)
		routing_notice(s, (enum route_reason)done.reason);
	routing_count(s, (enum route_reason)done.reason);
	relay_count_request(s, loop_now_us(s->worker->loop));
	if (s->pool_mode == POOL_STATEMENT && status != 'I') {
		session_close(s, CLOSE_statement_mode, NULL);
		return STEP_CLOSED;
	}
	return listening_holds(s) ? STEP_SWALLOW : STEP_FORWARD;
}

/* True while the server answers what the client has not asked: by client_min_messages it may have much to say about it. */
static bool
relay_is_own(const struct session *s)
{
	const struct answer *head = answers_head(&s->server->answers);

	return head != NULL && head->way == ANSWER_SWALLOW;
}

/* ---------------------------------------------------------------- frames */

static enum step
relay_dispatch(struct session *s, const struct relay_frame *f)
{
	switch (f->type) {
	case BACKEND_DATA_ROW:
		return relay_row(s, f);
	case BACKEND_COMMAND_COMPLETE:
		return relay_command(s, f);
	case BACKEND_READY:
		return relay_ready(s, f);
	case BACKEND_ROW_DESCRIPTION:
		return relay_description(s, f);
	case BACKEND_NO_DATA:
		return relay_rows_described(s, f);
	case BACKEND_PARSE_COMPLETE:
		return relay_complete(s, ANSWER_PARSE);
	case BACKEND_BIND_COMPLETE:
		return relay_complete(s, ANSWER_BIND);
	case BACKEND_CLOSE_COMPLETE:
		return relay_complete(s, ANSWER_CLOSE);
	case BACKEND_PARAMETER_DESCRIPTION:
		return relay_parameters(s);
	case BACKEND_PORTAL_SUSPENDED:
		return relay_complete(s, ANSWER_EXECUTE);
	case BACKEND_EMPTY_QUERY:
		return relay_head(s, ANSWER_EXECUTE) != NULL ? relay_complete(s, ANSWER_EXECUTE) : relay_forward_if_running(s);
	case BACKEND_ERROR:
		return relay_error(s, f);
	case BACKEND_NOTICE:
		return relay_is_own(s) ? STEP_SWALLOW : STEP_FORWARD;
	case BACKEND_NOTIFICATION:
		return listening_native(s, f->body, f->length) ? STEP_SWALLOW : STEP_BROKEN;
	case BACKEND_PARAMETER_STATUS:
		return relay_parameter(s, f);
	case BACKEND_COPY_IN:
	case BACKEND_COPY_BOTH:
		return relay_copy_in(s);
	case BACKEND_COPY_OUT:
	case BACKEND_COPY_DATA_OUT:
	case BACKEND_COPY_DONE_OUT:
		return relay_forward_if_running(s);
	case BACKEND_FUNCTION_RESULT:
		return relay_head(s, ANSWER_FUNCTION) != NULL ? STEP_FORWARD : STEP_BROKEN;
	default:
		return STEP_BROKEN;
	}
}

/* Bodies of these need not be here before they are forwarded; a row of an answer of ours must be. */
static bool
relay_may_stream(const struct session *s, char type, size_t size)
{
	const struct answer *head = answers_head(&s->server->answers);

	if ((head != NULL && (head->way == ANSWER_SWALLOW || head->purpose == PURPOSE_COMPARE)) || (s->heal != NULL && heal_wants_whole(s->heal, type, size)))
		return false;
	switch (type) {
	case BACKEND_DATA_ROW:
	case BACKEND_COPY_DATA_OUT:
	case BACKEND_ROW_DESCRIPTION:
	case BACKEND_PARAMETER_DESCRIPTION:
	case BACKEND_FUNCTION_RESULT:
	case BACKEND_NOTICE:
		return true;
	case BACKEND_ERROR:
		return size > ERROR_MOST;
	default:
		return false;
	}
}

void
relay_flush(struct session *s)
{
	if (s->heal != NULL)
		heal_flush(s);
	else
		gather_flush(&s->worker->to_client);
}

/* Where the next message begins; there is room for its pieces. */
static struct gather_mark
relay_mark(struct session *s)
{
	if (s->worker->to_client.count + 8 > GATHER_PIECES)
		heal_flush(s);
	return gather_mark(&s->worker->to_client);
}

/* One frame; answers what was consumed of it, 0 when more has to come. */
static size_t
relay_frame(struct session *s, const char *bytes, size_t length)
{
	struct server *server = s->server;
	struct relay_frame f;
	size_t size, here;
	enum step step = STEP_BROKEN;
	struct gather_mark before = {0};

	switch (frame_read(FROM_SERVER, bytes, length, (uint32_t)s->snapshot->global.max_packet_size, &f.type, &size)) {
	case FRAME_WAIT:
		return 0;
	case FRAME_BROKEN:
		session_close(s, frame_is_too_large(FROM_SERVER, bytes, length) ? CLOSE_packet_too_large : CLOSE_server_broken, NULL);
		return length;
	default:
		break;
	}
	here = min_of(size, length);
	f.body = bytes + FRAME_HEAD;
	f.length = here - FRAME_HEAD;
	f.whole = here == size;
	if (!f.whole && !relay_may_stream(s, f.type, size)) {
		if (size <= KEPT_MOST)
			return 0;
		session_close(s, CLOSE_server_broken, NULL);
		return length;
	}
	if (s->heal != NULL)
		before = relay_mark(s);
	if (unlikely(relay_owes_made(s)))
		relay_made(s);
	step = relay_dispatch(s, &f);
	if (step == STEP_BROKEN)
		session_close(s, CLOSE_server_broken, NULL);
	if (step == STEP_BROKEN || step == STEP_CLOSED)
		return length;
	if (step == STEP_RERUN)
		return 0;
	if (step == STEP_FORWARD)
		gather_refer(&s->worker->to_client, bytes, here);
	server->skip = size - here;
	if (s->heal != NULL)
		heal_relayed(s, f.type, step, &before);
	return here;
}

static size_t
relay_skip(struct session *s, const char *bytes, size_t length)
{
	size_t here = (size_t)min_of(s->server->skip, (uint64_t)length);

	gather_refer(&s->worker->to_client, bytes, here);
	s->server->skip -= here;
	return here;
}

/* Nothing is owed any more: the request is over, perhaps the transaction too. */
static void
relay_rest(struct session *s)
{
	int64_t now_us = loop_now_us(s->worker->loop);

	if (s->learning) {
		welcome_learned(s);
		return;
	}
	/* The message that waits for what was made ahead of it goes on, in the same transaction. */
	if (s->making) {
		s->making = false;
		request_resume(s);
		return;
	}
	if (s->fencing) {
		forward_fenced(s);
		return;
	}
	s->request_us = 0;
	if (s->server->status == 'I' && !s->in_batch) {
		/* A message that the server has had half of goes to its end first: request_sent. */
		if (s->skip == 0 || s->skip_dropped)
			release_transaction(s);
		return;
	}
	s->idle_us = now_us;
	session_arm(s);
	if (s->blocked)
		request_resume(s);
}

size_t
relay_data(struct session *s, struct server *server, const char *bytes, size_t length)
{
	struct gather *g = &s->worker->to_client;
	size_t at = 0;

	gather_begin(g, &s->stream);
	while (at < length && s->state != SESSION_CLOSING) {
		size_t consumed = server->skip > 0 ? relay_skip(s, bytes + at, length - at) : relay_frame(s, bytes + at, length - at);

		if (consumed == 0)
			break;
		at += consumed;
	}
	if (s->heal != NULL && s->heal->reruns)
		return at + heal_refused(s, bytes + at, length - at);
	if (s->state == SESSION_CLOSING) {
		gather_drop(g, &s->stream);
		return length;
	}
	if (s->server != server) {
		relay_flush(s);
		session_arm(s);
		request_resume(s);
		return length;
	}
	/* The client may have asked for what is done so far, by a Flush. */
	if (server->skip == 0 && unlikely(relay_owes_made(s)))
		relay_made(s);
	relay_flush(s);
	if (s->ledger != NULL)
		stat_add(session_stats(s)->sent, at);
	if (stream_unsent(&s->stream) > HIGH_WATER)
		stream_pause(&server->stream);
	if (server->answers.count == 0 && server->skip == 0 && at == length && !(s->request_us == 0 && s->status != 'I'))
		relay_rest(s);
	else if (s->blocked && (server->in_copy || (s->full && server->answers.count < ANSWERS_MOST / 2)))
		request_resume(s);
	return at;
}
