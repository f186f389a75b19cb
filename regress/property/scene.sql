-- What programs work on.  place and notes are read by all and written by none; what ends in a letter is one client's own.
create extension if not exists plpgsql;
create schema s1;
create schema s2;
create table notes (id int primary key, v text);
insert into notes select g, 'note ' || g from generate_series(1, 5) g;
create table place (v text);
create table s1.place (v text);
create table s2.place (v text, n int);
insert into place values ('public');
insert into s1.place values ('one');
insert into s2.place values ('two', 2);
create table secret (v text);
insert into secret values ('for alice');
create type mood as enum ('sad', 'ok', 'happy');

create function f_set(name text, value text) returns text language plpgsql
    as $$ begin return set_config(name, value, false); end $$;
create function f_set_sql(name text, value text) returns text language sql
    as $$ select set_config(name, value, false) $$;
create function f_set_local(name text, value text) returns text language plpgsql
    as $$ begin return set_config(name, value, true); end $$;
create function f_set_work_mem() returns void language plpgsql
    as $$ begin set work_mem = '5MB'; end $$;
create function f_set_fails(name text, value text) returns void language plpgsql
    as $$ begin perform set_config(name, value, false); raise exception 'after %', name; end $$;
create function f_set_caught(name text, value text) returns text language plpgsql
    as $$ begin
        begin
            perform set_config(name, value, false);
            raise exception 'inner';
        exception when others then
            null;
        end;
        return current_setting(name, true);
    end $$;
create function f_clause() returns text language plpgsql set search_path = s1
    as $$ begin return current_setting('search_path') || (select v from place); end $$;
create function f_clause_set() returns text language plpgsql set work_mem = '3MB'
    as $$ begin perform set_config('work_mem', '6MB', false); return current_setting('work_mem'); end $$;
create function f_clause_sets_other() returns text language plpgsql set work_mem = '3MB'
    as $$ begin perform set_config('search_path', 's2', false); return current_setting('work_mem'); end $$;
create function f_run(text) returns void language plpgsql
    as $$ begin execute $1; end $$;
create function f_temporary(name text) returns void language plpgsql
    as $$ begin execute format('create temp table %I as select 1 as n', name); end $$;
create function f_drop_temporary(name text) returns "char" language plpgsql
    as $$ declare kind "char"; begin
        select relkind into kind from pg_class where oid = to_regclass('pg_temp.' || name);
        if kind in ('r', 'v') then
            execute format('drop %s pg_temp.%I cascade', case kind when 'r' then 'table' else 'view' end, name);
        end if;
        return kind;
    end $$;
create function f_lock(key bigint) returns void language plpgsql
    as $$ begin perform pg_advisory_lock(key); end $$;
create function f_stable(n int) returns int language sql stable as 'select $1 + 1';
create procedure p_commits(name text, one text, two text) language plpgsql
    as $$ begin
        perform set_config(name, one, false);
        commit;
        perform set_config(name, two, false);
        rollback;
    end $$;
create procedure p_sets(name text, value text) language plpgsql
    as $$ begin perform set_config(name, value, false); end $$;
create function f_atomic() returns text language sql
    begin atomic select set_config('work_mem', '11MB', false); end;
create view v_sets as select set_config('work_mem', '12MB', false) as v;
create view v_prepared as select name, statement from pg_prepared_statements;
create function f_deep() returns text language sql as 'select v from v_sets';
create function f_check(text) returns bool language plpgsql
    as $$ begin perform set_config('work_mem', '13MB', false); return true; end $$;
create domain d_sets as text check (f_check(value));
create function f_plus(int, int) returns int language plpgsql
    as $$ begin perform set_config('work_mem', '14MB', false); return $1 + $2; end $$;
create operator <#> (leftarg = int, rightarg = int, function = f_plus);
create aggregate sets_of(int) (sfunc = f_plus, stype = int, initcond = '0');
create function f_trigger() returns trigger language plpgsql
    as $$ begin perform set_config('work_mem', '9MB', false); return new; end $$;

do $$
declare letter text;
begin
    foreach letter in array array['a', 'b', 'c', 'd', 'e', 'f'] loop
        execute format('create table t_%s (id serial primary key, v text)', letter);
        execute format('create table trigger_%s (v text)', letter);
        execute format('create trigger t before insert on trigger_%s for each row execute function f_trigger()', letter);
        execute format('create table deferred_%s (n int unique deferrable initially deferred)', letter);
        execute format('create sequence q_%s', letter);
        execute format('create table default_%s (n int, v text default set_config(''work_mem'', ''15MB'', false))', letter);
        execute format('create table ruled_%s (n int)', letter);
        execute format('create rule r as on update to ruled_%s do also select set_config(''work_mem'', ''16MB'', false)', letter);
    end loop;
end $$;

create function forget(letters text) returns void language plpgsql as $$
declare letter text;
begin
    foreach letter in array string_to_array(letters, null) loop
        execute format('delete from t_%s', letter);
        execute format('delete from trigger_%s', letter);
        execute format('delete from deferred_%s', letter);
        execute format('delete from default_%s', letter);
        execute format('select setval(%L, 1, false)', 'q_' || letter);
        execute format('select setval(%L, 1, false)', 't_' || letter || '_id_seq');
        execute format('drop table if exists public.made_%1$s, s1.made_%1$s, s2.made_%1$s cascade', letter);
    end loop;
end $$;

grant usage, create on schema public, s1, s2 to public;
grant all on all tables in schema public, s1, s2 to public;
grant all on all sequences in schema public to public;
revoke all on secret from public;
grant select on secret to alice;
