"""psycopg2: a mixed load in autocommit and in transactions, errors, COPY and cursors through a split."""

import io
import time

import psycopg2
import pytest

from lib.load import assert_split
from lib.routes import DATABASE
from lib.scene import crowd

CLIENTS, SECONDS = 20, 2


def connect(weir, **session):
    connection = psycopg2.connect(weir.conninfo(DATABASE))
    connection.set_session(**session)
    return connection


def test_a_mixed_load_in_autocommit_is_split_by_reads_and_writes(routes, splitting):
    seen = routes.watch()

    def work(number):
        end, reads, writes = time.monotonic() + SECONDS, 0, 0
        connection = connect(splitting, autocommit=True)
        with connection.cursor() as cursor:
            while time.monotonic() < end:
                if (reads + writes + number) % 5 == 0:
                    cursor.execute("/* write */ insert into hits values (%s)", [number])
                    writes += 1
                else:
                    cursor.execute("/* read */ select v from notes where id = %s", [number % 20 + 1])
                    assert cursor.fetchone() == (f"v{number % 20 + 1}",)
                    reads += 1
        connection.close()
        return reads, writes

    done = crowd(CLIENTS, work)

    assert_split(routes, seen, sum(r for r, _ in done), sum(w for _, w in done))


def test_read_only_sessions_run_on_the_replicas_beside_writing_transactions(routes, splitting):
    notes = int(routes.primary.value("select count(*) from notes", "routed"))
    seen = routes.watch()

    def work(number):
        end, reads, writes = time.monotonic() + SECONDS, 0, 0
        reader = connect(splitting, readonly=True)
        writer = connect(splitting)
        while time.monotonic() < end:
            if (reads + writes + number) % 5 == 0:
                with writer, writer.cursor() as cursor:
                    cursor.execute("/* write */ insert into hits values (%s)", [number])
                writes += 1
            else:
                with reader, reader.cursor() as cursor:
                    cursor.execute("/* read */ select count(*) from notes")
                    assert cursor.fetchone() == (notes,)
                reads += 1
        reader.close()
        writer.close()
        return reads, writes

    done = crowd(CLIENTS, work)

    assert_split(routes, seen, sum(r for r, _ in done), sum(w for _, w in done))


def test_errors_leave_the_session_as_it_was(routes, splitting):
    connection = connect(splitting, autocommit=True)
    with connection.cursor() as cursor:
        for _ in range(3):
            with pytest.raises(psycopg2.errors.UndefinedTable):
                cursor.execute("select * from nothing")
            cursor.execute("select v from notes where id = 2")
            assert cursor.fetchone() == ("v2",)
    connection.close()


def test_copy_and_server_side_cursors_work(routes, splitting):
    seen, lines = routes.watch(), io.StringIO()
    connection = connect(splitting)

    with connection, connection.cursor("walk") as cursor:
        cursor.itersize = 7
        cursor.execute("/* walk */ select id from notes order by id")
        ids = [row[0] for row in cursor]
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.copy_expert("/* out */ copy (select v from notes where id < 3 order by id) to stdout", lines)
        cursor.copy_expert("/* in */ copy hits from stdin", io.StringIO("1\n2\n"))
    connection.close()

    assert ids[:3] == [1, 2, 3]
    assert lines.getvalue() == "v1\nv2\n"
    assert seen.on("out") <= routes.replicas
    assert seen.on("in") == {routes.primary}
