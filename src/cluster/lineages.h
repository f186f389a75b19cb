/*
 * cluster/lineages.h - the highest timeline elected for each system identifier: a
 * claimant below it is an old primary, also after a reload or a restart.
 */
#ifndef PGWEIR_CLUSTER_LINEAGES_H
#define PGWEIR_CLUSTER_LINEAGES_H

#include "cluster/election.h"

struct loop;
struct lineages;

struct lineages *lineages_new(struct loop *loop);
/* What is not on disk yet is written before this returns, or, where a write is under way, by loop_free. */
void lineages_free(struct lineages *l);

/* Reads the file and keeps it up to date from now on; NULL or "" is none.  Says in the log what it cannot do. */
void lineages_keep_in(struct lineages *l, const char *path);

/* All zeroes where nothing is known. */
struct lineage lineages_get(const struct lineages *l, uint64_t system_identifier);
/* Remembers FACTS if their timeline is higher; the file follows from the thread pool. */
void lineages_raise(struct lineages *l, uint64_t system_identifier, const struct lineage *facts);

#endif
