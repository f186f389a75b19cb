/*
 * route/footprint.h - which tables a statement may change and which it reads, as slots
 * of hashed names; tables that are one to the statement (a partitioned table and its
 * partitions, a view and what it stands for) are so here too.
 *
 * What is not understood may change, or read, any.
 */
#ifndef PGWEIR_ROUTE_FOOTPRINT_H
#define PGWEIR_ROUTE_FOOTPRINT_H

#include "base/bytes.h"

#define FOOTPRINT_SLOTS 4096u
#define FOOTPRINT_ANY FOOTPRINT_SLOTS
/* What has more of a kind counts as any. */
#define FOOTPRINT_MOST 12

struct footprint {
	bool writes_any;
	bool reads_any;
	uint8_t writes; /* so many of written */
	uint8_t reads;
	uint16_t written[FOOTPRINT_MOST];
	uint16_t read[FOOTPRINT_MOST];
};

/* The slot of a name, whatever its schema. */
uint16_t footprint_slot(const char *name);
void footprint_add_written(struct footprint *f, uint16_t slot);
void footprint_add_read(struct footprint *f, uint16_t slot);
/* All that is in OTHER too. */
void footprint_add(struct footprint *f, const struct footprint *other);

struct catalog_facts;

/*
 * What the catalog says of names, a part of the facts; one thread fills it.  WHAT is 'w' (to write NAME changes TARGET),
 * 'r' (to read it reads TARGET), 'W' and 'R' (who knows what), 'F' (the function NAME reads who knows what), 'O' (likewise
 * an operator).  The query below has rows of 'F' and 'O', and in the place of the others single steps, by oid: 'n' (NAME
 * has the oid and the top of its tree that TARGET says), 'e' (to read SCHEMA reads NAME), 'x' (to write it changes that),
 * 'a' and 'q' (to write SCHEMA, or to read it: who knows what).
 */
void facts_add_footprint(struct catalog_facts *facts, char what, const char *schema, const char *name, const char *target);
/* All rows are there: what single steps lead to is known now. */
void facts_complete_footprints(struct catalog_facts *facts);
bool facts_knows_footprints(const struct catalog_facts *facts);
/* Appends the query (no NUL) for those rows. */
void facts_query_footprints(struct bytes *out);

#endif
