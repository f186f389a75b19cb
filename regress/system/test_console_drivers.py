"""The console as drivers and dashboards read it."""

import asyncio
import json
import struct
from decimal import Decimal

import asyncpg
import psycopg
import psycopg2
import pytest

from lib import wire


PRETENDED = {
    "client_encoding": "UTF-8",
    "default_transaction_isolation": "read committed",
    "standard_conforming_strings": "on",
    "datestyle": "ISO",
    "timezone": "GMT",
}


def test_settings_that_drivers_expect_are_answered(desk):
    console = desk().client("pgbouncer")

    for name, value in PRETENDED.items():
        for asked in (f"show {name}", f"SHOW {name.upper()};", f"select {name}"):
            told = console.query(asked)
            assert (told.columns, told.rows, told.tags) == ([(name, 25)], [(value,)], ["SHOW"])


def test_settings_that_drivers_make_are_ignored_and_said_to_be(desk):
    one = desk()

    for user in ("postgres", "watcher"):
        console = one.client("pgbouncer", user=user)
        for name in (*PRETENDED, "extra_float_digits", "application_name"):
            for made in (f"set {name} = 3", f"SET {name.upper()} TO 'x';", f'set "{name}" to x'):
                told = console.query(made)
                assert (told.kinds, told.tags, told.notices[0]["M"]) == ("NCZ", ["SET"], "SET ignored"), made
        assert console.query("show pools").rows


def test_jdbc_begins_in_the_extended_protocol(desk):
    """What pgjdbc sends when it has logged in, and for a query."""
    console = desk().client("pgbouncer", DateStyle="ISO", TimeZone="Europe/Oslo", extra_float_digits="2")

    begun = console.ask(wire.parse("SET extra_float_digits = 3"), wire.bind(), wire.execute(rows=1), wire.sync())
    named = console.ask(wire.parse("SET application_name = 'PostgreSQL JDBC Driver'"), wire.bind(), wire.execute(rows=1), wire.sync())
    asked = console.ask(wire.parse("SHOW LISTS"), wire.bind(), wire.describe("P"), wire.execute(rows=0), wire.sync())

    assert (begun.kinds, begun.tags) == ("12NCZ", ["SET"]) and (named.kinds, named.tags) == ("12NCZ", ["SET"])
    assert asked.kinds == "12T" + 14 * "D" + "CZ"


def test_psycopg2_reads_every_show(desk):
    one = desk()
    connection = psycopg2.connect(one.conninfo("pgbouncer", user="watcher"))
    connection.set_session(autocommit=True)

    with connection.cursor() as cursor:
        for name in ("STATS", "POOLS", "DATABASES", "LISTS", "CONFIG", "CLIENTS"):
            cursor.execute(f"SHOW {name};")
            assert len(cursor.fetchall()[0]) == len(cursor.description)
        cursor.execute("SHOW STATS")
        found = dict(zip([column.name for column in cursor.description], cursor.fetchall()[0]))
    connection.close()

    assert found["database"] == "app" and found["total_query_count"] == 0


def test_asyncpg_reads_numbers_in_binary(desk):
    one = desk()

    async def read():
        connection = await asyncpg.connect(
            host=one.address, port=one.port, user="watcher", database="pgbouncer", server_settings={"timezone": "GMT"}
        )
        rows = await connection.fetch("SHOW DATABASES"), await connection.fetch("SHOW STATS_TOTALS")
        again = await (await connection.prepare("SHOW TOTALS")).fetch()
        await connection.close()
        return *rows, again

    databases, stats, again = asyncio.run(read())

    assert [row["name"] for row in databases] == ["app", "other", "pgbouncer"] and databases[0]["pool_size"] == 20
    assert stats[0]["query_count"] == Decimal(0) and len(again) == 24


def test_node_postgres_reads_rows_by_name(desk, node):
    one = desk()
    source = """
        const { Client } = require('pg');
        const client = new Client({host: '127.0.0.1', port: +process.argv[1], user: 'watcher', database: 'pgbouncer'});
        (async () => {
            await client.connect();
            const plain = await client.query('SHOW DATABASES');
            const named = await client.query({name: 'stats', text: 'SHOW STATS', values: []});
            console.log(JSON.stringify([plain.rows[0].name, plain.rows[0].pool_size, named.rows[0].total_query_count]));
            await client.end();
        })();
    """

    assert json.loads(node(source, one.port)) == ["app", 20, "0"]


def test_drivers_of_the_extended_protocol_read_the_console(desk):
    one = desk()

    with one.connect("pgbouncer") as connection:
        for binary in (False, True):
            with connection.cursor(binary=binary) as cursor:
                for _ in range(7):
                    rows = cursor.execute("SHOW POOLS", prepare=True).fetchall()
                    stats = cursor.execute("SHOW STATS_TOTALS").fetchall()
                assert rows[0][:3] == ("pgbouncer", "pgbouncer", 1)
                assert [row[0] for row in stats] == ["app", "other", "pgbouncer"]
                assert stats[0][1] == 0 and stats[2][2] > 0
        with pytest.raises(psycopg.Error, match="invalid command 'SHOW nothing'"):
            connection.execute("SHOW nothing", prepare=True)
        assert connection.execute("SHOW VERSION").fetchone()[0].startswith("PgBouncer")


def test_a_statement_is_described_before_it_runs_and_its_rows_are_fetched_in_parts(desk):
    console = desk().client("pgbouncer")

    described = console.ask(wire.parse("show databases", "s"), wire.describe("S", "s"), wire.sync())
    fetched = console.ask(
        wire.bind(name="s"), wire.describe("P"), wire.execute(rows=2), wire.execute(rows=2), wire.execute(rows=2), wire.sync()
    )

    assert described.kinds == "1tTZ" and described.names[:3] == ["name", "host", "port"]
    assert fetched.kinds == "2TDDsDCCZ" and fetched.tags == ["SHOW", "SHOW"]


def test_an_error_in_the_extended_protocol_skips_to_sync(desk):
    console = desk().client("pgbouncer")

    wrong = console.ask(wire.parse("show nothing"), wire.bind(), wire.execute(), wire.sync())
    missing = console.ask(wire.bind(name="unknown"), wire.execute(), wire.sync())
    parameters = console.ask(wire.parse("show pools"), wire.bind(["1"]), wire.execute(), wire.sync())
    denied = console.ask(wire.parse("show pools", "a"), wire.parse("show pools", "a"), wire.sync())

    assert (wrong.kinds, missing.kinds, parameters.kinds, denied.kinds) == ("EZ", "EZ", "1EZ", "1EZ")
    assert missing.error.sqlstate == "26000" and denied.error.sqlstate == "42P05"
    assert console.ask(wire.parse(""), wire.bind(), wire.execute(), wire.sync()).kinds == "12IZ"
    assert console.query("show version").rows


def test_commands_that_are_sent_ahead_are_answered_in_order(desk):
    console = desk().client("pgbouncer")

    console.send(*[wire.query(f"show {name}") for name in ("pools", "version", "clients", "nothing", "state")])
    kinds = [wire.Result(console.read_until()).kinds for _ in range(5)]

    assert kinds == ["TDCZ", "TDCZ", "TDCZ", "EZ", "TDDDCZ"]


def test_a_broken_message_ends_the_console_session_alone(desk):
    one = desk()
    console, other = one.client("pgbouncer"), one.client("pgbouncer")
    one.allow("bad packet")

    console.send(b"B" + struct.pack("!I", 16) + b"\xff" * 12)

    assert console.expect_closed()[-1].fields()["M"] == "bad packet"
    assert other.query("show version").rows
