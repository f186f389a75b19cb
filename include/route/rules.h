/*
 * route/rules.h - what the rewrite rules of one database call, kept from one look at its
 * catalog to the next: a rule that has not changed is not searched again.
 *
 *     rules_begin ─ rules_list ... ─ rules_unknown ─ rules_call ... ─ rules_end ─▶ rules_hits, rules_mentions
 *
 * One thread.  A look that fails is forgotten by the next rules_begin().
 */
#ifndef PGWEIR_ROUTE_RULES_H
#define PGWEIR_ROUTE_RULES_H

#include "route/names.h"

struct rules;

struct rules *rules_new(void);
void rules_free(struct rules **rules);

void rules_begin(struct rules *rules);
/* A row of FACTS_QUERY_RULES. */
void rules_list(struct rules *rules, uint32_t oid, const char *version, uint32_t relation);
/* Appends the oids of those that are new, "1,2,3"; false when all are, and OUT is left alone. */
bool rules_unknown(const struct rules *rules, struct bytes *out);
size_t rules_unknown_count(const struct rules *rules);
/* A row of facts_query_calls(); NAME may be NULL. */
void rules_call(struct rules *rules, uint32_t oid, const char *name, uint32_t relation);
/* All of that is complete: what was not listed is gone, and what was is known from now on. */
void rules_end(struct rules *rules);

/* Appends the oids of those that call what a replica must not run, "1,2,3". */
void rules_hits(const struct rules *rules, struct bytes *out);
/* Tells GRAPH what the relations call and read by their rules; answers a digest of it. */
uint64_t rules_mentions(const struct rules *rules, const struct catalog_names *names, struct effect_graph *graph);

#endif
