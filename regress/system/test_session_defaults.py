"""What ALTER ROLE and ALTER DATABASE ... SET say is what new clients begin with, whatever servers there were before."""

import pytest

from lib import wire

CHANGES = {
    "a database": ("alter database app set work_mem = '21MB'", "alter database app reset work_mem"),
    "a role": ("alter role defaulted set work_mem = '21MB'", "alter role defaulted reset work_mem"),
    "a role in a database": ("alter role defaulted in database app set work_mem = '21MB'", "alter role defaulted in database app reset all"),
    "all roles": ("alter role all set work_mem = '21MB'", "alter role all reset work_mem"),
    "in a transaction": ("begin; alter role defaulted set work_mem = '21MB'; commit", "alter role defaulted reset all"),
    "in a DO": ("do $$ begin alter role defaulted set work_mem = '21MB'; end $$", "alter role defaulted reset all"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_new_clients_begin_with_the_new_defaults(app, change):
    alter, undo = CHANGES[change]
    app.primary.query("do $$ begin create role defaulted login; exception when duplicate_object then end $$")
    one = app.weir(default_pool_size=1, secrets={"postgres": "", "defaulted": ""})

    with one.client("app") as admin:
        with one.client("app", user="defaulted") as before:
            assert before.query("show work_mem").rows == [("4MB",)]
        admin.query(alter)
        with one.client("app", user="defaulted") as after, app.primary.client("app", user="defaulted") as direct:
            pooled, own = (c.query("show work_mem").rows for c in (after, direct))
        admin.query(undo)

    assert pooled == own == [("21MB",)]


def test_an_alter_role_of_another_kind_costs_no_server(app):
    one = app.weir(default_pool_size=1)

    with one.client("app") as client:
        server = client.query("select pg_backend_pid()").rows
        client.query("alter role postgres connection limit 50")
        assert client.query("select pg_backend_pid()").rows == server
        client.query("alter role postgres connection limit -1")


def test_a_discard_is_told_before_it_is_over(app):
    one = app.weir(default_pool_size=1)

    with one.client("app", application_name="mine", TimeZone="Asia/Tokyo") as client:
        client.query("set application_name = 'other'; set timezone = 'UTC'")
        for reset in ("discard all", "reset application_name", "set application_name to default"):
            told = dict(m.texts() for m in client.ask(wire.query(reset)).messages if m.kind == b"S")
            assert told["application_name"] == "mine", reset
            client.query("set application_name = 'other'")
