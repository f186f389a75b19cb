/*
 * admin/console.c - the console of one session: its messages, one command at a time,
 * and how a command ends.
 *
 *     session bytes ─▶ frames ─▶ Query ─────────────▶ call ─▶ command's function
 *                         └────▶ Parse…Sync (extended.c) ─┘        │ now or later
 *     session ◀─ RowDescription, rows, tag, ReadyForQuery ◀── console_done/_fail
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_private.h"
#include "admin/extended.h"
#include "admin/operate.h"
#include "base/version.h"
#include "observe/log.h"

/* No message of a console's client has a reason to be longer. */
#define MESSAGE_MOST ((size_t)32 * 1024)
/* While more than this is unsent, no further command begins. */
#define UNSENT_MOST ((size_t)256 * 1024)
#define OFFER_AGAIN_US ((int64_t)20 * 1000)

/* Set once by main/, before the workers start. */
static const struct console_control *console_control_in_use;

/* --------------------------------------------------------------- helpers */

struct process *
console_process(const struct console *c)
{
	return c->session->worker->process;
}

struct hub *
console_hub(const struct console *c)
{
	return console_process(c)->hub;
}

struct console_address
console_address(const struct console *c)
{
	const struct session *s = c->session;

	return (struct console_address){.worker = s->worker, .slot = s->slot, .generation = s->generation, .turn = c->turn};
}

struct console *
console_find(const struct console_address *a)
{
	struct session *s = a->slot < a->worker->slot_count ? a->worker->slots[a->slot] : NULL;
	struct console *c;

	if (s == NULL || s->generation != a->generation || s->state != SESSION_CONSOLE)
		return NULL;
	c = s->console;
	return c->busy && c->turn == a->turn ? c : NULL;
}

static struct timers *
console_timers(const struct console *c)
{
	return loop_timers(c->session->worker->loop);
}

static void
console_flush(struct console *c)
{
	stream_send_bytes(&c->session->stream, c->out.data, c->out.length);
	bytes_free(&c->out);
}

void
console_sleep(struct console *c, int64_t delay_us, void (*woken)(struct console *c))
{
	c->woken = woken;
	timer_arm(console_timers(c), &c->timer, delay_us);
}

static void
console_timer(struct timer *t)
{
	struct console *c = container_of(t, struct console, timer);

	c->woken(c);
}

/* Goes on with what the client has sent meanwhile; the console may be gone afterwards. */
static void
console_offer(struct console *c)
{
	struct stream *stream = &c->session->stream;

	if (stream_unsent(stream) > UNSENT_MOST) {
		console_sleep(c, OFFER_AGAIN_US, console_offer);
		return;
	}
	stream_resume(stream);
	stream_offer(stream);
}

/* ------------------------------------------------------ how a command ends */

void
console_wait(struct console *c)
{
	c->busy = true;
}

static void
console_settle(struct console *c)
{
	timer_disarm(console_timers(c), &c->timer);
	c->busy = false;
	c->resume_on_leave = false;
	ledger_unref(c->ledger);
	c->ledger = NULL;
}

/* Outside of the session's call, the output goes now and the next command begins; the console may be gone afterwards. */
static void
console_go_on(struct console *c)
{
	if (c->inside)
		return;
	console_flush(c);
	console_offer(c);
}

void
console_done(struct console *c, const char *tag)
{
	console_settle(c);
	snprintf(c->tag, sizeof(c->tag), "%s", tag != NULL ? tag : c->call.command->words);
	if (tag == NULL)
		c->tag[strcspn(c->tag, " ")] = '\0';
	if (c->extended) {
		extended_done(c);
	} else {
		if (c->table.columns != NULL)
			table_describe(&c->out, c->table.columns, 0);
		bytes_append(&c->out, c->rows.data, c->rows.length);
		bytes_free(&c->rows);
		message_command(&c->out, c->tag);
		message_ready(&c->out, 'I');
	}
	console_go_on(c);
}

static void
console_log_failure(const struct console *c, const char *text)
{
	char who[256];

	if (!c->session->snapshot->global.log_pooler_errors)
		return;
	session_describe(c->session, who, sizeof(who));
	log_warning(who, "pooler error: %s", text);
}

void
console_fail(struct console *c, const char *sqlstate, const char *format, ...)
{
	struct error e = {.sqlstate = sqlstate != NULL ? sqlstate : "08P01"};
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	e.message = text;
	console_settle(c);
	bytes_free(&c->rows);
	console_log_failure(c, text);
	message_error(&c->out, &e);
	if (c->extended)
		c->skipping = true;
	else
		message_ready(&c->out, 'I');
	console_go_on(c);
}

void
console_notice(struct console *c, const char *message, const char *detail)
{
	struct error e = {.sqlstate = "00000", .message = message, .detail = detail};

	message_notice(&c->out, &e);
}

/* ------------------------------------------------------------- a command */

static void
console_log(const struct console *c)
{
	const struct call *call = &c->call;
	char who[256];

	session_describe(c->session, who, sizeof(who));
	if (call->command->argument != ARGUMENT_NONE && call->words.has_argument)
		log_info(who, "%s '%s' command issued", call->command->words, call->words.argument);
	else
		log_info(who, "%s command issued", call->command->words);
}

static void
console_refuse_own_database(struct console *c, const char *verb)
{
	const char *name = c->call.words.argument;

	if (verb == NULL)
		console_fail(c, NULL, "database %s is not paused", name);
	else
		console_fail(c, NULL, "cannot %s admin db: %s", verb, name);
}

/* Finds the database that the command is about; false when it has failed for that. */
static bool
console_take_database(struct console *c)
{
	const struct command *command = c->call.command;
	const char *name = c->call.words.argument;

	if (command->argument == ARGUMENT_DATABASE_NEEDED && !c->call.words.has_argument) {
		console_fail(c, NULL, "a database is required");
		return false;
	}
	if ((command->argument != ARGUMENT_DATABASE && command->argument != ARGUMENT_DATABASE_NEEDED) || !c->call.words.has_argument)
		return true;
	if (text_equal(name, "pgbouncer") || text_equal(name, "pgweir")) {
		console_refuse_own_database(c, command->verb);
		return false;
	}
	c->ledger = hub_ledger(console_hub(c), name);
	if (c->ledger == NULL)
		console_fail(c, NULL, "no such database: %s", name);
	return c->ledger != NULL;
}

void
console_run(struct console *c, const struct call *call, uint64_t binary)
{
	timer_disarm(console_timers(c), &c->timer);
	c->call = *call;
	c->turn++;
	bytes_free(&c->rows);
	c->table = (struct table){.out = &c->rows, .columns = call_columns(call), .binary = binary};
	if ((call->command->role & c->role) == 0) {
		console_fail(c, NULL, "admin access needed");
		return;
	}
	if (call->command->role == ROLE_ADMIN)
		console_log(c);
	sample_count_console();
	if (console_take_database(c))
		call->command->run(c);
}

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
