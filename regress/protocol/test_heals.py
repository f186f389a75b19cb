"""A second try for reads that a replica refuses or loses, with scripted hosts: each class of errors, each cut point."""

import pytest

from lib import wire
from lib.eventually import eventually
from lib.hosts import CLOSE, DATABASE, PAUSE, Hosts
from lib.scene import crowd

REFUSED = ("0A000", "25006", "40001", "42P01", "3F000", "55000", "58P01", "XX000", "57P04")
PASSED = ("22012", "23505", "57014", "53200", "XX001", "54001")
HEAD, ROW, DONE = wire.row_description("?column?"), wire.data_row("1"), wire.command_complete()
NO = wire.error("Verbindung verweigert", "25006")
READ = "select 1"


@pytest.fixture
def hosts(fake_server):
    return Hosts(fake_server)


@pytest.fixture
def two(fake_server):
    return Hosts(fake_server, replicas=2)


def says(*answer):
    return lambda session, sql: list(answer)


def call(sql=READ, name=""):
    return wire.parse(sql, name) + wire.bind(name=name) + wire.describe() + wire.execute()


def heals(weir):
    return {r["kind"]: r["count"] for r in weir.show("HEALS", database=DATABASE) if r["count"]}


# ---- refused ----


def test_what_a_replica_refuses_is_run_on_the_primary(hosts, pgweir):
    weir = hosts.weir(pgweir)

    with weir.client(DATABASE) as client:
        for code in REFUSED:
            hosts.replica(1).answers = says(wire.error("Verbindung verweigert", code))
            result = client.ask(wire.query(f"select 1 as c{code}"))
            assert (result.kinds, result.rows) == ("TDCZ", [("1",)]), code

    assert hosts.replica(1).asked == hosts.primary.asked
    assert heals(weir) == {"refused_to_primary": len(REFUSED)}


def test_an_error_that_is_the_statements_own_is_the_clients(hosts, pgweir):
    weir = hosts.weir(pgweir)

    with weir.client(DATABASE) as client:
        for code in PASSED:
            hosts.replica(1).answers = says(wire.error("no", code))
            assert client.ask(wire.query(f"select 1 as c{code}")).error.sqlstate == code

    assert hosts.primary.asked == []
    assert heals(weir) == {}


def test_the_primarys_answer_is_final(hosts, pgweir):
    hosts.replica(1).answers = says(NO)
    hosts.primary.answers = says(wire.error("relation does not exist", "42P01"))
    weir = hosts.weir(pgweir)

    with weir.client(DATABASE) as client:
        assert client.ask(wire.query(READ)).error.sqlstate == "42P01"

    assert (len(hosts.replica(1).asked), len(hosts.primary.asked)) == (1, 1)


SIMPLE_CUTS = {
    "at once": ([NO], True),
    "behind a RowDescription": ([HEAD, NO], True),
    "in the packet after a RowDescription": ([HEAD, PAUSE, NO], True),
    "in two packets": ([HEAD, NO[:12], PAUSE, NO[12:]], True),
    "behind a notice": ([wire.notice("hello"), PAUSE, NO], True),
    "behind a row in one packet": ([HEAD, ROW, NO], True),
    "in the packet after a row": ([HEAD, ROW, PAUSE, NO], False),
    "behind a tag": ([HEAD, ROW, DONE, PAUSE, NO], False),
}


def test_a_simple_query_heals_until_a_row_has_reached_the_client(hosts, pgweir):
    weir = hosts.weir(pgweir)

    with weir.client(DATABASE) as client:
        for number, (cut, (answer, heals_it)) in enumerate(SIMPLE_CUTS.items()):
            hosts.replica(1).answers = says(*answer)
            result = client.ask(wire.query(f"select 1 as c{number}"))
            assert (result.error is None) == heals_it, cut
            assert result.kinds == "TDCZ" if heals_it else result.error.sqlstate == "25006", cut
            assert client.status == "I"

    assert heals(weir)["given_up_answered"] == 2


def test_each_message_of_a_batch_may_be_refused(hosts, pgweir):
    weir, replica = hosts.weir(pgweir), hosts.replica(1)

    with weir.client(DATABASE) as client:
        for step in ("parse", "bind", "describe", "execute"):
            setattr(replica, "at_" + step, says(NO))
            replica.answers = says(NO) if step == "execute" else None
            result = client.ask(call(f"select 1 as {step}_x"), wire.sync())
            setattr(replica, "at_" + step, None)
            assert result.kinds == "12TDCZ", step

    assert heals(weir) == {"refused_to_primary": 4}


def test_a_statement_that_was_prepared_on_a_replica_is_run_on_the_primary(hosts, pgweir):
    weir, replica = hosts.weir(pgweir), hosts.replica(1)

    with weir.client(DATABASE) as client:
        assert client.ask(wire.parse(READ, "one"), wire.describe("S", "one"), wire.sync()).kinds == "1tTZ"
        replica.answers = says(NO)
        results = [client.ask(wire.bind(name="one"), wire.execute(), wire.sync()) for _ in range(3)]

    assert [r.kinds for r in results] == ["2DCZ"] * 3
    assert hosts.primary.parsed == [READ]
    assert heals(weir) == {"refused_to_primary": 1}


def test_a_name_that_its_own_batch_prepares_is_prepared_once_for_the_client(hosts, pgweir):
    weir, replica = hosts.weir(pgweir), hosts.replica(1)
    replica.answers = says(NO)

    with weir.client(DATABASE) as client:
        first = client.ask(call(READ, "one"), wire.sync())
        again = client.ask(wire.bind(name="one"), wire.execute(), wire.sync())
        twice = client.ask(wire.parse(READ, "one"), wire.sync())
        closed = client.ask(wire.close("S", "one"), wire.parse(READ, "one"), wire.sync())

    assert (first.kinds, again.kinds, closed.kinds) == ("12TDCZ", "2DCZ", "31Z")
    assert twice.error is None or twice.error.sqlstate == "42P05"


def test_of_a_pipeline_all_that_is_not_answered_runs_again(hosts, pgweir):
    """The first is answered, the second refused: it and the third run on the primary."""
    weir, replica = hosts.weir(pgweir), hosts.replica(1)
    texts = ["select 1 as a", "select 1 as b", "select 1 as c"]
    replica.answers = lambda session, sql: [NO] if sql == texts[1] else None

    with weir.client(DATABASE) as client:
        client.send(*[call(sql) + wire.sync() for sql in texts])
        kinds = [wire.Result(client.read_until(b"Z")).kinds for _ in texts]

    assert kinds == ["12TDCZ"] * 3
    assert hosts.primary.asked == texts[1:]


def test_a_batch_of_several_statements_runs_again_as_a_whole(hosts, pgweir):
    weir, replica = hosts.weir(pgweir), hosts.replica(1)
    replica.answers = lambda session, sql: [NO] if "b" in sql else None

    with weir.client(DATABASE) as client:
        result = client.ask(call("select 1 as a"), call("select 1 as b"), wire.sync())

    assert result.error is None
    assert result.kinds == "12TDC12TDCZ"
    assert hosts.primary.asked == ["select 1 as a", "select 1 as b"]


def test_a_head_that_the_client_has_flushed_is_not_told_twice(hosts, pgweir):
    """As asyncpg does: Parse, Describe and Flush, and what is bound later is refused."""
    weir = hosts.weir(pgweir)
    hosts.replica(1).answers = says(NO)

    with weir.client(DATABASE) as client:
        client.send(wire.parse(READ, "one"), wire.describe("S", "one"), wire.flush())
        head = b"".join(client.read().kind for _ in range(3))
        rest = client.ask(wire.bind(name="one"), wire.execute(), wire.sync())

    assert (head, rest.kinds) == (b"1tT", "2DCZ")
    assert heals(weir) == {"refused_to_primary": 1}


def test_an_answer_that_does_not_fit_what_the_client_was_told_is_the_first_error(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.replica(1).answers = says(NO)
    hosts.primary.at_describe = says(wire.parameter_description(), wire.row_description("other"))

    with weir.client(DATABASE) as client:
        client.send(wire.parse(READ, "one"), wire.describe("S", "one"), wire.flush())
        for _ in range(3):
            client.read()
        rest = client.ask(wire.bind(name="one"), wire.execute(), wire.sync())
        hosts.primary.at_describe = hosts.replica(1).answers = None
        after = client.ask(wire.query("select 2"))

    assert (rest.kinds, rest.error.sqlstate) == ("EZ", "25006")
    assert after.rows == [("1",)]
    assert heals(weir)["given_up_changed"] == 1


def test_a_request_too_long_to_be_kept_is_not_healed(hosts, pgweir):
    """Of a pipeline, that is all that is outstanding."""
    weir = hosts.weir(pgweir)

    def refuse_late(session, sql):
        eventually(lambda: sum(int(r["total_bind_count"]) for r in weir.show("STATS", database=DATABASE)) == 3)
        return [NO]

    hosts.replica(1).answers = refuse_late

    with weir.client(DATABASE) as client:
        client.ask(wire.parse(READ, "long"), wire.sync())
        for _ in range(3):
            client.send(wire.bind(("x" * 30000,), "long"), wire.execute(), wire.sync())
        results = [wire.Result(client.read_until(b"Z")) for _ in range(3)]

    assert [r.error and r.error.sqlstate for r in results] == ["25006"] * 3
    assert heals(weir)["given_up_too_long"] > 0


def test_a_shape_that_was_refused_goes_to_the_primary(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.replica(1).answers = says(NO)

    with weir.client(DATABASE) as client:
        for number in range(5):
            client.query(f"select {number}")

    assert (len(hosts.replica(1).asked), len(hosts.primary.asked)) == (1, 5)
    assert heals(weir) == {"refused_to_primary": 1}
    assert [r["statements"] for r in weir.show("ROUTES", database=DATABASE, reason="refused_lately")] == [5]


def test_a_statement_forced_to_a_replica_is_not_healed_unless_it_is_a_read(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.replica(1).answers = says(NO)

    with weir.client(DATABASE) as client:
        forced = client.ask(wire.query("/* pgweir: replica */ select nextval('s')"))
        read = client.ask(wire.query("/* pgweir: replica */ select 1"))

    assert (forced.error.sqlstate, read.error) == ("25006", None)
    assert heals(weir) == {"given_up_not_proven": 1, "refused_to_primary": 1}


def test_several_statements_in_one_text_are_healed_when_all_of_them_read(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.replica(1).answers = says(NO)

    with weir.client(DATABASE) as client:
        reads = client.ask(wire.query("select 1; select 2"))
        block = client.ask(wire.query("begin read only; select 1; commit"))

    assert reads.error is None
    assert block.error.sqlstate == "25006"


def test_route_replica_heals_on_other_replicas_only(two, pgweir):
    weir = two.weir(pgweir, route="replica")
    first = two.replica(1).answers = lambda session, sql: [NO] if not two.replica(2).asked else None
    two.replica(2).answers = lambda session, sql: [NO] if not two.replica(1).asked else None

    with weir.client(DATABASE) as client:
        result = client.ask(wire.query(READ))

    assert first and result.rows == [("1",)]
    assert two.primary.asked == []
    assert heals(weir) == {"refused_to_replica": 1}


def test_a_server_whose_statement_was_healed_has_no_locks_left(hosts, pgweir):
    weir, replica = hosts.weir(pgweir), hosts.replica(1)
    replica.answers = says(NO)

    with weir.client(DATABASE) as client:
        client.query(READ)
        eventually(lambda: "pg_advisory_unlock_all" in " ".join(replica.own))


# ---- lost ----

LOST = (wire.error("terminating connection due to administrator command", "57P01", "FATAL"), CLOSE)
LOST_CUTS = {
    "without a word": ([CLOSE], True),
    "behind a RowDescription": ([HEAD, CLOSE], True),
    "a while behind a RowDescription": ([HEAD, PAUSE, CLOSE], True),
    "in the middle of a RowDescription": ([HEAD[:9], CLOSE], True),
    "behind a crash of another process": ([wire.notice("crash of another server process", "57P02", "WARNING"), CLOSE], True),
    "in the middle of an error": ([HEAD, NO[:12], CLOSE], True),
    "behind an error": ([HEAD, NO, CLOSE], True),
    "with a recovery conflict": ([wire.error("conflict with recovery", "40001", "FATAL"), CLOSE], True),
    "behind a row": ([HEAD, ROW, PAUSE, CLOSE], False),
    "in the middle of a row": ([HEAD, ROW[:8], PAUSE, CLOSE], False),
}


def either(two, *answer):
    """The replica that is asked first gives that answer, the other one the usual."""
    first = []

    def answers(session, sql):
        if (sql not in first):
            first.append(sql)
            return list(answer)
        return None

    for replica in two.replicas:
        replica.answers = answers


def test_a_read_whose_replica_is_lost_is_run_on_another_until_a_row_has_reached_the_client(two, pgweir):
    weir = two.weir(pgweir)

    for number, (cut, (answer, heals_it)) in enumerate(LOST_CUTS.items()):
        either(two, *answer)
        with weir.client(DATABASE) as client:
            client.send(wire.query(f"select 1 as c{number}"))
            if heals_it:
                assert wire.Result(client.read_until(b"Z")).kinds == "TDCZ", cut
            elif "middle" in cut:
                client.socket.settimeout(5)
                assert pytest.raises(wire.Closed, client.read_until, b"Z"), cut
            else:
                assert wire.Result(client.read_until(b"Z")).error.sqlstate == "57P01", cut

    assert heals(weir)["lost_to_replica"] == 6
    assert heals(weir)["refused_to_primary"] == 2


def test_a_read_is_lost_twice_at_most_and_its_shape_is_left_alone_then(two, pgweir):
    weir = two.weir(pgweir)
    for replica in two.replicas:
        replica.answers = says(CLOSE)

    with weir.client(DATABASE) as client:
        first = client.ask(wire.query(READ))
        second = client.ask(wire.query(READ))
        third = client.ask(wire.query("select 1 as another"))

    assert [r.error.sqlstate for r in (first, second, third)] == ["57P01"] * 3
    assert sum(len(r.asked) for r in two.replicas) == 5
    assert two.primary.asked == []
    assert heals(weir)["given_up_second_time"] == 2
    assert heals(weir)["given_up_quarantined"] == 1


def test_without_another_replica_the_primary_serves_once_the_host_is_known_to_be_gone(hosts, pgweir):
    weir, replica = hosts.weir(pgweir), hosts.replica(1)

    def die(session, sql):
        replica.die()
        return [CLOSE]

    replica.answers = die

    with weir.client(DATABASE) as client:
        assert client.ask(wire.query(READ)).rows == [("1",)]

    assert heals(weir) == {"lost_to_primary": 1}


def test_without_another_replica_a_host_that_lives_gets_the_error_to_the_client(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.replica(1).answers = says(CLOSE)

    with weir.client(DATABASE) as client:
        lost = client.ask(wire.query(READ))
        hosts.replica(1).answers = None
        after = client.ask(wire.query("select 2"))

    assert (lost.kinds, lost.error.sqlstate, after.rows) == ("EZ", "57P01", [("1",)])
    assert hosts.primary.asked == []
    assert heals(weir) == {"given_up_no_host": 1}


def test_what_an_administrator_ends_is_run_again_once(two, pgweir):
    """A host that is shut down says the same of each session, while its last ones may still be served."""
    weir = two.weir(pgweir)
    either(two, *LOST)

    with weir.client(DATABASE) as client:
        first = client.ask(wire.query(READ))
        for replica in two.replicas:
            replica.answers = says(*LOST)
        twice = client.ask(wire.query("select 2"))

    assert first.rows == [("1",)]
    assert (twice.error.sqlstate, twice.error.severity) == ("57P01", "ERROR")
    assert twice.error.message == "terminating connection due to administrator command"
    assert heals(weir) == {"lost_to_replica": 2, "given_up_second_time": 1, "nothing_lost": 1}


def test_what_an_administrator_ends_on_the_only_replica_is_run_on_the_primary(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.replica(1).answers = says(*LOST)

    with weir.client(DATABASE) as client:
        assert client.ask(wire.query(READ)).rows == [("1",)]

    assert heals(weir) == {"lost_to_primary": 1}


def test_a_pipeline_whose_replica_is_lost_goes_on_elsewhere(two, pgweir):
    weir = two.weir(pgweir)
    texts = [f"select 1 as c{n}" for n in range(4)]
    lost = []

    def answers(session, sql):
        if sql == texts[2] and not lost:
            lost.append(sql)
            return [CLOSE]
        return None

    for replica in two.replicas:
        replica.answers = answers
    with weir.client(DATABASE) as client:
        client.send(*[call(sql, f"n{sql[-1]}") + wire.sync() for sql in texts])
        kinds = [wire.Result(client.read_until(b"Z")).kinds for _ in texts]
        again = client.ask(wire.bind(name="n3"), wire.execute(), wire.sync())

    assert (kinds, again.kinds) == (["12TDCZ"] * 4, "2DCZ")
    assert heals(weir) == {"lost_to_replica": 1}


def test_a_cancel_ends_a_read_that_waits_for_word_of_its_host(hosts, pgweir):
    weir, replica = hosts.weir(pgweir, check_timeout=5, check_interval=10, check_fall=3), hosts.replica(1)

    def hang(session, sql):
        replica.mute = True
        return [CLOSE]

    replica.answers = hang
    with weir.client(DATABASE) as client:
        client.send(wire.query(READ))
        eventually(lambda: replica.mute)
        eventually(lambda: weir.show("CLIENTS", database=DATABASE)[0]["state"] == "waiting")
        client.cancel()
        result = wire.Result(client.read_until(b"Z"))
        replica.mute, replica.answers = False, None
        after = client.ask(wire.query("select 2"))

    assert (result.error.sqlstate, after.rows) == ("57014", [("1",)])


def test_many_clients_whose_replica_goes_at_once_are_all_answered(two, pgweir):
    """Each of them is lost once, whichever replica it was on; nobody is told, and nothing is run on the primary."""
    weir = two.weir(pgweir, default_pool_size=5, workers=2)
    seen = set()

    def answers(session, sql):
        if sql in seen:
            return None
        seen.add(sql)
        return [HEAD, CLOSE]

    for replica in two.replicas:
        replica.answers = answers

    def reads(number):
        with weir.client(DATABASE) as client:
            client.send(*[call(f"select 1 as c{number}_{n}", f"n{n}") + wire.sync() for n in range(3)])
            return [wire.Result(client.read_until(b"Z")) for _ in range(3)]

    results = [r for crowded in crowd(20, reads) for r in crowded]

    lost = [r for r in results if r.error]
    assert all(r.error.sqlstate == "57P01" for r in lost)
    assert [r.kinds for r in results if not r.error] == ["12TDCZ"] * (60 - len(lost))
    assert two.primary.asked == []
    assert sum(count for kind, count in heals(weir).items() if kind.startswith("lost_")) >= 20


# ---- the settings in front of it ----

FENCES = {
    "57P01": (LOST, "lost_to_primary"),
    "silently, with its host": ([CLOSE], "lost_to_primary"),
    "a recovery conflict": ([wire.error("conflict", "40001", "FATAL"), CLOSE], "refused_to_primary"),
    "read only": ([wire.error("cannot set transaction read-write mode during recovery", "0A000", "FATAL"), CLOSE], "refused_to_primary"),
    "an internal error": ([wire.error("no", "XX000", "FATAL"), CLOSE], "refused_to_primary"),
}


def at_fence(host, words, dies=False):
    """The host's servers say these words, once, when a client's settings are made."""
    usual, met = type(host)._own, []

    def own(sql):
        if "exit_on_error" not in sql or met:
            return usual(sql)
        met.append(sql)
        if dies:
            host.die()
        return list(words)

    host._own = own
    return met


@pytest.mark.parametrize("case", FENCES)
def test_a_read_whose_settings_a_replica_cannot_make_is_run_elsewhere(hosts, pgweir, case):
    words, kind = FENCES[case]
    weir = hosts.weir(pgweir)

    with weir.client(DATABASE) as first, weir.client(DATABASE, application_name="another") as client:
        assert first.ask(wire.query(READ)).error is None
        met = at_fence(hosts.replica(1), words, dies=case.startswith("silently"))
        simple = client.ask(wire.query("select 2"))

    assert (simple.kinds, met != []) == ("TDCZ", True)
    assert hosts.primary.asked == ["select 2"]
    assert heals(weir) == {kind: 1}


def test_settings_whose_values_are_refused_are_the_clients_to_hear(hosts, pgweir):
    weir = hosts.weir(pgweir).allow("settings")

    with weir.client(DATABASE) as first, weir.client(DATABASE, application_name="another") as client:
        assert first.ask(wire.query(READ)).error is None
        met = at_fence(hosts.replica(1), [wire.error("invalid value", "22023", "FATAL"), CLOSE])
        refused = client.ask(wire.query(READ))
        after = client.ask(wire.query(READ))

    assert (met != [], refused.error.sqlstate, after.error) == (True, "22023", None)
    assert heals(weir) == {}


# ---- lost by a primary ----

HINTED = "select 1 /* pgweir: primary */"
INSERT = "insert into t values (1)"


def dies_and_is_replaced(hosts, *words, texts=(HINTED,)):
    """The primary says these words at the first of these texts, and is gone; the replica is promoted."""

    def answers(session, sql):
        if sql in texts:
            hosts.primary.die()
            hosts.replica(1).promote()
            return [*words, CLOSE]
        return None

    hosts.primary.answers = answers


@pytest.mark.parametrize("words", [LOST[:1], ()], ids=["57P01", "silently"])
def test_a_read_whose_primary_is_lost_is_run_on_the_next_one(hosts, pgweir, words):
    weir = hosts.weir(pgweir, query_wait_timeout=10).allow("on an old timeline")
    dies_and_is_replaced(hosts, *words)

    with weir.client(DATABASE, timeout=10) as client:
        assert client.ask(wire.query(HINTED)).kinds == "TDCZ"
        assert client.ask(wire.query(INSERT)).error is None

    assert hosts.replica(1).asked == [HINTED, INSERT]
    assert heals(weir) == {"lost_to_primary": 1}


def test_reads_by_the_extended_protocol_are_too(hosts, pgweir):
    """A prepared one, behind it one that is flushed half-way, and a third one behind that."""
    weir = hosts.weir(pgweir, query_wait_timeout=10).allow("on an old timeline")

    with weir.client(DATABASE, timeout=10) as client:
        assert client.ask(wire.parse(HINTED, "one"), wire.sync()).error is None
        dies_and_is_replaced(hosts, *LOST[:1])
        client.send(wire.bind(name="one"), wire.execute(), wire.sync())
        client.send(wire.parse(HINTED + " ", "two"), wire.bind(name="two"), wire.execute(), wire.sync())
        client.send(call(HINTED + "  "), wire.sync())
        results = [wire.Result(client.read_until(b"Z")) for _ in range(3)]

    assert [r.kinds for r in results] == ["2DCZ", "12DCZ", "12TDCZ"]
    assert hosts.replica(1).asked == [HINTED, HINTED + " ", HINTED + "  "]


def test_a_read_whose_primary_is_lost_is_run_on_a_replica_if_it_may(hosts, pgweir):
    weir = hosts.weir(pgweir, read_from_primary="always")
    lost = []

    def answers(session, sql):
        if "probe" in sql:
            lost.append(sql)
            return list(LOST)
        return None

    hosts.primary.answers = answers
    with weir.client(DATABASE) as client:
        for number in range(6):
            assert client.ask(wire.query(f"select {number} as probe")).rows == [("1",)], number

    assert lost and set(lost) <= set(hosts.replica(1).asked)
    assert heals(weir) == {"lost_to_replica": len(lost)}


def test_a_read_that_an_administrator_ends_on_the_primary_is_run_there_again(hosts, pgweir):
    """Once it is known that the host lets clients in."""
    weir = hosts.weir(pgweir)
    once = []
    hosts.primary.answers = lambda session, sql: once.append(sql) or list(LOST) if not once else None

    with weir.client(DATABASE) as client:
        first = client.ask(wire.query(HINTED))
        hosts.primary.answers = says(*LOST)
        twice = client.ask(wire.query(HINTED))

    assert (first.kinds, twice.error.sqlstate, client.status) == ("TDCZ", "57P01", "I")
    assert hosts.primary.asked == [HINTED] * 4
    assert heals(weir) == {"lost_to_primary": 2, "given_up_second_time": 1, "nothing_lost": 1}


def test_a_primary_that_is_lost_without_a_word_and_lives_is_not_asked_again(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.primary.answers = says(CLOSE)

    with weir.client(DATABASE) as client:
        assert client.ask(wire.query(HINTED)).error.sqlstate == "57P01"

    assert hosts.primary.asked == [HINTED]
    assert heals(weir) == {"given_up_no_host": 1}


def test_rows_that_have_reached_the_client_are_not_asked_for_again_on_a_primary_either(hosts, pgweir):
    weir = hosts.weir(pgweir)
    hosts.primary.answers = says(HEAD, ROW, PAUSE, *LOST)

    with weir.client(DATABASE) as client:
        assert client.ask(wire.query(HINTED)).error.sqlstate == "57P01"

    assert hosts.primary.asked == [HINTED]


NOT_AGAIN = {
    "a write": [wire.query(INSERT)],
    "a call of a function": [wire.query("select nextval('s')")],
    "a write behind a read": [wire.query(HINTED), wire.query(INSERT)],
    "a write in one text with a read": [wire.query(f"{HINTED}; {INSERT}")],
    "a batch with a write": [call(HINTED) + call(INSERT) + wire.sync()],
    "what a name meant before": [call(HINTED) + wire.sync(), wire.bind(name="w") + wire.execute() + wire.sync(),
                                 wire.close("S", "w") + wire.parse(READ, "w") + wire.sync()],
    "what is flushed behind a read": [wire.parse(HINTED) + wire.flush() + wire.bind() + wire.execute(), wire.bind(name="w") + wire.execute() + wire.sync()],
}


@pytest.mark.parametrize("what", NOT_AGAIN)
def test_on_a_primary_nothing_is_run_again_that_may_write(hosts, pgweir, what):
    """Nor what was sent with it: the primary has run all of it when it says that it ends."""
    weir = hosts.weir(pgweir)

    with weir.client(DATABASE) as client:
        assert client.ask(wire.parse(INSERT, "w"), wire.sync()).error is None
        hosts.primary.answers = lambda session, sql: [] if sql == HINTED and len(NOT_AGAIN[what]) > 1 else list(LOST)
        client.send(b"".join(NOT_AGAIN[what]))
        assert b"E" in [m.kind for m in client.read_until(b"E")]
        eventually(lambda: hosts.primary.asked)

    texts = [sql for host in hosts.hosts for sql in host.asked]
    assert all(texts.count(sql) == 1 for sql in texts if sql != HINTED), texts


def test_what_a_transaction_reads_on_the_primary_is_not_run_again(hosts, pgweir):
    weir = hosts.weir(pgweir)

    with weir.client(DATABASE) as client:
        client.query("begin")
        client.query(INSERT)
        hosts.primary.answers = says(*LOST)
        lost = client.ask(wire.query(READ))

    assert (lost.error.sqlstate, client.status) == ("57P01", "E")
    assert hosts.primary.asked.count(READ) == 1


def test_a_read_on_a_primary_that_hangs_goes_to_the_next_one(hosts, pgweir):
    weir = hosts.weir(pgweir, query_wait_timeout=10).allow("on an old timeline")

    def hang(session, sql):
        hosts.primary.mute = True
        hosts.replica(1).promote()
        eventually(lambda: not hosts.primary.mute, within=10)
        return [CLOSE]

    hosts.primary.answers = hang
    with weir.client(DATABASE, timeout=10) as client:
        result = client.ask(wire.query(HINTED))
        hosts.primary.mute = False

    assert result.kinds == "TDCZ"
    assert hosts.replica(1).asked == [HINTED]


def test_a_read_on_a_primary_that_is_cut_off_goes_to_the_new_one(hosts, pgweir):
    """It lives on, on an old timeline."""
    weir = hosts.weir(pgweir, query_wait_timeout=10).allow("on an old timeline", "is cut off")

    def hang(session, sql):
        hosts.replica(1).promote()
        eventually(lambda: hosts.replica(1).asked, within=10)
        return [CLOSE]

    hosts.primary.answers = hang
    with weir.client(DATABASE, timeout=10) as client:
        result = client.ask(wire.query(HINTED))

    assert result.kinds == "TDCZ"
    assert hosts.replica(1).asked == [HINTED]
