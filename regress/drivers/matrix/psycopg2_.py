"""The matrix by psycopg2: see README.md."""

import io
import os
import select
import sys
import threading
import time

import psycopg2

WHO = range(int(sys.argv[1]))
SAID = []


def ask(connection, text, values=None):
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return cursor.fetchall() if cursor.description else None


def failing(connection, text):
    try:
        ask(connection, text)
    except psycopg2.Error as error:
        return error.pgcode
    return "no error"


def payload(connection):
    while not connection.notifies:
        select.select([connection], [], [], 10)
        connection.poll()
    return connection.notifies.pop().payload


def work(who):
    def say(step, *results):
        SAID.append(f"{who:02} {step}: " + " ".join(str(r) for r in results))

    c = psycopg2.connect("")
    c.autocommit = True
    ask(c, "prepare plus as select $1::int + $2::int")
    say("prepared", *[ask(c, f"execute plus({who}, {n})")[0][0] for n in range(3)])

    c.autocommit = False
    ask(c, "insert into ledger values (%s, 'kept')", (who,))
    ask(c, "savepoint here")
    code = failing(c, "select 1 / 0")
    ask(c, "rollback to savepoint here")
    ask(c, "insert into ledger values (%s, 'kept')", (who,))
    c.commit()
    ask(c, "insert into ledger values (%s, 'gone')", (who,))
    c.rollback()
    c.autocommit = True
    say("transaction", code, ask(c, "select count(*) from ledger where who = %s", (who,))[0][0])

    ask(c, f"set app.tag = 'tag {who}'")
    ask(c, f"set timezone = 'Etc/GMT+{who}'")
    ask(c, "create temporary table scratch (v int)")
    ask(c, "insert into scratch values (%s), (%s)", (who, who))
    say("temporary", ask(c, "select sum(v) from scratch")[0][0])
    ask(c, "drop table scratch")

    taken = ask(c, "select pg_try_advisory_lock(%s)", (4200 + who,))[0][0]
    say("advisory", taken, ask(c, "select pg_advisory_unlock(%s)", (4200 + who,))[0][0])

    ask(c, f"listen channel_{who}")
    ask(c, f"notify channel_{who}, 'hello {who}'")
    say("listen", payload(c))
    ask(c, f"unlisten channel_{who}")

    with c.cursor() as cursor:
        cursor.copy_expert("copy ledger from stdin", io.StringIO(f"{who}\tcopied\n" * 100))
        out = io.StringIO()
        cursor.copy_expert(f"copy (select * from ledger where who = {who} and what = 'copied') to stdout", out)
    say("copy", out.getvalue().count("\n"))

    threading.Thread(target=lambda: (time.sleep(0.2), c.cancel())).start()
    say("cancel", failing(c, "select pg_sleep(30)"), ask(c, "select 1")[0][0])

    rows = ask(c, "select repeat('x', 100) from generate_series(1, 20000)")
    say("large", len(rows), sum(len(row[0]) for row in rows))
    say("settings", ask(c, "show app.tag")[0][0], ask(c, "show timezone")[0][0])
    say("prepared again", ask(c, f"execute plus({who}, 100)")[0][0])
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
