"""What a database's triggers, views and functions do is heeded before pgweir has read the catalog, and after others changed it."""

import time

import pytest

from lib import wire
from lib.scene import catalog_is_read, refused, value

# Each leaves an advisory lock or a temporary table behind it, and its text says nothing of it.
OBJECTS = """
    drop schema if exists hidden cascade; create schema hidden;
    create view hidden.v as select pg_try_advisory_lock(1) as got;
    create table hidden.defaults (a int, b bool default pg_try_advisory_lock(1));
    create table hidden.triggers (a int);
    create function hidden.act() returns trigger language plpgsql as $$
      begin perform pg_advisory_lock(1); return new; end $$;
    create trigger act before insert on hidden.triggers for each row execute function hidden.act();
    create function hidden.lock() returns void language plpgsql as $$ begin perform pg_advisory_lock(1); end $$;
"""
STATEMENTS = {
    "a view": "select * from hidden.v",
    "a default": "insert into hidden.defaults (a) values (1)",
    "a trigger": "insert into hidden.triggers values (1)",
    "a function": "select hidden.lock()",
}


# Each takes a lock, and is made when the catalog has been read already.
LATER = {
    "a function": ("create or replace function later_{n}() returns bool language sql as 'select pg_try_advisory_lock(1)'", "select later_{n}()"),
    "a function in an INSERT": ("create or replace function later_{n}() returns bool language sql as 'select pg_try_advisory_lock(1)'",
                                "insert into plain select 1 where later_{n}()"),
    "a view": ("create or replace view later_{n} as select pg_try_advisory_lock(1) as got", "with x as (select * from later_{n}) select * from x"),
    "a domain": ("create domain later_{n} as int check (value > 0 and pg_try_advisory_lock(1))", "select 1::later_{n}"),
}


@pytest.mark.parametrize("making, statement", LATER.values(), ids=LATER.keys())
def test_what_was_made_a_moment_ago_is_not_taken_for_harmless(app, making, statement):
    number = str(time.time_ns())
    app.query("create table if not exists plain (a int)")
    one = app.weir(default_pool_size=2, verbose=2)
    catalog_is_read(one)

    with one.client("app") as client, one.client("app") as other:
        # What was read of the catalog is fresh, and does not tell of it.
        client.query("select * from plain")
        app.query(making.format(n=number))
        client.query(statement.format(n=number))

        assert value(other, "select pg_try_advisory_lock(1)") == "f"
        assert value(client, "select pg_advisory_unlock(1)") == "t"


def test_what_is_known_is_asked_nothing(app):
    """The names of ordinary statements are all in the catalog: they stay without questions."""
    app.query("create table if not exists plain (a int); create or replace function plain_f(a int) returns int language sql as 'select a'")
    one = app.weir(default_pool_size=1, verbose=2)
    catalog_is_read(one)
    mark = app.primary.mark()

    with one.client("app") as client:
        for statement in ("with x(b) as (select a from plain) select extract(year from now()), coalesce(b, 1)::numeric(10, 2) from x as y(b)",
                          "insert into plain (a) values (plain_f(1)) returning a", "update only plain as p set a = plain_f(p.a) from pg_class c where c.oid = p.a",
                          "delete from plain p using information_schema.tables t where t.table_name = p.a::text",
                          "select count(*) filter (where true) over w, array(select 1), 'a'::character varying(3) from plain window w as (order by a)",
                          "select * from plain, lateral unnest(array[a]) with ordinality u(v, n), generate_series(1, 2) g",
                          "select now() at time zone 'utc', trim(both from 'x'), position('a' in 'b'), 'x' is distinct from 'y', current_date - interval '1 day'",
                          "merge into plain p using plain_source s on p.a = s.a when not matched then insert values (1)"):
            client.ask(wire.query(statement))

    asked = [s.text for s in app.primary.statements_since(mark) if "pg_lock_status" in s.text or "pg_catalog.current_setting(n,true)" in s.text]
    # The last one's table is not there.
    assert len(asked) <= 2


def test_a_prepared_statement_is_judged_anew_when_nobody_has_looked_for_a_while(app):
    app.query("drop schema if exists hidden cascade; create schema hidden; create table hidden.triggers (a int)")
    one = app.weir(default_pool_size=2, verbose=2)
    catalog_is_read(one)
    with one.client("app") as first, one.client("app") as second, one.client("app") as other:
        first.ask(wire.parse("insert into hidden.triggers values (1)", "named"), wire.sync())
        second.ask(wire.parse("insert into hidden.triggers values (1)"), wire.sync())
        # Long enough for what was read of the catalog to be old.
        time.sleep(3)
        app.query("drop table hidden.triggers;" + OBJECTS.split(";", 2)[2])
        for client, name in ((first, "named"), (second, "")):
            client.ask(wire.bind((), name), wire.execute(), wire.sync())

            assert value(other, "select pg_try_advisory_lock(1)") == "f"
            assert value(client, "select pg_advisory_unlock(1)") == "t"


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_the_first_statement_of_all_is_asked_what_it_left(app, statement):
    app.query(OBJECTS)
    one = app.weir(default_pool_size=2)

    with one.client("app") as client, one.client("app") as other:
        client.query(statement)

        assert value(other, "select pg_try_advisory_lock(1)") == "f"
        assert value(client, "select pg_advisory_unlock(1)") == "t"


def test_what_others_made_while_nobody_was_there_is_not_unknown_for_harmless(app):
    app.query("drop schema if exists hidden cascade")
    one = app.weir(default_pool_size=2)
    with one.client("app") as client, one.client("app") as other:
        assert refused(client.query, "select hidden.lock()").sqlstate == "3F000"
        # Long enough for the catalog to have been read, and for that to be old.
        time.sleep(3)
        app.query(OBJECTS)

        client.query("select hidden.lock()")

        assert value(other, "select pg_try_advisory_lock(1)") == "f"
        assert value(client, "select pg_advisory_unlock(1)") == "t"
