"""Settings of a client's own making (a.b), which PostgreSQL does not list: whoever makes one has it, and nobody else."""

import pytest

from lib import wire
from lib.scene import catalog_is_read

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


BUILT = {
    "an expression": ["select set_config('own.' || 'hidden', 'secret', false)"],
    "a value that looks like a name": ["select set_config('own.' || 'hidden', 'secret', false), 'some.name'"],
    "an escape": ["select set_config(e'own\\x2ehidden', 'secret', false)"],
    "dynamic SQL": ["do $$ begin execute 'set own' || '.hidden = ''secret'''; end $$"],
    "a block": ["do $$ begin perform set_config('own.' || 'hidden', 'secret', false); end $$"],
    "a function": ["select custom_built()"],
    "a function with dynamic SQL": ["select custom_dynamic()"],
    "a view": ["select * from custom_view"],
    "a trigger": ["insert into custom_triggered values (1)"],
    "a default": ["insert into custom_default (a) values (1)"],
    "a prepared statement": ["prepare custom_builds as select set_config('own.' || 'hidden', 'secret', false)", "execute custom_builds"],
}

BUILDERS = """
    create or replace function custom_built() returns text language plpgsql as $$ begin return set_config('own.' || 'hidden', 'secret', false); end $$;
    create or replace function custom_dynamic() returns void language plpgsql as $$ begin execute 'set own' || '.hidden = ''secret'''; end $$;
    create or replace function custom_runs(a text, b text) returns void language plpgsql as $$ begin execute a || b; end $$;
    create or replace view custom_view as select set_config('own.' || 'hidden'::text, 'secret', false) as v;
    create table if not exists custom_triggered (a int);
    create or replace function custom_trigger() returns trigger language plpgsql as $$ begin perform custom_built(); return new; end $$;
    create or replace trigger builds before insert on custom_triggered for each row execute function custom_trigger();
    create table if not exists custom_default (a int, b text default set_config('own.' || 'hidden', 'secret', false));
"""

HIDDEN = "select current_setting('own.hidden', true)"


@pytest.mark.parametrize("way", [way for way in BUILT if way != "an escape"])
def test_a_name_that_is_put_together_stays_with_its_client(app, way):
    app.query(BUILDERS)
    one = app.weir(default_pool_size=2, verbose=2)
    catalog_is_read(one)

    with one.client("app") as client, one.client("app") as other, one.client("app") as third:
        for statement in BUILT[way]:
            client.query(statement)
        for _ in range(3):
            assert [c.query(HIDDEN).rows[0][0] or None for c in (other, third)] == [None, None]
            assert client.query(HIDDEN).rows == [("secret",)]


@pytest.mark.parametrize("way", BUILT)
def test_a_name_that_is_put_together_goes_with_its_client(app, way):
    app.query(BUILDERS)
    one = app.weir(default_pool_size=1)

    with one.client("app") as client:
        for statement in BUILT[way]:
            client.query(statement)

    with one.client("app") as other:
        assert not other.query(HIDDEN).rows[0][0]


def test_what_runs_what_it_is_told_pins_nobody_and_leaves_nothing(app):
    app.query(BUILDERS)
    one = app.weir(default_pool_size=1)
    who = "select current_user, current_setting('application_name')"

    with one.client("app", application_name="first") as client, one.client("app", application_name="second") as other:
        client.query("set role pg_monitor")
        for _ in range(2):
            client.query("reset role; select custom_runs('set own', '.hidden = ''secret'''); set role pg_monitor")
            assert not other.query(HIDDEN).rows[0][0]
            assert other.query(who).rows == [("postgres", "second")]
            assert client.query(who).rows == [("pg_monitor", "first")]
        assert one.show("PINS") == []


@pytest.mark.parametrize("name", ["'own.' || 'hidden'", "(select n from custom_names)"])
def test_a_name_that_nobody_can_know_reaches_no_other_client(app, name):
    one = app.weir(default_pool_size=2)

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


def test_a_setting_that_a_role_may_not_read_keeps_what_it_was(app):
    """To ask for it would be an error, for which all other settings were lost and a server closed at each transaction."""
    app.query("do $$ begin create role reads_little; exception when duplicate_object then end $$")
    one = app.weir(default_pool_size=1)

    with one.client("app") as client, one.client("app") as other:
        pid = other.query("select pg_backend_pid()").rows
        client.query("set dynamic_library_path = '/nowhere'")
        client.query("set role reads_little")
        client.query("set work_mem = '7MB'")
        client.query("select custom_set('work_mem', '9MB'), 'data_directory'")
        assert other.query("select current_user, current_setting('work_mem'), current_setting('dynamic_library_path'), pg_backend_pid()").rows \
            == [("postgres", "4MB", "$libdir", pid[0][0])]
        assert client.query("select current_user, current_setting('work_mem')").rows == [("reads_little", "9MB")]
        client.query("reset role")
        assert client.query("show dynamic_library_path").rows == [("/nowhere",)]


def test_names_among_what_is_said_are_asked_for_in_vain(app):
    app.query("do $$ begin create role reads_nothing login; exception when duplicate_object then end $$")
    app.query("grant all on schema public to reads_nothing")
    one = app.weir(default_pool_size=1, secrets={"reads_nothing": "", "postgres": ""})

    with one.client("app", user="reads_nothing") as client, one.client("app", user="reads_nothing") as other:
        client.query("set work_mem = '7MB'")
        pid = client.query("select pg_backend_pid()").rows
        for name in ("data_directory", "hba_file", "config_file", "log_statement", "session_preload_libraries", "no_such_name", "role"):
            client.query(f"select custom_set('application_name', '{name}')")
            assert other.query("show work_mem").rows == [("4MB",)]
        assert client.query("show work_mem").rows == [("7MB",)]
        assert client.query("select pg_backend_pid()").rows == pid


def test_a_value_of_a_megabyte_is_its_clients_own(app):
    """Its text is too long to be read; the name stands in front."""
    one = app.weir(default_pool_size=1)

    with one.client("app") as client, one.client("app") as other:
        client.query(f"set own.long = '{'x' * 1000000}'")
        other.query("set own.long = 'short'")
        for _ in range(3):
            assert client.query("select length(current_setting('own.long'))").rows == [("1000000",)]
            assert other.query("show own.long").rows == [("short",)]


WORDS = {"SJIS": ("shift_jis", "日本語ソ表"), "EUC_JP": ("euc_jp", "日本語"), "LATIN1": ("latin1", "äöü\\é"), "UTF8": ("utf8", "日本語ä")}


def test_values_of_all_encodings_share_a_server(app):
    one = app.weir(default_pool_size=1)
    clients = {encoding: one.client("app", client_encoding=encoding) for encoding in WORDS}
    for encoding, (codec, word) in WORDS.items():
        text = b"set own.word = '" + word.encode(codec) + b"'\0"
        assert clients[encoding].ask(b"Q" + (len(text) + 4).to_bytes(4, "big") + text).error is None

    for _ in range(2):
        for encoding, (codec, word) in WORDS.items():
            rows = [m.body for m in clients[encoding].ask(wire.query("show own.word")).messages if m.kind == b"D"]
            assert word.encode(codec) in rows[0], encoding
    for client in clients.values():
        client.close()
