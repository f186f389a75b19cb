"""Sequences on borrowed servers: a client is told its own last number, or that it has none, and never another's."""

import time

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import Background, crowd, pid_of, refused, value, waiting


@pytest.fixture
def sequences(app):
    app.query("drop table if exists orders; create table orders (id serial, what text); "
              "drop sequence if exists numbers; create sequence numbers")
    return app


def simple(client, text):
    return client.ask(wire.query(text))


def extended(client, text):
    return client.ask(wire.parse(text), wire.bind(), wire.describe(), wire.execute(), wire.sync())


def prepared(client, text):
    assert not client.ask(wire.parse(text, text), wire.sync()).error
    result = client.ask(wire.bind((), text), wire.execute(), wire.sync())
    client.ask(wire.close("S", text), wire.sync())
    return result


WAYS = [simple, extended, prepared]


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_draws_is_told_its_own_number_later(sequences, way):
    one = sequences.weir(default_pool_size=3)
    with one.client("app") as client, one.client("app") as other, one.client("app") as third:
        mine = way(client, "select nextval('numbers')").rows
        for _ in range(5):
            value(other, "select nextval('numbers')")
            value(third, "select 1")

        assert way(client, "select currval('numbers')").rows == mine
        assert way(client, "select lastval()").rows == mine


@pytest.mark.parametrize("way", WAYS)
def test_who_has_drawn_nothing_is_told_so_on_another_ones_server(sequences, way):
    one = sequences.weir(default_pool_size=1)
    with one.client("app") as client, one.client("app") as other:
        client.query("insert into orders (what) values ('mine')")
        for text in ("select lastval()", "select currval('orders_id_seq')"):
            assert way(other, text).error.sqlstate == "55000"
        other.query("begin")
        assert way(other, "select lastval()").error.sqlstate == "55000"
        other.query("rollback")


def test_in_its_own_transaction_a_client_asks_as_ever(sequences):
    """Also the first who asks at all, on a server that others have used."""
    one = sequences.weir(default_pool_size=1)
    with one.client("app") as client, one.client("app") as other:
        for who in (other, client, other):
            who.query("insert into orders (what) values ('noise')")

        client.query("begin")
        number = value(client, "insert into orders (what) values ('mine') returning id")
        assert value(client, "select lastval()") == number
        client.query("commit")


def test_after_somebody_has_asked_an_insert_is_remembered(sequences):
    one = sequences.weir(default_pool_size=3)
    with one.client("app") as client, one.client("app") as other, one.client("app") as asker:
        refused(asker.query, "select lastval()")
        number = value(client, "insert into orders (what) values ('mine') returning id")
        for _ in range(5):
            other.query("insert into orders (what) values ('noise')")
            value(asker, "select 1")

        assert value(client, "select lastval()") == number
        assert value(client, "select currval('orders_id_seq')") == number


@pytest.mark.parametrize("key", [{"track_sequences": "always"}, {}])
def test_track_sequences_remembers_from_the_first_insert_on(sequences, key):
    main = {} if key else {"track_sequences": "always"}
    one = sequences.weir(keys=key, default_pool_size=2, **main)
    with one.client("app") as client, one.client("app") as other:
        number = value(client, "insert into orders (what) values ('mine') returning id")
        other.query("insert into orders (what) values ('noise')")
        pid = pid_of(other)
        assert pid_of(client) != pid

        assert value(client, "select lastval()") == number


def test_track_sequences_never_keeps_no_server_for_an_insert(sequences):
    one = sequences.weir(track_sequences="never", default_pool_size=1)
    with one.client("app") as client, one.client("app") as other:
        refused(client.query, "select lastval()")
        client.query("insert into orders (what) values ('mine')")
        other.query("insert into orders (what) values ('noise')")

        assert refused(client.query, "select lastval()").sqlstate == "55000"


def test_discard_sequences_forgets_and_lets_the_server_go(sequences):
    one = sequences.weir(track_sequences="always", default_pool_size=1, query_wait_timeout=3)
    with one.client("app") as client, one.client("app") as other:
        for text in ("discard sequences", "discard all"):
            client.query("select nextval('numbers')")
            client.query(text)
            assert value(other, "select 1") == "1"
            assert refused(client.query, "select lastval()").sqlstate == "55000"


def test_a_crowd_that_only_draws_numbers_starves_nobody(sequences):
    one = sequences.weir(default_pool_size=3, query_wait_timeout=10)
    clients = [one.client("app") for _ in range(40)]
    began = time.monotonic()

    drawn = crowd(40, lambda number: [value(clients[number], "select nextval('numbers')") for _ in range(5)])

    assert len({n for numbers in drawn for n in numbers}) == 200
    assert time.monotonic() - began < 8
    for client in clients:
        client.close()


def test_a_number_that_nobody_asks_for_any_more_keeps_no_server_from_those_who_wait(sequences):
    one = sequences.weir(default_pool_size=1, query_wait_timeout=10)
    with one.client("app") as client, one.client("app") as other:
        value(client, "select nextval('numbers')")
        value(client, "select currval('numbers')")

        value(other, "select nextval('numbers')")
        other.close()

        assert refused(client.query, "select currval('numbers')").sqlstate == "55000"


def test_with_track_sequences_always_the_server_is_kept_for_as_long_as_it_takes(sequences):
    one = sequences.weir(default_pool_size=1, track_sequences="always")
    with one.client("app") as client, one.client("app") as other:
        number = value(client, "select nextval('numbers')")
        assert value(client, "select currval('numbers')") == number
        answer = Background(value, other, "select 1")
        assert eventually(waiting, one, 1)
        assert value(client, "select currval('numbers')") == number

        client.query("discard sequences")

        assert answer.result() == "1"


def test_a_copy_counts_as_adding_rows(sequences):
    one = sequences.weir(track_sequences="always", default_pool_size=2)
    with one.client("app") as client, one.client("app") as other:
        client.send(wire.query("copy orders (what) from stdin"))
        client.read_until(b"G")
        client.send(wire.copy_data(b"mine\n"), wire.copy_done())
        client.read_until(b"Z")
        number = value(other, "select max(id) from orders where what = 'mine'")
        other.query("insert into orders (what) values ('noise')")

        assert value(client, "select lastval()") == number


def test_a_discard_put_ahead_in_a_batch_that_fails_is_made_up_for(sequences):
    one = sequences.weir(default_pool_size=1)
    with one.client("app") as client, one.client("app") as other:
        client.query("insert into orders (what) values ('mine')")
        bad = wire.parse("select 1/0") + wire.bind() + wire.execute()
        ask = wire.parse("select lastval()") + wire.bind() + wire.execute()
        assert other.ask(bad, ask, wire.sync()).error.sqlstate == "22012"

        assert other.ask(ask, wire.sync()).error.sqlstate == "55000"


def test_a_command_that_runs_in_no_pipeline_has_no_discard_put_ahead_in_its_batch(sequences):
    """With an operator that nobody can look into each text may ask for a number."""
    sequences.query(
        "create or replace function looks(a int, b int) returns bool language plpgsql as"
        " 'begin execute ''select 1''; return a = b; end';"
        "create operator ==? (leftarg = int, rightarg = int, function = looks)")
    one = sequences.weir(default_pool_size=1)
    with one.client("app") as client, one.client("app") as other:
        assert not other.query("insert into orders (what) values ('mine')").error

        assert not extended(client, "vacuum orders").error
        assert not extended(client, "reindex table concurrently orders").error
    sequences.query("drop function looks(int, int) cascade")
