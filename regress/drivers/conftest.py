"""Fixtures of the drivers' tests."""

import pytest

from lib.eventually import eventually
from lib.routes import Routes


@pytest.fixture
def routes(cluster, pgweir):
    return Routes(cluster, pgweir)


@pytest.fixture
def splitting(routes):
    """A pgweir that splits, with servers on both replicas, and room for each client of a crowd on either: who waits for none gets turns."""
    weir = routes.weir(keys={"pool_size": 20}, workers=2)
    eventually(lambda: routes.serving(weir) == routes.replicas)
    return weir
