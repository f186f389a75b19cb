/*
 * route/table_floors.h - consistency = table: how far the log was when each table of a
 * database was last written by a client of this process, and who is writing it now.
 *
 *     write sent ─▶ begin ── nobody reads the table on a replica ──▶ its position is known ─▶ end ─▶ floor
 *                                                          └─ it will never be ─▶ lose ── nobody reads any ─▶ the next position
 *
 * An array of atomic slots; a table has the slot of its name's hash.  Two tables of one
 * slot, or two of one name, make reads more careful, never less.  Any thread, no locks.
 */
#ifndef PGWEIR_ROUTE_TABLE_FLOORS_H
#define PGWEIR_ROUTE_TABLE_FLOORS_H

#include "route/footprint.h"

struct table_floors;

/* One reference.  KEY (copied) tells of which database they are. */
struct table_floors *table_floors_new(const char *key);
const char *table_floors_key(const struct table_floors *t);
struct table_floors *table_floors_ref(struct table_floors *t);
void table_floors_unref(struct table_floors *t); /* NULL is fine */

/* A slot, or FOOTPRINT_ANY for what may be any table.  Each begin has one end or lose. */
void table_floors_begin(struct table_floors *t, unsigned slot);
/* The write is in the log before LSN (as replay counts) on TIMELINE; nothing is smaller afterwards. */
void table_floors_end(struct table_floors *t, unsigned slot, uint64_t lsn, unsigned timeline);
/* Nobody will know where it is: until a later position is known nothing may be read on a replica. */
void table_floors_lose(struct table_floors *t, unsigned slot);

/* The count of what was lost so far: taken when a position is asked for, told when it is known. */
uint64_t table_floors_lost(const struct table_floors *t);
bool table_floors_is_in_doubt(const struct table_floors *t);
void table_floors_know(struct table_floors *t, uint64_t lost, uint64_t lsn, unsigned timeline);

struct table_floor {
	bool is_open; /* somebody writes it just now, or nobody knows */
	uint64_t lsn; /* else: what a replica must have replayed; 0: nothing */
	unsigned timeline; /* the highest of any write */
};

/* What a statement that reads this has to see. */
struct table_floor table_floors_of(const struct table_floors *t, const struct footprint *footprint);

#endif
