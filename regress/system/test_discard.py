"""DISCARD and its kin mean for the client what they mean in PostgreSQL, whatever server they run on."""

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import refused, value


@pytest.fixture
def one(app):
    """One server for all: whoever keeps it without need is noticed."""
    app.query("create sequence if not exists numbers")
    return app.weir(default_pool_size=1, query_wait_timeout=5)


@pytest.fixture
def pair(one):
    with one.client("app") as client, one.client("app") as other:
        yield client, other


def simple(client, text):
    return client.ask(wire.query(text))


def extended(client, text):
    return client.ask(wire.parse(text), wire.bind(), wire.describe(), wire.execute(), wire.sync())


WAYS = [simple, extended]


def make_state(client):
    """Something of everything that a session has."""
    client.query("set work_mem = '7MB'; prepare by_sql as select 1; select pg_advisory_lock(4711); select nextval('numbers')")
    client.query("create temp table mine (n int)")
    client.query("declare held cursor with hold for select 1")
    client.query("listen news")
    assert not client.ask(wire.parse("select 2", "by_protocol"), wire.sync()).error


@pytest.mark.parametrize("way", WAYS)
def test_discard_all_forgets_everything_and_lets_the_server_go(app, pair, way):
    client, other = pair
    make_state(client)

    assert way(client, "discard all").tags == ["DISCARD ALL"]

    assert value(other, "select count(*) from pg_locks where locktype = 'advisory'") == "0"
    assert value(client, "show work_mem") == "4MB"
    assert refused(client.query, "execute by_sql").sqlstate == "26000"
    assert client.ask(wire.bind((), "by_protocol"), wire.sync()).error.sqlstate == "26000"
    assert refused(client.query, "table mine").sqlstate == "42P01"
    assert refused(client.query, "fetch held").sqlstate == "34000"
    assert refused(client.query, "select currval('numbers')").sqlstate == "55000"
    assert client.query("select * from pg_listening_channels()").rows == []
    other.query("notify news")
    assert "A" not in client.ask(wire.query("select 1")).kinds


def test_the_names_are_free_again_after_discard_all(pair):
    client, other = pair
    make_state(client)
    client.query("discard all")

    assert value(other, "select 1") == "1"
    client.query("prepare by_sql as select 3; create temp table mine (n int)")
    assert not client.ask(wire.parse("select 4", "by_protocol"), wire.sync()).error

    assert value(client, "execute by_sql") == "3"
    assert client.ask(wire.bind((), "by_protocol"), wire.execute(), wire.sync()).rows == [("4",)]


def test_discard_all_beside_anything_else_is_refused_and_forgets_nothing(pair):
    client, _ = pair
    client.query("set work_mem = '7MB'; prepare by_sql as select 1")

    assert refused(client.query, "select 1; discard all").sqlstate == "25001"
    client.query("begin")
    assert refused(client.query, "discard all").sqlstate == "25001"
    client.query("rollback")

    assert value(client, "show work_mem") == "7MB"
    assert value(client, "execute by_sql") == "1"


def test_discard_temp_drops_temporary_tables_alone(pair):
    client, other = pair
    client.query("set work_mem = '7MB'")
    client.query("create temp table mine (n int)")

    client.query("discard temp")

    assert value(other, "select 1") == "1"
    assert refused(client.query, "table mine").sqlstate == "42P01"
    assert value(client, "show work_mem") == "7MB"


def test_discard_plans_forgets_no_name(pair):
    client, other = pair
    client.query("prepare by_sql as select 1")
    client.ask(wire.parse("select 2", "by_protocol"), wire.sync())

    client.query("discard plans")

    assert value(other, "select 1") == "1"
    assert value(client, "execute by_sql") == "1"
    assert client.ask(wire.bind((), "by_protocol"), wire.execute(), wire.sync()).rows == [("2",)]


def test_close_all_closes_cursors_that_are_held(pair):
    client, other = pair
    client.query("declare held cursor with hold for select 1")

    client.query("close all")

    assert value(other, "select 1") == "1"
    assert refused(client.query, "fetch held").sqlstate == "34000"


def test_unlisten_all_ends_every_listening(pair):
    client, other = pair
    client.query("listen news; listen weather")

    client.query("unlisten *")

    assert client.query("select * from pg_listening_channels()").rows == []
    other.query("notify news")
    assert "A" not in client.ask(wire.query("select 1")).kinds


@pytest.mark.parametrize("way", WAYS)
def test_reset_all_goes_back_to_what_the_client_came_with(one, way):
    with one.client("app", options="-c work_mem=5MB") as client, one.client("app") as other:
        client.query("set work_mem = '7MB'; set lock_timeout = '3s'")

        assert not way(client, "reset all").error

        assert value(other, "show work_mem") == "4MB"
        assert value(client, "show work_mem") == "5MB"
        assert value(client, "show lock_timeout") == "0"


@pytest.mark.parametrize("way", WAYS)
def test_deallocate_all_forgets_names_of_both_kinds_and_no_one_elses(pair, way):
    client, other = pair
    client.query("prepare by_sql as select 1")
    for who in pair:
        who.ask(wire.parse("select 2", "by_protocol"), wire.sync())

    assert not way(client, "deallocate all").error

    assert refused(client.query, "execute by_sql").sqlstate == "26000"
    assert client.ask(wire.bind((), "by_protocol"), wire.sync()).error.sqlstate == "26000"
    assert other.ask(wire.bind((), "by_protocol"), wire.execute(), wire.sync()).rows == [("2",)]
