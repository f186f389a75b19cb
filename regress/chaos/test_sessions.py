"""Sessions with all that a session can have, on few servers, while clients vanish in the middle and servers go.

Every answer is compared with what this client did and no other; at the end nothing of anybody is left anywhere.
"""

import collections
import random
import re
import socket
import struct
import threading
import time

import pytest

from lib import wire
from lib.eventually import eventually
from lib.routes import DATABASE, Routes
from lib.scene import Background

CLIENTS, POOL, WORKERS = 16, 4, 3
DISTURBANCES, SECONDS, ACTS_BETWEEN = 60, 10, 8
VANISHES = 0.015
LOST = "notifications may have been lost: the connection that listens was interrupted"
# What ends a connection here: a server that was ended, KILL_CLIENT, a server that an outdated pinned session lost.
ENDS = {"57P01", "08006", "57P03"}
# A client whose server was lost in a transaction stays connected; what it had there is gone, and so is this one.
LOSSES = {"57P01", "08007"}


class Gone(Exception):
    """The connection is over, as it may be."""


class Life:
    """One connection of one client, and what has to be true on it."""

    def __init__(self, weir, name, luck, vanishes=VANISHES):
        startup = {"work_mem": f"{luck.randrange(2, 9)}MB"} if luck.random() < 0.3 else {}
        self.name, self.luck, self.vanishes = name, luck, vanishes
        self.client = weir.client(DATABASE, timeout=60, **startup)
        self.work_mem, self.settings, self.prepared, self.statements = startup.get("work_mem"), {}, {}, {}
        self.channels, self.sent, self.last_heard, self.owed = set(), 0, {}, set()
        self.number = None

    # -- one request, and what may come with its answer --

    def ask(self, *messages, readies=1):
        if self.luck.random() < self.vanishes:
            self.vanish(*messages)
        found = []
        try:
            self.client.send(*messages)
            while readies:
                found.append(self.client.read())
                readies -= found[-1].kind == b"Z"
        except ConnectionError:
            self.judge_the_end(found)
        for m in found:
            self.take_note(m)
        return wire.Result([m for m in found if m.kind not in b"ANS"])

    def vanish(self, *messages):
        """Gone with a reset, behind a message or in the middle of it."""
        data = b"".join(messages)
        cut = self.luck.choice([len(data), len(data), self.luck.randrange(1, len(data))])
        self.client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            self.client.socket.sendall(data[:cut])
        except OSError:
            pass
        self.client.socket.close()
        raise Gone("vanished")

    def judge_the_end(self, found):
        self.client.socket.close()
        errors = [wire.PgError(m.fields()) for m in found if m.kind == b"E"]
        assert not errors or errors[-1].sqlstate in ENDS, f"{self.name} was ended: {errors[-1]}"
        raise Gone(errors[-1].message if errors else "without a word")

    def take_note(self, m):
        """A notification is on a channel of this client's, and later than the last of its sender; a notice tells of a loss."""
        if m.kind == b"N" and m.fields()["M"] == LOST:
            self.owed.clear()
        if m.kind != b"A":
            return
        channel, payload = (word.decode() for word in m.body[4:].split(b"\0")[:2])
        assert channel in self.channels, f"{self.name} does not listen to {channel}"
        sender, at = payload.rsplit(".", 1)
        assert int(at) > self.last_heard.get((channel, sender), 0), f"{self.name} heard {payload} on {channel} again"
        assert channel != f"own {self.name}" or (sender == self.name and m.number() == self.client.pid)
        self.last_heard[channel, sender] = int(at)
        self.owed.discard((channel, payload))

    def run(self, text, errors=()):
        result = self.ask(wire.query(text))
        if result.error and result.error.sqlstate in LOSSES:
            self.client.socket.close()
            raise Gone(result.error.message)
        assert result.error is None or result.error.sqlstate in errors, f"{self.name}: {text}: {result.error}"
        return result

    def one(self, text):
        return self.run(text).rows[0][0]

    # -- what a client does --

    def sets(self):
        value = f"{self.luck.randrange(10, 99)}MB"
        if self.luck.random() < 0.5:
            self.run(f"set work_mem = '{value}'")
            self.work_mem = value
        else:
            self.run(f"begin; set local work_mem = '{value}'; set app.mine = '{self.name}'; commit")
            self.settings["app.mine"] = self.name

    def sets_in_vain(self):
        """A rollback undoes all of it but what is prepared."""
        self.run(f"begin; set app.mine = 'in vain'; listen \"in vain\"; prepare vain as select 1; rollback")
        self.run("deallocate vain")

    def finds_its_settings(self):
        mine, memory = self.run("select current_setting('app.mine', true), current_setting('work_mem')").rows[0]
        assert (mine or None) == self.settings.get("app.mine"), self.name
        assert self.work_mem in (None, memory), self.name

    def prepares(self):
        name = self.luck.choice(["first", "second"])
        if name in self.prepared:
            self.run(f"deallocate {name}")
        self.sent += 1
        self.prepared[name] = f"{self.name} {self.sent}"
        self.run(f"prepare {name} (int) as select '{self.prepared[name]}', $1")

    def executes(self):
        for name in ("first", "second"):
            result = self.run(f"execute {name} (3)", errors=() if name in self.prepared else ("26000",))
            assert result.rows == ([(self.prepared[name], "3")] if name in self.prepared else []), self.name

    def pipelines(self):
        """Batches behind each other, one of which fails."""
        count, fails = self.luck.randrange(2, 8), self.luck.randrange(8)
        messages = []
        for number in range(count):
            what = "1/0" if number == fails else f"'{self.name}'"
            name = f"p{self.luck.randrange(3)}" if number != fails else ""
            text = f"select {what}, $1::text"
            if name and self.statements.get(name) == text:
                messages += [wire.bind([str(number)], name), wire.execute(), wire.sync()]
                continue
            if name:
                messages.append(wire.close("S", name))
                self.statements[name] = text
            messages += [wire.parse(text, name), wire.bind([str(number)], name), wire.execute(), wire.sync()]
        result = self.ask(*messages, readies=count)
        expected = [(self.name, str(number)) for number in range(count) if number != fails]
        assert result.rows == expected, self.name
        assert (result.error is not None) == (fails < count)

    def has_a_temporary_table(self):
        assert self.one("select to_regclass('mine') is null") == "t", f"{self.name} sees another's table"
        self.run(f"create temp table mine as select '{self.name}' as who")
        for _ in range(self.luck.randrange(3)):
            assert self.one("select who from mine") == self.name
        self.finds_its_settings()
        self.run("drop table mine")

    def locks(self):
        held = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
        key = self.luck.randrange(10**6)
        assert self.one(held) == "0", f"{self.name} has another's lock"
        self.run(f"select pg_advisory_lock({key})")
        assert self.one(held) == "1"
        assert self.one(f"select pg_advisory_unlock({key})") == "t"

    def holds_a_cursor(self):
        self.run(f"begin; declare mine cursor with hold for select '{self.name}' from generate_series(1, 3); commit")
        assert self.run("fetch 2 from mine").rows == [(self.name,)] * 2
        self.run("close mine")

    def listens(self):
        channels = [f"own {self.name}", "all"]
        self.channels.update(channels)
        result = self.run("; ".join(f'listen "{channel}"' for channel in channels), errors=("57P03",))
        if result.error:
            self.channels.clear()
            self.run("unlisten *")

    def notifies(self):
        for channel in (f"own {self.name}", "all"):
            self.sent += 1
            if channel in self.channels:
                self.owed.add((channel, f"{self.name}.{self.sent}"))
            self.run(f"notify \"{channel}\", '{self.name}.{self.sent}'")

    def draws(self):
        if self.luck.random() < 0.5:
            self.number = self.one("select nextval('numbers')")
            return
        number, again = self.run("begin; select nextval('numbers'); select currval('numbers'); commit").rows
        assert number == again
        self.number = number[0]

    def finds_its_number(self):
        result = self.run("select currval('numbers')", errors=("55000",))
        assert result.error or result.rows == [(self.number,)], f"{self.name} was told another's number"

    def writes(self):
        self.run(f"begin; insert into hits values (1); savepoint s; insert into hits values (2); rollback to s; {self.luck.choice(['commit', 'rollback'])}")

    def copies(self):
        if self.luck.random() < self.vanishes * 5:
            self.client.send(wire.query("copy hits from stdin"))
            self.vanish(wire.copy_data(b"1\n"), wire.copy_data(b"2\n"))
        result = self.ask(wire.query("copy hits from stdin"), *[wire.copy_data(b"1\n")] * 5, wire.copy_done())
        assert result.tags == ["COPY 5"], self.name

    def discards(self):
        self.run("discard all")
        self.settings, self.prepared, self.channels, self.owed, self.number = {}, {}, set(), set(), None
        self.statements, self.work_mem = {}, None

    ACTS = [sets, sets, sets_in_vain, finds_its_settings, finds_its_settings, prepares, executes, executes, pipelines, pipelines,
            has_a_temporary_table, locks, holds_a_cursor, listens, listens, notifies, notifies, draws, finds_its_number, writes,
            copies, discards]

    def finds_everything(self):
        self.finds_its_settings()
        self.executes()
        self.finds_its_number()
        self.listens()
        self.notifies()
        deadline = time.monotonic() + 20
        while self.owed:
            assert time.monotonic() < deadline, f"{self.name} did not hear {self.owed}"
            self.run("select 1")


def lives(weir, number, over, done, ends):
    """One connection after another until it is over; the last one finds everything as it left it."""
    luck = random.Random(number)
    for life in range(10**6):
        try:
            one = Life(weir, f"{number}.{life}", luck)
        except (ConnectionError, wire.PgError):
            continue
        try:
            while not over.is_set():
                act = luck.choice(Life.ACTS)
                act(one)
                done[act.__name__] += 1
            one.vanishes = 0
            one.finds_everything()
            one.client.close()
            return one.name
        except Gone as end:
            ends[str(end)] += 1
        except BaseException:
            over.set()
            one.client.socket.close()
            raise


def kill_a_client(weir, luck):
    clients = [row["id"] for row in weir.show("CLIENTS", database=DATABASE)]
    if clients:
        weir.console(f"KILL_CLIENT {luck.choice(clients)}")


def pause_and_resume(weir):
    paused = Background(weir.console, "PAUSE")
    eventually(lambda: not paused.is_running() or any(row["paused"] for row in weir.show("DATABASES", name=DATABASE)))
    weir.console("RESUME")
    paused.result()


def disturb(routes, weir, done, over):
    """What operators and hosts do meanwhile; between two disturbances the clients get on, or they hang."""
    luck, began = random.Random(0), time.monotonic()
    kill = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{DATABASE}' and random() < 0.2"
    disturbances = [
        lambda: luck.choice([routes.primary, *routes.replicas]).query(kill),
        lambda: routes.primary.query(kill),
        lambda: weir.console("RELOAD"),
        lambda: weir.console("RECONNECT"),
        lambda: pause_and_resume(weir),
        lambda: kill_a_client(weir, luck),
    ]
    count = 0
    try:
        while not over.is_set() and count < DISTURBANCES and time.monotonic() < began + SECONDS:
            before = sum(done.values())
            try:
                luck.choice(disturbances)()
            except wire.PgError as error:
                assert "no such client" in str(error) or "not found" in str(error), error
            eventually(lambda: over.is_set() or sum(done.values()) >= before + ACTS_BETWEEN, within=30)
            count += 1
    finally:
        over.set()
    return count


def nothing_is_left(routes, weir):
    """Neither in pgweir's books nor on the hosts."""
    pools = weir.show("POOLS", database=DATABASE)
    states = [name for name in pools[0] if re.match("cl_|sv_", name) and name != "sv_idle" and isinstance(pools[0][name], int)]
    counts = {row["list"]: row["items"] for row in weir.show("LISTS")}
    sleeping = "state <> 'idle'"
    return (
        not any(row[state] for row in pools for state in states)
        and not weir.show("CLIENTS", database=DATABASE)
        and not weir.show("PINS")
        and not any(row["pinned"] for row in weir.show("PIN_STATS"))
        and (counts["used_clients"], counts["used_servers"]) == (1, sum(row["sv_idle"] for row in pools))
        and not routes.primary.query("select from pg_locks where locktype = 'advisory'")
        and not routes.primary.query("select from pg_class where relname = 'mine'", DATABASE)
        and not any(
            host.query(f"select from pg_stat_activity where datname = '{DATABASE}' and {sleeping} and pid <> pg_backend_pid()")
            for host in routes.cluster.hosts
        )
    )


STATE = """
select (select count(*) from pg_prepared_statements where not from_sql or name in ('first', 'second', 'vain')),
    (select count(*) from pg_listening_channels()), (select count(*) from pg_cursors where name = 'mine'),
    current_setting('app.mine', true), current_setting('work_mem'), to_regclass('mine')
"""


def looks_new(weir):
    """So many new clients at once that they have all servers: each finds what it would on a connection of its own."""
    clients = [weir.client(DATABASE, timeout=60) for _ in range(WORKERS * POOL)]
    seen = []
    for client in clients[:POOL]:
        client.query("begin")
        seen += client.query(STATE).rows
        assert client.ask(wire.query("select currval('numbers')")).error.sqlstate == "55000"
    for client in clients:
        client.close()
    return {tuple(value or "" for value in row) for row in seen}


@pytest.mark.parametrize("route", ["split", None], ids=["split", "all to the primary"])
def test_sessions_keep_what_is_theirs_while_servers_go_and_clients_vanish(cluster, pgweir, route):
    routes = Routes(cluster, pgweir)
    routes.primary.query("create sequence if not exists numbers", DATABASE)
    cluster.wait_for_replicas()
    target = {"host": cluster.primary.address, "port": cluster.primary.port} if route is None else {}
    weir = routes.weir(keys={"route": route, **target}, workers=WORKERS, default_pool_size=POOL, server_login_retry=0.1, query_wait_timeout=60)
    weir.allow(".*")
    over, done, ends = threading.Event(), collections.Counter(), collections.Counter()

    running = [Background(lives, weir, number, over, done, ends) for number in range(CLIENTS)]
    operator = Background(disturb, routes, weir, done, over)
    for one in [*running, operator]:
        one.result(SECONDS + 60)
    disturbed = operator.result()

    assert disturbed > 5
    assert set(done) == {act.__name__ for act in Life.ACTS}, done
    assert ends["vanished"]
    eventually(nothing_is_left, routes, weir, within=20)
    assert looks_new(weir) == {("0", "0", "0", "", routes.primary.value("show work_mem"), "")}
    eventually(lambda: len(weir.show("SERVERS", database=DATABASE)) <= 3 * POOL + 2, within=5)
