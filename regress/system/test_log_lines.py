"""The log: the lines that tools and people know from PgBouncer, compared with those of Debian's pgbouncer."""

import re

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import Background, refused

PGBOUNCER = "/usr/sbin/pgbouncer"


@pytest.fixture
def both(app, pgweir):
    """both(day, **settings): the log of the same day with pgbouncer and with pgweir."""

    def run(day, **settings):
        logs = []
        for program in (PGBOUNCER, None):
            config = app.config(**settings)
            if program:
                del config["pgbouncer"]["workers"]
            else:
                config["pgbouncer"]["server_recovery"] = "close"
            one = pgweir(config, {"postgres": "", "watcher": "", "other": ""}, program=program)
            # pgbouncer 1.18 says what it refuses on the console in a second line, an ERROR.
            day(app, one.allow("pooler error", "taking connection from reserve_pool", "^.* ERROR "))
            logs.append(lines(one))
            if program:
                one.kill9()
                one.process = None
        return logs

    return run


def lines(one):
    """What the log says of clients and servers, without what differs from run to run."""
    found = re.findall(r"^\S+ \S+ UTC \[\d+\] (\w+) (?:([CS])-0x[0-9a-f]+: )?(.*)$", one.log, re.M)
    return [line for level, kind, text in found if (line := comparable(level, kind, text))]


def comparable(level, kind, text):
    """The line with placeholders; None if it is not compared."""
    text = re.sub(r"unix\(\d+\):\d+", "unix(PID):PORT", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    text = re.sub(r"age=\d+s", "age=Ns", text)
    # pgweir says whose command it was, and tells this one too.
    if "ENABLE 'nowhere'" in text:
        return None
    if text.endswith("command issued"):
        return f"{level} {text.removeprefix('pgbouncer/postgres@127.0.0.1:PORT ')}"
    # pgbouncer tells it of the client, pgweir of the server.
    if text.endswith("reserve_pool"):
        return f"{level} {text}"
    # Somebody looked whether the port is open.
    if not kind or text.startswith("(nodb)/(nouser)"):
        return None
    return f"{level} {kind} {text}"


def leave(client):
    """A client that says goodbye."""
    client.send(wire.terminate())
    client.expect_closed()


def wait_for(one, words, count=1):
    eventually(lambda: one.log.count(words) >= count)


def a_quiet_day(app, one):
    for unix in (False, True):
        client = one.client("app", unix=unix)
        client.query("select 1")
        leave(client)
    wait_for(one, "client close request", 2)


def a_day_of_refusals(app, one):
    assert "no such database" in refused(one.client, "nowhere").message
    assert "not allowed" in refused(one.client, "pgbouncer", user="other").message
    clients = [one.client("app") for _ in range(2)]
    for client in clients:
        client.query("select 1")
        leave(client)
    wait_for(one, "client close request", 2)


def a_rude_day(app, one):
    client = one.client("app")
    client.query("begin")
    client.close()
    wait_for(one, "server was not ready")
    vanished = one.client("app")
    vanished.query("select 1")
    vanished.socket.close()
    eventually(lambda: re.search(r"app/postgres@\S+ closing because: client unexpected eof", one.log))


def a_busy_day(app, one):
    holder, waiter = one.client("app"), one.client("app")
    holder.query("begin")
    late = Background(waiter.query, "select 1")
    late.result()
    for client in (holder, waiter):
        client.query("commit")
        leave(client)
    wait_for(one, "client close request", 2)


def an_operators_day(app, one):
    client = one.client("app")
    client.query("select 1")
    leave(client)
    console, watcher = one.client("pgbouncer"), one.client("pgbouncer", user="watcher")
    for command in ("pause app", "resume app", "show nothing", "resume", "enable nowhere"):
        console.ask(wire.query(command))
    watcher.ask(wire.query("reload"))
    console.ask(wire.query("kill app"))
    for one_of_them in (watcher, console):
        leave(one_of_them)
    wait_for(one, "client close request", 3)


DAYS = {
    a_quiet_day: {},
    a_day_of_refusals: {},
    a_rude_day: {},
    a_busy_day: {"default_pool_size": 1, "reserve_pool_size": 1, "reserve_pool_timeout": 0.2},
    an_operators_day: {"stats_users": "watcher"},
}


@pytest.mark.parametrize("day", DAYS, ids=lambda day: day.__name__)
def test_a_day_is_told_in_pgbouncers_lines(both, day):
    theirs, ours = both(day, **DAYS[day])

    assert "\n".join(sorted(ours)) == "\n".join(sorted(theirs))
