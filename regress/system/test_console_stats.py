"""The console: what SHOW STATS counts, for work of which everything is known."""

import time

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import Background, waiting

TOTALS = "xact_count query_count bytes_received bytes_sent xact_time query_time wait_time"
NEWER = "server_assignment_count client_parse_count server_parse_count bind_count client_login_count"


def totals(one, database="app"):
    row = one.show("STATS_TOTALS", database=database)[0]
    return {name: int(row[name]) for name in f"{TOTALS} {NEWER}".split() if name in row}


class Counted:
    """What the statistics of the database have grown by since this was made."""

    def __init__(self, one):
        self.one, self.before = one, totals(one)

    def __getitem__(self, name):
        return totals(self.one)[name] - self.before[name]

    def __call__(self, names):
        now = totals(self.one)
        return {name: now[name] - self.before[name] for name in names.split()}


def size(*messages):
    return sum(map(len, messages))


def answered(client, *messages):
    """Sends; returns how many bytes went out and came back."""
    result = client.ask(*messages)
    return size(*messages), size(*(m.bytes for m in result.messages))


def test_each_simple_query_is_one_query_and_outside_a_transaction_one_transaction(app):
    one = app.weir()
    client = one.client("app")
    grown = Counted(one)

    went = [answered(client, wire.query(f"select {number}, 'text'")) for number in range(5)]
    went += [answered(client, wire.query(sql)) for sql in ("begin", "select 1", "select 1/0", "rollback")]

    assert grown("query_count xact_count server_assignment_count") == {
        "query_count": 9,
        "xact_count": 6,
        "server_assignment_count": 6,
    }
    assert grown["bytes_received"] == sum(sent for sent, _ in went)
    assert grown["bytes_sent"] == sum(came for _, came in went)


def test_a_batch_of_the_extended_protocol_is_one_query_with_its_parses_and_binds(app):
    one = app.weir()
    first, second = one.client("app"), one.client("app")
    grown = Counted(one)

    for client in (first, second):
        client.ask(wire.parse("select 1", "s"), wire.describe("S", "s"), wire.sync())
        for _ in range(3):
            client.ask(wire.bind(name="s"), wire.execute(), wire.bind(name="s"), wire.execute(), wire.sync())

    assert grown("query_count xact_count client_parse_count server_parse_count bind_count") == {
        "query_count": 8,
        "xact_count": 8,
        "client_parse_count": 2,
        "server_parse_count": 1,
        "bind_count": 12,
    }


def test_requests_that_are_sent_ahead_are_counted_one_by_one(app):
    one = app.weir()
    client = one.client("app")
    grown = Counted(one)

    client.send(*[wire.query("select 1")] * 4)
    for _ in range(4):
        client.read_until()

    assert grown("query_count xact_count") == {"query_count": 4, "xact_count": 4}


def test_the_times_of_queries_and_transactions_are_what_the_client_saw(app):
    one = app.weir()
    client = one.client("app")
    grown = Counted(one)

    began = time.monotonic()
    client.query("begin")
    client.query("select pg_sleep(0.1)")
    client.query("select 1 from pg_sleep(0.05)")
    client.query("commit")
    seen_us = (time.monotonic() - began) * 1e6

    assert 150_000 <= grown["query_time"] <= grown["xact_time"] <= seen_us
    assert grown["wait_time"] < 50_000


def test_a_transaction_lasts_while_its_client_thinks_and_a_query_does_not(app):
    one = app.weir()
    client = one.client("app")
    grown = Counted(one)

    client.query("begin")
    app.query("select pg_sleep(0.15)")
    client.query("commit")

    assert grown["xact_time"] >= 150_000 > 100_000 > grown["query_time"]


def test_the_wait_for_a_server_is_counted_apart_from_the_query(app):
    one = app.weir(default_pool_size=1)
    holder, waiter = one.client("app"), one.client("app")
    holder.query("begin")
    grown = Counted(one)

    late = Background(waiter.query, "select 1")
    eventually(lambda: waiting(one, 1))
    app.query("select pg_sleep(0.2)")
    holder.query("commit")
    late.result()

    assert 200_000 <= grown["wait_time"] < 2_000_000
    assert grown["query_time"] < 150_000


def test_logins_are_counted_for_their_database_alone(desk):
    one = desk()

    clients = [one.client("app") for _ in range(3)]

    assert totals(one)["client_login_count"] == len(clients)
    assert totals(one, "other")["client_login_count"] == 0


def test_a_command_of_the_console_is_a_query_of_the_consoles_database(desk):
    one = desk()
    console = one.client("pgbouncer")
    before = totals(one, "pgbouncer")["query_count"]

    for _ in range(4):
        console.query("show version")

    # The second look counts itself.
    assert totals(one, "pgbouncer")["query_count"] == before + 5


def test_the_four_shows_say_the_same(desk):
    one = desk()
    client = one.client("app")
    for _ in range(7):
        client.query("select 1")

    stats = one.show("STATS", database="app")[0]
    total = {row["name"]: int(row["value"]) for row in one.show("TOTALS")}

    names = {"bytes_received": "received", "bytes_sent": "sent"}
    for name, value in totals(one).items():
        assert int(stats[f"total_{names.get(name, name)}"]) == value
    assert (stats["total_query_count"], stats["total_xact_count"]) == ("7", "7")
    assert total["total_query_count"] >= 7 and total["total_client_bytes"] == int(stats["total_received"])
    assert sorted(total) == sorted(f"{kind}_{name}" for kind in ("total", "avg") for name in NAMES_OF_TOTALS)


NAMES_OF_TOTALS = (
    "server_assignment_count xact_count query_count client_bytes server_bytes xact_time query_time wait_time "
    "ps_client_parse_count ps_server_parse_count ps_bind_count client_login_count"
).split()


@pytest.fixture
def steady(app):
    """A pgweir that has had the same load for more than a stats_period: (one, the load's queries)."""
    one = app.weir(stats_period=0.5)
    client = one.client("app")
    going = [True]

    def load():
        while going[0]:
            client.query("select pg_sleep(0.02)")

    running = Background(load)
    yield one
    going[0] = False
    running.result()


def test_averages_are_per_second_and_per_event_of_the_last_period(steady):
    one = steady

    def row():
        found = {k: v if k == "database" else int(v) for k, v in one.show("STATS", database="app")[0].items()}
        return found if found["avg_query_count"] > 0 and found["total_query_count"] > 60 else None

    average = eventually(row)

    assert 10 <= average["avg_query_count"] <= 50
    assert average["avg_xact_count"] == average["avg_query_count"]
    assert abs(average["avg_server_assignment_count"] - average["avg_query_count"]) <= 3
    assert 20_000 <= average["avg_query_time"] <= 100_000
    assert average["avg_query_time"] <= average["avg_xact_time"] <= 100_000
    assert abs(average["avg_recv"] / average["avg_query_count"] - size(wire.query("select pg_sleep(0.02)"))) < 3
    assert average["avg_wait_time"] < 10_000
    assert eventually(lambda: "queries/s, 0 client parses/s, 0 server parses/s, 0 binds/s" in one.log)


def test_averages_of_a_period_without_work_are_zero(desk):
    one = desk(stats_period=0.2)
    client = one.client("app")

    def averaged():
        client.query("select 1")
        return int(one.show("STATS_AVERAGES", database="app")[0]["query_count"]) > 0

    assert eventually(averaged)
    quiet = eventually(lambda: next(iter(one.show("STATS_AVERAGES", database="app", query_count="0")), None))

    assert {value for name, value in quiet.items() if name != "database"} == {"0"}
    assert int(one.show("STATS_TOTALS", database="app")[0]["query_count"]) > 0
