"""Each method of proving who one is: right, wrong and unknown, and that nobody can tell the last two apart."""

import base64
import hashlib
import hmac
import time

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import refused, said, value

PASSWORDS = {"plain": "password", "md5": "password", "scram-sha-256": "SASL"}


def scram_secret(password, iterations=4096, salt=b"0123456789abcdef"):
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt, stored, server = (base64.b64encode(b).decode() for b in (salt, stored, server))
    return f"SCRAM-SHA-256${iterations}:{salt}${stored}:{server}"


def md5_secret(name, password):
    return "md5" + hashlib.md5((password + name).encode()).hexdigest()


SECRETS = {"a plain secret": "right", "an md5 secret": md5_secret("known", "right"), "a SCRAM secret": scram_secret("right")}


class Ear(wire.Client):
    """A client that remembers what it was told."""

    def read(self):
        m = super().read()
        self.heard = [*getattr(self, "heard", []), m]
        return m

    def shape(self):
        """What a stranger sees of the messages: kinds, sorts and lengths, and the words of errors."""
        return [(m.kind, m.number() if m.kind == b"R" else m.fields(), len(m.body)) for m in self.heard]


def fail(one, user, secret, database="app"):
    """A login that is refused; the client that heard it."""
    client = Ear(one.port, user=user, secret=secret, login=False)
    client.send(wire.startup(user=user, database=database))
    client.error = refused(client.log_in)
    client.close()
    return client


# SCRAM cannot be made of an md5 secret.
PAIRS = [(m, k) for m in PASSWORDS for k in SECRETS if (m, k) != ("scram-sha-256", "an md5 secret")]


@pytest.mark.parametrize("method, kind", PAIRS)
def test_right_wrong_and_unknown(app, method, kind):
    one = app.weir({"user": "postgres"}, {"known": SECRETS[kind]}, auth_type=method).allow("authentication failed")
    scram = "scram" in method or (method, kind) == ("md5", "a SCRAM secret")
    words = ("SASL" if scram else "password") + " authentication failed"

    with one.client("app", user="known", secret="right") as client:
        assert value(client, "select 1") == "1"
    wrong, unknown = fail(one, "known", "wrong"), fail(one, "unkno", "wrong")

    assert said(wrong.error) == said(unknown.error) == ("FATAL", "28P01", words)
    assert wrong.shape() == unknown.shape()


def test_a_secret_that_cannot_serve_looks_like_an_unknown_user(app):
    secrets = {"md5": md5_secret("md5", "right"), "empty": "", "broken": "SCRAM-SHA-256$4096:x$y:z"}
    one = app.weir({"user": "postgres"}, secrets, auth_type="scram-sha-256").allow("authentication failed")

    shapes = [fail(one, user, "right").shape() for user in (*secrets, "unknown")]

    assert all(shape == shapes[0] for shape in shapes)


def test_unknown_users_are_challenged_like_known_ones_and_always_alike(app):
    one = app.weir(None, {"known": "right"}, auth_type="scram-sha-256", scram_iterations=5000).allow("authentication failed")

    def challenge(user):
        said = fail(one, user, "wrong").heard[1].body[4:].decode()
        return dict(part.split("=", 1) for part in said.split(","))

    known, first, second, other = (challenge(user) for user in ("known", "ghost", "ghost", "other"))

    assert known["i"] == first["i"] == "5000"
    assert len(known["s"]) == len(first["s"])
    assert first["s"] == second["s"] != other["s"]
    assert first["r"] != second["r"]


def test_auth_type_md5_asks_unknown_users_as_it_asks_known_ones(app):
    """Who is asked by md5 where all others are asked by SCRAM does not exist."""
    one = app.weir(None, {"known": scram_secret("right")}, auth_type="md5").allow("authentication failed")

    assert fail(one, "unkno", "wrong").shape() == fail(one, "known", "wrong").shape()


@pytest.mark.parametrize("method", PASSWORDS)
def test_every_refusal_costs_a_derivation(app, method):
    """So that the time it takes does not tell what there was to compare with; by SCRAM the client derives too."""
    iterations = 100000
    secrets = {"plain": "right", "scram": scram_secret("right", iterations), "md5": md5_secret("md5", "right"), "empty": ""}
    one = app.weir({"user": "postgres"}, secrets, auth_type=method, scram_iterations=iterations)
    one.allow("authentication failed")
    begun = time.thread_time()
    hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", iterations)
    # What it costs on this machine; pgweir's own may be faster than Python's.
    least = (time.thread_time() - begun) / 3

    def spent():
        return time.thread_time() + one.cpu_seconds()

    for user in (*secrets, "unknown"):
        for word in ("wrong", ""):
            begun = spent()
            assert said(fail(one, user, word).error)[0] == "FATAL"
            assert spent() - begun > least, (user, word)


def test_clients_that_leave_while_their_proof_is_looked_at_leave_nothing(app):
    one = app.weir(None, {"postgres": "right"}, auth_type="scram-sha-256", scram_iterations=100000)
    one.allow("authentication failed")
    for user in ("postgres", "unknown"):
        client = Ear(one.port, user=user, secret="wrong", login=False)
        client.send(wire.startup(user=user, database="app"))
        client._authenticate(client.read())
        client._authenticate(client.read())
        client.socket.close()

    with one.client("app", secret="right") as client:
        assert value(client, "select 1") == "1"
    eventually(lambda: one.log.count("closing because") >= 2)


def test_any_without_a_forced_user_is_a_mistake_in_the_configuration(app):
    one = app.weir(auth_type="any").allow("auth_type=any requires forced user", "bouncer config error")

    assert refused(one.client, "app", user="whoever").message == "bouncer config error"


def test_with_any_everybody_may_look_at_the_console_and_nobody_else_may_command(app):
    one = app.weir(keys={"user": "postgres"}, auth_type="any").allow("admin access needed")

    with one.client("pgbouncer", user="whoever") as looking:
        assert looking.query("show version").rows
        assert refused(looking.query, "reload").message == "admin access needed"
    with one.client("pgbouncer") as admin:
        assert admin.query("reload").tags == ["RELOAD"]


# ---- databases, names ------------------------------------------------------------------


def test_whether_a_database_exists_is_told_to_those_who_log_in(app):
    one = app.weir(None, {"known": "right"}, auth_type="scram-sha-256").allow("authentication failed", "no such database")

    assert fail(one, "known", "wrong", "nowhere").shape() == fail(one, "known", "wrong", "app").shape()
    assert said(fail(one, "known", "right", "nowhere").error) == ("FATAL", "3D000", "no such database: nowhere")


def test_names_that_are_too_long_are_refused(app):
    """They have been cut to somebody else's, and written over what lay behind them."""
    one = app.weir(databases={"*": app.cluster.target(hosts=[app.primary]).replace("dbname=postgres", "")})
    one.allow("pooler error")

    for length in (128, 129, 256, 4096, 9000):
        assert said(refused(one.client, "app", user="u" * length)) == ("FATAL", "28000", "username too long")
    for length in (64, 65, 256, 4096, 9000):
        name = "d" * length
        assert said(refused(one.client, name)) == ("FATAL", "3D000", f"no such database: {name}")
    assert refused(one.client, "app", user="u" * 127).message == '"trust" authentication failed'


# ---- certificates ----------------------------------------------------------------------


@pytest.fixture
def by_certificate(app, certificates):
    def make(rules=None, maps="", secrets=None, **settings):
        usual = {
            "client_tls_sslmode": "prefer",
            "client_tls_cert_file": certificates.server.cert,
            "client_tls_key_file": certificates.server.key,
            "client_tls_ca_file": certificates.ca.cert,
            "auth_type": "hba",
        }
        folder = app.cluster.nest.folder("rules")
        usual["auth_hba_file"] = app.cluster.nest.write(f"{folder}/hba", rules or "hostssl all all all cert\n")
        usual["auth_ident_file"] = app.cluster.nest.write(f"{folder}/ident", maps)
        secrets = secrets or {"alice": "", "bob": "", "postgres": ""}
        return app.weir({"user": "postgres"}, secrets, **{**usual, **settings}).allow("pooler error", "login failed", "works on local connections only")

    return make


def enter(one, user, certificate=None, **keys):
    """What the client of that certificate is told: "in", or the words of its refusal."""
    import psycopg

    shown = {"sslcert": certificate.cert, "sslkey": certificate.key} if certificate else {"sslcert": "/none"}
    try:
        with one.connect("app", user, **{"sslmode": "require", **shown, **keys}):
            return "in"
    except psycopg.OperationalError as error:
        return str(error).rpartition("FATAL:")[2].strip()


def test_a_certificate_lets_in_whom_it_names(by_certificate, certificates):
    one = by_certificate()
    alice, stranger = certificates.client("alice"), certificates.client("stranger")
    no = "certificate authentication failed"

    assert enter(one, "alice", alice) == "in"
    assert enter(one, "bob", alice) == no
    assert enter(one, "alice") == no
    assert enter(one, "alice", sslmode="disable") == "no authentication method is found"
    assert enter(one, "stranger", stranger) == no
    assert "TLS certificate name mismatch" in one.log and "TLS client certificate required" in one.log


def test_auth_type_cert_cannot_be_set_where_certificates_are_not_asked_for(by_certificate):
    one = by_certificate("host all all all trust\n").allow("SET failed", "auth_type=cert requires")

    assert refused(one.console, "SET auth_type = 'cert'").message == "SET failed"
    assert one.show("CONFIG", key="auth_type")[0]["value"] == "hba"


def test_auth_type_cert_lets_in_by_a_verified_certificate_alone(by_certificate, certificates):
    one = by_certificate(auth_type="cert", client_tls_sslmode="verify-full")

    assert enter(one, "alice", certificates.client("alice")) == "in"
    assert enter(one, "bob", certificates.client("alice")) == "certificate authentication failed"


def test_a_map_says_which_users_a_certificate_may_be(by_certificate, certificates):
    one = by_certificate("hostssl all all all cert map=people\n", "people alice bob\npeople /^(.*)-admin$ \\1\n")

    assert enter(one, "bob", certificates.client("alice")) == "in"
    assert enter(one, "alice", certificates.client("alice")) == "certificate authentication failed"
    assert enter(one, "alice", certificates.client("alice-admin")) == "in"


def test_a_map_may_be_of_whole_subjects(by_certificate, certificates):
    maps = 'people "CN=alice,OU=people,O=weir" alice\npeople /^.*OU=machines.*$ bob\n'
    one = by_certificate("hostssl all all all cert map=people clientname=DN\n", maps)
    alice = certificates.issue("alice-dn", "alice", subject="/O=weir/OU=people/CN=alice")

    assert enter(one, "alice", alice) == "in"
    assert enter(one, "bob", alice) == "certificate authentication failed"
    assert enter(one, "alice", certificates.client("alice")) == "certificate authentication failed"


def test_a_rule_may_ask_for_a_certificate_beside_a_password(by_certificate, certificates):
    rules = "hostssl all alice all scram-sha-256 clientcert=verify-full\nhostssl all bob all scram-sha-256 clientcert=verify-ca\n"
    one = by_certificate(rules, secrets={"alice": "right", "bob": "right", "postgres": ""})
    alice = certificates.client("alice")

    assert enter(one, "alice", alice, password="right") == "in"
    assert enter(one, "alice", certificates.client("bob"), password="right") == "certificate authentication failed"
    assert enter(one, "alice", password="right") == "certificate authentication failed"
    assert enter(one, "bob", alice, password="right") == "in"
    assert enter(one, "bob", alice, password="wrong") == "SASL authentication failed"


# ---- unix sockets, rejections ----------------------------------------------------------


def test_a_unix_socket_lets_in_the_system_s_user_of_that_name(by_certificate):
    import getpass

    me = getpass.getuser()
    one = by_certificate("local all all peer\nhost all all all peer\n", secrets={me: "", "postgres": ""})

    assert one.client("app", user=me, unix=True)
    for user, unix in (("postgres", True), ("nobody's", True), (me, False)):
        assert said(refused(one.client, "app", user=user, unix=unix)) == ("FATAL", "28000", "unix socket login rejected")


def test_a_rule_rejects_and_no_rule_is_a_rejection_too(by_certificate):
    one = by_certificate("host all alice all reject\nhost other all all trust\n")

    assert said(refused(one.client, "app", user="alice")) == ("FATAL", "28000", "login rejected")
    assert said(refused(one.client, "app", user="bob")) == ("FATAL", "28000", "no authentication method is found")


# ---- the console -----------------------------------------------------------------------


@pytest.mark.parametrize("database", ["pgbouncer", "pgweir"])
def test_the_console_knows_administrators_watchers_and_nobody_else(app, database):
    secrets = {"boss": "right", "watcher": "right", "other": "right"}
    one = app.weir(None, secrets, auth_type="scram-sha-256", admin_users="boss", stats_users="watcher")
    one.allow("not allowed", "authentication failed")

    for user in ("boss", "watcher"):
        with one.client(database, user=user, secret="right") as client:
            assert client.query("show version").rows
    assert said(refused(one.client, database, user="other", secret="right")) == ("FATAL", "28000", "not allowed")
    for user in ("boss", "unknown"):
        assert refused(one.client, database, user=user, secret="wrong").message == "SASL authentication failed"


def test_the_process_s_own_system_user_is_an_administrator_without_a_password(app):
    one = app.weir(None, {"postgres": "right", "pgbouncer": "right"}, auth_type="scram-sha-256").allow("authentication failed")
    place = f"host={one.socket_folder} port={one.port} user=pgbouncer dbname=pgbouncer"

    done = app.cluster.nest.run(["psql", place, "-Atc", "show state"])

    assert "active|yes" in done.stdout
    assert refused(one.client, "pgbouncer", user="pgbouncer", secret="wrong").message == "SASL authentication failed"


def test_login_notify_message_is_told_behind_every_login(app):
    one = app.weir(login_notify_message="maintenance at noon")

    for database in ("app", "pgbouncer"):
        client = Ear(one.port, user="postgres", login=False)
        client.send(wire.startup(user="postgres", database=database))
        client.log_in()
        notices = [m.fields() for m in client.heard if m.kind == b"N"]
        assert [(n["S"], n["M"]) for n in notices] == [("NOTICE", "maintenance at noon")]
        client.close()
