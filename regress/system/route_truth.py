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
create function calls_writer(a int) returns int language sql stable as 'select app.writes(a)';
create function calls_caller(a int) returns int language sql stable as 'SELECT App.Calls_Writer (a)';
create function calls_by_text() returns int language plpgsql stable as 'begin execute ''select app.writes(1)''; return 1; end';
create function counts_unlogged() returns bigint language sql stable as 'select count(*) from app.unl';
create function sees_writes(a int) returns int language sql stable as 'select count(writes)::int from (values (a)) x(writes)';
create view v_caller as select calls_caller(1) as c;
create function user_default(a int default app.writes(1)) returns int language sql immutable as 'select a';
create function any_number(variadic a int[]) returns int language plpgsql as 'begin insert into app.audit (what) values (a[1]); return 1; end';
create function ends_writing(state int) returns int language plpgsql as 'begin insert into app.audit (what) values (state); return state; end';
create aggregate sum_ends(int) (sfunc = adds, stype = int, initcond = 0, finalfunc = ends_writing);
create function app.reverse(a text) returns text language plpgsql as 'begin insert into app.audit (what) values (a); return a; end';
create domain checked_too as checked;
create type holder as (c checked);
create type shade as enum ('dark', 'light');
create function shade_int(a shade) returns int language plpgsql as 'begin insert into app.audit (what) values (a); return 1; end';
create cast (shade as int) with function shade_int(shade) as implicit;
create table shaded (id int, s shade);
insert into shaded values (1, 'dark');
create foreign table ft_part (id int) server files options (filename '/dev/null');
create table over_foreign (id int) partition by range (id);
alter table over_foreign attach partition ft_part for values from (0) to (10);
create table grandparent (id int);
create table middle () inherits (grandparent);
create unlogged table grandchild () inherits (middle);
create table guarded_unl (id int);
alter table guarded_unl enable row level security;
create policy p on guarded_unl using (exists (select from unl));
create view v_set as select * from writes_set(1) w;
create view v_union as select id from plain where id = 1 union all select nextval('app.s')::int;
create view v_limit as select id from plain limit (select currval('app.s') * 0 + 1);
create view v_barrier with (security_barrier) as select id, writes(id) as w from plain where id = 1;
create recursive view v_recursive (n) as select 1 union all select n + writes(0) + 1 from v_recursive where n < 3;
create materialized view mv_writes as select writes(1) as w;
create function "Odd writer"(a int) returns int language plpgsql as 'begin insert into app.audit (what) values (a); return a; end';
create function calls_odd(a int) returns int language plpgsql stable as 'begin return app."Odd writer"(a); end';
create function calls_escaped(a int) returns int language plpgsql stable as 'begin return app.u&"\0077rites"(a); end';
create function calls_attribute() returns bigint language sql stable as 'select sum(p.of_row) from app.plain p where id = 1';
create function calls_member() returns bigint language sql stable as 'select sum((x).of_row) from (select p as x from app.plain p where id = 1) y';
create function calls_operator(a int) returns bool language sql stable as 'select a===-1';
create function calls_builtin(a text) returns text language sql stable as 'select pg_catalog.reverse($1)';
create function node_pid() returns int language internal stable as 'pg_backend_pid';
create operator ~~# (rightarg = regclass, function = nextval);
create function keeps(a regclass, b int) returns regclass language sql immutable as 'select a';
create aggregate draws(int) (sfunc = keeps, stype = regclass, initcond = 'app.s', finalfunc = nextval);
create view v_draws as select draws(id) as n from plain;
create cast (bigint as boolean) with function pg_try_advisory_xact_lock(bigint);
create domain truth_value as boolean;
create type truth_row as (a boolean);
create type hashed as (x int);
create function hashed_eq(a hashed, b hashed) returns bool language plpgsql as 'begin insert into app.audit (what) values (1); return (a).x = (b).x; end';
create function hashed_hash(a hashed) returns int language plpgsql immutable as 'begin return (a).x; end';
create operator ==# (leftarg = hashed, rightarg = hashed, function = hashed_eq, hashes);
create operator class hashed_ops default for type hashed using hash as operator 1 ==#, function 1 hashed_hash(hashed);
create type sorted as (x int);
create function sorted_lt(a sorted, b sorted) returns bool language plpgsql immutable as 'begin return (a).x < (b).x; end';
create function sorted_eq(a sorted, b sorted) returns bool language plpgsql immutable as 'begin return (a).x = (b).x; end';
create function sorted_cmp(a sorted, b sorted) returns int language plpgsql as 'begin insert into app.audit (what) values (1); return (a).x - (b).x; end';
create operator <# (leftarg = sorted, rightarg = sorted, function = sorted_lt);
create operator =# (leftarg = sorted, rightarg = sorted, function = sorted_eq);
create operator class sorted_ops default for type sorted using btree as operator 1 <#, operator 3 =#, function 1 sorted_cmp(sorted, sorted);
create table classed (h hashed, s sorted, k int);
insert into classed values (row(1), row(1), 1), (row(2), row(2), 2), (row(1), row(1), 3);
create view v_classed as select distinct h from classed;
create table "Odd ""one"" there" (id int, "of ""it"" all" int);
insert into "Odd ""one"" there" values (1, 2);
create extension tablefunc;
create extension xml2;
create extension isn;
create function app.pivot(text) returns setof record language c stable strict as '$libdir/tablefunc', 'crosstab';
create function node_setting() returns text language sql stable as 'select current_setting(''app.tenant'', true)';
select nextval('s'), nextval('"Odd Seq"')
"""

# Groups whose statements need those before them; between the others a session is as new, so that no pin keeps it on the primary.
CONTINUED = {"commands", "temporary objects", "what stays with its session", "defaults of the session"}

PRIMARY = {
    "defaults of the session": [
        "set default_transaction_isolation = 'serializable'",
        "select count(*) from plain",
        "table other",
        "begin read only; select 1; commit",
        "copy other to stdout",
        "explain (costs off) select 1",
        "reset default_transaction_isolation",
        "set session characteristics as transaction isolation level serializable",
        "select id from plain where id = 1",
        "set session characteristics as transaction isolation level read committed",
        "reset default_transaction_isolation",
        "set default_transaction_read_only = on",
        "insert into plain (v) values ('x')",
        "select nextval('s') is null",
        "begin; insert into plain (v) values ('x'); rollback",
        "create table made (id int)",
        "begin read write; insert into plain (v) values ('x'); rollback",
        "reset default_transaction_read_only",
        "begin isolation level serializable read only deferrable; select 1; commit",
        "start transaction read write; select 1; commit",
        "set work_mem = '5MB'",
        "reset work_mem",
        "discard plans",
        "show wal_level",
        "select current_setting('pgweir.last_lsn', true) is null, 1",
        "show config_file",
        "show hot_standby",
        "show primary_conninfo",
    ],
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
    "what stays with its session": [
        "load 'plpgsql'",
        "select setseed(0.1)",
        "select pg_advisory_lock(4712)",
        "select 1",
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
        "select ~~# 's'::regclass is null",
        "select 5::bigint::boolean",
        "select 5::bigint::truth_value",
        "select array[5::bigint]::bool[]",
        "select array[5::bigint]::_bool",
        "select row(5::bigint)::truth_row",
        "select bool(5::bigint)",
    ],
    "hidden in an operator class": [
        "select distinct h from classed",
        "select h, count(*) from classed group by h",
        "select h from classed union select h from classed",
        "select count(*) from (select h from classed intersect select h from classed) x",
        "select sum(k) over (partition by h) from classed where false",
        "select h = any (array[h]) from classed where false",
        "select * from v_classed",
        "select s from classed order by s",
        "select distinct s from classed",
        "select count(distinct s) from classed",
        "select array_agg(s order by s) from classed",
        "select k, rank() over (order by s) from classed",
        "select greatest(row(1)::sorted, row(2)::sorted)",
        "select max(array[s]) from classed",
        "select row(s) < row(s) from classed",
    ],
    "SQL in an argument of a library": [
        "select * from crosstab('select 1, 1, app.writes(1)') as x(a int, b int)",
        "select * from crosstab('select 1, 1, 1', 'select app.writes(1)') as x(a int, b int)",
        "select * from connectby('app.unl', 'id', 'id', '1', 0) as x(a int, b int, c int)",
        "select * from pivot('select 1, 1, app.writes(1)') as x(a int, b int)",
        "select * from xpath_table('n', 'n', 'app.v_seq', '/a', 'true') as x(a int, b text)",
        "select isn_weak()",
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
    "hidden in a body, a default or an aggregate": [
        "select calls_writer(1)",
        "select app.calls_caller(1)",
        "select calls_by_text()",
        "select counts_unlogged()",
        "select * from v_caller",
        "select user_default()",
        "select user_default(1)",
        "select any_number(1, 2, 3)",
        "select any_number(variadic array[1])",
        "select sum_ends(id) from plain where id = 1",
        "select sum_ends(id) over () from plain where id = 1",
        "select reverse('x')",
        "select app.reverse('x')",
        "select * from v_set",
        "select id is null from v_union",
        "select id from v_limit",
        "select calls_odd(1)",
        "select calls_escaped(1)",
        "select calls_attribute()",
        "select calls_member()",
        "select calls_operator(1)",
        "select node_pid() is null",
        "select draws(id) is null from plain where id = 1",
        "select n is null from v_draws",
        "select w from v_barrier",
        "select * from v_recursive",
    ],
    "hidden in a type or a parent": [
        "select '5'::checked_too",
        "select checked_too(5)",
        "select '(5)'::holder",
        "select row(5)::app.holder",
        "select null::holder is null",
        "select 'dark'::shade + 1",
        "select s + 1 from shaded",
        "select * from shaded",
        "select * from over_foreign",
        "select * from ft_part",
        "select count(*) from grandparent",
        "table middle",
        "select * from guarded_unl",
        "select x from jsonb_populate_record(null::holder, '{\"c\": 5}') x",
    ],
    "where a call may stand": [
        "select * from plain where id in (select nextval('s'))",
        "select array(select nextval('s')) is null",
        "select exists (select nextval('s'))",
        "select * from (values (nextval('s') is null)) v",
        "select count(*) from nextval('s') as n",
        "select \"pg_catalog\".\"nextval\"('s') is null",
        "select 1 where (select nextval('s')) is null",
        "select (nextval('s') is null)::int",
        "select not nextval('s') is null",
        "select nextval('s') is distinct from null",
        "select (nextval('s') > 0) is true",
        "select id from plain group by id having nextval('s') > 0 and id = 1",
        "select max(nextval('s')) is null",
        "select count(*) from generate_series(1, nextval('s') * 0 + 2)",
        "select count(*) from (select nextval('s') offset 0) x",
        "with x as materialized (select nextval('s') as n) select n is null from x",
        "select first_value(nextval('s')) over () is null",
        "select xmlelement(name a, nextval('s')) is null",
        "select jsonb_build_object('a', nextval('s')) is null",
        "select body[nextval('s')::text] is null from doc where id = 1",
        "select v like nextval('s')::text from plain where id = 1",
        "select overlay('abc' placing 'x' from nextval('s')::int * 0 + 1)",
        "select extract(year from now() + nextval('s') * interval '0 s') is null",
        "select id from plain order by nextval('s') limit 1",
        "select count(*) from plain tablesample bernoulli (nextval('s') * 0 + 100)",
        "select count(*) from plain tablesample bernoulli (100) repeatable (nextval('s'))",
        "select count(*) from xmltable('/a' passing xmlparse(content '<a/>') columns b int path '@b' default nextval('s')) x",
        "select percentile_disc(nextval('s') * 0 + 0.5) within group (order by id) from plain",
        "select 1 union select nextval('s') * 0 intersect select 2",
        "select 1 offset nextval('s')",
        "copy (values (nextval('s') is null)) to stdout",
    ],
    "the files and the state of the server": [
        "select current_query() is null",
        "select pg_read_file('PG_VERSION') is null",
        "select count(*) > 0 from pg_ls_dir('.')",
        "select size > 0 from pg_stat_file('PG_VERSION')",
        "select pg_current_logfile() is null",
        "select count(*) > 0 from pg_ls_waldir()",
        "select checkpoint_lsn is null from pg_control_checkpoint()",
        "select system_identifier is null from pg_control_system()",
        "select pg_last_wal_replay_lsn() is null",
        "select pg_is_wal_replay_paused()",
        "select pg_notification_queue_usage()",
        "select pg_blocking_pids(0)",
        "select count(*) > 0 from pg_file_settings",
        "select count(*) > 0 from pg_hba_file_rules",
        "select count(*) > 0 from pg_config",
        "select count(*) > 0 from pg_shmem_allocations",
        "select count(*) > 0 from pg_backend_memory_contexts",
        "select count(*) > 0 from pg_available_extensions",
        "select count(*) >= 0 from pg_stat_progress_vacuum",
        "select count(*) >= 0 from pg_stat_ssl",
        "select count(*) > 0 from pg_stat_wal",
        "select count(*) >= 0 from pg_stat_wal_receiver",
        "select count(*) >= 0 from pg_stat_subscription",
        "select count(*) > 0 from pg_stat_bgwriter",
        "select count(*) >= 0 from pg_statio_all_tables",
        "select pg_tablespace_size('pg_default') > 0",
        "select pg_tablespace_location(0) is null",
        "select pg_trigger_depth()",
        "select schema_to_xml('app', true, true, '') is null",
        "select count(*) > 0 from ts_stat('select to_tsvector(v) from plain')",
    ],
    "hints": [
        "/* pgweir: primary */ select 1",
        "select 1 /* pgweir: primary */",
        "-- pgweir: primary\nselect id from plain where id = 1",
        "select 1; -- pgweir:primary",
    ],
}

READS = [
    "select calls_builtin('abc')",
    "select id, \"of \"\"it\"\" all\" from \"Odd \"\"one\"\" there\" -- of it",
    "select 'x'::isbn is null from plain where false",
    "select n from normal_rand(3, 0, 0) n",
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
    "select id::text, v::varchar(3), n::numeric(10, 2), '2020-01-01'::date + 1 from plain order by id limit 2",
    "select interval '1 day' * 2, time '10:00' + interval '1 hour', date '2020-02-29' - date '2020-01-01'",
    "select array_position(array[1, 2, 3], 2), array[1, 2] || 3, cardinality(tags), tags && array['a'] from doc order by id",
    "select int4range(1, 5) @> 3, numrange(1, 2) * numrange(1.5, 3), lower(int8range(1, 9)), '{[1,3),[5,7)}'::int4multirange",
    "select '192.168.0.0/24'::inet >> '192.168.0.1'::inet, host('10.0.0.1'::inet), '08:00:2b:01:02:03'::macaddr",
    "select point(1, 2) <-> point(3, 4), box '((0,0),(1,1))' @> point '(0.5,0.5)', circle '<(0,0),1>'",
    "select regexp_replace(v, '[0-9]+', '#'), regexp_split_to_array(v, ''), v similar to 'v%' from plain where id < 3 order by id",
    "select format('%s-%I-%L', 1, 'a b', 'c'), concat_ws(',', 1, null, 2), quote_ident('A'), left('abc', 2), lpad('7', 3, '0')",
    "select encode(sha256('x'), 'hex'), decode('ff', 'hex'), get_byte('\\x0102'::bytea, 1), convert_from('abc', 'UTF8')",
    "select json_build_object('a', 1, 'b', json_build_array(1, 2)), to_jsonb(p) from plain p where id = 1",
    "select jsonb_path_query(body, '$.k'), body #>> '{k}', body ? 'k', body - 'k', jsonb_set(body, '{k}', '0') from doc order by id limit 1",
    "select key, value from doc, jsonb_each(body) where id = 1",
    "select row_to_json(x) from (select 1 as a, 'b' as b) x",
    "select bool_and(id > 0), every(n >= 0), bit_or(id), stddev(id), corr(id, n), percentile_cont(0.5) within group (order by id), mode() within group (order by n) from plain",
    "select string_agg(v, ',' order by id desc), array_agg(distinct n), json_agg(id order by id), count(distinct v) from plain",
    "select first_value(v) over w, ntile(4) over w, percent_rank() over w, sum(id) over (order by id rows between 1 preceding and 1 following) from plain window w as (order by id) order by id",
    "select sum(id) over (partition by n order by id range between unbounded preceding and current row exclude ties) from plain order by id",
    "select * from (values (1, 'a'), (2, 'b')) as t(n, s) where s in ('a', 'c')",
    "select * from plain p cross join lateral (select count(*) as c from other o where o.id <= p.id) x where p.id < 3 order by p.id",
    "select * from plain full join other using (id) order by id nulls last",
    "select p.id from plain p where not exists (select from other o where o.id = p.id) order by p.id",
    "select id from plain where (id, v) in (select id, v from plain where id < 3) order by id",
    "select id from plain where row(id, n) < row(3, 0) order by id",
    "select a.id from plain a, plain b where a.id = b.id + 1 order by a.id fetch first 3 rows with ties",
    "select id from plain intersect select id from other except select 1 order by id",
    "select id from plain order by v collate \"C\" desc nulls first offset 2 limit 3",
    "select id from plain order by id using > limit 2",
    "select n, grouping(n), count(*) from plain group by rollup (n) order by 1, 2",
    "select n, id % 2, count(*) from plain group by cube (n, id % 2) order by 1, 2, 3",
    "with a as (select 1 as x), b as not materialized (select x + 1 as y from a) select * from a, b",
    "with recursive t(n) as (values (1) union select n + 1 from t where n < 4) select sum(n) from t",
    "with recursive t as (select 1 as n, 2 as m union all select m, n + m from t where m < 50) search depth first by n set o select n from t order by n",
    "with recursive g as (select 1 as f, 2 as t union all select t, f from g) cycle f, t set is_cycle using path select f, t, is_cycle from g",
    "select * from plain tablesample bernoulli (100) repeatable (1) order by id limit 2",
    "select id from only whole order by id",
    "select tableoid::regclass, id from whole",
    "select ctid is not null, xmin is not null from plain where id = 1",
    "select p from plain p where id = 1",
    "select (p).v, (p).* from plain p where id = 1",
    "select (select p from plain p where id = 1).v",
    "select (row(1, 'a')::record) is not null",
    "select body['k'], tags[1:1], (array[[1, 2], [3, 4]])[2][1] from doc where id = 1",
    "select 'a' < 'b' collate \"C\", 'x' is distinct from null, null is not distinct from null, true is not false, null is unknown",
    "select 5 between symmetric 7 and 3, 2 not in (1, 3), 'abc' ilike 'A%', 'a_c' like 'a\\_c' escape '\\'",
    "select 1 where 'v1' = any (select v from plain) and 1 <> all (array[2, 3])",
    "select case n when 0 then 'zero' else 'more' end, coalesce(v, 'none'), nullif(id, 1) from plain order by id limit 3",
    "select cast(null as int), cast('12' as integer), bigint '5', float8 '1e3', 7 / 2, 7 % 4, 2 ^ 3, |/ 16, @ -5, 5 # 3, ~ 1, 1 << 3",
    "select extract(epoch from interval '1 hour'), date_part('dow', date '2020-01-01'), age(date '2020-01-02', date '2020-01-01'), make_date(2020, 1, 1)",
    "select to_timestamp(0) at time zone 'UTC', to_date('2020', 'YYYY'), to_number('12', '99'), isfinite(now()), justify_days(interval '40 days')",
    "select transaction_timestamp() = now(), statement_timestamp() is not null, localtimestamp is not null, localtime is not null",
    "select pg_typeof(1), pg_typeof('x'::text), pg_size_pretty(1024::bigint), pg_column_size('abc')",
    "select pg_sleep(0) is null",
    "select version() like 'PostgreSQL%', current_catalog, current_schemas(false), current_role, user",
    "select has_table_privilege('app.plain', 'select'), has_schema_privilege('app', 'usage'), has_column_privilege('app.plain', 'v', 'select'), pg_has_role('postgres', 'usage')",
    "select to_regclass('app.plain'), to_regtype('int4'), 'app.plain'::regclass::oid > 0, 'app'::regnamespace, 'now()'::regprocedure",
    "select obj_description('app.plain'::regclass), col_description('app.plain'::regclass, 1), pg_get_userbyid(10)",
    "select pg_get_constraintdef(oid), conname from pg_constraint where conrelid = 'app.other'::regclass order by conname",
    "select pg_get_indexdef(indexrelid), indisunique, indisprimary from pg_index where indrelid = 'app.plain'::regclass",
    "select pg_get_viewdef('app.v_read'::regclass), pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 'app.plain'::regclass order by adnum",
    "select pg_get_functiondef('app.adds(int, int)'::regprocedure), pg_get_function_arguments('app.adds(int, int)'::regprocedure)",
    "select n.nspname, c.relname, pg_catalog.pg_table_is_visible(c.oid) from pg_catalog.pg_class c left join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relname operator(pg_catalog.~) '^(plain)$' collate pg_catalog.default order by 1, 2",
    "select a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, (select pg_catalog.pg_get_expr(d.adbin, d.adrelid, true) from pg_catalog.pg_attrdef d where d.adrelid = a.attrelid and d.adnum = a.attnum and a.atthasdef) from pg_catalog.pg_attribute a where a.attrelid = 'app.plain'::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum",
    "select t.oid, t.typname, t.typtype, t.typelem, e.enumlabel from pg_type t left join pg_enum e on e.enumtypid = t.oid where t.typname = 'colour' order by e.enumsortorder",
    "select oid, typname, typarray from pg_type where typname in ('hstore', 'citext', 'json') order by typname",
    "select t.typname, t.oid, t.typelem, t.typdelim, t.typinput, r.rngsubtype, t.typtype, t.typbasetype from pg_type as t left join pg_range as r on oid = rngtypid where t.typname in ('int2', 'int4', 'bool') order by 1",
    "select c.conname, array(select attname from pg_attribute where attrelid = c.conrelid and attnum = any (c.conkey)) from pg_constraint c where c.contype = 'p' and c.conrelid = 'app.plain'::regclass",
    "select i.relname, x.indkey, unnest(x.indkey) from pg_index x join pg_class i on i.oid = x.indexrelid where x.indrelid = 'app.plain'::regclass order by 1, 3",
    "select e.extname, e.extversion, n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace order by 1",
    "select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' order by nspname",
    "select datname, pg_encoding_to_char(encoding), datcollate from pg_database where datname = current_database()",
    "select rolname, rolsuper from pg_roles where rolname = current_user",
    "select usename from pg_user where usename = session_user",
    "select viewname from pg_views where schemaname = 'app' and viewname = 'v_read'",
    "select indexname from pg_indexes where schemaname = 'app' and tablename = 'plain'",
    "select matviewname from pg_matviews where schemaname = 'app'",
    "select tablename, attname, null_frac is not null from pg_stats where schemaname = 'app' and tablename = 'plain' order by 2",
    "select policyname from pg_policies where tablename = 'tenant'",
    "select proname, provolatile from pg_proc where pronamespace = 'app'::regnamespace and proname = 'adds'",
    "select trigger_name from information_schema.triggers where event_object_table = 'plain'",
    "select constraint_name, constraint_type from information_schema.table_constraints where table_schema = 'app' and table_name = 'other' order by 1",
    "select kcu.column_name, tc.constraint_type from information_schema.table_constraints tc join information_schema.key_column_usage kcu using (constraint_schema, constraint_name) where tc.table_schema = 'app' and tc.table_name = 'plain' order by 1",
    "select table_name, view_definition is not null from information_schema.views where table_schema = 'app' and table_name = 'v_read'",
    "select schema_name from information_schema.schemata where schema_name = 'app'",
    "select routine_name from information_schema.routines where routine_schema = 'app' and routine_name = 'adds'",
    "select sequence_name from information_schema.sequences where sequence_schema = 'app' order by 1",
    "select relkind, relpersistence, relrowsecurity, reltuples >= -1 from pg_class where oid = 'app.plain'::regclass",
    "select inhrelid::regclass, inhparent::regclass from pg_inherits where inhparent = 'app.whole'::regclass",
    "select * from pg_partition_tree('app.whole')",
    "select pg_relation_size('app.plain', 'main') > 0, pg_table_size('app.plain') > 0, pg_indexes_size('app.plain') > 0, pg_total_relation_size('app.plain') > 0",
    "select current_setting('search_path'), current_setting('app.nothing', true), current_setting('DateStyle')",
    "select xpath('/a/b/text()', '<a><b>c</b></a>'), xmlparse(content '<a/>'), xmlforest(1 as a), xmlserialize(content '<a/>'::xml as text)",
    "select * from json_to_record('{\"a\": 1, \"b\": \"x\"}') as x(a int, b text)",
    "select * from unnest(array[1, 2], array['a', 'b']) with ordinality as u(n, s, o)",
    "select * from generate_series('2020-01-01'::timestamp, '2020-01-03', '1 day') d",
    "select * from string_to_table('a,b', ','), regexp_matches('a1b2', '[0-9]', 'g') m",
    "select ts_rank(to_tsvector('simple', v), to_tsquery('simple', 'v1')) from plain where id = 1",
    "select plainto_tsquery('english', 'a word') @@ to_tsvector('english', 'words'), ts_headline('english', 'some words', to_tsquery('word'))",
    "select v_read.id, v_random.always from v_read, v_random order by 1",
    "select count(*) from v_read r join mv m using (id)",
    "select row_reads(p) from plain p where id = 2",
    "select eq_reads(1, 1), adds(a => 1, b => 2), app.reads(a => 1)",
    "select array_agg(x order by x) from (select distinct n as x from plain) s",
    "select 'green'::colour > 'red'::colour, enum_first(null::colour), colour 'red'",
    "select 99::small + 1, array[1, 2]::small[]",
    "select \"plain\".\"id\", plain.\"v\", \"app\".\"plain\".\"n\" from \"app\".\"plain\" where \"plain\".\"id\" = 1",
    "select U&\"\\0069d\" from plain where U&\"\\0069d\" = 1",
    "select 1 as \"nextval\", 2 as \"pg_stat_activity\"",
    "select 'pg_stat_activity'::text, 'nextval(''s'')' || '', e'update\\tplain'",
    "explain select 1",
    "explain (verbose, costs off) select id from plain where v = 'x'",
    "explain (format json, costs off) select count(*) from plain",
    "explain (analyze, costs off, timing off, summary off, buffers off) select * from v_read",
    "explain (costs off) values (1)",
    "explain (costs off) table plain",
    "copy (values (1, 'a'), (2, null)) to stdout",
    "copy (select * from plain where id < 3 order by id) to stdout with (format text, null 'NULL', delimiter '|')",
    "copy (with x as (select 1 as a) select a from x) to stdout with csv header",
    "copy app.other (id, w) to stdout csv",
    "copy whole_1 to stdout",
    "copy (table other) to stdout",
    "select 1; values (2); table whole_1",
    "begin transaction read only; select count(*) from plain; select 2; end",
    "begin isolation level read committed read only; explain select 1; commit",
    "begin read only; declare c cursor for select id from plain order by id; fetch 2 from c; close c; commit",
    "start transaction read only, isolation level repeatable read; values (1); rollback",
    "(values (1) order by 1) union all (select 2 limit 1)",
    "select all id from plain where id = 1",
    "select from plain where id < 3",
    "select count(*) filter (where id > 5), sum(id) filter (where n = 0) from plain",
    "select - - 5, not not true, + 3",
    "select $tag$ delete from plain; $tag$ as body",
    "select 1 /* pgweir: replica */",
    "select * from xmltable('/r/x' passing xmlparse(content '<r><x a=\"1\">t</x></r>') columns a int path '@a', t text path '.')",
    "select /* nextval('s') */ id from plain where id = 1 -- delete from plain",
    "select pg_catalog.reverse('abc')",
    "select sees_writes(1)",
    "select * from mv_writes",
    "select node_setting() is null",
    "select count(*) from pg_timezone_names where name = 'UTC'",
    "select set_bit('\\x00'::bytea, 1, 1), bit_count(b'101')",
    "select count(*) from pg_publication_tables",
    "select max(id) over (order by id groups between 1 preceding and current row) from plain order by 1 limit 2",
]

# Reads that a replica refuses as the primary does; it may be behind the primary, whose answer is final.
REFUSED = [
    "select no_such_column from plain",
    "select * from no_such_table",
    "select no_such_function(1)",
    "copy v_read to stdout",
]
