"""Timeouts: each with its words and its SQLSTATE, and what becomes of the server."""

import socket
import time

from lib import wire
from lib.eventually import eventually
from lib.scene import Background, farewell, pid_of, refused, said, value


def holding(weir):
    client = weir.client("app")
    client.query("begin")
    return client


def test_a_client_waits_no_longer_than_query_wait_timeout(app):
    one = app.weir(default_pool_size=1, query_wait_timeout=0.3).allow("query_wait_timeout")
    holder, waiter = holding(one), one.client("app")

    begun = time.monotonic()
    waiter.send(wire.query("select 1"))

    assert said(farewell(waiter)) == ("FATAL", "57014", "query_wait_timeout")
    assert 0.2 < time.monotonic() - begun < 3
    assert value(holder, "select 1") == "1"
    assert app.pool(one)["cl_waiting"] == 0


def test_a_waiting_client_is_told_that_it_is_queued(app):
    one = app.weir(default_pool_size=1, query_wait_notify=0.2)
    holder, waiter = holding(one), one.client("app")

    waiter.send(wire.query("select 1"))
    notice = waiter.read()
    holder.query("commit")

    assert notice.kind == b"N"
    assert notice.fields()["M"] == "No server connection available in postgres backend, client being queued"
    assert waiter.read_until(b"Z")[-2].kind == b"C"


def test_a_waiting_client_is_told_so_in_every_wait(app):
    one = app.weir(default_pool_size=1, query_wait_notify=0.1)
    holder, waiter = one.client("app"), one.client("app")

    for _ in range(2):
        holder.query("begin")
        waiter.send(wire.query("select 1"))
        assert waiter.read().kind == b"N"
        holder.query("commit")
        assert waiter.read_until(b"Z")[-1].body == b"I"


def test_a_query_ends_at_query_timeout_and_its_server_stays(app):
    one = app.weir(default_pool_size=1, query_timeout=0.3).allow("query timeout")
    client = one.client("app")
    pid = pid_of(client)

    client.send(wire.query("select pg_sleep(30)"))

    assert said(farewell(client)) == ("FATAL", "57014", "query timeout")
    assert pid_of(one.client("app")) == pid


def test_a_query_that_waits_ends_at_query_timeout(app):
    one = app.weir(default_pool_size=1, query_timeout=0.5).allow("query_timeout|query timeout")
    holder, waiter = holding(one), one.client("app")

    waiter.send(wire.query("select 1"))

    assert said(farewell(waiter)) == ("FATAL", "57014", "query_timeout")
    assert value(holder, "select 1") == "1"


def test_an_idle_transaction_ends_at_idle_transaction_timeout(app):
    one = app.weir(default_pool_size=1, idle_transaction_timeout=0.3).allow("idle transaction timeout")
    client = holding(one)

    assert said(farewell(client)) == ("FATAL", "25P03", "idle transaction timeout")
    assert value(one.client("app"), "select 1") == "1"


def test_a_busy_transaction_does_not_end_at_idle_transaction_timeout(app):
    one = app.weir(idle_transaction_timeout=0.7)
    client = holding(one)

    assert value(client, "select 'awake' from pg_sleep(1.2)") == "awake"
    client.query("commit")


def test_a_transaction_ends_at_transaction_timeout_however_busy(app):
    one = app.weir(transaction_timeout=0.4).allow("transaction timeout")
    client = holding(one)

    client.send(wire.query("select pg_sleep(30)"))

    assert said(farewell(client)) == ("FATAL", "57014", "transaction timeout")
    assert value(one.client("app"), "select 1") == "1"


def test_transactions_in_a_row_are_not_one_long_transaction(app):
    one = app.weir(transaction_timeout=1)
    client = one.client("app")

    for _ in range(4):
        client.query("begin; select pg_sleep(0.35); commit")

    assert value(client, "select 1") == "1"


def test_an_idle_client_ends_at_client_idle_timeout(app):
    one = app.weir(client_idle_timeout=0.3).allow("client_idle_timeout")
    client = one.client("app")
    client.query("select 1")

    assert said(farewell(client)) == ("FATAL", "57P05", "client_idle_timeout")
    assert eventually(lambda: one.show("CLIENTS", database="app") == [])


def test_a_user_s_timeout_concerns_that_user_alone(app):
    app.cluster.create_role("timeouts_other")
    one = app.weir(secrets={"postgres": "", "timeouts_other": ""}, users={"timeouts_other": "client_idle_timeout=1"})
    one.allow("client_idle_timeout")
    other, usual = one.client("app", user="timeouts_other"), one.client("app")

    assert farewell(other).sqlstate == "57P05"
    assert value(usual, "select 1") == "1"


def test_a_login_that_does_not_go_on_ends_at_client_login_timeout(app):
    one = app.weir(client_login_timeout=0.3).allow("client_login_timeout")
    silent = wire.Client(one.port, login=False)

    assert said(farewell(silent)) == ("FATAL", "08006", "client_login_timeout")
    assert value(one.client("app"), "select 1") == "1"


def test_a_login_before_a_dead_server_ends_at_client_login_timeout(app):
    """Nobody answers, and nothing was learned yet."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(8)
        entry = f"host=127.0.0.1 port={deaf.getsockname()[1]}"
        one = app.weir(databases={"deaf": entry}, client_login_timeout=0.4)
        one.allow("client_login_timeout", "server login failed")

        error = refused(one.client, "deaf")

    assert said(error) == ("FATAL", "08006", "client_login_timeout (server down)")


def test_a_login_before_a_dead_server_ends_at_query_timeout(app):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(8)
        entry = f"host=127.0.0.1 port={deaf.getsockname()[1]}"
        one = app.weir(databases={"deaf": entry}, query_timeout=0.4).allow("query_timeout", "server login failed")

        error = refused(one.client, "deaf")

    assert said(error) == ("FATAL", "57014", "query_timeout")


def test_a_server_that_does_not_answer_is_given_up_at_server_connect_timeout(app):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(8)
        one = app.weir(
            databases={"deaf": f"host=127.0.0.1 port={deaf.getsockname()[1]}"},
            server_connect_timeout=0.3, client_login_timeout=1, server_login_retry=30,
        ).allow("connect timeout", "client_login_timeout", "server login has been failing")

        refused(one.client, "deaf")
        again = refused(one.client, "deaf")

    text = "server login has been failing, cached error: connect timeout (server_login_retry)"
    assert said(again) == ("FATAL", "08006", text)


def test_a_failed_login_is_told_from_the_cache_until_server_login_retry(app):
    one = app.weir(databases={"missing": app.target("missing")}, server_login_retry=30)
    one.allow('database "missing" does not exist')

    first, second = refused(one.client, "missing"), refused(one.client, "missing")

    assert said(first) == ("FATAL", "3D000", 'database "missing" does not exist')
    text = 'server login has been failing, cached error: database "missing" does not exist (server_login_retry)'
    assert said(second) == ("FATAL", "3D000", text)


def test_logins_are_tried_again_after_server_login_retry(app):
    one = app.weir(databases={"late": app.target("late")}, server_login_retry=0.5)
    one.allow('database "late" does not exist')
    assert refused(one.client, "late").sqlstate == "3D000"
    app.cluster.create_database("late")

    client = eventually(one.client, "late", every=0.1)

    assert value(client, "select current_database()") == "late"
    client.close()
    one.stop()
    app.primary.query("drop database late")


def test_waiters_are_served_when_the_server_comes_back(app, fake_server):
    """Connections are refused at first: the waiter waits, and is served after server_login_retry."""
    server = fake_server()
    port = server.port
    one = app.weir(databases={"fake": f"host=127.0.0.1 port={port}"}, server_login_retry=0.3)
    one.allow("server login failed", "server conn crashed")
    client = one.client("fake")
    server.close()
    eventually(lambda: one.show("POOLS", database="fake")[0]["sv_idle"] == 0)
    answer = Background(client.query, "select 1")
    eventually(lambda: "server login failed" in one.log)

    fake_server(port=port)

    assert answer.result().rows == [("1",)]
