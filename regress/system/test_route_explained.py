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
    assert set(after) == {replica.port for replica in routes.replicas}
    assert counted(weir, "writes") == {routes.primary.port: 1}
    row = weir.show("ROUTES", database=DATABASE, reason="writes")[0]
    assert (row["target"], row["primary"], row["replica"], row["dry_run"]) == ("primary", 1, 0, 0)
    assert row["host"] == "127.0.0.1" and row["text"].startswith("The statement changes data")


def test_counts_of_hosts_outlive_a_reload_that_changes_the_hosts(routes):
    weir = routes.weir()
    with weir.client(DATABASE) as client:
        for _ in range(4):
            client.query(READ)
    before = counted(weir, "plain_read")
    ports = [host.port for host in (routes.primary, routes.cluster.replica(1))]
    configure(weir, f"host=127.0.0.1,127.0.0.1 port={ports[0]},{ports[1]} dbname={DATABASE} route=split")

    def one_more():
        with weir.client(DATABASE) as client:
            client.query(READ)
        return counted(weir, "plain_read")[ports[1]] > before[ports[1]]

    eventually(one_more)

    gone = routes.cluster.replica(2).port
    assert counted(weir, "plain_read")[gone] == before[gone]


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
