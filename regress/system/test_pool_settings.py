"""The settings of pools, each at its levels and in its time."""

import time

import pytest

from lib import wire
from lib.doubles import Doubles
from lib.eventually import crowding, eventually
from lib.scene import Background, farewell, pid_of, refused, said, value



def in_transaction(weir, database="app", **options):
    client = weir.client(database, **options)
    client.query("begin")
    return client


def opened(weir, count, database="app"):
    """So many idle servers; the clients that had them."""
    clients = [in_transaction(weir, database) for _ in range(count)]
    for client in clients:
        client.query("commit")
    return clients


def slack():
    """What a timeout may come late."""
    return 0.25 * crowding()


def elapsed(work, *arguments):
    begun = time.monotonic()
    answer = work(*arguments)
    return answer, time.monotonic() - begun


# ---- ages -----------------------------------------------------------------------------


def test_old_servers_end_one_after_the_other(app):
    """A pool of four with a lifetime of 0.8 s loses one in 0.2 s, not all at once."""
    one = app.weir(default_pool_size=4, server_lifetime=0.8, workers=1)
    opened(one, 4)
    ends = {}

    def look():
        left = len(app.pids())
        ends.setdefault(left, time.monotonic())
        return left == 0

    eventually(look, every=0.01)

    assert ends[0] - ends[3] >= 0.3
    assert one.log.count("server lifetime over") == 4


def test_an_entry_has_a_lifetime_of_its_own(app):
    one = app.weir(databases={"short": app.target(server_lifetime=1)}, server_lifetime=3600)
    kept, short = one.client("app"), one.client("short")
    pids = pid_of(kept), pid_of(short)

    eventually(lambda: pids[1] not in app.pids())

    assert pids[0] in app.pids()


def test_a_server_in_a_transaction_outlives_its_lifetime(app):
    one = app.weir(server_lifetime=0.3)
    busy = in_transaction(one)
    idle = one.client("app")
    pid, other = pid_of(busy), pid_of(idle)

    eventually(lambda: other not in app.pids())

    assert pid_of(busy) == pid
    busy.query("commit")
    assert eventually(lambda: pid not in app.pids())


def test_server_idle_timeout_leaves_min_pool_size_servers(app):
    one = app.weir(keys={"min_pool_size": 2}, databases={"usual": app.target()}, server_idle_timeout=0.3)
    clients = opened(one, 4)
    before = set(app.pids())
    eventually(lambda: len(app.pids()) == 2)

    one.client("usual").query("select 1")
    eventually(lambda: one.show("POOLS", database="usual")[0]["sv_idle"] == 0)

    assert len(app.pids()) == 2 and set(app.pids()) < before
    assert len(clients) == 4


def test_a_minimum_drives_nobody_away(app):
    """Two pools of two, and room for three."""
    entries = {"other": app.target(min_pool_size=2)}
    one = app.weir(keys={"min_pool_size": 2}, databases=entries, max_user_connections=3)
    clients = [one.client("app"), one.client("other")]
    eventually(lambda: len(app.pids()) == 3)
    before = app.pids()

    for _ in range(20):
        one.console("SHOW POOLS")

    assert app.pids() == before
    assert len(clients) == 2


def test_a_minimum_is_kept_on_all_hosts_of_a_list(app, fake_server):
    servers = [fake_server() for _ in range(2)]
    ports = ",".join(str(server.port) for server in servers)
    one = app.weir(databases={"fake": f"host=127.0.0.1,127.0.0.1 port={ports} min_pool_size=4"})

    client = one.client("fake")

    eventually(lambda: one.show("POOLS", database="fake")[0]["sv_idle"] == 4)
    assert [len(server.sessions) for server in servers] == [2, 2]
    assert value(client, "select 1") == "1"


# ---- sizes ----------------------------------------------------------------------------


@pytest.mark.parametrize("main, keys", [({"default_pool_size": 0}, {}), ({"default_pool_size": 1}, {"pool_size": 0})])
def test_a_pool_of_size_0_has_no_limit(app, main, keys):
    one = app.weir(keys=keys, **main)

    clients = [in_transaction(one) for _ in range(25)]

    assert len({pid_of(client) for client in clients}) == 25


@pytest.mark.parametrize(
    "main, keys, users",
    [
        ({"reserve_pool_size": 1}, {}, {}),
        ({}, {"reserve_pool_size": 1}, {}),
        ({}, {"reserve_pool": 1}, {}),
        ({"reserve_pool_size": 0}, {"reserve_pool_size": 0}, {"postgres": "reserve_pool_size=1"}),
    ],
)
def test_the_reserve_serves_who_has_waited_for_reserve_pool_timeout(app, main, keys, users):
    one = app.weir(keys=keys, users=users, default_pool_size=1, reserve_pool_timeout=0.3, **main)
    one.allow("taking connection from reserve_pool")
    holder, waiter = in_transaction(one), one.client("app")

    pid, seconds = elapsed(pid_of, waiter)

    assert 0.3 <= seconds < 0.3 + slack()
    assert pid != pid_of(holder)
    assert "taking connection from reserve_pool" in one.log


@pytest.mark.parametrize(
    "main, users", [({"max_user_connections": 1}, {}), ({}, {"postgres": "max_user_connections=1"})]
)
def test_an_idle_server_of_another_pool_makes_room_for_its_user(app, main, users):
    one = app.weir(databases={"other": app.target()}, users=users, **main)
    first = pid_of(one.client("app"))

    second = pid_of(one.client("other"))

    assert second != first
    assert eventually(lambda: app.pids() == [second])


def test_the_server_that_was_idle_longest_makes_room_for_another_user(app):
    for name in ("settings_a", "settings_b", "settings_c"):
        if not app.query(f"select from pg_roles where rolname = '{name}'"):
            app.cluster.create_role(name)
    one = app.weir(keys={"max_db_connections": 2}, secrets={n: "" for n in ("settings_a", "settings_b", "settings_c")})
    first, second = [pid_of(one.client("app", user=name)) for name in ("settings_a", "settings_b")]

    third = pid_of(one.client("app", user="settings_c"))

    assert eventually(lambda: app.pids() == sorted([second, third]))
    assert first not in app.pids()


# ---- timeouts at their levels ---------------------------------------------------------


@pytest.mark.parametrize(
    "main, keys, users",
    [
        ({"query_wait_timeout": 0.4}, {}, {}),
        ({"query_wait_timeout": 60}, {"query_wait_timeout": 1}, {}),
        ({"query_wait_timeout": 60}, {"query_wait_timeout": 60}, {"postgres": "query_wait_timeout=1"}),
        ({"query_wait_timeout": 0}, {}, {"postgres": "query_wait_timeout=1"}),
    ],
)
def test_query_wait_timeout_counts_for_the_user_then_the_entry_then_all(app, main, keys, users):
    one = app.weir(keys=keys, users=users, default_pool_size=1, **main).allow("query_wait_timeout")
    holder, waiter = in_transaction(one), one.client("app")
    due = 0.4 if not keys and not users else 1

    waiter.send(wire.query("select 1"))
    error, seconds = elapsed(farewell, waiter)

    assert said(error) == ("FATAL", "57014", "query_wait_timeout")
    assert due - 0.05 <= seconds < due + slack()
    assert value(holder, "select 1") == "1"


@pytest.mark.parametrize(
    "setting, sql, words",
    [
        ("query_timeout", "select pg_sleep(30)", ("FATAL", "57014", "query timeout")),
        ("transaction_timeout", "select pg_sleep(30)", ("FATAL", "57014", "transaction timeout")),
        ("idle_transaction_timeout", "select 1", ("FATAL", "25P03", "idle transaction timeout")),
    ],
)
def test_a_user_has_timeouts_of_its_own(app, setting, sql, words):
    one = app.weir(users={"postgres": f"{setting}=1"}, **{setting: 0}).allow("timeout")
    client = in_transaction(one)

    client.send(wire.query(sql))
    error, seconds = elapsed(farewell, client)

    assert said(error) == words
    assert 0.9 <= seconds < 1 + slack()


def test_a_user_without_a_timeout_has_that_of_all(app):
    one = app.weir(users={"somebody": "query_timeout=60"}, query_timeout=0.4).allow("timeout")
    client = one.client("app")

    client.send(wire.query("select pg_sleep(30)"))
    error, seconds = elapsed(farewell, client)

    assert said(error) == ("FATAL", "57014", "query timeout")
    assert 0.35 <= seconds < 0.4 + slack()


def test_a_cancel_request_that_gets_nowhere_is_dropped_after_cancel_wait_timeout(app, fake_server):
    """The server is held for it until then."""

    def script(session):
        session.log_in()
        if session.is_cancel:
            session.read_bytes(1)
        while not session.is_cancel:
            m = session.read()
            if m.kind == b"X":
                return
            session.answer()

    server = fake_server(script)
    one = app.weir(databases={"fake": f"host=127.0.0.1 port={server.port}"}, default_pool_size=1, cancel_wait_timeout=0.5)
    client, other = one.client("fake"), one.client("fake")
    client.query("begin")
    client.send(wire.query("select 1"))
    canceller = wire.Wire(wire.connect(one.port, one.address))
    canceller.send(wire.cancel_request(client.pid, client.key))
    client.read_until(b"Z")
    client.query("commit")

    _, seconds = elapsed(other.query, "select 1")

    assert seconds < 0.5 + slack()
    canceller.close()


# ---- logins ---------------------------------------------------------------------------


def test_a_client_that_is_logged_in_is_told_at_once_while_logins_fail(app, fake_server):
    """The first one waits for the next try, who comes meanwhile does not."""
    server = fake_server()
    one = app.weir(databases={"fake": f"host=127.0.0.1 port={server.port}"}, server_login_retry=30)
    one.allow("server login failed", "server conn crashed", "server login has been failing")
    first, second = one.client("fake"), one.client("fake")
    server.close()
    eventually(lambda: one.show("POOLS", database="fake")[0]["sv_idle"] == 0)
    first.send(wire.query("select 1"))
    eventually(lambda: "connect failed" in one.log)

    second.send(wire.query("select 1"))
    error, seconds = elapsed(farewell, second)

    text = "server login has been failing, cached error: connect failed (server_login_retry)"
    assert said(error) == ("FATAL", "08006", text)
    assert seconds < 1
    assert one.show("POOLS", database="fake")[0]["cl_waiting"] == 1


def test_a_server_that_is_starting_up_is_waited_for(app, fake_server):
    tries = []

    def script(session):
        tries.append(session)
        if len(tries) < 3:
            session.read_startup()
            session.send(wire.error("the database system is starting up", "57P03", "FATAL"))
            return
        session.log_in().serve()

    server = fake_server(script)
    one = app.weir(databases={"fake": f"host=127.0.0.1 port={server.port}"}, server_login_retry=0.2)
    one.allow("the database system is starting up")

    both = [Background(one.client, "fake"), Background(one.client, "fake")]

    assert [value(client.result(), "select 1") for client in both] == ["1", "1"]
    assert len(tries) >= 3


def test_a_failed_connect_query_is_told_and_its_server_is_not_used(app):
    one = app.weir(keys={"connect_query": "'select from nowhere_at_all'"}, server_login_retry=0.2)
    one.allow('relation "nowhere_at_all" does not exist')

    error = refused(one.client, "app")

    assert said(error) == ("FATAL", "42P01", 'relation "nowhere_at_all" does not exist')
    assert eventually(lambda: app.pids() == [])


def test_no_check_query_is_no_check(app, fake_server):
    """The first query after server_check_delay goes to the server as it is."""
    asked = []
    server = fake_server(lambda session: session.log_in().serve(lambda sql: asked.append(sql)))
    target = f"host=127.0.0.1 port={server.port}"
    unchecked = app.weir(databases={"fake": target}, server_check_query="", server_check_delay=0)
    client = unchecked.client("fake")
    for _ in range(3):
        client.query("select 2")
    silent = list(asked)

    checked = app.weir(databases={"fake": target}, server_check_query="select 'check'", server_check_delay=0)
    checked.client("fake").query("select 2")

    assert set(silent) == {"select 2"}
    assert "select 'check'" in asked


# ---- reload ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before, after, fresh",
    [
        ({}, {"password": "other"}, False),
        ({}, {"pool_size": 3, "min_pool_size": 1, "reserve_pool_size": 2, "max_db_connections": 9}, False),
        ({}, {"application_name": "renamed"}, False),
        ({}, {"connect_query": "'select 1'"}, True),
        ({}, {"auth_query": "'select $1, $1'"}, True),
        ({}, {"auth_dbname": "postgres"}, True),
        ({}, {"load_balance_hosts": "disable"}, True),
        ({}, {"user": "postgres"}, True),
        ({"user": "postgres"}, {}, True),
    ],
)
def test_a_reload_renews_the_servers_of_an_entry_that_leads_elsewhere(app, before, after, fresh):
    one = app.weir(keys=before).allow("accepted and not acted on")
    client = one.client("app")
    pid = pid_of(client)

    one.write_config(app.config(keys=after)).console("RELOAD")

    assert (pid_of(client) != pid) is fresh


@pytest.mark.parametrize("before, after", [("settings_forced", None), (None, "settings_forced"), ("settings_forced", "settings_late")])
def test_a_forced_user_may_change_at_reload(app, before, after):
    """Clients stay, and are that user from their next transaction on."""
    for name in ("settings_forced", "settings_late"):
        if not app.query(f"select from pg_roles where rolname = '{name}'"):
            app.cluster.create_role(name)
    one = app.weir(keys={"user": before} if before else {})
    client, busy = one.client("app"), in_transaction(one)
    assert value(client, "select current_user") == (before or "postgres")

    one.write_config(app.config(keys={"user": after} if after else {})).console("RELOAD")

    assert value(client, "select current_user") == (after or "postgres")
    assert value(busy, "select current_user") == (before or "postgres")
    busy.query("commit")
    assert value(busy, "select current_user") == (after or "postgres")
    assert one.show("POOLS", database="app", user=after or "postgres")[0]["cl_active"] == 2


def test_stats_period_changes_at_reload(app):
    one = app.weir(stats_period=3600)
    assert "stats: " not in one.log

    one.console("SET stats_period = 0.1")

    assert eventually(lambda: one.log.count("stats: ") >= 3)


# ---- server_fast_close ----------------------------------------------------------------


def outdate(one):
    one.console("RECONNECT")


def test_fast_close_ends_a_session_whose_server_is_outdated(app):
    one = app.weir(pool_mode="session", server_fast_close=1).allow("database configuration changed")
    client = one.client("app")
    pid = pid_of(client)

    outdate(one)
    error, seconds = elapsed(farewell, client)

    assert said(error) == ("FATAL", "57P01", "database configuration changed")
    assert seconds < 0.05 + slack()
    assert eventually(lambda: pid not in app.pids())


def test_fast_close_waits_for_the_end_of_the_transaction(app):
    one = app.weir(pool_mode="session", server_fast_close=1).allow("database configuration changed")
    busy, idle = in_transaction(one), one.client("app")
    idle.query("select 1")

    outdate(one)
    farewell(idle)
    assert value(busy, "select 1") == "1"
    busy.send(wire.query("commit"))

    assert said(farewell(busy)) == ("FATAL", "57P01", "database configuration changed")


def test_fast_close_happens_at_a_reload_too(app):
    one = app.weir(pool_mode="session", server_fast_close=1).allow("database configuration changed")
    client = one.client("app")
    client.query("select 1")

    changed = app.config(keys={"connect_query": "'select 1'"}, pool_mode="session", server_fast_close=1)
    one.write_config(changed).reload()

    assert farewell(client).message == "database configuration changed"


def test_without_fast_close_a_session_keeps_its_outdated_server(app):
    one = app.weir(pool_mode="session")
    client = one.client("app")
    pid = pid_of(client)

    outdate(one)

    assert [pid_of(client) for _ in range(3)] == [pid] * 3
    client.close()
    assert eventually(lambda: pid not in app.pids())


# ---- sockets and protocol -------------------------------------------------------------


def test_tcp_settings_are_those_of_server_sockets_too(app, nest, fake_server):
    """As setsockopt() was called for the connection to the server."""
    doubles, server = Doubles(nest), fake_server()
    one = app.weir(
        databases={"fake": f"host=127.0.0.1 port={server.port}"}, options={"prefix": doubles.prefix},
        tcp_keepalive=1, tcp_keepidle=61, tcp_keepintvl=7, tcp_keepcnt=5, tcp_user_timeout=12345, tcp_socket_buffer=65536,
    )

    one.client("fake").query("select 1")
    set_to = doubles.options(server.port)

    tcp, sol, keepalive, sndbuf, rcvbuf, nodelay, idle, interval, count, user_timeout = 6, 1, 9, 7, 8, 1, 4, 5, 6, 18
    assert set_to[f"{sol}/{keepalive}"] == 1
    assert set_to[f"{tcp}/{idle}"] == 61 and set_to[f"{tcp}/{interval}"] == 7 and set_to[f"{tcp}/{count}"] == 5
    assert set_to[f"{tcp}/{user_timeout}"] == 12345
    assert set_to[f"{sol}/{sndbuf}"] == set_to[f"{sol}/{rcvbuf}"] == 65536
    assert set_to[f"{tcp}/{nodelay}"] == 1


def test_max_packet_size_counts_for_the_server_s_messages_too(app):
    one = app.weir(max_packet_size=2000).allow("packet too large")
    client = one.client("app")
    assert len(value(client, "select repeat('x', 1000)")) == 1000

    client.send(wire.query("select repeat('x', 3000)"))

    assert said(farewell(client)) == ("FATAL", "08P01", "packet too large")
    assert value(one.client("app"), "select 1") == "1"


def test_a_larger_message_than_max_packet_size_ends_its_client(app):
    one = app.weir(max_packet_size=2000).allow("bad packet header")
    client = one.client("app")

    client.send(wire.query("select '" + "x" * 3000 + "'"))

    assert said(farewell(client)) == ("FATAL", "08P01", "bad packet header: '5100000bc673656c'")


def test_disable_pqexec_leaves_the_extended_protocol(app):
    one = app.weir(disable_pqexec=1).allow("PQexec disallowed")
    simple, extended = one.client("app"), one.client("app")

    simple.send(wire.query("select 1"))
    answer = extended.ask(wire.parse("select 2"), wire.bind(), wire.execute(), wire.sync())

    assert said(farewell(simple)) == ("FATAL", "0A000", "PQexec disallowed")
    assert answer.rows == [("2",)]


def test_options_that_are_no_settings_may_be_ignored(app):
    one = app.weir(ignore_startup_parameters="options")

    client = one.client("app", options="-B 5 -c work_mem=7MB")

    assert value(client, "show work_mem") == "7MB"
