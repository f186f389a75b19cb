// The matrix by TypeORM, whose pool has a connection for each: see ../README.md.
'use strict'
require('reflect-metadata')
const { DataSource, EntitySchema } = require('typeorm')
const { count, plain, run } = require('./common')

const env = process.env
const Note = new EntitySchema({ name: 'TypeormNote', tableName: 'typeorm_notes', columns: {
    id: { type: Number, primary: true, generated: true }, who: { type: Number }, what: { type: String } } })
const db = new DataSource({ type: 'postgres', host: env.PGHOST, port: Number(env.PGPORT), username: env.PGUSER, database: env.PGDATABASE,
    entities: [Note], extra: { max: count }, installExtensions: false })
const ready = db.initialize().then(() => db.synchronize())

run(async (who, say) => {
    await ready
    const notes = db.getRepository(Note)
    let code
    await db.transaction(async t => {
        await t.save(Note, { who, what: 'kept' })
        await t.transaction(inner => inner.query('select 1 / 0')).catch(error => { code = error.code })
        await t.insert(Note, [{ who, what: 'kept' }, { who, what: 'kept' }])
    })
    await db.transaction(async t => {
        await t.save(Note, { who, what: 'gone' })
        throw new Error('undone')
    }).catch(() => {})
    say('transaction', code, await notes.countBy({ who }))
    const first = await notes.findOne({ where: { who }, order: { id: 'ASC' } })
    first.what = 'changed'
    await notes.save(first)
    say('changed', await notes.countBy({ who, what: 'changed' }))
    say('built', (await notes.createQueryBuilder('n').select('sum(n.who)::int', 'v').where('n.who = :who', { who }).getRawOne()).v)
    const runner = db.createQueryRunner()
    await runner.connect()
    await plain(say, who, async text => Object.values((await runner.query(text))?.[0] ?? {})[0])
    await runner.release()
    say('large', (await db.query("select repeat('x', 100) as v from generate_series(1, 20000)")).length)
}, async () => { await db.query('drop table typeorm_notes'); await db.destroy() })
