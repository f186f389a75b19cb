/*
 * verdict_cache.h - private to src/route: verdicts by 128-bit key, bounded, one
 * owner thread.
 */
#ifndef PGWEIR_SRC_ROUTE_VERDICT_CACHE_H
#define PGWEIR_SRC_ROUTE_VERDICT_CACHE_H

#include "route/verdict.h"

/* The verdict kept under KEY, or NULL; borrowed until the next call. */
const struct verdict *verdict_cache_get(struct verdict_cache *cache, const uint64_t key[2]);
/* Keeps a copy; an old one makes room. */
void verdict_cache_put(struct verdict_cache *cache, const uint64_t key[2], const struct verdict *verdict);

#endif
