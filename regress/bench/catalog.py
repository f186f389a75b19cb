"""catalog.py - what it costs to know a large catalog: 5,300 tables and views, 5,000 functions, one view in ten unsafe.

Each figure is pgweir's own: from the question to the last row, with what the rows are made into.
"""

import re
import statistics

from lib.cluster import Cluster
from lib.eventually import eventually
from lib.pgweir import Pgweir

DATABASE = "large"
TABLES, VIEWS, FUNCTIONS, PART = 2500, 2800, 5000, 500

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
    cluster.wait_for_replicas()


def reads(weir):
    """Milliseconds of each time that the catalog was read."""
    return [int(ms) for ms in re.findall(rf"catalog of {DATABASE}: .* read in (\d+) ms", weir.log)]


def times(bench, cluster, consistency):
    """The first time, and those after a table was made."""
    config = {
        "databases": {DATABASE: cluster.target(DATABASE, unix=True, route="split", consistency=consistency)},
        "pgbouncer": {"auth_type": "trust", "pool_mode": "transaction", "workers": 1, "monitor_user": "postgres", "verbose": 2},
    }
    weir = Pgweir(bench.nest, config, {"postgres": ""})
    with weir.client(DATABASE, user="postgres") as client:
        client.query("select 1 from t1")
        eventually(lambda: reads(weir), within=60)
        first = reads(weir)[0]
        for number in range(2 * bench.options.rounds):
            before = len(reads(weir))
            client.query(f"create table made_{consistency}_{number} (a int)")
            eventually(lambda: len(reads(weir)) > before, within=60)
        again = reads(weir)[1:]
    weir.kill9()
    return first, statistics.median(again)


def catalog(bench, say):
    quiet = {"log_statement": "none", "log_min_duration_statement": "-1"}
    with Cluster(replicas=1, settings=quiet, nest=bench.nest) as cluster:
        make_schema(cluster)
        say(f"\n{'ms, catalog of 10,300 objects':30} {'load':>10} {'refresh':>10}")
        for name, consistency in (("names", "eventual"), ("names and footprints", "table")):
            first, again = times(bench, cluster, consistency)
            say(f"{name:30} {first:>10.0f} {again:>10.0f}")
