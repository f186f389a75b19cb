/*
 * pool/route_counts.h - how many statements of an entry went to which of its hosts, by
 * the reason of the verdict: each worker has counters of its own, which all may read.
 *
 *     ledger_stats.routes ─▶ of the hosts in force ─▶ of those before a reload ─▶ ...
 */
#ifndef PGWEIR_POOL_ROUTE_COUNTS_H
#define PGWEIR_POOL_ROUTE_COUNTS_H

#include "pool/ledger.h"
#include "route/verdict.h"

enum routed {
	ROUTED_PRIMARY,
	ROUTED_REPLICA,
	ROUTED_OTHER, /* a host whose role nobody asks */
	ROUTED_DRY,   /* of those on the primary: without route_dry_run they would have gone to a replica */
	ROUTED_CLASSES
};

/* Counts a statement that ran on HOST of C, one of the ledger's clusters; on the thread of the worker whose STATS these are. */
void route_counts_add(struct ledger_stats *stats, const struct cluster *c, unsigned host, enum route_reason reason, enum routed where);
/* With the ledger, by whoever frees it. */
void route_counts_free(struct ledger_stats *stats);

/* A host that is, or was, one of the entry's. */
struct routed_host {
	const char *name; /* borrowed from the ledger */
	uint16_t port;
	uint64_t counts[ROUTE_REASON_COUNT][ROUTED_CLASSES];
};

struct routes_report {
	struct routed_host *hosts; /* owned */
	unsigned count;
};

/* Sums over all workers, since the start of the process; any thread.  The caller, who has a reference of L, frees HOSTS. */
struct routes_report ledger_routes(const struct ledger *l);

#endif
