/*
 * admin/console.c - the console of one session: one command at a time, and how it ends,
 * now or later.
 *
 *     talk.c: messages ─▶ call ─▶ console_run ─▶ command's function
 *     session ◀─ RowDescription, rows, tag, ReadyForQuery ◀─ console_done/_fail
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_private.h"
#include "admin/console_private.h"
#include "admin/extended.h"
#include "observe/log.h"

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

void
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

void
console_timer(struct timer *t)
{
	struct console *c = container_of(t, struct console, timer);

	c->woken(c);
}

void
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

void
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

static void
console_fail_as(struct console *c, struct error *e)
{
	e->sqlstate = e->sqlstate != NULL ? e->sqlstate : "08P01";
	console_settle(c);
	bytes_free(&c->rows);
	console_log_failure(c, e->message);
	message_error(&c->out, e);
	if (c->extended)
		c->skipping = true;
	else
		message_ready(&c->out, 'I');
	console_go_on(c);
}

void
console_fail(struct console *c, const char *sqlstate, const char *format, ...)
{
	char text[512];
	struct error e = {.sqlstate = sqlstate, .message = text};
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	console_fail_as(c, &e);
}

void
console_fail_hinted(struct console *c, const char *sqlstate, const char *hint, const char *format, ...)
{
	char text[512];
	struct error e = {.sqlstate = sqlstate, .message = text, .hint = hint};
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	console_fail_as(c, &e);
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
	call_forget(&c->call);
	c->call = call_copy(call);
	c->turn++;
	bytes_free(&c->rows);
	c->table = (struct table){.out = &c->rows, .columns = call_columns(call), .binary = binary};
	if ((c->call.command->role & c->role) == 0) {
		console_fail(c, NULL, "admin access needed");
		return;
	}
	if (call->command->role == ROLE_ADMIN)
		console_log(c);
	sample_count_console();
	if (console_take_database(c))
		call->command->run(c);
}
