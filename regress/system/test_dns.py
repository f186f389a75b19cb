"""Host names: looked up once for all, kept for dns_max_ttl, and left by servers when they lead elsewhere."""

import time

import pytest

from lib import wire
from lib.doubles import Doubles
from lib.eventually import eventually
from lib.scene import Background, crowd, refused, said, value


@pytest.fixture
def doubles(nest):
    return Doubles(nest)


def naming(session, word):
    session.log_in().serve(
        lambda sql: [wire.row_description("word"), wire.data_row(word), wire.command_complete("SELECT 1")]
        if sql == "select 1" else None
    )


@pytest.fixture
def hosts(fake_server):
    """Makes servers on these addresses of this machine, all on one port, each answering with its own address."""

    def make(*addresses):
        first = fake_server(lambda s: naming(s, addresses[0]), address=addresses[0])
        for address in addresses[1:]:
            fake_server(lambda s, a=address: naming(s, a), address=address, port=first.port)
        return first.port

    return make


def weir(app, doubles, port, name="db.test", **main):
    """The scripted servers speak no SQL, so nothing is asked of them but what clients ask."""
    return app.weir(databases={"fake": f"host={name} port={port}"}, options={"prefix": doubles.prefix}, session_features="ignore", **main)


def holding(one):
    """A client with a server of its own, and the address of that."""
    client = one.client("fake")
    client.query("begin")
    return client, value(client, "select 1")


def test_new_connections_take_the_addresses_of_a_name_in_turn(app, doubles, hosts):
    port = hosts("127.0.0.1", "127.0.0.2", "127.0.0.3")
    doubles.say({"db.test": ["127.0.0.1", "127.0.0.2", "127.0.0.3"]})
    one = weir(app, doubles, port)

    held = [holding(one) for _ in range(6)]

    assert sorted(where for _, where in held) == sorted(["127.0.0.1", "127.0.0.2", "127.0.0.3"] * 2)
    assert doubles.lookups("db.test") == 1


def test_an_address_that_refuses_is_passed_over(app, doubles, hosts):
    port = hosts("127.0.0.2")
    doubles.say({"db.test": ["127.0.0.1", "127.0.0.2"]})
    one = weir(app, doubles, port)

    held = [holding(one) for _ in range(4)]

    assert {where for _, where in held} == {"127.0.0.2"}


def test_a_name_is_looked_up_again_after_dns_max_ttl(app, doubles, hosts):
    port = hosts("127.0.0.1")
    doubles.say({"db.test": ["127.0.0.1"]})
    one = weir(app, doubles, port, dns_max_ttl=0.3)
    held = [holding(one) for _ in range(3)]
    assert doubles.lookups("db.test") == 1

    time_of_first = time.monotonic()
    eventually(lambda: held.append(holding(one)) or doubles.lookups("db.test") == 2, every=0.1)

    assert time.monotonic() - time_of_first > 0.15


def test_a_longer_dns_max_ttl_counts_from_the_reload_on(app, doubles, hosts):
    port = hosts("127.0.0.1")
    doubles.say({"db.test": ["127.0.0.1"]})
    one = weir(app, doubles, port, dns_max_ttl=0)
    held = [holding(one) for _ in range(3)]
    assert doubles.lookups("db.test") == len(held)

    one.console("SET dns_max_ttl = 60")
    held += [holding(one) for _ in range(3)]

    assert doubles.lookups("db.test") == 3


def test_servers_leave_an_address_that_their_name_has_no_more(app, doubles, hosts):
    """The idle one at once, the one in a transaction at its end."""
    port = hosts("127.0.0.1", "127.0.0.2")
    doubles.say({"db.test": ["127.0.0.1"]})
    one = weir(app, doubles, port, dns_max_ttl=0)
    busy, where = holding(one)
    idle, _ = holding(one)
    idle.query("commit")
    assert where == "127.0.0.1"

    doubles.say({"db.test": ["127.0.0.2"]})
    third, fourth = holding(one), holding(one)

    assert fourth[1] == "127.0.0.2"
    assert value(busy, "select 1") == "127.0.0.1"
    busy.query("commit")
    third[0].query("commit")
    fourth[0].query("commit")
    assert [value(busy, "select 1") for _ in range(5)] == ["127.0.0.2"] * 5
    assert {row["addr"] for row in one.show("SERVERS", database="fake")} == {"127.0.0.2"}
    assert "host name has other addresses" in one.log


def test_servers_stay_where_only_the_order_of_addresses_changes(app, doubles, hosts):
    port = hosts("127.0.0.1", "127.0.0.2")
    doubles.say({"db.test": ["127.0.0.1", "127.0.0.2"]})
    one = weir(app, doubles, port, dns_max_ttl=0)
    for client, _ in [holding(one) for _ in range(2)]:
        client.query("commit")

    doubles.say({"db.test": ["127.0.0.2", "127.0.0.1"]})
    held = [holding(one) for _ in range(3)]

    assert len(one.show("SERVERS", database="fake")) == len(held)
    assert "other addresses" not in one.log


def test_a_name_that_is_not_found_is_not_asked_for_again_until_dns_nxdomain_ttl(app, doubles, hosts):
    port = hosts("127.0.0.1")
    doubles.say({"db.test": []})
    one = weir(app, doubles, port, dns_nxdomain_ttl=0.6, server_login_retry=0.1, client_login_timeout=0.3)
    one.allow("server DNS lookup failed", "could not look up host", "client_login_timeout")

    for _ in range(2):
        refused(one.client, "fake")
    asked = doubles.lookups("db.test")
    doubles.say({"db.test": ["127.0.0.1"]})
    client = eventually(one.client, "fake")

    assert asked == 1
    assert value(client, "select 1") == "127.0.0.1"


def test_the_failed_look_up_is_told_to_clients(app, doubles):
    doubles.say({"db.test": []})
    one = weir(app, doubles, 5432, server_login_retry=30, client_login_timeout=0.3)
    one.allow("DNS lookup", "could not look up host", "client_login_timeout")
    refused(one.client, "fake")

    error = refused(one.client, "fake")

    text = "server login has been failing, cached error: server DNS lookup failed (server_login_retry)"
    assert said(error) == ("FATAL", "08006", text)


def test_many_connections_at_once_ask_for_a_name_once(app, doubles, hosts):
    port = hosts("127.0.0.1")
    doubles.say({"db.test": ["slowly", "slowly", "127.0.0.1"]})
    one = weir(app, doubles, port, dns_max_ttl=0.1)

    asked = Background(crowd, 10, lambda _: holding(one))
    shown = eventually(lambda: (rows := {r["list"]: r["items"] for r in one.show("LISTS")})["dns_pending"] and rows)
    asked.result()

    assert doubles.lookups("db.test") < 10
    assert shown["dns_names"] == 1 and shown["dns_queries"] == 1


def test_show_dns_hosts_names_what_is_known(app, doubles, hosts):
    port = hosts("127.0.0.1", "127.0.0.2")
    doubles.say({"db.test": ["127.0.0.1", "127.0.0.2"]})
    one = weir(app, doubles, port, dns_max_ttl=60)
    client, _ = holding(one)

    row = one.show("DNS_HOSTS", hostname="db.test")[0]

    assert row["addrs"] == "127.0.0.1:0,127.0.0.2:0"
    assert 55 <= int(row["ttl"]) <= 60
    assert one.show("DNS_ZONES") == []
    assert client.status == "T"


def test_a_cancel_goes_to_the_address_of_the_query(app, doubles, fake_server):
    """With several addresses another one would take it for a stranger's."""
    cancelled = []

    def script(session, address):
        session.log_in()
        if session.is_cancel:
            cancelled.append(address)
            return
        while True:
            m = session.read()
            if m.kind == b"X":
                return
            if b"sleep" in m.body:
                eventually(lambda: cancelled)
                session.send(wire.error("canceled", "57014"), wire.ready())
            else:
                session.answer(rows=((address,),))

    addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    port = fake_server(lambda s: script(s, addresses[0]), address=addresses[0]).port
    for other in addresses[1:]:
        fake_server(lambda s, a=other: script(s, a), address=other, port=port)
    doubles.say({"db.test": addresses})
    one = weir(app, doubles, port)
    client = one.client("fake")
    where = value(client, "select 1")

    client.send(wire.query("select sleep"))
    eventually(lambda: one.show("POOLS", database="fake")[0]["sv_active"] == 1)
    client.cancel()

    assert client.read_until(b"Z")[-1].body == b"I"
    assert cancelled == [where]
