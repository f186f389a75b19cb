/*
 * route/names.h - the names that one look at a database's catalog has found: which there
 * are at all, and of the relations which oid is whose.
 *
 * PostgreSQL tells who mentions whom by oids; what that means is said here, since names
 * are asked for anyway and joining them to each mention costs the server more than the rest.
 */
#ifndef PGWEIR_ROUTE_NAMES_H
#define PGWEIR_ROUTE_NAMES_H

#include "route/facts.h"

struct catalog_names;

struct catalog_names *catalog_names_new(void);
void catalog_names_free(struct catalog_names **names);

/*
 * A row of facts_query_names().  KIND: 'r' relation, 't' temporary relation (it has an oid, and counts as no name of the
 * database), 'f' a function that is not PostgreSQL's own, else anything.  RELATION: the oid, 0 for none.
 */
void catalog_names_add(struct catalog_names *names, char kind, const char *name, uint32_t relation);

/* Of the relation; NULL when no row has told it (an index, or one that is gone).  Borrowed. */
const char *catalog_names_relation(const struct catalog_names *names, uint32_t relation);
/* An end of a mention: a name, or with NULL that of a relation. */
struct mention_end {
	const char *name;
	uint32_t relation;
};

/* Tells GRAPH that FROM mentions TO, if both have names; answers a digest of it. */
uint64_t catalog_names_mention(const struct catalog_names *names, struct mention_end from, struct mention_end to, struct effect_graph *graph);

/* Of the names of the database, in any order. */
uint64_t catalog_names_digest(const struct catalog_names *names);

/* FACTS knows from now on which names there are; NAMES knows them no more, but the oids. */
void facts_take_names(struct catalog_facts *facts, struct catalog_names *names);

#endif
