// The matrix by postgres.js, which pipelines and prepares by itself: see ../README.md.
'use strict'
const postgres = require('postgres')
const { pause, plain, run } = require('./common')

run(async (who, say) => {
    const sql = postgres({ max: 1, onnotice: () => {} })
    const one = async text => Object.values((await sql.unsafe(text))[0] ?? {})[0]
    const sum = async n => (await sql`select ${who}::int + ${n}::int as v`)[0].v
    say('prepared', ...await Promise.all([sum(0), sum(1), sum(2)]))

    let code
    await sql.begin(async t => {
        await t`insert into ledger values (${who}, 'kept')`
        await t.savepoint(inner => inner`select 1 / 0`).catch(error => { code = error.code })
        await t`insert into ledger values (${who}, 'kept')`
    })
    await sql.begin(async t => {
        await t`insert into ledger values (${who}, 'gone')`
        throw new Error('undone')
    }).catch(() => {})
    say('transaction', code, (await sql`select count(*)::int as v from ledger where who = ${who}`)[0].v)
    await plain(say, who, one)

    const heard = new Promise(resolve => sql.listen('channel_' + who, resolve).then(() => sql.notify('channel_' + who, 'hello ' + who)))
    say('listen', await heard)

    const sleeping = sql`select pg_sleep(30)`
    const ended = sleeping.catch(error => error.code)
    await pause(200)
    sleeping.cancel()
    say('cancel', await ended, await one('select 1 as v'))

    let seen = 0
    await sql`select generate_series(1, 1000) as v`.cursor(70, rows => { seen += rows.length })
    say('cursor', seen)
    const all = await sql`select repeat('x', 100) as v from generate_series(1, 20000)`
    say('large', all.length, all.reduce((n, row) => n + row.v.length, 0))
    say('prepared again', await sum(100), await one('show app.tag'))
    await sql.end()
})
