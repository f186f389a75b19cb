/*
 * pool/report.h - copies of what the ledgers know, for the console and for metrics.
 * Each ledger is read under its mutex, one after the other; any thread.
 */
#ifndef PGWEIR_POOL_REPORT_H
#define PGWEIR_POOL_REPORT_H

#include "pool/ledger.h"

/* One user's part of a ledger. */
struct account_report {
	const struct account *account; /* borrowed; alive while the ledger is */
	char *user;                    /* owned */
	unsigned servers[SERVER_CLOSING + 1]; /* by enum server_state */
	unsigned used;                 /* of the idle ones: idle for longer than server_check_delay */
	unsigned total;
	unsigned clients;
	unsigned waiting;
	int64_t oldest_wait_us;        /* 0: nobody waits */
	enum pool_mode pool_mode;
};

struct ledger_report {
	struct ledger *ledger;         /* owned reference */
	struct cluster *cluster;       /* owned reference */
	struct account_report *accounts; /* owned, by user */
	unsigned account_count;
	unsigned host_servers[CLUSTER_HOSTS_MOST];
	unsigned servers;
	unsigned clients;
	int max_connections;           /* 0: no limit */
	bool paused, primary_paused, disabled;
};

struct hub_report {
	struct ledger_report *ledgers; /* owned, by name; removed ones are left out */
	unsigned count;
	unsigned accounts;
	unsigned servers;
};

/* All ledgers; the caller calls hub_report_free. */
struct hub_report hub_report(struct hub *h);
void hub_report_free(struct hub_report *r);

/* What SHOW STATS sums, in its order of columns. */
enum sum {
	SUM_ASSIGNMENTS,
	SUM_TRANSACTIONS,
	SUM_QUERIES,
	SUM_RECEIVED,
	SUM_SENT,
	SUM_TRANSACTION_US,
	SUM_QUERY_US,
	SUM_WAIT_US,
	SUM_CLIENT_PARSES,
	SUM_SERVER_PARSES,
	SUM_BINDS,
	SUM_LOGINS,
	SUM_COUNT
};

/* Over all workers; lock-free. */
void ledger_sums(const struct ledger *l, uint64_t sums[SUM_COUNT]);
/* Pins taken and ended, by reason; ended first, so that none is counted below zero. */
void ledger_pins(const struct ledger *l, uint64_t taken[PIN_REASONS], uint64_t ended[PIN_REASONS]);

/* The servers that are logged in as USER, in the whole process. */
unsigned hub_user_servers(struct hub *h, const char *user);

/* The hosts that requests with that target may be served by just now: a mask. */
uint32_t ledger_hosts(struct ledger *l, enum lend_target target);
/* Under the ledger's mutex: the epoch in force, and the state of a server of it. */
uint32_t ledger_epoch(struct ledger *l);
enum server_state server_state_now(struct server *s);

#endif
