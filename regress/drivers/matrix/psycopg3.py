"""The matrix by psycopg 3, its pipelines too: see README.md."""

import os
import sys
import threading

import psycopg

WHO = range(int(sys.argv[1]))
SAID = []


def one(connection, text, values=None):
    return connection.execute(text, values).fetchone()[0]


def failing(connection, text):
    try:
        connection.execute(text)
    except psycopg.Error as error:
        return error.sqlstate
    return "no error"


def pipelined(c, who):
    """Three statements in one go, then three of which the second fails."""
    with c.pipeline():
        sums = [c.execute("select %s::int + %s::int", (who, n)) for n in range(3)]
    said = [cursor.fetchone()[0] for cursor in sums]
    try:
        with c.pipeline():
            c.execute("insert into ledger values (%s, 'piped')", (who,))
            c.execute("select 1 / 0")
            c.execute("insert into ledger values (%s, 'piped')", (who,))
    except psycopg.Error as error:
        said.append(error.sqlstate)
    return [*said, one(c, "select count(*) from ledger where who = %s and what = 'piped'", (who,))]


def cancelled(c):
    """Again and again: a cancel that comes between the Parse and the Bind cancels nothing."""
    done = threading.Event()

    def cancel():
        while not done.wait(0.2):
            c.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    code = failing(c, "select pg_sleep(30)")
    done.set()
    thread.join()
    return code


def work(who):
    def say(step, *results):
        SAID.append(f"{who:02} {step}: " + " ".join(str(r) for r in results))

    c = psycopg.connect("", autocommit=True, prepare_threshold=0)
    say("prepared", *[one(c, "select %s::int + %s::int", (who, n)) for n in range(3)])
    say("pipeline", *pipelined(c, who))

    with c.transaction():
        c.execute("insert into ledger values (%s, 'kept')", (who,))
        code = None
        try:
            with c.transaction():
                c.execute("select 1 / 0")
        except psycopg.Error as error:
            code = error.sqlstate
        c.execute("insert into ledger values (%s, 'kept')", (who,))
    with c.transaction(force_rollback=True):
        c.execute("insert into ledger values (%s, 'gone')", (who,))
    say("transaction", code, one(c, "select count(*) from ledger where who = %s", (who,)))

    c.execute(f"set app.tag = 'tag {who}'")
    c.execute(f"set timezone = 'Etc/GMT+{who}'")
    c.execute("create temporary table scratch (v int)")
    c.execute("insert into scratch values (%s), (%s)", (who, who))
    say("temporary", one(c, "select sum(v) from scratch"))
    c.execute("drop table scratch")

    taken = one(c, "select pg_try_advisory_lock(%s)", (4200 + who,))
    say("advisory", taken, one(c, "select pg_advisory_unlock(%s)", (4200 + who,)))

    c.execute(f"listen channel_{who}")
    heard = []
    c.add_notify_handler(heard.append)
    c.execute(f"notify channel_{who}, 'hello {who}'")
    while not heard:
        c.execute("")
    say("listen", heard[0].payload, heard[0].pid == c.info.backend_pid)
    c.execute(f"unlisten channel_{who}")

    with c.cursor() as cursor:
        with cursor.copy("copy ledger from stdin") as copy:
            for _ in range(100):
                copy.write_row((who, "copied"))
        with cursor.copy(f"copy (select * from ledger where who = {who} and what = 'copied') to stdout") as copy:
            say("copy", len(list(copy.rows())))

    say("cancel", cancelled(c), one(c, "select 1"))

    rows = c.execute("select repeat('x', 100) from generate_series(1, 20000)").fetchall()
    say("large", len(rows), sum(len(row[0]) for row in rows))
    say("settings", one(c, "show app.tag"), one(c, "show timezone"))
    say("prepared again", one(c, "select %s::int + %s::int", (who, 100)))
    c.close()


def fail(what):
    """What fails in one thread fails the program."""
    sys.__excepthook__(what.exc_type, what.exc_value, what.exc_traceback)
    os._exit(1)


threading.excepthook = fail
threads = [threading.Thread(target=work, args=(who,)) for who in WHO]
for t in threads:
    t.start()
for t in threads:
    t.join()
print("\n".join(sorted(SAID)))
