/*
 * session/lazy.c - BEGIN, held back: it is answered here, and sent in front of the first
 * statement that decides between the primary and a replica.
 *
 * BEGIN and its text are sent with the extended protocol and without a Sync, so that
 * PostgreSQL skips what is behind a BEGIN that fails.  Only a lone BEGIN is held, and
 * behind it SET TRANSACTION with modes, neither of which can fail on a primary; all
 * else makes the transaction real.  A READ ONLY one goes to a replica if its first
 * statement may; one that needs the primary later is moved while nothing is lost by it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/spares.h"
#include "session/feature.h"
#include "session/lazy_private.h"
#include "session/own.h"

#define LAZY_NAME STATEMENT_PREFIX "begin"
/* A buffer up to this size stays for the next transaction. */
#define KEPT_BETWEEN ((size_t)1024)

struct lazy *
lazy_begin(struct session *s)
{
	s->lazy = spares_take(&s->worker->lazies, sizeof(*s->lazy));
	return s->lazy;
}

void
lazy_free(struct session *s)
{
	struct lazy *l = s->lazy;

	if (l == NULL)
		return;
	s->lazy = NULL;
	free(l->news);
	if (l->texts.capacity > KEPT_BETWEEN)
		bytes_free(&l->texts);
	bytes_clear(&l->texts);
	*l = (struct lazy){.texts = l->texts};
	spares_keep(&s->worker->lazies, l);
}

void
lazy_free_all(struct worker *w)
{
	struct list *node;

	while ((node = list_pop_front(&w->lazies)) != NULL) {
		struct lazy *l = list_entry(node, struct lazy, free);

		bytes_free(&l->texts);
		free(l);
	}
}

/* The session has no server: its transaction is where it was at its beginning, or over. */
static bool
lazy_is_here(const struct session *s)
{
	return s->lazy != NULL && (s->lazy->state == LAZY_HELD || s->lazy->state == LAZY_FAILED);
}

char
lazy_status(const struct session *s)
{
	if (!lazy_is_here(s))
		return 'I';
	return s->lazy->state == LAZY_FAILED ? 'E' : 'T';
}

bool
lazy_outlives_server(const struct session *s)
{
	return s->lazy != NULL && s->lazy->state == LAZY_MOVING;
}

bool
lazy_is_unanswered(const struct session *s)
{
	return s->lazy != NULL && s->lazy->state == LAZY_SENT;
}

/* ----------------------------------------------------------------- modes */

static bool
lazy_is_allowed(const struct session *s)
{
	/* The client's own timeout for it would count from when the server hears of it. */
	if (s->pool_mode != POOL_TRANSACTION || s->listening != NULL || profile_find(s->profile, "idle_in_transaction_session_timeout") != NULL)
		return false;
	return routing_judges(s) && snapshot_lazy_begin(s->snapshot, s->database);
}

/* What was said last counts. */
static unsigned
modes_then(unsigned before, unsigned modes)
{
	if ((modes & MODES_OF_ACCESS) != 0)
		before &= ~(unsigned)MODES_OF_ACCESS;
	if ((modes & MODES_OF_ISOLATION) != 0)
		before &= ~(unsigned)MODES_OF_ISOLATION;
	return before | modes;
}

void
lazy_add_modes(struct session *s, unsigned modes)
{
	s->lazy->modes = modes_then(s->lazy->modes, modes);
	s->modes = (uint8_t)s->lazy->modes;
	/* Whatever it says later. */
	s->lazy->is_primarys |= (modes & MODE_READ_WRITE) != 0;
}

static unsigned
lazy_isolation(struct session *s)
{
	unsigned said = s->lazy->modes & MODES_OF_ISOLATION;

	return said != 0 ? said : routing_default_isolation(s);
}

static bool
lazy_is_read_only(struct session *s)
{
	if ((s->lazy->modes & MODES_OF_ACCESS) != 0)
		return (s->lazy->modes & MODE_READ_ONLY) != 0;
	return routing_is_read_only_by_default(s);
}

/* May the transaction begin on a replica, with that request as its first? */
static bool
lazy_suits_replica(struct session *s, const struct brief *first)
{
	if (s->lazy->is_primarys || !lazy_is_read_only(s) || lazy_isolation(s) == MODE_SERIALIZABLE)
		return false;
	if (first->target == TARGET_FOLLOW)
		return first->kind == KIND_DECLARE;
	return first->target == TARGET_REPLICA && first->reason != ROUTE_REASON_read_only_transaction;
}

static void
lazy_decide(struct session *s, struct plan *plan)
{
	bool on_replica = plan->is_judged && routing_judges(s) && lazy_suits_replica(s, &plan->brief);

	plan->brief.target = on_replica ? TARGET_REPLICA : TARGET_PRIMARY;
	if (on_replica)
		plan->brief.reason = ROUTE_REASON_read_only_transaction;
	else if (plan->brief.reason != ROUTE_REASON_hint_primary)
		plan->brief.reason = ROUTE_REASON_in_transaction;
}

/* ---------------------------------------------------------- answered here */

void
lazy_answer(struct session *s, const struct lone *lone, const char *tag)
{
	struct bytes *out = &s->worker->scratch;

	lone_answer(s, lone, tag, out);
	if (s->notice)
		routing_write_held_notice(out);
	message_ready(out, s->status);
	session_send(s, out);
	bytes_clear(out);
	s->idle_us = loop_now_us(s->worker->loop);
	session_arm(s);
}

static void
lazy_hold(struct session *s, const struct lone *lone, const struct verdict *v)
{
	bytes_text(&lazy_begin(s)->texts, lone->text);
	lazy_add_modes(s, v->modes);
	s->status = 'T';
	s->transaction_us = loop_now_us(s->worker->loop);
	lazy_answer(s, lone, (v->modes & MODE_STARTS) != 0 ? "START TRANSACTION" : "BEGIN");
}

static void
lazy_add(struct session *s, const struct lone *lone, const struct verdict *v)
{
	bytes_text(&s->lazy->texts, lone->text);
	lazy_add_modes(s, v->modes);
	lazy_answer(s, lone, "SET");
}

bool
lazy_kind_begins(unsigned kind)
{
	return kind == KIND_BEGIN || kind == KIND_BEGIN_READ_ONLY;
}

static bool
lazy_takes(struct session *s, const struct lone *lone)
{
	struct verdict v;

	routing_judge(s, lone->text, strlen(lone->text), &v);
	if (v.statements != 1 || v.reason == ROUTE_REASON_hint_primary)
		return false;
	if (s->lazy == NULL) {
		if (!lazy_kind_begins(v.kind))
			return false;
		lazy_hold(s, lone, &v);
		return true;
	}
	if (lazy_ends_here(&v)) {
		lazy_end(s, lone, &v);
		return true;
	}
	if (v.kind != KIND_SET_TRANSACTION || (v.modes & MODE_IS_ODD) != 0)
		return false;
	lazy_add(s, lone, &v);
	return true;
}

size_t
lazy_take(struct session *s, struct plan *plan, const char *bytes, size_t length)
{
	struct lone lone;
	bool is_begun = s->lazy != NULL;

	if (!is_begun && !lazy_kind_begins(plan->brief.kind))
		return 0;
	if ((is_begun || lazy_is_allowed(s)) && routing_judges(s) && lone_read(s, bytes, length, &lone) == LONE_YES && lazy_takes(s, &lone))
		return lone.length;
	if (is_begun)
		lazy_decide(s, plan);
	return 0;
}

/* ------------------------------------------------------------ made real */

static void
lazy_write_texts(struct server *server, const struct bytes *texts, struct bytes *out)
{
	for (size_t at = 0; at < texts->length; at += strlen(texts->data + at) + 1) {
		size_t begun = own_once_begin(out, LAZY_NAME, texts->data + at, 0);

		own_once_end(out, begun, LAZY_NAME);
		own_once_expect(server, PURPOSE_BEGIN);
	}
}

void
lazy_write(struct session *s)
{
	struct gather *g = &s->worker->to_server;
	struct bytes *out = gather_make(g);
	size_t before = out->length;

	if (!lazy_is_here(s))
		return;
	lazy_write_texts(s->server, &s->lazy->texts, out);
	gather_made(g, before);
	/* It is, once that is done; whatever goes wrong before, the server's own word follows. */
	s->server->status = 'T';
	s->lazy->state = LAZY_SENT;
}

void
lazy_wait(struct session *s)
{
	struct answers *a = &s->server->answers;
	struct bytes *out;
	size_t before;

	if (!lazy_is_unanswered(s) || a->count == 0 || answers_last(a)->purpose != PURPOSE_BEGIN || answer_is_end(answers_last(a)))
		return;
	out = gather_make(&s->worker->to_server);
	before = out->length;
	message_sync(out);
	gather_made(&s->worker->to_server, before);
	answers_push(a, ANSWER_SYNC, ANSWER_SWALLOW)->purpose = PURPOSE_BEGIN;
}

void
lazy_ready(struct session *s, char status)
{
	struct lazy *l = s->lazy;

	if (l == NULL || (l->state != LAZY_SENT && l->state != LAZY_RUNNING))
		return;
	if (status != 'T' || !routing_is_on_replica(s) || l->stays)
		lazy_free(s);
	else
		l->state = LAZY_RUNNING;
}

/* ------------------------------------------------------------------ moves */

void
lazy_stay(struct session *s)
{
	if (s->lazy != NULL)
		s->lazy->stays = true;
}

static bool
kind_leaves_nothing(unsigned kind)
{
	return kind == KIND_READ || kind == KIND_COPY_OUT || kind == KIND_EMPTY || kind == KIND_COMMIT || kind == KIND_ROLLBACK ||
	    kind == KIND_SHOW;
}

void
lazy_note(struct session *s, const struct verdict *v)
{
	if (unlikely(v->modes != 0) && (lazy_kind_begins(v->kind) || v->kind == KIND_SET_TRANSACTION))
		s->modes = (uint8_t)modes_then(lazy_kind_begins(v->kind) ? 0 : s->modes, v->modes);
	if (s->lazy != NULL && (v->effects != 0 || !kind_leaves_nothing(v->kind)))
		s->lazy->stays = true;
}

/* What needs the primary, and is not refused there because the transaction has begun. */
static bool
brief_needs_primary(const struct brief *b)
{
	if (b->target != TARGET_PRIMARY || b->kind == KIND_SET_TRANSACTION)
		return false;
	return b->reason != ROUTE_REASON_batch_mixed && b->reason != ROUTE_REASON_read_write_transaction;
}

/* Ends it where it is: lazy_released goes on. */
static void
lazy_move(struct session *s)
{
	struct gather *g = &s->worker->to_server;
	struct bytes *out = gather_make(g);
	size_t before = out->length;

	s->lazy->state = LAZY_MOVING;
	s->request_us = loop_now_us(s->worker->loop);
	message_query(out, "commit");
	server_set_unnamed(s->server, NULL);
	gather_made(g, before);
	answers_push(&s->server->answers, ANSWER_QUERY, ANSWER_SWALLOW)->purpose = PURPOSE_BEGIN;
}

bool
lazy_moves(struct session *s, const char *bytes, size_t length)
{
	struct lazy *l = s->lazy;
	struct plan plan;

	if (l->state != LAZY_RUNNING)
		return false;
	plan = routing_plan(s, bytes, length);
	if (plan.outcome == PLAN_WAIT)
		return true;
	if (plan.outcome != PLAN_LEND || !plan.is_judged)
		return false;
	if (l->stays || session_keeps_server(s) || s->effects != 0 || lazy_isolation(s) != MODE_READ_COMMITTED)
		return false;
	if (!brief_needs_primary(&plan.brief)) {
		l->stays |= !kind_leaves_nothing(plan.brief.kind) || plan.brief.reason == ROUTE_REASON_batch_mixed;
		return false;
	}
	lazy_move(s);
	return true;
}

void
lazy_note_begin(struct session *s, const struct verdict *v, const char *text)
{
	if (likely(!lazy_kind_begins(v->kind)) || v->statements != 1 || s->lazy != NULL || s->listening != NULL || !restore_may_insist(s))
		return;
	/* What `modes` does not tell. */
	if (s->requests > 0 || s->in_batch || s->server->status != 'I' || strcasestr(text, "defer") != NULL || strcasestr(text, "uncommitted") != NULL)
		return;
	s->has_begun = true;
	s->modes = v->modes;
}

void
lazy_write_begin(unsigned modes, struct bytes *out)
{
	bytes_chars(out, "begin");
	if ((modes & MODE_SERIALIZABLE) != 0)
		bytes_chars(out, " isolation level serializable");
	else if ((modes & MODE_REPEATABLE_READ) != 0)
		bytes_chars(out, " isolation level repeatable read");
	else if ((modes & MODE_READ_COMMITTED) != 0)
		bytes_chars(out, " isolation level read committed");
	if ((modes & MODES_OF_ACCESS) != 0)
		bytes_chars(out, (modes & MODE_READ_ONLY) != 0 ? " read only" : " read write");
	bytes_u8(out, 0);
}

bool
lazy_begins_elsewhere(struct session *s, const char *bytes, size_t length)
{
	s->has_begun = false;
	if (s->server->answers.count > 0 || s->server->status != 'T' || session_keeps_server(s) || s->effects != 0 || s->lazy != NULL)
		return false;
	if (!restore_wants_another(s, bytes, length))
		return false;
	lazy_write_begin(s->modes, &lazy_begin(s)->texts);
	lazy_add_modes(s, s->modes);
	lazy_move(s);
	return true;
}

void
lazy_released(struct session *s)
{
	if (s->lazy == NULL || s->lazy->state != LAZY_MOVING) {
		lazy_free(s);
		s->modes = 0;
		return;
	}
	s->lazy->state = LAZY_HELD;
	s->lazy->is_primarys = true;
	s->status = 'T';
}
