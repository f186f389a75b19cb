"""CancelRequest: it hits the query of the client that it names, and nothing else."""

import struct
import threading

import pytest

from lib import wire
from lib.cluster import quote
from lib.eventually import eventually


@pytest.fixture
def make(front, cluster):
    return lambda **settings: front(cluster.primary, **settings)


def is_running(cluster, text):
    return cluster.primary.query(f"select 1 from pg_stat_activity where state = 'active' and query = {quote(text)}")


def send_cancel(weir, pid, key):
    with wire.Wire(wire.connect(weir.port)) as other:
        other.send(wire.cancel_request(pid, key))
        return other.expect_closed()


@pytest.mark.parametrize("version", [wire.PROTOCOL_3_0, wire.PROTOCOL_3_2], ids=["3.0", "3.2"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_running_query_is_cancelled(make, cluster, version, workers):
    weir = make(workers=workers)
    clients = [weir.client("app", version=version) for _ in range(4)]
    for i, client in enumerate(clients):
        text = f"select pg_sleep(60 + {i})"
        client.send(wire.query(text))
        eventually(is_running, cluster, text)
        client.cancel()
        error = wire.Result(client.read_until(b"Z")).error
        assert error.sqlstate == "57014"
        assert client.query("select 1").rows == [("1",)]
    for client in clients:
        client.close()


def test_who_comes_is_not_taken_for_who_has_just_left(make):
    weir, pids = make(), []
    for _ in range(20):
        with weir.client("app") as client:
            pids.append(client.pid)

    assert len(set(pids)) == 20


def test_a_client_that_waits_is_cancelled_and_its_request_never_runs(make):
    weir = make(default_pool_size=1)
    with weir.client("app") as holder, weir.client("app") as client:
        holder.query("create table if not exists waited (n int); truncate waited")
        requests = {
            "simple": (wire.query("insert into waited values (1)"), 1),
            "extended": (wire.parse("insert into waited values (1)") + wire.bind() + wire.execute() + wire.sync(), 1),
        }
        for name, (request, answers) in requests.items():
            holder.query("begin")
            client.send(request)
            eventually(lambda: send_cancel(weir, client.pid, client.key) == [] and client_has_answer(client))
            result = wire.Result(client.read_until(b"Z"))
            assert result.error.sqlstate == "57014", name
            holder.query("commit")
            assert client.query("select count(*) from waited").rows == [("0",)]
        holder.query("drop table waited")


def client_has_answer(client):
    client.socket.settimeout(0.05)
    try:
        return bool(client.socket.recv(1, 2))  # MSG_PEEK
    except TimeoutError:
        return False
    finally:
        client.socket.settimeout(wire.TIMEOUT)


def test_a_cancel_with_a_wrong_key_is_ignored(make, cluster):
    weir = make()
    with weir.client("app") as client, weir.client("app", version=wire.PROTOCOL_3_2) as long:
        text = "select 'kept' from pg_sleep(0.3)"
        client.send(wire.query(text))
        long.send(wire.query(text))
        eventually(lambda: len(is_running(cluster, text)) == 2)
        for victim in (client, long):
            flipped = bytes([victim.key[0] ^ 1]) + victim.key[1:]
            for key in (flipped, victim.key[:-1] + bytes([victim.key[-1] ^ 128]), victim.key + b"\0", b"\0" * len(victim.key), b"\0" * 4):
                assert send_cancel(weir, victim.pid, key) == []
        assert send_cancel(weir, client.pid, long.key) == []
        assert send_cancel(weir, long.pid, long.key[:4]) == []
        assert send_cancel(weir, client.pid + 100000, client.key) == []
        for victim in (client, long):
            assert wire.Result(victim.read_until(b"Z")).rows == [("kept",)]


def test_a_cancel_of_an_idle_client_does_nothing(make):
    weir = make(default_pool_size=1)
    with weir.client("app") as client, weir.client("app") as other:
        for _ in range(20):
            client.query("select 1")
            client.cancel()
            assert other.query("select 1").rows == [("1",)]
        client.query("begin")
        client.cancel()
        assert client.query("select 1").rows == [("1",)]
        client.query("commit")


def test_a_key_is_of_no_use_when_its_client_has_left(make, cluster):
    weir = make(default_pool_size=1)
    with weir.client("app") as client:
        client.query("select 1")
    text = "select 'next' from pg_sleep(0.2)"
    with weir.client("app") as heir:
        heir.send(wire.query(text))
        eventually(is_running, cluster, text)
        assert send_cancel(weir, client.pid, client.key) == []
        assert wire.Result(heir.read_until(b"Z")).rows == [("next",)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_late_cancel_never_hits_the_next_one_on_that_server(make, workers):
    """200 cancels that come just when their query ends, while others queue for that very server."""
    weir = make(default_pool_size=1, workers=workers)
    with weir.client("app") as hasty, weir.client("app") as heir:
        outcomes = {None: 0, "57014": 0}
        for i in range(200):
            text = "select 1" if i % 2 else "select pg_sleep(0.0005)"
            canceller = wire.Wire(wire.connect(weir.port))
            hasty.send(wire.query(text))
            canceller.send(wire.cancel_request(hasty.pid, hasty.key))
            heir.send(wire.query("select 'heir' from pg_sleep(0.001)"))
            error = wire.Result(hasty.read_until(b"Z")).error
            outcomes[error and error.sqlstate] += 1
            assert wire.Result(heir.read_until(b"Z")).rows == [("heir",)], i
            canceller.expect_closed()
            canceller.close()
    assert sum(outcomes.values()) == 200


def test_a_server_waits_for_a_cancel_that_is_on_its_way(front, fake_server):
    """The scripted server keeps the cancel's connection open: until it closes, nobody else gets the server."""
    asked, cancelled, let_go = threading.Event(), threading.Event(), threading.Event()
    heard = []

    def script(session):
        session.log_in()
        if session.is_cancel:
            heard.append(("cancel", session.pid, session.key))
            cancelled.set()
            let_go.wait(10)
            return
        while True:
            m = session.read()
            if m.kind != b"Q":
                return
            heard.append(m.texts()[0])
            if m.texts()[0] == "slow":
                asked.set()
                cancelled.wait(10)
            session.answer()

    server = fake_server(script)
    weir = front(server, default_pool_size=1)
    with weir.client("app") as client, weir.client("app") as other:
        client.send(wire.query("slow"))
        asked.wait(10)
        with wire.Wire(wire.connect(weir.port)) as canceller:
            canceller.send(wire.cancel_request(client.pid, client.key))
            assert wire.Result(client.read_until(b"Z")).rows == [("1",)]
            other.send(wire.query("other's"))
            with weir.client("app") as third:
                assert third.status == "I"
            assert heard == ["slow", ("cancel", 1001, struct.pack("!I", 7001))]
            let_go.set()
            assert wire.Result(other.read_until(b"Z")).rows == [("1",)]
            assert canceller.expect_closed() == []
    assert heard[-1] == "other's"


def test_statements_are_closed_without_a_server_so_that_a_cancel_meets_the_query_behind_them(make):
    """Drivers send a Close by themselves, and their user's next query at once."""
    weir = make(default_pool_size=1)
    with weir.client("app") as holder, weir.client("app") as client:
        client.ask(wire.parse("select 1", "s"), wire.sync())
        holder.query("begin")

        client.send(wire.close("S", "s"), wire.close("P", ""), wire.sync(), wire.query("select pg_sleep(20)"))
        assert [m.kind for m in client.read_until(b"Z")] == [b"3", b"3", b"Z"]
        assert send_cancel(weir, client.pid, client.key) == []

        assert wire.Result(client.read_until(b"Z")).error.sqlstate == "57014"
        holder.query("rollback")
        assert client.ask(wire.bind(name="s"), wire.sync()).error.sqlstate == "26000"
        assert client.ask(wire.parse("select 2", "s"), wire.bind(name="s"), wire.execute(), wire.sync()).rows == [("2",)]
