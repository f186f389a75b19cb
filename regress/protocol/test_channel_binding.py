"""SCRAM-SHA-256-PLUS towards clients (RFC 5802, section 6; RFC 5929, section 4): what binds, and what a downgrade meets."""

import base64
import hashlib
import hmac
import os
import ssl
import struct

import pytest

from lib import wire

PLUS, PLAIN = "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"
TYPE = "p=tls-server-end-point,,"
REFUSED = ("FATAL", "28P01", "SASL authentication failed")


@pytest.fixture
def weir(front, fake_server, certificates):
    return front(
        fake_server(),
        users={"postgres": "secret"},
        auth_type="scram-sha-256",
        client_tls_sslmode="prefer",
        client_tls_cert_file=certificates.server.cert,
        client_tls_key_file=certificates.server.key,
    )


class Exchange(wire.Client):
    """A client in the middle of a SCRAM exchange that says what it is told to."""

    def __init__(self, weir, tls=True, user="postgres"):
        super().__init__(weir.port, login=False)
        self.end_point = b""
        if tls:
            self._encrypt()
        self.send(wire.startup(user=user, database="app"))
        offer = self.read()
        assert (offer.kind, offer.number()) == (b"R", 10)
        self.offered = offer.body[4:].rstrip(b"\0").split(b"\0")

    def _encrypt(self):
        self.send(wire.ssl_request())
        assert self.read_bytes(1) == b"S"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)
        # The certificate is signed by ECDSA with SHA-256.
        self.end_point = hashlib.sha256(self.socket.getpeercert(binary_form=True)).digest()

    def first(self, mechanism, header, nonce=None):
        self.nonce = nonce or base64.b64encode(os.urandom(18)).decode()
        self.bare = f"n=,r={self.nonce}"
        said = (header + self.bare).encode()
        self.send(wire.message(b"p", wire.text(mechanism) + struct.pack("!I", len(said)) + said))
        answer = self.read()
        if answer.kind == b"E":
            raise wire.PgError(answer.fields())
        assert answer.number() == 11
        self.challenge = answer.body[4:].decode()

    def final(self, header, data, secret="secret"):
        parts = dict(p.split("=", 1) for p in self.challenge.split(","))
        assert parts["r"].startswith(self.nonce)
        salted = hashlib.pbkdf2_hmac("sha256", secret.encode(), base64.b64decode(parts["s"]), int(parts["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        begin = f"c={base64.b64encode(header.encode() + data).decode()},r={parts['r']}"
        said = f"{self.bare},{self.challenge},{begin}".encode()
        proof = bytes(a ^ b for a, b in zip(key, hmac.digest(hashlib.sha256(key).digest(), said, "sha256")))
        self.send(wire.message(b"p", f"{begin},p={base64.b64encode(proof).decode()}".encode()))
        answer = self.read()
        if answer.kind == b"E":
            raise wire.PgError(answer.fields())
        signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), said, "sha256")
        assert answer.number() == 12 and answer.body[4:] == b"v=" + base64.b64encode(signature)
        return self.log_in()


def end_of(work, *arguments, **named):
    with pytest.raises(wire.PgError) as error:
        work(*arguments, **named)
    return (error.value.severity, error.value.sqlstate, error.value.message)


def test_binding_is_offered_first_inside_tls_and_not_at_all_outside(weir):
    assert Exchange(weir).offered == [PLUS.encode(), PLAIN.encode()]
    assert Exchange(weir, tls=False).offered == [PLAIN.encode()]


def test_unknown_users_are_offered_the_same(weir):
    assert Exchange(weir, user="nobody").offered == Exchange(weir).offered


def test_a_bound_login_succeeds(weir):
    client = Exchange(weir)
    client.first(PLUS, TYPE)
    assert client.final(TYPE, client.end_point).query("select 1").rows == [("1",)]


def test_a_client_without_binding_succeeds_inside_tls(weir):
    client = Exchange(weir)
    client.first(PLAIN, "n,,")
    assert client.final("n,,", b"").query("select 1").rows == [("1",)]


def test_a_client_that_could_bind_succeeds_outside_of_tls(weir):
    client = Exchange(weir, tls=False)
    client.first(PLAIN, "y,,")
    assert client.final("y,,", b"").query("select 1").rows == [("1",)]


def test_the_binding_of_another_connection_is_refused(weir):
    """A man in the middle has a certificate of his own, and his is what the client binds to."""
    client = Exchange(weir)
    client.first(PLUS, TYPE)
    assert end_of(client.final, TYPE, hashlib.sha256(b"another certificate").digest()) == REFUSED


def test_a_stripped_offer_is_found_out(weir):
    """The client could bind and was told that pgweir cannot: somebody has taken the offer away."""
    assert end_of(Exchange(weir).first, PLAIN, "y,,") == REFUSED


BROKEN = {
    "the bound mechanism without a binding": (PLUS, "n,,"),
    "the bound mechanism, and the claim that it was not offered": (PLUS, "y,,"),
    "a binding with the unbound mechanism": (PLAIN, TYPE),
    "a binding of another type": (PLUS, "p=tls-unique,,"),
    "a binding of no type": (PLUS, "p=,,"),
    "a binding without an equals sign": (PLUS, "ptls-server-end-point,,"),
    "a type that only begins like ours": (PLUS, "p=tls-server-end-point-2,,"),
    "an identity": (PLUS, "p=tls-server-end-point,a=postgres,"),
    "a mechanism that nobody offered": ("SCRAM-SHA-512", "n,,"),
}


def test_a_first_message_that_contradicts_itself_is_refused(weir, bystander):
    for name, (mechanism, header) in BROKEN.items():
        assert end_of(Exchange(weir).first, mechanism, header) == REFUSED, name


def test_the_bound_mechanism_is_refused_outside_of_tls(weir):
    assert end_of(Exchange(weir, tls=False).first, PLUS, TYPE) == REFUSED


def test_the_final_message_has_to_repeat_the_header(weir):
    for first, final in ((TYPE, "n,,"), ("n,,", TYPE), ("n,,", "y,,")):
        client = Exchange(weir)
        client.first(PLUS if first == TYPE else PLAIN, first)
        data = client.end_point if final == TYPE else b""
        assert end_of(client.final, final, data) == REFUSED


def test_a_long_nonce_is_refused(weir):
    """Odyssey and others have copied nonces into places of a fixed size."""
    for length in (257, 1024, 3900, 60000):
        assert end_of(Exchange(weir).first, PLAIN, "n,,", nonce="x" * length) == REFUSED
    client = Exchange(weir)
    client.first(PLAIN, "n,,", nonce="x" * 256)
    assert client.final("n,,", b"").query("select 1").rows == [("1",)]


def test_lengths_that_run_past_the_message_are_refused(weir):
    for said in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF):
        client = Exchange(weir)
        client.send(wire.message(b"p", wire.text(PLAIN) + struct.pack("!I", said) + b"n,,n=,r=abc"))
        assert [(m.fields()["S"], m.fields()["C"], m.fields()["M"]) for m in client.expect_closed()] == [REFUSED], said


def test_libpq_that_requires_binding_gets_it(weir):
    import psycopg

    keys = {"password": "secret", "sslmode": "require"}
    with weir.connect("app", channel_binding="require", **keys) as db:
        assert db.pgconn.ssl_in_use
    with weir.connect("app", channel_binding="disable", **keys) as db:
        assert db.pgconn.ssl_in_use
    with pytest.raises(psycopg.OperationalError, match="channel binding"):
        weir.connect("app", channel_binding="require", password="secret", sslmode="disable")
