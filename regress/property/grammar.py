"""grammar.py - random programs: rows with weights, each of which says what a client does next.

    generate(seed, without={"temporary"})

A row is a function of an author (one client while its part is written) that returns SQL, or a list of messages.  What an
author knows of its session (a transaction is open, these names exist) is a guess that makes sense likelier; programs
that err are welcome.  Every row's objects are its client's own, or are read by all and written by none, so that
no client ever waits for another.  `holds` rows may keep a server.
"""

import random
import re

from .program import Program, Step

ROWS = []  # (group, weight, holds, function)


def row(group, weight, holds=False):
    def register(function):
        ROWS.append((group, weight, holds, function))
        return function

    return register


def quote(value):
    return "'" + value.replace("'", "''") + "'"


class Author:
    """One client while its part is written."""

    def __init__(self, letter, luck, number, groups, life=0):
        self.letter, self.luck, self.number, self.groups, self.life = letter, luck, number, groups, life
        self.open, self.savepoints = False, []
        self.sql_names, self.names = [], []
        self.temporary, self.cursors = [], []
        self.unloaded = False
        self.writing = set()  # names that have stood for an INSERT, UPDATE or DELETE

    def pick(self, *choices):
        return self.luck.choice(choices)

    def chance(self, share):
        return self.luck.random() < share

    def some(self, names, *others):
        """One of the names that exist, or sometimes one that may not."""
        return self.luck.choice(names) if names and self.chance(0.8) else self.luck.choice(others)

    @property
    def key(self):
        """Of advisory locks: no other client's, nor a former one's, whose server may not be clean yet."""
        return (self.number * 100 + self.life * 10 + ord(self.letter) - ord("a")) * 10


# ---- settings -------------------------------------------------------------------------

SETTINGS = {
    "work_mem": ["1MB", "4MB", "7777kB", "nonsense", "-1"],
    "search_path": ["s1, public", "s2, s1, public", '"$user", public', "public, nosuch", "public", "s1", ""],
    "DateStyle": ["ISO, DMY", "SQL, MDY", "German", "Postgres, YMD", "iso", "odd"],
    "IntervalStyle": ["postgres", "iso_8601", "sql_standard", "postgres_verbose"],
    "TimeZone": ["UTC", "Europe/Paris", "America/New_York", "-3", "Nowhere/At_all"],
    "extra_float_digits": ["0", "1", "-5", "9"],
    "bytea_output": ["escape", "hex"],
    "application_name": ["one", "two three", "", "it's"],
    "statement_timeout": ["0", "50s", "1min", "x"],
    "lock_timeout": ["0", "70s"],
    "enable_seqscan": ["on", "off"],
    "default_transaction_read_only": ["on", "off"],
    "default_transaction_isolation": ["serializable", "read committed", "repeatable read"],
    "standard_conforming_strings": ["on", "off"],
    "client_min_messages": ["notice", "warning", "error", "debug1x"],
    "client_encoding": ["UTF8", "LATIN1", "SQL_ASCII", "nosuch"],
    "xmloption": ["content", "document"],
    "check_function_bodies": ["on", "off"],
    "session_replication_role": ["replica", "origin"],
    "max_connections": ["5"],
    "nosuch_setting": ["1"],
}
COMMON = ["work_mem", "search_path", "DateStyle", "TimeZone", "application_name", "IntervalStyle"]


def setting(c):
    """(name, value)"""
    if c.chance(0.08):
        return custom(c), c.pick("1", "two", "", "it's \\ 'q'")
    name = c.luck.choice(COMMON) if c.chance(0.7) else c.luck.choice(list(SETTINGS))
    return name, c.luck.choice(SETTINGS[name])


def custom(c):
    # A name is nobody else's: PostgreSQL itself cannot forget one that a connection once had.
    return f"own{c.letter}{c.number}.{c.pick('x', 'y')}"


def name_of(c):
    return setting(c)[0]


def literal(name, value):
    return value if name in ("search_path", "DateStyle") and value and "$" not in value else quote(value)


@row("settings", 10)
def set_plain(c):
    name, value = setting(c)
    return f"{c.pick('set', 'set', 'set session', 'SET')} {name} {c.pick('=', 'to')} {literal(name, value)}"


@row("settings", 6)
def set_local(c):
    name, value = setting(c)
    return f"set local {name} = {literal(name, value)}"


@row("settings", 5)
def reset(c):
    return c.pick(f"reset {name_of(c)}", f"set {name_of(c)} to default", "reset all", f"set local {name_of(c)} to default")


@row("settings", 5)
def set_config(c):
    name, value = setting(c)
    local = c.pick("false", "false", "true")
    call = f"set_config({quote(name)}, {quote(value)}, {local})"
    return c.pick(
        f"select {call}",
        f"select pg_catalog.{call} as v where {c.pick('true', 'false')}",
        f"select case when {c.pick('true', 'false')} then {call} end",
        f"with x as materialized (select {call} as v) select v from x",
        f"select {call}, current_setting({quote(name)}, true)",
        f"explain (costs off) select {call}",
        f"select count(*) from (select {call} from notes limit 2) x",
        f"explain (analyze, costs off, timing off, summary off) select {call}",
        f"copy (select {call}) to stdout",
        f"values ({call})",
        f"select set_config(E{quote(name.replace('_', chr(92) + 'x5f'))}, {quote(value)}, {local})",
        f'select "set_config"({quote(name)}, {quote(value)}, {local})',
        f"create table made_{c.letter} as select {call} as v",
        f"begin; declare cc cursor for select {call}; fetch cc; commit",
    )


@row("fastpath", 2)
def call_function(c):
    name, value = setting(c)
    # A name of its own making that was taken back is empty on its connection, and unknown to others.
    shown = name if "." not in name else "work_mem"
    oid, arguments = c.pick((2078, [name, value, "f"]), (2078, [name, value, "t"]), (2077, [shown]))
    return [["F", oid, arguments]]


@row("settings", 3)
def set_config_parameters(c):
    name, value = setting(c)
    sql = c.pick("select set_config($1, $2, false)", "select set_config($1, $2, $3::bool)")
    values = [name, value, c.pick("t", "f")][: sql.count("$")]
    return [["P", "", sql], ["B", "", "", values], ["E", ""], ["S"]]


@row("settings", 2)
def set_special(c):
    zone = c.luck.choice(SETTINGS["TimeZone"])
    return c.pick(
        f"set time zone {quote(zone)}",
        "set time zone local",
        "set time zone interval '+02:00' hour to minute",
        f"set names {quote(c.luck.choice(SETTINGS['client_encoding']))}",
        "set names default",
        f"set session characteristics as transaction {c.pick('read only', 'read write', 'isolation level serializable')}",
        "set xml option document",
        "set schema 's1'",
        "set constraints all immediate",
    )


@row("settings", 7)
def show(c):
    name = name_of(c)
    if "." in name:
        # Once it was made and taken back it is empty on its connection, and unknown to others.
        return f"select nullif(current_setting({quote(name)}, true), '')"
    return c.pick(
        f"show {name}",
        f"select current_setting({quote(name)})",
        f"select current_setting({quote(name)}, true)",
        f"select setting, reset_val from pg_settings where name = {quote(name)}",
        "show time zone",
        "select current_schemas(false)",
        "show transaction isolation level",
        "show transaction_read_only",
    )


DEPENDENT = [
    "select '01/02/2020'::date",
    "select '2020-01-02 03:04:05+00'::timestamptz",
    "select '1 day 02:03:04'::interval",
    "select 1.0::float8 / 3",
    "select '\\xdeadbeef'::bytea",
    "select 'a\\\\b', 'it''s'",
    "select * from place",
    "select v from place",
    "table place",
    "select 'ä'",
    "select to_char('2020-01-02 03:04:05+00'::timestamptz, 'HH24 TZ')",
    "insert into place select 'never' where false",
]


@row("settings", 7)
def depends(c):
    return c.luck.choice(DEPENDENT)


@row("functions", 5)
def set_by_function(c):
    name, value = setting(c)
    pair = f"{quote(name)}, {quote(value)}"
    return c.pick(
        f"select f_set({pair})",
        f"select f_set_sql({pair})",
        f"select f_set_local({pair})",
        "select f_set_work_mem()",
        f"select f_set_fails({pair})",
        f"select f_set_caught({pair})",
        "select f_clause()",
        "select f_clause_set()",
        "select f_clause_sets_other()",
        f"call p_commits({quote(name)}, {quote(value)}, {quote(c.luck.choice(SETTINGS.get(name, ['1'])))})",
        f"call p_sets({pair})",
        f"insert into trigger_{c.letter} values ('x')",
        f"select f_run({quote('set ' + name + ' = ' + literal(name, value))})",
        f"do $$ begin perform set_config({pair}, {c.pick('true', 'false')}); end $$",
        f"do $$ begin set {name} = {literal(name, value)}; end $$",
        f"do $$ begin execute {quote('set ' + name + ' = ' + literal(name, value))}; end $$",
        f"do $$ begin perform set_config({pair}, false); commit; end $$",
        f"do $$ begin perform set_config({pair}, false); raise exception 'no'; end $$",
        "select f_stable(1)",
    )


@row("hidden", 4)
def set_by_what_is_hidden(c):
    """Functions of the catalog that run without being called by name."""
    return c.pick("select * from v_sets", "select 'abc'::d_sets", f"insert into default_{c.letter} (n) values (1)",
                  "select 1 <#> 2", "select sets_of(id) from notes", f"update ruled_{c.letter} set n = 2", "select f_atomic()",
                  "show work_mem", "show work_mem", "select f_deep()")


# ---- roles ----------------------------------------------------------------------------


@row("roles", 3)
def set_role(c):
    role = c.pick("alice", "bob", "none", "carol", "nosuch", "alice")
    return c.pick(
        f"set role {role}",
        f"set local role {role}",
        "reset role",
        f"select set_config('role', {quote(role)}, {c.pick('true', 'false')})",
        f"set session authorization {c.pick('alice', 'default', 'app')}",
        "reset session authorization",
        f"set local session authorization {c.pick('alice', 'default')}",
    )


@row("roles", 4)
def look_at_role(c):
    return c.pick("select current_user, session_user", "select * from secret", "show role", "show is_superuser",
                  "show session authorization")


# ---- transactions ---------------------------------------------------------------------


@row("transactions", 9)
def begin(c):
    c.open, c.savepoints = True, []
    return c.pick("begin", "begin", "start transaction", "begin isolation level serializable", "begin read only",
                  "BEGIN;")


@row("transactions", 9)
def end(c):
    sql = c.pick("commit", "commit", "rollback", "end", "abort", "commit and chain", "rollback and chain")
    if "chain" not in sql:
        c.open, c.savepoints = False, []
    return sql


@row("transactions", 5)
def savepoint(c):
    name = c.some(c.savepoints, "s1", "s2")
    sql = c.pick(f"savepoint {name}", f"savepoint {name}", f"rollback to {name}", f"rollback to savepoint {name}",
                 f"release {name}")
    if sql.startswith("savepoint"):
        c.savepoints.append(name)
    return sql


@row("transactions", 2)
def set_transaction(c):
    return c.pick("set transaction read only", "set transaction isolation level serializable", "set constraints all immediate",
                  f"insert into deferred_{c.letter} values (1), (1)")


@row("transactions", 1)
def prepare_transaction(c):
    gid = f"gid_x{c.number}{c.letter}"
    return c.pick(f"prepare transaction '{gid}'", f"commit prepared '{gid}'", f"rollback prepared '{gid}'",
                  f"begin; insert into t_{c.letter} (v) values ('prepared'); prepare transaction '{gid}'")


@row("errors", 4)
def fail(c):
    return c.pick("select 1/0", "select nosuch", "selec 1", "select * from nosuch", "select 'x'::int", "drop table nosuch",
                  "select 1; select 1/0; select 2", "")


@row("transactions", 4)
def several(c):
    """Several statements in one Query."""
    parts = [say(c) for _ in range(c.luck.randint(2, 4))]
    return "; ".join(part.rstrip(";") for part in parts)


@row("looks", 5)
def read(c):
    return c.pick("select 1", "select count(*) from notes", "select v from notes order by id", "select now() is not null",
                  f"select repeat('{c.letter}', 900) from generate_series(1, {c.pick(3, 30, 300)})",
                  "values (1), (2)", "select null, ''", "show server_version")


# ---- prepared statements --------------------------------------------------------------

WRITES = re.compile(r"\b(insert|update|delete|merge)\b", re.I)
NAMES = ["one", "two", "Three", "a b", "long" * 20]
PREPARED = [
    ("select $1::int + 1", 1),
    ("select 1", 0),
    ("select $1::text, $2::text", 2),
    ("select v from notes where id = $1", 1),
    ("select * from place", 0),
    ("select '01/02/2020'::date", 0),
    ("select current_setting('work_mem')", 0),
    ("insert into t_{c} (v) values ($1)", 1),
    ("select set_config('work_mem', $1, false)", 1),
    ("set work_mem = '2MB'", 0),
    ("select nosuch", 0),
    ("begin", 0),
    ("commit", 0),
    ("select 1/0", 0),
    ("select * from made_{c}", 0),
    ("show search_path", 0),
    ("", 0),
    ("select count(*) from pg_class where false", 0),
    ("select '2020-01-02 03:04:05+00'::timestamptz", 0),
    ("select current_user", 0),
]


def note_name(c, name, sql, values=()):
    c.names.append((name, list(values)))
    if WRITES.search(sql):
        c.writing.add(name)


def prepared(c):
    sql, count = c.luck.choice(PREPARED)
    # In a transaction set_config() of NULL goes back to what the server began with.
    values = ["1", "2", "3MB", "x"] if "set_config" in sql else ["1", "2", "3MB", "x", None]
    return sql.replace("{c}", c.letter), [c.luck.choice(values) for _ in range(count)]


def quoted(name):
    return name if name.islower() and " " not in name else f'"{name}"'


@row("protocol", 8)
def protocol_prepare(c):
    sql, values = prepared(c)
    name = c.pick(*NAMES, "")
    note_name(c, name, sql, values)
    items = [["P", name, sql]]
    if c.chance(0.3):
        items.append(["D", "S", name])
    if c.chance(0.5):
        items += [["B", "", name, values], ["E", ""]]
    return [*items, ["S"]]


@row("protocol", 10)
def protocol_execute(c):
    name, values = c.some(c.names, (c.pick(*NAMES), []))
    if c.chance(0.1):
        values = values[1:]
    portal = c.pick("", "", "", "p")
    items = [["B", portal, name, values]]
    # What an EXECUTE returns is as of when it was prepared, and that of no name is prepared again after an error.  Of what
    # only writes, a failed transaction tells no description that was not asked for before.
    if c.chance(0.3) and (name or "sql_prepare" not in c.groups) and name not in c.writing:
        items.insert(0, ["D", "S", name])
    if c.chance(0.3):
        items.append(["D", "P", portal])
    items.append(["E", portal, c.pick(0, 0, 0, 1)])
    if c.chance(0.1):
        items.append(["E", portal, 2])
    if portal and c.chance(0.3):
        items.append(["C", "P", portal])
    if c.chance(0.15):
        items.insert(c.luck.randrange(1, len(items)), ["H"])
    return [*items, ["S"]]


@row("protocol", 3)
def protocol_close(c):
    name = c.some([n for n, _ in c.names], *NAMES)
    c.names = [(n, v) for n, v in c.names if n != name]
    return [["C", "S", name], *([["D", "S", name]] if c.chance(0.2) else []), ["S"]]


@row("protocol", 2)
def protocol_portal(c):
    if c.chance(0.5):
        return [["E", "p", c.pick(0, 1, 2)], ["S"]]
    sql = "select v from notes order by id"
    return [["P", "", sql], ["B", "p", "", []], ["E", "p", c.pick(1, 2, 0)], ["S"]]


@row("protocol", 6)
def pipeline(c):
    """Some statements up to one Sync, or to some, with an error somewhere perhaps."""
    items = []
    for _ in range(c.luck.randint(2, 5)):
        kind = c.luck.random()
        if kind < 0.35 and c.names:
            name, values = c.luck.choice(c.names)
            items += [["B", "", name, values], ["E", ""]]
        elif kind < 0.6:
            sql, values = prepared(c)
            name = c.pick(*NAMES, "", "")
            note_name(c, name, sql, values)
            items += [["P", name, sql], ["B", "", name, values], ["D", "P", ""], ["E", ""]]
        elif kind < 0.75:
            items += unnamed(c, say(c))
        elif kind < 0.85:
            items.append(["C", "S", c.pick(*NAMES)])
        elif kind < 0.93:
            items.append(["S"])
        else:
            items += unnamed(c, c.pick("select 1/0", "selec 1"))
    return [*items, ["S"]]


def unnamed(c, sql):
    return [["P", "", sql], ["B", "", "", []], *([["D", "P", ""]] if c.chance(0.5) else []), ["E", ""]]


@row("sql_prepare", 5)
def sql_prepare(c):
    sql, values = prepared(c)
    name = quoted(c.pick(*NAMES))
    c.sql_names.append((name, len(values)))
    types = "(" + ", ".join(["text"] * len(values)) + ")" if values and c.chance(0.4) else ""
    return f"prepare {name}{types} as {sql}"


@row("sql_prepare", 6)
def sql_execute(c):
    name, count = c.some(c.sql_names + [(quoted(n), len(v)) for n, v in c.names if n], (quoted(c.pick(*NAMES)), 0))
    # set_config(), of one value, goes back to what the server began with when that is NULL and nobody can see it.
    values = [c.pick("'1'", "'3MB'", "2", "2" if count == 1 else "null") for _ in range(count)]
    call = f"execute {name}" + (f"({', '.join(values)})" if values else "")
    return c.pick(call, call, call, f"explain (costs off) {call}", f"create table made_{c.letter} as {call}")


@row("sql_prepare", 2)
def deallocate(c):
    name = c.some([n for n, _ in c.sql_names] + [quoted(n) for n, _ in c.names if n], *map(quoted, NAMES))
    return c.pick(f"deallocate {name}", f"deallocate prepare {name}", "deallocate all")


@row("looks_prepared", 4)
def look_at_prepared(c):
    return c.pick(
        "select name, statement, parameter_types::text, from_sql from pg_prepared_statements order by 1",
        "select count(*) from pg_prepared_statements",
        "select name from pg_prepared_statement() order by 1",
        "select name, statement from v_prepared order by 1",
    )


@row("ddl", 2)
def ddl(c):
    made = f"made_{c.letter}"
    return c.pick(f"create table {made} as select 1 as n", f"create table if not exists {made} (n int, v text)",
                  f"alter table {made} add column extra int default 7", f"alter table {made} alter n type text",
                  f"drop table if exists {made}", f"select * from {made}", f"insert into {made} values (3)")


# ---- what pins ------------------------------------------------------------------------


@row("temporary", 6, holds=True)
def temporary(c):
    name = c.pick("x", "place", "notes", "y")
    sql = c.pick(
        f"create temp table {name} (n int, v text)",
        f"create temp table {name} as select 7 as n, 'temp'::text as v",
        f"create temporary table if not exists {name} (n int)",
        f"select 8 as n into temp {name}",
        f"create table pg_temp.{name} (n int)",
        f"create temp table {name} (n int) on commit drop",
        f"create temp table {name} (n int) on commit delete rows",
        f"create temp view {name} as select 1 as n",
        "create temp sequence sq",
        f"select f_temporary('{name}')",
        f"do $$ begin create temp table {name} as select 5 as n; end $$",
        f"create local temp table {name} (n int) on commit preserve rows",
        f"begin; create temp table {name} (n int) on commit drop; insert into {name} values (1); select * from {name}; commit",
    )
    c.temporary.append(name)
    return sql


@row("temporary", 6, holds=True)
def use_temporary(c):
    # Not by pg_temp's name where an error could tell whether there ever was one.
    name = c.some(c.temporary, "x", "place", "notes")
    return c.pick(f"insert into {name} (n) values (1)", f"select * from {name} order by 1", f"select count(*) from {name}",
                  f"drop table {name}" if name in ("x", "y") else f"select f_drop_temporary('{name}')",
                  f"select f_drop_temporary('{name}')", f"select to_regclass('pg_temp.{name}')", "select nextval('sq')",
                  "select relname, relkind from pg_class where relpersistence = 't' and pg_table_is_visible(oid)"
                  " and relkind <> 'i' order by 1")


@row("holds", 4, holds=True)
def declare(c):
    name = c.pick("cu", "cv")
    c.cursors.append(name)
    hold = c.pick("with hold ", "with hold ", "")
    scroll = c.pick("scroll ", "", "no scroll ")
    sql = f"declare {name} {scroll}cursor {hold}for select id, v from notes order by id"
    return c.pick(sql, sql, f"begin; {sql}; commit", f"begin; {sql}; fetch 1 from {name}; rollback")


@row("holds", 5, holds=True)
def fetch(c):
    name = c.some(c.cursors, "cu", "cv")
    return c.pick(f"fetch 2 from {name}", f"fetch {name}", f"fetch all from {name}", f"move 1 from {name}",
                  f"fetch backward 1 from {name}", f"close {name}", "close all",
                  "select name, statement, is_holdable, is_scrollable from pg_cursors order by 1")


@row("advisory", 5, holds=True)
def lock(c):
    key = c.pick(str(c.key), f"{c.key}, 5")
    one = str(c.key)
    return c.pick(f"select pg_advisory_lock({key})", f"select pg_try_advisory_lock({key})", f"select pg_advisory_lock_shared({key})",
                  f"select pg_advisory_xact_lock({key})", f"select pg_try_advisory_xact_lock_shared({key})",
                  f"select f_lock({one})", f"do $$ begin perform pg_advisory_lock({one} + 0); end $$",
                  f"select pg_advisory_lock(id + {one}) from notes where id = 1")


@row("advisory", 1, holds=True)
def lock_by_message(c):
    return [["F", c.pick(2880, 2882, 2884), [str(c.key)]]]


@row("advisory", 5, holds=True)
def unlock(c):
    key = c.pick(str(c.key), f"{c.key}, 5")
    return c.pick(f"select pg_advisory_unlock({key})", f"select pg_advisory_unlock_shared({key})", "select pg_advisory_unlock_all()",
                  "select mode, granted, count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
                  " group by 1, 2 order by 1, 2")


@row("sequences", 5, holds=True)
def draw(c):
    q = f"q_{c.letter}"
    return c.pick(f"select nextval('{q}')", f"select setval('{q}', 50)", f"select nextval('{q}') + 0",
                  f"insert into t_{c.letter} (v) values ('s') returning id", f"insert into t_{c.letter} (v) values ('s')",
                  f"select nextval('t_{c.letter}_id_seq')")


@row("sequences", 4, holds=True)
def look_at_sequence(c):
    return c.pick(f"select currval('q_{c.letter}')", "select lastval()", f"select currval('t_{c.letter}_id_seq')")


@row("seeds", 1, holds=True)
def load(c):
    # A library stays with a connection over DISCARD ALL, and with a pinned session until then.
    looks = "load 'plpgsql'" if c.unloaded else "show auto_explain.log_min_duration"
    return c.pick("load 'auto_explain'", "load 'plpgsql'", "load 'nosuch'", looks)


@row("seeds", 2, holds=True)
def seed(c):
    # In one Query: whether a seed was set in a transaction that failed, an author does not know.
    return c.pick("select setseed(0.5); select random()", "set seed = 0.25; select random()")


@row("listen", 5)
def listen(c):
    channel = c.pick(f"ch_{c.letter}", "ch_all", '"Ch ""All"')
    return c.pick(f"listen {channel}", f"listen {channel}", f"unlisten {channel}", "unlisten *")


@row("listen", 5)
def notify(c):
    channel = c.pick(f"ch_{c.letter}", "ch_all", '"Ch ""All"')
    payload = c.pick(f"from {c.letter} {c.number}", "it''s", "")
    name = channel.strip('"').replace('""', '"')
    return c.pick(f"notify {channel}, '{payload}'", f"notify {channel}", f"select pg_notify({quote(name)}, '{payload}')")


@row("listen", 3)
def look_at_channels(c):
    return "select * from pg_listening_channels() order by 1"


# ---- the rest -------------------------------------------------------------------------


@row("discard", 3)
def discard(c):
    what = c.pick("all", "all", "temp", "plans", "sequences", "temporary")
    if what == "all":
        c.unloaded = True
        c.names, c.sql_names, c.temporary, c.cursors = [], [], [], []
    return f"discard {what}"


@row("copy", 3)
def copy(c):
    table = f"t_{c.letter}"
    if c.chance(0.4):
        return c.pick("copy (select id, v from notes order by 1) to stdout", "copy notes (v) to stdout csv",
                      "copy (select 1/0) to stdout", "copy nosuch to stdout")
    data = c.pick("one\ntwo\n", "one\n", "", "a\tb\n")
    end_of_data = c.pick(["c"], ["c"], ["f", "no more"])
    sql = c.pick(f"copy {table} (v) from stdin", f"copy {table} (v) from stdin; select 1", f"copy {table} from stdin",
                 f"select 1; copy {table} (v) from stdin", "copy nosuch from stdin")
    if ";" in sql or c.chance(0.6):
        return [["Q", sql], ["d", data], end_of_data]
    return [["P", "", sql], ["B", "", "", []], ["E", ""], ["d", data], end_of_data, ["S"]]


@row("leaves", 2)
def leave(c):
    c.left = True
    return c.pick("close", "close", "vanish")


# ---- programs -------------------------------------------------------------------------

ABSENT = ()
GROUPS = ("startup", *dict.fromkeys(r[0] for r in ROWS))
STARTUPS = [
    {"options": "-c work_mem=3MB"},
    {"options": "-c search_path=s1,public -c work_mem=5MB"},
    {"application_name": "starter"},
    {"DateStyle": "German", "TimeZone": "Asia/Tokyo"},
    {"client_encoding": "LATIN1"},
    {"search_path": "s2, public", "extra_float_digits": "0"},
    {"options": "-c own{letter}{number}.x=started"},
    {"IntervalStyle": "iso_8601"},
]


TOGETHER = {"settings", "roles", "transactions", "errors", "functions", "looks"}


def say(c):
    """SQL of one row that holds no server."""
    rows = [r for r in ROWS if r[0] in TOGETHER & c.groups and r[3] not in (several, set_config_parameters)]
    return c.luck.choices(rows, [r[1] for r in rows])[0][3](c)


def decorated(c, sql):
    """The same in another dress, sometimes."""
    if c.luck.random() < 0.9 or not sql:
        return sql
    word, _, rest = sql.partition(" ")
    return c.pick(f"/* {c.letter}: set x = 1 */ {sql}", f"-- it's\n{sql}", f"{sql};", f"{word.upper()} {rest}", f"  {word}\n\t{rest}",
                  f"; {sql}", f"{sql} -- (", f"/* /* ' */ */{sql}")


def _leaves(c):
    """The last of a client's steps: an orderly end, or none."""
    if c.chance(0.7):
        return Step(c.letter, c.pick("close", "close", "vanish"))
    unread = c.pick(unnamed(c, "select 1"), [["Q", "select v from notes"]], [["Q", f"copy trigger_{c.letter} (v) from stdin"], ["d", "x\n"]],
                    [["P", "one", "select 1"]], [["Q", "begin"]], [["d", "stray"], ["E", "p"]])
    return Step(c.letter, [*unread, ["vanish"]])


def _extended(c, sql):
    """By messages, as a statement that has a name sometimes; `protocol` executes that again."""
    # A look at the channels is at the beginning of its batch: LISTEN is not to be seen before its transaction ends.
    if "protocol" not in c.groups or "channels" in sql or c.chance(0.7):
        return [*unnamed(c, sql), ["S"]]
    name = c.pick(*NAMES)
    note_name(c, name, sql)
    return [["P", name, sql], *([["B", "", name, []], ["E", ""]] if c.chance(0.6) else []), ["S"]]


def _step(c, rows):
    _, _, holds, function = c.luck.choices(rows, [r[1] for r in rows])[0]
    said = function(c)
    if said in ("close", "vanish"):
        return Step(c.letter, said)
    if isinstance(said, str):
        said = decorated(c, said)
        way = c.luck.random()
        extended = way < 0.25 and ";" not in said.replace("$$", "")
        said = _extended(c, said) if extended else [["Q", said]]
    return Step(c.letter, said, holds)


def generate(seed, without=ABSENT):
    """The program of this seed; groups in `without` are left out."""
    luck = random.Random(seed)
    number = luck.randrange(1, 10**7)
    present = [g for g in GROUPS if g not in without]
    # A program is of a few groups, so that what it does meets itself.
    themes = set(luck.sample(present, min(len(present), luck.randint(2, 5)))) | {"looks"}
    rows = [r for r in ROWS if r[0] in themes]
    if "listen" in themes:
        # Where a process has ever listened UNLISTEN cannot be prepared, which no other connection's would be.
        rows = [r for r in rows if r[3] is not prepare_transaction]
    # Numbers that were drawn are kept for who may ask for them: then all who may have drawn keep their servers.
    sequences = "sequences" in themes
    entry = ("s" if sequences else "p") + luck.choice("12223")
    user = luck.choice(["app", "app", "app", "boss"])
    authors = [Author(letter, luck, number, themes) for letter in "abcdef"[: luck.randint(2, 6)]]
    left = {c.letter: luck.randint(3, 12) for c in authors}
    program = Program([], {}, user, entry, luck.choice([1, 2]), seed)
    for c in authors:
        chosen = luck.choice(STARTUPS) if "startup" in present and luck.random() < 0.15 else {}
        program.clients[c.letter] = {k: v.replace("{letter}", c.letter).replace("{number}", str(number)) for k, v in chosen.items()}
    pinned = set()
    while any(left.values()):
        free = program.pool_size - len(pinned | {c.letter for c in authors if c.open and left[c.letter]})
        able = [c for c in authors if left[c.letter] and (free > 0 or c.open or c.letter in pinned)]
        if not able:
            break
        c = luck.choice(able)
        left[c.letter] -= 1
        step = _step(c, rows)
        if left[c.letter] == 0 and not step.end:
            program.steps.append(step)
            step = _leaves(c)
        program.steps.append(step)
        if step.end:
            pinned.discard(c.letter)
            authors[authors.index(c)] = Author(c.letter, luck, number, themes, c.life + 1)
        elif step.holds:
            pinned.add(c.letter)
    return program
