"""Large messages stream through, and a side that does not read holds the other one back: memory stays small."""

import hashlib
import select
import threading

import pytest

from lib import wire
from lib.pgweir import flavour

MB = 1 << 20
GROWTH = 12 * MB if flavour() == "release" else 24 * MB
MUCH = 200 * MB if flavour() == "release" else 60 * MB


def block(sock, chunk, most):
    """Sends chunks until the other side has taken none for half a second or all is sent; returns how much was."""
    sock.setblocking(False)
    sent = 0
    while sent < most and select.select([], [sock], [], 0.5)[1]:
        try:
            sent += sock.send(memoryview(chunk)[sent % len(chunk) :])
        except BlockingIOError:
            pass
    sock.settimeout(20)
    return sent


def finish(sock, chunk, sent, most):
    while sent < most:
        sent += sock.send(memoryview(chunk)[sent % len(chunk) :])


def test_a_row_of_ten_megabytes_streams_through(front, fake_server, bystander):
    row = wire.data_row(bytes(range(1, 251)) * (10 * MB // 250))
    answer = [wire.row_description("big"), row, wire.command_complete()]
    weir = front(fake_server(lambda s: s.log_in().serve(lambda sql: answer if sql == "big" else None)))
    other = bystander(weir)
    before = weir.memory()

    with weir.client("app") as client:
        for _ in range(3):
            client.send(wire.query("big"))
            assert [m.bytes for m in client.read_until(b"Z")][:-1] == answer

    assert weir.memory() - before < GROWTH
    assert other.is_well()


def test_a_value_of_ten_megabytes_streams_to_the_server(front, cluster, bystander):
    weir = front(cluster.primary)
    other = bystander(weir)
    value = "v" * (10 * MB)
    digest = hashlib.md5(value.encode()).hexdigest()
    before = weir.memory()

    with weir.client("app") as client:
        for name in ("", "named"):
            client.ask(wire.parse("select md5($1), length($1)", name, [25]), wire.sync())
            for _ in range(2):
                result = client.ask(wire.bind([value], name), wire.execute(), wire.sync())
                assert result.rows == [(digest, str(len(value)))]
        assert client.query(f"select md5('{value}')").rows == [(digest,)]

    assert weir.memory() - before < GROWTH
    assert other.is_well()


@pytest.mark.parametrize("size", [1000, 5 * MB])
def test_a_client_that_does_not_read_its_result_holds_the_server_back(front, fake_server, bystander, size):
    row = wire.data_row("x" * size)
    most = MUCH // len(row) * len(row)
    reached, proceed = [], threading.Event()

    def script(session):
        session.log_in()
        while True:
            if session.read().body != b"much\0":
                session.answer()
                continue
            session.send(wire.row_description("x"))
            reached.append(block(session.socket, row, most))
            proceed.wait(20)
            finish(session.socket, row, reached[0], most)
            session.send(wire.command_complete(), wire.ready())

    weir = front(fake_server(script))
    other = bystander(weir)
    before = weir.memory()
    with weir.client("app") as client:
        client.send(wire.query("much"))
        while not reached:
            assert other.is_well()
        assert reached[0] < most
        assert weir.memory() - before < GROWTH

        proceed.set()
        assert client.read().kind == b"T"
        left = most
        while left > 0:
            left -= len(client.socket.recv(min(left, MB))) if not client.read_ahead else len(client.read_bytes(min(left, len(client.read_ahead))))
        assert [m.kind for m in client.read_until(b"Z")] == [b"C", b"Z"]
        assert client.query("select 1").rows == [("1",)]
    assert weir.memory() - before < GROWTH


@pytest.mark.parametrize("size", [1000, 5 * MB])
def test_a_server_that_does_not_read_a_copy_holds_the_client_back(front, fake_server, bystander, size):
    data = wire.copy_data(b"x" * size)
    most = MUCH // len(data) * len(data)
    proceed = threading.Event()

    def script(session):
        session.log_in()
        while True:
            if session.read().body != b"much\0":
                session.answer()
                continue
            session.send(wire.copy_in_response())
            proceed.wait(20)
            left = most
            while left > 0:
                left -= len(session.socket.recv(min(left, MB)))
            assert session.read().kind == b"c"
            session.send(wire.command_complete("COPY"), wire.ready())

    weir = front(fake_server(script))
    other = bystander(weir)
    before = weir.memory()
    with weir.client("app") as client:
        client.send(wire.query("much"))
        client.read_until(b"G")
        sent = block(client.socket, data, most)
        assert sent < most
        assert weir.memory() - before < GROWTH
        assert other.is_well()

        proceed.set()
        finish(client.socket, data, sent, most)
        client.send(wire.copy_done())
        assert [m.kind for m in client.read_until(b"Z")] == [b"C", b"Z"]
        assert client.query("select 1").rows == [("1",)]
    assert weir.memory() - before < GROWTH


def test_a_client_that_sends_ahead_without_end_is_held_back(front, fake_server, bystander):
    """Nobody answers its first query, so that nothing behind it may go on."""
    go = threading.Event()

    def answers(sql):
        if sql == "wait":
            go.wait(20)

    weir = front(fake_server(lambda s: s.log_in().serve(answers)))
    other = bystander(weir)
    before = weir.memory()
    client = weir.client("app")
    client.send(wire.query("wait"))
    sent = block(client.socket, wire.query("select '" + "x" * 50000 + "'"), MUCH)
    assert sent < MUCH
    assert weir.memory() - before < GROWTH
    assert other.is_well()
    client.socket.close()
    go.set()
    assert other.is_well()
