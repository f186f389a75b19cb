/*
 * Where statements go: the law of the split, statement by statement, and what no
 * text may do to the process.
 */
#include "route/verdict.h"

#include "route_rows.h"
#include "test.h"

#include <pthread.h>

struct expectation {
	const char *text;
	enum target target;
	enum route_reason reason;
};

#define READ(text) {text, TARGET_REPLICA, ROUTE_REASON_plain_read}
#define PRIMARY(reason, text) {text, TARGET_PRIMARY, ROUTE_REASON_##reason}
#define FOLLOW(reason, text) {text, TARGET_FOLLOW, ROUTE_REASON_##reason}

/* Judges with facts, once without a cache and twice with one; all must agree. */
static struct verdict
judge(const char *text)
{
	struct catalog_facts *facts = known_facts(7);
	struct route_context ctx = plain_context(facts);
	struct verdict_cache *cache = verdict_cache_new(16);
	struct verdict first, again;

	route_judge(NULL, &ctx, text, strlen(text), &first);
	for (int i = 0; i < 2; i++) {
		route_judge(cache, &ctx, text, strlen(text), &again);
		expect_int(again.target, first.target);
		expect_int(again.reason, first.reason);
		expect_int(again.kind, first.kind);
	}
	verdict_cache_free(&cache);
	facts_unref(&facts);
	return first;
}

static struct verdict
judge_in(const struct route_context *ctx, const char *text)
{
	struct verdict verdict;

	route_judge(NULL, ctx, text, strlen(text), &verdict);
	return verdict;
}

static void
expect_all(const struct expectation *rows, size_t count)
{
	struct catalog_facts *facts = known_facts(7);
	struct route_context ctx = plain_context(facts);
	struct verdict_cache *cache = verdict_cache_new(4096);

	for (size_t round = 0; round < 2 * count; round++) {
		const struct expectation *row = &rows[round % count];
		struct verdict verdict;

		route_judge(cache, &ctx, row->text, strlen(row->text), &verdict);
		if (verdict.target != row->target || verdict.reason != row->reason)
			printf("    %s\n      went to %d by %s (%s), expected %d by %s\n", row->text, verdict.target,
			    route_reason_name(verdict.reason), verdict.name, row->target, route_reason_name(row->reason));
		expect(verdict.target == row->target && verdict.reason == row->reason);
		if (row->reason != ROUTE_REASON_hint_primary)
			expect_int(verdict.is_proven, row->target == TARGET_REPLICA);
	}
	verdict_cache_free(&cache);
	facts_unref(&facts);
}

static const struct expectation reads[] = {
    READ("select 1"), READ("SELECT 1;"), READ("select"), READ("values (1), (2)"), READ("table app.plain"),
    READ("select * from t where id = $1"), READ("(select 1)"), READ("((select 1) union (select 2)) order by 1"),
    READ("select now(), current_date, current_timestamp, localtime, current_user, session_user, current_catalog"),
    READ("select count(*), sum(x), avg(y) over (partition by z order by w rows between 1 preceding and current row) from t"),
    READ("select a, b from t join u using (id) left join v on v.id = u.id where t.a like 'x%' order by b desc nulls last limit 10 offset 5"),
    READ("select a from t group by grouping sets ((a), (b, c), ()) having count(*) > 1"),
    READ("select a from t group by cube (a, b), rollup (c)"), READ("select grouping(a) from t group by a"),
    READ("select distinct on (a) a, b from t order by a, b"), READ("select all a from t"),
    READ("with x as (select 1 as a) select * from x"),
    READ("with recursive x(n) as (select 1 union all select n + 1 from x where n < 10) select sum(n) from x"),
    READ("with recursive x as (select 1 as n union all select n from x) cycle n set c to true default false using p select * from x"),
    READ("with recursive x as (select 1 as n union all select n from x) search depth first by n set o select * from x"),
    READ("select * from (select 1) s"), READ("select * from t, lateral (select t.id) s"),
    READ("select exists (select 1 from t), a in (select b from u), a = any (select c from v), array(select 1) from w"),
    READ("select case when a > 1 then 'x' else 'y' end, case a when 1 then 2 end, coalesce(a, b), nullif(a, b), greatest(a, b), least(a, b) from t"),
    READ("select a is null, b is not true, c is distinct from d, e between 1 and 2, f not between symmetric 1 and 2, g in (1, 2, 3) from t"),
    READ("select a::int, cast(b as text), '2020-01-01'::date, interval '1 day', timestamp with time zone '2020-01-01 00:00+00', c::numeric(10, 2) from t"),
    READ("select date '2020-01-01', float8 '1.5', int '3', b'101', x'1f', n'abc', e'a\\nb', $$x$$, $t$y$t$"),
    READ("select row(1, 2), (1, 2) < (3, 4), (array[1, 2])[1], (array[1, 2])[1:2], (t).a, (t).* from t"),
    READ("select a->'b'->>'c', d #> '{x}', e @> '{}', f ? 'k', g ?| array['k'] from t"),
    READ("select a ~ 'x', b !~* 'y', c ilike 'z', d similar to 'w', e not like 'v' escape '#' from t"),
    READ("select extract(year from a), substring(b from 1 for 2), position('a' in b), overlay(c placing 'x' from 1), trim(both 'x' from d), a at time zone 'UTC' from t"),
    READ("select string_agg(a, ',' order by b) filter (where c), percentile_cont(0.5) within group (order by d) from t"),
    READ("select generate_series(1, 10)"), READ("select * from generate_series(1, 10) with ordinality as g(n, o)"),
    READ("select * from rows from (generate_series(1, 2), unnest(array[1, 2])) as x"),
    READ("select * from json_to_recordset('[]') as x(a int, b text)"), READ("select * from t tablesample system (10) repeatable (1)"),
    READ("select * from t tablesample bernoulli (10)"),
    READ("select xmlelement(name a, xmlattributes(b as c), d), xmlforest(e), xmlparse(content f), xmlserialize(content g as text) from t"),
    READ("select * from xmltable('/a' passing x columns b int path 'b', c for ordinality)"),
    READ("select a collate \"C\" from t"), READ("select a from t order by a collate \"C\" using <"),
    READ("select * from t order by a fetch first 5 rows with ties"), READ("select * from only t"), READ("select * from t *"),
    READ("select a from t union all select b from u except select c from v intersect select d from w"),
    READ("select rank() over w, lag(a) over w from t window w as (partition by b order by c)"),
    READ("select random(), clock_timestamp(), gen_random_uuid(), pg_sleep(0)"),
    READ("select version(), current_schema(), current_database(), pg_size_pretty(pg_table_size('t'))"),
    READ("select has_table_privilege('t', 'select'), to_regclass('t'), format_type(23, null), pg_get_viewdef('v'::regclass)"),
    READ("select c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"),
    READ("select * from information_schema.tables"), READ("select * from information_schema.columns where table_name = 'x'"),
    READ("select typname, oid from pg_type where typname = 'hstore'"), READ("select * from pg_catalog.pg_tables"),
    READ("select * from pg_attribute where attrelid = 't'::regclass"), READ("select * from pg_stats"),
    READ("select * from app.plain"), READ("select id, v from app.plain p where p.id = 3"), READ("select count(p.*) from app.plain p"),
    READ("select app.stable_ok(1)"), READ("select * from app.v_random"), READ("select * from app.v_setting"), READ("select * from app.rls3"),
    READ("select * from app.mv"), READ("select public.gen_random_bytes(8)"), READ("select to_tsvector('english', a) @@ to_tsquery('b') from t"),
    READ("select current_setting('app.tenant')"), READ("select current_setting('app.tenant', true)::int"),
    READ("select current_setting('TimeZone')"), READ("select pg_catalog.current_setting('search_path')"),
    READ("select current_setting('server_version_num')::int"),
    READ("explain select 1"), READ("explain (analyze, buffers) select * from t"), READ("explain analyze select * from t"),
    READ("explain (costs off, format json) select * from t where a = $1"), READ("explain verbose table t"),
    READ("copy t to stdout"), READ("copy t (a, b) to stdout with (format csv, header)"), READ("copy (select * from t where a > 1) to stdout"),
    READ("copy (values (1)) to stdout binary"),
    READ("select 1; select 2"), READ("select 1;; select 2;"), READ("select 1 /* update t */ -- delete"),
    READ("select 'insert into t', \"update\" from t"), READ("select \"nextval\" from t"), READ("select t.\"select\" from t"),
    {"begin read only; select 1; commit", TARGET_REPLICA, ROUTE_REASON_read_only_transaction},
    {"start transaction read only; select 1; savepoint a; select 2; rollback", TARGET_REPLICA, ROUTE_REASON_read_only_transaction},
    READ("select u&'d\\0061t' uescape '!'"), READ("select 1 as \"a\"\"b\""), READ("select jsonb_build_object('a', 1)"),
    READ("select max(id) from t"), READ("select to_char(now(), 'YYYY')"), READ("select md5('x'), sha256('x'), encode('x', 'hex')"),
    READ("select pg_column_size(a), octet_length(b) from t"), READ("select * from unnest($1::int[], $2::text[]) as u(a, b)"),
    READ("select not true and false or null"), READ("select -1, +2, 2 ^ 3, 5 % 2, |/ 4, @ -1"), READ("select 1 where 1 <> all (array[2, 3])"),
};

TEST("plain reads go to a replica")
{
	expect_all(reads, array_length(reads));
}

static const struct expectation writes[] = {
    PRIMARY(writes, "insert into t values (1)"), PRIMARY(writes, "INSERT INTO t DEFAULT VALUES"), PRIMARY(writes, "insert into t select * from u returning id"),
    PRIMARY(writes, "insert into t values (1) on conflict (id) do update set a = excluded.a"), PRIMARY(writes, "update t set a = 1 where id = 2"),
    PRIMARY(writes, "delete from t using u where t.id = u.id"), PRIMARY(writes, "merge into t using u on t.id = u.id when matched then delete"),
    PRIMARY(writes, "with x as (insert into t values (1) returning id) select * from x"),
    PRIMARY(writes, "with x as (update t set a = 1 returning id) select 1"), PRIMARY(writes, "with x as (delete from t returning id) select * from x"),
    PRIMARY(writes, "select * from (with x as (delete from t returning id) select * from x) s"),
    PRIMARY(writes, "with y as (with x as (delete from t returning id) select * from x) select 1 where exists (table y)"),
    PRIMARY(writes, "with x as (select 1) insert into t select * from x"), PRIMARY(writes, "with x as (select 1) update t set a = 1"),
    PRIMARY(writes, "select * into u from t"), PRIMARY(writes, "select 1 into table u union select 2"), PRIMARY(writes, "select 1 into unlogged u"),
    PRIMARY(session_object, "select 1 into temp u"), PRIMARY(session_object, "select * into temporary table u from t"),
    PRIMARY(writes, "explain insert into t values (1)"), PRIMARY(writes, "explain analyze delete from t"), PRIMARY(writes, "explain (analyze 1) update t set a = 1"),
    PRIMARY(writes, "copy (insert into t values (1) returning id) to stdout"), PRIMARY(writes, "copy (delete from t returning *) to stdout"),
    PRIMARY(locks_rows, "select * from t for update"), PRIMARY(locks_rows, "select * from t for no key update skip locked"),
    PRIMARY(locks_rows, "select * from t for share nowait"), PRIMARY(locks_rows, "select * from t for key share of t"),
    PRIMARY(locks_rows, "select * from (select * from t for update) s"), PRIMARY(locks_rows, "select exists (select 1 from t for share)"),
    PRIMARY(locks_rows, "with x as (select * from t for update) select * from x"), PRIMARY(locks_rows, "copy (select * from t for update) to stdout"),
    PRIMARY(locks_rows, "explain select * from t for update"), PRIMARY(locks_rows, "select 1 union (select 2 for update)"),
    PRIMARY(copy_from, "copy t from stdin"), PRIMARY(copy_from, "COPY t (a) FROM STDIN WITH (FORMAT csv)"), PRIMARY(copy_file, "copy t from '/tmp/x'"),
    PRIMARY(copy_file, "copy t to '/tmp/x'"), PRIMARY(copy_file, "copy t to program 'cat'"), PRIMARY(copy_file, "copy (select 1) to '/tmp/x'"),
    PRIMARY(copy_file, "copy t from program 'cat'"),
};

TEST("whatever writes or locks rows goes to the primary, however deep it stands")
{
	expect_all(writes, array_length(writes));
}

static const struct expectation names[] = {
    PRIMARY(unsafe_function, "select nextval('s')"), PRIMARY(unsafe_function, "select pg_catalog.nextval('s')"), PRIMARY(unsafe_function, "select NEXTVAL('s')"),
    PRIMARY(unsafe_function, "select \"nextval\"('s')"), PRIMARY(unsafe_function, "select u&\"n\\0065xtval\"('s')"), PRIMARY(unsafe_function, "select currval('s')"),
    PRIMARY(unsafe_function, "select lastval()"), PRIMARY(unsafe_function, "select setval('s', 1)"), PRIMARY(unsafe_function, "select set_config('a.b', 'c', false)"),
    PRIMARY(unsafe_function, "select setseed(0.5)"), PRIMARY(unsafe_function, "select txid_current()"), PRIMARY(unsafe_function, "select pg_current_xact_id()"),
    PRIMARY(unsafe_function, "select pg_is_in_recovery()"), PRIMARY(unsafe_function, "select pg_advisory_lock(1)"), PRIMARY(unsafe_function, "select pg_try_advisory_xact_lock(1)"),
    PRIMARY(unsafe_function, "select pg_notify('a', 'b')"), PRIMARY(unsafe_function, "select pg_backend_pid()"), PRIMARY(unsafe_function, "select inet_server_addr()"),
    PRIMARY(unsafe_function, "select pg_export_snapshot()"), PRIMARY(unsafe_function, "select lo_create(0)"), PRIMARY(unsafe_function, "select lo_open(1, 2)"),
    PRIMARY(unsafe_function, "select query_to_xml('delete from t', true, true, '')"), PRIMARY(unsafe_function, "select table_to_xml('t', true, true, '')"),
    PRIMARY(unsafe_function, "select pg_current_wal_lsn()"), PRIMARY(unsafe_function, "select pg_switch_wal()"), PRIMARY(unsafe_function, "select pg_walfile_name('0/1')"),
    PRIMARY(unsafe_function, "select pg_terminate_backend(1)"), PRIMARY(unsafe_function, "select pg_reload_conf()"), PRIMARY(unsafe_function, "select pg_my_temp_schema()"),
    PRIMARY(unsafe_function, "select pg_promote()"), PRIMARY(unsafe_function, "select pg_database_size('x')"), PRIMARY(unsafe_function, "select pg_stat_get_numscans(1)"),
    PRIMARY(unsafe_function, "select 1 from t where a = nextval('s')"), PRIMARY(unsafe_function, "select 1 from t order by nextval('s')"),
    PRIMARY(unsafe_function, "select 1 from t group by nextval('s')"), PRIMARY(unsafe_function, "select 1 from t limit nextval('s')"),
    PRIMARY(unsafe_function, "select 1 from t offset nextval('s')"), PRIMARY(unsafe_function, "select 1 from t having nextval('s') > 1"),
    PRIMARY(unsafe_function, "select count(*) filter (where nextval('s') > 1) from t"), PRIMARY(unsafe_function, "select sum(a) over (order by nextval('s')) from t"),
    PRIMARY(unsafe_function, "select sum(a) over (rows nextval('s') preceding) from t"), PRIMARY(unsafe_function, "select sum(a) over w from t window w as (partition by nextval('s'))"),
    PRIMARY(unsafe_function, "select string_agg(a, ',' order by nextval('s')) from t"), PRIMARY(unsafe_function, "select * from nextval('s')"),
    PRIMARY(unsafe_function, "select * from rows from (generate_series(1, 2), nextval('s')) x"), PRIMARY(unsafe_function, "select * from t join u on nextval('s') = 1"),
    PRIMARY(unsafe_function, "select * from t, lateral nextval('s')"), PRIMARY(unsafe_function, "values (1), (nextval('s'))"),
    PRIMARY(unsafe_function, "select case when true then nextval('s') end"), PRIMARY(unsafe_function, "select case nextval('s') when 1 then 2 end"),
    PRIMARY(unsafe_function, "select coalesce(null, nextval('s'))"), PRIMARY(unsafe_function, "select greatest(1, nextval('s'))"), PRIMARY(unsafe_function, "select array[nextval('s')]"),
    PRIMARY(unsafe_function, "select (array[1])[nextval('s')]"), PRIMARY(unsafe_function, "select row(nextval('s'))"), PRIMARY(unsafe_function, "select nextval('s') is null"),
    PRIMARY(unsafe_function, "select (nextval('s') > 1) is true"), PRIMARY(unsafe_function, "select not nextval('s') > 1"), PRIMARY(unsafe_function, "select nextval('s')::text"),
    PRIMARY(unsafe_function, "select nextval('s')::text collate \"C\""), PRIMARY(unsafe_function, "select a in (1, nextval('s')) from t"),
    PRIMARY(unsafe_function, "select a between 1 and nextval('s') from t"), PRIMARY(unsafe_function, "select abs(nextval('s'))"), PRIMARY(unsafe_function, "select make_interval(days => nextval('s')::int)"),
    PRIMARY(unsafe_function, "select concat(variadic array[nextval('s')])"), PRIMARY(unsafe_function, "select distinct on (nextval('s')) a from t"),
    PRIMARY(unsafe_function, "select xmlforest(nextval('s') as a)"), PRIMARY(unsafe_function, "select xmlelement(name a, nextval('s'))"),
    PRIMARY(unsafe_function, "select xmlserialize(content xmlelement(name a, nextval('s')) as text)"),
    PRIMARY(unsafe_function, "select * from xmltable('/a' passing x columns b int path 'b' default nextval('s'))"),
    PRIMARY(unsafe_function, "select * from t tablesample system (nextval('s'))"), PRIMARY(unsafe_function, "select * from t tablesample app.audit (1)"),
    PRIMARY(unsafe_function, "select grouping(nextval('s')) from t group by 1"), PRIMARY(unsafe_function, "select a from t group by rollup (a, nextval('s'))"),
    PRIMARY(unsafe_function, "with recursive x as (select 1 as n union all select nextval('s') from x) select * from x"),
    PRIMARY(unsafe_function, "select nullif(nextval('s'), 1)"), PRIMARY(unsafe_function, "select percentile_cont(0.5) within group (order by nextval('s')) from t"),
    PRIMARY(unsafe_function, "explain select nextval('s')"), PRIMARY(unsafe_function, "copy (select nextval('s')) to stdout"),
    PRIMARY(unsafe_function, "select 1 union select nextval('s')"), PRIMARY(unsafe_function, "select (select (select (select nextval('s'))))"),
    PRIMARY(unsafe_function, "select app.audit(1)"), PRIMARY(unsafe_function, "select audit(1)"), PRIMARY(unsafe_function, "select app.agg_w(id) from app.plain"),
    PRIMARY(unsafe_function, "select app.deflt()"), PRIMARY(unsafe_function, "select app.stable_liar(1)"), PRIMARY(unsafe_function, "select app.new_body(1)"),
    PRIMARY(unsafe_function, "select p.f_row_write from app.plain p"), PRIMARY(unsafe_function, "select p.id, (p).f_row_write from app.plain p"),
    PRIMARY(unsafe_function, "select app.plain.f_row_write from app.plain"), PRIMARY(unsafe_function, "select (1).audit"), PRIMARY(unsafe_function, "select (a + 1).audit from t"),
    PRIMARY(unsafe_function, "select dom_w('5')"), PRIMARY(unsafe_function, "select t.dom_w from t"), PRIMARY(unsafe_function, "select ('x').pg_my_temp_schema"),
    PRIMARY(unsafe_function, "select ('port').current_setting"), PRIMARY(unsafe_function, "select db.app.audit(1)"),
    PRIMARY(unsafe_function, "select pg_temp.f(1)"), PRIMARY(unsafe_type, "select '1'::pg_temp_2.x"),
    PRIMARY(node_setting, "select current_setting('port')"), PRIMARY(node_setting, "select current_setting('transaction_read_only')"),
    PRIMARY(node_setting, "select current_setting('in_hot_standby')"), PRIMARY(node_setting, "select current_setting($1)"), PRIMARY(node_setting, "select current_setting('po' || 'rt')"),
    PRIMARY(node_setting, "select pg_catalog.current_setting(a) from t"), PRIMARY(node_setting, "select current_setting('data_directory', true)"),
    PRIMARY(unsafe_relation, "select * from app.plain_id_seq"), PRIMARY(unsafe_relation, "select last_value from plain_id_seq"), PRIMARY(unsafe_relation, "select * from app.unl"),
    PRIMARY(unsafe_relation, "select * from app.part"), PRIMARY(unsafe_relation, "select * from app.parent"), PRIMARY(unsafe_relation, "select * from app.ft"),
    PRIMARY(unsafe_relation, "select * from app.v_audit"), PRIMARY(unsafe_relation, "select * from app.v_lock"), PRIMARY(unsafe_relation, "select * from app.v_v"),
    PRIMARY(unsafe_relation, "select * from app.rls"), PRIMARY(unsafe_relation, "select * from app.rls2"), PRIMARY(unsafe_relation, "table app.v_total"),
    PRIMARY(unsafe_relation, "select * from pg_stat_activity"), PRIMARY(unsafe_relation, "select * from pg_catalog.pg_locks"), PRIMARY(unsafe_relation, "select * from pg_settings"),
    PRIMARY(unsafe_relation, "select * from pg_prepared_statements"), PRIMARY(unsafe_relation, "select * from pg_prepared_xacts"), PRIMARY(unsafe_relation, "select * from pg_cursors"),
    PRIMARY(unsafe_relation, "select * from pg_replication_slots"), PRIMARY(unsafe_relation, "select * from pg_stat_replication"), PRIMARY(unsafe_relation, "select * from pg_sequences"),
    PRIMARY(unsafe_relation, "select * from pg_temp.x"), PRIMARY(unsafe_relation, "select * from pg_temp_3.x"), PRIMARY(unsafe_relation, "copy app.unl to stdout"),
    PRIMARY(unsafe_relation, "select * from t where a in (select id from app.unl)"), PRIMARY(unsafe_relation, "explain select * from pg_locks"),
    PRIMARY(unsafe_operator, "select a operator(app.===) b from t"), PRIMARY(unsafe_operator, "select a === b from t"), PRIMARY(unsafe_operator, "select a === any (select b from u) from t"),
    PRIMARY(unsafe_operator, "select a from t order by a using ==="), PRIMARY(unsafe_operator, "select a === any (array[b]) from t"),
    PRIMARY(unsafe_type, "select '5'::app.dom_w"), PRIMARY(unsafe_type, "select cast(a as dom_w) from t"), PRIMARY(unsafe_type, "select dom_w '5'"),
    PRIMARY(unsafe_type, "select '{1}'::dom_w[]"), PRIMARY(unsafe_type, "select '{1}'::app._dom_w"), PRIMARY(unsafe_type, "select '1'::dom_l"),
    PRIMARY(unsafe_type, "select * from json_to_record('{}') as x(a dom_w)"), PRIMARY(unsafe_type, "select * from xmltable('/a' passing x columns b dom_w path 'b')"),
    PRIMARY(unsafe_type, "select xmlserialize(content a as dom_w) from t"), PRIMARY(unsafe_type, "select null::app.plain is null or null::app.rls is null"),
};

TEST("a name that is unsafe on a replica is found wherever it can hide")
{
	expect_all(names, array_length(names));
}

static const struct expectation commands[] = {
    PRIMARY(ddl, "create table x (a int)"), PRIMARY(ddl, "drop table x"), PRIMARY(ddl, "alter table x add b int"), PRIMARY(ddl, "create index on x (a)"),
    PRIMARY(ddl, "truncate x"), PRIMARY(ddl, "comment on table x is 'y'"), PRIMARY(ddl, "grant select on x to y"), PRIMARY(ddl, "create view v as select 1"),
    PRIMARY(ddl, "create table x as select 1"), PRIMARY(ddl, "create function f() returns int language sql as 'select 1'"), PRIMARY(ddl, "create materialized view m as select 1"),
    PRIMARY(ddl, "create database d"), PRIMARY(ddl, "create role r"), PRIMARY(ddl, "alter role r set search_path = x"), PRIMARY(ddl, "create extension e"),
    PRIMARY(ddl, "reassign owned by a to b"), PRIMARY(ddl, "create rule r as on insert to t do instead (select 1; select 2)"),
    PRIMARY(ddl, "drop schema s cascade"), PRIMARY(ddl, "create publication p for all tables"), PRIMARY(ddl, "security label on table t is 'x'"),
    PRIMARY(utility, "refresh materialized view m"), PRIMARY(utility, "vacuum"), PRIMARY(utility, "analyze t"), PRIMARY(utility, "cluster"), PRIMARY(utility, "reindex table t"),
    PRIMARY(utility, "checkpoint"), PRIMARY(utility, "lock table t"), PRIMARY(utility, "do $$ begin end $$"), PRIMARY(utility, "call p()"), PRIMARY(utility, "alter system set a = 1"),
    PRIMARY(utility, "set constraints all deferred"), PRIMARY(utility, "prepare transaction 'x'"), PRIMARY(utility, "commit prepared 'x'"), PRIMARY(utility, "rollback prepared 'x'"),
    PRIMARY(session_object, "create temp table x (a int)"), PRIMARY(session_object, "create table pg_temp.x (a int)"), PRIMARY(session_object, "create temp view v as select 1"),
    PRIMARY(session_object, "create temporary sequence s"), PRIMARY(session_object, "create temp table x as select 1"), PRIMARY(session_object, "load 'x'"),
    PRIMARY(session_object, "listen a"), PRIMARY(session_object, "unlisten *"), PRIMARY(session_object, "notify a, 'b'"), PRIMARY(session_object, "prepare p as select 1"),
    PRIMARY(session_object, "execute p"), PRIMARY(session_object, "execute p(nextval('s'))"), PRIMARY(session_object, "explain execute p(1)"), PRIMARY(session_object, "explain analyze execute p"),
    PRIMARY(ddl, "create table x as execute p"), PRIMARY(utility, "explain create table x as select 1"), PRIMARY(utility, "explain declare c cursor for select 1"),
    PRIMARY(session_object, "declare c cursor with hold for select 1"), PRIMARY(unsafe_function, "declare c cursor for select nextval('s')"), PRIMARY(locks_rows, "declare c cursor for select * from t for update"),
    FOLLOW(cursor, "declare c cursor for select 1"), FOLLOW(cursor, "declare c no scroll cursor without hold for select * from t"), FOLLOW(cursor, "fetch all from c"),
    FOLLOW(cursor, "move 5 in c"), FOLLOW(cursor, "close c"), FOLLOW(cursor, "close all"),
    FOLLOW(empty_query, ""), FOLLOW(empty_query, " ;; -- x"), FOLLOW(empty_query, "/* nothing */"),
    FOLLOW(transaction_control, "begin"), FOLLOW(transaction_control, "BEGIN WORK"), FOLLOW(transaction_control, "start transaction isolation level repeatable read"),
    FOLLOW(transaction_control, "commit"), FOLLOW(transaction_control, "end"), FOLLOW(transaction_control, "rollback and chain"), FOLLOW(transaction_control, "abort"),
    FOLLOW(transaction_control, "savepoint a"), FOLLOW(transaction_control, "release a"), FOLLOW(transaction_control, "rollback to savepoint a"),
    FOLLOW(transaction_control, "set transaction read only"), FOLLOW(transaction_control, "set transaction isolation level repeatable read"),
    {"begin read only", TARGET_REPLICA, ROUTE_REASON_read_only_transaction}, {"begin isolation level repeatable read, read only", TARGET_REPLICA, ROUTE_REASON_read_only_transaction},
    {"start transaction read write, read only", TARGET_REPLICA, ROUTE_REASON_read_only_transaction},
    PRIMARY(read_write_transaction, "begin read write"), PRIMARY(read_write_transaction, "begin read only, read write"), PRIMARY(serializable, "begin isolation level serializable"),
    PRIMARY(serializable, "begin read only, isolation level serializable, deferrable"), PRIMARY(read_write_transaction, "set transaction read write"),
    PRIMARY(serializable, "set transaction isolation level serializable"), PRIMARY(read_write_transaction, "set transaction snapshot '1-1-1'"),
    PRIMARY(read_write_transaction, "set transaction_read_only = off"), PRIMARY(read_write_transaction, "set local transaction_isolation to 'serializable'"),
    FOLLOW(settings, "set search_path to a, b"), FOLLOW(settings, "set local work_mem = '1MB'"), FOLLOW(settings, "set time zone 'UTC'"), FOLLOW(settings, "set role x"),
    FOLLOW(settings, "reset all"), FOLLOW(settings, "reset search_path"), FOLLOW(settings, "discard all"), FOLLOW(settings, "deallocate all"), FOLLOW(settings, "deallocate p"),
    FOLLOW(settings, "set session characteristics as transaction read only"), FOLLOW(settings, "show search_path"), FOLLOW(settings, "show time zone"),
    FOLLOW(settings, "show transaction isolation level"), FOLLOW(settings, "show pgweir.route"), FOLLOW(settings, "show server_version"),
    PRIMARY(node_setting, "show transaction_read_only"), PRIMARY(node_setting, "SHOW in_hot_standby"), PRIMARY(node_setting, "show all"), PRIMARY(node_setting, "show port"),
    PRIMARY(node_setting, "show default_transaction_read_only"), PRIMARY(node_setting, "show data_directory"),
    PRIMARY(not_parsed, "selec 1"), PRIMARY(not_parsed, "select 1 'a"), PRIMARY(not_parsed, "select 1 2"), PRIMARY(not_parsed, "/* open"), PRIMARY(not_parsed, "select \v1"),
    PRIMARY(not_parsed, "select 0x1f"), PRIMARY(not_parsed, "\\d"), PRIMARY(not_parsed, "select $1a"),
    PRIMARY(writes, "select 1; insert into t values (1)"), PRIMARY(writes, "insert into t values (1); select 1"), PRIMARY(batch_mixed, "begin; select 1; commit"),
    PRIMARY(batch_mixed, "select 1; commit"), PRIMARY(batch_mixed, "set a.b = 1; select 1"), PRIMARY(batch_mixed, "select 1; set a.b = 1"), PRIMARY(unsafe_function, "select 1; select nextval('s')"),
    PRIMARY(batch_mixed, "begin read only; set local a.b = 1; select 1"), PRIMARY(read_write_transaction, "begin read only; set transaction read write; select 1"),
    FOLLOW(settings, "set a.b = 1; set a.c = 2"), FOLLOW(transaction_control, "begin; set local a.b = 1"), FOLLOW(transaction_control, "rollback; begin"),
    PRIMARY(copy_from, "select 1; copy t from stdin"), PRIMARY(batch_mixed, "begin read only; begin; select 1"),
};

TEST("commands follow the session or go to the primary")
{
	expect_all(commands, array_length(commands));
}

static const struct expectation hints[] = {
    {"/* pgweir: primary */ select 1", TARGET_PRIMARY, ROUTE_REASON_hint_primary}, {"select 1 /* pgweir: primary */", TARGET_PRIMARY, ROUTE_REASON_hint_primary},
    {"-- pgweir: primary\nselect 1", TARGET_PRIMARY, ROUTE_REASON_hint_primary}, {"select 1; -- pgweir:primary", TARGET_PRIMARY, ROUTE_REASON_hint_primary},
    READ("select /* pgweir: primary */ 1"), READ("select '/* pgweir: primary */'"), READ("select 1 /* pgweir: master */"), READ("select 1 /* pgweir: primaryx */"),
    {"/* x */ /* PGWEIR: Primary */ select 1 -- y", TARGET_PRIMARY, ROUTE_REASON_hint_primary},
    {"/* pgweir: replica */ select 1 /* pgweir: primary */", TARGET_PRIMARY, ROUTE_REASON_hint_primary},
    FOLLOW(transaction_control, "/* pgweir: replica */ begin"), FOLLOW(settings, "/* pgweir: primary */ set a.b = 1"),
};

TEST("a hint in a comment at the start or the end decides, and nowhere else")
{
	struct verdict forced = judge("select nextval('s') /* pgweir: replica */");

	expect_all(hints, array_length(hints));
	expect_int(forced.target, TARGET_REPLICA);
	expect_int(forced.reason, ROUTE_REASON_hint_replica);
	expect_false(forced.is_proven);
	expect(judge("/* pgweir: replica */ select 1").is_proven);
	expect(judge("/* pgweir: primary */ select 1").is_proven);
}

TEST("without a catalog only what mentions no name is a read")
{
	struct route_context ctx = plain_context(NULL);
	static const char *const known[] = {"select 1", "values (1, 'x')", "select current_date, null, true", "begin read only", "select case when true then 1 end"};
	static const char *const unknown[] = {"select now()", "select 1 + 1", "select * from t", "select a", "select 1::int", "select $1", "table t", "select (1).x", "select 1 in (2)",
	    "copy t to stdout", "select 1 order by 1 using <", "select current_setting('a.b')"};

	for (size_t i = 0; i < array_length(known); i++)
		expect_int(judge_in(&ctx, known[i]).target, TARGET_REPLICA);
	for (size_t i = 0; i < array_length(unknown); i++) {
		struct verdict verdict = judge_in(&ctx, unknown[i]);

		expect_int(verdict.target, TARGET_PRIMARY);
		expect_int(verdict.reason, ROUTE_REASON_no_catalog);
	}
	expect_int(judge_in(&ctx, "insert into t values (1)").reason, ROUTE_REASON_writes);
}

TEST("texts that cannot be read with certainty go to the primary")
{
	struct catalog_facts *facts = known_facts(1);
	struct route_context ctx = plain_context(facts);

	ctx.standard_conforming_strings = false;
	expect_int(judge_in(&ctx, "select 'a\\'").reason, ROUTE_REASON_nonstandard_strings);
	expect(judge_in(&ctx, "select 'a\\'").may_copy_in);
	expect_int(judge_in(&ctx, "-- pgweir: replica\nselect 'a\\'").target, TARGET_REPLICA);
	expect_int(judge_in(&ctx, "select 'a'").reason, ROUTE_REASON_plain_read);
	ctx.standard_conforming_strings = true;
	ctx.ascii_safe_encoding = false;
	expect_int(judge_in(&ctx, "select 1").reason, ROUTE_REASON_plain_read);
	expect_int(judge_in(&ctx, "select '\x83\x5c'").reason, ROUTE_REASON_encoding);
	facts_unref(&facts);
}

TEST("a name outside ASCII counts as any unsafe one of its role, unless both sides speak UTF-8")
{
	struct catalog_facts *facts = facts_new(1);
	struct route_context ctx = plain_context(facts);

	facts_add(facts, 'f', "app", "z\xc3\xa4hle", false);
	expect_int(judge_in(&ctx, "select \xc3\xa4hnlich(1)").target, TARGET_REPLICA);
	expect_int(judge_in(&ctx, "select z\xc3\xa4hle(1)").target, TARGET_PRIMARY);
	ctx.is_utf8 = false;
	expect_int(judge_in(&ctx, "select z\xe4hle(1)").target, TARGET_PRIMARY);
	expect_int(judge_in(&ctx, "select * from gr\xf6\xdf\x65").target, TARGET_REPLICA);
	facts_unref(&facts);
}

TEST("functions that the operator vouches for are reads")
{
	struct catalog_facts *facts = known_facts(1);
	struct route_context ctx = plain_context(facts);

	ctx.read_functions = "app.total, other.*";
	expect_int(judge_in(&ctx, "select app.total(1)").target, TARGET_REPLICA);
	expect_int(judge_in(&ctx, "select total(1)").target, TARGET_REPLICA);
	expect_int(judge_in(&ctx, "select app.audit(1)").target, TARGET_PRIMARY);
	ctx.read_functions = "app.*";
	expect_int(judge_in(&ctx, "select app.audit(1)").target, TARGET_REPLICA);
	expect_int(judge_in(&ctx, "select nextval('s')").target, TARGET_PRIMARY);
	facts_unref(&facts);
}

TEST("an unsafe operator that the grammar implies makes nothing safe")
{
	struct catalog_facts *facts = facts_new(1);
	struct route_context ctx = plain_context(facts);

	facts_add(facts, 'o', "app", "=", false);
	expect_int(judge_in(&ctx, "select distinct a from t").reason, ROUTE_REASON_unsafe_everything);
	expect_text(judge_in(&ctx, "select 1").name, "=");
	facts_unref(&facts);
}

TEST("the verdict names what decided, counts statements, and warns of COPY and settings")
{
	expect_text(judge("select app.audit(1)").name, "app.audit");
	expect_text(judge("select * from app.unl").name, "app.unl");
	expect_int(judge("select 1; select 2").statements, 2);
	expect_int(judge("select 1; select 2").kind, KIND_OTHER);
	expect_int(judge("").statements, 0);
	expect_int(judge("selec").statements, (long long)ROUTE_STATEMENTS_UNKNOWN);
	expect(judge("select 1; copy t from stdin").may_copy_in);
	expect_false(judge("copy t from '/x'").may_copy_in);
	expect_false(judge("copy t to stdout").may_copy_in);
	expect(judge("insert into t values (set_config('a.b', 'c', false))").effects & EFFECT_settings);
	expect(judge("update t set a = pg_catalog.\"set_config\"('a.b', 'c', false)").effects & EFFECT_settings);
	expect(judge("select 1; set a.b = 1").effects & EFFECT_settings);
	expect_false(judge("select 1").effects & EFFECT_settings);
	expect_int(judge("select 1").generation, 7);
	expect_int(judge("select nextval('s')").kind, KIND_WRITE);
	expect_int(judge("begin read only").kind, KIND_BEGIN_READ_ONLY);
}

TEST("a verdict of another generation, database, setting or encoding is not taken from the cache")
{
	struct catalog_facts *old = facts_new(1), *new = facts_new(2);
	struct verdict_cache *cache = verdict_cache_new(64);
	struct route_context ctx = plain_context(old);
	struct verdict verdict;

	facts_add(new, 'r', "public", "t", false);
	route_judge(cache, &ctx, "table t", 7, &verdict);
	expect_int(verdict.target, TARGET_REPLICA);
	ctx.facts = new;
	route_judge(cache, &ctx, "table t", 7, &verdict);
	expect_int(verdict.target, TARGET_PRIMARY);
	ctx.facts = NULL;
	route_judge(cache, &ctx, "table t", 7, &verdict);
	expect_int(verdict.reason, ROUTE_REASON_no_catalog);
	ctx.facts = old;
	ctx.database_id = 2;
	route_judge(cache, &ctx, "table t", 7, &verdict);
	ctx.settings_key = 5;
	route_judge(cache, &ctx, "table t", 7, &verdict);
	ctx.is_utf8 = false;
	route_judge(cache, &ctx, "table t", 7, &verdict);
	expect_int(verdict_cache_counts(cache).hits, 0);
	route_judge(cache, &ctx, "TABLE  t", 8, &verdict);
	expect_int(verdict_cache_counts(cache).hits, 1);
	verdict_cache_free(&cache);
	facts_unref(&old);
	facts_unref(&new);
}

TEST("a statement that does not parse does not spoil its shape for one that does")
{
	struct catalog_facts *facts = facts_new(1);
	struct verdict_cache *cache = verdict_cache_new(64);
	struct route_context ctx = plain_context(facts);
	struct verdict verdict;
	const char *wrong = "select time(99999999) '10:00'", *right = "select time(3) '10:00'";

	route_judge(cache, &ctx, wrong, strlen(wrong), &verdict);
	route_judge(cache, &ctx, right, strlen(right), &verdict);
	expect_int(verdict.target, TARGET_REPLICA);
	verdict_cache_free(&cache);
	facts_unref(&facts);
}

TEST("the cache keeps what is used and lets go of what was seen once")
{
	struct catalog_facts *facts = facts_new(1);
	struct verdict_cache *cache = verdict_cache_new(64);
	struct route_context ctx = plain_context(facts);
	struct verdict verdict;
	uint64_t hits = 0;

	for (int i = 0; i < 5000; i++) {
		char text[64];
		int length = snprintf(text, sizeof(text), "select a%d from t", i);

		route_judge(cache, &ctx, text, (size_t)length, &verdict);
		hits = verdict_cache_counts(cache).hits;
		route_judge(cache, &ctx, "select b from t", 15, &verdict);
	}
	expect_int(verdict.target, TARGET_REPLICA);
	expect(verdict_cache_counts(cache).hits > hits);
	expect(verdict_cache_counts(cache).hits > 4990);
	verdict_cache_free(&cache);
	facts_unref(&facts);
}

static void *
judge_in_parallel(void *shared)
{
	struct route_context ctx = plain_context(shared);
	struct verdict_cache *cache = verdict_cache_new(64);
	struct verdict verdict;
	size_t right = 0;

	for (size_t round = 0; round < 20; round++) {
		for (size_t i = 0; i < array_length(names); i++) {
			route_judge(round % 2 == 0 ? cache : NULL, &ctx, names[i].text, strlen(names[i].text), &verdict);
			right += verdict.reason == names[i].reason;
		}
	}
	verdict_cache_free(&cache);
	return right == 20 * array_length(names) ? shared : NULL;
}

TEST("threads judge side by side, each with its own cache")
{
	struct catalog_facts *facts = known_facts(1);
	pthread_t threads[4];

	for (size_t i = 0; i < array_length(threads); i++)
		pthread_create(&threads[i], NULL, judge_in_parallel, facts);
	for (size_t i = 0; i < array_length(threads); i++) {
		void *result;

		pthread_join(threads[i], &result);
		expect(result == facts);
	}
	facts_unref(&facts);
}

TEST("random bytes, and random cuts of good statements, never stop the process")
{
	struct catalog_facts *facts = known_facts(1);
	struct route_context ctx = plain_context(facts);
	uint64_t state = 42;

	for (int i = 0; i < 4000; i++) {
		char text[256];
		struct verdict verdict;
		size_t length;

		state = state * 6364136223846793005u + 1442695040888963407u;
		length = (state >> 33) % sizeof(text);
		if (i % 2 == 0) {
			const char *good = names[(state >> 40) % array_length(names)].text;

			length = min_of(length, strlen(good));
			memcpy(text, good, length);
			if (length > 0)
				text[(state >> 20) % length] = (char)(state >> 50);
		} else {
			for (size_t k = 0; k < length; k++)
				text[k] = (char)(hash_mix(state, k) >> 13);
		}
		route_judge(NULL, &ctx, text, length, &verdict);
		expect(verdict.reason < ROUTE_REASON_COUNT);
	}
	facts_unref(&facts);
}
