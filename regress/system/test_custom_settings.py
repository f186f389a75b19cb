"""Settings of a client's own making (a.b), which PostgreSQL does not list: whoever makes one has it, and nobody else."""

import pytest

from lib import wire

ARGUMENTS = ("own.worked_out", "7")

WAYS = {
    "parameters of an unnamed statement": [wire.parse("select set_config($1, $2, false)"), wire.bind(ARGUMENTS), wire.execute(), wire.sync()],
    "parameters of an INSERT": [wire.parse("insert into custom_values values (set_config($1, $2, false))"), wire.bind(ARGUMENTS), wire.execute(), wire.sync()],
    "a function's parameters": [wire.parse("select custom_set($1, $2)"), wire.bind(ARGUMENTS), wire.execute(), wire.sync()],
    "a function's arguments": [wire.query("select custom_set('own.worked_out', '7')")],
    "a list of values": [wire.query("select set_config(n, v, false) from (values ('own.worked_out', '7')) x(n, v)")],
    "an EXECUTE": [wire.query("execute custom_prepared('own.worked_out', '7')")],
    "dynamic SQL": [wire.query("do $$ begin execute 'set own.worked_out = 7'; end $$")],
}


@pytest.fixture(autouse=True)
def scene(app):
    with app.primary.client("app") as client:
        client.query("create table if not exists custom_values (v text)")
        client.query("create or replace function custom_set(n text, v text) returns text language plpgsql as"
                     " $$ begin return set_config(n, v, false); end $$")


@pytest.mark.parametrize("way", WAYS)
def test_a_name_that_comes_from_elsewhere_stays_with_its_client(app, way):
    one = app.weir(default_pool_size=1)

    with one.client("app") as client, one.client("app") as other:
        client.query("prepare custom_prepared(text, text) as select set_config($1, $2, false)")
        result = client.ask(*WAYS[way])
        seen = [c.query("select current_setting('own.worked_out', true)").rows[0][0] for c in (other, client)]

    assert result.error is None
    assert not seen[0] and seen[1] == "7"


@pytest.mark.parametrize("startup", [{"standard_conforming_strings": "off"}, {"client_encoding": "SJIS"}], ids=["escapes", "SJIS"])
def test_a_client_whose_texts_are_not_read_keeps_its_own_too(app, startup):
    one = app.weir(default_pool_size=1)

    with one.client("app", **startup) as client, one.client("app") as other:
        for made in ("set own.unread = '1'", "SET  Session\n own.unread to '1'", "select set_config('own.unread', '1', false)"):
            client.query(made)
            assert not other.query("select current_setting('own.unread', true)").rows[0][0], made
            assert client.query("show own.unread").rows == [("1",)], made
            client.query("reset own.unread")


@pytest.mark.parametrize("name", ["'own.' || 'hidden'", "(select n from custom_names)"])
def test_a_name_that_nobody_can_know_reaches_no_other_client(app, name):
    one = app.weir(default_pool_size=1)

    with one.client("app") as client, one.client("app") as other:
        client.query("create table if not exists custom_names as select 'own.hidden' as n")
        client.query(f"select set_config({name}, 'secret', false)")
        assert not other.query("select current_setting('own.hidden', true)").rows[0][0]


def test_parameters_that_are_names_cost_no_server(app):
    one = app.weir(default_pool_size=1)

    with one.client("app") as client:
        server = client.query("select pg_backend_pid()").rows
        client.ask(wire.parse("select set_config($1, $2, false)", "s"), wire.sync())
        client.ask(wire.bind(("own.known", "1"), "s"), wire.execute(), wire.sync())
        client.query("reset all")
        assert client.query("select pg_backend_pid()").rows == server
