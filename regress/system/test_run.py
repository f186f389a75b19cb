"""`make run`: the main job proved on a throw-away cluster, and nothing left behind."""

import os
import re
import signal
import subprocess
import sys

import pytest

from lib.cluster import ROOT
from lib.eventually import eventually

RUN = [sys.executable, os.path.join(ROOT, "regress", "run.py")]


def folder_of(output):
    return re.search(r"in (/tmp/pgweir-\S+)", output)[1]


def processes_in(folder):
    def cwd(pid):
        try:
            return os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            return ""

    return [pid for pid in os.listdir("/proc") if pid.isdigit() and cwd(pid).startswith(folder)]


@pytest.fixture
def staying(tmp_path):
    """make run's program, as it is when it has proved the main job and waits; (process, its output's path)."""
    path = tmp_path / "output"
    with open(path, "w") as out:
        process = subprocess.Popen(RUN, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: "Ctrl-C ends it" in path.read_text() or process.poll() is not None, within=90)
        yield process, path
    finally:
        process.kill()
        process.wait()


def test_run_proves_the_main_job_and_ends():
    """The proof holds: clients share servers, reads run on the replicas, writes on the primary."""
    done = subprocess.run(
        RUN,
        env={**os.environ, "PGWEIR_RUN_ONCE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout
    assert "THE PROOF FAILED" not in done.stdout
    assert "balances agree: yes" in done.stdout
    assert not os.path.exists(folder_of(done.stdout))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_stays_up_without_a_stdin_and_leaves_nothing_behind(staying, number):
    process, path = staying
    folder = folder_of(path.read_text())
    line = re.search(r"PGPASSWORD=(\S+) (psql -h [\d.]+ .*)", path.read_text())

    answer = subprocess.run(
        [*line[2].split(), "-Atc", "select 'reached'"],
        env={**os.environ, "PGPASSWORD": line[1]},
        stdout=subprocess.PIPE,
        text=True,
    )
    process.send_signal(number)

    assert answer.stdout == "reached\n"
    assert process.wait(30) == 0
    assert not os.path.exists(folder)
    assert processes_in(folder) == []


def test_a_killed_run_leaves_nothing_behind(staying):
    process, path = staying
    folder = folder_of(path.read_text())

    process.kill()

    assert eventually(lambda: not os.path.exists(folder) and not processes_in(folder))
