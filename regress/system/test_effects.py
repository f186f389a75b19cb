"""What a database's own functions, triggers, views and types do to a session: asked of PostgreSQL, judged by name."""

import os
import subprocess

import pytest

from lib.pgweir import program_path

DATABASE = "effects"

# What EXECUTE and C functions may do: anything that PostgreSQL can be asked about.
UNKNOWN = {"unknown", "settings", "temporary", "advisory", "holds", "prepares", "deallocates", "listens", "notifies", "draws", "fills", "asks_sequence"}

SCHEMA = """
create schema fx; set search_path = fx, public;
create table plain(id serial primary key, v int);
create table trg(id serial primary key, v int); create table child(id int references trg on delete cascade); 
create function settle() returns int language plpgsql as $$ begin perform set_config('app.tenant', 'x', false); return 1; end $$;
create function settle_set() returns int language plpgsql as $$ begin if true then set app.two to 3; end if; update plain set v = 1; return 1; end $$;
create function settle_local() returns int language plpgsql as $$ begin perform set_config('app.tenant', 'x', true); set local app.y = 1; return 1; end $$;
create function outer_f() returns int language sql as $$ select fx.settle() $$;
create function atomic() returns text language sql begin atomic select set_config('app.three', 'x', false); end;
create function dyn(q text) returns void language plpgsql as $$ begin execute q; end $$;
create function pure(a int) returns int language sql immutable as $$ select a + 1 $$;
create function with_set() returns int language plpgsql set work_mem = '1MB' as $$ begin return 1; end $$;
create function trgf() returns trigger language plpgsql as $$ begin perform settle(); return new; end $$;
create trigger t before insert on trg for each row execute function trgf();
create trigger td after delete on child for each row execute function trgf();
create view v_cur as select currval('plain_id_seq') c;
create view v_v as select * from v_cur;
create view v_plain as select * from plain;
create view v_fn as select settle() s, id from plain;
create view v_prep as select * from pg_prepared_statements;
create table dflt(id int, v int default settle());
create table chk(id int check (settle() > 0));
create function dom_check(int) returns bool language sql as $$ select setseed(0.5) is null $$;
create domain dom as int check (dom_check(value)); create table doms(d dom, a dom[]);
create table part(id int) partition by range (id); create table part1 partition of part for values from (1) to (10);
create trigger pt before insert on part1 for each row execute function trgf();
create table ruled(id int); create rule r as on insert to ruled do also notify rulers;
create table idx(id int); create function imm(int) returns int language plpgsql immutable as $$ begin perform pg_advisory_lock(1); return $1; end $$; create index on idx (imm(id));
create table pol(id int); alter table pol enable row level security; create policy p on pol using (outer_f() = 1);
create procedure proc() language plpgsql as $$ begin create temp table x(a int); end $$;
create function agg_s(int, int) returns int language sql as $$ select settle() $$; create aggregate agg(int) (sfunc = agg_s, stype = int, initcond = '0');
create type comp as (d dom);
create function locker() returns void language sql as $$ select pg_advisory_lock(1) $$;
create function lister() returns void language plpgsql as $$ begin listen x; end $$;
create extension pg_trgm; create extension hstore; create extension "uuid-ossp";
create table tagged (h hstore, u uuid default uuid_generate_v4());
create function fire() returns event_trigger language plpgsql as $$ begin perform setseed(0.1); end $$;
"""

# Each text with its effects and the settings that it changes by name; "+" when it may change others.
TEXTS = {
    "select * from plain": ("", ""),
    "insert into plain (v) values (1)": ("fills", ""),
    "select settle()": ("settings", "app.tenant"),
    "select fx.settle()": ("settings", "app.tenant"),
    "select settle_set()": ("settings", "app.two"),
    "select settle_local()": ("", ""),
    "select outer_f()": ("settings", "app.tenant"),
    "select atomic()": ("settings hides", "+"),
    "select pure(1), with_set()": ("", ""),
    "insert into trg (v) values (1)": ("settings fills", "app.tenant"),
    "delete from trg": ("settings", "app.tenant"),
    "select * from v_cur": ("asks_sequence", ""),
    "select * from v_v": ("asks_sequence", ""),
    "select * from v_plain": ("", ""),
    "select * from v_fn": ("settings", "app.tenant"),
    "select * from v_prep": ("looks_prepared", ""),
    "insert into dflt (id) values (1)": ("settings fills", "app.tenant"),
    "insert into chk values (1)": ("settings fills", "app.tenant"),
    "select '1'::dom": ("seeds", ""),
    "insert into doms values (1)": ("seeds fills", ""),
    "select null::comp": ("seeds", ""),
    "insert into part values (1)": ("settings fills", "app.tenant"),
    "insert into ruled values (1)": ("notifies fills", ""),
    "insert into idx values (1)": ("advisory fills", ""),
    "select * from pol": ("settings", "app.tenant"),
    "call proc()": ("temporary", ""),
    "select agg(v) from plain": ("settings", "app.tenant"),
    "select locker()": ("advisory", ""),
    "select lister()": ("listens", ""),
    "select similarity('a', 'b'), 'a' % 'b', show_trgm('x')": ("", ""),
    "insert into tagged (h) values ('a=>1')": ("fills", ""),
    "select h -> 'a', uuid_generate_v4() from tagged": ("", ""),
}


def hexed(*words):
    return [word.encode().hex() for word in words]


class Judge:
    """A database's answers, and what the texts do by them."""

    program = os.path.join(os.path.dirname(program_path()), "effects_of")

    def __init__(self, client):
        answers = {word: client.query(self.run(word)).rows for word in ("names", "rules", "calls", "mentions", "sources")}
        relations = {oid: name for _, name, oid in answers["names"] if oid}
        rules = {oid: relation for oid, _, relation in answers["rules"]}
        mentions = answers["mentions"] + [(None, name, rules[oid], relation) for oid, name, relation in answers["calls"] if name != ""]
        named = [(source or relations.get(a), target or relations.get(b)) for source, target, a, b in mentions]
        functions = [(name, "") for kind, name, _ in answers["names"] if kind == "f"]
        self.rows = {"mention": functions + [ends for ends in named if None not in ends], "source": [row[:2] for row in answers["sources"]]}

    def run(self, word, told=""):
        return subprocess.run([self.program, word], input=told, capture_output=True, text=True, check=True, timeout=60).stdout

    def __call__(self, *texts):
        """Of each text its effects, and its settings with "+" for those without a name."""
        told = [[kind, *hexed(*row)] for kind, rows in self.rows.items() for row in rows] + [["text", *hexed(text)] for text in texts]
        answers = self.run("judge", "".join("\t".join(line) + "\n" for line in told)).splitlines()
        found = []
        for line in answers:
            effects, settings, rest = line.split("\t")
            found.append((set(effects.split()), " ".join(sorted(set(settings.split())) + ["+"] * (rest == "more"))))
        return found


@pytest.fixture
def database(cluster):
    cluster.primary.query(f"drop database if exists {DATABASE} with (force)")
    cluster.primary.query(f"create database {DATABASE}")
    with cluster.primary.client(DATABASE) as client:
        client.query(SCHEMA)
        client.query("set search_path = pg_catalog")
        yield client
    cluster.primary.query(f"drop database {DATABASE} with (force)")


def test_what_the_catalog_says_of_a_name_is_what_the_text_does(database):
    judge = Judge(database)

    found = dict(zip(TEXTS, judge(*TEXTS)))

    assert found == {text: (set(effects.split()), settings) for text, (effects, settings) in TEXTS.items()}


def test_what_nobody_can_look_into_is_unknown_and_an_extensions_functions_are_not(database):
    judge = Judge(database)

    dynamic, limit, plain = judge("select dyn('select 1')", "select set_limit(0.5)", "select word_similarity('a', 'b')")

    assert dynamic[0] >= UNKNOWN and dynamic[1] == "+"
    assert limit[0] >= UNKNOWN
    assert plain == (set(), "")


def test_an_event_trigger_runs_with_every_definition_and_with_nothing_else(database):
    database.query("create event trigger fires on ddl_command_end execute function fx.fire()")
    judge = Judge(database)

    drop, select = judge("drop table if exists nothing", "select 1")

    assert drop[0] == {"seeds"} and select[0] == set()
