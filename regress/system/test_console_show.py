"""The console: what SHOW says."""

import threading

from lib import wire
from lib.eventually import eventually


def pool(one, database="app"):
    return one.show("POOLS", database=database)[0]


def test_select_is_another_word_for_show_and_both_databases_are_the_console(desk):
    one = desk()

    for database in ("pgbouncer", "pgweir"):
        assert one.client(database).query("select version;").rows == one.client(database).query("Show Version").rows


def test_the_version_names_the_pgbouncer_it_stands_in_for(desk):
    one = desk()
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


def test_help_lists_what_the_user_may_do(desk):
    one = desk()

    told = one.client("pgbouncer").query("show help")
    watching = one.client("pgbouncer", user="watcher").query("SHOW help;")

    assert told.kinds == "NCZ" and told.notices[0]["M"] == "Console usage"
    assert "RELOAD" in told.notices[0]["D"] and "SHOW POOLS" in told.notices[0]["D"]
    assert "RELOAD" not in watching.notices[0]["D"]


def test_pools_count_clients_and_servers_by_what_they_do(desk):
    one = desk(default_pool_size=1)
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


def test_the_console_itself_is_a_pool(desk):
    one = desk()

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


def test_a_hundred_clients_of_both_workers_are_a_hundred_rows_with_different_ids(desk):
    one = desk()
    clients = [one.client("app") for _ in range(100)]

    rows = one.show("CLIENTS", database="app")

    assert len(rows) == len(clients) == len({row["id"] for row in rows}) == len({row["ptr"] for row in rows})


def test_clients_and_servers_are_numbered_one_after_the_other(desk):
    """An observer can tell how many connections came in between."""
    one = desk(server_lifetime=0)
    console = one.client("pgbouncer")
    first = console.query("show clients").dicts()[0]["id"]

    for turn in (1, 2):
        client = one.client("app")
        client.query("begin")
        rows = console.query("show sockets").dicts()

        assert {row["id"] for row in rows} == {first, first + 2 * turn - 1, first + 2 * turn}
        client.query("commit")
        client.close()
        eventually(lambda: len(console.query("show sockets").dicts()) == 1)


def test_a_cancel_request_that_is_under_way_is_shown(pgweir, fake_server):
    told = threading.Event()

    def script(session):
        session.log_in()
        if session.is_cancel:
            told.wait(10)
        else:
            session.read()
            told.wait(10)
            session.answer()
            session.serve()

    one = pgweir({"databases": {"app": f"host=127.0.0.1 port={fake_server(script).port}"}, "pgbouncer": {}}, {"postgres": ""})
    client = one.client("app")
    client.send(wire.query("select 1"))
    eventually(lambda: one.show("SERVERS", state="active"))

    with wire.Wire(wire.connect(one.port)) as other:
        other.send(wire.cancel_request(client.pid, client.key))

        shown = eventually(lambda: one.show("CLIENTS", state="active_cancel_req"))
        assert [(row["type"], row["user"]) for row in shown] == [("C", "(nouser)")]
        row = pool(one)
        assert (row["cl_active_cancel_req"], row["cl_waiting_cancel_req"], row["sv_active_cancel"]) == (1, 0, 1)
        told.set()
        other.expect_closed()
    client.read_until()
    assert not one.show("CLIENTS", state="active_cancel_req") and pool(one)["sv_active_cancel"] == 0


def test_the_console_is_an_idle_client(desk):
    assert desk().show("CLIENTS", database="pgbouncer")[0]["state"] == "idle"


def test_stats_sum_what_clients_did(desk):
    one = desk()
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


def test_averages_are_of_the_last_stats_period_and_are_logged(desk):
    one = desk(stats_period=0.2)
    client = one.client("app")

    def averaged():
        client.query("select 1")
        row = one.show("STATS", database="app")[0]
        return int(row["avg_query_count"]) > 0 and int(row["avg_query_time"]) > 0

    assert eventually(averaged)
    assert int(one.show("STATS_AVERAGES", database="app")[0]["query_count"]) > 0
    assert eventually(lambda: "queries/s" in one.log and " LOG stats: " in one.log)


def test_users_and_lists_count_clients_and_servers(desk):
    one = desk()
    mine, other = one.client("app"), one.client("app", user="someone")

    mine.query("select 1")
    other.query("select 1")

    someone = one.show("USERS", name="someone")[0]
    lists = {row["list"]: row["items"] for row in one.show("LISTS")}
    assert (someone["current_connections"], someone["current_client_connections"], someone["pool_size"]) == (1, 1, "")
    assert (lists["databases"], lists["pools"], lists["used_servers"], lists["used_clients"]) == (3, 3, 2, 3)


def test_the_consoles_own_user_is_one_of_the_users(desk):
    one = desk()

    names = [row["name"] for row in one.show("USERS")]

    assert names == sorted(names) and names.count("pgbouncer") == 1
    assert one.show("LISTS", list="users")[0]["items"] == len(names)


def test_config_hides_no_setting_and_tells_its_default(desk):
    rows = {row["key"]: row for row in desk(default_pool_size=3).show("CONFIG")}

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


def test_settings_that_nobody_has_set_are_null_and_those_without_effect_are_named_in_a_notice(desk):
    shown = desk().client("pgbouncer").query("show config")

    rows = {row["key"]: row for row in shown.dicts()}
    assert (rows["auth_user"]["value"], rows["auth_user"]["default"]) == (None, None)
    assert rows["auth_file"]["value"].endswith("userlist.txt") and rows["auth_file"]["default"] is None
    assert (rows["logfile"]["default"], rows["server_check_query"]["default"]) == ("", "<empty>")
    assert shown.notices[0]["M"] == "some settings are accepted without effect"
    assert "sbuf_loopcnt: " in shown.notices[0]["D"] and "query_timeout" not in shown.notices[0]["D"]


def test_a_console_has_the_name_that_its_program_gives(app):
    one = app.weir()

    with one.client("pgbouncer", application_name="exporter") as console:
        row = next(r for r in console.query("SHOW CLIENTS").dicts() if r["database"] == "pgbouncer")

    assert (row["user"], row["application_name"]) == ("postgres", "exporter")
