"""TLS clients by the thousand: storms, half-closed and truncated streams, certificates swapped under load.

Nobody is stuck, nothing leaks, and a plain client beside them is served.  Behind pgweir is a scripted server.
"""

import os
import socket
import ssl
import time

import pytest

from lib import wire
from lib.eventually import crowding, eventually
from lib.pgweir import flavour
from lib.scene import Background, crowd
from lib.tls import TlsClient, client_context, tls_socket, vanish

STORM = 1000
THREADS = 10
IDLE_BYTES = 15.5 * 1024


@pytest.fixture
def front(pgweir, fake_server, certificates):
    def make(**main):
        settings = {
            "workers": 2,
            "pool_mode": "transaction",
            "max_client_conn": 2 * STORM,
            "log_connections": 0,
            "log_disconnections": 0,
            "client_tls_sslmode": "allow",
            "client_tls_cert_file": certificates.server.cert,
            "client_tls_key_file": certificates.server.key,
            **main,
        }
        target = f"host=127.0.0.1 port={fake_server().port} dbname=app"
        return pgweir({"databases": {"app": target}, "pgbouncer": settings}, {"postgres": ""})

    return make


def is_served(client):
    return client.query("select 1").rows == [("1",)]


def clients_of(weir):
    return weir.show("CLIENTS", database="app")


def storm(weir, count, **options):
    """So many TLS clients, connected from several threads at once; each has asked something."""
    def some(_):
        made = [TlsClient(weir, "app", **options) for _ in range(count // THREADS)]
        assert all(is_served(client) for client in made)
        return made

    return [client for part in crowd(THREADS, some) for client in part]


def leave(clients):
    """One third says goodbye, one third ends TLS alone, one third is cut off."""
    for number, client in enumerate(clients):
        if number % 3 == 0:
            client.close()
        elif number % 3 == 1:
            client.socket.unwrap().close()
        else:
            vanish(client)


def test_a_thousand_clients_connect_at_once_and_leave_in_every_way(front):
    weir = front(workers=1)
    context = client_context()
    bystander = weir.client("app")
    leave(storm(weir, 100, context=context))
    eventually(lambda: len(clients_of(weir)) == 1)
    before = weir.memory()

    coming = Background(storm, weir, STORM, context=context)
    slowest = 0
    while coming.is_running():
        began = time.monotonic()
        assert is_served(bystander)
        slowest = max(slowest, time.monotonic() - began)
    clients = coming.result()
    grown = weir.memory() - before

    assert len(clients_of(weir)) == STORM + 1
    assert slowest < 1
    each = grown / STORM
    print(f"an idle TLS client costs {each:.0f} bytes")
    assert each < IDLE_BYTES or flavour() not in ("release", "debug")

    leave(clients)
    eventually(lambda: len(clients_of(weir)) == 1)
    peak = weir.memory()
    leave(storm(weir, STORM // 2, context=context))
    eventually(lambda: len(clients_of(weir)) == 1)
    assert weir.memory() < peak + 1_000_000 + (10_000_000 if flavour() not in ("release", "debug") else 0)
    assert is_served(bystander)
    bystander.close()


def test_renegotiation_is_refused(front, nest):
    weir = front()
    command = ["openssl", "s_client", "-starttls", "postgres", "-tls1_2", "-connect", f"{weir.address}:{weir.port}"]

    done = nest.run(["sh", "-c", f"(sleep 0.3; echo R; sleep 0.3) | {' '.join(command)} 2>&1"], check=False, timeout=10)

    assert "RENEGOTIATING" in done.stdout
    assert "no renegotiation" in done.stdout
    assert is_served(TlsClient(weir, "app"))


def test_the_end_of_tls_is_answered_in_kind(front):
    weir = front()
    client = TlsClient(weir, "app")

    plain = client.socket.unwrap()

    assert plain.recv(1) == b""
    assert eventually(lambda: not clients_of(weir), within=2 * crowding())


def test_a_stream_that_is_cut_ends_its_session(front):
    weir = front()
    clients = [TlsClient(weir, "app") for _ in range(3)]
    clients[0].socket.shutdown(socket.SHUT_RDWR)
    os.close(clients[1].socket.detach())
    vanish(clients[2])

    assert eventually(lambda: not clients_of(weir), within=2 * crowding())


def test_handshakes_that_are_garbage_cut_or_never_finished_end(front):
    weir = front(client_login_timeout="0.5").allow("pooler error", "TLS")
    hello = ssl.MemoryBIO()
    half = client_context().wrap_bio(ssl.MemoryBIO(), hello)
    with pytest.raises(ssl.SSLWantReadError):
        half.do_handshake()
    hello = hello.read()

    def begin(data):
        sock = wire.connect(weir.port, weir.address)
        sock.sendall(wire.ssl_request())
        assert sock.recv(1) == b"S"
        sock.sendall(data)
        return sock

    garbage = begin(b"GET / HTTP/1.0\r\n\r\n" * 10)
    cut = begin(hello[:100])
    cut.shutdown(socket.SHUT_WR)
    stuck = begin(hello[:-1])
    silent = begin(b"")

    for sock in (garbage, cut, stuck, silent):
        sock.settimeout(3)
        try:
            while sock.recv(1000):
                pass
        except ConnectionError:
            pass
    assert eventually(lambda: is_served(TlsClient(weir, "app")))


def test_a_hello_in_single_bytes_is_understood(front):
    weir = front()
    sock = wire.connect(weir.port, weir.address)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(wire.ssl_request())
    assert sock.recv(1) == b"S"
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context().wrap_bio(incoming, outgoing)

    def drip(action, *arguments):
        while True:
            try:
                return action(*arguments)
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    sock.sendall(bytes([byte]))
                incoming.write(sock.recv(7))

    drip(tls.do_handshake)
    tls.write(wire.startup(user="postgres", database="app"))
    said = b""
    while not said.endswith(wire.ready()):
        said += drip(tls.read, 1000)

    assert said.startswith(wire.auth_ok())
    sock.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_ticket_of_one_worker_opens_on_the_others_and_after_a_reload(front, version):
    weir = front(workers=2)
    context = client_context(minimum_version=version, maximum_version=version)

    def visit(session):
        sock = wire.connect(weir.port, weir.address)
        sock.sendall(wire.ssl_request())
        assert sock.recv(1) == b"S"
        with context.wrap_socket(sock, session=session) as tls:
            client = wire.Wire(tls)
            client.send(wire.startup(user="postgres", database="app"))
            client.read_until(b"Z")
            return tls.session, tls.session_reused

    ticket, reused = visit(None)
    assert not reused
    assert all(visit(ticket)[1] for _ in range(6))

    weir.console("RELOAD")
    assert visit(ticket)[1]


def test_certificates_are_swapped_under_load(front, nest, certificates):
    def text(path):
        with open(path) as f:
            return f.read()

    folder = nest.folder("swapped")
    pairs = [(text(one.cert), text(one.key)) for one in (certificates.server, certificates.second_server)]

    def put(pair):
        nest.write(f"{folder}/server.crt", pair[0], 0o600)
        nest.write(f"{folder}/server.key", pair[1], 0o600)

    put(pairs[0])
    weir = front(client_tls_cert_file=f"{folder}/server.crt", client_tls_key_file=f"{folder}/server.key")
    old = TlsClient(weir, "app")
    swapping, seen = [True], set()

    def visit(_):
        visits = 0
        while swapping[0] or visits < 5:
            client = TlsClient(weir, "app")
            seen.add(client.socket.getpeercert(binary_form=True))
            assert is_served(client)
            client.close()
            visits += 1
        return visits

    visitors = Background(crowd, 4, visit)
    for number in range(1, 11):
        put(pairs[number % 2])
        weir.console("RELOAD")
    swapping[0] = False

    assert min(visitors.result()) >= 5
    assert len(seen) == 2
    assert is_served(old)
    eventually(lambda: len(clients_of(weir)) == 1)


def test_a_key_that_does_not_fit_refuses_the_reload_and_clients_go_on(front, nest, certificates):
    path = nest.write(f"{certificates.folder}/changing.key", open(certificates.server.key).read(), 0o600)
    weir = front(client_tls_key_file=path).allow("client_tls_key_file", "config file loading failed")
    certificate = tls_socket(weir).getpeercert(binary_form=True)

    nest.write(path, open(certificates.second_server.key).read(), 0o600)
    weir.reload()

    eventually(lambda: "config file loading failed" in weir.log)
    assert "private key does not match certificate" in weir.log
    assert tls_socket(weir).getpeercert(binary_form=True) == certificate
