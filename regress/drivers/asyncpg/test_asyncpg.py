"""asyncpg: a mixed load with and without its statement cache, prepare() without Sync, transactions, COPY."""

import asyncio
import io
import time

import asyncpg
import pytest

from lib.load import assert_split
from lib.routes import DATABASE

CLIENTS, SECONDS = 20, 2


def connect(weir, **options):
    return asyncpg.connect(host=weir.address, port=weir.port, user="postgres", database=DATABASE, ssl=False, **options)


async def work(weir, number, options):
    connection = await connect(weir, **options)
    end, reads, writes = time.monotonic() + SECONDS, 0, 0
    while time.monotonic() < end:
        if (reads + writes + number) % 5 == 0:
            await connection.execute("/* write */ insert into hits values ($1)", number)
            writes += 1
        else:
            v = await connection.fetchval("/* read */ select v from notes where id = $1", number % 20 + 1)
            assert v == f"v{number % 20 + 1}"
            reads += 1
    await connection.close()
    return reads, writes


@pytest.mark.parametrize("options", [{}, {"statement_cache_size": 0}])
def test_a_mixed_load_is_split_by_reads_and_writes(routes, splitting, options):
    seen = routes.watch()

    async def crowd():
        return await asyncio.gather(*[work(splitting, number, options) for number in range(CLIENTS)])

    done = asyncio.run(crowd())

    assert_split(routes, seen, sum(r for r, _ in done), sum(w for _, w in done))


def test_a_prepared_read_does_not_take_later_writes_to_a_replica(routes, splitting):
    seen = routes.watch()

    async def scenario():
        connection = await connect(splitting)
        read = await connection.prepare("/* read */ select v from notes where id = $1")
        await connection.execute("/* write */ insert into hits values (1)")
        write = await connection.prepare("/* write */ insert into hits values ($1)")
        other = await connection.prepare("/* read */ select count(*) from notes")
        await write.fetch(2)
        found = [await read.fetchval(3), await other.fetchval()]
        await connection.close()
        return found

    assert asyncio.run(scenario()) == ["v3", 20]
    assert seen.on("write") == {routes.primary}


def test_transactions_errors_and_copy_work(routes, splitting):
    seen = routes.watch()

    async def scenario():
        connection = await connect(splitting)
        async with connection.transaction():
            await connection.execute("/* inside */ insert into hits values (1)")
            await connection.fetch("/* inside */ select count(*) from hits")
        async with connection.transaction(readonly=True):
            walked = [r["id"] async for r in connection.cursor("/* only */ select id from notes order by id", prefetch=7)]
        for _ in range(3):
            with pytest.raises(asyncpg.UndefinedColumnError):
                await connection.fetch("select nothing from notes where id = $1", 1)
        out = io.BytesIO()
        await connection.copy_from_query("/* out */ select v from notes where id < 3 order by id", output=out)
        await connection.copy_records_to_table("hits", records=[(1,), (2,)])
        await connection.close()
        return walked, out.getvalue()

    walked, copied = asyncio.run(scenario())

    assert walked == list(range(1, 21))
    assert copied == b"v1\nv2\n"
    assert seen.on("inside") == {routes.primary}
    assert seen.on("only") < routes.replicas
