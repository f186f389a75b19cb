"""Settings in all their ways, each answered as on a connection of the client's own.

Another client with other settings uses the same server in between; see lib/same.py.
"""

import pytest

from lib import wire
from lib.eventually import eventually
from lib.same import Twins

STARTUP = {"TimeZone": "Asia/Tokyo", "work_mem": "3MB", "options": "-c search_path=app,public -c a.b=5 -c statement_timeout=2min"}


NAMES = ("work_mem", "TimeZone", "DateStyle", "search_path", "a.b", "statement_timeout", "role", "session_authorization")

PROGRAMS = {
    "a SET stays": ["set work_mem = '9MB'"],
    "SET SESSION stays": ["set session timezone = 'Europe/Oslo'"],
    "a SET that is rolled back is gone": ["begin", "set work_mem = '9MB'", "show work_mem", "rollback"],
    "a SET LOCAL ends with its transaction": ["begin", "set local work_mem = '9MB'", "show work_mem", "commit"],
    "a SET LOCAL after a SET leaves the SET": ["begin", "set work_mem = '9MB'", "set local work_mem = '10MB'", "show work_mem", "commit"],
    "a savepoint decides": ["begin", "set work_mem = '4MB'", "savepoint s", "set work_mem = '9MB'", "set a.b = 'x'", "rollback to s", "commit"],
    "a released savepoint keeps": ["begin", "savepoint s", "set work_mem = '9MB'", "release s", "commit"],
    "an aborted transaction keeps nothing": ["begin", "set work_mem = '9MB'", "select 1/0", "commit"],
    "a SET in a failed transaction fails": ["begin", "select 1/0", "set work_mem = '9MB'", "rollback"],
    "several statements are one transaction": ["set work_mem = '9MB'; select 1/0"],
    "several statements that hold": ["set work_mem = '9MB'; set datestyle = 'SQL, DMY'; select now()::date = current_date"],
    "RESET of one": ["set work_mem = '9MB'", "reset work_mem"],
    "RESET of one that was not set": ["reset timezone", "reset search_path"],
    "RESET in a transaction": ["begin", "set timezone = 'Europe/Oslo'", "reset timezone", "show timezone", "commit"],
    "RESET that is rolled back": ["set timezone = 'Europe/Oslo'", "begin", "reset timezone", "show timezone", "rollback"],
    "RESET behind a savepoint": ["set work_mem = '9MB'", "begin", "savepoint s", "reset work_mem", "show work_mem", "rollback to s", "show work_mem", "commit"],
    "RESET ALL": ["set work_mem = '9MB'", "set a.b = 'x'", "set timezone = 'Europe/Oslo'", "reset all"],
    "RESET ALL in a transaction": ["set work_mem = '9MB'", "begin", "reset all", "show work_mem", "show timezone", "set work_mem = '8MB'", "commit"],
    "RESET ALL that is rolled back": ["set work_mem = '9MB'", "begin", "reset all", "rollback"],
    "RESET among others": ["set work_mem = '9MB'", "begin; reset work_mem; select current_setting('work_mem'); commit"],
    "TO DEFAULT": ["set work_mem = '9MB'", "set work_mem to default"],
    "LOCAL TO DEFAULT": ["set work_mem = '9MB'", "begin", "set local work_mem to default", "show work_mem", "commit"],
    "reset_val": ["select name, setting, reset_val from pg_settings where name in ('TimeZone', 'work_mem', 'DateStyle')"],
    "DISCARD ALL": ["set work_mem = '9MB'", "set role nobody_of_settings", "discard all"],
    "set_config": ["select set_config('work_mem', '9MB', false)"],
    "set_config that is local": ["begin", "select set_config('work_mem', '9MB', true)", "show work_mem", "commit"],
    "set_config inside a query": ["select count(set_config('a.b', i::text, false)) from generate_series(1, 3) i"],
    "set_config of a name that is worked out": ["select set_config('work' || '_mem', '9MB', false)"],
    "set_config of names from a table": ["select count(set_config(n, '9MB', false)) from (values ('work_mem'), ('temp_buffers')) v(n)", "show temp_buffers"],
    "SET TIME ZONE": ["set time zone 'Europe/Oslo'", "set time zone interval '+05:30' hour to minute"],
    "SET TIME ZONE LOCAL": ["set time zone 3", "set time zone local"],
    "SET NAMES": ["set names 'latin1'", "show client_encoding", "set names default", "show client_encoding"],
    "SET XML OPTION": ["set xml option document", "show xmloption"],
    "SET SESSION CHARACTERISTICS": ["set session characteristics as transaction isolation level serializable, read only", "show transaction_isolation", "show default_transaction_read_only"],
    "SET TRANSACTION is of one transaction": ["begin", "set transaction isolation level serializable", "show transaction_isolation", "commit", "show transaction_isolation"],
    "SET ROLE": ["set role nobody_of_settings", "select current_user, session_user", "reset role", "select current_user"],
    "SET ROLE NONE": ["set role nobody_of_settings", "set role none", "select current_user"],
    "RESET ALL leaves the role": ["set role nobody_of_settings", "reset all", "select current_user"],
    "SET LOCAL ROLE": ["begin", "set local role nobody_of_settings", "select current_user", "commit", "select current_user"],
    "SET SESSION AUTHORIZATION": ["set session authorization nobody_of_settings", "select current_user, session_user", "reset session authorization", "select session_user"],
    "a role within another user": ["set session authorization nobody_of_settings", "set role none", "select current_user, session_user"],
    "what the superuser set holds for the role": ["set log_statement = 'none'", "set session_replication_role = replica", "set role nobody_of_settings", "show session_replication_role", "show log_statement"],
    "a custom setting": ["set a.b = 'mine'", "set c.d = ''"],
    "a setting that is refused": ["set work_mem = 'plenty'", "set no_such_setting = 1", "select set_config('work_mem', 'plenty', false)"],
    "an odd value": ["""set a.b = E'it''s \\\\ "odd"\\n\\té'""", "set standard_conforming_strings = off", "set a.b = 'back\\\\slash'"],
    "a DO sets": ["do $$ begin set work_mem = '9MB'; perform set_config('a.b', 'done', false); end $$"],
    "a DO sets what it works out": ["do $$ begin execute 'set ' || 'work_mem' || ' = 9000'; end $$"],
    "a DO that commits in between": ["do $$ begin set work_mem = '9MB'; commit; set work_mem = '8MB'; rollback; end $$"],
    "a procedure commits and fails": ["call settings_commit('9MB', false)", "call settings_commit('8MB', true)"],
    "a function sets": ["select settings_set('9MB')"],
    "a function's own SET clause ends with it": ["select settings_clause()"],
    "a deferred constraint fails at COMMIT": ["begin", "set work_mem = '9MB'", "insert into settings_deferred values (1), (1)", "commit"],
    "a transaction's settings in a batch": ["begin; set work_mem = '9MB'; commit; set datestyle = 'SQL, DMY'"],
    "read only": ["set default_transaction_read_only = on", "create table settings_never (n int)", "set default_transaction_read_only = off"],
    "messages of all kinds": ["set client_min_messages = error", "drop table if exists settings_never", "set client_min_messages = notice"],
    "a long text": ["set a.b = 'x'; select 1 /*" + "x" * 70000 + "*/; set work_mem = '9MB'"],
    "exit_on_error": ["set exit_on_error = on", "show exit_on_error", "set exit_on_error = off"],
    "timeouts": ["set idle_session_timeout = '1h'", "show idle_session_timeout", "set lock_timeout = '1s'", "set idle_in_transaction_session_timeout = '1h'", "show lock_timeout"],
    "a short statement_timeout": ["set statement_timeout = '50ms'", "show statement_timeout", "select pg_sleep(1)", "show statement_timeout"],
}


@pytest.fixture(autouse=True)
def scene(app):
    with app.primary.client("app") as client:
        client.query("set client_min_messages = error; drop schema if exists app cascade; create schema app")
        client.query("do $$ begin create role nobody_of_settings; exception when duplicate_object then end $$")
        client.query("grant usage, create on schema public to nobody_of_settings")
        client.query("create or replace procedure settings_commit(v text, fails bool) language plpgsql as $$ begin"
                     " perform set_config('work_mem', v, false); commit; perform set_config('work_mem', '1MB', false);"
                     " if fails then raise 'failed'; end if; end $$")
        client.query("create or replace function settings_set(v text) returns text language plpgsql as $$ begin"
                     " perform set_config('work_mem', v, false); set timezone = 'Europe/Oslo'; return v; end $$")
        client.query("create or replace function settings_clause() returns text language plpgsql set work_mem = '6MB' as"
                     " $$ begin return current_setting('work_mem'); end $$")
        client.query("drop table if exists settings_deferred; create table settings_deferred (n int unique deferrable initially deferred)")


@pytest.mark.parametrize("startup", [{}, STARTUP], ids=["bare", "startup"])
def test_programs_are_answered_as_on_a_connection_of_their_own(app, startup):
    one = app.weir(default_pool_size=1)

    for program in PROGRAMS.values():
        twins = Twins(app.primary, one, **startup)
        twins.run(*program)
        twins.shows(*NAMES)
        twins.close()


def ends(client, *statements):
    """What the client is told when it is closed behind those statements."""
    for sql in statements:
        client.query(sql)
    error = client.read().fields()
    client.expect_closed()
    return error["S"], error["C"], error["M"]


@pytest.mark.parametrize("statements", [
    ["set idle_session_timeout = '100ms'"],
    ["begin", "set idle_session_timeout = '100ms'", "commit"],
    ["set idle_in_transaction_session_timeout = '100ms'", "begin"],
    ["set idle_in_transaction_session_timeout = '100ms'", "begin", "select from settings_deferred"],
], ids=", ".join)
def test_who_idles_too_long_by_its_own_words_is_closed_alike(app, statements):
    one = app.weir(default_pool_size=1)
    one.allow("idle-session timeout|idle-in-transaction timeout|server conn crashed")

    direct = ends(app.primary.client("app"), *statements)
    pooled = ends(one.client("app"), *statements)

    assert pooled == direct
    with one.client("app") as next_one:
        assert next_one.query("show idle_session_timeout").rows == [("0",)]


def test_an_idle_session_timeout_is_no_server_s_business(app):
    one = app.weir(default_pool_size=1)
    with one.client("app") as client, one.client("app") as other:
        client.query("set idle_session_timeout = '2s'")
        server = other.query("select pg_backend_pid()").rows
        assert client.query("show idle_session_timeout").rows == [("2s",)]
        client.query("set idle_session_timeout = 0")
        client.query("set idle_session_timeout = '1h'")
        assert client.query("show idle_session_timeout").rows == [("1h",)]
        assert other.query("select pg_backend_pid()").rows == server


@pytest.fixture
def refused(app):
    """A client of a user who has made a superuser's setting, and is none any more; the number of rows behind it."""
    with app.primary.client("app") as boss:
        boss.query("do $$ begin create role fallen_of_settings login; exception when duplicate_object then end $$")
        boss.query("alter role fallen_of_settings superuser; drop table if exists settings_filled; create table settings_filled (n int)")
        boss.query("grant all on settings_filled to public")
        one = app.weir(default_pool_size=1, secrets={"postgres": "", "fallen_of_settings": ""})
        one.allow("permission denied|terminating connection|server conn crashed")
        client = one.client("app", user="fallen_of_settings")
        client.query("set log_statement = 'none'; set work_mem = '9MB'")
        # The next request waits until the settings are known.
        client.query("select 1")
        boss.query("alter role fallen_of_settings nosuperuser")
        boss.query("select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'fallen_of_settings'")
        client.rows = lambda: boss.query("select n from settings_filled").rows
        yield client
        client.close()


def lives_on(client):
    after = client.ask(wire.query("show work_mem"))
    warnings = [m.fields() for m in after.messages if m.kind == b"N"]
    assert (after.rows, [(w["S"], w["C"]) for w in warnings]) == ([("9MB",)], [("WARNING", "42501")])
    assert client.query("insert into settings_filled values (7)").tags == ["INSERT 0 1"]
    assert client.rows() == [("7",)]


INSERT = wire.query("insert into settings_filled values (1)")
BATCH = [wire.parse("insert into settings_filled values (2)"), wire.bind(), wire.execute()]


@pytest.mark.parametrize("messages", [[INSERT], [*BATCH, wire.sync()]], ids=["query", "batch"])
def test_a_setting_that_cannot_be_made_any_more_costs_an_answer_and_no_connection(refused, messages):
    refused.send(*messages)
    found = refused.read_until(b"Z")

    assert [m.kind for m in found] == [b"E", b"Z"]
    assert (found[0].fields()["S"], found[0].fields()["C"]) == ("ERROR", "42501")
    assert refused.rows() == []
    lives_on(refused)


def test_of_requests_that_were_sent_ahead_each_is_answered_and_none_runs_with_less_unsaid(refused):
    refused.send(INSERT, *BATCH, wire.sync(), INSERT)
    first, *others = [refused.read_until(b"Z") for _ in range(3)]

    assert [m.kind for m in first] == [b"E", b"Z"]
    kinds = [m.kind for one in others for m in one]
    failed = sum(m.kind == b"E" for one in others for m in one)
    assert failed + len(refused.rows()) == 2
    assert kinds.count(b"N") == (1 if failed < 2 else 0)
    assert refused.query("show work_mem").rows == [("9MB",)]


def test_a_batch_that_is_not_complete_when_its_settings_fail_is_dropped_to_its_sync(refused):
    refused.send(*BATCH, wire.flush())
    assert refused.read().kind == b"E"

    refused.send(*BATCH, wire.sync())

    assert [m.kind for m in refused.read_until(b"Z")] == [b"Z"]
    assert refused.rows() == []
    lives_on(refused)


def test_nobody_goes_on_without_the_role_that_it_has_set(app):
    app.query("drop role if exists gone_of_settings; create role gone_of_settings")
    one = app.weir(default_pool_size=1)
    one.allow("does not exist")
    with one.client("app") as client, one.client("app") as other:
        client.query("set role gone_of_settings")
        other.query("drop role gone_of_settings")

        client.send(wire.query("select current_user"))

        error = client.read().fields()
        assert (error["S"], error["C"], error["M"]) == ("FATAL", "22023", 'role "gone_of_settings" does not exist')
        client.expect_closed()


def test_what_a_superuser_s_role_has_set_follows_and_stays_with_nobody(app):
    app.query("do $$ begin create role grown_of_settings superuser; create role plain_of_settings login in role grown_of_settings;"
              " exception when duplicate_object then end $$")
    one = app.weir(default_pool_size=1, secrets={"postgres": "", "plain_of_settings": ""})
    other = one.client("app", user="plain_of_settings")
    with one.client("app", user="plain_of_settings") as client:
        client.query("set role grown_of_settings")
        client.query("set log_statement = 'none'; set session_replication_role = replica")
        for _ in range(2):
            assert other.query("show session_replication_role").rows == [("origin",)]
            assert client.query("show session_replication_role").rows == [("replica",)]
            assert client.query("select current_user").rows == [("grown_of_settings",)]
        client.query("reset session_replication_role")
        client.query("reset log_statement")
        client.query("reset role")
        assert other.query("show session_replication_role").rows == [("origin",)]
        for sql in ["begin", "set local role grown_of_settings", "set session_replication_role = replica", "commit"]:
            client.query(sql)
        assert other.query("show session_replication_role").rows == [("origin",)]
    other.close()


ORIGIN = "select setting, reset_val from pg_settings where name = 'work_mem'"
BEGAN_WITH = {
    "reset_val": (ORIGIN, [("4096", "4096")]),
    "several statements with a RESET": ("reset work_mem; show work_mem", [("4MB",)]),
    "several statements with a TO DEFAULT": ("set work_mem to default; select reset_val from pg_settings where name = 'work_mem'", [("4096",)]),
}


@pytest.mark.parametrize("what", BEGAN_WITH)
@pytest.mark.parametrize("size, mode", [(1, "transaction"), (2, "transaction"), (1, "session")])
def test_who_waits_is_not_given_a_server_that_began_with_another_s_settings(app, what, size, mode):
    sql, answer = BEGAN_WITH[what]
    one = app.weir(default_pool_size=size, pool_mode=mode)
    with one.client("app") as early:
        early.query("select 1")
    others = [one.client("app", work_mem="3MB") for _ in range(size)]
    for other in others:
        assert other.query("begin; " + ORIGIN).rows == [("3072", "3072")]
    waiting = one.client("app")

    waiting.send(wire.query(sql))
    eventually(lambda: one.show("POOLS", database="app", cl_waiting=1))
    for other in others:
        other.query("commit")
        if mode == "session":
            other.close()

    assert [tuple(m.values()) for m in waiting.read_until() if m.kind == b"D"] == answer
    waiting.close()
    for other in others:
        other.close()


def test_who_insists_on_settings_is_in_nobody_s_way_and_served_in_time(app):
    one = app.weir(default_pool_size=1)
    clients = [one.client("app", **({"work_mem": f"{n}MB"} if n > 3 else {})) for n in range(2, 8)]
    holder, waiting = clients[0], clients[1:]
    holder.query("begin")
    for client in waiting:
        client.send(wire.query(ORIGIN), wire.query("select 1"), wire.query(ORIGIN))
    eventually(lambda: one.show("POOLS", database="app", cl_waiting=len(waiting)))

    holder.query("commit")

    for n, client in enumerate(waiting, 3):
        own = str(1024 * n) if n > 3 else "4096"
        for answer in ([(own, own)], [("1",)], [(own, own)]):
            assert [tuple(m.values()) for m in client.read_until() if m.kind == b"D"] == answer
        client.close()
    holder.close()


@pytest.mark.parametrize("ahead", [
    [wire.query("select 1")],
    [wire.parse("select 1"), wire.bind(), wire.execute(), wire.sync()],
    [wire.parse(ORIGIN, "again"), wire.sync(), wire.query("select 1")],
], ids=["a query", "a batch", "a statement by name"])
@pytest.mark.parametrize("asks", [
    [wire.query(ORIGIN)],
    [wire.parse(ORIGIN), wire.bind(), wire.execute(), wire.sync()],
], ids=["by a query", "by a batch"])
def test_what_is_sent_ahead_is_not_answered_by_what_another_s_settings_have_begun(app, ahead, asks):
    one = app.weir(default_pool_size=1)
    with one.client("app") as client, one.client("app", work_mem="3MB") as other:
        assert other.query(ORIGIN).rows == [("3072", "3072")]

        client.send(*ahead, *asks, wire.query("select 'done'"))

        rows = []
        while ("done",) not in rows:
            rows += [tuple(m.values()) for m in client.read_until() if m.kind == b"D"]
        assert rows == [("1",), ("4096", "4096"), ("done",)]
