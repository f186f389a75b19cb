/*
 * session/heal_again.c - what a replica has refused, or any server lost, is run again.
 *
 *      refused ──▶ the primary, once: its answer is final
 *      lost ─┬─ another replica may have it ──▶ it, once
 *            └─ none ──▶ word of the host is waited for (heal_wait.c)
 *                          ├─ it is gone ──────────────▶ the primary, or whoever will be
 *                          ├─ it lets clients in, and had ended its session in good order ──▶ the primary
 *                          └─ it lets clients in ──────▶ the error
 *
 * Everything that was noted of the request is undone, the session is as it was before it,
 * and the request goes back to its input: it is read, judged and forwarded as any other,
 * but for heal_aim, which says where.  Of a pipeline, all that is not answered runs again.
 */
#include "session/heal.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/cluster.h"
#include "session/floor.h"

static void
heal_count(struct session *s, enum heal_count what)
{
	stat_add(session_stats(s)->heals[what], 1);
}

/* ---------------------------------------------------------------- judging */

static bool
sqlstate_is_refusal(const char *code)
{
	static const char *const classes[] = {"0A", "25", "40", "42", "3F", "55", "58"};

	for (size_t i = 0; i < array_length(classes); i++)
		if (strncmp(code, classes[i], 2) == 0)
			return true;
	return strcmp(code, "XX000") == 0 || strcmp(code, "57P04") == 0;
}

/* Errors that are due to the server, whatever is asked of it. */
static bool
sqlstate_is_servers(const char *code)
{
	static const char *const whole[] = {"25006", "0A000", "XX000"};

	for (size_t i = 0; i < array_length(whole); i++)
		if (strcmp(code, whole[i]) == 0)
			return true;
	return strncmp(code, "57P", 3) == 0 || strncmp(code, "40", 2) == 0 || strncmp(code, "58", 2) == 0;
}

/* Such refusals say that the statement should not have gone there, not that the moment was bad. */
static bool
sqlstate_is_misroute(const char *code)
{
	return strncmp(code, "40", 2) != 0 && strncmp(code, "57", 2) != 0 && strncmp(code, "58", 2) != 0;
}

static bool
heal_is_allowed(struct session *s)
{
	if (!heal_is_possible(s)) {
		heal_count_missed(s);
		return false;
	}
	if (heal_is_proven(s))
		return true;
	heal_count(s, HEAL_given_up_not_proven);
	return false;
}

/* Replicas that have not lost it. */
static uint32_t
heal_other_replicas(const struct session *s, uint32_t lost)
{
	return cluster_masks(s->ledger->cluster).replicas & ~lost;
}

/* ---------------------------------------------------------------- undoing */

static void
unnamed_undo_all(struct session *s, const struct answers *a, bool *is_changed)
{
	for (uint32_t i = a->count; i > 0; i--) {
		const struct answer *one = answers_at(a, i - 1);

		if (!one->of_unnamed || one->way != ANSWER_FORWARD)
			continue;
		statement_unref(s->unnamed);
		s->unnamed = one->statement != NULL ? statement_ref(one->statement) : NULL;
		*is_changed = true;
	}
}

void
heal_undo(struct session *s)
{
	bool is_changed = false;

	unnamed_undo_all(s, &s->server->answers, &is_changed);
	relay_settle(s);
	if (s->heal != NULL) {
		unnamed_undo_all(s, &s->heal->done, &is_changed);
		while (s->heal->done.count > 0) {
			struct answer done = answers_pop_last(&s->heal->done);

			names_undo(&done.change);
			relay_finish(&done);
		}
	}
	if (is_changed)
		unnamed_judge(s);
}

void
heal_leave(struct session *s)
{
	s->in_batch = s->batch_failed = s->fencing = s->fenced_again = s->clearing = s->making = s->changed = false;
	s->asks_names = s->names_asked = s->looking = s->reported = s->close_in_doubt = s->full = s->blocked = false;
	s->ddl = s->defines_code = s->altered = s->redefaulted = s->draws = s->ready_held = false;
	s->does = 0;
	s->request_us = 0;
	s->effects = 0;
	s->status = 'I';
	session_enter(s, SESSION_IDLE);
	release_forget(s);
	if (s->floor != NULL)
		floor_released(s);
	s->idle_us = loop_now_us(s->worker->loop);
}

/* -------------------------------------------------------------- again */

/* The session's host is none for this request any more. */
static void
heal_note_host(struct session *s)
{
	struct heal *h = s->heal;

	if (h->cluster != s->server->cluster)
		h->lost = 0;
	h->cluster = s->server->cluster;
	h->host = (uint8_t)s->server->host;
	h->lost |= 1u << h->host;
}

/* What is kept is the client's next request. */
static void
heal_give_back(struct session *s)
{
	struct heal *h = s->heal;
	size_t length = h->request.length - h->from;

	stream_unread(&s->stream, h->request.data + h->from, length);
	stat_add(session_stats(s)->received, -(uint64_t)length);
	bytes_clear(&h->request);
	bytes_clear(&h->held);
	h->from = 0;
	h->told_at = 0;
	h->answered = h->flushed = h->asks = h->farewell = false;
	h->mark = (struct gather_mark){0};
}

/* Who was refused was counted then. */
static void
heal_count_loss(struct session *s, enum heal_count what)
{
	if (s->heal->again == HEAL_ELSEWHERE)
		heal_count(s, what);
	s->heal->again = HEAL_NOWHERE;
}

/* A replica that has not lost it is there. */
static void
heal_aim_at_replicas(struct session *s, uint32_t hosts)
{
	s->borrower.hosts = hosts;
	heal_count_loss(s, HEAL_lost_to_replica);
}

static void
heal_aim_at_primary(struct session *s)
{
	if (s->target == LEND_REPLICA && s->batch.target == TARGET_REPLICA)
		s->batch.reason = s->heal->refused ? ROUTE_REASON_refused_lately : ROUTE_REASON_replica_down;
	if (s->target == LEND_REPLICA)
		s->target = LEND_PRIMARY;
	s->borrower.hosts = 0;
	heal_count_loss(s, s->target == LEND_PRIMARY ? HEAL_lost_to_primary : HEAL_lost_to_replica);
}

/* May the primary, or the lost host itself, have it without word of that? */
static bool
heal_needs_no_word(const struct session *s)
{
	const struct heal *h = s->heal;

	if (h->checked || h->again != HEAL_ELSEWHERE)
		return true;
	/* Who ends its sessions in good order was not killed by what they ran. */
	return h->ended_by_admin && s->target <= LEND_REPLICA && (cluster_masks(s->ledger->cluster).primary & ~h->lost) != 0;
}

bool
heal_aim(struct session *s)
{
	struct heal *h = s->heal;
	uint32_t hosts;

	if (h == NULL || h->again == HEAL_NOWHERE)
		return true;
	/* After a reload the hosts have other numbers. */
	if (h->cluster != s->ledger->cluster) {
		h->lost = 0;
		h->checked = true;
	}
	/* Some of them may be too far behind for it. */
	hosts = heal_other_replicas(s, h->lost) & (s->borrower.hosts != 0 ? s->borrower.hosts : UINT32_MAX);
	if (s->target >= LEND_REPLICA && h->again != HEAL_ON_PRIMARY && hosts != 0) {
		heal_aim_at_replicas(s, hosts);
		return true;
	}
	if (!heal_needs_no_word(s)) {
		heal_wait(s);
		return false;
	}
	heal_aim_at_primary(s);
	return true;
}

/* ---------------------------------------------------------------- refused */

void
heal_keep_error(struct heal *h, const struct error *e)
{
	struct error told = *e;

	told.severity = "ERROR";
	bytes_clear(&h->error);
	message_error(&h->error, &told);
}

/* FATAL: the connection will end, and then it is known whether its host has gone as well. */
static enum heal_verdict
heal_judge_fatal(struct session *s, const struct error *e)
{
	struct heal *h = s->heal;

	if (!heal_is_possible(s) || e->sqlstate == NULL)
		return HEAL_PASS;
	heal_keep_error(h, e);
	h->farewell = true;
	h->ended_by_admin = strcmp(e->sqlstate, "57P01") == 0;
	return HEAL_KEEP;
}

/*
 * In front of the request, settings are made, and any error of theirs ends the server.  What it says of itself, and
 * not of their values, is no word for the client.
 */
static enum heal_verdict
heal_judge_fence(struct session *s, const struct answer *head, const struct error *e)
{
	if (head->purpose != PURPOSE_FENCE || !s->server->fatal_seen || !sqlstate_is_servers(e->sqlstate))
		return HEAL_PASS;
	if (s->heal->on_replica && sqlstate_is_refusal(e->sqlstate))
		s->heal->refused_fence = true;
	return heal_judge_fatal(s, e);
}

enum heal_verdict
heal_judge_error(struct session *s, const struct relay_frame *f, const struct error *e)
{
	struct heal *h = s->heal;
	const struct answer *head = answers_head(&s->server->answers);
	bool is_ours = head != NULL && head->way == ANSWER_SWALLOW && head->purpose != PURPOSE_REPREPARE && head->purpose != PURPOSE_COMPARE;

	if (head == NULL || head->refusal != NULL || s->settling || !f->whole || e->sqlstate == NULL)
		return HEAL_PASS;
	if (is_ours)
		return heal_judge_fence(s, head, e);
	if (!h->on_replica || !sqlstate_is_refusal(e->sqlstate)) {
		if (s->server->fatal_seen)
			return heal_judge_fatal(s, e);
		h->answered = true;
		return HEAL_PASS;
	}
	if (h->closed && !h->too_long)
		return HEAL_PASS;
	if (h->refused || !heal_is_allowed(s)) {
		h->answered = true;
		return HEAL_PASS;
	}
	if (s->target == LEND_REPLICA_ONLY && heal_other_replicas(s, 1u << s->server->host) == 0)
		return HEAL_PASS;
	bytes_clear(&h->error);
	bytes_append(&h->error, f->body - FRAME_HEAD, FRAME_HEAD + f->length);
	if (sqlstate_is_misroute(e->sqlstate))
		inquiry_look(s);
	h->reruns = true;
	return HEAL_RERUN;
}

size_t
heal_refused(struct session *s, const char *bytes, size_t length)
{
	struct heal *h = s->heal;
	struct gather *g = &s->worker->to_client;
	bool stays_on_replicas = s->target == LEND_REPLICA_ONLY;
	enum batch batch = s->in_batch ? BATCH_FAILED : BATCH_NONE;
	size_t consumed;

	h->reruns = false;
	gather_rewind(g, &h->mark);
	gather_flush(g);
	h->refused = true;
	heal_note_host(s);
	if (!stays_on_replicas)
		heal_remember_refused(s, heal_key(s));
	heal_undo(s);
	/* Nobody knows how far it came. */
	s->server->left |= EFFECT_advisory;
	heal_leave(s);
	heal_give_back(s);
	consumed = pool_let_finish(&s->server, batch, bytes, length);
	h->again = stays_on_replicas ? HEAL_ON_REPLICA : HEAL_ON_PRIMARY;
	heal_count(s, stays_on_replicas ? HEAL_refused_to_replica : HEAL_refused_to_primary);
	request_resume(s);
	return consumed;
}

/* ------------------------------------------------------------------- lost */

/* True when a replica has refused the settings: then it is the request that was refused. */
static bool
heal_takes_fence(struct session *s)
{
	struct heal *h = s->heal;
	bool was_refused = h->refused_fence && s->target != LEND_REPLICA_ONLY;

	h->refused_fence = false;
	if (!was_refused)
		return false;
	h->refused = true;
	h->was_lost = false;
	heal_count(s, HEAL_refused_to_primary);
	return true;
}

/* The server is closed, and the request is the session's next; GONE: so is its host. */
static void
heal_run_elsewhere(struct session *s, bool gone)
{
	struct heal *h = s->heal;
	struct gather *g = &s->worker->to_client;

	heal_note_host(s);
	h->lost_us = loop_now_us(s->worker->loop);
	h->was_lost = true;
	/* A former primary lives, and its sessions are cut off. */
	h->checked = gone || (cluster_dethroned(h->cluster) & 1u << h->host) != 0;
	if (s->floor != NULL && !h->seen)
		floor_saw_nothing(s);
	h->seen = false;
	heal_make_error(h);
	gather_drop(g, &s->stream);
	heal_undo(s);
	heal_leave(s);
	pool_close_server(&s->server, "server conn crashed?");
	heal_give_back(s);
	h->again = heal_takes_fence(s) ? HEAL_ON_PRIMARY : HEAL_ELSEWHERE;
	request_resume(s);
}

/* True when it may be run a second time after a loss. */
static bool
heal_may_go_elsewhere(struct session *s)
{
	struct heal *h = s->heal;

	if (h == NULL || h->muted)
		return false;
	if (h->was_lost) {
		heal_count(s, HEAL_given_up_second_time);
		heal_quarantine(s, h->key);
		return false;
	}
	if (h->closed && !h->too_long)
		return false;
	if (!heal_is_allowed(s))
		return false;
	h->key = heal_key(s);
	if (!heal_is_quarantined(s, h->key))
		return true;
	heal_count(s, HEAL_given_up_quarantined);
	return false;
}

bool
heal_lost(struct session *s)
{
	if (s->state != SESSION_ACTIVE || !heal_may_go_elsewhere(s))
		return false;
	heal_run_elsewhere(s, false);
	return true;
}

void
heal_host_is_down(struct session *s)
{
	if (heal_is_possible(s) && heal_may_go_elsewhere(s))
		heal_run_elsewhere(s, true);
}
