"""A server that is lost before it has said what a client's settings are now: the client was told SET, so its session
ends, as on a connection of its own, rather than going on without them."""

import pytest

from lib import wire


def ends_when_asked(words):
    """A script of a server that does what it is told, says these words when it is asked what was left, and ends."""

    def script(session):
        session.log_in()
        while True:
            m = session.read()
            if m.kind == b"X":
                return
            if m.kind == b"Q":
                session.answer(tag=m.texts()[0].split()[0].upper(), rows=(), names=())
            elif m.kind == b"P":
                session.read_until(b"S")
                session.send(words)
                return

    return script


FATAL = wire.error("terminating connection", "57P01", "FATAL")


@pytest.mark.parametrize("words", [b"", FATAL], ids=["silently", "fatally"])
def test_a_client_whose_settings_are_lost_is_told_and_ended(front, fake_server, words):
    weir = front(fake_server(ends_when_asked(words)), session_features="keep")
    client = weir.client("app")

    client.send(wire.query("set work_mem = '1MB'"))
    said = client.expect_closed()

    assert said[-1].kind == b"E"
    assert said[-1].fields()["S"] == "FATAL"
    assert said[-1].fields()["C"] == "08006"
