/*
 * session/lazy_failed.c - a transaction that has failed while no server has it: its
 * server was lost, its BEGIN was refused, or nobody was there to have it in time.
 *
 * The session is in 'E' until it ends the transaction, as on a connection of its own:
 *
 *      COMMIT, ROLLBACK ──────────────▶ ROLLBACK, 'I'
 *      the same AND CHAIN ────────────▶ ROLLBACK, 'T': one with the same modes is held back
 *      anything else ─────────────────▶ 25P02
 *      whatever a client that does not know yet says, but ROLLBACK ──▶ the news
 */
#include <stdlib.h>
#include <string.h>

#include "session/heal.h"
#include "session/lazy_private.h"

void
lazy_fail(struct session *s)
{
	if (s->lazy == NULL)
		lazy_begin(s);
	s->lazy->state = LAZY_FAILED;
	s->status = 'E';
	s->idle_us = loop_now_us(s->worker->loop);
}

void
lazy_fail_untold(struct session *s, const struct error *e)
{
	struct bytes b = {0};

	lazy_fail(s);
	message_error(&b, e);
	free(s->lazy->news);
	s->lazy->news = b.data;
}

bool
lazy_has_failed(const struct session *s)
{
	return s->lazy != NULL && s->lazy->state == LAZY_FAILED;
}

/* ------------------------------------------------------- what waits for a server */

void
lazy_fail_waiting(struct session *s, const struct error *e)
{
	s->cancelled = true;
	heal_end(s);
	session_enter(s, SESSION_IDLE);
	if (s->lazy != NULL)
		lazy_fail(s);
	session_send_error(s, e);
	s->idle_us = loop_now_us(s->worker->loop);
	session_arm(s);
	request_resume(s);
}

bool
lazy_outlives_wait(struct session *s, enum close_reason reason, const struct error *why)
{
	struct error e = *why;

	switch (reason) {
	case CLOSE_query_wait_timeout:
	case CLOSE_query_timeout_waiting:
	case CLOSE_server_login_failed:
	case CLOSE_server_login_retry:
		break;
	default:
		return false;
	}
	if (s->state != SESSION_WAITING || s->lazy == NULL)
		return false;
	if (e.sqlstate == NULL)
		e.sqlstate = close_row(reason)->sqlstate;
	if (e.message == NULL)
		e.message = close_row(reason)->text;
	lazy_fail_waiting(s, &e);
	return true;
}

/* ------------------------------------------------------------------ its end */

static bool
kind_ends(unsigned kind)
{
	return kind == KIND_COMMIT || kind == KIND_ROLLBACK;
}

bool
lazy_ends_here(const struct verdict *v)
{
	return v->statements == 1 && (v->modes & MODE_CHAINS) == 0 && kind_ends(v->kind);
}

void
lazy_end(struct session *s, const struct lone *lone, const struct verdict *v)
{
	const char *tag = v->kind == KIND_COMMIT && s->lazy->state == LAZY_HELD ? "COMMIT" : "ROLLBACK";

	stat_add(session_stats(s)->transactions, 1);
	lazy_free(s);
	s->status = 'I';
	s->transaction_us = 0;
	lazy_answer(s, lone, tag);
}

/* AND CHAIN: the next one, as this one was begun and SET TRANSACTION has made it, is held back. */
static void
lazy_chain(struct session *s)
{
	unsigned modes = s->modes & (unsigned)(MODES_OF_ACCESS | MODES_OF_ISOLATION);

	lazy_free(s);
	lazy_begin(s)->state = LAZY_HELD;
	lazy_write_begin(modes, &s->lazy->texts);
	lazy_add_modes(s, modes);
	s->status = 'T';
	s->transaction_us = loop_now_us(s->worker->loop);
}

/* What the client does not know yet comes first. */
static void
lazy_tell_failed(struct session *s)
{
	static const struct error aborted = {.sqlstate = "25P02",
	    .message = "current transaction is aborted, commands ignored until end of transaction block"};
	char *news = s->lazy->news;
	struct reader length = reader_over(news != NULL ? news + 1 : NULL, news != NULL ? sizeof(uint32_t) : 0);

	s->cancelled = true;
	if (news == NULL) {
		session_send_error(s, &aborted);
		return;
	}
	stream_send_bytes(&s->stream, news, 1 + reader_u32(&length));
	s->lazy->news = NULL;
	free(news);
}

/* What was not known to have failed is not committed with a mere tag, which few look at. */
static void
lazy_refuse_commit(struct session *s)
{
	lazy_tell_failed(s);
	lazy_free(s);
	s->status = 'I';
	s->transaction_us = 0;
}

struct first_statement {
	bool commits;
	bool rolls_back;
	bool chains;
	size_t length; /* of it, with what is before it */
};

static bool
first_statement_seen(void *user, const struct statement_detail *statement)
{
	struct first_statement *first = user;

	if (statement->detail == NULL)
		return false;
	first->commits = statement->kind == KIND_COMMIT;
	first->rolls_back = statement->kind == KIND_ROLLBACK;
	first->chains = statement->detail->is_chain;
	first->length = statement->offset + statement->length;
	return false;
}

/*
 * A text that begins with ROLLBACK or COMMIT, as drivers send it that leave a connection as they found it: that much
 * is answered here and blanked, and the rest is a request of its own.
 */
static bool
lazy_ends_ahead(struct session *s, const struct lone *lone)
{
	struct first_statement first = {0};
	struct bytes out = {0};
	char *text = (char *)(uintptr_t)lone->text;

	if (!lone->is_query)
		return false;
	route_each_detail(text, strlen(text), first_statement_seen, &first);
	if (!first.rolls_back && (!first.commits || s->lazy->news != NULL))
		return false;
	first.length += text[first.length] == ';';
	memset(text, ' ', first.length);
	if (first.chains) {
		lazy_chain(s);
	} else {
		lazy_free(s);
		s->status = 'I';
		s->transaction_us = 0;
	}
	message_command(&out, "ROLLBACK");
	session_send(s, &out);
	bytes_free(&out);
	return true;
}

/* A single COMMIT or ROLLBACK; answers what was consumed. */
static size_t
lazy_end_alone(struct session *s, const struct lone *lone, const struct verdict *v)
{
	if (v->kind == KIND_COMMIT && s->lazy->news != NULL) {
		lazy_refuse_commit(s);
		return 0;
	}
	if ((v->modes & MODE_CHAINS) == 0) {
		lazy_end(s, lone, v);
		return lone->length;
	}
	stat_add(session_stats(s)->transactions, 1);
	lazy_chain(s);
	lazy_answer(s, lone, "ROLLBACK");
	return lone->length;
}

size_t
lazy_refuse(struct session *s, const char *bytes, size_t length)
{
	struct verdict v = {0};
	struct lone lone;

	switch (lone_read_named(s, bytes, length, &lone)) {
	case LONE_WAIT:
		return 0;
	case LONE_YES:
		routing_judge(s, lone.text, strlen(lone.text), &v);
		if (v.statements == 1 && kind_ends(v.kind))
			return lazy_end_alone(s, &lone, &v);
		if (v.statements > 1 && lazy_ends_ahead(s, &lone))
			return 0;
		break;
	case LONE_NO:
		break;
	}
	lazy_tell_failed(s);
	return 0;
}
