"""How late a replica may be: hard and soft limits, in time and in bytes, for all entries and for one."""

import pytest

from lib.eventually import eventually
from lib.routes import DATABASE, Routes

CHECKS = {"check_interval": 0.05, "check_timeout": 0.5}
LATE = r"is not read any more: lags"


@pytest.fixture
def routes(cluster, pgweir):
    yield Routes(cluster, pgweir)
    for replica in cluster.replicas:
        replica.resume_replay()


def row_of(weir, host, database=DATABASE):
    return next(row for row in weir.show("HOSTS", database=database) if row["port"] == host.port)


def write(routes, rows=1):
    routes.primary.query(f"insert into hits select g from generate_series(1, {rows}) g", DATABASE)


def is_out(weir, host, words):
    row = row_of(weir, host)
    return row["state"] == "out" and words in row["reason"] and row


def test_a_replica_that_lags_too_much_is_not_read_and_comes_back(routes):
    weir, late = routes.weir(max_replica_lag=1, **CHECKS).allow(LATE), routes.cluster.replica(1)

    late.pause_replay()
    write(routes)
    row = eventually(is_out, weir, late, "max_replica_lag is 1.000 s")
    served = routes.serving(weir)
    late.resume_replay()
    eventually(lambda: row_of(weir, late)["state"] == "up")

    assert row["role"] == "replica"
    assert row["lag_us"] >= 1000000
    assert served == routes.replicas - {late}
    assert eventually(lambda: routes.serving(weir) == routes.replicas)
    assert weir.log.count(f"{late.port} is not read any more") == 1
    assert weir.log.count(f"{late.port} has caught up, and is read again") == 1


def test_the_hard_limit_is_hard_also_for_the_last_replica(routes):
    weir = routes.weir(keys={"max_replica_lag": 0.2}, **CHECKS).allow(LATE)

    for replica in routes.replicas:
        replica.pause_replay()
    write(routes)
    for replica in routes.replicas:
        eventually(is_out, weir, replica, "max_replica_lag is 0.200 s")

    assert routes.serving(weir) == {routes.primary}


def test_a_limit_in_bytes_needs_no_time(routes):
    weir = routes.weir(max_replica_lag_bytes="64kB", **CHECKS).allow(LATE)
    late = routes.cluster.replica(2)

    late.pause_replay()
    write(routes, 2000)
    row = eventually(is_out, weir, late, "max_replica_lag_bytes is 65536")

    assert row["lag_bytes"] >= 65536
    assert weir.console("SHOW CONFIG") and {"64kB"} == {
        row["value"] for row in weir.console("SHOW CONFIG") if row["key"] == "max_replica_lag_bytes"
    }


def test_the_soft_limit_leaves_half_of_the_replicas(routes):
    weir = routes.weir(keys={"max_replica_lag_soft": 0.2, "max_replica_lag_bytes": "1GB"}, **CHECKS).allow(LATE)

    for replica in routes.replicas:
        replica.pause_replay()
    write(routes)
    rows = eventually(
        lambda: (rows := [is_out(weir, r, "max_replica_lag_soft") for r in routes.replicas]) and any(rows) and rows
    )
    served = routes.serving(weir)

    assert sum(bool(row) for row in rows) == 1
    assert len(served) == 1 and served < routes.replicas


@pytest.mark.parametrize("rows", [1, 300])
def test_what_the_primary_has_not_flushed_makes_no_replica_late(routes, rows):
    """A transaction under way on an idle primary: its part of the log may wait for 15 seconds before anybody gets it."""
    weir = routes.weir(max_replica_lag=0.3, **CHECKS)

    with routes.primary.client(DATABASE) as other:
        other.query("begin")
        other.query(f"insert into hits select g from generate_series(1, {rows}) g")
        unflushed = "select pg_current_wal_insert_lsn() > pg_current_wal_flush_lsn()"
        assert other.query(unflushed).rows == [("t",)]
        checks = int(row_of(weir, routes.primary)["checks"])
        eventually(lambda: int(row_of(weir, routes.primary)["checks"]) > checks + 10)
        states = [(row_of(weir, replica)["state"], row_of(weir, replica)["lag_us"]) for replica in routes.replicas]
        still = other.query(unflushed).rows
        other.query("rollback")

    assert still == [("t",)]
    assert states == [("up", 0)] * 2


def test_entries_have_limits_of_their_own_and_a_reload_changes_them(routes):
    weir, late = routes.weir(keys={"max_replica_lag_soft": 0}, max_replica_lag_soft=0.2, **CHECKS), routes.cluster.replica(1)
    weir.allow(LATE)

    late.pause_replay()
    write(routes)
    eventually(lambda: (row_of(weir, late)["lag_us"] or 0) > 400000)
    before = row_of(weir, late)["state"]
    weir.console("SET max_replica_lag = 0.2")
    eventually(is_out, weir, late, "max_replica_lag is 0.200 s")

    assert before == "up"


def test_a_delayed_replica_is_as_late_as_its_delay(routes):
    """recovery_min_apply_delay: it receives everything at once, and replays it later."""
    weir, late = routes.weir(max_replica_lag=30, **CHECKS), routes.cluster.replica(1)

    late.set(recovery_min_apply_delay="2s")
    try:
        write(routes)
        seen = eventually(lambda: (lag := row_of(weir, late)["lag_us"] or 0) > 1000000 and lag)
        eventually(lambda: row_of(weir, late)["lag_us"] == 0)
    finally:
        late.set(recovery_min_apply_delay=None)

    assert seen < 3000000
    assert row_of(weir, late)["state"] == "up"
