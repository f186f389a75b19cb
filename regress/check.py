#!/usr/bin/python3
"""check.py - runs parts of the tests and ends with one line: N passed, N failed.

Usage: check.py [--flavour F] PART... [option of pytest...]
Without options of pytest the files of tests run side by side, since most of them wait most of the time.
What fails then is run once more alone: a busy machine is no bug, but such tests are named.
Parts: lint docs unit protocol system property drivers chaos.
"""

import filecmp
import glob
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "regress"))
sys.dont_write_bytecode = True

from lib import pgweir  # noqa: E402
from lib.nest import Nest  # noqa: E402

PARTS = ("lint", "docs", "unit", "protocol", "system", "property", "drivers", "chaos")
PYTEST_NO_TESTS = 5
PYTEST_FAILURES = 1
UNIT_SECONDS = 300
# So many tests that failed beside others are given another chance, alone; more are no accident.
ALONE_MOST = 8


class Sums:
    def __init__(self):
        self.passed, self.failed = 0, 0

    def add(self, passed, failed):
        self.passed += passed
        self.failed += failed


def heading(words):
    print(f"== {words}", flush=True)


def check_lint(sums, build):
    heading("house rules: include ranks, doors, header self-containment")
    done = subprocess.run([sys.executable, "regress/lint/lint.py"])
    sums.add(done.returncode == 0, done.returncode != 0)


def check_docs(sums, build):
    """What the binary writes from its tables is what is committed."""
    heading("samples and manual pages are those of the binary's tables")
    program = os.path.join(build, "pgweir")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([program, "--write-docs", folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            print(done.stdout)
            sums.add(0, 1)
            return
        written = [os.path.relpath(os.path.join(top, name), folder) for top, _, names in os.walk(folder) for name in names]
        stale = [w for w in sorted(written) if not _same(os.path.join(folder, w), w)]
    for name in stale:
        print(f"{name} is stale: run make docs")
    if not written:
        print("the binary wrote nothing")
    bad = bool(stale) or not written
    sums.add(not bad, bad)


def _same(a, b):
    return os.path.exists(b) and filecmp.cmp(a, b, shallow=False)


def check_unit(sums, build):
    heading("unit tests")
    tests = [os.path.join(build, "unit", os.path.basename(source)[:-2]) for source in glob.glob("regress/unit/test_*.c")]
    with Nest() as nest:
        for test in sorted(tests):
            _run_counted(sums, nest, test, [])
        replays = sorted(glob.glob("regress/fuzz/fuzz_*.c"))
        if replays:
            heading("the fuzzers' seeds")
        for source in replays:
            name = os.path.basename(source)[:-2]
            folders = (name, name.removeprefix("fuzz_"))
            seeds = sorted(path for folder in folders for path in glob.glob(f"regress/fuzz/seeds/{folder}/*"))
            _run_counted(sums, nest, os.path.join(build, "replay", name), seeds)


def _run_counted(sums, nest, test, arguments):
    """Runs a program whose last line is "N passed, N failed"; as root, since its files may be where only root reads."""
    began = time.monotonic()
    profiles = os.path.join(ROOT, "build", "coverage", "profiles")
    env = {**os.environ, **pgweir.sanitizer_environment(nest), "LLVM_PROFILE_FILE": f"{profiles}/%p.profraw", "TMPDIR": nest.path}
    try:
        done = subprocess.run(
            [*pgweir.without_randomized_addresses(), test, *arguments],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=UNIT_SECONDS,
        )
        output, code = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        output, code = (late.stdout or b"").decode(errors="replace") + f"not done in {UNIT_SECONDS} s", -1
    except OSError as problem:
        output, code = str(problem), -1
    said = re.search(r"(\d+) passed, (\d+) failed\s*\Z", output)
    passed, failed = (int(said[1]), int(said[2])) if said else (0, 0)
    if code != 0 and failed == 0:
        failed = 1
    sums.add(passed, failed)
    print(f"{os.path.basename(test):32} {passed} passed, {failed} failed ({time.monotonic() - began:.1f} s)", flush=True)
    if failed:
        print(output[-8000:], flush=True)


def check_pytest(sums, build, folders, options):
    heading("pytest: " + " ".join(folders))
    results = os.path.join(build, "pytest.xml")
    if os.path.exists(results):
        os.remove(results)
    paths = [os.path.join("regress", folder) for folder in folders if os.path.isdir(os.path.join("regress", folder))]
    if not paths:
        print("no such folder")
        return
    side_by_side = not options
    options = options or ["-n", str(min(os.cpu_count() or 1, 4)), "--dist", "loadfile"]
    command = [sys.executable, "-B", "-m", "pytest", "-c", "regress/pytest.ini", "--rootdir=regress", f"--junitxml={results}"]
    done = subprocess.run([*command, *options, *paths])
    if done.returncode == PYTEST_NO_TESTS:
        return
    passed, failed = _junit_sums(results)
    ended_otherwise = done.returncode not in (0, PYTEST_FAILURES) or (done.returncode != 0 and not failed)
    if side_by_side and 0 < len(_junit_failures(results)) == failed <= ALONE_MOST:
        failed -= _pass_alone(command, results)
        passed = _junit_tests(results) - failed
    sums.add(passed, failed + ended_otherwise)


def _pass_alone(command, results):
    """How many of the tests that failed beside others pass when nothing else runs; they are named, since they want mending."""
    tests = _junit_failures(results)
    alone = os.path.splitext(results)[0] + "-alone.xml"
    heading("once more, alone: " + " ".join(tests))
    subprocess.run([*command, f"--junitxml={alone}", *tests])
    passed, failed = _junit_sums(alone)
    if failed or passed != len(tests):
        return 0
    print("failed beside the others and passed alone: " + " ".join(tests))
    return passed


def _junit_sums(path):
    try:
        suites = list(xml.etree.ElementTree.parse(path).getroot().iter("testsuite"))
    except (OSError, xml.etree.ElementTree.ParseError):
        return 0, 0
    def total(name):
        return sum(int(suite.get(name, 0)) for suite in suites)

    failed = total("failures") + total("errors")
    return max(0, total("tests") - failed - total("skipped")), failed


def _junit_tests(path):
    return sum(_junit_sums(path))


def _junit_failures(path):
    """The tests that failed, as pytest wants them named: file::test."""
    cases = xml.etree.ElementTree.parse(path).getroot().iter("testcase")
    bad = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    return sorted({_place(case) + "::" + case.get("name", "") for case in bad})


def _place(case):
    return os.path.join("regress", *case.get("classname", "").removeprefix("regress.").split(".")) + ".py"


def main(arguments):
    os.chdir(ROOT)
    if arguments[:1] == ["--flavour"]:
        os.environ["PGWEIR_FLAVOUR"] = arguments[1]
        arguments = arguments[2:]
    parts = [a for a in arguments if a in PARTS]
    options = [a for a in arguments if a not in PARTS]
    build = os.path.join(ROOT, "build", pgweir.flavour())
    sums, began = Sums(), time.monotonic()
    for name, check in (("lint", check_lint), ("docs", check_docs), ("unit", check_unit)):
        if name in parts:
            check(sums, build)
    # The longest files first, so that all who run them side by side end together.
    folders = [p for p in ("property", "chaos", "drivers", "system", "protocol") if p in parts]
    if folders:
        check_pytest(sums, build, folders, options)
    print(f"flavour {pgweir.flavour()}, {time.monotonic() - began:.0f} s")
    print(f"{sums.passed} passed, {sums.failed} failed", flush=True)
    return 1 if sums.failed or not sums.passed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
