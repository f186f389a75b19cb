"""Clients that come, ask and vanish in every state while the pools are turned over: afterwards nothing is left."""

import random
import signal
import threading

import pytest

from lib import wire
from lib.eventually import eventually
from lib.routes import DATABASE, Routes
from lib.scene import Background

CLIENTS, POOL = 60, 4
DONE, TURNS_EVERY, MOST_SECONDS = 1500, 5, 90


@pytest.fixture
def routes(cluster, pgweir):
    return Routes(cluster, pgweir)


def ask(client, luck):
    client.query(luck.choice(["select count(*) from notes", "insert into hits values (1)", "select pg_sleep(0.02)"]))


def pipeline(client, luck):
    batch = [wire.parse("select count(*) from notes", "one"), wire.bind(name="one"), wire.describe(), wire.execute(), wire.sync()]
    client.send(*batch * luck.randrange(1, 20))
    if luck.random() < 0.5:
        client.read()


def half_a_message(client, luck):
    client.send(wire.query("select count(*) from notes")[: luck.randrange(1, 20)])


def copy(client, luck):
    client.send(wire.query("copy hits from stdin"))
    client.read_until(b"GE")
    client.send(*[wire.copy_data(b"1\n")] * luck.randrange(1, 200))
    if luck.random() < 0.5:
        client.ask(wire.copy_done())


def settings(client, luck):
    client.send(wire.query(f"set work_mem = '{luck.randrange(1, 9)}MB'"), wire.query("select 1"), wire.query("reset all"))
    if luck.random() < 0.5:
        client.read_until()


def transaction(client, luck):
    client.query("begin")
    ask(client, luck)
    if luck.random() < 0.5:
        client.query("commit")


def cancelled(client, luck):
    client.send(wire.query("select pg_sleep(0.2)"))
    client.cancel()


def unread(client, luck):
    client.send(wire.query("select repeat('x', 1000) from generate_series(1, 3000)"))


ACTS = [ask, ask, ask, pipeline, half_a_message, copy, settings, transaction, cancelled, unread]


def lives(weir, number, over, done):
    """One client after another, each of which leaves or vanishes after a few acts."""
    luck = random.Random(number)
    while not over.is_set():
        try:
            client = weir.client(DATABASE, timeout=5, **({"work_mem": f"{luck.randrange(1, 9)}MB"} if luck.random() < 0.3 else {}))
        except (OSError, wire.PgError):
            continue
        try:
            for _ in range(luck.randrange(5)):
                luck.choice(ACTS)(client, luck)
                done[number] += 1
            if luck.random() < 0.5:
                client.send(wire.terminate())
        except (OSError, wire.PgError):
            pass
        client.socket.close()


def get_on(done, count, over=None):
    """Waits until the clients have done so much more, or it is over."""
    before = sum(done)
    eventually(lambda: sum(done) >= before + count or (over and over.is_set()), within=60)


def pause_and_resume(weir):
    """Who says PAUSE may be told that another's RESUME has ended it."""
    paused = Background(weir.console, "PAUSE")
    eventually(lambda: not paused.is_running() or any(row["paused"] for row in weir.show("DATABASES", name=DATABASE)))
    weir.console("RESUME")
    paused.result()


def turn_over(routes, weir, over, done):
    """What operators and hosts do meanwhile; between two things the clients get on."""
    luck = random.Random(0)
    kill = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{DATABASE}' and random() < 0.3"
    commands = ["PAUSE", f"KILL {DATABASE}", "RECONNECT", "SUSPEND", *(f"SET default_pool_size = {n}" for n in (1, 2, POOL)), "SHOW SERVERS"]

    while not over.is_set():
        what = luck.choice([*commands, kill, kill, "reload"])
        try:
            if what == "reload":
                weir.reload()
            elif what == kill:
                luck.choice([routes.primary, *routes.replicas]).query(kill)
            elif what == "SUSPEND":
                # Nobody new is let in until the one who is here already gives the word.
                with weir.client("pgbouncer") as operator:
                    operator.query("SUSPEND")
                    operator.query("RESUME")
            elif what == "PAUSE":
                pause_and_resume(weir)
            else:
                weir.console(what)
                if what.startswith("KILL"):
                    weir.console(f"RESUME {DATABASE}")
        except (wire.PgError, OSError):
            pass
        get_on(done, TURNS_EVERY, over)
    for resume in ("RESUME", f"RESUME {DATABASE}"):
        try:
            weir.console(resume)
        except wire.PgError:
            pass


def nothing_is_left(weir):
    rows = weir.show("POOLS", database=DATABASE)
    states = ("cl_active", "cl_waiting", "sv_active", "sv_login", "sv_tested")
    return all(row[state] == 0 for row in rows for state in states) and not weir.show("CLIENTS", database=DATABASE)


def test_nothing_is_left_of_clients_that_vanish_while_pools_are_turned_over(routes):
    weir = routes.weir(workers=3, default_pool_size=POOL, query_wait_timeout=3, server_login_retry=0.1, max_client_conn=500)
    weir.allow(".*")
    over, done = threading.Event(), [0] * CLIENTS
    running = [Background(lives, weir, number, over, done) for number in range(CLIENTS)]
    victim = routes.cluster.replica(1)
    operator = Background(turn_over, routes, weir, over, done)

    get_on(done, DONE // 2)
    victim.kill9()
    get_on(done, DONE // 10)
    victim.start()
    get_on(done, DONE // 2)
    over.set()
    for one in [operator, *running]:
        one.result(MOST_SECONDS)
    weir.console(f"SET default_pool_size = {POOL}")

    eventually(nothing_is_left, weir, within=10)
    with weir.client(DATABASE) as client:
        assert client.query("select 1").rows
    eventually(lambda: len(weir.show("SERVERS", database=DATABASE)) <= 3 * POOL, within=5)


@pytest.mark.parametrize("round", range(3))
def test_an_immediate_end_in_the_middle_of_everything_is_clean(routes, round):
    weir = routes.weir(workers=3, default_pool_size=POOL, server_login_retry=0.1).allow(".*")
    over, done = threading.Event(), [0] * 30
    running = [Background(lives, weir, number, over, done) for number in range(30)]

    get_on(done, 100 * (round + 1))
    weir.stop(signal.SIGQUIT)

    over.set()
    for one in running:
        one.result()
