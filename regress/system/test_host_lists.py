"""Several hosts in one entry that is not routed: used in turn, or one until it fails."""

import itertools
import socket

import pytest

from lib import wire
from lib.eventually import eventually
from lib.fake_server import Session
from lib.nest import free_port
from lib.scene import Background, value

_names = itertools.count(1)


def naming(word):
    def script(session):
        session.log_in().serve(
            lambda sql: [wire.row_description("word"), wire.data_row(word), wire.command_complete("SELECT 1")]
            if sql == "select 1" else None
        )

    return script


@pytest.fixture
def three(fake_server):
    """Three servers that answer with their number."""
    return [fake_server(naming(str(number))) for number in range(3)]


def entry(servers, **keys):
    hosts = ",".join("127.0.0.1" for _ in servers)
    ports = ",".join(str(server.port) for server in servers)
    return " ".join([f"host={hosts} port={ports}", *(f"{k}={v}" for k, v in keys.items())])


def holding(one, database="fake"):
    client = one.client(database)
    client.query("begin")
    return client, value(client, "select 1")


def test_new_connections_take_the_hosts_in_turn(app, three):
    one = app.weir(databases={"fake": entry(three)}).allow("server conn crashed")

    held = [holding(one) for _ in range(6)]

    assert [where for _, where in held] == ["0", "1", "2"] * 2


def test_an_entry_s_hosts_are_taken_in_turn_by_all_of_its_users(app, three):
    names = ["lists_a", "lists_b", "lists_c"]
    one = app.weir(databases={"fake": entry(three)}, secrets={name: "" for name in names}, admin_users="lists_a")

    clients = [one.client("fake", user=name) for name in names]

    assert sorted(value(client, "select 1") for client in clients) == ["0", "1", "2"]


def test_no_server_is_opened_that_nobody_waits_for(app, three):
    """Hosts that have fewer servers than others are not filled up."""
    one = app.weir(databases={"fake": entry(three)}).allow("server conn crashed")
    client = one.client("fake")

    for _ in range(20):
        client.query("select 1")

    assert len(one.show("SERVERS", database="fake")) == 1


def test_a_host_that_refuses_is_passed_over_until_server_login_retry(app, fake_server, three):
    port = three[1].port
    three[1].close()
    one = app.weir(databases={"fake": entry(three)}, server_login_retry=0.3).allow("server login failed")

    held = [holding(one) for _ in range(4)]
    fake_server(naming("again"), port=port)

    assert sorted(where for _, where in held) == ["0", "0", "2", "2"]
    assert eventually(lambda: held.append(holding(one)) or held[-1][1] == "again", every=0.1)


def test_without_balance_one_host_is_used_until_it_fails(app, fake_server, three):
    """And then the next one, even when the first is back."""
    port = three[0].port
    one = app.weir(databases={"fake": entry(three, load_balance_hosts="disable")}, server_login_retry=0.1)
    one.allow("server login failed", "server conn crashed")
    before = [holding(one) for _ in range(3)]

    three[0].close()
    after = [holding(one) for _ in range(2)]
    fake_server(naming("0"), port=port)
    eventually(lambda: socket.create_connection(("127.0.0.1", port)).close() is None)
    later = [holding(one) for _ in range(2)]

    assert [where for _, where in before] == ["0"] * 3
    assert [where for _, where in after + later] == ["1"] * 4


@pytest.mark.parametrize("balance, shown", [("disable", "disable"), ("round-robin", "round-robin")])
def test_show_databases_tells_the_hosts_and_how_they_are_used(app, three, balance, shown):
    one = app.weir(databases={"fake": entry(three, load_balance_hosts=balance)})

    row = one.show("DATABASES", name="fake")[0]

    assert row["host"] == "127.0.0.1,127.0.0.1,127.0.0.1"
    assert row["load_balance_hosts"] == shown


def test_one_port_counts_for_all_hosts(app, fake_server):
    first = fake_server(naming("one"))
    fake_server(naming("two"), address="127.0.0.2", port=first.port)
    one = app.weir(databases={"fake": f"host=127.0.0.1,127.0.0.2 port={first.port}"})

    held = [holding(one) for _ in range(2)]

    assert [where for _, where in held] == ["one", "two"]


def test_an_ipv6_address_is_a_host(app):
    port = free_port()
    with socket.socket(socket.AF_INET6) as listener:
        listener.bind(("::1", port))
        listener.listen(1)
        one = app.weir(databases={"fake": f"host=::1 port={port}"}).allow("client disconnect|login failed|connect")
        asking = Background(lambda: one.client("fake"))
        listener.settimeout(10)
        accepted, peer = listener.accept()
        session = Session(accepted, 1)
        session.log_in()
        client = asking.result()

        assert one.show("SERVERS", database="fake")[0]["addr"] == "::1"
        assert peer[0] == "::1"
        client.close()
        session.close()


def test_a_name_that_begins_with_an_at_sign_is_an_abstract_socket(app):
    """@name is the folder; the socket's name goes on as that of a file would."""
    folder = f"@pgweir-test-{free_port()}-{next(_names)}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0" + folder[1:] + "/.s.PGSQL.5432")
        listener.listen(1)
        one = app.weir(databases={"fake": f"host={folder} port=5432"}).allow("client disconnect|login failed|connect")
        asking = Background(lambda: one.client("fake"))
        listener.settimeout(10)
        accepted, _ = listener.accept()
        session = Session(accepted, 1)
        session.log_in()
        client = asking.result()

        assert one.show("SERVERS", database="fake")[0]["addr"] == "unix"
        client.close()
        session.close()


def test_a_list_may_mix_folders_and_addresses(app, fake_server):
    first = fake_server(naming("tcp"), unix_folder=app.cluster.nest.folder(f"mixed{free_port()}"))
    folder = first.unix_listener.getsockname().rsplit("/", 1)[0]
    one = app.weir(databases={"fake": f"host=127.0.0.1,{folder} port={first.port}"})

    held = [holding(one) for _ in range(2)]

    assert {row["addr"] for row in one.show("SERVERS", database="fake")} == {"127.0.0.1", "unix"}
    assert len(held) == 2


def test_new_connections_are_spread_in_proportion_to_weight(app, three):
    one = app.weir(databases={"fake": entry(three, weight="3,0,1")}).allow("server conn crashed")

    held = [holding(one) for _ in range(8)]

    assert sorted(where for _, where in held) == ["0"] * 6 + ["2"] * 2


def test_a_host_without_weight_serves_while_the_others_refuse(app, fake_server, three):
    port = three[0].port
    three[0].close()
    one = app.weir(databases={"fake": entry(three[:2], weight="1,0")}, server_login_retry=0.3).allow("server login failed")

    held = [holding(one)]
    fake_server(naming("again"), port=port)

    assert held[0][1] == "1"
    assert eventually(lambda: held.append(holding(one)) or held[-1][1] == "again", every=0.1)
