"""psycopg (3): a mixed load, prepared and not, transactions, errors, COPY and cursors through a split."""

import time

import psycopg
import pytest

from lib.load import assert_split
from lib.routes import DATABASE
from lib.scene import crowd

CLIENTS, SECONDS = 20, 2


@pytest.mark.parametrize("prepare", [False, True])
def test_a_mixed_load_is_split_by_reads_and_writes(routes, splitting, prepare):
    seen = routes.watch()

    def work(number):
        end, reads, writes = time.monotonic() + SECONDS, 0, 0
        with splitting.connect(DATABASE) as connection:
            while time.monotonic() < end:
                if (reads + writes + number) % 5 == 0:
                    connection.execute("/* write */ insert into hits values (%s)", [number], prepare=prepare)
                    writes += 1
                else:
                    row = connection.execute("/* read */ select v from notes where id = %s", [number % 20 + 1], prepare=prepare).fetchone()
                    assert row == (f"v{number % 20 + 1}",)
                    reads += 1
        return reads, writes

    done = crowd(CLIENTS, work)

    assert_split(routes, seen, sum(r for r, _ in done), sum(w for _, w in done))


def test_a_transaction_reads_what_it_wrote(routes, splitting):
    seen = routes.watch()

    with splitting.connect(DATABASE, autocommit=False) as connection:
        connection.execute("/* inside */ insert into hits values (4711)")
        count = connection.execute("/* inside */ select count(*) from hits where n = 4711").fetchone()[0]
        connection.rollback()
        connection.read_only = True
        connection.execute("/* only */ select v from notes where id = 1")
        connection.commit()

    assert count == 1
    assert seen.on("inside") == {routes.primary}
    assert seen.on("only") < routes.replicas | {routes.primary}


def test_errors_leave_the_session_as_it_was(routes, splitting):
    with splitting.connect(DATABASE) as connection:
        for _ in range(3):
            with pytest.raises(psycopg.errors.UndefinedColumn):
                connection.execute("select nothing from notes where id = %s", [1], prepare=True)
            with pytest.raises(psycopg.errors.DivisionByZero):
                connection.execute("select 1 / %s from notes", [0], prepare=True)
            assert connection.execute("select v from notes where id = %s", [2], prepare=True).fetchone() == ("v2",)


def test_copy_and_server_side_cursors_work(routes, splitting):
    seen = routes.watch()

    with splitting.connect(DATABASE) as connection:
        with connection.cursor().copy("/* out */ copy (select v from notes where id < 3 order by id) to stdout") as copy:
            lines = list(copy.rows())
        with connection.cursor().copy("/* in */ copy hits from stdin") as copy:
            copy.write_row([1])
        with connection.transaction(), connection.cursor(name="walk") as cursor:
            cursor.itersize = 7
            cursor.execute("/* walk */ select id from notes order by id")
            ids = [row[0] for row in cursor]

    assert lines == [("v1",), ("v2",)]
    assert ids[:3] == [1, 2, 3]
    assert seen.on("out") <= routes.replicas
    assert seen.on("in") == {routes.primary}
