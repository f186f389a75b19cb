"""What the catalog says of names, and how soon a change of it is known."""

import time

import pytest

from lib import wire
from lib.eventually import crowding, eventually
from lib.routes import DATABASE, READ, Routes, extended


@pytest.fixture
def routes(cluster, pgweir):
    return Routes(cluster, pgweir)


def redefine(client, volatility):
    body = "insert into hits values (1) returning 1" if volatility == "volatile" else "select count(*)::int from hits"
    client.query(f"create or replace function changing() returns int language sql {volatility} as '{body}'")


def test_a_prepared_statement_is_judged_again_when_its_function_changes(routes):
    weir = routes.weir()

    with weir.client(DATABASE) as client, weir.client(DATABASE) as other:
        redefine(other, "stable")
        client.ask(wire.parse("/* changing */ select changing()", "a"), wire.sync())

        def runs_on_replica():
            seen = routes.watch()
            client.ask(wire.bind(name="a"), wire.execute(), wire.sync())
            return seen.on("changing") and seen.on("changing") <= routes.replicas

        eventually(runs_on_replica)
        redefine(other, "volatile")
        seen = routes.watch()
        results = [client.ask(wire.bind(name="a"), wire.execute(), wire.sync()) for _ in range(3)]
        eventually(lambda: routes.splits(weir))
        results += [client.ask(wire.bind(name="a"), wire.execute(), wire.sync()) for _ in range(3)]

    assert [r.error for r in results] == [None] * 6
    assert seen.on("changing") == {routes.primary}


def test_a_function_made_through_pgweir_is_known_at_once(routes):
    weir = routes.weir(workers=2)
    seen = routes.watch()

    with weir.client(DATABASE) as maker, weir.client(DATABASE) as user:
        user.query(READ)
        for number in range(5):
            name = f"fresh{routes.word()}"
            maker.query(f"create function {name}() returns int language sql volatile as 'insert into hits values (1) returning 1'")
            user.query(f"/* fresh */ select {name}()")

    assert seen.on("fresh") == {routes.primary}


@pytest.mark.parametrize("run", [wire.Client.query, extended], ids=["simple", "extended"])
def test_a_procedure_that_defines_nothing_casts_no_doubt_on_what_others_read(routes, run):
    routes.primary.query(
        "create or replace procedure public.writes() language plpgsql as 'begin insert into hits values (1); end'", DATABASE
    )
    weir = routes.weir()
    writes = ("call public.writes()", "do $$begin insert into hits values (2); end$$")

    with weir.client(DATABASE) as writer, weir.client(DATABASE) as user:
        user.query(READ)
        seen = routes.watch()
        results = []
        for sql in writes * 3:
            results.append(run(writer, sql).error)
            user.query("/* meanwhile */ select * from notes")

    assert results == [None] * 6
    assert seen.count(routes.primary, "meanwhile") == 0


@pytest.mark.parametrize("make", [wire.Client.query, extended], ids=["simple", "extended"])
def test_a_temporary_table_casts_no_doubt_on_what_others_read(routes, make):
    weir = routes.weir()

    with weir.client(DATABASE) as maker, weir.client(DATABASE) as user:
        user.query(READ)
        results = [make(maker, "create temp table own (a int)")]
        seen = routes.watch()
        user.query("/* meanwhile */ select * from notes")
        results.append(make(maker, "insert into own values (1)"))

    assert [r.error for r in results] == [None, None]
    assert seen.on("meanwhile") and seen.on("meanwhile") <= routes.replicas


def test_a_function_made_directly_on_the_primary_is_noticed_within_two_seconds(routes):
    weir = routes.weir()
    name = f"fresh{routes.word()}"
    client = weir.client(DATABASE)
    client.query(READ)

    routes.cluster.primary.query(
        f"create function {name}() returns int language sql volatile as 'insert into hits values (1) returning 1'", DATABASE
    )

    def is_known():
        """A statement that is no error anywhere, so that traffic goes on."""
        client.query(READ)
        return client.ask(wire.query(f"explain select {name}()")).error is None and on_primary()

    def on_primary():
        seen, word = routes.watch(), routes.word()
        for _ in range(2):
            client.ask(wire.query(f"/* {word} */ select {name}()"))
        return seen.on(word) == {routes.primary}

    began = time.monotonic()
    eventually(is_known)
    client.close()
    assert time.monotonic() - began < 2.5 * crowding()


def test_a_temporary_table_is_never_looked_for_on_a_replica(routes):
    weir = routes.weir(keys={"pool_size": 1})
    with weir.client(DATABASE) as client:
        eventually(lambda: routes.splits(weir))
        client.query("create temp table scratch (a int)")
        seen = routes.watch()

        results = [client.ask(wire.query("/* temp */ select * from scratch")) for _ in range(3)]
        results += [extended(client, "/* temp */ select count(*) from notes, scratch")]
        client.query("drop table scratch")

    assert [r.error for r in results] == [None] * 4
    assert seen.on("temp") == {routes.primary}


def test_read_functions_vouch_for_a_volatile_function(routes):
    routes.primary.query("create or replace function public.vouched() returns int language sql volatile as 'select 1'", DATABASE)
    routes.cluster.wait_for_replicas()
    weir = routes.weir(keys={"read_functions": "public.vouched"})
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        client.query("/* vouched */ select vouched()")

    assert seen.on("vouched") <= routes.replicas
    routes.primary.query("drop function public.vouched()", DATABASE)


def test_psycopg_sees_no_difference_between_hosts(routes):
    """One session, statements on three hosts: what the client set is in force everywhere."""
    weir = routes.weir()

    with weir.connect(DATABASE) as connection:
        connection.execute("set datestyle = 'German'")
        connection.execute("set search_path = pg_catalog, public")
        read = {connection.execute("select '2020-02-01'::date::text, current_schemas(false) from notes limit 1").fetchone()[0] for _ in range(6)}
        write = connection.execute("insert into hits values (1) returning '2020-02-01'::date::text").fetchone()[0]

    assert read == {"01.02.2020"}
    assert write == "01.02.2020"


@pytest.mark.parametrize("ask", [lambda c, sql: c.ask(wire.query(sql)), extended])
@pytest.mark.parametrize("make", ["create unlogged table {} as select 1 as a", "select 1 as a into unlogged {}"])
def test_a_table_made_by_a_query_is_known_at_once(routes, ask, make):
    """Its tag is that of a SELECT; an unlogged table has nothing to read on a replica."""
    weir = routes.weir(workers=2)
    seen = routes.watch()
    results = []

    with weir.client(DATABASE) as maker, weir.client(DATABASE) as user:
        for _ in range(5):
            name = f"made{routes.word()}"
            results.append(ask(maker, make.format(name)))
            results.append(ask(user, f"/* made */ select * from {name}"))
            maker.query(f"drop table {name}")

    assert [r.error for r in results] == [None] * 10
    assert seen.on("made") == {routes.primary}
