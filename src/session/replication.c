/*
 * session/replication.c - a replication client (PostgreSQL manual, "Streaming
 * Replication Protocol"): it has a server of its own for as long as it lives, logged
 * in with its own startup parameters, and what either side says is passed on as it
 * is.  No statement is looked at, no setting restored, no host chosen by routing but
 * the one that the entry's route names.
 */
#include <string.h>
#include <strings.h>

#include "session/login_private.h"

/* Is VALUE the beginning of WORD, as PostgreSQL takes its booleans, and at least LEAST long? */
static bool
replication_is_word(const char *value, const char *word, size_t least)
{
	size_t length = strlen(value);

	return length >= least && length <= strlen(word) && strncasecmp(value, word, length) == 0;
}

/* As PostgreSQL reads it; what it would refuse is physical, and it will refuse it. */
static enum replication
replication_kind(const char *value)
{
	if (strcmp(value, "database") == 0)
		return REPLICATION_LOGICAL;
	if (replication_is_word(value, "false", 1) || replication_is_word(value, "no", 1) || replication_is_word(value, "off", 2) ||
	    strcmp(value, "0") == 0)
		return REPLICATION_NONE;
	return REPLICATION_PHYSICAL;
}

void
replication_take_startup(struct session *s, const struct startup *packet)
{
	struct reader r = reader_over(packet->body, packet->body_length);
	struct bytes *b = &s->login->replication_startup;
	const char *name, *value, *said = "";

	while (startup_next(&r, &name, &value)) {
		if (strcmp(name, "replication") == 0) {
			s->replication = (uint8_t)replication_kind(value);
			said = value;
			continue;
		}
		if (strcmp(name, "user") == 0 || strcmp(name, "database") == 0 || strncmp(name, "_pq_.", 5) == 0 ||
		    snapshot_list_has(s->snapshot->global.ignore_startup_parameters, name))
			continue;
		bytes_text(b, name);
		bytes_text(b, value);
	}
	/* Rules are asked about the kind that was read here: said once, it is the one that the server reads. */
	bytes_text(b, "replication");
	bytes_text(b, said);
	if (s->replication == REPLICATION_NONE)
		bytes_free(b);
}

void
replication_begin(struct session *s)
{
	login_ask(s, AUTHENTICATION_OK, NULL, 0);
	s->login->ok_sent = true;
	pool_dedicate(&s->borrower, routing_home_of(s), &s->login->replication_startup);
	session_arm(s);
}

void
replication_granted(struct session *s)
{
	struct bytes b = {0};

	for (unsigned i = 0; i < s->server->value_count; i++)
		message_parameter(&b, s->server->values[i].name, s->server->values[i].value);
	session_write_key(s, &b);
	welcome_write_notice(s, &b);
	message_ready(&b, 'I');
	session_send(s, &b);
	bytes_free(&b);
	s->pool_mode = POOL_SESSION;
	welcome_finish(s, SESSION_REPLICATION);
	stream_resume(&s->stream);
	stream_offer(&s->stream);
}

/* Passes on what there is of the messages in BYTES, HEAD by HEAD; answers what was consumed. */
size_t
replication_request(struct session *s, const char *bytes, size_t length)
{
	struct stream *to = &s->server->stream;
	size_t at = 0;

	while (at < length && s->state == SESSION_REPLICATION) {
		char type = 0;
		size_t size;

		if (s->skip == 0) {
			enum frame_state state =
			    frame_read(FROM_CLIENT, bytes + at, length - at, (uint32_t)s->snapshot->global.max_packet_size, &type, &size);

			if (state == FRAME_WAIT)
				break;
			if (state == FRAME_BROKEN || type == FRONTEND_TERMINATE) {
				session_close(s, state == FRAME_BROKEN ? CLOSE_bad_packet : CLOSE_client_request, NULL);
				return length;
			}
			s->skip = (uint32_t)size;
			s->request_wall_us = loop_wall_us(s->worker->loop);
		}
		size = min_of((size_t)s->skip, length - at);
		stream_send_bytes(to, bytes + at, size);
		s->skip -= (uint32_t)size;
		at += size;
	}
	stat_add(session_stats(s)->received, at);
	if (stream_unsent(to) > HIGH_WATER)
		stream_pause(&s->stream);
	return at;
}

/* The end of an answer is counted; a server that says why it ends is not called crashed. */
static void
replication_note(struct session *s, struct server *server, char type, const char *body, size_t length)
{
	struct error e;

	if (type == BACKEND_READY && length > 0) {
		server->status = body[0];
		s->status = body[0];
		stat_add(session_stats(s)->queries, 1);
	}
	if (type == BACKEND_ERROR && message_read_error(body, length, &e) && e.severity != NULL && strcmp(e.severity, "FATAL") == 0)
		server->fatal_seen = true;
}

size_t
replication_answer(struct session *s, struct server *server, const char *bytes, size_t length)
{
	size_t at = 0;

	while (at < length) {
		size_t size;

		if (server->skip == 0) {
			char type;
			enum frame_state state =
			    frame_read(FROM_SERVER, bytes + at, length - at, (uint32_t)s->snapshot->global.max_packet_size, &type, &size);

			if (state == FRAME_BROKEN) {
				session_close(s, CLOSE_server_broken, NULL);
				return length;
			}
			/* An error and the end of an answer are looked at, and come whole. */
			if (state == FRAME_WAIT || ((type == BACKEND_READY || type == BACKEND_ERROR) && size <= LOOP_READ_SIZE / 4 && size > length - at))
				break;
			replication_note(s, server, type, bytes + at + FRAME_HEAD, min_of(size, length - at) - FRAME_HEAD);
			server->skip = size;
		}
		size = (size_t)min_of(server->skip, (uint64_t)(length - at));
		stream_send_bytes(&s->stream, bytes + at, size);
		server->skip -= size;
		at += size;
	}
	stat_add(session_stats(s)->sent, at);
	if (stream_unsent(&s->stream) > HIGH_WATER)
		stream_pause(&server->stream);
	return at;
}
