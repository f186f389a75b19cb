"""floors.py - what consistency costs: how much longer a server is held for a transaction, with PostgreSQL behind.

A pool of one server is the bottleneck, so the time that a transaction holds it is one over the throughput.
"""

import statistics

from lib.cluster import Cluster
from lib.eventually import eventually
from lib.pgweir import Pgweir

CASES = (("a read there", "/* pgweir: primary */ select 1"), ("an update", "update bench set n = n + 1"))
MODES = ("eventual", "session", "table")


def front(bench, cluster, consistency):
    config = {
        "databases": {"unix": cluster.target("postgres", unix=True, route="split", pool_size=1, consistency=consistency)},
        "pgbouncer": {"auth_type": "trust", "pool_mode": "transaction", "workers": 1, "monitor_user": "postgres",
                      "log_connections": 0, "log_disconnections": 0, "listen_backlog": 4096},
    }
    weir = Pgweir(bench.nest, config, {"bench": "weir", "postgres": ""}, arguments=["-q"], prefix=bench.one_cpu)
    eventually(lambda: {r["role"] for r in weir.show("HOSTS")} == {"primary", "replica"})
    return weir


def held_us(bench, weir, sql, clients):
    """Microseconds of the server per transaction."""
    result = bench.load(weir.socket_folder, weir.port, "unix", weir.process.pid, ["-c", str(clients), "-q", sql])
    return 1e6 / result["qps"]


def floors(bench, say):
    quiet = {"log_statement": "none", "log_min_duration_statement": "-1"}
    with Cluster(replicas=1, settings=quiet, nest=bench.nest) as cluster:
        cluster.primary.query("create role bench login superuser; create table bench (n int); insert into bench values (0)")
        cluster.wait_for_replicas()
        weirs = {mode: front(bench, cluster, mode) for mode in MODES}
        say(f"\n{'µs of the server, consistency':30} " + " ".join(f"{mode:>10}" for mode in MODES))
        for clients in (8, 1):
            for name, sql in CASES:
                found = {mode: [] for mode in MODES}
                for _ in range(bench.options.rounds):
                    for mode in MODES:
                        found[mode].append(held_us(bench, weirs[mode], sql, clients))
                cells = " ".join(f"{statistics.median(found[mode]):>10.1f}" for mode in MODES)
                say(f"{f'{name}, {clients} client' + ('s' if clients > 1 else ''):30} {cells}")
        for weir in weirs.values():
            weir.kill9()
