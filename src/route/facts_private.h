/*
 * facts_private.h - private to src/route: the part of a database's facts that says
 * what its names do to a session.
 */
#ifndef PGWEIR_SRC_ROUTE_FACTS_PRIVATE_H
#define PGWEIR_SRC_ROUTE_FACTS_PRIVATE_H

#include "route/facts.h"

/* A set of names; {0} is empty. */
struct known_names {
	uint64_t *hashes; /* owned */
	size_t room;      /* a power of two, or 0 */
	size_t count;
};

void known_names_add(struct known_names *known, const char *name);
bool known_names_has(const struct known_names *known, const char *name);
void known_names_free(struct known_names *known);

struct known_names *facts_known_names(struct catalog_facts *facts);

/* Owned by the facts; NULL while it is not known. */

struct effect_names;
void effect_names_free(struct effect_names *names);

struct effect_names **facts_effect_names(struct catalog_facts *facts);

/* Likewise what its names write and read: footprint.c. */
struct footprint_names;
void footprint_names_free(struct footprint_names *names);

struct footprint_names **facts_footprint_names(struct catalog_facts *facts);
const struct footprint_names *facts_footprints(const struct catalog_facts *facts);

struct footprint;
/* To write or to read the relation; SCHEMA is NULL when the mention is bare.  FACTS must know footprints. */
void footprint_write_relation(struct footprint *f, const struct catalog_facts *facts, const char *schema, const char *name);
void footprint_read_relation(struct footprint *f, const struct catalog_facts *facts, const char *schema, const char *name);
/* Is there a row of that kind for what is mentioned? */
bool facts_has_footprint(const struct catalog_facts *facts, char what, const char *schema, const char *name);

/* ---- effect_sql.c ---- */
/* Appends a part of a WITH: b(o, n), the built-ins that touch a session. */
void facts_append_builtins(struct bytes *out);

#endif
