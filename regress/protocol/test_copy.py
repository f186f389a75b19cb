"""COPY in both directions, and all the ways in which it ends, before a real PostgreSQL."""

import pytest

from lib import wire
from lib.pieces import send_in_pieces

LINES = "".join(f"{i}\tline {i}\n" for i in range(1000)).encode()


@pytest.fixture
def weir(front, cluster):
    """One server, so that whatever a COPY leaves behind is in the next one's way."""
    weir = front(cluster.primary, default_pool_size=1)
    with weir.client("app") as client:
        client.query("drop table if exists copied; create table copied (n int check (n < 5000), t text)")
    return weir


def count(client):
    return int(client.query("select count(*) from copied").rows[0][0])


def test_copy_in_and_out_bring_the_same_lines(weir):
    with weir.client("app") as client, weir.client("app") as other:
        client.send(wire.query("copy copied from stdin"))
        assert client.read().kind == b"G"
        client.send(*[wire.copy_data(LINES[i : i + 777]) for i in range(0, len(LINES), 777)], wire.copy_done())
        assert wire.Result(client.read_until(b"Z")).tags == ["COPY 1000"]

        said = other.ask(wire.query("copy (select * from copied order by n) to stdout"))
        assert said.kinds[0] == "H" and said.kinds.endswith("cCZ")
        assert b"".join(m.body for m in said.messages if m.kind == b"d") == LINES


def test_copy_data_sent_ahead_of_the_servers_invitation_is_not_lost(weir):
    with weir.client("app") as client:
        client.send(wire.query("copy copied from stdin"), wire.copy_data(LINES), wire.copy_done(), wire.query("select 1"))
        assert wire.Result(client.read_until(b"Z")).tags == ["COPY 1000"]
        assert wire.Result(client.read_until(b"Z")).rows == [("1",)]
        batch = wire.parse("copy copied from stdin") + wire.bind() + wire.execute()
        client.send(batch, wire.copy_data(LINES), wire.copy_done(), wire.sync())
        assert wire.Result(client.read_until(b"Z")).tags == ["COPY 1000"]
        assert count(client) == 2000


def test_copy_data_sent_ahead_of_an_error_is_dropped(weir):
    with weir.client("app") as client:
        client.send(wire.query("copy nowhere from stdin"), wire.copy_data(LINES), wire.copy_done(), wire.query("select 1"))
        assert wire.Result(client.read_until(b"Z")).error.sqlstate == "42P01"
        assert wire.Result(client.read_until(b"Z")).rows == [("1",)]
        batch = wire.parse("copy nowhere from stdin") + wire.bind() + wire.execute()
        client.send(batch, wire.copy_data(LINES), wire.copy_done(), wire.sync())
        assert wire.Result(client.read_until(b"Z")).error.sqlstate == "42P01"
        client.send(wire.parse("select 2"), wire.bind(), wire.execute(), wire.copy_data(LINES), wire.copy_done(), wire.sync())
        assert wire.Result(client.read_until(b"Z")).rows == [("2",)]


def test_a_client_may_give_up_its_copy(weir):
    with weir.client("app") as client:
        client.send(wire.query("copy copied from stdin"))
        client.read_until(b"G")
        client.send(wire.copy_data(LINES), wire.copy_fail("changed my mind"))
        error = wire.Result(client.read_until(b"Z")).error
        assert error.sqlstate == "57014" and "changed my mind" in error.message
        assert count(client) == 0


@pytest.mark.parametrize("extended", [False, True], ids=["simple", "extended"])
def test_a_server_that_ends_the_copy_is_heard_while_the_client_still_sends(weir, extended):
    copy = "copy copied from stdin"
    begin = wire.parse(copy) + wire.bind() + wire.execute() + wire.flush() if extended else wire.query(copy)
    rest = [wire.copy_done(), wire.sync()] if extended else [wire.copy_done()]
    with weir.client("app") as client, weir.client("app") as other:
        for _ in range(5):
            client.send(begin)
            client.read_until(b"G")
            client.send(wire.copy_data(b"not a number\n" * 10), *[wire.copy_data(LINES)] * 50, *rest)
            assert wire.Result(client.read_until(b"Z")).error.sqlstate == "22P02"
            assert client.status == "I"
            assert count(client) == 0
            assert other.query("select 1").rows == [("1",)]


def test_a_copy_inside_a_transaction_fails_and_the_transaction_knows(weir):
    with weir.client("app") as client:
        client.query("begin")
        client.send(wire.query("copy copied from stdin"))
        client.read_until(b"G")
        client.send(wire.copy_data(b"9999\ttoo much\n"), wire.copy_done())
        result = client.read_until(b"Z")
        assert wire.Result(result).error.sqlstate == "23514" and result[-1].body == b"E"
        client.query("rollback")
        assert count(client) == 0


def test_copy_through_the_extended_protocol_with_its_sync_sent_ahead(weir):
    """As libpq sends it: the first Sync is read by the COPY, the one behind the data ends the batch."""
    batch = wire.parse("copy copied from stdin") + wire.bind() + wire.describe() + wire.execute() + wire.sync()
    with weir.client("app") as client, weir.client("app") as other:
        for times in range(1, 4):
            client.send(batch)
            kinds = [m.kind for m in client.read_until(b"G")]
            assert kinds == [b"1", b"2", b"n", b"G"]
            other.send(wire.query("select 'waits'"))
            client.send(wire.copy_data(LINES), wire.copy_done(), wire.sync())
            assert wire.Result(client.read_until(b"Z")).tags == ["COPY 1000"]
            assert wire.Result(other.read_until(b"Z")).rows == [("waits",)]
            assert count(client) == times * 1000


def test_copy_through_the_extended_protocol_fails_with_its_sync_sent_ahead(weir):
    batch = wire.parse("copy copied from stdin") + wire.bind() + wire.describe() + wire.execute() + wire.sync()
    with weir.client("app") as client:
        for data in ([wire.copy_data(b"bad\n"), wire.copy_done()], [wire.copy_fail("no")]):
            client.send(batch)
            client.read_until(b"G")
            client.send(*data, wire.sync())
            assert wire.Result(client.read_until(b"Z")).error
            assert client.query("select 1").rows == [("1",)]


COPY = wire.parse("copy copied from stdin") + wire.bind() + wire.describe() + wire.execute()
SELECT = wire.parse("select 1") + wire.bind() + wire.describe() + wire.execute()
DATA = wire.copy_data(b"1\ta\n") + wire.copy_done()
AHEAD = {
    "a batch behind a batch that copies": COPY + wire.sync() + DATA + wire.sync() + SELECT + wire.sync(),
    "a statement behind the copy, in its batch": COPY + DATA + SELECT + wire.sync() + wire.query("select 2"),
    "two copies in one batch": COPY + DATA + COPY + DATA + wire.sync() + SELECT + wire.sync(),
    "a Sync behind a Query that copies": wire.query("copy copied from stdin") + wire.sync() + DATA + COPY + DATA + wire.sync(),
    "Syncs behind both": wire.query("copy copied from stdin") + wire.sync() * 2 + DATA + wire.sync() + COPY + wire.sync() * 2 + DATA + wire.sync(),
    "a batch where the data should be": COPY + wire.sync() + SELECT + wire.sync() + DATA + wire.sync(),
    "a Query where the data should be": COPY + wire.sync() + wire.query("select 1"),
    "a copy that fails": COPY + wire.sync() + wire.copy_data(b"bad\n") + wire.copy_done() + wire.sync() + SELECT + wire.sync(),
    "a copy that cannot begin": COPY.replace(b"copied", b"nowher") + wire.sync() + DATA + wire.sync() + SELECT + wire.sync(),
    "a name that the batch behind frees": wire.parse("select 3", "n") + COPY + wire.sync() + DATA + wire.sync() + wire.close("S", "n") + wire.sync(),
}


@pytest.mark.parametrize("sent", AHEAD.values(), ids=AHEAD.keys())
def test_what_is_sent_ahead_around_a_copy_is_answered_as_on_a_connection_of_ones_own(weir, cluster, sent):
    def answers(client):
        end, said = wire.query("select 'end'"), []
        try:
            client.send(sent, end)
            while not (said[-2:] and said[-1].kind == b"Z" and b"SELECT 1" in said[-2].body and b"end" in said[-3].body):
                said.append(client.read())
        except ConnectionError:
            said.append("closed")
        return said

    with cluster.primary.client() as direct, weir.client("app") as pooled:
        expected, said = answers(direct), answers(pooled)

    assert said == expected


def test_copy_out_through_the_extended_protocol(weir):
    with weir.client("app") as client:
        result = client.ask(wire.parse("copy (select 1) to stdout"), wire.bind(), wire.describe(), wire.execute(), wire.sync())
        assert result.kinds == "12nHdcCZ"


def test_a_client_that_leaves_in_the_middle_of_a_copy_commits_nothing(weir):
    with weir.client("app") as other:
        for leave in (lambda c: c.send(wire.terminate()), lambda c: None, lambda c: c.send(wire.copy_data(b"x" * 100000)[:5000])):
            client = weir.client("app")
            client.send(wire.query("copy copied from stdin"))
            client.read_until(b"G")
            client.send(wire.copy_data(LINES))
            leave(client)
            client.socket.close()
            assert count(other) == 0


def test_the_answer_to_a_copy_of_many_rows_may_be_left_unread(weir):
    with weir.client("app") as other:
        client = weir.client("app")
        client.send(wire.query("copy (select repeat('x', 1000) from generate_series(1, 20000)) to stdout"))
        client.read_until(b"H")
        client.socket.close()
        assert other.query("select 1").rows == [("1",)]


def test_binary_copies_of_any_length_pass(weir):
    with weir.client("app", unix=True) as client:
        data = wire.copy_data(LINES[:2000] + b"\n".join([b"1\t" + b"y" * 300000] * 3) + b"\n") + wire.copy_done()
        client.send(wire.query("copy copied (t) from stdin with (delimiter '|')"))
        client.read_until(b"G")
        send_in_pieces(client, data, 3, 5, 6, 1000, 70000, 300000, len(data) - 3)
        assert not wire.Result(client.read_until(b"Z")).error
