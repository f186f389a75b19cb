"""Fixtures of the system tests."""

import pytest

from lib.scene import App


@pytest.fixture
def app(cluster, pgweir):
    """The database `app` on the primary, and app.weir(...), a pgweir before it; see lib/scene.py."""
    return App(cluster, pgweir)


@pytest.fixture
def desk(pgweir, fake_server):
    """desk(databases="app other", **settings): pgweir before a scripted server, with an administrator (postgres), one who
    only looks (watcher) and one who may neither (someone).  What the console refuses is logged, and no test's problem."""

    def make(databases="app other", users=None, **settings):
        server = fake_server()
        target = f"host=127.0.0.1 port={server.port} dbname=app"
        one = pgweir(
            {
                "databases": {name: target for name in databases.split()},
                "users": users or {},
                "pgbouncer": {"pool_mode": "transaction", "stats_users": "watcher", "workers": 2, **settings},
            },
            {"postgres": "", "watcher": "", "someone": ""},
        )
        one.server_port = server.port
        return one.allow(r"pgbouncer/\S+ pooler error")

    return make
