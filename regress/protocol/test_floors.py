"""consistency = session on the wire: what the client is not made to wait for, and servers that do not say where their log is."""

import threading

import pytest

from lib import wire
from lib.eventually import eventually
from lib.hosts import CLOSE, DATABASE, Hosts

READ, WRITE = "select 1", "insert into notes values (1)"
QUESTION = "pg_current_wal_insert_lsn()::"
REACHED, AHEAD = ("0/1000", "00000001"), ("0/2000", "00000001")


def said(row):
    return [wire.data_row(*row), wire.command_complete()]


class Primary:
    """Makes the primary say where its log is."""

    def __init__(self, hosts, answer=None):
        self.answer, self.asked, self.usual = answer or said(REACHED), 0, type(hosts.primary)._own
        hosts.primary._own = self

    def __call__(self, sql):
        if QUESTION not in sql:
            return self.usual(sql)
        self.asked += 1
        return self.answer() if callable(self.answer) else self.answer


@pytest.fixture
def hosts(fake_server):
    return Hosts(fake_server)


def is_warm(hosts, client):
    """True once the connection to the replica is older than what is known of its position."""
    return reads_on(hosts, client, hosts.replica(1))


@pytest.fixture
def client(hosts, pgweir):
    with hosts.weir(pgweir, consistency="session", lazy_begin=0).client(DATABASE) as client:
        Primary(hosts)
        eventually(is_warm, hosts, client)
        hosts.primary.asked.clear()
        yield client


def reads_on(hosts, client, host):
    """True when the next read runs on that host."""
    before = host.asked.count(READ)
    client.query(READ)
    return host.asked.count(READ) == before + 1


def test_the_client_has_its_answer_before_the_question_is_asked(hosts, client):
    gate = threading.Event()
    primary = Primary(hosts, lambda: gate.wait(10) and said(REACHED))

    answered = client.ask(wire.query(WRITE))
    eventually(lambda: primary.asked == 1)
    client.send(wire.query(READ))
    gate.set()

    assert answered.kinds == "CZ"
    assert client.read_until(b"Z")[-2].texts() == ["SELECT 1"]
    assert hosts.primary.asked == [WRITE]


@pytest.mark.parametrize("batch", [
    [wire.query(WRITE)],
    [wire.query("begin"), wire.query(WRITE), wire.query("commit")],
    [wire.parse(WRITE), wire.bind(), wire.describe(), wire.execute(), wire.sync()],
    [wire.parse(WRITE, "w"), wire.sync(), wire.bind(name="w"), wire.execute(), wire.bind(name="w"), wire.execute(), wire.sync()],
])
def test_no_client_sends_or_hears_a_message_more(fake_server, pgweir, batch):
    heard = []
    for consistency in ("eventual", "session"):
        hosts = Hosts(fake_server)
        primary = Primary(hosts)
        with hosts.weir(pgweir, consistency=consistency).client(DATABASE) as client:
            eventually(is_warm, hosts, client)
            client.send(*batch)
            ends = sum(m[:1] in (b"Q", b"S") for m in batch)
            heard.append([m for _ in range(ends) for m in client.read_until(b"Z")])
            assert reads_on(hosts, client, hosts.replica(1))
        assert (primary.asked > 0) == (consistency == "session")

    assert heard[0] == heard[1]


def test_each_transaction_on_the_primary_is_asked_for_once(hosts, client):
    primary = Primary(hosts)
    for sql in (WRITE, "begin", WRITE, WRITE, "commit", READ, WRITE):
        client.query(sql)

    eventually(lambda: primary.asked == 3)
    assert hosts.primary.asked.count(WRITE) == 4


def test_a_replica_that_is_behind_is_not_read(hosts, client):
    primary = Primary(hosts, said(AHEAD))
    client.query(WRITE)
    assert reads_on(hosts, client, hosts.primary)

    primary.answer = said(REACHED)
    client.query(WRITE)

    assert reads_on(hosts, client, hosts.replica(1))


@pytest.mark.parametrize("answer", [
    [wire.error("canceling statement due to user request", "57014")],
    [wire.error("permission denied", "42501")],
    [wire.command_complete("SELECT 0")],
    said((None, None)),
    said(("0/x", "00000001")),
    said(("0/1000/1", "00000001")),
    said(("0" * 40, "0" * 40)),
    [wire.data_row(), wire.command_complete()],
    [wire.data_row("0/1000"), wire.command_complete()],
])
def test_without_an_answer_reads_go_to_the_primary(hosts, client, answer):
    primary = Primary(hosts, answer)
    client.query(WRITE)
    assert reads_on(hosts, client, hosts.primary)

    primary.answer = said(REACHED)
    client.query(READ)

    assert eventually(lambda: reads_on(hosts, client, hosts.replica(1)))


def test_a_server_that_dies_over_the_question_costs_the_client_nothing(hosts, client):
    primary = Primary(hosts, [CLOSE])
    client.query(WRITE)
    eventually(lambda: primary.asked == 1)
    primary.answer = said(REACHED)

    assert eventually(lambda: reads_on(hosts, client, hosts.primary))
    assert eventually(lambda: reads_on(hosts, client, hosts.replica(1)))


def test_a_position_on_a_later_timeline_waits_for_the_monitor(hosts, client):
    """The server says that it was promoted before the monitor has heard of it."""
    Primary(hosts, said(("0/800", "00000002")))
    client.query(WRITE)

    assert reads_on(hosts, client, hosts.primary)


def test_a_read_that_a_primary_has_lost_raises_no_floor(hosts, pgweir):
    """Nothing of it was seen: a replica that was good enough before still is."""
    weir = hosts.weir(pgweir, consistency="session", read_from_primary="always", lazy_begin=0)
    ended = wire.error("terminating connection due to administrator command", "57P01", "FATAL")
    lost = []

    with weir.client(DATABASE) as client:
        Primary(hosts)
        eventually(is_warm, hosts, client)
        hosts.primary.answers = lambda session, sql: lost.append(sql) or [ended, CLOSE]
        results = [client.ask(wire.query(READ)) for _ in range(8)]

    assert [r.error for r in results] == [None] * 8
    assert lost != []
