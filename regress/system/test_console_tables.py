"""The console: the columns of every SHOW, as exporters and dashboards know them from PgBouncer."""

import struct

import pytest

from lib import wire

OIDS = {"s": 25, "i": 23, "q": 20, "N": 1700, "b": 17}

CONNECTION = (
    "type:s user:s database:s replication:s state:s addr:s port:i local_addr:s local_port:i connect_time:s request_time:s "
    "wait:i wait_us:i close_needed:i ptr:s link:s remote_pid:i tls:s application_name:s prepared_statements:i id:i"
)
SOCKET = CONNECTION + " recv_pos:i pkt_pos:i pkt_remain:i send_pos:i send_remain:i pkt_avail:i send_avail:i"

# PgBouncer's, then what only pgweir has.
SHOWN = {
    "STATS": "database:s total_server_assignment_count:N total_xact_count:N total_query_count:N total_received:N "
    "total_sent:N total_xact_time:N total_query_time:N total_wait_time:N total_client_parse_count:N "
    "total_server_parse_count:N total_bind_count:N total_client_login_count:N avg_server_assignment_count:N "
    "avg_xact_count:N avg_query_count:N avg_recv:N avg_sent:N avg_xact_time:N avg_query_time:N avg_wait_time:N "
    "avg_client_parse_count:N avg_server_parse_count:N avg_bind_count:N avg_client_login_count:N",
    "STATS_TOTALS": "database:s server_assignment_count:N xact_count:N query_count:N bytes_received:N bytes_sent:N "
    "xact_time:N query_time:N wait_time:N client_parse_count:N server_parse_count:N bind_count:N client_login_count:N",
    "STATS_AVERAGES": "database:s server_assignment_count:N xact_count:N query_count:N bytes_received:N bytes_sent:N "
    "xact_time:N query_time:N wait_time:N avg_client_parse_count:N avg_server_parse_count:N avg_bind_count:N "
    "avg_client_login_count:N",
    "TOTALS": "name:s value:N",
    "POOLS": "database:s user:s cl_active:i cl_waiting:i cl_active_cancel_req:i cl_waiting_cancel_req:i sv_active:i "
    "sv_active_cancel:i sv_being_canceled:i sv_idle:i sv_used:i sv_tested:i sv_login:i maxwait:i maxwait_us:i "
    "pool_mode:s load_balance_hosts:s",
    "PEER_POOLS": "peer_id:i cl_active_cancel_req:i cl_waiting_cancel_req:i sv_active_cancel:i sv_login:i",
    "DATABASES": "name:s host:s port:i database:s force_user:s pool_size:i min_pool_size:i reserve_pool_size:i "
    "server_lifetime:i pool_mode:s load_balance_hosts:s max_connections:i current_connections:i "
    "max_client_connections:i current_client_connections:i paused:i disabled:i primary_paused:i",
    "PEERS": "peer_id:i host:s port:i pool_size:i",
    "USERS": "name:s pool_size:s reserve_pool_size:s pool_mode:s max_user_connections:i current_connections:i "
    "max_user_client_connections:i current_client_connections:i",
    "CLIENTS": CONNECTION,
    "SERVERS": CONNECTION,
    "SOCKETS": SOCKET,
    "ACTIVE_SOCKETS": SOCKET,
    "LISTS": "list:s items:i",
    "CONFIG": "key:s value:s default:s changeable:s",
    "MEM": "name:s size:i used:i free:i memtotal:i",
    "STATE": "key:s value:s",
    "DNS_HOSTS": "hostname:s ttl:q addrs:s",
    "DNS_ZONES": "zonename:s serial:q count:i",
    "VERSION": "version:s",
    "FDS": "fd:i task:s user:s database:s addr:s port:i cancel:q link:i client_encoding:s std_strings:s datestyle:s "
    "timezone:s password:s scram_client_key:b scram_server_key:b",
    "HOSTS": "database:s host:s port:i role:s state:s servers:i lag_us:q lag_bytes:q timeline:i checks:q failures:q "
    "role_changes:q checked:s reason:s weight:i changed:s",
    "ROUTES": "database:s reason:s target:s primary:q replica:q other:q host:s port:i statements:q dry_run:q text:s",
}


def columns(text):
    return [(name, OIDS[kind]) for name, kind in (column.split(":") for column in text.split())]


def described(message):
    """All of a RowDescription: (name, table oid, column number, type oid, typmod, format) for each column."""
    count, at, found = struct.unpack_from("!H", message.body)[0], 2, []
    for _ in range(count):
        end = message.body.index(0, at)
        table, number, oid, _, modifier, form = struct.unpack_from("!IHIhih", message.body, end + 1)
        found.append((message.body[at:end].decode(), table, number, oid, modifier, form))
        at = end + 19
    return found


@pytest.fixture
def console(desk):
    """An administrator's console of a pgweir in which something has happened."""
    one = desk()
    one.client("app").query("select 1")
    return one.client("pgbouncer")


def test_columns_have_the_names_order_and_types_that_exporters_know(console):
    for name, expected in SHOWN.items():
        result = console.query(f"SHOW {name}")

        described_as = [described(m) for m in result.messages if m.kind == b"T"]
        assert described_as == [[(column, 0, 0, oid, -1, 0) for column, oid in columns(expected)]], name
        assert result.tags == ["SHOW"] and (result.notices == [] or name == "CONFIG"), name


def test_every_row_of_a_show_has_a_value_for_each_column(console):
    for name, expected in SHOWN.items():
        for row in console.query(f"SHOW {name}").rows:
            for value, (column, oid) in zip(row, columns(expected), strict=True):
                assert value is None or oid in (25, 17) or int(value) >= 0, f"{name}.{column} is {value!r}"


def test_the_extended_protocol_describes_and_sends_the_same_columns(console):
    for name, expected in SHOWN.items():
        statement = console.ask(wire.parse(f"show {name}", "s"), wire.describe("S", "s"), wire.sync())
        rows = console.ask(wire.bind(name="s"), wire.execute(), wire.close("S", "s"), wire.sync())

        assert statement.columns == columns(expected), name
        assert rows.tags == ["SHOW"] and all(len(row) == len(statement.columns) for row in rows.rows), name


def test_help_names_every_show_of_this_table(console):
    told = console.query("SHOW HELP").notices[0]

    assert told["M"] == "Console usage"
    assert all(f"SHOW {name}" in told["D"] for name in SHOWN)
