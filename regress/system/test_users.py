"""The section [users]: what it says of a user goes before what the entry and the main section say, and holds for that user alone."""

import time

import pytest

from lib.eventually import eventually
from lib.scene import Background, farewell, pid_of, refused, said, value

ALICE, BOB = "users_alice", "users_bob"


@pytest.fixture
def two(app):
    """Makes a pgweir for two users of PostgreSQL: two(alice="query_timeout=1", ...)."""
    for name in (ALICE, BOB):
        if not app.query(f"select from pg_roles where rolname = '{name}'"):
            app.cluster.create_role(name)

    def make(alice, **main):
        # An entry that says nothing of its own, beside `app`.
        databases = {"plain": app.target()}
        one = app.weir(secrets={ALICE: "", BOB: "", "postgres": ""}, users={ALICE: alice}, databases=databases, **main)
        return one.allow("pooler error", "taking connection from reserve_pool")

    return make


def pool(one, user, database="app"):
    return one.show("POOLS", database=database, user=user)[0]


def servers(row):
    return row["sv_active"] + row["sv_idle"] + row["sv_used"] + row["sv_login"]


def fill(one, user, count, *databases):
    """So many clients in transactions, or on their way into one, in each database."""
    clients = [one.client(database, user=user) for _ in range(count) for database in databases or ("app",)]
    for client in clients:
        client.send(b"Q\0\0\0\x0abegin\0")
    return clients


def test_pool_mode_of_a_user_goes_before_the_entry_s_and_the_global_one(two):
    one = two("pool_mode=session", keys={"pool_mode": "statement"}, pool_mode="transaction")
    clients = [one.client(d, user=u) for d, u in ((("app", ALICE)), ("app", BOB), ("plain", ALICE), ("plain", BOB))]
    for client in clients:
        client.query("select 1")

    modes = {(r["database"], r["user"]): (r["pool_mode"], r["sv_active"]) for r in one.show("POOLS") if r["database"] != "pgbouncer"}

    assert modes["app", ALICE] == modes["plain", ALICE] == ("session", 1)
    assert modes["app", BOB] == ("statement", 0)
    assert modes["plain", BOB] == ("transaction", 0)
    assert ends(clients[1], "begin") == "transaction blocks not allowed in statement pooling mode"


def test_pool_mode_is_that_of_the_user_to_whom_the_pool_belongs(two):
    one = two("pool_mode=session", keys={"user": ALICE})
    with one.client("app", user=BOB) as client:
        client.query("select 1")

        assert (pool(one, ALICE)["pool_mode"], pool(one, ALICE)["sv_active"]) == ("session", 1)


def test_pool_size_of_a_user_goes_before_the_entry_s_and_the_global_one(two):
    one = two("pool_size=1", keys={"pool_size": 2}, default_pool_size=3)

    for user, database, size in ((ALICE, "app", 1), (ALICE, "plain", 1), (BOB, "app", 2), (BOB, "plain", 3)):
        clients = fill(one, user, 4, database)
        eventually(lambda: pool(one, user, database)["sv_active"] == size and pool(one, user, database)["cl_waiting"] == 4 - size)
        assert servers(pool(one, user, database)) == size
        for client in clients:
            client.close()


def test_reserve_pool_size_of_a_user_goes_before_the_entry_s_and_the_global_one(two):
    one = two("reserve_pool_size=3", keys={"reserve_pool_size": 2}, reserve_pool_size=1, default_pool_size=1, reserve_pool_timeout=0.1)

    for user, database, size in ((ALICE, "app", 4), (BOB, "app", 3), (BOB, "plain", 2)):
        clients = fill(one, user, 5, database)
        eventually(lambda: pool(one, user, database)["sv_active"] == size)
        assert pool(one, user, database)["cl_waiting"] == 5 - size
        for client in clients:
            client.close()


def test_max_user_connections_of_a_user_goes_before_the_global_one(two):
    one = two("max_user_connections=1", max_user_connections=2)

    for user, most in ((ALICE, 1), (BOB, 2)):
        clients = fill(one, user, 2, "app", "plain")
        eventually(lambda: pool(one, user)["cl_waiting"] + pool(one, user, "plain")["cl_waiting"] == 4 - most)
        assert servers(pool(one, user)) + servers(pool(one, user, "plain")) == most
        assert one.show("USERS", name=user)[0]["max_user_connections"] == most
        for client in clients:
            client.close()


def test_max_user_client_connections_of_a_user_goes_before_the_global_one(two):
    one = two("max_user_client_connections=1", max_user_client_connections=2)

    for user, most in ((ALICE, 1), (BOB, 2)):
        clients = [one.client("app", user=user) for _ in range(most)]
        error = refused(one.client, "plain", user=user)
        assert said(error) == ("FATAL", "53300", "client connections exceeded (max_user_client_connections)")
        clients[0].close()
        assert eventually(one.client, "plain", user=user)


# What the client does, and what it is told when the time is over.
TIMEOUTS = {
    "query_timeout": ("select pg_sleep(1)", "query timeout"),
    "idle_transaction_timeout": ("begin", "idle transaction timeout"),
    "transaction_timeout": ("begin; select pg_sleep(0.1)", "transaction timeout"),
    "client_idle_timeout": ("select 1", "client_idle_timeout"),
}


def ends(client, sql):
    """What the client is told when it does that and then nothing."""
    client.send(b"Q" + (len(sql) + 5).to_bytes(4, "big") + sql.encode() + b"\0")
    return farewell(client, within=5).message


@pytest.mark.parametrize("key", TIMEOUTS)
def test_a_timeout_of_a_user_holds_for_that_user_alone(two, key):
    """In PgBouncer client_idle_timeout of one user ends the idle clients of all others."""
    sql, told = TIMEOUTS[key]
    one = two(f"{key}=0.2")
    with one.client("app", user=BOB) as other, one.client("app", user=ALICE) as client:
        waiting = Background(other.query, sql)

        assert ends(client, sql) == told

        waiting.result()
        assert value(other, "select 1") == "1"


@pytest.mark.parametrize("key", TIMEOUTS)
def test_a_timeout_of_a_user_goes_before_the_global_one(two, key):
    sql, told = TIMEOUTS[key]
    one = two(f"{key}=60", **{key: 0.2})
    with one.client("app", user=ALICE) as client, one.client("app", user=BOB) as other:
        waiting = Background(client.query, sql)

        assert ends(other, sql) == told

        waiting.result()
        assert value(client, "select 1") == "1"


def test_query_wait_timeout_of_a_user_goes_before_the_entry_s_and_the_global_one(two):
    """In PgBouncer it is without effect while the global one is 0."""
    one = two("query_wait_timeout=0.2", query_wait_timeout=0, keys={"max_db_connections": 1})
    with one.client("app", user=BOB) as holder, one.client("app", user=BOB) as patient:
        holder.query("begin")
        impatient = one.client("plain", user=ALICE)
        impatient.close()
        patiently = Background(patient.query, "select 1")
        began = time.monotonic()

        error = refused(one.client, "app", user=ALICE)

        assert error.message == "query_wait_timeout" and time.monotonic() - began < 2
        assert patiently.is_running()
        holder.query("commit")
        patiently.result()


@pytest.mark.parametrize("level", ["user", "entry", "global"])
def test_query_wait_timeout_counts_at_its_level(two, level):
    of = {"user": "60", "entry": "60", "global": "60"}
    for name in ("global", "entry", "user"):
        of[name] = "0.2" if name == level else of[name]
    alice = f"query_wait_timeout={of['user']}" if level == "user" else "pool_mode=transaction"
    keys = {"query_wait_timeout": of["entry"]} if level != "global" else {}
    if level == "entry":
        keys = {"query_wait_timeout": 1}
    one = two(alice, keys={**keys, "pool_size": 1}, query_wait_timeout=of["global"])
    with one.client("app", user=ALICE) as holder, one.client("app", user=ALICE) as client:
        pid_of(holder)
        holder.query("begin")

        assert ends(client, "select 1") == "query_wait_timeout"
