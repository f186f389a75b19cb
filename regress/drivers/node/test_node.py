"""node-postgres: a mixed load, prepared and not, transactions and errors through a split."""

import json

import pytest

from lib.load import assert_split
from lib.routes import DATABASE

CLIENTS, SECONDS = 20, 2

LOAD = """
const { Client } = require('pg')
const [port, database, clients, seconds, kind] = process.argv.slice(1)

function ask(name, text, values) {
    if (kind === 'simple') return { text: text.replace('$1', values[0]) }
    return kind === 'named' ? { name, text, values } : { text, values }
}

async function work(number) {
    const client = new Client({ host: '127.0.0.1', port: Number(port), user: 'postgres', database })
    await client.connect()
    const end = Date.now() + seconds * 1000
    const id = number % 20 + 1
    let reads = 0, writes = 0
    while (Date.now() < end) {
        if ((reads + writes + number) % 5 === 0) {
            await client.query(ask('write', '/* write */ insert into hits values ($1)', [number]))
            writes++
        } else {
            const found = await client.query(ask('read', '/* read */ select v from notes where id = $1', [id]))
            if (found.rows[0].v !== 'v' + id) throw new Error('a wrong row')
            reads++
        }
    }
    await client.end()
    return [reads, writes]
}

Promise.all([...Array(Number(clients)).keys()].map(work)).then(
    done => console.log(JSON.stringify(done)),
    error => { console.error(error); process.exit(1) })
"""

SCENARIO = """
const { Client } = require('pg')
const [port, database] = process.argv.slice(1)

async function scenario() {
    const client = new Client({ host: '127.0.0.1', port: Number(port), user: 'postgres', database })
    await client.connect()
    const codes = []
    for (const text of ['select nothing from notes', 'select 1 / 0 from notes', 'this is no statement'])
        for (const ask of [{ text }, { text, values: [] , name: 'n' + codes.length }])
            await client.query(ask).catch(error => codes.push(error.code))
    await client.query('begin')
    await client.query('/* inside */ insert into hits values ($1)', [1])
    const inside = await client.query('/* inside */ select count(*) > 0 as there from hits')
    await client.query('rollback')
    await client.query('begin read only')
    await client.query('/* only */ select count(*) from notes')
    await client.query('commit')
    const after = await client.query('select v from notes where id = $1', [2])
    await client.end()
    console.log(JSON.stringify({ codes, there: inside.rows[0].there, v: after.rows[0].v }))
}

scenario().catch(error => { console.error(error); process.exit(1) })
"""


@pytest.mark.parametrize("kind", ["simple", "unnamed", "named"])
def test_a_mixed_load_is_split_by_reads_and_writes(routes, splitting, node, kind):
    seen = routes.watch()

    done = json.loads(node(LOAD, splitting.port, DATABASE, CLIENTS, SECONDS, kind))

    assert_split(routes, seen, sum(r for r, _ in done), sum(w for _, w in done))


def test_transactions_and_errors_come_out_right(routes, splitting, node):
    seen = routes.watch()

    found = json.loads(node(SCENARIO, splitting.port, DATABASE))

    assert found == {"codes": ["42703"] * 2 + ["22012"] * 2 + ["42601"] * 2, "there": True, "v": "v2"}
    assert seen.on("inside") == {routes.primary}
    assert seen.on("only") < routes.replicas
