// The matrix by Prisma, whose pool has a connection for each: see ../README.md.
import { createRequire } from 'module'

const require = createRequire(process.env.NODE_PATH + '/')
const { PrismaClient } = require('@prisma/client')
const { PrismaPg } = require('@prisma/adapter-pg')
const { count, plain, run } = createRequire(import.meta.url)('./common.js')

const env = process.env
const adapter = new PrismaPg({ host: env.PGHOST, port: Number(env.PGPORT), user: env.PGUSER, database: env.PGDATABASE, max: count })
const db = new PrismaClient({ adapter, transactionOptions: { maxWait: 60000, timeout: 60000 } })
await db.$executeRawUnsafe('drop table if exists prisma_notes')
const ready = db.$executeRawUnsafe('create table prisma_notes (id serial primary key, who int not null, what text not null)')

run(async (who, say) => {
    await ready
    let code
    await db.$transaction(async t => {
        await t.note.create({ data: { who, what: 'kept' } })
        await t.note.createMany({ data: [{ who, what: 'kept' }, { who, what: 'kept' }] })
    })
    await db.$transaction(async t => {
        await t.note.create({ data: { who, what: 'gone' } })
        await t.$queryRawUnsafe('select 1 / 0')
    }).catch(error => { code = error.code })
    say('transaction', code, await db.note.count({ where: { who } }))
    const [made, found] = await db.$transaction([db.note.create({ data: { who, what: 'batched' } }), db.note.findFirst({ where: { who, what: 'batched' } })])
    say('batch', made.id === found.id)
    say('changed', (await db.note.updateMany({ where: { who, what: 'kept' }, data: { what: 'changed' } })).count)
    say('upsert', (await db.note.upsert({ where: { id: found.id }, update: { what: 'once more' }, create: { who, what: 'never' } })).what)
    say('raw', (await db.$queryRaw`select ${who}::int + 1 as v`)[0].v)
    await db.$transaction(async t => {
        await plain(say, who, async text => Object.values((await t.$queryRawUnsafe(text))[0] ?? {})[0])
    })
    say('large', (await db.$queryRawUnsafe("select repeat('x', 100) as v from generate_series(1, 20000)")).length)
}, async () => { await db.$executeRawUnsafe('drop table prisma_notes'); await db.$disconnect() })
