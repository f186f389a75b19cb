"""The console: who may do what, and in which words it refuses."""

import pytest

from lib import wire
from lib.scene import console_refusal, refused


ADMIN_ONLY = [
    "reload", "pause", "pause app", "resume", "resume app", "suspend", "disable app", "enable app", "reconnect", "reconnect app",
    "kill", "kill app", "kill_client 1", "wait_close", "wait_close app", "shutdown", "shutdown wait_for_servers",
    "shutdown wait_for_clients", "set query_timeout = 1", "set no_such_key = 1", "show fds", "disable", "pause pgbouncer",
]  # fmt: skip


def test_who_may_only_look_may_not_change(desk):
    one = desk()
    watching = one.client("pgbouncer", user="watcher")

    for command in ADMIN_ONLY:
        error = console_refusal(watching, command)
        assert (error.message, error.sqlstate) == ("admin access needed", "08P01"), command
        told = watching.ask(wire.parse(command), wire.bind(), wire.execute(), wire.sync())
        assert told.error.message == "admin access needed", command

    assert one.client("app").query("select 1").rows


def test_nobody_else_gets_in(desk):
    one = desk().allow("not allowed")

    with pytest.raises(wire.PgError, match="not allowed"):
        one.client("pgbouncer", user="someone")


# Logs in to the console as its own user and prints the kind of the first answer.
KNOCK = r"""
import socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
body = struct.pack("!I", 0x30000) + b"user\0pgbouncer\0database\0pgbouncer\0\0"
s.sendall(struct.pack("!I", len(body) + 4) + body)
print(s.recv(1).decode())
"""


def test_the_consoles_own_user_gets_in_by_the_socket_of_the_same_system_user_alone(desk, nest):
    one = desk().allow("authentication failed", "not allowed")

    same = nest.run(["/usr/bin/python3", "-c", KNOCK, f"{one.folder}/.s.PGSQL.{one.port}"])

    assert same.stdout == "R\n"
    assert refused(one.client, "pgbouncer", user="pgbouncer").message == '"trust" authentication failed'


REFUSALS = [
    ("nonsense", "invalid command 'nonsense', use SHOW HELP;"),
    ("show", "invalid command 'show', use SHOW HELP;"),
    ("show nothing", "invalid command 'show nothing', use SHOW HELP;"),
    ("show pools; show stats", "invalid command 'show pools; show stats', use SHOW HELP;"),
    ("show pools;;", "invalid command 'show pools;;', use SHOW HELP;"),
    ("show pools -- all", "invalid command 'show pools -- all', use SHOW HELP;"),
    ("select 1", "invalid command 'select 1', use SHOW HELP;"),
    ("select version()", "invalid command 'select version()', use SHOW HELP;"),
    ("show extra_float_digits", "invalid command 'show extra_float_digits', use SHOW HELP;"),
    ("reload now", "invalid command 'reload now', use SHOW HELP;"),
    ("pause one two", "invalid command 'pause one two', use SHOW HELP;"),
    ("pause 'app'", "invalid command 'pause 'app'', use SHOW HELP;"),
    ("shutdown soon", "invalid command 'shutdown soon', use SHOW HELP;"),
    ("set", "invalid command 'set', use SHOW HELP;"),
    ("set query_timeout", "invalid command 'set query_timeout', use SHOW HELP;"),
    ("set query_timeout 5", "invalid command 'set query_timeout 5', use SHOW HELP;"),
    ("set no_such_key = 1", "SET failed"),
    ("set query_timeout = soon", "SET failed"),
    ("set pool_mode = 'none'", "SET failed"),
    ("sixteen_letters_", "bad arguments"),
    (f"pause {'x' * 64}", "bad arguments"),
    (f"set query_timeout = '{'1' * 256}'", "bad arguments"),
    ("pause nowhere", "no such database: nowhere"),
    ("resume nowhere", "no such database: nowhere"),
    ("kill nowhere", "no such database: nowhere"),
    ("reconnect nowhere", "no such database: nowhere"),
    ("wait_close nowhere", "no such database: nowhere"),
    ("disable nowhere", "no such database: nowhere"),
    ("enable nowhere", "no such database: nowhere"),
    ("pause pgbouncer", "cannot pause admin db: pgbouncer"),
    ("kill pgbouncer", "cannot kill admin db: pgbouncer"),
    ("reconnect pgbouncer", "cannot reconnect admin db: pgbouncer"),
    ("wait_close pgbouncer", "cannot wait in admin db: pgbouncer"),
    ("disable pgbouncer", "cannot disable admin db: pgbouncer"),
    ("enable pgbouncer", "cannot enable admin db: pgbouncer"),
    ("resume pgbouncer", "database pgbouncer is not paused"),
    ("resume", "pooler is not paused/suspended"),
    ("resume app", "database app is not paused"),
    ("disable", "a database is required"),
    ("enable", "a database is required"),
    ("kill_client", "invalid client pointer supplied"),
    ("kill_client x", "invalid client pointer supplied"),
    ("kill_client 1x", "invalid client pointer supplied"),
    ("kill_client 2000000001", "client not found"),
]


def test_what_cannot_be_done_is_refused_in_pgbouncers_words(desk):
    one = desk().allow("SET failed")
    console = one.client("pgbouncer")

    for command, words in REFUSALS:
        error = console_refusal(console, command)
        assert (error.severity, error.sqlstate, error.message) == ("ERROR", "08P01", words), command
        extended = console.ask(wire.parse(command), wire.bind(), wire.execute(), wire.sync())
        assert extended.kinds[-2:] == "EZ" and extended.error.message == words, command

    assert "WARNING C-0x" in one.log and "pooler error: a database is required" in one.log


def test_a_driver_that_asks_for_nothing_is_answered_with_nothing(desk):
    console = desk().client("pgbouncer")

    assert [console.ask(wire.query(text)).kinds for text in ("", ";", "  ")] == ["IZ"] * 3
