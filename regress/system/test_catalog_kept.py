"""What is kept of a catalog from one look to the next never outlives what it was: whatever changes by whoever is seen, and judged as it is now."""

import os
import signal
import subprocess

import pytest

from lib import wire
from lib.eventually import eventually
from lib.pgweir import program_path
from lib.routes import DATABASE, PROBE, Routes

BEFORE = r"""
create schema kept; create schema before; create extension pgcrypto; create sequence kept.s;
create table kept.t (id int primary key, v text); create table kept.logged (id int);
create function kept.turns(a int) returns int language sql stable as 'select a';
create function kept.settles(a int) returns int language sql volatile as 'select a';
create function kept.replaced(a int) returns int language sql stable as 'select a';
create function kept.mended(a int) returns int language sql stable as 'select a + nextval(''kept.s'')::int';
create function kept.named(a int) returns int language sql volatile as 'select a';
create function kept.gone(a int) returns int language sql stable as 'select a';
create function before.moved(a int) returns int language sql volatile as 'select a';
create function kept.audit(a int) returns int language sql volatile as 'select a';
create view kept.v_replaced as select id from kept.t;
create view kept.v_mended as select kept.audit(id) from kept.t;
create view kept.v_base as select id from kept.t; create view kept.v_over as select * from kept.v_base;
create view kept.v_table as select id from kept.logged;
create view kept.v_gone as select id from kept.t;
create view kept.v_builtin as select repeat(v, 2) from kept.t;
create view kept.v_own as select txid_current() as x from kept.t;
create view kept.v_turns as select kept.turns(id) from kept.t;
"""

# Statements that are reads before, and those that are reads after.
READS_BEFORE = (
    "select kept.turns(1)", "select kept.replaced(1)", "select kept.gone(1)", "select id from kept.v_replaced", "select id from kept.v_over",
    "select id from kept.v_table", "select id from kept.v_gone", "select * from kept.v_builtin", "select repeat('a', 2)", "select * from kept.v_turns",
    "select gen_random_bytes(2)",
)  # fmt: skip
READS_AFTER = ("select kept.settles(1)", "select kept.mended(1)", "select * from kept.v_mended")

AFTER = r"""
alter function kept.turns(int) volatile; alter function kept.settles(int) stable;
create or replace function kept.replaced(a int) returns int language sql stable as 'select a + nextval(''kept.s'')::int';
create or replace function kept.mended(a int) returns int language sql stable as 'select a';
drop function kept.gone(int); create function kept.gone(a int) returns int language sql volatile as 'select a';
alter schema before rename to afterwards; alter function kept.named(int) rename to other_name;
create or replace view kept.v_replaced as select kept.audit(id) as id from kept.t;
drop view kept.v_mended; create view kept.v_mended as select id from kept.t;
create or replace view kept.v_base as select kept.audit(id) as id from kept.t;
alter table kept.logged set unlogged;
drop view kept.v_gone; create view kept.v_gone as select id from kept.t for update;
alter function pg_catalog.repeat(text, int) volatile;
alter extension pgcrypto drop function gen_random_bytes(int);
"""
WRITES_AFTER = (*READS_BEFORE, "select afterwards.moved(1)", "select kept.other_name(1)")

UNDO = """
drop schema kept cascade; drop schema if exists before cascade; drop schema if exists afterwards cascade;
drop extension pgcrypto; drop function if exists gen_random_bytes(int); alter function pg_catalog.repeat(text, int) immutable
"""


@pytest.fixture
def routes(cluster, pgweir):
    return Routes(cluster, pgweir)


@pytest.fixture
def kept(routes):
    """The schema, and the primary's own connection to that database."""
    with routes.primary.client(DATABASE) as direct:
        assert direct.ask(wire.query(BEFORE)).error is None
    yield routes
    assert routes.primary.start().query(UNDO, DATABASE) == []


def told(client, sql):
    """The reason for where the statement goes."""
    return [n["M"] for n in client.ask(wire.query(sql)).notices if n["M"].startswith("pgweir:")][0]


def is_read(client, sql):
    return "plain_read" in told(client, sql)


def sure(weir):
    with weir.client(DATABASE) as client:
        client.query("set pgweir.route_notice = on")
        return is_read(client, PROBE)


@pytest.fixture
def client(kept):
    """Of a pgweir that says where each statement would go, and asks the primary."""
    weir = kept.weir(ready=False, keys={"route_dry_run": 1})
    eventually(sure, weir)
    with weir.client(DATABASE) as client:
        client.query("set pgweir.route_notice = on")
        client.weir = weir
        yield client


def test_what_somebody_else_has_changed_is_judged_as_it_is_now(kept, client):
    assert [sql for sql in READS_BEFORE if not is_read(client, sql)] == []
    assert [sql for sql in READS_AFTER if is_read(client, sql)] == []

    kept.primary.query(AFTER, DATABASE)

    eventually(lambda: not is_read(client, "select kept.turns(1)"))
    assert [sql for sql in WRITES_AFTER if is_read(client, sql)] == []
    assert [sql for sql in READS_AFTER if not is_read(client, sql)] == []


def replace(direct, select):
    """Makes it the view's; the oid of its rule and the row's version."""
    told = "select pg_stat_force_next_flush()"
    for text in ("begin", f"create or replace view kept.v_own as {select} as x from kept.t", told, "commit"):
        assert direct.ask(wire.query(text)).error is None
    return direct.query("select oid, xmin from pg_rewrite where ev_class = 'kept.v_own'::regclass").rows[0]


def test_a_crash_that_gives_a_views_version_to_another_view_is_noticed(kept, client):
    """What was committed asynchronously is lost, and its transaction id comes again."""
    primary, select = kept.primary, "select * from kept.v_own"
    assert not is_read(client, select)
    with primary.client(DATABASE) as direct:
        [(writer,)] = direct.query("select pid from pg_stat_activity where backend_type = 'walwriter'").rows
        os.kill(int(writer), signal.SIGSTOP)
        direct.query("set synchronous_commit = off")
        lost = replace(direct, "select id::bigint")
        eventually(lambda: is_read(client, select))

    client.weir.allow("is down: Connection refused").console("PAUSE")
    primary.kill9().start()

    with primary.client(DATABASE) as direct:
        while int(direct.query("select txid_snapshot_xmax(txid_current_snapshot())").rows[0][0]) < int(lost[1]):
            direct.query("select txid_current()")
        assert replace(direct, "select txid_current()") == lost
    client.weir.console("RESUME")
    eventually(lambda: not is_read(client, select), within=4)


# What the change test must see, each by itself.
CHANGES = (
    "create table kept.fresh (id int)", "alter table kept.fresh add column n int default kept.audit(1)",
    "alter table kept.fresh alter column id set default kept.audit(1)", "alter table kept.fresh add check (kept.turns(id) > 0)",
    "create function kept.fire() returns event_trigger language plpgsql as 'begin end'",
    "create event trigger kept_fire on ddl_command_end when tag in ('CREATE TABLE') execute function kept.fire()",
    "alter event trigger kept_fire disable", "drop event trigger kept_fire", "alter schema before rename to afterwards",
    "alter function kept.turns(int) volatile", "alter function kept.turns(int) set work_mem = '1MB'", "alter function kept.turns(int) owner to auth_md5",
    "create or replace view kept.v_base as select id + 1 as id from kept.t", "drop view kept.v_over", "drop function kept.gone(int)",
    "create policy p on kept.t using (kept.turns(id) > 0)", "create domain kept.d as int", "alter domain kept.d add check (value > 0)",
    "alter table kept.logged set unlogged", "create aggregate kept.total(int) (sfunc = int4pl, stype = int)",
)  # fmt: skip


def asked(query):
    program = os.path.join(os.path.dirname(program_path()), "effects_of")
    return subprocess.run([program, query], capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("query", ["change", "changes"])
def test_each_change_is_seen_by_itself_and_nothing_else_is(kept, query):
    sql, unseen = asked(query), []
    with kept.primary.client(DATABASE) as direct, kept.primary.client(DATABASE) as other:
        def answer():
            return direct.query(sql).rows[0][0]

        for change in CHANGES:
            before = answer()
            assert answer() == before
            for text in ("begin", change, "select pg_stat_force_next_flush()", "commit"):
                assert other.ask(wire.query(text)).error is None, change
            if answer() == before:
                unseen.append(change)

    assert unseen == []
