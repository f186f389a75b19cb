"""bench.py - where programs are played: one PostgreSQL, two equal databases, pgweir before one of them.

    with Bench() as bench:
        difference = bench.play(program)

Each step is sent to both connections of its client, and both answers are read to their end before the next step.  Of
two databases with equal contents one is only reached directly, by a connection for each client: that is the truth.
A step that would need a server when all may be held is left out, the same on both sides; and so is a look at what
a session began with by who has a server already, which may have logged in for another.
"""

import os
import re
import time

from lib import wire
from lib.cluster import Cluster
from lib.eventually import eventually
from lib.nest import Nest
from lib.pgweir import Pgweir

from .answers import plain
from .links import Link

HERE = os.path.dirname(os.path.abspath(__file__))
POOL_SIZES = (1, 2, 3)
USERS = {"app": "", "boss": "", "postgres": ""}
REMEMBERED = 6  # programs of a pool whose servers may still show what these did
HEARD_SECONDS = 2.0
SETTLED_SECONDS = 1.0
DIRECT_LIVES = 40  # programs after which a direct connection is opened anew
POSTGRESQL = {"log_statement": "none", "log_min_messages": "fatal", "max_connections": "150", "max_prepared_transactions": "50", "autovacuum": "off",
              "log_connections": "off", "log_disconnections": "off"}
_LASTS = re.compile(r"\bload|seed|temp", re.I)
_BEGINS = re.compile(r"\w (begin|start)[^;]*", re.I)
_WRITES = re.compile(r"insert|nextval|setval|copy|made_|f_run|execute|prepare trans", re.I)


class Difference:
    """Where the pooled connection first said something else."""

    def __init__(self, program, at, step, direct, pooled):
        self.program, self.at, self.step, self.direct, self.pooled = program, at, step, direct, pooled

    def text(self):
        lines = [f"step {self.at}: {self.step.text() if self.step else 'the end'}", "  direct:"]
        lines += [f"    {line}" for line in self.direct]
        return "\n".join([*lines, "  pooled:", *(f"    {line}" for line in self.pooled)])


class Bench:
    def __init__(self, settings=None, nest=None):
        self.nest = nest or Nest("property")
        self.cluster = Cluster(replicas=0, nest=self.nest, settings=POSTGRESQL)
        self.host = self.cluster.primary
        self._make_databases()
        self.settings = settings or {}
        self.weirs = {workers: self._weir(workers) for workers in (1, 2)}
        for weir in self.weirs.values():
            for entry in [f"{kind}{n}" for kind in "ps" for n in POOL_SIZES]:
                eventually(_knows_the_database, weir, entry)
        self.consoles = {workers: weir.client("pgbouncer", "postgres") for workers, weir in self.weirs.items()}
        self.idle, self.lives = {}, {}
        self.before = {}
        self.played, self.steps, self.skipped = 0, 0, 0
        self.admins = [wire.Client(self.host.port, database=name) for name in ("prop_direct", "prop_pooled")]

    def _make_databases(self):
        self.host.query("create role app login; create role boss superuser login")
        self.host.query("create role alice; create role bob; create role carol; grant alice, bob to app")
        self.host.query("create database prop_template")
        with open(os.path.join(HERE, "scene.sql")) as f:
            self.host.query(f.read(), database="prop_template")
        oid = self.host.query("select max(oid) from pg_class", database="prop_template")[0][0]
        self.first_oid = int(oid) + 1
        for name in ("prop_direct", "prop_pooled"):
            self.host.query(f"create database {name} template prop_template")

    def _weir(self, workers):
        target = self.cluster.target("prop_pooled", hosts=[self.host])
        entries = {f"p{n}": f"{target} pool_size={n} track_sequences=never" for n in POOL_SIZES}
        entries |= {f"s{n}": f"{target} pool_size={n} track_sequences=always" for n in POOL_SIZES}
        entries["i2"] = f"{target} pool_size=2 session_features=ignore"
        main = {"pool_mode": "transaction", "workers": workers, "query_wait_timeout": 4, "max_client_conn": 200,
                "ignore_startup_parameters": "", **self.settings}
        return Pgweir(self.nest, {"databases": entries, "pgbouncer": main}, USERS)

    # -- connections --

    def _direct(self, program, letter, pids):
        parameters = program.clients[letter]
        if parameters:
            return Link(self.host.port, program.user, "prop_direct", parameters, pids, letter)
        key = (program.user, letter)
        link = self.idle.pop(key, None)
        if link:
            link.take(pids, letter)
            return link
        self.lives[key] = 0
        return Link(self.host.port, program.user, "prop_direct", {}, pids, letter)

    def _leave_direct(self, program, letter, link, terminate):
        """Keeps the connection for another program, unless it would remember this one."""
        key = (program.user, letter)
        if not program.clients[letter] and link.status is not None and not _LASTS.search(program.text()):
            self.lives[key] = self.lives.get(key, 0) + 1
            link.send((wire.query("rollback") if link.status != b"I" else b"") + wire.query("discard all"))
            link.read(2 if link.status != b"I" else 1, 0)
            if self.lives[key] < DIRECT_LIVES and link.status == b"I":
                self.idle[key] = link
                return
        link.close(terminate)

    # -- playing --

    def play(self, program):
        """The first Difference, or None."""
        self.played += 1
        before = self.before.setdefault(_pool_of(program), [])
        before.append(program)
        del before[: -REMEMBERED - 1]
        return self._play(program)

    def play_anew(self, program):
        """As play(), on servers and connections that nobody has used yet."""
        for weir in self.weirs.values():
            weir.console("RECONNECT")
        while self.idle:
            self.idle.popitem()[1].close()
        return self._play(program)

    def played_before(self, program):
        """The last programs before it whose servers it may have had."""
        return self.before[_pool_of(program)][:-1]

    def _play(self, program):
        play = Play(self, program)
        try:
            return play.run()
        finally:
            play.leave()
            self._forget(program)

    def _forget(self, program):
        letters = "".join(sorted({s.client[0] for s in program.steps if _WRITES.search(s.text())}))
        if letters:
            for admin in self.admins:
                for (gid,) in admin.query("select gid from pg_prepared_xacts where database = current_database()").rows:
                    admin.query(f"rollback prepared '{gid}'")
                admin.query(f"select forget('{letters}')")

    def close(self):
        for console in self.consoles.values():
            console.close()
        for weir in self.weirs.values():
            weir.allow(".*")
            weir.stop()
        self.nest.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
        else:
            self.nest.close()


def _knows_the_database(weir, entry):
    """Whether pgweir has read what the names of the database do: until then a view may show what it has prepared itself."""
    with weir.client(entry, "app") as client:
        return all(client.query("select name from v_prepared").rows == [] for _ in range(3))


def _tells_the_login(text):
    """What a server logged in with shows, and cannot be put right: a look at it, or a RESET among others in one text."""
    reset = r"(reset\s+\S+|set\b[^;]*\b(to|=)\s*default)"
    return "reset_val" in text or re.search(rf";\s*{reset}|\b{reset}\s*;\s*\S", text, re.I) is not None


def _described(step):
    """The names whose statements a step describes."""
    return [item[2] for item in step.items if item[:2] == ["D", "S"]] if not isinstance(step.items, str) else []


def _executing(step):
    """The names that a step gives to an EXECUTE."""
    return {item[1] for item in step.items if item[0] == "P" and re.search(r"\bexecute\b", item[2], re.I)}


def _fetching(step):
    """The names that a step gives to a FETCH."""
    return {item[1] for item in step.items if item[0] == "P" and re.search(r"\bfetch\b", item[2], re.I)}


def _executed(text):
    """The names that a text executes."""
    return [quoted or plain for quoted, plain in re.findall(r'\bexecute\s+(?:\\?"([^"\\]*)|(\w+))', text, re.I)]


def _looks_at_names(text):
    return re.search("pg_prepared_statement|v_prepared", text) is not None


def _pool_of(program):
    return program.user, program.entry, program.workers


class Play:
    """One program being played."""

    def __init__(self, bench, program):
        self.bench, self.program = bench, program
        self.pids, self.pairs, self.open = ({}, {}), {}, set()
        self.executing = set()  # (client, name) of statements of the protocol that are an EXECUTE
        self.fetching = set()  # the same of those that are a FETCH
        self.begun = set()  # clients whose transaction has only just begun, by a Query
        self.listens = "listen" in program.text().lower()

    def run(self):
        for at, step in enumerate(self.program.steps):
            if not self._may(step):
                self.bench.skipped += 1
                continue
            if isinstance(step.items, str):
                self._end(step.client, step.end)
                continue
            self.executing |= {(step.client, name) for name in _executing(step)}
            self.fetching |= {(step.client, name) for name in _fetching(step)}
            difference = self._open(at, step) or self._step(at, step)
            if difference:
                return difference
            if step.end:
                self._end(step.client, step.end)
        return self._compare_heard()

    def _may(self, step):
        """Whether a server is to be had: the step's client has one, or not all of them are held."""
        if _tells_the_login(step.text()) and (step.client in self.open - self.begun or step.client in self._pinned()):
            return False
        # What an EXECUTE or a FETCH returns is known from when it was prepared, on whichever server.
        if any((step.client, name) in self.executing for name in _described(step)):
            return False
        if any((step.client, name) in self.fetching for name in _executed(step.text())):
            return False
        # A statement whose table is hidden now is not prepared again for it.
        if _looks_at_names(step.text()) and step.client in self._pinned("temporary"):
            return False
        if step.client in self.open or len(self.pairs.keys() - {step.client}) < self.program.pool_size:
            return True
        holding = self._holding()
        return step.client in holding or len(holding) < self.program.pool_size

    def _pinned(self, reason=""):
        letters = {pooled.port: letter for letter, (_, pooled) in self.pairs.items()}
        pins = self.bench.consoles[self.program.workers].query("SHOW PINS").dicts()
        return {letters[row["port"]] for row in pins if row["port"] in letters and reason in row["reason"]}

    def _holding(self):
        """The clients that have a server, once nobody else's is asked any more what its transaction has left."""
        program, console = self.program, self.bench.consoles[self.program.workers]
        until = time.monotonic() + SETTLED_SECONDS
        while True:
            holding = self.open | self._pinned()
            pools = console.query("SHOW POOLS").dicts()
            active = sum(row["sv_active"] for row in pools if self._is_of_pool(row))
            # Who listens for all is beside the pool's size.
            active -= sum(1 for row in console.query("SHOW LISTENERS").dicts() if self._is_of_pool(row))
            if active <= len(holding) or time.monotonic() > until:
                return holding

    def _is_of_pool(self, row):
        return (row["database"], row["user"]) == (self.program.entry, self.program.user)

    def _open(self, at, step):
        letter = step.client
        if letter in self.pairs:
            return None
        program, bench = self.program, self.bench
        direct = bench._direct(program, letter, self.pids[0])
        weir = bench.weirs[program.workers]
        pooled = Link(weir.port, program.user, program.entry, program.clients[letter], self.pids[1], letter)
        self.pairs[letter] = (direct, pooled)
        return self._compare(at, step, direct.greeting, pooled.greeting)

    def _step(self, at, step):
        direct, pooled = self.pairs[step.client]
        self.bench.steps += 1
        for data, ready, answers in step.phases():
            # Names of prepared transactions are the whole cluster's.
            direct.send(data.replace(b"gid_x", b"gid_d"))
            pooled.send(data.replace(b"gid_x", b"gid_p"))
            if step.end:
                continue
            one, two = direct.read(ready, answers), pooled.read(ready, answers)
            difference = self._compare(at, step, one, two)
            if difference:
                return difference
        if step.end:
            direct.status = None
        elif direct.parameters != pooled.parameters:
            return Difference(self.program, at, step, *_apart(direct.parameters, pooled.parameters))
        (self.open.discard if direct.status == b"I" else self.open.add)(step.client)
        (self.begun.add if direct.status == b"T" and _BEGINS.fullmatch(step.text()) else self.begun.discard)(step.client)
        return None

    def _compare(self, at, step, one, two):
        if one == two:
            return None
        direct, pooled = ([plain(*m, self.bench.first_oid) for m in answer] for answer in (one, two))
        return None if direct == pooled else Difference(self.program, at, step, direct, pooled)

    def _compare_heard(self):
        for letter, (direct, pooled) in self.pairs.items():
            if direct.status is None:
                continue
            if self.listens:
                direct.send(wire.query(""))
                direct.read(1, 0)
                pooled.wait_for_heard(len(direct.heard), HEARD_SECONDS)
                one, two = list(map(repr, direct.heard)), list(map(repr, pooled.heard))
                if one != two:
                    return Difference(self.program, len(self.program.steps), None, [letter, *one], [letter, *two])
        return None

    def _end(self, letter, how):
        if letter not in self.pairs:
            return
        direct, pooled = self.pairs.pop(letter)
        pooled.close(how == "close")
        self.bench._leave_direct(self.program, letter, direct, how == "close")
        self.open.discard(letter)

    def leave(self):
        for letter in list(self.pairs):
            self._end(letter, "close")


def _apart(direct, pooled):
    """The parameters that are two."""
    names = sorted(n for n in {**direct, **pooled} if direct.get(n) != pooled.get(n))
    return [[f"told {n.decode()} = {told.get(n)}" for n in names] for told in (direct, pooled)]
