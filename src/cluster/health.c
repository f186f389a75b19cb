/*
 * cluster/health.c - rise and fall of one host.
 */
#include "cluster/health.h"

#include <stdio.h>

static void
health_set_reason(struct health *h, const char *reason)
{
	snprintf(h->reason, sizeof(h->reason), "%s", reason);
}

void
health_init(struct health *h)
{
	*h = (struct health){.up = false};
	health_set_reason(h, "not checked yet");
}

static void
health_rise(struct health *h, bool is_first, int rise)
{
	h->missed_in_row = 0;
	if (h->up)
		return;
	h->good_in_row++;
	h->up = is_first || h->good_in_row >= rise;
	health_set_reason(h, h->up ? "" : "it answers again, but not often enough yet");
}

static void
health_fall(struct health *h, const char *reason)
{
	h->up = false;
	health_set_reason(h, reason);
}

bool
health_take(struct health *h, enum check_result result, const char *reason, int fall, int rise)
{
	bool was_up = h->up;
	bool is_first = !h->heard;

	if (result == CHECK_DROPPED)
		return false;
	h->heard = true;
	if (result != CHECK_GOOD)
		h->good_in_row = 0;
	switch (result) {
	case CHECK_GOOD:
		health_rise(h, is_first, rise);
		break;
	case CHECK_DOWN:
		health_fall(h, reason);
		break;
	case CHECK_MISSED:
		h->missed_in_row = min_of(h->missed_in_row + 1, fall);
		if (!h->up || h->missed_in_row >= fall)
			health_fall(h, reason);
		break;
	case CHECK_FULL:
		if (!h->up)
			health_set_reason(h, reason);
		break;
	case CHECK_DROPPED:
		break;
	}
	if (h->up)
		h->good_in_row = 0;
	return h->up != was_up;
}

bool
health_is_rising(const struct health *h)
{
	return !h->up && h->good_in_row > 0;
}
