/*
 * route/bodies.h - the bodies of functions that do not call themselves VOLATILE, and
 * which of them mention what a replica must not run.
 *
 * PostgreSQL keeps no record of what a body that is text calls, so it is read here,
 * word by word: a function counts as soon as its name stands before a parenthesis, a
 * relation or a type wherever it stands, strings and comments included.
 */
#ifndef PGWEIR_ROUTE_BODIES_H
#define PGWEIR_ROUTE_BODIES_H

#include "route/facts.h"

struct bodies;

struct bodies *bodies_new(void);
void bodies_free(struct bodies **bodies);

/* A function; all is borrowed. */
struct body_source {
	uint32_t oid;
	const char *schema, *name, *source;
	const char *parameters; /* the names of those of an SQL function, each between line feeds; NULL for none */
};
void bodies_add(struct bodies *bodies, const struct body_source *source);

/*
 * Finds those that mention what is unsafe by FACTS, and what mentions them in turn, which are added to FACTS as functions
 * of that name.  READ_FUNCTIONS: as in struct route_context.  Appends their oids, "1,2,3", in the order of the bodies.
 */
void bodies_find_liars(const struct bodies *bodies, struct catalog_facts *facts, const char *read_functions, struct bytes *oids);

#endif
