"""The matrix by asyncpg: see README.md."""

import asyncio
import io
import os
import sys

import asyncpg

SAID = []


async def work(who):
    def say(step, *results):
        SAID.append(f"{who:02} {step}: " + " ".join(str(r) for r in results))

    c = await asyncpg.connect(host=os.environ["PGHOST"], port=int(os.environ["PGPORT"]))
    plus = await c.prepare("select $1::int + $2::int")
    say("prepared", *[await plus.fetchval(who, n) for n in range(3)])

    async with c.transaction():
        await c.execute("insert into ledger values ($1, 'kept')", who)
        try:
            async with c.transaction():
                await c.fetchval("select 1 / 0")
        except asyncpg.PostgresError as error:
            code = error.sqlstate
        await c.execute("insert into ledger values ($1, 'kept')", who)
    gone = c.transaction()
    await gone.start()
    await c.execute("insert into ledger values ($1, 'gone')", who)
    await gone.rollback()
    say("transaction", code, await c.fetchval("select count(*) from ledger where who = $1", who))

    await c.execute(f"set app.tag = 'tag {who}'; set timezone = 'Etc/GMT+{who}'")
    await c.execute("create temporary table scratch (v int)")
    await c.executemany("insert into scratch values ($1)", [(who,), (who,)])
    say("temporary", await c.fetchval("select sum(v) from scratch"))
    await c.execute("drop table scratch")

    taken = await c.fetchval("select pg_try_advisory_lock($1)", 4200 + who)
    say("advisory", taken, await c.fetchval("select pg_advisory_unlock($1)", 4200 + who))

    heard = asyncio.get_running_loop().create_future()

    def listener(_connection, _pid, _channel, payload):
        heard.set_result(payload)

    await c.add_listener(f"channel_{who}", listener)
    await c.execute(f"notify channel_{who}, 'hello {who}'")
    say("listen", await asyncio.wait_for(heard, 10))
    await c.remove_listener(f"channel_{who}", listener)

    await c.copy_records_to_table("ledger", records=[(who, "copied")] * 100)
    out = io.BytesIO()
    await c.copy_from_query("select * from ledger where who = $1 and what = 'copied'", who, output=out)
    say("copy", out.getvalue().count(b"\n"))

    async with c.transaction():
        seen = [row[0] async for row in c.cursor("select generate_series(1, 100)", prefetch=7)]
    say("cursor", sum(seen))

    try:
        await asyncio.wait_for(c.execute("select pg_sleep(30)"), 0.2)
    except asyncio.TimeoutError:
        say("cancel", await c.fetchval("select 1"))

    rows = await c.fetch("select repeat('x', 100) from generate_series(1, 20000)")
    say("large", len(rows), sum(len(row[0]) for row in rows))
    say("settings", await c.fetchval("show app.tag"), await c.fetchval("show timezone"))
    say("prepared again", await plus.fetchval(who, 100))
    await c.close()


async def main():
    await asyncio.gather(*[work(who) for who in range(int(sys.argv[1]))])
    print("\n".join(sorted(SAID)))


asyncio.run(main())
