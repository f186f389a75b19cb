"""ALTER ROLE | DATABASE ... SET: who logs in next has the new defaults, who is there goes on with its own."""

import pytest

from lib import wire
from lib.eventually import eventually

CHANGES = {
    "a role": ("alter role keeper set work_mem = '5MB'", True, True),
    "the same by its old name": ("alter user keeper set work_mem = '5MB'", True, True),
    "all roles": ("alter role all set work_mem = '5MB'", True, True),
    "a database": ("alter database app set work_mem = '5MB'", True, False),
    "a role in a database": ("alter role keeper in database app set work_mem = '5MB'", True, False),
    "in a transaction": ("begin; alter role keeper set work_mem = '5MB'; commit", True, True),
    "in a DO": ("do $$ begin alter role keeper set work_mem = '5MB'; end $$", True, True),
    "another role": ("alter role other_keeper set work_mem = '5MB'", False, False),
    "another database": ("alter database postgres set work_mem = '5MB'", False, True),
}


def reset(host):
    with host.client("app") as client:
        client.query("alter role all reset all")
        client.query("alter database app reset all")
        client.query("alter database postgres reset all")
        for role in ("keeper", "other_keeper"):
            client.query(f"do $$ begin create role {role} login superuser; exception when duplicate_object then end $$")
            client.query(f"alter role {role} reset all")
            client.query(f"alter role {role} in database app reset all")
        client.query("create or replace function alter_keeper() returns void language plpgsql as"
                     " $$ begin alter role keeper set work_mem = '5MB'; end $$")


@pytest.fixture
def one(app):
    reset(app.primary)
    weir = app.weir(default_pool_size=1, databases={"postgres": app.target("postgres")}, secrets={"postgres": "", "keeper": ""})
    yield weir
    reset(app.primary)


def shown(client, name="work_mem"):
    return client.query(f"show {name}").rows[0][0]


@pytest.mark.parametrize("what", CHANGES)
def test_new_clients_have_the_new_defaults_and_old_ones_theirs(one, what):
    sql, here, there = CHANGES[what]
    who = one.client("app", user="keeper")
    elsewhere = one.client("postgres", user="keeper")
    assert (shown(who), shown(elsewhere)) == ("4MB", "4MB")

    who.query(sql)

    with one.client("app", user="keeper") as new, one.client("postgres", user="keeper") as new_elsewhere:
        assert (shown(new), shown(new_elsewhere)) == ("5MB" if here else "4MB", "5MB" if there else "4MB")
        if sql.startswith(("alter role k", "alter user k", "alter role all", "alter database app")):
            assert shown(who) == "4MB"
            who.query("set work_mem = '6MB'")
            who.query("reset work_mem")
            assert shown(who) == "4MB"
        assert shown(new) == ("5MB" if here else "4MB")
    who.close()
    elsewhere.close()


def test_new_clients_are_greeted_with_new_defaults(one):
    one.client("app", user="keeper").query("alter role keeper set timezone = 'Asia/Tokyo'")

    with one.client("app", user="keeper") as new:
        assert new.parameters["TimeZone"] == "Asia/Tokyo"
    with one.client("app", user="keeper") as back:
        back.query("alter role keeper reset all")
        assert shown(back, "timezone") == "Asia/Tokyo"
    with one.client("app", user="keeper") as new:
        assert new.parameters["TimeZone"] != "Asia/Tokyo"


def test_what_a_startup_set_has_replaced_is_learned_anew(one):
    early = one.client("app", user="keeper", work_mem="3MB")
    assert shown(early) == "3MB"

    early.query("alter role keeper set work_mem = '5MB'")

    assert shown(early) == "3MB"
    with one.client("app", user="keeper") as plain, one.client("app", user="keeper", work_mem="3MB") as same:
        for _ in range(2):
            assert (shown(plain), shown(same), shown(early)) == ("5MB", "3MB", "3MB")
            early.query("reset work_mem")
    early.close()


def test_a_server_at_work_is_renewed_when_it_comes_back(one):
    busy = one.client("app", user="keeper")
    busy.query("begin")
    with one.client("postgres") as other:
        other.query("alter role keeper set work_mem = '5MB'")
    assert shown(busy) == "4MB"

    busy.query("commit")

    with one.client("app", user="keeper") as new:
        assert shown(new) == "5MB"
    busy.close()


def test_a_password_renews_nothing(one):
    with one.client("app", user="keeper") as client:
        before = client.query("select pg_backend_pid()").rows
        client.query("alter role other_keeper password 'x'; alter role other_keeper valid until 'infinity'")
        assert client.query("select pg_backend_pid()").rows == before
        client.query("alter role other_keeper set work_mem = '5MB'")
        assert client.query("select pg_backend_pid()").rows == before


@pytest.mark.parametrize("sql", ["select alter_keeper()", "do $$ begin execute 'al' || 'ter role keeper set work_mem = 5120'; end $$"])
def test_changes_in_code_are_found_too(one, sql):
    client = one.client("app", user="keeper")

    def work_mem_of_a_new_client():
        client.query(sql)
        with one.client("app", user="keeper") as new:
            return shown(new)

    assert eventually(lambda: work_mem_of_a_new_client() == "5MB")
    client.close()


def test_changes_by_others_are_found_where_the_catalog_is_looked_at(one, app):
    client = one.client("app", user="keeper")
    client.query("select alter_keeper()")

    def work_mem_of_a_new_client():
        app.query("alter role keeper set work_mem = '6MB'")
        with one.client("app", user="keeper") as new:
            return shown(new)

    assert eventually(lambda: work_mem_of_a_new_client() == "6MB")
    client.close()


def test_a_discard_is_told_before_it_is_over(app):
    one = app.weir(default_pool_size=1)

    with one.client("app", application_name="mine", TimeZone="Asia/Tokyo") as client:
        client.query("set application_name = 'other'; set timezone = 'UTC'")
        for reset in ("discard all", "reset application_name", "set application_name to default"):
            told = dict(m.texts() for m in client.ask(wire.query(reset)).messages if m.kind == b"S")
            assert told["application_name"] == "mine", reset
            client.query("set application_name = 'other'")


def test_in_session_mode_servers_are_shared_whatever_clients_come_with(app):
    """A RESET goes back to the client's own, and costs no login."""
    one = app.weir(default_pool_size=1, pool_mode="session")
    seen = set()

    for size in ("3MB", "5MB", "7MB"):
        with one.client("app", work_mem=size, application_name=f"with {size}") as client:
            client.query("set work_mem = '9MB'")
            client.query("set application_name = 'another'")
            client.query("reset work_mem")
            client.query("set application_name to default")
            assert client.query("select current_setting('work_mem'), current_setting('application_name')").rows == [(size, f"with {size}")]
            seen.add(client.query("select pg_backend_pid()").rows[0][0])

    assert len(seen) <= 2
