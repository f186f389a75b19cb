"""What a server may do to pgweir while it logs in: every step broken, every place to hang up.

Who waits for that server is told so; who has another one goes on.
"""

import base64
import struct

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scram import SECRET, scram


def says(*messages):
    """A script of a server that says this instead of its login, and hangs up."""

    def script(session):
        session.read_startup()
        session.send(*messages)
        session.expect_closed()

    return script


def without_proof(session):
    """Lets pgweir in without having shown that it knows the secret."""
    session.read_startup()
    session.send(wire.auth_sasl("SCRAM-SHA-256"))
    session.read()
    session.send(wire.auth_ok(), wire.ready())
    session.serve()


OK = wire.auth_ok()
BROKEN = {
    "noise": says(b"\xff\xfe\xfd" * 10),
    "an SSL answer": says(b"S"),
    "a query": says(wire.query("select 1")),
    "an unknown method": says(wire.message(b"R", struct.pack("!I", 99))),
    "GSS": says(wire.message(b"R", struct.pack("!I", 7))),
    "a short request": says(wire.message(b"R", b"\0")),
    "an md5 request without salt": says(wire.message(b"R", struct.pack("!I", 5))),
    "SASL without mechanisms": says(wire.message(b"R", struct.pack("!I", 10))),
    "SASL with none": says(wire.auth_sasl()),
    "SASL with unknown ones": says(wire.auth_sasl("SCRAM-SHA-1", "PLAIN")),
    "SASL without an end": says(wire.message(b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256")),
    "SASL twice": says(wire.auth_sasl("SCRAM-SHA-256"), wire.auth_sasl("SCRAM-SHA-256")),
    "a challenge before its time": says(wire.auth_sasl_continue(b"r=x,s=c2FsdA==,i=4096")),
    "a signature before its time": says(wire.auth_sasl_final(b"v=AAAA")),
    "authentication after its end": says(OK, wire.auth_cleartext()),
    "authentication ended twice": says(OK, OK),
    "ready before authentication": says(wire.ready()),
    "a parameter before authentication": says(wire.parameter_status("a", "b")),
    "a row": says(OK, wire.data_row("1")),
    "a tag": says(OK, wire.command_complete()),
    "a broken parameter": says(OK, wire.message(b"S", b"no end")),
    "a broken error": says(wire.message(b"E", b"SFATAL\0Mno end")),
    "an endless error": says(b"E" + struct.pack("!I", 2**31 - 1) + b"x" * 1000),
    "a negative length": says(b"R\xff\xff\xff\xff" + b"x" * 100),
    "a transaction": says(OK, wire.ready("T")),
    "a strange status": says(OK, wire.ready("?")),
    "a flood of notices": says(OK, wire.notice("n") * 5000),
    "a flood of parameters": says(OK, *[wire.parameter_status(f"p{i}", "x") for i in range(2000)]),
    "a nonce of its own": scram(nonce=lambda n: "other"),
    "our nonce alone": scram(nonce=lambda n: n),
    "no iterations": scram(iterations="0"),
    "too many iterations": scram(first="r=x,s=c2FsdA==,i=2000000000"),
    "iterations that are no number": scram(first="r=x,s=c2FsdA==,i=many"),
    "a salt that is no base64": scram(first="r=x,s=!!!,i=4096"),
    "an empty challenge": scram(first=""),
    "a wrong signature": scram(final=b"v=" + base64.b64encode(b"x" * 32)),
    "a short signature": scram(final=b"v=AAAA"),
    "no signature": scram(final=b""),
    "an error for a signature": scram(final=b"e=invalid-proof"),
    "no proof of its own": without_proof,
}


@pytest.fixture
def two(front, fake_server, pgweir):
    """Makes a pgweir before a good server ("app") and a bad one ("bad")."""

    def make(script, **settings):
        good, bad = fake_server(), fake_server(script)
        weir = pgweir(
            {
                "databases": {name: f"host=127.0.0.1 port={s.port} dbname=x" for name, s in (("app", good), ("bad", bad))},
                "pgbouncer": {"workers": 1, "log_connections": 0, "server_login_retry": "0.2", "query_wait_timeout": 1, **settings},
            },
            {"postgres": SECRET},
        )
        weir.bad = bad
        return weir.allow("server login failed", "pooler error")

    return make


def refused(weir, **options):
    with pytest.raises(wire.PgError) as error:
        weir.client("bad", **options)
    assert error.value.severity == "FATAL"
    return error.value


def test_a_server_whose_login_is_broken_serves_nobody_and_the_client_is_told(front, fake_server, pgweir):
    servers = {name: fake_server(script) for name, script in BROKEN.items()}
    names = {name: f"bad{i}" for i, name in enumerate(BROKEN)}
    good = fake_server()
    targets = {names[name]: f"host=127.0.0.1 port={server.port} dbname=x" for name, server in servers.items()}
    targets["app"] = f"host=127.0.0.1 port={good.port} dbname=x"
    common = {"workers": 1, "log_connections": 0, "server_login_retry": "0.1", "query_wait_timeout": 1}
    weir = pgweir({"databases": targets, "pgbouncer": common}, {"postgres": SECRET})
    weir.allow("server login failed", "pooler error")
    waiting = {}

    with weir.client("app") as other:
        for name in BROKEN:
            waiting[name] = wire.Wire(wire.connect(weir.port))
            waiting[name].send(wire.startup(user="postgres", database=names[name]))
        for name, client in waiting.items():
            said = client.expect_closed()
            error = wire.PgError(said[-1].fields())
            assert said[-1].kind == b"E" and b"Z" not in [m.kind for m in said], name
            assert (error.severity, error.sqlstate) in (("FATAL", "08006"), ("FATAL", "57014")), (name, error)
            client.close()
        assert other.query("select 1").rows == [("1",)]


def test_a_scram_exchange_that_is_right_works(two):
    weir = two(scram())
    with weir.client("bad") as client:
        assert client.query("select 1").rows == [("1",)]


def test_the_servers_own_refusal_reaches_the_client(two):
    for sqlstate, words in (("28P01", "password authentication failed"), ("3D000", "no such thing"), ("53300", "too many")):
        weir = two(says(wire.error(words, sqlstate, "FATAL")))
        error = refused(weir)
        assert (error.sqlstate, error.message) == (sqlstate, words)


def test_a_refusal_without_fields_is_a_refusal(two):
    for body in (b"\0", b"Mwhy\0\0", b"C\0M\0\0"):
        error = refused(two(says(wire.message(b"E", body))))
        assert error.sqlstate == "08006" and error.message


LOGIN = [
    wire.auth_ok(),
    wire.parameter_status("server_version", "15.0"),
    wire.backend_key(77),
    wire.ready(),
]


def test_a_server_may_hang_up_at_every_byte_of_its_login(two):
    whole = b"".join(LOGIN)
    turns = iter(range(len(whole)))

    def script(session):
        session.read_startup()
        cut = next(turns, None)
        if cut is None:
            session.send(whole).serve()
        else:
            session.send(whole[:cut])

    weir = two(script, server_login_retry="0.001", query_wait_timeout=20)
    with weir.client("bad") as client, weir.client("app") as other:
        assert client.query("select 1").rows == [("1",)]
        assert other.query("select 1").rows == [("1",)]
    assert len(weir.bad.sessions) > len(whole)


def test_a_login_may_come_a_byte_at_a_time(two, fake_server, nest, pgweir):
    from lib.pieces import send_in_pieces

    whole = b"".join(LOGIN)

    def script(session):
        session.read_startup()
        send_in_pieces(session, whole, *range(1, len(whole)))
        session.serve()

    server = fake_server(script, unix_folder=nest.path)
    weir = pgweir({"databases": {"app": f"host={nest.path} port={server.port} dbname=x"}}, {"postgres": ""})
    weir.allow("server conn crashed")
    with weir.client("app") as client:
        assert client.query("select 1").rows == [("1",)]


def test_a_server_that_says_nothing_is_given_up(two):
    weir = two(lambda session: session.expect_closed(), server_connect_timeout="0.3")
    error = refused(weir)
    assert error.sqlstate in ("08006", "57014")
    with weir.client("app") as other:
        assert other.query("select 1").rows == [("1",)]


def test_clients_log_in_while_their_server_is_down(front, fake_server):
    """What servers say to those who log in is known from the first one."""
    server = fake_server()
    weir = front(server, query_wait_timeout=1)
    with weir.client("app") as client:
        client.query("select 1")
    server.close()
    eventually(lambda: all(s.socket.fileno() == -1 for s in server.sessions))

    with weir.client("app") as client:
        assert client.parameters["server_version"] == "15.0"
        client.send(wire.query("select 1"))
        assert client.expect_closed()[-1].kind == b"E"
