/*
 * cluster/lag.c - the samples of one primary.
 */
#include "cluster/lag.h"

#include <string.h>

void
lag_forget(struct lag_history *h)
{
	h->count = 0;
	h->held = 0;
}

/* Makes room: the sample goes whose loss makes the least difference, measured by its age. */
static void
lag_drop_one(struct lag_history *h, int64_t now_us)
{
	unsigned victim = 1;
	double least = 1e300;

	for (unsigned i = 1; i + 1 < h->count; i++) {
		double gap_us = (double)(h->samples[i + 1].at_us - h->samples[i - 1].at_us);
		double loss = gap_us / (double)(now_us - h->samples[i].at_us + 1);

		if (loss >= least)
			continue;
		least = loss;
		victim = i;
	}
	h->count--;
	memmove(&h->samples[victim], &h->samples[victim + 1], (h->count - victim) * sizeof(h->samples[0]));
}

void
lag_add(struct lag_history *h, int64_t now_us, uint64_t lsn)
{
	struct lag_sample *last = h->count > 0 ? &h->samples[h->count - 1] : NULL;

	if (last != NULL && last->lsn == lsn) {
		last->at_us = now_us;
		return;
	}
	if (last != NULL && lsn < last->lsn)
		lag_forget(h);
	if (h->count == LAG_SAMPLES)
		lag_drop_one(h, now_us);
	h->samples[h->count++] = (struct lag_sample){.since_us = now_us, .at_us = now_us, .lsn = lsn};
}

void
lag_add_flushed(struct lag_history *h, int64_t now_us, uint64_t inserted, uint64_t flushed)
{
	uint64_t reached = h->count > 0 ? h->samples[h->count - 1].lsn : 0;
	uint64_t held = h->held;

	if (flushed == 0)
		flushed = inserted;
	if (inserted == flushed || flushed % LAG_PAGE_SIZE != 0) {
		h->held = 0;
		lag_add(h, now_us, flushed);
		return;
	}
	h->held = flushed;
	if (held > reached && held < flushed)
		reached = held;
	if (reached != 0)
		lag_add(h, now_us, reached);
}

int64_t
lag_of(const struct lag_history *h, int64_t at_us, uint64_t lsn)
{
	bool is_newest = true;

	if (h->count == 0)
		return -1;
	for (unsigned i = h->count; i-- > 0;) {
		if (lsn >= h->samples[i].lsn)
			return is_newest ? 0 : max_of(at_us - h->samples[i].at_us, (int64_t)0);
		if (h->samples[i].since_us <= at_us)
			is_newest = false;
	}
	return max_of(at_us - h->samples[0].at_us, (int64_t)0);
}

int64_t
lag_bytes_of(const struct lag_history *h, uint64_t lsn)
{
	uint64_t newest;

	if (h->count == 0)
		return -1;
	newest = h->samples[h->count - 1].lsn;
	return newest > lsn ? (int64_t)min_of(newest - lsn, (uint64_t)INT64_MAX) : 0;
}
