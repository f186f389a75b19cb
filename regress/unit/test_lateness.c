/*
 * regress/unit/test_lateness.c - which replicas lag too much to be read.
 */
#include "cluster/lateness.h"

#include "test.h"

#define SECOND ((int64_t)1000000)
#define ALL 0xfu

struct scene {
	struct cluster_lag_limits limits;
	struct replica_lag lags[4];
	enum lateness late[4];
};

/* The replicas that are out, as a mask. */
static uint32_t
judge(struct scene *s, uint32_t replicas)
{
	uint32_t out = 0;

	lateness_judge(&s->limits, s->lags, 4, replicas, s->late);
	for (unsigned i = 0; i < 4; i++)
		out |= s->late[i] != LATE_NOT ? 1u << i : 0;
	return out;
}

TEST("the hard limit takes every late replica, were it all of them, and an unknown lag none")
{
	struct scene s = {.limits = {.most_us = 5 * SECOND}};

	for (int i = 0; i < 4; i++)
		s.lags[i] = (struct replica_lag){.us = 5 * SECOND, .bytes = 0};
	s.lags[3].us = -1;

	expect_int(judge(&s, ALL), 0x7);
	expect_int(judge(&s, 0x1), 0x1);
	expect_int(s.late[0], LATE_TIME);
}

TEST("bytes are a limit of their own")
{
	struct scene s = {.limits = {.most_us = 5 * SECOND, .most_bytes = 1000}};

	s.lags[1] = (struct replica_lag){.us = 0, .bytes = 1000};
	s.lags[2] = (struct replica_lag){.us = 0, .bytes = 999};

	expect_int(judge(&s, ALL), 0x2);
	expect_int(s.late[1], LATE_BYTES);
}

TEST("the soft limit takes half of the replicas at most, and the latest of them")
{
	struct scene s = {.limits = {.soft_us = SECOND}};

	for (int i = 0; i < 4; i++)
		s.lags[i].us = (10 - i) * SECOND;

	expect_int(judge(&s, ALL), 0x3);
	expect_int(judge(&s, 0xe), 0x2);
	expect_int(judge(&s, 0x8), 0);
	expect_int(s.late[3], LATE_NOT);
}

TEST("replicas that are equally late do not take turns")
{
	struct scene s = {.limits = {.soft_us = SECOND}};

	s.lags[1].us = 3 * SECOND;
	expect_int(judge(&s, 0x3), 0x2);
	s.lags[0].us = 5 * SECOND;
	expect_int(judge(&s, 0x3), 0x2);
	s.lags[0].us = 7 * SECOND;
	expect_int(judge(&s, 0x3), 0x1);
}

TEST("who is out by the hard limit counts towards the half")
{
	struct scene s = {.limits = {.most_us = 20 * SECOND, .soft_us = SECOND}};

	s.lags[0].us = s.lags[1].us = 30 * SECOND;
	s.lags[2].us = 2 * SECOND;

	expect_int(judge(&s, ALL), 0x3);
}

TEST("a replica comes back below three quarters of its limit")
{
	struct scene s = {.limits = {.most_us = 4 * SECOND}};

	s.lags[0].us = 4 * SECOND - 1;
	expect_int(judge(&s, ALL), 0);
	s.lags[0].us = 4 * SECOND;
	expect_int(judge(&s, ALL), 1);
	s.lags[0].us = 3 * SECOND;
	expect_int(judge(&s, ALL), 1);
	s.lags[0].us = 3 * SECOND - 1;
	expect_int(judge(&s, ALL), 0);
}

TEST("without limits nobody is late")
{
	struct scene s = {.lags = {{.us = 1000 * SECOND, .bytes = INT64_MAX}}};

	expect_int(judge(&s, ALL), 0);
}
