/*
 * cluster/lag.h - how late a replica is, from samples of its primary's log position.
 *
 * A replica's lag is the age of the newest sample that it has reached.  Replay
 * timestamps are not used: they stand still when the primary is idle.
 */
#ifndef PGWEIR_CLUSTER_LAG_H
#define PGWEIR_CLUSTER_LAG_H

#include "base/base.h"

#define LAG_SAMPLES 128
/* What is flushed without a commit ends with a page, in the middle of a record. */
#define LAG_PAGE_SIZE 8192

struct lag_sample {
	int64_t since_us; /* the first moment at which the primary was seen there */
	int64_t at_us;	  /* the last one */
	uint64_t lsn;
};

/* Oldest first; recent samples lie dense, old ones ever thinner, so that hours fit. */
struct lag_history {
	unsigned count;
	uint64_t held; /* where nobody can be before more is flushed: it counts once that was; 0: none */
	struct lag_sample samples[LAG_SAMPLES];
};

void lag_forget(struct lag_history *h);
/* The primary is at LSN now; a position below the last one begins a new history. */
void lag_add(struct lag_history *h, int64_t now_us, uint64_t lsn);
/*
 * The same of a primary that has FLUSHED (0: does not say) of what is INSERTED: the rest may wait for up to 15
 * seconds when no commit is behind it, and no replica is late for that.
 */
void lag_add_flushed(struct lag_history *h, int64_t now_us, uint64_t inserted, uint64_t flushed);
/*
 * The lag of a replica that had replayed up to LSN at AT_US; 0 when that covers every
 * sample taken until then (finer than the samples nobody can tell); -1 without samples.
 */
int64_t lag_of(const struct lag_history *h, int64_t at_us, uint64_t lsn);
/* The bytes between LSN and the newest sample, at least 0; -1 without samples. */
int64_t lag_bytes_of(const struct lag_history *h, uint64_t lsn);

#endif
