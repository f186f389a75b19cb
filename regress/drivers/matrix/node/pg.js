// The matrix by node-postgres: see ../README.md.
'use strict'
const net = require('net')
const { Client } = require('pg')
const { pause, plain, run } = require('./common')

// The driver's own cancel is not for the public.
function cancel(c) {
    const packet = Buffer.alloc(16)
    packet.writeInt32BE(16, 0)
    packet.writeInt32BE(80877102, 4)
    packet.writeInt32BE(c.processID, 8)
    packet.writeInt32BE(c.secretKey, 12)
    return new Promise(resolve => {
        const socket = net.connect(Number(process.env.PGPORT), process.env.PGHOST, () => socket.write(packet))
        socket.on('close', resolve).on('error', resolve).resume()
    })
}

run(async (who, say) => {
    const c = new Client()
    await c.connect()
    const one = async (text, values) => Object.values((await c.query(text, values)).rows[0] ?? {})[0]
    const sum = n => c.query({ name: 'plus', text: 'select $1::int + $2::int as v', values: [who, n] }).then(r => r.rows[0].v)
    say('prepared', await sum(0), await sum(1), await sum(2))

    await c.query('begin')
    await c.query("insert into ledger values ($1, 'kept')", [who])
    await c.query('savepoint here')
    const code = await c.query('select 1 / 0').catch(error => error.code)
    await c.query('rollback to here')
    await c.query("insert into ledger values ($1, 'kept')", [who])
    await c.query('commit')
    await c.query(`begin; insert into ledger values (${who}, 'gone'); rollback`)
    say('transaction', code, await one('select count(*)::int from ledger where who = $1', [who]))
    await plain(say, who, one)

    const heard = new Promise(resolve => c.once('notification', resolve))
    await c.query(`listen channel_${who}`)
    await c.query('select pg_notify($1, $2)', ['channel_' + who, 'hello ' + who])
    const note = await heard
    say('listen', note.payload, note.processId === c.processID)
    await c.query(`unlisten channel_${who}`)

    const sleeping = c.query('select pg_sleep(30)').catch(error => error.code)
    await pause(200)
    await cancel(c)
    say('cancel', await sleeping, await one('select 1'))

    const all = await c.query("select repeat('x', 100) as v from generate_series(1, 20000)")
    say('large', all.rows.length, all.rows.reduce((n, row) => n + row.v.length, 0))
    say('prepared again', await sum(100), await one('show app.tag'))
    await c.end()
})
