"""pgweir.py - a pgweir process with its configuration, for tests.

    weir = Pgweir(nest, {"databases": {"app": cluster.target("app")}, "pgbouncer": {"pool_mode": "transaction"}})
    weir.connect("app").execute("select 1")
    weir.console("SHOW POOLS")[0]["sv_active"]
    weir.stop()

The flavour is PGWEIR_FLAVOUR's (release); PGWEIR_PROGRAM names another program
with PgBouncer's command line.  Needs nothing but Python until .connect().
"""

import functools
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from . import wire
from .cluster import ROOT
from .eventually import NotInTime, eventually
from .nest import free_port

START_SECONDS = 20
SANITIZER_EXIT = 86
_REPORTS = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|SUMMARY: \w+Sanitizer|runtime error:|: bug at ")
_WARNINGS = re.compile(r"^\S+ \S+ \S+ \[\d+\] (?:WARNING|ERROR|FATAL) .*$", re.M)
_numbers = itertools.count(1)


def flavour():
    return os.environ.get("PGWEIR_FLAVOUR", "release")


def program_path():
    return os.environ.get("PGWEIR_PROGRAM") or os.path.join(ROOT, "build", flavour(), "pgweir")


@functools.cache
def without_randomized_addresses():
    """A prefix for the sanitizers' flavours, whose fixed mappings meet a kernel that randomizes widely."""
    if flavour() not in ("asan", "tsan"):
        return []
    works = subprocess.run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL).returncode == 0
    return ["setarch", "-R"] if works else []


def sanitizer_environment(nest):
    """What the sanitizers are told; their file is put where the ordinary user can read it."""
    common = f"exitcode={SANITIZER_EXIT}:handle_abort=0"
    supp = nest.install(os.path.join(ROOT, "regress", "lib", "tsan.supp"))
    return {
        "ASAN_OPTIONS": f"{common}:detect_stack_use_after_return=1:strict_string_checks=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "TSAN_OPTIONS": f"{common}:halt_on_error=0:second_deadlock_stack=1:suppressions={supp}",
    }


def users_text(users):
    """userlist.txt from a dict of names and secrets."""
    def quoted(word):
        return '"' + str(word).replace('"', '""') + '"'

    return "".join(f"{quoted(name)} {quoted(secret)}\n" for name, secret in users.items())


def config_text(sections):
    """An ini file from a dict of dicts."""
    lines = []
    for name, keys in sections.items():
        lines.append(f"[{name}]")
        lines.extend(f"{key} = {value}" for key, value in keys.items())
        lines.append("")
    return "\n".join(lines)


class Pgweir:
    """One process.  Attributes: address, port, socket_folder, config_path, users_path, process."""

    def __init__(self, nest, config, users=None, start=True, arguments=(), program=None, prefix=(), environment=None):
        self.nest = nest
        self.address, self.socket_folder = "127.0.0.1", nest.folder(f"pgweir{next(_numbers)}")
        self.folder = self.socket_folder
        self.config_path = f"{self.folder}/pgweir.ini"
        self.users_path = f"{self.folder}/userlist.txt"
        self.log_path = f"{self.folder}/stderr.log"
        self.arguments, self.prefix, self.extra_environment = list(arguments), list(prefix), environment or {}
        self.program = program or program_path()
        # PgBouncer before 1.23 ends at once on SIGTERM and knows no SIGQUIT.
        self.stop_signal = signal.SIGTERM if self.program.endswith("pgbouncer") else signal.SIGQUIT
        self.process, self.allowed = None, []
        self.port = free_port()
        self.write_users(users or {})
        self.write_config(config)
        if start:
            self.start()

    # -- configuration --

    def write_users(self, users):
        """Replaces userlist.txt: a dict of names and secrets, or its text."""
        self.nest.write(self.users_path, users if isinstance(users, str) else users_text(users), 0o600)
        return self

    def write_config(self, config):
        """Replaces the ini file.

        A dict {section: {key: value}} gets what a test does not want to say (port, folder, users, trust) unless it
        does say it.  A text is written as it is, {port}, {folder} and {users} filled in.
        """
        if isinstance(config, str):
            text = config
            for name, value in (("port", self.port), ("folder", self.folder), ("users", self.users_path)):
                text = text.replace("{" + name + "}", str(value))
            said = re.search(r"^\s*listen_port\s*=\s*(\d+)", text, re.M)
            self.port = int(said[1]) if said else self.port
        else:
            main = next((s for s in config if s in ("pgbouncer", "pgweir")), "pgbouncer")
            usual = {
                "listen_addr": self.address,
                "listen_port": self.port,
                "unix_socket_dir": self.folder,
                "auth_type": "trust",
                "auth_file": self.users_path,
                "admin_users": "postgres",
                "server_login_retry": 1,
                "logfile": f"{self.folder}/pgweir.log",
            }
            text = config_text({"databases": {}, **config, main: {**usual, **config.get(main, {})}})
            self.port = int(config.get(main, {}).get("listen_port", self.port))
        self.has_unix_socket = re.search(rf"^unix_socket_dir = {self.folder}$", text, re.M) is not None
        self.nest.write(self.config_path, text, 0o600)
        return self

    # -- up and down --

    def command(self, *arguments):
        path = self.nest.install(self.program)
        return [*self.prefix, *without_randomized_addresses(), path, *arguments, *self.arguments, self.config_path]

    def environment(self):
        profiles = f"{self.folder}/%p.profraw"
        return {**sanitizer_environment(self.nest), "LLVM_PROFILE_FILE": profiles, **self.extra_environment}

    def start(self, wait=True, shared=False):
        """shared: others listen on its port too, so its unix socket tells that it is up."""
        with socket.socket() as probe:
            if not shared and probe.connect_ex((self.address, self.port)) == 0:
                raise RuntimeError(f"somebody else listens on port {self.port}")
        self.process = self.nest.spawn(self.command(), log=self.log_path, env=self.environment())
        if wait:
            self.wait_until_up()
        return self

    def wait_until_up(self):
        def listens_or_has_ended():
            if self.process.poll() is not None:
                return True
            # The unix socket is the last that is listened on, and is there before it is.
            with wire.connect(self.port, self.folder if self.has_unix_socket else self.address):
                return True

        try:
            eventually(listens_or_has_ended, within=START_SECONDS)
        except NotInTime:
            raise RuntimeError(f"pgweir does not listen on port {self.port}:\n{self.log[-3000:]}") from None
        if self.process.poll() is not None:
            raise RuntimeError(f"pgweir ended with {self.process.returncode}:\n{self.log[-3000:]}")
        return self

    def run(self, *arguments):
        """Runs the program in the foreground to its end (-V, a bad file...): CompletedProcess with its output."""
        return self.nest.run(self.command(*arguments), env=self.environment(), check=False, timeout=START_SECONDS)

    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def reload(self):
        self.process.send_signal(signal.SIGHUP)
        return self

    def kill9(self):
        self.process.kill()
        self.process.wait()
        return self

    def wait(self, within=START_SECONDS):
        """Waits for the end of the process; returns its exit code."""
        return self.process.wait(within)

    def allow(self, *patterns):
        """Log lines of WARNING or FATAL that match one of these regular expressions are part of the test."""
        self.allowed.extend(patterns)
        return self

    def stop(self, number=None):
        """Ends the process and asserts that all was well: exit code, sanitizers, no unexpected WARNING, ERROR or FATAL."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(number or self.stop_signal)
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill9()
                raise AssertionError(f"pgweir did not end in {START_SECONDS} s:\n{self.log[-3000:]}") from None
        code = self.process.returncode
        self.process = None
        self._keep_profiles()
        self.assert_log_is_clean()
        assert code == 0, f"pgweir ended with {code}:\n{self.log[-3000:]}"

    def _keep_profiles(self):
        if flavour() != "coverage":
            return
        kept = os.path.join(ROOT, "build", "coverage", "profiles")
        os.makedirs(kept, exist_ok=True)
        for name in os.listdir(self.folder):
            if name.endswith(".profraw"):
                shutil.copy(f"{self.folder}/{name}", f"{kept}/{os.path.basename(self.nest.path)}-{name}")

    # -- what it says --

    @property
    def log(self):
        """What the process wrote to stderr: every line of the log."""
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def warnings(self):
        lines = _WARNINGS.findall(self.log)
        return [line for line in lines if not any(re.search(p, line) for p in self.allowed)]

    def assert_log_is_clean(self):
        log = self.log
        report = _REPORTS.search(log)
        assert not report, f"a sanitizer speaks:\n{log[report.start() - 200 if report.start() > 200 else 0:][:6000]}"
        unexpected = self.warnings()
        assert not unexpected, "unexpected in the log:\n" + "\n".join(unexpected[:20])

    # -- clients --

    def client(self, database="postgres", user="postgres", unix=False, **options):
        """A wire.Client; see there."""
        host = self.socket_folder if unix else self.address
        return wire.Client(self.port, host=host, user=user, database=database, **options)

    def conninfo(self, database="postgres", user="postgres", unix=False, **keys):
        host = self.socket_folder if unix else self.address
        keys = {"host": host, "port": self.port, "dbname": database, "user": user, "connect_timeout": 10, **keys}
        return " ".join(f"{k}='{v}'" for k, v in keys.items())

    def connect(self, database="postgres", user="postgres", autocommit=True, unix=False, **keys):
        """A psycopg (3) connection."""
        import psycopg

        return psycopg.connect(self.conninfo(database, user, unix, **keys), autocommit=autocommit)

    def console(self, command, user="postgres", database="pgbouncer"):
        """Runs a console command; returns its rows as dicts, integers as int.  Raises wire.PgError."""
        with self.client(database, user) as client:
            return client.query(command).dicts()

    def show(self, what, **where):
        """The rows of SHOW what whose columns have these values."""
        rows = self.console(f"SHOW {what}")
        return [row for row in rows if all(row[k] == v for k, v in where.items())]

    def memory(self):
        """Resident bytes of the process."""
        with open(f"/proc/{self.process.pid}/status") as f:
            return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS:"))

    def cpu_seconds(self):
        """What its threads have run for; a busy machine makes that no longer."""
        # As clock_getcpuclockid(3) makes the number of a process's clock.
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        elif self.is_up():
            self.kill9()
