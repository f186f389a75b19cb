"""TLS towards PostgreSQL: server_tls_* by sslmode, certificates on both sides, SCRAM bound to the connection, reloads.

The server with TLS is one of these tests' own; pg_stat_ssl tells what a connection of it has.
"""

import pytest

from lib import wire
from lib.cluster import Cluster
from lib.eventually import eventually
from lib.nest import Nest
from lib.scene import Background, crowd, farewell, refused, value

HBA = """\
local   all all                     trust
host    all postgres   127.0.0.1/32 trust
hostssl all needs_tls  127.0.0.1/32 trust
hostnossl all no_tls   127.0.0.1/32 trust
hostssl all by_cert    127.0.0.1/32 cert
hostssl all by_scram   127.0.0.1/32 scram-sha-256
"""
LOST = ("server login failed", "pooler error", "server conn crashed", "server_login_failed")
MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
IS_SECURE = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"


@pytest.fixture(scope="module")
def secure(nest, certificates):
    """A PostgreSQL with TLS."""
    good = {"ssl_cert_file": certificates.server.cert, "ssl_key_file": certificates.server.key}
    with Nest() as own, Cluster(replicas=0, settings={"ssl": "on", "ssl_ca_file": certificates.ca.cert, **good},
                                nest=own) as cluster:
        host = cluster.primary
        host.query("create role needs_tls login; create role no_tls login; create role by_cert login")
        host.query("create role by_scram login password 'pencil'")
        host.set_hba(HBA)
        yield host


@pytest.fixture
def show_certificate(secure, certificates):
    """Makes the server show another certificate, until the end of the test."""

    def serial(of):
        rows = secure.query("select setting from pg_settings where name = 'ssl_cert_file'")
        return rows[0][0] == of.cert

    def show(one):
        secure.set(ssl_cert_file=one.cert, ssl_key_file=one.key)
        eventually(serial, one)

    yield show
    show(certificates.server)


@pytest.fixture
def front(pgweir, secure, certificates):
    """Makes a pgweir before that server; names with `server_` are settings, the others are of the entry `app`."""

    def make(mode="prefer", host="127.0.0.1", user="postgres", users=None, port=None, databases=None, entry=None, **main):
        keys = {"host": host, "port": port or secure.port, "dbname": "postgres", "user": user, **(entry or {})}
        settings = {
            "server_tls_sslmode": mode,
            "server_tls_ca_file": certificates.ca.cert,
            "server_login_retry": "0.1",
            "workers": 2,
            "pool_mode": "transaction",
            **main,
        }
        rows = {"app": " ".join(f"{k}={v}" for k, v in keys.items()), **(databases or {})}
        return pgweir({"databases": rows, "pgbouncer": settings}, users or {"postgres": ""})

    return make


def is_secure(weir, database="app"):
    with weir.client(database) as client:
        return client.query(IS_SECURE).rows[0][0] == "t"


def refusal(weir, database="app"):
    """What a client is told whose server cannot be had, at its login or at its query."""
    weir.allow(*LOST)
    try:
        with weir.client(database) as client:
            client.send(wire.query("select 1"))
            return farewell(client).message
    except wire.PgError as error:
        return error.message


@pytest.mark.parametrize("mode", MODES)
def test_a_server_that_can_is_spoken_to_with_tls_from_prefer_on(front, mode):
    weir = front(mode)

    assert is_secure(weir) == (mode not in ("disable", "allow"))


@pytest.mark.parametrize("mode", MODES)
def test_a_server_without_tls_is_refused_from_require_on(front, cluster, mode):
    weir = front(mode, port=cluster.primary.port)

    if mode in ("disable", "allow", "prefer"):
        assert not is_secure(weir)
    else:
        assert "server does not support TLS" in refusal(weir)


@pytest.mark.parametrize("bad", ["expired", "unknown", "wrong_host"])
def test_a_bad_certificate_is_let_pass_by_require_and_found_out_by_verify(front, certificates, show_certificate, bad):
    show_certificate(getattr(certificates, bad))
    reasons = {"expired": "certificate has expired", "unknown": "self-signed certificate", "wrong_host": "IP address mismatch"}

    assert is_secure(front("require"))
    if bad == "wrong_host":
        assert is_secure(front("verify-ca"))
    else:
        assert reasons[bad] in refusal(front("verify-ca"))
    assert f"certificate verify failed: {reasons[bad]}" in refusal(front("verify-full"))


def test_verify_full_checks_the_name_where_the_host_is_a_name(front, certificates, show_certificate):
    assert is_secure(front("verify-full", host="localhost"))

    show_certificate(certificates.wrong_host)

    assert "certificate verify failed: hostname mismatch" in refusal(front("verify-full", host="localhost"))


def test_an_authority_that_did_not_sign_is_none(front, certificates):
    weir = front("verify-ca", server_tls_ca_file=certificates.other_ca.cert)

    assert "certificate verify failed: self-signed certificate in certificate chain" in refusal(weir)


def test_a_unix_socket_has_no_tls_and_needs_none(front, secure):
    weir = front("require", host=secure.socket_folder)

    assert not is_secure(weir)


def test_prefer_goes_without_where_the_server_wants_none(front):
    weir = front("prefer", user="no_tls")

    assert not is_secure(weir)


def test_allow_goes_with_tls_where_the_server_wants_it(front):
    weir = front("allow", user="needs_tls")

    assert is_secure(weir)


def test_disable_is_refused_by_a_server_that_wants_tls(front):
    assert "no encryption" in refusal(front("disable", user="needs_tls"))


def test_our_certificate_is_shown_to_the_server(front, certificates):
    mine = certificates.client("by_cert")
    files = {"server_tls_cert_file": mine.cert, "server_tls_key_file": mine.key}

    assert is_secure(front("require", user="by_cert", **files))
    assert "certificate" in refusal(front("require", user="by_cert"))


def test_scram_over_tls_is_bound_to_the_connection(front):
    """PostgreSQL offers -PLUS over TLS, and refuses who could bind and says that it was not offered."""
    weir = front("require", user="by_scram", entry={"password": "pencil"})

    assert is_secure(weir)


def test_an_entry_has_its_own_settings_of_tls(front, secure, certificates):
    target = f"host=127.0.0.1 port={secure.port} dbname=postgres user=postgres"
    weir = front("disable", databases={
        "secret": f"{target} server_tls_sslmode=verify-full",
        "foreign": f"{target} server_tls_sslmode=verify-ca server_tls_ca_file={certificates.other_ca.cert}",
        "old": f"{target} server_tls_sslmode=require server_tls_protocols=tlsv1.2",
    })

    assert not is_secure(weir)
    assert is_secure(weir, "secret")
    assert "certificate verify failed" in refusal(weir, "foreign")
    with weir.client("old") as client:
        assert client.query("select version from pg_stat_ssl where pid = pg_backend_pid()").rows == [("TLSv1.2",)]


def test_ciphers_of_both_generations_can_be_chosen(front):
    """What is chosen is what the server sees."""
    question = "select cipher from pg_stat_ssl where pid = pg_backend_pid()"
    old = front("require", server_tls_protocols="tlsv1.2", server_tls_ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    new = front("require", server_tls13_ciphers="TLS_CHACHA20_POLY1305_SHA256")

    with old.client("app") as client:
        assert client.query(question).rows == [("ECDHE-ECDSA-AES128-GCM-SHA256",)]
    with new.client("app") as client:
        assert client.query(question).rows == [("TLS_CHACHA20_POLY1305_SHA256",)]


def test_large_values_go_both_ways(front):
    weir = front("require")
    value = "0123456789abcdef" * 200000

    with weir.client("app") as client:
        there = client.query(f"select length('{value}'), md5('{value}')").rows
        back = client.query("select repeat('0123456789abcdef', 200000), generate_series(1, 3)").rows

    assert there[0][0] == str(len(value))
    assert [len(row[0]) for row in back] == [len(value)] * 3


def test_a_slow_reader_stops_the_server_and_gets_all_of_it(front):
    weir = front("require")
    with weir.client("app") as client:
        client.query("select 1")
        before = weir.memory()
        client.send(wire.query("select repeat('x', 1000) from generate_series(1, 60000)"))
        client.read()
        grown = weir.memory() - before
        result = wire.Result(client.read_until(b"Z"))

    assert len(result.rows) == 60000
    assert grown < 20_000_000


def test_a_server_with_tls_moves_between_workers(front):
    weir = front("require", default_pool_size=2, workers=2)

    def work(number):
        with weir.client("app") as client:
            return [client.query(f"select {number} + {i}, repeat('y', 30000)").rows[0][0] for i in range(40)]

    answers = crowd(12, work)

    assert answers == [[str(n + i) for i in range(40)] for n in range(12)]
    assert len(weir.show("SERVERS")) <= 2


def test_a_query_is_cancelled_over_tls(front, secure):
    weir = front("require", user="needs_tls")
    with weir.client("app") as client:
        asked = Background(client.ask, wire.query("select pg_sleep(30)"))
        eventually(lambda: secure.query("select from pg_stat_activity where query like 'select pg_sleep(30)%' and state = 'active'"))
        client.cancel()

        assert asked.result(10).error.sqlstate == "57014"
        assert client.query(IS_SECURE).rows == [("t",)]


def test_the_hosts_are_asked_as_their_entry_says(front, secure):
    """The monitor goes over libpq, with the same settings: its connection has TLS, and the certificate was checked."""
    keys = {"route": "primary", "server_tls_sslmode": "verify-full", "server_tls_protocols": "tlsv1.2"}
    weir = front("disable", user="needs_tls", entry=keys, check_interval="0.1", monitor_user="needs_tls")

    assert is_secure(weir)
    rows = eventually(lambda: secure.query(
        "select ssl, version from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'pgweir monitor'"))
    assert set(rows) == {("t", "TLSv1.2")}
    assert weir.show("HOSTS", database="app")[0]["state"] == "up"


# ---- reload -----------------------------------------------------------------------------


def server_pid(client):
    return client.query("select pg_backend_pid()").rows[0][0]


def reload(weir, **settings):
    """Writes the same configuration with these settings changed, and reloads; the console's error, if any."""
    with open(weir.config_path) as f:
        lines = f.read().split("\n")
    kept = [line for line in lines if line.split(" = ")[0] not in settings]
    at = kept.index("[pgbouncer]") + 1
    kept[at:at] = [f"{k} = {v}" for k, v in settings.items()]
    weir.nest.write(weir.config_path, "\n".join(kept), 0o600)
    with weir.client("pgbouncer") as console:
        return console.ask(wire.query("reload")).error


def test_servers_of_old_settings_are_closed_at_a_reload(front):
    weir = front("disable")
    assert not is_secure(weir)

    assert not reload(weir, server_tls_sslmode="require")

    assert eventually(lambda: is_secure(weir))
    assert len(weir.show("SERVERS")) == 1


def test_a_reload_that_changes_nothing_of_tls_keeps_the_servers(front):
    weir = front("require")
    with weir.client("app") as client:
        before = server_pid(client)
        reload(weir, query_timeout="100")

        assert server_pid(client) == before


def test_a_file_whose_content_has_changed_counts_at_the_reload(front, nest, certificates):
    with open(certificates.ca.cert) as good, open(certificates.other_ca.cert) as other:
        good, other = good.read(), other.read()
    path = nest.write(f"{certificates.folder}/swapped.crt", good)
    weir = front("verify-ca", server_tls_ca_file=path)
    assert is_secure(weir)

    nest.write(path, other)
    reload(weir)
    assert "certificate verify failed" in eventually(lambda: refusal(weir))
    nest.write(path, good)
    reload(weir)

    assert eventually(is_secure, weir)


@pytest.mark.parametrize("setting, value, word", [
    ("server_tls_ca_file", "/nowhere/ca.crt", "could not read"),
    ("server_tls_ciphers", "NO-SUCH-CIPHER", "invalid value"),
    ("server_tls13_ciphers", "NO_SUCH_CIPHER", "invalid value"),
    ("server_tls_protocols", "tlsv9", "no list of TLS versions"),
])
def test_a_reload_with_a_setting_of_tls_that_cannot_be_used_changes_nothing(front, setting, value, word):
    weir = front("require").allow(setting, "config file loading failed", "RELOAD", "reload", "server_tls settings cannot be used")
    assert is_secure(weir)

    assert reload(weir, **{setting: value, "query_timeout": "77"})

    assert f"{setting}: " in weir.log and word in weir.log
    assert "config file loading failed" in weir.log
    assert weir.show("CONFIG", key="query_timeout")[0]["value"] == "0"
    assert is_secure(weir)


def test_a_key_that_is_not_the_certificates_is_refused_by_set_and_at_the_start(front, pgweir, certificates):
    mine, other = certificates.client("by_cert"), certificates.client("postgres")
    weir = front("require", server_tls_cert_file=mine.cert, server_tls_key_file=mine.key).allow("SET failed")

    with weir.client("pgbouncer") as console:
        error = console.ask(wire.query(f"set server_tls_key_file = '{other.key}'")).error
    assert error
    assert is_secure(weir)
    assert weir.show("CONFIG", key="server_tls_key_file")[0]["value"] == mine.key

    bad = {"server_tls_cert_file": mine.cert, "server_tls_key_file": other.key}
    late = pgweir({"pgbouncer": bad}, start=False)
    done = late.run()
    assert done.returncode == 1
    assert "server_tls_key_file" in done.stdout and "FATAL TLS setup failed" in done.stdout


def test_what_failed_with_old_settings_of_tls_is_tried_again_at_once(app):
    one = app.weir(server_tls_sslmode="require", server_login_retry=60).allow(*LOST)
    assert "TLS" in refused(one.client, "app").message
    assert "cached error" in refused(one.client, "app").message

    one.console("SET server_tls_sslmode = disable")

    assert value(one.client("app"), "select 1") == "1"
