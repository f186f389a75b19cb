"""pgBadger: what it makes of pgweir's log is what it makes of pgbouncer's."""

import json
import re

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import Background, refused

PGBOUNCER = "/usr/sbin/pgbouncer"


def leave(client):
    client.send(wire.terminate())
    client.expect_closed()


def work(one):
    """Logins of two users to two databases, refusals, a server out of the reserve, and goodbyes."""
    for database, user, count in (("app", "postgres", 3), ("app", "worker", 2), ("other", "postgres", 1)):
        for _ in range(count):
            client = one.client(database, user=user)
            client.query("select 1")
            leave(client)
    for _ in range(2):
        refused(one.client, "nowhere")
    refused(one.client, "pgbouncer", user="worker")
    holder, waiter = one.client("app"), one.client("app")
    holder.query("begin")
    Background(waiter.query, "select 1").result()
    holder.query("commit")
    for client in (holder, waiter):
        leave(client)
    console = one.client("pgbouncer")
    console.ask(wire.query("show nothing"))
    leave(console)
    eventually(lambda: one.log.count("client close request") >= 9)


@pytest.fixture
def badger(app, pgweir, nest):
    """badger(program): pgBadger's report on the log of a day's work."""

    def report(program=None):
        app.query("do $$ begin if not exists (select from pg_roles where rolname = 'worker') then create role worker login superuser; end if; end $$")
        config = app.config(
            databases={"other": app.target()}, default_pool_size=1, reserve_pool_size=1, reserve_pool_timeout=0.2, stats_period=1
        )
        if program:
            del config["pgbouncer"]["workers"]
        one = pgweir(config, {"postgres": "", "worker": ""}, program=program)
        work(one.allow("pooler error", "taking connection from reserve_pool", "^.* ERROR "))
        eventually(lambda: "LOG stats: " in one.log)
        # As a second line beside its WARNING, pgbouncer says what it refuses on the console as an ERROR of nobody.
        text = re.sub(r"(?m)^.* ERROR (?!C-).*\n", "", one.log)
        if program:
            one.kill9()
            one.process = None
        return read(one, text)

    def read(one, text):
        log, out = f"{one.folder}/read.log", f"{one.folder}/report.json"
        nest.write(log, text)
        done = nest.run(["pgbadger", "--quiet", "--format", "pgbouncer3", "--pgbouncer-only", "--extension", "json", "--outfile", out, log])
        assert done.stdout == "", done.stdout
        with open(out) as f:
            found = json.load(f)
        # Without --pgbouncer-only it must find out by itself.
        assert "pgbouncer" in nest.run(["pgbadger", "--verbose", "--extension", "json", "--outfile", out, log]).stdout
        return found

    return report


def test_scratch(badger):
    for program in (PGBOUNCER, None):
        found = badger(program)
        print(sorted(found)); 
        for k in found:
            if k.startswith("pgb"): print(k, json.dumps(found[k])[:1500])
        if "postgres" in found: 
            for k in found["postgres"]:
                if k.startswith("pgb"): print("PG", k, json.dumps(found["postgres"][k])[:1500])
    assert 0
