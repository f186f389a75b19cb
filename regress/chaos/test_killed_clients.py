"""A thousand clients of one process, killed in the middle of what they do: few servers, which are soon as they were."""

import multiprocessing
import os

import pytest

from lib import wire
from lib.eventually import eventually
from lib.pgweir import flavour
from lib.routes import DATABASE, Routes

CLIENTS, POOL, ROUNDS = 1000, 12, 3
# The allocator keeps some, a sanitizer all for a while; a client that were left behind is more, a thousand times.
GROWTH = 4_000_000


def in_a_query(client):
    client.send(wire.query("select pg_sleep(600)"))


def in_a_transaction(client):
    client.send(wire.query("begin; insert into hits values (7777); select pg_sleep(600)"))


def between_its_statements(client):
    client.send(wire.query("begin; insert into hits values (7777)"))


def in_a_copy_to_the_server(client):
    client.send(wire.query("copy hits from stdin"), *[wire.copy_data(b"7777\n")] * 50)


def in_a_copy_from_the_server(client):
    client.send(wire.query("copy (select repeat('x', 1000) from generate_series(1, 10000000)) to stdout"))


def in_a_batch(client):
    client.send(wire.parse("insert into hits values (7777)", "one"), wire.bind(name="one"), wire.execute(), wire.flush())


def in_a_pipeline(client):
    client.send(*[wire.parse("select pg_sleep(600)"), wire.bind(), wire.execute(), wire.sync()] * 3)


def with_a_temporary_table(client):
    client.send(wire.query("create temp table mine (id int); select pg_advisory_lock(7777), pg_sleep(600)"))


MIDDLES = [in_a_query, in_a_transaction, between_its_statements, in_a_copy_to_the_server, in_a_copy_from_the_server, in_a_batch,
           in_a_pipeline, with_a_temporary_table]


def crowd(weir, ready):
    """In a process of its own: all connect, all begin, nobody reads."""
    clients = [weir.client(DATABASE, timeout=60) for _ in range(CLIENTS)]
    for number, client in enumerate(clients):
        MIDDLES[number % len(MIDDLES)](client)
    ready.set()
    ready.wait_for_the_end()


class Ready:
    """Tells the parent that all have begun; then nothing happens until the process is killed."""

    def __init__(self):
        self.event = multiprocessing.get_context("fork").Event()
        self.is_set, self.set = self.event.is_set, self.event.set
        self.end, self.never = os.pipe()

    def wait_for_the_end(self):
        os.read(self.end, 1)


def killed_in_the_middle(routes, weir):
    ready = Ready()
    process = multiprocessing.get_context("fork").Process(target=crowd, args=(weir, ready), daemon=True)
    process.start()
    try:
        eventually(ready.is_set, within=60)
        eventually(all_have_begun, routes, weir, within=30)
    finally:
        process.kill()
        process.join()
        os.close(ready.end)
        os.close(ready.never)


def all_have_begun(routes, weir):
    """As many as there may be servers are in the middle of something, all others wait."""
    pool = weir.show("POOLS", database=DATABASE)[0]
    return pool["sv_active"] >= POOL and pool["cl_waiting"] >= CLIENTS - POOL * len(routes.cluster.hosts)


def is_quiet(routes, weir):
    pool = weir.show("POOLS", database=DATABASE)[0]
    busy = [name for name in pool if name.startswith(("cl_", "sv_")) and name != "sv_idle" and pool[name]]
    return not busy and not weir.show("CLIENTS", database=DATABASE) and not weir.show("PINS")


@pytest.mark.parametrize("route", ["split", None], ids=["split", "all to the primary"])
def test_a_thousand_clients_killed_at_once_leave_few_servers_and_nothing_else(cluster, pgweir, route):
    routes = Routes(cluster, pgweir)
    target = {"host": cluster.primary.address, "port": cluster.primary.port} if route is None else {}
    weir = routes.weir(keys={"route": route, **target}, workers=2, default_pool_size=POOL, max_client_conn=CLIENTS + 50, query_wait_timeout=120)
    memory = []

    for _ in range(ROUNDS):
        killed_in_the_middle(routes, weir)
        eventually(is_quiet, routes, weir, within=60)
        memory.append(weir.memory())
        assert len(weir.show("SERVERS", database=DATABASE)) <= POOL * len(cluster.hosts)

    asked = f"from pg_stat_activity where datname = '{DATABASE}' and state <> 'idle' and pid <> pg_backend_pid()"
    assert [host.query(f"select query {asked}") for host in cluster.hosts] == [[], [], []]
    assert routes.primary.query("select count(*) from hits where n = 7777", DATABASE) == [("0",)]
    assert routes.primary.query("select from pg_locks where locktype = 'advisory'") == []
    with weir.client(DATABASE) as client:
        assert client.query("select to_regclass('mine')").rows == [(None,)]
    assert flavour() in ("asan", "tsan") or memory[-1] - memory[0] < GROWTH
