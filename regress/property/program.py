"""program.py - a program: steps of a few clients in one order, as a value, as text, and as bytes on the wire.

Its text is what a failure prints and what a replay reads:

    program user=app entry=p2 workers=2
    client a {"options": "-c work_mem=3MB"}
    a begin
    b! create temp table x (n int)
    a [["P", "one", "select $1::int"], ["B", "", "one", ["1"]], ["E", ""], ["S"]]
    b vanish

A line of SQL is one Query.  A list has a message in each row: Q, P, B, D, E, C, S, H (Flush, whose answers are read
before the rest is sent), d, c, f, F; ["vanish"] at its end leaves without reading an answer.  An exclamation mark:
whoever wrote it takes the client for one that keeps a server from here on.  `close` ends a connection with Terminate, `vanish` without; whoever has
no such step closes at the end.
"""

import json
import re
import struct
from dataclasses import dataclass, field

from lib import wire

ENDS = ("close", "vanish")
_LINE = re.compile(r"([a-z]\d*)(!?) (.*)", re.S)


@dataclass
class Step:
    client: str
    items: object  # a list of messages, or one of ENDS
    holds: bool = False

    @property
    def end(self):
        """How the client leaves with this step: close, vanish, or None."""
        if isinstance(self.items, str):
            return self.items
        return "vanish" if self.items[-1][0] == "vanish" else None

    def text(self):
        mark = f"{self.client}{'!' if self.holds else ''} "
        if isinstance(self.items, str):
            return mark + self.items
        plain = len(self.items) == 1 and self.items[0][0] == "Q"
        sql = self.items[0][1] if plain else ""
        if plain and "\n" not in sql and sql.strip() == sql and sql[:1] not in ("", "[") and sql not in ENDS:
            return mark + sql
        return mark + json.dumps(self.items, ensure_ascii=False)

    def phases(self):
        """(bytes, ReadyForQuery expected, answers expected without one) up to each Flush and at the end."""
        found, data, ready, answers = [], [], 0, 0
        for item in self.items:
            data.append(encode(item))
            kind = item[0]
            if kind in "QSF":
                ready += 1
            elif kind in "PBDEC":
                answers += 1
            elif kind == "H":
                found.append((b"".join(data), 0, answers))
                data, answers = [], 0
        found.append((b"".join(data), ready, 0))
        return found


@dataclass
class Program:
    steps: list
    clients: dict = field(default_factory=dict)  # letter → startup parameters
    user: str = "app"
    entry: str = "p2"
    workers: int = 1
    seed: object = None

    @property
    def pool_size(self):
        return int(re.sub(r"\D", "", self.entry))

    def with_steps(self, steps):
        used = {s.client for s in steps}
        clients = {letter: p for letter, p in self.clients.items() if letter in used}
        return Program(steps, clients, self.user, self.entry, self.workers, self.seed)

    def after(self, others):
        """One program of these, each to the end of its clients, and this one."""
        steps, clients = [], {}
        for number, one in enumerate(others, 1):
            named = {letter: f"{letter}{number}" for letter in one.clients}
            steps += [Step(named[s.client], s.items, s.holds) for s in one.steps]
            steps += [Step(name, "close") for name in named.values()]
            clients.update({named[letter]: p for letter, p in one.clients.items()})
        return Program(steps + self.steps, {**clients, **self.clients}, self.user, self.entry, self.workers, self.seed)

    def text(self):
        lines = [f"program user={self.user} entry={self.entry} workers={self.workers}"]
        lines += [f"client {letter} {json.dumps(p, ensure_ascii=False)}" for letter, p in self.clients.items() if p]
        return "\n".join([*lines, *(step.text() for step in self.steps)]) + "\n"


def read_program(text):
    """The program of a text(); lines that begin with a # are comments."""
    program = Program([])
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("program "):
            said = dict(word.split("=", 1) for word in line.split()[1:])
            program.user, program.entry = said["user"], said["entry"]
            program.workers = int(said["workers"])
        elif line.startswith("client "):
            _, letter, parameters = line.split(" ", 2)
            program.clients[letter] = json.loads(parameters)
        else:
            letter, holds, rest = _LINE.fullmatch(line).groups()
            items = rest if rest in ENDS else json.loads(rest) if rest.startswith("[") else [["Q", rest]]
            program.steps.append(Step(letter, items, bool(holds)))
    for step in program.steps:
        program.clients.setdefault(step.client, {})
    return program


def encode(item):
    """The message of a row: ["P", name, sql], ["B", portal, name, values], ["D", "S"|"P", name]..."""
    kind, rest = item[0], item[1:]
    if kind == "P":
        return wire.parse(rest[1], rest[0], rest[2] if len(rest) > 2 else ())
    if kind == "B":
        return wire.bind(rest[2] if len(rest) > 2 else (), rest[1], rest[0])
    if kind == "E":
        return wire.execute(*rest)
    if kind in "DC":
        return (wire.describe if kind == "D" else wire.close)(*rest)
    if kind == "Q":
        return wire.query(rest[0])
    if kind == "F":
        return wire.function_call(rest[0], *rest[1])
    if kind == "vanish":
        return b""
    if kind in "df":
        return wire.message(kind.encode(), rest[0].encode() + (b"\0" if kind == "f" else b""))
    return kind.encode() + struct.pack("!I", 4)
