// The matrix by Sequelize, whose pool has a connection for each: see ../README.md.
'use strict'
const { Sequelize, DataTypes, Transaction } = require('sequelize')
const { count, plain, run } = require('./common')

const env = process.env
const db = new Sequelize(env.PGDATABASE, env.PGUSER, '', { host: env.PGHOST, port: Number(env.PGPORT), dialect: 'postgres', logging: false,
    pool: { max: count } })
const Note = db.define('sequelize_note', { who: DataTypes.INTEGER, what: DataTypes.STRING, tags: DataTypes.JSONB }, { timestamps: false })
const ready = db.sync({ force: true })

run(async (who, say) => {
    await ready
    let code
    await db.transaction({ isolationLevel: Transaction.ISOLATION_LEVELS.REPEATABLE_READ }, async t => {
        await Note.create({ who, what: 'kept', tags: { a: who } }, { transaction: t })
        await db.transaction({ transaction: t }, inner => db.query('select 1 / 0', { transaction: inner })).catch(error => { code = error.original.code })
        await Note.bulkCreate([{ who, what: 'kept' }, { who, what: 'kept' }], { transaction: t })
    })
    await db.transaction(async t => {
        await Note.create({ who, what: 'gone' }, { transaction: t })
        throw new Error('undone')
    }).catch(() => {})
    say('transaction', code, await Note.count({ where: { who } }))
    say('found', (await Note.findOne({ where: { who, what: 'kept' }, order: ['id'] })).tags.a, (await Note.findOrCreate({ where: { who, what: 'once' } }))[1])
    say('bound', (await db.query('select $1::int + 1 as v', { bind: [who] }))[0][0].v)
    await db.transaction(async transaction => {
        await plain(say, who, async text => Object.values((await db.query(text, { transaction }))[0]?.[0] ?? {})[0])
    })
    say('large', (await db.query("select repeat('x', 100) as v from generate_series(1, 20000)"))[0].length)
}, async () => { await Note.drop(); await db.close() })
