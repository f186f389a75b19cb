"""The holes that PgBouncer, Odyssey and Pgpool-II have had, one test for each class: it fails on the hole.

Classes that are a feature's own matter have their tests there:

    data before TLS        CVE-2021-3935, CVE-2021-43766   system/test_tls_client.py, what comes in the clear
                           CVE-2021-43767                  test_server_tls.py, "data behind S"
    a SCRAM length         CVE-2026-6664                   test_channel_binding.py, lengths that run past the message
    no SQLSTATE            CVE-2026-6666                   test_server_login.py, a refusal without fields
    expired passwords      CVE-2025-2291                   system/test_auth_query.py, an expired password
    search_path            CVE-2025-12819                  system/test_auth_query.py, search_path in auth_query
    a broken HBA line      PgBouncer's, Pgpool-II's        system/test_hba.py, a broken reject line
    results of others      CVE-2024-45624                  test_prepared.py, statements of another client; no result is kept
"""

import base64
import struct
import time

import pytest

from lib import wire
from lib.eventually import crowding, eventually
from lib.scene import refused, said
from lib.scram import SECRET, scram

PLAIN = "SCRAM-SHA-256"
NOT_PROVED = ("FATAL", "28P01", "SASL authentication failed")
HUGE = (0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFF0, 0xFFFFFFFF)


@pytest.fixture
def weir(front, fake_server):
    return front(fake_server())


@pytest.fixture
def by_scram(front, fake_server):
    def make(**settings):
        users = {"postgres": "secret", "known": "mine", "victim": "not mine"}
        return front(fake_server(), users=users, auth_type="scram-sha-256", **settings)

    return make


def raw(weir):
    return wire.Wire(wire.connect(weir.port, weir.address))


def end_of(connection):
    """The one error with which the connection ends."""
    ends = [wire.PgError(m.fields()) for m in connection.expect_closed() if m.kind == b"E"]
    assert len(ends) == 1, ends
    return said(ends[0])


def is_quick(weir, **options):
    """A stranger's login and query are not held up."""
    begun = time.monotonic()
    with weir.client("app", timeout=5, **options) as client:
        assert client.query("select 1").rows == [("1",)]
    assert time.monotonic() - begun < 3 * crowding()
    return True


# ---- names and packets of the beginning ------------------------------------------------


def test_a_database_name_that_is_too_long_is_refused(front, fake_server, bystander):
    """CVE-2012-4575: an over-long database name in the startup packet ended PgBouncer."""
    for settings in ({}, {"ignore_startup_parameters": "database"}):
        weir = front(fake_server(), **settings)
        by = bystander(weir)
        for length in (63, 64, 127, 128, 1024, 9900):
            assert said(refused(weir.client, "d" * length))[1] == "3D000"
            assert said(refused(weir.client, "app", user="u" * length))[1] == "28000"
            with weir.client("app", application_name="a" * min(length, 9000)) as client:
                assert client.query("select 1").rows == [("1",)]
        assert by.is_well()


def test_a_password_before_the_startup_packet_is_refused(weir, bystander):
    """CVE-2015-4054: a password in place of the startup packet met a user who was not there."""
    by = bystander(weir)
    for early in (
        wire.password("secret"),
        wire.password("secret") * 3,
        wire.message(b"p", wire.text(PLAIN) + struct.pack("!I", 9) + b"n,,n=,r=a"),
    ):
        with raw(weir) as connection:
            connection.send(early)
            assert end_of(connection)[1] == "08P01"
    assert by.is_well()


def test_an_option_without_a_name_does_not_spin(front, fake_server, bystander):
    """CVE-2026-107349: `-c=` in the options, with ignore_startup_parameters set, kept PgBouncer busy for ever."""
    for ignored in ("extra_float_digits", "options"):
        weir = front(fake_server(), ignore_startup_parameters=ignored)
        by = bystander(weir)
        for options in ("-c=", "-c =", "-c", "--", "--=", "-c=x", "--=x", "-c -c -c", "-c\t=\n--", "=", "-", "\\", "-c \\"):
            with raw(weir) as connection:
                connection.send(wire.startup(user="postgres", database="app", options=options))
                answer = connection.read()
            assert answer.kind == b"R" if ignored == "options" else answer.fields()["C"] == "08P01", options
        assert by.is_well()


def test_a_startup_packet_full_of_settings_costs_no_more_than_its_bytes(front, fake_server):
    """Before anybody has proved anything: ten kilobytes of settings must not keep a worker busy."""
    weir = front(fake_server(), users={"postgres": "secret"}, auth_type="scram-sha-256")
    settings = {f"{chr(97 + n % 26)}{n // 26:x}": "" for n in range(1600)}
    packed = " ".join(f"-c{name}=" for name in settings)[:9900].rsplit(" ", 1)[0]
    connections = [raw(weir) for _ in range(100)]

    before = weir.cpu_seconds()
    for number, connection in enumerate(connections):
        more = settings if number % 2 else {"options": packed}
        connection.send(wire.startup(user="postgres", database="app", **more))
    for connection in connections:
        assert connection.read().number() == 10
    took = weir.cpu_seconds() - before

    for connection in connections:
        connection.close()
    assert took < 1


def test_a_length_above_two_gigabytes_ends_one_connection(front, fake_server, bystander):
    """CVE-2026-6668, CVE-2026-107348: such a length overflowed the growth of a buffer, in a loop that never ended."""
    weir = front(fake_server(), users={"postgres": "secret"}, auth_type="scram-sha-256", max_packet_size=2147483647)
    for length in HUGE:
        with raw(weir) as connection:
            connection.send(struct.pack("!II", length, wire.PROTOCOL_3_0) + b"x" * 100)
            assert end_of(connection)[1] == "08P01"
        with raw(weir) as connection:
            connection.send(wire.startup(user="postgres", database="app"))
            connection.read()
            connection.send(b"p" + struct.pack("!I", length) + b"x" * 100)
            assert end_of(connection)[1] == "08P01"
        for kind in (b"Q", b"P", b"B", b"d"):
            with weir.client("app", secret="secret") as client:
                client.send(kind + struct.pack("!I", length) + b"x" * 100)
        assert is_quick(weir, secret="secret")
    assert weir.memory() < 200 << 20


# ---- SCRAM, from clients ---------------------------------------------------------------


def challenged(weir, user="known", secret="mine", database="app"):
    """A client that has sent its first message of SCRAM; returns it and the server's."""
    client = wire.Client(weir.port, user=user, secret=secret, login=False)
    client.send(wire.startup(user=user, database=database))
    client._authenticate(client.read())
    return client, client.read().body[4:].decode()


@pytest.mark.parametrize("database", ["app", "nowhere", "pgbouncer"])
def test_a_second_startup_packet_is_refused(by_scram, database):
    """CVE-2026-107350: a second one, in the middle of SCRAM, made PgBouncer take its user for the one who proved a password."""
    weir = by_scram(admin_users="victim").allow("bad packet")
    second = wire.startup(user="victim", database="app")
    refusals = []

    for when in ("at once", "when asked", "when challenged"):
        client = wire.Client(weir.port, user="known", secret="mine", login=False)
        client.send(wire.startup(user="known", database=database) + (second if when == "at once" else b""))
        question = client.read()
        if when == "when asked":
            client.send(second)
        if when == "when challenged":
            client._authenticate(question)
            challenge = client.read()
            client.send(second, wire.message(b"p", client._scram.final(challenge.body[4:])))
        refusals.append(end_of(client)[1])

    assert refusals == ["08P01"] * 3
    assert is_quick(weir, user="victim", secret="not mine")


FINALS = {
    "nothing": "",
    "a comma": ",",
    "only commas": ",,,",
    "no binding": "r={r},p={p}",
    "an empty binding": "c=,r={r},p={p}",
    "no nonce": "c=biws,p={p}",
    "an empty nonce": "c=biws,r=,p={p}",
    "no proof": "c=biws,r={r}",
    "an empty proof": "c=biws,r={r},p=",
    "a proof without a value": "c=biws,r={r},p",
    "a short proof": "c=biws,r={r},p=AAAA",
    "a long proof": "c=biws,r={r},p={long}",
    "a proof that is no base64": "c=biws,r={r},p=!!!!",
    "the proof first": "p={p},c=biws,r={r}",
    "an attribute without a name": "c=biws,r={r},=x,p={p}",
    "an extension that is mandatory": "m=x,c=biws,r={r},p={p}",
    "attributes twice": "c=biws,c=biws,r={r},r={r},p={p},p={p}",
}


def test_a_final_message_of_scram_that_lacks_a_field_is_refused(by_scram, bystander):
    """CVE-2026-19888: PgBouncer took a message without its proof for a good one, and read where nothing was."""
    weir = by_scram()
    words = {"p": base64.b64encode(b"x" * 32).decode(), "long": base64.b64encode(b"x" * 3000).decode()}
    for user, secret in (("known", "mine"), ("nobody", "none")):
        for name, final in FINALS.items():
            client, challenge = challenged(weir, user, secret)
            nonce = challenge.split(",")[0][2:]
            client.send(wire.message(b"p", final.format(r=nonce, **words).encode()))
            assert end_of(client) == NOT_PROVED, (user, name)
    assert is_quick(weir, user="known", secret="mine")


def test_a_warm_pool_lets_nobody_in_without_a_password(front, fake_server):
    """CVE-2025-46801: behind a server that was logged in before, Pgpool-II asked the next client for nothing."""
    for method in ("plain", "md5", "scram-sha-256"):
        weir = front(fake_server(), users={"known": "mine", "postgres": ""}, auth_type=method)
        with weir.client("app", user="known", secret="mine") as client:
            client.query("select 1")

            for user, secret in (("known", "wrong"), ("known", ""), ("known", "md5"), ("nobody", "mine"), ("postgres", "")):
                assert said(refused(weir.client, "app", user=user, secret=secret))[1] == "28P01", (method, user, secret)


# ---- SCRAM, from servers ---------------------------------------------------------------


@pytest.fixture
def behind(front, fake_server):
    """A pgweir before a server of that script, whose client is told why it is sent away."""

    def make(script, **settings):
        settings = {"server_login_retry": "0.1", "query_wait_timeout": 2, **settings}
        return front(fake_server(script), users={"postgres": SECRET}, **settings).allow("server login failed", "pooler error")

    return make


@pytest.mark.parametrize("length", [100, 250, 512, 1024, 4000, 40000])
def test_a_long_nonce_of_a_server_overflows_nothing(behind, length):
    """CVE-2026-6665: a server's long nonce ran over the place where PgBouncer builds its answer."""
    weir = behind(scram(nonce=lambda own: own + "n" * length))

    try:
        with weir.client("app", secret=SECRET) as client:
            assert client.query("select 1").rows == [("1",)]
    except wire.PgError as error:
        assert length > 200 and error.message == "server sent a broken SCRAM message"

    assert weir.is_up()


@pytest.mark.parametrize("iterations", ["1000001", "2000000000", "4294967297", "99999999999999999999"])
def test_a_server_that_asks_for_endless_iterations_is_given_up_at_once(front, fake_server, iterations):
    """CVE-2026-6669: PgBouncer derived a key for as long as a server wanted it to, and served nobody meanwhile."""

    def script(session):
        session.read_startup()
        session.send(wire.auth_sasl(PLAIN))
        own = session.read().body.split(b"r=")[1].decode()
        session.send(wire.auth_sasl_continue(f"r={own}server,s=c2FsdHNhbHQ=,i={iterations}".encode()))
        session.expect_closed()

    weir = front(fake_server(script), users={"postgres": SECRET}, query_wait_timeout=5).allow("server login failed", "pooler error")
    begun = time.monotonic()

    told = refused(weir.client, "app", secret=SECRET)

    assert told.message == "server sent a broken SCRAM message"
    assert time.monotonic() - begun < 2 * crowding()


# ---- who is told what ------------------------------------------------------------------


def test_a_server_that_fails_is_not_described_to_strangers(front, fake_server):
    """Fixed in PgBouncer 1.17: what a server said reached clients who had not logged in."""

    def script(session):
        session.read_startup()
        session.send(wire.error('no pg_hba.conf entry for host "10.1.2.3", user "asker"', "28000", "FATAL"))

    settings = {"auth_user": "asker", "auth_query": "select name, secret from users where name = $1", "auth_type": "plain"}
    weir = front(fake_server(script), users={"asker": "ask"}, server_login_retry=5, **settings).allow("server login failed")

    for _ in range(2):
        told = refused(weir.client, "app", user="stranger", secret="word")
        assert told.sqlstate == "08006"
        assert "10.1.2.3" not in told.message and "asker" not in told.message

    assert 'no pg_hba.conf entry for host "10.1.2.3"' in weir.log


def test_every_command_of_an_administrator_is_refused_to_who_may_only_look(weir_of_two):
    """CVE-2026-6667: one command of PgBouncer's, KILL_CLIENT, had forgotten to ask."""
    weir, commands = weir_of_two

    with weir.client("pgbouncer", user="watcher") as watcher:
        for words in commands["postgres"] - commands["watcher"]:
            for command in (words, f"{words} app", f"{words} 1", f"{words} query_timeout = 1"):
                error = watcher.ask(wire.query(command)).error
                assert error is not None, command
                assert error.message == "admin access needed" or "invalid command" in error.message, command
                prepared = watcher.ask(wire.parse(command), wire.bind(), wire.describe(), wire.execute(), wire.sync())
                assert prepared.error is not None, command

    assert weir.is_up()
    assert {"KILL_CLIENT", "SHUTDOWN", "SET", "SHOW FDS", "RELOAD"} <= commands["postgres"] - commands["watcher"]


@pytest.fixture
def weir_of_two(front, fake_server):
    """A pgweir with an administrator and a watcher, and the commands that HELP lists for each of them."""
    weir = front(fake_server(), users={"postgres": "", "watcher": ""}, stats_users="watcher")
    commands = {}
    for user in ("postgres", "watcher"):
        with weir.client("pgbouncer", user=user) as client:
            client.send(wire.query("SHOW HELP"))
            told = next(m for m in client.read_until(b"Z") if m.kind == b"N").fields()["D"]
            lines = [line.strip() for line in told.split("\n") if line.startswith("\t")]
            commands[user] = {" ".join(w for w in line.split("  ")[0].split() if w.replace("_", "").isalpha() and w.isupper()) for line in lines}
    return weir, commands


SECRETS = {"of a user": "xyzzy-plain", "of an entry": "xyzzy-entry", "of the monitor": "xyzzy-monitor", "of the search": "xyzzy-search"}


def test_no_secret_is_shown_or_logged(front, fake_server):
    """CVE-2023-22332: Pgpool-II told a user's password to whoever could ask for its settings."""
    users = {"postgres": SECRETS["of a user"], "watcher": SECRETS["of a user"]}
    weir = front(
        fake_server(),
        users=users,
        database={"password": SECRETS["of an entry"]}.items(),
        auth_type="plain",
        stats_users="watcher",
        monitor_user="postgres",
        monitor_password=SECRETS["of the monitor"],
        auth_ldap_options=f'ldapserver=127.0.0.1 ldapbasedn=x ldapbinddn=y ldapbindpasswd={SECRETS["of the search"]}',
        log_connections=1,
        verbose=3,
    )
    shown = ""
    with weir.client("app", secret=users["postgres"]) as client:
        client.query("select 1")
    refused(weir.client, "app", secret="xyzzy-guess")

    for user in users:
        with weir.client("pgbouncer", user=user, secret=users[user]) as client:
            topics = "CONFIG DATABASES USERS POOLS CLIENTS SERVERS SOCKETS ACTIVE_SOCKETS LISTS MEM STATS HOSTS HBA PEERS STATE FDS".split()
            shown += "".join(repr(client.ask(wire.query(f"SHOW {topic}")).rows) for topic in topics)
    assert "****" in shown
    weir.allow("config", "unrecognized", "invalid", "nonsense")
    with open(weir.config_path, "a") as file:
        file.write("[databases]\nother = host=x password=xyzzy-broken nonsense=1\n")
    weir.reload()
    eventually(lambda: "config file loading failed" in weir.log)

    assert "xyzzy" not in shown
    assert "xyzzy" not in weir.log
