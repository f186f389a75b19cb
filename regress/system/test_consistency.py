"""consistency = session: a session's reads see what it has written and read before, whatever a replica is late."""

import contextlib
import re

import pytest

from lib import wire
from lib.eventually import crowding, eventually
from lib.pgweir import Pgweir
from lib.routes import DATABASE, Routes

READ = "select count(*) from hits"
WRITE = "insert into hits values (1)"


@pytest.fixture
def routes(cluster, pgweir):
    yield Routes(cluster, pgweir)
    for replica in cluster.replicas:
        replica.resume_replay()


def fronted(shared_cluster, nest, consistency):
    """A pgweir for tests that change nothing about it."""
    routes = Routes(shared_cluster, lambda config, users: Pgweir(nest, config, users))
    routes.primary.query(TABLES, DATABASE)
    shared_cluster.wait_for_replicas()
    with routes.weir(consistency=consistency, check_interval="0.2") as weir:
        weir.allow("is down", "terminating")
        if consistency == "table":
            eventually(knows_tables, routes, weir)
        yield weir


@pytest.fixture(scope="module")
def weir(shared_cluster, nest):
    """consistency = session"""
    yield from fronted(shared_cluster, nest, "session")


@pytest.fixture(scope="module")
def tables(shared_cluster, nest):
    """consistency = table, and the catalog was asked what hangs together"""
    yield from fronted(shared_cluster, nest, "table")


@contextlib.contextmanager
def held_back(*replicas):
    """These replicas replay nothing meanwhile."""
    for replica in replicas:
        replica.pause_replay()
    try:
        yield
    finally:
        for replica in replicas:
            replica.resume_replay()


class Reader:
    """A client that is told where its statements ran, and why."""

    def __init__(self, routes, weir, **options):
        self.hosts = {host.port: host for host in routes.cluster.hosts}
        self.client = weir.client(DATABASE, options="-c pgweir.route_notice=on", **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def told(self, result):
        """(host, reason) of the last request in the result."""
        texts = [n["M"] for n in result.notices if n["M"].startswith("pgweir:")]
        port, reason = re.search(r":(\d+) \((\w+)\)$", texts[-1]).groups()
        return self.hosts[int(port)], reason

    def run(self, sql):
        return self.client.query(sql)

    def read(self, sql=READ):
        """(value, host, reason)"""
        result = self.run(sql)
        return (result.rows[0][0], *self.told(result))

    def where(self, sql=READ):
        return self.told(self.run(sql))[0]


def number(host):
    return int(host.value(READ, DATABASE))


# ---- what was written is read ----


def autocommit(client):
    client.query(WRITE)


def transaction(client):
    for sql in ("begin", WRITE, "select 1", "commit"):
        client.query(sql)


def several_statements(client):
    client.query(f"{WRITE}; select 1")


def function_that_writes(client):
    client.query("select note_hit()")


def prepared_statement(client):
    client.ask(wire.parse("insert into hits values ($1)", "w"), wire.bind(["1"], "w"), wire.execute(), wire.sync())


def unnamed_statement(client):
    client.ask(wire.parse(WRITE), wire.bind(), wire.execute(), wire.sync())


def copy(client):
    client.send(wire.query("copy hits from stdin"))
    client.read_until(b"G")
    client.ask(wire.copy_data(b"1\n"), wire.copy_done())


def pipeline(client):
    client.send(wire.parse(WRITE), wire.bind(), wire.execute(), wire.sync(), wire.parse("select 1"), wire.bind(), wire.execute(), wire.sync())
    client.read_until(b"Z")
    client.read_until(b"Z")


def prepared_by_sql(client):
    client.query(f"prepare by_sql as {WRITE}")
    client.query("execute by_sql")
    client.query("deallocate by_sql")


WAYS = [autocommit, transaction, several_statements, function_that_writes, prepared_statement, unnamed_statement, copy, pipeline, prepared_by_sql]


def test_a_session_reads_what_it_wrote_however_it_wrote_it(routes, weir):
    with Reader(routes, weir) as client:
        eventually(lambda: client.where() in routes.replicas)
        with held_back(*routes.replicas):
            for way in WAYS:
                before = number(routes.primary)
                way(client.client)

                count, host, reason = client.read()

                assert (int(count), host, reason) == (before + 1, routes.primary, "not_caught_up"), way.__name__

        count, host, reason = eventually(lambda: (r := client.read())[1] in routes.replicas and r)
        assert (int(count), reason) == (number(routes.primary), "plain_read")


def test_psycopg_reads_what_it_wrote(routes, weir):
    with held_back(*routes.replicas), weir.connect(DATABASE) as connection:
        before = number(routes.primary)
        for _ in range(8):
            connection.execute(WRITE)
            connection.commit()
            before += 1
            connection.autocommit = True
            assert connection.execute(READ).fetchone() == (before,)
            assert connection.execute(READ, prepare=True).fetchone() == (before,)
            connection.autocommit = False


def test_a_notification_counts_as_what_was_read_on_the_primary(routes, weir):
    with weir.client(DATABASE) as writer, Reader(routes, weir) as listener:
        listener.run("listen hits")
        eventually(lambda: listener.where() in routes.replicas)
        with held_back(*routes.replicas):
            writer.query(f"begin; {WRITE}; notify hits; commit")
            assert listener.client.read().kind == b"A"

            assert listener.read() == (str(number(routes.primary)), routes.primary, "not_caught_up")


def test_others_read_from_the_replicas_meanwhile(routes, weir):
    with held_back(*routes.replicas), Reader(routes, weir) as writer, Reader(routes, weir) as reader:
        writer.run(WRITE)

        assert reader.where() in routes.replicas
        assert writer.where() is routes.primary


def test_what_was_read_on_the_primary_is_not_forgotten(routes, weir):
    """Monotonic reads: after a read on the primary no replica shows an older state."""
    with held_back(*routes.replicas), Reader(routes, weir) as client:
        routes.primary.query(WRITE, DATABASE)
        seen = client.read("/* pgweir: primary */ " + READ)[0]

        assert client.read() == (seen, routes.primary, "not_caught_up")


@contextlib.contextmanager
def unflushed(routes, rows=1):
    """Somebody is in the middle of a write: what that has put into the log lies there, and no replica gets it."""
    with routes.primary.client(DATABASE) as other:
        other.query("begin")
        other.query(f"insert into hits select g from generate_series(1, {rows}) g")
        assert other.query("select pg_current_wal_insert_lsn() > pg_current_wal_flush_lsn()").rows == [("t",)]
        yield
        other.query("rollback")


@pytest.mark.parametrize("rows", [1, 300])
def test_what_nobody_has_committed_keeps_no_session_from_the_replicas(routes, weir, rows):
    """PostgreSQL itself would flush it after up to 15 seconds."""
    with Reader(routes, weir) as client, unflushed(routes, rows):
        client.run("/* pgweir: primary */ " + READ)

        eventually(lambda: client.where() in routes.replicas, within=2 * crowding())


def test_a_commit_that_is_not_flushed_yet_is_read_by_its_session_and_by_who_has_seen_it(routes, weir):
    with Reader(routes, weir) as writer, Reader(routes, weir) as other:
        writer.run("set synchronous_commit = off")
        for _ in range(30):
            writer.run(WRITE)
            own = int(writer.read()[0])
            seen = int(other.read("/* pgweir: primary */ " + READ)[0])

            assert own == seen
            assert int(other.read()[0]) == seen
        assert eventually(lambda: {writer.where(), other.where()} <= routes.replicas, within=2 * crowding())


def test_a_read_only_transaction_sees_what_was_written(routes, weir):
    with held_back(*routes.replicas), Reader(routes, weir) as client:
        client.run(WRITE)
        before = number(routes.primary)

        client.run("begin read only")
        count, host, _ = client.read()
        client.run("commit")

        assert (int(count), host) == (before, routes.primary)


# ---- from replica to replica ----


def test_a_session_stays_with_a_replica_rather_than_step_back(routes, weir):
    late, other = routes.cluster.replicas
    with held_back(late):
        routes.primary.query(WRITE, DATABASE)
        eventually(lambda: number(other) == number(routes.primary))
        with Reader(routes, weir) as client:
            # given a session that has read from the one that is ahead
            eventually(lambda: client.where() is other)

            reads = [client.read() for _ in range(20)]

            assert {(int(count), host) for count, host, _ in reads} == {(number(routes.primary), other)}


def test_a_session_does_not_trust_a_replica_that_was_restarted_to_be_as_far_as_before(routes):
    """After kill -9 it is open to readers before it has replayed again what it had."""
    weir = routes.weir(consistency="session", check_interval="0.2", check_rise=1).allow("is down", "conn crashed", "login failed", "terminating")
    for_itself, late = routes.cluster.replicas
    with held_back(late), Reader(routes, weir) as client:
        routes.primary.query(WRITE, DATABASE)
        eventually(lambda: number(for_itself) == number(routes.primary))
        eventually(lambda: client.where() is for_itself)
        count = client.read()[0]
        for_itself.kill9()
        for_itself.start()
        with Reader(routes, weir) as other:
            eventually(lambda: other.where() is for_itself)

        assert client.read()[:2] == (count, routes.primary)


def test_a_read_whose_replica_dies_while_it_waits_goes_on_elsewhere(routes):
    weir = routes.weir(consistency="session", check_interval="0.2", keys={"read_from_primary": "never", "pool_size": 1, "consistency": "session"})
    weir.allow("is down", "conn crashed", "login failed", "terminating")
    busy, late = routes.cluster.replicas
    with held_back(late), Reader(routes, weir) as client, Reader(routes, weir) as holder:
        # given a read that waits for the only replica which is far enough
        for reader in (client, holder):
            reader.run(WRITE)
            eventually(lambda: reader.where() is busy)
        holder.run("begin read only")
        holder.run(READ)
        client.client.send(wire.query(READ))
        eventually(lambda: weir.show("POOLS", database=DATABASE)[0]["cl_waiting"] == 1)

        busy.kill9()
        try:
            answer = wire.Result(client.client.read_until(b"Z"))
        finally:
            busy.start()

    assert answer.rows == [(str(number(routes.primary)),)]


def test_what_has_been_written_is_read_on_a_replica_while_there_is_no_primary(routes):
    weir = routes.weir(consistency="session", check_interval="0.2", check_timeout="0.2", check_fall=1, check_rise=1)
    weir.allow("is down", "conn crashed", "login failed")
    late, _ = routes.cluster.replicas
    with Reader(routes, weir) as client:
        with held_back(*routes.replicas):
            client.run(WRITE)
            count = client.read()[0]
            known_everywhere(routes, weir)
            routes.primary.pause()
            try:
                eventually(is_down, weir, routes.primary)
                client.client.send(wire.query(READ))
                eventually(lambda: weir.show("POOLS", database=DATABASE)[0]["cl_waiting"] == 1)

                late.resume_replay()
                answer = wire.Result(client.client.read_until(b"Z"))
            finally:
                routes.primary.resume()
        eventually(is_up, weir, routes.primary)

    assert answer.rows == [(count,)]
    assert client.told(answer) == (late, "plain_read")


def test_a_read_that_has_met_no_host_at_all_goes_to_the_first_replica_that_is_back(routes):
    weir = routes.weir(consistency="session", check_interval="0.2", check_timeout="0.2", check_fall=1, check_rise=1)
    weir.allow("is down", "conn crashed", "login failed")
    late, other = routes.cluster.replicas
    with Reader(routes, weir) as client:
        client.run(WRITE)
        count = client.read()[0]
        known_everywhere(routes, weir)
        for host in (routes.primary, other, late):
            host.pause()
        try:
            for host in (routes.primary, other, late):
                eventually(is_down, weir, host)
            client.client.send(wire.query(READ))
            eventually(lambda: weir.show("POOLS", database=DATABASE)[0]["cl_waiting"] == 1)

            late.resume()
            answer = wire.Result(client.client.read_until(b"Z"))
        finally:
            for host in (routes.primary, other, late):
                host.resume()

    assert answer.rows == [(count,)]
    assert client.told(answer) == (late, "plain_read")


def known_everywhere(routes, weir):
    """The replicas have received all that the primary has, and the sessions have heard how far that is."""
    written = routes.primary.value("select pg_current_wal_lsn()")
    for replica in routes.replicas:
        eventually(lambda: replica.value(f"select pg_last_wal_receive_lsn() >= '{written}'") == "t")
    eventually(lambda: {s["state"] for s in weir.show("SERVERS", database=DATABASE, port=routes.primary.port)} == {"idle"})


def is_down(weir, host):
    return weir.show("HOSTS", port=host.port)[0]["state"] == "down"


def is_up(weir, host):
    return weir.show("HOSTS", port=host.port)[0]["state"] == "up"


def test_a_session_moves_to_a_replica_that_has_come_as_far(routes, weir):
    with Reader(routes, weir) as client:
        first = eventually(lambda: (host := client.where()) in routes.replicas and host)

        assert eventually(lambda: client.where() in routes.replicas - {first})


# ---- tokens ----


def show(client, ask):
    """pgweir.last_lsn in either protocol, by SHOW or by the function."""
    sql = "select pg_catalog.current_setting('PgWeir.last_lsn', false)" if "function" in ask else "show pgweir.last_lsn"
    if "extended" not in ask:
        return client.query(sql).rows[0][0]
    result = client.ask(wire.parse(sql), wire.bind(), wire.describe(), wire.execute(), wire.sync())
    assert result.error is None, result.error
    return result.rows[0][0]


@pytest.mark.parametrize("ask", ["simple", "extended", "function", "extended function"])
def test_a_token_carries_what_was_written_to_another_client(routes, weir, ask):
    with held_back(*routes.replicas), Reader(routes, weir) as writer, Reader(routes, weir) as reader:
        replayed = routes.cluster.replica(1).value("select pg_last_wal_replay_lsn()")
        writer.run(WRITE)
        token = show(writer.client, ask)
        assert routes.primary.value(f"select '{replayed}'::pg_lsn < '{token}' and '{token}'::pg_lsn <= pg_current_wal_insert_lsn()") == "t"
        eventually(lambda: reader.where() in routes.replicas)

        reader.run(f"set pgweir.min_lsn = '{token}'")

        count, host, reason = reader.read()
        assert (int(count), host, reason) == (number(routes.primary), routes.primary, "not_caught_up")
        assert reader.run("show pgweir.min_lsn").rows == [(token,)]


def test_a_token_covers_what_was_read_on_a_replica(routes, weir):
    with Reader(routes, weir) as client:
        eventually(lambda: client.where() in routes.replicas)
        client.run("begin read only")
        seen_on = client.where()
        replayed = seen_on.value("select pg_last_wal_replay_lsn()")

        token = show(client.client, "simple")
        client.run("commit")

        assert seen_on in routes.replicas
        assert routes.primary.value(f"select '{replayed}'::pg_lsn <= '{token}' and '{token}'::pg_lsn <= pg_current_wal_insert_lsn()") == "t"


def test_a_token_is_asked_for_where_there_is_no_floor(routes):
    weir = routes.weir()
    with weir.client(DATABASE) as client:
        token = show(client, "simple")
        inside = [client.query(sql) for sql in ("begin", WRITE, "show pgweir.last_lsn", "rollback")][2].rows[0][0]

        assert routes.primary.value(f"select '{token}'::pg_lsn < '{inside}'::pg_lsn and '{inside}'::pg_lsn <= pg_current_wal_insert_lsn()") == "t"


def test_a_token_counts_for_a_session_that_is_eventual(routes):
    weir = routes.weir(check_interval="0.2")
    with held_back(*routes.replicas), Reader(routes, weir) as reader:
        routes.primary.query(WRITE, DATABASE)
        token = routes.primary.value("select pg_current_wal_insert_lsn()")
        reader.run(f"set pgweir.min_lsn = '{token}'")
        assert reader.where() is routes.primary

        reader.run("reset pgweir.min_lsn")

        assert reader.where() in routes.replicas


def test_consistency_and_tokens_are_checked_as_postgresql_does(routes, weir):
    with weir.client(DATABASE) as client:
        for sql in ("set pgweir.min_lsn = 'x'", "set pgweir.min_lsn = '0/3/1'", "set local pgweir.min_lsn = 7", "set pgweir.consistency = 'strong'"):
            simple = client.ask(wire.query(sql)).error
            extended = client.ask(wire.parse(sql), wire.bind(), wire.execute(), wire.sync()).error
            assert (simple.fields["C"], extended.fields["C"]) == ("22023", "22023"), sql
            assert simple.fields["M"].startswith("invalid value for parameter \"pgweir.")

        assert client.query("show pgweir.consistency").rows == [("session",)]


def test_a_session_may_choose_its_consistency(routes, weir):
    with held_back(*routes.replicas), Reader(routes, weir) as client:
        client.run(WRITE)
        client.run("begin")
        client.run("set local pgweir.consistency = 'eventual'")
        client.run("commit")
        assert client.where() is routes.primary

        client.run("set pgweir.consistency = 'eventual'")
        assert client.where() in routes.replicas

        client.run("set pgweir.consistency = 'session'")
        assert client.where() is routes.primary


# ---- consistency = table ----

TABLES = """
create table if not exists t1 (n int);
create table if not exists t2 (n int);
create table if not exists parent (id int primary key);
create table if not exists child (id int references parent on delete cascade);
create table if not exists parted (n int) partition by range (n);
create table if not exists part_low partition of parted for values from (0) to (10);
create table if not exists part_high partition of parted for values from (10) to (20);
create or replace view both_tables as select n from t1 union all select n from child join t1 on true;
create or replace view simple as select n from t1;
create table if not exists watched (n int);
create or replace function watch() returns trigger language plpgsql as 'begin insert into t2 values (new.n); return new; end';
create or replace trigger watch after insert on watched for each row execute function watch();
create or replace function note_hit() returns int language sql as 'insert into hits values (1) returning n';
create or replace function counted() returns bigint language sql stable as 'select count(*) from t1';
"""


def knows_tables(routes, weir):
    """True once the catalog was asked what hangs together: until then a write may be one of any table."""
    caught_up(routes, weir)
    with held_back(*routes.replicas), Reader(routes, weir) as client:
        client.run("insert into t1 values (0)")
        return client.where(count("t2")) in routes.replicas


def count(table):
    return f"select count(*) from {table}"


def caught_up(routes, weir):
    """All that was written may be read on the replicas."""
    with Reader(routes, weir) as client:
        for table in ("t1", "t2", "parent", "child", "parted", "watched", "hits"):
            eventually(lambda: client.where(count(table)) in routes.replicas)


CHANGES = [
    # a write, what has to be read on the primary after it, what need not
    ("insert into t1 values (1)", ["t1", "simple", "both_tables"], ["t2", "child", "parted", "hits"]),
    ("insert into parent values (1)", ["parent", "child", "both_tables"], ["t1", "t2", "parted"]),
    ("insert into child values (1)", ["child", "both_tables"], ["parent", "t1", "simple"]),
    ("delete from parent", ["parent", "child", "both_tables"], ["t1", "t2"]),
    ("insert into part_low values (1)", ["parted", "part_low"], ["t1", "t2"]),
    ("insert into parted values (11)", ["parted", "part_high"], ["t1", "child"]),
    ("insert into simple values (1)", ["t1", "simple"], ["t2", "parent"]),
    ("insert into watched values (1)", ["watched", "t2", "t1"], []),
    ("select note_hit()", ["hits", "t1"], []),
    ("do 'begin insert into hits values (1); end'", ["hits", "t2"], []),
    ("truncate t2", ["t2", "t1"], []),
    ("insert into t1 select id from notes", ["t1"], ["t2", "notes"]),
    ("with gone as (delete from t1 returning n) select count(*) from gone", ["t1"], ["t2"]),
    ("select nextval('notes_id_seq')", [], ["t1", "t2"]),
    ("select * from t1 for update", [], ["t1", "t2"]),
]


def test_a_write_is_seen_by_all_clients_and_only_where_it_was(routes, tables):
    with Reader(routes, tables) as writer, Reader(routes, tables) as reader:
        for sql, changed, untouched in CHANGES:
            caught_up(routes, tables)
            with held_back(*routes.replicas):
                writer.run(sql)

                for table in changed:
                    value, host, _ = reader.read(count(table))
                    assert host is routes.primary, (sql, table)
                    assert value == routes.primary.value(count(table), DATABASE)
                for table in untouched:
                    assert reader.where(count(table)) in routes.replicas, (sql, table)


def test_a_function_that_reads_a_table_is_a_read_of_any(routes, tables):
    caught_up(routes, tables)
    with held_back(*routes.replicas), Reader(routes, tables) as writer, Reader(routes, tables) as reader:
        writer.run("insert into t1 values (1)")

        assert reader.read("select counted()")[1:] == (routes.primary, "not_caught_up")
        assert reader.where("select count(*) from t2") in routes.replicas


def test_nobody_reads_past_a_write_that_is_under_way(routes, tables):
    caught_up(routes, tables)
    with Reader(routes, tables) as writer, Reader(routes, tables) as reader:
        for sql in ("begin", "insert into t1 values (1)"):
            writer.run(sql)
        assert reader.where(count("t1")) is routes.primary
        assert reader.where(count("t2")) in routes.replicas

        writer.run("rollback")

        eventually(lambda: reader.where(count("t1")) in routes.replicas)


@pytest.mark.parametrize("keys", [{"route": "split"}, {"route": "primary"}, {"route": "split", "pool_mode": "session"}])
def test_writers_count_whatever_their_own_entry_says(routes, tables, pgweir, keys):
    """Two entries for one database: the readers' is consistent, the writers' is not."""
    config = {
        "databases": {DATABASE: routes.cluster.target(DATABASE, route="split", consistency="table"),
                      "other": routes.cluster.target(DATABASE, consistency="eventual", **keys)},
        "pgbouncer": {"pool_mode": "transaction", "workers": 2, "monitor_user": "postgres", "check_interval": "0.2"},
    }
    weir = pgweir(config, {"postgres": ""})
    eventually(routes.splits, weir)
    with Reader(routes, weir) as reader, weir.client("other") as writer:
        eventually(lambda: reader.where(count("t1")) in routes.replicas)
        with held_back(*routes.replicas):
            writer.query("insert into t1 values (1)")

            assert reader.read(count("t1")) == (routes.primary.value(count("t1"), DATABASE), routes.primary, "not_caught_up")

        def is_told_apart():
            """The writers' entry knows its catalog too: its reads are nobody's writes, and a write is of one table."""
            with held_back(*routes.replicas):
                writer.query("insert into t1 values (1)")
                writer.query(count("hits"))
                return reader.where(count("t2")) in routes.replicas

        eventually(is_told_apart)


# ---- another primary ----


def test_after_a_promotion_reads_go_on_where_the_new_primary_was(own_cluster, pgweir):
    routes = Routes(own_cluster, pgweir)
    weir = routes.weir(consistency="session", check_interval="0.2").allow("is down", "conn crashed", "login failed", "is not used")
    former, heir, late = routes.primary, *own_cluster.replicas
    with Reader(routes, weir) as client:
        client.run(WRITE)
        own_cluster.wait_for_replicas()
        eventually(lambda: client.where() in routes.replicas)
        with held_back(late):
            former.kill9()
            own_cluster.promote(heir)
            eventually(lambda: client.where() is heir, within=20)

            client.run(WRITE)

            assert client.read()[:2] == (str(number(heir)), heir)

        count, host, _ = eventually(lambda: (r := client.read())[1] is late and r, within=20)
        assert int(count) == number(heir)
