"""Hosts die, hang, return and change roles under load: who notices, and for how long."""

import time

import pytest

from lib import wire
from lib.eventually import crowding, eventually
from lib.load import Load
from lib.routes import Routes

CLIENTS, POOL = 20, 8
CHECKS = {"check_interval": 0.2, "check_timeout": 0.3, "check_fall": 2, "check_rise": 2}
OUT_WITHIN = 0.3 * 2 + 1
LOST = ("is down", "server login failed", "server conn crashed", "pooler error", "no primary", "ERROR", "FATAL", "connection")


@pytest.fixture
def routes(cluster, pgweir):
    return Routes(cluster, pgweir)


@pytest.fixture
def own_routes(own_cluster, pgweir):
    return Routes(own_cluster, pgweir)


def loaded(routes, **main):
    weir = routes.weir(keys={"pool_size": POOL}, workers=2, **CHECKS, **main).allow(*LOST)
    eventually(lambda: routes.serving(weir) == routes.replicas)
    return weir


def is_back(routes, host):
    """True when the host serves reads of the load."""
    seen = routes.watch()
    eventually(lambda: seen.count(host, "read") > 20, within=0.5 * crowding())
    return True


def test_a_killed_replica_fails_nothing_and_comes_back(routes):
    weir, victim = loaded(routes), routes.cluster.replica(1)

    with Load(weir, CLIENTS) as load:
        load.goes_on()
        victim.kill9()
        load.lasts(1).goes_on(500)
        victim.start()
        returned = time.monotonic()
        eventually(is_back, routes, victim)
        back = time.monotonic()

    assert load.errors == []
    assert back - returned < 5 * crowding()


def test_a_replica_that_is_shut_down_fast_fails_nothing(routes):
    weir, victim = loaded(routes), routes.cluster.replica(2)

    with Load(weir, CLIENTS) as load:
        load.goes_on()
        victim.stop_fast()
        load.lasts(1).goes_on(500)
        victim.start()
        eventually(is_back, routes, victim, within=5 * crowding())

    assert load.errors == []


def test_a_replica_that_hangs_is_out_in_time_and_comes_back(routes):
    """Its connections stay and nobody answers: what was sent to it is run elsewhere, and nothing more is sent to it."""
    weir, victim = loaded(routes), routes.cluster.replica(1)

    with Load(weir, CLIENTS) as load:
        load.goes_on()
        victim.pause()
        out = time.monotonic() + OUT_WITHIN
        load.lasts(OUT_WITHIN)
        load.lasts(1.5)
        hanging = load.waiting_since(time.monotonic() - 1)
        late = load.waiting_since(time.monotonic() - 0.7) - load.waiting_since(out)
        before = sum(load.done)
        load.goes_on(200)
        victim.resume()
        eventually(lambda: load.waiting_since(time.monotonic() - 1) == 0)
        eventually(is_back, routes, victim, within=5 * crowding())

    assert hanging == 0
    assert late <= 0
    assert before > 0
    assert load.errors == []


def test_both_replicas_lost_leaves_the_reads_to_the_primary(routes):
    weir = loaded(routes)

    with Load(weir, CLIENTS) as load:
        load.goes_on()
        for replica in routes.cluster.replicas:
            replica.kill9()
        killed = time.monotonic()
        load.lasts(1)
        seen = routes.watch()
        load.goes_on(200)
        on_primary = seen.count(routes.primary, "read")

    assert on_primary > 50
    assert len(load.errors) <= 2 * POOL
    assert load.errors_after(killed + crowding()) == []


def test_writes_wait_for_the_new_primary_and_go_on_there(own_routes):
    """The primary dies, a replica is promoted: no restart, no error but for what was in flight."""
    routes, cluster = own_routes, own_routes.cluster
    weir = loaded(routes, query_wait_timeout=30).allow("follows another timeline than the primary's")
    former, heir = cluster.primary, cluster.replica(1)

    with Load(weir, CLIENTS) as load:
        load.goes_on()
        former.kill9()
        killed = time.monotonic()
        load.lasts(1)
        cluster.promote(heir)
        promoted, seen = time.monotonic(), routes.watch()
        eventually(lambda: seen.count(heir, "write") > 50)
        resumed = time.monotonic()
        load.goes_on(300)

    assert [e for e in load.errors if not e.is_write] == []
    assert len(load.errors) <= 2 * POOL
    assert load.errors_after(killed + crowding()) == []
    assert resumed - promoted < 5 * crowding()
    assert int(heir.value("select count(*) from hits", "routed")) > 0


def test_every_acknowledged_write_is_on_the_primary_after_a_replicas_death(routes):
    weir = loaded(routes)
    before = int(routes.primary.value("select count(*) from hits", "routed"))

    with Load(weir, CLIENTS, writes=0.5) as load:
        load.goes_on()
        routes.cluster.replica(1).kill9()
        load.goes_on(500)

    assert int(routes.primary.value("select count(*) from hits", "routed")) == before + load.written


def test_a_servers_farewell_right_behind_an_answer_is_not_the_clients(fake_server, pgweir):
    """A server that is shut down may say so in the packet of an answer: the client has that answer, and goes on."""

    def script(session):
        if session.log_in().is_cancel:
            return
        session.read_until(b"Q")
        farewell = wire.error("terminating connection due to administrator command", "57P01", "FATAL")
        session.send(wire.row_description("a"), wire.data_row("1"), wire.command_complete(), wire.ready(), farewell)
        session.close()

    server = fake_server(script)
    entry = f"host=127.0.0.1 port={server.port} dbname=app"
    weir = pgweir({"databases": {"app": entry}, "pgbouncer": {"pool_mode": "transaction"}}, {"postgres": ""})

    with weir.client("app") as client:
        rows = [client.query("select 1").rows for _ in range(10)]

    assert rows == [[("1",)]] * 10
    assert len(server.sessions) >= 10
