"""A server that is lost, or fails, before it has said what a client's settings are now: the client was told SET, so its
session ends rather than going on without them."""

import pytest

from lib import wire

PROBE = "PGBOUNCER_probe"


def fails_to_tell(how):
    """A script of a server that does what it is asked, but does not tell what settings were left."""

    def script(session):
        session.log_in()
        while True:
            m = session.read()
            if m.kind == b"X":
                return
            if m.kind == b"Q":
                session.answer(tag=m.texts()[0].split()[0].upper(), rows=(), names=())
            elif m.kind == b"P" and m.texts()[0].startswith(PROBE):
                session.read_until(b"S")
                if how == "error":
                    session.send(wire.error("no", "57014"), wire.ready())
                    continue
                return
            elif m.kind == b"S":
                session.send(wire.ready())

    return script


@pytest.mark.parametrize("how, sqlstate", [("error", "57P03"), ("end", "08006")])
def test_a_client_whose_settings_are_lost_is_told_and_ended(front, fake_server, how, sqlstate):
    weir = front(fake_server(fails_to_tell(how)), session_features="keep")
    client = weir.client("app")

    client.send(wire.query("set work_mem = '1MB'"))
    said = client.expect_closed()

    assert said[-1].kind == b"E"
    assert (said[-1].fields()["S"], said[-1].fields()["C"]) == ("FATAL", sqlstate)
