"""Fixtures of the system tests."""

import pytest

from lib.scene import App


@pytest.fixture
def app(cluster, pgweir):
    """The database `app` on the primary, and app.weir(...), a pgweir before it; see lib/scene.py."""
    return App(cluster, pgweir)
