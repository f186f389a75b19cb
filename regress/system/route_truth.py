"""route_truth.py - statements of which it is known where they may go.

SCHEMA makes a database with one of each kind of trap.  PRIMARY holds what a replica must never see, by the rule that
says so; READS what a replica answers as well as the primary.  Both run from top to bottom, several times over: what
one entry makes, a later one takes away.  An entry that begins with COPY ... FROM STDIN is given no rows.
"""

SCHEMA = r"""
create schema app;
alter database truth set search_path = app, public;
set search_path = app, public;
create table plain (id serial primary key, v text, n int default 0);
insert into plain (v) select 'v' || g from generate_series(1, 20) g;
create table other (id int primary key references plain, w text);
insert into other select g, 'w' || g from generate_series(1, 10) g;
create table doc (id int primary key, body jsonb, tags text[], at timestamptz);
insert into doc select g, jsonb_build_object('k', g), array['a', 'b' || g], '2020-01-01'::timestamptz from generate_series(1, 5) g;
create sequence s;
create sequence "Odd Seq";
create unlogged table unl (id int);
create table part (id int, v text) partition by range (id);
create table part_1 partition of part for values from (0) to (10);
create unlogged table part_2 partition of part for values from (10) to (20);
create table top (id int) partition by range (id);
create table mid partition of top for values from (0) to (10) partition by range (id);
create unlogged table leaf partition of mid for values from (0) to (5);
create table parent (id int);
create unlogged table child () inherits (parent);
create table whole (id int, v text) partition by range (id);
create table whole_1 partition of whole for values from (0) to (10);
insert into whole values (1, 'one');
create table audit (id serial, what text);
create function writes(a int) returns int language plpgsql as 'begin insert into app.audit (what) values (a); return a; end';
create function writes_sql(a int) returns int language sql as 'insert into app.audit (what) values (a::text) returning 1';
create function writes_nothing() returns int language plpgsql as 'begin insert into app.audit (what) values (1); return 1; end';
create function writes_set(a int) returns setof int language plpgsql as 'begin insert into app.audit (what) values (a); return next a; end';
create function with_default(a int default nextval('app.s')::int) returns int language sql stable as 'select a';
create function liar(a int) returns int language sql stable as 'select a + nextval(''app.s'')::int';
create function plain_liar(a int) returns int language plpgsql stable as 'begin perform nextval(''app.s''); return a; end';
create function new_body(a int) returns int language sql stable begin atomic select a + (select count(*)::int from pg_stat_activity); end;
create function reads(a int) returns int language sql stable as 'select count(*)::int + a from app.plain';
create function adds(a int, b int) returns int language sql immutable as 'select a + b';
create function of_row(p app.plain) returns int language plpgsql as 'begin insert into app.audit (what) values (p.id); return 1; end';
create function row_reads(p app.plain) returns int language sql stable as 'select p.id * 2';
create function eq_writes(a int, b int) returns bool language plpgsql as 'begin insert into app.audit (what) values (a); return a = b; end';
create operator === (leftarg = int, rightarg = int, function = eq_writes);
create function eq_reads(a int, b int) returns bool language sql immutable as 'select a = b';
create operator ==~ (leftarg = int, rightarg = int, function = eq_reads);
create function step_writes(state int, a int) returns int language plpgsql as 'begin insert into app.audit (what) values (a); return state + a; end';
create aggregate sum_writes(int) (sfunc = step_writes, stype = int, initcond = 0);
create aggregate sum_reads(int) (sfunc = adds, stype = int, initcond = 0);
create function is_fine(a int) returns bool language plpgsql as 'begin insert into app.audit (what) values (a); return true; end';
create domain checked as int check (app.is_fine(value));
create domain numbered as int check (value < 1000 and currval('app.s') is not null or true);
create domain small as int check (value < 100);
create type pair as (a int, b int);
create function to_pair(a text) returns app.pair language plpgsql as 'begin insert into app.audit (what) values (a); return row(1, 2)::app.pair; end';
create cast (text as app.pair) with function app.to_pair(text);
create type colour as enum ('red', 'green');
create view v_writes as select writes(1) as w;
create view v_over as select * from v_writes;
create view v_seq as select nextval('app.s') as n;
create view v_lock as select * from plain for update;
create view v_try as select pg_try_advisory_lock(4711) as locked;
create view v_activity as select count(*) as n from pg_stat_activity;
create view v_unlogged as select * from unl;
create view v_sequence as select last_value from s;
create view v_checked as select 5::app.checked as c;
create view v_part as select * from part;
create view v_read as select id, v from plain where id < 5;
create view v_random as select random() < 2 as always;
create materialized view mv as select id, v from plain;
create table guarded (id int, owner text);
alter table guarded enable row level security;
create policy p on guarded for select using (app.writes(id) > 0);
create table guarded_seq (id int);
alter table guarded_seq enable row level security;
create policy p on guarded_seq using (nextval('app.s') > 0);
create table tenant (id int, owner text);
insert into tenant values (1, 'a');
alter table tenant enable row level security;
create policy p on tenant using (owner = current_setting('app.tenant', true));
create procedure proc(a int) language plpgsql as 'begin insert into app.audit (what) values (a); end';
create extension file_fdw;
create server files foreign data wrapper file_fdw;
create foreign table ft (line text) server files options (filename '/dev/null');
select nextval('s'), nextval('"Odd Seq"')
"""

PRIMARY = {
    "writes": [
        "insert into plain (v) values ('x')",
        "insert into plain default values",
        "INSERT INTO plain (v) SELECT v FROM plain WHERE id = 1 RETURNING v",
        "insert into plain (id, v) values (1, 'x') on conflict (id) do nothing",
        "update plain set n = n + 1 where id = 1",
        "update plain set n = 0 from other o where o.id = plain.id returning o.id",
        "delete from plain where id > 20",
        "delete from only plain using other o where false",
        "merge into plain p using other o on p.id = o.id when matched then update set n = 1",
        "with x as (insert into plain (v) values ('y') returning v) select * from x",
        "with x as (update plain set n = 2 where id = 2 returning n) select * from x",
        "with x as (delete from plain where id > 20 returning 1) select count(*) > 0 from x",
        "with recursive y as (select 1 as a), x as (delete from plain where id > 1000 returning id) select a from y",
        "with x as (select 1) insert into plain (v) select 'z' from x",
        "select * into made from plain where id < 3",
        "drop table made",
        "select 1 as a into unlogged made union select 2",
        "drop table made",
        "truncate unl",
        "explain insert into plain (v) values ('x')",
        "explain analyze delete from plain where id > 20",
        "explain (analyze, costs off, timing off, summary off) update plain set n = 0 where id = 3",
        "explain (analyze 1, costs 0, timing 0, summary 0) delete from plain where id > 1000",
        "copy (delete from plain where id > 1000 returning *) to stdout",
        "copy (with x as (update plain set n = 0 where false returning 1) select * from x) to stdout",
    ],
    "locks rows": [
        "select * from plain where id = 1 for update",
        "select id from plain where id = 1 for no key update skip locked",
        "select id from plain where id = 1 for share nowait",
        "select id from plain where id = 1 for key share of plain",
        "select count(*) from (select id from plain for update) p",
        "select exists (select 1 from plain for share)",
        "with x as (select id from plain where id < 3 for update) select count(*) from x",
        "explain (costs off) select * from plain for update",
        "copy (select id from plain where id = 1 for update) to stdout",
        "lock table plain in access share mode",
        "lock plain",
    ],
    "definitions": [
        "create table made (id int)",
        "alter table made add column v text",
        "create index on made (id)",
        "comment on table made is 'made'",
        "grant select on made to public",
        "create view made_view as select id from made",
        "drop view made_view",
        "create rule r as on insert to made do instead nothing",
        "drop table made cascade",
        "create table made as select 1 as a",
        "drop table made",
        "create materialized view made as select 1 as a",
        "refresh materialized view made",
        "drop materialized view made",
        "create function made() returns int language sql as 'select 1'",
        "alter function made() stable",
        "drop function made()",
        "create type made as enum ('a')",
        "drop type made",
        "create sequence made",
        "drop sequence made",
        "create schema made",
        "drop schema made",
        "create role made_role",
        "alter role made_role set search_path = app",
        "drop role made_role",
        "explain (costs off) create table made as select 1 as a",
    ],
    "commands": [
        "analyze plain",
        "vacuum plain",
        "reindex table plain",
        "checkpoint",
        "call proc(1)",
        "call app.proc(2)",
        "do $$ begin insert into app.audit (what) values ('do'); end $$",
        "do 'begin null; end'",
        "listen made",
        "notify made, 'payload'",
        "unlisten made",
        "unlisten *",
        "prepare transaction 'made'",
        "commit prepared 'nothing'",
        "rollback prepared 'nothing'",
        "set constraints all immediate",
        "alter system reset work_mem",
        "load 'plpgsql'",
        "copy plain (v) from stdin",
        "COPY app.plain (v) FROM STDIN WITH (FORMAT csv)",
        "copy plain from '/nonexistent/file'",
        "copy plain to '/nonexistent/file'",
        "copy (select 1) to program 'cat > /dev/null'",
        "copy unl from program 'cat /dev/null'",
        "copy (select nextval('s') is null) to stdout",
        "copy unl to stdout",
        "declare c cursor with hold for select 1",
        "close c",
        "declare c cursor with hold for select id from plain",
        "fetch 1 from c",
        "close all",
        "prepare made as select 1",
        "execute made",
        "explain (costs off) execute made",
        "explain (analyze, costs off, timing off, summary off) execute made",
        "create table made as execute made",
        "drop table made",
        "deallocate made",
        "prepare made(int) as select $1",
        "execute made(nextval('s')::int * 0)",
        "explain (costs off) execute made(nextval('s')::int * 0)",
        "deallocate made",
        "set transaction read write",
        "begin; select 1; rollback",
        "begin; insert into plain (v) values ('x'); rollback",
        "begin isolation level serializable; select 1; rollback",
        "begin read write; select 1; rollback",
        "begin isolation level serializable read only; select 1; rollback",
        "begin read only; set transaction read write; select 1; rollback",
        "select 1; insert into plain (v) values ('x')",
        "select 1; select nextval('s') is null",
        "select 1; lock table plain; select 2",
        "show transaction_read_only",
        "SHOW in_hot_standby",
        "show default_transaction_read_only",
        "show port",
        "this is no statement",
        "select from where",
        "select 1 +",
        "select 'unfinished",
    ],
    "temporary objects": [
        "create temp table scratch (a int)",
        "select * from pg_temp.scratch",
        "select count(*) from scratch",
        "select p.id from plain p join scratch on a = id",
        "drop table scratch",
        "select 1 as a into temp scratch",
        "table scratch",
        "drop table pg_temp.scratch",
        "create temporary view scratch_view as select 1 as a",
        "select * from pg_temp.scratch_view",
        "select a from scratch_view",
        "drop view scratch_view",
        "create temp sequence scratch_seq",
        "drop sequence scratch_seq",
        "create temp table scratch as select id from plain",
        "copy scratch to stdout",
        "drop table scratch",
        "select * from pg_temp_3.nothing",
    ],
    "volatile functions": [
        "select nextval('s') is null",
        "select pg_catalog.nextval('s') is null",
        "SELECT NEXTVAL('s') IS NULL",
        "select \"nextval\"('s') is null",
        "select u&\"n\\0065xtval\"('s') is null",
        "select u&\"n!0065xtval\" uescape '!' ('s') is null",
        "select nextval('app.\"Odd Seq\"') is null",
        "select currval('s') is null",
        "select lastval() is null",
        "select setval('s', 100)",
        "select setseed(0.5)",
        "select set_config('app.tenant', 'a', false)",
        "select pg_notify('made', 'x')",
        "select txid_current() is null",
        "select pg_current_xact_id() is null",
        "select pg_export_snapshot() is null",
        "select lo_unlink(lo_create(0))",
        "select lo_create(0) is null",
        "select lo_unlink(oid) from pg_largeobject_metadata",
        "select pg_logical_emit_message(false, 'a', 'b') is null",
        "select pg_current_wal_lsn() is null",
        "select pg_switch_wal() is null",
        "select pg_reload_conf()",
        "select pg_database_size(current_database()) > 0",
        "select pg_xact_status('3'::xid8)",
        "select pg_terminate_backend(0)",
        "select pg_is_in_recovery()",
        "select writes(1)",
        "select app.writes(1)",
        "select app . \"writes\" (1)",
        "select app.writes_sql(1)",
        "select * from writes_set(3)",
        "select * from rows from (writes_set(3), generate_series(1, 2)) as x(a, b)",
        "select u&\"wr\\0069tes\"(1)",
        "select with_default()",
        "select liar(1) is null",
        "select app.plain_liar(1)",
        "select new_body(1) is null",
        "select writes(id) from plain where id = 1",
        "select id from plain where writes(id) = 1",
        "select id from plain order by writes(id) limit 1",
        "select 1 from plain group by writes(id) limit 1",
        "select id from plain limit writes(1)",
        "select id from plain offset writes(1) fetch first row only",
        "select count(*) filter (where writes(1) = 1) from plain where id = 1",
        "select count(*) from plain having writes(1) = 1",
        "select sum(id) over (order by writes(id)) from plain where id = 1",
        "select sum(id) over w from plain where id = 1 window w as (partition by writes(id))",
        "select string_agg(v, ',' order by writes(id)) from plain where id = 1",
        "select (select (select (select writes(1))))",
        "values (1), (writes(2))",
        "select case when true then writes(1) end",
        "select case writes(1) when 1 then 2 end",
        "select coalesce(null, writes(1))",
        "select greatest(0, writes(1))",
        "select array[writes(1)]",
        "select (array[7])[writes(1)]",
        "select row(writes(1))",
        "select writes(1) in (1, 2)",
        "select 1 between 0 and writes(1)",
        "select nullif(writes(1), 2)",
        "select 1 union select writes(1)",
        "select * from plain p, lateral writes_set(p.id) w where p.id = 1",
        "select * from plain p join other o on o.id = p.id and writes(p.id) = 1 where p.id = 1",
        "select distinct on (writes(id)) id from plain where id = 1",
        "with x as (select writes(1) as w) select w from x",
        "with recursive x as (select 1 as n union all select writes(2) from x where n < 2) select * from x",
        "select concat(variadic array[writes(1)::text])",
        "select adds(a => 1, b => writes(1))",
        "select id from plain tablesample system (writes(100)) where false",
        "explain (costs off) select writes(1)",
        "explain (analyze, costs off, timing off, summary off) select writes(1)",
        "copy (select writes(1)) to stdout",
        "select sum_writes(id) from plain where id = 1",
        "select app.sum_writes(id) over () from plain where id = 1",
        "select query_to_xml('select 1', true, true, '') is null",
        "select table_to_xml('plain', true, true, '') is null",
    ],
    "advisory locks": [
        "select pg_advisory_lock(1)",
        "select pg_advisory_unlock(1)",
        "select pg_try_advisory_lock(1, 2)",
        "select pg_advisory_unlock(1, 2)",
        "select pg_advisory_lock_shared(3)",
        "select pg_advisory_unlock_shared(3)",
        "select pg_advisory_xact_lock(4)",
        "select pg_try_advisory_xact_lock(5)",
        "select pg_try_advisory_xact_lock_shared(5)",
        "select count(*) from plain where pg_try_advisory_xact_lock(id) and id = 1",
        "select pg_advisory_unlock_all()",
    ],
    "the server or session itself": [
        "select pg_backend_pid() is null",
        "select inet_server_port() is null",
        "select inet_client_addr() is null",
        "select pg_postmaster_start_time() is null",
        "select pg_conf_load_time() is null",
        "select pg_current_snapshot() is null",
        "select txid_current_if_assigned() is null",
        "select pg_my_temp_schema() is null",
        "select pg_listening_channels()",
        "select pg_walfile_name('0/1000000') is null",
        "select pg_stat_get_numscans('app.plain'::regclass) is null",
        "select count(*) > 0 from pg_stat_activity",
        "select count(*) > 0 from pg_catalog.pg_stat_database",
        "select count(*) >= 0 from pg_stat_user_tables",
        "select count(*) >= 0 from pg_statio_user_tables",
        "select count(*) >= 0 from pg_stat_replication",
        "select count(*) >= 0 from pg_locks",
        "select count(*) > 0 from pg_settings",
        "select count(*) >= 0 from pg_prepared_statements",
        "select count(*) >= 0 from pg_prepared_xacts",
        "select count(*) >= 0 from pg_cursors",
        "select count(*) >= 0 from pg_replication_slots",
        "select count(*) >= 0 from pg_replication_origin_status",
        "select count(*) >= 0 from pg_sequences",
        "select count(*) from plain where exists (select 1 from pg_stat_activity)",
        "select current_setting('port') is null",
        "select current_setting('transaction_read_only')",
        "select current_setting('in_hot_standby')",
        "select current_setting('default_transaction_read_only')",
        "select current_setting('data_directory', true) is null",
        "select current_setting('po' || 'rt') is null",
        "select pg_catalog.current_setting(v, true) from plain where id = 1",
        "select ('port').current_setting",
        "select current_setting(name) is null from (values ('port')) x(name)",
    ],
    "relations": [
        "select last_value is null from s",
        "select * from app.s where false",
        "table \"Odd Seq\"",
        "select is_called from plain_id_seq",
        "select * from unl",
        "select count(*) from app.unl",
        "select count(*) from u&\"\\0075nl\"",
        "select * from plain where id in (select id from unl)",
        "select * from part",
        "select count(*) from app.part where id < 5",
        "select * from part_2",
        "select * from top",
        "select * from mid",
        "select * from leaf",
        "select * from parent",
        "select * from only parent",
        "select * from child",
        "select * from ft",
        "select p.id from plain p left join ft on true where p.id = 1",
    ],
    "hidden in a view": [
        "select * from v_writes",
        "select * from app.v_writes",
        "select * from v_over",
        "table v_over",
        "select n is null from v_seq",
        "select count(*) from v_lock where id < 3",
        "select * from v_try",
        "select pg_advisory_unlock_all()",
        "select n is null from v_activity",
        "select * from v_unlogged",
        "select last_value is null from v_sequence",
        "select * from v_checked",
        "select * from v_part",
        "select * from plain where exists (select 1 from v_over)",
        "copy (select * from v_writes) to stdout",
        "explain (costs off) select * from v_writes",
        "select count(v) from v_writes v",
    ],
    "hidden in a policy": [
        "select * from guarded",
        "select count(*) from app.guarded",
        "table guarded_seq",
        "select (select count(*) from guarded_seq)",
    ],
    "hidden in an operator, a cast or a domain": [
        "select 1 === 1",
        "select 1 operator(app.===) 2",
        "select id from plain where id === 1",
        "select 1 === any (array[1, 2])",
        "select 1 === all (select id from plain where id = 1)",
        "select '5'::checked",
        "select 5::app.checked",
        "select cast(5 as checked)",
        "select checked '5'",
        "select checked('5')",
        "select app.checked(5)",
        "select '{1,2}'::checked[]",
        "select '{1}'::app._checked",
        "select 5::numbered",
        "select * from json_to_record('{\"a\": 1}') as x(a checked)",
        "select * from jsonb_to_recordset('[{\"a\": 1}]') as x(a app.checked)",
        "select 'x'::text::pair",
        "select cast('x'::text as app.pair)",
        "select pair('x'::text)",
        "select u&'5'::u&\"ch\\0065cked\"",
    ],
    "attribute notation": [
        "select p.of_row from plain p where id = 1",
        "select plain.of_row from plain where id = 1",
        "select app.plain.of_row from app.plain where id = 1",
        "select (p).of_row from plain p where p.id = 1",
        "select p.\"of_row\" from plain p where id = 1",
        "select p.u&\"of\\005frow\" from plain p where id = 1",
        "select id from plain p where p.of_row = 1 and id = 1",
        "select (1).writes",
        "select (1 + 1).writes",
        "select (id).writes from plain where id = 1",
        "select ('x'::text).pair",
        "select (5).checked",
    ],
    "hints": [
        "/* pgweir: primary */ select 1",
        "select 1 /* pgweir: primary */",
        "-- pgweir: primary\nselect id from plain where id = 1",
        "select 1; -- pgweir:primary",
    ],
}

READS = [
    "select 1",
    "SELECT 1 AS one, 'x' AS two, NULL AS three",
    "select",
    "values (1, 'a'), (2, 'b')",
    "table plain",
    "select * from plain order by id",
    "select id, v from app.plain where id = 3",
    "(select 1) union all (select 2) order by 1",
    "((select id from plain where id < 3))",
    "select count(*), min(id), max(id), sum(n) from plain",
    "select v from plain where id in (1, 2, 3) order by id desc",
    "select v from plain where v like 'v1%' order by id",
    "select v from plain where v ~ '^v[0-9]$' order by id",
    "select v from plain where id between 3 and 5 order by id",
    "select p.v, o.w from plain p join other o using (id) order by p.id",
    "select p.v, o.w from plain p left join other o on o.id = p.id order by p.id limit 5 offset 8",
    "select * from plain natural join other order by id",
    "select id from plain where exists (select 1 from other where other.id = plain.id) order by id",
    "select id from plain where id = any (array[1, 2]) order by id",
    "select (select max(id) from other)",
    "select id % 3 as r, count(*) from plain group by id % 3 having count(*) > 1 order by r",
    "select id % 2, id % 3, count(*) from plain group by grouping sets ((1), (2), ()) order by 1, 2",
    "select id, row_number() over (order by id desc), lag(id) over w from plain window w as (order by id) order by id",
    "select distinct n from plain order by n",
    "select distinct on (n) n, id from plain order by n, id",
    "with x as (select id from plain where id < 3) select * from x order by id",
    "with recursive x as (select 1 as n union all select n + 1 from x where n < 5) select * from x",
    "with x as materialized (select id from plain) select count(*) from x",
    "select case when id < 10 then 'low' else 'high' end from plain order by id",
    "select coalesce(null, 1), nullif(1, 2), greatest(1, 2), least(1, 2)",
    "select body->>'k', body @> '{\"k\": 1}', tags[1], array_length(tags, 1) from doc order by id",
    "select jsonb_agg(body order by id), array_agg(id order by id) from doc",
    "select unnest(tags) from doc where id = 1",
    "select * from generate_series(1, 3) g, lateral (select g * 2 as d) x",
    "select * from rows from (generate_series(1, 2), generate_series(5, 6)) as x(a, b)",
    "select * from jsonb_to_recordset('[{\"a\": 1}]') as x(a int, b text)",
    "select at at time zone 'UTC', extract(year from at), date_trunc('month', at) from doc order by id",
    "select now() is not null, current_date is not null, current_timestamp is not null, clock_timestamp() is not null",
    "select current_user, session_user, current_database(), current_schema()",
    "select random() < 1, gen_random_uuid() is not null",
    "select reads(1)",
    "select app.adds(1, 2), adds(b => 1, a => 2)",
    "select sum_reads(id) from plain",
    "select 1 ==~ 1",
    "select p.row_reads from plain p where id = 2",
    "select 5::small, '7'::app.small",
    "select 'red'::colour, enum_range(null::colour)",
    "select * from v_read order by id",
    "select * from v_random",
    "select * from mv order by id limit 3",
    "select * from whole",
    "select * from whole_1 where id = 1",
    "select * from tenant",
    "select current_setting('app.tenant', true) is null",
    "select current_setting('TimeZone') is not null, current_setting('server_version_num')::int > 0",
    "select relname, relkind from pg_class where relname = 'plain'",
    "select typname from pg_catalog.pg_type where typname = 'int4'",
    "select table_name from information_schema.tables where table_schema = 'app' and table_name = 'plain'",
    "select column_name, data_type from information_schema.columns where table_name = 'plain' order by ordinal_position",
    "select attname from pg_attribute where attrelid = 'app.plain'::regclass and attnum > 0 order by attnum",
    "select tablename from pg_tables where schemaname = 'app' and tablename = 'plain'",
    "select 'insert into plain', 'nextval(''s'')' as \"update\"",
    "select $$delete from plain$$ as \"nextval\"",
    "select u&'d\\0061t\\+000061', e'a\\nb', b'101', x'ff', 1e3, .5",
    "select to_char(12.5, '99.9'), md5('x'), length('abc'), upper('x') || lower('Y'), substring('abc' from 2 for 1)",
    "select to_tsvector('english', 'some words') @@ to_tsquery('english', 'word')",
    "select pg_relation_size('app.plain') > 0, pg_column_size(v) from plain where id = 1",
    "select xmlelement(name a, 'b')",
    "select 1 / 0",
    "select no_such_column from plain",
    "select * from no_such_table",
    "select no_such_function(1)",
    "select 'x'::int",
    "explain (costs off) select * from plain where id = 1",
    "explain (analyze, costs off, timing off, summary off) select count(*) from plain",
    "copy plain (id, v) to stdout",
    "copy (select id from plain order by id limit 2) to stdout with (format csv, header)",
    "select 1; select 2",
    "begin read only; select 1; commit",
    "start transaction isolation level repeatable read read only; select count(*) from plain; rollback",
    "select 1 /* update plain */ -- delete",
    "/* pgweir: replica */ select 1",
]
