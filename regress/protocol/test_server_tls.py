"""What a server may do to pgweir while TLS begins, and with what it offers inside: every answer, every lie."""

import base64
import hashlib
import hmac
import ssl
import subprocess

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import farewell

SECRET = "secret"


def context(certificates, alpn=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificates.server.cert, certificates.server.key)
    if alpn:
        made.set_alpn_protocols(alpn)
    return made


def read_request(session):
    """True when the connection begins with an SSLRequest."""
    return session.read_bytes(8) == wire.ssl_request()


def wrap(session, made):
    session.socket = made.wrap_socket(session.socket, server_side=True)
    return session


def secure(session, certificates):
    assert read_request(session)
    session.send(b"S")
    return wrap(session, context(certificates))


def told(weir):
    """Why a client of `app` is sent away."""
    try:
        with weir.client("app") as client:
            client.send(wire.query("select 1"))
            return farewell(client).message
    except wire.PgError as error:
        return error.message


ANSWERS = {
    "data behind S": (b"S" + wire.auth_ok() + wire.ready(), "received unencrypted data after SSL response"),
    "data behind N": (b"N" + wire.auth_ok() + wire.ready(), "received unencrypted data after SSL response"),
    "an error in the clear": (wire.error("give me your password"), "server sent an error response during SSL exchange"),
    "no answer at all": (b"", "server closed the connection during login"),
    "another letter": (b"G", "server sent an invalid response to SSL negotiation"),
    "N": (b"N", "server does not support TLS, but server_tls_sslmode requires it"),
    "S and no handshake": (b"S", "TLS error: the peer closed the connection during the handshake"),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_not_tls_is_refused_where_tls_is_required(front, fake_server, answer):
    says, why = ANSWERS[answer]

    def script(session):
        read_request(session)
        session.send(says)
        if says == b"S":
            # Who closes before it has read all resets the connection.
            session.read_bytes(100)

    weir = front(fake_server(script), server_tls_sslmode="require", query_wait_timeout="1", server_login_retry="10")

    message = told(weir)

    assert why in message or why in weir.log
    assert "password" not in weir.log


@pytest.mark.parametrize("says", [wire.error("no TLS, I am old"), b"S"])
def test_prefer_comes_again_in_plain_text_after_an_error_and_after_a_failed_handshake(front, fake_server, says):
    asked = []

    def script(session):
        if session.number > 1:
            session.log_in().serve()
            return
        asked.append(read_request(session))
        session.send(says)
        if says == b"S":
            session.read_bytes(100)
            session.send(b"\x15\x03\x03\x00\x02\x02\x28")

    weir = front(fake_server(script), server_tls_sslmode="prefer")

    with weir.client("app") as client:
        assert client.query("select 1").rows == [("1",)]
    assert asked == [True]


def test_the_end_of_the_stream_within_tls_is_the_end_of_the_server(front, fake_server, certificates):
    def script(session):
        secure(session, certificates).log_in()
        session.read()
        if session.number == 1:
            session.socket.unwrap()
        elif session.number == 2:
            session.socket.shutdown(2)
        else:
            session.answer()
            session.serve()

    weir = front(fake_server(script), server_tls_sslmode="require")

    for _ in range(2):
        client = weir.client("app")
        client.send(wire.query("select 1"))
        assert farewell(client).message == "server conn crashed?"
    with weir.client("app") as client:
        assert client.query("select 1").rows == [("1",)]


# ---- SCRAM bound to the connection ---------------------------------------------------------


def binding_of(certificate):
    """RFC 5929: the hash of the certificate, by SHA-256 as it is signed."""
    der = subprocess.run(["openssl", "x509", "-in", certificate.cert, "-outform", "DER"], stdout=subprocess.PIPE, check=True)
    return hashlib.sha256(der.stdout).digest()


def scram(session, mechanisms, expected_header, expected_data=b""):
    """The server's side of SCRAM, which insists on how the client binds."""
    session.read_startup()
    session.send(wire.auth_sasl(*mechanisms))
    body = session.read().body
    chosen, first = body[: body.index(b"\0")].decode(), body[body.index(b"\0") + 5 :].decode()
    assert first.startswith(expected_header), first
    bare = first[len(expected_header) :]
    server_first = f"r={bare.split('r=')[1]}server,s={base64.b64encode(b'salt').decode()},i=4096"
    session.send(wire.auth_sasl_continue(server_first.encode()))
    final = session.read().body.decode()
    bound = base64.b64decode(final.split(",")[0][2:])
    assert bound == expected_header.encode() + expected_data, bound
    salted = hashlib.pbkdf2_hmac("sha256", SECRET.encode(), b"salt", 4096)
    said = f"{bare},{server_first},{final[: final.rindex(',p=')]}".encode()
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    proof = base64.b64decode(final[final.rindex(",p=") + 3 :])
    key = bytes(a ^ b for a, b in zip(proof, hmac.digest(stored, said, "sha256")))
    assert hashlib.sha256(key).digest() == stored
    signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), said, "sha256")
    session.send(wire.auth_sasl_final(b"v=" + base64.b64encode(signature)))
    session.send(wire.auth_ok(), wire.parameter_status("server_version", "15.0"), wire.ready())
    session.serve()
    return chosen


BOUND = "p=tls-server-end-point,,"


@pytest.mark.parametrize("mechanisms", [("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"), ("SCRAM-SHA-256-PLUS",)])
def test_an_offer_to_bind_over_tls_is_taken(front, fake_server, certificates, mechanisms):
    def script(session):
        scram(secure(session, certificates), mechanisms, BOUND, binding_of(certificates.server))

    weir = front(fake_server(script), database={"password": SECRET}, server_tls_sslmode="require")

    with weir.client("app") as client:
        assert client.query("select 1").rows == [("1",)]


def test_an_offer_that_was_stripped_is_found_out_by_the_server(front, fake_server, certificates):
    """Who could bind and sees no offer says so: an honest server knows then that somebody stands between."""
    def script(session):
        scram(secure(session, certificates), ("SCRAM-SHA-256",), "y,,")

    weir = front(fake_server(script), database={"password": SECRET}, server_tls_sslmode="require")

    with weir.client("app") as client:
        assert client.query("select 1").rows == [("1",)]


def test_without_tls_nothing_is_bound(front, fake_server):
    def script(session):
        scram(session, ("SCRAM-SHA-256",), "n,,")

    weir = front(fake_server(script), database={"password": SECRET})

    with weir.client("app") as client:
        assert client.query("select 1").rows == [("1",)]


def test_an_offer_to_bind_without_tls_is_a_lie(front, fake_server):
    def script(session):
        session.read_startup()
        session.send(wire.auth_sasl("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"))
        session.expect_closed()

    weir = front(fake_server(script), database={"password": SECRET})

    assert "server offered SCRAM-SHA-256-PLUS over a connection without TLS" in told(weir)


# ---- direct TLS, cancels, SNI -------------------------------------------------------------


def test_direct_tls_needs_no_question_and_a_server_that_names_the_protocol(front, fake_server, certificates):
    def knows(session):
        wrap(session, context(certificates, ["postgresql"])).log_in().serve()

    def knows_not(session):
        wrap(session, context(certificates)).expect_closed()

    direct = {"server_tls_sslmode": "require", "server_tls_sslnegotiation": "direct"}

    with front(fake_server(knows), **direct).client("app") as client:
        assert client.query("select 1").rows == [("1",)]
    assert "without ALPN" in told(front(fake_server(knows_not), **direct))


def test_a_name_is_told_to_the_server_in_every_mode_and_an_address_is_not(front, fake_server, certificates):
    names = []

    def script(session):
        assert read_request(session)
        session.send(b"S")
        made = context(certificates)
        made.sni_callback = lambda _socket, name, _context: names.append(name)
        wrap(session, made).log_in().serve()

    server = fake_server(script)
    for host in ("localhost", "127.0.0.1"):
        with front(server, database={"host": host}, server_tls_sslmode="require").client("app") as client:
            client.query("select 1")

    assert names == ["localhost", None]


def test_a_cancel_request_goes_over_tls_too(front, fake_server, certificates):
    cancels = []

    def script(session):
        secure(session, certificates).log_in()
        if session.is_cancel:
            cancels.append(session.pid)
            return
        session.read()
        eventually(lambda: cancels == [session.pid])
        session.send(wire.error("canceled", "57014"), wire.ready())
        session.serve()

    weir = front(fake_server(script), server_tls_sslmode="require")
    with weir.client("app") as client:
        client.send(wire.query("select pg_sleep(10)"))
        eventually(lambda: weir.show("POOLS", database="app", cl_active=1))
        client.cancel()
        result = wire.Result(client.read_until(b"Z"))

    assert result.error.sqlstate == "57014"
    assert len(cancels) == 1


def test_direct_tls_is_refused_where_plain_text_would_do(pgweir):
    config = {"pgbouncer": {"server_tls_sslmode": "prefer", "server_tls_sslnegotiation": "direct"}}

    done = pgweir(config, start=False).run()

    assert done.returncode == 1
    assert "server_tls_sslnegotiation: direct needs" in done.stdout
