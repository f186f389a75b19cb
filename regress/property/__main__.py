"""Random programs through pgweir and beside it: make property PROGRAMS=10000 SEED=7, or REPLAY=file.

Programs have the seeds SEED, SEED+1...; processes share them out.  What differs is shrunk and printed, and is kept in
build/property/.  Ends with "N programs, N differ".
"""

import argparse
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "regress"))
sys.dont_write_bytecode = True

from property.bench import Bench  # noqa: E402
from property.grammar import ABSENT, GROUPS, generate  # noqa: E402
from property.program import read_program  # noqa: E402
from property.shrink import shrink  # noqa: E402

FOUND = os.path.join(ROOT, "build", "property")


def options():
    o = argparse.ArgumentParser(prog="property", description=__doc__.splitlines()[0])
    o.add_argument("--seed", type=int, default=int(time.time()))
    o.add_argument("--programs", type=int, default=10000)
    o.add_argument("--processes", type=int, default=2)
    o.add_argument("--replay", nargs="*", default=[])
    o.add_argument("--print", action="store_true", help="print the program of the seed")
    o.add_argument("--without", default="", help="groups of the grammar to leave out: " + " ".join(GROUPS))
    o.add_argument("--only", default="", help="the only groups")
    o.add_argument("--features", default="", help="session_features of pgweir")
    o.add_argument("--stop-after", type=int, default=5, help="differences of one process")
    o.add_argument("--shrink-seconds", type=int, default=40)
    o.add_argument("--avoid", default="", help="a pattern: programs whose text has it are not played")
    o.add_argument("--part", default="")
    return o.parse_args()


def left_out(o):
    only = o.only.split()
    return {g for g in GROUPS if g in o.without.split() or (g not in only if only else g in ABSENT)}


def replay(o, bench):
    bad = 0
    for path in o.replay:
        with open(path) as f:
            difference = bench.play_anew(read_program(f.read()))
        print(path, "differs\n" + difference.text() if difference else "is the same")
        bad += difference is not None
    return bad


def search(o, bench):
    first, step = map(int, o.part.split("/")) if o.part else (0, 1)
    failures, without, began = 0, left_out(o), time.monotonic()
    for at in range(first, o.programs, step):
        program = generate(o.seed + at, without)
        if o.avoid and re.search(o.avoid, program.text()):
            continue
        difference = bench.play(program)
        if difference is None:
            continue
        failures += 1
        report(o, bench, program, difference)
        if failures >= o.stop_after:
            break
    steps = f"{bench.steps} steps, {bench.skipped} left out"
    print(f"part {first}: {bench.played} programs, {steps}, {time.monotonic() - began:.0f} s, {failures} differ", flush=True)
    return failures


def report(o, bench, program, difference):
    small, again = shrink(program, bench, o.shrink_seconds)
    os.makedirs(FOUND, exist_ok=True)
    path = os.path.join(FOUND, f"{program.seed}.program")
    said = (again or difference).text()
    if again is None:
        said = "when played again it did not differ; the first time:\n" + said
    with open(path, "w") as f:
        f.write(small.text() + "".join(f"# {line}\n" for line in said.splitlines()))
    print(f"---- seed {program.seed} ({path})\n{small.text()}{said}", flush=True)


def spread(o):
    """Plays the parts in processes of their own."""
    def command(part):
        return [sys.executable, *sys.argv, "--seed", str(o.seed), "--part", f"{part}/{o.processes}"]

    print(f"seed {o.seed}", flush=True)
    running = [subprocess.Popen(command(part)) for part in range(o.processes)]
    return max(process.wait() for process in running)


def main():
    o = options()
    if o.print:
        print(generate(o.seed, left_out(o)).text())
        return 0
    if o.processes > 1 and not o.part and not o.replay:
        return spread(o)
    settings = {"session_features": o.features} if o.features else {}
    with Bench(settings) as bench:
        return 1 if (replay(o, bench) if o.replay else search(o, bench)) else 0


if __name__ == "__main__":
    sys.exit(main())
