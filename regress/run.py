#!/usr/bin/python3
"""run.py - pgweir at work: a throw-away primary with two replicas, pgweir in front of them, and the proof.

Loads a pgbench data set through pgweir, runs a short mixed load of 40 clients
on 5 servers per host, shows how many clients ran on how many servers and which
host ran what, then stays up for your own psql until Ctrl-C.  Nothing is left
behind.  PGWEIR_RUN_ONCE=1 ends after the proof.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lib.cluster import Cluster, program  # noqa: E402
from lib.nest import Nest  # noqa: E402
from lib.pgweir import Pgweir, program_path  # noqa: E402

DATABASE = "shop"
USER, SECRET = "app", "weir"
CLIENTS_WRITING, CLIENTS_READING, SECONDS = 20, 20, 5
POOL_SIZE = 5

CONFIG = """\
[databases]
{database} = {target} route=split pool_size={pool}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {{port}}
unix_socket_dir = {{folder}}
auth_type = scram-sha-256
auth_file = {{users}}
admin_users = {user}
pool_mode = transaction
max_client_conn = 500
monitor_user = postgres
"""


class Stopped(BaseException):
    pass


def stop(*_):
    raise Stopped


def say(words=""):
    print(words, flush=True)


class Watch(threading.Thread):
    """Looks at SHOW POOLS while the load runs, and keeps the most clients and servers it saw."""

    def __init__(self, weir):
        super().__init__(daemon=True)
        self.weir, self.clients, self.servers = weir, 0, 0
        self._done = threading.Event()

    def run(self):
        with self.weir.client("pgbouncer", USER, secret=SECRET) as console:
            while not self._done.wait(0.1):
                pools = [p for p in console.query("SHOW POOLS").dicts() if p["database"] == DATABASE]
                busy = ("sv_active", "sv_idle", "sv_used", "sv_tested", "sv_login")
                self.clients = max(self.clients, sum(p["cl_active"] + p["cl_waiting"] for p in pools))
                self.servers = max(self.servers, sum(p[state] for p in pools for state in busy))

    def finish(self):
        self._done.set()
        self.join()


def pgbench(nest, weir, *arguments):
    """Runs pgbench through pgweir; returns its output."""
    where = ["-h", weir.address, "-p", str(weir.port), "-U", USER]
    return nest.run([program("pgbench"), *arguments, *where, DATABASE], env={"PGPASSWORD": SECRET}).stdout


def pgbench_beside(nest, weir, log, *arguments):
    where = ["-h", weir.address, "-p", str(weir.port), "-U", USER]
    env = {"PGPASSWORD": SECRET}
    return nest.spawn([program("pgbench"), *arguments, *where, DATABASE], log=log, env=env)


def number(pattern, text):
    found = re.search(pattern, text)
    return found[1] if found else "?"


KINDS = (("select", re.compile(r"\s*select\b", re.I)), ("write", re.compile(r"\s*(insert|update|delete)\b", re.I)))


def split_of(host, mark):
    """How many selects and writes of the application the host logged since the mark."""
    texts = [s.text for s in host.statements_since(mark) if s.user == USER]
    return {name: sum(bool(pattern.match(t)) for t in texts) for name, pattern in KINDS}


def load(nest, cluster, weir):
    say("pgbench -i -s 1 through pgweir ...")
    pgbench(nest, weir, "-i", "-s", "1", "-q")
    cluster.wait_for_replicas()
    say(f"  {cluster.primary.query('select count(*) from pgbench_accounts', DATABASE)[0][0]} accounts")

    say(f"{CLIENTS_WRITING} clients run TPC-B and {CLIENTS_READING} read (-S), for {SECONDS} s, "
        f"on at most {POOL_SIZE} servers per host ...")
    marks, watch = cluster.marks(), Watch(weir)
    watch.start()
    logs = [f"{nest.path}/pgbench-{kind}.log" for kind in ("write", "read")]
    writing = pgbench_beside(nest, weir, logs[0], "-n", "-c", str(CLIENTS_WRITING), "-j", "2", "-T", str(SECONDS))
    reading = pgbench_beside(nest, weir, logs[1], "-n", "-S", "-c", str(CLIENTS_READING), "-j", "2", "-T", str(SECONDS))
    codes = [writing.wait(), reading.wait()]
    watch.finish()
    outputs = [open(log).read() for log in logs]
    for output, what in zip(outputs, ("TPC-B", "select")):
        done, rate = number(r"actually processed: (\d+)", output), number(r"tps = ([\d.]+)", output)
        failed = number(r"failed transactions: (\d+)", output)
        say(f"  {what:7} {done:>8} transactions, {rate} per second, {failed} failed")
    say(f"  {watch.clients} clients ran on {watch.servers} servers")
    say("  host        role      selects   writes   (as its own log has them)")
    splits = {host: split_of(host, marks[host]) for host in cluster.hosts}
    for host, split in splits.items():
        role = "primary" if host is cluster.primary else "replica"
        say(f"  {host.name:11} {role:8} {split['select']:8} {split['write']:8}")
    say(f"  balances agree: {balances_agree(cluster)}")
    for name in ("ROUTES", "HOSTS"):
        show(weir, name)
    return judge(cluster, codes, outputs, watch, splits)


def balances_agree(cluster):
    sums = cluster.primary.query(
        "select (select sum(abalance) from pgbench_accounts) = (select sum(bbalance) from pgbench_branches), "
        "(select sum(bbalance) from pgbench_branches) = (select sum(tbalance) from pgbench_tellers), "
        "(select sum(tbalance) from pgbench_tellers) = (select coalesce(sum(delta), 0) from pgbench_history)",
        DATABASE,
    )[0]
    return "yes" if sums == ("t", "t", "t") else "NO"


def show(weir, name):
    with weir.client("pgbouncer", USER, secret=SECRET) as console:
        result = console.query(f"SHOW {name}")
    rows = [result.names, *[[v or "" for v in row] for row in result.rows]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(result.names))]
    say(f"SHOW {name}")
    for row in rows:
        say("  " + " | ".join(value.ljust(width) for value, width in zip(row, widths)).rstrip())


def judge(cluster, codes, outputs, watch, splits):
    """What was promised and did not hold, as sentences."""
    replicas = [splits[host] for host in cluster.replicas]
    broken = []
    if any(codes):
        broken.append("pgbench failed:\n" + "\n".join(outputs))
    if watch.servers > POOL_SIZE * len(cluster.hosts):
        broken.append(f"{watch.servers} servers")
    if any(split["write"] for split in replicas):
        broken.append("a write was sent to a replica")
    if not all(split["select"] for split in replicas):
        broken.append("a replica had no read")
    if balances_agree(cluster) != "yes":
        broken.append("the balances do not agree")
    return broken


def invite(weir):
    """Lines to copy."""
    say()
    say("ready; try")
    say(f"  PGPASSWORD={SECRET} psql -h {weir.address} -p {weir.port} -U {USER} {DATABASE}")
    say(f"  PGPASSWORD={SECRET} psql -h {weir.socket_folder} -p {weir.port} -U {USER} {DATABASE}")
    say(f"  PGPASSWORD={SECRET} psql -h {weir.address} -p {weir.port} -U {USER} pgbouncer -c 'SHOW POOLS'")
    say(f"configuration {weir.config_path}, log {weir.log_path}")
    say("Ctrl-C ends it and leaves nothing behind")


def stay_up(weir):
    """Returns when pgweir has ended or whoever started us has."""
    parent = os.getppid()
    while os.getppid() == parent:
        try:
            return weir.process.wait(1)
        except subprocess.TimeoutExpired:
            pass
    raise Stopped


def main():
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, stop)
    nest = Nest()
    try:
        began = time.monotonic()
        say(f"PostgreSQL's processes and pgweir run as {nest.user.pw_name}, in {nest.path}")
        cluster = Cluster(replicas=2, nest=nest)
        for host in cluster.hosts:
            say(f"  {host.name:9} 127.0.0.1:{host.port}")
        cluster.create_role(USER, "scram", SECRET)
        cluster.create_database(DATABASE)
        cluster.primary.query(f'alter database {DATABASE} owner to {USER}; grant all on schema public to {USER}', DATABASE)
        cluster.primary.query(f'grant create on schema public to {USER}', DATABASE)
        cluster.wait_for_replicas()
        config = CONFIG.format(database=DATABASE, target=cluster.target(DATABASE), pool=POOL_SIZE, user=USER)
        weir = Pgweir(nest, config, {USER: SECRET, "postgres": ""})
        say(f"  pgweir    127.0.0.1:{weir.port} ({os.path.relpath(program_path())}, up after {time.monotonic() - began:.1f} s)")
        broken = load(nest, cluster, weir)
        broken += [f"in the log: {line}" for line in weir.warnings()]
        if broken:
            say("THE PROOF FAILED:\n  " + "\n  ".join(broken))
        if os.environ.get("PGWEIR_RUN_ONCE"):
            weir.stop()
            return 1 if broken else 0
        invite(weir)
        stay_up(weir)
        say(f"pgweir ended with {weir.process.returncode}:\n{weir.log[-2000:]}")
        return 1
    except Stopped:
        say("\nending")
        return 0
    finally:
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, signal.SIG_IGN)
        nest.close()


if __name__ == "__main__":
    sys.exit(main())
