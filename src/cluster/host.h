/*
 * cluster/host.h - one watched host: when it is asked, and what is known of it.
 *
 * Its neighbours: probe.c asks, health.c judges, monitor.c listens and elects.
 */
#ifndef PGWEIR_CLUSTER_HOST_H
#define PGWEIR_CLUSTER_HOST_H

#include "base/list.h"
#include "cluster/health.h"
#include "cluster/lag.h"
#include "cluster/probe.h"
#include "net/timer.h"

/* Between the starts of two checks of a host at least, when something is urgent. */
#define HOST_HURRY_MS 50
/* The same while somebody waits for a replica's position: of a replica, and of its primary. */
#define HOST_RUSH_MS 20
#define HOST_RUSH_PRIMARY_MS 100

struct host;

struct host_rules {
	int64_t interval_ms;
	int64_t timeout_ms;
	int fall;
	int rise;
};

/* What a host needs of the monitor. */
struct host_events {
	/* A check has ended; everything in the host is up to date. */
	void (*heard)(void *user, struct host *h);
	/* The most that may lie between two checks for a reason of the monitor's; 0 when there is none. */
	int64_t (*hurry_ms)(void *user, const struct host *h);
	/* True when somebody waits for replicas to get as far as this primary has written. */
	bool (*wants_flush)(void *user, const struct host *h);
};

struct host {
	struct list node; /* in the monitor */
	struct list uses; /* the clusters that name it; the monitor's */
	char *name;	  /* owned */
	uint16_t port;
	char *subject; /* owned; how log lines name it */
	int said;      /* the last verdict that was logged; the monitor's */
	bool news;     /* the last check told more than another log position */
	int64_t elected_us; /* monotonic: the last time that it was reason for an election; the monitor's */

	/* what is known; kept while it is down */
	struct health health;
	bool standby;
	bool seen_as_standby;
	unsigned timeline;
	unsigned followed;	/* the timeline that it was on as a standby, the last time; 0 unknown */
	uint64_t followed_lsn;	/* how far it had replayed there */
	unsigned late_for;	/* how many clusters do not read it because it lags; the monitor's */
	uint64_t system_identifier;
	uint64_t lsn;		    /* 0 unknown */
	uint64_t flushed;	    /* the same of a primary's disk */
	uint64_t nudged;	    /* where it was when it was made to flush more, the last time */
	bool nudges;		    /* the next check does that */
	int64_t lsn_at_us;	    /* monotonic: when the answer came */
	int64_t lsn_asked_us;	    /* monotonic: when its check began */
	struct lag_history history; /* while it is a primary */
	int64_t checked_us;	    /* wall clock of the last good answer */
	uint64_t checks;
	uint64_t failures;

	/* asking */
	struct loop *loop;		 /* borrowed */
	struct probe *probe;		 /* owned */
	const struct probe_login *login; /* borrowed from the monitor */
	const struct monitor_tls *tls;	 /* borrowed from the monitor, which replaces it; NULL */
	const struct host_rules *rules;	 /* borrowed from the monitor */
	const struct host_events *events;
	void *user; /* borrowed */
	struct timer next;
	int64_t started_us; /* the last check; monotonic */
	int64_t asked_us;   /* the last one that has an end; 0: none */
	int64_t heard_us;   /* the last one that was answered well; 0: none */
	int64_t login_us;   /* when the connection was begun over which it was; 0: none */
	bool again;	    /* somebody suspected it while it was asked */
};

/* Begins to ask at the loop's next turn; LOGIN and RULES live as long as the host. */
struct host *host_new(struct loop *loop, const char *name, uint16_t port, const struct probe_login *login,
    const struct host_rules *rules, const struct host_events *events, void *user);
void host_free(struct host *h);

/* Asks as soon as the rate allows: 20 checks a second. */
void host_look(struct host *h);
/* As host_look, at another rate. */
void host_look_within(struct host *h, int64_t pause_ms);
/* What was begun before that moment is not asked over any more: the next check logs in. */
void host_doubt(struct host *h, int64_t doubted_us);
/* As host_look, over a new connection. */
void host_login_again(struct host *h);

#endif
