"""Replication clients: PostgreSQL's own tools stream through pgweir, on servers that nobody else gets."""

import glob
import os

import psycopg2
import psycopg2.extras
import pytest

from lib import wire
from lib.cluster import program
from lib.eventually import eventually
from lib.scene import Background, refused, said, value

TOOL_SECONDS = 60


@pytest.fixture
def weir(app):
    """pg_basebackup and pg_receivewal ask for the database `replication`: an entry of that name serves them."""
    return app.weir(databases={"replication": app.target()}, default_pool_size=2)


def tool(weir, name, *arguments):
    where = ["-h", weir.address, "-p", str(weir.port), "-U", "postgres", "-w"]
    return weir.nest.run([program(name), *where, *arguments], timeout=TOOL_SECONDS)


def replicate(weir, **startup):
    return weir.client("app", replication="database", application_name="through", **startup)


def test_pg_basebackup_through_pgweir_makes_a_copy_with_the_wal_it_needs(app, weir):
    target = weir.nest.folder("copy-" + os.path.basename(weir.folder))
    app.query("create table if not exists copied as select generate_series(1, 1000) as n")

    tool(weir, "pg_basebackup", "-D", target, "-X", "stream", "--checkpoint=fast", "--no-manifest")

    assert os.path.exists(f"{target}/PG_VERSION")
    assert glob.glob(f"{target}/pg_wal/0*")
    assert eventually(lambda: not weir.show("SERVERS", database="replication"))


def test_pg_receivewal_through_pgweir_writes_the_wal_as_it_comes(app, weir):
    target = weir.nest.folder("wal-" + os.path.basename(weir.folder))
    app.query("create table if not exists received (n int)")
    tool(weir, "pg_receivewal", "--create-slot", "--if-not-exists", "--slot=through")
    app.query("insert into received values (1)")
    end = app.primary.value("select pg_current_wal_insert_lsn()")

    receiver = Background(
        tool, weir, "pg_receivewal", "-D", target, "--slot=through", f"--endpos={end}", "--no-loop", "--status-interval=1"
    )

    def written():
        app.query("insert into received values (2)")
        return not receiver.is_running()

    eventually(written, within=30, every=0.1)
    receiver.result()
    assert glob.glob(f"{target}/0*")
    tool(weir, "pg_receivewal", "--drop-slot", "--slot=through")


def test_a_logical_replication_client_streams_changes(app, weir):
    app.query("create table if not exists changes (n int)")
    client = psycopg2.connect(
        weir.conninfo("app"), connection_factory=psycopg2.extras.LogicalReplicationConnection
    )
    stream = client.cursor()
    stream.create_replication_slot("through", output_plugin="test_decoding")
    stream.start_replication("through", decode=True)

    app.query("insert into changes values (42)")

    def change():
        message = stream.read_message()
        return message is not None and "INSERT: n[integer]:42" in message.payload

    assert eventually(change)
    assert weir.show("CLIENTS", database="app")[0]["state"] == "active"
    client.close()
    assert eventually(lambda: app.primary.query("select pg_drop_replication_slot('through')"))


def test_a_replication_client_keeps_its_server_over_transactions_and_nobody_gets_it_afterwards(app, weir):
    client = replicate(weir)
    ordinary = weir.client("app")
    own = client.query("select pg_backend_pid()").rows[0][0]

    assert client.query("select pg_backend_pid()").rows[0][0] == own
    assert client.query("IDENTIFY_SYSTEM").rows[0][1] == "1"
    assert value(ordinary, "select pg_backend_pid()") != own
    client.close()
    assert eventually(lambda: int(own) not in app.pids())


def test_a_replication_clients_startup_parameters_reach_its_server(app, weir):
    client = replicate(weir, options="-c work_mem=4242 -c geqo=off -c search_path=other", datestyle="German")

    assert client.query("show work_mem").rows == [("4242kB",)]
    assert client.query("show search_path").rows == [("other",)]
    assert client.parameters["DateStyle"] == "German, DMY"
    assert client.parameters["application_name"] == "through"


def test_replication_off_is_an_ordinary_client(app, weir):
    client = weir.client("app", replication="off")

    assert value(client, "select 1") == "1"
    assert refused(client.query, "IDENTIFY_SYSTEM").sqlstate == "42601"


def test_an_idle_server_makes_room_for_a_replication_client(app):
    one = app.weir(default_pool_size=1)
    ordinary = one.client("app")
    idle = value(ordinary, "select pg_backend_pid()")

    client = replicate(one)

    assert client.query("select pg_backend_pid()").rows[0][0] != idle
    assert app.pool(one)["sv_active"] == 1 and app.pool(one)["sv_idle"] == 0
    waiter = Background(value, ordinary, "select 2")
    assert eventually(lambda: app.pool(one)["cl_waiting"] == 1)
    client.close()
    assert waiter.result() == "2"


def test_a_replication_client_waits_while_the_pool_is_in_use(app):
    one = app.weir(default_pool_size=1, query_wait_timeout=30)
    busy = one.client("app")
    busy.query("begin")

    late = Background(replicate, one)

    assert eventually(lambda: app.pool(one)["cl_waiting"] == 1)
    busy.query("commit")
    assert late.result().query("select 1").rows == [("1",)]


def test_a_replication_client_that_waits_too_long_is_refused(app):
    one = app.weir(default_pool_size=1, query_wait_timeout="0.3").allow("query_wait_timeout")
    busy = one.client("app")
    busy.query("begin")

    assert said(refused(replicate, one)) == ("FATAL", "57014", "query_wait_timeout")
    busy.query("commit")
    assert value(busy, "select 1") == "1"


def test_what_the_server_says_to_a_replication_login_reaches_the_client(app, weir):
    weir.allow("server login failed", "authentication failed", "no pg_hba.conf entry", "must be superuser")
    app.primary.query("drop role if exists humble; create role humble login")
    weir.write_users({"postgres": "", "humble": ""}).reload()

    def humble():
        return weir.client("app", user="humble", replication="true")

    assert eventually(lambda: said(refused(humble))[:2] == ("FATAL", "28000") and "pg_hba.conf" in refused(humble).message)
    assert refused(humble).fields["D"] == "server login failed"
    assert "closing because: login failed (age=" in weir.log


def test_a_replication_client_is_cancelled_as_any_other(app, weir):
    client = replicate(weir)
    sleeper = Background(client.query, "select pg_sleep(60)")
    assert eventually(lambda: app.primary.value("select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' and application_name = 'through'") == "1")

    client.cancel()

    assert refused(sleeper.result).sqlstate == "57014"
    assert client.query("select 1").rows == [("1",)]


def test_the_server_of_a_replication_client_that_vanishes_is_closed(app, weir):
    client = replicate(weir)
    pid = int(client.query("select pg_backend_pid()").rows[0][0])

    client.socket.close()

    assert eventually(lambda: pid not in app.pids())
    assert eventually(lambda: not weir.show("CLIENTS", database="app"))


def test_a_split_entry_gives_replication_clients_the_primary(cluster, pgweir):
    main = {"monitor_user": "postgres", "server_login_retry": "0.1"}
    one = pgweir({"databases": {"app": cluster.target("postgres", route="split")}, "pgbouncer": main}, {"postgres": ""})

    def system():
        client = one.client("app", replication="database")
        return client.query("select pg_is_in_recovery()").rows[0][0]

    assert [system() for _ in range(4)] == ["f"] * 4


def test_a_server_that_ends_a_replication_client_says_so_itself(app, weir):
    client = replicate(weir)
    pid = client.query("select pg_backend_pid()").rows[0][0]

    app.primary.query(f"select pg_terminate_backend({pid})")

    ended = [m for m in client.expect_closed() if m.kind == b"E"]
    assert wire.PgError(ended[0].fields()).sqlstate == "57P01"
    assert len(ended) == 1
