"""The console as drivers and dashboards read it."""

import struct

import psycopg
import pytest

from lib import wire


def test_settings_that_drivers_expect_are_answered(desk):
    console = desk().client("pgbouncer")

    asked = console.query("show default_transaction_isolation")
    ignored = console.query("set extra_float_digits = 3")

    assert (asked.names, asked.rows) == (["default_transaction_isolation"], [("read committed",)])
    assert ignored.tags == ["SET"] and ignored.notices[0]["M"] == "SET ignored"


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
