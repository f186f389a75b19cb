/*
 * cluster/probe.h - one libpq connection to one host, asked the same question again
 * and again without ever blocking the loop.
 */
#ifndef PGWEIR_CLUSTER_PROBE_H
#define PGWEIR_CLUSTER_PROBE_H

#include "cluster/answer.h"

struct loop;
struct monitor_tls;
struct probe;

/* Borrowed texts; NULL or "" leaves the choice to libpq. */
struct probe_login {
	const char *user;
	const char *password;
	const char *dbname;
};

struct probe_events {
	/* A check has ended.  Exactly once for each probe_ask, never before that returned. */
	void (*answered)(void *user, const struct answer *a);
	/* The connection was lost while nothing was asked. */
	void (*lost)(void *user);
};

struct probe *probe_new(
    struct loop *loop, const char *host, uint16_t port, const struct probe_events *events, void *user);
/* No event comes any more; NULL is fine.  May be called from an event. */
void probe_free(struct probe *p);

bool probe_is_asking(const struct probe *p);
/* Monotonic: when its connection, or the last one, was begun; 0 never. */
int64_t probe_begun_us(const struct probe *p);
/*
 * Begins a check, connecting first when needed.  LOGIN and TLS (NULL: libpq's choice) must live until the answer.
 * NUDGES: a primary is first made to flush soon what it has written of its log.
 */
void probe_ask(struct probe *p, const struct probe_login *login, const struct monitor_tls *tls, int64_t timeout_ms, bool nudges);
/* Closes the connection, so that the next check logs in again; a check under way ends with CHECK_DROPPED. */
void probe_reset(struct probe *p);

#endif
