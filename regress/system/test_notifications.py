"""LISTEN, NOTIFY and UNLISTEN over servers that change between transactions: one connection listens for all."""

import asyncio
import contextlib
import os
import select
import signal
import threading
import time

import asyncpg
import psycopg
import pytest

from lib import wire
from lib.eventually import eventually
from lib.routes import DATABASE, Routes
from lib.scene import Background, crowd, farewell, pid_of, value, waiting

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
        readies = 1 if isinstance(what, str) else sum(m[:1] == b"Q" or m == wire.sync() for m in what)
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
    "queries sent ahead": [
        ("a", [wire.query(sql) for sql in ("listen x", "notify x, '1'", "select 1", "begin", "notify x, '2'", "commit", "unlisten x", "notify x", "select 2")]),
    ],
    "a pinned session": [
        ("a", "create temporary table mine (n int)"), ("a", "listen x"), ("b", "notify x, '1'"), ("a", "insert into mine values (1)"),
        ("a", "begin"), ("a", "listen y"), ("a", "notify y, '2'"), ("a", "commit"), ("a", "drop table mine"), ("b", "notify x; notify y"), ("a", "select 1"),
    ],
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


# -- one connection --


def listeners(app):
    """Process ids of the connections that listen."""
    found = app.primary.query("select pid from pg_stat_activity where datname = 'app' and application_name = 'pgweir listener'")
    return [int(pid) for (pid,) in found]


def hears(client, *expected, within=10):
    """Waits until these payloads have come, and no others."""
    got = []

    def all_came():
        got.extend(payload for _, _, payload in heard(client))
        return len(got) >= len(expected)

    eventually(all_came, within=within)
    assert got == list(expected)
    return True


def test_one_connection_listens_for_all_clients_of_all_workers_and_ends_with_them(app):
    one = app.weir(default_pool_size=2, workers=2)
    clients = [one.client("app") for _ in range(8)]

    for number, client in enumerate(clients):
        client.query(f"listen shared; listen own{number}")
    app.query("notify shared, 'to all'; notify own5, 'to one'")

    for number, client in enumerate(clients):
        hears(client, *(["to all", "to one"] if number == 5 else ["to all"]))
    assert len(listeners(app)) == 1
    for client in clients:
        client.close()
    eventually(lambda: not listeners(app))


def test_an_idle_client_hears_at_once_and_holds_no_server(app):
    one = app.weir(default_pool_size=1)
    with one.client("app") as client, app.primary.client("app") as stranger:
        client.query("listen x")

        stranger.query("notify x, 'from outside'")

        m = client.read()
        assert told(m) == (stranger.pid, "x", "from outside")
        assert app.pool(one)["sv_active"] + app.pool(one)["sv_idle"] <= 2
        with one.client("app") as other:
            assert other.query("begin; select 1").error is None


def test_one_s_own_notification_bears_one_s_own_process_id_before_ready_for_query(app):
    one = app.weir(default_pool_size=3)
    with one.client("app") as a, one.client("app") as b:
        a.query("listen x")
        b.query("listen x")
        for _ in range(50):
            mine = a.query("notify x, 'a'").messages
            assert [m.kind for m in mine] == [b"C", b"A", b"Z"]
            assert told(mine[1]) == (a.pid, "x", "a")
            theirs = [m for m in b.query("select pg_notify('x', 'b')").messages if m.kind == b"A"]
            assert [told(m)[::2] for m in theirs if told(m)[2] == "b"] == [(b.pid, "b")]
            assert all(told(m)[0] == a.pid for m in theirs if told(m)[2] == "a")
            assert all(pid == b.pid for pid, _, _ in heard(a))


def test_a_limit_of_one_connection_leaves_room_for_the_one_that_listens(app):
    one = app.weir(default_pool_size=1, max_db_connections=1)

    with one.client("app") as client, one.client("app") as other:
        client.query("listen x")
        other.query("notify x, 'p'")
        hears(client, "p")


def test_nothing_is_lost_or_doubled_while_clients_come_to_listen(app):
    """Others notify all the time: from its first notification on, each client hears every number once, in order."""
    one = app.weir(default_pool_size=3, workers=2)
    stop = threading.Event()

    def notify():
        with app.primary.client("app") as client:
            number = 0
            while not stop.is_set():
                number += 1
                client.query(f"notify x, '{number}'")
            return number

    background = Background(notify)

    def listen(number):
        with one.client("app") as client:
            got = []
            if number % 2:
                client.query("listen other")
            for sql in ("begin", "listen x", "commit") if number % 3 else ("listen x",):
                got += [told(m)[2] for m in client.query(sql).messages if m.kind == b"A"]
            while len(got) < 50:
                m = client.read()
                got.append(told(m)[2])
            got = [int(payload) for payload in got]
            assert got == list(range(got[0], got[0] + len(got)))

    try:
        crowd(20, listen)
    finally:
        stop.set()
    background.result()


def test_all_who_listen_hear_the_same_order(app):
    one = app.weir(default_pool_size=4, workers=2)
    clients = [one.client("app") for _ in range(6)]
    for client in clients:
        client.query("listen x; listen y")

    def notify(number):
        with one.client("app") as client:
            for round in range(20):
                client.query(f"notify {'xy'[round % 2]}, '{number}.{round}'")

    crowd(5, notify)

    orders = []
    for client in clients:
        orders.append([told(client.read())[2] for _ in range(100)])
        client.close()
    assert all(order == orders[0] for order in orders)


def test_thousands_of_clients_share_one_connection_and_one_message(app):
    count = 2000
    one = app.weir(default_pool_size=5, max_client_conn=count + 10)
    clients = []
    try:
        for _ in range(count):
            clients.append(one.client("app"))
            clients[-1].send(wire.query("listen x"))
        for client in clients:
            client.read_until(b"Z")
        before = one.memory()

        app.query("select pg_notify('x', repeat('p', 7000))")

        for client in clients:
            assert len(told(client.read())[2]) == 7000
        assert len(listeners(app)) == 1
        assert one.memory() - before < 10_000_000
    finally:
        for client in clients:
            client.close()


# -- losses --


def test_a_client_with_many_channels_adds_and_ends_one_without_the_others(app):
    one = app.weir(default_pool_size=1)
    with one.client("app") as client:
        client.query(";".join(f"listen c{n}" for n in range(70)))
        mark = app.primary.mark()

        for word in ("listen c70", "listen c3", "unlisten c5", "unlisten c6", "listen c5"):
            client.query(word)

        said = [s.text for s in app.primary.statements_since(mark) if "c40" in s.text]
        assert said == []
        app.query("".join(f"notify c{n};" for n in range(72)))
        expected = sorted(f"c{n}" for n in range(71) if n != 6)
        assert eventually(lambda found: found.extend(heard(client)) or len(found) >= len(expected), [])
        assert sorted(row[0] for row in client.query("select * from pg_listening_channels()").rows) == expected


def test_a_lost_connection_is_made_again_and_said(app):
    one = app.weir(default_pool_size=2).allow("the connection that listens")
    with one.client("app") as client:
        client.query("listen x; listen y")

        app.primary.query(f"select pg_terminate_backend({listeners(app)[0]})")

        m = client.read()
        assert m.kind == b"N"
        assert m.fields()["S"] == "WARNING"
        assert m.fields()["M"] == "notifications may have been lost: the connection that listens was interrupted"
        app.query("notify x, 'again'; notify y, 'too'")
        hears(client, "again", "too")


def test_a_listen_while_the_connection_is_lost_waits_for_the_next_one(app):
    one = app.weir(default_pool_size=2).allow("the connection that listens")
    with one.client("app") as first, one.client("app") as client:
        first.query("listen x")
        app.primary.query(f"select pg_terminate_backend({listeners(app)[0]})")

        assert client.query("listen y").error is None

        app.query("notify y, 'p'")
        hears(client, "p")


def test_a_listen_that_cannot_be_had_is_an_error_and_ends_nothing(app):
    one = app.weir(default_pool_size=2, secrets={"postgres": "", "narrow": ""})
    app.primary.query("drop role if exists narrow")
    app.primary.query("create role narrow login connection limit 1")
    one.allow("server login failed")
    with one.client("app", user="narrow") as client:
        client.query("begin")

        result = client.ask(wire.query("listen x"))

        assert (result.error.sqlstate, result.error.message) == ("57P03", "cannot listen: there is no connection for it")
        assert "too many connections for role" in result.error.fields["D"]
        assert client.query("rollback").tags == ["ROLLBACK"]
        assert client.query("select 1").rows == [("1",)]


def test_pause_closes_the_connection_and_resume_brings_it_back(app):
    one = app.weir(default_pool_size=2).allow("the connection that listens")
    with one.client("app") as client:
        client.query("listen x")

        one.console("PAUSE app")
        assert app.pids() == []
        one.console("RESUME app")

        assert client.read().kind == b"N"
        app.query("notify x, 'again'")
        hears(client, "again")


def test_reconnect_makes_a_new_connection(app):
    one = app.weir(default_pool_size=2).allow("the connection that listens")
    with one.client("app") as client:
        client.query("listen x")
        (before,) = listeners(app)

        one.console("RECONNECT app")

        eventually(lambda: listeners(app) not in ([], [before]))
        assert client.read().kind == b"N"
        app.query("notify x, 'again'")
        hears(client, "again")


def test_the_one_that_listens_goes_to_the_new_primary(own_cluster, pgweir):
    one = Routes(own_cluster, pgweir).weir(check_interval=0.1, check_timeout=0.3, check_fall=2).allow(".")
    former, heir = own_cluster.primary, own_cluster.replica(1)
    with one.client(DATABASE, timeout=30) as client:
        client.query("listen x")

        former.kill9()
        own_cluster.promote(heir)

        assert "notifications may have been lost" in client.read().fields()["M"]
        heir.query("notify x, 'from the new one'", database=DATABASE)
        hears(client, "from the new one")


def test_who_does_not_read_is_closed_when_too_much_waits(app):
    one = app.weir(default_pool_size=2).allow("pooler error")
    with one.client("app") as client:
        client.query("listen x")
        client.query("begin")

        app.query("select pg_notify('x', i::text) from generate_series(1, 10001) i")

        error = farewell(client)
        assert (error.severity, error.sqlstate, error.message) == ("FATAL", "53200", "too many notifications wait for this client")


@contextlib.contextmanager
def stopped(*pids):
    """These processes stand still meanwhile."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def server_ends(app, pid):
    app.primary.query(f"select pg_terminate_backend({pid})")
    eventually(lambda: pid not in app.pids())


def test_a_server_that_ends_while_its_client_is_about_to_hear_is_not_the_client_s_business(app):
    """It has answered; what others committed before is waited for at the one who listens."""
    one = app.weir(default_pool_size=1)
    with one.client("app") as client:
        client.query("listen x")
        pid = pid_of(client)

        with stopped(*listeners(app)):
            client.send(wire.query("select 1"))
            client.read_until(b"C")
            server_ends(app, pid)
            assert client.read().kind == b"Z"

        assert pid_of(client) != pid
        assert client.query("notify x, 'p'").kinds == "CAZ"


def test_a_pinned_server_s_end_is_told_in_place_of_ready_for_query(app):
    one = app.weir(default_pool_size=1).allow("server conn crashed")
    client = one.client("app")
    client.query("listen x")
    client.query("select pg_advisory_lock(1)")

    with stopped(*listeners(app)):
        client.send(wire.query("select 1"))
        client.read_until(b"C")
        server_ends(app, app.primary.query("select pid from pg_locks where locktype = 'advisory' and objid = 1")[0][0])

    assert [m.fields()["M"] for m in client.expect_closed()] == ["server conn crashed?"]


def test_a_listen_whose_server_ends_goes_on_with_another_that_has_to_be_waited_for(app):
    """Two questions to the one who listens are under way; each answer is known for what it is."""
    one = app.weir(default_pool_size=3)
    with one.client("app") as client, one.client("app") as first, one.client("app") as third:
        first.query("begin; set local work_mem = '7MB'; set work_mem = '7MB'")
        left = pid_of(first)
        client.query("listen x")
        third.query("begin")
        second = pid_of(third)
        client.query("begin")
        own = pid_of(client)
        first.query("commit")
        client.query("commit")
        server_ends(app, own)
        assert len({left, second, own}) == 3

        with stopped(*listeners(app), left):
            client.send(wire.query("listen y"))
            eventually(lambda: len(one.show("SERVERS", database="app", state="active")) == 3)
            third.query("commit")
            app.primary.query(f"select pg_terminate_backend({left})")
            os.kill(left, signal.SIGCONT)
            eventually(lambda: left not in app.pids())

        assert client.read_until(b"Z")[0].texts() == ["LISTEN"]
        assert client.query("notify y, 'p'").kinds == "CAZ"


# -- other ways to have a server --


def test_in_session_mode_a_client_listens_on_its_own_server(app):
    one = app.weir(default_pool_size=2, pool_mode="session")
    with one.client("app") as client:
        client.query("listen x")

        mine = client.query("notify x, 'a'").messages

        assert told(mine[1]) == (client.pid, "x", "a")
        assert listeners(app) == []


def test_what_a_client_listened_to_is_not_the_next_one_s(app):
    one = app.weir(default_pool_size=1)
    with one.client("app") as client:
        client.query("begin; listen x")
    with one.client("app") as client:
        client.query("listen y")
    with one.client("app") as client:
        client.query("begin; listen z; notify z; commit")

    with one.client("app") as client:
        app.query("notify x; notify y; notify z")
        assert client.query("select pg_listening_channels()").rows == []
        assert heard(client) == []


def test_each_client_gets_its_payload_in_its_own_encoding(app):
    one = app.weir(default_pool_size=1)
    with one.client("app", client_encoding="LATIN1") as latin, one.client("app", client_encoding="UTF8") as utf8:
        latin.query("listen x")
        utf8.query("listen x")

        app.query("select pg_notify('x', chr(233))")

        assert latin.read().body[4:] == b"x\0\xe9\0"
        assert utf8.read().body[4:] == b"x\0\xc3\xa9\0"


def test_a_client_that_changes_its_encoding_goes_on_to_listen(app):
    one = app.weir(default_pool_size=1)
    with one.client("app", client_encoding="UTF8") as client:
        client.query("listen x")
        client.query("set client_encoding = 'LATIN1'")

        app.query("select pg_notify('x', chr(233))")

        assert client.read().body[4:] == b"x\0\xe9\0"
        eventually(lambda: len(listeners(app)) == 1)
        client.query("unlisten x")
        app.query("notify x")
        assert client.query("select 1").kinds == "TDCZ"
    eventually(lambda: not listeners(app))


# -- drivers --


def test_psycopg_notifies(app):
    one = app.weir(default_pool_size=1)
    with one.connect("app") as listener, one.connect("app") as sender:
        listener.execute("listen x")

        sender.execute("notify x, 'one'")
        sender.execute("select pg_notify('x', %s)", ("two",))

        notifies = listener.notifies()
        got = [next(notifies), next(notifies)]
        assert [(n.channel, n.payload, n.pid) for n in got] == [("x", p, sender.pgconn.backend_pid) for p in ("one", "two")]
        notifies.close()


def test_asyncpg_add_listener(app):
    one = app.weir(default_pool_size=2)

    async def work():
        async def connect():
            return await asyncpg.connect(host=one.address, port=one.port, user="postgres", database="app")

        listener, sender = await connect(), await connect()
        got = asyncio.Queue()
        await listener.add_listener("x", lambda _, pid, channel, payload: got.put_nowait((pid, channel, payload)))
        await sender.execute("notify x, 'p'")
        assert await asyncio.wait_for(got.get(), 10) == (sender.get_server_pid(), "x", "p")
        await listener.close()
        await sender.close()

    asyncio.run(work())


NODE_LISTENS = """
const { Client } = require("pg");
const [port] = process.argv.slice(1);
(async () => {
  const options = { host: "127.0.0.1", port: Number(port), user: "postgres", database: "app" };
  const listener = new Client(options), sender = new Client(options);
  await listener.connect(); await sender.connect();
  const heard = new Promise(resolve => listener.on("notification", resolve));
  await listener.query("listen x");
  await sender.query("select pg_notify($1, $2)", ["x", "p"]);
  const m = await heard;
  console.log(m.channel, m.payload, m.processId === sender.processID);
  await listener.end(); await sender.end();
})();
"""


def test_node_postgres_notification_events(app, node):
    one = app.weir(default_pool_size=1)

    assert node(NODE_LISTENS, one.port).strip() == "x p true"


def test_clients_with_settings_of_their_own_do_not_pass_the_only_server_round_while_a_step_of_theirs_waits(app):
    """Each of them brings its settings to the server first; that this has been done is no end of a transaction."""
    one = app.weir(default_pool_size=1)
    holder, *clients = [one.client("app") for _ in range(4)]
    for number, client in enumerate(clients):
        client.query(f"set app.tag = '{number}'")
        client.query(f"listen x{number}")

    holder.query("begin")
    for client in clients:
        client.send(wire.query("unlisten *"))
    eventually(waiting, one, len(clients))
    holder.query("commit")

    assert [client.read_until(b"Z")[0].body for client in clients] == [b"UNLISTEN\0"] * len(clients)
    assert [value(client, "show app.tag") for client in clients] == ["0", "1", "2"]


@pytest.mark.parametrize("ending", ["unlisten short", "unlisten *", "discard all"])
def test_what_was_notified_before_a_listen_ends_is_heard(app, ending):
    one = app.weir(default_pool_size=3)
    with one.client("app") as listener, one.client("app") as teller:
        for number in range(100):
            listener.query("listen short")
            teller.query(f"notify short, '{number}'")

            found = listener.ask(wire.parse(ending), wire.bind(), wire.execute(), wire.sync())

            assert [m.body[4:] for m in found.messages if m.kind == b"A"] == [b"short\0%d\0" % number]
