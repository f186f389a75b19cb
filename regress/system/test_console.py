"""The console: what SHOW says, what the commands do, and who may give them."""

import struct

import psycopg
import pytest

from lib import wire
from lib.eventually import eventually

TEXT, INT, BIGINT, NUMERIC = 25, 23, 20, 1700


def columns(oid, names):
    return [(name, oid) for name in names.split()]


SUMS = "server_assignment_count xact_count query_count {} {} xact_time query_time wait_time"
PREPARED = "client_parse_count server_parse_count bind_count client_login_count"


def prefixed(prefix, names):
    return " ".join(prefix + name for name in names.split())


CONNECTION = (
    columns(TEXT, "type user database replication state addr")
    + columns(INT, "port")
    + columns(TEXT, "local_addr")
    + columns(INT, "local_port")
    + columns(TEXT, "connect_time request_time")
    + columns(INT, "wait wait_us close_needed")
    + columns(TEXT, "ptr link")
    + columns(INT, "remote_pid")
    + columns(TEXT, "tls application_name")
    + columns(INT, "prepared_statements id")
)
BUFFERS = columns(INT, "recv_pos pkt_pos pkt_remain send_pos send_remain pkt_avail send_avail")

SHOWN = {
    "VERSION": columns(TEXT, "version"),
    "CONFIG": columns(TEXT, "key value default changeable"),
    "STATE": columns(TEXT, "key value"),
    "LISTS": columns(TEXT, "list") + columns(INT, "items"),
    "MEM": columns(TEXT, "name") + columns(INT, "size used free memtotal"),
    "DATABASES": columns(TEXT, "name host")
    + columns(INT, "port")
    + columns(TEXT, "database force_user")
    + columns(INT, "pool_size min_pool_size reserve_pool_size server_lifetime")
    + columns(TEXT, "pool_mode load_balance_hosts")
    + columns(INT, "max_connections current_connections max_client_connections current_client_connections paused disabled"),
    "USERS": columns(TEXT, "name pool_size reserve_pool_size pool_mode")
    + columns(INT, "max_user_connections current_connections max_user_client_connections current_client_connections"),
    "POOLS": columns(TEXT, "database user")
    + columns(INT, "cl_active cl_waiting cl_active_cancel_req cl_waiting_cancel_req sv_active sv_active_cancel")
    + columns(INT, "sv_being_canceled sv_idle sv_used sv_tested sv_login maxwait maxwait_us")
    + columns(TEXT, "pool_mode load_balance_hosts"),
    "CLIENTS": CONNECTION,
    "SERVERS": CONNECTION,
    "SOCKETS": CONNECTION + BUFFERS,
    "ACTIVE_SOCKETS": CONNECTION + BUFFERS,
    "STATS": columns(TEXT, "database")
    + columns(NUMERIC, prefixed("total_", f"{SUMS.format('received', 'sent')} {PREPARED}"))
    + columns(NUMERIC, prefixed("avg_", f"{SUMS.format('recv', 'sent')} {PREPARED}")),
    "STATS_TOTALS": columns(TEXT, "database")
    + columns(NUMERIC, f"{SUMS.format('bytes_received', 'bytes_sent')} {PREPARED}"),
    "STATS_AVERAGES": columns(TEXT, "database")
    + columns(NUMERIC, f"{SUMS.format('bytes_received', 'bytes_sent')} {prefixed('avg_', PREPARED)}"),
    "TOTALS": columns(TEXT, "name") + columns(NUMERIC, "value"),
    "PEERS": columns(INT, "peer_id") + columns(TEXT, "host") + columns(INT, "port pool_size"),
    "HOSTS": columns(TEXT, "database host")
    + columns(INT, "port")
    + columns(TEXT, "role state")
    + columns(INT, "servers")
    + columns(BIGINT, "lag_us lag_bytes")
    + columns(INT, "timeline")
    + columns(BIGINT, "checks failures role_changes")
    + columns(TEXT, "checked reason"),
    "ROUTES": columns(TEXT, "database reason target") + columns(BIGINT, "primary replica other"),
}


@pytest.fixture
def server(fake_server):
    return fake_server()


@pytest.fixture
def weir(pgweir, server):
    """pgweir with two databases on a scripted server, an administrator and one who only looks."""

    def make(databases="app other", **settings):
        target = f"host=127.0.0.1 port={server.port} dbname=app"
        return pgweir(
            {
                "databases": {name: target for name in databases.split()},
                "pgbouncer": {"pool_mode": "transaction", "stats_users": "watcher", "workers": 2, **settings},
            },
            {"postgres": "", "watcher": "", "someone": ""},
        )

    return make


def refusal(client, command):
    """What the console says against the command; the session must live on."""
    error = client.ask(wire.query(command)).error
    assert error and client.status == "I", f"{command} was not refused"
    assert client.query("show version").rows
    return error


def pool(one, database="app"):
    return one.show("POOLS", database=database)[0]


# ---- what SHOW says -------------------------------------------------------------------


@pytest.mark.parametrize("name", SHOWN)
def test_columns_have_the_names_order_and_types_that_exporters_know(weir, name):
    one = weir()
    one.client("app").query("select 1")

    result = one.client("pgbouncer").query(f"SHOW {name}")

    assert result.columns == SHOWN[name]
    assert result.tags == ["SHOW"]


def test_select_is_another_word_for_show_and_both_databases_are_the_console(weir):
    one = weir()

    for database in ("pgbouncer", "pgweir"):
        assert one.client(database).query("select version;").rows == one.client(database).query("Show Version").rows


def test_the_version_names_the_pgbouncer_it_stands_in_for(weir):
    one = weir()
    console = one.client("pgbouncer")

    assert console.query("show version").rows[0][0].startswith("PgBouncer 1.25.2")
    assert console.parameters == {
        "server_version": "1.25.2/bouncer",
        "client_encoding": "UTF8",
        "server_encoding": "UTF8",
        "DateStyle": "ISO",
        "TimeZone": "GMT",
        "standard_conforming_strings": "on",
        "is_superuser": "on",
    }


def test_help_lists_what_the_user_may_do(weir):
    one = weir()

    told = one.client("pgbouncer").query("show help")
    watching = one.client("pgbouncer", user="watcher").query("show")

    assert told.kinds == "NCZ" and told.notices[0]["M"] == "Console usage"
    assert "RELOAD" in told.notices[0]["D"] and "SHOW POOLS" in told.notices[0]["D"]
    assert "RELOAD" not in watching.notices[0]["D"]


def test_pools_count_clients_and_servers_by_what_they_do(weir):
    one = weir(default_pool_size=1)
    busy, idle, waiting = (one.client("app") for _ in range(3))

    busy.query("begin")
    waiting.send(wire.query("select 1"))

    row = eventually(lambda: next(iter(one.show("POOLS", database="app", cl_waiting=1)), None))
    assert (row["user"], row["cl_active"], row["sv_active"], row["sv_idle"]) == ("postgres", 2, 1, 0)
    assert row["pool_mode"] == "transaction" and row["load_balance_hosts"] is None
    assert row["maxwait"] * 1000000 + row["maxwait_us"] > 0
    busy.query("commit")
    waiting.read_until()
    row = pool(one)
    assert (row["cl_active"], row["cl_waiting"], row["sv_active"], row["sv_idle"], row["maxwait_us"]) == (3, 0, 0, 1, 0)
    assert idle.query("select 1").rows


def test_the_console_itself_is_a_pool(weir):
    one = weir()

    row = pool(one, "pgbouncer")

    assert (row["user"], row["cl_active"], row["pool_mode"]) == ("pgbouncer", 1, "statement")
    assert one.show("DATABASES", name="pgbouncer")[0]["pool_size"] == 2
    assert one.show("STATS", database="pgbouncer")[0]["database"] == "pgbouncer"


def test_clients_and_servers_are_linked_to_each_other(app):
    one = app.weir()
    client = one.client("app", application_name="linked")
    client.query("begin")

    shown = one.show("CLIENTS", database="app")[0]
    server = one.show("SERVERS", database="app")[0]

    assert (shown["type"], shown["state"], shown["application_name"]) == ("C", "active", "linked")
    assert (server["type"], server["state"], server["user"]) == ("S", "active", "postgres")
    assert (shown["link"], server["link"]) == (server["ptr"], shown["ptr"])
    assert (shown["addr"], shown["port"]) == client.socket.getsockname()
    assert (server["port"], server["remote_pid"]) == (app.primary.port, int(client.query("select pg_backend_pid()").rows[0][0]))
    client.query("commit")
    assert one.show("CLIENTS", database="app")[0]["state"] == "idle"
    assert one.show("CLIENTS", database="app")[0]["link"] == ""
    assert one.show("SERVERS", database="app")[0]["state"] == "idle"


def test_a_hundred_clients_of_both_workers_are_a_hundred_rows_with_different_ids(weir):
    one = weir()
    clients = [one.client("app") for _ in range(100)]

    rows = one.show("CLIENTS", database="app")

    assert len(rows) == len(clients) == len({row["id"] for row in rows}) == len({row["ptr"] for row in rows})


def test_stats_sum_what_clients_did(weir):
    one = weir()
    client = one.client("app")

    for _ in range(7):
        client.query("select 1")

    row = one.show("STATS", database="app")[0]
    totals = {r["name"]: int(r["value"]) for r in one.show("TOTALS")}
    assert (row["total_query_count"], row["total_xact_count"]) == ("7", "7")
    assert int(row["total_received"]) > 0 and int(row["total_sent"]) > 0
    assert one.show("STATS_TOTALS", database="app")[0]["query_count"] == "7"
    assert totals["total_query_count"] >= 7
    assert len(totals) == 24


def test_averages_are_of_the_last_stats_period_and_are_logged(weir):
    one = weir(stats_period=0.2)
    client = one.client("app")

    def averaged():
        client.query("select 1")
        row = one.show("STATS", database="app")[0]
        return int(row["avg_query_count"]) > 0 and int(row["avg_query_time"]) > 0

    assert eventually(averaged)
    assert int(one.show("STATS_AVERAGES", database="app")[0]["query_count"]) > 0
    assert eventually(lambda: "queries/s" in one.log and " LOG stats: " in one.log)


def test_users_and_lists_count_clients_and_servers(weir):
    one = weir()
    mine, other = one.client("app"), one.client("app", user="someone")

    mine.query("select 1")
    other.query("select 1")

    someone = one.show("USERS", name="someone")[0]
    lists = {row["list"]: row["items"] for row in one.show("LISTS")}
    assert (someone["current_connections"], someone["current_client_connections"], someone["pool_size"]) == (1, 1, "")
    assert (lists["databases"], lists["pools"], lists["used_servers"], lists["used_clients"]) == (3, 3, 2, 3)


def test_config_hides_no_setting_and_tells_its_default(weir):
    rows = {row["key"]: row for row in weir(default_pool_size=3).show("CONFIG")}

    assert rows["default_pool_size"] == {"key": "default_pool_size", "value": "3", "default": "20", "changeable": "yes"}
    assert rows["listen_port"]["changeable"] == "no"


def test_routes_and_hosts_are_told_for_a_routed_entry(cluster, pgweir):
    one = pgweir(
        {
            "databases": {"app": cluster.target("postgres", route="split")},
            "pgbouncer": {"pool_mode": "transaction", "monitor_user": "postgres"},
        },
        {"postgres": ""},
    )
    app = one.client("app")
    eventually(lambda: len(one.show("HOSTS", role="replica", state="up")) == 2)

    app.query("create temporary table t ()")

    hosts = one.show("HOSTS", database="app")
    assert sorted(h["role"] for h in hosts) == ["primary", "replica", "replica"]
    assert {h["port"] for h in hosts} == {h.port for h in cluster.hosts}
    assert sum(r["primary"] for r in one.show("ROUTES", database="app")) == 1
    assert sum(r["replica"] for r in one.show("ROUTES", database="app")) == 0


# ---- drivers --------------------------------------------------------------------------


def test_settings_that_drivers_expect_are_answered(weir):
    console = weir().client("pgbouncer")

    asked = console.query("show default_transaction_isolation")
    ignored = console.query("set extra_float_digits = 3")

    assert (asked.names, asked.rows) == (["default_transaction_isolation"], [("read committed",)])
    assert ignored.tags == ["SET"] and ignored.notices[0]["M"] == "SET ignored"


def test_drivers_of_the_extended_protocol_read_the_console(weir):
    one = weir()

    with one.connect("pgbouncer") as connection:
        for binary in (False, True):
            with connection.cursor(binary=binary) as cursor:
                for _ in range(7):
                    rows = cursor.execute("SHOW POOLS", prepare=True).fetchall()
                    stats = cursor.execute("SHOW STATS_TOTALS").fetchall()
                assert rows[0][:3] == ("pgbouncer", "pgbouncer", 1)
                assert [row[0] for row in stats] == ["app", "other", "pgbouncer"]
                assert stats[0][1] == 0 and stats[2][2] > 0
        with pytest.raises(psycopg.Error, match="invalid command 'nothing'"):
            connection.execute("SHOW nothing", prepare=True)
        assert connection.execute("SHOW VERSION").fetchone()[0].startswith("PgBouncer")


def test_a_statement_is_described_before_it_runs_and_its_rows_are_fetched_in_parts(weir):
    console = weir().client("pgbouncer")

    described = console.ask(wire.parse("show databases", "s"), wire.describe("S", "s"), wire.sync())
    fetched = console.ask(
        wire.bind(name="s"), wire.describe("P"), wire.execute(rows=2), wire.execute(rows=2), wire.execute(rows=2), wire.sync()
    )

    assert described.kinds == "1tTZ" and described.columns == SHOWN["DATABASES"]
    assert fetched.kinds == "2TDDsDCCZ" and fetched.tags == ["SHOW", "SHOW"]


def test_an_error_in_the_extended_protocol_skips_to_sync(weir):
    console = weir().client("pgbouncer")

    wrong = console.ask(wire.parse("show nothing"), wire.bind(), wire.execute(), wire.sync())
    missing = console.ask(wire.bind(name="unknown"), wire.execute(), wire.sync())
    parameters = console.ask(wire.parse("show pools"), wire.bind(["1"]), wire.execute(), wire.sync())
    denied = console.ask(wire.parse("show pools", "a"), wire.parse("show pools", "a"), wire.sync())

    assert (wrong.kinds, missing.kinds, parameters.kinds, denied.kinds) == ("EZ", "EZ", "1EZ", "1EZ")
    assert missing.error.sqlstate == "26000" and denied.error.sqlstate == "42P05"
    assert console.ask(wire.parse(""), wire.bind(), wire.execute(), wire.sync()).kinds == "12IZ"
    assert console.query("show version").rows


def test_commands_that_are_sent_ahead_are_answered_in_order(weir):
    console = weir().client("pgbouncer")

    console.send(*[wire.query(f"show {name}") for name in ("pools", "version", "clients", "nothing", "state")])
    kinds = [wire.Result(console.read_until()).kinds for _ in range(5)]

    assert kinds == ["TDCZ", "TDCZ", "TDCZ", "EZ", "TDDDCZ"]


def test_a_broken_message_ends_the_console_session_alone(weir):
    one = weir()
    console, other = one.client("pgbouncer"), one.client("pgbouncer")
    one.allow("bad packet")

    console.send(b"B" + struct.pack("!I", 16) + b"\xff" * 12)

    assert console.expect_closed()[-1].fields()["M"] == "bad packet"
    assert other.query("show version").rows


# ---- who may ---------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["reload", "pause", "resume", "kill", "set query_timeout = 1", "shutdown", "disable app"])
def test_who_may_only_look_may_not_change(weir, command):
    watching = weir().client("pgbouncer", user="watcher")

    assert refusal(watching, command).message == "admin access needed"
    assert watching.query("show pools").rows


def test_nobody_else_gets_in(weir):
    one = weir().allow("not allowed")

    with pytest.raises(wire.PgError, match="not allowed"):
        one.client("pgbouncer", user="someone")


@pytest.mark.parametrize(
    "command, words",
    [
        ("show nothing", "invalid command 'nothing', use SHOW HELP;"),
        ("show pools; show stats", "invalid command 'show pools; show stats', use SHOW HELP;"),
        ("pause nowhere", "no such database: nowhere"),
        ("pause pgbouncer", "cannot pause admin db: pgbouncer"),
        ("wait_close pgbouncer", "cannot wait in admin db: pgbouncer"),
        ("resume", "pooler is not paused/suspended"),
        ("resume app", "database app is not paused"),
        ("disable", "a database is required"),
        ("kill_client x", "invalid client pointer supplied"),
        ("kill_client 2000000000", "client not found"),
        (f"pause {'x' * 64}", "bad arguments"),
    ],
)
def test_what_cannot_be_done_is_refused_in_pgbouncers_words(weir, command, words):
    error = refusal(weir().client("pgbouncer"), command)

    assert (error.message, error.sqlstate) == (words, "08P01")


# ---- what the commands do -------------------------------------------------------------


def test_set_changes_a_setting_and_refuses_what_is_none(weir):
    one = weir().allow("SET failed")
    console = one.client("pgbouncer")

    assert console.query("set query_timeout = '5.5'").tags == ["SET query_timeout=5.5"]

    assert one.show("CONFIG", key="query_timeout")[0]["value"] == "5.5"
    assert refusal(console, "set query_timeot = 5").message == "SET failed"
    assert refusal(console, "set query_timeout = soon").message == "SET failed"


def test_reload_reads_the_file_or_says_that_it_did_not(weir, server):
    one = weir()
    console = one.client("pgbouncer")
    target = f"host=127.0.0.1 port={server.port} dbname=app"

    one.write_config({"databases": {"fresh": target}, "pgbouncer": {"workers": 2}})
    assert console.query("reload").tags == ["RELOAD"]

    assert eventually(lambda: one.show("DATABASES", name="fresh"))
    one.allow("no_such_key", "config file loading failed", "database removed")
    one.write_config({"databases": {}, "pgbouncer": {"no_such_key": 1}})
    error = refusal(console, "RELOAD")
    assert (error.message, error.sqlstate) == ("RELOAD failed, see logs for additional details", "F0000")


def test_pause_waits_for_the_transaction_and_holds_the_next_one(weir):
    one = weir()
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


def test_pause_of_everything_shows_in_the_state_and_outlives_no_single_resume(weir):
    one = weir()
    console = one.client("pgbouncer")
    console.query("pause other")

    assert console.query("pause").tags == ["PAUSE"]

    assert one.show("STATE", key="paused")[0]["value"] == "yes"
    assert refusal(console, "pause").message == "already suspended/paused"
    console.query("resume")
    assert [d["name"] for d in one.show("DATABASES", paused=1)] == ["other"]
    console.query("resume other")
    assert one.show("DATABASES", paused=1) == []


def test_a_pause_that_waits_ends_with_its_console(weir):
    one = weir()
    client, console = one.client("app"), one.client("pgbouncer")
    client.query("begin")
    console.send(wire.query("pause"))
    eventually(lambda: one.show("STATE", key="paused", value="yes"))

    console.socket.close()

    assert eventually(lambda: one.show("STATE", key="paused", value="no"))
    client.query("commit")
    assert one.client("app").query("select 1").rows


def test_kill_ends_all_of_a_database_and_leaves_it_paused(weir):
    one = weir().allow("database removed")
    client, bystander, console = one.client("app"), one.client("other"), one.client("pgbouncer")
    client.query("begin")

    assert console.query("kill app").tags == ["KILL"]

    assert client.expect_closed()[-1].fields()["M"] == "database removed"
    eventually(lambda: one.show("SERVERS", database="app") == [])
    assert one.show("DATABASES", name="app")[0]["paused"] == 1
    assert bystander.query("select 1").rows
    console.query("resume app")
    assert one.client("app").query("select 1").rows


def test_kill_client_ends_that_one(weir):
    one = weir().allow("admin forced disconnect")
    clients = [one.client("app") for _ in range(4)]
    mine = clients[2].socket.getsockname()[1]
    number = one.show("CLIENTS", port=mine)[0]["id"]

    assert one.client("pgbouncer").query(f"kill_client {number}").tags == ["KILL_CLIENT"]

    assert clients[2].expect_closed()[-1].fields()["M"] == "admin forced disconnect"
    assert all(c.query("select 1").rows for c in clients if c is not clients[2])


def test_disable_keeps_new_clients_out_until_enable(weir):
    one = weir().allow("is disabled")
    inside, console = one.client("app"), one.client("pgbouncer")

    console.query("disable app")

    with pytest.raises(wire.PgError, match='database "app" is disabled'):
        one.client("app")
    assert inside.query("select 1").rows
    console.query("enable app")
    assert one.client("app").query("select 1").rows


def test_reconnect_replaces_servers_when_they_are_free_and_wait_close_waits_for_it(weir):
    one = weir()
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
def test_shutdown_ends_the_process(weir, command):
    one = weir().allow("shutting down")
    console = one.client("pgbouncer")

    assert console.query(command).tags == ["SHUTDOWN"]
    console.close()

    assert one.wait() == 0
