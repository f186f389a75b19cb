"""What a server may do to pgweir once it has logged in: rubbish, lies, answers that nobody asked for.

The session that has it ends with a clear error, and no other.
"""

import contextlib
import socket
import struct

import pytest

from lib import wire
from lib.eventually import eventually
from lib.fake_server import default_answer
from lib.pieces import send_in_pieces

BROKEN, LOST = "08P01", "08006"


def head(kind, length, body=b""):
    return kind + struct.pack("!I", length & 0xFFFFFFFF) + body


def plays(attacks):
    """A script of a server that answers as it should, but says attacks[sql] and no more when it is asked sql.

    A query "after NAME" is answered well first; a Parse of NAME is answered with the attack.
    """

    def script(session):
        session.log_in()
        while True:
            m = session.read()
            asked = m.texts()[1 if m.kind == b"P" else 0] if m.kind in b"PQ" else ""
            name = asked.removeprefix("after ")
            if name in attacks:
                if asked != name:
                    session.answer(status="T")
                session.send(attacks[name])
                session.expect_closed()
                return
            if m.kind == b"X":
                return
            if m.kind == b"Q":
                session.send(*default_answer(asked), wire.ready())

    return script


def ends(client):
    """The error with which pgweir ended the client's session."""
    said = client.expect_closed()
    assert said and said[-1].kind == b"E", said
    error = wire.PgError(said[-1].fields())
    assert error.severity == "FATAL", error
    return error.sqlstate


RUBBISH = {
    "unknown type": head(b"\xff", 4),
    "zeros": b"\0" * 64,
    "an HTTP answer": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "noise": bytes((i * 7919 + 13) % 251 | 0x80 for i in range(5000)),
    "a strange status": wire.command_complete() + wire.ready("X"),
    "an empty ReadyForQuery": wire.message(b"Z"),
    "a long ReadyForQuery": wire.message(b"Z", b"II"),
    "ParseComplete": wire.parse_complete(),
    "BindComplete": wire.bind_complete(),
    "CloseComplete": wire.close_complete(),
    "NoData": wire.no_data(),
    "ParameterDescription": wire.parameter_description(23),
    "PortalSuspended": wire.portal_suspended(),
    "FunctionCallResponse": wire.message(b"V", struct.pack("!i", -1)),
    "authentication again": wire.auth_ok(),
    "a key again": wire.backend_key(1),
    "negotiation": wire.message(b"v", struct.pack("!II", wire.PROTOCOL_3_0, 0)),
    "a client's Query": wire.query("select 1"),
    "a tag without its NUL": wire.message(b"C", b"SELECT 1"),
    "a tag with two": wire.message(b"C", b"SELECT\0001\0"),
    "an empty tag": wire.message(b"C"),
    "an endless tag": wire.message(b"C", b"x" * 5000 + b"\0"),
    "a parameter without its NUL": wire.message(b"S", b"DateStyle\0ISO"),
    "a parameter without a value": wire.message(b"S", b"DateStyle\0"),
    "a parameter with three texts": wire.message(b"S", b"a\0b\0c\0"),
    "an error without a terminator": wire.message(b"E", b"SERROR\0C42601\0Moops\0"),
    "an error cut in a field": wire.message(b"E", b"SERROR\0C426"),
    "an error with a tail": wire.message(b"E", b"SERROR\0C42601\0Moops\0\0tail"),
    "an empty error": wire.message(b"E"),
    "ready twice": b"".join(default_answer("select")) + wire.ready() + wire.ready(),
    "a row behind the end": b"".join(default_answer("select")) + wire.ready() + wire.data_row("2"),
}


def test_rubbish_ends_the_session_that_asked(front, fake_server, bystander):
    weir = front(fake_server(plays(RUBBISH)))
    other = bystander(weir)
    for name in RUBBISH:
        client = weir.client("app")
        client.send(wire.query(name))
        assert ends(client) == BROKEN, name
        assert other.is_well()


KINDS = {b"1": 4, b"2": 4, b"3": 4, b"A": 10, b"C": 5, b"D": 6, b"E": 5, b"G": 7, b"H": 7, b"I": 4, b"K": 12, b"N": 5}
KINDS |= {b"R": 8, b"S": 6, b"T": 6, b"V": 8, b"W": 7, b"Z": 5, b"c": 4, b"d": 4, b"n": 4, b"s": 4, b"t": 6, b"v": 12}
LIES = {
    f"{kind.decode()} {length}": head(kind, length, b"\0" * 20)
    for kind, least in KINDS.items()
    for length in (0, 3, least - 1, -1, -(2**31))
}


def test_lengths_that_a_message_cannot_have_end_the_session_that_asked(front, fake_server, bystander):
    weir = front(fake_server(plays(LIES)))
    other = bystander(weir)
    for name in LIES:
        client = weir.client("app")
        client.send(wire.query(name))
        assert ends(client) == BROKEN, name
    assert other.is_well()


def test_a_message_too_long_to_be_kept_ends_the_session_before_it_is_kept(front, fake_server, bystander):
    """A CopyInResponse must be here whole before it is acted on, and 2 GB of it are no CopyInResponse."""
    attacks = {kind: head(kind.encode(), 2**31 - 1, b"\0" * 100) for kind in "GWCS"}
    weir = front(fake_server(plays(attacks)))
    other = bystander(weir)
    for name in attacks:
        client = weir.client("app")
        client.send(wire.query(name))
        assert ends(client) == BROKEN, name
    assert other.is_well()


UNASKED = {
    "a row": wire.data_row("1"),
    "a tag": wire.command_complete(),
    "ready": wire.ready("T"),
    "ParseComplete": wire.parse_complete(),
    "a copy": wire.copy_in_response(),
    "copy data": wire.copy_data(b"x"),
    "a description": wire.row_description("a"),
    "rubbish": b"\xfe" * 10,
}


def test_answers_that_nobody_asked_for_end_an_idle_transaction(front, fake_server, bystander):
    weir = front(fake_server(plays(UNASKED)))
    other = bystander(weir)
    for name in UNASKED:
        client = weir.client("app")
        client.send(wire.query("after " + name))
        assert ends(client) == BROKEN, name
    assert other.is_well()


EXTENDED = {
    "ParseComplete twice": wire.parse_complete() * 2,
    "BindComplete first": wire.bind_complete(),
    "ready at once": wire.ready(),
    "a row first": wire.data_row("1"),
    "a description for a Bind": wire.parse_complete() + wire.row_description("a"),
    "two descriptions": wire.parse_complete() + wire.bind_complete() + wire.no_data() * 2,
    "a tag for a Describe": wire.parse_complete() + wire.bind_complete() + wire.command_complete(),
    "a copy for a Bind": wire.parse_complete() + wire.copy_in_response(),
    "a strange status": b"".join(map(wire.message, (b"1", b"2", b"n"))) + wire.command_complete() + wire.ready("Q"),
}


def test_a_batch_is_answered_in_its_order_or_its_session_ends(front, fake_server, bystander):
    weir = front(fake_server(plays(EXTENDED)))
    other = bystander(weir)
    for name in EXTENDED:
        client = weir.client("app")
        client.send(wire.parse(name), wire.bind(), wire.describe(), wire.execute(), wire.sync())
        assert ends(client) == BROKEN, name
    assert other.is_well()


def closes_after(said):
    """A script of a server that closes its connection after these bytes when it is asked "close"."""

    def script(session):
        session.log_in()
        session.serve(lambda sql: session.send(said).socket.close() if sql == "close" else None)

    return script


LOST_MESSAGE = wire.error("server conn crashed?", LOST, "FATAL")
WHOLE = b"".join([wire.row_description("a"), wire.data_row("value"), wire.command_complete(), wire.error("half"), wire.ready("T")])


def test_a_server_that_closes_at_any_byte_of_an_answer_ends_its_session_alone(front, fake_server, bystander):
    said = {}

    def script(session):
        session.log_in()
        while True:
            sql = session.read().texts()
            if sql and sql[0].isdigit():
                session.send(WHOLE[: int(sql[0])])
                return
            session.answer() if sql else None

    weir = front(fake_server(script), log_pooler_errors=0)
    other = bystander(weir)
    for cut in range(len(WHOLE)):
        client = weir.client("app")
        client.send(wire.query(str(cut)))
        raw = b""
        while some := client.socket.recv(65536):
            raw += some
        said[cut] = raw
    # What came through is the answer's beginning; an error follows unless it would be taken for a row's bytes.
    for cut, raw in said.items():
        told = raw.endswith(LOST_MESSAGE)
        assert WHOLE.startswith(raw[: -len(LOST_MESSAGE)] if told else raw), cut
        assert told or len(raw) == cut >= 5, cut
    assert other.is_well()


def test_half_an_error_is_told_as_a_lost_server(front, fake_server, bystander):
    half = wire.error("you will never read this", "42601")
    weir = front(fake_server(closes_after(half[: len(half) // 2])))
    other = bystander(weir)
    client = weir.client("app")
    client.send(wire.query("close"))
    assert ends(client) == LOST
    assert other.is_well()


def test_errors_with_missing_fields_pass_as_they_are(front, fake_server, bystander):
    bare = {
        "no fields": wire.message(b"E", b"\0"),
        "only a message": wire.message(b"E", b"Mwhy\0\0"),
        "only a severity": wire.message(b"E", b"SERROR\0\0"),
        "unknown fields": wire.message(b"E", b"SERROR\0C42601\0Mwhy\0ywhat\0\x01x\0\0"),
        "empty fields": wire.message(b"E", b"S\0C\0M\0\0"),
    }
    weir = front(fake_server(lambda session: session.log_in().serve(lambda sql: [bare[sql]] if sql in bare else None)))
    other = bystander(weir)
    with weir.client("app") as client:
        for name, message in bare.items():
            assert client.ask(wire.query(name)).messages[0].bytes == message, name
        assert client.query("select 1").rows == [("1",)]
    assert other.is_well()


def test_an_error_of_several_megabytes_passes_whole(front, cluster):
    weir = front(cluster.primary)
    with weir.client("app") as client:
        for size in (1000, 1000000, 1048576, 3000000):
            result = client.ask(wire.query(f"do $$ begin raise exception 'PGBOUNCER_1 %', repeat('x', {size}); end $$"))
            assert result.error.sqlstate == "P0001"
            assert result.error.message == "PGBOUNCER_1 " + "x" * size
        assert client.query("select 1").rows == [("1",)]


def test_a_fatal_error_passes_and_ends_its_session_without_a_second_one(front, fake_server, bystander):
    fatal = wire.error("terminating connection due to administrator command", "57P01", "FATAL")
    weir = front(fake_server(closes_after(fatal)))
    other = bystander(weir)
    client = weir.client("app")
    client.send(wire.query("close"))
    said = client.expect_closed()
    assert [m.bytes for m in said] == [fatal]
    assert other.is_well()


def test_a_server_that_ends_between_queries_is_replaced_and_nobody_notices(front, fake_server):
    fatal = wire.error("terminating connection due to administrator command", "57P01", "FATAL")
    server = fake_server()
    weir = front(server, default_pool_size=1)
    lasts = {"a FATAL error": fatal, "nothing": b"", "half a message": fatal[:9], "rubbish": b"\xff" * 9, "a row": wire.data_row("1")}
    with weir.client("app") as client:
        for name, last in lasts.items():
            assert client.query("select 1").rows == [("1",)], name
            gone = server.sessions[-1]
            with contextlib.suppress(OSError):  # pgweir may have hung up on the last words already
                gone.send(last).socket.shutdown(socket.SHUT_WR)
            eventually(lambda: gone.socket.fileno() == -1)
            assert client.query("select 1").rows == [("1",)], name
            assert server.sessions[-1] is not gone


def test_notices_and_parameters_between_queries_cost_nothing(front, fake_server):
    server = fake_server()
    weir = front(server, default_pool_size=1)
    with weir.client("app") as client:
        client.query("select 1")
        connections = len(server.sessions)
        server.sessions[-1].send(wire.notice("well"), wire.parameter_status("TimeZone", "UTC"), wire.notification(1, "c"))
        assert client.query("select 1").rows == [("1",)]
        assert len(server.sessions) == connections


def test_a_flood_of_parameters_is_passed_on_and_not_kept(front, fake_server, bystander):
    count = 100000
    flood = b"".join(wire.parameter_status(f"name{i}", "x" * 50) for i in range(count))

    def answers(sql):
        return [flood, wire.command_complete("SET")] if sql == "flood" else None

    weir = front(fake_server(lambda session: session.log_in().serve(answers)))
    other = bystander(weir)
    before = weir.memory()
    with weir.client("app") as client:
        client.send(wire.query("flood"))
        assert sum(m.kind == b"S" for m in client.read_until(b"Z")) == count
        assert client.query("select 1").rows == [("1",)]
    assert weir.memory() - before < 8 << 20
    assert other.is_well()


def test_a_flood_of_messages_to_nobody_does_not_grow_pgweir(front, fake_server, bystander):
    server = fake_server()
    weir = front(server, default_pool_size=1)
    with weir.client("app") as client:
        client.query("select 1")
        before = weir.memory()
        one = wire.notice("n" * 1000) + wire.parameter_status("flood", "f" * 1000)
        for i in range(20000):
            server.sessions[-1].send(one, wire.parameter_status(f"flood{i}", "f"))
        assert client.query("select 1").rows == [("1",)]
    assert weir.memory() - before < 8 << 20


ANSWERS = {
    "simple": [
        wire.notice("careful"),
        wire.row_description("a", "b"),
        wire.data_row("1", None),
        wire.parameter_status("TimeZone", "UTC"),
        wire.notification(7, "channel", "load"),
        wire.command_complete("SELECT 1"),
        wire.empty_query_response(),
        wire.copy_out_response(),
        wire.copy_data(b"line\n"),
        wire.copy_done(),
        wire.command_complete("COPY 1"),
        wire.error("no more", "22012", D="detail", H="hint"),
        wire.ready(),
    ],
    "extended": [
        wire.parse_complete(),
        wire.parameter_description(23, 25),
        wire.row_description("a", "b"),
        wire.bind_complete(),
        wire.no_data(),
        wire.data_row("1", "x"),
        wire.portal_suspended(),
        wire.close_complete(),
        wire.ready(),
    ],
}
ASKED = {
    "simple": wire.query("split"),
    "extended": b"".join(
        [
            wire.parse("split"),
            wire.describe("S"),
            wire.bind(),
            wire.describe("P"),
            wire.execute("", 1),
            wire.close("P"),
            wire.sync(),
        ]
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_may_be_cut_at_every_byte(front, fake_server, nest, name):
    whole, last = b"".join(ANSWERS[name]), ASKED[name][-5:]
    cuts = [*([cut] for cut in range(1, len(whole))), list(range(1, len(whole)))]
    left = iter(cuts)

    def script(session):
        session.log_in()
        while True:
            data = b""
            while not data.endswith(last):
                data += session.read().bytes
            send_in_pieces(session, whole, *next(left))

    weir = front(fake_server(script, unix_folder=nest.path), unix=True, default_pool_size=1)
    with weir.client("app") as client:
        for cut in cuts:
            client.send(ASKED[name])
            assert [m.bytes for m in client.read_until(b"Z")] == ANSWERS[name], cut


def test_function_calls_are_answered_or_end(front, fake_server, bystander):
    wrong = {1: wire.data_row("1"), 2: wire.parse_complete(), 3: wire.command_complete(), 4: wire.message(b"V", b"")}

    def script(session):
        session.log_in()
        while True:
            m = session.read()
            if m.kind == b"F" and m.number() in wrong:
                session.send(wrong[m.number()])
                session.expect_closed()
                return
            if m.kind == b"F":
                session.send(wire.message(b"V", struct.pack("!i", 1) + b"x"), wire.ready())
            if m.kind == b"Q":
                session.answer()

    weir = front(fake_server(script))
    other = bystander(weir)
    for oid in wrong:
        client = weir.client("app")
        client.send(wire.function_call(oid, b"x"))
        assert ends(client) == BROKEN, oid
    with weir.client("app") as client:
        assert client.ask(wire.function_call(9, b"x")).kinds == "VZ"
    assert other.is_well()


def test_a_server_that_ends_a_request_early_is_lent_again_when_it_has_had_it_all(front, fake_server):
    """Half of a client's message is still to come; the next borrower's must not be taken for its rest."""
    heard = []

    def script(session):
        session.log_in()
        assert session.read().texts() == ["copy"]
        session.send(wire.copy_in_response())
        session.read_bytes(20)
        session.send(wire.error("enough"), wire.ready())
        session.read_bytes(100001 - 20)
        while (said := session.read()).kind == b"Q":
            heard.append(said.texts()[0])
            session.answer()

    weir = front(fake_server(script), default_pool_size=1)
    with weir.client("app") as client, weir.client("app") as other:
        client.send(wire.query("copy"))
        client.read_until(b"G")
        client.send(head(b"d", 100000, b"x" * 1000))
        assert wire.Result(client.read_until(b"Z")).error.message == "enough"
        other.send(wire.query("the other's"))
        client.send(b"x" * (100000 - 4 - 1000), wire.copy_done(), wire.query("my own"))
        assert wire.Result(client.read_until(b"Z")).rows == [("1",)]
        assert wire.Result(other.read_until(b"Z")).rows == [("1",)]
    assert sorted(heard) == ["my own", "the other's"]
