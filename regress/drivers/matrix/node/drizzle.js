// The matrix by Drizzle over node-postgres, whose pool has a connection for each: see ../README.md.
'use strict'
const { Pool } = require('pg')
const { drizzle } = require('drizzle-orm/node-postgres')
const { integer, pgTable, text } = require('drizzle-orm/pg-core')
const { and, eq, sql } = require('drizzle-orm')
const { count, plain, run } = require('./common')

const pool = new Pool({ max: count })
const db = drizzle(pool)
const ledger = pgTable('ledger', { who: integer('who'), what: text('what') })

run(async (who, say) => {
    let code
    await db.transaction(async t => {
        await t.insert(ledger).values({ who, what: 'kept' })
        await t.transaction(inner => inner.execute(sql`select 1 / 0`)).catch(error => { code = (error.cause ?? error).code })
        await t.insert(ledger).values([{ who, what: 'kept' }, { who, what: 'more' }])
    })
    await db.transaction(async t => {
        await t.insert(ledger).values({ who, what: 'gone' })
        t.rollback()
    }).catch(() => {})
    say('transaction', code, await db.$count(ledger, eq(ledger.who, who)))
    const plus = db.select({ v: sql`${sql.placeholder('n')}::int + ${who}::int` }).from(sql`(values (1)) one`).prepare('plus_' + who)
    say('prepared', (await plus.execute({ n: 1 }))[0].v, (await plus.execute({ n: 2 }))[0].v)
    const changed = await db.update(ledger).set({ what: 'changed' }).where(and(eq(ledger.who, who), eq(ledger.what, 'more'))).returning()
    say('changed', changed.length, changed[0].what)
    const c = await pool.connect()
    await plain(say, who, async statement => Object.values((await c.query(statement)).rows[0] ?? {})[0])
    c.release()
    say('large', (await db.execute(sql`select repeat('x', 100) as v from generate_series(1, 20000)`)).rows.length)
}, () => pool.end())
