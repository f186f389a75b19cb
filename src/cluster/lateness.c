/*
 * cluster/lateness.c - hard and soft limits of lag.
 */
#include "cluster/lateness.h"

/* A limit of 0 is none. */
static bool
lag_is_over(int64_t lag, int64_t limit, bool was_out)
{
	if (limit == 0 || lag < 0)
		return false;
	return was_out ? lag >= limit - limit / 4 : lag >= limit;
}

static enum lateness
lateness_by_hard_limits(const struct cluster_lag_limits *limits, const struct replica_lag *lag, enum lateness was)
{
	if (lag_is_over(lag->us, limits->most_us, was == LATE_TIME))
		return LATE_TIME;
	return lag_is_over(lag->bytes, limits->most_bytes, was == LATE_BYTES) ? LATE_BYTES : LATE_NOT;
}

/* The latest of the mask that are over the soft limit; -1 when there is none. */
static int
lateness_find_latest(const struct cluster_lag_limits *limits, const struct replica_lag *lags, unsigned count,
    uint32_t mask, uint32_t was_soft)
{
	int64_t most_us = -1;
	int latest = -1;

	for (unsigned i = 0; i < count; i++) {
		bool was_out = (was_soft & (uint32_t)1 << i) != 0;
		/* Equals must not take turns: who is out stays so until another is twice as late. */
		int64_t lag_us = was_out ? 2 * lags[i].us : lags[i].us;

		if (!(mask & (uint32_t)1 << i) || !lag_is_over(lags[i].us, limits->soft_us, was_out) || lag_us <= most_us)
			continue;
		most_us = lag_us;
		latest = (int)i;
	}
	return latest;
}

void
lateness_judge(const struct cluster_lag_limits *limits, const struct replica_lag *lags, unsigned count,
    uint32_t replicas, enum lateness *lateness)
{
	uint32_t left = replicas, was_soft = 0;
	int most = __builtin_popcount(replicas) / 2, out = 0;

	for (unsigned i = 0; i < count; i++) {
		uint32_t bit = (uint32_t)1 << i;

		was_soft |= lateness[i] == LATE_SOFT ? bit : 0;
		lateness[i] =
		    replicas & bit ? lateness_by_hard_limits(limits, &lags[i], lateness[i]) : LATE_NOT;
		if (lateness[i] == LATE_NOT)
			continue;
		left &= ~bit;
		out++;
	}
	for (int latest; out < most; out++) {
		latest = lateness_find_latest(limits, lags, count, left, was_soft);
		if (latest < 0)
			return;
		lateness[latest] = LATE_SOFT;
		left &= ~((uint32_t)1 << latest);
	}
}
