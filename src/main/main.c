/*
 * main/main.c - from the command line to running threads, and back.
 *
 *      main thread (loop 0)                     worker 1..N (one loop each)
 *   config, signals, listeners  ── fd ───────▶  its clients and servers
 *   monitor, janitor            ◀─ messages ─▶
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/crypto.h"
#include "auth/keycache.h"
#include "base/clock.h"
#include "base/version.h"
#include "config/config.h"
#include "main/main_private.h"
#include "observe/log.h"
#include "session/peer.h"
#include "session/verifier.h"

#define POOL_THREADS 4

static void *
main_worker(void *loop)
{
	loop_run(loop);
	return NULL;
}

static unsigned
main_worker_count(const struct settings *set)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (set->workers > 0)
		return (unsigned)min_of(set->workers, WORKERS_MOST);
	return (unsigned)max_of(1, min_of(cpus, (long)WORKERS_MOST));
}

/* Signals are the main thread's: workers start with all of them blocked. */
static void
main_start_threads(struct program *p)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < p->workers; i++)
		must(pthread_create(&p->threads[i], NULL, main_worker, p->loops[i]) == 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void
main_make_workers(struct program *p, struct snapshot *s)
{
	p->hub = hub_new(p->workers, s, p->tls[0]);
	p->threads = memory_array(p->workers, sizeof(*p->threads));
	p->loops = memory_array(p->workers, sizeof(struct loop *));
	p->process.hub = p->hub;
	p->process.started_wall_us = clock_wall_us();
	p->process.workers = memory_array(p->workers, sizeof(struct worker *));
	p->process.peers = peers_new();
	must(crypto_random(p->process.secret, sizeof(p->process.secret)));
	for (unsigned i = 0; i < p->workers; i++) {
		struct pool *pool;

		p->loops[i] = loop_new(i, NULL);
		pool = pool_new(p->hub, p->loops[i], p->tls[i]);
		p->tls[i] = NULL;
		hub_set_pool(p->hub, i, pool);
		p->process.workers[i] = worker_new(&p->process, p->loops[i], pool);
	}
}

struct stop_message {
	struct message message;
	struct loop *loop;
};

static void
main_stop_loop(struct message *m)
{
	struct stop_message *s = container_of(m, struct stop_message, message);

	loop_stop(s->loop);
	free(s);
}

static void
main_end_workers(struct program *p)
{
	for (unsigned i = 0; i < p->workers; i++) {
		struct stop_message *s = memory_new(sizeof(*s));

		s->message.run = main_stop_loop;
		s->loop = p->loops[i];
		loop_post(p->loops[i], &s->message);
	}
	for (unsigned i = 0; i < p->workers; i++)
		pthread_join(p->threads[i], NULL);
	verifier_stop();
	for (unsigned i = 0; i < p->workers; i++)
		loop_free(p->loops[i]);
	for (unsigned i = 0; i < p->workers; i++) {
		worker_free(p->process.workers[i]);
		pool_free(hub_pool(p->hub, i));
	}
	peers_free(p->process.peers);
	free(p->process.workers);
	free(p->threads);
	free(p->loops);
}

/* What the settings of TLS name is read before anything is begun: a program that cannot do as told does not start. */
static bool
main_make_tls(struct program *p, const struct snapshot *s)
{
	struct bytes errors = {0};
	bool ok;

	p->workers = main_worker_count(&s->global);
	must(tls_ticket_keys_make(&p->tickets));
	ok = tls_sets_new(s, &p->tickets, p->tls, p->workers, &errors);
	control_log_lines(&errors, true);
	bytes_free(&errors);
	if (!ok)
		log_fatal(NULL, "TLS setup failed");
	return ok;
}

/* The sets that no pool has got. */
static void
main_forget_tls(struct program *p)
{
	for (unsigned i = 0; i < p->workers; i++)
		tls_set_unref(p->tls[i]);
}

static bool
main_prepare(struct program *p, struct snapshot *s)
{
	const struct settings *set = &s->global;
	const char *user = p->user != NULL ? p->user : set->user;

	if (!daemon_drop_root(user))
		return false;
	if (p->daemon && set->pidfile[0] == '\0') {
		log_fatal(NULL, "daemon needs pidfile configured");
		return false;
	}
	/* While there is somebody to read it: a daemon has only its log file to speak to. */
	if (!daemon_pidfile_is_free(set->pidfile))
		return false;
	if (!daemon_open_log(p, set)) {
		log_fatal(NULL, "could not open log file \"%s\": %s", set->logfile, strerror(errno));
		return false;
	}
	if (!main_make_tls(p, s))
		return false;
	if (p->daemon && (!daemon_detach(p) || !daemon_open_log(p, set)))
		return false;
	daemon_raise_descriptors(set);
	return daemon_claim_pidfile(p, set->pidfile);
}

static int
main_run(struct program *p, struct snapshot *s)
{
	bool listening;

	p->loop = loop_new(0, p);
	main_make_workers(p, s);
	control_begin(p);
	listening = listen_all(p, &s->global);
	main_start_threads(p);
	if (listening) {
		log_info(NULL, "process up: pgweir %s, workers: %u, process id %ld", PGWEIR_VERSION, p->workers, (long)getpid());
		systemd_watchdog_begin(p);
		systemd_tell_ready();
		loop_run(p->loop);
	}
	control_end(p);
	main_end_workers(p);
	systemd_watchdog_end(p);
	loop_free(p->loop);
	hub_free(p->hub);
	keycache_clear();
	return listening ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct program p = {0};
	struct bytes errors = {0}, warnings = {0};
	struct snapshot *s;
	int code = options_read(&p, argc, argv);

	if (code >= 0)
		return code;
	signal(SIGPIPE, SIG_IGN);
	loop_set_pool_size(POOL_THREADS);
	s = config_load(p.config_path, &errors, &warnings);
	control_log_lines(&errors, true);
	if (s != NULL) {
		control_log_lines(&warnings, false);
		control_give_networks(s);
	}
	bytes_free(&errors);
	bytes_free(&warnings);
	if (s == NULL) {
		log_fatal(NULL, "cannot load config file");
		free(p.user);
		return 1;
	}
	code = main_prepare(&p, s) ? main_run(&p, s) : 1;
	main_forget_tls(&p);
	crypto_wipe(&p.tickets, sizeof(p.tickets));
	daemon_release_pidfile(&p);
	snapshot_unref(s);
	free(p.user);
	log_info(NULL, "bye");
	if (verifier_is_busy())
		_exit(code);
	return code;
}
