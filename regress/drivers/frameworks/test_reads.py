"""Where the reads of frameworks arrive, by what the manual's chapter on routing says of each: nothing to be added, and
for transactions the one word that says READ ONLY.  Which host saw what is read from the hosts' own logs."""

import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
NPM = os.path.join(ROOT, "build", "npm", "node_modules")
DATABASE = "routed"
SECONDS = 60

FRAMEWORKS = {
    "django": (
        [sys.executable, "-B", "{here}/reads/django_.py"],
        {"plain", "declared", "by default", "no cursor"},
        {"write", "atomic", "iterator", "alias", "hint"},
    ),
    "sqlalchemy": ([sys.executable, "-B", "{here}/reads/sqlalchemy_.py"], {"autocommit", "declared"}, {"default", "write"}),
    "rails": (
        ["ruby", "{here}/reads/rails.rb"],
        {"plain", "declared", "annotated in the middle"},
        {"write", "transaction", "annotated", "variable"},
    ),
    "spring": (["java", "-cp", "/usr/share/java/postgresql.jar", "{here}/reads/Reads.java"], {"plain", "declared"}, {"write", "transactional"}),
    "prisma": (["node", "{here}/reads/prisma.mjs"], {"plain", "declared"}, {"write", "interactive", "hint"}),
}
if not os.path.exists(os.path.join(NPM, ".prisma", "client", "index.js")):
    del FRAMEWORKS["prisma"]


@pytest.fixture
def weir(routes):
    routes.primary.query("create table if not exists prisma_notes (id serial primary key, who int not null, what text not null)", DATABASE)
    routes.cluster.wait_for_replicas()
    yield routes.weir(workers=2)
    routes.primary.query("delete from notes where id > 20", DATABASE)
    routes.cluster.wait_for_replicas()


def saw(host, mark, words):
    """The words that the host's log mentions."""
    log = host.log_since(mark)
    return {word for word in words if f"reads {word}'" in log}


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_frameworks_reads_arrive_on_the_replicas_and_all_else_on_the_primary(name, routes, weir):
    command, reads, others = FRAMEWORKS[name]
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PGHOST": weir.address, "PGPORT": str(weir.port), "PGUSER": "postgres",
        "PGDATABASE": DATABASE, "PGSSLMODE": "disable", "LANG": "C.UTF-8", "NODE_PATH": NPM}
    marks = routes.cluster.marks()

    done = subprocess.run([word.format(here=HERE) for word in command], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS, text=True)

    assert done.returncode == 0, done.stdout[-4000:]
    on_replicas = set().union(*[saw(replica, marks[replica], reads | others) for replica in routes.replicas])
    assert (saw(routes.primary, marks[routes.primary], reads | others), on_replicas) == (others, reads)
