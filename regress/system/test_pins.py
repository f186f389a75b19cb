"""Pins: a session keeps its server while it has something there that can be neither moved nor made again."""

import pytest

from lib import wire
from lib.eventually import eventually
from lib.routes import Routes
from lib.scene import Background, farewell, pid_of, refused, said, value, waiting


def pins(one):
    """Reasons and statements of SHOW PINS."""
    return [(row["reason"], row["statement"]) for row in one.show("PINS", database="app")]


def reasons(one):
    return sorted(reason for reason, _ in pins(one))


def is_pinned(one, client):
    """Its server is lent between its transactions, and it is the client's."""
    return bool(pins(one)) and pid_of(client) == pid_of(client)


def stays(one, client, other):
    """The client has its server still, whatever others do meanwhile."""
    pid = pid_of(client)
    for _ in range(3):
        assert pid_of(other) != pid
        assert pid_of(client) == pid
    return True


TEMPORARY = {
    "a table": "create temp table mine (id int)",
    "a table by its schema": "create table pg_temp.mine (id int)",
    "a table as": "create temp table mine as select 1 as id",
    "select into": "select 1 as id into temp mine",
    "a view": "create temp view mine as select 1 as id",
    "a sequence": "create temp sequence mine",
    "a function": "create function pg_temp.mine() returns int language sql as 'select 1'",
    "a type": "create type pg_temp.mine as enum ('a')",
    "a domain": "create domain pg_temp.mine as int",
    "a view that becomes temporary": "create table pg_temp.base (id int); create view mine as select * from pg_temp.base",
    "in a block": "do $$ begin execute 'create temp table mine (id int)'; end $$",
}


@pytest.mark.parametrize("statement", TEMPORARY.values(), ids=TEMPORARY.keys())
def test_temporary_objects_pin(app, statement):
    one = app.weir(default_pool_size=2)
    client, other = one.client("app"), one.client("app")

    client.query(statement)

    assert eventually(reasons, one) == ["temporary objects"]
    assert stays(one, client, other)


def test_a_temporary_table_shadows_a_permanent_one_for_its_own_client_alone(app):
    app.query("drop table if exists shadowed; create table shadowed as select 'permanent' as what")
    one = app.weir(default_pool_size=2)
    client, other = one.client("app"), one.client("app")

    client.query("create temp table shadowed as select 'temporary' as what")

    for _ in range(3):
        assert value(client, "select what from shadowed") == "temporary"
        assert value(other, "select what from shadowed") == "permanent"


def test_a_function_that_makes_a_temporary_table_pins(app):
    app.query("create or replace function makes_temporary() returns void language plpgsql as "
              "$$ begin create temp table made (id int); end $$")
    one = app.weir(default_pool_size=2)
    client, other = one.client("app"), one.client("app")

    client.query("select makes_temporary()")

    assert eventually(reasons, one) == ["temporary objects"]
    assert value(client, "select count(*) from made") == "0"
    assert stays(one, client, other)


ENDS = {
    "drop table": ("create temp table mine (id int)", "drop table mine"),
    "drop schema objects": ("create temp view mine as select 1", "drop view mine"),
    "discard temp": ("create temp table mine (id int)", "discard temp"),
    "discard all": ("create temp table mine (id int)", "discard all"),
    "close": ("begin; declare c cursor with hold for select 1; commit", "close c"),
    "close all": ("begin; declare c cursor with hold for select 1; commit", "close all"),
    "unlock": ("select pg_advisory_lock(901)", "select pg_advisory_unlock(901)"),
    "unlock all": ("select pg_advisory_lock(902), pg_advisory_lock(903)", "select pg_advisory_unlock_all()"),
    "discard all of locks": ("select pg_advisory_lock(904)", "discard all"),
    "discard all of a seed": ("select setseed(0.25)", "discard all"),
    "discard all of a library": ("load 'auto_explain'", "discard all"),
}


@pytest.mark.parametrize("begins, ends", ENDS.values(), ids=ENDS.keys())
def test_a_pin_ends_with_its_reason(app, begins, ends):
    one = app.weir(default_pool_size=1)
    client = one.client("app")

    client.query(begins)
    assert eventually(pins, one)
    client.query(ends)

    assert eventually(lambda: not pins(one))
    with one.client("app") as other:
        assert value(other, "select 1") == "1"
    taken = [row for row in one.show("PIN_STATS", database="app") if row["taken"]]
    assert [(row["taken"], row["ended"], row["pinned"]) for row in taken] == [(1, 1, 0)]


LOCKS = [
    "select pg_advisory_lock(911)",
    "select pg_advisory_lock(911, 1)",
    "select pg_advisory_lock_shared(911)",
    "select pg_try_advisory_lock(911)",
    "select pg_try_advisory_lock_shared(911, 2)",
    "select pg_advisory_lock(hashtext('some key'))",
    "select pg_catalog.pg_try_advisory_lock(x) from generate_series(912, 914) x",
    "with l as (select pg_try_advisory_lock(id) as ok from (values (915)) v(id)) select * from l where ok",
]


@pytest.mark.parametrize("statement", LOCKS)
def test_advisory_locks_of_the_session_pin(app, statement):
    one = app.weir(default_pool_size=2)
    client, other = one.client("app"), one.client("app")

    client.query(statement)

    assert eventually(reasons, one) == ["advisory lock"]
    assert stays(one, client, other)


NOTHING = [
    "select pg_advisory_xact_lock(921)",
    "create temp table gone (id int) on commit drop",
    "begin; declare c cursor for select 1; fetch c; commit",
    "begin; create temp table gone (id int); rollback",
    "begin; declare c cursor with hold for select 1; rollback",
    "select 1",
]


@pytest.mark.parametrize("statement", NOTHING)
def test_what_leaves_nothing_pins_nothing(app, statement):
    one = app.weir(default_pool_size=1)
    client = one.client("app")

    client.query(statement)
    with one.client("app") as other:
        assert value(other, "select 1") == "1"

    assert pins(one) == []
    assert all(row["taken"] == 0 for row in one.show("PIN_STATS", database="app"))


def test_a_lock_that_was_not_had_pins_nothing(app):
    one = app.weir(default_pool_size=2)
    client, other = one.client("app"), one.client("app")
    client.query("select pg_advisory_lock(931)")

    assert value(other, "select pg_try_advisory_lock(931)") == "f"

    assert eventually(lambda: len(pins(one)) == 1)


def test_a_lock_outlives_the_rollback_of_its_transaction(app):
    one = app.weir(default_pool_size=2)
    client, other = one.client("app"), one.client("app")

    client.query("begin")
    client.query("select pg_advisory_lock(932)")
    client.query("rollback")

    assert eventually(reasons, one) == ["advisory lock"]
    assert value(other, "select pg_try_advisory_lock(932)") == "f"


def test_a_statement_that_fails_pins_nothing(app):
    one = app.weir(default_pool_size=1)
    client = one.client("app")

    for wrong in ("create temp table mine (id nosuchtype)", "load 'no such library'", "select setseed(7)", "select pg_advisory_lock('x')"):
        assert client.ask(wire.query(wrong)).error
        with one.client("app") as other:
            assert value(other, "select 1") == "1"

    assert pins(one) == []


def test_a_cursor_with_hold_is_read_after_its_transaction(app):
    one = app.weir(default_pool_size=2)
    client, other = one.client("app"), one.client("app")

    client.query("begin")
    client.query("declare held cursor with hold for select * from generate_series(1, 10)")
    client.query("commit")

    assert eventually(pins, one) == [("cursor WITH HOLD", "declare held cursor with hold for select * from generate_series(?, ?)")]
    assert stays(one, client, other)
    assert client.query("fetch 3 from held").rows == [("1",), ("2",), ("3",)]


def test_a_seed_gives_the_sequence_that_it_gives_directly(app):
    one = app.weir(default_pool_size=2)
    client, other = one.client("app"), one.client("app")
    direct = app.primary.client("app")

    direct.query("select setseed(0.5)")
    client.query("select setseed(0.5)")
    assert eventually(reasons, one) == ["setseed()"]

    for _ in range(5):
        value(other, "select random()")
        assert value(client, "select random()") == value(direct, "select random()")


def test_a_prepared_statement_pins_when_it_is_executed(app):
    one = app.weir(default_pool_size=2)
    client, other = one.client("app"), one.client("app")

    client.ask(wire.parse("create temp table mine (id int)", "make"), wire.sync())
    assert pins(one) == []
    assert not client.ask(wire.bind(name="make"), wire.execute(), wire.sync()).error

    assert eventually(pins, one) == [("temporary objects", "create temp table mine (id int)")]
    assert stays(one, client, other)


def test_a_pipeline_pins_once_and_ends_it_once(app):
    one = app.weir(default_pool_size=1)
    client = one.client("app")

    texts = ["create temp table mine (id int)", "insert into mine values (1)", "select * from mine", "drop table mine"]
    client.send(*[m for text in texts for m in (wire.parse(text), wire.bind(), wire.execute(), wire.sync())])
    for _ in texts:
        assert all(m.kind != b"E" for m in client.read_until(b"Z"))

    with one.client("app") as other:
        assert value(other, "select 1") == "1"
    assert pins(one) == []


def test_commit_and_chain_keeps_what_there_is(app):
    one = app.weir(default_pool_size=2)
    client = one.client("app")

    client.query("begin")
    client.query("create temp table mine (id int)")
    client.query("commit and chain")
    client.query("insert into mine values (1)")
    client.query("commit")

    assert eventually(reasons, one) == ["temporary objects"]
    assert value(client, "select count(*) from mine") == "1"


def test_two_reasons_are_two_pins_and_the_server_goes_with_the_last(app):
    one = app.weir(default_pool_size=1)
    client = one.client("app")

    client.query("create temp table mine (id int)")
    client.query("select pg_advisory_lock(941)")
    assert eventually(lambda: reasons(one) == ["advisory lock", "temporary objects"])
    client.query("drop table mine")
    assert eventually(lambda: reasons(one) == ["advisory lock"])
    client.query("select pg_advisory_unlock(941)")

    assert eventually(lambda: not pins(one))
    with one.client("app") as other:
        assert value(other, "select 1") == "1"


def test_reads_of_a_pinned_session_stay_on_its_server(cluster, pgweir):
    one = Routes(cluster, pgweir).weir()
    client = one.client("routed")

    client.query("create temp table mine as select 5 as id")
    assert eventually(lambda: one.show("PINS", database="routed"))

    for _ in range(5):
        assert value(client, "select id from mine") == "5"
        assert value(client, "select pg_is_in_recovery()") == "f"


# ---- what operators see -----------------------------------------------------------------


def test_show_pins_tells_who_why_and_since_when_without_constants(app):
    one = app.weir(default_pool_size=1)
    client = one.client("app", application_name="reports")

    pid = pid_of(client)
    client.query("create temp table mine as /* secret */ select 'secret' as a, 42 as b, $x$secret$x$ as c")

    (row,) = eventually(lambda: one.show("PINS"))
    assert row["statement"] == "create temp table mine as select ? as a, ? as b, ? as c"
    assert (row["database"], row["user"], row["application_name"], row["reason"]) == ("app", "postgres", "reports", "temporary objects")
    assert (row["server_pid"], row["server_port"], row["addr"]) == (pid, app.primary.port, "127.0.0.1")
    (client_row,) = one.show("CLIENTS", database="app")
    assert (row["client_id"], client_row["state"]) == (client_row["id"], "active")
    (server_row,) = one.show("SERVERS", database="app")
    assert (row["server_id"], server_row["state"]) == (server_row["id"], "active")
    assert row["age"] < 60 and row["since"]


def test_max_pinned_refuses_what_is_foreseen_and_the_transaction_fails(app):
    one = app.weir(default_pool_size=3, max_pinned=1)
    first, second = one.client("app"), one.client("app")
    first.query("create temp table mine (id int)")
    assert eventually(pins, one)

    error = refused(second.query, "create temp table mine (id int)")

    assert said(error) == ("ERROR", "53300", "too many servers are pinned to their clients")
    assert error.fields["D"] == "The statement would pin one more (temporary objects), and max_pinned is 1."
    assert "SHOW PINS" in error.fields["H"]
    second.query("begin")
    second.query("create table if not exists undone (id int)")
    assert refused(second.query, "select pg_advisory_lock(951)").sqlstate == "53300"
    assert refused(second.query, "select 1").sqlstate == "25P02"
    second.query("rollback")
    assert value(second, "select to_regclass('undone') is null") == "t"
    assert value(second, "select pg_try_advisory_xact_lock(951)") == "t"


def test_max_pinned_is_no_limit_for_who_is_pinned_already(app):
    one = app.weir(default_pool_size=3, max_pinned=1)
    client = one.client("app")

    client.query("create temp table mine (id int)")
    client.query("create temp table yours (id int)")
    client.query("select pg_advisory_lock(952)")

    assert eventually(lambda: reasons(one) == ["advisory lock", "temporary objects"])


def test_max_pinned_has_room_again_when_a_pin_has_ended(app):
    one = app.weir(default_pool_size=3, max_pinned=1)
    first, second = one.client("app"), one.client("app")
    first.query("create temp table mine (id int)")
    assert refused(second.query, "create temp table mine (id int)").sqlstate == "53300"

    first.query("drop table mine")

    assert eventually(lambda: not second.ask(wire.query("create temp table mine (id int)")).error)
    second.close()
    assert eventually(lambda: not pins(one))
    assert not first.ask(wire.query("create temp table mine (id int)")).error


def test_what_ends_with_its_transaction_is_not_refused(app):
    one = app.weir(default_pool_size=3, max_pinned=1)
    first, second = one.client("app"), one.client("app")
    first.query("create temp table mine (id int)")
    assert eventually(pins, one)

    second.query("begin")
    second.query("create temp table mine (id int) on commit drop")
    second.query("insert into mine values (1)")
    second.query("commit")

    assert len(pins(one)) == 1


@pytest.mark.parametrize("where", ["entry", "user"])
def test_max_pinned_for_an_entry_and_a_user(app, where):
    keys = {"max_pinned": 1} if where == "entry" else {}
    users = {"postgres": "max_pinned=1"} if where == "user" else {}
    one = app.weir(keys=keys, users=users, default_pool_size=3)
    first, second = one.client("app"), one.client("app")
    first.query("create temp table mine (id int)")
    assert eventually(pins, one)

    assert refused(second.query, "create temp table mine (id int)").sqlstate == "53300"


def test_what_a_function_does_unforeseen_pins_beyond_the_limit_and_is_logged(app):
    app.query("create or replace function makes_temporary() returns void language plpgsql as "
              "$$ begin create temp table made (id int); end $$")
    one = app.weir(default_pool_size=3, max_pinned=1).allow("pinned beyond max_pinned")
    first, second = one.client("app"), one.client("app")
    first.query("create temp table mine (id int)")
    assert eventually(pins, one)

    second.query("select makes_temporary()")

    assert eventually(lambda: len(pins(one)) == 2)
    assert "pinned beyond max_pinned (1)" in one.log


def test_who_waits_in_vain_is_told_that_all_servers_are_pinned(app):
    one = app.weir(default_pool_size=1, query_wait_timeout=0.3).allow("query_wait_timeout")
    client = one.client("app")
    client.query("create temp table mine (id int)")
    assert eventually(pins, one)
    other = one.client("app")

    other.send(wire.query("select 1"))

    error = farewell(other)
    assert said(error) == ("FATAL", "57014", "query_wait_timeout")
    assert error.fields["D"] == "All servers of the pool are pinned to their clients."
    assert "SHOW PINS" in error.fields["H"]


# ---- as in a session pool ----------------------------------------------------------------


def test_a_pinned_client_is_told_when_its_server_is_lost(app):
    one = app.weir(default_pool_size=1).allow("pooler error|server conn crashed|terminating connection")
    client = one.client("app")
    client.query("create temp table mine (id int)")
    assert eventually(pins, one)
    (pid,) = app.pids()

    app.primary.query(f"select pg_terminate_backend({pid})")

    assert farewell(client).sqlstate == "57P01"
    assert eventually(lambda: not pins(one))


def test_reconnect_leaves_a_pinned_session_its_server_until_the_pin_ends(app):
    one = app.weir(default_pool_size=1)
    client = one.client("app")
    client.query("create temp table mine (id int)")
    pid = pid_of(client)

    one.console("RECONNECT")

    assert pid_of(client) == pid
    client.query("drop table mine")
    assert eventually(lambda: pid not in app.pids())
    assert pid_of(client) != pid


def test_pause_waits_for_the_end_of_a_pin(app):
    one = app.weir(default_pool_size=2)
    client = one.client("app")
    client.query("create temp table mine (id int)")
    assert eventually(pins, one)

    pause = Background(one.console, "PAUSE")
    assert eventually(lambda: one.show("DATABASES", name="app")[0]["paused"])
    assert value(client, "select count(*) from mine") == "0"
    assert pause.is_running()
    client.query("drop table mine")

    pause.result()
    one.console("RESUME")
    assert value(client, "select 1") == "1"


def test_client_idle_timeout_ends_a_pinned_client(app):
    one = app.weir(default_pool_size=1, client_idle_timeout=0.5).allow("client_idle_timeout")
    client = one.client("app")
    client.query("create temp table mine (id int)")

    assert said(farewell(client)) == ("FATAL", "57P05", "client_idle_timeout")
    assert eventually(lambda: not pins(one))


# ---- other ways ---------------------------------------------------------------------------


def test_ignore_pins_nothing(app):
    one = app.weir(default_pool_size=1, session_features="ignore")
    client = one.client("app")

    client.query("create temp table mine (id int)")

    with one.client("app") as other:
        assert value(other, "select count(*) from mine") == "0"
    assert pins(one) == []


def test_many_pinned_clients_wait_for_no_one_and_the_next_one_does(app):
    one = app.weir(default_pool_size=2)
    clients = [one.client("app") for _ in range(2)]
    for client in clients:
        client.query("create temp table mine (id int)")
    third = Background(lambda: value(one.client("app"), "select 1"))
    assert eventually(waiting, one, 1)

    clients[0].query("drop table mine")

    assert third.result() == "1"
