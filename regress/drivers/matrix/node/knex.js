// The matrix by Knex, whose pool has a connection for each: see ../README.md.
'use strict'
const knex = require('knex')
const { count, plain, run } = require('./common')

const env = process.env
const db = knex({ client: 'pg', pool: { min: 0, max: count },
    connection: { host: env.PGHOST, port: Number(env.PGPORT), user: env.PGUSER, database: env.PGDATABASE } })

run(async (who, say) => {
    let code
    await db.transaction(async t => {
        await t('ledger').insert({ who, what: 'kept' })
        await t.transaction(inner => inner.raw('select 1 / 0')).catch(error => { code = error.code })
        await t('ledger').insert([{ who, what: 'kept' }, { who, what: 'more' }])
    })
    await db.transaction(async t => {
        await t('ledger').insert({ who, what: 'gone' })
        throw new Error('undone')
    }).catch(() => {})
    const found = await db('ledger').where({ who }).count('* as n')
    say('transaction', code, found[0].n)
    say('changed', await db('ledger').where({ who, what: 'more' }).update({ what: 'changed' }), await db('ledger').where({ who, what: 'changed' }).del())

    const c = await db.client.acquireConnection()
    await plain(say, who, async text => Object.values((await db.raw(text).connection(c)).rows[0] ?? {})[0])
    await db.client.releaseConnection(c)

    const all = await db.raw("select repeat('x', 100) as v from generate_series(1, 20000)")
    say('large', all.rows.length)
    let streamed = 0
    for await (const row of (await db.raw('select generate_series(1, 1000) as v')).rows)
        streamed += row.v
    say('rows', streamed)
}, () => db.destroy())
