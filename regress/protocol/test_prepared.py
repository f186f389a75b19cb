"""Prepared statements of the protocol in transaction mode: the client's names, whatever server it gets."""

import pytest

from lib import wire
from lib.eventually import eventually


@pytest.fixture
def make(front, cluster):
    return lambda **settings: front(cluster.primary, **settings)


@pytest.fixture
def one(make):
    """All clients share one server."""
    return make(default_pool_size=1)


def run(client, name, *values):
    return client.ask(wire.bind(values, name), wire.execute(), wire.sync())


def prepare(client, text, name):
    result = client.ask(wire.parse(text, name), wire.sync())
    assert result.error is None, result.error


def backend(client):
    return client.query("select pg_backend_pid()").rows[0][0]


def on_two_servers(weir, client, what):
    """Calls what() while the client's next request gets one server, and then the other one."""
    with weir.client("app") as blocker:
        found = [what()]
        blocker.query("begin")
        held = backend(blocker)
        found.append(what())
        with weir.client("app") as second:
            second.query("begin")
            assert backend(second) != held
            blocker.query("commit")
            found.append(what())
            second.query("rollback")
    return found


def test_a_duplicate_name_is_an_error_in_the_clients_words(one):
    with one.client("app") as client:
        prepare(client, "select 1", "mine")
        for text in ("select 1", "select 2"):
            error = client.ask(wire.parse(text, "mine"), wire.sync()).error
            assert error.sqlstate == "42P05"
            assert error.message == 'prepared statement "mine" already exists'
        assert run(client, "mine").rows == [("1",)]


def test_an_unknown_name_is_an_error_in_the_clients_words(one):
    with one.client("app") as client:
        for message in (wire.bind((), "nobody's"), wire.describe("S", "nobody's")):
            error = client.ask(message, wire.sync()).error
            assert error.sqlstate == "26000"
            assert error.message == 'prepared statement "nobody\'s" does not exist'
        assert client.query("select 1").rows == [("1",)]


def test_an_error_of_a_name_rolls_its_transaction_back(one):
    with one.client("app") as client:
        client.query("create table if not exists named (n int); truncate named")
        client.send(wire.parse("insert into named values (1)"), wire.bind(), wire.execute(), wire.bind((), "nothing"), wire.sync())
        assert wire.Result(client.read_until(b"Z")).error.sqlstate == "26000"
        client.query("begin; insert into named values (2)")
        assert client.ask(wire.bind((), "nothing"), wire.sync()).error.sqlstate == "26000"
        assert client.status == "E"
        client.query("rollback")
        assert client.query("select * from named").rows == []
        client.query("drop table named")


def test_clients_with_the_same_name_have_their_own_statements(one):
    clients = [one.client("app") for _ in range(10)]
    for i, client in enumerate(clients):
        prepare(client, f"select {i} + $1::int", "same")
    for _ in range(3):
        for i, client in enumerate(clients):
            assert run(client, "same", "100").rows == [(str(100 + i),)]
    for client in clients:
        client.close()


def test_a_statement_is_prepared_again_on_every_server_that_lacks_it(make):
    weir = make(default_pool_size=2)
    with weir.client("app") as client:
        prepare(client, "select pg_backend_pid(), $1::text", "roams")
        found = on_two_servers(weir, client, lambda: run(client, "roams", "x").rows[0])
    assert len({pid for pid, _ in found}) == 2
    assert {value for _, value in found} == {"x"}


def test_a_described_statement_is_described_alike_on_another_server(make):
    weir = make(default_pool_size=2)
    with weir.client("app") as client:
        prepare(client, "select $1::int as a, $2::text as b", "told")
        found = on_two_servers(weir, client, lambda: client.ask(wire.describe("S", "told"), wire.sync()).messages)
    assert found[0] == found[1] == found[2]
    assert [m.kind for m in found[0]] == [b"t", b"T", b"Z"]


def test_the_unnamed_statement_lives_across_sync_and_servers(make):
    weir = make(default_pool_size=2)
    with weir.client("app") as client:
        prepare(client, "select pg_backend_pid(), 'unnamed'", "")
        found = on_two_servers(weir, client, lambda: run(client, "").rows[0])
        assert len({pid for pid, _ in found}) == 2 and {word for _, word in found} == {"unnamed"}
        with weir.client("app") as other:
            prepare(other, "select 'other'", "")
            assert run(client, "").rows[0][1] == "unnamed"
            assert run(other, "").rows == [("other",)]
        client.query("select 1")
        assert run(client, "").error.sqlstate == "26000"


def test_the_unnamed_statement_of_another_client_is_never_run(one):
    with one.client("app") as client, one.client("app") as other:
        prepare(other, "select 'secret'", "")
        assert run(client, "").error.sqlstate == "26000"
        assert client.ask(wire.describe("S"), wire.sync()).error.sqlstate == "26000"
        assert run(other, "").rows == [("secret",)]


FORGET = {
    "close": wire.close("S", "gone") + wire.sync(),
    "deallocate": wire.query("deallocate gone"),
    "deallocate prepare": wire.query("deallocate prepare gone"),
    "a quoted name": wire.query('DEALLOCATE "gone"'),
    "deallocate all": wire.query("deallocate all"),
    "discard all": wire.query("discard all"),
    "deallocate, extended": wire.parse("deallocate gone") + wire.bind() + wire.execute() + wire.sync(),
    "deallocate all, extended": wire.parse("deallocate all") + wire.bind() + wire.execute() + wire.sync(),
}


def test_a_name_that_was_given_up_is_free_and_the_others_keep_theirs(make):
    weir = make(default_pool_size=2)
    for name, forget in FORGET.items():
        with weir.client("app") as client, weir.client("app") as other:
            for c in (client, other):
                prepare(c, "select 'old'", "gone")
            assert client.ask(forget).error is None, name
            assert run(client, "gone").error.sqlstate == "26000", name
            assert run(other, "gone").rows == [("old",)], name
            prepare(client, "select 'new'", "gone")
            assert run(client, "gone").rows == [("new",)], name
            assert run(other, "gone").rows == [("old",)], name


@pytest.mark.parametrize("forget", ["deallocate all", "discard all"])
def test_what_is_prepared_in_the_same_breath_as_everything_is_forgotten_is_there(one, forget):
    with one.client("app") as client, one.client("app") as other:
        prepare(other, "select 'shared'", "its")
        prepare(client, "select 'old'", "mine")
        again = wire.parse("select 'shared'", "mine") + wire.bind((), "mine") + wire.execute() + wire.sync()
        for _ in range(2):
            client.send(wire.query(forget), again)
            assert wire.Result(client.read_until(b"Z")).error is None
            assert wire.Result(client.read_until(b"Z")).rows == [("shared",)]
            assert run(other, "its").rows == [("shared",)]


def test_deallocate_of_an_unknown_name_is_the_servers_error(one):
    with one.client("app") as client:
        error = client.ask(wire.query("deallocate nothing")).error
        assert (error.sqlstate, error.message) == ("26000", 'prepared statement "nothing" does not exist')


def test_a_server_keeps_no_more_statements_than_it_should(make, cluster):
    weir = make(default_pool_size=1, max_prepared_statements=2)
    clients = [weir.client("app") for _ in range(6)]
    for i, client in enumerate(clients):
        prepare(client, f"select 'evict {i}'", "mine")
    for round_ in range(3):
        for i, client in enumerate(clients):
            assert run(client, "mine").rows == [(f"evict {i}",)], round_
    assert weir.show("SERVERS")[0]["prepared_statements"] == 2
    for client in clients:
        client.close()


def test_eviction_inside_one_batch_harms_nothing(make):
    weir = make(default_pool_size=1, max_prepared_statements=2)
    with weir.client("app") as client:
        for i in range(5):
            prepare(client, f"select {i}", f"s{i}")
        client.send(*[wire.bind((), f"s{i}", f"p{i}") for i in range(5)], *[wire.execute(f"p{i}") for i in range(5)], wire.sync())
        assert wire.Result(client.read_until(b"Z")).rows == [(str(i),) for i in range(5)]
        client.send(*[wire.bind((), f"s{i}") + wire.execute() for i in range(4)], wire.bind((), "none"), wire.sync())
        assert wire.Result(client.read_until(b"Z")).error.sqlstate == "26000"
        for i in range(5):
            assert run(client, f"s{i}").rows == [(str(i),)]


def test_a_statement_that_its_table_has_left_is_the_servers_error_and_not_the_end(make):
    weir = make(default_pool_size=2)
    with weir.client("app") as client, weir.client("app") as other:
        other.query("drop table if exists leaves; create table leaves (n int); insert into leaves values (7)")
        prepare(client, "select n from leaves", "leaf")
        assert run(client, "leaf").rows == [("7",)]
        other.query("drop table leaves")
        for _ in range(2):
            assert run(client, "leaf").error.sqlstate == "42P01"
        other.query("create table leaves (n int); insert into leaves values (8)")
        assert run(client, "leaf").rows == [("8",)]
        other.query("drop table leaves")


def test_what_cannot_be_prepared_any_more_is_not_tried_for_ever(make):
    """Ahead of a temporary table the client's statements are prepared on the server that lacks them, and this one fails."""
    weir = make(default_pool_size=2)
    with weir.client("app") as client, weir.client("app") as blocker:
        blocker.query("drop table if exists gone; create table gone (n int)")
        prepare(client, "select n from gone", "leaf")
        blocker.query("drop table gone")
        blocker.query("begin")

        made = client.query("create temp table of_the_client ()")

        assert made.error is None
        assert run(client, "leaf").error.sqlstate == "42P01"


def test_names_as_long_and_odd_as_they_come_are_names(one):
    with one.client("app") as client:
        names = ["n" * 63, "m" * 3000, "Ünïcödé", "with 'quotes' and \"more\"", "PGBOUNCER_1", "PGBOUNCER_fence_1", " "]
        for i, name in enumerate(names):
            prepare(client, f"select {i}", name)
        for i, name in enumerate(names):
            assert run(client, name).rows == [(str(i),)], name
        assert run(client, "PGBOUNCER_2").error.sqlstate == "26000"
        # PostgreSQL keeps 63 bytes of a name.
        assert client.ask(wire.parse("select 1", "n" * 64), wire.sync()).error.sqlstate == "42P05"


def test_with_max_prepared_statements_0_names_go_as_they_are(make):
    weir = make(max_prepared_statements=0, default_pool_size=1)
    with weir.client("app") as client:
        prepare(client, "select 1", "plain")
        assert client.query("select name from pg_prepared_statements").rows == [("plain",)]
        assert run(client, "plain").rows == [("1",)]


def test_in_session_mode_names_go_as_they_are_and_end_with_the_session(make):
    weir = make(pool_mode="session", default_pool_size=1)
    with weir.client("app") as client:
        prepare(client, "select 1", "plain")
        assert client.query("select name from pg_prepared_statements").rows == [("plain",)]
    with weir.client("app") as client:
        assert run(client, "plain").error.sqlstate == "26000"
        prepare(client, "select 2", "plain")


def test_a_server_that_died_takes_no_statement_with_it(make, cluster):
    weir = make(default_pool_size=1, log_disconnections=1)
    with weir.client("app") as client:
        prepare(client, "select pg_backend_pid()", "lives")
        before = run(client, "lives").rows[0][0]
        cluster.primary.query(f"select pg_terminate_backend({before})")
        eventually(lambda: "closing because: server conn crashed?" in weir.log)
        assert run(client, "lives").rows[0][0] != before


def test_a_name_given_up_where_that_cannot_be_is_kept(make):
    """In a transaction that failed DEALLOCATE fails once, on whatever server it is."""
    weir = make(default_pool_size=2)
    with weir.client("app") as client:
        prepare(client, "select 'kept'", "mine")

        def fails():
            client.send(wire.query("begin"), wire.query("select 1/0"), wire.query("deallocate mine"), wire.query("rollback"))
            kinds = [wire.Result(client.read_until(b"Z")).kinds for _ in range(4)]
            return kinds == ["CZ", "EZ" if "T" not in kinds[1] else "TEZ", "EZ", "CZ"]

        assert all(on_two_servers(weir, client, fails))
        assert run(client, "mine").rows == [("kept",)]


def test_a_name_may_be_given_up_among_other_statements(one):
    with one.client("app") as client:
        prepare(client, "select 1", "mine")
        assert client.ask(wire.query("deallocate mine; select 'more'")).rows == [("more",)]
        assert run(client, "mine").error.sqlstate == "26000"
        assert client.query("select 1").rows == [("1",)]
