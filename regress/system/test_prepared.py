"""Prepared statements of the protocol, over servers that change between transactions."""

import asyncio
import re

import asyncpg
import psycopg
import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import crowd, said, value

CLIENTS, ROUNDS = 10, 20


def test_psycopg_prepares_over_few_servers(app):
    one = app.weir(default_pool_size=2)

    def work(number):
        with one.connect("app") as connection:
            connection.prepare_threshold = 0
            for round in range(ROUNDS):
                sql = f"select {round % 5}::int + %s"
                assert connection.execute(sql, (number,)).fetchone() == (round % 5 + number,)

    crowd(CLIENTS, work)

    assert len(app.pids()) <= 2
    assert int(one.show("STATS", database="app")[0]["total_client_parse_count"]) >= CLIENTS * 5


def test_a_statement_s_name_on_the_server_begins_as_in_pgbouncer(app):
    one = app.weir(default_pool_size=1)
    mark = app.primary.mark()

    with one.client("app") as client:
        client.ask(wire.parse("select 17", "mine"), wire.bind(name="mine"), wire.execute(), wire.sync())

    executed = next(s for s in app.primary.statements_since(mark) if s.text == "select 17")
    assert re.fullmatch(r"execute PGBOUNCER_\d+", executed.kind)
    assert one.show("SERVERS")[0]["prepared_statements"] == 1


def test_asyncpg_prepares_over_few_servers(app):
    one = app.weir(default_pool_size=2)

    async def work(number):
        connection = await asyncpg.connect(host=one.address, port=one.port, user="postgres", database="app")
        for round in range(ROUNDS):
            assert await connection.fetchval(f"select {round % 5}::int + $1", number) == round % 5 + number
        await connection.close()

    async def all_of_them():
        await asyncio.wait_for(asyncio.gather(*map(work, range(CLIENTS))), 30)

    asyncio.run(all_of_them())

    assert len(app.pids()) <= 2
    assert int(one.show("STATS", database="app")[0]["total_bind_count"]) >= CLIENTS * ROUNDS


def test_asyncpg_s_transactions_and_cursors_work(app):
    one = app.weir(default_pool_size=1)

    async def work():
        connection = await asyncpg.connect(host=one.address, port=one.port, user="postgres", database="app")
        async with connection.transaction():
            rows = [row[0] async for row in connection.cursor("select generate_series(1, $1::int)", 200)]
        prepared = await connection.prepare("select $1::int * 2")
        doubled = [await prepared.fetchval(n) for n in range(5)]
        await connection.close()
        return rows, doubled

    assert asyncio.run(asyncio.wait_for(work(), 30)) == (list(range(1, 201)), [0, 2, 4, 6, 8])


def test_clients_share_the_statements_of_a_server(app):
    """Ten clients prepare the same text: the server has it once."""
    one = app.weir(default_pool_size=1)
    clients = [one.client("app") for _ in range(CLIENTS)]

    for client in clients:
        assert not client.ask(wire.parse("select 'shared'", "mine"), wire.sync()).error
        assert client.ask(wire.bind(name="mine"), wire.execute(), wire.sync()).rows == [("shared",)]

    assert one.show("SERVERS")[0]["prepared_statements"] == 1


def test_the_same_name_means_to_each_client_its_own_statement(app):
    one = app.weir(default_pool_size=1)
    clients = [one.client("app") for _ in range(3)]

    for number, client in enumerate(clients):
        client.ask(wire.parse(f"select {number}", "same"), wire.sync())

    for number, client in enumerate(clients):
        assert client.ask(wire.bind(name="same"), wire.execute(), wire.sync()).rows == [(str(number),)]


def test_a_statement_is_prepared_again_where_it_is_missing(app):
    one = app.weir(default_pool_size=2)
    client, holder = one.client("app"), one.client("app")
    client.ask(wire.parse("select pg_backend_pid()", "mine"), wire.sync())
    first = client.ask(wire.bind(name="mine"), wire.execute(), wire.sync()).rows

    holder.query("begin")
    second = client.ask(wire.bind(name="mine"), wire.execute(), wire.sync()).rows
    app.primary.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'app' and state = 'idle'")
    eventually(lambda: app.pool(one)["sv_idle"] == 0)
    third = client.ask(wire.bind(name="mine"), wire.execute(), wire.sync()).rows

    assert len(first) == len(second) == len(third) == 1
    assert third[0] not in (first[0], second[0])


def test_a_server_keeps_no_more_statements_than_allowed(app):
    one = app.weir(default_pool_size=1, max_prepared_statements=3)
    client = one.client("app")

    for number in range(10):
        client.ask(wire.parse(f"select {number}", f"s{number}"), wire.sync())

    assert one.show("SERVERS")[0]["prepared_statements"] <= 3
    for number in range(10):
        assert client.ask(wire.bind(name=f"s{number}"), wire.execute(), wire.sync()).rows == [(str(number),)]


def test_a_name_that_exists_is_refused_and_the_session_lives(app):
    one = app.weir(default_pool_size=1)
    client = one.client("app")
    client.ask(wire.parse("select 1", "mine"), wire.sync())

    error = client.ask(wire.parse("select 2", "mine"), wire.sync()).error

    assert said(error) == ("ERROR", "42P05", 'prepared statement "mine" already exists')
    assert client.ask(wire.bind(name="mine"), wire.execute(), wire.sync()).rows == [("1",)]


def test_a_name_that_does_not_exist_is_refused_and_the_session_lives(app):
    one = app.weir(default_pool_size=1)
    client = one.client("app")

    error = client.ask(wire.bind(name="nobody"), wire.execute(), wire.sync()).error

    assert said(error) == ("ERROR", "26000", 'prepared statement "nobody" does not exist')
    assert value(client, "select 1") == "1"


@pytest.mark.parametrize("sql", ["deallocate all", "discard all", "deallocate mine"])
def test_a_statement_that_was_deallocated_is_gone_for_that_client_alone(app, sql):
    one = app.weir(default_pool_size=1)
    client, other = one.client("app"), one.client("app")
    for each in (client, other):
        each.ask(wire.parse("select 'mine'", "mine"), wire.sync())

    client.query(sql)

    assert client.ask(wire.bind(name="mine"), wire.execute(), wire.sync()).error.sqlstate == "26000"
    assert other.ask(wire.bind(name="mine"), wire.execute(), wire.sync()).rows == [("mine",)]


def test_a_closed_statement_s_name_is_free_again(app):
    one = app.weir(default_pool_size=1)
    client = one.client("app")
    client.ask(wire.parse("select 1", "mine"), wire.sync())

    client.ask(wire.close("S", "mine"), wire.sync())

    assert not client.ask(wire.parse("select 2", "mine"), wire.sync()).error
    assert client.ask(wire.bind(name="mine"), wire.execute(), wire.sync()).rows == [("2",)]


def test_a_statement_that_failed_to_parse_leaves_its_name_free(app):
    one = app.weir(default_pool_size=1)
    client = one.client("app")

    assert client.ask(wire.parse("select from where", "mine"), wire.sync()).error.sqlstate == "42601"

    assert not client.ask(wire.parse("select 2", "mine"), wire.sync()).error
    assert client.ask(wire.bind(name="mine"), wire.execute(), wire.sync()).rows == [("2",)]


def test_the_unnamed_statement_lives_over_syncs(app):
    one = app.weir(default_pool_size=1)
    clients = [one.client("app") for _ in range(3)]

    for number, client in enumerate(clients):
        client.ask(wire.parse(f"select {number}"), wire.sync())

    for number, client in enumerate(clients):
        assert client.ask(wire.bind(), wire.execute(), wire.sync()).rows == [(str(number),)]


def test_a_date_means_what_it_meant_to_the_client_that_prepared_it(app):
    """'01/02/2020' is read when the statement is parsed, under the client's DateStyle."""
    one = app.weir(default_pool_size=1)
    american, european = one.client("app", DateStyle="ISO, MDY"), one.client("app", DateStyle="ISO, DMY")

    for client, date in ((american, "2020-01-02"), (european, "2020-02-01")):
        client.ask(wire.parse("select date '01/02/2020'", "d"), wire.sync())
        assert client.ask(wire.bind(name="d"), wire.execute(), wire.sync()).rows == [(date,)]


def test_sql_level_prepare_works_in_a_transaction(app):
    one = app.weir(default_pool_size=1)
    client = one.client("app")

    client.query("begin; prepare p(int) as select $1 + 1")

    assert value(client, "execute p(1)") == "2"
    client.query("deallocate p; commit")


def test_without_prepared_statements_names_are_those_of_the_server(app):
    one = app.weir(default_pool_size=1, max_prepared_statements=0)
    client = one.client("app")

    client.query("begin")
    client.ask(wire.parse("select 1", "mine"), wire.sync())

    assert value(client, "select count(*) from pg_prepared_statements where name = 'mine'") == "1"
    client.query("rollback")


def test_what_is_prepared_beside_a_temporary_table_is_its_client_s_alone(app):
    """The same text means another table to each of them, on the one server that they share."""
    one = app.weir(default_pool_size=1)
    prepare = (wire.parse("select * from shadowed", "own"), wire.bind((), "own"), wire.execute(), wire.sync())

    with one.client("app") as other, one.client("app") as owner:
        other.query("create table if not exists shadowed (v text)")
        shown = other.ask(*prepare)
        owner.query("create temp table shadowed (n int)")
        hidden = owner.ask(*prepare)
        owner.query("drop table shadowed")
        again = other.ask(*prepare[1:])

    assert (shown.error, hidden.error, again.error) == (None, None, None)


def test_a_name_that_cannot_be_prepared_again_shows_nothing_of_pgweir_s_own(app):
    with app.weir().client("app") as client:
        client.query("create table if not exists hidden (n int, v text)")
        client.query("prepare one as select v from hidden")
        client.query("create temp table hidden (n int)")

        names = client.query("select name from pg_prepared_statements").rows

    assert [name for (name,) in names if name != "one"] == []


def test_psycopg_s_pipeline_recovers_from_an_error_in_the_middle(app):
    one = app.weir(default_pool_size=1)

    with one.connect("app") as connection:
        connection.prepare_threshold = 0
        with pytest.raises(psycopg.errors.DivisionByZero):
            with connection.pipeline():
                connection.execute("select 1")
                connection.execute("select 1 / %s", (0,))
                connection.execute("select 2")
        assert connection.execute("select %s::int", (3,)).fetchone() == (3,)


def test_now_in_a_statement_is_the_moment_of_each_client_s_own_parse(app):
    one = app.weir(default_pool_size=1)
    sql = b"select 'now'::timestamptz"

    def moment():
        with one.connect("app") as connection:
            connection.pgconn.prepare(b"mine", sql)
            return connection.pgconn.exec_prepared(b"mine", []).get_value(0, 0)

    assert moment() != moment()
