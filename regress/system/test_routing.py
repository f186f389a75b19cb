"""Where requests go: the modes, the overrides, transactions, batches and pipelines, and what clients are told."""

import time

import pytest

from lib import wire
from lib.eventually import eventually
from lib.routes import DATABASE, Routes

READ = "select count(*) from notes"
WRITE = "insert into hits values (1)"
# What the log says of hosts that were stopped.
LOST = ("is down", "server login failed", "server conn crashed", "terminating connection")


@pytest.fixture
def routes(cluster, pgweir):
    return Routes(cluster, pgweir)


def batch(sql, name=""):
    return [wire.parse(sql, name), wire.bind(name=name), wire.describe(), wire.execute()]


def extended(client, *statements):
    """One batch with a single Sync."""
    return client.ask(*[m for sql in statements for m in batch(sql)], wire.sync())


def value(client, sql):
    return client.query(sql).rows[0][0]


def notice(result):
    return [n["M"] for n in result.notices if n["M"].startswith("pgweir:")]


# ---- the modes ----


@pytest.mark.parametrize("keys", [{"route": "primary"}, {"target_session_attrs": "read-write"}, {"target_session_attrs": "primary"}])
def test_route_primary_sends_everything_to_the_primary(routes, keys):
    weir = routes.weir(keys={"route": None, **keys})
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        for _ in range(6):
            client.query(f"/* one */ {READ}")

    assert seen.on("one") == {routes.primary}


@pytest.mark.parametrize("keys", [{"route": "replica"}, {"target_session_attrs": "read-only"}, {"target_session_attrs": "standby"}])
def test_route_replica_sends_everything_to_the_replicas(routes, keys):
    weir = routes.weir(keys={"route": None, **keys})
    eventually(lambda: routes.serving(weir) == routes.replicas)
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        for _ in range(6):
            client.query(f"/* one */ {READ}")
        refused = client.ask(wire.query(f"/* two */ {WRITE}"))

    assert seen.on("one") == routes.replicas
    assert seen.on("two") < routes.replicas
    assert refused.error.sqlstate == "25006"


@pytest.mark.parametrize("keys", [{"route": "any"}, {"target_session_attrs": "any"}, {}])
def test_route_any_takes_the_hosts_as_equals(routes, keys):
    weir = routes.weir(keys={"route": None, **keys})
    seen = routes.watch()

    clients = [weir.client(DATABASE) for _ in range(9)]
    for client in clients:
        client.send(wire.query("/* one */ select pg_sleep(0.3)"))
    for client in clients:
        client.read_until(b"Z")
        client.close()

    assert seen.on("one") == set(routes.cluster.hosts)


def test_route_replica_waits_for_a_replica_and_then_gives_up(routes):
    """Without a replica up a request waits as long as query_wait_timeout allows."""
    weir = routes.weir(keys={"route": "replica"}, query_wait_timeout=1)
    for replica in routes.cluster.replicas:
        replica.stop_fast()
    weir.allow("query_wait_timeout", *LOST)

    with pytest.raises((wire.PgError, ConnectionError)) as refused:
        with weir.client(DATABASE) as client:
            client.query(READ)

    assert "query_wait_timeout" in str(refused.value)


def test_reads_run_on_the_primary_while_no_replica_is_up(routes):
    weir = routes.weir().allow(*LOST)
    for replica in routes.cluster.replicas:
        replica.stop_fast()
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        client.query("set pgweir.route_notice = on")
        result = eventually(lambda: client.query(f"/* one */ {READ}"))

    assert seen.on("one") == {routes.primary}
    assert notice(result)[-1].endswith("(replica_down)")


def test_a_users_route_counts_before_the_databases(routes):
    weir = routes.weir(ready=False, users={"postgres": "route=primary"})
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        for _ in range(3):
            client.query(f"/* one */ {READ}")

    assert seen.on("one") == {routes.primary}


# ---- hints and settings ----


@pytest.mark.parametrize(
    "text, where",
    [
        (f"/* pgweir: primary */ /* one */ {READ}", "primary"),
        (f"/* one */ {READ} /* pgweir: primary */", "primary"),
        (f"/* one */ {READ} -- pgweir: primary", "primary"),
        (f"/* pgweir: replica */ /* one */ {READ}", "replica"),
        ("/* one */ select pg_is_in_recovery() /* pgweir: replica */", "replica"),
        (f"/* one */ select /* pgweir: primary */ v from notes", "replica"),
    ],
)
@pytest.mark.parametrize("ask", [lambda c, sql: c.ask(wire.query(sql)), extended])
def test_a_comment_at_the_start_or_the_end_decides(routes, text, where, ask):
    weir = routes.weir()
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        for _ in range(2):
            assert not ask(client, text).error

    assert seen.on("one") <= ({routes.primary} if where == "primary" else routes.replicas)
    assert sum(seen.counts("one")) == 2


def test_set_pgweir_route_moves_the_session_until_it_is_reset(routes):
    weir = routes.weir()
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        client.query("set pgweir.route = 'primary'")
        for _ in range(2):
            client.query(f"/* primary */ {READ}")
        client.query("set pgweir.route to replica")
        client.query(f"/* replica */ {READ}")
        client.query("/* recovery */ select pg_is_in_recovery()")
        client.query("reset pgweir.route")
        client.query(f"/* again */ {READ}")
        client.query("/* recovery2 */ select pg_is_in_recovery()")

    assert seen.on("primary") == {routes.primary}
    assert seen.on("replica") <= routes.replicas
    assert seen.on("recovery") <= routes.replicas
    assert seen.on("again") <= routes.replicas
    assert seen.on("recovery2") == {routes.primary}


def test_set_local_pgweir_route_ends_with_its_transaction(routes):
    weir = routes.weir()
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        client.query("begin")
        client.query("set local pgweir.route = 'primary'")
        inside = value(client, "show pgweir.route")
        client.query("commit")
        client.query(f"/* after */ {READ}")
        after = value(client, "show pgweir.route")

    assert (inside, after) == ("primary", "split")
    assert seen.on("after") <= routes.replicas


def test_the_startup_option_sets_the_route(routes):
    weir = routes.weir()
    seen = routes.watch()

    with weir.client(DATABASE, options="-c pgweir.route=primary") as client:
        shown = value(client, "show pgweir.route")
        for _ in range(2):
            client.query(f"/* one */ {READ}")
        client.query("set pgweir.route = 'split'")
        client.query(f"/* two */ {READ}")
        client.query("reset pgweir.route")
        client.query(f"/* three */ {READ}")

    assert shown == "primary"
    assert seen.on("one") == {routes.primary}
    assert seen.on("two") <= routes.replicas
    assert seen.on("three") == {routes.primary}


@pytest.mark.parametrize("route", ["primary", "replica", "split"])
def test_show_pgweir_route_answers_in_both_protocols_and_in_transactions(routes, route):
    weir = routes.weir(keys={"route": route})

    with weir.client(DATABASE) as client:
        shown = [value(client, "show pgweir.route"), extended(client, "show pgweir.route").rows[0][0]]
        client.query("begin")
        shown += [value(client, "SHOW pgweir.route"), extended(client, "show pgweir.route").rows[0][0]]
        client.query("rollback")

    assert shown == [route] * 4


@pytest.mark.parametrize("ask", [lambda c, sql: c.ask(wire.query(sql)), extended])
def test_the_notice_names_the_server_and_the_reason(routes, ask):
    weir = routes.weir()
    primary = f"pgweir: primary 127.0.0.1:{routes.primary.port}"
    replicas = [f"pgweir: replica 127.0.0.1:{r.port}" for r in routes.replicas]

    with weir.client(DATABASE) as client:
        quiet = ask(client, READ)
        client.query("set pgweir.route_notice = on")
        read, write = ask(client, READ), ask(client, WRITE)
        hinted = ask(client, f"/* pgweir: primary */ {READ}")
        function = ask(client, "select nextval('notes_id_seq')")
        pinned = ask(client, READ)
        ask(client, "begin")
        inside = ask(client, READ)
        ask(client, "rollback")
        client.query("set pgweir.route_notice = off")
        silent = ask(client, READ)

    assert notice(quiet) == notice(silent) == []
    assert notice(read) in [[f"{r} (plain_read)"] for r in replicas]
    assert notice(write) == [f"{primary} (writes)"]
    assert notice(function) == [f"{primary} (unsafe_function)"]
    assert notice(hinted) == [f"{primary} (hint_primary)"]
    assert notice(pinned) == [f"{primary} (session_pinned)"]
    assert notice(inside) == [f"{primary} (in_transaction)"]


def test_clients_are_told_that_they_reached_a_primary(routes):
    """Drivers look for a primary by in_hot_standby, reported or asked for."""
    weir = routes.weir()

    with weir.client(DATABASE) as client:
        reported = client.parameters.get("in_hot_standby")
        told = [m.texts() for _ in range(4) for m in client.query(READ).messages if m.kind == b"S"]
        shown = [value(client, f"show {name}") for name in ("transaction_read_only", "in_hot_standby")]
        shown += [extended(client, "show transaction_read_only").rows[0][0]]
        batched = extended(client, "select 1", "show transaction_read_only").rows[-1][0]
        function = value(client, "select current_setting('transaction_read_only')")

    assert reported == "off"
    assert not [t for t in told if t[0] == "in_hot_standby"]
    assert shown == ["off"] * 3
    assert (batched, function) == ("off", "off")


def test_libpq_finds_a_primary_behind_split(routes):
    weir = routes.weir()

    with weir.connect(DATABASE, target_session_attrs="read-write") as connection:
        found = connection.execute("select 1").fetchone()
    with weir.connect(DATABASE, target_session_attrs="primary") as connection:
        found += connection.execute("select 2").fetchone()

    assert found == (1, 2)


# ---- transactions ----


def test_a_read_only_transaction_runs_whole_on_one_replica(routes):
    weir = routes.weir()
    eventually(lambda: routes.serving(weir) == routes.replicas)
    used = set()

    for number in range(4):
        seen = routes.watch()
        with weir.client(DATABASE) as client:
            client.query(f"/* t{number} */ begin isolation level repeatable read read only")
            for _ in range(5):
                client.query(f"/* t{number} */ {READ}")
            client.query(f"/* t{number} */ commit")
        hosts = seen.on(f"t{number}")
        assert len(hosts) == 1
        assert sum(seen.counts(f"t{number}")) == 7
        used |= hosts

    assert used == routes.replicas


def test_a_transaction_that_may_write_runs_whole_on_the_primary(routes):
    weir = routes.weir()
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        for begin in ("begin", "start transaction isolation level repeatable read", "begin read write"):
            client.query(f"/* one */ {begin}")
            client.query(f"/* one */ {READ}")
            client.query(f"/* one */ {WRITE}")
            client.query("/* one */ rollback")
        extended(client, "/* one */ begin")
        extended(client, f"/* one */ {READ}")
        extended(client, "/* one */ commit")

    assert seen.on("one") == {routes.primary}


# ---- several statements at once ----


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


# ---- what the catalog says ----


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
    eventually(is_known, within=4)
    client.close()
    assert time.monotonic() - began < 2.5


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
