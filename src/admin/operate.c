/*
 * admin/operate.c - the commands that change something: SET, RELOAD, PAUSE, RESUME,
 * KILL, DISABLE, ENABLE, RECONNECT, WAIT_CLOSE, KILL_CLIENT, SHUTDOWN.
 */
#include "admin/operate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_private.h"
#include "admin/switchover.h"
#include "observe/log.h"
#include "pool/pause.h"
#include "session/suspend.h"

#define LOOK_AGAIN_US ((int64_t)50 * 1000)
/* A server that changes its worker is in nobody's list for a moment, so one look that finds nothing is not enough. */
#define QUIET_LOOKS 2

bool
operate_is_allowed(struct console *c)
{
	if (atomic_load(&console_process(c)->shutdown) == SHUTDOWN_NONE)
		return true;
	console_fail(c, NULL, "pooler is shutting down");
	return false;
}

bool
operate_is_halted(const struct console *c)
{
	return pause_is_all(console_hub(c)) || suspend_is_on(console_process(c));
}

/* ----------------------------------------------------------- SET, RELOAD */

static void
log_problems(const struct console *c, struct bytes *errors)
{
	char who[256];

	if (errors->length == 0)
		return;
	errors->length -= errors->data[errors->length - 1] == '\n';
	session_describe(c->session, who, sizeof(who));
	log_warning(who, "SET failed: %.*s", (int)errors->length, errors->data);
}

void
command_set(struct console *c)
{
	const struct words *w = &c->call.words;
	struct bytes errors = {0};
	char tag[sizeof(c->tag)];

	if (c->control->set(c->control->main, w->argument, w->value, &errors)) {
		snprintf(tag, sizeof(tag), "SET %s=%s", w->argument, w->value);
		console_done(c, tag);
	} else {
		log_problems(c, &errors);
		console_fail(c, NULL, "SET failed");
	}
	bytes_free(&errors);
}

static void
reload_done(void *user, bool ok)
{
	struct console_address *asker = user;
	struct console *c = console_find(asker);

	free(asker);
	if (c == NULL)
		return;
	if (ok)
		console_done(c, NULL);
	else
		console_fail(c, "F0000", "RELOAD failed, see logs for additional details");
}

void
command_reload(struct console *c)
{
	struct console_address asker = console_address(c);

	console_wait(c);
	c->control->reload(c->control->main, c->session->worker->loop, reload_done, memory_copy(&asker, sizeof(asker)));
}

/* ---------------------------------------------------------- PAUSE, RESUME */

static void
add_servers(struct ledger *l, void *sum)
{
	*(unsigned *)sum += ledger_servers(l);
}

static unsigned
operate_servers(struct console *c)
{
	unsigned servers = 0;

	if (c->ledger != NULL)
		add_servers(c->ledger, &servers);
	else
		hub_each_ledger(console_hub(c), add_servers, &servers);
	return servers;
}

static bool
operate_is_paused(struct console *c)
{
	return c->ledger != NULL ? pause_is_one(c->ledger) : pause_is_all(console_hub(c));
}

/* Another console's RESUME ends the wait too. */
static void
pause_look(struct console *c)
{
	if (operate_is_paused(c) && operate_servers(c) > 0)
		console_sleep(c, LOOK_AGAIN_US, pause_look);
	else
		console_done(c, NULL);
}

void
command_pause(struct console *c)
{
	bool changed;

	if (!operate_is_allowed(c))
		return;
	if (c->call.words.of_primary) {
		switchover_pause(c);
		return;
	}
	if (operate_is_halted(c)) {
		console_fail(c, NULL, "already suspended/paused");
		return;
	}
	changed = c->ledger != NULL ? pause_one(c->ledger, true) : pause_all(console_hub(c), true);
	console_wait(c);
	c->resume_on_leave = changed;
	pause_look(c);
}

/* False when nothing was paused. */
static bool
operate_resume_all(struct console *c)
{
	bool halted = operate_is_halted(c);

	pause_all(console_hub(c), false);
	c->control->suspend(c->control->main, false);
	return halted;
}

void
operate_undo_pause(struct console *c)
{
	if (c->call.words.of_primary)
		pause_primary(c->ledger, false);
	else if (c->ledger != NULL)
		pause_one(c->ledger, false);
	else
		operate_resume_all(c);
}

void
command_resume(struct console *c)
{
	if (!operate_is_allowed(c))
		return;
	if (c->call.words.of_primary)
		switchover_resume(c);
	else if (c->ledger != NULL && !pause_one(c->ledger, false))
		console_fail(c, NULL, "database %s is not paused", c->call.words.argument);
	else if (c->ledger == NULL && !operate_resume_all(c))
		console_fail(c, NULL, "pooler is not paused/suspended");
	else
		console_done(c, NULL);
}

/* -------------------------------------------------- KILL and KILL_CLIENT */

/* Idle servers go with the pause; the others go back when their sessions end, and close then. */
static void
collect_kill(struct worker *w, const struct question *q, struct bytes *out)
{
	(void)out;
	list_for_each_safe(node, &w->sessions) {
		struct session *s = list_entry(node, struct session, all);

		if (s->ledger != NULL && s->state != SESSION_CLOSING && (q->ledger == NULL || q->ledger == s->ledger))
			session_close(s, CLOSE_database_removed, NULL);
	}
}

static void
finish_kill(struct console *c, const struct question *q)
{
	(void)q;
	console_done(c, NULL);
}

void
command_kill(struct console *c)
{
	if (!operate_is_allowed(c))
		return;
	if (operate_is_halted(c)) {
		console_fail(c, NULL, "already suspended/paused");
		return;
	}
	if (c->ledger != NULL)
		pause_one(c->ledger, true);
	else
		pause_all(console_hub(c), true);
	ask_workers(c, collect_kill, finish_kill, 0);
}

static void
collect_kill_client(struct worker *w, const struct question *q, struct bytes *out)
{
	list_for_each_safe(node, &w->sessions) {
		struct session *s = list_entry(node, struct session, all);

		if (s->state == SESSION_CLOSING || s->id != q->number)
			continue;
		session_close(s, CLOSE_admin_disconnect, NULL);
		bytes_u8(out, 1);
		return;
	}
}

static void
finish_kill_client(struct console *c, const struct question *q)
{
	for (unsigned i = 0; i < q->count; i++) {
		if (q->parts[i].bytes.length > 0) {
			console_done(c, NULL);
			return;
		}
	}
	console_fail(c, NULL, "client not found");
}

void
command_kill_client(struct console *c)
{
	const char *text = c->call.words.argument;
	char *end;
	long long id;

	errno = 0;
	id = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || id < 0)
		console_fail(c, NULL, "invalid client pointer supplied");
	else
		ask_workers(c, collect_kill_client, finish_kill_client, id);
}

/* ------------------------------------------------------- DISABLE, ENABLE */

void
command_disable(struct console *c)
{
	ledger_disable(c->ledger, true);
	console_done(c, NULL);
}

void
command_enable(struct console *c)
{
	ledger_disable(c->ledger, false);
	console_done(c, NULL);
}

/* -------------------------------------------------- RECONNECT, WAIT_CLOSE */

static void
reconnect_one(struct ledger *l, void *unused)
{
	(void)unused;
	ledger_reconnect(l);
}

void
command_reconnect(struct console *c)
{
	if (c->ledger != NULL)
		ledger_reconnect(c->ledger);
	else
		hub_each_ledger(console_hub(c), reconnect_one, NULL);
	console_done(c, NULL);
}

static void
collect_old_servers(struct worker *w, const struct question *q, struct bytes *out)
{
	list_for_each(node, pool_servers(w->pool)) {
		struct server *s = list_entry(node, struct server, all);

		if (q->ledger != NULL && q->ledger != s->ledger)
			continue;
		if (!s->stream.closing && !s->closed && (s->close_needed || s->epoch != ledger_epoch(s->ledger)))
			bytes_u8(out, 1);
	}
}

static void wait_close_ask(struct console *c);

static void
finish_old_servers(struct console *c, const struct question *q)
{
	size_t old = 0;

	for (unsigned i = 0; i < q->count; i++)
		old += q->parts[i].bytes.length;
	c->quiet_looks = old == 0 ? c->quiet_looks + 1 : 0;
	if (c->quiet_looks >= QUIET_LOOKS)
		console_done(c, NULL);
	else
		console_sleep(c, LOOK_AGAIN_US, wait_close_ask);
}

static void
wait_close_ask(struct console *c)
{
	ask_workers(c, collect_old_servers, finish_old_servers, 0);
}

void
command_wait_close(struct console *c)
{
	c->quiet_looks = 0;
	wait_close_ask(c);
}

/* -------------------------------------------------------------- SHUTDOWN */

static void
operate_shutdown(struct console *c, enum shutdown_mode mode)
{
	const struct console_control *control = c->control;

	/* The answer may be the last thing that the console does. */
	console_done(c, NULL);
	control->shutdown(control->main, mode);
}

void
command_shutdown_now(struct console *c)
{
	operate_shutdown(c, SHUTDOWN_NOW);
}

void
command_shutdown_servers(struct console *c)
{
	operate_shutdown(c, SHUTDOWN_WAIT_SERVERS);
}

void
command_shutdown_clients(struct console *c)
{
	operate_shutdown(c, SHUTDOWN_WAIT_CLIENTS);
}
