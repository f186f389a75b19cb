/*
 * session/heal_lost.c - a server is lost and what it ran cannot be run again: the client
 * is told what became of it, and stays.
 *
 *      read, BEGIN, SET … ──────────────────────────▶ ERROR 57P01, 'I'
 *      anything in a transaction but COMMIT ────────▶ ERROR 57P01, 'E' until ROLLBACK or COMMIT (lazy.c)
 *      a write by itself, COMMIT ───────────────────▶ ERROR 08007, 'I': nobody knows
 *      ROLLBACK ────────────────────────────────────▶ ROLLBACK, 'I'
 *      nothing, in a transaction ───────────────────▶ the same as above, at the next statement
 *
 * Never 'I' where the client believes itself in a transaction, or the rest of it would be
 * committed statement by statement.  This is for entries whose hosts are monitored; with
 * route = any a client gets what PgBouncer gives it, the end of its connection.
 */
#include "session/heal.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/cluster.h"
#include "observe/log.h"
#include "session/listening.h"
#include "session/pin.h"
#include "session/vacate.h"

static const struct error in_doubt = {.severity = "ERROR",
    .sqlstate = "08007",
    .message = "the connection to the server was lost, and it is not known whether the transaction was committed",
    .detail = "The server was lost while it ran a statement that may have written, or a COMMIT.",
    .hint = "Look at what is in the database before you run it again."};
static const struct error rolled_back = {.severity = "ERROR",
    .sqlstate = "57P01",
    .message = "the connection to the server was lost",
    .detail = "The transaction has been rolled back."};
static const struct error not_run = {.severity = "ERROR",
    .sqlstate = "57P01",
    .message = "the connection to the server was lost",
    .detail = "The statement has changed nothing."};

/* How the client's view goes on from one lost request to the next. */
struct lost {
	struct session *s;
	struct bytes out;
	char status;   /* what the client is told for its transaction status */
	bool aborted;  /* the block that it is in had failed before */
	bool in_doubt; /* one of them may have been committed */
};

/* False where the session has lost more than its transaction. */
static bool
lost_may_go_on(const struct session *s)
{
	if (s->state != SESSION_ACTIVE || s->replication != REPLICATION_NONE || !cluster_is_monitored(s->server->cluster))
		return false;
	if (session_keeps_server(s) || !listening_may_lose_server(s) || s->settling || s->ready_held || restore_is_owed(s) || s->learning)
		return false;
	/* In the middle of a message an error of ours would be taken for its contents. */
	return s->server->skip == 0;
}

/* An error of a question of ours, which has a meaning of its own, unless the server just goes. */
static bool
error_is_of_ours(const struct answer *head, const struct error *e)
{
	if (head == NULL || head->way != ANSWER_SWALLOW || head->purpose == PURPOSE_REPREPARE || head->purpose == PURPOSE_BEGIN)
		return false;
	return e->sqlstate == NULL || strncmp(e->sqlstate, "57P", 3) != 0;
}

bool
heal_keeps_farewell(struct session *s, const struct error *e)
{
	const struct server *server = s->server;

	if (error_is_of_ours(answers_head(&server->answers), e))
		return false;
	if (!lost_may_go_on(s) || (server->answers.count == 0 && server->status == 'I' && !s->in_batch))
		return false;
	heal_keep_error(heal_take(s), e);
	s->heal->closed = s->heal->farewell = true;
	return true;
}

static bool
lost_was_farewell(const struct lost *l)
{
	return l->s->heal != NULL && l->s->heal->farewell;
}

/* The server's own last words where there are any: then nothing of it was committed. */
static void
lost_say(struct lost *l, const struct error *e)
{
	const struct heal *h = l->s->heal;

	if (lost_was_farewell(l))
		bytes_append(&l->out, h->error.data, h->error.length);
	else
		message_error(&l->out, e);
}

/* May it have been committed? */
static bool
lost_is_in_doubt(const struct lost *l, uint8_t does)
{
	if (lost_was_farewell(l))
		return false;
	if (l->status == 'I')
		return (does & (DOES_WRITE | DOES_COMMIT)) != 0;
	return (!l->aborted && (does & DOES_COMMIT) != 0) || ((does & DOES_WRITE) != 0 && (does & DOES_END) != 0);
}

static void
lost_request(struct lost *l, const struct answer *a)
{
	bool was_in_block = l->status != 'I';
	bool in_doubt_now = lost_is_in_doubt(l, a->does);

	l->aborted &= (a->does & (DOES_BEGIN | DOES_END)) == 0;
	if ((a->does & DOES_BEGIN) != 0)
		l->status = 'E';
	else if ((a->does & DOES_END) != 0)
		l->status = 'I';
	if (a->kind == ANSWER_QUERY && was_in_block && a->does == DOES_END)
		message_command(&l->out, "ROLLBACK");
	else if (in_doubt_now)
		lost_say(l, &in_doubt);
	else
		lost_say(l, was_in_block ? &rolled_back : &not_run);
	l->in_doubt |= in_doubt_now;
	message_ready(&l->out, l->status);
}

/* What is owed by the server, request by request; then the batch that is not complete. */
static void
lost_requests(struct lost *l)
{
	struct session *s = l->s;
	const struct answers *a = &s->server->answers;
	bool is_open = s->in_batch && !s->batch_failed;

	for (uint32_t i = 0; i < a->count; i++) {
		const struct answer *one = answers_at(a, i);

		if (one->way == ANSWER_FORWARD && answer_is_end(one))
			lost_request(l, one);
	}
	/* Without its Sync it has changed nothing. */
	if (is_open)
		lost_say(l, l->status != 'I' ? &rolled_back : &not_run);
}

static void
lost_count(const struct lost *l, bool was_in_block)
{
	enum heal_count what = l->in_doubt ? HEAL_outcome_unknown : was_in_block ? HEAL_transaction_lost : HEAL_nothing_lost;

	stat_add(session_stats(l->s)->heals[what], 1);
}

static void
lost_log(const struct session *s)
{
	char who[256];

	if (!s->snapshot->global.log_pooler_errors)
		return;
	session_describe(s, who, sizeof(who));
	log_warning(who, "pooler error: server conn crashed? (the client was told, and stays)");
}

static void
lost_leave(struct session *s)
{
	heal_undo(s);
	listening_lost_server(s);
	pin_settled(s);
	if (s->vacating != NULL)
		vacate_end(s);
	heal_leave(s);
	pool_close_server(&s->server, "server conn crashed?");
}

/* Nothing was asked of the server: the client hears of it when it asks. */
static void
lost_idle(struct session *s, char status)
{
	struct error e = rolled_back, kept;
	const struct heal *h = s->heal;

	if (h != NULL && h->farewell && message_read_error(h->error.data + FRAME_HEAD, h->error.length - FRAME_HEAD, &kept)) {
		kept.severity = "ERROR";
		e = kept;
	}
	if (status == 'E')
		lazy_fail(s);
	else
		lazy_fail_untold(s, &e);
}

bool
heal_tell_lost(struct session *s)
{
	struct lost l = {.s = s, .aborted = s->status == 'E'};
	char before = s->status;
	bool is_idle, is_open;

	if (!lost_may_go_on(s))
		return false;
	/* A BEGIN that was on its way with the statement behind it counts. */
	l.status = before != 'I' || s->server->status != 'I' ? 'E' : 'I';
	is_idle = s->server->answers.count == 0 && !s->in_batch;
	is_open = s->in_batch;
	lost_requests(&l);
	lost_count(&l, before != 'I' || l.status != 'I');
	lost_log(s);
	s->skip_dropped |= s->skip > 0;
	lost_leave(s);
	if (is_idle && before != 'I')
		lost_idle(s, before);
	else if (l.status != 'I')
		lazy_fail(s);
	else
		lazy_free(s);
	heal_end(s);
	session_send(s, &l.out);
	bytes_free(&l.out);
	/* What is still to come of it is dropped, up to its end. */
	s->cancelled = is_open;
	session_arm(s);
	request_resume(s);
	return true;
}
