/*
 * pool/recover.c - the server of a client that is gone in the middle of things: what
 * it runs is cancelled, what it still says is read and dropped, the transaction is
 * rolled back, and the next one gets it.  No session has a part in this.
 *
 *      the client is gone ─▶ CopyFail, error, Sync · cancel ─▶ all answers are here ─▶ ROLLBACK ─▶ pool_return
 *                              └──── not within cancel_wait_timeout ─▶ closed ◀────┘
 *
 * A cancel ends one statement.  Behind it there may be others, and a request that met
 * the server between two of them has done nothing: while answers are owed it is sent again.
 */
#include "pool/pool_private.h"

/* While answers are owed another cancel request goes out after this long. */
#define CANCEL_AGAIN_US ((int64_t)100 * 1000)
/* Without a cancel_wait_timeout. */
#define RECOVERY_MOST_US ((int64_t)10 * 1000 * 1000)
/* Of these the contents are looked at, so they have to be here as a whole. */
#define KEPT_MOST ((size_t)64 * 1024)

enum step { STEP_ON, STEP_BROKEN };

static void
recover_send(struct server *s, struct bytes *b)
{
	stream_send_bytes(&s->stream, b->data, b->length);
	bytes_free(b);
}

static void
recover_close(struct server *s, const char *reason)
{
	pool_close_server(&s, reason);
}

static void
recover_arm(struct server *s)
{
	int64_t left_us = s->recovery_due_us - loop_now_us(s->pool->loop);

	timer_arm(loop_timers(s->pool->loop), &s->timer, max_of(min_of(left_us, CANCEL_AGAIN_US), (int64_t)0));
}

/* ------------------------------------------------------------- what it owes */

/* The request behind this answer was never done. */
static void
answer_undo(struct server *s, struct answer *a)
{
	if (a->kind == ANSWER_PARSE && a->statement != NULL && !a->of_unnamed && a->way != ANSWER_MADE)
		server_unprepare(s, a->statement);
	if (a->kind == ANSWER_CLOSE && a->statement != NULL && !a->of_unnamed)
		statement_unref(server_prepare(s, a->statement, UINT32_MAX));
	statement_unref(a->statement);
	a->statement = NULL;
}

static void
answer_drop(struct server *s)
{
	struct answer gone = answers_pop(&s->answers);

	answer_undo(s, &gone);
}

static void
answer_done(struct server *s)
{
	struct answer done = answers_pop(&s->answers);

	statement_unref(done.statement);
}

/* What was to be answered without the server is answered to nobody. */
static struct answer *
answer_head(struct server *s)
{
	struct answer *head;

	while ((head = answers_head(&s->answers)) != NULL && head->way == ANSWER_MADE)
		answer_done(s);
	return head;
}

static enum step
answer_complete(struct server *s, enum answer_kind kind)
{
	struct answer *head = answer_head(s);

	if (head == NULL || head->kind != kind)
		return STEP_BROKEN;
	answer_done(s);
	return STEP_ON;
}

static bool
answer_ends_request(const struct answer *a)
{
	return a->kind == ANSWER_QUERY || a->kind == ANSWER_FUNCTION || a->kind == ANSWER_SYNC;
}

/* ------------------------------------------------------------------- copy */

/* The server waits for data.  Behind an Execute it reads over whatever comes before the next Sync. */
static void
recover_end_copy(struct server *s)
{
	struct answer *head = answer_head(s);
	struct bytes b = {0};
	size_t begun = message_begin(&b, FRONTEND_COPY_FAIL);

	bytes_text(&b, "the client is gone");
	message_end(&b, begun);
	if (head != NULL && head->kind == ANSWER_EXECUTE) {
		message_sync(&b);
		answers_push(&s->answers, ANSWER_SYNC, ANSWER_SWALLOW);
	}
	recover_send(s, &b);
	s->in_copy = false;
}

/* A COPY has begun that nobody will feed; messages that were sent behind it were read by it. */
static enum step
recover_copy_in(struct server *s)
{
	struct answer *head = answer_head(s);
	struct answer copy;

	if (head == NULL || (head->kind != ANSWER_QUERY && head->kind != ANSWER_EXECUTE))
		return STEP_BROKEN;
	copy = answers_pop(&s->answers);
	while (s->answers.count > 0)
		answer_drop(s);
	*answers_push(&s->answers, copy.kind, ANSWER_SWALLOW) = copy;
	recover_end_copy(s);
	return STEP_ON;
}

/* ---------------------------------------------------------------- messages */

static enum step
recover_error(struct server *s)
{
	struct answer *head = answer_head(s);

	s->in_copy = false;
	if (head == NULL)
		return STEP_BROKEN;
	if (!answer_ends_request(head)) {
		while ((head = answers_head(&s->answers)) != NULL && head->kind != ANSWER_SYNC)
			answer_drop(s);
	} else {
		answer_undo(s, head);
	}
	return STEP_ON;
}

static enum step
recover_ready(struct server *s, char status)
{
	struct answer *head = answer_head(s);

	if (head == NULL || !answer_ends_request(head) || (status != 'I' && status != 'T' && status != 'E'))
		return STEP_BROKEN;
	s->status = status;
	s->in_copy = false;
	answer_done(s);
	return STEP_ON;
}

static enum step
recover_parameter(struct server *s, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);
	const char *name = reader_text(&r), *value = reader_text(&r);

	if (!reader_at_end(&r))
		return STEP_BROKEN;
	server_set_value(s, name, value);
	return STEP_ON;
}

static enum step
recover_frame(struct server *s, char type, const char *body, size_t length)
{
	struct answer *head = answer_head(s);

	switch (type) {
	case BACKEND_READY:
		return recover_ready(s, body[0]);
	case BACKEND_ERROR:
		return recover_error(s);
	case BACKEND_COPY_IN:
		return recover_copy_in(s);
	case BACKEND_PARAMETER_STATUS:
		return recover_parameter(s, body, length);
	case BACKEND_COMMAND_COMPLETE:
		s->in_copy = false;
		if (head != NULL && head->kind == ANSWER_QUERY)
			return STEP_ON;
		return answer_complete(s, ANSWER_EXECUTE);
	case BACKEND_EMPTY_QUERY:
		if (head != NULL && head->kind == ANSWER_QUERY)
			return STEP_ON;
		return answer_complete(s, ANSWER_EXECUTE);
	case BACKEND_PORTAL_SUSPENDED:
		return answer_complete(s, ANSWER_EXECUTE);
	case BACKEND_PARSE_COMPLETE:
		return answer_complete(s, ANSWER_PARSE);
	case BACKEND_BIND_COMPLETE:
		return answer_complete(s, ANSWER_BIND);
	case BACKEND_CLOSE_COMPLETE:
		return answer_complete(s, ANSWER_CLOSE);
	case BACKEND_NO_DATA:
		return answer_complete(s, ANSWER_DESCRIBE);
	case BACKEND_ROW_DESCRIPTION:
		return head != NULL && head->kind == ANSWER_DESCRIBE ? answer_complete(s, ANSWER_DESCRIBE) : STEP_ON;
	case BACKEND_COPY_BOTH:
	case BACKEND_AUTHENTICATION:
	case BACKEND_BACKEND_KEY:
		return STEP_BROKEN;
	default:
		return STEP_ON;
	}
}

/* A Sync alone would commit what the batch has done so far, which without the client's own would not have been. */
static void
recover_end_batch(struct server *s, enum batch batch)
{
	struct bytes b = {0};

	if (batch == BATCH_OPEN) {
		message_parse(&b, "", "the client is gone");
		answers_push(&s->answers, ANSWER_PARSE, ANSWER_SWALLOW);
	}
	message_sync(&b);
	answers_push(&s->answers, ANSWER_SYNC, ANSWER_SWALLOW);
	recover_send(s, &b);
}

/* Whoever waits for the rest of a transaction gets it rolled back. */
static void
recover_roll_back(struct server *s)
{
	struct bytes b = {0};

	s->rolled_back = true;
	message_query(&b, "rollback");
	answers_push(&s->answers, ANSWER_QUERY, ANSWER_SWALLOW);
	recover_send(s, &b);
}

/* True when the server has nothing more to say: it is given back, or its transaction is ended first. */
static bool
recover_settle(struct server *s)
{
	if (answer_head(s) != NULL || s->skip > 0 || s->cancels > 0)
		return false;
	if (s->status != 'I' && s->rolled_back) {
		recover_close(s, "client disconnect while server was not ready");
		return true;
	}
	if (s->status != 'I') {
		recover_roll_back(s);
		return false;
	}
	timer_disarm(loop_timers(s->pool->loop), &s->timer);
	s->use = USE_CANCEL;
	pool_return(&s);
	return true;
}

/* ------------------------------------------------------------------ events */

static bool
type_is_kept(char type)
{
	return type == BACKEND_READY || type == BACKEND_PARAMETER_STATUS;
}

/* One frame; answers what was consumed of it, 0 when more has to come.  Bodies that nobody looks at stream through. */
static size_t
recover_take(struct server *s, const char *bytes, size_t length, enum step *step)
{
	size_t size, here;
	char type;

	switch (frame_read(FROM_SERVER, bytes, length, UINT32_MAX, &type, &size)) {
	case FRAME_WAIT:
		return 0;
	case FRAME_BROKEN:
		*step = STEP_BROKEN;
		return length;
	default:
		break;
	}
	here = min_of(size, length);
	if (type_is_kept(type) && here < size) {
		*step = size > KEPT_MOST * 2 ? STEP_BROKEN : STEP_ON;
		return 0;
	}
	*step = recover_frame(s, type, bytes + FRAME_HEAD, here - FRAME_HEAD);
	s->skip = size - here;
	return here;
}

size_t
recover_data(struct server *s, const char *bytes, size_t length)
{
	enum step step = STEP_ON;
	size_t at = 0, consumed;

	while (at < length) {
		if (s->skip > 0) {
			consumed = (size_t)min_of(s->skip, (uint64_t)(length - at));
			s->skip -= consumed;
		} else {
			consumed = recover_take(s, bytes + at, length - at, &step);
		}
		if (step == STEP_BROKEN) {
			recover_close(s, "server sent a message that the protocol does not allow");
			return length;
		}
		if (consumed == 0)
			return at;
		at += consumed;
	}
	recover_settle(s);
	return length;
}

void
recover_cancelled(struct server *s)
{
	if (!recover_settle(s))
		recover_arm(s);
}

void
recover_timed_out(struct server *s)
{
	if (loop_now_us(s->pool->loop) >= s->recovery_due_us) {
		recover_close(s, "client disconnect while server was not ready");
		return;
	}
	if (s->answers.count > 0 && s->cancels == 0)
		pool_cancel(s, NULL, NULL);
	recover_arm(s);
}

static void
recover_begin(struct server *s, enum batch batch)
{
	const struct settings *set = &s->pool->snapshot->global;

	s->borrower = NULL;
	s->use = USE_RECOVERY;
	s->rolled_back = false;
	s->recovery_due_us = loop_now_us(s->pool->loop) + (set->cancel_wait_timeout_ms > 0 ? set->cancel_wait_timeout_ms * 1000 : RECOVERY_MOST_US);
	server_enter(s, SERVER_CANCELLING);
	server_set_unnamed(s, NULL);
	/* It may have waited for a client that reads slowly. */
	stream_resume(&s->stream);
	if (s->in_copy) {
		recover_end_copy(s);
	} else if (batch != BATCH_NONE) {
		recover_end_batch(s, batch);
	}
}

void
pool_recover(struct server **given, enum batch batch)
{
	struct server *s = *given;

	*given = NULL;
	recover_begin(s, batch);
	if (answer_head(s) != NULL)
		pool_cancel(s, NULL, NULL);
	if (!recover_settle(s))
		recover_arm(s);
}

size_t
pool_let_finish(struct server **given, enum batch batch, const char *bytes, size_t length)
{
	struct server *s = *given;

	*given = NULL;
	recover_begin(s, batch);
	recover_arm(s);
	return recover_data(s, bytes, length);
}
