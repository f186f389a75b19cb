/*
 * cluster/health.h - is a host up, after one check and the ones before it.  Pure.
 */
#ifndef PGWEIR_CLUSTER_HEALTH_H
#define PGWEIR_CLUSTER_HEALTH_H

#include "base/base.h"

#define HEALTH_REASON_SIZE 160

enum check_result {
	CHECK_GOOD,
	CHECK_DOWN,   /* refused, reset, closed, or PostgreSQL itself says "not now" */
	CHECK_MISSED, /* no answer in time, or one that tells nothing: counts towards check_fall */
	CHECK_FULL,   /* the host lives but has no connection left: changes nothing */
	CHECK_DROPPED, /* broken off by us: as if it had not been asked */
};

struct health {
	bool heard; /* a first check has ended */
	bool up;
	int good_in_row;
	int missed_in_row;
	char reason[HEALTH_REASON_SIZE]; /* why it is not up; "" when it is */
};

void health_init(struct health *h);
/* Takes the result of a check; REASON is ignored for CHECK_GOOD.  True when the host went up or down. */
bool health_take(struct health *h, enum check_result result, const char *reason, int fall, int rise);
/* On its way up: the next checks may follow quickly. */
bool health_is_rising(const struct health *h);

#endif
