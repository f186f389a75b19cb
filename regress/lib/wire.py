"""wire.py - PostgreSQL's protocol by hand: its messages and a blocking client.  See fake_server.py for a server.

Made for tests that say exactly which bytes go where.  Nothing waits for ever:
every read has a deadline.  See "Frontend/Backend Protocol" in the PostgreSQL
manual for the messages.
"""

import base64
import hashlib
import hmac
import os
import socket
import struct

PROTOCOL_3_0 = 0x30000
PROTOCOL_3_2 = 0x30002
CANCEL_CODE = 80877102
SSL_CODE = 80877103
GSSENC_CODE = 80877104
TIMEOUT = 30.0


class Closed(ConnectionError):
    """The other side closed the connection."""


class PgError(Exception):
    """An ErrorResponse; its fields by their letter."""

    def __init__(self, fields):
        self.fields = fields
        super().__init__(f"{fields.get('S')}: {fields.get('M')} ({fields.get('C')})")

    severity = property(lambda self: self.fields.get("S"))
    sqlstate = property(lambda self: self.fields.get("C"))
    message = property(lambda self: self.fields.get("M"))


# ---- writing --------------------------------------------------------------------------


def text(value):
    return (value.encode() if isinstance(value, str) else value) + b"\0"


def message(kind, body=b""):
    return kind + struct.pack("!I", len(body) + 4) + body


def _counted(value):
    if value is None:
        return struct.pack("!i", -1)
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("!i", len(value)) + value


def startup(version=PROTOCOL_3_0, **parameters):
    body = struct.pack("!I", version) + b"".join(text(k) + text(v) for k, v in parameters.items()) + b"\0"
    return struct.pack("!I", len(body) + 4) + body


def ssl_request():
    return struct.pack("!II", 8, SSL_CODE)


def gssenc_request():
    return struct.pack("!II", 8, GSSENC_CODE)


def cancel_request(pid, key):
    return struct.pack("!III", 12 + len(key), CANCEL_CODE, pid) + key


def query(sql):
    return message(b"Q", text(sql))


def parse(sql, name="", types=()):
    return message(b"P", text(name) + text(sql) + struct.pack(f"!H{len(types)}I", len(types), *types))


def bind(values=(), name="", portal=""):
    body = text(portal) + text(name) + struct.pack("!HH", 0, len(values)) + b"".join(map(_counted, values))
    return message(b"B", body + struct.pack("!H", 0))


def describe(kind="P", name=""):
    return message(b"D", kind.encode() + text(name))


def execute(portal="", rows=0):
    return message(b"E", text(portal) + struct.pack("!I", rows))


def close(kind="S", name=""):
    return message(b"C", kind.encode() + text(name))


def function_call(oid, *arguments):
    body = struct.pack("!IHH", oid, 0, len(arguments)) + b"".join(map(_counted, arguments))
    return message(b"F", body + struct.pack("!H", 0))


def sync():
    return message(b"S")


def flush():
    return message(b"H")


def terminate():
    return message(b"X")


def password(secret):
    return message(b"p", text(secret))


def copy_data(data):
    return message(b"d", data)


def copy_done():
    return message(b"c")


def copy_fail(reason=""):
    return message(b"f", text(reason))


# What a server says.


def auth_ok():
    return message(b"R", struct.pack("!I", 0))


def auth_cleartext():
    return message(b"R", struct.pack("!I", 3))


def auth_md5(salt=b"salt"):
    return message(b"R", struct.pack("!I", 5) + salt)


def auth_sasl(*mechanisms):
    return message(b"R", struct.pack("!I", 10) + b"".join(map(text, mechanisms)) + b"\0")


def auth_sasl_continue(data):
    return message(b"R", struct.pack("!I", 11) + data)


def auth_sasl_final(data):
    return message(b"R", struct.pack("!I", 12) + data)


def parameter_status(name, value):
    return message(b"S", text(name) + text(value))


def backend_key(pid, key=b"\1\2\3\4"):
    return message(b"K", struct.pack("!I", pid) + key)


def ready(status="I"):
    return message(b"Z", status.encode())


def row_description(*names, oid=25):
    fields = b"".join(text(n) + struct.pack("!IHIhih", 0, 0, oid, -1, -1, 0) for n in names)
    return message(b"T", struct.pack("!H", len(names)) + fields)


def data_row(*values):
    return message(b"D", struct.pack("!H", len(values)) + b"".join(map(_counted, values)))


def command_complete(tag="SELECT 1"):
    return message(b"C", text(tag))


def parse_complete():
    return message(b"1")


def bind_complete():
    return message(b"2")


def close_complete():
    return message(b"3")


def no_data():
    return message(b"n")


def parameter_description(*types):
    return message(b"t", struct.pack(f"!H{len(types)}I", len(types), *types))


def portal_suspended():
    return message(b"s")


def empty_query_response():
    return message(b"I")


def copy_in_response(columns=1):
    return message(b"G", struct.pack(f"!bH{columns}H", 0, columns, *[0] * columns))


def copy_out_response(columns=1):
    return message(b"H", struct.pack(f"!bH{columns}H", 0, columns, *[0] * columns))


def notification(pid, channel, payload=""):
    return message(b"A", struct.pack("!I", pid) + text(channel) + text(payload))


def _report(kind, severity, sqlstate, words, fields):
    parts = {"S": severity, "V": severity, "C": sqlstate, "M": words, **fields}
    return message(kind, b"".join(k.encode() + text(v) for k, v in parts.items()) + b"\0")


def error(words="failed", sqlstate="XX000", severity="ERROR", **fields):
    return _report(b"E", severity, sqlstate, words, fields)


def notice(words="note", sqlstate="00000", severity="NOTICE", **fields):
    return _report(b"N", severity, sqlstate, words, fields)


# ---- reading --------------------------------------------------------------------------


class Message:
    """One message as read: kind (one byte) and body."""

    def __init__(self, kind, body):
        self.kind, self.body = kind, body

    def __repr__(self):
        return f"{self.kind.decode('latin1')}{self.body!r}"

    def __eq__(self, other):
        return isinstance(other, Message) and (self.kind, self.body) == (other.kind, other.body)

    @property
    def bytes(self):
        return message(self.kind, self.body)

    def fields(self):
        """Of an ErrorResponse or a NoticeResponse: letter → text."""
        parts = [p for p in self.body.split(b"\0") if p]
        return {chr(p[0]): p[1:].decode("utf8", "replace") for p in parts}

    def texts(self):
        """The NUL-terminated strings of the body."""
        return [p.decode("utf8", "replace") for p in self.body.split(b"\0")[:-1]]

    def number(self, at=0):
        return struct.unpack_from("!I", self.body, at)[0]

    def names(self):
        """Of a RowDescription: [(name, type oid)]."""
        count, at, names = struct.unpack_from("!H", self.body)[0], 2, []
        for _ in range(count):
            end = self.body.index(0, at)
            names.append((self.body[at:end].decode(), struct.unpack_from("!I", self.body, end + 7)[0]))
            at = end + 19
        return names

    def values(self):
        """Of a DataRow: texts and None."""
        count, at, values = struct.unpack_from("!H", self.body)[0], 2, []
        for _ in range(count):
            length = struct.unpack_from("!i", self.body, at)[0]
            at += 4
            values.append(None if length < 0 else self.body[at : at + length].decode("utf8", "replace"))
            at += max(length, 0)
        return values


class Wire:
    """A socket with messages on it."""

    def __init__(self, sock, timeout=TIMEOUT):
        sock.settimeout(timeout)
        if sock.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock
        self.read_ahead = b""

    def send(self, *messages):
        self.socket.sendall(b"".join(messages))
        return self

    def read_bytes(self, count):
        while len(self.read_ahead) < count:
            some = self.socket.recv(max(65536, count - len(self.read_ahead)))
            if not some:
                raise Closed(f"closed with {self.read_ahead!r} unread" if self.read_ahead else "closed")
            self.read_ahead += some
        data, self.read_ahead = self.read_ahead[:count], self.read_ahead[count:]
        return data

    def read(self):
        """The next message."""
        head = self.read_bytes(5)
        return Message(head[:1], self.read_bytes(struct.unpack("!I", head[1:])[0] - 4))

    def read_until(self, kinds=b"Z"):
        """The messages up to and with the first of one of these kinds."""
        found = [self.read()]
        while found[-1].kind not in kinds:
            found.append(self.read())
        return found

    def expect_closed(self):
        """Asserts that the other side has closed; returns what it said before."""
        found = []
        try:
            while True:
                found.append(self.read())
        except ConnectionError:
            return found

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# ---- the client -----------------------------------------------------------------------


class Result:
    """What a query answered: names, rows (texts and None), tags, notices, error (the first) and all messages."""

    def __init__(self, messages):
        self.messages = messages
        self.kinds = b"".join(m.kind for m in messages).decode("latin1")
        self.columns = next((m.names() for m in messages if m.kind == b"T"), [])
        self.names = [name for name, _ in self.columns]
        self.rows = [tuple(m.values()) for m in messages if m.kind == b"D"]
        self.tags = [m.texts()[0] for m in messages if m.kind == b"C"]
        self.notices = [m.fields() for m in messages if m.kind == b"N"]
        self.error = next((PgError(m.fields()) for m in messages if m.kind == b"E"), None)

    def dicts(self):
        """Rows as dicts, integers as int."""
        integers = {20, 21, 23}

        def value(text, oid):
            return int(text) if text is not None and oid in integers else text

        return [{n: value(v, oid) for (n, oid), v in zip(self.columns, row)} for row in self.rows]


def connect(port, host="127.0.0.1", timeout=TIMEOUT):
    """A socket to host:port; a host with a leading slash is the folder of a unix socket."""
    if str(host).startswith("/"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        sock.connect(f"{host}/.s.PGSQL.{port}")
        return sock
    return socket.create_connection((host, port), timeout=timeout)


class Client(Wire):
    """A client that has logged in, unless login=False."""

    def __init__(self, port, host="127.0.0.1", user="postgres", database="postgres", secret=None, login=True,
                 version=PROTOCOL_3_0, timeout=TIMEOUT, **parameters):
        super().__init__(connect(port, host, timeout), timeout)
        self.host, self.port, self.user, self.secret = host, port, user, secret
        self.parameters, self.pid, self.key, self.status = {}, None, None, None
        self.negotiated = None
        if login:
            try:
                self.send(startup(version, user=user, database=database, **parameters))
                self.log_in()
            except BaseException:
                self.close()
                raise

    def log_in(self):
        """Answers what the server asks up to its first ReadyForQuery; raises PgError when it refuses."""
        while True:
            m = self.read()
            if m.kind == b"R":
                self._authenticate(m)
            elif m.kind == b"S":
                name, value = m.texts()
                self.parameters[name] = value
            elif m.kind == b"K":
                self.pid, self.key = m.number(), m.body[4:]
            elif m.kind == b"v":
                self.negotiated = m
            elif m.kind == b"E":
                raise PgError(m.fields())
            elif m.kind == b"Z":
                self.status = m.body.decode()
                return self

    def _authenticate(self, m):
        method = m.number()
        if method == 3:
            self.send(password(self.secret))
        elif method == 5:
            inner = hashlib.md5((self.secret + self.user).encode()).hexdigest()
            self.send(password("md5" + hashlib.md5(inner.encode() + m.body[4:8]).hexdigest()))
        elif method == 10:
            self._scram = ScramClient(self.secret)
            first = self._scram.first()
            self.send(message(b"p", text("SCRAM-SHA-256") + struct.pack("!I", len(first)) + first))
        elif method == 11:
            self.send(message(b"p", self._scram.final(m.body[4:])))
        elif method == 12:
            self._scram.verify(m.body[4:])
        elif method != 0:
            raise AssertionError(f"authentication request {method}")

    def ask(self, *messages):
        """Sends the messages, reads up to ReadyForQuery, returns a Result; does not raise for errors."""
        self.send(*messages)
        found = self.read_until(b"Z")
        self.status = found[-1].body.decode()
        return Result(found)

    def query(self, sql):
        """A simple query; raises PgError for an error, returns a Result."""
        result = self.ask(query(sql))
        if result.error:
            raise result.error
        return result

    def close(self):
        """Leaves as a client should, with Terminate; .socket.close() vanishes."""
        try:
            self.send(terminate())
        except OSError:
            pass
        super().close()

    def cancel(self):
        """Sends a CancelRequest on a connection of its own and waits until that is closed."""
        with Wire(connect(self.port, self.host)) as other:
            other.send(cancel_request(self.pid, self.key))
            other.expect_closed()


class ScramClient:
    """SCRAM-SHA-256 (RFC 5802, RFC 7677) from the client's side."""

    def __init__(self, secret):
        self.secret = secret.encode()
        self.nonce = base64.b64encode(os.urandom(18)).decode()

    def first(self):
        self.bare = f"n=,r={self.nonce}"
        return f"n,,{self.bare}".encode()

    def final(self, server_first):
        server_first = server_first.decode()
        parts = dict(p.split("=", 1) for p in server_first.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", self.secret, base64.b64decode(parts["s"]), int(parts["i"]))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        stored_key = hashlib.sha256(client_key).digest()
        without_proof = f"c=biws,r={parts['r']}"
        said = f"{self.bare},{server_first},{without_proof}".encode()
        proof = bytes(a ^ b for a, b in zip(client_key, hmac.digest(stored_key, said, "sha256")))
        self.signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), said, "sha256")
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, server_final):
        expected = b"v=" + base64.b64encode(self.signature)
        if server_final != expected:
            raise AssertionError(f"the server's signature is {server_final!r}, expected {expected!r}")
