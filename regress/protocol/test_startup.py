"""The packet that opens a connection, in all its variants (PostgreSQL manual, "Start-up")."""

import struct
import threading

import pytest

from lib import wire
from lib.pieces import send_in_pieces
from lib.scene import Background


@pytest.fixture
def weir(front, fake_server):
    return front(fake_server())


def raw(weir):
    return wire.Wire(wire.connect(weir.port))


def packet(body, length=None):
    return struct.pack("!I", len(body) + 4 if length is None else length) + body


def refusal(weir, data):
    """What pgweir says before it closes a connection that begins with these bytes."""
    with raw(weir) as connection:
        connection.send(data)
        said = connection.expect_closed()
    assert [m.kind for m in said] == [b"E"], said
    return wire.PgError(said[0].fields())


V3 = struct.pack("!I", wire.PROTOCOL_3_0)


def test_protocol_3_0_gets_a_cancel_key_of_four_bytes(weir):
    with weir.client("app") as client:
        assert client.negotiated is None
        assert len(client.key) == 4
        assert client.status == "I"
        assert client.query("select 1").rows == [("1",)]


def test_protocol_3_2_gets_a_long_cancel_key_without_negotiation(weir):
    with weir.client("app", version=wire.PROTOCOL_3_2) as client:
        assert client.negotiated is None
        assert len(client.key) == 32
        assert client.query("select 1").rows == [("1",)]


@pytest.mark.parametrize("asked, spoken, key", [(0x30001, 0x30000, 4), (0x30009, 0x30002, 32), (0x3270F, 0x30002, 32)])
def test_other_minor_versions_are_negotiated_down(weir, asked, spoken, key):
    with weir.client("app", version=asked) as client:
        assert client.negotiated.number(0) == spoken
        assert client.negotiated.number(4) == 0
        assert len(client.key) == key
        assert client.query("select 1").rows == [("1",)]


def test_protocol_extensions_that_nobody_knows_are_named_back(weir):
    with weir.client("app", **{"_pq_.one": "1", "_pq_.two": "x"}) as client:
        assert client.negotiated.number(0) == wire.PROTOCOL_3_0
        assert client.negotiated.number(4) == 2
        assert client.negotiated.body[8:] == b"_pq_.one\0_pq_.two\0"
        assert client.query("select 1").rows == [("1",)]


def test_requests_for_encryption_are_answered_and_the_startup_goes_on(weir):
    with raw(weir) as connection:
        for request in (wire.gssenc_request(), wire.ssl_request()):
            connection.send(request)
            assert connection.read_bytes(1) == b"N"
        connection.send(wire.startup(user="postgres", database="app"))
        assert connection.read_until(b"Z")[0].kind == b"R"


def test_each_kind_of_encryption_may_be_asked_for_once(weir):
    for request in (wire.ssl_request(), wire.gssenc_request()):
        with raw(weir) as connection:
            connection.send(request)
            assert connection.read_bytes(1) == b"N"
            connection.send(request)
            said = connection.expect_closed()
        assert [m.fields()["C"] for m in said] == ["08P01"]


REFUSED = {
    "protocol 2": (packet(struct.pack("!I", 0x20000) + b"\0" * 288), "08P01"),
    "protocol 1": (packet(struct.pack("!I", 0x10000) + b"user\0x\0\0"), "0A000"),
    "protocol 4": (packet(struct.pack("!I", 0x40000) + b"user\0x\0\0"), "0A000"),
    "an HTTP request": (b"GET / HTTP/1.1\r\nHost: db\r\n\r\n", "08P01"),
    "a TLS hello": (bytes.fromhex("160301020001000001fc0303") + b"\0" * 60, "08P01"),
    "a length of zero": (packet(V3, 0), "08P01"),
    "a length of seven": (packet(V3, 7), "08P01"),
    "a negative length": (packet(V3, 0xFFFFFFFF), "08P01"),
    "a length of 2^31": (packet(V3, 0x80000000), "08P01"),
    "more than a startup packet may have": (packet(V3 + b"user\0" + b"x" * 10000 + b"\0\0"), "08P01"),
    "no parameters and no terminator": (packet(V3), "08P01"),
    "no terminator": (packet(V3 + b"user\0postgres\0database\0app"), "08P01"),
    "one terminator for two": (packet(V3 + b"user\0postgres\0"), "08P01"),
    "a name without a value": (packet(V3 + b"user\0postgres\0database\0\0"), "08P01"),
    "a terminator in the middle": (packet(V3 + b"user\0postgres\0\0database\0app\0\0"), "08P01"),
    "no user": (wire.startup(database="app"), "28000"),
    "an empty user": (wire.startup(user="", database="app"), "28000"),
    "an unknown database": (wire.startup(user="postgres", database="nowhere"), "3D000"),
    "an SSL request with a tail": (packet(struct.pack("!I", wire.SSL_CODE) + b"tail"), "08P01"),
}


def test_a_startup_that_is_no_good_is_refused_with_a_clear_error(weir, bystander):
    other = bystander(weir)
    for name, (data, sqlstate) in REFUSED.items():
        error = refusal(weir, data)
        assert (error.severity, error.sqlstate) == ("FATAL", sqlstate), name
        assert other.is_well()


WORDS = {
    "protocol 2": (packet(struct.pack("!I", 0x20000) + b"\0" * 288), "old V2 protocol not supported"),
    "an HTTP request": (b"GET / HTTP/1.1\r\n\r\n", "bad packet header: '474554202f204854'"),
    "a TLS hello": (bytes.fromhex("160301020001000001fc0303") + b"\0" * 60, "bad packet header: '1603010200010000'"),
    "a length of seven": (packet(V3, 7), "bad packet header: '0000000700030000'"),
    "more than a startup packet may have": (packet(V3 + b"x" * 10000), "bad packet header: '0000271800030000'"),
    "no terminator": (packet(V3 + b"user\0postgres\0database\0app"), None),
    "no parameters": (packet(V3), None),
    "something behind the terminator": (packet(V3 + b"user\0postgres\0\0x"), None),
    "no user": (wire.startup(database="app"), "no username supplied"),
    "an unknown database": (wire.startup(user="postgres", database="nowhere"), "no such database: nowhere"),
    "other options": (
        wire.startup(user="postgres", database="app", options="-B 5"),
        "unsupported options startup parameter: only '-c config=val' and '--config=val' are allowed",
    ),
    "a long name": (wire.startup(user="u" * 128, database="app"), "username too long"),
}


def test_a_startup_that_is_no_good_is_refused_in_pgbouncer_s_words(weir):
    for name, (data, words) in WORDS.items():
        expected = words or "invalid startup packet layout: expected terminator as last byte"
        assert refusal(weir, data).message == expected, name


def test_of_a_parameter_that_comes_twice_the_last_counts(weir):
    body = b"".join(wire.text(t) for t in ("user", "nobody", "database", "nowhere", "user", "postgres", "database", "app"))
    with raw(weir) as connection:
        connection.send(packet(V3 + body + b"\0"))
        assert connection.read_until(b"Z")[-1].body == b"I"


def test_a_startup_packet_full_of_parameters_is_read_whole(weir, bystander):
    other = bystander(weir)
    many = {f"my.p{i}": "v" for i in range(700)}
    for parameters in (many, {"application_name": "a" * 9000}, {"my." + "n" * 4000: "v" * 4000}):
        with raw(weir) as connection:
            connection.send(wire.startup(user="postgres", database="app", **parameters))
            assert connection.read_until(b"ZE")
        assert other.is_well()


def test_a_cancel_request_that_is_no_good_is_dropped(weir, bystander):
    other = bystander(weir)
    cancels = [wire.cancel_request(pid, key) for pid in (0, 1, 0xFFFFFFFF) for key in (b"1234", b"k" * 32, b"k" * 256)]
    short = packet(struct.pack("!II", wire.CANCEL_CODE, 1))

    for request in [*cancels, short, packet(struct.pack("!I", wire.CANCEL_CODE))]:
        with raw(weir) as connection:
            connection.send(request)
            assert all(m.kind == b"E" for m in connection.expect_closed())

    assert other.is_well()


def test_connections_that_end_in_the_middle_of_their_startup_leave_nothing(weir, bystander):
    other = bystander(weir)
    whole = wire.startup(user="postgres", database="app")

    for cut in range(len(whole)):
        with raw(weir) as connection:
            connection.send(whole[:cut])

    assert other.is_well()


def test_a_startup_packet_may_come_in_any_two_pieces(weir):
    whole = wire.startup(user="postgres", database="app", application_name="split")
    for cut in range(1, len(whole)):
        with wire.Wire(wire.connect(weir.port, weir.socket_folder)) as connection:
            send_in_pieces(connection, whole, cut)
            assert connection.read_until(b"Z")[-1].body == b"I"


def test_a_query_sent_along_with_the_startup_packet_is_answered(weir):
    with raw(weir) as connection:
        connection.send(wire.startup(user="postgres", database="app"), wire.query("select 1"), wire.terminate())
        connection.read_until(b"Z")
        assert wire.Result(connection.read_until(b"Z")).rows == [("1",)]
        connection.expect_closed()


def test_a_message_before_the_password_ends_the_login(front, fake_server, bystander):
    weir = front(fake_server(), users={"postgres": "secret"}, auth_type="md5")
    for wrong in (wire.query("select 1"), wire.message(b"d", b"x"), wire.message(b"\0"), wire.message(b"p", b"no end")):
        with raw(weir) as connection:
            connection.send(wire.startup(user="postgres", database="app"))
            assert connection.read().number() == 5
            connection.send(wrong)
            assert [m.fields()["C"] for m in connection.expect_closed()] == ["08P01"]
    with weir.client("app", secret="secret") as client:
        assert client.query("select 1").rows == [("1",)]


PASSWORDS = {
    "nothing": b"",
    "no NUL": b"secret",
    "a NUL in the middle": b"sec\0ret\0",
    "two texts": b"secret\0secret\0",
    "more than any password has": b"x" * 70000 + b"\0",
}


@pytest.mark.parametrize("method", ["plain", "md5"])
def test_a_password_message_with_a_missing_or_broken_field_ends_the_login(front, fake_server, method):
    weir = front(fake_server(), users={"postgres": "secret"}, auth_type=method)
    for name, body in PASSWORDS.items():
        with raw(weir) as connection:
            connection.send(wire.startup(user="postgres", database="app"))
            connection.read()
            connection.send(wire.message(b"p", body))
            assert [m.fields()["C"] for m in connection.expect_closed() if m.kind == b"E"] == ["08P01"], name
    with weir.client("app", secret="secret") as client:
        assert client.query("select 1").rows == [("1",)]


def test_a_password_sent_ahead_of_the_question_is_taken_as_the_answer(front, fake_server):
    weir = front(fake_server(), users={"postgres": "secret"}, auth_type="plain")
    with raw(weir) as connection:
        connection.send(wire.startup(user="postgres", database="app"), wire.password("secret"), wire.query("select 1"))
        connection.read_until(b"Z")
        assert wire.Result(connection.read_until(b"Z")).rows == [("1",)]


def test_what_follows_the_login_in_the_same_packet_is_answered_when_the_greeting_is_known(weir):
    for _ in range(3):
        with raw(weir) as connection:
            connection.send(wire.startup(user="postgres", database="app"), wire.query("select 1"))
            connection.read_until(b"Z")
            assert wire.Result(connection.read_until(b"Z")).rows == [("1",)]


def test_a_client_that_floods_its_login_is_held_back(front, fake_server):
    """While its proof is looked at, what it sends ahead is not kept without a bound."""
    weir = front(fake_server(), users={"postgres": "secret"}, auth_type="scram-sha-256", scram_iterations=1000000)
    client = wire.Client(weir.port, user="postgres", secret="secret", login=False)
    client.send(wire.startup(user="postgres", database="app"))
    client._authenticate(client.read())
    client._authenticate(client.read())
    before = weir.memory()
    client.socket.setblocking(False)
    sent = 0
    try:
        while sent < 64 << 20:
            sent += client.socket.send(b"x" * 65536)
    except OSError:
        pass

    assert weir.memory() - before < 8 << 20
    client.socket.close()


@pytest.mark.parametrize("method", ["trust", "plain", "scram-sha-256", "auth_query"])
def test_what_is_sent_far_ahead_of_the_end_of_a_login_is_answered_after_it(front, fake_server, method):
    """It is held back until there is somebody to read it, and then not forgotten."""
    sent = threading.Event()

    def script(session):
        session.read_startup()
        assert sent.wait(20)
        session.send(wire.auth_ok(), *[wire.parameter_status(k, "UTF8") for k in ("client_encoding", "server_encoding")], wire.ready())
        if session.parameters["user"] == "asker":
            session.read_until(b"S")
            session.send(wire.row_description("a", "b"), wire.data_row("known", "mine"), wire.command_complete(), wire.ready())
        session.serve()

    asks = {"auth_user": "asker", "auth_query": "select a, b from c where a = $1"} if method == "auth_query" else {}
    users = {"asker": "ask", **({} if asks else {"known": "mine"})}
    weir = front(fake_server(script), users=users, auth_type="plain" if asks else method, **asks)
    client = wire.Client(weir.port, user="known", secret="mine", login=False)
    batch = wire.query("select '" + "x" * 1000 + "'") * 1000

    client.send(wire.startup(user="known", database="app"))
    if method == "scram-sha-256":
        client._authenticate(client.read())
        client.send(wire.message(b"p", client._scram.final(client.read().body[4:])))
    elif method != "trust":
        client.send(wire.password("mine"))

    def send_all():
        client.socket.sendall(batch[: 128 << 10])
        sent.set()
        client.socket.sendall(batch[128 << 10 :])

    sender = Background(send_all)
    while client.read().kind != b"Z":
        continue

    for _ in range(1000):
        assert client.read_until(b"Z")[-2].kind == b"C"
    sender.result()
    client.close()


# ---- options, asked of PostgreSQL ------------------------------------------------------


@pytest.fixture
def real(front, cluster):
    return front(cluster.primary)


OPTIONS = {
    "-c": ("-c work_mem=5MB", "work_mem", "5MB"),
    "-c without a blank": ("-cwork_mem=6MB", "work_mem", "6MB"),
    "--": ("--work_mem=7MB", "work_mem", "7MB"),
    "-- with dashes": ("--work-mem=7MB", "work_mem", "7MB"),
    "several": ("-c work_mem=8MB   -c statement_timeout=77s", "statement_timeout", "77s"),
    "an escaped blank": (r"-c search_path=public,\ pg_temp", "search_path", "public, pg_temp"),
    "a setting of an extension": ("-c my.own=word", "my.own", "word"),
}


def test_options_set_what_they_say(real):
    with real.client("app") as other:
        for name, (options, setting, value) in OPTIONS.items():
            with real.client("app", options=options) as client:
                assert client.query(f"show {setting}").rows == [(value,)], name
                assert other.ask(wire.query(f"show {setting}")).rows != [(value,)], name


def test_options_that_are_no_settings_are_refused(real):
    for options in ("-B 5", "-c", "work_mem=5MB", "-c work_mem"):
        with pytest.raises(wire.PgError) as refused:
            real.client("app", options=options)
        assert refused.value.sqlstate == "08P01"


def test_a_startup_setting_that_the_server_does_not_take_is_the_servers_error(real, bystander):
    other = bystander(real)
    for parameter, sqlstate in (("no_such_setting", "42704"), ("work_mem", "22023"), ("shared_buffers", "55P02")):
        with pytest.raises(wire.PgError) as refused:
            real.client("app", **{parameter: "nonsense"})
        assert refused.value.sqlstate == sqlstate
    assert other.is_well()


def test_reported_settings_in_the_greeting_are_the_clients_own(real):
    asked = {"client_encoding": "LATIN1", "DateStyle": "German", "TimeZone": "Asia/Tokyo", "application_name": "greeter"}
    for _ in range(2):
        with real.client("app", **asked) as client:
            assert client.parameters["client_encoding"] == "LATIN1"
            assert client.parameters["DateStyle"].startswith("German")
            assert client.parameters["TimeZone"] == "Asia/Tokyo"
            assert client.parameters["application_name"] == "greeter"
            assert client.query("select current_setting('TimeZone')").rows == [("Asia/Tokyo",)]
