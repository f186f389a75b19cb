#!/usr/bin/python3
"""bench.py - pgweir beside pgbouncer and a direct connection, in one run.  See README.md in this folder.

Usage: bench.py [--quick] [--json] [--only WORD] [--rounds N] [--seconds S]
"""

import argparse
import json
import os
import resource
import signal
import statistics
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "regress"))

from catalog import catalog  # noqa: E402
from floors import floors  # noqa: E402
from lib import wire  # noqa: E402
from lib.eventually import eventually  # noqa: E402
from lib.nest import Nest, free_port  # noqa: E402
from lib.pgweir import Pgweir, program_path  # noqa: E402

PGBOUNCER = "/usr/sbin/pgbouncer"
CLIENTS, POOL = 64, 25
USER, SECRET = "bench", "weir"
# The SCRAM-SHA-256 secret of "weir" with 4096 iterations and the salt "0123456789abcdef".
SALT, ITERATIONS = b"0123456789abcdef", 4096


def scram_secret(password):
    import base64
    import hashlib
    import hmac

    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), SALT, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt, stored, server = (base64.b64encode(b).decode() for b in (SALT, stored, server))
    return f"SCRAM-SHA-256${ITERATIONS}:{salt}${stored}:{server}"


class Case:
    """One row of the table: arguments of pgload, kind of socket, authentication."""

    def __init__(self, name, arguments, socket="unix", auth="trust", secret=None, direct=True):
        self.name, self.arguments, self.socket = name, arguments, socket
        self.auth, self.secret, self.direct = auth, secret, direct


def cases():
    found = []
    for socket in ("unix", "TCP"):
        for mode in ("simple", "extended", "prepared"):
            found.append(Case(f"select 1, {mode}, {socket}", ["-M", mode], socket))
        found.append(Case(f"16-deep pipeline, {socket}", ["-M", "extended", "-n", "16"], socket))
        found.append(Case(f"10 KB row, {socket}", ["-q", "select repeat('x',10240)"], socket))
        found.append(Case(f"1 MB row, {socket}", ["-q", "select repeat('x',1048576)", "-c", "8"], socket))
    connect = ["-C", "-c", "8"]
    found.append(Case("connect and query, trust", connect))
    found.append(Case("connect and query, md5", connect, auth="md5", direct=False))
    found.append(Case("connect and query, SCRAM", connect, auth="scram-sha-256", secret=scram_secret(SECRET), direct=False))
    found.append(Case("the same, plaintext secret", connect, auth="scram-sha-256", direct=False))
    return found


class Bench:
    def __init__(self, options):
        self.options = options
        self.cpus = sorted(os.sched_getaffinity(0))
        self.one_cpu = ["taskset", "-c", str(self.cpus[-1])]
        self.nest = Nest("pgweir-bench")
        self.tools = {name: self.nest.install(f"{ROOT}/build/tools/{name}") for name in ("nullpg", "pgload")}
        self.null_port, self.null_folder = free_port(), self.nest.folder("null")
        self.null = self._start_null(self.one_cpu)
        self.poolers = {}

    def _start_null(self, prefix):
        where = ["-u", self.null_folder, "-l", "127.0.0.1", "-p", str(self.null_port), "-t", "2" if not prefix else "1"]
        process = self.nest.spawn([*prefix, self.tools["nullpg"], *where], log=f"{self.nest.path}/nullpg.log")
        eventually(lambda: wire.connect(self.null_port).close() is None)
        return process

    # -- poolers --

    def pooler(self, name, auth="trust", secret=None, workers=1, prefix=None, max_clients=1000, **settings):
        """A running pooler of that kind; the same one when asked again."""
        key = (name, auth, secret, workers, max_clients, *settings.items())
        if key not in self.poolers:
            prefix = self.one_cpu if prefix is None else prefix
            config = {
                "databases": {
                    "unix": f"host={self.null_folder} port={self.null_port} dbname=bench",
                    "TCP": f"host=127.0.0.1 port={self.null_port} dbname=bench",
                },
                "pgbouncer": {
                    "auth_type": auth,
                    "pool_mode": "transaction",
                    "default_pool_size": POOL,
                    "max_client_conn": max_clients,
                    "listen_backlog": 4096,
                    "log_connections": 0,
                    "log_disconnections": 0,
                    "server_check_delay": 3600,
                },
            }
            if name == "pgweir":
                config["pgbouncer"].update(workers=workers, **settings)
            program = PGBOUNCER if name == "pgbouncer" else program_path()
            users = {USER: secret or SECRET, "postgres": ""}
            self.poolers[key] = Pgweir(self.nest, config, users, program=program, prefix=prefix, arguments=["-q"])
        return self.poolers[key]

    def end(self, pooler):
        pooler.kill9()
        self.poolers = {key: one for key, one in self.poolers.items() if one is not pooler}

    # -- measuring --

    def load(self, host, port, database, pid, arguments, seconds=None, prefix=None):
        """One run of pgload; its JSON as a dict."""
        defaults = ["-c", str(CLIENTS), "-T", str(seconds or self.options.seconds), "-w", str(self.options.warm)]
        where = ["-h", host, "-p", str(port), "-d", database, "-U", USER, "-W", SECRET, "-P", str(pid), "-j"]
        prefix = self.one_cpu if prefix is None else prefix
        done = self.nest.run([*prefix, self.tools["pgload"], *where, *defaults, *arguments], check=False)
        try:
            result = json.loads(done.stdout.strip().split("\n")[-1])
        except ValueError:
            raise SystemExit(f"pgload {' '.join(where + arguments)}:\n{done.stdout}") from None
        result["connections"] = result["conns"]
        if self.options.json:
            print(done.stdout.strip(), flush=True)
        return result

    def measure(self, case, target):
        if target == "direct":
            host = self.null_folder if case.socket == "unix" else "127.0.0.1"
            return self.load(host, self.null_port, "bench", self.null.pid, case.arguments)
        pooler = self.pooler(target, case.auth, case.secret)
        host = pooler.socket_folder if case.socket == "unix" else "127.0.0.1"
        return self.load(host, pooler.port, case.socket, pooler.process.pid, case.arguments)

    def row(self, case, targets):
        """Measures a case in interleaved rounds; target → medians."""
        targets = [t for t in targets if t != "direct" or case.direct]
        found = {target: [] for target in targets}
        for number in range(self.options.rounds):
            turn = number % len(targets)
            for target in targets[turn:] + targets[:turn]:
                found[target].append(self.measure(case, target))
        return {target: medians(results) for target, results in found.items()}

    def features(self, arguments):
        """CPU µs per query of keep and of ignore: medians of interleaved rounds, the order turning."""
        found = {"keep": [], "ignore": []}
        for number in range(2 * self.options.rounds):
            for kind in list(found)[:: 1 if number % 2 else -1]:
                pooler = self.pooler("pgweir", session_features=kind)
                result = self.load(pooler.socket_folder, pooler.port, "unix", pooler.process.pid, arguments)
                found[kind].append(result["cpu_us_q"])
        return {kind: statistics.median(figures) for kind, figures in found.items()}

    def idle_memory(self, name, count):
        """Resident bytes per idle client: connect, one query each, then silence."""
        pooler = self.pooler(name, max_clients=count + 100)
        self.load(pooler.socket_folder, pooler.port, "unix", pooler.process.pid, ["-T", "0.5", "-w", "0"])
        result = self.load(pooler.socket_folder, pooler.port, "unix", pooler.process.pid, ["-I", "-c", str(count)], 1)
        self.end(pooler)
        return (result["rss_kb"] - result["rss0_kb"]) * 1024 / max(1, result["ready"])

    def worker_rates(self, workers):
        """(queries per second, CPU µs per query) of pgweir with so many workers."""
        spread = len(self.cpus) >= 4
        own = ["taskset", "-c", ",".join(map(str, self.cpus[:2]))] if spread else []
        others = ["taskset", "-c", ",".join(map(str, self.cpus[2:]))] if spread else []
        pooler = self.pooler("pgweir", workers=workers, prefix=own)
        arguments = ["-t", "2"]
        result = self.load(pooler.socket_folder, pooler.port, "unix", pooler.process.pid, arguments, prefix=others)
        self.end(pooler)
        return result["qps"], result["cpu_us_q"]

    def restart_null(self, prefix):
        for pooler in list(self.poolers.values()):
            self.end(pooler)
        self.null.send_signal(signal.SIGTERM)
        self.null.wait()
        self.null = self._start_null(prefix)


def medians(results):
    def middle(key):
        return statistics.median(r[key] for r in results)

    failed = sum(r["errors"] + r["connfail"] for r in results)
    return {"cpu": middle("cpu_us_q"), "rate": middle("qps"), "p50": middle("p50_us"), "failed": failed,
            "why": next((r["errmsg"] for r in results if r["errmsg"]), "")}


def say(words=""):
    print(words, flush=True)


def table(bench, chosen, targets):
    say(f"{'':30} {'CPU µs per query':^32} {'queries per second':^29}")
    say(f"{'':30} {'pgweir':>10} {'pgbouncer':>10} {'ratio':>8}    {'pgweir':>9} {'pgbouncer':>9} {'direct':>9}")
    for case in chosen:
        row = bench.row(case, targets)

        def cell(target, key, form):
            return format(row[target][key], form) if target in row else "-"

        ratio = "-"
        if "pgweir" in row and "pgbouncer" in row and row["pgbouncer"]["cpu"]:
            ratio = f"{row['pgweir']['cpu'] / row['pgbouncer']['cpu']:.2f}"
        rates = " ".join(f"{cell(t, 'rate', '.0f'):>9}" for t in ("pgweir", "pgbouncer", "direct"))
        cpu = " ".join(f"{cell(t, 'cpu', '.2f'):>10}" for t in ("pgweir", "pgbouncer"))
        say(f"{case.name:30} {cpu} {ratio:>8}    {rates}")
        for target, figures in row.items():
            if figures["failed"]:
                say(f"    {target}: {figures['failed']} failed: {figures['why']}")


def memory(bench, targets, count):
    figures = {t: bench.idle_memory(t, count) for t in targets if t != "direct"}
    both = len(figures) == 2 and figures["pgbouncer"]
    ratio = f"{figures['pgweir'] / figures['pgbouncer']:.2f}" if both else "-"
    cells = " ".join(f"{figures[t]:>10.0f}" if t in figures else f"{'-':>10}" for t in ("pgweir", "pgbouncer"))
    say(f"{f'bytes per idle client of {count}':30} {cells} {ratio:>8}")


def workers(bench):
    spread = len(bench.cpus) >= 4
    bench.restart_null(["taskset", "-c", ",".join(map(str, bench.cpus[2:]))] if spread else [])
    found = {1: [], 2: []}
    for _ in range(bench.options.rounds):
        for count in (1, 2):
            found[count].append(bench.worker_rates(count))
    rate = {n: statistics.median(r for r, _ in found[n]) for n in found}
    cpu = {n: statistics.median(c for _, c in found[n]) for n in found}
    if spread:
        say(f"two workers serve {rate[2] / rate[1]:.2f} times one's queries ({rate[1]:.0f} and {rate[2]:.0f} per second)")
    else:
        say(f"two workers, each with a core of its own, would serve {2 * cpu[1] / cpu[2]:.2f} times one's queries "
            f"({cpu[1]:.2f} and {cpu[2]:.2f} µs of CPU per query; {rate[1]:.0f} and {rate[2]:.0f} per second here, "
            "where they share the cores with load and server)")


def features(bench):
    say(f"\n{'CPU µs per query':30} {'keep':>10} {'ignore':>10} {'ratio':>8}")
    for mode in ("simple", "extended", "prepared"):
        cpu = bench.features(["-M", mode])
        say(f"{'select 1, ' + mode:30} {cpu['keep']:>10.2f} {cpu['ignore']:>10.2f} {cpu['keep'] / cpu['ignore']:>8.3f}")


def parse(arguments):
    parser = argparse.ArgumentParser(description="pgweir beside pgbouncer and a direct connection")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--json", action="store_true", help="print every measurement too")
    parser.add_argument("--only", default="", help="cases whose name has this word (also: memory, workers, features, floors, catalog)")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--without", default="", help="leave out: pgweir, pgbouncer or direct (comma list)")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (0.6 if options.quick else 2.0)
    options.warm = 0.2 if options.quick else 0.5
    return options


def raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def main():
    options = parse(sys.argv[1:])
    limit = raise_file_limit()
    targets = [t for t in ("pgweir", "pgbouncer", "direct") if t not in options.without.split(",")]
    idle = min(2000 if options.quick else 10000, limit - 200)
    bench = Bench(options)
    try:
        say(f"{CLIENTS} clients, pool of {POOL}, all on one CPU, {options.rounds} rounds of {options.seconds:g} s")
        chosen = [case for case in cases() if options.only in case.name]
        if chosen:
            table(bench, chosen, targets)
        if options.only in ("", "features") and "pgweir" in targets:
            features(bench)
        if options.only in ("", "floors") and "pgweir" in targets:
            floors(bench, say)
        if options.only in ("", "catalog") and "pgweir" in targets:
            catalog(bench, say)
        if options.only in ("", "memory"):
            memory(bench, targets, idle)
        if options.only in ("", "workers") and "pgweir" in targets:
            workers(bench)
    finally:
        bench.nest.close()


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
