"""The law of the split, statement by statement: what a replica must never see, and what it answers as well.

Which host saw a statement is read from the hosts' own logs, errors included: every statement carries a comment with
its number.  Each runs directly on the primary first; through pgweir its answer has to be the same.
"""

import re

import pytest

from lib import wire
from lib.eventually import eventually

from . import route_truth

PRIMARY = [text for texts in route_truth.PRIMARY.values() for text in texts]
READS = route_truth.READS
# A session that has drawn a number, or done worse, would stay on the primary, whatever comes next.
CONTINUED = {text for group in route_truth.CONTINUED for text in route_truth.PRIMARY[group][:-1]}
MARK = re.compile(r"/\* truth (\w+) \*/")


@pytest.fixture(scope="module")
def truth(shared_cluster):
    """The database with the traps."""
    shared_cluster.create_database("truth")
    with shared_cluster.primary.client("truth") as client:
        client.query(route_truth.SCHEMA)
    shared_cluster.wait_for_replicas()
    return shared_cluster


def rewind(truth):
    """The state in which every pass over the statements begins."""
    with truth.primary.client("truth") as client:
        client.query("delete from plain where id > 20; update plain set n = 0; truncate audit; select setval('s', 50)")
        for command in ("vacuum full plain", "vacuum full audit", "analyze"):
            client.query(command)


def finish(client, messages, end):
    """Sends and reads up to ReadyForQuery; a COPY FROM STDIN is given no rows."""
    client.send(*messages)
    found = client.read_until(b"ZG")
    if found[-1].kind == b"G":
        client.send(*end)
        found += client.read_until(b"Z")
    client.status = found[-1].body.decode()
    return wire.Result(found)


def simple(client, sql):
    return finish(client, [wire.query(sql)], [wire.copy_done()])


def extended(client, sql):
    batch = [wire.parse(sql), wire.bind(), wire.describe(), wire.execute(), wire.sync()]
    return finish(client, batch, [wire.copy_done(), wire.sync()])


def prepared(client, sql):
    """Prepared under a name in one batch, run in the next; the name goes away."""
    made = client.ask(wire.parse(sql, "one"), wire.sync())
    if made.error:
        return made
    result = finish(client, [wire.bind(name="one"), wire.describe(), wire.execute(), wire.sync()], [wire.copy_done(), wire.sync()])
    client.ask(wire.close("S", "one"), wire.sync())
    return result


def together(client, sql):
    """Prepared under a name and run in the same batch.  Behind a COPY that takes rows nothing else may be sent."""
    if "from stdin" in sql.lower():
        return prepared(client, sql)
    batch = [wire.parse(sql, "one"), wire.bind(name="one"), wire.describe(), wire.execute(), wire.close("S", "one"), wire.sync()]
    result = finish(client, batch, [wire.copy_done(), wire.sync()])
    if result.error:
        client.ask(wire.close("S", "one"), wire.sync())
    return result


def answer_of(result, rows):
    """What has to be the same wherever it ran."""
    error = result.error.sqlstate if result.error else None
    copied = [m.body for m in result.messages if m.kind == b"d"]
    return error, result.names, result.tags, (result.rows, copied) if rows else len(result.rows) + len(copied)


def run_all(connect, leave, protocol, statements, rows):
    """The answers, each to a client of its own but where a statement needs those before it."""
    answers, client = [], None
    for number, sql in enumerate(statements):
        client = client or connect()
        answers.append(answer_of(protocol(client, f"/* truth {number} */ {sql}"), rows))
        if client.status != "I":
            client.query("rollback")
        if sql not in CONTINUED:
            client = leave(client)
    return answers


def renew(client):
    """As good as a new session of PostgreSQL's, and ten times as fast."""
    client.query("discard all")
    return client


def run_directly(truth, protocol, statements, rows):
    with truth.primary.client("truth") as client:
        return run_all(lambda: client, renew, protocol, statements, rows)


def run_through(weir, protocol, statements, rows):
    return run_all(lambda: weir.client("truth"), wire.Client.close, protocol, statements, rows)


def split(pgweir, truth, workers=1):
    """Two servers, so that nobody waits while the catalog is read."""
    weir = pgweir(
        {
            "databases": {"truth": truth.target("truth", route="split", pool_size=2)},
            "pgbouncer": {"pool_mode": "transaction", "workers": workers, "monitor_user": "postgres"},
        },
        users={"postgres": ""},
    )
    eventually(reads_go_to_replicas, truth, weir)
    return weir


def reads_go_to_replicas(cluster, weir, database="truth"):
    marks = cluster.marks()
    with weir.client(database) as client:
        client.query("select 'is the catalog known' from pg_class limit 1")
    return not any("is the catalog known" in s.text for s in cluster.primary.statements_since(marks[cluster.primary]))


def runs_on_a_replica(cluster, client, sql):
    mark = cluster.primary.mark()
    client.query(sql)
    return sql not in cluster.primary.log_since(mark)


def seen(cluster, marks):
    """Host → the numbers of the statements that its log mentions."""
    return {host: {int(n) for n in MARK.findall(host.log_since(marks[host])) if n.isdigit()} for host in cluster.hosts}


def differing(statements, got, expected):
    return [f"{sql}\n    {g}\n    expected {e}" for sql, g, e in zip(statements, got, expected) if g != e]


def is_multiple(sql):
    return ";" in sql.rstrip(";").replace("; --", "")


PROTOCOLS = [simple, extended, prepared, together]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_statement_that_needs_the_primary_is_ever_seen_by_a_replica(truth, pgweir, protocol):
    rewind(truth)
    expected = run_directly(truth, protocol, PRIMARY, rows=False)
    rewind(truth)
    weir = split(pgweir, truth)
    marks = truth.marks()

    got = run_through(weir, protocol, PRIMARY, rows=False)

    hosts = seen(truth, marks)
    strays = set().union(*[hosts[replica] for replica in truth.replicas])
    assert [PRIMARY[n] for n in sorted(strays)] == []
    assert len(PRIMARY) >= 300
    assert differing(PRIMARY, got, expected) == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_plain_read_runs_on_a_replica_with_the_primarys_answer(truth, pgweir, protocol):
    rewind(truth)
    truth.wait_for_replicas()
    weir = split(pgweir, truth)
    expected = run_directly(truth, protocol, READS, rows=True)
    marks = truth.marks()

    got = run_through(weir, protocol, READS, rows=True)

    hosts = seen(truth, marks)
    several = {n for n, sql in enumerate(READS) if protocol is not simple and is_multiple(sql)}
    assert len(READS) >= 200
    assert [READS[n] for n in sorted(hosts[truth.primary] - several)] == []
    missing = set(range(len(READS))) - several - set().union(*[hosts[r] for r in truth.replicas])
    assert [READS[n] for n in sorted(missing)] == []
    assert differing(READS, got, expected) == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_read_that_a_replica_refuses_has_the_primarys_answer(truth, pgweir, protocol):
    weir = split(pgweir, truth)
    expected = run_directly(truth, protocol, route_truth.REFUSED, rows=True)
    marks = truth.marks()

    got = run_through(weir, protocol, route_truth.REFUSED, rows=True)

    hosts = seen(truth, marks)
    assert differing(route_truth.REFUSED, got, expected) == []
    assert hosts[truth.primary] == set.union(*[hosts[r] for r in truth.replicas]) == set(range(len(route_truth.REFUSED)))


def test_the_settings_that_change_how_a_text_is_read_send_it_to_the_primary(truth, pgweir):
    """With escapes in plain strings, or in an encoding with ASCII bytes inside characters, no text can be trusted."""
    weir = split(pgweir, truth)
    marks = truth.marks()

    with weir.client("truth") as client:
        client.query("set standard_conforming_strings = off")
        client.query(r"/* truth 1 */ select 'a\''")
        client.query("reset standard_conforming_strings")
        client.query("set client_encoding = 'SJIS'")
        client.ask(wire.query("/* truth 2 */ select '\u8868'".encode("shift_jis")))
        client.query("reset client_encoding")
        client.query("/* truth 3 */ select 'a'")

    hosts = seen(truth, marks)
    assert hosts[truth.primary] == {1, 2}
    assert hosts[truth.replica(1)] | hosts[truth.replica(2)] == {3}


def test_a_statement_too_long_to_be_judged_runs_on_the_primary(truth, pgweir):
    weir = split(pgweir, truth)
    marks = truth.marks()
    long = "/* truth 1 */ select length('" + "x" * 200_000 + "')"
    deep = "/* truth 2 */ select " + "(select " * 1000 + "1" + ")" * 1000

    with weir.client("truth") as client:
        lengths = [simple(client, long).rows, extended(client, long).rows]
        client.ask(wire.query(deep))
        client.ask(wire.parse(deep), wire.bind(), wire.execute(), wire.sync())

    hosts = seen(truth, marks)
    assert lengths == [[("200000",)]] * 2
    assert hosts[truth.replica(1)] | hosts[truth.replica(2)] == set()


def test_a_function_call_of_the_protocol_runs_on_the_primary(truth, pgweir):
    weir = split(pgweir, truth)
    oid = int(truth.primary.value("select 'abs(int)'::regprocedure::oid", "truth"))
    marks = truth.marks()

    with weir.client("truth") as client:
        result = client.ask(wire.function_call(oid, "-3"))

    assert result.kinds == "VZ"
    calls = {host: [s for s in host.statements_since(mark) if s.kind.startswith("fastpath")] for host, mark in marks.items()}
    assert len(calls[truth.primary]) == 1
    assert calls[truth.replica(1)] + calls[truth.replica(2)] == []


@pytest.mark.parametrize("name", ["", "one"])
def test_a_parameter_of_a_type_that_calls_something_unsafe_runs_on_the_primary(truth, pgweir, name):
    """A domain's check runs when the value is bound: the text does not mention the type."""
    weir = split(pgweir, truth)
    oids = [int(truth.primary.value(f"select '{t}'::regtype::oid", "truth")) for t in ("app.small", "int4", "app.checked", "app.holder")]
    marks = truth.marks()

    with weir.client("truth") as client:
        for number, (oid, value) in enumerate(zip(oids, ("5", "5", "5", "(5)"))):
            sql = f"/* truth {number} */ select $1 is null"
            client.ask(wire.parse(sql, name, [oid]), wire.sync())
            assert not client.ask(wire.bind([value], name), wire.execute(), wire.sync()).error
            assert not client.ask(wire.parse(sql, "", [oid]), wire.bind([value]), wire.execute(), wire.sync()).error
            client.ask(wire.close("S", name), wire.sync())

    hosts = seen(truth, marks)
    assert hosts[truth.primary] == {2, 3}
    assert hosts[truth.replica(1)] | hosts[truth.replica(2)] == {0, 1}


def test_who_listens_reads_on_a_replica_and_listens_on(truth, pgweir):
    weir = split(pgweir, truth)
    with weir.client("truth") as client:
        client.query("listen made")
        marks = truth.marks()

        client.query("/* truth 1 */ select id from plain; select id from other")
        client.query("begin read only; /* truth 2 */ select id from plain; commit")
        client.query("notify made, 'still'")

        assert client.query("select pg_listening_channels()").rows == [("made",)]
    assert seen(truth, marks)[truth.primary] == set()


def test_a_definition_inside_of_a_function_is_noticed_before_the_next_statement(truth, pgweir):
    truth.primary.query(
        "create or replace function app.redefines() returns void language plpgsql as 'begin"
        " create or replace function app.turns(a int) returns int language plpgsql volatile as "
        "''begin insert into app.audit (what) values (a); return a; end''; end';"
        "create or replace function app.turns(a int) returns int language sql stable as 'select a'", "truth")
    truth.wait_for_replicas()
    weir = split(pgweir, truth)
    marks = truth.marks()

    with weir.client("truth") as client:
        eventually(lambda: runs_on_a_replica(truth, client, "/* truth 1 */ select turns(1)"))
        client.query("select redefines()")
        after = client.query("/* truth 2 */ select turns(1)")

    assert after.rows == [("1",)]
    assert seen(truth, marks)[truth.primary] >= {2}
    assert not any(2 in seen(truth, marks)[replica] for replica in truth.replicas)


def explained(weir, sql):
    """The items of ROUTE that come once."""
    quoted = sql.replace("'", "''")
    return {row["item"]: row["value"] for row in weir.console(f"ROUTE truth '{quoted}'")}


EXPLAINED = ["relations", "hidden in a view", "hidden in an operator, a cast or a domain", "hints"]


def test_route_says_of_a_statement_what_happens_to_it(truth, pgweir):
    statements = [sql for group in EXPLAINED for sql in route_truth.PRIMARY[group][::5]]
    statements += [sql for sql in READS[::9] if "no_such" not in sql]
    rewind(truth)
    weir = split(pgweir, truth)

    told = []
    with weir.client("truth", options="-c pgweir.route_notice=on") as client:
        for sql in statements:
            notice = [n["M"] for n in simple(client, sql).notices if n["M"].startswith("pgweir: ")][-1]
            told.append(re.fullmatch(r"pgweir: (primary|replica) \S+ \((\w+)\)", notice).groups())
            client.query("rollback")
            client.query("discard all")

    routes = [explained(weir, sql) for sql in statements]
    assert differing(statements, [(r["target"], r["reason"]) for r in routes], told) == []
    assert all("because" in r for r in routes if r["reason"] in ("unsafe_relation", "unsafe_operator"))
