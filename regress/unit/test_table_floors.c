/*
 * regress/unit/test_table_floors.c - who may read which table where, while others write.
 */
#include "route/table_floors.h"

#include <pthread.h>
#include <stdatomic.h>

#include "test.h"

static struct table_floor
read_of(const struct table_floors *t, uint16_t slot)
{
	struct footprint f = {0};

	footprint_add_read(&f, slot);
	return table_floors_of(t, &f);
}

static struct table_floor
read_of_any(const struct table_floors *t)
{
	static const struct footprint f = {.reads_any = true};

	return table_floors_of(t, &f);
}

TEST("a table is open from the moment a write is sent until its position is known")
{
	struct table_floors *t = table_floors_new("db");

	expect_false(read_of(t, 7).is_open);
	table_floors_begin(t, 7);
	expect(read_of(t, 7).is_open);
	expect(read_of_any(t).is_open);
	expect_false(read_of(t, 8).is_open);
	table_floors_end(t, 7, 1000, 1);
	expect_false(read_of(t, 7).is_open);
	expect_int(read_of(t, 7).lsn, 1000);
	expect_int(read_of(t, 8).lsn, 0);
	expect_int(read_of_any(t).lsn, 1000);
	table_floors_unref(t);
}

TEST("of two writers of one table the later one ends the wait, and the position never falls")
{
	struct table_floors *t = table_floors_new("db");

	table_floors_begin(t, 7);
	table_floors_begin(t, 7);
	table_floors_end(t, 7, 2000, 2);
	expect(read_of(t, 7).is_open);
	table_floors_end(t, 7, 1000, 1);
	expect_false(read_of(t, 7).is_open);
	expect_int(read_of(t, 7).lsn, 2000);
	expect_int(read_of(t, 7).timeline, 2);
	table_floors_unref(t);
}

TEST("a write of who knows what is one of every table")
{
	struct table_floors *t = table_floors_new("db");

	table_floors_begin(t, FOOTPRINT_ANY);
	expect(read_of(t, 7).is_open);
	table_floors_end(t, FOOTPRINT_ANY, 3000, 1);
	expect_int(read_of(t, 7).lsn, 3000);
	expect_int(read_of_any(t).lsn, 3000);
	table_floors_unref(t);
}

TEST("a write that was lost leaves everything in doubt until a position is known that was asked for later")
{
	struct table_floors *t = table_floors_new("db");
	uint64_t before = table_floors_lost(t), after;

	table_floors_begin(t, 7);
	table_floors_lose(t, 7);
	expect(table_floors_is_in_doubt(t));
	expect(read_of(t, 8).is_open);
	table_floors_know(t, before, 1000, 1);
	expect(read_of(t, 8).is_open);
	after = table_floors_lost(t);
	table_floors_know(t, after, 2000, 1);
	expect_false(read_of(t, 8).is_open);
	expect_int(read_of(t, 8).lsn, 2000);
	/* Nothing was lost since: what is known otherwise is nobody's floor. */
	table_floors_know(t, after, 9000, 1);
	expect_int(read_of(t, 8).lsn, 2000);
	table_floors_unref(t);
}

TEST("a footprint with more tables than it holds is one of any")
{
	struct footprint f = {0}, all = {0};

	for (uint16_t i = 0; i < FOOTPRINT_MOST; i++) {
		footprint_add_written(&f, i);
		footprint_add_written(&f, i);
		footprint_add_read(&f, i);
	}
	expect_int(f.writes, FOOTPRINT_MOST);
	expect_false(f.writes_any || f.reads_any);
	footprint_add(&all, &f);
	expect_int(all.reads, FOOTPRINT_MOST);
	footprint_add_written(&f, 100);
	footprint_add_read(&f, 100);
	expect(f.writes_any && f.reads_any);
}

/* ---- many at once ---- */

enum { ROUNDS = 20000, WRITERS = 3, TABLES = 4 };

struct stage {
	struct table_floors *floors;
	_Atomic uint64_t log;              /* the position of the log */
	_Atomic uint64_t written[TABLES];  /* what was answered to the clients */
	atomic_int missed;
};

static void *
writer(void *user)
{
	struct stage *stage = user;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned table = i % TABLES;
		uint64_t lsn, before;

		table_floors_begin(stage->floors, table);
		lsn = atomic_fetch_add(&stage->log, 1) + 1;
		/* The client has its answer here. */
		before = atomic_load(&stage->written[table]);
		while (before < lsn && !atomic_compare_exchange_weak(&stage->written[table], &before, lsn))
			;
		table_floors_end(stage->floors, table, atomic_load(&stage->log), 1);
	}
	return NULL;
}

static void *
reader(void *user)
{
	struct stage *stage = user;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned table = i % TABLES;
		uint64_t written = atomic_load(&stage->written[table]);
		struct table_floor floor = read_of(stage->floors, (uint16_t)table);

		if (!floor.is_open && floor.lsn < written)
			atomic_fetch_add(&stage->missed, 1);
	}
	return NULL;
}

TEST("no reader is told less than what was answered to a writer")
{
	struct stage stage = {.floors = table_floors_new("db")};
	pthread_t threads[WRITERS + 1];

	for (unsigned i = 0; i <= WRITERS; i++)
		expect_int(pthread_create(&threads[i], NULL, i < WRITERS ? writer : reader, &stage), 0);
	for (unsigned i = 0; i <= WRITERS; i++)
		pthread_join(threads[i], NULL);

	expect_int(atomic_load(&stage.missed), 0);
	for (uint16_t i = 0; i < TABLES; i++)
		expect_false(read_of(stage.floors, i).is_open);
	table_floors_unref(stage.floors);
}
