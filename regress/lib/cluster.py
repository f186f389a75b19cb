"""cluster.py - a throw-away PostgreSQL 15 primary with streaming replicas.

    with Cluster(replicas=2) as cluster:
        cluster.primary.query("create table notes (id int)")
        mark = cluster.replica(1).mark()
        ...
        cluster.replica(1).statements_since(mark)

One initdb serves all: its result is kept in build/cache, and since a copy of a
stopped primary is a valid base backup, the replicas start from copies of it.
Each host listens on 127.0.0.1 and on a unix socket in .socket_folder.  Needs
nothing but Python, and the protocol of wire.py.
"""

import os
import re
import shutil
import signal
import subprocess
from collections import namedtuple

from . import wire
from .eventually import eventually
from .nest import Nest, free_port, is_running, process_tree, signal_all

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUPERUSER = "postgres"
START_SECONDS = 30

SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "max_prepared_transactions": "20",
    "dynamic_shared_memory_type": "mmap",
    "jit": "off",
    "wal_level": "logical",
    "max_wal_senders": "10",
    "wal_keep_size": "512MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "30min",
    "hot_standby": "on",
    "hot_standby_feedback": "on",
    "max_standby_streaming_delay": "-1",
    "wal_retrieve_retry_interval": "100ms",
    "wal_receiver_status_interval": "1s",
    "listen_addresses": "127.0.0.1",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_line_prefix": "~%p~%u~%d~%a~ ",
    "log_statement": "all",
    "log_min_duration_statement": "-1",
    "log_checkpoints": "off",
    "lc_messages": "C",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

# A role's method is a membership, so that roles come and go without a change of this file.
HBA = """\
local   all          postgres                trust
host    all          postgres  127.0.0.1/32  trust
local   replication  postgres                trust
host    replication  postgres  127.0.0.1/32  trust
local   all          +auth_password          password
host    all          +auth_password  all     password
local   all          +auth_md5               md5
host    all          +auth_md5       all     md5
local   all          +auth_scram             scram-sha-256
host    all          +auth_scram     all     scram-sha-256
local   all          all                     trust
host    all          all       127.0.0.1/32  trust
"""

Statement = namedtuple("Statement", "text user database application pid kind")
Statement.__doc__ = """A statement as a host logged it; kind is "statement", "execute <name>" or "fastpath"."""


def programs_folder():
    """The folder of PostgreSQL 15's programs."""
    found = os.environ.get("PG_BINDIR") or "/usr/lib/postgresql/15/bin"
    if not os.path.exists(found + "/initdb"):
        raise RuntimeError(f"no PostgreSQL in {found}: install postgresql-15 or set PG_BINDIR")
    return found


def program(name):
    return os.path.join(programs_folder(), name)


def quote(value):
    return "'" + str(value).replace("'", "''") + "'"


class Host:
    """One PostgreSQL server."""

    def __init__(self, nest, name, template, settings):
        self.nest, self.name = nest, name
        self.address, self.port = "127.0.0.1", free_port()
        self.socket_folder = nest.path
        self.data = os.path.join(nest.path, name)
        self.log_path = os.path.join(nest.path, name + ".log")
        self.process, self.paused = None, False
        self._copy(template)
        self._configure(settings)

    def __repr__(self):
        return f"<{self.name} on port {self.port}>"

    def _copy(self, template):
        subprocess.run(["cp", "-a", "--reflink=auto", template, self.data], check=True)
        if os.getuid() == 0:
            ids = f"{self.nest.user.pw_uid}:{self.nest.user.pw_gid}"
            subprocess.run(["chown", "-R", ids, self.data], check=True)
        os.chmod(self.data, 0o700)

    def _configure(self, settings):
        own = {"port": self.port, "unix_socket_directories": self.socket_folder, "cluster_name": self.name}
        lines = [f"{k} = {quote(v)}" for k, v in {**SETTINGS, **own, **settings}.items()]
        self.nest.write(f"{self.data}/postgresql.conf", "\n".join(lines) + "\n", 0o600)
        self.set_hba(HBA, reload=False)

    def follow(self, primary):
        """Makes the host a replica of the primary, from its next start on, or at once where it is one already."""
        conninfo = f"host={primary.address} port={primary.port} user={SUPERUSER} application_name={self.name}"
        if self.is_up():
            self.set(primary_conninfo=conninfo)
            return
        with open(f"{self.data}/postgresql.auto.conf", "a") as f:
            f.write(f"primary_conninfo = {quote(conninfo)}\n")
        self.nest.write(f"{self.data}/standby.signal", "", 0o600)

    # -- up and down --

    def start(self, wait=True):
        if self.process is not None and self.process.poll() is None:
            return self
        self.paused = False
        self.process = self.nest.spawn([program("postgres"), "-D", self.data], log=self.log_path)
        if wait:
            self.wait_until_up()
        return self

    def wait_until_up(self):
        eventually(self._says_ready_or_has_ended, within=START_SECONDS, every=0.005)
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.log[-3000:]}")
        return self

    def _says_ready_or_has_ended(self):
        if self.process.poll() is not None:
            return True
        with open(f"{self.data}/postmaster.pid") as f:
            lines = f.read().split("\n")
        return int(lines[0]) == self.process.pid and lines[7].strip() == "ready"

    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def _stop(self, number):
        if self.is_up():
            self.process.send_signal(number)
            self.process.wait(START_SECONDS)
        return self

    def stop_fast(self):
        """As pg_ctl stop -m fast: sessions are ended with a FATAL, the data are in order."""
        return self._stop(signal.SIGINT)

    def stop_smart(self):
        """Asks for a smart shutdown, which waits for the sessions to end; returns at once."""
        self.process.send_signal(signal.SIGTERM)
        return self

    def kill9(self):
        """SIGKILL to the server and all its processes, as when the machine is gone."""
        if self.is_up():
            # A stopped one forks no more: none is missed, and none keeps the shared memory from the next start.
            self.process.send_signal(signal.SIGSTOP)
            tree = process_tree(self.process.pid)
            signal_all(tree, signal.SIGKILL)
            self.process.wait(START_SECONDS)
            eventually(lambda: not any(is_running(pid) for pid in tree), within=START_SECONDS, every=0.002)
        return self

    def restart(self):
        self.stop_fast()
        return self.start()

    def pause(self):
        """SIGSTOP: connections stay and are accepted by the kernel, nobody answers."""
        self.paused = True
        signal_all(process_tree(self.process.pid), signal.SIGSTOP)
        return self

    def resume(self):
        if self.paused:
            signal_all(process_tree(self.process.pid), signal.SIGCONT)
        self.paused = False
        return self

    def promote(self):
        """Makes the replica a primary and waits until it is one; Cluster.promote also tells the others."""
        self.query("select pg_promote(true, 20)")
        return self

    def rebuild(self, primary):
        """Replaces the data by a fresh base backup of the primary, and starts as its replica."""
        self.kill9()
        with open(f"{self.data}/postgresql.conf") as f:
            conf = f.read()
        shutil.rmtree(self.data)
        source = ["-h", primary.address, "-p", str(primary.port), "-U", SUPERUSER]
        self.nest.run([program("pg_basebackup"), "-D", self.data, "-c", "fast", "--no-sync", *source])
        self.nest.write(f"{self.data}/postgresql.conf", conf, 0o600)
        self.follow(primary)
        return self.start()

    def rewind(self, primary):
        """Takes back what the primary does not have (pg_rewind; with wal_log_hints and full_page_writes), and starts as its replica."""
        self.stop_fast()
        with open(f"{self.data}/postgresql.conf") as f:
            conf = f.read()
        # Until then the files of one just promoted say nothing of its timeline.
        primary.query("checkpoint")
        source = f"host={primary.address} port={primary.port} user={SUPERUSER} dbname=postgres"
        self.nest.run([program("pg_rewind"), "-D", self.data, "--no-sync", "--source-server", source])
        self.nest.write(f"{self.data}/postgresql.conf", conf, 0o600)
        self.follow(primary)
        return self.start()

    # -- settings and questions --

    def client(self, database="postgres", user=SUPERUSER, **options):
        """A wire.Client that talks to this host directly."""
        return wire.Client(self.port, host=self.address, user=user, database=database, **options)

    def query(self, sql, database="postgres", user=SUPERUSER):
        """Runs a simple query on a connection of its own; returns its rows as tuples of texts."""
        with self.client(database, user) as client:
            return client.query(sql).rows

    def value(self, sql, database="postgres"):
        return self.query(sql, database)[0][0]

    def set(self, **settings):
        """ALTER SYSTEM and reload; None resets."""
        for name, value in settings.items():
            to = "reset" if value is None else f"set {name} = {quote(value)}"
            self.query(f"alter system reset {name}" if to == "reset" else f"alter system {to}")
        self.query("select pg_reload_conf()")

    def set_hba(self, lines, reload=True):
        self.nest.write(f"{self.data}/pg_hba.conf", lines, 0o600)
        if reload and self.is_up():
            self.query("select pg_reload_conf()")

    def in_recovery(self):
        return self.value("select pg_is_in_recovery()") == "t"

    def pause_replay(self):
        self.query("select pg_wal_replay_pause()")
        eventually(lambda: self.value("select pg_get_wal_replay_pause_state()") == "paused")
        return self

    def resume_replay(self):
        self.query("select pg_wal_replay_resume()")
        return self

    def sessions(self, application=None):
        """pids of the client sessions on this host, other than the asking one."""
        where = f" and application_name = {quote(application)}" if application else ""
        rows = self.query(
            "select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()" + where
        )
        return [int(pid) for (pid,) in rows]

    # -- the log --

    @property
    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def mark(self):
        """A place in the log, for statements_since."""
        return os.path.getsize(self.log_path)

    def log_since(self, mark):
        with open(self.log_path, "rb") as f:
            f.seek(mark)
            return f.read().decode("utf8", "replace")

    def statements_since(self, mark=0):
        """The statements that clients ran since the mark, as the host logged them; the fixtures' own too."""
        return parse_log(self.log_since(mark))


_ENTRY = re.compile(r"^~(\d+)~([^~\n]*)~([^~\n]*)~([^\n]*?)~ (\w+):  (.*?)(?=^~\d+~|\Z)", re.M | re.S)
_STATEMENT = re.compile(r"(statement|execute [^:]*|fastpath function call): (.*)", re.S)


def parse_log(text):
    statements = []
    for entry in _ENTRY.finditer(text):
        pid, user, database, application, severity, words = entry.groups()
        said = _STATEMENT.match(words) if severity == "LOG" else None
        if said:
            sql = said[2].rstrip("\n").replace("\n\t", "\n")
            statements.append(Statement(sql, user, database, application, int(pid), said[1]))
    return statements


class Cluster:
    """A primary and its replicas; .hosts in order of creation."""

    def __init__(self, replicas=2, settings=None, nest=None):
        self._own_nest = nest is None
        self.nest = nest or Nest()
        template = _template(self.nest)
        names = ["primary"] + [f"replica{i}" for i in range(1, replicas + 1)]
        self.hosts = [Host(self.nest, name, template, settings or {}) for name in names]
        self.primary = self.hosts[0]
        for host in self.hosts[1:]:
            host.follow(self.primary)
        for host in self.hosts:
            host.start(wait=False)
        for host in self.hosts:
            host.wait_until_up()
        self.primary.query("create role auth_password; create role auth_md5; create role auth_scram")
        self.wait_for_replicas()

    @property
    def replicas(self):
        return [host for host in self.hosts if host is not self.primary]

    def replica(self, number):
        """The replica with that number, from 1."""
        return self.replicas[number - 1]

    @property
    def host_list(self):
        return ",".join(host.address for host in self.hosts)

    @property
    def port_list(self):
        return ",".join(str(host.port) for host in self.hosts)

    def target(self, dbname="postgres", hosts=None, unix=False, **keys):
        """The right-hand side of a [databases] line for these hosts (all)."""
        hosts = hosts or self.hosts
        addresses = [host.socket_folder if unix else host.address for host in hosts]
        same = len(set(addresses)) == 1
        keys = {
            "host": ",".join(addresses if not same else addresses[:1] * len(hosts)),
            "port": ",".join(str(host.port) for host in hosts),
            "dbname": dbname,
            **keys,
        }
        return " ".join(f"{k}={v}" for k, v in keys.items())

    def wait_for_replicas(self, within=START_SECONDS):
        """Waits until every replica that runs has replayed what the primary has written so far."""
        running = [host for host in self.replicas if host.is_up()]
        [(position, told)] = self.primary.query(
            "select p, (select string_agg(application_name, ' ') from pg_stat_replication where replay_lsn >= p) from pg_current_wal_lsn() p"
        )

        def replayed(host):
            return host.value(f"select pg_last_wal_replay_lsn() >= {quote(position)}") == "t"

        for host in running:
            # What the primary was told of is a while ago, and never too much.
            if host.name not in (told or "").split():
                eventually(replayed, host, within=within, every=0.005)
        return self

    def create_role(self, name, auth="trust", password=None, options="login"):
        """A role that all hosts let in by trust, password, md5 or scram; it is there when this returns."""
        encryption = "md5" if auth == "md5" else "scram-sha-256"
        group = f" in role auth_{auth}" if auth != "trust" else ""
        secret = f" password {quote(password)}" if password is not None else ""
        with self.primary.client() as client:
            client.query(f"set password_encryption = {quote(encryption)}")
            client.query(f'create role "{name}" {options}{secret}{group}')
        self.wait_for_replicas()
        return name

    def secret_of(self, role):
        """The role's secret as pg_authid holds it, for a userlist.txt."""
        return self.primary.value(f"select rolpassword from pg_authid where rolname = {quote(role)}")

    def create_database(self, name):
        self.primary.query(f'create database "{name}"')
        self.wait_for_replicas()
        return name

    def promote(self, host):
        """Makes the replica the primary, and the other running replicas follow it."""
        former, self.primary = self.primary, host.promote()
        for other in self.replicas:
            if other is not former and other.is_up():
                other.follow(host)
        return host

    def marks(self):
        return {host: host.mark() for host in self.hosts}

    def statements_since(self, marks, keep=lambda statement: True):
        """Host → its statements since marks()."""
        return {host: [s for s in host.statements_since(marks[host]) if keep(s)] for host in self.hosts}

    def close(self):
        if self._own_nest:
            self.nest.close()
            return
        for host in self.hosts:
            host.kill9()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _template(nest):
    """The folder that initdb once made; kept in build/cache, or in the nest where that cannot be written."""
    version = subprocess.run([program("postgres"), "--version"], stdout=subprocess.PIPE, text=True).stdout.split()[2]
    cache = os.path.join(ROOT, "build", "cache")
    kept = os.path.join(cache, "initdb-" + version)
    if os.path.exists(kept + "/PG_VERSION"):
        return kept
    fresh = os.path.join(nest.path, "initdb")
    options = ["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--wal-segsize=4"]
    nest.run([program("initdb"), "-D", fresh, "-U", SUPERUSER, *options])
    own = f"{kept}.{os.getpid()}"
    try:
        os.makedirs(cache, exist_ok=True)
        subprocess.run(["cp", "-a", fresh, own], check=True)
        os.rename(own, kept)
    except (OSError, subprocess.CalledProcessError):
        # Another process may have been first, and may be making its own copy now.
        shutil.rmtree(own, ignore_errors=True)
        return fresh if not os.path.exists(kept + "/PG_VERSION") else kept
    return kept
