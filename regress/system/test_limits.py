"""Limits on clients: who is told what when there are too many."""

from lib.eventually import eventually
from lib.scene import refused, said, value


def test_more_clients_than_max_client_conn_are_refused(app):
    one = app.weir(max_client_conn=3).allow("max_client_conn")
    clients = [eventually(one.client, "app") for _ in range(3)]

    error = refused(one.client, "app")

    assert said(error) == ("FATAL", "53300", "no more connections allowed (max_client_conn)")
    assert [value(client, "select 1") for client in clients] == ["1"] * 3
    assert one.show("CONFIG", key="max_client_conn")[0]["value"] == "3"


def test_a_client_that_leaves_makes_room_under_max_client_conn(app):
    one = app.weir(max_client_conn=1).allow("max_client_conn")
    first = eventually(one.client, "app")
    assert refused(one.client, "app").sqlstate == "53300"

    first.close()

    assert eventually(one.client, "app")


def test_the_console_is_open_when_max_client_conn_is_reached(app):
    one = app.weir(max_client_conn=2)
    clients = [one.client("app") for _ in range(2)]

    assert len(one.show("CLIENTS", database="app")) == len(clients)


def test_more_clients_of_a_database_than_allowed_are_refused(app):
    one = app.weir(databases={"again": app.target()}, max_db_client_connections=2).allow("max_db_client_connections")
    clients = [one.client("app") for _ in range(2)]

    error = refused(one.client, "app")

    assert said(error) == ("FATAL", "53300", "client connections exceeded (max_db_client_connections)")
    assert value(one.client("again"), "select 1") == "1"
    assert one.show("DATABASES", name="app")[0]["current_client_connections"] == len(clients)


def test_an_entry_has_its_own_limit_of_clients(app):
    one = app.weir(keys={"max_db_client_connections": 1}).allow("max_db_client_connections")
    first = one.client("app")

    assert refused(one.client, "app").sqlstate == "53300"
    first.close()

    assert eventually(one.client, "app")


def test_more_clients_of_a_user_than_allowed_are_refused(app):
    one = app.weir(databases={"again": app.target()}, max_user_client_connections=2, workers=1)
    one.allow("max_user_client_connections")
    clients = [one.client("app"), one.client("again")]

    error = refused(one.client, "app")

    assert said(error) == ("FATAL", "53300", "client connections exceeded (max_user_client_connections)")
    assert one.show("USERS", name="postgres")[0]["current_client_connections"] >= len(clients)


def test_a_user_has_its_own_limit_of_clients(app):
    one = app.weir(users={"postgres": "max_user_client_connections=1"}).allow("max_user_client_connections")
    first = one.client("app")

    assert refused(one.client, "app").sqlstate == "53300"
    first.close()

    assert eventually(one.client, "app")


def test_an_unknown_database_is_told_after_the_login(app):
    one = app.weir().allow("no such database")

    error = refused(one.client, "nowhere")

    assert said(error) == ("FATAL", "3D000", "no such database: nowhere")


def test_a_user_has_its_own_pool_size_and_mode(app):
    one = app.weir(users={"postgres": "pool_mode=session pool_size=1"})

    one.client("app").query("select 1")

    pool = app.pool(one)
    assert pool["pool_mode"] == "session" and pool["sv_active"] <= 1


def test_an_entry_may_call_its_reserve_by_the_short_name(app):
    one = app.weir(keys={"pool_size": 1, "reserve_pool": 1}, reserve_pool_timeout="0.1").allow("reserve_pool")
    holders = [one.client("app") for _ in range(2)]

    for holder in holders:
        holder.query("begin")

    assert app.pool(one)["sv_active"] == 2
    assert one.show("DATABASES", name="app")[0]["reserve_pool_size"] == 1
