"""TLS between clients and pgweir: who may come without, who must come with a certificate, and what is refused."""

import socket
import ssl
import struct
import subprocess

import psycopg
import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import refused, said

# sslmode of pgweir → what each sslmode of libpq makes of it: TLS, plain, or no login.
OUTCOMES = {
    "disable": {"disable": "plain", "allow": "plain", "prefer": "plain", "require": None, "verify-full": None},
    "allow": {"disable": "plain", "allow": "plain", "prefer": "TLS", "require": "TLS", "verify-full": "TLS"},
    "prefer": {"disable": "plain", "allow": "plain", "prefer": "TLS", "require": "TLS", "verify-full": "TLS"},
    "require": {"disable": None, "allow": "TLS", "prefer": "TLS", "require": "TLS", "verify-full": "TLS"},
}


@pytest.fixture
def secure(app, certificates):
    """secure(client_tls_sslmode="require", ...): pgweir with a certificate."""

    def make(keys=None, secrets=None, **settings):
        usual = {
            "client_tls_sslmode": "prefer",
            "client_tls_cert_file": certificates.server.cert,
            "client_tls_key_file": certificates.server.key,
            "client_tls_ca_file": certificates.ca.cert,
        }
        return app.weir(keys, secrets, **{**usual, **settings}).allow("pooler error")

    return make


def handshake(sock, **options):
    """The socket inside TLS, for which SSLRequest was sent already; options are attributes of the SSLContext."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    name = options.pop("server_hostname", None)
    session = options.pop("session", None)
    alpn = options.pop("alpn", None)
    if alpn:
        context.set_alpn_protocols(alpn)
    if "context" in options:
        context = options["context"]
    for key, value in options.items():
        if key != "context":
            setattr(context, key, value)
    return context.wrap_socket(sock, server_hostname=name, session=session)


def encrypted(one, **options):
    """A wire.Client inside TLS that has not logged in."""
    client = wire.Client(one.port, login=False)
    client.send(wire.ssl_request())
    assert client.read_bytes(1) == b"S"
    client.socket = handshake(client.socket, **options)
    return client


def log_in(client, database="app", user="postgres", **parameters):
    client.send(wire.startup(user=user, database=database, **parameters))
    client.log_in()
    return client


def outcome(one, certificates, **keys):
    try:
        with one.connect("app", sslrootcert=certificates.ca.cert, **keys) as db:
            assert db.execute("select 1").fetchone() == (1,)
            return "TLS" if db.pgconn.ssl_in_use else "plain"
    except psycopg.OperationalError:
        return None


@pytest.mark.parametrize("mode", OUTCOMES)
def test_each_sslmode_of_clients_meets_each_of_pgweir(secure, certificates, mode):
    one = secure(client_tls_sslmode=mode)

    found = {theirs: outcome(one, certificates, sslmode=theirs) for theirs in OUTCOMES[mode]}

    assert found == OUTCOMES[mode]


def test_who_comes_without_tls_where_it_is_required_is_told_so(secure):
    one = secure(client_tls_sslmode="require")

    assert said(refused(one.client, "app")) == ("FATAL", "28000", "SSL required")
    assert said(refused(one.client, "pgbouncer")) == ("FATAL", "28000", "SSL required")


def test_unix_sockets_need_no_tls_and_get_none(secure):
    one = secure(client_tls_sslmode="require")
    client = wire.Client(one.port, host=one.socket_folder, login=False)

    client.send(wire.ssl_request())

    assert client.read_bytes(1) == b"N"
    assert log_in(client).query("select 1").rows == [("1",)]


CERTIFICATES = {"good": True, "absent": False, "foreign": False, "expired": False}


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_client_needs_a_certificate_that_holds_where_it_is_verified(secure, certificates, mode):
    one = secure(client_tls_sslmode=mode)
    shown = {"good": certificates.client("postgres"), "foreign": certificates.foreign_client, "expired": certificates.expired_client}

    found = {}
    for name in CERTIFICATES:
        keys = {"sslcert": shown[name].cert, "sslkey": shown[name].key} if name in shown else {"sslcert": "/none"}
        found[name] = outcome(one, certificates, sslmode="require", **keys) == "TLS"

    assert found == CERTIFICATES


def test_psql_sees_a_tls_connection(secure, app):
    one = secure(client_tls_sslmode="require")

    done = app.cluster.nest.run(["psql", one.conninfo("app", sslmode="require"), "-c", "\\conninfo", "-c", "select 41 + 1"])

    assert "SSL connection (protocol: TLSv1.3" in done.stdout
    assert "42" in done.stdout


def test_the_login_line_says_how_it_is_encrypted(secure):
    one = secure()

    log_in(encrypted(one)).close()
    one.client("app").close()

    eventually(lambda: "user=postgres tls=TLSv1.3/TLS_AES_256_GCM_SHA384" in one.log)
    eventually(lambda: "user=postgres tls=no" in one.log)


def test_a_server_name_does_no_harm(secure):
    one = secure()
    for name in ("localhost", "elsewhere.example", "a" * 60 + ".example"):
        assert log_in(encrypted(one, server_hostname=name)).query("select 1").rows == [("1",)]


def test_a_session_of_tls_is_resumed(secure):
    """A ticket saves the second handshake its asymmetric half."""
    one = secure()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    first = log_in(encrypted(one, context=context))

    second = log_in(encrypted(one, context=context, session=first.socket.session))

    assert not first.socket.session_reused
    assert second.socket.session_reused
    assert second.query("select 1").rows == [("1",)]


def test_old_versions_of_tls_are_refused_by_default(secure):
    one = secure()
    with pytest.raises(OSError):
        encrypted(one, minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
    eventually(lambda: "closing because: TLS" in one.log)
    assert log_in(encrypted(one, maximum_version=ssl.TLSVersion.TLSv1_2)).query("select 1").rows == [("1",)]


# ---- what comes in the clear -----------------------------------------------------------


def test_what_follows_an_ssl_request_in_the_clear_ends_the_connection(secure):
    """Else a man in the middle puts words into the client's mouth (CVE-2021-3935 and its kin)."""
    one = secure()
    smuggled = wire.startup(user="postgres", database="app") + wire.query("select 'smuggled'")
    for request, words in ((wire.ssl_request(), "SSL request"), (wire.gssenc_request(), "GSSAPI encryption request")):
        client = wire.Client(one.port, login=False)

        client.send(request, smuggled)

        end = client.expect_closed()
        assert [said(wire.PgError(m.fields())) for m in end] == [("FATAL", "08P01", f"received unencrypted data after {words}")]


def test_what_follows_a_refused_ssl_request_at_once_ends_the_connection_too(secure):
    one = secure(client_tls_sslmode="disable")
    client = wire.Client(one.port, login=False)

    client.send(wire.ssl_request(), wire.startup(user="postgres", database="app"))

    assert client.expect_closed()[0].fields()["M"] == "received unencrypted data after SSL request"


def test_clear_text_in_place_of_the_handshake_ends_the_connection(secure):
    one = secure()
    with wire.Wire(wire.connect(one.port)) as client:
        client.send(wire.ssl_request())
        assert client.read_bytes(1) == b"S"
        client.send(wire.startup(user="postgres", database="app"))
        rest = b""
        while some := client.socket.recv(100):
            rest += some
    # A fatal alert of TLS at most: no word of the protocol.
    assert rest[:1] in (b"", b"\x15")
    eventually(lambda: "closing because: TLS" in one.log)


def test_inside_tls_it_cannot_be_asked_for_again(secure):
    one = secure()
    client = encrypted(one)

    client.send(wire.ssl_request())

    assert client.expect_closed()[0].fields()["M"] == "SSL req inside SSL"


# ---- direct TLS ------------------------------------------------------------------------


def direct(one, **options):
    client = wire.Client(one.port, login=False)
    client.socket = handshake(client.socket, **options)
    return client


def test_a_connection_may_begin_with_tls_as_postgresql_17_has_it(secure):
    one = secure(client_tls_sslmode="require")

    assert log_in(direct(one, alpn=["postgresql"])).query("select 1").rows == [("1",)]


def test_direct_tls_has_to_name_the_protocol(secure):
    one = secure()

    with direct(one) as client:
        end = client.expect_closed()

    assert [m.fields()["M"] for m in end] == [
        "received direct SSL connection request without ALPN protocol negotiation extension"
    ]


def test_direct_tls_is_noise_where_there_is_none(secure):
    one = secure(client_tls_sslmode="disable")
    with pytest.raises((ssl.SSLError, OSError)):
        direct(one, alpn=["postgresql"])
    eventually(lambda: "bad packet header: '160301" in one.log)


# ---- the rest of a connection ----------------------------------------------------------


def test_a_cancel_request_reaches_its_query_through_tls(secure):
    one = secure(client_tls_sslmode="require")
    client = log_in(encrypted(one))
    client.send(wire.query("select pg_sleep(30)"))
    eventually(lambda: one.client("app", unix=True).query(
        "select from pg_stat_activity where query = 'select pg_sleep(30)' and state = 'active'").rows)

    other = encrypted(one)
    other.send(wire.cancel_request(client.pid, client.key))
    other.expect_closed()

    assert wire.Result(client.read_until(b"Z")).error.sqlstate == "57014"


def test_a_handshake_that_stands_still_ends_with_client_login_timeout(secure):
    one = secure(client_login_timeout="0.3")
    with wire.Wire(wire.connect(one.port)) as client:
        client.send(wire.ssl_request())
        assert client.read_bytes(1) == b"S"
        assert client.socket.recv(1) == b""
    eventually(lambda: "closing because: client_login_timeout" in one.log)


def test_a_client_that_is_cut_off_inside_tls_leaves_nothing(secure, app):
    one = secure()
    client = log_in(encrypted(one))
    client.query("select 1")

    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()

    eventually(lambda: one.show("CLIENTS", database="app") == [])


def test_openssl_s_client_speaks_to_it(secure, certificates):
    one = secure()
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{one.port}", "-starttls", "postgres", "-CAfile", certificates.ca.cert],
        input=b"", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False,
    )
    assert b"Verify return code: 0 (ok)" in done.stdout
