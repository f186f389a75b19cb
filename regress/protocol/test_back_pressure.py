"""What a client may send ahead without an end: bounded here, whatever it does not ask to be answered."""

import socket
import threading

from lib import wire
from lib.eventually import eventually
from lib.pgweir import flavour

# A sanitizer keeps freed memory for a while.
MOST = 8 * 2**20 if flavour() == "release" else 64 * 2**20


def sent_all(client, chunk, times):
    """Sends in a thread, since nothing here reads before all of it went; the thread."""

    def work():
        try:
            for _ in range(times):
                client.socket.sendall(chunk)
        except OSError:
            pass

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_parses_of_a_known_statement_without_a_sync_are_answered_and_not_gathered(front, cluster):
    """Each is answered here; a Parse that the server owes an answer for stands in front of them all."""
    weir = front(cluster.primary)
    known = weir.client("app")
    assert not known.ask(wire.parse("select 42", "known"), wire.sync()).error
    client = weir.client("app")
    client.socket.settimeout(60)
    before = weir.memory()

    client.send(wire.parse("select 43", "first"))
    pair = wire.parse("select 42", "again") + wire.close("S", "again")
    times = 200
    sending = sent_all(client, pair * 500, times)
    kinds = [client.read().kind for _ in range(500 * times)]
    sending.join(30)
    used = weir.memory() - before
    kinds += [m.kind for m in client.ask(wire.sync()).messages]

    assert kinds == [b"1"] + [b"1", b"3"] * (500 * times) + [b"Z"]
    assert used < MOST
    assert client.ask(wire.query("select 1")).rows == [("1",)]


def test_answers_that_a_client_does_not_read_are_not_gathered(front, cluster):
    """It is not heard any more, until it reads."""
    weir = front(cluster.primary)
    known, other = weir.client("app"), weir.client("app")
    assert not known.ask(wire.parse("select 42", "known"), wire.sync()).error
    client = weir.client("app")
    before = weir.memory()

    pair = wire.parse("select 42", "again") + wire.close("S", "again")
    sending = sent_all(client, pair * 500, 2000)
    eventually(lambda: other.query("select 1").rows)
    sending.join(1)

    assert sending.is_alive()
    assert weir.memory() - before < MOST
    client.socket.shutdown(socket.SHUT_RDWR)
    sending.join(10)
    assert other.query("select 1").rows == [("1",)]


def test_a_long_pipeline_with_one_sync_is_answered_in_order(front, cluster):
    """More messages than a server may owe answers for."""
    weir = front(cluster.primary)
    client = weir.client("app")
    client.socket.settimeout(60)

    count = 6000
    batch = b"".join(wire.parse(f"select {n}") + wire.bind() + wire.execute() for n in range(count))
    sending = sent_all(client, batch + wire.sync(), 1)
    answers = client.read_until(b"Z")
    sending.join(30)

    assert [m.values()[0] for m in answers if m.kind == b"D"] == [str(n) for n in range(count)]


def test_an_error_in_a_long_pipeline_drops_the_rest_of_it(front, cluster):
    weir = front(cluster.primary)
    client = weir.client("app")
    client.socket.settimeout(60)

    good = wire.parse("select 1") + wire.bind() + wire.execute()
    bad = wire.parse("select 1/0") + wire.bind() + wire.execute()
    sending = sent_all(client, good * 3000 + bad + good * 3000 + wire.sync(), 1)
    answers = client.read_until(b"Z")
    sending.join(30)

    assert sum(m.kind == b"D" for m in answers) == 3000
    assert [m.fields()["C"] for m in answers if m.kind == b"E"] == ["22012"]
    assert client.ask(wire.query("select 1")).rows == [("1",)]


def test_more_syncs_than_a_server_may_owe_answers_for_are_all_answered(front, cluster):
    weir = front(cluster.primary)
    client = weir.client("app")
    client.socket.settimeout(60)

    count = 20000
    sending = sent_all(client, wire.parse("select 1") + wire.sync() * count, 1)
    kinds = [client.read().kind for _ in range(count + 1)]
    sending.join(30)

    assert kinds == [b"1"] + [b"Z"] * count
