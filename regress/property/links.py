"""links.py - a client's connection, quick enough for hundreds of thousands of steps.

Parameters are kept as last told; what other sessions notify is kept apart, since its moment is nobody's promise.
"""

import socket
import struct

from lib import wire

ANSWERS = frozenset(b"123nTCsIE"[i : i + 1] for i in range(9))
GONE = (b"closed", b"silence")
STEP_SECONDS = 8.0


class Link:
    """One connection.  status: of the last ReadyForQuery; None when it has ended."""

    def __init__(self, port, user, database, parameters, pids, letter):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=STEP_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = self.socket.getsockname()[1]
        self.unread, self.parameters, self.heard, self.status = b"", {}, [], None
        self.pids, self.letter, self.pid = pids, letter, None
        self.fresh = True
        self.socket.sendall(wire.startup(user=user, database=database, **parameters))
        self.greeting = [m for m in self.read(1, 0) if m[0] != b"R"]

    def take(self, pids, letter):
        """Another program's client has the connection now."""
        self.pids, self.letter, self.heard = pids, letter, []
        pids[self.pid] = letter

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            self.status = None

    def read(self, ready, answers):
        """Messages up to that many ReadyForQuery, or answers without one; ends early at what ends them."""
        found = []
        while ready or answers:
            kind, body = self._message()
            if kind == b"S":
                name, value = body[:-1].split(b"\0")
                self.parameters[name] = value
                continue
            if kind == b"A":
                self._notified(body, found)
                continue
            if kind == b"K":
                self.pid = body[:4]
                self.pids[self.pid] = self.letter
                continue
            found.append((kind, body))
            if kind in GONE:
                self.status = None
                break
            if kind == b"Z":
                self.status = body
                ready -= 1
            elif not ready and kind in ANSWERS:
                # A Describe of a statement is answered by its parameters first; an error leaves nothing to wait for.
                answers = 0 if kind == b"E" else answers - 1
        return found

    def _message(self):
        while True:
            if len(self.unread) >= 5:
                length = struct.unpack_from("!I", self.unread, 1)[0] + 1
                if len(self.unread) >= length:
                    break
            try:
                some = self.socket.recv(65536)
            except TimeoutError:
                return b"silence", b""
            except OSError:
                some = b""
            if not some:
                return b"closed", b""
            self.unread += some
        kind, body = self.unread[:1], self.unread[5:length]
        self.unread = self.unread[length:]
        return kind, body

    def _notified(self, body, found):
        sender = self.pids.get(body[:4])
        if sender == self.letter:
            found.append((b"A", body[4:]))
        else:
            self.heard.append((sender, body[4:]))

    def wait_for_heard(self, count, seconds):
        """Reads what others notify until there are that many or the time is over."""
        self.socket.settimeout(seconds)
        try:
            while len(self.heard) < count:
                kind, body = self._message()
                if kind in GONE:
                    break
                if kind == b"A":
                    self._notified(body, [])
        finally:
            self.socket.settimeout(STEP_SECONDS)

    def close(self, terminate=True):
        try:
            if terminate:
                self.socket.sendall(wire.terminate())
        except OSError:
            pass
        self.socket.close()
