/*
 * pool/route_counts.c - counters of statements by reason and host.  A worker makes its
 * own when its first statement is over, and new ones in front when the entry's hosts
 * have changed: the clusters before live as long as the ledger.
 */
#include "pool/route_counts.h"

#include <stdlib.h>
#include <string.h>

struct route_counts {
	struct route_counts *next;     /* owned */
	const struct cluster *cluster; /* borrowed from the ledger */
	_Atomic uint64_t counts[];     /* of each host, by reason and class */
};

static size_t
place_of(unsigned host, unsigned reason, unsigned where)
{
	return ((size_t)host * ROUTE_REASON_COUNT + reason) * ROUTED_CLASSES + where;
}

static struct route_counts *
route_counts_new(struct ledger_stats *stats, const struct cluster *c)
{
	struct route_counts *new = memory_new(sizeof(*new) + place_of(cluster_host_count(c), 0, 0) * sizeof(new->counts[0]));

	new->cluster = c;
	new->next = atomic_load_explicit(&stats->routes, memory_order_relaxed);
	atomic_store_explicit(&stats->routes, new, memory_order_release);
	return new;
}

void
route_counts_add(struct ledger_stats *stats, const struct cluster *c, unsigned host, enum route_reason reason, enum routed where)
{
	struct route_counts *r = atomic_load_explicit(&stats->routes, memory_order_relaxed);

	while (r != NULL && r->cluster != c)
		r = r->next;
	if (unlikely(r == NULL))
		r = route_counts_new(stats, c);
	stat_add(r->counts[place_of(host, reason, where)], 1);
}

void
route_counts_free(struct ledger_stats *stats)
{
	struct route_counts *r = atomic_load(&stats->routes);

	while (r != NULL) {
		struct route_counts *next = r->next;

		free(r);
		r = next;
	}
	atomic_store(&stats->routes, NULL);
}

/* ------------------------------------------------------------------ sums */

static struct routed_host *
report_host(struct routes_report *r, const struct cluster *c, unsigned host)
{
	const char *name = cluster_host_name(c, host);
	uint16_t port = cluster_host_port(c, host);
	struct routed_host *new;

	for (unsigned i = 0; i < r->count; i++)
		if (r->hosts[i].port == port && strcmp(r->hosts[i].name, name) == 0)
			return &r->hosts[i];
	r->hosts = memory_resize(r->hosts, (r->count + 1) * sizeof(*r->hosts));
	new = &r->hosts[r->count++];
	*new = (struct routed_host){.name = name, .port = port};
	return new;
}

static void
report_add(struct routes_report *r, const struct route_counts *one)
{
	for (unsigned host = 0; host < cluster_host_count(one->cluster); host++) {
		struct routed_host *to = report_host(r, one->cluster, host);

		for (unsigned i = 0; i < ROUTE_REASON_COUNT * ROUTED_CLASSES; i++)
			to->counts[i / ROUTED_CLASSES][i % ROUTED_CLASSES] +=
			    atomic_load_explicit(&one->counts[place_of(host, 0, 0) + i], memory_order_relaxed);
	}
}

struct routes_report
ledger_routes(const struct ledger *l)
{
	struct routes_report report = {0};

	for (unsigned w = 0; w < hub_worker_count(l->hub); w++) {
		const struct route_counts *r = atomic_load_explicit(&l->stats[w].routes, memory_order_acquire);

		for (; r != NULL; r = r->next)
			report_add(&report, r);
	}
	return report;
}
