"""Limits of entries whose hosts have roles: some count for each host, some for all together."""

import pytest

from lib import wire
from lib.eventually import eventually
from lib.routes import DATABASE, Routes

READ = "select count(*) from notes"
WRITE = "insert into hits values (1)"


@pytest.fixture
def routes(cluster, pgweir):
    return Routes(cluster, pgweir)


def servers(routes, weir):
    """How many servers there are on each host."""
    ports = [row["port"] for row in weir.show("SERVERS", database=DATABASE)]
    return [ports.count(host.port) for host in routes.cluster.hosts]


def hold(weir, begin, count):
    clients = [weir.client(DATABASE) for _ in range(count)]
    for client in clients:
        client.query(begin)
        client.query(READ)
    return clients


def test_pool_sizes_count_for_each_host_by_its_role(routes):
    weir = routes.weir(keys={"pool_size": 1, "replica_pool_size": 2})
    held = hold(weir, "begin", 1) + hold(weir, "begin read only", 4)
    late_reader, late_writer = weir.client(DATABASE), weir.client(DATABASE)

    late_reader.send(wire.query(READ))
    late_writer.send(wire.query(WRITE))

    assert eventually(lambda: weir.show("POOLS", database=DATABASE)[0]["cl_waiting"] == 2)
    assert servers(routes, weir) == [1, 2, 2]
    for client in held:
        client.close()


def test_the_minimum_is_kept_on_each_host(routes):
    weir = routes.weir(keys={"min_pool_size": 2})
    client = weir.client(DATABASE)

    assert eventually(lambda: servers(routes, weir) == [2, 2, 2])
    client.close()


def test_the_reserve_opens_where_somebody_waits_and_nowhere_else(routes):
    weir = routes.weir(keys={"pool_size": 1, "replica_pool_size": 1, "reserve_pool_size": 1}, reserve_pool_timeout=0.2)
    weir.allow("reserve_pool", "client disconnect")
    held = hold(weir, "begin", 1) + hold(weir, "begin read only", 2)
    writer = weir.client(DATABASE)

    writer.query(WRITE)

    assert servers(routes, weir) == [2, 1, 1]
    for client in held:
        client.close()


@pytest.mark.parametrize("limits", [{"keys": {"max_db_connections": 3}}, {"users": {"postgres": "max_user_connections=3"}}])
def test_a_limit_over_all_hosts_keeps_nobody_out_for_the_sake_of_idle_servers_elsewhere(routes, limits):
    """A write waits for the primary while all the places are taken by idle servers of replicas, and the other way round."""
    weir = routes.weir(query_wait_timeout=10, **limits)
    for _ in range(2):
        for client in hold(weir, "begin read only", 2) + hold(weir, "begin", 1):
            client.query("commit")
            client.close()
        readers = hold(weir, "begin read only", 3)
        for client in readers:
            client.query("commit")

        assert readers[0].ask(wire.query(WRITE)).error is None
        assert sum(servers(routes, weir)) <= 3


def test_who_waits_for_one_host_is_in_nobodys_way_who_may_have_another(routes):
    """One replica is late; whoever has written waits for the other one, whose only server is in use."""
    weir = routes.weir(keys={"replica_pool_size": 1, "consistency": "session"})
    late, other = routes.cluster.replicas
    holder, writer, reader = (weir.client(DATABASE) for _ in range(3))
    reader.query("set pgweir.consistency = 'eventual'")
    late.pause_replay()
    try:
        for client in (holder, writer):
            client.query(WRITE)
            eventually(lambda: reads_on(routes, client) == {other})
        holder.query("begin read only")
        holder.query(READ)
        seen = routes.watch()

        writer.send(wire.query(f"/* waits */ {READ}"))
        eventually(lambda: weir.show("POOLS", database=DATABASE)[0]["cl_waiting"] == 1)
        served = [reads_on(routes, reader) for _ in range(3)]
        early = seen.on("waits")
        holder.query("commit")
        writer.read_until(b"Z")
    finally:
        late.resume_replay()

    assert (served, early) == ([{late}] * 3, set())
    assert seen.on("waits") == {other}
    for client in (holder, writer, reader):
        client.close()


def reads_on(routes, client):
    seen, word = routes.watch(), routes.word()
    client.query(f"/* {word} */ {READ}")
    return seen.on(word)
