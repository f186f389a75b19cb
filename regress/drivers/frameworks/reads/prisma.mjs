// Where Prisma's reads go: see ../test_reads.py.
import { createRequire } from 'module'

const require = createRequire(process.env.NODE_PATH + '/')
const { PrismaClient } = require('@prisma/client')
const { PrismaPg } = require('@prisma/adapter-pg')

const env = process.env
const adapter = new PrismaPg({ host: env.PGHOST, port: Number(env.PGPORT), user: env.PGUSER, database: env.PGDATABASE })
const db = new PrismaClient({ adapter })
const of = word => ({ where: { what: 'reads ' + word } })

await db.note.findMany(of('plain'))
await db.note.count(of('plain'))
await db.note.create({ data: { who: 1, what: 'reads write' } })
await db.$transaction(async t => { await t.note.count(of('interactive')) })
await db.$transaction(async t => {
    await t.$executeRaw`SET TRANSACTION READ ONLY`
    await t.note.findMany(of('declared'))
    await t.note.count(of('declared'))
})
await db.$queryRaw`select count(*)::int from prisma_notes where what = ${'reads hint'} /* pgweir: primary */`
await db.$disconnect()
