/*
 * cluster/watch.h - one watched cluster: its election, and what is published of it.
 * The monitor's, on its loop's thread.
 */
#ifndef PGWEIR_CLUSTER_WATCH_H
#define PGWEIR_CLUSTER_WATCH_H

#include "cluster/election.h"
#include "cluster/host.h"
#include "cluster/lateness.h"
#include "cluster/lineages.h"

/* A cluster's place in the list of a host. */
struct host_use {
	struct list node;
	struct watch *watch; /* borrowed */
	struct host *host;   /* borrowed; NULL when an earlier place names the same host */
};

struct watch {
	struct list node;	   /* in the monitor */
	struct lineages *lineages; /* borrowed */
	void (*changed)(void *user, struct cluster *c);
	void *user;		 /* borrowed */
	struct cluster *cluster; /* owned reference */
	struct election election;
	int64_t unsettled_us; /* monotonic; since when there is no primary, or a doubt about it; 0 while all is well */
	uint32_t out;	      /* the hosts that were not usable the last time, once it was known */
	enum lateness lateness[CLUSTER_HOSTS_MOST];
	enum host_role last_roles[CLUSTER_HOSTS_MOST]; /* the last ones known */
	uint64_t role_changes[CLUSTER_HOSTS_MOST];
	struct {
		enum host_role role;
		enum host_state state;
		int64_t since_us; /* wall clock; 0: nothing is known */
	} shown[CLUSTER_HOSTS_MOST]; /* what SHOW HOSTS said last */
	unsigned count;
	struct host_use uses[];
};

/* Decides with what is known of the hosts, publishes it, and tells CHANGED of other masks. */
void watch_elect(struct watch *w);
/* Passes on how far the hosts are, or HEARD alone. */
void watch_publish_positions(const struct watch *w, const struct host *heard);
/* The most that may lie between two checks of H for this cluster's sake; 0: it has no wish. */
int64_t watch_hurry_ms(const struct watch *w, const struct host *h, int64_t now_us);
/* True when somebody of the cluster waits for replicas to get as far as H, its primary. */
bool watch_wants_flush(const struct watch *w, const struct host *h, int64_t now_us);
/* For cluster_listen: HOSTS are suspected, or somebody waits for a position or a primary. */
void watch_alarmed(void *watch, uint32_t hosts);
/* Before a watch lets its hosts go. */
void watch_forget_lateness(struct watch *w);

#endif
