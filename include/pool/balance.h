/*
 * pool/balance.h - which of several hosts gets the next request.
 *
 *   round-robin   the host that was given the least, each loan counted as 1 / weight
 *   least-busy    the host with the fewest servers in use, divided by its weight
 *
 * A host that comes back begins with a small part of its weight, which grows to the
 * whole of it within slow_start.  Pure: no clock, no lock; a ledger's is under its mutex.
 */
#ifndef PGWEIR_POOL_BALANCE_H
#define PGWEIR_POOL_BALANCE_H

#include "cluster/cluster.h"

struct share {
	unsigned weight;      /* 0: only while no other host serves */
	unsigned in_use;      /* its servers that somebody has */
	int64_t up_since_us;  /* monotonic; 0: it has never been out */
	uint64_t given;       /* what its loans add up to; it may wrap */
};

struct balance {
	bool least_busy;
	int64_t slow_start_us;
	unsigned last;        /* the host that was last chosen */
	uint64_t now;         /* what it had been given by then */
	uint32_t weightless;  /* the hosts whose weight is 0 */
	uint32_t warming;     /* those that may still be in their slow start */
	struct share hosts[CLUSTER_HOSTS_MOST];
};

void balance_set_weight(struct balance *b, unsigned host, unsigned weight);
/* The hosts are others: nothing is known of them but their weights. */
void balance_start_over(struct balance *b);
/* The host is up since then; 0: from the beginning. */
void balance_set_up(struct balance *b, unsigned host, int64_t since_us);
/* What is left of MASK when hosts without weight stand back for others. */
uint32_t balance_mask(const struct balance *b, uint32_t mask);
/* The host of MASK, of which there must be one, whose turn it is. */
unsigned balance_choose(struct balance *b, uint32_t mask, int64_t now_us);
/* A server of that host was lent. */
void balance_gave(struct balance *b, unsigned host, int64_t now_us);
/* True when another host has just got what was this one's turn, and not for the first time; least-busy knows no turns. */
bool balance_is_owed(struct balance *b, unsigned host, int64_t now_us);
/* True when N servers on host A are fewer than M on host B for their weights. */
bool balance_is_poorer(struct balance *b, unsigned a, unsigned n, unsigned other, unsigned m, int64_t now_us);

#endif
