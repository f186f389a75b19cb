/*
 * What texts do to a session: by their statements, by their words, by the names of
 * the database; and that texts of one shape do the same.
 */
#include "route/verdict.h"

#include "test.h"

#define NOTHING 0
#define SETTINGS EFFECT_settings
#define RESETS EFFECT_resets
#define UNKNOWN EFFECTS_UNKNOWN
#define TEMPORARY EFFECT_temporary
#define FILLS EFFECT_fills

static struct catalog_facts *
facts_without_effects(void)
{
	struct catalog_facts *facts = facts_new(1);
	struct effect_graph *graph = effect_graph_new();

	facts_take_effects(facts, &graph);
	return facts;
}

static struct route_context
context_with(const struct catalog_facts *facts)
{
	return (struct route_context){
	    .facts = facts, .standard_conforming_strings = true, .ascii_safe_encoding = true, .is_utf8 = true, .database_id = 1};
}

static struct verdict
judge_with(const struct catalog_facts *facts, const char *text)
{
	struct route_context ctx = context_with(facts);
	struct verdict verdict;

	route_judge(NULL, &ctx, text, strlen(text), &verdict);
	return verdict;
}

static void
print_effects(const char *what, uint32_t effects)
{
	printf("      %s", what);
	for (unsigned i = 0; i < EFFECT_COUNT; i++) {
		if ((effects & 1u << i) != 0)
			printf(" %s", effect_name((enum effect)(1u << i)));
	}
	printf("\n");
}

struct expectation {
	const char *text;
	uint32_t may;
	uint32_t surely;
};

#define BOTH(effects, text) {text, effects, effects}
#define MAY(effects, text) {text, effects, 0}

static void
expect_effects(const struct expectation *rows, size_t count)
{
	struct catalog_facts *facts = facts_without_effects();

	for (size_t i = 0; i < count; i++) {
		struct verdict verdict = judge_with(facts, rows[i].text);
		bool ok = verdict.effects == rows[i].may && verdict.surely == rows[i].surely;

		if (!ok) {
			printf("    %s\n", rows[i].text);
			print_effects("may", verdict.effects);
			print_effects("surely", verdict.surely);
		}
		expect(ok);
	}
	facts_unref(&facts);
}

static const struct expectation harmless[] = {
    BOTH(NOTHING, "select 1"), BOTH(NOTHING, ""), BOTH(NOTHING, "select * from t where id = $1"), BOTH(NOTHING, "select set, execute, hold, temp, load from t"),
    BOTH(NOTHING, "select 'nextval', 'set_config(1)' /* setseed */ -- pg_advisory_lock"), BOTH(NOTHING, "select $$pg_temp.x$$, $a$currval('x')$a$"),
    BOTH(NOTHING, "update t set a = 1"), BOTH(NOTHING, "update t set settings = 'x', role = 2 where session = 3"), BOTH(NOTHING, "delete from t"),
    BOTH(NOTHING, "begin"), BOTH(NOTHING, "commit"), BOTH(NOTHING, "rollback and chain"), BOTH(NOTHING, "savepoint a"), BOTH(NOTHING, "release a"), BOTH(NOTHING, "rollback to a"),
    BOTH(NOTHING, "prepare transaction 'x'"), BOTH(NOTHING, "begin; select 1; commit"), BOTH(NOTHING, "show search_path"), BOTH(NOTHING, "show all"), BOTH(EFFECT_looks_lsn, "show pgweir.last_lsn"), BOTH(EFFECT_looks_lsn, "SHOW pgweir . LAST_LSN"),
    BOTH(NOTHING, "set local work_mem = 1"), BOTH(NOTHING, "set local a.b = 'c'"), BOTH(NOTHING, "set local role x"), BOTH(NOTHING, "set transaction read only"),
    BOTH(NOTHING, "set transaction_isolation = 'serializable'"), BOTH(NOTHING, "set transaction snapshot '1-1-1'"), BOTH(NOTHING, "set constraints all deferred"),
    BOTH(NOTHING, "declare c cursor for select 1"), BOTH(NOTHING, "declare c cursor without hold for select 1"), BOTH(NOTHING, "fetch all from c"), BOTH(NOTHING, "move 5 in c"),
    BOTH(NOTHING, "close c"), BOTH(NOTHING, "copy t to stdout"), BOTH(NOTHING, "copy (select 1) to stdout"), BOTH(NOTHING, "lock table t"), BOTH(NOTHING, "vacuum"), BOTH(NOTHING, "analyze t"),
    BOTH(NOTHING, "explain select 1"), BOTH(NOTHING, "explain analyze delete from t"), BOTH(NOTHING, "truncate t"), BOTH(NOTHING, "drop table t"), BOTH(NOTHING, "create index on t (a)"),
    BOTH(NOTHING, "create role r"), BOTH(NOTHING, "alter role r nologin"), BOTH(NOTHING, "drop role r"), BOTH(NOTHING, "grant select on t to r"), BOTH(NOTHING, "comment on table t is 'x'"),
    BOTH(NOTHING, "create schema s"), BOTH(NOTHING, "alter system set work_mem = 1"), BOTH(NOTHING, "checkpoint"), BOTH(NOTHING, "reindex table t"), BOTH(NOTHING, "alter database d connection limit 5"),
    BOTH(NOTHING, "refresh materialized view m"), BOTH(NOTHING, "alter view v rename to w"), BOTH(NOTHING, "drop function f()"), BOTH(NOTHING, "call p(1)"), BOTH(NOTHING, "select f(1)"),
    BOTH(NOTHING, "select set_config('a.b', 'c', true)"), BOTH(NOTHING, "select pg_catalog.set_config('a.b', $1, TRUE), 1"), BOTH(NOTHING, "select set_config('role', coalesce($1, (select 'x')), true)"),
    BOTH(NOTHING, "select pg_advisory_xact_lock(1)"), BOTH(NOTHING, "select pg_try_advisory_xact_lock_shared(1, 2)"), BOTH(NOTHING, "select current_setting('a.b', true)"),
    BOTH(NOTHING, "selec 1"), BOTH(NOTHING, "select 1 where ("), BOTH(NOTHING, "truncate t restart identity"), BOTH(NOTHING, "select * from t for update"), BOTH(NOTHING, "select random(), pg_backend_pid()"),
};

TEST("what touches no session has no effects")
{
	expect_effects(harmless, array_length(harmless));
}

static const struct expectation commands[] = {
    BOTH(SETTINGS, "set a.b = 'c'"), BOTH(SETTINGS, "set search_path to a, b"), BOTH(SETTINGS, "SET SESSION work_mem = '1MB'"), BOTH(SETTINGS, "set time zone 'UTC'"), BOTH(SETTINGS, "set names 'utf8'"),
    BOTH(SETTINGS, "set role x"), BOTH(SETTINGS, "set role none"), BOTH(SETTINGS, "set session authorization x"), BOTH(SETTINGS, "set schema 'x'"), BOTH(SETTINGS, "set xml option document"),
    BOTH(SETTINGS, "set session characteristics as transaction read only"), BOTH(SETTINGS, "set timezone from current"), BOTH(SETTINGS | RESETS, "set a.b to default"),
    BOTH(SETTINGS | RESETS, "set time zone default"), BOTH(SETTINGS | RESETS, "reset all"), BOTH(SETTINGS | RESETS, "reset search_path"), BOTH(SETTINGS | RESETS, "reset session authorization"),
    BOTH(SETTINGS | RESETS, "reset role"), BOTH(RESETS, "set local a.b to default"), {"set seed = 0.5", SETTINGS | EFFECT_seeds, EFFECT_seeds}, BOTH(EFFECT_seeds, "set local seed = 0.5"),
    BOTH(SETTINGS, "begin; set a.b = 1; commit"), BOTH(SETTINGS, "select 1; set a.b = 1"), BOTH(EFFECT_defaults, "alter role r set a.b = 1"), BOTH(EFFECT_defaults, "alter user r in database d set a.b = 1"),
    BOTH(EFFECT_defaults, "alter role all reset all"), BOTH(EFFECT_defaults, "alter database d set work_mem = 1"), BOTH(EFFECT_prepares, "prepare p as select 1"), BOTH(EFFECT_prepares, "prepare p (int) as select $1"),
    {"execute p", EFFECT_executes | UNKNOWN, EFFECT_executes}, {"execute p(1)", EFFECT_executes | UNKNOWN, EFFECT_executes}, {"explain execute p", EFFECT_executes | UNKNOWN, EFFECT_executes},
    {"explain analyze execute p", EFFECT_executes | UNKNOWN, EFFECT_executes}, {"create table x as execute p", EFFECT_executes | UNKNOWN, EFFECT_executes},
    {"create temp table x as execute p", EFFECT_executes | UNKNOWN, EFFECT_executes | TEMPORARY}, {"explain analyze create temp table x as execute p", EFFECT_executes | UNKNOWN, EFFECT_executes | TEMPORARY},
    {"explain create temp table x as execute p", EFFECT_executes | UNKNOWN, EFFECT_executes}, {"select 1; execute p; select 2", EFFECT_executes | UNKNOWN, EFFECT_executes},
    BOTH(EFFECT_deallocates, "deallocate p"), BOTH(EFFECT_deallocates, "deallocate prepare all"), BOTH(EFFECT_discards | SETTINGS | RESETS, "discard all"), BOTH(EFFECT_discards, "discard temp"),
    BOTH(EFFECT_discards, "discard plans"), BOTH(EFFECT_discards, "discard sequences"), BOTH(EFFECT_listens, "listen a"), BOTH(EFFECT_listens, "unlisten *"), BOTH(EFFECT_listens, "unlisten a"),
    BOTH(EFFECT_notifies, "notify a"), BOTH(EFFECT_notifies, "notify a, 'b'"), BOTH(EFFECT_notifies, "select pg_notify('a', 'b')"), BOTH(EFFECT_listens | EFFECT_notifies, "listen a; notify a"),
    BOTH(TEMPORARY, "create temp table t (a int)"), BOTH(TEMPORARY, "create local temporary table t (a int) on commit drop"), BOTH(TEMPORARY, "create table pg_temp.t (a int)"),
    BOTH(TEMPORARY, "create temp table t as select 1"), BOTH(TEMPORARY, "create temp view v as select 1"), BOTH(TEMPORARY, "create or replace temporary view v as select 1"),
    BOTH(TEMPORARY, "create temp sequence s"), BOTH(TEMPORARY, "select 1 into temp t"), BOTH(TEMPORARY, "select 1 into temporary table t union select 2"), BOTH(TEMPORARY, "create temp table t (like u)"),
    {"create function pg_temp.f() returns int language sql as 'select 1'", UNKNOWN, TEMPORARY}, {"create type pg_temp.x as enum ('a')", TEMPORARY, TEMPORARY}, BOTH(TEMPORARY, "create type pg_temp.x as (a int)"),
    MAY(EFFECT_looks_lsn, "select current_setting('pgweir.last_lsn')"), MAY(EFFECT_looks_lsn, "select 1 where pg_catalog.Current_Setting('PGWEIR.last_lsn', true) <> ''"),
    {"create domain pg_temp.d as int", UNKNOWN, TEMPORARY}, MAY(TEMPORARY, "create table t (a int)"), MAY(TEMPORARY, "create table t as select 1"), MAY(TEMPORARY, "create view v as select 1"),
    MAY(TEMPORARY, "create sequence s"), MAY(TEMPORARY, "select 1 into t"), MAY(TEMPORARY, "create type x as enum ('a')"), MAY(TEMPORARY, "select * from pg_temp.t"), MAY(TEMPORARY, "select pg_temp.f()"),
    MAY(TEMPORARY, "create schema s create table t (a int)"), BOTH(NOTHING, "create schema s authorization r"), MAY(TEMPORARY, "create unlogged table t (a int)"), MAY(TEMPORARY, "explain create temp table t as select 1"),
    BOTH(TEMPORARY, "explain (analyze) create temp table t as select 1"), BOTH(EFFECT_holds, "declare c cursor with hold for select 1"), BOTH(EFFECT_holds, "declare c scroll cursor with hold for select 1"),
    BOTH(EFFECT_loads, "load 'x'"), BOTH(EFFECT_databases, "create database d"), BOTH(EFFECT_databases, "drop database if exists d with (force)"), BOTH(EFFECT_databases, "alter database d rename to e"),
    BOTH(EFFECT_databases, "alter database d set tablespace x"), BOTH(FILLS, "insert into t values (1)"), BOTH(FILLS, "insert into t default values returning id"), BOTH(FILLS, "copy t from stdin"),
    BOTH(FILLS, "copy t from '/x'"), BOTH(FILLS, "merge into t using u on t.id = u.id when not matched then insert values (1)"), MAY(FILLS, "with x as (insert into t values (1) returning id) select * from x"),
    MAY(FILLS, "with x as (insert into t values (1)) update u set a = 1"), MAY(FILLS, "explain insert into t values (1)"), BOTH(FILLS, "explain analyze insert into t values (1)"), MAY(FILLS, "update t set a = default"),
    MAY(FILLS, "alter table t add b serial"), MAY(UNKNOWN, "do language plperl $$ 1 $$"), MAY(UNKNOWN, "do $$ begin execute 'x'; end $$ language plpython3u"), MAY(UNKNOWN, "create extension e"),
    MAY(UNKNOWN, "create function f() returns int language sql as 'select 1'"), MAY(UNKNOWN, "create trigger x before insert on t execute function f()"), MAY(UNKNOWN, "create rule r as on insert to t do instead nothing"),
    MAY(UNKNOWN, "create procedure p() language sql as 'select 1'"), MAY(UNKNOWN, "create cast (a as b) with function f(a)"), MAY(UNKNOWN, "create operator === (function = f)"), MAY(UNKNOWN, "create policy p on t"),
};

TEST("each statement has the effects of its kind, at any depth, and a text those of all its statements")
{
	expect_effects(commands, array_length(commands));
}

static const struct expectation names[] = {
    BOTH(SETTINGS, "select set_config('a.b', 'c', false)"), BOTH(SETTINGS, "select SET_CONFIG('a.b', 'c', $1)"), BOTH(SETTINGS, "select \"set_config\"('a.b', 'c', false)"),
    BOTH(SETTINGS, "select pg_catalog.set_config($1, $2, $3)"), BOTH(SETTINGS | FILLS, "insert into t select 1 where set_config('a', 'b', false) = 'b'"), BOTH(SETTINGS, "select set_config('a.b', 'c', 'true')"),
    BOTH(SETTINGS, "select set_config('a.b', 'c', not true)"), BOTH(SETTINGS, "select set_config('a.b', 'c', true and false)"), BOTH(SETTINGS, "select set_config('a.b', set_config('c.d', 'e', true), false)"),
    BOTH(SETTINGS, "select set_config('c.d', set_config('a.b', 'c', false), true)"), BOTH(SETTINGS, "select set_config('c.d', 'e', is_local => true)"), {"select set_config(is_local => false, setting_name => 'x', new_value => 'y')", SETTINGS | EFFECT_hides, SETTINGS},
    {"select set_config('a.' || 'b', 'c', false)", SETTINGS | EFFECT_hides, SETTINGS}, BOTH(SETTINGS, "select set_config($1::text, $2, false)"), {"select set_config($1 || 'b', 'c', false)", SETTINGS | EFFECT_hides, SETTINGS},
    MAY(UNKNOWN | EFFECT_executes | EFFECT_hides, "do $$ begin execute 'set our' || '.own = 1'; end $$"), MAY(UNKNOWN | EFFECT_executes, "do $$ begin execute 'set our.own = 1'; execute 'update t set a = 1'; execute 'set local ' || x; end $$"),
    MAY(UNKNOWN | EFFECT_executes | EFFECT_hides, "do $$ begin execute 'select set_config(''a.b'', ''c'', false)'; end $$"), MAY(UNKNOWN | EFFECT_executes, "do $$ begin execute 'set role ' || x; end $$"),
    MAY(UNKNOWN | EFFECT_executes | EFFECT_seeds, "do $$ begin execute 'select setseed(0.5)'; end $$"), MAY(UNKNOWN | EFFECT_executes | EFFECT_loads, "do $a$ begin execute $$load 'x'$$; end $a$"),
    MAY(NOTHING, "do $$ begin load := 5; raise notice 'set '; end $$"), MAY(EFFECT_loads, "do $$ begin load 'x'; end $$"),
    {"select set_config('seed', '0.1', false)", SETTINGS | EFFECT_seeds, SETTINGS}, {"update pg_settings set setting = 'x' where name = 'y'", SETTINGS | RESETS, RESETS},
    BOTH(EFFECT_seeds, "select setseed(0.5)"), BOTH(EFFECT_draws, "select nextval('s')"), BOTH(EFFECT_draws, "select setval('s', 1)"), BOTH(EFFECT_draws | FILLS, "insert into t values (nextval('s'))"),
    BOTH(EFFECT_draws, "update t set a = nextval('s')"), BOTH(EFFECT_draws, "select * from nextval('s') n"), MAY(EFFECT_draws, "select ('s'::regclass).nextval"), MAY(EFFECT_draws, "select t.nextval from t"),
    BOTH(EFFECT_asks_sequence, "select currval('s')"), BOTH(EFFECT_asks_sequence, "select lastval()"), BOTH(EFFECT_asks_sequence, "select pg_catalog.lastval()"), MAY(EFFECT_asks_sequence, "select app.lastval()"),
    BOTH(EFFECT_advisory, "select pg_advisory_lock(1)"), BOTH(EFFECT_advisory, "select pg_try_advisory_lock_shared(1, 2)"), BOTH(EFFECT_advisory, "select (select pg_catalog . pg_advisory_lock /* x */ (hashtext('a')))"),
    BOTH(EFFECT_advisory, "call p(pg_try_advisory_lock(1))"), MAY(EFFECT_advisory, "select pg_advisory_unlock(1)"), MAY(EFFECT_advisory, "select pg_advisory_unlock_all()"),
    MAY(EFFECT_advisory | TEMPORARY, "create view v as select pg_advisory_lock(1)"), {"prepare p as select pg_advisory_lock(1)", EFFECT_advisory | EFFECT_prepares, EFFECT_prepares},
    MAY(EFFECT_advisory, "explain select pg_advisory_lock(1)"), BOTH(EFFECT_advisory, "explain analyze select pg_advisory_lock(1)"), BOTH(EFFECT_advisory, "copy (select pg_advisory_lock(1)) to stdout"),
    BOTH(EFFECT_looks_prepared, "select * from pg_prepared_statements"), BOTH(EFFECT_looks_prepared, "table pg_catalog.pg_prepared_statements"), BOTH(EFFECT_looks_prepared, "select * from pg_prepared_statement()"),
    BOTH(EFFECT_looks_channels, "select pg_listening_channels()"), BOTH(EFFECT_looks_channels, "select * from pg_listening_channels() c"), BOTH(EFFECT_looks_cursors, "select name from pg_cursors"),
    BOTH(EFFECT_looks_cursors, "select * from pg_cursor()"), BOTH(RESETS, "select name, reset_val from pg_settings"), MAY(RESETS, "select reset_val from x"),
    MAY(UNKNOWN, "select query_to_xml('select 1', true, true, '')"), MAY(UNKNOWN, "select * from ts_stat('select 1')"), MAY(UNKNOWN, "select table_to_xml('v', true, true, '')"), MAY(UNKNOWN, "select * from crosstab('x') as (a int)"),
    BOTH(EFFECT_draws | EFFECT_asks_sequence, "select nextval('s'); select currval('s')"), MAY(EFFECT_draws, "select app.nextval('s')"), MAY(EFFECTS_ALL, "select u&\"nextv\\0061l\"('s')"),
};

TEST("names of PostgreSQL's own count wherever they stand, and surely where they are called")
{
	expect_effects(names, array_length(names));
}

/* ---- names of settings ----------------------------------------------------------- */

static void
take_setting(void *user, const char *name)
{
	char *told = user;
	size_t length = strlen(told);

	snprintf(told + length, 256 - length, "%s%s", length > 0 ? " " : "", name);
}

static void
expect_settings(const struct catalog_facts *facts, const char *text, const char *expected, bool all)
{
	struct route_context ctx = context_with(facts);
	char told[256] = "";

	if ((route_settings_named(&ctx, text, strlen(text), take_setting, told) == NAMED_ALL) != all || strcmp(told, expected) != 0)
		printf("    %s\n", text);
	told[0] = '\0';
	expect_int(route_settings_named(&ctx, text, strlen(text), take_setting, told) == NAMED_ALL, all);
	expect_text(told, expected);
}

TEST("the settings that a text may change are told by name, or that there may be others")
{
	struct catalog_facts *facts = facts_without_effects();

	expect_settings(facts, "select 1", "", true);
	expect_settings(facts, "set Search_Path to a; select 2; reset work_mem", "search_path work_mem", true);
	expect_settings(facts, "set time zone 'UTC'; set names 'utf8'; set session authorization x; set role y", "timezone client_encoding session_authorization role", true);
	expect_settings(facts, "set session characteristics as transaction read only", "default_transaction_isolation default_transaction_read_only default_transaction_deferrable", true);
	expect_settings(facts, "set local a.b = 1; set transaction read only", "", true);
	expect_settings(facts, "select set_config('a.b', 'c', false), set_config('d', 'e', true), set_config('F', 'g', $1)", "a.b F", true);
	expect_settings(facts, "select set_config($1, 'c', false)", "", false);
	expect_settings(facts, "select set_config('a' || 'b', 'c', false)", "", false);
	expect_settings(facts, "select set_config(e'a', 'c', false)", "a", true);
	expect_settings(facts, "select set_config(e'\\x61', 'c', false)", "", false);
	expect_settings(facts, "reset all", "", false);
	expect_settings(facts, "discard all", "", false);
	expect_settings(facts, "execute p", "", false);
	expect_settings(facts, "update pg_settings set setting = 'x'", "", false);
	expect_settings(facts, "do $$ begin set a.b = 1; perform set_config('c.d', 'e', false); if true then set local x = 1; end if; end $$", "a.b c.d", true);
	expect_settings(facts, "do $$ begin execute 'x'; end $$", "", false);
	expect_settings(facts, "selec; set a.b = 1", "a.b", true);
	facts_unref(&facts);
}

/* ---- names of the database ------------------------------------------------------ */

static void
add_source(struct effect_graph *graph, const char *name, const char *source)
{
	effect_graph_source(graph, name, source, strlen(source));
}

/* As a database's answers would fill it. */
static struct catalog_facts *
facts_with_effects(void)
{
	static const struct { const char *from, *to; } mentions[] = {
	    {"settle", ""}, {"outer_f", ""}, {"trgf", ""}, {"pure", ""}, {"dyn", ""}, {"c_function", "?"}, {"locker", ""}, {"lister", ""}, {"maker", ""}, {"ring_a", ""}, {"ring_b", ""},
	    {"orders", "trgf"}, {"v_orders", "orders"}, {"customers", "orders"}, {"v_cur", "pg_catalog.currval"}, {"v_conf", "pg_catalog.set_config"}, {"plain", "pure"}, {"trigger_only", "settle_local"},
	    {"settle_local", ""}, {"ruled", "pg_catalog.pg_notify"},
	};
	struct catalog_facts *facts = facts_new(3);
	struct effect_graph *graph = effect_graph_new();

	for (size_t i = 0; i < array_length(mentions); i++)
		effect_graph_mention(graph, mentions[i].from, mentions[i].to);
	add_source(graph, "settle", "begin perform set_config('app.tenant', $1, false); if x then set app.two = 1; end if; update t set v = 1; end");
	add_source(graph, "settle_local", "begin perform set_config('app.tenant', $1, true); set local app.x = 1; insert_x := 'set a.b = 1'; end");
	add_source(graph, "outer_f", "select settle(1)");
	add_source(graph, "trgf", "begin new.x := \"outer_f\"(); return new; end");
	add_source(graph, "pure", "select 1 /* settle */ -- execute\n + 'settle'");
	add_source(graph, "dyn", "begin execute 'x'; end");
	add_source(graph, "locker", "select pg_advisory_lock(1)");
	add_source(graph, "lister", "begin <<x>> listen a; end");
	add_source(graph, "maker", "begin create temp table x (a int); end");
	add_source(graph, "ring_a", "select ring_b()");
	add_source(graph, "ring_b", "select ring_a(), setseed(1)");
	facts_take_effects(facts, &graph);
	expect(graph == NULL);
	return facts;
}

TEST("a name of the database does what it calls, through functions, triggers, views and cascades")
{
	static const struct { const char *text; uint32_t may; } rows[] = {
	    {"select settle(1)", SETTINGS}, {"select app.settle(1)", SETTINGS}, {"select SETTLE(1)", SETTINGS}, {"select \"settle\"(1)", SETTINGS}, {"select \"Settle\"(1)", NOTHING}, {"select 'settle'", NOTHING},
	    {"select outer_f()", SETTINGS}, {"insert into orders values (1)", SETTINGS | FILLS}, {"update v_orders set a = 1", SETTINGS}, {"delete from customers", SETTINGS}, {"select pure(1)", NOTHING},
	    {"select * from plain", NOTHING}, {"select dyn(1)", UNKNOWN | EFFECT_executes}, {"select c_function(1)", UNKNOWN}, {"select * from v_cur", EFFECT_asks_sequence}, {"select * from v_conf", SETTINGS | EFFECT_hides},
	    {"select locker()", EFFECT_advisory}, {"select lister()", EFFECT_listens}, {"call maker()", TEMPORARY}, {"select ring_a()", EFFECT_seeds}, {"select ring_b()", EFFECT_seeds}, {"delete from trigger_only", NOTHING},
	    {"insert into ruled values (1)", EFFECT_notifies | FILLS}, {"do $$ begin perform outer_f(); end $$", SETTINGS}, {"truncate customers cascade", SETTINGS | UNKNOWN}, {"select t.settle from t", SETTINGS},
	    {"copy orders from stdin", SETTINGS | FILLS}, {"with x as (select outer_f()) select 1", SETTINGS},
	};
	struct catalog_facts *facts = facts_with_effects();

	for (size_t i = 0; i < array_length(rows); i++) {
		struct verdict verdict = judge_with(facts, rows[i].text);

		if (verdict.effects != rows[i].may) {
			printf("    %s\n", rows[i].text);
			print_effects("may", verdict.effects);
		}
		expect_int(verdict.effects, rows[i].may);
		expect_false(verdict.lacks_catalog);
	}
	expect_settings(facts, "insert into orders values (1)", "app.tenant app.two", true);
	expect_settings(facts, "select * from v_conf", "", false);
	expect_settings(facts, "select dyn(1)", "", false);
	facts_unref(&facts);
}

TEST("an operator or a cast that nobody can look into may be in any statement that has expressions, and in no other")
{
	static const struct { const char *text; uint32_t may; } rows[] = {
	    {"select 1 + 1", UNKNOWN}, {"set constraints all immediate", UNKNOWN}, {"fetch all from c", UNKNOWN}, {"begin", NOTHING}, {"set transaction read write", NOTHING},
	    {"set transaction isolation level serializable", NOTHING}, {"set local work_mem = 1", NOTHING}, {"set role x", SETTINGS}, {"show role", NOTHING}, {"listen a", EFFECT_listens},
	};
	struct catalog_facts *facts = facts_new(4);
	struct effect_graph *graph = effect_graph_new();

	effect_graph_mention(graph, FACTS_NAME_ALWAYS, "c_function");
	effect_graph_mention(graph, "c_function", "?");
	facts_take_effects(facts, &graph);
	for (size_t i = 0; i < array_length(rows); i++)
		expect_int(judge_with(facts, rows[i].text).effects, rows[i].may);
	facts_unref(&facts);
}

TEST("without the catalog a call or a relation that nobody knows may do anything, and the verdict says what it lacks")
{
	expect_int(judge_with(NULL, "select f(1)").effects, UNKNOWN);
	expect(judge_with(NULL, "select f(1)").lacks_catalog);
	expect_int(judge_with(NULL, "select count(*), now() from pg_class").effects, NOTHING);
	expect_int(judge_with(NULL, "select count(*), now() from t").effects, UNKNOWN);
	expect(judge_with(NULL, "create table t (a int)").lacks_catalog);
	expect(judge_with(NULL, "select count(*) from t").lacks_catalog);
	expect_false(judge_with(NULL, "select 1").lacks_catalog);
	expect_false(judge_with(NULL, "select pg_backend_pid() from pg_stat_activity").lacks_catalog);
	expect_false(judge_with(NULL, "begin").lacks_catalog);
}

/* ---- texts that cannot be parsed ------------------------------------------------ */

TEST("a text that cannot be parsed has at least the effects of its words")
{
	static const struct { const char *text; uint32_t least; } rows[] = {
	    {"selec; set a.b = 1", SETTINGS}, {"new syntax; listen a", EFFECT_listens}, {"explain (new) execute p", UNKNOWN | EFFECT_executes}, {"create temp frob x", TEMPORARY}, {"create something temporary", TEMPORARY},
	    {"frob; select nextval('s')", EFFECT_draws}, {"drop database x with (new)", EFFECT_databases}, {"alter role x frob set a = 1", EFFECT_defaults}, {"declare c cursor frob with hold for select 1", EFFECT_holds},
	    {"merge frob", FILLS}, {"do frob", UNKNOWN}, {"discard frob", EFFECT_discards | SETTINGS}, {"select json_frob(a from b) from currval('x')", EFFECT_asks_sequence}, {"load frob frob", EFFECT_loads}, {"prepare frob", EFFECT_prepares},
	};
	struct catalog_facts *facts = facts_without_effects();
	char *text = memory_new(200001);

	for (size_t i = 0; i < array_length(rows); i++) {
		uint32_t effects = judge_with(facts, rows[i].text).effects;

		if ((effects & rows[i].least) != rows[i].least)
			printf("    %s\n", rows[i].text);
		expect_int(effects & rows[i].least, rows[i].least);
	}
	memset(text, ' ', 200000);
	memcpy(text, "insert into t values (1)", 24);
	expect_int(judge_with(facts, text).effects, FILLS);
	memcpy(text + 199000, "; select setseed(1)", 19);
	expect_int(judge_with(facts, text).effects, FILLS | EFFECT_seeds);
	free(text);
	facts_unref(&facts);
}

TEST("what is not to be scanned may do anything")
{
	struct route_context ctx = context_with(NULL);
	struct verdict verdict;

	ctx.standard_conforming_strings = false;
	route_judge(NULL, &ctx, "select '\\1'", 11, &verdict);
	expect_int(verdict.effects, EFFECTS_ALL);
	route_judge(NULL, &ctx, "select 1", 8, &verdict);
	expect_int(verdict.effects, NOTHING);
	ctx.standard_conforming_strings = true;
	ctx.ascii_safe_encoding = false;
	route_judge(NULL, &ctx, "select '\x83\x5c'", 11, &verdict);
	expect_int(verdict.effects, EFFECTS_ALL);
	expect_int(verdict.surely, NOTHING);
}

/* ---- texts of one shape --------------------------------------------------------- */

static const char *const pieces[] = {"select ", "1", "'a'", "e'a'", "$$a$$", "$1", "\"x\"", " ", ";", "set_config('a.b', 'c', true)", "set_config('a.b', 'c', false)", "set_config('seed', '1', 't')", "set_config ( 'seed', $1, $2)",
    "set_config(/* x */ 'seed', '1', '0')", "set_config($$seed$$, '1', false)", "set_config(e'seed', '1', false)", "set_config('x', '1', false)", "nextval('s')", "execute p", "do 'begin set a.b = 1; end'", "do 'begin end'", "set a = 'b'",
    "set seed = 1", "explain (analyze 0) ", "explain (analyze 1) ", "create temp table x as ", "into temp y ", "from t ", "insert into t values ('a')", "update t set a = ", "default ", "listen a", "prepare p as ", "settle(1)", "(", ")", ","};

struct seen {
	uint64_t hash[2];
	uint32_t may, surely;
	char text[160];
};

static int
seen_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(((const struct seen *)a)->hash));
}

TEST("two texts of one shape have the same effects, or one of them does not parse")
{
	size_t n = array_length(pieces), count = 0, clashes = 0;
	struct catalog_facts *facts = facts_with_effects();
	struct seen *all = memory_array(n * n * n, sizeof(*all));

	for (size_t i = 0; i < n * n * n; i++) {
		struct seen *one = &all[count];
		struct shape shape;
		struct verdict verdict;

		snprintf(one->text, sizeof(one->text), "%s%s%s%s", i % 2 == 0 ? "select " : "", pieces[i / n / n], pieces[i / n % n], pieces[i % n]);
		shape_scan(one->text, strlen(one->text), &shape);
		memcpy(one->hash, shape.hash, sizeof(one->hash));
		verdict = judge_with(facts, one->text);
		one->may = verdict.effects;
		one->surely = verdict.surely;
		count += verdict.reason != ROUTE_REASON_not_parsed;
	}
	qsort(all, count, sizeof(*all), seen_order);
	for (size_t i = 1; i < count; i++) {
		if (seen_order(&all[i - 1], &all[i]) != 0 || (all[i - 1].may == all[i].may && all[i - 1].surely == all[i].surely))
			continue;
		if (clashes++ < 10)
			printf("    %s\n    %s\n", all[i - 1].text, all[i].text);
	}
	expect_int(clashes, 0);
	expect(count > 1000);
	free(all);
	facts_unref(&facts);
}
