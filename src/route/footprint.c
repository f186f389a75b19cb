/*
 * footprint.c - slots of names, and what the catalog says of them: rows by name, each
 * for its schema, as in facts.c.
 */
#include "route/footprint.h"

#include "base/map.h"

#include "facts_private.h"
#include "footprint_graph.h"

#include <stdlib.h>
#include <string.h>

struct footprint_row {
	struct footprint_row *next; /* owned */
	char what;
	uint16_t slot;
	char schema[];
};

struct footprint_name {
	UT_hash_handle hh;
	char *name;                 /* owned, the key */
	struct footprint_row *rows; /* owned */
};

struct footprint_names {
	struct footprint_name *names;  /* owned */
	struct footprint_graph *graph; /* owned: while rows come */
	bool is_complete;
};

/* ------------------------------------------------------------------ slots */

uint16_t
footprint_slot(const char *name)
{
	return (uint16_t)(hash_bytes(name, strlen(name)) % FOOTPRINT_SLOTS);
}

static void
slots_add(uint16_t *slots, uint8_t *count, bool *is_any, uint16_t slot)
{
	for (unsigned i = 0; i < *count; i++)
		if (slots[i] == slot)
			return;
	if (*count == FOOTPRINT_MOST)
		*is_any = true;
	else
		slots[(*count)++] = slot;
}

void
footprint_add_written(struct footprint *f, uint16_t slot)
{
	slots_add(f->written, &f->writes, &f->writes_any, slot);
}

void
footprint_add_read(struct footprint *f, uint16_t slot)
{
	slots_add(f->read, &f->reads, &f->reads_any, slot);
}

void
footprint_add(struct footprint *f, const struct footprint *other)
{
	f->writes_any |= other->writes_any;
	f->reads_any |= other->reads_any;
	for (unsigned i = 0; i < other->writes; i++)
		footprint_add_written(f, other->written[i]);
	for (unsigned i = 0; i < other->reads; i++)
		footprint_add_read(f, other->read[i]);
}

/* ------------------------------------------------------------------ names */

static struct footprint_name *
names_find(const struct footprint_names *n, const char *name)
{
	struct footprint_name *found = NULL;

	HASH_FIND(hh, n->names, name, strlen(name), found);
	return found;
}

static struct footprint_names *
names_of(struct catalog_facts *facts)
{
	struct footprint_names **names = facts_footprint_names(facts);

	if (*names == NULL)
		*names = memory_new(sizeof(**names));
	return *names;
}

void
facts_add_footprint(struct catalog_facts *facts, char what, const char *schema, const char *name, const char *target)
{
	struct footprint_names *names = names_of(facts);
	struct footprint_name *place;
	struct footprint_row *row;

	if (what != '\0' && strchr("nexaq", what) != NULL) {
		footprint_graph_take(&names->graph, what, schema, name, target);
		return;
	}
	row = memory_new(sizeof(*row) + strlen(schema) + 1);
	place = names_find(names, name);
	if (place == NULL) {
		place = memory_new(sizeof(*place));
		place->name = text_copy(name);
		HASH_ADD_KEYPTR(hh, names->names, place->name, strlen(place->name), place);
	}
	row->what = what;
	row->slot = footprint_slot(target);
	memcpy(row->schema, schema, strlen(schema) + 1);
	row->next = place->rows;
	place->rows = row;
}

void
facts_complete_footprints(struct catalog_facts *facts)
{
	struct footprint_names *names = names_of(facts);

	footprint_graph_tell(names->graph, facts);
	footprint_graph_free(&names->graph);
	names->is_complete = true;
}

bool
facts_knows_footprints(const struct catalog_facts *facts)
{
	const struct footprint_names *names = facts != NULL ? facts_footprints(facts) : NULL;

	return names != NULL && names->is_complete;
}

void
footprint_names_free(struct footprint_names *n)
{
	struct footprint_name *name, *next;

	if (n == NULL)
		return;
	footprint_graph_free(&n->graph);
	HASH_ITER(hh, n->names, name, next)
	{
		HASH_DEL(n->names, name);
		for (struct footprint_row *row = name->rows, *following; row != NULL; row = following) {
			following = row->next;
			free(row);
		}
		free(name->name);
		free(name);
	}
	free(n);
}

/* ---------------------------------------------------------------- mentions */

/* The rows of WHAT that a mention may mean: a bare one those of any schema. */
static const struct footprint_row *
row_next(const struct footprint_row *row, char what, const char *schema)
{
	while (row != NULL && (row->what != what || (schema != NULL && strcmp(schema, row->schema) != 0)))
		row = row->next;
	return row;
}

static const struct footprint_row *
rows_of(const struct catalog_facts *facts, const char *name)
{
	const struct footprint_name *place = names_find(facts_footprints(facts), name);

	return place != NULL ? place->rows : NULL;
}

bool
facts_has_footprint(const struct catalog_facts *facts, char what, const char *schema, const char *name)
{
	return row_next(rows_of(facts, name), what, schema) != NULL;
}

static void
add_slots(struct footprint *f, char what, uint16_t slot)
{
	if (what == 'w')
		footprint_add_written(f, slot);
	else
		footprint_add_read(f, slot);
}

/* The name's own slot too, since another schema's table of that name may be meant. */
static void
add_relation(struct footprint *f, const struct catalog_facts *facts, char what, const char *schema, const char *name)
{
	const struct footprint_row *row = rows_of(facts, name);

	add_slots(f, what, footprint_slot(name));
	while ((row = row_next(row, what, schema)) != NULL) {
		add_slots(f, what, row->slot);
		row = row->next;
	}
}

void
footprint_write_relation(struct footprint *f, const struct catalog_facts *facts, const char *schema, const char *name)
{
	f->writes_any |= facts_has_footprint(facts, 'W', schema, name);
	add_relation(f, facts, 'w', schema, name);
}

void
footprint_read_relation(struct footprint *f, const struct catalog_facts *facts, const char *schema, const char *name)
{
	f->reads_any |= facts_has_footprint(facts, 'R', schema, name);
	add_relation(f, facts, 'r', schema, name);
}
