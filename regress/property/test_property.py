"""Random programs of session statements: each client sees what it sees on a connection of its own."""

import glob
import os

import pytest

from property.bench import Bench
from property.grammar import generate
from property.program import read_program
from property.shrink import shrink

KEPT = sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "kept", "*.program")))
SHRINK_SECONDS = 30
LEFT_OUT = ()


@pytest.fixture(scope="module")
def bench():
    with Bench() as bench:
        yield bench


def differs(bench, program):
    """What a failure prints: the seed, the smallest program found, and both answers."""
    difference = bench.play(program)
    if difference is None:
        return None
    small, again = shrink(program, bench, SHRINK_SECONDS)
    return f"seed {program.seed}\n{small.text()}{(again or difference).text()}"


def first_difference(bench, seeds):
    return next((found for seed in seeds if (found := differs(bench, generate(seed, LEFT_OUT)))), None)


@pytest.mark.parametrize("path", KEPT, ids=[os.path.basename(path) for path in KEPT])
def test_a_program_that_once_differed_is_answered_as_by_postgresql(bench, path):
    with open(path) as f:
        program = read_program(f.read())

    difference = bench.play_anew(program)

    assert difference is None, difference.text()


def test_two_hundred_programs_of_known_seeds_are_answered_as_by_postgresql(bench):
    found = first_difference(bench, range(200))

    assert found is None, found
    assert bench.skipped < bench.steps / 4


def test_programs_tell_when_sessions_are_not_kept(bench):
    """The comparison can fail: without what pgweir does for sessions, few programs are needed."""
    programs = [generate(seed, without=()) for seed in range(50)]
    for program in programs:
        program.entry = "i2"

    assert any(bench.play(program) for program in programs)
