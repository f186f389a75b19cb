"""Several statements at once: texts, batches, pipelines."""

import pytest

from lib import wire
from lib.routes import DATABASE, READ, WRITE, Routes, batch, extended


@pytest.fixture
def routes(cluster, pgweir):
    return Routes(cluster, pgweir)


def test_several_statements_in_one_text_are_judged_whole(routes):
    weir = routes.weir()
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        client.query(f"/* reads */ {READ}; {READ}; select 3")
        client.query(f"/* mixed */ {READ}; {WRITE}; {READ}")
        client.query(f"/* begins */ begin; {READ}; commit")
        client.query(f"/* only */ begin read only; {READ}; commit")

    assert seen.on("reads") <= routes.replicas
    assert seen.on("mixed") == {routes.primary}
    assert seen.on("begins") == {routes.primary}
    assert seen.on("only") <= routes.replicas


def test_an_extended_batch_is_judged_up_to_its_sync(routes):
    weir = routes.weir()
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        results = [
            extended(client, f"/* reads */ {READ}", "/* reads */ select v from notes limit 1"),
            extended(client, f"/* mixed */ {READ}", f"/* mixed */ {WRITE}"),
            extended(client, f"/* begins */ begin", f"/* begins */ {READ}", "/* begins */ commit"),
            extended(client, f"/* later */ {READ}", "/* later */ begin", f"/* later */ {WRITE}", "/* later */ commit"),
            extended(client, "/* only */ begin read only", f"/* only */ {READ}", "/* only */ commit"),
            extended(client, "", f"/* empty */ {READ}"),
        ]

    assert [r.error for r in results] == [None] * 6
    for word in ("reads", "only", "empty"):
        assert seen.on(word) <= routes.replicas, word
    for word in ("mixed", "begins", "later"):
        assert seen.on(word) == {routes.primary}, word


def test_an_unnamed_statement_prepared_earlier_is_judged_when_it_is_bound_beside_another(routes):
    weir = routes.weir()
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        client.ask(wire.parse(f"/* read */ {READ}", "a"), wire.sync())
        client.ask(wire.parse(f"/* write */ {WRITE}"), wire.sync())
        both = client.ask(wire.bind(name="a", portal="p"), wire.execute("p"), wire.bind(), wire.execute(), wire.sync())

    assert both.error is None
    assert seen.on("write") == {routes.primary}


def test_a_flush_does_not_let_a_write_slip_to_a_replica(routes):
    """asyncpg prepares with Flush and no Sync; what follows was not there to be judged."""
    weir = routes.weir()
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        client.send(wire.parse(f"/* prepared */ {READ}", "a"), wire.describe("S", "a"), wire.flush())
        client.read_until(b"T")
        simple = client.ask(wire.query(f"/* simple */ {WRITE}"))
        client.send(wire.parse(f"/* prepared2 */ {READ}", "b"), wire.describe("S", "b"), wire.flush())
        client.read_until(b"T")
        client.send(wire.parse(f"/* write */ {WRITE}", "c"), wire.describe("S", "c"), wire.flush())
        client.read_until(b"n")
        first = client.ask(wire.bind(name="c"), wire.execute(), wire.sync())
        second = client.ask(wire.bind(name="b"), wire.execute(), wire.sync())
        client.send(*batch(f"/* flushed */ {READ}"), wire.flush())
        client.read_until(b"C")
        third = client.ask(*batch(f"/* behind */ {WRITE}"), wire.sync())

    assert [r.error for r in (simple, first, second, third)] == [None] * 4
    for word in ("simple", "write", "behind"):
        assert seen.on(word) == {routes.primary}, word
    assert second.rows == [("20",)]
    assert seen.on("prepared2") | seen.on("flushed") <= routes.replicas


def test_a_statement_prepared_with_flush_runs_its_reads_on_the_replicas(routes):
    weir = routes.weir()
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        client.send(wire.parse(f"/* one */ {READ}", "a"), wire.describe("S", "a"), wire.flush())
        client.read_until(b"T")
        results = [client.ask(wire.bind(name="a"), wire.execute(), wire.sync()) for _ in range(6)]

    assert [r.rows for r in results] == [[("20",)]] * 6
    assert seen.on("one") and seen.on("one") <= routes.replicas


def test_a_query_inside_a_batch_without_sync_gives_the_server_back(routes):
    weir = routes.weir(keys={"pool_size": 1})

    with weir.client(DATABASE) as client, weir.client(DATABASE) as other:
        client.send(wire.parse(WRITE, "a"), wire.flush())
        client.read_until(b"1")
        client.query(WRITE)
        result = other.query("select nextval('notes_id_seq') > 0")

    assert result.rows == [("t",)]


def test_reads_behind_an_unanswered_write_follow_it_to_the_primary(routes):
    weir = routes.weir()
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        client.send(wire.query(f"/* one */ {WRITE}"), *[wire.query(f"/* one */ {READ}")] * 3)
        for _ in range(4):
            client.read_until(b"Z")
        client.send(*batch(f"/* two */ {WRITE}"), wire.sync(), *[*batch(f"/* two */ {READ}"), wire.sync()] * 3)
        for _ in range(4):
            client.read_until(b"Z")

    assert seen.on("one") == {routes.primary}
    assert seen.on("two") == {routes.primary}


def test_a_write_behind_unanswered_reads_goes_to_the_primary_in_order(routes):
    weir = routes.weir()
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        reads = [wire.query(f"/* read */ {READ}")] * 3
        client.send(*reads, wire.query(f"/* write */ {WRITE}"), wire.query("/* begin */ begin"), wire.query(f"/* inside */ {READ}"), wire.query("commit"))
        tags = [wire.Result(client.read_until(b"Z")).tags for _ in range(7)]

    assert tags == [["SELECT 1"]] * 3 + [["INSERT 0 1"], ["BEGIN"], ["SELECT 1"], ["COMMIT"]]
    assert seen.on("read") <= routes.replicas
    for word in ("write", "begin", "inside"):
        assert seen.on(word) == {routes.primary}, word


def test_psycopg_pipelines_come_out_right(routes):
    weir = routes.weir()

    with weir.connect(DATABASE) as connection:
        with connection.pipeline() as pipeline:
            one = connection.execute("select count(*) from notes where id <= %s", [5])
            two = connection.execute("insert into hits values (%s) returning n", [7])
            pipeline.sync()
            three = connection.execute("select v from notes where id = %s", [1])
        answers = [c.fetchone()[0] for c in (one, two, three)]

    assert answers == [5, 7, "v1"]
