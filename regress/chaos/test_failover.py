"""Promotions, and old primaries that return: who is written to, how soon, and who is not believed."""

import time

import pytest

from lib.cluster import Cluster
from lib.eventually import eventually
from lib.load import Load
from lib.nest import Nest
from lib.routes import DATABASE, Routes

CHECKS = {"check_interval": 0.5, "check_timeout": 0.3, "check_fall": 2, "check_rise": 1, "query_wait_timeout": 30}
LOST = ("is down", "server login failed", "server conn crashed", "pooler error", "no primary", "connection")
ASTRAY, FENCED = "follows another timeline", "claims to be the primary, but on an old timeline"


@pytest.fixture(scope="module")
def story():
    """One cluster for all tests here: each leaves it with some primary, and the next one heals it."""
    with Nest() as own, Cluster(replicas=2, nest=own) as cluster:
        yield cluster


@pytest.fixture
def routes(story, pgweir):
    heal(story)
    return Routes(story, pgweir)


def heal(cluster):
    """Every host but the primary follows the primary."""
    primary = cluster.primary
    primary.start()
    for host in cluster.replicas:
        if host.is_up():
            host.resume()
        if not (host.is_up() and host.in_recovery() and follows(host, primary)):
            host.rebuild(primary)
    cluster.wait_for_replicas()


def follows(host, primary):
    return primary.value(f"select count(*) from pg_stat_replication where application_name = '{host.name}'") == "1"


def weir_of(routes, **main):
    return routes.weir(**{**CHECKS, **main}).allow(*LOST, ASTRAY, FENCED)


def row_of(weir, host):
    return next(row for row in weir.show("HOSTS", database=DATABASE) if row["port"] == host.port)


def writes_reach(weir, host):
    """True when a write runs, and on that host."""
    with weir.client(DATABASE) as client:
        return client.query("insert into hits values (0) returning inet_server_port()").rows == [(str(host.port),)]


def test_a_failover_is_followed_in_under_a_second_and_known_after_a_restart(routes):
    weir, former, heir = weir_of(routes), routes.primary, routes.cluster.replica(1)
    weir.stop()
    state = f"{weir.folder}/kept"
    weir.write_config(with_state(routes, state))
    weir.start()
    eventually(routes.splits, weir)

    with weir.client(DATABASE, timeout=30) as client:
        former.kill9()
        eventually(lambda: row_of(weir, former)["state"] == "down")
        routes.cluster.promote(heir)
        promoted = time.monotonic()
        wrote = client.query("insert into hits values (1) returning inet_server_port()").rows
        followed = time.monotonic() - promoted
    print(f"the first write was answered {followed * 1000:.0f} ms after pg_promote")
    weir.stop()
    heir.stop_fast()
    (routes.cluster.replica(1) if routes.cluster.replica(1) is not former else routes.cluster.replica(2)).stop_fast()
    former.start()
    weir.start()
    row = eventually(lambda: (row := row_of(weir, former))["state"] == "out" and row)
    heir.start()
    eventually(writes_reach, weir, heir)

    assert wrote == [(str(heir.port),)]
    assert followed < 1
    assert FENCED in row["reason"]
    assert weir.log.count(f"host 127.0.0.1:{former.port} is not used: {FENCED}") == 1


def with_state(routes, path):
    return {
        "databases": {DATABASE: routes.cluster.target(DATABASE, route="split")},
        "pgbouncer": {"pool_mode": "transaction", "workers": 1, "monitor_user": "postgres", "state_file": path, **CHECKS},
    }
