"""Clean servers: what a departing client has left is undone before another gets the server, by the smallest means."""

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import catalog_is_read, pid_of, value


def leave(one, *statements):
    """A client that runs the statements and goes; answers the process id of its server."""
    with one.client("app") as client:
        pid = pid_of(client)
        for statement in statements:
            client.query(statement)
        # Its answer comes when it is known what those have left.
        client.query("select 1")
    return pid


@pytest.fixture
def log(app):
    """log() answers the statements that the primary has run since the last call."""
    mark = [app.primary.mark()]

    def since():
        found = [s.text for s in app.primary.statements_since(mark[0]) if s.database == "app"]
        mark[0] = app.primary.mark()
        return found

    return since


BY_PARTS = {
    "locks": (["select pg_advisory_lock(801)"], "select pg_catalog.pg_advisory_unlock_all()"),
    "cursors": (["begin", "declare c cursor with hold for select 1", "commit"], "close all"),
    "both": (
        ["select pg_advisory_lock(802)", "begin", "declare c cursor with hold for select 1", "commit"],
        "select pg_catalog.pg_advisory_unlock_all(); close all",
    ),
}


@pytest.mark.parametrize("statements, means", BY_PARTS.values(), ids=BY_PARTS.keys())
def test_what_has_a_command_of_its_own_is_undone_by_it(app, log, statements, means):
    one = app.weir(default_pool_size=1)
    pid = leave(one, *statements)

    with one.client("app") as other:
        assert pid_of(other) == pid
        assert value(other, "select count(*) from pg_cursors where is_holdable") == "0"
        assert value(other, "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()") == "0"
    ran = log()
    assert means in ran and not any("discard" in text.lower() for text in ran)


def test_a_lock_of_a_client_that_is_gone_is_free(app):
    one = app.weir(default_pool_size=1)
    direct = app.primary.client("app")

    leave(one, "select pg_advisory_lock(803)")

    assert eventually(value, direct, "select case when pg_try_advisory_lock(803) then 'free' end") == "free"


NEVER = {
    "temporary table": "create temp table left_over (id int)",
    "library": "load 'auto_explain'",
}


@pytest.mark.parametrize("statement", NEVER.values(), ids=NEVER.keys())
def test_what_nothing_undoes_costs_the_server(app, statement):
    one = app.weir(default_pool_size=1)

    pid = leave(one, statement)

    with one.client("app") as other:
        assert pid_of(other) != pid
    assert eventually(lambda: pid not in app.pids())
    assert "session state that cannot be undone" in one.log


def test_a_server_that_has_had_a_temporary_schema_goes_when_the_pin_ends(app):
    """It is another than it was: what looks into that schema could not be prepared."""
    one = app.weir(default_pool_size=1)
    client = one.client("app")
    client.query("create temp table mine (id int)")
    pid = pid_of(client)

    client.query("drop table mine")

    assert pid_of(client) != pid
    assert value(client, "select pg_my_temp_schema()") == "0"


SEEDS = {
    "setseed": "select setseed(0.5)",
    "setseed in a text that fails": "select setseed(0.5), 1/(g - 1) from generate_series(1, 2) g",
    "setseed before a column that is missing": "do $$ begin perform setseed(0.5); perform nosuch from pg_class; end $$",
    "a block that fails": "do $$ begin execute 'select setseed(0.5)'; raise 'no'; end $$",
    "a name that is put together": "do $$ begin execute 'select set' || 'seed(0.5)'; end $$",
    "a function that runs what it is told": "select runs('select setseed(0.5)')",
    "what takes DISCARD ALL besides": "select setseed(0.5); prepare left_over as select 1",
}


def drawn(client):
    return [value(client, "select random()") for _ in range(3)]


@pytest.mark.parametrize("statement", SEEDS.values(), ids=SEEDS.keys())
def test_the_next_client_gets_no_seed(app, statement):
    app.query("create or replace function runs(sql text) returns void language plpgsql as $$ begin execute sql; end $$")
    one = app.weir(default_pool_size=1)
    with app.primary.client("app") as direct:
        direct.query("select setseed(0.5)")
        seeded = drawn(direct)

    with one.client("app") as client:
        client.ask(wire.query(statement))

    with one.client("app") as other:
        assert drawn(other) != seeded


OWN_SEEDS = {
    "a text that fails": "select setseed(0.5), 1/(g - 1) from generate_series(1, 2) g",
    "dynamic SQL": "do $$ begin execute 'select setseed(0.5)'; end $$",
}


@pytest.mark.parametrize("statement", OWN_SEEDS.values(), ids=OWN_SEEDS.keys())
def test_a_seed_stays_with_its_client(app, statement):
    one = app.weir(default_pool_size=2)
    with app.primary.client("app") as direct, one.client("app") as client, one.client("app") as other:
        for each in (direct, client):
            each.ask(wire.query(statement))
        value(other, "select random()")

        assert drawn(client) == drawn(direct)


LIBRARIES = {
    "LOAD": "load 'auto_explain'",
    "LOAD in a block": "do $$ begin load 'auto_explain'; end $$",
    "dynamic SQL": "do $$ begin execute $a$load 'auto_explain'$a$; end $$",
    "a function": "select loads()",
}


@pytest.mark.parametrize("statement", LIBRARIES.values(), ids=LIBRARIES.keys())
def test_a_library_stays_with_its_client_alone(app, statement):
    app.query("create or replace function loads() returns void language plpgsql as $$ begin load 'auto_explain'; end $$")
    one = app.weir(default_pool_size=2, verbose=2)
    catalog_is_read(one)
    has = "select count(*) from pg_settings where name like 'auto_explain.%'"

    with one.client("app") as client, one.client("app") as other:
        client.query(statement)
        value(other, "select 1")
        assert value(client, has) != "0" and value(other, has) == "0"
    with one.client("app") as third, one.client("app") as fourth:
        assert [value(c, has) for c in (third, fourth)] == ["0", "0"]


def test_discard_all_means_for_the_client_what_it_means_directly(app):
    one = app.weir(default_pool_size=1)
    client = one.client("app")

    client.query("create temp table mine (id int)")
    client.query("select pg_advisory_lock(804)")
    client.query("set work_mem = '7MB'")
    client.query("discard all")

    with one.client("app") as other, app.primary.client("app") as direct:
        assert value(other, "select to_regclass('mine') is null") == "t"
        assert value(other, "select pg_try_advisory_lock(804)") == "t"
        assert value(other, "show work_mem") == value(direct, "show work_mem")


def test_a_transaction_that_leaves_nothing_costs_nothing(app, log):
    one = app.weir(default_pool_size=1)
    with one.client("app") as client:
        client.query("select 1")
        log()
        client.query("select 2")
        client.query("select 3")
    with one.client("app") as other:
        other.query("select 4")

    assert eventually(lambda: one.show("POOLS", database="app")[0]["sv_idle"]) == 1
    assert log() == ["select 2", "select 3", "select 4"]


def test_two_clients_in_turn_never_see_each_others_things(app):
    one = app.weir(default_pool_size=2)
    first, second = one.client("app"), one.client("app")

    for number in range(5):
        first.query(f"create temp table mine as select {number} as id")
        assert second.ask(wire.query("select id from mine")).error.sqlstate == "42P01"
        second.query("select pg_advisory_lock(805)")
        assert value(first, "select id from mine") == str(number)
        assert value(first, "select pg_try_advisory_lock(805)") == "f"
        first.query("drop table mine")
        second.query("select pg_advisory_unlock(805)")


def test_what_a_function_leaves_under_reject_is_undone(app):
    app.query("create or replace function makes_temporary() returns void language plpgsql as "
              "$$ begin create temp table made (id int); end $$")
    one = app.weir(default_pool_size=1, session_features="reject")
    client = one.client("app")

    client.ask(wire.query("select makes_temporary()"))

    with one.client("app") as other:
        assert value(other, "select to_regclass('made') is null") == "t"
    assert one.show("PINS") == []
