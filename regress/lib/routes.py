"""routes.py - what tests of routing need: one database on all three hosts, a pgweir that splits, and who saw what.

    routes = Routes(cluster, pgweir)
    weir = routes.weir(route="split")
    with routes.watch() as seen:
        weir.connect(...).execute("/* one */ select ...")
    assert seen.on("one") == {routes.primary}

A statement is found in the hosts' logs by a word of its own in a comment, errors included.
"""

import contextlib
import itertools
import re

from . import wire
from .eventually import eventually

DATABASE = "routed"
USERS = {"postgres": ""}
READ = "select count(*) from notes"
WRITE = "insert into hits values (1)"
PROBE = "select 'probe' from pg_class limit 1"

SCHEMA = """
create table notes (id serial primary key, v text);
insert into notes (v) select 'v' || g from generate_series(1, 20) g;
create table hits (n int);
"""

_words = itertools.count(1)


class Seen:
    def __init__(self, cluster):
        self.cluster, self.marks = cluster, cluster.marks()

    def count(self, host, word):
        """How often the host's log mentions the comment."""
        return len(re.findall(rf"/\* {word} \*/", host.log_since(self.marks[host])))

    def on(self, word):
        return {host for host in self.cluster.hosts if self.count(host, word)}

    def counts(self, word):
        """How often on the primary, the first replica, the second..."""
        return [self.count(host, word) for host in self.cluster.hosts]


class Routes:
    def __init__(self, cluster, make):
        self.cluster, self._make = cluster, make
        if not cluster.primary.query(f"select from pg_database where datname = '{DATABASE}'"):
            cluster.create_database(DATABASE)
            cluster.primary.query(SCHEMA, DATABASE)
            cluster.wait_for_replicas()

    @property
    def primary(self):
        return self.cluster.primary

    @property
    def replicas(self):
        return set(self.cluster.replicas)

    def weir(self, ready=True, keys=None, users=None, **main):
        """A pgweir in front of the three hosts; keys: of the entry, route=split where it says nothing."""
        keys = {"route": "split", **(keys or {})}
        keys = {name: value for name, value in keys.items() if value is not None}
        config = {
            "databases": {DATABASE: self.cluster.target(DATABASE, **keys)},
            "users": users or {},
            "pgbouncer": {"pool_mode": "transaction", "workers": 1, "monitor_user": "postgres", **main},
        }
        weir = self._make(config, USERS)
        self._config = config
        if ready and keys.get("route") == "split":
            eventually(self.splits, weir)
        return weir

    def rewrite(self, weir, **keys):
        """Other keys of the entry beside route=split, by a reload of the last pgweir made here."""
        self._config["databases"][DATABASE] = self.cluster.target(DATABASE, **{"route": "split", **keys})
        weir.write_config(self._config)
        weir.reload()

    def add(self, weir, name, **keys):
        """One more entry for the same database."""
        self._config["databases"][name] = self.cluster.target(DATABASE, **keys)
        weir.write_config(self._config)
        weir.reload()

    def splits(self, weir):
        """True when a read that names something runs on a replica: hosts and catalog are known."""
        seen = self.watch()
        word = self.word()
        with weir.client(DATABASE) as client:
            client.query(f"/* {word} */ {PROBE}")
        return seen.on(word) <= self.replicas

    def serving(self, weir):
        """The hosts that twelve reads ran on: of four sessions, since with consistency = session each stays with its replica."""
        seen, word = self.watch(), self.word()
        for _ in range(4):
            with weir.client(DATABASE) as client:
                for _ in range(3):
                    client.query(f"/* {word} */ {PROBE}")
        return seen.on(word)

    def even(self, weir):
        """All replicas serve, and none has turns to make up for: so many at most are, of those that it missed while it had no server."""
        eventually(lambda: self.serving(weir) == self.replicas)
        with weir.client(DATABASE) as client:
            for _ in range(80):
                client.query(PROBE)

    def watch(self):
        return Seen(self.cluster)

    @staticmethod
    def word():
        """A word that no other statement carries."""
        return f"probe{next(_words)}"

    @contextlib.contextmanager
    def client(self, weir, **options):
        with weir.client(DATABASE, **options) as client:
            yield client


def batch(sql, name=""):
    """One statement of the extended protocol, without its Sync."""
    return [wire.parse(sql, name), wire.bind(name=name), wire.describe(), wire.execute()]


def extended(client, *statements):
    """One batch with a single Sync."""
    return client.ask(*[m for sql in statements for m in batch(sql)], wire.sync())


def value(client, sql):
    return client.query(sql).rows[0][0]


def notice(result):
    """What pgweir has said of a statement's way."""
    return [n["M"] for n in result.notices if n["M"].startswith("pgweir:")]
