"""PAUSE db PRIMARY and RESUME db PRIMARY: a planned change of the primary costs no client anything."""

import pytest

from lib import wire
from lib.eventually import eventually
from lib.load import Load
from lib.routes import DATABASE, Routes
from lib.scene import console_refusal

READ = "select count(*) from notes"
WRITE = "insert into hits values (1)"
LOST = ("is down", "server login failed", "server conn crashed", "terminating connection", "out of rotation", "displace", "primary")


@pytest.fixture
def routes(cluster, pgweir):
    return Routes(cluster, pgweir)


@pytest.fixture
def own_routes(own_cluster, pgweir):
    return Routes(own_cluster, pgweir)


def paused(weir):
    return weir.show("DATABASES", name=DATABASE)[0]["primary_paused"]


def test_a_paused_primary_serves_nobody_while_reads_go_on(routes):
    weir = routes.weir()
    with weir.client(DATABASE) as writer, weir.client(DATABASE) as reader, weir.client("pgbouncer") as console:
        writer.query(WRITE)
        reader.query(READ)
        seen = routes.watch()

        tags = console.query(f"PAUSE {DATABASE} PRIMARY").tags
        state = paused(weir), weir.show("STATE", key="primary_paused")[0]["value"], weir.show("STATE", key="paused")[0]["value"]
        servers = [row for row in weir.show("SERVERS", database=DATABASE) if row["port"] == routes.primary.port]
        writer.send(wire.query(f"/* held */ {WRITE}"))
        for _ in range(10):
            reader.query(f"/* going */ {READ}")
        early = seen.on("held")
        console.query(f"resume {DATABASE} primary")
        writer.read_until(b"Z")

    assert (tags, state, servers) == (["PAUSE"], (1, "yes", "no"), [])
    assert early == set()
    assert seen.on("going") <= routes.replicas
    assert seen.on("held") == {routes.primary}
    assert paused(weir) == 0


def test_the_pause_waits_for_the_transactions_on_the_primary_and_for_no_others(routes):
    weir = routes.weir()
    with weir.client(DATABASE) as writer, weir.client(DATABASE) as reader, weir.client("pgbouncer") as console:
        for client, begin in ((writer, "begin"), (reader, "begin read only")):
            client.query(begin)
            client.query(READ)
        writer.query(WRITE)

        console.send(wire.query(f"pause {DATABASE} primary"))
        eventually(lambda: paused(weir) == 1)
        writer.query(WRITE)
        writer.query("commit")
        tags = wire.Result(console.read_until()).tags
        reader.query(READ)
        reader.query("commit")
        console.query(f"resume {DATABASE} primary")

    assert tags == ["PAUSE"]


def test_a_read_that_only_the_primary_could_serve_waits_too(routes):
    weir = routes.weir().allow(*LOST)
    for replica in routes.cluster.replicas:
        replica.stop_fast()
    with weir.client(DATABASE) as reader, weir.client("pgbouncer") as console:
        eventually(lambda: reader.ask(wire.query(READ)).rows)
        console.query(f"pause {DATABASE} primary")
        seen = routes.watch()

        reader.send(wire.query(f"/* held */ {READ}"))
        eventually(lambda: weir.show("POOLS", database=DATABASE, cl_waiting=1))
        console.query(f"resume {DATABASE} primary")
        reader.read_until(b"Z")

    assert seen.on("held") == {routes.primary}


def test_a_pause_of_the_primary_that_waits_ends_with_its_console(routes):
    weir = routes.weir()
    with weir.client(DATABASE) as writer:
        writer.query("begin")
        writer.query(WRITE)
        console = weir.client("pgbouncer")
        console.send(wire.query(f"pause {DATABASE} primary"))
        eventually(lambda: paused(weir) == 1)

        console.socket.close()

        assert eventually(lambda: paused(weir) == 0)
        writer.query("rollback")


def test_pauses_of_all_of_one_and_of_its_primary_are_apart(routes):
    weir = routes.weir().allow("pooler error")
    with weir.client("pgbouncer") as console:
        console.query(f"pause {DATABASE} primary")
        console.query(f"pause {DATABASE} primary")
        console.query(f"pause {DATABASE}")
        console.query(f"resume {DATABASE}")
        still = paused(weir)
        console.query(f"resume {DATABASE} primary")
        refusals = [console_refusal(console, f"{verb} primary").message for verb in (f"resume {DATABASE}", "pause nowhere", "resume pgbouncer")]

    assert still == 1
    assert refusals == [
        f"the primary of database {DATABASE} is not paused",
        "no such database: nowhere",
        "database pgbouncer is not paused",
    ]


def test_an_entry_without_a_primary_has_none_to_pause(routes):
    weir = routes.weir(keys={"route": "any"}).allow("pooler error")

    with weir.client("pgbouncer") as console:
        refusals = [console_refusal(console, f"{verb} {DATABASE} primary").message for verb in ("pause", "resume")]

    assert refusals == [f"database {DATABASE} is not routed: it has no primary"] * 2


def test_who_only_listens_keeps_no_pause_waiting_and_hears_again_afterwards(routes):
    weir = routes.weir().allow("the connection that listens")
    with weir.client(DATABASE) as listener, weir.client(DATABASE) as other, weir.client("pgbouncer") as console:
        listener.query("listen news")

        tags = console.query(f"pause {DATABASE} primary").tags
        console.query(f"resume {DATABASE} primary")
        heard = eventually(lambda: other.query("notify news, 'again'") and [n for n in listener.query(WRITE).messages if n.kind == b"A"])

    assert tags == ["PAUSE"]
    assert heard


def test_an_entry_that_is_not_routed_any_more_has_nothing_paused(routes):
    weir = routes.weir()
    with weir.client("pgbouncer") as console, weir.client(DATABASE) as client:
        client.query(WRITE)
        console.query(f"pause {DATABASE} primary")

        routes.rewrite(weir, route="any")

        assert eventually(lambda: paused(weir) == 0)
        assert client.query(READ).rows


def switch(routes, weir, load, heir, others, stops_former):
    """Makes HEIR the primary between PAUSE and RESUME; answers what the former one has logged after it."""
    former, begun = routes.cluster.primary, load.written
    with weir.client("pgbouncer") as console, weir.client(DATABASE) as reader:
        console.query(f"pause {DATABASE} primary")
        reader.query(READ)
        if stops_former:
            former.stop_fast()
        else:
            routes.cluster.wait_for_replicas()
        at = former.mark()
        heir.promote()
        for other in others:
            other.follow(heir)
            reader.query(READ)
        console.query(f"resume {DATABASE} primary")
        routes.cluster.primary = heir
        eventually(lambda: load.written > begun + 50)
        load.goes_on()
    return former.log_since(at)


def test_a_planned_switchover_costs_no_client_an_error(own_routes):
    """Also where the former primary lives on, and checks are so rare that nobody has noticed when RESUME comes."""
    routes = own_routes
    weir = routes.weir(workers=2, check_interval=5, default_pool_size=5).allow(*LOST)
    first, (second, third) = routes.primary, routes.cluster.replicas

    with Load(weir, clients=12, writes=0.3) as load:
        load.goes_on()
        logs = [switch(routes, weir, load, second, [third], stops_former=False)]
        logs += [switch(routes, weir, load, third, [], stops_former=True)]

    assert load.errors == []
    assert ["insert into hits" in log for log in logs] == [False, False]
    assert int(third.value("select count(*) from hits", DATABASE)) == load.written
