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
        if not app.query("select from pg_roles where rolname = 'worker'"):
            app.query("create role worker login superuser")
        pools = {"default_pool_size": 1, "reserve_pool_size": 1, "reserve_pool_timeout": 0.2}
        config = app.config(databases={"other": app.target()}, **pools)
        if program:
            del config["pgbouncer"]["workers"]
        one = pgweir(config, {"postgres": "", "worker": ""}, program=program)
        work(one.allow("pooler error", "taking connection from reserve_pool", "^.* ERROR "))
        # As a second line beside its WARNING, pgbouncer says what it refuses on the console as an ERROR of nobody.
        text = re.sub(r"(?m)^.* ERROR (?!C-).*\n", "", one.log)
        if program:
            one.kill9()
            one.process = None
        return read(one, text)

    def read(one, text):
        """pgBadger finds out by itself what kind of log it is."""
        log, out = f"{one.folder}/read.log", f"{one.folder}/report.json"
        nest.write(log, text)
        done = nest.run(["pgbadger", "--quiet", "--extension", "json", "--outfile", out, log])
        assert done.stdout == "", done.stdout
        with open(out) as f:
            return json.load(f)

    return report


def connections(report):
    """How many, and of whom; not when."""
    return {name: found for name, found in report["pgb_connection_info"].items() if name != "chronos"}


def errors(report):
    return {text: found["count"] for text, found in report["pgb_error_info"].items()}


def most_sessions(report):
    """The most sessions that were open at once."""
    return max(moment.get("session", 0) for moment in report["pgb_overall_stat"]["peak"].values())


def test_connections_sessions_and_errors_are_counted_as_in_the_log_of_pgbouncer(badger):
    theirs, ours = badger(PGBOUNCER), badger()

    assert connections(ours) == connections(theirs) and connections(ours)["count"] == 12
    assert errors(ours) == errors(theirs) and sum(errors(ours).values()) == 5
    assert ours["pgb_overall_stat"]["errors_number"] == 5
    assert most_sessions(ours) <= 4
    assert ours["pgb_pool_info"] == theirs["pgb_pool_info"]
