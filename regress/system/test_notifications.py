"""LISTEN, NOTIFY and UNLISTEN over servers that change between transactions: one connection listens for all."""

import asyncio
import select
import threading
import time

import asyncpg
import psycopg
import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import Background, crowd, farewell

# -- what a client hears, message by message, and on a connection of its own --


def heard(client):
    """Notifications that have come to an idle client, as (pid, channel, payload)."""
    found = []
    while client.read_ahead or select.select([client.socket], [], [], 0)[0]:
        found.append(client.read())
    return [told(m) for m in found if m.kind == b"A"]


def told(m):
    channel, payload = m.body[4:].split(b"\0")[:2]
    return m.number(), channel.decode("utf8", "replace"), payload.decode("utf8", "replace")


def play(clients, story):
    """Plays (who, what): a text is a Query, a list are messages with a Sync in them.  Answers what each one was told.

    When a notification of somebody else's comes within an answer is chance, so those of one answer are put behind it.
    """
    pids = {client.pid: f"pid of {who}" for who, client in clients.items()}
    lines = []
    for who, what in story:
        client = clients[who]
        client.send(*([wire.query(what)] if isinstance(what, str) else what))
        readies = 1 if isinstance(what, str) else sum(m in (wire.sync(),) for m in what)
        for _ in range(readies):
            for m in sorted(client.read_until(b"Z"), key=lambda m: m.kind == b"A"):
                if m.kind == b"A":
                    pid, channel, payload = told(m)
                    lines.append((who, "A", pids.get(pid, "a stranger"), channel, payload))
                elif m.kind in b"EN":
                    fields = m.fields()
                    lines.append((who, m.kind.decode(), fields["C"], fields["M"]))
                else:
                    lines.append((who, m.kind.decode(), m.body if m.kind != b"T" else b""))
    return lines


def extended(text, name="", portal=""):
    return [wire.parse(text, name), wire.bind(name=name, portal=portal), wire.execute(portal)]


STORIES = {
    "listen and hear oneself": [("a", "listen x"), ("a", "notify x, 'one'"), ("a", "select 1")],
    "listen and notify in one transaction": [("a", "begin"), ("a", "listen x"), ("a", "notify x, 'in'"), ("a", "commit"), ("a", "select 1")],
    "listen and notify in one query": [("a", "listen x; notify x, 'in'"), ("a", "select 1")],
    "what was notified before is not heard": [("b", "notify x, 'early'"), ("a", "listen x"), ("b", "notify x, 'late'"), ("a", "select 1")],
    "not before the commit": [("a", "begin"), ("a", "listen x"), ("b", "notify x, 'early'"), ("a", "commit"), ("b", "notify x"), ("a", "select 1")],
    "a listen rolled back": [("a", "begin"), ("a", "listen x"), ("a", "rollback"), ("b", "notify x"), ("a", "select 1")],
    "a listen behind a savepoint rolled back": [
        ("a", "begin"), ("a", "listen x"), ("a", "savepoint s"), ("a", "listen y"), ("a", "rollback to s"), ("a", "commit"),
        ("b", "notify x"), ("b", "notify y"), ("a", "select 1"),
    ],
    "a failed query of several statements": [("a", "listen x; select 1/0"), ("b", "notify x"), ("a", "select 1")],
    "unlisten": [("a", "listen x"), ("a", "listen y"), ("a", "unlisten x"), ("b", "notify x; notify y"), ("a", "select 1")],
    "unlisten all": [("a", "listen x; listen y"), ("a", "unlisten *"), ("b", "notify x; notify y"), ("a", "select 1")],
    "an unlisten rolled back": [("a", "listen x"), ("a", "begin"), ("a", "unlisten x"), ("a", "rollback"), ("b", "notify x"), ("a", "select 1")],
    "an unlisten behind a savepoint rolled back": [
        ("a", "listen x; listen y"), ("a", "begin"), ("a", "savepoint s"), ("a", "unlisten x"), ("a", "rollback to s"),
        ("a", "unlisten y"), ("a", "commit"), ("b", "notify x; notify y"), ("a", "select 1"),
    ],
    "listen and unlisten in one transaction": [
        ("a", "listen x"), ("a", "begin"), ("a", "unlisten x"), ("a", "listen x"), ("a", "listen y"), ("a", "unlisten y"), ("a", "commit"),
        ("b", "notify x; notify y"), ("a", "select 1"),
    ],
    "discard all": [("a", "listen x"), ("a", "discard all"), ("b", "notify x"), ("a", "select 1"), ("a", "listen y"), ("b", "notify y; notify x"), ("a", "select 1")],
    "held back in a transaction": [("a", "listen x"), ("a", "begin"), ("b", "notify x"), ("a", "select 1"), ("a", "commit"), ("a", "select 1")],
    "held back in a failed transaction": [("a", "listen x"), ("a", "begin"), ("b", "notify x"), ("a", "select 1/0"), ("a", "rollback")],
    "the same twice is one": [("a", "listen x"), ("b", "begin; notify x, 'p'; notify x, 'p'; notify x, 'q'; commit"), ("a", "select 1")],
    "in order over channels": [
        ("a", "listen x; listen y"), ("b", "notify x, '1'; notify y, '2'; notify x, '3'"), ("b", "notify y, '4'"), ("a", "select 1"),
    ],
    "a listen more, with notifications of both": [
        ("a", "listen x"), ("a", "begin"), ("b", "notify x, '1'"), ("a", "listen y"), ("a", "notify y, '2'; notify x, '3'; notify y, '4'"),
        ("b", "notify x, '5'"), ("a", "commit"), ("a", "select 1"),
    ],
    "by the extended protocol": [
        ("a", [*extended("listen x"), wire.sync()]), ("b", [*extended("notify x, 'e'"), wire.sync()]), ("a", [*extended("select 1"), wire.sync()]),
        ("a", [*extended("unlisten x"), wire.sync()]), ("b", "notify x, 'f'"), ("a", [*extended("select 1"), wire.sync()]),
    ],
    "prepared and executed twice": [
        ("a", [wire.parse("listen x", "l"), wire.sync()]), ("b", "notify x, 'no'"), ("a", [wire.bind(name="l"), wire.execute(), wire.sync()]),
        ("a", "unlisten *"), ("a", [wire.bind(name="l"), wire.execute(), wire.sync()]), ("b", "notify x, 'yes'"), ("a", "select 1"),
    ],
    "in a pipeline": [
        ("a", [*extended("listen x"), *extended("listen y"), *extended("notify y, 'p'"), wire.sync()]), ("b", "notify x, 'q'"), ("a", "select 1"),
        ("a", [*extended("unlisten x"), *extended("select 1/0"), *extended("unlisten y"), wire.sync()]), ("b", "notify x; notify y"), ("a", "select 1"),
        ("a", [*extended("unlisten x"), *extended("listen z"), wire.sync()]), ("b", "notify x; notify y; notify z"), ("a", "select 1"),
    ],
    "pipelined queries": [("a", [wire.query("listen x"), wire.query("notify x, '1'"), wire.query("select 1"), wire.sync()][:1]), ("a", "select 2")],
    "inside of a DO": [("a", "do $$ begin execute 'listen x'; end $$"), ("b", "notify x"), ("a", "select 1"), ("a", "do $$ begin execute 'unlisten x'; end $$"), ("b", "notify x"), ("a", "select 1")],
    "pg_notify": [("a", "listen x"), ("a", "select pg_notify('x', 'p')"), ("a", "select 1")],
    "the channels that one has": [
        ("a", "select pg_listening_channels()"), ("a", "listen x; listen y"), ("a", "select * from pg_listening_channels() order by 1"),
        ("a", "begin"), ("a", "listen z"), ("a", "select * from pg_listening_channels() order by 1"), ("a", "commit"),
        ("a", "unlisten y"), ("a", "select * from pg_listening_channels() order by 1"), ("b", "select pg_listening_channels()"),
    ],
    "names of all kinds": [
        ("a", 'listen "Channel with "" and . and \'"'), ("b", 'notify "Channel with "" and . and \'", \'it\'\'s\''), ("a", "select 1"),
        ("a", 'listen "' + "é" * 31 + '"'), ("b", "select pg_notify('" + "é" * 31 + "', '')"), ("a", "select 1"),
        ("a", "listen " + "n" * 63), ("b", "notify " + "n" * 63), ("a", "select 1"), ("a", "listen " + "m" * 70), ("b", "notify " + "m" * 63), ("a", "select 1"),
    ],
    "payloads of all lengths": [
        ("a", "listen x"), ("b", f"select pg_notify('x', repeat('p', 7999))"), ("a", "select 1"), ("b", f"select pg_notify('x', repeat('p', 8000))"), ("a", "select 1"),
    ],
    "listen twice": [("a", "listen x"), ("a", "listen x"), ("b", "notify x"), ("a", "select 1"), ("a", "unlisten x"), ("b", "notify x"), ("a", "select 1")],
    "in a read-only transaction": [("a", "begin read only"), ("a", "listen x"), ("a", "commit"), ("b", "notify x"), ("a", "select 1")],
    "two who listen": [("a", "listen x"), ("b", "listen x"), ("a", "notify x, 'a'"), ("b", "notify x, 'b'"), ("a", "select 1"), ("b", "select 1")],
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_client_hears_what_it_hears_on_a_connection_of_its_own(app, story):
    with app.primary.client("app") as a, app.primary.client("app") as b:
        expected = play({"a": a, "b": b}, story)
    one = app.weir(default_pool_size=2)

    with one.client("app") as a, one.client("app") as b:
        got = play({"a": a, "b": b}, story)

    assert got == expected
