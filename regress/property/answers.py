"""answers.py - what a server says, in the form in which two connections are compared.

Out of it is what belongs to one connection and no other: process ids, oids of what was just made, the number of a
temporary schema, the name of the database, the line of PostgreSQL's source that raised an error.
"""

import re
import struct

_SOURCE = set("FLR")
_OWN = [
    (re.compile(r"pg_(toast_)?temp_\d+"), r"pg_\1temp_N"),
    (re.compile(r"\bprop_(direct|pooled)\b"), "prop"),
    (re.compile(r"\bgid_[dp]"), "gid_x"),
    (re.compile(r"\b(PID|OID|process|oid) \d+"), r"\1 N"),
]


def plain(kind, body, first_oid):
    """One message as a line of text.  first_oid: the first that no object had when programs began."""
    if kind == b"D":
        return "row " + _common(repr(_values(body)))
    if kind == b"T":
        return "columns " + repr(_columns(body, first_oid))
    if kind in (b"E", b"N"):
        return ("error " if kind == b"E" else "notice ") + _common(repr(_report(body)))
    if kind == b"C":
        return "done " + body[:-1].decode("latin1")
    if kind == b"Z":
        return "ready " + body.decode("latin1")
    return kind.decode("latin1") + " " + _common(repr(body))


def _common(text):
    for pattern, word in _OWN:
        text = pattern.sub(word, text)
    return text


def _values(body):
    count, at, values = struct.unpack_from("!H", body)[0], 2, []
    for _ in range(count):
        length = struct.unpack_from("!i", body, at)[0]
        at += 4
        values.append(None if length < 0 else body[at : at + length].decode("latin1"))
        at += max(length, 0)
    return values


def _columns(body, first_oid):
    count, at, columns = struct.unpack_from("!H", body)[0], 2, []
    for _ in range(count):
        end = body.index(0, at)
        table, *rest = struct.unpack_from("!IHIhih", body, end + 1)
        name = body[at:end].decode("latin1")
        columns.append((name, "new" if table >= first_oid else table, *rest))
        at = end + 19
    return columns


def _report(body):
    parts = [p.decode("latin1") for p in body.split(b"\0") if p]
    return {p[0]: p[1:] for p in parts if p[0] not in _SOURCE}
