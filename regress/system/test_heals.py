"""Reads that a replica refuses or loses, before real hosts: what PostgreSQL itself says decides, and no write happens twice."""

import pytest

from lib import wire
from lib.eventually import eventually
from lib.routes import DATABASE, Routes

# Other files may add notes.
NAP = "select /* {word} */ count(*), pg_sleep((select seconds from naps)) from notes where id <= 20"
SLEEP = "select /* {word} */ count(*), pg_sleep({seconds}) from notes where id <= 20"
LOST = ("is down", "server login failed", "server conn crashed", "pooler error", "no primary", "terminating connection", "connection", "FATAL")
CHECKS = {"check_interval": 0.2, "check_timeout": 0.3, "check_fall": 2, "check_rise": 2}

LEDGER = """
create table if not exists ledger (n int);
create or replace function ledger_add(n int) returns int language sql as 'insert into ledger values (n) returning n';
create or replace function liar(n int) returns int stable language plpgsql as
$$ declare got int; begin execute 'select ledger' || '_add(' || n || ')' into got; return got; end $$;
create or replace function teller() returns int stable language plpgsql as
$$ begin raise notice 'on its way'; return liar(0); end $$;
truncate ledger;
create table if not exists naps (seconds float);
truncate naps;
insert into naps values (20);
"""


@pytest.fixture
def routes(cluster, pgweir):
    routes = Routes(cluster, pgweir)
    routes.primary.query(LEDGER, DATABASE)
    cluster.wait_for_replicas()
    return routes


def heals(weir):
    return {r["kind"]: r["count"] for r in weir.show("HEALS", database=DATABASE) if r["count"]}


def ledger(routes):
    return [int(n) for (n,) in routes.primary.query("select n from ledger order by n", DATABASE)]


def running(routes, word):
    """The replica that runs the statement with that word, and its process."""
    asked = f"select pid from pg_stat_activity where query like '%/* {word} */%' and state = 'active' and pid <> pg_backend_pid()"
    for replica in routes.cluster.replicas:
        pids = replica.query(asked) if replica.is_up() else []
        if pids:
            return replica, int(pids[0][0])
    return None


def asleep(routes, client):
    """A long read of the client's is under way, which will be short when it is run again; answers where and in which process."""
    word = routes.word()
    client.send(wire.query(NAP.format(word=word)))
    where = eventually(running, routes, word)
    routes.primary.query("update naps set seconds = 0", DATABASE)
    routes.cluster.wait_for_replicas()
    return where


def answer(client):
    return wire.Result(client.read_until(b"Z"))


def test_a_function_that_lies_about_writing_is_run_on_the_primary_once(routes):
    weir = routes.weir()

    with weir.client(DATABASE) as client:
        simple = client.query("select liar(1)")
        extended = client.ask(wire.parse("select liar($1)", "lies"), wire.bind(("2",), "lies"), wire.describe(), wire.execute(), wire.sync())
        again = client.ask(wire.bind(("3",), "lies"), wire.execute(), wire.sync())
        told = client.query("select teller()")

    assert [simple.rows, extended.rows, again.rows] == [[("1",)], [("2",)], [("3",)]]
    assert ledger(routes) == [0, 1, 2, 3]
    assert [n["M"] for n in told.notices] == ["on its way"]
    assert heals(weir)["refused_to_primary"] >= 3


def test_what_is_not_replayed_yet_is_read_on_the_primary(routes):
    weir = routes.weir()
    table = f"fresh_{routes.word()}"
    for replica in routes.cluster.replicas:
        replica.pause_replay()

    try:
        with weir.client(DATABASE) as client:
            client.query(f"create table {table} (n int)")
            eventually(lambda: read_on_replica(client, table))
    finally:
        for replica in routes.cluster.replicas:
            replica.resume_replay()

    assert heals(weir)["refused_to_primary"] >= 1


def read_on_replica(client, table):
    """The catalog knows the table by now, so it is read on a replica first; answers whether the client noticed nothing."""
    client.query("set pgweir.route_notice = on")
    result = client.query(f"select count(*) from {table}")
    assert result.rows == [("0",)]
    return any("refused_lately" in n["M"] for n in result.notices)


def test_a_recovery_conflict_is_not_the_clients(routes):
    weir = routes.weir()
    for replica in routes.cluster.replicas:
        replica.set(max_standby_streaming_delay=0)

    try:
        with weir.client(DATABASE) as client:
            asleep(routes, client)
            routes.primary.query("begin; lock table notes; commit", DATABASE)
            result = answer(client)
    finally:
        for replica in routes.cluster.replicas:
            replica.set(max_standby_streaming_delay="-1")

    assert (result.error, result.rows) == (None, [("20", "")])
    assert heals(weir) == {"refused_to_primary": 1}


def test_what_an_administrator_terminates_is_the_clients_to_hear_at_the_second_time(routes):
    weir = routes.weir(**CHECKS).allow(*LOST)

    with weir.client(DATABASE) as client:
        word = routes.word()
        client.send(wire.query(SLEEP.format(word=word, seconds=20)))
        ran_on = []
        for _ in range(2):
            replica, pid = eventually(lambda: (found := running(routes, word)) and found[0] not in ran_on and found)
            ran_on.append(replica)
            replica.query(f"select pg_terminate_backend({pid})")
        result = answer(client)
        after = client.query("select 1")

    assert result.error.sqlstate == "57P01"
    assert set(ran_on) == routes.replicas
    assert after.rows == [("1",)]
    assert heals(weir) == {"lost_to_replica": 1, "given_up_second_time": 1, "nothing_lost": 1}


def test_a_read_on_a_host_that_stops_answering_is_run_elsewhere(routes):
    weir = routes.weir(**CHECKS).allow(*LOST)

    with weir.client(DATABASE) as client:
        replica, _ = asleep(routes, client)
        replica.pause()
        try:
            result = answer(client)
        finally:
            replica.resume()

    assert (result.error, result.rows) == (None, [("20", "")])
    assert heals(weir) == {"lost_to_replica": 1}


@pytest.mark.parametrize("how", ["stop_fast", "kill9"])
def test_a_read_on_a_host_that_goes_is_run_elsewhere(routes, how):
    weir = routes.weir(**CHECKS).allow(*LOST)

    with weir.client(DATABASE) as client:
        replica, _ = asleep(routes, client)
        getattr(replica, how)()
        try:
            result = answer(client)
        finally:
            replica.start()

    assert (result.error, result.rows) == (None, [("20", "")])
    assert heals(weir) == {"lost_to_replica": 1}


def test_a_query_of_death_kills_two_servers_and_no_more(routes):
    """A process of its own dies with each: PostgreSQL ends all others of that host and starts again."""
    weir = routes.weir(**CHECKS).allow(*LOST)

    with weir.client(DATABASE) as client:
        word = routes.word()
        client.send(wire.query(SLEEP.format(word=word, seconds=20)))
        killed = set()
        for _ in range(2):
            replica, pid = eventually(running, routes, word)
            kill(replica, pid)
            killed.add(replica)
        result = answer(client)
        after = client.query("select 1")

    routes.cluster.wait_for_replicas()
    assert killed == routes.replicas
    assert (result.error.sqlstate, after.rows) == ("57P01", [("1",)])
    assert heals(weir) == {"lost_to_replica": 1, "given_up_second_time": 1, "nothing_lost": 1}


def kill(host, pid):
    import os
    import signal

    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not os.path.exists(f"/proc/{pid}"))


# ---- transactions ----


def backend(host, text):
    """The process that runs, or ran last, that text on the host."""
    return int(host.value(f"select pid from pg_stat_activity where query = '{text}' and pid <> pg_backend_pid()"))


def terminate(routes, weir, text):
    """Ends the primary's process that has run that text, and waits until pgweir knows."""
    pid = backend(routes.primary, text)
    routes.primary.query(f"select pg_terminate_backend({pid})")
    eventually(lambda: pid not in [r["remote_pid"] for r in weir.show("SERVERS", database=DATABASE)])


def test_a_transaction_whose_server_is_terminated_is_rolled_back_and_its_client_stays(routes):
    weir = routes.weir(**CHECKS).allow(*LOST)
    insert = "insert into ledger values (7)"

    with weir.client(DATABASE) as client:
        client.query("begin")
        client.query(insert)
        terminate(routes, weir, insert)
        told = [client.ask(wire.query(sql)) for sql in (insert, insert, "commit")]
        after = client.query("insert into ledger values (8) returning n")

    assert [r.error and r.error.sqlstate for r in told] == ["57P01", "25P02", None]
    assert (told[2].tags, after.rows, ledger(routes)) == (["ROLLBACK"], [("8",)], [8])


def test_a_write_whose_server_is_killed_is_in_doubt_and_not_run_twice(routes):
    """The whole primary starts again, and other servers may be found dead after the first; the client goes on when it is back."""
    weir = routes.weir(**CHECKS).allow(*LOST)
    insert = "insert into ledger select 9 from (select pg_sleep(20)) s"

    with weir.client(DATABASE) as client:
        client.send(wire.query(insert))
        kill(routes.primary, eventually(backend, routes.primary, insert))
        told = answer(client)
        eventually(lambda: client.ask(wire.query("insert into ledger values (10) returning n")).rows == [("10",)])

    assert told.error.sqlstate == "08007"
    assert ledger(routes).count(9) <= 1
    routes.cluster.wait_for_replicas()


def test_a_listening_client_survives_the_loss_of_its_transaction(routes):
    weir = routes.weir(**CHECKS).allow(*LOST)

    with weir.client(DATABASE) as client:
        client.query("listen news")
        client.query("begin")
        client.query("listen others")
        terminate(routes, weir, "listen others")
        lost = client.ask(wire.query("select 1")), client.ask(wire.query("rollback"))
        listens = client.query("select pg_listening_channels()").rows

    assert [r.error and r.error.sqlstate for r in lost] == ["57P01", None]
    assert listens == [("news",)]
