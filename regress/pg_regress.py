#!/usr/bin/python3
"""pg_regress.py - PostgreSQL's own regression suite through pgweir, compared with a direct run.

    regress/pg_regress.py /usr/src/postgresql-15.x                  all tests, through one pool of 10
    regress/pg_regress.py SOURCE --tests temp,prepare               only these, and what they need
    regress/pg_regress.py SOURCE --pgweir build/asan/pgweir --workers 1 --pool-size 4
    regress/pg_regress.py SOURCE --serial --set min_pool_size=10 --set server_round_robin=1
                                     each transaction on another server than the one before it

SOURCE is an unpacked source tree of the server's major version; its
src/test/regress is copied, nothing is written there.  The suite runs twice on
fresh clusters directly, then through pgweir.  A test is the same when its output
is that of the first direct run, but for lines in which the direct runs differ
from each other.  What PostgreSQL expects is not looked at: its locale, its
version and this machine have their say in that.  The direct results are kept
and used again (--fresh runs them anew).  All results and differences are left
in build/pg_regress; the last line is "N of M the same".
"""

import argparse
import difflib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lib.cluster import ROOT, Cluster, program, programs_folder  # noqa: E402
from lib.nest import Nest, process_tree, signal_all  # noqa: E402
from lib.pgweir import Pgweir, program_path  # noqa: E402

DATABASE = "regression"
HEAD_LINES = 12
DATABASE_SETTINGS = {
    "lc_messages": "C",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "bytea_output": "hex",
    "timezone_abbreviations": "Default",
}
WHO_WAITS = "select pid, state, wait_event, application_name, query from pg_stat_activity where backend_type = 'client backend'"
# As pg_regress has its own clusters; durability and the log of the fixtures are not wanted.
CLUSTER_SETTINGS = {
    "shared_buffers": "128MB",
    "max_prepared_transactions": "2",
    "wal_level": "replica",
    "log_statement": "none",
    "log_line_prefix": "%m %b[%p] %q%a %d ",
}
# What a test needs to have run before it, beside test_setup; the schedule's comments say so.
NEEDS = {
    "multirangetypes": "rangetypes",
    "geometry": "point lseg line box path polygon circle create_index",
    "horology": "date time timetz timestamp timestamptz interval",
    "create_index_spgist": "create_index",
    "aggregates": "create_aggregate create_index",
    "join": "create_misc create_index",
    "psql": "create_am",
    "amutils": "geometry create_index_spgist hash_index brin",
    "select_parallel": "create_misc",
    "select_views": "create_view",
    "with": "create_misc",
    "triggers": "create_type",
    "inherit": "create_misc",
    "brin": "create_index",
}
USUALLY_NEEDED = "create_index"


def say(words=""):
    print(words, flush=True)


# ---- the suite --------------------------------------------------------------------------


class Suite:
    """The tests, copied to where the ordinary user reaches them, with the libraries that they load."""

    def __init__(self, nest, source, chosen, serial=False):
        regress = os.path.join(source, "src", "test", "regress")
        if not os.path.exists(regress + "/parallel_schedule"):
            raise SystemExit(f"{source} is no source tree of PostgreSQL: it has no src/test/regress/parallel_schedule")
        self.nest, self.input, self.output = nest, nest.folder("suite"), nest.folder("output")
        for part in ("sql", "expected", "data"):
            shutil.copytree(f"{regress}/{part}", f"{self.input}/{part}")
        shutil.copy(f"{regress}/resultmap", self.input)
        with open(f"{regress}/parallel_schedule") as f:
            text = f.read()
        self.groups = [line.split()[1:] for line in text.splitlines() if line.startswith("test:")]
        if chosen or serial:
            self.groups = [[test] for test in (self._with_needs(chosen) if chosen else self.tests)]
            text = "".join(f"test: {test}\n" for group in self.groups for test in group)
        self.schedule = nest.write(f"{self.input}/schedule", text)
        self.libraries = nest.folder("libraries")
        self._build(regress)
        nest.run(["chmod", "-R", "a+rX", self.input], check=False)

    @property
    def tests(self):
        return [test for group in self.groups for test in group]

    def key(self):
        """Names the runs whose results can be compared with each other."""
        version = subprocess.run([program("postgres"), "--version"], stdout=subprocess.PIPE, text=True).stdout
        return hashlib.sha256(repr((version, self.groups)).encode()).hexdigest()[:12]

    def _with_needs(self, chosen):
        unknown = set(chosen) - set(self.tests)
        if unknown:
            raise SystemExit(f"no such test: {', '.join(sorted(unknown))}")
        needed, rest = {"test_setup"}, list(chosen)
        while rest:
            test = rest.pop()
            if test not in needed:
                needed.add(test)
                usual = "" if test == USUALLY_NEEDED else USUALLY_NEEDED
                rest.extend(NEEDS.get(test, usual).split())
        return [test for test in self.tests if test in needed]

    def _build(self, regress):
        said = subprocess.run([program("pg_config"), "--includedir-server", "--pkglibdir"], stdout=subprocess.PIPE, text=True, check=True)
        include, libraries = said.stdout.split()
        made = f"{self.libraries}/regress.so"
        subprocess.run(["cc", "-O2", "-fPIC", "-shared", f"-I{include}", "-o", made, f"{regress}/regress.c"], check=True)
        for name in ("refint.so", "autoinc.so"):
            shutil.copy(f"{libraries}/{name}", self.libraries)
        os.chmod(made, 0o755)

    def run(self, host, port, primary, stuck):
        """One run of the schedule; returns pg_regress's output, results/ and regression.diffs are in .output."""
        pgxs = os.path.dirname(subprocess.run([program("pg_config"), "--pgxs"], stdout=subprocess.PIPE, text=True).stdout.strip())
        argv = [os.path.join(pgxs, "..", "..", "src", "test", "regress", "pg_regress"), "--use-existing"]
        argv += [f"--inputdir={self.input}", f"--outputdir={self.output}", f"--dlpath={self.libraries}"]
        argv += [f"--bindir={programs_folder()}", f"--schedule={self.schedule}", "--max-concurrent-tests=20"]
        argv += [f"--dbname={DATABASE}", f"--host={host}", f"--port={port}", "--user=postgres"]
        shutil.rmtree(self.output)
        self.nest.folder("output")
        self.nest.folder("output/results")
        log = f"{self.nest.path}/pg_regress.log"
        if os.path.exists(log):
            os.unlink(log)
        process = self.nest.spawn(argv, log=log)
        progress, since = None, time.monotonic()
        while process.poll() is None:
            time.sleep(0.2)
            results = [f"{self.output}/results/{test}.out" for test in self.tests]
            last, progress = progress, sum(os.path.getsize(path) for path in [log, *results] if os.path.exists(path))
            since = since if progress == last else time.monotonic()
            if time.monotonic() - since > stuck:
                self._end_what_hangs(process, primary)
                since = time.monotonic()
        with open(log, errors="replace") as f:
            return f.read()

    def _end_what_hangs(self, process, primary):
        """Ends the psqls that run now, so that the tests after them have their turn."""
        say("nothing moves: what is still running is ended")
        for row in primary.query(WHO_WAITS):
            say("    " + " ".join(str(value) for value in row).replace("\n", " ")[:200])
        signal_all(process_tree(process.pid)[1:], signal.SIGKILL)


def make_database(cluster):
    """What pg_regress does with --use-existing left out, on a direct connection."""
    cluster.primary.query(f"create database {DATABASE} template template0")
    for name, value in DATABASE_SETTINGS.items():
        cluster.primary.query(f"alter database {DATABASE} set {name} to '{value}'")


def keep_results(suite, folder, output):
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(f"{suite.output}/results", folder)
    with open(f"{folder}/pg_regress.log", "w") as f:
        f.write(output)


def run_directly(nest, suite, folder, stuck):
    with Cluster(replicas=0, settings=CLUSTER_SETTINGS, nest=nest) as cluster:
        make_database(cluster)
        output = suite.run(nest.path, cluster.primary.port, cluster.primary, stuck)
        cluster.primary.kill9()
    shutil.rmtree(cluster.primary.data)
    keep_results(suite, folder, output)


def pgweir_config(cluster, options):
    settings = {
        "auth_user": "postgres",
        "pool_mode": options.pool_mode,
        "default_pool_size": options.pool_size,
        "max_client_conn": 500,
        "query_wait_timeout": 0,
        "query_timeout": 0,
        **dict(setting.split("=", 1) for setting in options.set),
    }
    if options.pgweir.endswith("pgbouncer"):
        settings["ignore_startup_parameters"] = "options,extra_float_digits"
        settings["auth_query"] = "select rolname, rolpassword from pg_authid where rolname = $1"
    else:
        settings["workers"] = options.workers
        settings["query_wait_notify"] = 0
        settings["session_features"] = options.session_features
    address = f"host={cluster.primary.address} port={cluster.primary.port}"
    return {"databases": {DATABASE: address, "*": address}, "pgbouncer": settings}


def run_pooled(nest, suite, folder, options):
    """Returns pgweir's warnings, which are no differences but may explain some."""
    with Cluster(replicas=0, settings=CLUSTER_SETTINGS, nest=nest) as cluster:
        make_database(cluster)
        users = {"postgres": "unused"}
        weir = Pgweir(nest, pgweir_config(cluster, options), users=users, program=options.pgweir)
        output = suite.run(weir.socket_folder, weir.port, cluster.primary, options.stuck)
        died = not weir.is_up()
        keep_results(suite, folder, output)
        shutil.copy(weir.log_path, f"{folder}/pgweir.log")
        shutil.copy(cluster.primary.log_path, f"{folder}/postgres.log")
        weir.kill9()
        cluster.primary.kill9()
    return died, weir.warnings()


# ---- the comparison ----------------------------------------------------------------------


def lines_of(folder, test):
    path = f"{folder}/{test}.out"
    if not os.path.exists(path):
        return ["(no result)"]
    with open(path, errors="surrogateescape") as f:
        return f.read().split("\n")


def changes(one, two):
    blocks = difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes()
    return [(start, end) for tag, start, end, _, _ in blocks if tag != "equal"]


def is_same(direct, again, pooled):
    """The pooled result is the direct one, but for lines that differ from one direct run to the next."""
    if pooled in (direct, again):
        return True
    shaky = {line for start, end in changes(direct, again) for line in range(start, end + 1)}
    return all(shaky.issuperset(range(start, max(end, start + 1))) for start, end in changes(direct, pooled))


def difference(direct, pooled, test):
    return list(difflib.unified_diff(direct, pooled, f"direct/{test}.out", f"pgweir/{test}.out", lineterm="", n=3))


def compare(suite, folders, diffs):
    """Prints each test that differs with the head of its difference; returns the tests that do not."""
    shutil.rmtree(diffs, ignore_errors=True)
    os.makedirs(diffs)
    same = []
    for test in suite.tests:
        direct, again, pooled = (lines_of(folder, test) for folder in folders)
        if is_same(direct, again, pooled):
            same.append(test)
            continue
        diff = difference(direct, pooled, test)
        with open(f"{diffs}/{test}.diff", "w", errors="surrogateescape") as f:
            f.write("\n".join(diff) + "\n")
        say(f"{test} differs in {len(changes(direct, pooled))} places:")
        for line in diff[2 : 2 + HEAD_LINES]:
            say("    " + line.encode("utf8", "replace").decode()[:160])
    return same


def expected_count(folder):
    """How many tests PostgreSQL itself found as expected, of a kept direct run."""
    with open(f"{folder}/pg_regress.log") as f:
        return len(re.findall(r"^(?:test|    )\s*\S+\s+\.\.\. ok\b", f.read(), re.M))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", help="an unpacked PostgreSQL source tree")
    parser.add_argument("--tests", default="", help="only these (a,b,c) and what they need, one after the other")
    parser.add_argument("--serial", action="store_true", help="one test after the other")
    parser.add_argument("--pgweir", default=program_path(), help="the program (build/release/pgweir)")
    parser.add_argument("--pool-size", type=int, default=10)
    parser.add_argument("--pool-mode", default="transaction")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--session-features", default="keep")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a further setting of pgweir")
    parser.add_argument("--stuck", type=int, default=60, metavar="SECONDS", help="without any progress, running tests are ended (60)")
    parser.add_argument("--fresh", action="store_true", help="do not use kept direct results")
    parser.add_argument("--output", default=os.path.join(ROOT, "build", "pg_regress"))
    options = parser.parse_args()
    options.pgweir = os.path.abspath(options.pgweir)
    os.nice(5)

    with Nest("pgregress") as nest:
        suite = Suite(nest, options.source, [test for test in options.tests.split(",") if test], options.serial)
        kept = os.path.join(options.output, "direct-" + suite.key())
        folders = [f"{kept}/1", f"{kept}/2", f"{options.output}/pgweir"]
        for number, folder in enumerate(folders[:2], 1):
            if options.fresh or not os.path.exists(folder):
                say(f"directly, run {number} of 2 ...")
                run_directly(nest, suite, folder, options.stuck)
        say(f"{expected_count(folders[0])} of {len(suite.tests)} are as PostgreSQL expects them when run directly")
        begun = time.monotonic()
        died, warnings = run_pooled(nest, suite, folders[2], options)
        say(f"through {options.pgweir}, pool of {options.pool_size}: {time.monotonic() - begun:.0f} s")
        say("pgweir has died" if died else f"{len(warnings)} warnings in pgweir.log")
        same = compare(suite, folders, f"{options.output}/diffs")
    with open(f"{options.output}/same", "w") as f:
        f.write("".join(test + "\n" for test in same))
    say(f"differences: {options.output}/diffs")
    say(f"{len(same)} of {len(suite.tests)} the same")
    return 0 if len(same) == len(suite.tests) and not died else 1


if __name__ == "__main__":
    sys.exit(main())
