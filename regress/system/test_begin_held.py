"""BEGIN held back: answered at once, sent with the first statement, which decides on the host."""

import pytest

from lib import wire
from lib.eventually import eventually
from lib.pgweir import Pgweir
from lib.routes import DATABASE, Routes

READ = "select count(*) from notes"
WRITE = "insert into hits values (1)"


@pytest.fixture
def routes(shared_cluster, pgweir):
    return Routes(shared_cluster, pgweir)


@pytest.fixture(scope="module")
def shared(shared_cluster, nest):
    """A pgweir for tests that change nothing about it."""
    routes = Routes(shared_cluster, lambda config, users: Pgweir(nest, config, users))
    with routes.weir() as weir:
        yield routes, weir


def lone(sql):
    """A statement as libpq's PQexecParams sends it."""
    return wire.parse(sql) + wire.bind() + wire.describe() + wire.execute() + wire.sync()


def described(sql):
    return wire.parse(sql) + wire.describe("S", "") + wire.bind() + wire.execute() + wire.sync()


SIMPLE, EXTENDED, DESCRIBED = wire.query, lone, described


def run(client, requests):
    """All that the client hears, but for notices of hosts; a request is answered up to its ReadyForQuery."""
    said = []
    for request in requests:
        client.send(request)
        said += [(m.kind, m.fields() if m.kind in b"EN" else m.body) for m in client.read_until(b"Z") if m.kind != b"S"]
    for kind, fields in said:
        if kind in b"EN":
            for letter in "FLRPW":
                fields.pop(letter, None)
    return said


# Each program is the same through pgweir as on a connection of the primary's own.
PROGRAMS = [
    ["begin", "commit"],
    ["begin", "rollback"],
    ["start transaction", "end"],
    ["begin work; ", "abort"],
    ["/* a */ begin -- b", "commit"],
    ["begin", READ, "commit"],
    ["begin", WRITE, "rollback", READ],
    ["begin", "begin", "commit"],
    ["begin", READ, "begin", "commit"],
    ["commit"],
    ["rollback"],
    ["begin", "commit", "commit"],
    ["begin", "commit and chain", WRITE, "rollback"],
    ["begin", "rollback and chain", READ, "commit"],
    ["begin isolation level serializable read only deferrable", "show transaction_isolation", "commit"],
    ["begin isolation level repeatable read", "show transaction_isolation", "commit"],
    ["begin", "set transaction isolation level serializable", "show transaction_isolation", "commit"],
    ["begin read only", "set transaction read write", WRITE, "rollback"],
    ["begin read only", "show transaction_read_only", WRITE, READ, "rollback"],
    ["begin read only", READ, WRITE, READ, "rollback", READ],
    ["begin read only", READ, "set transaction read write", "rollback"],
    ["begin", READ, "set transaction read only", "set transaction isolation level serializable", "commit"],
    ["begin", "set transaction read only", READ, WRITE, "commit"],
    ["begin", "set transaction snapshot 'nothing'", "rollback"],
    ["begin", "savepoint a", WRITE, "rollback to a", READ, "rollback"],
    ["begin", "rollback to a", "rollback"],
    ["begin", "release a", "commit"],
    ["begin", "set local work_mem = '7MB'", "show work_mem", "commit", "show work_mem"],
    ["begin", "set work_mem = '7MB'", "rollback", "show work_mem"],
    ["begin", "", "commit"],
    ["begin", "selec 1", READ, "commit"],
    ["begin", "select 1/0", READ, "commit", READ],
    ["begin", "vacuum notes", "rollback"],
    ["begin", "prepare transaction 'x y z'", "rollback prepared 'x y z'"],
    ["begin", "commit prepared 'nothing'", "rollback"],
    ["begin", "declare c cursor for select id from notes order by id", "fetch 2 from c", "commit", "fetch 1 from c"],
    ["begin read only", "declare c cursor for select id from notes order by id", "fetch 2 from c", "move 1 in c", "close c", "commit"],
    ["begin read only", READ, "select pg_is_in_recovery()", READ, "commit"],
    ["begin read only", READ, "select nextval('notes_id_seq')", READ, "commit"],
    ["begin read only", READ, "lock table notes in access share mode", "commit"],
    ["begin; select 1", "select 2", "commit"],
    ["begin read only; select 1", "select 2", "commit"],
    ["begin", "begin; select 1; commit", "commit"],
    ["begin", "select 1; commit; select 2", READ],
    ["begin", "discard all", "rollback"],
    ["begin", "deallocate all", "rollback"],
    ["begin", "listen here", "commit", "unlisten here"],
    ["begin", "create temp table of_begin (a int)", "select count(*) from of_begin", "rollback"],
    ["begin", "set constraints all deferred", "commit"],
    ["set default_transaction_read_only = on", "begin", READ, WRITE, "rollback", "reset default_transaction_read_only"],
    ["set default_transaction_isolation = serializable", "begin read only", READ, "show transaction_isolation", "commit", READ, "reset all"],
    ["set session characteristics as transaction read only", "begin", READ, WRITE, "rollback", "begin read write", WRITE, "rollback", "reset all"],
    ["set session characteristics as transaction isolation level serializable", READ, "begin read only", READ, "commit", "reset all"],
]


@pytest.mark.parametrize("form", [SIMPLE, EXTENDED, DESCRIBED])
def test_whatever_is_begun_answers_as_a_connection_of_its_own(shared, form):
    routes, weir = shared
    for program in PROGRAMS:
        is_several = any(";" in sql.rstrip("; ") for sql in program)
        requests = [(SIMPLE if is_several else form)(sql) for sql in program]
        with routes.primary.client(DATABASE) as direct:
            expected = run(direct, requests)
        with weir.client(DATABASE) as client:
            found = run(client, requests)
        assert found == expected, program


def test_a_pipeline_of_requests_is_answered_in_order(shared):
    routes, weir = shared
    requests = [wire.query(q) for q in ("begin", WRITE, READ, "rollback", "begin", "commit", READ, "begin read only", READ, "commit")]

    with routes.primary.client(DATABASE) as direct, weir.client(DATABASE) as client:
        for one in (direct, client):
            one.send(*requests)
        heard = [[m.bytes for _ in requests for m in one.read_until(b"Z") if m.kind not in b"S"] for one in (direct, client)]

    assert heard[1] == heard[0]


def test_a_transaction_without_statements_reaches_no_server(shared):
    routes, weir = shared
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        for begin, end in (("begin", "commit"), ("start transaction read only", "rollback"), ("begin", "end")):
            client.query(f"/* one */ {begin}")
            assert client.status == "T"
            client.query(f"/* one */ {end}")
            assert client.status == "I"

    assert seen.counts("one") == [0, 0, 0]


def where(routes, weir, *program, form=wire.query):
    """The hosts that have seen the program, and how often in all."""
    seen, word = routes.watch(), routes.word()
    with weir.client(DATABASE) as client:
        results = [client.ask(form(f"/* {word} */ {sql}")) for sql in program]
    return seen.on(word), sum(seen.counts(word)), [r.error and r.error.sqlstate for r in results]


@pytest.mark.parametrize("form", [SIMPLE, EXTENDED])
@pytest.mark.parametrize(
    "program",
    [
        ["begin read only", READ, "select 1", "commit"],
        ["begin", "set transaction read only", READ, "commit"],
        ["start transaction isolation level repeatable read", "set transaction read only", READ, READ, "rollback"],
        ["begin read only", "declare c cursor for select id from notes", "fetch 3 from c", "commit"],
        ["begin read only", "explain select 1", "copy notes to stdout", "commit"],
        ["begin read only", READ, "savepoint a", READ, "rollback to a", "commit"],
        ["begin read only", READ, "set local work_mem = '8MB'", READ, "commit"],
    ],
)
def test_a_read_only_transaction_runs_whole_on_one_replica(shared, program, form):
    routes, weir = shared

    hosts, times, errors = where(routes, weir, *program, form=form)

    assert len(hosts) == 1 and hosts < routes.replicas
    assert times == len(program)
    assert errors == [None] * len(program)


@pytest.mark.parametrize(
    "program",
    [
        ["begin", READ, "commit"],
        ["begin read only", "set transaction read write", WRITE, "commit"],
        ["begin read only", "savepoint a", READ, "commit"],
        ["begin read only", "set local work_mem = '8MB'", READ, "commit"],
        ["begin read only", "show work_mem", READ, "commit"],
        ["begin read only", "begin", READ, "commit"],
        ["begin read only", "select pg_is_in_recovery()", READ, "commit"],
        ["begin isolation level serializable read only", READ, "commit"],
        ["begin read only", "set transaction isolation level serializable", READ, "commit"],
        ["begin read write", "set transaction read only", READ, "commit"],
    ],
)
def test_all_else_runs_whole_on_the_primary(shared, program):
    routes, weir = shared

    hosts, times, errors = where(routes, weir, *program)

    assert hosts == {routes.primary}
    assert times == len(program)
    assert errors == [None] * len(program)


@pytest.mark.parametrize("form", [SIMPLE, EXTENDED])
def test_a_read_only_transaction_moves_to_the_primary_when_it_needs_that(shared, form):
    routes, weir = shared
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        for sql in ("/* b */ begin read only", f"/* r */ {READ}"):
            client.ask(form(sql))
        recovery = client.ask(form("/* p */ select pg_is_in_recovery()"))
        client.ask(form(f"/* q */ {READ}"))
        refused = client.ask(form(f"/* w */ {WRITE}"))
        client.ask(form("/* e */ rollback"))

    assert recovery.rows == [("f",)] or recovery.messages
    assert seen.on("r") < routes.replicas
    assert [seen.on(word) for word in "pqwe"] == [{routes.primary}] * 4
    assert seen.on("b") == seen.on("r") | {routes.primary}
    assert refused.error.sqlstate == "25006"


@pytest.mark.parametrize(
    "before",
    [
        ["declare c cursor for select id from notes"],
        [READ, "savepoint a"],
        [READ, "set local work_mem = '8MB'"],
        [READ, "set work_mem = '8MB'"],
    ],
)
def test_a_transaction_that_would_lose_something_stays_and_hears_the_replicas_error(shared, before):
    routes, weir = shared
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        for sql in ["begin read only", *before]:
            client.query(sql)
        refused = client.ask(wire.query("/* one */ select nextval('notes_id_seq')"))

    assert refused.error.sqlstate == "25006"
    assert seen.on("one") < routes.replicas


def test_a_repeatable_read_transaction_does_not_move(shared):
    routes, weir = shared

    hosts, _, errors = where(routes, weir, "begin isolation level repeatable read read only", READ, "select nextval('notes_id_seq')", "rollback")

    assert hosts < routes.replicas
    assert errors == [None, None, "25006", None]


def test_the_default_of_a_session_decides_where_a_transaction_says_nothing(shared):
    routes, weir = shared
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        client.query("set default_transaction_read_only = on")
        for sql in ("begin", READ, "commit"):
            client.query(f"/* one */ {sql}")
        for sql in ("begin read write", READ, "commit"):
            client.query(f"/* two */ {sql}")
        client.query("set default_transaction_isolation = 'serializable'")
        client.query(f"/* three */ {READ}")
        for sql in ("begin", READ, "commit"):
            client.query(f"/* three */ {sql}")

    assert seen.on("one") < routes.replicas
    assert seen.on("two") == {routes.primary}
    assert seen.on("three") == {routes.primary}


def test_the_default_of_a_role_or_database_decides_too(routes):
    weir = routes.weir()
    routes.cluster.create_role("serial_one")
    routes.primary.query("alter role serial_one set default_transaction_isolation = 'serializable'")
    routes.primary.query("grant select on notes to serial_one", DATABASE)
    routes.cluster.wait_for_replicas()
    weir.write_users({"postgres": "", "serial_one": ""})
    weir.console("reload")

    def on(user, *program):
        seen, word = routes.watch(), routes.word()
        with weir.client(DATABASE, user=user) as client:
            errors = [client.ask(wire.query(f"/* {word} */ {sql}")).error for sql in program]
        assert errors == [None] * len(program)
        return seen.on(word)

    eventually(lambda: on("serial_one", READ) == {routes.primary})
    assert on("serial_one", "begin read only", READ, "commit") == {routes.primary}
    assert on("postgres", READ) < routes.replicas
    routes.primary.query("drop owned by serial_one", DATABASE)
    routes.primary.query("drop role serial_one")


@pytest.mark.parametrize("keys, main", [({"lazy_begin": 0}, {}), ({}, {"lazy_begin": 0}), ({"lazy_begin": 0}, {"lazy_begin": 1})])
def test_lazy_begin_off_sends_begin_at_once(routes, keys, main):
    weir = routes.weir(keys=keys, **main)
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        client.query("/* one */ begin")
        begun = seen.on("one")
        client.query("/* one */ commit")

    assert begun == {routes.primary}
    assert sum(seen.counts("one")) == 2


def test_a_held_transaction_ends_by_its_idle_timeout(routes):
    weir = routes.weir(idle_transaction_timeout="0.3").allow("idle transaction timeout")

    with weir.client(DATABASE) as client:
        client.query("begin")
        fatal = client.read_until(b"E")[-1].fields()

    assert fatal["S"] == "FATAL"
    assert "idle transaction timeout" in fatal["M"]


def test_a_held_transaction_is_not_ended_as_an_idle_client(routes):
    weir = routes.weir(client_idle_timeout="0.3").allow("client_idle_timeout")

    with weir.client(DATABASE) as client, weir.client(DATABASE) as other:
        client.query("begin")
        assert other.read_until(b"E")
        answer = client.query(READ)

    assert answer.error is None


def test_a_cancel_while_the_first_statement_waits_fails_the_transaction(routes):
    weir = routes.weir(keys={"pool_size": 1}).allow("canceling")

    with weir.client(DATABASE) as holder, weir.client(DATABASE) as client:
        holder.query("begin")
        holder.query(WRITE)
        client.query("begin")
        client.send(wire.query(WRITE))
        eventually(lambda: weir.show("pools", database=DATABASE)[0]["cl_waiting"] == 1)
        client.cancel()
        cancelled = client.read_until(b"Z")
        refused = client.ask(wire.query(READ))
        batch = client.ask(wire.parse(READ), wire.bind(), wire.execute(), wire.sync())
        ended = client.ask(wire.query("commit"))
        holder.query("rollback")
        after = client.query(READ)

    assert [m.kind for m in cancelled] == [b"E", b"Z"]
    assert cancelled[-1].body == b"E"
    assert (refused.error.sqlstate, refused.messages[-1].body) == ("25P02", b"E")
    assert (batch.error.sqlstate, batch.kinds) == ("25P02", "EZ")
    assert (ended.tags, ended.messages[-1].body) == (["ROLLBACK"], b"I")
    assert after.error is None


def test_a_client_that_leaves_before_its_first_statement_leaves_nothing(shared):
    routes, weir = shared

    with weir.client(DATABASE) as client:
        client.query("begin")
    with weir.client(DATABASE) as client:
        client.query("begin")
        client.socket.close()

    assert routes.primary.value("select count(*) from pg_stat_activity where state like 'idle in transaction%'") == "0"


def test_the_notice_says_that_begin_is_held(shared):
    _, weir = shared

    with weir.client(DATABASE) as client:
        client.query("set pgweir.route_notice = on")
        begun = client.query("begin")
        client.query("commit")

    assert [n["M"] for n in begun.notices] == ["pgweir: no server (begin_held)"]
