"""The console: who may do what, and in which words it refuses."""

import pytest

from lib import wire
from lib.scene import console_refusal


@pytest.mark.parametrize("command", ["reload", "pause", "resume", "kill", "set query_timeout = 1", "shutdown", "disable app"])
def test_who_may_only_look_may_not_change(desk, command):
    watching = desk().client("pgbouncer", user="watcher")

    assert console_refusal(watching, command).message == "admin access needed"
    assert watching.query("show pools").rows


def test_nobody_else_gets_in(desk):
    one = desk().allow("not allowed")

    with pytest.raises(wire.PgError, match="not allowed"):
        one.client("pgbouncer", user="someone")


@pytest.mark.parametrize(
    "command, words",
    [
        ("show nothing", "invalid command 'show nothing', use SHOW HELP;"),
        ("show pools; show stats", "invalid command 'show pools; show stats', use SHOW HELP;"),
        ("pause nowhere", "no such database: nowhere"),
        ("pause pgbouncer", "cannot pause admin db: pgbouncer"),
        ("wait_close pgbouncer", "cannot wait in admin db: pgbouncer"),
        ("resume", "pooler is not paused/suspended"),
        ("resume app", "database app is not paused"),
        ("disable", "a database is required"),
        ("kill_client x", "invalid client pointer supplied"),
        ("kill_client 2000000000", "client not found"),
        (f"pause {'x' * 64}", "bad arguments"),
    ],
)
def test_what_cannot_be_done_is_refused_in_pgbouncers_words(desk, command, words):
    error = console_refusal(desk().client("pgbouncer"), command)

    assert (error.message, error.sqlstate) == (words, "08P01")
