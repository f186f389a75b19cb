/*
 * session/heal_again.c - what a replica has refused or lost is run again.
 *
 *      refused ──▶ the primary, once: its answer is final
 *      lost ─┬─ another replica is there ───────────────────▶ it, once
 *            ├─ the host was asked since, and is gone ──────▶ another replica, else the primary
 *            └─ it was asked since, and answers ────────────▶ the error
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

/* How often it is looked whether the host was asked. */
#define LOOK_US ((int64_t)10 * 1000)
/* Beyond what the monitor takes to find a host down. */
#define LOOK_GRACE_US ((int64_t)500 * 1000)
/* A host that shuts down ends its sessions one by one, and the monitor's may be the last. */
#define SHUTDOWN_US ((int64_t)200 * 1000)

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

/* Such refusals say that the statement should not have gone there, not that the moment was bad. */
static bool
sqlstate_is_misroute(const char *code)
{
	return strncmp(code, "40", 2) != 0 && strncmp(code, "57", 2) != 0 && strncmp(code, "58", 2) != 0;
}

static bool
statement_only_reads(void *user, const struct statement_detail *statement)
{
	bool *reads = user;

	*reads &= statement->kind == KIND_READ || statement->kind == KIND_COPY_OUT;
	return *reads;
}

static bool
text_only_reads(struct session *s, const char *text)
{
	struct verdict v;
	bool reads = true;

	routing_judge(s, text, strlen(text), &v);
	return v.is_proven && route_each_detail(text, strlen(text), statement_only_reads, &reads) && reads;
}

/* The length of the messages up to the first that is acted on without waiting for more. */
static size_t
part_length(const char *bytes, size_t length, bool *is_query)
{
	struct frames frames = frames_over(FROM_CLIENT, bytes, length, UINT32_MAX);
	struct whole_frame frame;

	*is_query = length > 0 && bytes[0] == FRONTEND_QUERY;
	while (frames_next(&frames, &frame) == FRAME_OK)
		if (frame.type == FRONTEND_QUERY || frame.type == FRONTEND_SYNC || frame.type == FRONTEND_FLUSH || frame.type == FRONTEND_FUNCTION_CALL)
			return frames.at;
	return length;
}

/* True when all that is kept is proven to read only, whatever a hint or the entry's route says. */
static bool
heal_is_proven(struct session *s)
{
	struct heal *h = s->heal;
	const char *at = h->request.data + h->from, *end = h->request.data + h->request.length;

	while (h->asks && at < end) {
		bool is_query;
		size_t length = part_length(at, (size_t)(end - at), &is_query);
		struct brief b = routing_brief(s, at, length);

		if (b.known && b.kind != KIND_EMPTY && !b.heals && !(is_query && text_only_reads(s, at + FRAME_HEAD)))
			return false;
		at += length;
	}
	return true;
}

/* Of the oldest request. */
static uint64_t
heal_key(struct session *s)
{
	const struct heal *h = s->heal;
	const char *at = h->request.data + h->from;
	bool is_query;

	return routing_brief(s, at, part_length(at, h->request.length - h->from, &is_query)).key;
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

void
heal_aim(struct session *s)
{
	struct heal *h = s->heal;
	uint32_t hosts;
	uint8_t again;

	if (h == NULL || h->again == HEAL_NOWHERE)
		return;
	again = h->again;
	h->again = HEAL_NOWHERE;
	/* Some of them may be too far behind for it. */
	hosts = heal_other_replicas(s, h->lost) & (s->borrower.hosts != 0 ? s->borrower.hosts : UINT32_MAX);
	if (again == HEAL_ON_PRIMARY || s->target == LEND_PRIMARY || (hosts == 0 && s->target == LEND_REPLICA))
		s->target = LEND_PRIMARY;
	s->borrower.hosts = s->target == LEND_PRIMARY ? 0 : hosts;
	if (s->target == LEND_PRIMARY && s->batch.target == TARGET_REPLICA)
		s->batch.reason = h->refused ? ROUTE_REASON_refused_lately : ROUTE_REASON_replica_down;
}

/* The session is between requests, and what it gets next is the one that runs again. */
static void
heal_resume(struct session *s, enum heal_again again, enum heal_count what)
{
	s->heal->again = (uint8_t)again;
	heal_count(s, what);
	request_resume(s);
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

enum heal_verdict
heal_judge_error(struct session *s, const struct relay_frame *f, const struct error *e)
{
	struct heal *h = s->heal;
	const struct answer *head = answers_head(&s->server->answers);
	bool is_ours = head != NULL && head->way == ANSWER_SWALLOW && head->purpose != PURPOSE_REPREPARE && head->purpose != PURPOSE_COMPARE;

	if (head == NULL || head->refusal != NULL || is_ours || s->settling || !f->whole || e->sqlstate == NULL)
		return HEAL_PASS;
	if (!sqlstate_is_refusal(e->sqlstate)) {
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
	h->lost |= 1u << s->server->host;
	if (!stays_on_replicas)
		heal_remember_refused(s, heal_key(s));
	heal_undo(s);
	/* Nobody knows how far it came. */
	s->server->left |= EFFECT_advisory;
	heal_leave(s);
	heal_give_back(s);
	consumed = pool_let_finish(&s->server, batch, bytes, length);
	if (stays_on_replicas)
		heal_resume(s, HEAL_ON_REPLICA, HEAL_refused_to_replica);
	else
		heal_resume(s, HEAL_ON_PRIMARY, HEAL_refused_to_primary);
	return consumed;
}

/* ------------------------------------------------------------------- lost */

/* Without a word of the server's own. */
static void
heal_make_error(struct heal *h)
{
	static const struct error lost = {.sqlstate = "57P01",
	    .message = "the connection to the server was lost",
	    .detail = "The statement was a read that a replica ran, and it was not run again."};

	if (h->error.length == 0)
		heal_keep_error(h, &lost);
}

/* Nobody runs it again: the client is told what the first server said, and the request is dropped up to its end. */
static void
heal_give_up(struct session *s, enum heal_count why)
{
	struct heal *h = s->heal;
	struct bytes out = {0};

	heal_count(s, why);
	bytes_append(&out, h->error.data, h->error.length);
	session_send(s, &out);
	bytes_free(&out);
	heal_end(s);
	session_enter(s, SESSION_IDLE);
	s->cancelled = true;
	request_resume(s);
}

static void
heal_wait(struct session *s)
{
	struct heal *h = s->heal;
	const struct settings *set = &s->snapshot->global;

	h->waits = true;
	h->due_us = h->lost_us + (set->check_timeout_ms * max_of(set->check_fall, 1) + set->check_interval_ms) * 1000 + LOOK_GRACE_US;
	s->borrower.since_us = h->lost_us;
	session_enter(s, SESSION_WAITING);
	session_arm(s);
	timer_arm(loop_timers(s->worker->loop), &h->timer, LOOK_US);
}

static void
heal_go_elsewhere(struct session *s)
{
	struct heal *h = s->heal;
	bool others = heal_other_replicas(s, h->lost) != 0 || s->route == ROUTE_REPLICA;

	heal_resume(s, others ? HEAL_ON_REPLICA : HEAL_ON_PRIMARY, others ? HEAL_lost_to_replica : HEAL_lost_to_primary);
}

void
heal_look(struct timer *t)
{
	struct heal *h = container_of(t, struct heal, timer);
	struct session *s = h->session;
	struct cluster *c = s->ledger->cluster;
	struct host_report report;
	bool is_gone, answers;

	cluster_report(c, h->host, &report);
	is_gone = report.state == HOST_DOWN && report.asked_us >= h->lost_us;
	answers = report.state != HOST_DOWN && report.heard_us >= h->lost_us + (h->ended_by_admin ? SHUTDOWN_US : 0);
	if (!is_gone && !answers && loop_now_us(s->worker->loop) < h->due_us) {
		cluster_suspect(c, h->host);
		timer_arm(loop_timers(s->worker->loop), &h->timer, LOOK_US);
		return;
	}
	h->waits = false;
	if (!is_gone) {
		heal_give_up(s, HEAL_given_up_no_host);
		return;
	}
	session_enter(s, SESSION_IDLE);
	heal_go_elsewhere(s);
}

/* The server is closed, and the request is the session's next; GONE: so is its host. */
static void
heal_run_elsewhere(struct session *s, bool gone)
{
	struct heal *h = s->heal;
	struct gather *g = &s->worker->to_client;

	h->host = (uint8_t)s->server->host;
	h->lost |= 1u << h->host;
	h->lost_us = loop_now_us(s->worker->loop);
	heal_make_error(h);
	gather_drop(g, &s->stream);
	heal_undo(s);
	heal_leave(s);
	pool_close_server(&s->server, "server conn crashed?");
	heal_give_back(s);
	if (gone || (!h->ended_by_admin && heal_other_replicas(s, h->lost) != 0))
		heal_go_elsewhere(s);
	else
		heal_wait(s);
}

/* True when it may be run a second time after a loss. */
static bool
heal_may_go_elsewhere(struct session *s)
{
	struct heal *h = s->heal;

	if (h == NULL || h->muted)
		return false;
	if (h->lost != 0) {
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
