"""Clients that are gone in the middle of things: the query is cancelled, the transaction rolled back, the server kept."""

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import crowd, farewell, pid_of, said, value


@pytest.fixture
def table(app):
    """A table, empty."""
    app.query("create table if not exists lost (id int primary key); truncate lost")
    return app


def running(app, text):
    """How many servers run that text just now."""
    return int(app.primary.query(f"select count(*) from pg_stat_activity where state = 'active' and query like '{text}%' and pid <> pg_backend_pid()")[0][0])


def has_kept(app, one, pid):
    """The one server of the pool is that one still, idle, outside a transaction, and ready for the next client."""
    assert eventually(lambda: app.pool(one)["sv_idle"] == 1)
    with one.client("app") as next_client:
        assert pid_of(next_client) == pid
        assert value(next_client, "select count(*) from lost") == "0"
    return app.pids() == [pid]


def test_a_query_is_cancelled_and_its_server_kept(table):
    one = table.weir(default_pool_size=1)
    client = one.client("app")
    pid = pid_of(client)

    client.send(wire.query("select pg_sleep(60)"))
    assert eventually(running, table, "select pg_sleep(60)")
    client.socket.close()

    assert has_kept(table, one, pid)


def test_a_transaction_is_rolled_back_and_its_server_kept(table):
    one = table.weir(default_pool_size=1)
    client = one.client("app")
    pid = pid_of(client)

    client.query("begin")
    client.query("insert into lost values (1)")
    client.socket.close()

    assert has_kept(table, one, pid)


def test_a_transaction_that_failed_is_rolled_back_too(table):
    one = table.weir(default_pool_size=1)
    client = one.client("app")
    pid = pid_of(client)

    client.query("begin")
    client.query("insert into lost values (1)")
    assert client.ask(wire.query("select 1/0")).error
    client.socket.close()

    assert has_kept(table, one, pid)


def test_who_says_goodbye_in_a_transaction_is_rolled_back(table):
    one = table.weir(default_pool_size=1)
    client = one.client("app")
    pid = pid_of(client)

    client.query("begin")
    client.query("insert into lost values (1)")
    client.send(wire.terminate())
    client.expect_closed()

    assert has_kept(table, one, pid)


def test_a_query_in_a_transaction_is_cancelled_then_rolled_back(table):
    one = table.weir(default_pool_size=1)
    client = one.client("app")
    pid = pid_of(client)

    client.query("begin")
    client.query("insert into lost values (1)")
    client.send(wire.query("select pg_sleep(61)"))
    assert eventually(running, table, "select pg_sleep(61)")
    client.socket.close()

    assert has_kept(table, one, pid)


def test_a_batch_without_its_sync_is_ended(table):
    one = table.weir(default_pool_size=1)
    client = one.client("app")
    pid = pid_of(client)

    client.send(wire.parse("insert into lost values (2)"), wire.bind(), wire.execute(), wire.flush())
    client.read_until(b"C")
    client.socket.close()

    assert has_kept(table, one, pid)


def test_a_failed_batch_without_its_sync_is_ended(table):
    one = table.weir(default_pool_size=1)
    client = one.client("app")
    pid = pid_of(client)

    client.send(wire.parse("select 1/0"), wire.bind(), wire.execute(), wire.flush())
    client.read_until(b"E")
    client.socket.close()

    assert has_kept(table, one, pid)


@pytest.mark.parametrize("tail", [(), (wire.sync(),)], ids=["without its Sync", "with it"])
def test_a_batch_that_runs_is_cancelled(table, tail):
    one = table.weir(default_pool_size=1)
    client = one.client("app")
    pid = pid_of(client)

    client.send(wire.parse("select pg_sleep(62)"), wire.bind(), wire.execute(), wire.flush(), *tail)
    assert eventually(running, table, "select pg_sleep(62)")
    client.socket.close()

    assert has_kept(table, one, pid)


def test_a_pipeline_is_cancelled_to_its_end(table):
    """A cancel ends one statement; those behind it are cancelled as well."""
    one = table.weir(default_pool_size=1)
    client = one.client("app")
    pid = pid_of(client)

    batch = [wire.parse("select pg_sleep(63)"), wire.bind(), wire.execute(), wire.sync()]
    client.send(*(batch * 5))
    assert eventually(running, table, "select pg_sleep(63)")
    client.socket.close()

    assert has_kept(table, one, pid)


def test_a_statement_prepared_in_a_lost_batch_can_be_prepared_again(table):
    one = table.weir(default_pool_size=1)
    client = one.client("app")
    pid = pid_of(client)
    batch = [wire.parse("select 7 from pg_sleep(64)", "p"), wire.bind(name="p"), wire.execute(), wire.parse("select 8", "q"), wire.sync()]

    client.send(*batch)
    assert eventually(running, table, "select 7 from pg_sleep(64)")
    client.socket.close()

    assert has_kept(table, one, pid)
    with one.client("app") as other:
        for text, answer in (("select 7 from pg_sleep(64)", None), ("select 8", "8")):
            messages = [wire.parse(text, "mine"), wire.describe("S", "mine")]
            if answer:
                messages += [wire.bind(name="mine"), wire.execute()]
            result = other.ask(*messages, wire.close("S", "mine"), wire.sync())
            assert not result.error
            assert not answer or result.rows == [(answer,)]


@pytest.mark.parametrize("data", [(), (wire.copy_data(b"5\n"),), (wire.copy_data(b"5\n"), wire.copy_data(b"6"))], ids=["none", "a row", "half a row"])
def test_a_copy_to_the_server_is_given_up(table, data):
    one = table.weir(default_pool_size=1)
    client = one.client("app")
    pid = pid_of(client)

    client.send(wire.query("copy lost from stdin"))
    client.read_until(b"G")
    client.send(*data)
    client.socket.close()

    assert has_kept(table, one, pid)


def test_an_extended_copy_to_the_server_is_given_up(table):
    one = table.weir(default_pool_size=1)
    client = one.client("app")
    pid = pid_of(client)

    client.send(wire.parse("copy lost from stdin"), wire.bind(), wire.execute(), wire.sync())
    client.read_until(b"G")
    client.send(wire.copy_data(b"5\n"))
    client.socket.close()

    assert has_kept(table, one, pid)


def test_a_copy_from_the_server_is_given_up(table):
    one = table.weir(default_pool_size=1)
    client = one.client("app")
    pid = pid_of(client)

    client.send(wire.query("copy (select repeat('x', 1000) from generate_series(1, 10000000)) to stdout"))
    client.read_until(b"d")
    client.socket.close()

    assert has_kept(table, one, pid)


def test_a_large_result_is_given_up(table):
    one = table.weir(default_pool_size=1)
    client = one.client("app")
    pid = pid_of(client)

    client.send(wire.query("select repeat('x', 100000) from generate_series(1, 1000000)"))
    client.read_until(b"D")
    client.socket.close()

    assert has_kept(table, one, pid)


def test_half_a_message_costs_the_server(table):
    """What the server has had of it cannot be taken back."""
    one = table.weir(default_pool_size=1)
    client = one.client("app")
    pid = pid_of(client)

    message = wire.query("insert into lost values (1) /* " + "x" * 200000 + " */")
    client.send(message[:150000])
    assert eventually(lambda: one.show("SERVERS", database="app")[0]["state"] == "active")
    client.socket.close()

    assert eventually(lambda: pid not in table.pids())
    with one.client("app") as other:
        assert value(other, "select count(*) from lost") == "0"


def test_what_does_not_end_is_closed(table):
    """A function that takes no notice of a cancel: the server goes after cancel_wait_timeout."""
    one = table.weir(default_pool_size=1, cancel_wait_timeout=0.5)
    stubborn = """do $$ begin
        loop
            begin
                perform pg_sleep(65);
            exception when query_canceled then null;
            end;
        end loop;
    end $$"""
    client = one.client("app")
    pid = pid_of(client)

    client.send(wire.query(stubborn))
    assert eventually(running, table, "do $$ begin")
    client.socket.close()

    with one.client("app") as other:
        assert pid_of(other) != pid
    table.primary.query(f"select pg_terminate_backend({pid})")


def test_locks_that_outlive_the_rollback_are_gone(table):
    one = table.weir(default_pool_size=1)
    client = one.client("app")

    client.query("begin")
    client.query("select pg_advisory_lock(77)")
    client.socket.close()

    with one.client("app") as other:
        assert value(other, "select pg_backend_pid() is not null") == "t"
        assert value(table.primary.client("app"), "select pg_try_advisory_lock(77)") == "t"


def test_settings_that_were_not_read_back_yet_are_gone(table):
    one = table.weir(default_pool_size=1)
    client = one.client("app")

    client.send(wire.query("set work_mem = '7MB'"), wire.query("select pg_sleep(66)"))
    assert eventually(running, table, "select pg_sleep(66)")
    client.socket.close()

    with one.client("app") as other:
        assert value(other, "show work_mem") == value(table.primary.client("app"), "show work_mem")


def test_a_timeout_ends_the_client_and_not_its_server(table):
    one = table.weir(default_pool_size=1, query_timeout=0.3).allow("query timeout")
    client = one.client("app")
    pid = pid_of(client)

    client.send(wire.query("select pg_sleep(67)"))

    assert said(farewell(client)) == ("FATAL", "57014", "query timeout")
    assert has_kept(table, one, pid)


def test_session_pools_recover_too(table):
    one = table.weir(default_pool_size=1, pool_mode="session")
    client = one.client("app")
    pid = pid_of(client)

    client.query("set work_mem = '7MB'")
    client.query("begin")
    client.query("insert into lost values (1)")
    client.socket.close()

    assert has_kept(table, one, pid)
    with one.client("app") as other:
        assert value(other, "show work_mem") == value(table.primary.client("app"), "show work_mem")


@pytest.mark.parametrize("where", ["everywhere", "for the entry"])
def test_server_recovery_may_be_to_close(table, where):
    keys = {"server_recovery": "close"}
    one = table.weir(default_pool_size=1, **keys) if where == "everywhere" else table.weir(keys=keys, default_pool_size=1)
    client = one.client("app")
    pid = pid_of(client)

    client.query("begin")
    client.socket.close()

    assert eventually(lambda: pid not in table.pids())
    assert "client disconnect while server was not ready" in one.log


def test_a_crowd_that_vanishes_leaves_the_servers_as_they_were(table):
    """Connections are not opened again: the process ids are those of before."""
    one = table.weir(default_pool_size=4, max_client_conn=500, query_wait_timeout=60)
    crowd(4, lambda _: one.client("app").query("select pg_sleep(0.2)"))
    before = table.pids()
    assert len(before) == 4

    for _ in range(5):
        clients = [one.client("app") for _ in range(40)]
        for client in clients:
            client.send(wire.query("select pg_sleep(68)"))
        assert eventually(running, table, "select pg_sleep(68)")
        for client in clients:
            client.socket.close()

    assert eventually(lambda: app_is_quiet(table, one))
    assert table.pids() == before


def app_is_quiet(app, one):
    pool = app.pool(one)
    return pool["sv_idle"] == 4 and pool["cl_waiting"] == 0 and pool["cl_active"] == 0
