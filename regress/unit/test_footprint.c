/*
 * regress/unit/test_footprint.c - which tables a text writes and reads.
 */
#include "route/footprint.h"

#include "route_rows.h"
#include "test.h"

#include <string.h>

/* A catalog: a partitioned table, a cascade, a view, a trigger, functions. */
static struct catalog_facts *
catalog(void)
{
	static const char *const rows[][4] = {
	    {"w", "app", "part", "parted"}, {"r", "app", "part", "parted"},
	    {"w", "app", "parent", "child"},
	    {"w", "app", "seen", "t1"}, {"r", "app", "seen", "t1"},
	    {"W", "app", "watched", ""},
	    {"R", "app", "asks", ""},
	    {"F", "app", "counted", ""},
	    {"O", "app", "@@@", ""},
	};
	struct catalog_facts *facts = known_facts(7);

	for (size_t i = 0; i < array_length(rows); i++)
		facts_add_footprint(facts, rows[i][0][0], rows[i][1], rows[i][2], rows[i][3]);
	facts_complete_footprints(facts);
	return facts;
}

static struct footprint
footprint_in(struct catalog_facts *facts, const char *text)
{
	struct route_context ctx = plain_context(facts);
	struct verdict verdict;

	route_judge(NULL, &ctx, text, strlen(text), &verdict);
	return verdict.footprint;
}

static struct footprint
footprint_of(const char *text)
{
	struct catalog_facts *facts = catalog();
	struct footprint f = footprint_in(facts, text);

	facts_unref(&facts);
	return f;
}

static bool
has(const uint16_t *slots, unsigned count, const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (slots[i] == footprint_slot(name))
			return true;
	return false;
}

static bool
writes(const struct footprint *f, const char *name)
{
	return f->writes_any || has(f->written, f->writes, name);
}

static bool
reads(const struct footprint *f, const char *name)
{
	return f->reads_any || has(f->read, f->reads, name);
}

TEST("what a statement writes and reads is what it names")
{
	struct footprint f = footprint_of("insert into t1 select * from t2 join app.t3 using (id) where x in (select y from t4)");

	expect_false(f.writes_any || f.reads_any);
	expect_int(f.writes, 1);
	expect(writes(&f, "t1"));
	expect(reads(&f, "t2") && reads(&f, "t3") && reads(&f, "t4"));
	expect_false(reads(&f, "t1"));
}

TEST("a write is found wherever it hides")
{
	static const char *const texts[] = {"update t1 set x = 1", "delete from t1 using t2", "with a as (delete from t1 returning *) select * from a",
	    "merge into t1 using t2 on t1.a = t2.a when matched then delete", "copy t1 from stdin", "select 1; insert into t1 values (1)",
	    "insert into t2 select * from t3 returning (select 1); update t1 set x = 2", "explain analyze insert into t1 values (1)",
	    "with a as (insert into t1 values (1)) insert into t2 values (1)", "insert into t1 values (1) on conflict (id) do update set x = 1"};

	for (size_t i = 0; i < array_length(texts); i++) {
		struct footprint f = footprint_of(texts[i]);

		expect_false(f.writes_any);
		expect(writes(&f, "t1"));
	}
}

TEST("what the catalog ties to a table is written and read with it")
{
	struct footprint f = footprint_of("insert into app.part values (1)");

	expect(writes(&f, "parted"));
	f = footprint_of("select * from part");
	expect(reads(&f, "parted"));
	f = footprint_of("delete from parent");
	expect(writes(&f, "child") && writes(&f, "parent"));
	f = footprint_of("select * from seen");
	expect(reads(&f, "t1"));
	f = footprint_of("select * from other.part");
	expect_false(reads(&f, "parted"));
}

TEST("what cannot be followed writes any table")
{
	static const char *const texts[] = {"insert into watched values (1)", "select app.audit('x')", "insert into t1 select app.total(1)",
	    "do 'begin end'", "call p()", "truncate t1", "create table x (n int)", "drop table x", "execute q", "refresh materialized view v",
	    "commit prepared 'x'", "this is no sql", "select 1 into t9", "create table x as select 1", "vacuum", "alter table t1 add x int",
	    "explain analyze execute q", "select lo_put(1, 0, '')", "import foreign schema a from server b into c"};

	for (size_t i = 0; i < array_length(texts); i++) {
		struct footprint f = footprint_of(texts[i]);

		test_expect(f.writes_any, texts[i], __FILE__, __LINE__);
	}
}

TEST("what changes no table writes none")
{
	static const char *const texts[] = {"begin", "commit", "rollback", "savepoint a", "set work_mem = 1", "show all", "listen a", "notify a",
	    "select nextval('s')", "select set_config('a.b', 'c', false)", "select pg_advisory_lock(1)", "select * from t1 for update",
	    "select * from pg_locks", "prepare q as insert into t1 values (1)", "deallocate all", "discard all", "fetch c", "close c",
	    "declare c cursor for select * from t1", "copy t1 to stdout", "lock t1", "select pg_backend_pid()", ""};

	for (size_t i = 0; i < array_length(texts); i++) {
		struct footprint f = footprint_of(texts[i]);

		test_expect(!f.writes_any && f.writes == 0, texts[i], __FILE__, __LINE__);
	}
}

TEST("functions and operators of the database, and what begins, read any table")
{
	static const char *const texts[] = {"select app.counted()", "select counted()", "select t.counted from t1 t", "select (t).counted from t1 t",
	    "select 1 operator(app.@@@) 2", "select * from asks", "begin read only", "select * from a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17"};

	for (size_t i = 0; i < array_length(texts); i++) {
		struct footprint f = footprint_of(texts[i]);

		test_expect(f.reads_any, texts[i], __FILE__, __LINE__);
	}
}

TEST("without a catalog every table may be meant")
{
	struct catalog_facts *facts = known_facts(7);
	struct footprint f = footprint_in(facts, "insert into t1 values (1)");

	expect(f.writes_any);
	f = footprint_in(facts, "select * from t1");
	expect(f.reads_any);
	facts_unref(&facts);
	f = footprint_in(NULL, "insert into t1 values (1)");
	expect(f.writes_any);
}

/* Relations 1 to 20 of a chain: each one's rows go with those of the one before. */
static struct catalog_facts *
chain(void)
{
	struct catalog_facts *facts = known_facts(8);
	char name[16], oids[32], from[16], to[16];

	for (unsigned i = 1; i <= 20; i++) {
		snprintf(name, sizeof(name), "link%u", i);
		snprintf(oids, sizeof(oids), "%u %u", i, i);
		snprintf(from, sizeof(from), "%u", i);
		snprintf(to, sizeof(to), "%u", i + 1);
		facts_add_footprint(facts, 'n', "app", name, oids);
		if (i < 20)
			facts_add_footprint(facts, 'x', from, to, "");
	}
	return facts;
}

TEST("single steps lead on: through views, cascades and the tops of trees")
{
	static const char *const rows[][4] = {
	    {"n", "app", "leaf", "30 31"}, {"n", "app", "whole", "31 31"}, {"n", "app", "over", "32 32"}, {"n", "app", "after", "33 33"},
	    {"e", "32", "31", ""}, {"x", "31", "33", ""}, {"q", "33", "", ""},
	};
	struct catalog_facts *facts = known_facts(9);
	struct footprint read, write;

	for (size_t i = 0; i < array_length(rows); i++)
		facts_add_footprint(facts, rows[i][0][0], rows[i][1], rows[i][2], rows[i][3]);
	facts_complete_footprints(facts);
	read = footprint_in(facts, "select * from over");
	write = footprint_in(facts, "insert into leaf values (1)");

	expect(!read.reads_any && read.reads <= 2 && has(read.read, read.reads, "over") && has(read.read, read.reads, "whole"));
	expect(!write.writes_any && write.writes <= 3 && has(write.written, write.writes, "whole") && has(write.written, write.writes, "after"));
	expect(footprint_in(facts, "select * from after").reads_any);
	facts_unref(&facts);
}

TEST("what leads to more tables than there is room for may change any")
{
	struct catalog_facts *facts = chain();
	struct footprint first, last;

	facts_complete_footprints(facts);
	first = footprint_in(facts, "delete from link1");
	last = footprint_in(facts, "delete from link18");

	expect(first.writes_any);
	expect(!last.writes_any && last.writes <= 3 && has(last.written, last.writes, "link20"));
	facts_unref(&facts);
}
