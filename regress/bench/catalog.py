"""catalog.py - what it costs to know a large catalog: 5,300 tables and views, 5,000 functions, one view in ten unsafe.

The times are pgweir's own: from the question to the last row, with what the rows are made into.  The CPU is that of the
primary's backend, with the tests for a change; whoever changes something does so on a connection to the primary of his own.
"""

import re
import statistics

from lib.cluster import Cluster
from lib.eventually import eventually
from lib.pgweir import Pgweir

DATABASE = "large"
TABLES, VIEWS, FUNCTIONS, PART = 2500, 2800, 5000, 100

MAKE_TABLE = "execute format('create table t%s (id int primary key, b text, parent int references t%s on delete cascade)', i, greatest(1, i / 2))"
MAKE_VIEW = ("execute format('create view v%s as select %s x, b from t%s', i, case i % 10 when 0 then 'audit(id)' else 'id' end,"
             " i % 2500 + 1)")
MAKE_FUNCTION = ("execute format('create function f%s(int) returns int language %s as %L', i,"
                 " case i % 3 when 0 then 'plpgsql stable' when 1 then 'sql stable' else 'sql immutable' end,"
                 " case i % 3 when 0 then 'begin return $1 + 1; end' else 'select $1 + 1' end)")


def make_each(cluster, make, count):
    """In parts: a transaction has room for so many locks."""
    for first in range(1, count + 1, PART):
        cluster.primary.query(f"do $$ begin for i in {first}..{min(first + PART - 1, count)} loop {make}; end loop; end $$", DATABASE)


def make_schema(cluster):
    cluster.primary.query(f"create database {DATABASE}")
    cluster.primary.query("create function audit(int) returns int language sql volatile as 'select $1'", DATABASE)
    make_each(cluster, MAKE_TABLE, TABLES)
    make_each(cluster, MAKE_VIEW, VIEWS)
    make_each(cluster, MAKE_FUNCTION, FUNCTIONS)
    # As autovacuum does within a minute.
    cluster.primary.query("analyze", DATABASE)
    cluster.wait_for_replicas()


def reads(weir):
    """Milliseconds of each time that the catalog was read."""
    return [int(ms) for ms in re.findall(rf"catalog of {DATABASE}: .* read in (\d+) ms", weir.log)]


CHANGES = {
    "table": "create table made{0} (a int primary key, b text)",
    "view": "create view made_view{0} as select audit(id) x, b from t1",
    "function": "create or replace function f1(int) returns int language sql immutable as 'select $1 + {0}'",
    "drop": "drop view made_view{0}",
}


class Backends:
    """Of pgweir, on the primary."""

    def __init__(self, primary, own):
        self.pids = [pid for (pid,) in primary.query(
            f"select pid from pg_stat_activity where datname = '{DATABASE}' and backend_type = 'client backend' and pid <> {own}").rows]

    def cpu_ms(self):
        total = 0
        for pid in self.pids:
            with open(f"/proc/{pid}/schedstat") as f:
                total += int(f.read().split()[0])
        return total / 1e6


def changed(weir, client, direct, change):
    """What it costs to learn of the change: milliseconds until the facts are there, and of the backend's CPU."""
    backends, before = Backends(direct, direct.query("select pg_backend_pid()").rows[0][0]), len(reads(weir))
    spent = backends.cpu_ms()
    for sql in ("begin", change, "select pg_stat_force_next_flush()", "commit"):
        direct.query(sql)

    def is_known():
        client.query("select 1 from t1")
        return len(reads(weir)) > before

    eventually(is_known, within=60)
    eventually(lambda: client.query("select 1 from t1") and True)
    return reads(weir)[-1], backends.cpu_ms() - spent


def times(bench, cluster, consistency):
    """Of the first look, and of those after each kind of change: lists of (milliseconds, CPU milliseconds)."""
    config = {
        "databases": {DATABASE: cluster.target(DATABASE, unix=True, route="split", consistency=consistency)},
        "pgbouncer": {"auth_type": "trust", "pool_mode": "transaction", "workers": 1, "monitor_user": "postgres", "verbose": 2},
    }
    weir = Pgweir(bench.nest, config, {"postgres": ""})
    found = {name: [] for name in CHANGES}
    with weir.client(DATABASE, user="postgres") as client, cluster.primary.client(DATABASE) as direct:
        client.query("select 1 from t1")
        eventually(lambda: reads(weir), within=60)
        backends = Backends(direct, direct.query("select pg_backend_pid()").rows[0][0])
        first = [(reads(weir)[0], backends.cpu_ms())]
        for number in range(bench.options.rounds):
            for name, change in CHANGES.items():
                found[name].append(changed(weir, client, direct, change.format(f"{number}")))
        for number in range(bench.options.rounds):
            direct.query(f"drop table made{number}")
    weir.kill9()
    return {"load": first, **found}


def catalog(bench, say):
    quiet = {"log_statement": "none", "log_min_duration_statement": "-1"}
    with Cluster(replicas=1, settings=quiet, nest=bench.nest) as cluster:
        make_schema(cluster)
        for name, consistency in (("names", "eventual"), ("names and footprints", "table")):
            found = times(bench, cluster, consistency)
            if consistency == "eventual":
                say(f"\n{'ms, catalog of 10,300 objects':30} " + " ".join(f"{kind:>10}" for kind in found))
            for word, which in (("", 0), (", CPU", 1)):
                cells = " ".join(f"{statistics.median(one[which] for one in each):>10.0f}" for each in found.values())
                say(f"{name + word:30} {cells}")
