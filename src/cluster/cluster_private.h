/* cluster/cluster_private.h - what the monitor writes into a cluster, and hears from it. */
#ifndef PGWEIR_CLUSTER_PRIVATE_H
#define PGWEIR_CLUSTER_PRIVATE_H

#include "cluster/cluster.h"

struct loop;

/* True when the masks were different before.  The monitor's thread only, as everything here. */
bool cluster_set_masks(struct cluster *c, struct cluster_masks masks);
/* Host and port of REPORT are ignored. */
void cluster_set_report(struct cluster *c, unsigned host, const struct host_report *report);

void cluster_set_position(struct cluster *c, unsigned host, const struct cluster_position *position);
struct cluster_lag_limits cluster_lag_limits(struct cluster *c);
void cluster_set_dethroned(struct cluster *c, uint32_t hosts);
void cluster_set_up_since(struct cluster *c, unsigned host, int64_t at_us);
/* Monotonic: when somebody began or went on to wait for a primary, the last time; 0 never. */
int64_t cluster_primary_wanted_us(const struct cluster *c);
/* Monotonic: cluster_doubt, the last time; 0 never. */
int64_t cluster_doubted_us(const struct cluster *c, unsigned host);
/* True for a second after cluster_want_positions. */
bool cluster_wants_positions(const struct cluster *c, int64_t now_us);

/*
 * From now on SUSPECTED is called on the loop's thread with a mask of the hosts that
 * cluster_suspect named, none when a position or a primary is waited for; several calls may arrive as one.
 * A NULL loop ends that.
 */
void cluster_listen(struct cluster *c, struct loop *loop, void (*suspected)(void *user, uint32_t hosts), void *user);

#endif
