"""The matrix by SQLAlchemy over psycopg2, one pool of connections: see README.md."""

import io
import os
import select
import sys
import threading
import time

import sqlalchemy as sa

COUNT = int(sys.argv[1])
SAID = []
engine = sa.create_engine("postgresql+psycopg2://", pool_size=COUNT, max_overflow=0)
ledger = sa.table("ledger", sa.column("who"), sa.column("what"))


def work(who):
    def say(step, *results):
        SAID.append(f"{who:02} {step}: " + " ".join(str(r) for r in results))

    with engine.connect() as c:
        with c.begin():
            c.execute(ledger.insert().values(who=who, what="kept"))
            try:
                with c.begin_nested():
                    c.execute(sa.text("select 1 / 0"))
            except sa.exc.DBAPIError as error:
                code = error.orig.pgcode
            c.execute(ledger.insert().values(who=who, what="kept"))
        gone = c.begin()
        c.execute(ledger.insert().values(who=who, what="gone"))
        gone.rollback()
        mine = sa.select(sa.func.count()).select_from(ledger).where(ledger.c.who == who)
        say("transaction", code, c.scalar(mine))

    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
        c.execute(sa.text(f"set app.tag = 'tag {who}'"))
        meta = sa.MetaData()
        scratch = sa.Table("scratch", meta, sa.Column("v", sa.Integer), prefixes=["TEMPORARY"])
        scratch.create(c)
        c.execute(scratch.insert(), [{"v": who}, {"v": who}])
        say("temporary", c.scalar(sa.select(sa.func.sum(scratch.c.v))))
        scratch.drop(c)
        taken = c.scalar(sa.select(sa.func.pg_try_advisory_lock(4200 + who)))
        say("advisory", taken, c.scalar(sa.select(sa.func.pg_advisory_unlock(4200 + who))))

        raw = c.connection.dbapi_connection
        c.execute(sa.text(f"listen channel_{who}"))
        c.execute(sa.text(f"notify channel_{who}, 'hello {who}'"))
        while not raw.notifies:
            select.select([raw], [], [], 10)
            raw.poll()
        say("listen", raw.notifies.pop().payload)
        c.execute(sa.text(f"unlisten channel_{who}"))
        with raw.cursor() as cursor:
            cursor.copy_expert("copy ledger from stdin", io.StringIO(f"{who}\tcopied\n" * 100))
        say("copy", c.scalar(mine.where(ledger.c.what == "copied")))
        threading.Thread(target=lambda: (time.sleep(1), raw.cancel())).start()
        try:
            c.execute(sa.text("select pg_sleep(30)"))
        except sa.exc.DBAPIError as error:
            say("cancel", error.orig.pgcode)
        rows = c.execute(sa.text("select repeat('x', 100) from generate_series(1, 20000)")).all()
        say("large", len(rows), sum(len(row[0]) for row in rows))
        say("settings", c.scalar(sa.text("show app.tag")))


def fail(what):
    """What fails in one thread fails the program."""
    sys.__excepthook__(what.exc_type, what.exc_value, what.exc_traceback)
    os._exit(1)


threading.excepthook = fail
threads = [threading.Thread(target=work, args=(who,)) for who in range(COUNT)]
for t in threads:
    t.start()
for t in threads:
    t.join()
engine.dispose()
print("\n".join(sorted(SAID)))
