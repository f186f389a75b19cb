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


@pytest.fixture
def routes(cluster, pgweir):
    routes = Routes(cluster, pgweir)
    routes.primary.query("drop table if exists account; create table account (id int primary key, v int);"
                         f"insert into account select g, 0 from generate_series(0, {CLIENTS - 1}) g", DATABASE)
    cluster.wait_for_replicas()
    yield routes
    for replica in cluster.replicas:
        replica.start().resume_replay()


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
            self._read(client, dice.randrange(CLIENTS) if dice.random() < 0.5 else number, seen)
            if dice.random() < 0.02:
                return self._vanish(client, number, tried)
        return tried

    def _vanish(self, client, number, tried):
        """Gone in the middle of a write, whose end nobody will know."""
        client.send(wire.query(f"begin; update account set v = greatest(v, {tried + 1}) where id = {number}; commit"))
        client.socket.close()
        return tried + 1

    def _write(self, client, number, value, dice):
        sql = f"update account set v = greatest(v, {value}) where id = {number}"
        if dice.random() < 0.5:
            client.query(sql)
            return
        for one in ("begin", sql, "commit"):
            client.query(one)

    def _read(self, client, account, seen):
        expected = max(seen[account], self.answered[account] if self.everybody_sees else 0)
        value = int(client.query(f"select v from account where id = {account}").rows[0][0])
        self.reads += 1
        if value < expected:
            self.problems.append(f"account {account} was {value}, and {expected} was known")
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
