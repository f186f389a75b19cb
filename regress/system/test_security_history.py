"""Holes in the security history of poolers, those that need PostgreSQL or rules; see protocol/test_security_history.py."""

import itertools
import ssl
import time

import pytest

from lib import wire
from lib.doubles import Doubles
from lib.eventually import crowding, eventually
from lib.scene import refused, said, value
from lib.tls import TlsClient, client_context

_numbers = itertools.count(1)


@pytest.fixture
def ruled(app):
    """A pgweir with these host-based rules."""

    def make(rules, secrets=None, **settings):
        folder = app.cluster.nest.folder(f"history{next(_numbers)}")
        app.cluster.nest.write(f"{folder}/rules.conf", rules, 0o600)
        one = app.weir(secrets=secrets or {"postgres": "", "alice": ""}, auth_type="hba", auth_hba_file=f"{folder}/rules.conf", **settings)
        return one.allow("login failed", "login rejected", "no authentication method", "pooler error")

    return make


# ---- auth_query ----


@pytest.mark.parametrize("method", ["trust", "plain", "md5", "scram-sha-256"])
def test_an_unknown_user_does_not_become_the_auth_user(app, method):
    """CVE-2015-6817: whom auth_query did not find was let in as auth_user."""
    asker = "history_asker"
    app.query(f"drop role if exists {asker}")
    app.cluster.create_role(asker, "scram", "ask", "login superuser")
    one = app.weir({"user": "postgres"}, {asker: "ask", "postgres": ""}, auth_user=asker, auth_type=method)
    one.allow("authentication failed", "pooler error")

    for name in ("history_nobody", "history_asker ", "HISTORY_ASKER", "' or rolname = 'history_asker"):
        for secret in ("ask", ""):
            assert said(refused(one.client, "app", user=name, secret=secret))[1] in ("28P01", "28000")

    with one.client("app", user=asker, secret="ask") as client:
        assert value(client, "select 1") == "1"


# ---- host-based rules ----


@pytest.mark.parametrize("ruled_name, other_name", [("pgbouncer", "pgweir"), ("pgweir", "pgbouncer")])
def test_a_rule_for_the_console_holds_for_both_of_its_names(ruled, ruled_name, other_name):
    """A file that keeps strangers out of pgbouncer was written before there was another name for it."""
    one = ruled(f"local all all trust\nhost {ruled_name} all all reject\nhost all all all trust\n")

    for name in (ruled_name, other_name):
        assert said(refused(one.client, name, user="postgres"))[2] == "login rejected"
        with one.client(name, user="postgres", unix=True) as console:
            assert console.query("show version").rows

    with one.client("app", user="postgres") as client:
        assert value(client, "select 1") == "1"


@pytest.mark.parametrize("said_kind", ["of", "no", "fal", "n", "F", "0", "off"])
def test_a_client_that_says_no_to_replication_in_any_way_is_under_the_rules_of_its_database(ruled, said_kind):
    """Else a rule for replication alone would open the database to whoever knows how PostgreSQL shortens words."""
    one = ruled("local all all trust\nhost replication postgres all trust\n")

    assert said(refused(one.client, "app", replication=said_kind))[2] == "no authentication method is found"


def test_a_client_that_says_two_kinds_of_replication_gets_the_one_that_was_ruled_on(ruled):
    """PostgreSQL remembers `database` of a first word, and would open it to whom a rule allows physical replication alone."""
    one = ruled("local all all trust\nhost replication postgres all trust\n")
    client = wire.Client(one.port, host=one.address, login=False)
    packet = wire.startup(user="postgres", database="app", replication="database")
    twice = packet[4:-1] + b"replication\0true\0\0"

    client.send((len(twice) + 4).to_bytes(4, "big") + twice)
    client.log_in()

    # A physical walsender takes no SQL.
    assert client.ask(wire.query("select 1")).error is not None
    assert client.ask(wire.query("IDENTIFY_SYSTEM")).rows
    client.close()


def test_strangers_whose_names_are_answered_slowly_hold_up_nobody_s_password(app, ruled):
    """Keys are derived in the same threads in which the names of peers are looked up."""
    doubles = Doubles(app.cluster.nest).say({"slow-reverse": []})
    rules = "local all all scram-sha-256\nhost all all .example.org reject\nhost all all all scram-sha-256\n"
    one = ruled(rules, {"alice": "the word"}, keys={"user": "postgres"}, options={"prefix": doubles.prefix})
    strangers = [wire.Client(one.port, host=one.address, login=False) for _ in range(8)]
    for stranger in strangers:
        stranger.send(wire.startup(user="alice", database="app"))
    eventually(lambda: doubles.lookups("slow-reverse") >= 2)

    begun = time.monotonic()
    with one.client("app", user="alice", secret="the word", unix=True) as client:
        assert value(client, "select 1") == "1"

    assert time.monotonic() - begun < crowding()
    for stranger in strangers:
        wire.Wire.close(stranger)


# ---- certificates ----


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_resumed_session_is_as_verified_as_its_first_handshake_was(app, certificates, version):
    """A ticket must not launder a certificate that nobody vouched for, nor lose one that was verified."""
    one = app.weir(
        {"user": "postgres"},
        {"alice": "", "postgres": ""},
        auth_type="hba",
        auth_hba_file=certificates.nest.write(f"{certificates.nest.path}/hba_cert", "hostssl all all all cert\n"),
        client_tls_sslmode="require",
        client_tls_cert_file=certificates.server.cert,
        client_tls_key_file=certificates.server.key,
        client_tls_ca_file=certificates.ca.cert,
    ).allow("pooler error", "login failed")
    forged = certificates.issue("alice-forged", "alice", by=certificates.other_ca)

    for pair, expected in ((certificates.client("alice"), "in"), (forged, "certificate authentication failed"), (None, "certificate authentication failed")):
        context = client_context(maximum_version=version)
        if pair is not None:
            context.load_cert_chain(pair.cert, pair.key)
        found = []
        session = None
        for _ in range(3):
            sock = wire.connect(one.port, one.address)
            sock.sendall(wire.ssl_request())
            assert sock.recv(1) == b"S"
            client = TlsClient.__new__(TlsClient)
            wire.Wire.__init__(client, context.wrap_socket(sock, session=session))
            client.host, client.port, client.user, client.secret, client.parameters = one.address, one.port, "alice", None, {}
            reused = client.socket.session_reused
            client.send(wire.startup(user="alice", database="app"))
            try:
                client.log_in()
                found.append("in")
            except wire.PgError as error:
                found.append(error.message)
            session = client.socket.session
            wire.Wire.close(client)
        assert found == [expected] * 3
        assert reused
