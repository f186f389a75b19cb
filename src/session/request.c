/*
 * session/request.c - what a client asks: one request at a time gets a server,
 * whatever was sent ahead waits in the stream's input.
 *
 *     IDLE ── a whole request is here ──▶ plan ──▶ lend ──▶ ACTIVE ──▶ forward.c
 *                                                    └────▶ WAITING (input is kept)
 */
#include <stdio.h>
#include <string.h>

#include "observe/log.h"
#include "session/floor.h"
#include "session/forward_private.h"
#include "session/heal.h"
#include "session/lazy.h"
#include "session/listening.h"

/* So many bytes of a head that makes no sense are told to the client, in hexadecimal. */
#define BAD_HEADER_SHOWN 8

/* Messages that mean nothing outside of COPY are dropped, as PostgreSQL does. */
static size_t
request_drop(struct session *s, size_t size, size_t length)
{
	size_t here = min_of(size, length);

	s->skip = (uint32_t)(size - here);
	s->skip_dropped = true;
	return here;
}

void
request_broken(struct session *s, const char *bytes, size_t length)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "bad packet header: '");

	if (!frame_is_known(FROM_CLIENT, bytes[0])) {
		session_close(s, CLOSE_protocol_violation, NULL);
		return;
	}
	for (size_t i = 0; i < length && i < BAD_HEADER_SHOWN; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%02x", (uint8_t)bytes[i]);
	snprintf(text + n, sizeof(text) - (size_t)n, "'");
	session_close(s, CLOSE_bad_packet, text);
}

static void
request_lend(struct session *s, const struct brief *brief)
{
	struct server *server;

	s->batch = *brief;
	s->requests = 0;
	s->notified = false;
	s->request_wall_us = loop_wall_us(s->worker->loop);
	s->target = (uint8_t)routing_target(s, brief);
	s->held_back = routing_is_held_back(s, brief);
	s->borrower.hosts = 0;
	if (s->floor != NULL)
		floor_choose(s);
	if (!heal_aim(s))
		return;
	if (pool_lend(&s->borrower, (enum lend_target)s->target, &server) == LEND_NOW)
		s->server = server;
	if (s->server != NULL && (s->floor == NULL || floor_takes(s))) {
		listening_lent(s);
		stat_add(session_stats(s)->assignments, 1);
		session_enter(s, SESSION_ACTIVE);
		return;
	}
	session_enter(s, SESSION_WAITING);
	session_arm(s);
}

bool
request_takes(struct session *s)
{
	struct cluster *c = s->ledger->cluster;
	int64_t since_us = s->borrower.since_us;
	struct server *server;

	if (!cluster_is_monitored(c) || cluster_host_role(c, s->server->host) != HOST_UNKNOWN)
		return true;
	pool_return(&s->server);
	if (pool_lend(&s->borrower, (enum lend_target)s->target, &server) == LEND_NOW)
		s->server = server;
	s->borrower.since_us = since_us;
	return s->server != NULL;
}

static void
request_ready(struct session *s)
{
	struct bytes out = {0};

	message_ready(&out, lazy_status(s));
	session_send(s, &out);
	bytes_free(&out);
}

/* The request whose wait was cancelled is dropped up to its end, then the client is told that it may go on. */
static size_t
request_drop_cancelled(struct session *s, char type, size_t size, size_t length)
{
	if (type == FRONTEND_QUERY || type == FRONTEND_FUNCTION_CALL || type == FRONTEND_SYNC) {
		s->cancelled = false;
		request_ready(s);
	}
	return request_drop(s, size, length);
}

/* True when the session may go on; else it was closed. */
static bool
request_is_allowed(struct session *s, char type)
{
	if (s->snapshot != pool_snapshot(s->worker->pool))
		session_configure(s);
	if (s->database == NULL || s->ledger->removed) {
		session_close(s, CLOSE_database_removed, NULL);
		return false;
	}
	if (type == FRONTEND_QUERY && s->snapshot->global.disable_pqexec) {
		session_close(s, CLOSE_pqexec_disallowed, NULL);
		return false;
	}
	return true;
}

/* The length of Close messages up to their Sync, 0 when there is anything else among them, or not all of it here. */
static size_t
request_closes_length(const char *bytes, size_t length)
{
	size_t at = 0, size;
	char type;

	while (frame_read(FROM_CLIENT, bytes + at, length - at, UINT32_MAX, &type, &size) == FRAME_OK && size <= length - at) {
		if (type == FRONTEND_SYNC)
			return at + size;
		if (type != FRONTEND_CLOSE || size <= FRAME_HEAD || (bytes[at + FRAME_HEAD] != 'S' && bytes[at + FRAME_HEAD] != 'P') ||
		    memchr(bytes + at + FRAME_HEAD, '\0', size - FRAME_HEAD) != bytes + at + size - 1)
			return 0;
		at += size;
	}
	return 0;
}

static void
request_close_name(struct session *s, char what, const char *name)
{
	struct name_change *change;

	if (what != 'S')
		return;
	if (name[0] == '\0') {
		statement_unref(s->unnamed);
		s->unnamed = NULL;
		return;
	}
	change = names_change(s, name, NULL);
	names_keep(&change);
}

/*
 * Drivers close statements by themselves, ahead of what their user asks for.  That takes
 * no server, for which it would have to wait: a cancel meant for the next request would
 * then end this one.  Answers what was consumed.
 */
static size_t
request_close(struct session *s, const char *bytes, size_t length)
{
	size_t end = inject_renames(s) ? request_closes_length(bytes, length) : 0;
	struct bytes out = {0};
	size_t at = 0, size;
	char type;

	while (at < end && frame_read(FROM_CLIENT, bytes + at, end - at, UINT32_MAX, &type, &size) == FRAME_OK) {
		if (type == FRONTEND_CLOSE) {
			request_close_name(s, bytes[at + FRAME_HEAD], bytes + at + FRAME_HEAD + 1);
			message_end(&out, message_begin(&out, BACKEND_CLOSE_COMPLETE));
		}
		at += size;
	}
	if (end == 0)
		return 0;
	message_ready(&out, lazy_status(s));
	session_send(s, &out);
	bytes_free(&out);
	return end;
}

/* True of what takes no server; *CONSUMED is what was consumed of it. */
static inline bool
request_is_dealt_with(struct session *s, char type, size_t size, size_t length, size_t *consumed)
{
	switch (type) {
	case FRONTEND_TERMINATE:
		session_close(s, CLOSE_client_request, NULL);
		*consumed = 0;
		return true;
	case FRONTEND_PASSWORD:
		session_close(s, CLOSE_protocol_violation, NULL);
		*consumed = 0;
		return true;
	case FRONTEND_COPY_DATA:
	case FRONTEND_COPY_DONE:
	case FRONTEND_COPY_FAIL:
	case FRONTEND_FLUSH:
		*consumed = request_drop(s, size, length);
		return true;
	case FRONTEND_SYNC:
		request_ready(s);
		*consumed = size;
		return true;
	default:
		return false;
	}
}

/* The first message of a request, while there is no server; answers what was consumed. */
static size_t
request_begin(struct session *s, const char *bytes, size_t length)
{
	struct plan plan;
	char type;
	size_t size, done;

	switch (frame_read(FROM_CLIENT, bytes, length, (uint32_t)s->snapshot->global.max_packet_size, &type, &size)) {
	case FRAME_WAIT:
		return 0;
	case FRAME_BROKEN:
		request_broken(s, bytes, length);
		return 0;
	default:
		break;
	}
	if (s->cancelled && type != FRONTEND_TERMINATE)
		return request_drop_cancelled(s, type, size, length);
	if (request_is_dealt_with(s, type, size, length, &done))
		return done;
	if (!request_is_allowed(s, type))
		return 0;
	if (type == FRONTEND_CLOSE && (done = request_close(s, bytes, length)) > 0)
		return done;
	if (lazy_has_failed(s)) {
		done = lazy_refuse(s, bytes, length);
		if (s->cancelled)
			return request_drop_cancelled(s, type, size, length);
		if (done > 0 || lazy_has_failed(s))
			return done;
	}
	plan = routing_plan(s, bytes, length);
	if (plan.outcome == PLAN_LEND && (done = lazy_take(s, &plan, bytes, length)) > 0)
		return done;
	if (plan.outcome == PLAN_BROKEN)
		session_close(s, CLOSE_bad_packet, NULL);
	else if (plan.outcome == PLAN_LEND) {
		restore_insist(s, bytes, length);
		request_lend(s, &plan.brief);
	}
	return 0;
}

/* The answer came before the end of the request, as when a COPY fails: only now is the server free. */
static void
request_sent(struct session *s)
{
	const struct server *server = s->server;

	if (server->answers.count > 0 || server->skip > 0 || server->status != 'I' || s->in_batch || s->settling)
		return;
	gather_flush(&s->worker->to_server);
	release_transaction(s);
}

/* The rest of a message whose head was dealt with. */
static size_t
request_skip(struct session *s, const char *bytes, size_t length)
{
	size_t here = min_of((size_t)s->skip, length);

	if (!s->skip_dropped)
		gather_refer(&s->worker->to_server, bytes, here);
	s->skip -= (uint32_t)here;
	if (s->skip == 0 && !s->skip_dropped)
		request_sent(s);
	return here;
}

static size_t
request_step(struct session *s, const char *bytes, size_t length)
{
	if (s->skip > 0)
		return request_skip(s, bytes, length);
	s->skip_dropped = false;
	if (s->state == SESSION_ACTIVE)
		return forward_frame(s, bytes, length);
	return request_begin(s, bytes, length);
}

size_t
request_data(struct session *s, char *bytes, size_t length)
{
	struct gather *g = &s->worker->to_server;
	size_t at = 0;

	while (at < length && (s->state == SESSION_IDLE || s->state == SESSION_ACTIVE)) {
		bool had_server = s->server != NULL;
		size_t consumed;

		if (had_server && g->stream != &s->server->stream)
			gather_begin(g, &s->server->stream);
		consumed = request_step(s, bytes + at, length - at);
		if (s->heal != NULL && had_server)
			heal_record(s->heal, bytes + at, consumed);
		at += consumed;
		if (consumed == 0 && (had_server || s->server == NULL))
			break;
	}
	if (s->state == SESSION_CLOSING)
		return length;
	stat_add(session_stats(s)->received, at);
	if (s->server != NULL && g->stream == &s->server->stream) {
		gather_flush(g);
		if (stream_unsent(&s->server->stream) > HIGH_WATER)
			stream_pause(&s->stream);
	}
	/* Who asks and does not read the answers is not heard until it does. */
	if (stream_unsent(&s->stream) > HIGH_WATER)
		stream_pause(&s->stream);
	if (length - at > AHEAD_MOST && (s->blocked || s->state == SESSION_WAITING))
		stream_pause(&s->stream);
	return at;
}

void
request_resume(struct session *s)
{
	if (s->state != SESSION_IDLE && s->state != SESSION_ACTIVE)
		return;
	s->blocked = false;
	if (s->server == NULL || stream_unsent(&s->server->stream) <= HIGH_WATER)
		stream_resume(&s->stream);
	stream_offer(&s->stream);
}
