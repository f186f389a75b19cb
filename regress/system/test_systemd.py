"""systemd: what the process tells it (sd_notify), sockets that it passes, its watchdog, and the unit files."""

import configparser
import fcntl
import os
import re
import signal
import socket
import sys

import pytest

from lib import wire
from lib.cluster import ROOT
from lib.eventually import eventually
from lib.scene import value
from lib.sockets import listeners_of

# Gives the descriptors on as 3, 4, ... with the variables that sd_listen_fds(3) looks for.
LAUNCHER = """
import os, sys
fds = [int(fd) for fd in sys.argv[1].split(",")]
for at, fd in enumerate(fds):
    os.dup2(fd, 3 + at, inheritable=True)
    os.close(fd)
os.environ["LISTEN_FDS"], os.environ["LISTEN_PID"] = str(len(fds)), str(os.getpid())
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Manager:
    """The end of NOTIFY_SOCKET: .states() are the messages so far, each a dict."""

    def __init__(self, folder, nest):
        self.path = f"{folder}/notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.setblocking(False)
        nest.give(self.path)
        self._states = []

    def states(self):
        while True:
            try:
                text = self._socket.recv(65536).decode()
            except BlockingIOError:
                return self._states
            self._states.append(dict(line.split("=", 1) for line in text.splitlines()))

    def has(self, key, within=10):
        return eventually(lambda: [state[key] for state in self.states() if key in state], within=within)

    def words(self):
        return [key for state in self.states() for key in state if key in ("READY", "RELOADING", "STOPPING")]


@pytest.fixture
def managed(app, nest):
    """Makes a pgweir that tells a manager what it does: managed() returns (weir, manager)."""

    def make(environment=None, options=None, **main):
        manager = Manager(nest.folder(f"notify-{os.urandom(4).hex()}"), nest)
        environment = {"NOTIFY_SOCKET": manager.path, **(environment or {})}
        return app.weir(options={"environment": environment, **(options or {})}, **main), manager

    return make


def test_it_says_when_it_is_ready(managed):
    one, manager = managed()

    manager.has("READY")

    assert value(one.client("app"), "select 1") == "1"
    assert manager.words() == ["READY"]


def test_it_is_never_ready_when_it_cannot_listen(managed):
    one, manager = managed(options={"start": False}, listen_addr="", unix_socket_dir="")

    assert one.run().returncode == 1

    assert manager.words() == []


@pytest.mark.parametrize("is_broken", [False, True])
def test_a_reload_begins_and_ends(managed, app, nest, is_broken):
    one, manager = managed()
    manager.has("READY")
    if is_broken:
        one.allow("ERROR", "auth_file is not set")
        nest.write(one.config_path, "[pgbouncer]\nnonsense = 1\n")

    one.reload()

    (since,) = manager.has("MONOTONIC_USEC")
    assert 0 < int(since) < 2**63
    assert eventually(lambda: manager.words() == ["READY", "RELOADING", "READY"])
    assert all("RELOADING" in state for state in manager.states() if "MONOTONIC_USEC" in state)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_it_says_that_it_is_stopping_when_it_begins_to(managed, number):
    one, manager = managed()
    one.allow("shutting down")
    client = one.client("app")
    client.query("begin")

    one.process.send_signal(number)

    manager.has("STOPPING")
    if number != signal.SIGQUIT:
        assert one.is_up()
        client.query("commit")
    client.close()
    assert one.wait() == 0


def test_the_status_is_the_line_of_statistics(managed):
    _, manager = managed(stats_period=0.2)

    status = manager.has("STATUS")[0]

    assert re.fullmatch(r"stats: \d+ xacts/s, \d+ queries/s, .*, wait \d+ us", status)


def test_the_watchdog_hears_of_it_in_time(managed):
    one, manager = managed({"WATCHDOG_USEC": "600000"})

    eventually(lambda: len(manager.has("WATCHDOG")) >= 3)

    one.process.send_signal(signal.SIGSTOP)
    stopped = len(manager.has("WATCHDOG"))
    one.process.send_signal(signal.SIGCONT)
    assert eventually(lambda: len(manager.has("WATCHDOG")) > stopped)


def test_without_a_watchdog_nothing_is_sent(managed):
    _, manager = managed(stats_period=0.2)

    manager.has("STATUS")
    assert not any("WATCHDOG" in state for state in manager.states())


# ---- socket activation ----------------------------------------------------------------


@pytest.fixture
def activated(app, nest):
    """Makes a pgweir that gets these sockets: activated([socket...], **main)."""

    def make(sockets, **main):
        launcher = nest.write(f"{nest.path}/launcher.py", LAUNCHER)
        # Above what the launcher overwrites.
        fds = [fcntl.fcntl(one.fileno(), fcntl.F_DUPFD, 20) for one in sockets]
        prefix = [sys.executable, launcher, ",".join(map(str, fds))]
        one = app.weir(options={"start": False, "prefix": prefix}, **main)
        one.process = nest.spawn(one.command(), log=one.log_path, env=one.environment(), pass_fds=fds)
        eventually(lambda: "process up" in one.log or one.process.poll() is not None)
        for fd in fds:
            os.close(fd)
        return one

    return make


def passed_tcp(address="127.0.0.1", family=socket.AF_INET):
    one = socket.socket(family)
    one.bind((address, 0))
    one.listen(10)
    return one


def test_sockets_that_are_passed_replace_those_of_the_file(activated, nest):
    """TCP and unix, instead of listen_addr and unix_socket_dir."""
    tcp = passed_tcp()
    folder = nest.folder(f"activated-{os.urandom(4).hex()}")
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(f"{folder}/.s.PGSQL.7777")
    os.chmod(f"{folder}/.s.PGSQL.7777", 0o777)
    unix.listen(10)

    one = activated([tcp, unix])

    with wire.Client(tcp.getsockname()[1], database="app") as client:
        assert value(client, "select 1") == "1"
    with wire.Client(7777, folder, database="app") as client:
        assert value(client, "select 1") == "1"
    assert not os.path.exists(f"{one.folder}/.s.PGSQL.{one.port}")
    assert len(listeners_of(one.process.pid)) == 2
    assert f"listening on 127.0.0.1:{tcp.getsockname()[1]}, passed by systemd" in one.log
    one.stop()
    assert os.path.exists(f"{folder}/.s.PGSQL.7777"), "its file is systemd's"
    for each in (tcp, unix):
        each.close()


def test_passed_sockets_are_closed_for_those_who_come_when_it_ends(activated):
    tcp = passed_tcp()
    port = tcp.getsockname()[1]
    one = activated([tcp])
    client = wire.Client(port, database="app")

    one.process.send_signal(signal.SIGTERM)

    eventually(lambda: listeners_of(one.process.pid) == [])
    assert value(client, "select 1") == "1"
    client.close()
    assert one.wait() == 0
    tcp.close()


def test_a_descriptor_that_does_not_listen_is_left_out(activated):
    tcp, quiet = passed_tcp(), socket.socket()
    one = activated([quiet, tcp]).allow("is not a listening stream socket")

    with wire.Client(tcp.getsockname()[1], database="app") as client:
        assert value(client, "select 1") == "1"
    assert "WARNING descriptor 3 from systemd is not a listening stream socket" in one.log
    for each in (tcp, quiet):
        each.close()


def test_only_useless_descriptors_are_fatal(activated):
    quiet = socket.socket()

    one = activated([quiet])

    assert one.wait() == 1
    assert "FATAL nowhere to listen on" in one.log
    one.process = None
    quiet.close()


def test_descriptors_that_are_meant_for_another_process_are_left_alone(app):
    one = app.weir(options={"environment": {"LISTEN_FDS": "1", "LISTEN_PID": "1"}})

    assert value(one.client("app"), "select 1") == "1"
    assert "passed by systemd" not in one.log


# ---- the unit files -------------------------------------------------------------------


def unit(name):
    parser = configparser.ConfigParser(strict=False)
    parser.optionxform = str
    parser.read(os.path.join(ROOT, "packaging", name))
    return parser


def test_the_service_is_started_and_ended_as_pgbouncer_s_is():
    service = unit("pgweir.service")["Service"]

    assert service["Type"] == "notify"
    assert service["KillSignal"] == "SIGINT"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert service["ExecStart"].startswith("@bindir@/pgweir ")
    assert "WatchdogSec" in service


def test_the_socket_unit_is_for_the_service():
    sockets = unit("pgweir.socket")["Socket"]

    assert sockets["ReusePort"] == "true"
    assert "ListenStream" in sockets
