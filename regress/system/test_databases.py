"""Databases come and go through a pool: pgweir's own servers are never in the way of DROP, RENAME or TEMPLATE."""

import time

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import refused, value


def simple(client, text):
    return client.ask(wire.query(text))


def extended(client, text):
    return client.ask(wire.parse(text), wire.bind(), wire.describe(), wire.execute(), wire.sync())


def in_two_batches(client, text):
    prepared = client.ask(wire.parse(text, "ddl"), wire.sync())
    assert not prepared.error
    return client.ask(wire.bind((), "ddl"), wire.execute(), wire.sync())


WAYS = [simple, extended, in_two_batches]


class House:
    """A pgweir with an entry for any database, and its administrator's client in `postgres`."""

    def __init__(self, cluster, make, **settings):
        self.primary = cluster.primary
        for name in ("spring", "summer"):
            self.primary.query(f"drop database if exists {name} with (force)")
        entry = f"host={self.primary.address} port={self.primary.port}"
        databases = {"*": entry, "alias": f"{entry} dbname=spring min_pool_size=2", "alien": f"host=localhost port={self.primary.port} dbname=spring"}
        main = {"pool_mode": "transaction", "workers": 2, "default_pool_size": 4, **settings}
        self.weir = make({"databases": databases, "pgbouncer": main}, {"postgres": "", "other": ""})
        self.admin = self.weir.client("postgres")
        self.admin.query("create database spring")

    def count(self, name):
        return int(self.primary.value(f"select count(*) from pg_stat_activity where backend_type = 'client backend' and datname = '{name}'"))

    def leave_servers(self, *entries):
        """Clients came and went, and their servers idle on."""
        for entry in entries:
            with self.weir.client(entry) as one, self.weir.client(entry) as two:
                one.query("begin")
                two.query("select 1")
                one.query("commit")
        assert self.count("spring") >= 2


@pytest.fixture
def house(cluster, pgweir):
    made = []

    def make(**settings):
        made.append(House(cluster, pgweir, **settings))
        return made[-1]

    yield make
    for one in made:
        one.admin.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_database_in_which_only_servers_of_the_pool_idle_is_dropped(house, way):
    one = house()
    one.leave_servers("spring", "alias", "alien")

    began = time.monotonic()
    result = way(one.admin, "drop database spring")

    assert not result.error and result.tags == ["DROP DATABASE"]
    assert time.monotonic() - began < 3
    assert one.count("spring") == 0


@pytest.mark.parametrize("pool_mode", ["session", "statement"])
def test_it_is_dropped_in_the_other_pool_modes_too(house, pool_mode):
    one = house(pool_mode=pool_mode)
    with one.weir.client("spring") as client:
        client.query("select 1")

    one.admin.query("drop database spring")

    assert not one.primary.query("select from pg_database where datname = 'spring'")


def test_a_database_is_copied_while_servers_of_the_pool_idle_in_it(house):
    one = house()
    with one.weir.client("spring") as client:
        client.query("create table seeds as select 7 as n")
    one.leave_servers("spring", "alias")

    one.admin.query("create database summer template spring")

    with one.weir.client("summer") as client:
        assert value(client, "select n from seeds") == "7"


def test_a_database_is_renamed_while_servers_of_the_pool_idle_in_it(house):
    one = house()
    one.leave_servers("spring")
    assert refused(one.weir.client, "summer").sqlstate == "3D000"

    one.admin.query("alter database spring rename to summer")

    with one.weir.client("summer") as client:
        assert value(client, "select current_database()") == "summer"
    one.weir.allow("server login failed", "pooler error")


def test_who_is_really_there_is_in_the_way_as_ever(house):
    one = house()
    with one.weir.client("spring") as client:
        client.query("begin")
        error = refused(one.admin.query, "drop database spring")
        assert error.sqlstate == "55006"
        client.query("commit")

        assert value(client, "select 1") == "1"


def test_inside_a_transaction_it_fails_and_closes_nothing(house):
    one = house()
    one.leave_servers("spring")
    before = one.count("spring")

    one.admin.query("begin")
    assert refused(one.admin.query, "drop database spring").sqlstate == "25001"
    one.admin.query("rollback")

    assert one.count("spring") == before


def test_a_test_runner_makes_uses_and_drops_its_database_again_and_again(house):
    one = house()
    one.admin.query("drop database spring")
    for times in range(2):
        one.admin.query("create database summer")
        with one.weir.client("summer") as client:
            client.ask(wire.parse("select count(*) from notes", "count"), wire.sync())
            client.query("create table notes (n int)")
            client.ask(wire.parse("insert into notes values ($1)", "add"), wire.bind((str(times),), "add"), wire.execute(), wire.sync())
            assert client.ask(wire.parse("select n from notes", "see"), wire.bind((), "see"), wire.execute(), wire.sync()).rows == [(str(times),)]
        one.admin.query("drop database summer")


def test_servers_are_kept_ready_again_when_the_statement_is_over(house):
    one = house()
    one.leave_servers("alias")
    with one.weir.client("alias") as client:
        one.admin.query("create database summer template spring")

        assert eventually(lambda: one.count("spring") >= 2, within=10)
        assert value(client, "select 1") == "1"


def test_who_leaves_before_the_statement_is_over_holds_nobody_up(house):
    one = house()
    with one.weir.client("spring") as client:
        client.query("begin")
        leaver = one.weir.client("postgres")
        leaver.send(wire.query("drop database spring"))
        eventually(lambda: "drop database spring" in str(one.primary.query("select query from pg_stat_activity where state = 'active'")))
        leaver.socket.close()
        client.query("commit")

        assert value(client, "select 1") == "1"
