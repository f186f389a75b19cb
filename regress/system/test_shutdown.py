"""The ways to end, by signal and by command: who may stay, who is told what, and what is left behind."""

import os
import signal

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import Background, farewell, refused, said, value, waiting


def signals(one, number, heard):
    one.process.send_signal(number)
    eventually(lambda: heard in one.log)


def orders(one, command, heard):
    client = one.client("pgbouncer", unix=True)
    assert client.query(command).tags == ["SHUTDOWN"]
    eventually(lambda: heard in one.log)
    return client


WAIT_FOR_CLIENTS = [
    (signals, signal.SIGTERM, "got SIGTERM, shutting down, waiting for all clients disconnect"),
    (orders, "SHUTDOWN WAIT_FOR_CLIENTS", "shutting down, waiting for clients"),
]
WAIT_FOR_SERVERS = [
    (signals, signal.SIGINT, "got SIGINT, shutting down, waiting for all servers connections to be released"),
    (orders, "SHUTDOWN WAIT_FOR_SERVERS", "shutting down, waiting for servers"),
]
AT_ONCE = [(signals, signal.SIGQUIT, "got SIGQUIT, fast exit"), (orders, "SHUTDOWN", "shutting down, at once")]
BY = {"ids": ["signal", "command"]}


def nothing_is_left(one):
    return not os.path.exists(f"{one.folder}/.s.PGSQL.{one.port}") and not os.path.exists(f"{one.folder}/pid")


@pytest.fixture
def one(app):
    weir = app.weir(options={"start": False}, default_pool_size=2).allow("shutting down")
    return weir.write_config(app.config(default_pool_size=2, pidfile=f"{weir.folder}/pid")).start()


@pytest.mark.parametrize("order, what, heard", WAIT_FOR_CLIENTS, **BY)
def test_clients_that_are_waited_for_work_as_ever(one, app, order, what, heard):
    idle, busy = one.client("app"), one.client("app", unix=True)
    busy.query("begin")

    order(one, what, heard)

    assert [value(idle, "select 1") for _ in range(3)] == ["1"] * 3
    busy.query("commit")
    assert value(busy, "select 2") == "2"
    with pytest.raises((ConnectionError, wire.PgError)):
        one.client("app")
    assert said(refused(one.client, "app", unix=True)) == ("FATAL", "57P01", "pooler is shutting down")
    idle.close()
    assert one.is_up()
    busy.close()
    assert one.wait() == 0
    assert nothing_is_left(one)


@pytest.mark.parametrize("order, what, heard", WAIT_FOR_CLIENTS, **BY)
def test_the_console_works_while_clients_are_waited_for_and_keeps_nobody_waiting(one, order, what, heard):
    client = one.client("app")
    before = one.client("pgbouncer", unix=True)

    order(one, what, heard)

    after = one.client("pgbouncer", unix=True)
    assert before.query("SHOW VERSION").rows and after.query("SHOW VERSION").rows
    client.close()
    assert said(farewell(after)) == ("FATAL", "57P01", "pooler is shutting down")
    assert one.wait(5) == 0


def test_without_clients_it_ends_at_once(one):
    one.process.send_signal(signal.SIGTERM)

    assert one.wait(5) == 0
    assert nothing_is_left(one)


@pytest.mark.parametrize("order, what, heard", WAIT_FOR_SERVERS, **BY)
def test_servers_that_are_waited_for_end_their_transactions(one, app, order, what, heard):
    """Idle clients go at once, one in a transaction at its end, one that waits for a server is sent away."""
    holders = [one.client("app") for _ in range(2)]
    idle, late = one.client("app"), one.client("app")
    for holder in holders:
        holder.query("begin")
    late.send(wire.query("select 1"))
    eventually(waiting, one, 1)

    order(one, what, heard)

    assert said(farewell(idle)) == ("FATAL", "57P01", "server shutting down")
    assert said(farewell(late)) == ("FATAL", "57P01", "server shutting down")
    with pytest.raises((ConnectionError, wire.PgError)):
        one.client("app")
    assert value(holders[0], "select 1") == "1"
    holders[0].query("commit")
    assert one.is_up()
    holders[1].query("commit")
    assert one.wait() == 0
    assert nothing_is_left(one)
    assert eventually(lambda: app.pids() == [])


@pytest.mark.parametrize("order, what, heard", AT_ONCE, **BY)
def test_at_once_means_that_everybody_is_told(one, app, order, what, heard):
    idle, busy, late = one.client("app"), one.client("app"), one.client("app")
    holder = one.client("app")
    holder.query("begin")
    busy.send(wire.query("select pg_sleep(60)"))
    eventually(app.query, "select from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'")
    late.send(wire.query("select 1"))
    eventually(waiting, one, 1)

    order(one, what, heard)

    for client in (idle, holder, busy, late):
        assert said(farewell(client)) == ("FATAL", "57P01", "pooler is shutting down")
    assert one.wait(5) == 0
    assert nothing_is_left(one)


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_second_signal_of_any_kind_ends_at_once(one, first, second):
    client = one.client("app")
    client.query("begin")
    signals(one, first, "shutting down, waiting")

    one.process.send_signal(second)

    assert said(farewell(client)) == ("FATAL", "57P01", "pooler is shutting down")
    assert one.wait(5) == 0
    assert second == signal.SIGQUIT or f"got {second.name} while shutting down, fast exit" in one.log


def test_a_paused_process_can_be_resumed_while_it_waits_for_its_clients(one):
    client = one.client("app")
    signals(one, signal.SIGUSR1, "got SIGUSR1, pausing all activity")
    answer = Background(value, client, "select 1")
    eventually(waiting, one, 1)
    signals(one, signal.SIGTERM, "waiting for clients")

    signals(one, signal.SIGUSR2, "got SIGUSR2, continuing from PAUSE")

    assert answer.result() == "1"
    client.close()
    assert one.wait() == 0


def test_a_process_that_waits_for_its_servers_is_not_resumed(one):
    client = one.client("app")
    client.query("begin")
    signals(one, signal.SIGINT, "waiting for servers")

    signals(one, signal.SIGUSR2, "got SIGUSR2 while shutting down, ignoring")

    client.query("commit")
    assert one.wait() == 0


def test_pausing_twice_and_resuming_twice_is_said(one):
    for number, heard in [
        (signal.SIGUSR1, "got SIGUSR1, pausing all activity"),
        (signal.SIGUSR1, "got SIGUSR1, but already paused/suspended"),
        (signal.SIGUSR2, "got SIGUSR2, continuing from PAUSE"),
    ]:
        signals(one, number, heard)

    assert value(one.client("app"), "select 1") == "1"


def test_a_broken_pipe_is_nothing(one):
    one.process.send_signal(signal.SIGPIPE)

    assert value(one.client("app"), "select 1") == "1"
