"""Many clients write and read while replicas fall behind, die and return: nobody reads less than it was promised."""

import random
import threading
import time

import pytest

from lib import wire
from lib.eventually import eventually
from lib.routes import DATABASE, Routes

CLIENTS, SECONDS = 6, 3
LOST = ("is down", "server login failed", "server conn crashed", "pooler error", "ERROR", "FATAL", "connection", "is not used")


SCHEMA = f"""
drop table if exists account, orders;
create table account (id int primary key, v int);
create table orders (id int, v int);
create or replace function credit(i int, n int) returns int language sql as 'update account set v = greatest(v, n) where id = i returning v';
create or replace function balance(i int) returns int language sql stable as 'select v from account where id = i';
create or replace function booked() returns trigger language plpgsql as 'begin perform credit(new.id, new.v); return new; end';
create trigger booked after insert on orders for each row execute function booked();
insert into account select g, 0 from generate_series(0, {CLIENTS - 1}) g;
"""


@pytest.fixture
def routes(cluster, pgweir):
    routes = Routes(cluster, pgweir)
    routes.primary.query(SCHEMA, DATABASE)
    cluster.wait_for_replicas()
    yield routes
    for replica in cluster.replicas:
        replica.start().resume_replay()


def each(*statements):
    """Writes by these, one after the other; {sql} is the update."""
    return lambda client, sql, number, value: [client.query(one.format(sql=sql, number=number, value=value)) for one in statements]


def extended(client, sql, number, value):
    """In a pipeline, before and behind what only reads."""
    for text in ("select count(*) from account", sql, "select 1"):
        client.send(wire.parse(text), wire.bind(), wire.execute(), wire.sync())
    for _ in range(3):
        rows(client.read_until(b"Z"))


WRITES = [
    each("{sql}"), extended,
    each("begin", "{sql}", "commit"),
    each("begin", "select v from account where id = {number} for update", "savepoint s", "{sql}", "release s", "commit"),
    each("begin", "set local synchronous_commit = off", "{sql}", "commit"),
    each("set synchronous_commit = off", "{sql}", "reset synchronous_commit"),
    each("select 1; {sql}; select 2"),
    each("select credit({number}, {value})"),
    each("with gone as ({sql} returning v) select * from gone"),
    each("prepare w as {sql}", "execute w", "deallocate w"),
    each("insert into orders values ({number}, {value})"),
]


def rows(messages):
    result = wire.Result(messages)
    if result.error:
        raise result.error
    return result.rows


READ = "select v from account where id = {}"


class Simple:
    """A way to read: what it prepares has promised nothing yet."""

    @staticmethod
    def prepare(client, account):
        pass

    @staticmethod
    def read(client, account):
        return client.query(READ.format(account)).rows[0][0]


class ReadOnly(Simple):
    @staticmethod
    def read(client, account):
        client.query("begin read only")
        value = Simple.read(client, account)
        client.query("commit")
        return value


class Function(Simple):
    @staticmethod
    def read(client, account):
        return client.query(f"select balance({account})").rows[0][0]


class ParsedBefore(Simple):
    @staticmethod
    def prepare(client, account):
        client.ask(wire.parse(READ.format(account)), wire.sync())

    @staticmethod
    def read(client, account):
        client.send(wire.bind(), wire.describe(), wire.execute(), wire.sync())
        return rows(client.read_until(b"Z"))[0][0]


READS = [Simple, ReadOnly, Function, ParsedBefore]


class Ledger:
    """Each client has an account, which it alone counts up; what was answered to it is what others may expect."""

    def __init__(self, weir, everybody_sees):
        self.weir, self.everybody_sees = weir, everybody_sees
        self.answered, self.problems, self.reads = [0] * CLIENTS, [], 0
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(CLIENTS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in self._threads), "a client hangs"

    def _run(self, number):
        dice, tried = random.Random(number), 0
        while not self._end.is_set():
            try:
                with self.weir.client(DATABASE) as client:
                    tried = self._visit(client, number, dice, tried)
            except (OSError, wire.PgError):
                pass  # lost with its replica: the next connection goes on

    def _visit(self, client, number, dice, tried):
        """One connection.  What the one before was told is not this session's business."""
        seen = [0] * CLIENTS
        while not self._end.is_set():
            if dice.random() < 0.4:
                tried = max(tried, self.answered[number]) + 1
                self._write(client, number, tried, dice)
                self.answered[number] = seen[number] = tried
            self._read(client, dice.randrange(CLIENTS) if dice.random() < 0.5 else number, seen, dice)
            if dice.random() < 0.02:
                return self._vanish(client, number, tried)
        return tried

    def _vanish(self, client, number, tried):
        """Gone in the middle of a write, whose end nobody will know."""
        client.send(wire.query(f"begin; update account set v = greatest(v, {tried + 1}) where id = {number}; commit"))
        client.socket.close()
        return tried + 1

    def _write(self, client, number, value, dice):
        dice.choice(WRITES)(client, f"update account set v = greatest(v, {value}) where id = {number}", number, value)

    def _read(self, client, account, seen, dice):
        way = dice.choice(READS)
        way.prepare(client, account)
        expected = max(seen[account], self.answered[account] if self.everybody_sees else 0)
        value = int(way.read(client, account))
        self.reads += 1
        if value < expected:
            self.problems.append(f"account {account} was {value}, and {expected} was known: {way.__name__}")
        seen[account] = max(seen[account], value)


def disturb(routes, dice):
    replica = dice.choice(routes.cluster.replicas)
    routes.primary.query("select pg_terminate_backend(pid) from pg_stat_activity where query like '%account%' and random() < 0.2"
                         " and pid <> pg_backend_pid()")
    for act in dice.sample((replica.pause_replay, replica.resume_replay, replica.resume_replay, replica.kill9), 2):
        if act == replica.kill9:
            replica.kill9()
            replica.start()
        else:
            act()


@pytest.mark.parametrize("consistency", ["session", "table"])
def test_nobody_reads_less_than_it_was_promised(routes, consistency):
    weir = routes.weir(consistency=consistency, workers=2, check_interval=0.1, check_rise=1).allow(*LOST)
    dice, ends = random.Random(5), time.monotonic() + SECONDS

    with Ledger(weir, consistency == "table") as ledger:
        eventually(lambda: min(ledger.answered) > 5)
        while time.monotonic() < ends:
            disturb(routes, dice)
        for replica in routes.cluster.replicas:
            replica.resume_replay()
        before = ledger.reads
        eventually(lambda: ledger.reads > before + 100)

    assert ledger.problems == []
    # nothing is left of those who were lost in the middle
    with weir.client(DATABASE, options="-c pgweir.route_notice=on") as client:
        eventually(lambda: client.query("select v from account").notices[-1]["M"].endswith("(plain_read)"))
    routed = {row["reason"]: row for row in weir.show("ROUTES")}
    assert int(routed["plain_read"]["replica"]) > 0 and int(routed["not_caught_up"]["primary"]) > 0
