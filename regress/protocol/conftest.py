"""Fixtures of the protocol tests: pgweir in front of one server, scripted or real, and a bystander beside the culprit."""

import pytest

from lib import wire
from lib.eventually import eventually
from lib.fake_server import FakeServer
from lib.pgweir import sanitizer_environment

# What a broken peer makes pgweir write; no test of this folder is about the words of the log.
EXPECTED_LINES = ("pooler error", "server login failed", "check or reset query")


def can_connect(weir):
    with wire.connect(weir.port, weir.socket_folder):
        return True


@pytest.fixture
def front(pgweir, nest):
    """Makes a pgweir before a server: front(server, pool_mode="session", ...); database "app", user "postgres"."""

    def make(server, users=None, database=(), unix=False, **settings):
        usual = {
            "pool_mode": "transaction",
            "workers": 1,
            "log_connections": 0,
            "log_disconnections": 0,
            "server_login_retry": "0.2",
        }
        # Scripted servers speak no SQL: what a transaction has left cannot be asked of them.
        if isinstance(server, FakeServer):
            usual["session_features"] = "ignore"
        host = nest.path if unix else "127.0.0.1"
        target = {"host": host, "port": server.port, "dbname": "postgres", **dict(database)}
        config = {
            "databases": {"app": " ".join(f"{k}={v}" for k, v in target.items())},
            "pgbouncer": {**usual, **settings},
        }
        # A sanitizer keeps freed memory back, which would be taken for growth.
        options = sanitizer_environment(nest)["ASAN_OPTIONS"] + ":quarantine_size_mb=1"
        weir = pgweir(config, users or {"postgres": ""}, prefix=["env", "ASAN_OPTIONS=" + options])
        eventually(can_connect, weir)
        return weir.allow(*EXPECTED_LINES)

    return make


class Bystander:
    """A client that has nothing to do with what others suffer, and notices when it does."""

    def __init__(self, weir):
        self.weir, self.client = weir, weir.client("app")
        self.pid = weir.process.pid

    def is_well(self):
        assert self.client.query("select 1").rows == [("1",)]
        with self.weir.client("app") as newcomer:
            assert newcomer.query("select 1").rows == [("1",)]
        assert self.weir.is_up() and self.weir.process.pid == self.pid
        return True


@pytest.fixture
def bystander():
    made = []

    def make(weir):
        made.append(Bystander(weir))
        return made[-1]

    yield make
    for one in made:
        one.client.close()
