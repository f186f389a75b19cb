"""What operators and developers are told of routes: SHOW ROUTES by host, route_dry_run, notices, and ROUTE on the console."""

import pytest

from lib import wire
from lib.eventually import eventually
from lib.routes import DATABASE, PROBE, Routes

READ = "select count(*) from notes"
WRITE = "insert into hits values (1)"


@pytest.fixture
def routes(cluster, pgweir):
    return Routes(cluster, pgweir)


def batch(sql):
    return [wire.parse(sql), wire.bind(), wire.describe(), wire.execute()]


def notices(result):
    return [n["M"] for n in result.notices if n["M"].startswith("pgweir:")]


def counted(weir, reason, column="statements"):
    """How many statements had that reason, by port."""
    return {row["port"]: int(row[column]) for row in weir.show("ROUTES", database=DATABASE, reason=reason)}


def sure(weir):
    """True once a read is known to be one: the catalog has been read."""
    with weir.client(DATABASE) as client:
        client.query("set pgweir.route_notice = on")
        return "plain_read" in notices(client.query(PROBE))[0]


def dry(routes, **keys):
    weir = routes.weir(ready=False, keys={"route_dry_run": 1, **keys})
    eventually(sure, weir)
    return weir


def configure(weir, entry):
    """Reloads with another entry."""
    main = {"pool_mode": "transaction", "workers": 1, "monitor_user": "postgres"}
    weir.write_config({"databases": {DATABASE: entry}, "pgbouncer": main}).reload()


# ---- SHOW ROUTES ----


def test_show_routes_has_a_row_for_each_reason_and_host(routes):
    weir = routes.weir()
    before = counted(weir, "plain_read")

    with weir.client(DATABASE) as client:
        for _ in range(10):
            client.query(READ)
        client.query(WRITE)
    after = counted(weir, "plain_read")

    assert sum(after.values()) == sum(before.values()) + 10
    assert set(after) <= {replica.port for replica in routes.replicas}
    assert counted(weir, "writes") == {routes.primary.port: 1}
    row = weir.show("ROUTES", database=DATABASE, reason="writes")[0]
    assert (row["target"], row["primary"], row["replica"], row["dry_run"]) == ("primary", 1, 0, 0)
    assert row["host"] == "127.0.0.1" and row["text"].startswith("The statement changes data")


def test_counts_of_hosts_outlive_a_reload_that_changes_the_hosts(routes):
    weir = routes.weir()
    eventually(lambda: routes.serving(weir) == routes.replicas)
    before = counted(weir, "plain_read")
    ports = [host.port for host in (routes.primary, routes.cluster.replica(1))]
    configure(weir, f"host=127.0.0.1,127.0.0.1 port={ports[0]},{ports[1]} dbname={DATABASE} route=split")

    def one_more():
        with weir.client(DATABASE) as client:
            client.query(READ)
        return counted(weir, "plain_read")[ports[1]] > before[ports[1]]

    eventually(lambda: one_more() and len(weir.show("HOSTS")) == 2)

    gone = routes.cluster.replica(2).port
    assert counted(weir, "plain_read")[gone] >= before[gone] > 0
    assert gone not in {row["port"] for row in weir.show("HOSTS")}


# ---- route_dry_run ----


def test_a_dry_run_sends_everything_to_the_primary_and_counts_what_it_would_do(routes):
    weir = dry(routes)
    seen, before = routes.watch(), counted(weir, "plain_read", "dry_run")

    with weir.client(DATABASE) as client:
        for _ in range(5):
            client.query(f"/* one */ {READ}")
        client.query(f"/* one */ {WRITE}")
        client.ask(*batch(f"/* one */ {READ}"), wire.sync())

    primary = routes.primary.port
    assert seen.on("one") == {routes.primary}
    assert counted(weir, "plain_read", "dry_run")[primary] == before[primary] + 6
    assert counted(weir, "plain_read", "replica") == {primary: 0}
    assert counted(weir, "writes", "dry_run") == {primary: 0}


@pytest.mark.parametrize(
    "first, statement, reason",
    [
        ("select 1", f"/* pgweir: replica */ {READ}", "hint_replica"),
        ("set pgweir.route = 'replica'", READ, "route_replica"),
        ("begin read only", READ, "read_only_transaction"),
    ],
)
def test_a_dry_run_holds_back_whatever_asks_for_a_replica(routes, first, statement, reason):
    weir = dry(routes)

    with weir.client(DATABASE) as client:
        client.query("set pgweir.route_notice = on")
        client.query(first)
        told = notices(client.query(statement))

    primary = routes.primary
    assert told == [f"pgweir: primary 127.0.0.1:{primary.port} ({reason}, dry run: a replica's)"]
    assert counted(weir, reason, "dry_run")[primary.port] == 1


def test_a_dry_run_ends_with_a_reload(routes):
    weir = dry(routes)

    configure(weir, routes.cluster.target(DATABASE, route="split", route_dry_run=0))

    eventually(lambda: routes.serving(weir) <= routes.replicas)


def test_a_database_may_be_left_out_of_a_global_dry_run(routes):
    weir = routes.weir(keys={"route_dry_run": 0}, route_dry_run=1)

    assert routes.serving(weir) <= routes.replicas


# ---- notices ----


def test_each_statement_is_followed_by_its_host_and_reason_in_both_protocols(routes):
    weir = routes.weir()
    primary = f"pgweir: primary 127.0.0.1:{routes.primary.port}"

    with weir.client(DATABASE) as client:
        client.query("set pgweir.route_notice = on")
        simple = notices(client.query(READ))
        several = notices(client.query(f"{READ}; {WRITE}"))
        extended = notices(client.ask(*batch(READ), *batch(READ), wire.sync()))
        begin = notices(client.query("begin"))
        inside = notices(client.query(READ))
        client.query("commit")

    assert simple[0].startswith("pgweir: replica 127.0.0.1:") and simple[0].endswith("(plain_read)")
    assert several == [f"{primary} (batch_mixed)"] or several == [f"{primary} (writes)"]
    assert len(extended) == 1 and extended[0].endswith("(plain_read)")
    assert inside[0].endswith("(in_transaction)")
    assert len(begin) == 1


# ---- ROUTE ----

TRAPS = """
create schema if not exists app;
create or replace function app.audit(a int) returns int language sql volatile as 'select a';
create or replace function app.total() returns int language sql stable as 'select nextval(''public.notes_id_seq'')::int';
create or replace function app.liar(a int) returns int language sql stable as 'select app.audit(a)';
create or replace view app.hidden as select app.audit(id) from notes;
drop table if exists app.scratch;
create unlogged table app.scratch (a int);
"""


@pytest.fixture
def trapped(routes):
    routes.primary.query(TRAPS, DATABASE)
    routes.cluster.wait_for_replicas()
    return routes


def route(weir, statement, database=DATABASE):
    """Item → its values, in order."""
    items = {}
    for row in weir.console(f"ROUTE {database} {statement}"):
        items.setdefault(row["item"], []).append(row["value"])
    return items


NAMED = [
    ("select audit(1)", "unsafe_function", "function audit", "function app.audit(integer): it is VOLATILE"),
    ("select app.total()", "unsafe_function", "function app.total", "function app.total(): its body mentions nextval"),
    ("select app.liar(1)", "unsafe_function", "function app.liar", "function app.liar(integer): its body mentions audit"),
    ("select pg_backend_pid()", "unsafe_function", "function pg_backend_pid", "it answers for its own server or session"),
    ("table app.hidden", "unsafe_relation", "relation app.hidden", "view app.hidden: it depends on function app.audit(integer)"),
    ("table app.hidden", "unsafe_relation", "relation app.hidden", "function app.audit(integer): it is VOLATILE"),
    ("table pg_locks", "unsafe_relation", "relation pg_locks", "view pg_catalog.pg_locks: it calls pg_lock_status"),
    ("table app.scratch", "unsafe_relation", "relation app.scratch", "table app.scratch: it is unlogged"),
    ("table notes_id_seq", "unsafe_relation", "relation notes_id_seq", "sequence public.notes_id_seq: it is a sequence"),
]


def test_route_names_what_decided_and_why_it_is_unsafe(trapped):
    weir = trapped.weir(ready=False)

    told = [route(weir, f"$${statement}$$") for statement, *_ in NAMED]

    assert [(t["target"], t["reason"], t["name"]) for t in told] == [(["primary"], [reason], [name]) for _, reason, name, _ in NAMED]
    assert [named for named, t in zip(NAMED, told) if not any(named[3] in text for text in t["because"])] == []


def test_route_tells_hosts_effects_and_shape_of_a_database_without_clients(routes):
    weir = routes.weir(ready=False)
    eventually(lambda: len([row for row in weir.show("HOSTS", database=DATABASE) if row["state"] == "up"]) == 3)

    read = route(weir, "'select v from notes where id = 7'")
    write = route(weir, "'insert into hits values (nextval(''notes_id_seq''))'")

    first, *others = [f"127.0.0.1:{host.port}" for host in routes.cluster.hosts]
    assert read["target"] == ["replica"] and read["reason"] == ["plain_read"]
    assert read["host"][0] == f"{first} primary: not eligible, there are replicas"
    assert read["host"][1:] == [f"{other} replica: eligible" for other in others]
    assert read["effect"] == ["none"] and read["shape"] == ["select v from notes where id = ?"]
    assert read["catalog"][0].startswith("known: ")
    assert write["host"][0] == f"{first} primary: eligible"
    assert [effect.split(":")[0] for effect in write["effect"]] == ["draws", "fills"]
    assert weir.show("CLIENTS", database=DATABASE) == []


def test_route_tells_the_primary_apart_where_replicas_are_out(routes):
    weir = routes.weir(check_interval=0.1).allow("is down", "server login failed", "server conn crashed", "terminating connection")
    for replica in routes.cluster.replicas:
        replica.stop_fast()

    def all_out():
        told = route(weir, f"'{READ}'")
        return told["host"][0].endswith("primary: eligible") and told

    told = eventually(all_out)

    assert told["reason"] == ["plain_read"]
    assert all("not eligible, it is out" in host for host in told["host"][1:])


def test_route_says_what_split_would_do_where_a_database_has_another_route(routes):
    weir = routes.weir(ready=False, keys={"route": None})

    told = route(weir, f"'{READ}'")

    assert told["route"] == ["any"] and told["target"] == ["any host"] and told["reason"] == ["route_any"]
    assert told["with split"][0].startswith("replica (plain_read): ")
    assert all(host.endswith("not watched: eligible") for host in told["host"])


def test_route_says_what_a_dry_run_would_do(routes):
    weir = dry(routes)

    told = route(weir, f"'{READ}'")

    assert told["route"] == ["split (route_dry_run)"]
    assert told["target"] == ["primary"] and told["would be"] == ["replica"]


def test_route_gives_up_waiting_for_a_catalog_and_ends_with_its_console(routes):
    weir = routes.weir(ready=False)
    with weir.client("pgbouncer") as console:
        console.query(f"pause {DATABASE}")
        leaving = weir.client("pgbouncer")
        leaving.send(wire.query(f"ROUTE {DATABASE} '{READ}'"))
        leaving.socket.close()

        told = route(weir, f"'{READ}'")
        console.query(f"resume {DATABASE}")

    assert told["reason"] == ["no_catalog"]
    assert told["catalog"] == ["not known: no server was free in time"]
    assert route(weir, f"'{READ}'")["reason"] == ["plain_read"]


def test_route_says_no_catalog_where_nobody_may_read_it(routes):
    weir = routes.weir(ready=False, monitor_user="nobody_here").allow("nobody_here", "server login failed", "is down", "no primary")

    told = route(weir, f"'{READ}'")

    assert told["reason"] == ["no_catalog"] and told["target"] == ["primary"]
    assert told["catalog"][0].startswith("not known: ")


QUOTED = "ROUTE app 'select 1'"


REFUSED = [
    ("ROUTE route 'select 1'", "3D000", 'database "route" does not exist', 'Perhaps you meant the database "routed".'),
    ("ROUTE pgweir 'select 1'", "3D000", 'database "pgweir" does not exist', "It is the console's own name."),
    ("ROUTE routed", "42601", "ROUTE needs a database and a statement", QUOTED),
    ("ROUTE routed 'select", "42601", "unterminated quoted string", QUOTED),
    ("ROUTE routed $a$select$b$", "42601", "unterminated quoted string", QUOTED),
    ("ROUTE routed E'\\xg'", "42601", "invalid escape in a string constant", QUOTED),
    ("ROUTE routed 'a' 'b'", "42601", "syntax error behind the statement: it is one string, or stands there without quotes", QUOTED),
]


def refusal(weir, command):
    with pytest.raises(wire.PgError) as refused:
        weir.console(command)
    return command, refused.value.sqlstate, refused.value.fields["M"], refused.value.fields["H"]


def test_route_refuses_what_it_cannot_explain_with_a_hint(routes):
    weir = routes.weir(ready=False).allow("pooler error")

    assert [refusal(weir, command) for command, *_ in REFUSED] == REFUSED


def test_route_works_in_the_extended_protocol_and_for_those_who_may_only_look(routes):
    weir = routes.weir(ready=False, stats_users="watcher").allow("authentication failed")
    weir.write_users({"postgres": "", "watcher": ""}).reload()

    with eventually(lambda: weir.client("pgbouncer", user="watcher")) as client:
        made = client.ask(wire.parse(f"route {DATABASE} E'select \\'1\\''", "one"), wire.sync())
        told = client.ask(wire.bind(name="one"), wire.close("S", "one"), wire.describe(), wire.execute(), wire.sync())

    assert made.error is None
    assert ("reason", "plain_read") in told.rows and ("shape", "select ?") in told.rows


def test_reads_that_the_primary_serves_by_choice_say_so(routes):
    weir = routes.weir(keys={"read_from_primary": "always"})
    primary = routes.primary.port

    def told():
        with weir.client(DATABASE, options="-c pgweir.route_notice=on") as client:
            return {notices(client.query(READ))[0].split("pgweir: ")[1] for _ in range(9)}

    seen = eventually(lambda: (lines := told()) and any(line.startswith("primary") for line in lines) and lines)

    assert f"primary 127.0.0.1:{primary} (read_from_primary)" in seen
    assert counted(weir, "read_from_primary", "primary")[primary] > 0
    assert all(host.endswith("eligible") and "not" not in host for host in route(weir, f"'{READ}'")["host"])


def test_a_read_that_was_run_again_says_why_it_is_on_the_primary(routes):
    weir = routes.weir()

    with weir.client(DATABASE, options="-c pgweir.route_notice=on") as client:
        told = notices(client.ask(wire.query("select * from no_such_table")))

    assert told == [f"pgweir: primary 127.0.0.1:{routes.primary.port} (refused_lately)"]
    assert counted(weir, "refused_lately") == {routes.primary.port: 1}


def test_routing_is_introduced_by_reloads_while_clients_stay(routes):
    """As the manual has it: an entry of equals, a dry run, the split, and back."""
    target, seen = routes.cluster.target, []
    weir = routes.weir(ready=False, keys={"route": None})

    def told(client):
        return notices(client.query(READ))[0].split("pgweir: ")[1]

    with weir.client(DATABASE, options="-c pgweir.route_notice=on") as client:
        for keys, wanted in [
            ({"route": "split", "route_dry_run": 1}, "(plain_read, dry run: a replica's)"),
            ({"route": "split"}, "(plain_read)"),
            ({"route": "split", "route_dry_run": 1}, "(plain_read, dry run: a replica's)"),
        ]:
            configure(weir, target(DATABASE, **keys))
            seen.append(eventually(lambda: (line := told(client)).endswith(wanted) and line))

    primary = f"primary 127.0.0.1:{routes.primary.port}"
    assert [line.startswith(primary) for line in seen] == [True, False, True]
