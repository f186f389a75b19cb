"""Reload: by SIGHUP and by RELOAD, all of the file or nothing of it."""

import os
import signal

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import Background, farewell, pid_of, refused, said, value, waiting


def by_signal(weir):
    """Sends SIGHUP and waits until the file was read; returns what was logged for it."""
    before = len(weir.log)
    weir.reload()
    eventually(lambda: "got SIGHUP, re-reading config" in weir.log[before:])
    return lambda: weir.log[before:]


def by_command(weir):
    before = len(weir.log)
    weir.console("RELOAD")
    return lambda: weir.log[before:]


@pytest.mark.parametrize("reload", [by_signal, by_command])
def test_a_reload_takes_the_new_file(app, reload):
    one = app.weir(default_pool_size=1)
    client, holder = one.client("app"), one.client("app")
    holder.query("begin")

    one.write_config(app.config(default_pool_size=2))
    reload(one)

    assert value(client, "select 1") == "1"
    assert one.show("CONFIG", key="default_pool_size")[0]["value"] == "2"


@pytest.mark.parametrize("reload", [by_signal, by_command])
def test_a_broken_file_changes_nothing(app, reload):
    """File, line, key and the nearest key are named; what was in force stays in force."""
    one = app.weir(default_pool_size=1, databases={"again": app.target()}).allow("config", "unknown", "RELOAD", "default_pool")
    client = one.client("again")
    broken = app.config(default_pool_sise=7, default_pool_size=9)

    one.write_config(broken)
    try:
        log = reload(one)
    except wire.PgError as error:
        assert said(error) == ("ERROR", "F0000", "RELOAD failed, see logs for additional details")
        log = lambda: one.log

    eventually(lambda: "config file loading failed" in log())
    with open(one.config_path) as file:
        line = file.read().split("\n").index("default_pool_sise = 7") + 1
    assert f"{one.config_path}:{line}" in log()
    assert '"default_pool_sise"' in log() and '"default_pool_size"' in log()
    assert value(client, "select 1") == "1"
    assert one.show("CONFIG", key="default_pool_size")[0]["value"] == "1"


@pytest.mark.parametrize(
    "broken",
    ["default_pool_size = many", "pool_mode = sometimes", "[databases]\nx = hots=1", "%include /nowhere/at.all", "[unknown]\na = 1"],
)
def test_every_kind_of_error_keeps_the_old_file_in_force(app, broken):
    one = app.weir().allow("ERROR")
    client = one.client("app")
    with open(one.config_path) as file:
        text = file.read()

    one.write_config(text + "\n" + broken + "\n").reload()

    eventually(lambda: "config file loading failed" in one.log)
    assert f"{one.config_path}:" in one.log
    assert value(client, "select 1") == "1"


def test_a_larger_pool_serves_those_who_wait(app):
    one = app.weir(default_pool_size=1)
    holder = one.client("app")
    holder.query("begin")
    waiter = Background(lambda: pid_of(one.client("app")))
    assert eventually(waiting, one, 1)

    one.write_config(app.config(default_pool_size=2)).reload()

    assert waiter.result() != pid_of(holder)
    assert one.show("DATABASES", name="app")[0]["pool_size"] == 2


def test_a_smaller_pool_loses_its_servers(app):
    one = app.weir(default_pool_size=5)
    holders = [one.client("app") for _ in range(5)]
    for holder in holders:
        holder.query("begin")
    assert len(app.pids()) == 5
    for holder in holders[:3]:
        holder.query("commit")

    one.write_config(app.config(default_pool_size=2)).reload()
    assert eventually(lambda: len(app.pids()) == 2)
    for holder in holders[3:]:
        holder.query("commit")

    assert [value(holder, "select 1") for holder in holders] == ["1"] * 5
    assert eventually(lambda: len(app.pids()) == 2)


def test_clients_of_a_database_that_was_removed_are_told(app):
    one = app.weir(databases={"gone": app.target()}).allow("database removed")
    idle, usual = one.client("gone"), one.client("app")
    idle.query("select 1")

    one.write_config(app.config()).reload()

    assert said(farewell(idle)) == ("FATAL", "57P01", "database removed")
    assert value(usual, "select 1") == "1"
    assert eventually(lambda: len(app.pids()) == 1)
    assert one.show("DATABASES", name="gone") == []


def test_a_client_in_a_transaction_ends_it_before_the_removal_is_told(app):
    one = app.weir(databases={"gone": app.target()}).allow("database removed", "no such database")
    busy = one.client("gone")
    busy.query("begin")

    one.write_config(app.config()).reload()
    eventually(lambda: refused(one.client, "gone").sqlstate == "3D000")

    busy.query("commit")
    assert farewell(busy).message == "database removed"


def test_those_who_wait_for_a_database_that_was_removed_are_told(app):
    one = app.weir(databases={"gone": app.target()}, default_pool_size=1).allow("database removed")
    holder, waiter = one.client("gone"), one.client("gone")
    holder.query("begin")
    waiter.send(wire.query("select 1"))

    one.write_config(app.config(default_pool_size=1)).reload()

    assert said(farewell(waiter)) == ("FATAL", "57P01", "database removed")


def test_a_database_that_comes_back_serves_again(app):
    one = app.weir(databases={"gone": app.target()}).allow("database removed", "no such database", "disabled")
    one.client("gone").close()
    one.write_config(app.config()).reload()
    eventually(lambda: refused(one.client, "gone").sqlstate == "3D000")

    one.write_config(app.config(databases={"gone": app.target()})).reload()

    assert value(eventually(one.client, "gone"), "select 1") == "1"


def test_a_new_host_gets_new_servers(app, fake_server):
    """A client stays, its next transaction runs on the new host."""
    servers = [fake_server(lambda s, n=n: s.log_in().serve(says(f"host {n}"))) for n in range(2)]
    one = app.weir(databases={"moved": f"host=127.0.0.1 port={servers[0].port}"})
    client = one.client("moved")
    assert value(client, "select 1") == "host 0"

    moved = app.config(databases={"moved": f"host=127.0.0.1 port={servers[1].port}"})
    one.write_config(moved).reload()

    assert eventually(lambda: value(client, "select 1") == "host 1")
    assert "closing because: database configuration changed" in one.log


def says(word):
    def answers(sql):
        if sql.startswith("select 1"):
            return [wire.row_description("word"), wire.data_row(word), wire.command_complete("SELECT 1")]

    return answers


def test_a_transaction_that_runs_stays_on_the_old_host(app, fake_server):
    servers = [fake_server(lambda s, n=n: s.log_in().serve(says(f"host {n}"))) for n in range(2)]
    one = app.weir(databases={"moved": f"host=127.0.0.1 port={servers[0].port}"})
    client, other = one.client("moved"), one.client("moved")
    client.query("begin")

    one.write_config(app.config(databases={"moved": f"host=127.0.0.1 port={servers[1].port}"})).reload()
    eventually(lambda: value(other, "select 1") == "host 1")

    assert value(client, "select 1") == "host 0"
    client.query("commit")
    assert value(client, "select 1") == "host 1"


def test_what_can_only_be_set_at_the_start_is_left_as_it_is(app):
    one = app.weir(workers=1).allow("workers")
    threads = one.threads()

    one.write_config(app.config(workers=2)).reload()
    eventually(lambda: "got SIGHUP, re-reading config" in one.log)

    assert value(one.client("app"), "select 1") == "1"
    assert one.threads() == threads


def test_a_reload_under_load_disturbs_nobody(app):
    one = app.weir(default_pool_size=4)

    def work():
        with one.client("app") as client:
            for _ in range(200):
                assert value(client, "select 1") == "1"

    running = [Background(work) for _ in range(10)]
    for size in (2, 6, 1, 4):
        one.write_config(app.config(default_pool_size=size)).console("RELOAD")
    for each in running:
        each.result()

    assert one.is_up()


def test_the_log_file_is_opened_again(app):
    one = app.weir()
    path = f"{one.folder}/pgweir.log"

    os.rename(path, path + ".1")
    one.process.send_signal(signal.SIGHUP)
    eventually(lambda: os.path.exists(path))
    one.client("app").close()

    assert eventually(lambda: "login attempt" in open(path).read())
