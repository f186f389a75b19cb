"""Drivers and frameworks see through a small pool what they see directly: prepared statements, transactions, settings,
temporary tables, advisory locks, LISTEN, COPY, cancels, large results."""

import os
import subprocess
import sys

import pytest

from lib.scene import Background

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
DATABASE, DIRECT = "matrix", "matrix_direct"
CONNECTIONS, POOL = 12, 5
SECONDS = 120

PYTHON = [sys.executable, "-B"]

# Name → how it is run.  "{here}": this folder; "{made}": what `make drivers-built` compiled.
PROGRAMS = {
    "libpq": ["{made}/libpq"],
    "psycopg2": [*PYTHON, "{here}/psycopg2_.py"],
    "psycopg3": [*PYTHON, "{here}/psycopg3.py"],
    "asyncpg": [*PYTHON, "{here}/asyncpg_.py"],
    "sqlalchemy": [*PYTHON, "{here}/sqlalchemy_.py"],
    "django": [*PYTHON, "{here}/django_.py"],
    "perl": ["perl", "{here}/dbd_pg.pl"],
    "ruby": ["ruby", "{here}/ruby.rb"],
    "php": ["php", "{here}/pdo.php"],
    "lib/pq": ["{made}/go_pq"],
    "pgx": ["{made}/go_pgx"],
    "jdbc": ["java", "-cp", "/usr/share/java/postgresql.jar:{made}", "Matrix"],
    "tokio-postgres": ["{made}/matrix"],
    "node-postgres": ["node", "{here}/node/pg.js"],
}

# npm's packages, which want a Node.js of NODE_LEAST; Debian 12's is older.
NODE_LEAST = 20
NPM_PROGRAMS = {
    "postgres.js": ["node", "{here}/node/postgres.js"],
    "knex": ["node", "{here}/node/knex.js"],
    "sequelize": ["node", "{here}/node/sequelize.js"],
    "typeorm": ["node", "{here}/node/typeorm.js"],
    "drizzle": ["node", "{here}/node/drizzle.js"],
    "prisma": ["node", "{here}/node/prisma.mjs"],
}


def node_major():
    return int(subprocess.run(["node", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.lstrip("v").split(".")[0])


if node_major() >= NODE_LEAST:
    PROGRAMS.update(NPM_PROGRAMS)

NODE_PATH = ":".join([
    os.path.join(ROOT, "build", "npm", "node_modules"), "/usr/share/nodejs",
    os.path.join(ROOT, "build", "node", "usr", "share", "nodejs"),
])


@pytest.fixture(scope="module")
def primary(shared_cluster):
    """The primary, with a database for each of the two runs, which go side by side."""
    for database in (DATABASE, DIRECT):
        shared_cluster.create_database(database)
        shared_cluster.primary.query("create table ledger (who int, what text)", database)
    return shared_cluster.primary


def run(name, primary, address, port, database):
    primary.query("truncate ledger", database)
    words = [word.format(here=HERE, made=os.path.join(ROOT, "build", "drivers")) for word in PROGRAMS[name]]
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PGHOST": address, "PGPORT": str(port), "PGUSER": "postgres",
        "PGDATABASE": database, "PGSSLMODE": "disable", "LANG": "C.UTF-8", "NODE_PATH": NODE_PATH}
    done = subprocess.run([*words, str(CONNECTIONS)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_driver_sees_through_a_pool_of_5_what_it_sees_directly(name, primary, cluster, pgweir):
    config = {"databases": {DATABASE: cluster.target(DATABASE, hosts=[primary])},
        "pgbouncer": {"pool_mode": "transaction", "default_pool_size": POOL, "workers": 2}}
    weir = pgweir(config, {"postgres": ""})

    alone = Background(run, name, primary, primary.address, primary.port, DIRECT)
    pooled = run(name, primary, "127.0.0.1", weir.port, DATABASE)
    direct = alone.result(SECONDS)

    assert len(direct) >= 5 * CONNECTIONS
    assert pooled == direct
