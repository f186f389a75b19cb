"""What a client may do to pgweir with messages: cut, lied about, out of place.  Only its own session suffers."""

import struct

import pytest

from lib import wire
from lib.pieces import send_in_pieces
from lib.scene import said


@pytest.fixture
def weir(front, cluster):
    return front(cluster.primary)


def head(kind, length, body=b""):
    return kind + struct.pack("!I", length & 0xFFFFFFFF) + body


# Conversations of every message that a client may send; each ends with its last ReadyForQuery.
CONVERSATIONS = {
    "simple": wire.query("select 1"),
    "function call": wire.function_call(1598),
    "extended": b"".join(
        [
            wire.parse("select $1::int", "one", [23]),
            wire.describe("S", "one"),
            wire.bind(["7"], "one", "door"),
            wire.describe("P", "door"),
            wire.execute("door", 1),
            wire.flush(),
            wire.close("P", "door"),
            wire.close("S", "one"),
            wire.sync(),
        ]
    ),
    "unnamed": b"".join([wire.parse("select 2"), wire.bind(), wire.describe(), wire.execute(), wire.sync()]),
}


def answer_kinds(client):
    """The shape of an answer; a function call's value differs from run to run."""
    found = client.read_until(b"Z")
    assert not any(m.kind == b"E" for m in found), found
    return [m.kind for m in found]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_message_may_be_cut_at_every_byte(weir, name):
    data = CONVERSATIONS[name]
    with weir.client("app", unix=True) as client:
        client.send(data)
        whole = answer_kinds(client)

        for cut in range(1, len(data)):
            send_in_pieces(client, data, cut)
            assert answer_kinds(client) == whole, cut
        send_in_pieces(client, data, *range(1, len(data)))
        assert answer_kinds(client) == whole


@pytest.mark.parametrize("end", [wire.copy_done(), wire.copy_fail("no more")], ids=["done", "fail"])
def test_copy_data_may_be_cut_at_every_byte(weir, cluster, end):
    data = wire.copy_data(b"1\n") + wire.copy_data(b"2\n3\n") + end
    with weir.client("app", unix=True) as client:
        client.query("create table if not exists cut_copy (n int); truncate cut_copy")
        for cut in range(1, len(data)):
            client.send(wire.query("copy cut_copy from stdin"))
            client.read_until(b"G")
            send_in_pieces(client, data, cut)
            kinds = [m.kind for m in client.read_until(b"Z")]
            assert kinds == [b"C" if end == wire.copy_done() else b"E", b"Z"]
        expected = 3 * (len(data) - 1) if end == wire.copy_done() else 0
        assert client.query("select count(*) from cut_copy").rows == [(str(expected),)]
        client.query("drop table cut_copy")


def session_ends(weir, *messages, prepare=()):
    """Sends the messages on a connection of their own; returns the error that ends it."""
    client = weir.client("app")
    try:
        for message in prepare:
            client.ask(message)
        client.send(*messages)
        heard = client.expect_closed()
    finally:
        client.socket.close()
    errors = [wire.PgError(m.fields()) for m in heard if m.kind == b"E"]
    assert errors, f"no word of an error in {heard}"
    return errors[-1]


LEAST = {b"B": 12, b"C": 6, b"D": 6, b"E": 9, b"F": 14, b"P": 8, b"Q": 5, b"d": 4, b"f": 5, b"p": 4}
FIXED = [b"H", b"S", b"X", b"c"]


def test_a_length_that_a_message_cannot_have_ends_its_session_alone(weir, bystander):
    other = bystander(weir)
    for kind, least in LEAST.items():
        for length in (0, 3, least - 1, -1, -(2**31), 2**31):
            error = session_ends(weir, head(kind, length, b"\0" * 16))
            assert (error.severity, error.sqlstate) == ("FATAL", "08P01"), (kind, length)
    for kind in FIXED:
        for length in (0, 3, 5, 2**31 - 1, -1):
            error = session_ends(weir, head(kind, length, b"\0" * 16))
            assert (error.severity, error.sqlstate) == ("FATAL", "08P01"), (kind, length)
    assert other.is_well()


def test_a_length_that_cuts_a_message_short_is_an_error_not_a_crash(weir, bystander):
    """What follows the cut is read as the next message, which it is not."""
    other = bystander(weir)
    for whole in (wire.parse("select 1", "cut"), wire.bind(["value"], ""), wire.describe("S", "name"), wire.close("S", "name")):
        for length in range(4, len(whole) - 1):
            client = weir.client("app")
            client.send(head(whole[:1], length, whole[5:]), wire.sync(), wire.terminate())
            said = client.expect_closed()
            assert any(m.kind == b"E" for m in said), (whole, length)
            client.socket.close()
    assert other.is_well()


def test_a_message_that_never_comes_whole_costs_nobody_anything(weir, bystander):
    other = bystander(weir)
    clients = []
    for kind in LEAST:
        for length in (1000, 2**20, 2**31 - 1):
            client = weir.client("app")
            client.send(head(kind, length, b"x" * 20 + b"\0"))
            clients.append(client)
    assert other.is_well()
    for client in clients:
        client.socket.close()
    assert other.is_well()


def test_more_than_max_packet_size_ends_the_session(front, cluster, bystander):
    weir = front(cluster.primary, max_packet_size=10000)
    other = bystander(weir)
    assert session_ends(weir, head(b"Q", 10001)).sqlstate == "08P01"
    assert session_ends(weir, head(b"P", 2**31 - 1)).sqlstate == "08P01"
    assert other.is_well()


def test_unknown_types_end_their_session_alone(weir, bystander):
    other = bystander(weir)
    known = b"".join(LEAST) + b"".join(FIXED)
    for byte in set(range(256)) - set(known):
        error = session_ends(weir, head(bytes([byte]), 4))
        assert said(error) == ("FATAL", "08P01", "unknown pkt"), byte
    assert other.is_well()


def test_the_servers_own_messages_are_none_of_a_clients(weir, bystander):
    other = bystander(weir)
    for message in (wire.ready(), wire.data_row("1"), wire.auth_ok(), wire.notice(), wire.parse_complete()):
        if message[:1] not in LEAST:
            session_ends(weir, message)
    assert other.is_well()


def test_texts_without_their_nul_are_refused(weir, bystander):
    other = bystander(weir)
    broken = {
        "query": wire.message(b"Q", b"select 1"),
        "parse, name": wire.message(b"P", b"name"),
        "parse, text": wire.message(b"P", b"\0select 1"),
        "parse, types": wire.message(b"P", b"\0select 1\0\0\5\0\0\0\1"),
        "parse, tail": wire.message(b"P", b"\0select 1\0\0\0tail"),
        "bind": wire.message(b"B", b"portal and no end"),
        "describe": wire.message(b"D", b"Sname"),
        "describe, tail": wire.message(b"D", b"S\0tail"),
        "describe, what": wire.message(b"D", b"Xname\0"),
        "close": wire.message(b"C", b"Sname"),
        "close, what": wire.message(b"C", b"Xname\0"),
        "execute": wire.message(b"E", b"portal"),
        "execute, rows": wire.message(b"E", b"portal\0\0\0"),
    }
    for name, message in broken.items():
        error = session_ends(weir, message, wire.sync(), wire.terminate())
        assert error.sqlstate == "08P01", name
    assert other.is_well()


def test_the_same_holds_inside_a_transaction_and_inside_a_batch(weir, bystander):
    other = bystander(weir)
    for message in (wire.message(b"Q", b"select 1"), head(b"E", 2), head(b"\1", 4), wire.message(b"p", b"x\0")):
        assert session_ends(weir, message, prepare=[wire.query("begin")]).sqlstate == "08P01"
        assert session_ends(weir, wire.parse("select 1"), message).sqlstate == "08P01"
    assert other.is_well()


def test_huge_counts_in_bind_are_the_servers_error(weir, bystander):
    other = bystander(weir)
    with weir.client("app") as client:
        for formats, values in ((65535, 0), (0, 65535), (32768, 32768)):
            body = b"\0\0" + struct.pack("!HH", formats, values) + b"\0\0"
            result = client.ask(wire.parse("select 1"), wire.message(b"B", body), wire.execute(), wire.sync())
            assert result.error.sqlstate == "08P01", (formats, values)
        negative = struct.pack("!HHi", 0, 1, -2) + b"\0\0"
        result = client.ask(wire.parse("select $1::text"), wire.message(b"B", b"\0\0" + negative), wire.sync())
        assert result.error.sqlstate == "08P01"
        assert client.query("select 1").rows == [("1",)]
    assert other.is_well()


def test_a_parse_with_many_types_and_a_bind_with_many_values_pass(weir):
    count = 600
    with weir.client("app") as client:
        text = "select " + "+".join(f"${i + 1}" for i in range(count))
        values = ["1"] * count
        for name in ("", "many"):
            result = client.ask(wire.parse(text, name, [23] * count), wire.bind(values, name), wire.execute(), wire.sync())
            assert result.error is None and result.rows == [(str(count),)]


def test_copy_messages_outside_of_a_copy_are_dropped_as_postgresql_does(weir, bystander):
    other = bystander(weir)
    with weir.client("app") as client:
        client.send(wire.copy_data(b"x" * 100000), wire.copy_done(), wire.copy_fail("why"), wire.flush())
        assert client.query("select 1").rows == [("1",)]
        client.query("begin")
        client.send(wire.copy_data(b"x" * 100000), wire.copy_done(), wire.copy_fail("why"), wire.flush())
        assert client.query("select 1").rows == [("1",)]
        client.query("commit")
        assert client.ask(wire.sync()).kinds == "Z"
    assert other.is_well()


def test_a_password_that_nobody_asked_for_ends_the_session(weir, bystander):
    other = bystander(weir)
    assert session_ends(weir, wire.password("secret")).sqlstate == "08P01"
    assert other.is_well()


def test_messages_for_portals_and_statements_that_are_not_there_are_the_servers_errors(weir):
    with weir.client("app") as client:
        assert client.ask(wire.execute("nowhere"), wire.sync()).error.sqlstate == "34000"
        assert client.ask(wire.describe("P", "nowhere"), wire.sync()).error.sqlstate == "34000"
        assert client.ask(wire.describe("S", "nothing"), wire.sync()).error.sqlstate == "26000"
        assert client.ask(wire.bind((), "nothing"), wire.sync()).error.sqlstate == "26000"
        assert client.ask(wire.bind(), wire.sync()).error.sqlstate == "26000"
        assert client.ask(wire.close("S", "nothing"), wire.close("P", "nowhere"), wire.sync()).kinds == "33Z"
        assert client.query("select 1").rows == [("1",)]


def test_clients_that_vanish_anywhere_leave_a_pool_that_works(weir, bystander):
    other = bystander(weir)
    data = CONVERSATIONS["extended"]
    for cut in range(0, len(data), 3):
        client = weir.client("app")
        client.send(data[:cut])
        client.socket.close()
    assert other.is_well()
