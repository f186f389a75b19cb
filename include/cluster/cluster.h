/*
 * cluster/cluster.h - the hosts of one [databases] entry, and which of them are
 * the primary and usable replicas right now.
 *
 * A cluster is written by the monitor on the main thread and read by every
 * worker without a lock: the two masks travel in one atomic word.  An entry with
 * `route = any` is not monitored: all of its hosts are equals.
 */
#ifndef PGWEIR_CLUSTER_CLUSTER_H
#define PGWEIR_CLUSTER_CLUSTER_H

#include "base/base.h"

/* A mask has a bit for each host. */
#define CLUSTER_HOSTS_MOST 32

enum host_role { HOST_UNKNOWN, HOST_PRIMARY, HOST_REPLICA };

struct cluster_masks {
	uint32_t primary;  /* at most one bit; 0 while there is none */
	uint32_t replicas; /* usable ones: up, in recovery, connected for reads */
};

struct cluster;

/* References one; hosts and ports are copied.  An unmonitored cluster has no roles. */
struct cluster *cluster_new(const char *const *hosts, const uint16_t *ports, unsigned count, bool monitored);
struct cluster *cluster_ref(struct cluster *c);
void cluster_unref(struct cluster *c);

unsigned cluster_host_count(const struct cluster *c);
const char *cluster_host_name(const struct cluster *c, unsigned host); /* borrowed */
uint16_t cluster_host_port(const struct cluster *c, unsigned host);
bool cluster_is_monitored(const struct cluster *c);
/* True when both have the same hosts in the same order and the same kind. */
bool cluster_has_same_hosts(const struct cluster *c, const char *const *hosts, const uint16_t *ports, unsigned count);

/* Lock-free, any thread. */
struct cluster_masks cluster_masks(const struct cluster *c);
enum host_role cluster_host_role(const struct cluster *c, unsigned host);

/*
 * Former primaries that are not used while another host is the primary: nobody may go on to write there, not in a
 * transaction that was begun before either.  A mask; lock-free, any thread.
 */
uint32_t cluster_dethroned(const struct cluster *c);

/* How far a host is: replayed by a replica, inserted by a primary (normalised as replay counts: lag_normalise_lsn). */
struct cluster_position {
	uint64_t lsn;	   /* 0 unknown */
	unsigned timeline; /* 0 unknown; the one that a replica receives, which it may have left behind in replay */
	int64_t at_us;	   /* monotonic: when it was asked, so that the host was there at the latest when it answered */
	int64_t since_us;  /* monotonic: it was not restarted after that; before, it may have been further */
};

/* One consistent reading; lock-free, any thread. */
struct cluster_position cluster_position(const struct cluster *c, unsigned host);
/*
 * Somebody waits for a replica to get on: the replicas' positions are asked for every 20 ms for the next second.
 * Any thread; cheap to repeat.
 */
void cluster_want_positions(struct cluster *c);
/* Somebody waits for a primary, and there is none: it is looked for every 50 ms.  Any thread; cheap to repeat. */
void cluster_want_primary(struct cluster *c);
/* Monotonic: since when the host is usable after having been out; 0 when it was never out.  Any thread. */
int64_t cluster_up_since_us(const struct cluster *c, unsigned host);

/* A connection to that host was lost or refused: the monitor looks at once.  Any thread; cheap to repeat. */
void cluster_suspect(struct cluster *c, unsigned host);
/*
 * The same, and its answer is to come over a connection that is younger than this call: a host that is being shut
 * down lets nobody in any more, while old connections may go on for a moment.  host_report.login_us tells.
 */
void cluster_doubt(struct cluster *c, unsigned host);

/* How late a replica may be and still be read; 0: no limit. */
struct cluster_lag_limits {
	int64_t most_us;
	int64_t most_bytes;
	int64_t soft_us; /* takes half of the replicas at most */
};

/* Acts with the next check of a host.  Any thread. */
void cluster_set_lag_limits(struct cluster *c, const struct cluster_lag_limits *limits);

/* Out: it answers, and is not used all the same. */
enum host_state { HOST_DOWN, HOST_OUT, HOST_UP };

/* What SHOW HOSTS tells; a copy, any thread. */
struct host_report {
	const char *host; /* borrowed from the cluster */
	uint16_t port;
	enum host_role role; /* a replica also while it is out; unknown of one that claims in vain */
	enum host_state state;
	char reason[160];        /* why it is down or out; of one that is up, what it is not good for; mostly "" */
	int64_t asked_us;        /* monotonic: when the last check began that has an end; 0 never */
	int64_t heard_us;        /* monotonic: when the last check began that was answered well; 0 never */
	int64_t login_us;        /* monotonic: when the connection was begun over which that came; 0 never */
	int64_t checked_us;      /* wall clock of the last answer; 0 never */
	int64_t changed_us;      /* wall clock: since when it has this role and state; 0 never checked */
	int64_t lag_us;          /* replay lag; 0 also stands for less than check_interval; -1 unknown */
	int64_t lag_bytes;       /* -1 unknown */
	unsigned timeline;       /* 0 unknown */
	uint64_t checks;
	uint64_t failures;
	uint64_t role_changes;
};

void cluster_report(const struct cluster *c, unsigned host, struct host_report *out);

#endif
