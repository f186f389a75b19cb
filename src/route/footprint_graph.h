/*
 * footprint_graph.h - private to src/route: steps from relation to relation, and where
 * they lead.  One thread.
 */
#ifndef PGWEIR_SRC_ROUTE_FOOTPRINT_GRAPH_H
#define PGWEIR_SRC_ROUTE_FOOTPRINT_GRAPH_H

#include "route/footprint.h"

struct footprint_graph;

/* A row of the query of footprint_sql.c: a relation, a step, or what a top does.  *GRAPH is made when it is NULL. */
void footprint_graph_take(struct footprint_graph **graph, char what, const char *first, const char *second, const char *third);
/* Adds to FACTS all that relations lead to.  NULL leads nowhere. */
void footprint_graph_tell(const struct footprint_graph *g, struct catalog_facts *facts);
void footprint_graph_free(struct footprint_graph **graph);

#endif
