"""Where SQLAlchemy's reads go: see ../test_reads.py."""

import os

from sqlalchemy import create_engine, text

URL = "postgresql+psycopg2://{PGUSER}@{PGHOST}:{PGPORT}/{PGDATABASE}".format(**os.environ)
READ = text("select count(*) from notes where v = :v")

engine = create_engine(URL)
with engine.connect() as c:
    c.execute(READ, {"v": "reads default"})
with engine.begin() as c:
    c.execute(text("insert into notes (v) values (:v)"), {"v": "reads write"})
with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
    c.execute(READ, {"v": "reads autocommit"})
with engine.connect().execution_options(postgresql_readonly=True) as c:
    c.execute(READ, {"v": "reads declared"})
    c.execute(READ, {"v": "reads declared"})
