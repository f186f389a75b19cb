/*
 * session/floor_tables.c - consistency = table: what a session writes is marked for all
 * readers of the database, and what it reads is looked up there.
 *
 *     text ─▶ floor_sends ─▶ marks ── transaction over, position known ──▶ floors
 *                              └── server or session lost ──▶ doubt, until a later position is known
 *
 * Every session of a database marks its writes as soon as anybody there reads by tables,
 * whatever its own consistency is.
 */
#include <stdlib.h>
#include <string.h>

#include "session/floor.h"

/* More tables in one transaction count as any. */
#define MARKS_MOST 32

struct floor_tables {
	struct table_floors *shared; /* borrowed from the ledger */
	struct footprint reads;      /* of the request that is about to be lent a server */
	uint64_t lost;               /* what had been lost when the position was asked for */
	unsigned count;
	uint16_t marks[MARKS_MOST];  /* slots; FOOTPRINT_ANY is one */
};

/* ------------------------------------------------------------ begin and end */

/* What it is in the middle of was not seen: it may be any write. */
static bool
session_is_in_the_middle(const struct session *s)
{
	if (s->server == NULL || s->state != SESSION_ACTIVE)
		return false;
	return s->server->status != 'I' || s->server->answers.count > 0 || s->settling;
}

struct table_floors *
floor_tables_of(const struct session *s, bool makes)
{
	struct table_floors *floors = atomic_load_explicit(&s->ledger->floors, memory_order_acquire);

	if (floors != NULL)
		return floors;
	return ledger_floors(s->ledger, s->database->dbname != NULL ? s->database->dbname : s->ledger->name, makes);
}

void
floor_watch_tables(struct session *s, struct table_floors *shared)
{
	struct floor *f = s->floor;

	if (f->tables != NULL)
		return;
	atomic_store_explicit(&s->ledger->wants_footprints, true, memory_order_relaxed);
	f->tables = memory_new(sizeof(*f->tables));
	f->tables->shared = shared;
	if (session_is_in_the_middle(s))
		floor_sends(s, NULL, NULL);
}

void
floor_lose_marks(struct session *s)
{
	struct floor_tables *t = s->floor->tables;

	while (t != NULL && t->count > 0)
		table_floors_lose(t->shared, t->marks[--t->count]);
}

/* ------------------------------------------------------------------ writes */

static bool
tables_are_marked(const struct floor_tables *t, unsigned slot)
{
	for (unsigned i = 0; i < t->count; i++)
		if (t->marks[i] == slot || t->marks[i] == FOOTPRINT_ANY)
			return true;
	return false;
}

static void
tables_mark(struct floor_tables *t, unsigned slot)
{
	if (tables_are_marked(t, slot))
		return;
	/* The last place is for what stands for all that finds none. */
	if (t->count == MARKS_MOST - 1)
		slot = FOOTPRINT_ANY;
	table_floors_begin(t->shared, slot);
	t->marks[t->count++] = (uint16_t)slot;
}

void
floor_sends(struct session *s, const struct verdict *v, const char *text)
{
	struct floor_tables *t = s->floor->tables;
	struct verdict judged;

	if (t == NULL)
		return;
	if (v == NULL && text != NULL) {
		routing_judge(s, text, strlen(text), &judged);
		v = &judged;
	}
	if (v == NULL || v->footprint.writes_any) {
		tables_mark(t, FOOTPRINT_ANY);
		/* Who does not know what it writes keeps everybody from the replicas. */
		if (!facts_knows_footprints(facts_of_session(s)))
			inquiry_begin(s);
		return;
	}
	for (unsigned i = 0; i < v->footprint.writes; i++)
		tables_mark(t, v->footprint.written[i]);
}

void
floor_sends_bound(struct session *s, const char *name, bool renames)
{
	const struct name_entry *e;
	const struct statement *statement = s->unnamed;

	if (s->floor->tables == NULL)
		return;
	if (name[0] != '\0') {
		e = renames ? names_find(s, name) : NULL;
		statement = e != NULL ? e->statement : NULL;
	}
	floor_sends(s, NULL, statement != NULL ? statement->body : NULL);
}

/* ------------------------------------------------------------------- reads */

void
floor_gather_begin(struct session *s)
{
	if (s->floor->tables != NULL)
		s->floor->tables->reads = (struct footprint){0};
}

void
floor_gather(struct session *s, const struct verdict *v)
{
	if (s->floor->tables != NULL)
		footprint_add(&s->floor->tables->reads, &v->footprint);
}

bool
floor_reads_tables(const struct session *s)
{
	return s->floor->tables != NULL && s->floor->mode == CONSISTENCY_TABLE;
}

struct table_floor
floor_of_tables(const struct session *s)
{
	struct floor_tables *t = s->floor->tables;

	/* Nobody knows yet what else the transaction will read. */
	t->reads.reads_any |= s->lazy != NULL;
	return table_floors_of(t->shared, &t->reads);
}

/* ---------------------------------------------------------------- position */

bool
floor_owes_tables(struct session *s)
{
	struct floor_tables *t = s->floor->tables;

	if (t == NULL || (t->count == 0 && !table_floors_is_in_doubt(t->shared)))
		return false;
	t->lost = table_floors_lost(t->shared);
	return true;
}

void
floor_tell_tables(struct session *s, uint64_t lsn, unsigned timeline)
{
	struct floor_tables *t = s->floor->tables;

	if (t == NULL)
		return;
	while (t->count > 0)
		table_floors_end(t->shared, t->marks[--t->count], lsn, timeline);
	if (lsn != 0)
		table_floors_know(t->shared, t->lost, lsn, timeline);
}
