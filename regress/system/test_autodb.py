"""The entry *: entries made on demand, and gone when nobody uses them; pools that nobody uses."""

import pytest

from lib.eventually import eventually
from lib.scene import farewell, refused, said, value


def star(app, **keys):
    """The row * for the primary, without a dbname."""
    words = app.target().split()
    return " ".join([w for w in words if not w.startswith("dbname=")] + [f"{k}={v}" for k, v in keys.items()])


def names(one):
    return {row["name"] for row in one.show("DATABASES")}


def test_an_unknown_name_gets_an_entry_with_that_database(app):
    one = app.weir(databases={"*": star(app)})

    client = one.client("postgres")

    assert value(client, "select current_database()") == "postgres"
    assert "postgres" in names(one) and "*" not in names(one)
    assert one.show("DATABASES", name="postgres")[0]["database"] == "postgres"


def test_the_dbname_of_the_star_counts_for_all(app):
    one = app.weir(databases={"*": star(app, dbname="app")})

    assert value(one.client("whatever"), "select current_database()") == "app"


def test_an_explicit_entry_wins(app):
    one = app.weir(databases={"*": star(app), "template1": app.target("app")})

    assert value(one.client("template1"), "select current_database()") == "app"


def test_a_database_that_does_not_exist_is_told_by_the_server(app):
    one = app.weir(databases={"*": star(app)}).allow("does not exist")

    assert said(refused(one.client, "nowhere")) == ("FATAL", "3D000", 'database "nowhere" does not exist')


def test_a_name_of_64_bytes_is_refused(app):
    one = app.weir(databases={"*": star(app)}).allow("no such database", "does not exist")

    assert refused(one.client, "x" * 64).message == "no such database: " + "x" * 64
    assert refused(one.client, "x" * 63).message == f'database "{"x" * 63}" does not exist'


def test_an_automatic_entry_goes_after_autodb_idle_timeout(app):
    one = app.weir(databases={"*": star(app)}, autodb_idle_timeout=0.3, server_idle_timeout=0.1)
    client = one.client("postgres")
    client.query("select 1")
    client.close()

    assert eventually(lambda: names(one) == {"app", "pgbouncer"})
    assert one.show("POOLS", database="postgres") == []
    assert value(one.client("postgres"), "select current_database()") == "postgres"


def test_an_automatic_entry_stays_while_it_has_a_client_or_a_server(app):
    """A third one, used by nobody, is gone meanwhile."""
    one = app.weir(databases={"*": star(app)}, autodb_idle_timeout=0.1).allow("does not exist")
    with one.client("template1") as served:
        served.query("select 1")
    idle = one.client("postgres")
    refused(one.client, "nowhere")

    eventually(lambda: "nowhere" not in names(one))

    assert {"postgres", "template1"} <= names(one)
    assert value(idle, "select 1") == "1"


def test_an_explicit_entry_is_never_dropped(app):
    one = app.weir(databases={"*": star(app)}, autodb_idle_timeout=0.1, server_idle_timeout=0.1)
    with one.client("postgres") as client:
        client.query("select 1")

    eventually(lambda: "postgres" not in names(one))

    assert "app" in names(one)


def test_a_reload_without_the_star_ends_what_it_made(app):
    one = app.weir(databases={"*": star(app)}).allow("database removed", "no such database")
    client = one.client("postgres")

    one.write_config(app.config()).reload()

    assert said(farewell(client)) == ("FATAL", "57P01", "database removed")
    assert refused(one.client, "postgres").message == "no such database: postgres"
    assert eventually(lambda: names(one) == {"app", "pgbouncer"})


def test_an_entry_that_becomes_explicit_stays(app):
    one = app.weir(databases={"*": star(app)}, autodb_idle_timeout=0.2, server_idle_timeout=0.1)
    one.client("postgres").close()
    assert "postgres" in names(one)

    entries = {"*": star(app), "postgres": app.target("app")}
    one.write_config(app.config(databases=entries, autodb_idle_timeout=0.2, server_idle_timeout=0.1)).console("RELOAD")
    with one.client("template1") as other:
        other.query("select 1")
    eventually(lambda: "template1" not in names(one))

    assert value(one.client("postgres"), "select current_database()") == "app"


@pytest.mark.parametrize("main", ["app", "template1"])
def test_a_pool_that_nobody_uses_goes_after_pool_idle_timeout(app, main):
    one = app.weir(databases={"*": star(app)}, pool_idle_timeout=0.3, server_idle_timeout=0.1)
    with one.client(main) as client:
        client.query("select 1")
    assert len(one.show("POOLS", database=main)) == 1

    assert eventually(lambda: one.show("POOLS", database=main) == [])
    assert value(one.client(main), "select 1") == "1"


def test_a_pool_with_a_client_stays(app):
    one = app.weir(databases={"other": app.target()}, pool_idle_timeout=0.1, server_idle_timeout=0.1)
    stays = one.client("app")
    one.client("other").close()

    eventually(lambda: one.show("POOLS", database="other") == [])

    assert app.pool(one)["sv_idle"] == 0
    assert value(stays, "select 1") == "1"


def test_pools_stay_for_ever_without_pool_idle_timeout(app):
    one = app.weir(server_idle_timeout=0.1, databases={"*": star(app)}, autodb_idle_timeout=0.2)
    one.client("app").close()
    one.client("postgres").close()

    eventually(lambda: "postgres" not in names(one))

    assert app.pool(one)["sv_idle"] == 0
