"""What a database's triggers, views and functions do is heeded before pgweir has read the catalog, and after others changed it."""

import time

import pytest

from lib.scene import refused, value

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
