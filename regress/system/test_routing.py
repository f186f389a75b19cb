"""Where requests go: the modes, and transactions."""

import pytest

from lib import wire
from lib.eventually import eventually
from lib.routes import DATABASE, READ, WRITE, Routes, extended, notice, value

# What the log says of hosts that were stopped.
LOST = ("is down", "server login failed", "server conn crashed", "terminating connection")


@pytest.fixture
def routes(cluster, pgweir):
    return Routes(cluster, pgweir)


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
    routes.even(weir)
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


# ---- transactions ----


def test_a_read_only_transaction_runs_whole_on_one_replica(routes):
    weir = routes.weir()
    routes.even(weir)
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
