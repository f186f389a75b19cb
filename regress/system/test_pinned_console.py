"""Pinned sessions, and what administrators do to them: none hangs, none loses its state unasked."""

import pytest

from lib.eventually import eventually
from lib.scene import Background, farewell, pid_of, value


@pytest.fixture
def scene(app):
    """A pgweir with a pool of 2, a client that is pinned by a temporary table, and another that is not."""
    one = app.weir(default_pool_size=2)
    client, other = one.client("app"), one.client("app")
    client.query("create temp table mine as select 7 as n")
    value(other, "select 1")
    eventually(lambda: len(one.show("PINS")) == 1)
    return one, client, other


def keeps(client):
    return value(client, "select n from mine") == "7"


def test_suspend_waits_for_no_pin_and_takes_none_away(scene):
    one, client, other = scene
    with one.client("pgbouncer") as console:
        console.query("suspend")
        asked = Background(value, client, "select n from mine")
        console.query("resume")

    assert asked.result() == "7" and value(other, "select 1") == "1"


def test_pause_waits_until_the_pin_ends(scene):
    one, client, other = scene
    paused = Background(one.console, "pause app")
    eventually(lambda: one.show("DATABASES", name="app")[0]["paused"] == 1)
    assert keeps(client) and paused.is_running()
    client.query("drop table mine")
    paused.result()
    one.console("resume app")
    assert value(other, "select 1") == "1"


def test_reconnect_leaves_a_pinned_server_until_its_pin_ends(scene):
    one, client, other = scene
    pid = pid_of(client)
    one.console("reconnect app")

    assert pid_of(client) == pid and keeps(client)
    client.query("drop table mine")
    assert pid_of(client) != pid


def test_reload_with_another_server_leaves_a_pinned_one(scene, app):
    one, client, other = scene
    pid = pid_of(client)
    config = app.config(default_pool_size=2)
    config["databases"]["app"] = app.target("postgres")
    one.write_config(config)
    one.reload()

    assert eventually(lambda: value(other, "select current_database()") == "postgres")
    assert pid_of(client) == pid and keeps(client)


def test_kill_closes_a_pinned_client_and_its_server(scene, app):
    one, client, other = scene
    pid = pid_of(client)
    one.allow("pooler error: database removed").console("kill app")
    farewell(client)
    one.console("resume app")

    assert eventually(lambda: pid not in app.pids())
    assert one.show("PINS") == []


def test_kill_client_frees_what_it_had_pinned(scene, app):
    one, client, other = scene
    pid = pid_of(client)
    number = one.show("PINS")[0]["client_id"]
    one.allow("pooler error: admin forced disconnect").console(f"kill_client {number}")

    farewell(client)
    assert eventually(lambda: pid not in app.pids())
    assert one.show("PINS") == [] and value(other, "select 1") == "1"


def test_shutdown_that_waits_for_servers_waits_for_pins(scene):
    one, client, other = scene
    one.console("shutdown wait_for_servers")
    assert keeps(client)
    client.query("drop table mine")
    farewell(client)
    one.wait()


def test_show_listeners_tells_who_listens_for_whom(app):
    one = app.weir(default_pool_size=2)
    clients = [one.client("app") for _ in range(3)]
    for client in clients:
        client.query("listen one")
    clients[0].query("listen two")

    (row,) = one.show("LISTENERS")

    assert (row["database"], row["user"], row["channels"], row["subscriptions"]) == ("app", "postgres", 2, 4)
    assert row["server_pid"] in app.pids() and row["since"] and not row["lost_since"]
    for client in clients:
        client.close()
    eventually(lambda: one.show("LISTENERS") == [])
