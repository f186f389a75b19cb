/*
 * admin/talk.c - what is said to the console and by it: its messages, its greeting and
 * its end.
 *
 *     session bytes ─▶ frames ─▶ Query ─────────────▶ call ─▶ console_run (console.c)
 *                         └────▶ Parse…Sync (extended.c) ─┘
 */
#include <stdlib.h>

#include "admin/console_private.h"
#include "admin/extended.h"
#include "admin/operate.h"
#include "base/version.h"

/* No message of a console's client has a reason to be longer: ROUTE with a statement all of quotes. */
#define MESSAGE_MOST ((size_t)2 * ROUTE_TEXT_MAX_BYTES + 1024)

/* Set once by main/, before the workers start. */
static const struct console_control *console_control_in_use;

static void
console_query(struct console *c, const char *text)
{
	struct call call;
	char problem[PROBLEM_SIZE];

	c->extended = false;
	extended_forget_portal(c);
	switch (call_read(text, &call, problem, sizeof(problem))) {
	case CALL_EMPTY:
		message_end(&c->out, message_begin(&c->out, BACKEND_EMPTY_QUERY));
		message_ready(&c->out, 'I');
		break;
	case CALL_WRONG:
		console_fail(c, NULL, "%s", problem);
		break;
	default:
		console_run(c, &call, 0);
	}
	call_forget(&call);
}

/* -------------------------------------------------------------- messages */

static void
console_end(struct console *c, enum close_reason reason)
{
	console_flush(c);
	session_close(c->session, reason, NULL);
}

static void
console_simple(struct console *c, char type, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);
	const char *text = reader_text(&r);

	if (type == FRONTEND_FUNCTION_CALL) {
		c->extended = false;
		console_fail(c, "0A000", "function calls are not supported by the console");
	} else if (!reader_at_end(&r)) {
		console_end(c, CLOSE_bad_packet);
	} else {
		console_query(c, text);
	}
}

/* One whole message. */
static void
console_message(struct console *c, char type, const char *body, size_t length)
{
	switch (type) {
	case FRONTEND_TERMINATE:
		console_end(c, CLOSE_client_request);
		return;
	case FRONTEND_PASSWORD:
		console_end(c, CLOSE_protocol_violation);
		return;
	case FRONTEND_COPY_DATA:
	case FRONTEND_COPY_DONE:
	case FRONTEND_COPY_FAIL:
		return;
	default:
		break;
	}
	if (c->skipping && type != FRONTEND_SYNC)
		return;
	if (type == FRONTEND_QUERY || type == FRONTEND_FUNCTION_CALL)
		console_simple(c, type, body, length);
	else if (!extended_message(c, type, body, length))
		console_end(c, CLOSE_bad_packet);
}

/* Takes one message; 0 when it is not whole.  The console may be gone afterwards. */
static size_t
console_take(struct console *c, const char *bytes, size_t length)
{
	char type;
	size_t size;

	switch (frame_read(FROM_CLIENT, bytes, length, INT32_MAX, &type, &size)) {
	case FRAME_BROKEN:
		console_end(c, CLOSE_bad_packet);
		return 0;
	case FRAME_WAIT:
		return 0;
	default:
		break;
	}
	if (size > MESSAGE_MOST) {
		console_end(c, CLOSE_packet_too_large);
		return 0;
	}
	if (size > length)
		return 0;
	console_message(c, type, bytes + FRAME_HEAD, size - FRAME_HEAD);
	return size;
}

static size_t
console_data(struct session *s, char *bytes, size_t length)
{
	struct console *c = s->console;
	size_t at = 0;

	c->inside = true;
	while (at < length && !c->busy && stream_unsent(&s->stream) <= UNSENT_MOST) {
		size_t taken = console_take(c, bytes + at, length - at);

		if (s->state != SESSION_CONSOLE)
			return length;
		at += taken;
		if (taken == 0)
			break;
		if (c->out.length > UNSENT_MOST)
			console_flush(c);
	}
	console_flush(c);
	c->inside = false;
	if (length - at > MESSAGE_MOST)
		stream_pause(&s->stream);
	if (!c->busy && stream_unsent(&s->stream) > UNSENT_MOST)
		console_sleep(c, OFFER_AGAIN_US, console_offer);
	return at;
}

/* ------------------------------------------------------ beginning and end */

static void
console_greet(struct console *c)
{
	static const char *const parameters[][2] = {
		{"server_version", PGBOUNCER_VERSION "/bouncer"},
		{"client_encoding", "UTF8"},
		{"server_encoding", "UTF8"},
		{"DateStyle", "ISO"},
		{"TimeZone", "GMT"},
		{"standard_conforming_strings", "on"},
		{"is_superuser", "on"},
	};
	struct session *s = c->session;

	for (size_t i = 0; i < array_length(parameters); i++)
		message_parameter(&c->out, parameters[i][0], parameters[i][1]);
	session_write_key(s, &c->out);
	message_ready(&c->out, 'I');
}

static void
console_open(struct session *s, bool is_admin)
{
	struct console *c = memory_new(sizeof(*c));

	c->session = s;
	c->role = is_admin ? ROLE_ADMIN : ROLE_STATS;
	c->control = console_control_in_use;
	list_init(&c->statements);
	timer_init(&c->timer, console_timer);
	s->console = c;
	console_greet(c);
	console_flush(c);
	/* What the client sent behind its login is looked at when the login's call has returned. */
	console_sleep(c, 0, console_offer);
}

static void
console_close(struct session *s)
{
	struct console *c = s->console;

	s->console = NULL;
	if (c == NULL)
		return;
	if (c->resume_on_leave)
		operate_undo_pause(c);
	console_settle(c);
	extended_forget(c);
	call_forget(&c->call);
	bytes_free(&c->out);
	bytes_free(&c->rows);
	free(c);
}

void
console_cancel(struct session *s)
{
	struct console *c = s->console;

	if (s->state != SESSION_CONSOLE || c == NULL || !c->busy)
		return;
	if (c->resume_on_leave)
		operate_undo_pause(c);
	console_fail(c, "57014", "canceling statement due to user request");
}

const struct console_hooks *
console_hooks(const struct console_control *control)
{
	static const struct console_hooks hooks = {.open = console_open, .data = console_data, .cancel = console_cancel, .close = console_close};

	console_control_in_use = control;
	return &hooks;
}
