"""scene.py - what most system tests need: one database on the primary, a pgweir before it, crowds of clients.

    one = app.weir(default_pool_size=5, pool_mode="transaction")
    crowd(50, lambda number: one.client("app").query("select 1"))
    app.pool(one)["sv_idle"]
"""

import threading
import time

from . import wire
from .eventually import eventually
from .pgweir import program_path

DATABASE = "app"
USERS = {"postgres": ""}


class App:
    """The database `app` of a cluster's primary, and pgweir processes that serve it alone."""

    def __init__(self, cluster, make):
        self.cluster, self.primary, self._make = cluster, cluster.primary, make
        if not self.primary.query(f"select from pg_database where datname = '{DATABASE}'"):
            cluster.create_database(DATABASE)
        self.primary.query(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{DATABASE}'")
        eventually(lambda: not self.pids())

    def target(self, dbname=DATABASE, **keys):
        return self.cluster.target(dbname, hosts=[self.primary], **keys)

    def config(self, keys=None, databases=None, users=None, **main):
        """keys: of the entry `app`; databases: further entries; users: the section [users]; main: the main section."""
        entries = {DATABASE: self.target(**(keys or {})), **(databases or {})}
        main = {"pool_mode": "transaction", "workers": 2, **main}
        if program_path().endswith("pgbouncer"):
            del main["workers"]
        return {"databases": entries, "users": users or {}, "pgbouncer": main}

    def weir(self, keys=None, secrets=None, databases=None, users=None, options=None, **main):
        config = self.config(keys, databases, users, **main)
        return self._make(config, secrets or USERS, **(options or {}))

    def weir_of(self, text, secrets=None, **options):
        """A pgweir with this text for a file; {port}, {folder} and {users} are filled in."""
        return self._make(text, secrets or USERS, **options)

    def pids(self):
        """Process ids of the servers in the database."""
        found = self.primary.query(
            f"select pid from pg_stat_activity where datname = '{DATABASE}' and backend_type = 'client backend'"
        )
        return sorted(int(pid) for (pid,) in found)

    def query(self, sql):
        return self.primary.query(sql, database=DATABASE)

    def pool(self, weir, user="postgres"):
        """The row of SHOW POOLS."""
        return weir.show("POOLS", database=DATABASE, user=user)[0]


def value(client, sql):
    """The first column of the first row."""
    return client.query(sql).rows[0][0]


def pid_of(client):
    """The process id of the server that serves the client now."""
    return int(value(client, "select pg_backend_pid()"))


def refused(work, *arguments, **named):
    """The PgError that the call raises."""
    try:
        work(*arguments, **named)
    except wire.PgError as error:
        return error
    raise AssertionError("it was not refused")


def farewell(client, within=10):
    """The ErrorResponse with which the client's connection ends."""
    client.socket.settimeout(within)
    said = [m for m in client.expect_closed() if m.kind == b"E"]
    assert said, "the connection ended without a word"
    return wire.PgError(said[-1].fields())


def said(error):
    return error.severity, error.sqlstate, error.message


def catalog_is_read(weir, times=1):
    """Waits until a pgweir with verbose=2 knows what the functions of its database do."""
    with weir.client(DATABASE) as client:
        eventually(lambda: client.query("select from information_schema.tables limit 0") and weir.log.count(f"catalog of {DATABASE}:") >= times)


def waiting(weir, count, **where):
    """True when so many clients wait for a server."""
    return sum(row["cl_waiting"] for row in weir.show("POOLS", database=DATABASE, **where)) == count


class Background:
    """work(*arguments) in a thread; .result() waits for its answer or raises what it raised."""

    def __init__(self, work, *arguments, **named):
        self._answer = self._error = None
        self.ended_at = None

        def run():
            try:
                self._answer = work(*arguments, **named)
            except BaseException as error:
                self._error = error
            self.ended_at = time.monotonic()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def is_running(self):
        return self._thread.is_alive()

    def result(self, within=30):
        self._thread.join(within)
        assert not self._thread.is_alive(), f"not done within {within} s"
        if self._error is not None:
            raise self._error
        return self._answer


def crowd(count, work, within=60):
    """Calls work(number) in `count` threads at once; returns the answers in order."""
    running = [Background(work, number) for number in range(count)]
    return [one.result(within) for one in running]


def console_refusal(console, command):
    """What the console says against the command; the session must live on."""
    error = console.ask(wire.query(command)).error
    assert error and console.status == "I", f"{command} was not refused"
    assert console.query("show version").rows
    return error
