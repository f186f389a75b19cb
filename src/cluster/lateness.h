/*
 * cluster/lateness.h - which replicas lag too much to be read.  Pure.
 *
 *   lag ≥ hard limit (time or bytes) ──▶ out, were it the last one
 *   lag ≥ soft limit                 ──▶ out, the latest first, half of them at most
 *
 * Who is out comes back below three quarters of its limit, so that a lag which
 * swings around a limit does not move the reads with every check.
 */
#ifndef PGWEIR_CLUSTER_LATENESS_H
#define PGWEIR_CLUSTER_LATENESS_H

#include "cluster/cluster.h"

enum lateness { LATE_NOT, LATE_TIME, LATE_BYTES, LATE_SOFT };

struct replica_lag {
	int64_t us;    /* -1 unknown: not late */
	int64_t bytes; /* -1 unknown: not late */
};

/* LATENESS has what was decided last, and takes what is decided now; hosts that are not in REPLICAS are LATE_NOT. */
void lateness_judge(const struct cluster_lag_limits *limits, const struct replica_lag *lags, unsigned count,
    uint32_t replicas, enum lateness *lateness);

#endif
