"""Prepared statements as on a connection of one's own: the same messages to PostgreSQL and through one shared server.

Between any two requests of the client, others use the server, and prepare statements under the same names there.
Every answer has to be the same, byte for byte.
"""

import pytest

from lib import wire
from lib.pgweir import flavour

PREPARED = """
    select name, statement, parameter_types, from_sql from pg_prepared_statements order by name collate "C"
"""


def run(name, *values):
    return wire.bind(values, name) + wire.describe() + wire.execute() + wire.sync()


def prepare(sql, name):
    return wire.parse(sql, name) + wire.sync()


def unnamed(sql):
    return wire.parse(sql) + wire.describe("S") + wire.bind() + wire.execute() + wire.sync()


def requests(step):
    """How many ReadyForQuery a step brings."""
    return step.count if isinstance(step, Step) else 1


class Step(bytes):
    """Several requests that are sent in one piece."""

    def __new__(cls, *parts):
        made = super().__new__(cls, b"".join(map(encoded, parts)))
        made.count = len(parts)
        return made


def encoded(step):
    return wire.query(step) if isinstance(step, str) else step


def seen(message):
    """What has to be the same; the number of a table that was made for this is not."""
    if message.kind == b"T":
        return message.kind, message.names()
    return message.kind, message.body


def answers(client, step):
    client.send(encoded(step))
    return [seen(m) for _ in range(requests(step)) for m in client.read_until(b"Z")]


class Intruders:
    """Clients of the same server whose statements have the same names."""

    def __init__(self, weir, names):
        self.names, self.turn = names, 0
        self.clients = [weir.client("app"), weir.client("app")]
        for number, client in enumerate(self.clients):
            for name in names:
                client.query(f"prepare \"{name}\" as select 'intruder {number}'")

    def pass_by(self):
        self.turn += 1
        client = self.clients[self.turn % 2]
        for name in self.names:
            assert client.query(f'execute "{name}"').rows == [(f"intruder {self.turn % 2}",)]
        assert client.ask(wire.parse("select 'an intruder'"), wire.sync()).error is None

    def close(self):
        for client in self.clients:
            client.close()


SCENES = {
    "a name is this client's": ["prepare foo as select 1", "execute foo", "deallocate foo", "execute foo"],
    "a name cannot be had twice": ["prepare foo as select 1", "prepare foo as select 2", "execute foo"],
    "an unknown name": ["execute foo", "deallocate foo", "explain execute foo", "begin", "execute foo", "select 1", "rollback"],
    "parameters": ["prepare foo(int, text) as select $1 + 1, $2", "execute foo(1, 'x')", "execute foo(1)", "execute foo('x', 1)"],
    "a case of its own": ['prepare "Foo" as select 1', 'execute "Foo"', "execute foo", 'deallocate "Foo"'],
    "explain execute": ["prepare foo as select 1", "explain (costs off) execute foo"],
    "create table as execute": [
        "prepare foo as select 7 as n", "create table made as execute foo", "select * from made", "drop table made"],
    "a rollback keeps what was prepared": ["begin", "prepare foo as select 1", "rollback", "execute foo"],
    "a rollback keeps what was deallocated": ["prepare foo as select 1", "begin", "deallocate foo", "rollback", "execute foo"],
    "a failed transaction prepares nothing": ["begin", "select 1/0", "prepare foo as select 1", "rollback", "execute foo"],
    "a failed transaction deallocates nothing": [
        "prepare foo as select 1", "begin", "select 1/0", "deallocate foo", "rollback", "execute foo"],
    "a savepoint": ["begin", "savepoint a", "prepare foo as select 1", "rollback to a", "execute foo", "commit", "execute foo"],
    "a look": [
        PREPARED, prepare("select $1::int", "bar"), "prepare foo(int, text) as select $1, $2", PREPARED, "begin", PREPARED,
        prepare("select 3", "baz"), run("baz"), PREPARED, wire.close("S", "bar") + wire.sync(), "deallocate foo", PREPARED, run("bar"),
        "commit", run("bar"), run("baz"), "execute foo", PREPARED, run("baz")],
    "a look by unnamed and named statements": [
        prepare("select 1", "foo"), "prepare bar as select 2", unnamed(PREPARED), prepare(PREPARED, "look"), run("look"), run("foo"),
        run("look"), "deallocate all", run("look"), unnamed(PREPARED)],
    "several in one": [
        "prepare foo as select 1; prepare bar as select 2; select 3", "execute foo", "execute bar",
        "execute foo; deallocate foo; select 4", "execute foo", "execute bar"],
    "several that fail": ["prepare foo as select 1; prepare bar as select nothing", "execute foo", "execute bar"],
    "several, and an error that tells where": ["select 0; prepare foo as select 1 / $1::int", "execute foo(0)", "execute foo('x')"],
    "prepared by a DO": ["do $$begin execute 'prepare foo as select 1'; end$$", "execute foo", "deallocate foo", "execute foo"],
    "run by a DO": [
        "prepare foo as select 1", "do $$begin execute 'execute foo'; end$$", "do $$begin execute 'deallocate foo'; end$$",
        "execute foo", "do $$begin execute 'execute foo'; end$$"],
    "everything is forgotten by a DO": [
        "prepare foo as select 1", prepare("select 2", "bar"), "do $$begin execute 'deallocate all'; end$$", "execute foo", run("bar")],
    "all are deallocated": ["prepare foo as select 1", prepare("select 2", "bar"), "deallocate all", "execute foo", run("bar")],
    "all is discarded": ["prepare foo as select 1", prepare("select 2", "bar"), "discard all", "execute foo", run("bar")],
    "plans are discarded": ["prepare foo as select 1", prepare("select 2", "bar"), "discard plans", "execute foo", run("bar")],
    "SQL runs what the protocol prepared": [
        prepare("select $1::int + 1", "foo"), "execute foo(1)", run("foo", "2"), "explain (costs off) execute foo(1)"],
    "the protocol runs what SQL prepared": ["prepare foo(int) as select $1 + 1", run("foo", "1"), wire.describe("S", "foo") + wire.sync()],
    "one name space, SQL first": ["prepare foo as select 1", prepare("select 2", "foo"), "execute foo", run("foo")],
    "one name space, the protocol first": [prepare("select 2", "foo"), "prepare foo as select 1", "execute foo", run("foo")],
    "SQL deallocates what the protocol prepared": [
        prepare("select 2", "foo"), "deallocate foo", run("foo"), "execute foo", prepare("select 3", "foo"), run("foo"), "execute foo"],
    "SQL deallocates it among other statements": [prepare("select 2", "foo"), "select 1; deallocate foo; select 2", run("foo")],
    "the protocol closes what SQL prepared": [
        "prepare foo as select 1", wire.close("S", "foo") + wire.sync(), "execute foo", run("foo"), "prepare foo as select 2", "execute foo"],
    "by unnamed statements": [
        unnamed("prepare foo as select 1"), unnamed("execute foo"), unnamed("prepare foo as select 2"), unnamed("deallocate foo"),
        unnamed("execute foo")],
    "by unnamed statements that fail": [
        unnamed("prepare foo as select nothing"), "execute foo", unnamed("prepare foo as select 1"), "execute foo"],
    "by named statements": [
        prepare("prepare foo as select 1", "p"), prepare("execute foo", "e"), prepare("deallocate foo", "d"), run("e"), run("p"),
        run("e"), run("p"), run("d"), run("e"), run("p"), run("e")],
    "described in a batch of its own": [
        "prepare foo as select 1 as one", wire.parse("execute foo") + wire.sync(), wire.describe("S") + wire.sync(),
        prepare("execute foo", "e"), wire.describe("S", "e") + wire.sync(), run("e"), wire.describe("S", "e") + wire.sync()],
    "by one batch": [
        wire.parse("prepare foo as select 1") + wire.bind() + wire.execute() + wire.parse("execute foo") + wire.bind() + wire.execute()
        + wire.parse("deallocate foo") + wire.bind() + wire.execute() + wire.sync(), "execute foo"],
    "in a pipeline": [
        Step("prepare foo as select 1", "execute foo", "prepare foo as select 2", "deallocate foo", "execute foo", "select 1")],
    "in a pipeline that fails": [
        Step("begin", "select 1/0", "prepare foo as select 1", "execute foo", "rollback", "execute foo")],
    "a constant is read once": [
        "set datestyle = 'iso, dmy'", "prepare foo as select '01/02/2020'::date", prepare("select '01/02/2020'::date", "bar"),
        "set datestyle = 'iso, mdy'", "execute foo", run("bar"), "execute foo", "reset datestyle", "execute foo", run("bar")],
    "a constant is read in its transaction": [
        "begin", "set local datestyle = 'iso, dmy'", prepare("select '01/02/2020'::date", "bar"), "prepare foo as select '01/02/2020'::date",
        "commit", run("bar"), "execute foo", "set datestyle = 'iso, ymd'", run("bar"), "execute foo"],
    "a path that changes is followed": [
        "set search_path = one", "prepare foo as select a from t", prepare("select a from t", "bar"), "execute foo", run("bar"),
        "set search_path = two", "execute foo", run("bar"), "set search_path = pg_catalog", "execute foo", run("bar"),
        "set search_path = one", "execute foo", run("bar")],
    "a path to another type": [
        "set search_path = one", "prepare foo as select a from u", prepare("select a from u", "bar"), "execute foo", run("bar"),
        "set search_path = two", "execute foo", run("bar"), "set search_path = one", "execute foo", run("bar")],
    "a path of a transaction": [
        prepare("select a from t", "bar"), "begin", "set local search_path = two", prepare("select a from t", "bar"), run("bar"),
        "set local search_path = one", run("bar"), "show search_path", "commit", run("bar"), "show search_path"],
    "a table that is gone": [
        "create table gone (a int)", "prepare foo as select * from gone", prepare("select * from gone", "bar"), "drop table gone",
        "execute foo", run("bar"), "begin", "execute foo", "select 1", "rollback", "begin", run("bar"), "rollback",
        "create table gone (a int)", "execute foo", run("bar"), "drop table gone"],
    "a table that changed": [
        "create table altered (a int)", prepare("select * from altered", "bar"), wire.describe("S", "bar") + wire.sync(), run("bar"),
        "alter table altered add b int", run("bar"), "begin", run("bar"), "select 1", "rollback", run("bar"),
        wire.close("S", "bar") + wire.sync(), prepare("select * from altered", "bar"), run("bar"), "drop table altered"],
    "an error in the text": [prepare("select from where", "foo"), prepare("select 1", "foo"), run("foo")],
    "a Parse in a failed transaction": [
        prepare("select 1", "bar"), "begin", "select 1/0", prepare("select 1", "foo"), prepare("rollback", "end"), run("bar"), run("end"),
        run("foo"), run("bar"), run("end")],
    "a Parse behind an error": [
        wire.parse("select 1", "foo") + wire.bind((), "nothing") + wire.parse("select 2", "bar") + wire.sync(), run("foo"), run("bar")],
    "a Parse twice in a batch": [wire.parse("select 1", "foo") + wire.parse("select 1", "foo") + wire.sync(), run("foo")],
    "a Parse before a Bind that fails": [
        wire.parse("select $1::int", "foo") + wire.bind(("x",), "foo") + wire.execute() + wire.sync(), run("foo", "1")],
    "a Close behind an error": [
        prepare("select 1", "foo"), wire.bind((), "nothing") + wire.close("S", "foo") + wire.sync(), run("foo"),
        wire.close("S", "foo") + wire.bind((), "nothing") + wire.sync(), run("foo")],
    "a Close in a failed transaction": [
        prepare("select 1", "foo"), "begin", "select 1/0", wire.close("S", "foo") + wire.sync(), "rollback", run("foo")],
    "names nobody has": [
        wire.describe("S", "none") + wire.sync(), wire.describe("P", "none") + wire.sync(), wire.close("S", "none") + wire.sync(),
        run("none"), wire.execute("none") + wire.sync()],
    "an unnamed statement is kept": [
        wire.parse("select 1") + wire.sync(), run(""), run(""), wire.parse("select from where") + wire.sync(), run(""),
        wire.parse("select 2") + wire.sync(), wire.parse("select 3") + wire.close("S", "") + wire.sync(), run(""),
        wire.parse("select 4") + wire.sync(), "select 5", run(""), run("")],
    "an unnamed statement behind an error": [
        wire.parse("select 1") + wire.execute("none") + wire.parse("select 2") + wire.sync(), run(""), run(""),
        wire.execute("none") + wire.close("S", "") + wire.sync(), run(""), wire.execute("none") + wire.query("select 3") + wire.sync(), run(""),
        wire.execute("none") + wire.parse("select from where") + wire.sync(), run("")],
    "an unnamed statement that was never there": [
        wire.execute("none") + wire.parse("select 1") + wire.sync(), run(""), wire.execute("none") + run(""), run(""),
        wire.describe("S") + wire.sync()],
    "unnamed statements in a pipeline that fails": [
        Step(wire.execute("none") + wire.parse("select 1") + wire.sync(), run(""), wire.parse("select 2") + wire.sync(),
             wire.execute("none") + wire.parse("select 3") + wire.sync(), wire.describe("S") + run(""), run(""),
             wire.execute("none") + wire.parse("select 4") + wire.sync(), wire.parse("select 5") + wire.sync(), run("")), run("")],
    "an unnamed statement in a failed transaction": [
        wire.parse("rollback") + wire.sync(), "begin", "select 1/0", wire.parse("rollback") + wire.sync(), run(""),
        wire.parse("select 1") + wire.sync(), wire.execute("none") + wire.parse("rollback") + wire.sync(), run(""), run("")],
    "a long unnamed statement": [wire.parse("select 1" + " " * 100000) + wire.bind() + wire.execute() + wire.sync()],
    "a Close in a pipeline that fails": [
        prepare("select 1", "foo"),
        Step(wire.execute("none") + wire.close("S", "foo") + wire.sync(), wire.bind((), "foo") + wire.execute() + wire.sync(),
             wire.execute("none") + wire.close("S", "foo") + wire.sync(), prepare("select 2", "foo"),
             wire.execute("none") + wire.close("S", "foo") + wire.sync(), wire.close("S", "foo") + wire.sync(), run("foo"))],
    "two names of one statement": [prepare("select 1", "foo"), prepare("select 1", "bar"), prepare("select 2", "bar"), prepare("select 1", "bar")],
    "the end of a failed transaction by a name": [
        "set datestyle = 'iso, dmy'", prepare("rollback", "foo"), "set datestyle = 'iso, ymd'", prepare("commit and chain", "bar"),
        "set datestyle = 'iso, mdy'", "begin", "select 1/0", run("foo"), "begin", "select 1/0", run("bar"), run("foo")],
    "batches in a failed transaction": [
        prepare("select 1", "foo"),
        Step("begin", "select 1/0", prepare("select 1", "bar"), run("foo"), "rollback", run("bar"), prepare("select 1", "bar"), run("bar"))],
    "batches that begin one": [
        prepare("select 1/$1::int", "foo"),
        Step(unnamed("begin"), run("foo", "0"), prepare("select 1/$1::int", "bar"), wire.close("S", "foo") + wire.sync(), unnamed("rollback"),
             run("bar", "1"), run("foo", "1"))],
}


@pytest.fixture(scope="module")
def schemas():
    return """
        create schema if not exists one; create table if not exists one.t (a int); create table if not exists one.u (a int);
        create schema if not exists two; create table if not exists two.t (a int); create table if not exists two.u (a text);
        truncate one.t, two.t; insert into one.t values (1); insert into two.t values (2)
    """


@pytest.mark.parametrize("scene", SCENES, ids=lambda name: name.replace(" ", "_"))
def test_prepared_statements_are_as_on_a_connection_of_ones_own(app, schemas, scene):
    app.query(schemas)
    one = app.weir(default_pool_size=1, workers=1)
    with app.primary.client("app") as direct:
        expected = [answers(direct, step) for step in SCENES[scene]]
    intruders = Intruders(one, ["foo", "bar"])

    with one.client("app") as client:
        for step, wanted in zip(SCENES[scene], expected):
            assert answers(client, step) == wanted, step
            if wanted[-1] == (b"Z", b"I"):
                intruders.pass_by()

    intruders.close()
    assert len(app.pids()) == 1


def test_what_is_prepared_again_must_return_what_the_client_was_told(app):
    """A table changed behind the back of all, and the statement comes to a server that never had it."""
    app.query("drop table if exists told; create table told (a int)")
    one = app.weir(default_pool_size=2, workers=1)
    with one.client("app") as client, one.client("app") as holder, one.client("app") as newcomer:
        client.ask(prepare("select * from told", "foo"))
        client.ask(wire.describe("S", "foo"), wire.sync())
        app.query("alter table told add b int")

        holder.query("begin")
        for _ in range(2):
            result = client.ask(wire.bind((), "foo"), wire.execute(), wire.sync())
            assert (result.error.sqlstate, result.error.message) == ("0A000", "cached plan must not change result type")
        client.query("begin")
        assert client.ask(wire.bind((), "foo"), wire.execute(), wire.sync()).error.sqlstate == "0A000"
        assert client.status == "E"
        client.query("rollback")
        newcomer.ask(prepare("select * from told", "foo"))

        assert newcomer.ask(run("foo")).names == ["a", "b"]
        client.ask(wire.close("S", "foo"), wire.sync())
        client.ask(prepare("select * from told", "foo"))
        assert client.ask(run("foo")).names == ["a", "b"]
        holder.query("rollback")
    app.query("drop table told")


def test_a_hundred_thousand_names_without_a_sync_are_answered_in_bounded_memory(app):
    """Parses that are answered here, without a Sync in sight."""
    one = app.weir(default_pool_size=1, workers=1)
    with one.client("app", timeout=60) as client:
        client.ask(prepare("select 1", "first"))
        before = one.memory()
        for _ in range(100):
            client.send(*[wire.parse("select 1", "mine") + wire.close("S", "mine") for _ in range(1000)])
            client.send(wire.flush())
            assert len([client.read() for _ in range(2000)]) == 2000
        client.send(*[wire.parse("select 1", "mine") + wire.close("S", "mine") for _ in range(20000)], wire.sync())
        assert len(client.read_until(b"Z")) == 40001

    # AddressSanitizer keeps up to 256 MB of what was freed.
    assert one.memory() - before < (8 << 20 if flavour() != "asan" else 300 << 20)


def test_the_time_zone_of_a_parse_is_its_clients_own(app):
    """Behind a SET that was reported, on a server that another client has just had."""
    one = app.weir(default_pool_size=1)
    zones = {"Asia/Tokyo": "2019-12-31 15:00:00", "America/New_York": "2020-01-01 05:00:00"}
    clients = {zone: one.client("app") for zone in zones}
    other = one.client("app", TimeZone="America/Lima")

    for zone, client in clients.items():
        client.query(f"set timezone = '{zone}'")
        other.query("select 1")
    for client in clients.values():
        client.ask(wire.parse("select '2020-01-01 00:00'::timestamptz at time zone 'UTC'", "s"), wire.sync())
        other.query("select 1")

    for zone, client in clients.items():
        assert client.ask(wire.bind((), "s"), wire.execute(), wire.sync()).rows == [(zones[zone],)]
        client.close()
    other.close()


def test_an_error_says_the_name_that_the_parse_gave(app):
    """Also where the client has two names for one text."""
    one = app.weir(default_pool_size=1)

    with one.client("app") as client:
        for name in ("first", "second"):
            assert client.ask(wire.parse("select 1", name), wire.sync()).error is None
        for name in ("first", "second"):
            again = client.ask(wire.parse("select 1", name), wire.sync()).error
            assert again.fields["M"] == f'prepared statement "{name}" already exists'
            assert client.ask(wire.bind((), name), wire.execute(), wire.sync()).rows == [("1",)]


def test_names_are_as_long_as_postgresqls(app):
    one = app.weir(default_pool_size=1)
    name = "n" * 70

    for host in (app.primary, one):
        with host.client("app") as client:
            client.ask(wire.parse("select 1", name), wire.sync())
            assert client.ask(wire.bind((), name[:63]), wire.execute(), wire.sync()).rows == [("1",)]
            assert client.query(f"execute {name}").rows == [("1",)]
            assert client.ask(wire.parse("select 2", name + "more"), wire.sync()).error.fields["C"] == "42P05"
            client.query(f"deallocate {name}")
            assert client.ask(wire.bind((), name), wire.execute(), wire.sync()).error.fields["C"] == "26000"
