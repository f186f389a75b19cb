/*
 * facts_private.h - private to src/route: the part of a database's facts that says
 * what its names do to a session.
 */
#ifndef PGWEIR_SRC_ROUTE_FACTS_PRIVATE_H
#define PGWEIR_SRC_ROUTE_FACTS_PRIVATE_H

#include "route/facts.h"

/* Owned by the facts; NULL while it is not known. */
struct effect_names;
void effect_names_free(struct effect_names *names);

struct effect_names **facts_effect_names(struct catalog_facts *facts);

#endif
