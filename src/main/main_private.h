/*
 * main/main_private.h - the program as one object: what main.c makes, control.c
 * steers and listen.c feeds.
 */
#ifndef PGWEIR_MAIN_MAIN_PRIVATE_H
#define PGWEIR_MAIN_MAIN_PRIVATE_H

#include <pthread.h>

#include "admin/console.h"
#include "cluster/monitor.h"
#include "net/timer.h"
#include "net/tls.h"
#include "session/worker.h"

#define LISTENERS_MOST 64

struct program {
	const char *config_path;   /* borrowed from argv */
	bool quiet;
	bool daemon;
	int verbose;
	char *user;                /* owned: to run as; NULL */
	struct loop *loop;         /* the main thread's */
	struct hub *hub;
	struct monitor *monitor;
	struct process process;
	struct console_control control;
	struct tls_ticket_keys tickets;
	struct tls_set *tls[WORKERS_MOST]; /* at the start: a reference for each worker's pool */
	pthread_t *threads;        /* owned, one for each worker */
	struct loop **loops;       /* owned, likewise */
	unsigned workers;
	struct listener *listeners[LISTENERS_MOST];
	int listener_fds[LISTENERS_MOST]; /* borrowed from the listeners; -1 once stopped */
	bool listener_is_unix[LISTENERS_MOST];
	char *unix_paths[LISTENERS_MOST]; /* owned: removed at the end */
	unsigned listener_count;
	atomic_bool tcp_closed;    /* no client comes by TCP any more */
	struct timer janitor;
	int64_t janitor_us; /* until it fires again */
	struct watchdog *watchdog; /* owned; NULL when systemd does not ask for it */
	pthread_mutex_t configuring; /* one change of the configuration at a time */
	int64_t sampled_us;
	int64_t full_janitor_us;
	char *pidfile;             /* owned: written by us, removed at the end */
	bool stopping;
};

/* ---- options.c ---- */
/* Reads the command line; returns -1 to go on, else the exit code. */
int options_read(struct program *p, int argc, char **argv);

/* ---- daemon.c ---- */
bool daemon_drop_root(const char *user);
bool daemon_pidfile_is_free(const char *path); /* false, and logged, when its process lives */
bool daemon_claim_pidfile(struct program *p, const char *path);
void daemon_release_pidfile(struct program *p);
/* Sends the log to where the settings say; false with errno when the file cannot be opened. */
bool daemon_open_log(const struct program *p, const struct settings *set);
bool daemon_detach(struct program *p); /* the parent ends here; nothing goes to standard error any more */
void daemon_raise_descriptors(const struct settings *set);

/* ---- systemd.c: nothing of it does anything when systemd did not start us ---- */
/* Takes the sockets that it passed; false when there are none. */
bool systemd_listen(struct program *p);
void systemd_tell_ready(void);
void systemd_tell_reloading(void);
void systemd_tell_stopping(void);
void systemd_tell_status(const char *text);
/* Lets it know in time that every thread is alive; look is called from the janitor. */
void systemd_watchdog_begin(struct program *p);
void systemd_watchdog_look(struct program *p);
void systemd_watchdog_end(struct program *p);

/* ---- listen.c ---- */
bool listen_all(struct program *p, const struct settings *set); /* before the threads start */
/* Takes FD over; UNIX_PATH is removed at the end, NULL when there is nothing to remove. */
bool listen_add(struct program *p, int fd, bool is_unix, const char *unix_path);
/* The tcp_* settings, which accepted sockets inherit from the one that listens. */
void listen_apply_options(struct program *p, const struct settings *set);
void listen_stop(struct program *p, bool also_unix);            /* by message to the acceptor's thread */

void listen_hold(struct program *p, bool held);                /* accepts nobody meanwhile; likewise */

/* ---- control.c ---- */
void control_begin(struct program *p); /* signals, the janitor, the monitor */
bool control_reload(struct program *p);
void control_shutdown(struct program *p, enum shutdown_mode mode);
void control_end(struct program *p);
/* The interfaces' addresses for rules that ask for them; before the snapshot is shared. */
void control_give_networks(struct snapshot *fresh);
void control_configure_monitor(struct program *p, const struct snapshot *s); /* monitoring.c */
void control_log_lines(const struct bytes *lines, bool as_errors);

/* ---- docs.c ---- */
int docs_write(const char *directory);

/* ---- manual.c ---- */
void manual_write(struct bytes *out); /* appends pgweir(8) */
void manual_write_routing(struct bytes *out); /* where statements go: manual_routing.c */
void manual_write_failover(struct bytes *out); /* its section on changes of the primary: manual_failover.c */
void manual_write_session(struct bytes *out); /* its sections on session features: manual_session.c */

#endif
