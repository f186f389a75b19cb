"""SHOW HOSTS and SHOW ROUTES: what operators see of the hosts and of the reasons."""

import pytest

from lib.eventually import crowding, eventually
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
    assert {row["weight"] for row in seen.values()} == {1}
    assert all(row["changed"] for row in seen.values())


def test_show_hosts_counts_checks_while_nobody_asks_anything(routes):
    weir = routes.weir(**CHECKS)
    before = {port: int(row["checks"]) for port, row in hosts(weir).items()}

    eventually(lambda: all(int(row["checks"]) >= before[port] + 3 for port, row in hosts(weir).items()))


def test_a_replica_that_is_gone_is_shown_down_with_its_reason_and_up_when_it_is_back(routes):
    weir = routes.weir(**CHECKS).allow(*LOST)
    victim = routes.cluster.replica(1)

    victim.kill9()
    down = eventually(lambda: (row := hosts(weir)[victim.port])["state"] != "up" and row, within=1.5 * crowding())
    victim.start()
    up = eventually(lambda: (row := hosts(weir)[victim.port])["state"] == "up" and row)

    assert down["reason"]
    assert down["changed"] <= up["changed"]
    assert not up["reason"]
    assert up["role"] == "replica"
    assert int(up["failures"]) >= 1


def test_a_promotion_changes_the_roles(own_cluster, pgweir):
    routes = Routes(own_cluster, pgweir)
    weir = routes.weir(**CHECKS).allow(*LOST, "claims to be the primary, but on an old timeline", "follows another timeline")
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


def timelines(weir):
    return {port: row["timeline"] for port, row in hosts(weir).items()}


def test_a_role_that_may_replicate_hears_the_timelines_of_standbys_without_pg_monitor(routes):
    """pg_stat_wal_receiver is hidden from it: IDENTIFY_SYSTEM tells, on the monitor's own connection."""
    user = routes.cluster.create_role("looks_and_replicates", options="login replication")

    weir = routes.weir(monitor_user=user, **CHECKS)

    eventually(lambda: set(timelines(weir).values()) == {1})
    assert {row["reason"] or "" for row in hosts(weir).values()} == {""}


def test_a_role_that_may_nothing_leaves_timelines_unknown_and_the_replicas_serve(routes):
    user, marks = routes.cluster.create_role("only_looks"), routes.cluster.marks()

    weir = routes.weir(monitor_user=user, **CHECKS)
    checks = {port: int(row["checks"]) for port, row in hosts(weir).items()}
    eventually(lambda: all(int(row["checks"]) >= checks[port] + 10 for port, row in hosts(weir).items()))
    seen = hosts(weir)
    all_serve = eventually(lambda: routes.serving(weir) == routes.replicas)

    assert seen[routes.primary.port]["timeline"] == 1
    for replica in routes.replicas:
        assert seen[replica.port]["timeline"] is None
        assert "does not tell its timeline" in seen[replica.port]["reason"]
        assert replica.log_since(marks[replica]).count("must be superuser or replication role") == 1
    assert all_serve


def test_a_standby_that_takes_no_queries_is_down_with_its_own_words(routes):
    weir, closed = routes.weir(**CHECKS).allow(*LOST), routes.cluster.replica(2)

    closed.stop_fast()
    with open(f"{closed.data}/postgresql.conf", "a") as conf:
        conf.write("hot_standby = off\n")
    try:
        closed.start(wait=False)
        row = eventually(lambda: "Hot standby" in (row := hosts(weir)[closed.port])["reason"] and row)
    finally:
        closed.stop_fast()
        with open(f"{closed.data}/postgresql.conf", "a") as conf:
            conf.write("hot_standby = on\n")
        closed.start()
    eventually(lambda: hosts(weir)[closed.port]["state"] == "up", within=5)

    assert row["state"] == "down"
    assert "not accepting connections" in row["reason"]


def test_a_host_without_a_free_connection_is_not_down(routes):
    """53300 says that it is busy, not that it is broken."""
    user, full = routes.cluster.create_role("guest"), routes.cluster.replica(1)
    weir = routes.weir(monitor_user=user, **CHECKS).allow("server login failed")
    failures = int(hosts(weir)[full.port]["failures"])

    routes.primary.query("alter role guest connection limit 0")
    routes.cluster.wait_for_replicas()
    full.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pgweir monitor'")
    row = eventually(lambda: int((row := hosts(weir)[full.port])["failures"]) > failures + 3 and row)

    assert row["state"] == "up"
    assert row["role"] == "replica"
    assert eventually(lambda: routes.serving(weir) == routes.replicas)


def test_timelines_are_kept_beside_the_pidfile(routes, nest):
    folder = nest.folder("timelines")

    routes.weir(pidfile=f"{folder}/weir.pid", **CHECKS)
    kept = eventually(lambda: [line for line in open(f"{folder}/weir.state") if not line.startswith("#")])

    identifier = routes.primary.value("select system_identifier from pg_control_system()")
    assert [line.split()[:2] for line in kept] == [[identifier, "1"]]


def test_a_replica_without_a_log_position_serves_and_says_what_it_is_not_good_for(routes):
    """As with services that replicate in their own way: nobody can say how late it is."""
    user, function = routes.cluster.create_role("sees_no_log"), "function pg_catalog.pg_last_wal_replay_lsn()"
    routes.primary.query(f"revoke execute on {function} from public")
    try:
        routes.cluster.wait_for_replicas()
        weir = routes.weir(monitor_user=user, max_replica_lag=0.1, **CHECKS)
        seen = hosts(weir)
        eventually(lambda: routes.serving(weir) == routes.replicas)
    finally:
        routes.primary.query(f"grant execute on {function} to public")

    for replica in routes.replicas:
        assert seen[replica.port]["state"] == "up"
        assert "tells no log position" in seen[replica.port]["reason"]
        assert seen[replica.port]["lag_us"] is None
