"""Settings of pools with replicas, of the account that asks the hosts who they are, and of logins side by side."""

import threading

import pytest

from lib import wire
from lib.cluster import SUPERUSER
from lib.eventually import eventually
from lib.routes import DATABASE, PROBE, Routes
from lib.scene import Background, crowd


@pytest.fixture
def routes(cluster, pgweir):
    return Routes(cluster, pgweir)


def most_servers(weir, routes, clients=8):
    """The most servers per host while so many clients read at once."""
    seen, done = {}, threading.Event()

    def watch():
        while not done.is_set():
            counts = {}
            for row in weir.show("SERVERS", database=DATABASE):
                counts[row["port"]] = counts.get(row["port"], 0) + 1
            for port, count in counts.items():
                seen[port] = max(seen.get(port, 0), count)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    readers = [weir.client(DATABASE) for _ in range(clients)]
    crowd(clients, lambda n: [readers[n].query(f"{PROBE}; select count(*) from generate_series(1, 20000)") for _ in range(20)])
    done.set()
    watcher.join()
    return [seen.get(host.port, 0) for host in routes.cluster.hosts]


def test_replicas_have_pools_of_their_own_size(routes):
    weir = routes.weir(keys={"pool_size": 1}, replica_pool_size=3)

    primary, *replicas = most_servers(weir, routes)

    assert primary <= 1
    assert max(replicas) == 3


def test_an_entry_says_the_size_of_its_replicas_pools_itself(routes):
    weir = routes.weir(keys={"replica_pool_size": 2}, replica_pool_size=9)

    assert max(most_servers(weir, routes)[1:]) == 2


def test_the_hosts_are_asked_by_the_monitors_user_with_its_password_in_its_database(routes):
    routes.primary.query("drop role if exists watcher")
    routes.primary.query("create role watcher login password 'look' in role auth_scram")
    routes.cluster.wait_for_replicas()

    weir = routes.weir(monitor_user="watcher", monitor_password="look", monitor_dbname="template1", check_interval="0.1")

    asked = "select datname from pg_stat_activity where usename = 'watcher'"
    assert eventually(lambda: {name for (name,) in routes.primary.query(asked)}) == {"template1"}
    assert {row["role"] for row in weir.show("HOSTS")} == {"primary", "replica"}
    assert weir.show("CONFIG", key="monitor_password")[0]["value"] == "****"


def test_a_wrong_monitor_password_is_told_where_hosts_are_looked_at(routes):
    routes.primary.query("drop role if exists watcher")
    routes.primary.query("create role watcher login password 'look' in role auth_scram")
    routes.cluster.wait_for_replicas()

    weir = routes.weir(ready=False, monitor_user="watcher", monitor_password="blind").allow("is down", "cannot be read")

    assert eventually(lambda: any("password authentication failed" in str(row) for row in weir.show("HOSTS")))


@pytest.mark.parametrize("iterations", [1024, 5000])
def test_scram_keys_made_from_a_plain_password_take_so_many_iterations(routes, iterations):
    weir = routes.weir(auth_type="scram-sha-256", scram_iterations=iterations, ready=False)
    weir.write_users({SUPERUSER: "plain"}).allow("SASL authentication failed").reload()

    class Watching(wire.ScramClient):
        def final(self, server_first):
            fields = dict(part.split("=", 1) for part in server_first.decode().split(","))
            seen.append(int(fields["i"]))
            return super().final(server_first)

    seen, usual = [], wire.ScramClient
    wire.ScramClient = Watching
    try:
        eventually(lambda: weir.client(DATABASE, secret="plain"))
    finally:
        wire.ScramClient = usual
    assert seen[-1] == iterations


def test_no_more_servers_of_a_pool_log_in_at_once_than_allowed(app, fake_server):
    gate = threading.Event()

    def script(session):
        session.read_startup()
        gate.wait(30)
        session.read_startup = lambda: None
        session.log_in().serve()

    server = fake_server(script)
    one = app.weir(databases={"fake": f"host=127.0.0.1 port={server.port}"}, default_pool_size=12, server_login_concurrency=2)
    one.allow("server conn crashed")
    crew = [Background(lambda: one.client("fake").query("select 1")) for _ in range(6)]

    def pool():
        return one.show("POOLS", database="fake")[0]

    assert eventually(lambda: pool()["cl_waiting"] == 6)
    assert pool()["sv_login"] == 2
    gate.set()
    for one_of_them in crew:
        one_of_them.result()


def test_a_change_of_conffile_makes_the_next_reload_read_that_file(app):
    one = app.weir(default_pool_size=5)
    with open(one.config_path) as file:
        other = file.read().replace("default_pool_size = 5", "default_pool_size = 6")
    path = one.nest.write(f"{one.folder}/other.ini", other)

    one.console(f"SET conffile = '{path}'")
    one.console("RELOAD")

    assert one.show("CONFIG", key="default_pool_size")[0]["value"] == "6"
    assert one.show("CONFIG", key="conffile")[0]["value"] == path
