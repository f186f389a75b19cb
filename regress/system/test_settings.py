"""Settings follow the client over servers, and reach nobody else."""

import os

import pytest

from lib import wire
from lib.scene import crowd, farewell, pid_of, refused, said, value

SETTINGS = {
    "client_encoding": ("LATIN1", "UTF8"),
    "DateStyle": ("SQL, DMY", "German, DMY"),
    "IntervalStyle": ("iso_8601", "sql_standard"),
    "TimeZone": ("Asia/Tokyo", "America/Lima"),
    "standard_conforming_strings": ("off", "on"),
    "application_name": ("one", "two"),
    "search_path": ("pg_catalog, public", "public"),
    "extra_float_digits": ("3", "-2"),
    "statement_timeout": ("1min", "2min"),
    "work_mem": ("5MB", "6MB"),
}


def shown(client, name):
    return value(client, f"show {name}")


@pytest.mark.parametrize("name", SETTINGS)
def test_two_clients_on_one_server_each_see_their_own(app, name):
    one = app.weir(default_pool_size=1)
    usual = shown(app.primary.client("app"), name)
    first, second, third = (one.client("app") for _ in range(3))

    first.query(f"set {name} = {SETTINGS[name][0] if name == 'search_path' else repr(SETTINGS[name][0])}")
    second.query(f"set {name} = {SETTINGS[name][1] if name == 'search_path' else repr(SETTINGS[name][1])}")

    for _ in range(2):
        assert shown(first, name) == SETTINGS[name][0]
        assert shown(second, name) == SETTINGS[name][1]
        assert shown(third, name) == (usual if name != "application_name" else "")
    assert len(app.pids()) == 1


@pytest.mark.parametrize("name", SETTINGS)
def test_a_startup_parameter_follows_the_client(app, name):
    one = app.weir(default_pool_size=1)
    first, second = (one.client("app", **{name: SETTINGS[name][n]}) for n in (0, 1))

    for _ in range(2):
        assert shown(first, name) == SETTINGS[name][0]
        assert shown(second, name) == SETTINGS[name][1]


@pytest.mark.parametrize("name", ["statement_timeout", "extra_float_digits", "search_path"])
def test_a_setting_of_the_options_follows_the_client(app, name):
    one = app.weir(default_pool_size=1)
    options = f"-c {name}=" + SETTINGS[name][0].replace(" ", "\\ ")
    first, other = one.client("app", options=options), one.client("app")

    assert pid_of(first) == pid_of(other)
    assert shown(first, name) == SETTINGS[name][0]
    assert shown(other, name) == shown(app.primary.client("app"), name)


def test_the_greeting_tells_the_client_its_own_settings(app):
    one = app.weir(default_pool_size=1)

    for _ in range(2):
        client = one.client("app", DateStyle="german", TimeZone="asia/tokyo", application_name="mine")
        assert client.parameters["DateStyle"] == "German, DMY"
        assert client.parameters["TimeZone"] == "Asia/Tokyo"
        assert client.parameters["application_name"] == "mine"


def test_what_is_set_in_a_transaction_that_rolls_back_is_gone(app):
    one = app.weir(default_pool_size=1)
    client, other = one.client("app", work_mem="3MB"), one.client("app")

    client.query("begin")
    client.query("set work_mem = '9MB'")
    client.query("rollback")
    other.query("select 1")

    assert shown(client, "work_mem") == "3MB"


def test_set_local_ends_with_its_transaction(app):
    one = app.weir(default_pool_size=1)
    client, other = one.client("app"), one.client("app")
    usual = shown(other, "work_mem")

    client.query("begin; set local work_mem = '9MB'")
    assert shown(client, "work_mem") == "9MB"
    client.query("commit")

    assert shown(other, "work_mem") == usual
    assert shown(client, "work_mem") == usual


def test_savepoints_leave_what_postgresql_says(app):
    one = app.weir(default_pool_size=1)
    client, other = one.client("app"), one.client("app")

    client.query("begin; set work_mem = '4MB'; savepoint s; set work_mem = '9MB'; set timezone = 'Asia/Tokyo'")
    client.query("rollback to s; commit")
    other.query("set work_mem = '11MB'")

    assert shown(client, "work_mem") == "4MB"
    assert shown(client, "timezone") == shown(app.primary.client("app"), "timezone")


def test_a_setting_made_by_a_function_follows_too(app):
    one = app.weir(default_pool_size=1)
    client, other = one.client("app"), one.client("app")

    client.query("do $$ begin set work_mem = '8MB'; end $$")
    client.query("set search_path = pg_catalog; select set_config('work_mem', '8MB', false)")
    usual = shown(app.primary.client("app"), "search_path")

    assert shown(other, "search_path") == usual
    assert shown(client, "search_path") == "pg_catalog"


def test_settings_do_not_reach_a_client_without_any(app):
    """Many clients with settings of all kinds and many without, on few servers."""
    one = app.weir(default_pool_size=2, max_client_conn=200)
    usual = {name: shown(app.primary.client("app"), name) for name in ("work_mem", "timezone", "datestyle")}

    def work(number):
        plain = number % 2 == 0
        own = {} if plain else {"work_mem": f"{number}MB", "TimeZone": "Asia/Tokyo", "DateStyle": "German, DMY"}
        with one.client("app", **own) as client:
            for _ in range(20):
                seen = client.query("select current_setting('work_mem'), current_setting('timezone'), current_setting('datestyle')")
                expected = tuple(usual.values()) if plain else (f"{number}MB", "Asia/Tokyo", "German, DMY")
                assert seen.rows == [expected]

    crowd(20, work)
    assert len(app.pids()) <= 2


def test_discard_all_goes_back_to_what_the_client_came_with(app):
    one = app.weir(default_pool_size=1)
    client, other = one.client("app", work_mem="3MB", TimeZone="Asia/Tokyo"), one.client("app")
    client.query("set work_mem = '9MB'")
    client.query("set timezone = 'America/Lima'")

    client.query("discard all")
    other.query("select 1")

    assert (shown(client, "work_mem"), shown(client, "timezone")) == ("3MB", "Asia/Tokyo")
    assert shown(other, "timezone") == shown(app.primary.client("app"), "timezone")


def test_reset_goes_back_to_what_the_client_came_with(app):
    one = app.weir(default_pool_size=1)
    client = one.client("app", work_mem="3MB", TimeZone="Asia/Tokyo")

    for reset in ("reset all", "reset work_mem; reset timezone"):
        client.query("set work_mem = '9MB'")
        client.query("set timezone = 'America/Lima'")
        for each in reset.split("; "):
            client.query(each)

        assert (shown(client, "work_mem"), shown(client, "timezone")) == ("3MB", "Asia/Tokyo")


def test_a_startup_parameter_that_does_not_exist_is_refused_as_postgresql_does(app):
    one = app.weir().allow("unrecognized configuration parameter")

    here = refused(one.client, "app", no_such_setting="1")
    there = refused(app.primary.client, "app", no_such_setting="1")

    assert said(here) == said(there)
    assert value(one.client("app"), "select 1") == "1"


def test_a_startup_parameter_with_a_wrong_value_is_refused_as_postgresql_does(app):
    one = app.weir().allow("invalid value for parameter")

    here = refused(one.client, "app", work_mem="plenty")
    there = refused(app.primary.client, "app", work_mem="plenty")

    assert said(here) == said(there)


def test_parameters_that_are_to_be_ignored_are_ignored(app):
    one = app.weir(ignore_startup_parameters="no_such_setting, work_mem")
    client = one.client("app", no_such_setting="1", work_mem="9MB")

    assert shown(client, "work_mem") == shown(app.primary.client("app"), "work_mem")


def test_a_statement_never_runs_without_its_settings(app):
    """The schema of a search_path needs no existence, but a value that no longer is valid ends the server first."""
    app.cluster.primary.query("create role settings_gone")
    app.query("drop table if exists ran; create table ran (n int)")
    one = app.weir(default_pool_size=1).allow("settings", "pooler error", "server closed", "exit_on_error")
    client, other = one.client("app"), one.client("app")
    client.query("set role settings_gone")
    other.query("select 1")
    app.query("drop role settings_gone")

    client.send(wire.query("insert into ran values (1)"))
    farewell(client)

    assert app.query("select count(*) from ran") == [("0",)]
    assert value(other, "select 1") == "1"


def test_a_setting_that_fails_in_the_batch_stays_as_it_was(app):
    one = app.weir(default_pool_size=1)
    client, other = one.client("app"), one.client("app")
    client.query("set work_mem = '4MB'")

    assert refused(client.query, "set work_mem = 'plenty'").sqlstate == "22023"
    other.query("select 1")

    assert shown(client, "work_mem") == "4MB"


def test_settings_made_by_the_extended_protocol_follow_too(app):
    one = app.weir(default_pool_size=1)
    first, second = one.connect("app"), one.connect("app")

    for connection, size in ((first, "4MB"), (second, "5MB")):
        connection.execute("select set_config('work_mem', %s, false)", (size,), prepare=True)
        connection.execute(f"set search_path = s{size[0]}", prepare=True)

    for connection in (first, second, first, second):
        own = "s4" if connection is first else "s5"
        assert connection.execute("show search_path").fetchone() == (own,)


def test_a_client_s_encoding_holds_for_what_it_sends(app):
    one = app.weir(default_pool_size=1)
    latin, utf8 = one.connect("app", client_encoding="latin1"), one.connect("app", client_encoding="utf8")

    for connection in (latin, utf8, latin, utf8):
        assert connection.execute("select length(%s::text), 'é'", ("éü",)).fetchone() == (2, "é")


def test_connect_query_runs_before_anybody_gets_the_server(app):
    one = app.weir(keys={"connect_query": "'set work_mem = ''12MB'''"}, default_pool_size=1)

    assert shown(one.client("app"), "work_mem") == "12MB"


def test_the_host_of_a_client_is_added_to_its_name_when_asked_for(app):
    one = app.weir(application_name_add_host=1)

    name = shown(one.client("app", application_name="mine"), "application_name")

    assert name.startswith("mine - 127.0.0.1:")
    name = shown(one.client("app", application_name="mine", unix=True), "application_name")
    assert name == f"mine - unix({os.getpid()}@{os.uname().nodename}):{one.port}"[:63]
