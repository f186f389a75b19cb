"""SHOW HOSTS and SHOW ROUTES: what operators see of the hosts and of the reasons."""

import pytest

from lib.eventually import eventually
from lib.routes import DATABASE, Routes

LOST = ("is down", "server login failed", "server conn crashed", "terminating connection", "no primary")
CHECKS = {"check_interval": 0.1, "check_timeout": 0.3, "check_fall": 2}


@pytest.fixture
def routes(cluster, pgweir):
    return Routes(cluster, pgweir)


def hosts(weir):
    """Port → its row of SHOW HOSTS."""
    return {row["port"]: row for row in weir.show("HOSTS", database=DATABASE)}


def counts(weir, reason):
    """How many requests with that reason ran on the primary, on replicas, elsewhere."""
    rows = weir.show("ROUTES", database=DATABASE, reason=reason)
    return [sum(int(row[where]) for row in rows) for where in ("primary", "replica", "other")]


def test_show_hosts_tells_who_is_the_primary_and_that_all_are_up(routes):
    weir = routes.weir(**CHECKS)

    def all_up():
        seen = hosts(weir)
        return all(row["state"] == "up" for row in seen.values()) and seen

    seen = eventually(all_up)

    assert seen[routes.primary.port]["role"] == "primary"
    assert {seen[replica.port]["role"] for replica in routes.replicas} == {"replica"}
    assert len(seen) == 3
    assert all(row["host"] == "127.0.0.1" and int(row["checks"]) > 0 for row in seen.values())
    assert {row["timeline"] for row in seen.values()} == {1}


def test_show_hosts_counts_checks_while_nobody_asks_anything(routes):
    weir = routes.weir(**CHECKS)
    before = {port: int(row["checks"]) for port, row in hosts(weir).items()}

    eventually(lambda: all(int(row["checks"]) >= before[port] + 3 for port, row in hosts(weir).items()))


def test_a_replica_that_is_gone_is_shown_down_with_its_reason_and_up_when_it_is_back(routes):
    weir = routes.weir(**CHECKS).allow(*LOST)
    victim = routes.cluster.replica(1)

    victim.kill9()
    down = eventually(lambda: (row := hosts(weir)[victim.port])["state"] != "up" and row, within=1.5)
    victim.start()
    up = eventually(lambda: (row := hosts(weir)[victim.port])["state"] == "up" and row, within=5)

    assert down["reason"]
    assert not up["reason"]
    assert up["role"] == "replica"
    assert int(up["failures"]) >= 1


def test_a_promotion_changes_the_roles(own_cluster, pgweir):
    routes = Routes(own_cluster, pgweir)
    weir = routes.weir(**CHECKS).allow(*LOST, r"claims to be the primary, but on an old timeline")
    former, heir = own_cluster.primary, own_cluster.replica(1)

    former.kill9()
    own_cluster.promote(heir)
    seen = eventually(lambda: (rows := hosts(weir))[heir.port]["role"] == "primary" and rows)

    assert seen[heir.port]["state"] == "up"
    assert int(seen[heir.port]["role_changes"]) >= 1
    assert seen[former.port]["state"] != "up"


def test_a_host_that_is_not_there_at_all_hinders_nobody(routes):
    weir = routes.weir(**CHECKS).allow(*LOST)
    absent = routes.cluster.replica(2)
    absent.stop_fast()

    late = routes.weir(**CHECKS).allow(*LOST)
    with late.client(DATABASE) as client:
        rows = client.query("select count(*) from notes").rows

    assert rows == [("20",)]
    assert hosts(late)[absent.port]["state"] != "up"
    assert hosts(weir)[routes.primary.port]["state"] == "up"


def test_show_routes_counts_every_request_by_reason_and_host(routes):
    weir = routes.weir()
    before = {reason: counts(weir, reason) for reason in ("plain_read", "writes", "unsafe_function", "in_transaction")}

    with weir.client(DATABASE) as client:
        for _ in range(5):
            client.query("select count(*) from notes")
        for _ in range(3):
            client.query("insert into hits values (1)")
        client.query("select nextval('notes_id_seq')")
        client.query("begin")
        client.query("select count(*) from notes")
        client.query("insert into hits values (1)")
        client.query("commit")

    def added(reason):
        return [now - then for now, then in zip(counts(weir, reason), before[reason])]

    assert added("plain_read") == [0, 5, 0]
    assert added("writes") == [3, 0, 0]
    assert added("unsafe_function") == [1, 0, 0]
    assert added("in_transaction") == [3, 0, 0]


def test_show_servers_names_the_host_of_each_server(routes):
    weir = routes.weir()
    eventually(lambda: routes.serving(weir) == routes.replicas)
    with weir.client(DATABASE) as client:
        client.query("insert into hits values (1)")

    ports = {row["port"] for row in weir.show("SERVERS", database=DATABASE)}

    assert ports == {host.port for host in routes.cluster.hosts}
