"""load.py - a mixed load of scripted clients that goes on while hosts die: who failed, when, and who still waits.

    with Load(weir, clients=20) as load:
        load.goes_on()
        ...
    load.errors
"""

import random
import threading
import time
from collections import namedtuple

from . import wire
from .eventually import eventually
from .routes import DATABASE

READ = "/* read */ select count(*) from notes where id = {}"
WRITE = "/* write */ insert into hits values ({})"

Failure = namedtuple("Failure", "at words is_write")


def ask(client, sql):
    """The error that the query met, or None, and whether it cost the connection."""
    error = None
    client.send(wire.query(sql))
    try:
        while True:
            m = client.read()
            if m.kind == b"E":
                error = wire.PgError(m.fields())
            if m.kind == b"Z":
                return error, False
    except OSError as lost:
        return error or lost, True


class Load:
    def __init__(self, weir, clients=20, writes=0.2, patience=20, seed=1):
        self.weir, self.writes, self.patience = weir, writes, patience
        self.errors, self.done = [], [0] * clients
        self.since = [None] * clients
        self.written = 0
        self._lock, self._end = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n, random.Random(seed * 1000 + n)), daemon=True) for n in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join(self.patience + 5)
        assert not any(thread.is_alive() for thread in self._threads), "a client of the load hangs"

    def _run(self, number, dice):
        client = None
        while not self._end.is_set():
            is_write = dice.random() < self.writes
            sql = (WRITE if is_write else READ).format(dice.randrange(1, 20))
            self.since[number] = time.monotonic()
            try:
                client = client or self.weir.client(DATABASE, timeout=self.patience)
                error, lost = ask(client, sql)
                client = None if lost else client
            except (OSError, wire.PgError) as refused:
                error, client = refused, None
            self._note(number, error, is_write)
        if client:
            client.close()

    def _note(self, number, error, is_write):
        with self._lock:
            self.since[number] = None
            self.done[number] += 1
            self.written += is_write and not error
            if error:
                self.errors.append(Failure(time.monotonic(), str(error), is_write))

    def goes_on(self, count=200, within=20):
        """Waits until so many more statements have ended."""
        wanted = sum(self.done) + count
        eventually(lambda: sum(self.done) >= wanted, within=within)
        return self

    def lasts(self, seconds):
        """Lets the load run on for a while."""
        until = time.monotonic() + seconds
        eventually(lambda: time.monotonic() >= until, within=seconds + 5)
        return self

    def waiting_since(self, moment):
        """How many clients wait for an answer to what they asked before that moment."""
        return sum(since is not None and since < moment for since in list(self.since))

    def errors_after(self, moment):
        return [e for e in self.errors if e.at > moment]


def assert_split(routes, seen, reads, writes):
    """Every write on the primary, 95 % of the reads on the replicas, evenly; all of them counted."""
    primary, first, second = seen.counts("read")
    assert seen.counts("write") == [writes, 0, 0]
    assert primary + first + second == reads
    assert first + second >= 0.95 * reads, (primary, first, second)
    assert 0.4 <= first / (first + second) <= 0.6, (first, second)
