"""What overrides a route: comments and settings; and what clients are told of theirs."""

import pytest

from lib import wire
from lib.routes import DATABASE, READ, WRITE, Routes, extended, notice, value


@pytest.fixture
def routes(cluster, pgweir):
    return Routes(cluster, pgweir)


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
