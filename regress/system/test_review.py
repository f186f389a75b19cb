"""What one client leaves undone reaches nobody else: servers go back as they came, and waiters are told."""

import socket

import pytest

from lib import wire
from lib.eventually import eventually
from lib.routes import Routes
from lib.scene import pid_of, value


def with_small_window(weir):
    """A client whose kernel keeps little, so that what it does not read stays in pgweir."""
    plain = socket.create_connection

    def narrow(address, *arguments, **named):
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.settimeout(10)
        made.connect(address)
        return made

    socket.create_connection = narrow
    try:
        return weir.client("app")
    finally:
        socket.create_connection = plain


def test_a_server_that_waited_for_a_slow_client_serves_the_next_one(app):
    # Nothing of pgweir's own may run on the only server.
    one = app.weir(default_pool_size=1, workers=1, session_features="ignore")
    after = one.client("app")

    # Somewhere here the last bytes of the answer are the ones that are too many to be kept for the client.
    for kilobytes in range(400, 600, 4):
        with one.client("app", unix=True) as slow:
            slow.send(wire.query(f"select repeat('x', 1000) from generate_series(1, {kilobytes})"))
            eventually(lambda: app.query("select from pg_stat_activity where wait_event = 'ClientRead' and query like '%repeat%'"))
            if app.pool(one)["sv_idle"] == 1:
                assert value(after, "select 1") == "1"
            slow.socket.close()
        eventually(lambda: app.pool(one)["sv_active"] == 0)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_reset_all_in_a_transaction_leaves_nothing_behind(app, end):
    one = app.weir(default_pool_size=1, workers=1)
    setter, other = one.client("app"), one.client("app")
    usual = value(other, "show work_mem")
    setter.query("set work_mem = '7MB'")

    setter.query("begin")
    setter.query("reset all")
    setter.query("set maintenance_work_mem = '9MB'")
    setter.query(end)

    assert value(other, "show work_mem") == usual
    assert value(other, "show maintenance_work_mem") != "9MB"
    assert value(setter, "show work_mem") == (usual if end == "commit" else "7MB")
    assert (value(setter, "show maintenance_work_mem") == "9MB") == (end == "commit")


def test_reset_all_goes_back_to_what_the_client_came_with(app):
    one = app.weir(default_pool_size=1, workers=1)
    client = one.client("app", work_mem="8MB", DateStyle="German, DMY")

    client.query("set work_mem = '7MB'; set datestyle = 'SQL, DMY'")
    client.query("reset all")

    assert value(client, "show work_mem") == "8MB"
    assert value(client, "show datestyle") == "German, DMY"


def test_more_settings_than_one_question_holds_reach_nobody_else(app):
    one = app.weir(default_pool_size=1, workers=1)
    setter, other = one.client("app"), one.client("app")

    for number in range(80):
        setter.query(f"set my.name{number} = '{number}'")
    assert pid_of(other) == pid_of(setter)

    for number in (0, 40, 63, 70, 79):
        assert value(other, f"select coalesce(current_setting('my.name{number}', true), '')") == ""
        assert value(setter, f"select current_setting('my.name{number}', true)") == str(number)


def test_many_settings_of_one_transaction_reach_nobody_else(app):
    one = app.weir(default_pool_size=1, workers=1)
    setter, other = one.client("app"), one.client("app")

    setter.query("begin")
    for number in range(80):
        setter.query(f"set my.name{number} = '{number}'")
    setter.query("commit")

    for number in (0, 40, 63, 70, 79):
        assert value(other, f"select coalesce(current_setting('my.name{number}', true), '')") == ""
        assert value(setter, f"select current_setting('my.name{number}', true)") == str(number)


def test_a_setting_that_cannot_be_asked_for_takes_its_server_with_it(app):
    app.query("drop role if exists asker; create role asker login")
    one = app.weir(secrets={"postgres": "", "asker": ""}, default_pool_size=1, workers=1)
    setter, other = (one.client("app", user="asker") for _ in range(2))
    usual = value(other, "show work_mem")

    setter.query("begin")
    setter.query("savepoint one")
    setter.ask(wire.query("set session_preload_libraries = 'x'"))
    setter.query("rollback to savepoint one")
    setter.query("set work_mem = '7MB'")
    setter.query("commit")

    assert value(other, "show work_mem") == usual
    assert value(setter, "select 1") == "1"


def test_syncs_that_nobody_reads_the_answers_of_take_no_memory(app):
    one = app.weir(default_pool_size=1, workers=1)
    client = with_small_window(one)
    client.socket.settimeout(1)
    sent = 0

    with pytest.raises((socket.timeout, TimeoutError)):
        while sent < 64 << 20:
            client.socket.sendall(wire.sync() * 13000)
            sent += 65000
    assert one.client("app").query("select 1").rows


def test_the_hosts_of_a_routed_entry_that_is_gone_are_watched_no_more(cluster, pgweir):
    routes = Routes(cluster, pgweir)
    one = routes.weir()
    watchers = "select from pg_stat_activity where application_name = 'pgweir monitor'"
    eventually(lambda: cluster.primary.query(watchers))

    one.write_config({"databases": {"other": cluster.target("postgres")}, "pgbouncer": {"workers": 1, "monitor_user": "postgres"}}).reload()

    eventually(lambda: not cluster.primary.query(watchers))


SET = "set work_mem = '7MB'"
TEXTS = [
    f"select 1; {SET}",
    f"set enable_seqscan = off; {SET}",
    f"begin; {SET}; commit",
    f"reset all; {SET}",
    f"/* a */ {SET}",
    f"do $$begin {SET}; end$$",
    "select set_config('work_mem', '7MB', false)",
    "with x as (select pg_catalog.set_config('work_mem', '7MB', false)) select * from x",
]


@pytest.mark.parametrize("protocol", ["simple", "extended"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_setting_inside_of_a_longer_text_follows_its_client_and_nobody_else(app, text, protocol):
    one = app.weir(default_pool_size=1, workers=1)
    setter, other = one.client("app"), one.client("app")
    usual = value(other, "show work_mem")

    if protocol == "simple" or "; " in text.replace("; end", ""):
        setter.query(text)
    else:
        setter.ask(wire.parse(text), wire.bind(), wire.execute(), wire.sync())

    assert value(other, "show work_mem") == usual
    assert value(setter, "show work_mem") == "7MB"
