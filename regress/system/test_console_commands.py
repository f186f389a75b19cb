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
