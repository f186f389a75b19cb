"""Limits, weights, pauses of the primary and hosts that stop, in any order: nobody is forgotten in a queue."""

import random
import time

import pytest

from lib.eventually import eventually
from lib.load import Load
from lib.routes import DATABASE, Routes

SECONDS = 3
LOST = ("is down", "server login failed", "server conn crashed", "terminating connection", "out of rotation", "reserve_pool", "client disconnect")


@pytest.fixture
def routes(cluster, pgweir):
    return Routes(cluster, pgweir)


def pause_a_moment(routes, weir, dice):
    with weir.client("pgbouncer") as console:
        console.query(f"pause {DATABASE} primary")
        console.query(f"resume {DATABASE} primary")


def reload(routes, weir, dice):
    routes.rewrite(
        weir,
        weight=",".join(str(dice.randrange(4)) for _ in routes.cluster.hosts),
        balance=dice.choice(["round-robin", "least-busy"]),
        read_from_primary=dice.choice(["fallback", "always"]),
        replica_pool_size=dice.randrange(1, 4),
        pool_size=dice.randrange(1, 4),
        max_db_connections=dice.choice([0, 3, 5]),
    )


def restart_a_replica(routes, weir, dice):
    dice.choice(routes.cluster.replicas).restart()


def reconnect(routes, weir, dice):
    weir.console(f"reconnect {DATABASE}")


def test_whatever_operators_do_nobody_is_forgotten_in_a_queue(routes):
    dice = random.Random(7)
    keys = {"pool_size": 2, "replica_pool_size": 2, "max_db_connections": 5, "consistency": "session"}
    weir = routes.weir(workers=2, keys=keys, server_login_retry=0.2, slow_start=1).allow(*LOST)
    deeds = [pause_a_moment, reload, restart_a_replica, reconnect]
    end = time.monotonic() + SECONDS

    with Load(weir, clients=16, writes=0.3) as load:
        while time.monotonic() < end:
            dice.choice(deeds)(routes, weir, dice)
            load.goes_on(50)
        reload(routes, weir, dice)
        load.goes_on(400)

    assert not [e for e in load.errors if "query_wait_timeout" in e.words]
    assert len(load.errors) < 40
    eventually(lambda: all(row["cl_waiting"] == 0 and row["sv_active"] == 0 for row in weir.show("POOLS", database=DATABASE)))
    assert int(routes.primary.value("select count(*) from hits", DATABASE)) >= load.written
