"""Numbered rows through failovers with synchronous replication: none that was promised is lost, none is doubled.

ROUNDS=10 in the environment makes it long.
"""

import os
import time

import pytest

from lib.cluster import Cluster
from lib.eventually import crowding, eventually
from lib.ledger import Ledger
from lib.nest import Nest
from lib.routes import DATABASE, Routes

ROUNDS = int(os.environ.get("ROUNDS", "2"))
CHECKS = {"check_interval": 0.2, "check_timeout": 0.3, "check_fall": 2, "check_rise": 1, "query_wait_timeout": 60}
SYNCHRONOUS = ("ANY 1 (primary, replica1, replica2)", "FIRST 1 (primary, replica1, replica2)")
CLIENTS = 6
NOISE = ("is down", "server login failed", "server conn crashed", "pooler error", "another timeline", "old timeline", "connection", "heal")


@pytest.fixture(scope="module")
def story():
    """One cluster for all tests here; the last one may leave it in pieces."""
    with Nest() as own, Cluster(replicas=2, nest=own) as cluster:
        yield cluster


@pytest.fixture
def routes(story, pgweir):
    insist_on_a_standby(story, None)
    routes = Routes(story, pgweir)
    story.primary.query("drop table if exists ledger; create table ledger (k int, n int)", DATABASE)
    story.wait_for_replicas()
    return routes


def weir_of(routes, **main):
    return routes.weir(keys={"consistency": "session"}, workers=2, **CHECKS, **main).allow(*NOISE)


def insist_on_a_standby(cluster, rule):
    """From now on a write is acknowledged once a standby has it, whoever is the primary."""
    for host in cluster.hosts:
        host.set(synchronous_standby_names=rule)


def most_advanced(cluster):
    """The standby that has received most: with one acknowledgement for each commit it has all of them."""
    received = "select pg_last_wal_receive_lsn() - '0/0'::pg_lsn"
    return max((host for host in cluster.replicas if host.is_up()), key=lambda host: int(host.value(received)))


def fail_over(cluster, down):
    former = cluster.primary
    began = time.monotonic()
    down(former)
    heir = most_advanced(cluster)
    cluster.promote(heir)
    return former, heir, began, time.monotonic()


def serve_in_turn(routes, weir):
    """True once each replica has served: a session stays with the one that it has read from."""
    seen = set()
    return eventually(lambda: seen.update(routes.serving(weir)) or seen == routes.replicas)


def state_of(weir, host):
    return next(row for row in weir.show("HOSTS", database=DATABASE) if row["port"] == host.port)["state"]


def trouble_replicas(cluster, ledger, round):
    """One of them dies or hangs, the other one lags; both come back."""
    victim, late = cluster.replica(round % 2 + 1), cluster.replica((round + 1) % 2 + 1)
    late.pause_replay()
    if round % 2 == 0:
        victim.kill9()
        ledger.goes_on(20)
        victim.start()
    else:
        victim.pause()
        ledger.goes_on(20)
        victim.resume()
    late.resume_replay()
    ledger.goes_on(20)


def test_no_promised_write_is_lost_or_doubled_and_no_read_is_stale(routes):
    cluster = routes.cluster
    weir = weir_of(routes)
    assert serve_in_turn(routes, weir)

    with Ledger(weir, CLIENTS) as ledger:
        for round in range(ROUNDS):
            insist_on_a_standby(cluster, SYNCHRONOUS[0])
            ledger.goes_on()
            trouble_replicas(cluster, ledger, round)
            insist_on_a_standby(cluster, SYNCHRONOUS[round % 2])
            down = [lambda host: host.stop_fast(), lambda host: host.kill9()][round % 2]
            former, heir, began, promoted = fail_over(cluster, down)
            gap = ledger.resumes_after(promoted)
            print(f"round {round}: no writes for {gap * 1000:.0f} ms, the promotion took {(promoted - began) * 1000:.0f} ms")
            former.rebuild(heir)
            eventually(lambda: state_of(weir, former) == "up")
            ledger.goes_on()
    print(f"{sum(map(len, ledger.promised))} writes promised, {ledger.reads} reads")
    print(f"writes that failed: {dict(ledger.errors(True))}; reads that failed: {dict(ledger.errors(False))}")

    assert ledger.missing(cluster.primary) == []
    assert ledger.doubled(cluster.primary) == []
    assert ledger.stale == []
    assert ledger.unwanted(cluster.primary) == []
    assert {words[:5] for words in ledger.errors(True)} <= {"08007", "57P01"}
    assert sum(ledger.errors(True).values()) <= ROUNDS * CLIENTS
    assert ledger.errors(False) == {}


def test_an_old_primary_that_lives_on_is_noticed_and_fenced(routes):
    """Nobody stopped it: what it promised until the promotion was noticed is lost, and nothing after that."""
    cluster, former, heir = routes.cluster, routes.primary, routes.cluster.replica(1)
    weir = weir_of(routes)

    with Ledger(weir, CLIENTS) as ledger:
        ledger.goes_on()
        heir.promote()
        promoted = time.monotonic()
        eventually(lambda: state_of(weir, former) == "out", every=0.005)
        noticed = time.monotonic()
        cluster.primary = heir
        ledger.goes_on()
        settled = ledger.rows(former)
        ledger.goes_on()
    diverged = ledger.missing(heir)
    print(f"noticed {(noticed - promoted) * 1000:.0f} ms after pg_promote returned; {len(diverged)} promised writes diverged")

    assert noticed - promoted < crowding()
    assert ledger.rows(former) == settled
    assert all(row in settled for row in diverged)
    assert ledger.doubled(heir) == []
    assert ledger.errors(False) == {}
