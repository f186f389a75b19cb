"""ledger.py - clients that write numbered rows and read them back, while hosts come and go: what was promised, what is there.

    with Ledger(weir, clients=6) as ledger:
        ledger.goes_on()
        ...
    ledger.assert_kept(primary)

Each client writes (its number, 1), (its number, 2)... and after each write asks for its last one.  An
answer is a promise; 57P01 is a promise that the row is not there; any other error or a lost
connection leaves that open.
"""

import threading
import time
from collections import Counter, namedtuple

from . import wire
from .eventually import eventually
from .routes import DATABASE

WRITE = "insert into ledger values ({}, {})"
READ = "select coalesce(max(n), 0) from ledger where k = {}"

# PostgreSQL has ended the session before it could commit.
REFUSED = "57P01"

Failure = namedtuple("Failure", "at words is_write")
Stale = namedtuple("Stale", "client expected got")


class Ledger:
    def __init__(self, weir, clients=6, pause=0.005, patience=30):
        self.weir, self.pause, self.patience = weir, pause, patience
        self.promised = [set() for _ in range(clients)]  # acknowledged
        self.why = [""] * clients  # the last failure
        self.denied = [set() for _ in range(clients)]  # surely not there
        self.acknowledged, self.failures, self.stale, self.reads = [], [], [], 0
        self._lock, self._end = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(k,), daemon=True) for k in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join(self.patience + 5)
        assert not any(thread.is_alive() for thread in self._threads), "a client of the ledger hangs"

    def _run(self, k):
        client, n, seen = None, 0, 0
        while not self._end.wait(self.pause):
            n += 1
            client, wrote = self._ask(client, WRITE.format(k, n), k, True)
            with self._lock:
                if wrote is None and self.why[k].startswith(REFUSED):
                    self.denied[k].add(n)
                if wrote:
                    self.promised[k].add(n)
                    self.acknowledged.append(time.monotonic())
                    seen = n
            client, read = self._ask(client, READ.format(k), k, False)
            if read is None:
                continue
            got = int(read.rows[0][0])
            with self._lock:
                self.reads += 1
                if got < seen:
                    self.stale.append(Stale(k, seen, got))
            seen = max(seen, got)
        if client:
            client.close()

    def _ask(self, client, sql, k, is_write):
        """The client to go on with, and the result; None for an error."""
        try:
            client = client or self.weir.client(DATABASE, timeout=self.patience)
        except (OSError, wire.PgError) as refused:
            self._fail(f"no login: {refused}", k, is_write)
            return None, None
        try:
            return client, client.query(sql)
        except wire.PgError as error:
            self._fail(f"{error.fields.get('C', '')}: {error}", k, is_write)
            return (client if self._is_well(client) else None), None
        except OSError as lost:
            self._fail(f"lost: {lost}", k, is_write)
            return None, None

    @staticmethod
    def _is_well(client):
        try:
            return not client.ask(wire.query("select 1")).error
        except OSError:
            return False

    def _fail(self, words, k, is_write):
        self.why[k] = words
        with self._lock:
            self.failures.append(Failure(time.monotonic(), words, is_write))

    # -- while it runs --

    def goes_on(self, count=60, within=30):
        """Waits until so many more writes were acknowledged."""
        wanted = len(self.acknowledged) + count
        eventually(lambda: len(self.acknowledged) >= wanted, within=within)
        return self

    def resumes_after(self, moment, within=30):
        """Waits for a write that was acknowledged after that moment; returns how long nobody could write around it."""
        eventually(lambda: self.acknowledged and self.acknowledged[-1] > moment, within=within, every=0.005)
        with self._lock:
            times = list(self.acknowledged)
        first = next(at for at in times if at > moment)
        return first - max((at for at in times if at <= moment), default=moment)

    # -- afterwards --

    def errors(self, is_write):
        """What the failures said, without their endings, and how often."""
        return Counter(f.words[:90] for f in self.failures if f.is_write == is_write)

    def rows(self, host):
        """The rows on that host: how often each is there."""
        return Counter((int(k), int(n)) for k, n in host.query("select k, n from ledger", DATABASE))

    def missing(self, host):
        """Promised rows that are not there."""
        rows = self.rows(host)
        return sorted((k, n) for k, numbers in enumerate(self.promised) for n in numbers if (k, n) not in rows)

    def unwanted(self, host):
        """Rows that are there although their clients were told that they are not."""
        rows = self.rows(host)
        return sorted((k, n) for k, numbers in enumerate(self.denied) for n in numbers if (k, n) in rows)

    def doubled(self, host):
        return sorted(row for row, count in self.rows(host).items() if count > 1)
