"""Settings in all their ways, each answered as on a connection of the client's own.

Another client with other settings uses the same server in between; see lib/same.py.
"""

import pytest

from lib.same import Twins

STARTUP = {"TimeZone": "Asia/Tokyo", "work_mem": "3MB", "options": "-c search_path=app,public -c a.b=5 -c statement_timeout=2min"}


NAMES = ("work_mem", "TimeZone", "DateStyle", "search_path", "a.b", "statement_timeout", "role", "session_authorization")

PROGRAMS = {
    "a SET stays": ["set work_mem = '9MB'"],
    "SET SESSION stays": ["set session timezone = 'Europe/Oslo'"],
    "a SET that is rolled back is gone": ["begin", "set work_mem = '9MB'", "show work_mem", "rollback"],
    "a SET LOCAL ends with its transaction": ["begin", "set local work_mem = '9MB'", "show work_mem", "commit"],
    "a SET LOCAL after a SET leaves the SET": ["begin", "set work_mem = '9MB'", "set local work_mem = '10MB'", "show work_mem", "commit"],
    "a savepoint decides": ["begin", "set work_mem = '4MB'", "savepoint s", "set work_mem = '9MB'", "set a.b = 'x'", "rollback to s", "commit"],
    "a released savepoint keeps": ["begin", "savepoint s", "set work_mem = '9MB'", "release s", "commit"],
    "an aborted transaction keeps nothing": ["begin", "set work_mem = '9MB'", "select 1/0", "commit"],
    "a SET in a failed transaction fails": ["begin", "select 1/0", "set work_mem = '9MB'", "rollback"],
    "several statements are one transaction": ["set work_mem = '9MB'; select 1/0"],
    "several statements that hold": ["set work_mem = '9MB'; set datestyle = 'SQL, DMY'; select now()::date = current_date"],
    "RESET of one": ["set work_mem = '9MB'", "reset work_mem"],
    "RESET of one that was not set": ["reset timezone", "reset search_path"],
    "RESET in a transaction": ["begin", "set timezone = 'Europe/Oslo'", "reset timezone", "show timezone", "commit"],
    "RESET that is rolled back": ["set timezone = 'Europe/Oslo'", "begin", "reset timezone", "show timezone", "rollback"],
    "RESET behind a savepoint": ["set work_mem = '9MB'", "begin", "savepoint s", "reset work_mem", "show work_mem", "rollback to s", "show work_mem", "commit"],
    "RESET ALL": ["set work_mem = '9MB'", "set a.b = 'x'", "set timezone = 'Europe/Oslo'", "reset all"],
    "RESET ALL in a transaction": ["set work_mem = '9MB'", "begin", "reset all", "show work_mem", "show timezone", "set work_mem = '8MB'", "commit"],
    "RESET ALL that is rolled back": ["set work_mem = '9MB'", "begin", "reset all", "rollback"],
    "RESET among others": ["set work_mem = '9MB'", "begin; reset work_mem; select current_setting('work_mem'); commit"],
    "TO DEFAULT": ["set work_mem = '9MB'", "set work_mem to default"],
    "LOCAL TO DEFAULT": ["set work_mem = '9MB'", "begin", "set local work_mem to default", "show work_mem", "commit"],
    "reset_val": ["select name, setting, reset_val from pg_settings where name in ('TimeZone', 'work_mem', 'DateStyle')"],
    "DISCARD ALL": ["set work_mem = '9MB'", "set role nobody_of_settings", "discard all"],
    "set_config": ["select set_config('work_mem', '9MB', false)"],
    "set_config that is local": ["begin", "select set_config('work_mem', '9MB', true)", "show work_mem", "commit"],
    "set_config inside a query": ["select count(set_config('a.b', i::text, false)) from generate_series(1, 3) i"],
    "set_config of a name that is worked out": ["select set_config('work' || '_mem', '9MB', false)"],
    "set_config of names from a table": ["select count(set_config(n, '9MB', false)) from (values ('work_mem'), ('temp_buffers')) v(n)", "show temp_buffers"],
    "SET TIME ZONE": ["set time zone 'Europe/Oslo'", "set time zone interval '+05:30' hour to minute"],
    "SET TIME ZONE LOCAL": ["set time zone 3", "set time zone local"],
    "SET NAMES": ["set names 'latin1'", "show client_encoding", "set names default", "show client_encoding"],
    "SET XML OPTION": ["set xml option document", "show xmloption"],
    "SET SESSION CHARACTERISTICS": ["set session characteristics as transaction isolation level serializable, read only", "show transaction_isolation", "show default_transaction_read_only"],
    "SET TRANSACTION is of one transaction": ["begin", "set transaction isolation level serializable", "show transaction_isolation", "commit", "show transaction_isolation"],
    "SET ROLE": ["set role nobody_of_settings", "select current_user, session_user", "reset role", "select current_user"],
    "SET ROLE NONE": ["set role nobody_of_settings", "set role none", "select current_user"],
    "RESET ALL leaves the role": ["set role nobody_of_settings", "reset all", "select current_user"],
    "SET LOCAL ROLE": ["begin", "set local role nobody_of_settings", "select current_user", "commit", "select current_user"],
    "SET SESSION AUTHORIZATION": ["set session authorization nobody_of_settings", "select current_user, session_user", "reset session authorization", "select session_user"],
    "a role within another user": ["set session authorization nobody_of_settings", "set role none", "select current_user, session_user"],
    "what the superuser set holds for the role": ["set log_statement = 'none'", "set session_replication_role = replica", "set role nobody_of_settings", "show session_replication_role", "show log_statement"],
    "a custom setting": ["set a.b = 'mine'", "set c.d = ''"],
    "a setting that is refused": ["set work_mem = 'plenty'", "set no_such_setting = 1", "select set_config('work_mem', 'plenty', false)"],
    "an odd value": ["""set a.b = E'it''s \\\\ "odd"\\n\\té'""", "set standard_conforming_strings = off", "set a.b = 'back\\\\slash'"],
    "a DO sets": ["do $$ begin set work_mem = '9MB'; perform set_config('a.b', 'done', false); end $$"],
    "a DO sets what it works out": ["do $$ begin execute 'set ' || 'work_mem' || ' = 9000'; end $$"],
    "a DO that commits in between": ["do $$ begin set work_mem = '9MB'; commit; set work_mem = '8MB'; rollback; end $$"],
    "a procedure commits and fails": ["call settings_commit('9MB', false)", "call settings_commit('8MB', true)"],
    "a function sets": ["select settings_set('9MB')"],
    "a function's own SET clause ends with it": ["select settings_clause()"],
    "a deferred constraint fails at COMMIT": ["begin", "set work_mem = '9MB'", "insert into settings_deferred values (1), (1)", "commit"],
    "a transaction's settings in a batch": ["begin; set work_mem = '9MB'; commit; set datestyle = 'SQL, DMY'"],
    "read only": ["set default_transaction_read_only = on", "create table settings_never (n int)", "set default_transaction_read_only = off"],
    "messages of all kinds": ["set client_min_messages = error", "drop table if exists settings_never", "set client_min_messages = notice"],
    "a long text": ["set a.b = 'x'; select 1 /*" + "x" * 70000 + "*/; set work_mem = '9MB'"],
    "exit_on_error": ["set exit_on_error = on", "show exit_on_error", "set exit_on_error = off"],
    "timeouts": ["set idle_session_timeout = '1h'", "show idle_session_timeout", "set lock_timeout = '1s'", "set idle_in_transaction_session_timeout = '1h'", "show lock_timeout"],
    "a short statement_timeout": ["set statement_timeout = '50ms'", "show statement_timeout", "select pg_sleep(1)", "show statement_timeout"],
}


@pytest.fixture(autouse=True)
def scene(app):
    with app.primary.client("app") as client:
        client.query("set client_min_messages = error; drop schema if exists app cascade; create schema app")
        client.query("do $$ begin create role nobody_of_settings; exception when duplicate_object then end $$")
        client.query("grant usage, create on schema public to nobody_of_settings")
        client.query("create or replace procedure settings_commit(v text, fails bool) language plpgsql as $$ begin"
                     " perform set_config('work_mem', v, false); commit; perform set_config('work_mem', '1MB', false);"
                     " if fails then raise 'failed'; end if; end $$")
        client.query("create or replace function settings_set(v text) returns text language plpgsql as $$ begin"
                     " perform set_config('work_mem', v, false); set timezone = 'Europe/Oslo'; return v; end $$")
        client.query("create or replace function settings_clause() returns text language plpgsql set work_mem = '6MB' as"
                     " $$ begin return current_setting('work_mem'); end $$")
        client.query("drop table if exists settings_deferred; create table settings_deferred (n int unique deferrable initially deferred)")


@pytest.mark.parametrize("startup", [{}, STARTUP], ids=["bare", "startup"])
def test_programs_are_answered_as_on_a_connection_of_their_own(app, startup):
    one = app.weir(default_pool_size=1)

    for program in PROGRAMS.values():
        twins = Twins(app.primary, one, **startup)
        twins.run(*program)
        twins.shows(*NAMES)
        twins.close()
