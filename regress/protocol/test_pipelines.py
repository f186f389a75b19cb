"""Batches and pipelines before a real PostgreSQL: errors in the middle, Flush, portals, answers in their order."""

import pytest

from lib import wire
from lib.eventually import eventually


@pytest.fixture
def weir(front, cluster):
    return front(cluster.primary)


@pytest.fixture
def one(front, cluster):
    """All clients share one server."""
    return front(cluster.primary, default_pool_size=1)


def call(text, *values, name=""):
    return wire.parse(text, name) + wire.bind(values, name) + wire.describe() + wire.execute()


def test_an_error_ends_its_batch_and_no_other(one):
    with one.client("app") as client:
        client.send(
            call("select 1"), wire.sync(),
            call("select 2"), call("select 1/0"), call("select 3"), wire.sync(),
            call("select 4"), wire.sync(),
            wire.query("select 5; select 1/0; select 6"),
            wire.query("select 7"),
        )
        results = [wire.Result(client.read_until(b"Z")) for _ in range(5)]
    assert [r.rows for r in results] == [[("1",)], [("2",)], [("4",)], [("5",)], [("7",)]]
    assert [r.error and r.error.sqlstate for r in results] == [None, "22012", None, "22012", None]


def test_a_batch_that_failed_leaves_no_half_of_its_work(one):
    with one.client("app") as client:
        client.query("create table if not exists half (n int); truncate half")
        client.send(call("insert into half values (1)"), call("select 1/0"), call("insert into half values (2)"), wire.sync())
        client.send(call("insert into half values (3)"), wire.sync())
        client.read_until(b"Z")
        client.read_until(b"Z")
        assert client.query("select n from half").rows == [("3",)]
        client.query("drop table half")


def test_a_query_behind_a_batch_that_failed_is_dropped_up_to_the_sync(one):
    """The server waits for that Sync, and so is nobody else's until it comes."""
    with one.client("app") as client, one.client("app") as other:
        client.send(call("select 1/0"), wire.query("select 'dropped'"))
        assert client.read_until(b"E")
        other.send(wire.query("select 'waits'"))
        client.send(wire.query("select 'dropped too'"), wire.sync())

        assert [m.kind for m in client.read_until(b"Z")] == [b"Z"]
        assert wire.Result(other.read_until(b"Z")).rows == [("waits",)]
        assert client.query("select 2").rows == [("2",)]


@pytest.mark.parametrize("where", ["behind", "before", "in"])
def test_names_prepared_in_a_batch_that_failed_before_them_are_undone(one, where):
    with one.client("app") as client, one.client("app") as other:
        good, bad = wire.parse("select 'good'", "good"), wire.parse("select no_such_column", "bad")
        order = {"behind": bad + good, "before": good + bad, "in": good + wire.bind(("x",), "good") + bad}[where]
        assert client.ask(order, wire.sync()).error
        kept = where != "behind"

        assert client.ask(wire.bind((), "bad"), wire.sync()).error.sqlstate == "26000"
        result = client.ask(wire.bind((), "good"), wire.execute(), wire.sync())
        assert (result.error is None) == kept
        again = client.ask(good, wire.sync())
        assert (again.error.sqlstate == "42P05") if kept else not again.error
        assert other.ask(good, wire.bind((), "good"), wire.execute(), wire.sync()).rows == [("good",)]


def test_a_name_closed_in_a_batch_that_failed_before_it_is_there_again(one):
    with one.client("app") as client:
        client.ask(wire.parse("select 'still'", "kept"), wire.sync())
        assert client.ask(call("select 1/0"), wire.close("S", "kept"), wire.sync()).error
        assert client.ask(wire.bind((), "kept"), wire.execute(), wire.sync()).rows == [("still",)]


def test_a_hundred_statements_in_one_pipeline_come_back_in_order(weir):
    with weir.client("app") as client:
        parts = [call(f"select {i}", name=f"s{i % 7}x{i}") + wire.sync() if i % 3 else wire.query(f"select {i}") for i in range(300)]
        client.send(*parts)
        for i in range(300):
            result = wire.Result(client.read_until(b"Z"))
            assert result.error is None and result.rows == [(str(i),)]


def test_flush_brings_the_answers_without_a_sync(one):
    with one.client("app") as client:
        client.send(wire.parse("select 5", "five"), wire.flush())
        assert client.read().kind == b"1"
        client.send(wire.describe("S", "five"), wire.flush())
        assert [client.read().kind for _ in range(2)] == [b"t", b"T"]
        client.send(wire.bind((), "five"), wire.execute(), wire.flush())
        assert [client.read().kind for _ in range(3)] == [b"2", b"D", b"C"]
        client.send(wire.sync())
        assert client.read().kind == b"Z"


def test_flush_brings_answers_that_are_made_here(one):
    with one.client("app") as client, one.client("app") as other:
        client.ask(wire.parse("select 6", "six"), wire.sync())
        other.send(wire.parse("select 6", "mine"), wire.flush())
        assert other.read().kind == b"1"
        other.send(wire.sync())
        other.read_until(b"Z")

        client.send(wire.parse("select 66"), wire.close("S", "six"), wire.flush())
        assert [client.read().kind for _ in range(2)] == [b"1", b"3"]
        client.send(wire.sync())
        assert client.read().kind == b"Z"


def test_a_flush_holds_the_server_until_the_sync(one):
    """A batch is a transaction: nobody else may come between."""
    with one.client("app") as client, one.client("app") as other:
        client.send(call("select pg_backend_pid()"), wire.flush())
        client.read_until(b"C")
        other.send(wire.query("select 'after'"))
        client.send(call("select txid_current_if_assigned() is null"), wire.sync())
        assert wire.Result(client.read_until(b"Z")).rows == [("t",)]
        assert wire.Result(other.read_until(b"Z")).rows == [("after",)]


def test_a_portal_gives_its_rows_a_few_at_a_time(one):
    with one.client("app") as client, one.client("app") as other:
        assert client.ask(wire.query("begin")).error is None
        text = "select * from generate_series(1, 5)"
        first = client.ask(wire.parse(text, "series"), wire.bind((), "series", "door"), wire.execute("door", 2), wire.sync())
        assert (first.rows, first.kinds) == ([("1",), ("2",)], "12DDsZ")
        second = client.ask(wire.execute("door", 2), wire.sync())
        assert second.rows == [("3",), ("4",)]
        between = client.ask(call("select 'between'"), wire.sync())
        assert between.rows == [("between",)]
        last = client.ask(wire.execute("door", 2), wire.close("P", "door"), wire.sync())
        assert (last.rows, last.kinds) == ([("5",)], "DC3Z")
        client.query("commit")
        assert client.ask(wire.execute("door", 2), wire.sync()).error.sqlstate == "34000"
        assert other.query("select 1").rows == [("1",)]


def test_an_empty_query_is_answered_as_one(one):
    with one.client("app") as client:
        for text in ("", ";", "  -- nothing\n", "/* nothing */"):
            assert client.ask(wire.query(text)).kinds == "IZ"
            assert client.ask(wire.parse(text), wire.bind(), wire.describe(), wire.execute(), wire.sync()).kinds == "12nIZ"


def test_a_function_call_works_alone_and_in_a_transaction(one):
    with one.client("app") as client:
        length = int(client.query("select 'length(text)'::regprocedure::oid").rows[0][0])
        result = client.ask(wire.function_call(length, "four"))
        assert result.kinds == "VZ" and result.messages[0].body[4:] == b"4"
        assert client.ask(wire.function_call(1)).error.sqlstate
        client.query("begin")
        assert client.ask(wire.function_call(length, "sixsix")).messages[0].body[4:] == b"6"
        client.query("commit")
        assert client.query("select 1").rows == [("1",)]


def test_notices_come_where_they_belong(one):
    with one.client("app") as client:
        client.send(wire.query("do $$ begin raise notice 'one'; end $$"), wire.query("select 2"))
        first, second = wire.Result(client.read_until(b"Z")), wire.Result(client.read_until(b"Z"))
    assert [n["M"] for n in first.notices] == ["one"] and second.notices == []


def test_a_listener_in_session_mode_gets_its_notifications(front, cluster):
    weir = front(cluster.primary, pool_mode="session")
    with weir.client("app") as listener, weir.client("app") as other:
        listener.query("listen news")
        other.query("notify news, 'first'")
        said = listener.read()
        assert (said.kind, said.body[4:]) == (b"A", b"news\0first\0")
        listener.send(wire.query("notify news, 'own'"))
        kinds = [m.kind for m in listener.read_until(b"Z")]
        assert kinds in ([b"C", b"A", b"Z"], [b"A", b"C", b"Z"])


def test_statement_mode_lets_nobody_begin_a_transaction(front, cluster):
    weir = front(cluster.primary, pool_mode="statement", default_pool_size=1)
    with weir.client("app") as other:
        for begin in (wire.query("begin"), call("begin") + wire.sync(), wire.query("begin; select 1")):
            client = weir.client("app")
            client.send(begin)
            said = client.expect_closed()
            assert said[-1].fields()["C"] == "0A000"
            assert other.query("select 1").rows == [("1",)]


def test_who_leaves_behind_its_requests_gets_their_answers(one):
    with one.client("app") as other:
        other.query("create table if not exists left_behind (n int); truncate left_behind")
        client = one.client("app")
        client.send(wire.query("insert into left_behind select 1 from pg_sleep(0.05)"), call("select 8"), wire.sync(), wire.terminate())
        said = client.expect_closed()
        assert [m.kind for m in said] == [b"C", b"Z", b"1", b"2", b"T", b"D", b"C", b"Z"]
        assert eventually(lambda: other.query("select count(*) from left_behind").rows == [("1",)])
        other.query("drop table left_behind")
