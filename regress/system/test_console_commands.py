"""The console: what its commands do."""

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import console_refusal


def test_set_changes_a_setting_and_refuses_what_is_none(desk):
    one = desk().allow("SET failed")
    console = one.client("pgbouncer")

    assert console.query("set query_timeout = '5.5'").tags == ["SET query_timeout=5.5"]

    assert one.show("CONFIG", key="query_timeout")[0]["value"] == "5.5"
    assert console_refusal(console, "set query_timeot = 5").message == "SET failed"
    assert console_refusal(console, "set query_timeout = soon").message == "SET failed"


def test_reload_reads_the_file_or_says_that_it_did_not(desk):
    one = desk()
    console = one.client("pgbouncer")
    target = f"host=127.0.0.1 port={one.server_port} dbname=app"

    one.write_config({"databases": {"fresh": target}, "pgbouncer": {"workers": 2}})
    assert console.query("reload").tags == ["RELOAD"]

    assert eventually(lambda: one.show("DATABASES", name="fresh"))
    one.allow("no_such_key", "config file loading failed", "database removed")
    one.write_config({"databases": {}, "pgbouncer": {"no_such_key": 1}})
    error = console_refusal(console, "RELOAD")
    assert (error.message, error.sqlstate) == ("RELOAD failed, see logs for additional details", "F0000")


def test_pause_waits_for_the_transaction_and_holds_the_next_one(desk):
    one = desk()
    client, console = one.client("app"), one.client("pgbouncer")
    client.query("begin")

    console.send(wire.query("pause app"))
    eventually(lambda: one.show("DATABASES", name="app", paused=1))
    client.query("select 1")
    client.query("commit")

    assert wire.Result(console.read_until()).tags == ["PAUSE"]
    assert one.show("SERVERS", database="app") == []
    client.send(wire.query("select 1"))
    eventually(lambda: one.show("POOLS", database="app", cl_waiting=1))
    assert console.query("resume app").tags == ["RESUME"]
    assert wire.Result(client.read_until()).rows == [("1",)]


def test_pause_of_everything_shows_in_the_state_and_outlives_no_single_resume(desk):
    one = desk()
    console = one.client("pgbouncer")
    console.query("pause other")

    assert console.query("pause").tags == ["PAUSE"]

    assert one.show("STATE", key="paused")[0]["value"] == "yes"
    assert console_refusal(console, "pause").message == "already suspended/paused"
    console.query("resume")
    assert [d["name"] for d in one.show("DATABASES", paused=1)] == ["other"]
    console.query("resume other")
    assert one.show("DATABASES", paused=1) == []


def test_a_pause_that_waits_ends_with_its_console(desk):
    one = desk()
    client, console = one.client("app"), one.client("pgbouncer")
    client.query("begin")
    console.send(wire.query("pause"))
    eventually(lambda: one.show("STATE", key="paused", value="yes"))

    console.socket.close()

    assert eventually(lambda: one.show("STATE", key="paused", value="no"))
    client.query("commit")
    assert one.client("app").query("select 1").rows


def test_kill_ends_all_of_a_database_and_leaves_it_paused(desk):
    one = desk().allow("database removed")
    client, bystander, console = one.client("app"), one.client("other"), one.client("pgbouncer")
    client.query("begin")

    assert console.query("kill app").tags == ["KILL"]

    assert client.expect_closed()[-1].fields()["M"] == "database removed"
    eventually(lambda: one.show("SERVERS", database="app") == [])
    assert one.show("DATABASES", name="app")[0]["paused"] == 1
    assert bystander.query("select 1").rows
    console.query("resume app")
    assert one.client("app").query("select 1").rows


def test_kill_client_ends_that_one(desk):
    one = desk().allow("admin forced disconnect")
    clients = [one.client("app") for _ in range(4)]
    mine = clients[2].socket.getsockname()[1]
    number = one.show("CLIENTS", port=mine)[0]["id"]

    assert one.client("pgbouncer").query(f"kill_client {number}").tags == ["KILL_CLIENT"]

    assert clients[2].expect_closed()[-1].fields()["M"] == "admin forced disconnect"
    assert all(c.query("select 1").rows for c in clients if c is not clients[2])


def test_disable_keeps_new_clients_out_until_enable(desk):
    one = desk().allow("is disabled")
    inside, console = one.client("app"), one.client("pgbouncer")

    console.query("disable app")

    with pytest.raises(wire.PgError, match='database "app" is disabled'):
        one.client("app")
    assert inside.query("select 1").rows
    console.query("enable app")
    assert one.client("app").query("select 1").rows


def test_reconnect_replaces_servers_when_they_are_free_and_wait_close_waits_for_it(desk):
    one = desk()
    client, console = one.client("app"), one.client("pgbouncer")
    client.query("begin")
    before = one.show("SERVERS", database="app")[0]["ptr"]

    console.query("reconnect app")
    console.send(wire.query("wait_close app"))

    assert one.show("SERVERS", database="app")[0]["close_needed"] == 1
    client.query("commit")
    assert wire.Result(console.read_until()).tags == ["WAIT_CLOSE"]
    client.query("select 1")
    assert one.show("SERVERS", database="app")[0]["ptr"] != before


@pytest.mark.parametrize("command", ["shutdown", "shutdown wait_for_servers", "shutdown wait_for_clients"])
def test_shutdown_ends_the_process(desk, command):
    one = desk().allow("shutting down")
    console = one.client("pgbouncer")

    assert console.query(command).tags == ["SHUTDOWN"]
    console.close()

    assert one.wait() == 0
