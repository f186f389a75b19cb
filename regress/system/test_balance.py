"""How requests are spread over hosts that may all serve them, and which of them stand back."""

import time

import pytest

from lib import wire
from lib.eventually import eventually
from lib.routes import DATABASE, Routes

READ = "select v from notes where id = 1"
LOST = ("is down", "server login failed", "server conn crashed", "terminating connection", "is out of rotation")


@pytest.fixture
def routes(cluster, pgweir):
    return Routes(cluster, pgweir)


def read_all(clients, mark, rounds=1, sql=READ):
    for _ in range(rounds):
        for client in clients:
            client.send(wire.query(f"/* {mark} */ {sql}"))
        for client in clients:
            client.read_until(b"Z")


def shares(routes, weir, count=400, clients=2, hosts=None):
    """How many of COUNT reads each host has served, once each of those that take part has servers and has made up for what it had missed."""
    asking = [weir.client(DATABASE) for _ in range(clients)]
    hosts = hosts or routes.cluster.replicas
    last = []

    def is_steady():
        """One who is alone gets the same shares twice, while who makes up for something gets all."""
        read_all(asking, routes.word(), 4)
        warm, seen = routes.word(), routes.watch()
        read_all(asking[:1], warm, 20)
        last.append(seen.counts(warm))
        return all(seen.count(host, warm) for host in hosts) and last[-2:-1] == last[-1:]

    eventually(is_steady, within=20, every=0)
    word, seen = routes.word(), routes.watch()
    read_all(asking, word, count // clients)
    for client in asking:
        client.close()
    return seen.counts(word)


def on(routes, weir, n=12):
    """The hosts that N reads of one client ran on."""
    seen, word = routes.watch(), routes.word()
    with weir.client(DATABASE) as client:
        read_all([client], word, n)
    return seen.on(word)


@pytest.mark.parametrize("workers, clients", [(1, 4), (2, 4), (4, 8)])
def test_reads_are_spread_evenly_over_the_replicas(routes, workers, clients):
    weir = routes.weir(workers=workers)

    primary, first, second = shares(routes, weir, 1000, clients)

    assert primary == 0
    assert first + second == 1000
    assert 490 <= first <= 510


def test_reads_are_spread_in_proportion_to_weight(routes):
    weir = routes.weir(keys={"weight": "1,3,1"})

    primary, first, second = shares(routes, weir)

    assert primary == 0
    assert 292 <= first <= 308


def test_a_host_without_weight_serves_only_while_no_other_one_does(routes):
    weir = routes.weir(keys={"weight": "1,1,0"}).allow(*LOST)
    one, other = routes.cluster.replicas

    before = on(routes, weir)
    one.stop_fast()

    assert before == {one}
    assert eventually(lambda: on(routes, weir, 2) == {other})


def test_the_weight_of_all_hosts_may_be_set_at_once_and_changed_by_a_reload(routes):
    weir = routes.weir(weight=5)
    even = shares(routes, weir, 100)

    routes.rewrite(weir, weight="1,1,4")

    assert 48 <= even[1] <= 52
    assert eventually(lambda: 75 <= shares(routes, weir, 100)[2] <= 85)


def test_least_busy_takes_the_host_with_the_fewest_servers_in_use(routes):
    """Three transactions are under way, two here and one there."""
    weir = routes.weir(keys={"balance": "least-busy"})
    eventually(lambda: routes.serving(weir) == routes.replicas)
    seen = routes.watch()
    busy = [weir.client(DATABASE) for _ in range(3)]
    for client in busy:
        client.query("begin read only")
        client.query(f"/* held */ {READ}")
    _, first, second = seen.counts("held")

    served = on(routes, weir, 30)
    for client in busy:
        client.query("commit")
        client.close()

    one, other = routes.cluster.replicas
    assert sorted([first, second]) == [1, 2]
    assert served == {one if first == 1 else other}


def test_least_busy_turns_among_equals(routes):
    weir = routes.weir(keys={"balance": "least-busy"})

    _, first, second = shares(routes, weir, 200, 1)

    assert 95 <= first <= 105


def test_the_primary_takes_its_share_of_the_reads_where_it_is_told_to(routes):
    weir = routes.weir(ready=False, keys={"read_from_primary": "always", "weight": "2,1,1"})
    eventually(lambda: on(routes, weir) == set(routes.cluster.hosts))

    counts = shares(routes, weir, hosts=routes.cluster.hosts)

    assert 192 <= counts[0] <= 208
    assert 92 <= counts[1] <= 108


@pytest.mark.parametrize("consistency", ["eventual", "session"])
def test_reads_wait_for_a_replica_where_the_primary_must_not_serve_them(routes, consistency):
    """What the replica then lacks is read on the primary all the same where consistency is session."""
    weir = routes.weir(keys={"read_from_primary": "never", "consistency": consistency}).allow(*LOST)
    one, other = routes.cluster.replicas
    one.stop_fast()
    other.stop_fast()

    with weir.client(DATABASE) as client, weir.client(DATABASE) as writer:
        seen = routes.watch()
        client.send(wire.query(f"/* patient */ {READ}"))
        writer.query("insert into hits values (1)")
        early = seen.on("patient")
        other.start()
        client.read_until(b"Z")

    assert early == set()
    assert seen.on("patient") == {other} or consistency == "session"


def test_a_host_that_comes_back_gets_its_share_little_by_little(routes):
    weir = routes.weir(slow_start=2, check_interval=0.1).allow(*LOST)
    shares(routes, weir, 10)
    one, other = routes.cluster.replicas
    one.stop_fast()
    eventually(lambda: on(routes, weir, 4) == {other})
    word, seen, served = routes.word(), routes.watch(), []
    started = time.monotonic()
    one.start()

    with weir.client(DATABASE) as client:
        eventually(lambda: read_all([client], word) or seen.count(one, word), every=0.01)
        back = began = time.monotonic()
        while began - back < 2.2:
            word, seen = routes.word(), routes.watch()
            read_all([client], word, 20)
            ended = time.monotonic()
            served.append((began - back, ended - started, seen.counts(word)[1]))
            began = ended

    for at_least, at_most, n in served:
        assert 20 * share(at_least) - 2 <= n <= 20 * share(at_most) + 2


def share(age, slow_start=2):
    """Of two hosts, that of the one which has been back for so many seconds."""
    weight = min(age / slow_start, 1)
    return weight / (weight + 1)


def test_the_only_replica_serves_at_once_when_it_comes_back(routes):
    weir = routes.weir(slow_start=600, check_interval=0.1).allow(*LOST)
    one, other = routes.cluster.replicas
    one.stop_fast()
    other.stop_fast()
    eventually(lambda: on(routes, weir, 2) == {routes.primary})

    one.start()

    assert eventually(lambda: on(routes, weir) == {one})


def test_reads_do_not_wait_for_a_replica_whose_servers_are_all_in_use(routes):
    """It is busy, which is not to be broken: the other one serves meanwhile, and then it gets the turns that it has missed."""
    weir = routes.weir(keys={"replica_pool_size": 1}, server_login_retry=60)
    shares(routes, weir, 10, 1)
    with weir.client(DATABASE) as holder:
        held = hold(routes, holder)

        meanwhile = on(routes, weir, 20)
        holder.query("commit")

    assert meanwhile == routes.replicas - {held}
    assert on(routes, weir, 18) == {held}
    assert on(routes, weir) == routes.replicas


def test_a_replica_whose_servers_are_all_in_use_gets_one_more_for_its_turns(routes):
    """Though the other one, which has as many, could serve all."""
    weir = routes.weir()
    shares(routes, weir, 10, 1)
    with weir.client(DATABASE) as holder:
        held = hold(routes, holder)

        eventually(lambda: held in on(routes, weir))
        shared = shares(routes, weir, 100, 1)
        holder.query("commit")

    assert shared == [0, 50, 50]
    assert len(weir.show("SERVERS", database=DATABASE, port=held.port)) == 2


def hold(routes, holder):
    """The replica of which the client has a server until it commits."""
    seen, word = routes.watch(), routes.word()
    holder.query("begin read only")
    holder.query(f"/* {word} */ {READ}")
    (held,) = seen.on(word)
    return held


def refuse(host, refused):
    """The host takes nobody into the routed database, while the monitor is let in elsewhere."""
    from lib.cluster import HBA

    host.set_hba((f"host {DATABASE} all all reject\n" if refused else "") + HBA)
    eventually(lambda: bool(_refuses(host)) == refused)


def _refuses(host):
    try:
        host.query("select 1", DATABASE)
    except wire.PgError:
        return True
    return False


def test_a_replica_that_takes_no_logins_rests_and_others_serve(routes):
    one, other = routes.cluster.replicas
    try:
        refuse(one, True)
        weir = routes.weir(ready=False, server_login_retry=0.5).allow("server login failed", "pg_hba.conf")
        eventually(lambda: on(routes, weir) == {other})
        refuse(other, True)
        weir.console("RECONNECT")
        eventually(lambda: on(routes, weir) == {routes.primary})
    finally:
        refuse(one, False)
        refuse(other, False)

    assert eventually(lambda: on(routes, weir) == routes.replicas)


@pytest.mark.parametrize("keys", [{"route": "prefer-replica"}, {"target_session_attrs": "prefer-standby"}])
def test_prefer_replica_goes_to_replicas_while_there_are_any(routes, keys):
    weir = routes.weir(keys={"route": None, **keys}).allow(*LOST)
    eventually(lambda: on(routes, weir) == routes.replicas)
    with weir.client(DATABASE) as client:
        shown = client.query("show pgweir.route").rows[0][0]
        refused = client.ask(wire.query("insert into hits values (1)")).error

    for replica in routes.cluster.replicas:
        replica.stop_fast()

    assert (shown, refused.sqlstate) == ("prefer-replica", "25006")
    assert eventually(lambda: on(routes, weir, 2) == {routes.primary})
