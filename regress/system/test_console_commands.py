"""The console: what its commands do."""

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import console_refusal


def setting(one, key):
    return one.show("CONFIG", key=key)[0]


def test_set_takes_every_form_and_repeats_what_it_was_told(desk):
    one = desk()
    console = one.client("pgbouncer")

    for text, value in (("query_timeout=5", "5"), ("query_timeout = '5.5'", "5.5"), ("QUERY_TIMEOUT to 6;", "6"), ("query_timeout TO '7'", "7")):
        tag = console.query(f"set {text}").tags[0]
        assert tag.lower() == f"set query_timeout={value}"
        assert setting(one, "query_timeout")["value"] == value

    assert console.query("set logfile = ''").tags == ["SET logfile="]
    assert setting(one, "logfile")["value"] == ""


def test_set_counts_for_the_clients_that_are_there(desk):
    one = desk().allow("client_idle_timeout")
    client, console = one.client("app"), one.client("pgbouncer")
    client.query("select 1")

    console.query("set client_idle_timeout = 0.2")
    client.query("select 1")

    assert client.expect_closed()[-1].fields()["M"] == "client_idle_timeout"


def test_set_of_what_counts_at_boot_only_succeeds_and_keeps_the_value(desk):
    one = desk()
    console = one.client("pgbouncer")
    before = setting(one, "listen_port")

    assert console.query("set listen_port = 1").tags == ["SET listen_port=1"]

    assert setting(one, "listen_port") == before and before["changeable"] == "no"


def test_set_refuses_what_is_no_setting_and_says_why_in_the_log(desk):
    one = desk().allow("SET failed")
    console = one.client("pgbouncer")

    assert console_refusal(console, "set query_timeot = 5").message == "SET failed"
    assert console_refusal(console, "set query_timeout = soon").message == "SET failed"

    assert 'did you mean "query_timeout"' in one.log and 'invalid value "soon"' in one.log
    assert setting(one, "query_timeout")["value"] == "0"


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


def test_a_connection_has_the_same_name_in_the_log_and_in_ptr(desk):
    one = desk()
    client = one.client("app")
    client.query("begin")

    shown, server = one.show("CLIENTS", database="app")[0], one.show("SERVERS", database="app")[0]

    assert f"LOG C-{shown['ptr']}: app/postgres@127.0.0.1:{shown['port']} login attempt" in one.log
    assert f"LOG S-{server['ptr']}: app/postgres@127.0.0.1:{one.server_port} new connection to server" in one.log
    assert shown["link"] == server["ptr"] and server["link"] == shown["ptr"]
    assert shown["id"] != server["id"]


def test_fds_are_told_without_their_secrets(desk):
    one = desk()
    client, idle = one.client("app"), one.client("app")
    client.query("begin")
    idle.query("select 1")

    rows = one.show("FDS")

    tasks = [row["task"] for row in rows]
    assert sorted(tasks) == ["client"] * 2 + ["pooler"] * 2 + ["server"] * 2
    assert {row["addr"] for row in rows if row["task"] == "pooler"} == {"127.0.0.1", "unix"}
    assert all(row[secret] is None for row in rows for secret in ("cancel", "password", "scram_client_key", "scram_server_key"))
    by_fd = {row["fd"]: row for row in rows}
    linked = next(row for row in rows if row["task"] == "client" and row["link"])
    assert by_fd[linked["link"]]["task"] == "server" and by_fd[linked["link"]]["link"] == linked["fd"]


def test_names_of_hosts_that_were_looked_up_are_shown(pgweir, fake_server):
    server = fake_server()
    one = pgweir({"databases": {"app": f"host=localhost port={server.port} dbname=app"}}, {"postgres": ""})
    one.client("app").query("select 1")

    row = one.show("DNS_HOSTS")[0]

    assert row["hostname"] == "localhost" and "127.0.0.1" in row["addrs"] and 0 <= row["ttl"] <= 15
    assert one.show("LISTS", list="dns_names")[0]["items"] == 1
    assert one.show("DNS_ZONES") == []


def test_reconnect_and_wait_close_without_a_name_are_about_all_databases(desk):
    one = desk()
    clients, console = [one.client(name) for name in ("app", "other")], one.client("pgbouncer")
    for client in clients:
        client.query("select 1")
    before = {row["ptr"] for row in one.show("SERVERS")}

    assert console.query("reconnect").tags == ["RECONNECT"]
    assert console.query("wait_close").tags == ["WAIT_CLOSE"]

    for client in clients:
        client.query("select 1")
    assert not before & {row["ptr"] for row in one.show("SERVERS")}
