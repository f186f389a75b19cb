"""Fixtures of all Python tests: a throw-away cluster for the session, pgweir processes for each test."""

import os
import signal
import subprocess

import pytest

from lib.certificates import Certificates
from lib.cluster import ROOT, Cluster
from lib.fake_server import FakeServer
from lib.nest import Nest, release_port
from lib.pgweir import Pgweir

TEST_SECONDS = int(os.environ.get("PGWEIR_TEST_SECONDS", "180"))


class TooLong(BaseException):
    """A test that hangs; not an Exception, so that eventually() does not take it for "not yet"."""


def _too_long(*_):
    raise TooLong(f"the test took more than {TEST_SECONDS} s")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(TEST_SECONDS)
    yield
    signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    setattr(item, "failed_in_" + report.when, report.failed)


@pytest.fixture(scope="session")
def nest():
    """A temporary folder in which an ordinary user's processes run."""
    with Nest() as nest:
        yield nest


@pytest.fixture(scope="session")
def certificates(nest):
    """A certificate authority and what it has signed; see lib/certificates.py."""
    return Certificates(nest)


@pytest.fixture(scope="session")
def shared_cluster(nest):
    with Cluster(replicas=2, nest=nest) as cluster:
        yield cluster


def revive(cluster):
    for host in cluster.hosts:
        if host.is_up():
            host.resume()
        host.start()
    cluster.wait_for_replicas()


@pytest.fixture
def cluster(shared_cluster):
    """A primary with two streaming replicas, up and caught up.  A test may stop and pause hosts, not promote them."""
    revive(shared_cluster)
    yield shared_cluster
    # Fixtures of the next file may come before this one.
    if not all(host.is_up() for host in shared_cluster.hosts):
        revive(shared_cluster)


@pytest.fixture
def own_cluster(nest):
    """A cluster for this test alone, which may promote."""
    with Nest() as own, Cluster(replicas=2, nest=own) as cluster:
        yield cluster


@pytest.fixture
def pgweir(nest, request, fake_server):
    """Makes pgweir processes: pgweir(config, users).  After the test each is stopped and must have been well.

    Scripted servers last longer than the processes before them, so that those never lose a server at the end.
    """
    made = []

    def make(config, users=None, **options):
        one = Pgweir(nest, config, users, **options)
        made.append(one)
        return one

    yield make
    failed = getattr(request.node, "failed_in_call", False)
    for one in made:
        if failed:
            print(f"---- log of {one.folder} ----\n{one.log[-5000:]}")
    problems = []
    for one in made:
        try:
            one.stop()
        except AssertionError as problem:
            problems.append(str(problem))
        release_port(one.port)
    assert failed or not problems, "\n".join(problems)


@pytest.fixture
def fake_server():
    """Makes scripted servers: fake_server(script); see lib/fake_server.py."""
    made = []

    def make(script=None, **options):
        one = FakeServer(script, **options)
        made.append(one)
        return one

    yield make
    for one in made:
        one.release()
    errors = [error for one in made for error in one.errors]
    assert not errors, "a script failed:\n" + "\n".join(errors)


@pytest.fixture(scope="session")
def node():
    """Runs a JavaScript program with node-postgres at hand: node(source, *arguments) returns its output."""
    paths = ["/usr/share/nodejs", os.path.join(ROOT, "build", "node", "usr", "share", "nodejs")]

    def run(source, *arguments, timeout=60):
        done = subprocess.run(
            ["node", "-e", source, "--", *map(str, arguments)],
            env={**os.environ, "NODE_PATH": ":".join(paths)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run
