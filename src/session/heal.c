/*
 * session/heal.c - what a second try needs is kept: the request, and of the answer's
 * head what the client does not have yet, or has.
 *
 *     server's bytes ─▶ frames ─▶ gathered ─┬─ heads alone ─▶ held
 *                                           └─ a row, a completion, a Flush ─▶ sent, held ones first
 *
 * Nothing of what was read at once is sent before all of it was walked, so an error behind
 * a RowDescription, or behind rows, is still in time.  What has changed the session's names
 * is kept until its answer is complete, so that it can be undone.
 */
#include "session/heal.h"

#include <stdlib.h>
#include <string.h>

#include "base/spares.h"

#define REQUEST_MOST ((size_t)64 * 1024)
#define HEAD_MOST ((size_t)16 * 1024)
/* A buffer up to this size stays for the next session. */
#define KEPT_BETWEEN ((size_t)16 * 1024)

/* ------------------------------------------------------------ a worker's */

static struct heal *
heal_new(struct worker *w)
{
	struct heal *h = spares_take(&w->heals, sizeof(*h));

	timer_init(&h->timer, heal_look);
	return h;
}

struct heal *
heal_take(struct session *s)
{
	if (s->heal == NULL) {
		s->heal = heal_new(s->worker);
		s->heal->session = s;
	}
	return s->heal;
}

static void
heal_shrink(struct bytes *b)
{
	if (b->capacity > KEPT_BETWEEN)
		bytes_free(b);
	bytes_clear(b);
}

static void
heal_finish_done(struct heal *h)
{
	while (h->done.count > 0) {
		struct answer done = answers_pop(&h->done);

		relay_finish(&done);
	}
}

void
heal_end(struct session *s)
{
	struct heal *h = s->heal;
	struct answers ring;

	if (h == NULL)
		return;
	s->heal = NULL;
	timer_disarm(loop_timers(s->worker->loop), &h->timer);
	heal_finish_done(h);
	heal_shrink(&h->request);
	heal_shrink(&h->held);
	heal_shrink(&h->told);
	heal_shrink(&h->said);
	heal_shrink(&h->error);
	ring = h->done;
	*h = (struct heal){.request = h->request, .held = h->held, .told = h->told, .said = h->said, .error = h->error, .done = ring};
	spares_keep(&s->worker->heals, h);
}

void
heal_free_all(struct worker *w)
{
	struct list *node;

	while ((node = list_pop_front(&w->heals)) != NULL) {
		struct heal *h = list_entry(node, struct heal, free);

		bytes_free(&h->request);
		bytes_free(&h->held);
		bytes_free(&h->told);
		bytes_free(&h->said);
		bytes_free(&h->error);
		answers_free(&h->done);
		free(h);
	}
}

/* --------------------------------------------------------------- requests */

/* Also of a host that has just been found down: what was on its way to a replica is. */
static bool
heal_is_on_replica(const struct session *s)
{
	return s->target >= LEND_REPLICA && cluster_host_role(s->server->cluster, s->server->host) != HOST_PRIMARY;
}

/* What a replica gets is kept whatever it is; for a primary, what begins with a read, and what follows that. */
static bool
heal_may_begin(const struct session *s, bool on_replica)
{
	if (session_keeps_server(s) || !cluster_is_monitored(s->server->cluster))
		return false;
	return on_replica || s->heal != NULL || (s->batch.heals && s->server->answers.count == 0 && s->server->status == 'I' && s->lazy == NULL);
}

void
heal_begin(struct session *s)
{
	bool on_replica = heal_is_on_replica(s);
	struct heal *h = s->heal;

	if (!heal_may_begin(s, on_replica)) {
		if (h != NULL)
			h->closed = true;
		return;
	}
	h = heal_take(s);
	h->on_replica = on_replica;
	if (s->server->answers.count == 0)
		h->closed = h->too_long = h->asks = false;
	/* Inside of a transaction nothing is run again, nor behind what writes. */
	h->closed |= s->server->status != 'I' || s->lazy != NULL || (!on_replica && s->server->answers.count == 0 && !s->batch.heals);
	/* For a primary, who is sent ahead of its answers is not judged; nor is all of a batch that goes there anyhow. */
	h->asks |= !s->batch.heals || (!on_replica && (s->server->answers.count > 0 || s->batch.target != TARGET_REPLICA));
}

static size_t
heal_kept(const struct heal *h)
{
	return h->request.length - h->from;
}

void
heal_record(struct heal *h, const char *bytes, size_t length)
{
	if (h->closed)
		return;
	if (heal_kept(h) == 0) {
		bytes_clear(&h->request);
		h->from = 0;
	} else if (h->request.length + length > REQUEST_MOST && h->from > 0) {
		bytes_consume(&h->request, h->from);
		h->from = 0;
	}
	if (h->request.length + length > REQUEST_MOST) {
		h->closed = h->too_long = true;
		return;
	}
	bytes_append(&h->request, bytes, length);
}

/* The length of the oldest request that is kept. */
static size_t
heal_oldest_length(const struct heal *h)
{
	struct frames frames = frames_over(FROM_CLIENT, h->request.data + h->from, heal_kept(h), UINT32_MAX);
	struct whole_frame frame;

	while (frames_next(&frames, &frame) == FRAME_OK)
		if (frame.type == FRONTEND_QUERY || frame.type == FRONTEND_SYNC || frame.type == FRONTEND_FUNCTION_CALL)
			return frames.at;
	return heal_kept(h);
}

bool
heal_is_possible(const struct session *s)
{
	const struct heal *h = s->heal;

	return h != NULL && !h->closed && !h->forwarded && !h->muted && heal_kept(h) > 0 && s->state == SESSION_ACTIVE && s->skip == 0 &&
	    s->server->status == 'I' && s->server->skip == 0 && !s->settling && !session_keeps_server(s);
}

void
heal_count_missed(struct session *s)
{
	const struct heal *h = s->heal;

	if (h->too_long)
		stat_add(session_stats(s)->heals[HEAL_given_up_too_long], 1);
	else if (h->forwarded && !h->closed)
		stat_add(session_stats(s)->heals[HEAL_given_up_answered], 1);
}

/* ---------------------------------------------------------------- answers */

bool
heal_type_is_head(char type)
{
	switch (type) {
	case BACKEND_NOTICE:
	case BACKEND_PARAMETER_STATUS:
	case BACKEND_PARSE_COMPLETE:
	case BACKEND_BIND_COMPLETE:
	case BACKEND_CLOSE_COMPLETE:
	case BACKEND_PARAMETER_DESCRIPTION:
	case BACKEND_ROW_DESCRIPTION:
	case BACKEND_NO_DATA:
		return true;
	default:
		return false;
	}
}

bool
heal_wants_whole(const struct heal *h, char type, size_t size)
{
	return size <= HEAD_MOST && heal_type_is_head(type) && (!h->closed || h->told_at < h->told.length);
}

bool
heal_takes_done(struct heal *h, const struct answer *done)
{
	if (h->closed || h->forwarded || (done->change == NULL && !done->of_unnamed))
		return false;
	*answers_push(&h->done, done->kind, done->way) = *done;
	return true;
}

/* True while what has come of the answer is kept from the client. */
static bool
heal_holds(const struct heal *h)
{
	return !h->closed && !h->answered && !h->flushed && heal_kept(h) > 0;
}

/* What the client is told now it will not be told twice; notices come when they come. */
static void
heal_note_told(struct heal *h, const struct bytes *head)
{
	struct frames frames = frames_over(FROM_SERVER, head->data, head->length, UINT32_MAX);
	struct whole_frame frame;

	while (frames_next(&frames, &frame) == FRAME_OK)
		if (frame.type != BACKEND_NOTICE && frame.type != BACKEND_PARAMETER_STATUS)
			bytes_append(&h->told, frame.body - FRAME_HEAD, FRAME_HEAD + frame.length);
	h->told_at = h->told.length;
}

static void
heal_send_held(struct session *s)
{
	if (s->heal->held.length == 0)
		return;
	stream_send_bytes(&s->stream, s->heal->held.data, s->heal->held.length);
	bytes_clear(&s->heal->held);
}

/* The client has waited for the head, and gets it. */
static void
heal_tell_head(struct session *s)
{
	struct heal *h = s->heal;
	struct gather *g = &s->worker->to_client;

	gather_move(g, &h->mark, &h->held);
	gather_flush(g);
	heal_note_told(h, &h->held);
	h->forwarded |= h->told.length > HEAD_MOST;
	heal_send_held(s);
}

void
heal_flush(struct session *s)
{
	struct heal *h = s->heal;
	struct gather *g = &s->worker->to_client;

	/* Of a long one nothing is kept. */
	h->answered |= s->server != NULL && s->server->skip > 0;
	if (heal_holds(h)) {
		gather_move(g, &h->mark, &h->held);
		gather_flush(g);
		h->flushed |= h->held.length > HEAD_MOST;
	} else if (h->flushed && !h->closed && !h->answered && !h->forwarded) {
		heal_tell_head(s);
	} else {
		heal_send_held(s);
		gather_flush(g);
		h->forwarded |= h->answered;
	}
	h->mark = (struct gather_mark){0};
}

void
heal_flushed(struct session *s)
{
	struct heal *h = s->heal;

	h->flushed = h->asks = true;
	if (h->held.length == 0)
		return;
	heal_note_told(h, &h->held);
	heal_send_held(s);
}

/* The oldest answer is complete: it cannot fail any more. */
static void
heal_next(struct session *s)
{
	struct heal *h = s->heal;

	h->ended = false;
	h->seen = true;
	heal_send_held(s);
	heal_finish_done(h);
	if (!h->closed)
		h->from += heal_oldest_length(h);
	bytes_clear(&h->told);
	bytes_clear(&h->error);
	h->told_at = 0;
	h->lost = 0;
	h->answered = h->forwarded = h->refused = h->ended_by_admin = h->farewell = h->muted = h->was_lost = h->checked = false;
	h->flushed &= heal_kept(h) > 0;
	h->mark = gather_mark(&s->worker->to_client);
}

/* --------------------------------------------------- what was said before */

static void
heal_emit(struct session *s, const char *bytes, size_t length)
{
	struct gather *g = &s->worker->to_client;
	struct bytes *out = gather_make(g);
	size_t before = out->length;

	bytes_append(out, bytes, length);
	gather_made(g, before);
}

/* One message of the second answer, while the client was told more by the first. */
static void
heal_compare(struct session *s, const char *bytes, size_t size, char type)
{
	struct heal *h = s->heal;

	if (h->told_at == h->told.length || type == BACKEND_NOTICE || type == BACKEND_PARAMETER_STATUS) {
		heal_emit(s, bytes, size);
	} else if (type == BACKEND_ERROR) {
		h->told_at = h->told.length;
		heal_emit(s, bytes, size);
	} else if (size <= h->told.length - h->told_at && memcmp(h->told.data + h->told_at, bytes, size) == 0) {
		h->told_at += size;
	} else {
		h->muted = true;
		heal_emit(s, h->error.data, h->error.length);
		stat_add(session_stats(s)->heals[HEAL_given_up_changed], 1);
	}
}

static void
heal_compare_gathered(struct session *s, const struct gather_mark *before)
{
	struct heal *h = s->heal;
	struct frames frames;
	struct whole_frame frame;

	bytes_clear(&h->said);
	gather_move(&s->worker->to_client, before, &h->said);
	frames = frames_over(FROM_SERVER, h->said.data, h->said.length, UINT32_MAX);
	while (!h->muted && frames_next(&frames, &frame) == FRAME_OK)
		heal_compare(s, frame.body - FRAME_HEAD, FRAME_HEAD + frame.length, frame.type);
}

void
heal_relayed(struct session *s, char type, enum step step, const struct gather_mark *before)
{
	struct heal *h = s->heal;

	if (h->muted && !h->ended)
		gather_rewind(&s->worker->to_client, before);
	else if (h->told_at < h->told.length && !h->ended)
		heal_compare_gathered(s, before);
	h->answered |= step == STEP_FORWARD && !heal_type_is_head(type);
	if (h->ended)
		heal_next(s);
}
