// What the programs of Node share: the connections' numbers, their lines, and what any of them asks in plain SQL.
'use strict'

const lines = []
const count = Number(process.argv[2])

const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

// Steps that need nothing but "run this text, give me the first value": one(text) on a connection of its own.
async function plain(say, who, one) {
    await one(`set app.tag = 'tag ${who}'`)
    await one(`set timezone = 'Etc/GMT+${who}'`)
    await one('create temporary table scratch (v int)')
    await one(`insert into scratch values (${who}), (${who})`)
    say('temporary', await one('select sum(v)::int as v from scratch'))
    await one('drop table scratch')
    const taken = await one(`select pg_try_advisory_lock(${4200 + who}) as v`)
    say('advisory', taken, await one(`select pg_advisory_unlock(${4200 + who}) as v`))
    say('settings', await one(`select current_setting('app.tag') || current_setting('timezone') as v`))
}

async function main(work, end) {
    await Promise.all([...Array(count).keys()].map(who => work(who, (step, ...results) =>
        lines.push(`${String(who).padStart(2, '0')} ${step}: ${results.join(' ')}`))))
    if (end)
        await end()
    console.log(lines.sort().join('\n'))
}

module.exports = { count, pause, plain, run: (work, end) => main(work, end).catch(error => { console.error(error); process.exit(1) }) }
