"""What frameworks say to a server by themselves, over a pool that is smaller than their own."""

import asyncio

import asyncpg
import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import crowd, value

DATABASE = "frameworks"
POOL = 3


@pytest.fixture(scope="module")
def primary(shared_cluster):
    shared_cluster.create_database(DATABASE)
    shared_cluster.primary.query("create table orders (id bigserial primary key, who int)", DATABASE)
    return shared_cluster.primary


@pytest.fixture
def weir(primary, cluster, pgweir):
    entries = {DATABASE: cluster.target(DATABASE, hosts=[primary]), "*": f"host={primary.address} port={primary.port}"}
    return pgweir({"databases": entries, "pgbouncer": {"pool_mode": "transaction", "default_pool_size": POOL, "workers": 2}}, {"postgres": ""})


def fine(result):
    assert result.error is None, result.error
    return result


def test_rails_numbers_its_statements_and_locks_its_migrations(weir):
    def work(number):
        with weir.client(DATABASE) as client:
            for text in ("SET client_min_messages TO 'warning'", "SET standard_conforming_strings = on", "SET SESSION timezone TO 'UTC'"):
                fine(client.query(text))
            for i in (1, 2):
                fine(client.ask(wire.parse(f"SELECT $1::int + {i}", f"a{i}"), wire.sync()))
            for i in (1, 2, 1, 2):
                assert client.ask(wire.bind([str(number).encode()], f"a{i}"), wire.execute(), wire.sync()).rows == [(str(number + i),)]
            eventually(lambda: value(client, "SELECT pg_try_advisory_lock(77)") == "t", within=20)
            for text in ("begin", f"insert into orders (who) values ({number})", "commit"):
                fine(client.query(text))
            assert value(client, "SELECT pg_advisory_unlock(77)") == "t"
            fine(client.query("DISCARD ALL"))
            assert client.ask(wire.bind(name="a1"), wire.sync()).error.sqlstate == "26000"

    crowd(12, work)


def test_asyncpg_resets_what_goes_back_to_its_own_pool(weir):
    async def work(pool, number):
        for _ in range(6):
            async with pool.acquire() as c:
                assert await c.fetchval("select current_setting('app.who', true)") in (None, "")
                await c.execute(f"set app.who = '{number}'")
                assert await c.fetchval("show app.who") == str(number)
                assert await c.fetchval("select $1::int + 1", number) == number + 1

    async def all_of_them():
        address = {"host": weir.address, "port": weir.port, "user": "postgres", "database": DATABASE}
        async with asyncpg.create_pool(min_size=4, max_size=12, **address) as pool:
            await asyncio.gather(*(work(pool, number) for number in range(20)))

    asyncio.run(asyncio.wait_for(all_of_them(), 60))


def test_hibernate_draws_its_numbers_in_the_transaction_that_uses_them(weir):
    def work(number):
        drawn = []
        with weir.client(DATABASE) as client:
            for _ in range(5):
                client.query("begin")
                drawn.append(value(client, "select nextval('orders_id_seq')"))
                fine(client.query(f"insert into orders values ({drawn[-1]}, {number})"))
                fine(client.query("commit"))
        return drawn

    drawn = [one for some in crowd(40, work) for one in some]

    assert len(set(drawn)) == 40 * 5


def test_django_creates_and_drops_its_test_database(weir):
    with weir.client("postgres") as client:
        for _ in range(2):
            fine(client.query("create database test_frameworks"))
            with weir.client("test_frameworks") as inside:
                fine(inside.query("create table t (i int)"))
            fine(client.query("drop database test_frameworks"))


def test_statements_that_go_closes_late_are_closed_wherever_the_client_is(weir):
    def work(number):
        with weir.client(DATABASE) as client:
            for i in range(10):
                fine(client.ask(wire.parse(f"select {i} + {number}", str(i)), wire.sync()))
                assert fine(client.ask(wire.bind(name=str(i)), wire.execute(), wire.sync())).rows == [(str(i + number),)]
                if i > 2:
                    fine(client.ask(wire.close("S", str(i - 3)), wire.sync()))
                    assert client.ask(wire.bind(name=str(i - 3)), wire.sync()).error.sqlstate == "26000"

    crowd(12, work)
