"""nest.py - a temporary folder with an ordinary user's processes in it.

PostgreSQL and pgweir refuse to run as root, so where this runs as root the
processes are those of the user nobody.  A keeper process holds the other end of
a pipe: when it breaks, however this process ends, the keeper ends what still
runs in the folder, and removes the folder.

    nest = Nest()
    process = nest.spawn(["postgres", "-D", ...], log=nest.path + "/log")
    nest.close()
"""

import atexit
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

MARK = "PGWEIR_NEST"
ORDINARY_USER = "nobody"


_held_ports = {}


def free_port():
    """A TCP port of 127.0.0.1, chosen by the kernel, and this process's until release_port() or its end.

    The socket that chose it stays bound, without listening.  So nobody else is given the port, not even for an
    outgoing connection, while a server that sets SO_REUSEADDR may listen on it.
    """
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port = holder.getsockname()[1]
    _held_ports[port] = holder
    return port


def release_port(port):
    """The kernel may give the port to others again; a port that is not held is none of ours."""
    if port in _held_ports:
        _held_ports.pop(port).close()


class Nest:
    def __init__(self, name="pgweir"):
        self.path = tempfile.mkdtemp(prefix=name + "-", dir="/tmp")
        os.chmod(self.path, 0o755)
        self.user = pwd.getpwnam(ORDINARY_USER) if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        self.give(self.path)
        self.processes = []
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", os.path.abspath(__file__), self.path],
            stdin=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
        atexit.register(self.close)

    def as_user(self, argv):
        """The command line, run as the ordinary user."""
        if os.getuid() != 0:
            return list(argv)
        ids = [f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups"]
        return ["setpriv", *ids, "--", *argv]

    def environment(self, extra=None):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        return {**kept, MARK: self.path, "HOME": self.path, "LC_ALL": "C.UTF-8", **(extra or {})}

    def spawn(self, argv, log, cwd=None, env=None, **options):
        """Starts a program in a session of its own, its output appended to the file `log`."""
        with open(log, "ab") as out:
            process = subprocess.Popen(
                self.as_user(argv),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=cwd or self.path,
                env=self.environment(env),
                start_new_session=True,
                **options,
            )
        self.processes.append(process)
        return process

    def run(self, argv, env=None, check=True, **options):
        """Runs a program to its end; returns the CompletedProcess with its output as text."""
        done = subprocess.run(
            self.as_user(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.path,
            env=self.environment(env),
            text=True,
            **options,
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, argv))} ended with {done.returncode}:\n{done.stdout}")
        return done

    def folder(self, name):
        path = os.path.join(self.path, name)
        os.makedirs(path, exist_ok=True)
        self.give(path)
        return path

    def write(self, path, text, mode=0o644):
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        self.give(path)
        return path

    def give(self, path):
        """Makes a file or a folder the ordinary user's."""
        if os.getuid() == 0:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def install(self, program):
        """A copy of the program that the ordinary user can reach, also when the work tree is under a 0700 home."""
        copy = os.path.join(self.folder("bin"), os.path.basename(program))
        if not os.path.exists(copy) or os.stat(copy).st_mtime != os.stat(program).st_mtime:
            shutil.copy2(program, copy + ".new")
            os.chmod(copy + ".new", 0o755)
            os.rename(copy + ".new", copy)
        return copy

    def close(self):
        """Ends every process of the nest and removes the folder."""
        if self._keeper is None:
            return
        atexit.unregister(self.close)
        self._keeper.stdin.close()
        self._keeper.wait()
        self._keeper = None
        for process in self.processes:
            process.poll()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# ---- processes ------------------------------------------------------------------------


def process_tree(pid):
    """The process and all its descendants, parents first."""
    children = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as f:
                parent = int(f.read().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        children.setdefault(parent, []).append(int(entry))
    tree, rest = [], [pid]
    while rest:
        one = rest.pop(0)
        tree.append(one)
        rest.extend(children.get(one, []))
    return tree


def is_running(pid):
    """False for a zombie too: it holds nothing any more."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def _processes_of(path):
    mark = f"{MARK}={path}".encode()
    own = os.getpid()
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == own:
            continue
        try:
            cwd = os.readlink(f"/proc/{entry}/cwd")
            with open(f"/proc/{entry}/environ", "rb") as f:
                marked = mark in f.read().split(b"\0")
        except OSError:
            continue
        if marked or cwd == path or cwd.startswith(path + "/"):
            found.append(int(entry))
    return found


# ---- the keeper -----------------------------------------------------------------------


def _shared_memory_of(path):
    """Ids of the System V segments that PostgreSQL servers killed in the folder would leave."""
    ids = []
    for pidfile in glob.glob(os.path.join(glob.escape(path), "*", "postmaster.pid")):
        try:
            with open(pidfile) as f:
                ids.append(f.read().split("\n")[6].split()[1])
        except (OSError, IndexError):
            pass
    return ids


def _keep(path):
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    segments = _shared_memory_of(path)
    deadline = time.monotonic() + 10
    while (left := _processes_of(path)) and time.monotonic() < deadline:
        signal_all(left, signal.SIGKILL)
        time.sleep(0.01)
    for segment in segments:
        subprocess.run(["ipcrm", "-m", segment], stderr=subprocess.DEVNULL)
    shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    _keep(sys.argv[1])
