"""session_features: what a client may do with its session where it has a server for each transaction only.

keep is every other file of this folder; here are reject and ignore, and who is given which.
"""

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import pid_of, refused, value

REFUSED = {
    "a statement prepared by SQL": "prepare p as select 1",
    "the run of one": "execute p",
    "EXPLAIN of one": "explain execute p",
    "LISTEN": "listen news",
    "a cursor that outlives its transaction": "declare c cursor with hold for select 1",
    "a session's advisory lock": "select pg_advisory_lock(7)",
    "a try for one": "select pg_try_advisory_lock(7), 'a lock'",
    "LOAD": "load 'auto_explain'",
    "setseed": "select setseed(0.5)",
    "a temporary table": "create temp table mine (n int)",
    "a temporary table by SELECT": "select 1 as n into temp mine",
    "a temporary view": "create temporary view mine as select 1",
    "a temporary sequence": "create temp sequence mine",
    "currval of nothing": "select currval('numbers')",
    "lastval of nothing": "select lastval()",
    "the server's own names": "select name from pg_prepared_statements",
}

GOES_ON = {
    "SET": "set work_mem = '7MB'",
    "RESET ALL": "reset all",
    "DISCARD ALL": "discard all",
    "UNLISTEN": "unlisten *",
    "NOTIFY": "notify news, 'hello'",
    "the end of all locks": "select pg_advisory_unlock_all()",
    "CLOSE ALL": "close all",
    "a reset of several parts": "select pg_advisory_unlock_all(); close all; unlisten *; reset all;",
    "nextval": "select nextval('numbers')",
    "what a transaction ends": "select pg_advisory_xact_lock(7)",
    "words in a string": "select 'prepare p as listen; pg_advisory_lock(1)'",
    "its own number": "begin; select nextval('numbers'); select currval('numbers'); commit",
}


@pytest.fixture
def reject(app):
    app.query("create sequence if not exists numbers")
    return app.weir(session_features="reject", default_pool_size=1)


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_reject_makes_an_error_of(reject, app, text):
    with reject.client("app") as client, reject.client("app") as other:
        pid = pid_of(other)

        error = refused(client.query, text)

        assert error.sqlstate == "0A000" and "session_features" in error.message
        assert error.fields["D"] and "keep" in error.fields["H"]
        assert value(client, "select 1") == "1"
        assert pid_of(other) == pid
        assert eventually(lambda: app.pool(reject)["sv_idle"] == 1)


@pytest.mark.parametrize("text", GOES_ON.values(), ids=GOES_ON.keys())
def test_reject_lets_pass(reject, text):
    with reject.client("app") as client:
        assert not client.ask(wire.query(text)).error


def test_a_refusal_fails_its_transaction_as_the_server_would(reject, app):
    app.query("create table if not exists kept (n int); truncate kept")
    with reject.client("app") as client:
        client.query("begin; insert into kept values (1)")
        assert refused(client.query, "listen news").sqlstate == "0A000"
        assert client.ask(wire.query("select 1")).error.sqlstate == "25P02"
        assert client.ask(wire.query("commit")).tags == ["ROLLBACK"]

        call = wire.parse("insert into kept values (2)") + wire.bind() + wire.execute()
        result = client.ask(call, wire.parse("listen news"), wire.bind(), wire.execute(), wire.sync())
        assert result.error.sqlstate == "0A000"
    assert app.query("select count(*) from kept") == [("0",)]


def test_settings_and_the_protocols_statements_follow_with_reject(reject):
    with reject.client("app") as client, reject.client("app") as other:
        client.query("set work_mem = '7MB'")
        client.ask(wire.parse("select current_setting('work_mem')", "see"), wire.sync())
        assert value(other, "select current_setting('work_mem')") == "4MB"

        assert client.ask(wire.bind((), "see"), wire.execute(), wire.sync()).rows == [("7MB",)]


def test_a_temporary_table_that_its_transaction_drops_passes_reject(reject):
    with reject.client("app") as client, reject.client("app") as other:
        client.query("begin; create temp table mine (n int) on commit drop; insert into mine values (1)")
        assert value(client, "select n from mine") == "1"
        client.query("commit")
        assert refused(other.query, "table mine").sqlstate == "42P01"


def test_what_a_text_does_not_say_reaches_nobody_else_with_reject(reject, app):
    app.query("create or replace function sneak() returns void language plpgsql as "
              "$$ begin execute 'create temp table if not exists sneaked as select 1 as n'; perform pg_advisory_lock(4711); end $$")
    with reject.client("app") as client, reject.client("app") as other:
        client.query("select sneak()")

        assert refused(other.query, "table sneaked").sqlstate == "42P01"
        assert eventually(lambda: app.query("select count(*) from pg_locks where locktype = 'advisory'") == [("0",)])
        assert refused(client.query, "table sneaked").sqlstate == "42P01"


def test_ignore_is_what_pgbouncer_does(app):
    one = app.weir(session_features="ignore", default_pool_size=1)
    with one.client("app") as client, one.client("app") as other:
        client.query("set timezone = 'Asia/Tokyo'; set work_mem = '7MB'; create temp table mine as select 7 as n; prepare p as select 8")
        pid = pid_of(client)

        assert value(other, "show timezone") == "UTC"
        assert value(client, "show timezone") == "Asia/Tokyo"
        assert value(other, "show work_mem") == "7MB"
        assert value(other, "table mine") == "7" and value(other, "execute p") == "8"
        assert pid_of(other) == pid


def test_ignore_asks_servers_nothing(app):
    one = app.weir(session_features="ignore", default_pool_size=1)
    with one.client("app") as client:
        client.query("select 1")
        mark = app.primary.mark()
        for text in ("set work_mem = '7MB'", "select set_config('work_mem', '8MB', false)", "create temp table mine (n int)", "select 2"):
            client.query(text)

        assert len(app.primary.statements_since(mark)) == 4


def test_the_users_word_goes_before_the_entrys_and_that_before_all(app):
    databases = {"strict": app.target(session_features="reject"), "app": app.target()}
    app.primary.query("do $$ begin create role trusted login superuser; exception when duplicate_object then end $$")
    one = app.weir(databases=databases, users={"trusted": "session_features=ignore"}, secrets={"postgres": "", "trusted": ""})

    with one.client("strict") as client:
        assert refused(client.query, "listen news").sqlstate == "0A000"
    with one.client("strict", "trusted") as client, one.client("app") as other:
        client.query("listen news")
        assert refused(other.query, "execute nothing").sqlstate == "26000"


def test_a_reload_changes_what_sessions_may_do(app):
    one = app.weir(session_features="keep")
    with one.client("app") as client:
        client.query("prepare p as select 1")
        client.query("deallocate all")

        one.console("set session_features = 'reject'")

        assert eventually(lambda: client.ask(wire.query("prepare q as select 1")).error.sqlstate == "0A000")


def test_in_session_mode_every_feature_works_whatever_is_said(app):
    one = app.weir(session_features="reject", pool_mode="session")
    with one.client("app") as client:
        client.query("prepare p as select 1; listen news; create temp table mine (n int)")
        assert value(client, "execute p") == "1"
