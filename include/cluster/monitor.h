/*
 * cluster/monitor.h - asks the hosts who they are: in recovery, timeline, log
 * position.  One libpq connection per (host, port), shared by all clusters that
 * name it, on the main thread's loop; never blocks it.
 *
 * Nobody is told who the primary is: the monitor finds out, and writes it into
 * the clusters.
 */
#ifndef PGWEIR_CLUSTER_MONITOR_H
#define PGWEIR_CLUSTER_MONITOR_H

#include "cluster/cluster.h"

struct loop;
struct monitor;

/* How a host's checks are secured, in libpq's words; "" leaves the choice to libpq. */
struct monitor_tls {
	const char *host; /* NULL: for every host without a row of its own */
	uint16_t port;
	const char *sslmode;
	const char *sslrootcert;
	const char *sslcert;
	const char *sslkey;
	const char *least_protocol;
	const char *most_protocol;
};

struct monitor_options {
	const char *user;     /* copied; "" uses the operating system's, as libpq does */
	const char *password; /* copied; may be "" */
	const char *dbname;   /* copied */
	const struct monitor_tls *tls; /* copied */
	unsigned tls_count;
	const char *state_file; /* what must be known after a restart; NULL or "": none.  The first one said counts */
	int64_t check_interval_ms;
	int64_t check_timeout_ms;
	int check_fall; /* this many timeouts in a row put a host down; a refusal or reset does at once */
	int check_rise; /* this many good answers in a row bring it back */
};

/*
 * CHANGED is called on the loop's thread whenever a cluster's masks have changed; it
 * must not watch or unwatch.  Until monitor_configure the options are the settings' defaults.
 */
struct monitor *monitor_new(struct loop *loop, void (*changed)(void *user, struct cluster *c), void *user);
/* New options, at start and at reload; connections are made again only when the login changed. */
void monitor_configure(struct monitor *m, const struct monitor_options *options);
/*
 * Begins to watch the hosts of C (a monitored cluster), at once; holds a reference until monitor_unwatch.
 * No host is used before every host was asked once, unless another watched cluster knows the primary: at a
 * reload watch the new cluster before the old one is let go.  May call CHANGED before it returns.
 */
void monitor_watch(struct monitor *m, struct cluster *c);
void monitor_unwatch(struct monitor *m, struct cluster *c);
void monitor_free(struct monitor *m);

#endif
