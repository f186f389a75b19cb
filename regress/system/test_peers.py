"""Several processes on one port, and [peers]: a cancel finds its client wherever it lands."""

import os
import socket
import threading

import pytest

from lib import wire
from lib.eventually import eventually
from lib.nest import free_port
from lib.scene import value
from lib.sockets import TCP_DEFER_ACCEPT, listeners_of, tcp_option

HOPS = 3


@pytest.fixture
def fleet(app, nest):
    """Makes processes 1..count on one port, each a peer of the others; fleet(2, peers={...})."""
    port = free_port()
    made = []

    def make(count=2, peers=None, start=True, **main):
        for number in range(1, count + 1):
            folder = nest.folder(f"peer-{port}-{number}")
            one = app.weir(options={"start": False}, so_reuseport=1, listen_port=port, peer_id=number, unix_socket_dir=folder)
            one.folder = one.socket_folder = folder
            made.append(one)
        for number, one in enumerate(made, 1):
            rows = peers if peers is not None else {n: f"host={other.folder} port={port}" for n, other in enumerate(made, 1)}
            config = app.config(so_reuseport=1, listen_port=port, peer_id=number, unix_socket_dir=one.folder,
                                pidfile=f"{one.folder}/pid", **main)
            one.write_config({**config, "peers": rows})
            if start:
                one.start(shared=True)
        return made

    return make


def peer_of(client):
    return client.pid >> 16 & 0xFF | (client.pid >> 8 & 0xFF) << 8


def hops_of(key):
    return key[-1] & 3


def with_hops(key, hops):
    return key[:-1] + bytes([key[-1] & ~3 | hops])


def sleeps(client, app):
    """The client runs a query that only a cancel ends."""
    client.send(wire.query("select pg_sleep(60)"))
    eventually(app.query, "select from pg_stat_activity where state = 'active' and query = 'select pg_sleep(60)'")


def is_cancelled(client):
    return wire.Result(client.read_until(b"Z")).error.sqlstate == "57014"


def send_cancel(weir, pid, key):
    """To that very process, by its unix socket; returns when the connection was closed."""
    with wire.Wire(wire.connect(weir.port, weir.folder)) as other:
        other.send(wire.cancel_request(pid, key))
        return other.expect_closed()


@pytest.mark.parametrize("version", [wire.PROTOCOL_3_0, wire.PROTOCOL_3_2], ids=["3.0", "3.2"])
def test_a_cancel_at_the_wrong_process_reaches_the_right_one(fleet, app, version):
    first, second = fleet(2)
    for home, other in ((first, second), (second, first)):
        clients = [home.client("app", unix=True, version=version) for _ in range(3)]
        for client in clients:
            sleeps(client, app)
            send_cancel(other, client.pid, client.key)
            assert is_cancelled(client)
            assert value(client, "select 1") == "1"


def test_both_processes_take_clients_of_the_one_port_and_cancel_for_each_other(fleet, app):
    """The kernel chooses: with thirty clients and as many cancels both have had to do with both."""
    first, second = fleet(2, default_pool_size=1)
    homes = set()
    for _ in range(30):
        with first.client("app") as client:
            homes.add(peer_of(client))
            sleeps(client, app)
            client.cancel()
            assert is_cancelled(client)
    assert homes == {1, 2}


def test_a_key_carries_the_peer_and_three_hops(fleet):
    first, second = fleet(2)

    for number, one in ((1, first), (2, second)):
        for version, length in ((wire.PROTOCOL_3_0, 4), (wire.PROTOCOL_3_2, 32)):
            with one.client("app", unix=True, version=version) as client:
                assert (peer_of(client), hops_of(client.key), len(client.key)) == (number, HOPS, length)
                assert 0 < client.pid < 2**31


def test_keys_cannot_be_guessed_from_each_other(fleet):
    (one,) = fleet(1)

    clients = [one.client("app", unix=True) for _ in range(40)]

    assert len({client.key for client in clients}) == 40
    for bit in [*range(30)]:
        assert {int.from_bytes(client.key, "big") >> bit + 2 & 1 for client in clients} == {0, 1}
    for bit in (24, 7):
        assert {client.pid >> bit & 1 for client in clients} == {0, 1}


def test_a_wrong_key_cancels_nobody(fleet, app):
    first, second = fleet(2)
    client = first.client("app", unix=True)
    client.send(wire.query("select 'kept' from pg_sleep(0.5)"))

    for key in (b"\0\0\0\3", client.key[:3] + bytes([client.key[3] ^ 4]), client.key + b"\3", bytes([client.key[0] ^ 1]) + client.key[1:]):
        send_cancel(first, client.pid, key)
        send_cancel(second, client.pid, key)
    send_cancel(first, client.pid ^ 1 << 24, client.key)
    send_cancel(first, client.pid ^ 1 << 7, client.key)

    assert wire.Result(client.read_until(b"Z")).rows == [("kept",)]


def test_a_key_of_a_peer_that_nobody_knows_is_ignored(fleet, app):
    (one,) = fleet(1)
    client = one.client("app", unix=True)
    client.send(wire.query("select 'kept' from pg_sleep(0.3)"))

    stranger = client.pid & ~0xFFFF00 | 77 << 16
    assert send_cancel(one, stranger, client.key) == []

    assert wire.Result(client.read_until(b"Z")).rows == [("kept",)]


class Recorder:
    """A peer that keeps the bytes of each connection and holds it open until it is let go."""

    def __init__(self, server):
        self.let_go, self.server = threading.Event(), server
        self.let_go.set()
        self.seen = []

    def script(self, session):
        session.read_startup()
        assert session.is_cancel
        self.seen.append((session.pid, session.key))
        self.let_go.wait(10)


@pytest.fixture
def recorder(fake_server):
    one = Recorder(None)
    one.server = fake_server(one.script)
    return one


def row(recorder, **keys):
    return " ".join(["host=127.0.0.1", f"port={recorder.server.port}", *(f"{k}={v}" for k, v in keys.items())])


def key_of(peer, secret, hops=HOPS):
    """A key that peer gave, as a CancelRequest brings it."""
    return (peer & 0xFF) << 16 | (peer >> 8) << 8 | 5, with_hops(secret, hops)


@pytest.mark.parametrize("secret", [b"abc\xf7", bytes(range(31)) + b"\xf7"], ids=["3.0", "3.2"])
def test_each_time_that_a_request_is_sent_on_it_has_a_hop_less(fleet, recorder, secret):
    (one,) = fleet(1, peers={700: row(recorder)})
    pid, _ = key_of(700, secret)

    for hops in (3, 2, 1):
        send_cancel(one, pid, with_hops(secret, hops))

    assert recorder.seen == [(pid, with_hops(secret, hops)) for hops in (2, 1, 0)]


def test_a_request_without_hops_is_not_sent_on(fleet, recorder):
    (one,) = fleet(1, peers={2: row(recorder)})
    one.allow("TTL was exhausted")

    send_cancel(one, *key_of(2, b"abcd", hops=0))

    assert recorder.seen == []
    assert "failed to forward cancel request because its TTL was exhausted" in one.log


def test_a_loop_of_peers_ends(fleet):
    """Each takes the other for the owner of a third one's key; it goes round until its hops are used up."""
    port = free_port()
    first, second = fleet(2, start=False)
    rows = {3: f"host={second.folder} port={first.port}"}, {3: f"host={first.folder} port={first.port}"}
    for one, peers in zip((first, second), rows):
        with open(one.config_path) as file:
            text = file.read()
        at = text.index("[peers]")
        one.write_config(text[:at] + "[peers]\n" + "".join(f"{k} = {v}\n" for k, v in peers.items()) + text[text.index("\n[pgbouncer]"):])
        one.allow("TTL was exhausted").start(shared=True)

    assert send_cancel(first, *key_of(3, b"abcd")) == []

    assert (first.log + second.log).count("TTL was exhausted") == 1
    assert "TTL was exhausted" in second.log


def test_a_peer_s_pool_has_a_size_and_the_rest_waits(fleet, recorder):
    (one,) = fleet(1, peers={2: row(recorder, pool_size=2)})
    recorder.let_go.clear()
    waiting = []
    for number in range(5):
        other = wire.Wire(wire.connect(one.port, one.folder))
        other.send(wire.cancel_request(*key_of(2, b"abc%d" % number)))
        waiting.append(other)

    assert eventually(lambda: len(recorder.seen) == 2)
    with one.client("pgbouncer", unix=True) as console:
        assert console.query("SHOW PEER_POOLS").dicts() == [
            {"peer_id": 2, "cl_active_cancel_req": 2, "cl_waiting_cancel_req": 3, "sv_active_cancel": 2, "sv_login": 0}
        ]
    assert len(recorder.seen) == 2
    recorder.let_go.set()

    for other in waiting:
        assert other.expect_closed() == []
        other.close()
    assert len(recorder.seen) == 5


def test_requests_that_wait_too_long_are_dropped(fleet, recorder):
    (one,) = fleet(1, peers={2: row(recorder, pool_size=1)}, cancel_wait_timeout=0.3)
    recorder.let_go.clear()
    both = []
    for number in range(2):
        other = wire.Wire(wire.connect(one.port, one.folder))
        other.send(wire.cancel_request(*key_of(2, b"abc%d" % number)))
        both.append(other)

    for other in both:
        assert other.expect_closed() == []
        other.close()

    recorder.let_go.set()
    assert len(recorder.seen) <= 2
    assert "not done within cancel_wait_timeout" in one.log


def test_a_peer_that_is_down_is_a_warning(fleet):
    (one,) = fleet(1, peers={2: f"host=127.0.0.1 port={free_port()}"})
    one.allow("could not forward a cancel request to peer 2")

    assert send_cancel(one, *key_of(2, b"abcd")) == []

    assert "could not forward a cancel request to peer 2: connect failed" in one.log


def test_the_peers_and_the_own_id_change_at_reload(fleet, recorder, app):
    (one,) = fleet(1, peers={})
    client = one.client("app", unix=True)
    send_cancel(one, *key_of(9, b"abcd"))
    assert recorder.seen == []
    with open(one.config_path) as file:
        text = file.read()

    one.write_config(text.replace("peer_id = 1", "peer_id = 8").replace("[peers]\n", f"[peers]\n9 = {row(recorder)}\n"))
    one.console("RELOAD")
    send_cancel(one, *key_of(9, b"abcd"))

    assert len(recorder.seen) == 1
    with one.client("app", unix=True) as fresh:
        assert peer_of(fresh) == 8
    sleeps(client, app)
    send_cancel(one, client.pid, client.key)
    assert is_cancelled(client)


def test_the_process_ends_while_a_cancel_is_under_way(fleet, recorder):
    (one,) = fleet(1, peers={2: row(recorder, pool_size=1)})
    recorder.let_go.clear()
    both = [wire.Wire(wire.connect(one.port, one.folder)) for _ in range(3)]
    for other in both:
        other.send(wire.cancel_request(*key_of(2, b"abcd")))
    eventually(lambda: recorder.seen)

    one.stop()

    recorder.let_go.set()
    for other in both:
        other.close()


def test_without_so_reuseport_a_second_process_cannot_have_the_port(app, nest):
    one = app.weir()
    second = app.weir(options={"start": False}, listen_port=one.port, unix_socket_dir="")

    done = second.run()

    assert done.returncode == 1
    assert f"WARNING cannot listen on 127.0.0.1:{one.port}: bind: Address already in use" in done.stdout
    assert "FATAL failed to listen on any address in listen_addr list: 127.0.0.1" in done.stdout


def test_the_kernel_holds_no_connection_back(fleet):
    """It would be reset when the process stops listening, whatever the setting."""
    (one,) = fleet(1, tcp_defer_accept=1)

    (listener,) = listeners_of(one.process.pid, socket.AF_INET)

    assert tcp_option(listener, TCP_DEFER_ACCEPT) == 0


def test_a_rolling_restart_loses_no_login_and_no_query(fleet):
    """Clients come and go all the while; the second process starts, the first is told to end when its clients have left."""
    first, second = fleet(2, start=False, default_pool_size=5)
    first.start(shared=True)
    stop, served, failures = threading.Event(), [0, 0, 0], []

    def come_and_go():
        while not stop.is_set():
            try:
                with first.client("app") as client:
                    assert value(client, "select 1") == "1"
                    served[peer_of(client)] += 1
            except Exception as error:
                failures.append(repr(error))

    crowd = [threading.Thread(target=come_and_go, daemon=True) for _ in range(4)]
    steady = first.client("app", unix=True)
    for one in crowd:
        one.start()
    eventually(lambda: served[1] > 50)

    second.start(shared=True)
    eventually(lambda: served[2] > 50)
    with first.client("pgbouncer", unix=True) as console:
        assert console.query("SHUTDOWN WAIT_FOR_CLIENTS").tags == ["SHUTDOWN"]
    before = served[2]
    eventually(lambda: served[2] > before + 200)
    assert value(steady, "select 1") == "1"
    assert first.is_up()
    steady.close()

    assert first.wait() == 0
    stop.set()
    for one in crowd:
        one.join(10)
    assert failures == []
    assert not os.path.exists(f"{first.folder}/.s.PGSQL.{first.port}")
    assert not os.path.exists(f"{first.folder}/pid")


def test_a_cancel_of_a_client_of_the_process_that_is_ending_goes_to_it(fleet, app):
    first, second = fleet(2)
    client = first.client("app", unix=True)
    with first.client("pgbouncer", unix=True) as console:
        console.query("SHUTDOWN WAIT_FOR_CLIENTS")
    sleeps(client, app)

    with wire.Wire(wire.connect(second.port)) as other:
        other.send(wire.cancel_request(client.pid, client.key))
        other.expect_closed()

    assert is_cancelled(client)
    client.close()
    assert first.wait() == 0
