"""fake_server.py - a scripted server: what a PostgreSQL says, and what no PostgreSQL would ever say.

    with FakeServer(lambda session: session.log_in().serve()) as server:
        ... connect to server.port ...
"""

import os
import socket
import struct
import threading
import traceback

from .nest import free_port, release_port
from .wire import (
    CANCEL_CODE,
    GSSENC_CODE,
    SSL_CODE,
    Wire,
    auth_ok,
    backend_key,
    bind_complete,
    close_complete,
    command_complete,
    data_row,
    empty_query_response,
    no_data,
    parameter_description,
    parameter_status,
    parse_complete,
    ready,
    row_description,
)


class Session(Wire):
    """The server's side of one connection to a FakeServer."""

    def __init__(self, sock, number):
        super().__init__(sock)
        self.number = number
        self.code, self.parameters = None, {}
        self.pid, self.key = 1000 + number, struct.pack("!I", 7000 + number)

    def read_startup(self):
        """Reads the startup packet (answering N to requests for encryption); returns its parameters."""
        while True:
            length = struct.unpack("!I", self.read_bytes(4))[0]
            body = self.read_bytes(length - 4)
            self.code = struct.unpack_from("!I", body)[0]
            if self.code not in (SSL_CODE, GSSENC_CODE):
                break
            self.send(b"N")
        if self.code == CANCEL_CODE:
            self.pid, self.key = struct.unpack_from("!I", body, 4)[0], body[8:]
            return {}
        parts = [p.decode() for p in body[4:].split(b"\0")]
        self.parameters = {k: v for k, v in zip(parts[0::2], parts[1::2]) if k}
        return self.parameters

    @property
    def is_cancel(self):
        return self.code == CANCEL_CODE

    def log_in(self, **reported):
        """Reads the startup packet and lets the client in without asking; returns self."""
        self.read_startup()
        if self.is_cancel:
            return self
        reported = {
            "server_version": "15.0",
            "server_encoding": "UTF8",
            "client_encoding": "UTF8",
            "DateStyle": "ISO, MDY",
            "IntervalStyle": "postgres",
            "TimeZone": "UTC",
            "integer_datetimes": "on",
            "standard_conforming_strings": "on",
            "in_hot_standby": "off",
            "application_name": self.parameters.get("application_name", ""),
            **reported,
        }
        says = [parameter_status(k, v) for k, v in reported.items()]
        return self.send(auth_ok(), *says, backend_key(self.pid, self.key), ready())

    def answer(self, tag="SELECT 1", rows=(("1",),), names=("?column?",), status="I"):
        """Answers a simple query."""
        described = [row_description(*names)] if rows else []
        return self.send(*described, *[data_row(*r) for r in rows], command_complete(tag), ready(status))

    def serve(self, answers=None):
        """Answers simple and extended queries until the client leaves.

        answers: a function that is given the SQL text and returns the messages of the whole answer before
        ReadyForQuery, or None for the usual one (default_answer).
        """
        status, sql = "I", ""
        while True:
            m = self.read()
            if m.kind == b"X":
                return
            if m.kind == b"Q":
                sql = m.texts()[0]
                status = status_after(sql, status)
                self.send(*_answer(sql, answers), ready(status))
            elif m.kind == b"P":
                sql = m.texts()[1]
                self.send(parse_complete())
            elif m.kind == b"B":
                self.send(bind_complete())
            elif m.kind == b"D":
                described = [parameter_description()] if m.body[:1] == b"S" else []
                rows = [a for a in _answer(sql, answers) if a[:1] == b"T"] or [no_data()]
                self.send(*described, *rows)
            elif m.kind == b"E":
                status = status_after(sql, status)
                self.send(*[a for a in _answer(sql, answers) if a[:1] != b"T"])
            elif m.kind == b"C":
                self.send(close_complete())
            elif m.kind == b"S":
                self.send(ready(status))


def _first_word(sql):
    return (sql.strip().rstrip(";").split() or [""])[0].upper()


def status_after(sql, status):
    return {"BEGIN": "T", "START": "T", "COMMIT": "I", "ROLLBACK": "I", "END": "I"}.get(_first_word(sql), status)


def default_answer(sql):
    """One row "1" for a question, the tag alone for a command, EmptyQueryResponse for nothing."""
    word = _first_word(sql)
    if not word:
        return [empty_query_response()]
    if word in ("SELECT", "SHOW", "VALUES", "TABLE", "WITH"):
        return [row_description("?column?"), data_row("1"), command_complete("SELECT 1")]
    tags = {"DISCARD": "DISCARD ALL", "INSERT": "INSERT 0 1", "UPDATE": "UPDATE 1", "DELETE": "DELETE 1",
            "START": "START TRANSACTION", "END": "COMMIT"}
    return [command_complete(tags.get(word, word))]


def _answer(sql, answers):
    said = answers(sql) if answers else None
    return default_answer(sql) if said is None else said


class FakeServer:
    """Listens on a port that nobody else is given, also not after close(), and runs script(session) in a thread for each connection.

    The default script lets everybody in and answers every query with one row "1".  What a script raises, other than
    the end of its connection, is kept in .errors; the test asserts that by leaving the `with` block.
    """

    def __init__(self, script=None, unix_folder=None, port=0, address="127.0.0.1"):
        self.script = script or (lambda session: session.log_in().serve())
        self.sessions, self.errors = [], []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held = free_port() if (address, port) == ("127.0.0.1", 0) else None
        self.listener.bind((address, self._held or port))
        self.listener.listen(128)
        self.port = self.listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, args=(self.listener,), daemon=True)]
        if unix_folder:
            self.unix_listener = socket.socket(socket.AF_UNIX)
            path = f"{unix_folder}/.s.PGSQL.{self.port}"
            self.unix_listener.bind(path)
            os.chmod(path, 0o777)
            self.unix_listener.listen(128)
            self._threads.append(threading.Thread(target=self._accept, args=(self.unix_listener,), daemon=True))
        for thread in self._threads:
            thread.start()

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            session = Session(sock, len(self.sessions) + 1)
            self.sessions.append(session)
            threading.Thread(target=self._run, args=(session,), daemon=True).start()

    def _run(self, session):
        try:
            self.script(session)
        except (ConnectionError, OSError):
            pass
        except Exception:
            self.errors.append(traceback.format_exc())
        finally:
            session.close()

    def close(self):
        for listener in (self.listener, getattr(self, "unix_listener", None)):
            if listener is not None:
                # accept() in another thread is woken by shutdown, not by close.
                try:
                    listener.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                listener.close()
        for session in self.sessions:
            try:
                session.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def release(self):
        """close(), and others may have the port."""
        self.close()
        if self._held:
            release_port(self._held)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.release()
        if kind is None and self.errors:
            raise AssertionError("a script failed:\n" + "\n".join(self.errors))
