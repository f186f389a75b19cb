"""Promotions, and old primaries that return: who is written to, how soon, and who is not believed."""

import time

import pytest

from lib import wire
from lib.cluster import Cluster
from lib.eventually import crowding, eventually
from lib.load import Load
from lib.nest import Nest
from lib.routes import DATABASE, Routes

CHECKS = {"check_interval": 0.5, "check_timeout": 0.3, "check_fall": 2, "check_rise": 1, "query_wait_timeout": 30}
LOST = ("is down", "server login failed", "server conn crashed", "pooler error", "no primary", "connection")
ASTRAY, FENCED = "follows another timeline", "claims to be the primary, but on an old timeline"


@pytest.fixture(scope="module")
def story():
    """One cluster for all tests here: each leaves it with some primary, and the next one heals it."""
    with Nest() as own, Cluster(replicas=2, nest=own, settings={"wal_log_hints": "on", "full_page_writes": "on"}) as cluster:
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


def other_than(cluster, *hosts):
    return next(host for host in cluster.hosts if host not in hosts)


def test_a_failover_is_followed_in_under_a_second(routes):
    weir, former, heir = weir_of(routes), routes.primary, routes.cluster.replica(1)

    with weir.client(DATABASE, timeout=30) as client:
        former.kill9()
        eventually(lambda: row_of(weir, former)["state"] == "down")
        client.send(wire.query("insert into hits values (1) returning inet_server_port()"))
        routes.cluster.promote(heir)
        promoted = time.monotonic()
        wrote = wire.Result(client.read_until(b"Z")).rows
        followed = time.monotonic() - promoted
    print(f"the write that waited was answered {followed * 1000:.0f} ms after pg_promote returned")

    assert wrote == [(str(heir.port),)]
    assert followed < crowding()


def test_an_old_primary_is_known_as_such_right_after_a_restart(routes, nest):
    """state_file: nobody is there to tell that it is old."""
    state = {"state_file": f"{nest.folder('state')}/timelines"}
    former, heir = routes.primary, routes.cluster.replica(1)
    weir = weir_of(routes, **state)

    former.kill9()
    routes.cluster.promote(heir)
    eventually(writes_reach, weir, heir)
    weir.stop()
    for host in routes.replicas | {heir}:
        host.stop_fast()
    former.start()
    weir = weir_of(routes, ready=False, **state)
    row = eventually(lambda: FENCED in (row := row_of(weir, former))["reason"] and row)
    heir.start()
    eventually(writes_reach, weir, heir)

    assert (row["role"], row["state"]) == ("unknown", "out")
    assert weir.log.count(f"host 127.0.0.1:{former.port} is not used: {FENCED}") == 1


def test_a_damaged_state_file_is_a_warning_and_no_more(routes, nest):
    path = f"{nest.folder('damaged')}/timelines"
    nest.write(path, "\0?7300000000000000001 9 9 0/0 12345678\n" * 3)

    weir = weir_of(routes, state_file=path).allow("is damaged: 3 of its lines are ignored")

    eventually(writes_reach, weir, routes.primary)
    assert weir.log.count("is damaged") == 1
    with open(path) as kept:
        assert routes.primary.value("select system_identifier from pg_control_system()") in kept.read()


def test_a_switchover_without_pause_loses_no_client_and_the_old_primary_follows(routes):
    """The primary is stopped fast, a replica promoted: writes wait, reads go on, nobody is told to come again."""
    weir, former, heir = weir_of(routes, max_client_conn=100), routes.primary, routes.cluster.replica(1)

    with Load(weir, clients=10) as load:
        load.goes_on()
        former.stop_fast()
        stopped, seen = time.monotonic(), routes.watch()
        routes.cluster.promote(heir)
        eventually(lambda: seen.count(heir, "write") > 0, every=0.005)
        resumed = time.monotonic()
        former.follow(heir)
        former.start()
        eventually(lambda: row_of(weir, former)["state"] == "up")
        seen = routes.watch()
        eventually(lambda: seen.count(former, "read") > 20)
        load.goes_on(100)
    print(f"no writes for {(resumed - stopped) * 1000:.0f} ms")

    assert load.errors_after(stopped + 0.5) == []
    assert [e for e in load.errors if not e.is_write] == []
    assert len(load.errors) <= 10
    assert row_of(weir, former)["role"] == "replica"
    assert eventually(lambda: row_of(weir, former)["timeline"] == row_of(weir, heir)["timeline"])


def test_a_promotion_beside_a_live_primary_displaces_it_and_its_return_is_refused(routes):
    """Whoever was seen as a standby wins; the old one is fenced, restarts or not, until it was rewound and follows."""
    weir, former, heir = weir_of(routes), routes.primary, routes.cluster.replica(1)
    sibling = other_than(routes.cluster, former, heir)

    heir.promote()
    promoted = time.monotonic()
    eventually(writes_reach, weir, heir, within=2 * crowding())
    displaced = time.monotonic() - promoted
    row = eventually(lambda: (row := row_of(weir, former))["state"] == "out" and row)
    former.query("insert into hits values (-1)", DATABASE)
    eventually(lambda: "another timeline" in row_of(weir, sibling)["reason"])
    served = routes.serving(weir)
    former.restart()
    eventually(lambda: int(row_of(weir, former)["checks"]) > int(row["checks"]) + 5)
    still = row_of(weir, former)
    routes.cluster.primary = heir
    former.rewind(heir)
    sibling.rebuild(heir)
    eventually(lambda: {row_of(weir, host)["state"] for host in (former, sibling)} == {"up"})
    print(f"the live primary was displaced {displaced * 1000:.0f} ms after pg_promote returned")

    assert FENCED in row["reason"] and FENCED in still["reason"]
    assert served == {heir}
    assert former.value("select count(*) from hits where n = -1", DATABASE) == "0"
    # Who came back a moment earlier has the greater share at first.
    eventually(lambda: routes.serving(weir) == {former, sibling})


def test_a_transaction_that_began_on_the_old_primary_is_not_committed_there(routes):
    """Nor does a pinned session write on there: both lose their server when another host is the primary."""
    weir, former, heir = weir_of(routes).allow("is cut off"), routes.primary, routes.cluster.replica(1)

    with weir.client(DATABASE) as transaction, weir.client(DATABASE) as pinned:
        transaction.query("begin")
        transaction.query("insert into hits values (4711)")
        pinned.query("create temporary table own (n int)")
        heir.promote()
        routes.cluster.primary = heir
        eventually(lambda: row_of(weir, former)["state"] == "out")
        eventually(lambda: not weir.show("SERVERS", database=DATABASE, port=former.port))
        outcomes = [fails(transaction, "commit"), fails(pinned, "insert into hits values (4712)")]

    assert all(outcomes), outcomes
    assert former.value("select count(*) from hits where n in (4711, 4712)", DATABASE) == "0"
    former.kill9()


def test_who_waits_for_a_frozen_primary_is_set_free_by_the_promotion(routes):
    weir, frozen, heir = weir_of(routes), routes.primary, routes.cluster.replica(1)
    frozen.query("create table if not exists slow (n int)", DATABASE)

    with weir.client(DATABASE, timeout=20) as client:
        client.query("insert into slow values (1)")
        frozen.pause()
        client.send(wire.query("insert into slow values (2)"))
        eventually(lambda: row_of(weir, frozen)["state"] == "down")
        routes.cluster.promote(heir)
        promoted = time.monotonic()
        try:
            answer = client.read()
        except OSError:
            answer = None
        freed = time.monotonic() - promoted
    frozen.kill9()

    assert answer is None or answer.kind == b"E"
    assert freed < 2 * crowding()


def fails(client, sql):
    """True when the statement is an error or costs the connection."""
    try:
        return client.ask(wire.query(sql)).error is not None
    except OSError:
        return True


def test_a_promotion_is_seen_by_any_server_before_the_next_check(routes):
    """With checks far apart, a server that reports in_hot_standby=off is enough."""
    weir, heir = weir_of(routes, check_interval=30), routes.cluster.replica(1)
    eventually(lambda: heir in routes.serving(weir))

    heir.promote()
    routes.cluster.primary, former = heir, routes.primary
    promoted = time.monotonic()
    with weir.client(DATABASE) as client:
        eventually(lambda: client.query("select 1 from notes") and row_of(weir, heir)["role"] == "primary", within=25)
    seen = time.monotonic() - promoted
    print(f"seen {seen * 1000:.0f} ms after pg_promote returned, with check_interval = 30")

    assert seen < 2 * crowding()
    assert writes_reach(weir, heir)
    former.kill9()


def test_a_frozen_primary_is_down_after_check_fall_timeouts_and_returns_as_it_was(routes):
    weir, frozen = weir_of(routes), routes.primary

    frozen.pause()
    began = time.monotonic()
    row = eventually(lambda: (row := row_of(weir, frozen))["state"] == "down" and row)
    noticed = time.monotonic() - began
    with weir.client(DATABASE) as client:
        reads = client.query("select count(*) from notes").rows
    frozen.resume()
    eventually(writes_reach, weir, frozen, within=3 * crowding())
    print(f"noticed after {noticed * 1000:.0f} ms")

    assert noticed < 0.5 + 0.3 * 2 + 0.5 * crowding()
    assert "took longer than 300 ms" in row["reason"]
    assert reads == [("20",)]
