"""The console: PAUSE, SUSPEND, KILL, and RESUME, which ends them."""

import signal

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import console_refusal, refused


def test_pause_waits_for_the_transaction_and_holds_the_next_one(desk):
    one = desk()
    client, console = one.client("app"), one.client("pgbouncer")
    client.query("begin")

    console.send(wire.query("pause app"))
    eventually(lambda: one.show("DATABASES", name="app", paused=1))
    client.query("select 1")
    client.query("commit")

    assert wire.Result(console.read_until()).tags == ["PAUSE"]
    assert one.show("SERVERS", database="app") == []
    client.send(wire.query("select 1"))
    eventually(lambda: one.show("POOLS", database="app", cl_waiting=1))
    assert console.query("resume app").tags == ["RESUME"]
    assert wire.Result(client.read_until()).rows == [("1",)]


def test_pause_of_everything_shows_in_the_state_and_outlives_no_single_resume(desk):
    one = desk()
    console = one.client("pgbouncer")
    console.query("pause other")

    assert console.query("pause").tags == ["PAUSE"]

    assert one.show("STATE", key="paused")[0]["value"] == "yes"
    assert console_refusal(console, "pause").message == "already suspended/paused"
    console.query("resume")
    assert [d["name"] for d in one.show("DATABASES", paused=1)] == ["other"]
    console.query("resume other")
    assert one.show("DATABASES", paused=1) == []


def test_a_pause_that_waits_ends_with_its_console(desk):
    one = desk()
    client, console = one.client("app"), one.client("pgbouncer")
    client.query("begin")
    console.send(wire.query("pause"))
    eventually(lambda: one.show("STATE", key="paused", value="yes"))

    console.socket.close()

    assert eventually(lambda: one.show("STATE", key="paused", value="no"))
    client.query("commit")
    assert one.client("app").query("select 1").rows


def test_kill_ends_all_of_a_database_and_leaves_it_paused(desk):
    one = desk().allow("database removed")
    client, bystander, console = one.client("app"), one.client("other"), one.client("pgbouncer")
    client.query("begin")

    assert console.query("kill app").tags == ["KILL"]

    assert client.expect_closed()[-1].fields()["M"] == "database removed"
    eventually(lambda: one.show("SERVERS", database="app") == [])
    assert one.show("DATABASES", name="app")[0]["paused"] == 1
    assert bystander.query("select 1").rows
    console.query("resume app")
    assert one.client("app").query("select 1").rows


def test_kill_client_ends_that_one(desk):
    one = desk().allow("admin forced disconnect")
    clients = [one.client("app") for _ in range(4)]
    mine = clients[2].socket.getsockname()[1]
    number = one.show("CLIENTS", port=mine)[0]["id"]

    assert one.client("pgbouncer").query(f"kill_client {number}").tags == ["KILL_CLIENT"]

    assert clients[2].expect_closed()[-1].fields()["M"] == "admin forced disconnect"
    assert all(c.query("select 1").rows for c in clients if c is not clients[2])


def test_pause_takes_the_name_of_an_entry_that_only_the_star_row_makes(desk):
    one = desk("*")
    client, console = one.client("anything"), one.client("pgbouncer")

    assert console.query("pause anything").tags == ["PAUSE"]
    assert console.query("pause never_seen").tags == ["PAUSE"]

    client.send(wire.query("select 1"))
    assert eventually(lambda: one.show("POOLS", database="anything", cl_waiting=1))
    assert {row["name"] for row in one.show("DATABASES", paused=1)} == {"anything", "never_seen"}
    console.query("resume anything")
    assert wire.Result(client.read_until()).rows


def test_a_cancel_on_the_console_ends_a_pause_that_waits(desk):
    one = desk()
    client, console = one.client("app"), one.client("pgbouncer")
    client.query("begin")
    console.send(wire.query("pause app"))
    eventually(lambda: one.show("DATABASES", name="app", paused=1))

    console.cancel()

    assert wire.Result(console.read_until()).error.sqlstate == "57014"
    assert one.show("DATABASES", paused=1) == []
    assert client.query("commit").tags == ["COMMIT"]


@pytest.mark.parametrize("halt", ["pause", "suspend", "kill"])
def test_what_is_halted_is_not_halted_again(desk, halt):
    one = desk()
    console = one.client("pgbouncer")
    console.query(halt)

    for command in ("pause", "suspend", "pause app", "kill app", "kill"):
        assert console_refusal(console, command).message == "already suspended/paused"

    assert console.query("resume").tags == ["RESUME"]
    assert console_refusal(console, "resume").message == "pooler is not paused/suspended"
    assert one.client("app").query("select 1").rows


def test_nothing_is_suspended_while_a_database_is_paused(desk):
    console = desk().client("pgbouncer")
    console.query("pause other")

    assert console_refusal(console, "suspend").message == "cannot suspend with paused databases"

    console.query("resume other")
    assert console.query("suspend").tags == ["SUSPEND"]
    assert console.query("resume").tags == ["RESUME"]


def state(console):
    return dict(console.query("show state").rows)


def test_suspend_reads_from_no_client_and_lets_nobody_in_until_resume(desk):
    one = desk()
    idle, busy, console = one.client("app"), one.client("app"), one.client("pgbouncer")
    busy.query("begin")

    assert console.query("suspend").tags == ["SUSPEND"]

    assert state(console) == {"active": "no", "paused": "no", "suspended": "yes"}
    for client in (idle, busy):
        client.send(wire.query("select 1"))
    newcomer = one.client("app", login=False)
    newcomer.send(wire.startup(user="postgres", database="app"))
    before = console.query("show stats_totals").dicts()
    assert console.query("show clients").dicts() and console.query("show stats_totals").dicts()[0] == before[0]
    assert console.query("resume").tags == ["RESUME"]
    assert [wire.Result(client.read_until()).rows for client in (idle, busy)] == [[("1",)], [("1",)]]
    newcomer.log_in()
    assert newcomer.query("select 1").rows and state(console)["active"] == "yes"


def test_a_query_that_runs_over_a_suspend_is_answered_after_it(app):
    one = app.weir(query_timeout=0.6)
    client, console = one.client("app"), one.client("pgbouncer")
    client.send(wire.query("select pg_sleep(0.2), 7"))
    eventually(lambda: one.show("SERVERS", database="app", state="active"))

    console.query("suspend")
    eventually(lambda: not app.query("select from pg_stat_activity where wait_event = 'PgSleep'"))
    client.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.read()

    client.socket.settimeout(10)
    console.query("resume")
    assert wire.Result(client.read_until()).rows == [("", "7")]


def test_who_does_not_read_is_closed_after_suspend_timeout(app):
    one = app.weir(suspend_timeout=0.3)
    lazy, other, console = one.client("app"), one.client("app"), one.client("pgbouncer")
    lazy.send(wire.query("select repeat('x', 1000000) from generate_series(1, 100)"))
    eventually(lambda: any(row["send_remain"] > 0 for row in one.show("SOCKETS", database="app", type="C")))

    assert console.query("suspend").tags == ["SUSPEND"]
    console.query("resume")

    assert eventually(lambda: len(one.show("CLIENTS", database="app")) == 1)
    assert "closing because: suspend_timeout" in one.log
    assert other.query("select 1").rows


def test_a_signal_ends_a_suspend_too(desk):
    one = desk()
    client = one.client("app")
    one.client("pgbouncer").query("suspend")
    client.send(wire.query("select 1"))

    one.process.send_signal(signal.SIGUSR2)

    assert wire.Result(client.read_until()).rows
    assert one.client("app").query("select 1").rows


def test_shutdown_of_a_suspended_pgweir_ends_it(desk):
    one = desk().allow("shutting down")
    client, console = one.client("app"), one.client("pgbouncer")
    console.query("suspend")

    assert console.query("shutdown wait_for_clients").tags == ["SHUTDOWN"]

    assert client.query("select 1").rows
    client.close()
    console.close()
    assert one.wait() == 0


def test_kill_without_a_name_ends_everybody_but_the_console(desk):
    one = desk().allow("database removed")
    clients, console = [one.client(name) for name in ("app", "other")], one.client("pgbouncer")

    assert console.query("kill").tags == ["KILL"]

    assert [c.expect_closed()[-1].fields()["M"] for c in clients] == ["database removed"] * 2
    assert state(console)["paused"] == "yes"
    assert eventually(lambda: one.show("SERVERS") == [])
    console.query("resume")
    assert one.client("app").query("select 1").rows


def test_commands_that_need_a_running_pooler_are_refused_during_shutdown(desk):
    one = desk().allow("shutting down")
    client, console = one.client("app"), one.client("pgbouncer")
    console.query("shutdown wait_for_clients")
    eventually(lambda: "shutting down, waiting for clients" in one.log)

    for command in ("pause", "resume", "suspend", "kill app"):
        assert console_refusal(console, command).message == "pooler is shutting down"

    assert refused(one.client, "app", unix=True).message == "pooler is shutting down"
    client.close()
    console.close()
    assert one.wait() == 0
