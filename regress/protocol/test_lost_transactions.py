"""A server dies in the middle of a transaction, or of a statement: what the client is told, and in which state it is."""

import socket

import pytest

from lib import wire
from lib.eventually import eventually
from lib.hosts import CLOSE, DATABASE, Hosts

INSERT = "insert into t values (1)"
ENDED = wire.error("terminating connection due to administrator command", "57P01", "FATAL")


@pytest.fixture
def hosts(fake_server):
    return Hosts(fake_server)


def loses(*texts, words=()):
    """The primary is lost at the first of these texts."""
    lost = []

    def answers(session, sql):
        if sql.lower().startswith(texts) and not lost:
            lost.append(sql)
            return [*words, CLOSE]
        return None

    return answers


def call(sql, name=""):
    return wire.parse(sql, name) + wire.bind(name=name) + wire.describe() + wire.execute()


def heals(weir):
    return {r["kind"]: r["count"] for r in weir.show("HEALS", database=DATABASE) if r["count"]}


def codes(client, *texts):
    """What each text is answered: its SQLSTATE or tags, and the status behind it."""
    found = []
    for text in texts:
        result = client.ask(wire.query(text))
        found.append((result.error.sqlstate if result.error else result.tags[-1], client.status))
    return found


def test_a_transaction_lost_half_way_is_in_a_failed_state_until_its_end(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.primary.answers = loses("update")

    with weir.client(DATABASE) as client:
        told = codes(client, "begin", INSERT, "savepoint a", "update t set n = 1", INSERT, "rollback to savepoint a", "select 1")
        ended = codes(client, "rollback", INSERT)

    assert told[3:] == [("57P01", "E"), ("25P02", "E"), ("25P02", "E"), ("25P02", "E")]
    assert ended == [("ROLLBACK", "I"), ("INSERT 0 1", "I")]
    assert heals(weir) == {"transaction_lost": 1}


def test_a_commit_of_it_is_answered_with_rollback(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.primary.answers = loses("update")

    with weir.client(DATABASE) as client:
        assert codes(client, "begin", INSERT, "update t set n = 1", "commit", "select 1")[2:] == [
            ("57P01", "E"), ("ROLLBACK", "I"), ("SELECT 1", "I")]


def test_a_commit_whose_answer_is_lost_is_in_doubt(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.primary.answers = loses("commit")

    with weir.client(DATABASE) as client:
        told = codes(client, "begin", INSERT, "commit", "select 1")
        again = client.ask(call("begin"), wire.sync()), client.ask(call(INSERT), wire.sync())
        hosts.primary.answers = loses("commit")
        extended = client.ask(call("commit"), wire.sync())

    assert told[2:] == [("08007", "I"), ("SELECT 1", "I")]
    assert again[0].error is None and extended.error.sqlstate == "08007"
    assert (extended.kinds[-2:], client.status) == ("EZ", "I")
    assert {"D", "H"} <= set(extended.error.fields)
    assert heals(weir) == {"outcome_unknown": 2}


def test_a_write_by_itself_whose_answer_is_lost_is_in_doubt(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.primary.answers = loses("insert", "call")

    with weir.client(DATABASE) as client:
        assert codes(client, INSERT, "select 1") == [("08007", "I"), ("SELECT 1", "I")]

    assert hosts.primary.asked.count(INSERT) == 1
    assert heals(weir) == {"outcome_unknown": 1}


def test_what_writes_nothing_has_changed_nothing(hosts, pgweir):
    weir = hosts.weir(pgweir)

    with weir.client(DATABASE) as client:
        for text in ("select 1 /* pgweir: primary */", "set work_mem = '1MB'", "show work_mem"):
            # A read would be run again, if its host were gone.
            hosts.primary.answers = loses(text[:4])
            assert codes(client, text, "select 1") == [("57P01", "I"), ("SELECT 1", "I")], text

    assert heals(weir) == {"given_up_no_host": 1, "nothing_lost": 2}


def test_the_servers_own_last_words_are_an_error_and_leave_no_doubt(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.primary.answers = loses("insert", words=[ENDED])

    with weir.client(DATABASE) as client:
        result = client.ask(wire.query(INSERT))

    assert (result.error.severity, result.error.sqlstate, client.status) == ("ERROR", "57P01", "I")
    assert heals(weir) == {"nothing_lost": 1}


def idle(hosts, weir, client, *farewell):
    """The client's server goes while its transaction is idle."""
    codes(client, "begin", INSERT)
    session = hosts.primary.last
    session.send(*farewell)
    session.socket.shutdown(socket.SHUT_RDWR)
    eventually(lambda: not weir.show("SERVERS", database=DATABASE, state="active"))


def test_an_idle_transaction_hears_of_it_at_its_next_statement(hosts, pgweir):
    weir = hosts.weir(pgweir)

    with weir.client(DATABASE) as client:
        idle(hosts, weir, client)
        assert codes(client, INSERT, INSERT, "rollback", "select 1") == [
            ("57P01", "E"), ("25P02", "E"), ("ROLLBACK", "I"), ("SELECT 1", "I")]
        idle(hosts, weir, client, wire.error("idle for too long", "25P03", "FATAL"))
        result = client.ask(call(INSERT), wire.sync())
        assert (result.kinds, result.error.sqlstate, result.error.severity, client.status) == ("EZ", "25P03", "ERROR", "E")
        assert client.ask(call("rollback"), wire.sync()).tags == ["ROLLBACK"]

    assert hosts.primary.asked.count(INSERT) == 2


def test_an_idle_transaction_that_commits_unaware_is_told_so(hosts, pgweir):
    weir = hosts.weir(pgweir)

    with weir.client(DATABASE) as client:
        idle(hosts, weir, client)
        assert codes(client, "commit", "select 1") == [("57P01", "I"), ("SELECT 1", "I")]
        idle(hosts, weir, client)
        assert codes(client, "rollback", "select 1") == [("ROLLBACK", "I"), ("SELECT 1", "I")]


def test_batches_are_refused_up_to_their_sync(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.primary.answers = loses("update")

    with weir.client(DATABASE) as client:
        client.ask(call("begin"), wire.sync())
        lost = client.ask(call(INSERT), call("update t set n = 1"), call(INSERT), wire.sync())
        refused = client.ask(call("select 1"), call("select 2"), wire.sync())
        assert client.status == "E"
        named = client.ask(call("rollback", "s_1"), wire.sync())
        again = client.ask(call("begin"), wire.sync()), client.ask(wire.bind(name="s_1"), wire.execute(), wire.sync())

    assert (lost.error.sqlstate, refused.kinds, refused.error.sqlstate) == ("57P01", "EZ", "25P02")
    assert (named.kinds, named.tags) == ("12nCZ", ["ROLLBACK"])
    assert again[1].tags == ["ROLLBACK"]


def test_a_batch_that_is_not_complete_is_dropped_up_to_its_sync(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.primary.answers = loses("update")

    with weir.client(DATABASE) as client:
        client.ask(wire.query("begin"))
        client.send(call("update t set n = 1"), wire.flush())
        messages = client.read_until(b"E")
        rest = client.ask(call(INSERT), wire.sync())

    assert [m.kind for m in messages][-1] == b"E"
    assert (rest.kinds, client.status) == ("Z", "E")
    assert INSERT not in hosts.primary.asked


def test_the_rest_of_a_pipelined_transaction_is_not_run_by_itself(hosts, pgweir):
    """BEGIN is lost on its way; INSERT and COMMIT were sent ahead, and come later."""
    weir = hosts.weir(pgweir, lazy_begin=0)
    hosts.primary.answers = loses("begin")

    with weir.client(DATABASE) as client:
        client.send(wire.query("begin"))
        first = wire.Result(client.read_until(b"Z"))
        client.send(wire.query(INSERT), wire.query("commit"), wire.query("select 1"))
        rest = [wire.Result(client.read_until(b"Z")) for _ in range(3)]

    assert first.error.sqlstate == "57P01" and first.messages[-1].body == b"E"
    assert [r.messages[-1].body for r in rest] == [b"E", b"I", b"I"]
    assert INSERT not in hosts.primary.asked


def test_a_rollback_in_front_of_other_statements_ends_it(hosts, pgweir):
    """As asyncpg's pool leaves a connection."""
    weir = hosts.weir(pgweir)
    hosts.primary.answers = loses("update")

    with weir.client(DATABASE) as client:
        codes(client, "begin", INSERT, "update t set n = 1")
        result = client.ask(wire.query("ROLLBACK;\nselect 1; select 2"))

    assert result.error is None
    assert (result.tags[0], client.status) == ("ROLLBACK", "I")


def test_with_route_any_a_client_gets_what_pgbouncer_gives_it(fake_server, pgweir, front):
    def script(session):
        if session.log_in().is_cancel:
            return
        session.serve(lambda sql: session.close() if sql.startswith("insert") else None)

    weir = front(fake_server(script))
    with weir.client("app") as client:
        client.query("begin")
        client.send(wire.query(INSERT))
        said = client.expect_closed()

    assert said[-1].fields()["M"] == "server conn crashed?"


# ---- a BEGIN that was held back ----

CANCELED = wire.error("canceling statement due to statement timeout", "57014")


def refuses_begin(*words):
    """BEGIN meets that, once."""
    met = []
    return lambda session, sql: met.append(sql) or list(words) if sql.startswith("begin") and not met else None


@pytest.mark.parametrize("words", [[CANCELED], [ENDED, CLOSE], [CLOSE]], ids=["57014", "57P01", "silently"])
def test_a_held_begin_that_is_refused_fails_its_transaction(hosts, pgweir, words):
    weir = hosts.weir(pgweir)

    with weir.client(DATABASE) as client:
        for send in (lambda sql: wire.query(sql), lambda sql: call(sql) + wire.sync()):
            hosts.primary.asked.clear()
            client.ask(send("begin"))
            hosts.primary.answers = refuses_begin(*words)
            refused = client.ask(send(INSERT))
            assert (refused.kinds, client.status) == ("EZ", "E")
            assert refused.error.sqlstate == ("57014" if words == [CANCELED] else "57P01")
            assert client.ask(send(INSERT)).error.sqlstate == "25P02"
            assert (client.ask(send("commit")).tags, client.status) == (["ROLLBACK"], "I")
            assert INSERT not in hosts.primary.asked
            assert codes(client, "begin", INSERT, "commit") == [("BEGIN", "T"), ("INSERT 0 1", "T"), ("COMMIT", "I")]


def test_a_pipeline_behind_a_begin_that_is_refused_is_not_run_by_itself(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.primary.answers = refuses_begin(CANCELED)

    with weir.client(DATABASE) as client:
        client.send(wire.query("begin"), wire.query(INSERT), wire.query(INSERT), wire.query("commit"), wire.query("select 2"))
        results = [wire.Result(client.read_until(b"Z")) for _ in range(5)]

    assert [r.messages[-1].body for r in results] == [b"T", b"E", b"E", b"I", b"I"]
    assert results[1].error.sqlstate == "57014"
    assert INSERT not in hosts.primary.asked


def test_a_held_begin_that_finds_no_primary_fails_its_transaction(hosts, pgweir):
    weir = hosts.weir(pgweir, query_wait_timeout=0.3)

    with weir.client(DATABASE) as client:
        hosts.primary.die()
        eventually(lambda: any(r["state"] == "down" for r in weir.show("HOSTS")))
        told = codes(client, "begin", INSERT, INSERT, "rollback", "select 1")

    assert told == [("BEGIN", "T"), ("57014", "E"), ("25P02", "E"), ("ROLLBACK", "I"), ("SELECT 1", "I")]


def test_a_move_whose_commit_fails_fails_the_transaction(hosts, pgweir):
    """From the replica to the primary, for what needs that."""
    weir = hosts.weir(pgweir)
    hosts.replica(1).answers = lambda session, sql: [wire.error("no", "40001")] if sql == "commit" else None

    with weir.client(DATABASE) as client:
        told = codes(client, "begin read only", "select 1", "select nextval('s')", "select 1", "rollback", "select 1")

    assert [code for code, _ in told] == ["BEGIN", "SELECT 1", "40001", "25P02", "ROLLBACK", "SELECT 1"]
    assert [status for _, status in told] == ["T", "T", "E", "E", "I", "I"]


# ---- AND CHAIN ----

CHAINED = {
    "begin": "begin",
    "begin isolation level repeatable read": "begin isolation level repeatable read",
    "start transaction isolation level serializable, read write": "begin isolation level serializable read write",
}


@pytest.mark.parametrize("lazy", [1, 0])
def test_a_lost_transaction_that_chains_is_followed_by_one_like_it(hosts, pgweir, lazy):
    weir = hosts.weir(pgweir, lazy_begin=lazy)

    with weir.client(DATABASE) as client:
        for text, again in CHAINED.items():
            for end in ("rollback and chain", "commit and chain", "abort work and chain"):
                hosts.primary.answers = loses("update")
                told = codes(client, text, INSERT, "update t set n = 1", end, INSERT, "commit")
                assert told[2:] == [("57P01", "E"), ("ROLLBACK", "T"), ("INSERT 0 1", "T"), ("COMMIT", "I")], (text, end)
                assert hosts.primary.asked[-3:] == [again, INSERT, "commit"], (text, end)


def test_what_set_transaction_has_said_is_chained_too(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.primary.answers = loses("update")

    with weir.client(DATABASE) as client:
        codes(client, "begin", "set transaction isolation level serializable", INSERT, "update t set n = 1")
        chained = client.ask(call("rollback and chain"), wire.sync())
        told = codes(client, INSERT, "rollback; begin", INSERT, "commit")

    assert (chained.kinds, chained.tags) == ("12nCZ", ["ROLLBACK"])
    assert [status for _, status in told] == ["T", "T", "T", "I"]
    assert "begin isolation level serializable" in hosts.primary.asked


def test_a_rollback_and_chain_in_front_of_other_statements_begins_the_next_one(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.primary.answers = loses("update")

    with weir.client(DATABASE) as client:
        codes(client, "begin isolation level serializable", INSERT, "update t set n = 1")
        result = client.ask(wire.query("rollback and chain; " + INSERT))

    assert (result.error, client.status) == (None, "T")
    assert result.tags == ["ROLLBACK", "INSERT 0 1"]
    assert hosts.primary.asked[-2] == "begin isolation level serializable"


def test_an_idle_transaction_that_chains_unaware_is_told_so(hosts, pgweir):
    weir = hosts.weir(pgweir)

    with weir.client(DATABASE) as client:
        idle(hosts, weir, client)
        assert codes(client, "commit and chain", "select 1") == [("57P01", "I"), ("SELECT 1", "I")]
        idle(hosts, weir, client)
        assert codes(client, "rollback and chain", INSERT, "rollback") == [("ROLLBACK", "T"), ("INSERT 0 1", "T"), ("ROLLBACK", "I")]


# ---- on a replica ----


@pytest.mark.parametrize("lazy", [1, 0])
@pytest.mark.parametrize("words", [[ENDED], []], ids=["57P01", "silently"])
def test_a_read_only_transaction_whose_replica_is_lost_has_failed(hosts, pgweir, words, lazy):
    weir = hosts.weir(pgweir, lazy_begin=lazy)

    with weir.client(DATABASE) as client:
        begun = codes(client, "begin read only", "select 1")
        hosts.replica(1).answers = lambda session, sql: [*words, CLOSE]
        lost = codes(client, "select 2", "select 3", INSERT, "commit")
        hosts.replica(1).answers = None
        after = codes(client, "begin read only", "select 4", "commit")

    assert begun == [("BEGIN", "T"), ("SELECT 1", "T")]
    assert lost == [("57P01", "E"), ("25P02", "E"), ("25P02", "E"), ("ROLLBACK", "I")]
    assert [status for _, status in after] == ["T", "T", "I"]
    assert INSERT not in hosts.primary.asked
    assert heals(weir) == {"transaction_lost": 1}
