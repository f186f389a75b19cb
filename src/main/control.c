/*
 * main/control.c - what happens to the running program: reload, signals, periodic
 * work, and the ways to end.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "config/hba.h"
#include "main/main_private.h"
#include "net/name.h"
#include "observe/log.h"
#include "pool/pause.h"
#include "session/suspend.h"

#define JANITOR_US ((int64_t)50 * 1000)
/* When an end at once is looked at first; later twice as late each time, up to the janitor's period. */
#define ENDING_US ((int64_t)2 * 1000)

static struct program *
program_of(struct loop *loop)
{
	return loop_user(loop);
}

/* ---------------------------------------------------------------- reload */

void
control_log_lines(const struct bytes *lines, bool as_errors)
{
	const char *at = lines->data, *end = lines->data != NULL ? lines->data + lines->length : NULL;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t length = newline != NULL ? (size_t)(newline - at) : (size_t)(end - at);

		if (as_errors)
			log_error(NULL, "%.*s", (int)length, at);
		else
			log_warning(NULL, "%.*s", (int)length, at);
		at += length + 1;
	}
}

/* Routed entries are watched from the start, so that their roles are known when the first client comes. */
static void
control_make_ledgers(struct program *p, const struct snapshot *s)
{
	for (const struct database_config *d = s->databases; d != NULL; d = d->hh.next)
		if (strcmp(d->name, "*") != 0)
			ledger_unref(hub_ledger(p->hub, d->name));
}

void
control_give_networks(struct snapshot *fresh)
{
	size_t count;
	struct network *networks;

	if (fresh->hba == NULL || !fresh->hba->wants_networks)
		return;
	networks = name_list_networks(&count);
	hba_take_networks(fresh->hba, networks, count);
}

/* TLS is a set for each worker, or NULL when none of its settings can have changed. */
static void
control_take(struct program *p, struct snapshot *fresh, struct tls_set **tls)
{
	control_give_networks(fresh);
	/* What the console shows as in force is so for the next client. */
	listen_apply_options(p, &fresh->global);
	hub_configure(p->hub, fresh, tls);
	control_make_ledgers(p, fresh);
	if (!daemon_open_log(p, &fresh->global))
		log_warning(NULL, "could not open log file \"%s\": %s", fresh->global.logfile, strerror(errno));
}

/* Drops a configuration whose settings of TLS cannot be used; makes TLS of one that can. */
static void
control_check_tls(struct program *p, struct snapshot **fresh, struct tls_set **tls, struct bytes *errors)
{
	if (tls_sets_new(*fresh, &p->tickets, tls, p->workers, errors))
		return;
	snapshot_unref(*fresh);
	*fresh = NULL;
}

bool
control_reload(struct program *p)
{
	struct bytes errors = {0}, warnings = {0};
	struct snapshot *old = hub_snapshot(p->hub), *fresh;
	const char *path = old->global.conffile[0] != '\0' ? old->global.conffile : p->config_path;
	struct tls_set *tls[WORKERS_MOST];

	systemd_tell_reloading();
	pthread_mutex_lock(&p->configuring);
	fresh = config_load(path, &errors, &warnings);
	if (fresh != NULL && !config_keeps_users(fresh, old, &errors)) {
		snapshot_unref(fresh);
		fresh = NULL;
	}
	if (fresh != NULL) {
		config_keep_boot_settings(fresh, old, &warnings);
		control_check_tls(p, &fresh, tls, &errors);
	}
	if (fresh != NULL) {
		control_take(p, fresh, tls);
		control_configure_monitor(p, fresh);
	} else if (!log_reopen()) {
		log_warning(NULL, "could not open the log file again: %s", strerror(errno));
	}
	pthread_mutex_unlock(&p->configuring);
	control_log_lines(&warnings, false);
	control_log_lines(&errors, true);
	if (fresh == NULL)
		log_error(NULL, "config file loading failed");
	snapshot_unref(fresh);
	snapshot_unref(old);
	bytes_free(&errors);
	bytes_free(&warnings);
	systemd_tell_ready();
	return fresh != NULL;
}

/* ----------------------------------------------- asked for by the console */

struct reload_message {
	struct message message;
	struct program *program;
	struct loop *asker;
	void (*done)(void *user, bool ok);
	void *user;
	bool ok;
};

static void
reload_answer(struct message *m)
{
	struct reload_message *r = container_of(m, struct reload_message, message);

	r->done(r->user, r->ok);
	free(r);
}

static void
reload_run(struct message *m)
{
	struct reload_message *r = container_of(m, struct reload_message, message);

	r->ok = control_reload(r->program);
	r->message.run = reload_answer;
	loop_post(r->asker, &r->message);
}

static void
control_console_reload(void *program, struct loop *loop, void (*done)(void *user, bool ok), void *user)
{
	struct program *p = program;
	struct reload_message *r = memory_new(sizeof(*r));

	*r = (struct reload_message){.message.run = reload_run, .program = p, .asker = loop, .done = done, .user = user};
	loop_post(p->loop, &r->message);
}

static bool
control_console_set(void *program, const char *key, const char *value, struct bytes *errors)
{
	struct program *p = program;
	struct snapshot *old, *fresh;
	struct tls_set *tls[WORKERS_MOST];
	bool of_tls = strcasestr(key, "_tls") != NULL || strcasecmp(key, "auth_type") == 0;

	pthread_mutex_lock(&p->configuring);
	old = hub_snapshot(p->hub);
	fresh = config_set(old, key, value, errors);
	if (fresh != NULL && of_tls)
		control_check_tls(p, &fresh, tls, errors);
	if (fresh != NULL)
		control_take(p, fresh, of_tls ? tls : NULL);
	pthread_mutex_unlock(&p->configuring);
	snapshot_unref(old);
	snapshot_unref(fresh);
	return fresh != NULL;
}

struct end_message {
	struct message message;
	struct program *program;
	enum shutdown_mode mode;
};

static void
end_run(struct message *m)
{
	struct end_message *e = container_of(m, struct end_message, message);

	control_shutdown(e->program, e->mode);
	free(e);
}

static void
control_console_shutdown(void *program, enum shutdown_mode mode)
{
	struct program *p = program;
	struct end_message *e = memory_new(sizeof(*e));

	*e = (struct end_message){.message.run = end_run, .program = p, .mode = mode};
	loop_post(p->loop, &e->message);
}

/* Any thread. */
static void
control_suspend(void *program, bool suspended)
{
	struct program *p = program;

	if (suspend_all(&p->process, suspended))
		listen_hold(p, suspended);
}

/* On the thread of the first worker, whose loop the listeners are in. */
static int
control_listener(void *program, unsigned number)
{
	struct program *p = program;

	return number < p->listener_count ? p->listener_fds[number] : LISTENERS_END;
}

/* -------------------------------------------------------------- shutdown */

/* A second signal to end means at once. */
static void
control_end_signal(struct program *p, enum shutdown_mode mode, const char *name, const char *text)
{
	if (atomic_load(&p->process.shutdown) != SHUTDOWN_NONE) {
		log_info(NULL, "got %s while shutting down, fast exit", name);
		mode = SHUTDOWN_NOW;
	} else {
		log_info(NULL, "got %s, shutting down, %s", name, text);
	}
	control_shutdown(p, mode);
}

void
control_shutdown(struct program *p, enum shutdown_mode mode)
{
	static const char *const words[] = {"", "waiting for clients", "waiting for servers", "at once"};

	if ((int)mode <= atomic_load(&p->process.shutdown))
		return;
	log_info(NULL, "shutting down, %s", words[mode]);
	systemd_tell_stopping();
	atomic_store(&p->process.shutdown, mode);
	suspend_all(&p->process, false);
	listen_stop(p, mode == SHUTDOWN_NOW);
	if (mode == SHUTDOWN_WAIT_SERVERS)
		pause_all(p->hub, true);
	for (unsigned i = 0; i < p->workers; i++)
		worker_shutdown(p->process.workers[i], mode);
	if (mode == SHUTDOWN_NOW) {
		p->janitor_us = ENDING_US;
		timer_arm(loop_timers(p->loop), &p->janitor, p->janitor_us);
	}
}

static void
ledger_add_servers(struct ledger *l, void *sum)
{
	*(unsigned *)sum += ledger_servers(l);
}

static unsigned
control_servers(struct program *p)
{
	unsigned servers = 0;

	hub_each_ledger(p->hub, ledger_add_servers, &servers);
	return servers;
}

static void
control_check_shutdown(struct program *p)
{
	switch (atomic_load(&p->process.shutdown)) {
	case SHUTDOWN_WAIT_CLIENTS:
		if (atomic_load(&p->tcp_closed) && atomic_load(&p->process.clients) <= atomic_load(&p->process.consoles))
			control_shutdown(p, SHUTDOWN_NOW);
		break;
	case SHUTDOWN_WAIT_SERVERS:
		if (control_servers(p) == 0)
			control_shutdown(p, SHUTDOWN_NOW);
		break;
	case SHUTDOWN_NOW:
		if (atomic_load(&p->process.clients) == 0 && control_servers(p) == 0) {
			p->stopping = true;
			loop_stop(p->loop);
			return;
		}
		/* Logins that began meanwhile, and servers that were on their way. */
		for (unsigned i = 0; i < p->workers; i++)
			worker_shutdown(p->process.workers[i], SHUTDOWN_NOW);
		break;
	default:
		break;
	}
}

/* --------------------------------------------------------------- janitor */

static void
control_sample(struct program *p)
{
	char line[CONSOLE_STATS_SIZE];

	console_sample(p->hub);
	if (console_stats_line(line, sizeof(line)))
		systemd_tell_status(line);
}

static void
control_janitor(struct timer *t)
{
	struct program *p = container_of(t, struct program, janitor);
	int64_t now_us = clock_monotonic_us();
	struct snapshot *s = hub_snapshot(p->hub);
	bool outdated = hub_take_outdated(p->hub);

	if (atomic_load(&p->process.shutdown) != SHUTDOWN_NOW)
		hub_janitor(p->hub);
	for (unsigned i = 0; i < p->workers && outdated; i++)
		worker_drop_outdated(p->process.workers[i]);
	if (s->global.stats_period_ms > 0 && now_us - p->sampled_us >= s->global.stats_period_ms * 1000) {
		p->sampled_us = now_us;
		control_sample(p);
	}
	snapshot_unref(s);
	p->janitor_us = p->janitor_us < JANITOR_US / 2 ? 2 * p->janitor_us : JANITOR_US;
	control_check_shutdown(p);
	systemd_watchdog_look(p);
	if (!p->stopping)
		timer_arm(loop_timers(p->loop), &p->janitor, p->janitor_us);
}

/* --------------------------------------------------------------- cluster */

struct watch_message {
	struct message message;
	struct program *program;
	struct cluster *cluster; /* a reference */
	bool begins;
};

static void
watch_run(struct message *m)
{
	struct watch_message *w = container_of(m, struct watch_message, message);

	/* The program may have ended while the message was on its way. */
	if (w->program->monitor == NULL)
		log_debug(NULL, "a cluster came too late to be watched");
	else if (w->begins)
		monitor_watch(w->program->monitor, w->cluster);
	else
		monitor_unwatch(w->program->monitor, w->cluster);
	cluster_unref(w->cluster);
	free(w);
}

/* Called on any thread: the monitor is the main thread's. */
static void
control_watch(void *program, struct cluster *c, bool begins)
{
	struct program *p = program;
	struct watch_message *w = memory_new(sizeof(*w));

	*w = (struct watch_message){.message.run = watch_run, .program = p, .cluster = cluster_ref(c), .begins = begins};
	loop_post(p->loop, &w->message);
}

static void
control_cluster_changed(void *program, struct cluster *c)
{
	struct program *p = program;

	hub_cluster_changed(p->hub, c);
	for (unsigned i = 0; i < hub_worker_count(p->hub); i++)
		worker_hosts_changed(p->process.workers[i], c);
}

/* --------------------------------------------------------------- signals */

static void
control_continue(struct program *p)
{
	bool was_paused = pause_all(p->hub, false);

	bool was_suspended = atomic_load(&p->process.suspended);

	control_suspend(p, false);
	log_info(NULL, "got SIGUSR2, %s",
	    was_suspended    ? "continuing from SUSPEND"
	        : was_paused ? "continuing from PAUSE"
	                     : "but not paused/suspended");
}

/* Clients that are waited for need their servers; servers that are waited for are paused on purpose. */
static void
control_resume(struct program *p)
{
	int mode = atomic_load(&p->process.shutdown);

	if (mode != SHUTDOWN_NONE && mode != SHUTDOWN_WAIT_CLIENTS)
		log_info(NULL, "got SIGUSR2 while shutting down, ignoring");
	else
		control_continue(p);
}

static void
control_signal(struct loop *loop, int number)
{
	struct program *p = program_of(loop);

	switch (number) {
	case SIGHUP:
		log_info(NULL, "got SIGHUP, re-reading config");
		control_reload(p);
		break;
	case SIGTERM:
		control_end_signal(p, SHUTDOWN_WAIT_CLIENTS, "SIGTERM", "waiting for all clients disconnect");
		break;
	case SIGINT:
		control_end_signal(p, SHUTDOWN_WAIT_SERVERS, "SIGINT", "waiting for all servers connections to be released");
		break;
	case SIGQUIT:
		log_info(NULL, "got SIGQUIT, fast exit");
		control_shutdown(p, SHUTDOWN_NOW);
		break;
	case SIGUSR1:
		log_info(NULL, "got SIGUSR1, %s", pause_all(p->hub, true) ? "pausing all activity" : "but already paused/suspended");
		break;
	case SIGUSR2:
		control_resume(p);
		break;
	default:
		break;
	}
}

void
control_begin(struct program *p)
{
	static const int signals[] = {SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2};
	struct snapshot *s = hub_snapshot(p->hub);

	pthread_mutex_init(&p->configuring, NULL);
	p->control = (struct console_control){.reload = control_console_reload,
	    .set = control_console_set,
	    .shutdown = control_console_shutdown,
	    .suspend = control_suspend,
	    .listener = control_listener,
	    .main = p};
	p->process.console = console_hooks(&p->control);
	p->monitor = monitor_new(p->loop, control_cluster_changed, p);
	control_configure_monitor(p, s);
	hub_on_cluster(p->hub, control_watch, p);
	control_make_ledgers(p, s);
	snapshot_unref(s);
	for (size_t i = 0; i < array_length(signals); i++)
		loop_on_signal(p->loop, signals[i], control_signal);
	p->sampled_us = clock_monotonic_us();
	timer_init(&p->janitor, control_janitor);
	p->janitor_us = JANITOR_US;
	timer_arm(loop_timers(p->loop), &p->janitor, p->janitor_us);
}

void
control_end(struct program *p)
{
	listen_stop(p, true);
	monitor_free(p->monitor);
	p->monitor = NULL;
	pthread_mutex_destroy(&p->configuring);
}
