"""hosts.py - a scripted primary and scripted replicas: they tell the monitor who they are, the rest is the test's.

    hosts = Hosts(fake_server, replicas=2)
    hosts.replica(1).answers = lambda session, sql: [wire.error("no", "25006")]
    weir = hosts.weir(pgweir)
    hosts.primary.asked            # the client's texts that it was asked, in order

An answer is what comes before ReadyForQuery; CLOSE in it ends the connection there, PAUSE lets what is before it arrive alone.
"""

import fcntl
import struct
import termios
import threading

from . import wire
from .eventually import eventually
from .fake_server import default_answer, status_after

CLOSE, PAUSE = object(), object()
DATABASE = "app"
# Without this the answers of the scripts would have to know SQL.
SETTINGS = {"pool_mode": "transaction", "workers": 1, "session_features": "ignore", "monitor_user": "postgres",
            "check_interval": 0.2, "check_timeout": 0.3, "check_fall": 2, "check_rise": 1, "server_login_retry": 0.1}
ASKS_MONITOR = "pg_is_in_recovery() as standby"


class Host:
    """One scripted server; `answers(session, sql)` gives an answer, or None for the usual one."""

    def __init__(self, make, name, is_standby):
        self.name, self.is_standby = name, is_standby
        self.answers, self.asked, self.parsed, self.own = None, [], [], []
        self.mute, self.front, self.last, self.timeline = False, None, None, 1
        self._lock = threading.Lock()
        self.server = make(self._serve)
        self.port = self.server.port

    def _serve(self, session):
        session.log_in(in_hot_standby="on" if self.is_standby else "off")
        if session.is_cancel:
            return
        Conversation(self, session).run()

    def die(self):
        """As kill -9 of the whole host: nobody answers any more, and nobody says why."""
        self.server.close()

    def promote(self):
        """From the next check on it is the primary of a new timeline."""
        self.is_standby, self.timeline = False, self.timeline + 1

    def identity(self):
        line = str(self.timeline)
        row = ("t", None, "0/1000", None, line, "1") if self.is_standby else ("f", line.zfill(8), "0/1000", "0/1000", None, "1")
        return [wire.row_description("s", "t", "l", "f", "r", "i"), wire.data_row(*row), wire.command_complete()]

    def answer(self, session, sql):
        if ASKS_MONITOR in sql:
            eventually(lambda: not self.mute)
            return self.identity()
        if "pg_catalog" in sql:
            self.own.append(sql)
            return self._own(sql)
        with self._lock:
            self.asked.append(sql)
            self.last = session
        said = self.answers(session, sql) if self.answers else None
        return default_answer(sql) if said is None else said

    @staticmethod
    def _own(sql):
        """What pgweir asks for itself: the facts of the catalog are nobody's to read."""
        if "pg_stat_get_tuples_inserted" in sql:
            return [wire.error("permission denied", "42501")]
        return default_answer("SELECT 1")


class Conversation:
    """One connection: simple queries, and batches answered message by message."""

    def __init__(self, host, session):
        self.host, self.session = host, session
        self.sql, self.names, self.failed, self.status = "", {"": ""}, False, "I"
        self.together = []

    def run(self):
        while True:
            m = self.session.read()
            if m.kind == b"X":
                return
            if not self._take(m):
                self.session.close()
                return

    def _take(self, m):
        # As PostgreSQL does, nothing is looked at up to the Sync.
        if m.kind == b"Q" and self.failed:
            return True
        if m.kind == b"Q":
            said = self.host.answer(self.session, m.texts()[0])
            self.status = status_after(m.texts()[0], self.status)
            if self.status == "T" and any(s not in (CLOSE, PAUSE) and s[:1] == b"E" for s in said):
                self.status = "E"
            going_on = self._say([*said, wire.ready(self.status)]) and self._flush()
            self.failed = False
            return going_on
        if m.kind == b"S":
            self.failed = False
            return self._say([wire.ready(self.status)]) and self._flush()
        if m.kind == b"H":
            return self._flush()
        return True if self.failed else self._take_extended(m)

    def _take_extended(self, m):
        if m.kind == b"P":
            name, sql = m.texts()[:2]
            self.names[name] = sql
            self.host.parsed += [sql] if "pg_catalog" not in sql else []
            return self._say(self._parts(sql, "parse", [wire.parse_complete()]))
        if m.kind == b"B":
            self.sql = self.names[m.texts()[1]]
            return self._say(self._parts(self.sql, "bind", [wire.bind_complete()]))
        if m.kind == b"D":
            about = self.names[m.texts()[0][1:]] if m.body[:1] == b"S" else self.sql
            described = [s for s in default_answer(about) if s[:1] == b"T"] or [wire.no_data()]
            head = [wire.parameter_description()] if m.body[:1] == b"S" else []
            return self._say(self._parts(about, "describe", head + described))
        if m.kind == b"E":
            said = self.host.answer(self.session, self.sql)
            self.status = status_after(self.sql, self.status)
            return self._say([s for s in said if s in (CLOSE, PAUSE) or s[:1] != b"T"])
        return self._say([wire.close_complete()])

    def _parts(self, sql, step, usual):
        said = getattr(self.host, "at_" + step, None) if "pg_catalog" not in sql else None
        said = said(self.session, sql) if said else None
        return usual if said is None else said

    def _say(self, messages):
        """As PostgreSQL does, what is said of a batch goes at its end, or at a Flush."""
        for one in messages:
            if one is CLOSE:
                self._flush()
                return False
            if one is PAUSE:
                self._flush()
                self._wait_until_read()
            else:
                self.failed |= one[:1] == b"E"
                self.together.append(one)
        return self._flush() if self.failed else True

    def _flush(self):
        self.session.send(*self.together)
        self.together = []
        return True

    def _wait_until_read(self):
        """What has arrived was read by then: the worker that answers the console has had a turn for it, and another."""
        eventually(lambda: struct.unpack("i", fcntl.ioctl(self.session.socket, termios.TIOCOUTQ, b"\0" * 4))[0] == 0)
        for _ in range(2):
            self.host.front.show("VERSION")


class Hosts:
    def __init__(self, make, replicas=1):
        self.primary = Host(make, "primary", False)
        self.replicas = [Host(make, f"replica {n}", True) for n in range(1, replicas + 1)]
        self.hosts = [self.primary, *self.replicas]

    def replica(self, number):
        return self.replicas[number - 1]

    def weir(self, make, route="split", users=None, **settings):
        ports = ",".join(str(h.port) for h in self.hosts)
        hosts = ",".join("127.0.0.1" for _ in self.hosts)
        config = {
            "databases": {DATABASE: f"host={hosts} port={ports} dbname=app route={route}"},
            "users": users or {},
            "pgbouncer": {**SETTINGS, **settings},
        }
        weir = make(config, {"postgres": ""})
        for host in self.hosts:
            host.front = weir
        self.wait_until_known(weir)
        return weir.allow("pooler error", "server conn crashed", "is down", "server login failed", "check or reset query", "cannot be read")

    def wait_until_known(self, weir):
        roles = sorted(["primary"] + ["replica"] * len(self.replicas))
        eventually(lambda: sorted(r["role"] for r in weir.show("HOSTS")) == roles)
