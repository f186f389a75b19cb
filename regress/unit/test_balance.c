/*
 * test_balance.c - which of several hosts gets the next request.
 */
#include "pool/balance.h"

#include "test.h"

#define SECOND ((int64_t)1000000)

static struct balance b;
static unsigned counts[3];

static void
hosts_weigh(unsigned first, unsigned second, unsigned third)
{
	b = (struct balance){.slow_start_us = 10 * SECOND};
	balance_set_weight(&b, 0, first);
	balance_set_weight(&b, 1, second);
	balance_set_weight(&b, 2, third);
	memset(counts, 0, sizeof(counts));
}

/* N requests, one after the other, to hosts of MASK. */
static void
serve(unsigned n, uint32_t mask, int64_t now_us)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned host = balance_choose(&b, mask, now_us);

		balance_gave(&b, host, now_us);
		counts[host]++;
	}
}

TEST("hosts of equal weight take strict turns")
{
	hosts_weigh(1, 1, 1);

	for (unsigned i = 0; i < 30; i++) {
		serve(1, 7, 0);
		expect(counts[0] - counts[2] <= 1);
	}
	expect_int(counts[1], 10);
}

TEST("shares are as the weights")
{
	hosts_weigh(3, 1, 2);

	serve(600, 7, 0);

	expect(counts[0] >= 299 && counts[0] <= 301);
	expect(counts[1] >= 99 && counts[1] <= 101);
}

TEST("the greatest and the least weight are kept to as well")
{
	hosts_weigh(1000, 1, 1);

	serve(100200, 7, 0);

	expect(counts[1] >= 99 && counts[1] <= 102);
	expect(counts[2] >= 99 && counts[2] <= 102);
}

TEST("a host without weight stands back while another one serves")
{
	hosts_weigh(1, 0, 0);

	expect_int(balance_mask(&b, 7), 1);
	expect_int(balance_mask(&b, 6), 6);
	serve(10, 6, 0);
	expect_int(counts[1], 5);
}

TEST("who was not asked for long makes up for some requests and no more")
{
	hosts_weigh(1, 1, 1);
	serve(10000, 3, 0);
	memset(counts, 0, sizeof(counts));

	serve(300, 7, 0);

	expect(counts[2] >= 140 && counts[2] <= 145);
}

TEST("who is busy while others get its turns is owed a server, who waits for the first one or makes up for them is not")
{
	hosts_weigh(1, 1, 0);
	serve(4, 3, 0);

	serve(1, 2, 0);
	expect(!balance_is_owed(&b, 0, 0));
	serve(2, 2, 0);
	expect(balance_is_owed(&b, 0, 0));
	expect(!balance_is_owed(&b, 1, 0));
	serve(1, 3, 0);
	expect(!balance_is_owed(&b, 0, 0));
	serve(3, 2, 0);
	expect(balance_is_owed(&b, 0, 0));
	b.least_busy = true;
	expect(!balance_is_owed(&b, 0, 0));
}

TEST("a host that comes back begins with a small share, which grows evenly")
{
	hosts_weigh(1, 1, 0);
	serve(1000, 1, 0);
	balance_set_up(&b, 1, 100 * SECOND);
	memset(counts, 0, sizeof(counts));

	serve(1000, 3, 101 * SECOND);
	expect(counts[1] > 60 && counts[1] < 110);
	memset(counts, 0, sizeof(counts));
	serve(1000, 3, 105 * SECOND);
	expect(counts[1] > 310 && counts[1] < 360);
	memset(counts, 0, sizeof(counts));
	serve(1000, 3, 110 * SECOND);
	expect(counts[1] >= 499 && counts[1] <= 520);
	expect_int(b.warming, 0);
}

TEST("the only host serves during its slow start, and so do all that began together")
{
	hosts_weigh(1, 1, 1);
	balance_set_up(&b, 1, 100 * SECOND);
	balance_set_up(&b, 2, 100 * SECOND);

	serve(1000, 2, 100 * SECOND);
	serve(1000, 6, 100 * SECOND);

	expect(counts[2] >= 490 && counts[2] <= 520);
}

TEST("least-busy takes the host with the fewest servers in use, and turns among equals")
{
	hosts_weigh(1, 1, 1);
	b.least_busy = true;
	b.hosts[0].in_use = 5;
	b.hosts[1].in_use = 3;
	b.hosts[2].in_use = 3;

	serve(10, 7, 0);

	expect_int(counts[0], 0);
	expect_int(counts[1], 5);
}

TEST("least-busy counts servers in proportion to weight")
{
	hosts_weigh(3, 1, 1);
	b.least_busy = true;
	b.hosts[0].in_use = 4;
	b.hosts[1].in_use = 1;
	b.hosts[2].in_use = 2;

	expect_int(balance_choose(&b, 7, 0), 0);
	b.hosts[0].in_use = 6;
	expect_int(balance_choose(&b, 7, 0), 1);
}

TEST("counts may wrap around")
{
	hosts_weigh(1, 1, 1);
	b.now = b.hosts[0].given = b.hosts[1].given = b.hosts[2].given = UINT64_MAX - 1000;

	serve(300, 7, 0);

	expect_int(counts[0], 100);
	expect_int(counts[1], 100);
}

TEST("hosts that are others now start over with their weights")
{
	hosts_weigh(2, 1, 1);
	serve(7, 7, 0);
	b.hosts[1].in_use = 7;
	balance_set_up(&b, 2, 5);

	balance_start_over(&b);

	expect_int(b.hosts[0].weight, 2);
	expect_int(b.hosts[1].in_use, 0);
	expect_int(b.warming, 0);
}
