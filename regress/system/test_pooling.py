"""Pools: who gets which server, when one is opened, and when one is closed."""

import threading
import time

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import Background, crowd, farewell, pid_of, said, value, waiting


def in_transaction(weir, **options):
    """A client that holds a server by an open transaction."""
    client = weir.client("app", **options)
    client.query("begin")
    return client


def test_session_mode_keeps_the_server_until_the_client_leaves(app):
    one = app.weir(pool_mode="session", default_pool_size=1)
    first = one.client("app")
    pid = pid_of(first)

    second = Background(lambda: pid_of(one.client("app")))
    assert eventually(waiting, one, 1)
    assert pid_of(first) == pid
    first.close()

    assert second.result() == pid
    assert app.pool(one)["pool_mode"] == "session"


def test_session_mode_resets_the_server_between_clients(app):
    one = app.weir(pool_mode="session", default_pool_size=1)
    first = one.client("app")
    pid = pid_of(first)
    first.query("set work_mem = '7MB'; create temp table mine (id int); prepare p as select 1")
    first.close()

    second = one.client("app")

    assert pid_of(second) == pid
    assert value(second, "show work_mem") == value(app.primary.client(), "show work_mem")
    assert value(second, "select to_regclass('mine') is null") == "t"
    assert value(second, "select count(*) from pg_prepared_statements where name = 'p'") == "0"


def test_session_mode_without_a_reset_query_leaves_the_server_as_it_is(app):
    one = app.weir(pool_mode="session", default_pool_size=1, server_reset_query="")
    first = one.client("app")
    first.query("create temp table mine (id int)")
    first.close()

    second = one.client("app")

    assert value(second, "select to_regclass('mine') is not null") == "t"


def test_a_reset_query_always_runs_in_transaction_mode_too(app):
    one = app.weir(default_pool_size=1, session_features="ignore", server_reset_query_always=1, server_reset_query="discard temp")
    client = one.client("app")

    client.query("create temp table mine (id int)")

    assert value(client, "select to_regclass('mine') is null") == "t"


def test_transaction_mode_gives_the_server_to_others_between_transactions(app):
    one = app.weir(default_pool_size=1)
    clients = [one.client("app") for _ in range(10)]

    pids = {pid_of(client) for client in clients for _ in range(2)}

    assert len(pids) == 1
    assert app.pids() == list(pids)
    assert app.pool(one)["sv_idle"] == 1


def test_a_transaction_keeps_its_server(app):
    one = app.weir(default_pool_size=2)
    first, second = in_transaction(one), in_transaction(one)

    pids = [{pid_of(client) for _ in range(3)} for client in (first, second)]

    assert len(pids[0]) == len(pids[1]) == 1 and pids[0] != pids[1]
    assert app.pool(one)["sv_active"] == 2


def test_statement_mode_refuses_transactions(app):
    one = app.weir(pool_mode="statement").allow("transaction blocks not allowed")
    client = one.client("app")
    assert value(client, "select 1") == "1"

    client.send(wire.query("begin"))

    assert said(farewell(client)) == ("FATAL", "0A000", "transaction blocks not allowed in statement pooling mode")
    assert value(one.client("app"), "select 1") == "1"


def test_statement_mode_shares_a_server_between_statements(app):
    one = app.weir(pool_mode="statement", default_pool_size=1)
    clients = [one.client("app") for _ in range(5)]

    assert len({pid_of(client) for client in clients}) == 1
    assert app.pool(one)["pool_mode"] == "statement"


def test_there_are_never_more_servers_than_the_pool_is_large(app):
    """Fifty clients on two workers, sampled on both sides."""
    one = app.weir(default_pool_size=5)
    stop, most = threading.Event(), []

    def sample():
        with app.primary.client() as asking:
            while not stop.is_set():
                sql = "select count(*) from pg_stat_activity where datname = 'app' and backend_type = 'client backend'"
                most.append(int(value(asking, sql)))

    def work(number):
        with one.client("app") as client:
            for _ in range(40):
                client.query("begin; select pg_sleep(0.001); commit" if number % 2 else "select 1")

    sampler = Background(sample)
    crowd(50, work)
    shown = app.pool(one)
    stop.set()
    sampler.result()

    assert max(most) <= 5
    assert shown["sv_active"] + shown["sv_idle"] <= 5
    assert shown["cl_waiting"] == 0


def test_waiters_get_the_server_in_the_order_of_their_requests(app):
    """As the server itself saw them; workers may overtake each other a little, so there is one."""
    one = app.weir(default_pool_size=1, workers=1)
    app.query("drop table if exists arrivals; create table arrivals (place serial, number int)")
    holder = in_transaction(one)
    clients = [one.client("app") for _ in range(10)]

    for number, client in enumerate(clients):
        client.send(wire.query(f"insert into arrivals (number) values ({number})"))
        assert eventually(waiting, one, number + 1)
    holder.query("commit")
    for client in clients:
        client.read_until(b"Z")

    assert app.query("select number from arrivals order by place") == [(str(n),) for n in range(10)]


def test_the_reserve_opens_only_after_its_timeout(app):
    one = app.weir(default_pool_size=1, reserve_pool_size=1, reserve_pool_timeout=0.5).allow("reserve_pool")
    holder = in_transaction(one)

    begun = time.monotonic()
    pid = pid_of(one.client("app"))

    assert 0.4 <= time.monotonic() - begun < 3
    assert pid != pid_of(holder)
    assert len(app.pids()) == 2


def test_the_reserve_has_an_end(app):
    one = app.weir(default_pool_size=1, reserve_pool_size=1, reserve_pool_timeout=0.1).allow("reserve_pool")
    in_transaction_clients = [in_transaction(one), in_transaction(one)]
    third = Background(lambda: pid_of(one.client("app")))

    assert eventually(waiting, one, 1)
    assert len(app.pids()) == 2
    in_transaction_clients[0].query("commit")

    assert third.result() in app.pids()


def test_min_pool_size_keeps_servers_ready_while_there_are_clients(app):
    one = app.weir(default_pool_size=5, min_pool_size=3, server_idle_timeout=0.1)
    assert app.pids() == []

    with one.client("app") as client:
        client.query("select 1")
        assert eventually(lambda: len(app.pids()) == 3)
        assert eventually(lambda: app.pool(one)["sv_idle"] == 3)


def test_min_pool_size_of_a_forced_user_needs_no_client(app):
    one = app.weir(keys={"user": "postgres", "min_pool_size": 2})

    assert eventually(lambda: len(app.pids()) == 2)
    assert one.show("DATABASES", name="app")[0]["min_pool_size"] == 2


def test_an_idle_server_of_another_user_makes_room_under_max_db_connections(app):
    app.cluster.create_role("pooling_other") if not app.query(
        "select from pg_roles where rolname = 'pooling_other'"
    ) else None
    one = app.weir(secrets={"postgres": "", "pooling_other": ""}, max_db_connections=1)
    first = pid_of(one.client("app"))

    second = pid_of(one.client("app", user="pooling_other"))

    assert second != first
    assert eventually(lambda: app.pids() == [second])
    assert one.show("DATABASES", name="app")[0]["max_connections"] == 1


def test_max_db_connections_holds_over_all_users(app):
    for name in ("pooling_a", "pooling_b"):
        if not app.query(f"select from pg_roles where rolname = '{name}'"):
            app.cluster.create_role(name)
    one = app.weir(secrets={"pooling_a": "", "pooling_b": ""}, max_db_connections=3, admin_users="pooling_a")

    def work(number):
        with one.client("app", user="pooling_a" if number % 2 else "pooling_b") as client:
            for _ in range(10):
                client.query("begin; select pg_sleep(0.002); commit")
                assert len(app.pids()) <= 4  # one may be on its way out

    crowd(12, work)
    assert len(app.pids()) <= 3


def test_max_user_connections_holds_over_all_databases(app):
    one = app.weir(databases={"again": app.target()}, max_user_connections=1)
    holder = in_transaction(one)

    waiter = Background(lambda: pid_of(one.client("again")))
    assert eventually(lambda: one.show("POOLS", database="again")[0]["cl_waiting"] == 1)
    assert len(app.pids()) == 1
    pid = pid_of(holder)
    holder.query("commit")

    assert waiter.result() != pid
    assert len(app.pids()) == 1
    assert one.show("USERS", name="postgres")[0]["current_connections"] == 1


def test_the_server_that_was_used_last_is_used_next(app):
    one = app.weir(default_pool_size=3, workers=1)
    holders = [in_transaction(one) for _ in range(3)]
    pids = [pid_of(holder) for holder in holders]
    for holder in holders:
        holder.query("commit")

    assert [pid_of(holders[0]) for _ in range(3)] == [pids[2]] * 3


def test_round_robin_uses_all_servers_in_turn(app):
    one = app.weir(default_pool_size=3, workers=1, server_round_robin=1)
    holders = [in_transaction(one) for _ in range(3)]
    pids = [pid_of(holder) for holder in holders]
    for holder in holders:
        holder.query("commit")

    assert [pid_of(holders[0]) for _ in range(6)] == pids * 2


def test_servers_that_are_idle_too_long_are_closed(app):
    one = app.weir(server_idle_timeout=0.3)
    client = one.client("app")
    pid = pid_of(client)
    assert app.pids() == [pid]

    assert eventually(lambda: app.pids() == [])
    assert pid_of(client) != pid
    assert "closing because: server idle timeout" in one.log


def test_servers_that_are_too_old_are_replaced(app):
    one = app.weir(server_lifetime=1)
    client = one.client("app")
    pid = pid_of(client)

    assert eventually(lambda: pid_of(client) != pid)
    assert len(app.pids()) == 1
    assert "server lifetime over" in one.log


def test_a_lifetime_of_nothing_uses_each_server_once(app):
    one = app.weir(server_lifetime=0)
    client = one.client("app")

    pids = [pid_of(client) for _ in range(3)]

    assert len(set(pids)) == 3
    assert eventually(lambda: app.pids() == [])


def test_a_server_killed_while_idle_is_not_given_to_a_client(app):
    one = app.weir(default_pool_size=3)
    holders = [in_transaction(one) for _ in range(3)]
    for holder in holders:
        holder.query("commit")

    app.primary.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'app'")
    eventually(lambda: app.pool(one)["sv_idle"] == 0)

    assert [value(holder, "select 1") for holder in holders] == ["1"] * 3
    assert app.pool(one)["sv_active"] == 0


def test_the_check_query_finds_a_server_that_died_silently(app, fake_server):
    """Its connection stands, but nobody answers: the client is served by another one."""
    silent = set()

    def script(session):
        session.log_in()
        while True:
            m = session.read()
            if m.kind == b"X":
                return
            if m.kind == b"Q" and session.number in silent:
                session.read_bytes(1 << 20)
            session.answer(rows=((str(session.number),),))

    server = fake_server(script)
    one = app.weir(
        databases={"fake": f"host=127.0.0.1 port={server.port}"},
        server_check_query="select 'alive'", server_check_delay=0, server_connect_timeout=0.5,
    ).allow("pooler error")
    client = one.client("fake")
    first = value(client, "select 1")
    silent.add(int(first))

    assert value(client, "select 1") != first
    assert "test query timeout" in one.log


def test_the_check_query_runs_only_on_servers_idle_for_the_delay(app, fake_server):
    asked = []

    def script(session):
        session.log_in().serve(lambda sql: asked.append(sql))

    server = fake_server(script)
    one = app.weir(
        databases={"fake": f"host=127.0.0.1 port={server.port}"}, server_check_query="select 'check'", server_check_delay=30
    )
    client = one.client("fake")
    for _ in range(5):
        client.query("select 2")

    assert asked.count("select 2") == 5
    assert "select 'check'" not in asked


def test_servers_of_a_pool_log_in_at_once(app, fake_server):
    """Twenty clients come to an empty pool of twenty; each login waits until there are four of them."""
    inside, most, arrival = [0], [0], threading.Condition()

    def script(session):
        session.read_startup()
        with arrival:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            arrival.notify_all()
            arrival.wait_for(lambda: most[0] >= 4, 1)
            inside[0] -= 1
        session.read_startup = lambda: None
        session.log_in().serve()

    server = fake_server(script)
    one = app.weir(databases={"fake": f"host=127.0.0.1 port={server.port}"}, default_pool_size=20)

    holders = crowd(20, lambda number: one.client("fake"))
    crowd(20, lambda number: holders[number].query("begin"))

    assert most[0] >= 4
    assert one.show("POOLS", database="fake")[0]["sv_active"] == 20


@pytest.mark.parametrize("unix", [False, True])
def test_servers_are_reached_by_tcp_and_by_unix_socket(app, unix):
    folder = app.cluster.target("app", hosts=[app.primary], unix=unix)
    one = app.weir(databases={"there": folder})

    address = value(one.client("there"), "select coalesce(host(inet_server_addr()), 'unix')")

    assert address == ("unix" if unix else "127.0.0.1")
    server = one.show("SERVERS", database="there")[0]
    assert (server["addr"], server["port"]) == (address, app.primary.port)
    if unix:
        assert (server["local_addr"], server["local_port"]) == ("unix", one.port)


def test_the_query_of_a_client_that_vanished_is_cancelled(app):
    """Not run to its end for nobody, and its transaction is undone."""
    app.query("drop table if exists half; create table half (n int)")
    one = app.weir(default_pool_size=1)
    client = in_transaction(one)
    client.query("insert into half values (1)")
    client.send(wire.query("select pg_sleep(60)"))
    eventually(lambda: app.query("select from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'"))

    client.socket.close()

    assert eventually(lambda: not app.query("select from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'"))
    assert value(one.client("app"), "select count(*) from half") == "0"


def test_a_client_that_leaves_in_a_transaction_undoes_it(app):
    app.query("drop table if exists half; create table half (n int)")
    one = app.weir(default_pool_size=1)
    client = in_transaction(one)
    client.query("insert into half values (1)")

    client.close()

    assert value(one.client("app"), "select count(*) from half") == "0"
    assert eventually(lambda: app.pool(one)["sv_active"] == 0)


def test_waiters_of_all_workers_are_served_in_the_order_of_their_coming(app):
    one = app.weir(default_pool_size=1)
    holder, clients = in_transaction(one), [one.client("app") for _ in range(6)]

    def wait_for_a_while(count):
        waits = [row["wait_us"] for row in one.show("CLIENTS", state="waiting")]
        return len(waits) == count and min(waits) > 15000

    served = []
    for count, client in enumerate(clients, 1):
        served.append(Background(value, client, "select clock_timestamp()"))
        eventually(wait_for_a_while, count)
    holder.query("commit")

    times = [each.result() for each in served]
    assert times == sorted(times)
