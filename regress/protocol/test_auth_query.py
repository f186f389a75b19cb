"""auth_query meets a server that answers it with nonsense: the login is refused, and nobody else notices."""

import struct

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import refused, value
from lib.wire import command_complete, data_row, message, ready, row_description

QUERY = "select name, secret from users where name = $1"
TWO = row_description("name", "secret")


def row(*columns):
    """A DataRow of raw columns: each a length and bytes."""
    body = struct.pack("!H", len(columns))
    return message(b"D", body + b"".join(struct.pack("!i", length) + data for length, data in columns))


def server_that_answers(*answer, name="asked"):
    """Lets everybody in, and answers the whole batch of auth_query with these bytes."""

    def script(session):
        session.log_in()
        if session.parameters.get("user") != "asker":
            session.serve()
            return
        while True:
            session.read_until(b"S")
            session.send(*answer)

    return script


@pytest.fixture
def asking(front, fake_server):
    def make(*answer, script=None, **settings):
        server = fake_server(script or server_that_answers(*answer))
        settings = {"auth_user": "asker", "auth_query": QUERY, "auth_type": "plain", "client_login_timeout": 2, **settings}
        one = front(server, users={"asker": "ask", "postgres": "word"}, **settings)
        one.allow("auth_query", "client_login_timeout", "authentication failed")
        return one

    return make


GOOD = (TWO, data_row("known", "word"), command_complete(), ready())

NONSENSE = {
    "one_column": (row_description("name"), data_row("known"), command_complete(), ready()),
    "three_columns": (row_description("a", "b", "c"), data_row("known", "word", "x"), command_complete(), ready()),
    "no_columns": (row_description(), data_row(), command_complete(), ready()),
    "two_rows": (TWO, data_row("known", "word"), data_row("known", "word"), command_complete(), ready()),
    "a_row_of_other_columns_than_described": (TWO, data_row("known", "word", "more"), command_complete(), ready()),
    "a_row_of_one_column": (TWO, data_row("known"), command_complete(), ready()),
    "a_row_without_columns": (TWO, message(b"D", b"\0\0"), command_complete(), ready()),
    "a_row_that_ends_early": (TWO, row((5, b"known"), (40, b"word")), command_complete(), ready()),
    "a_length_below_null": (TWO, row((5, b"known"), (-2, b"")), command_complete(), ready()),
    "a_length_that_overflows": (TWO, row((0x7FFFFFFF, b"known"), (4, b"word")), command_complete(), ready()),
    "bytes_behind_the_columns": (TWO, message(b"D", row((5, b"known"), (4, b"word"))[5:] + b"more"), command_complete(), ready()),
    "a_nul_in_the_secret": (TWO, row((5, b"known"), (6, b"word\0x")), command_complete(), ready()),
    "a_nul_in_the_name": (TWO, row((7, b"known\0x"), (4, b"word")), command_complete(), ready()),
    "a_null_name": (TWO, row((-1, b""), (4, b"word")), command_complete(), ready()),
    "a_null_secret": (TWO, row((5, b"known"), (-1, b"")), command_complete(), ready()),
    "a_secret_of_65532_bytes": (TWO, row((5, b"known"), (65532, b"x" * 65532)), command_complete(), ready()),
    "a_secret_of_a_megabyte": (TWO, row((5, b"known"), (1 << 20, b"x" * (1 << 20))), command_complete(), ready()),
    "another_name": (TWO, data_row("postgres", "word"), command_complete(), ready()),
    "a_longer_name": (TWO, data_row("known2", "word"), command_complete(), ready()),
    "no_rows": (TWO, command_complete("SELECT 0"), ready()),
    "no_data": (wire.no_data(), command_complete("SET"), ready()),
    "rows_without_a_description": (data_row("known", "word"), command_complete(), ready()),
    "an_error": (wire.error("no"), ready()),
    "an_error_without_fields": (message(b"E", b"\0"), ready()),
    "an_error_that_ends_early": (message(b"E", b"SERROR"), ready()),
    "a_row_and_then_an_error": (TWO, data_row("known", "word"), wire.error("no"), ready()),
    "a_row_in_a_failed_transaction": (TWO, data_row("known", "word"), wire.error("no"), ready("E")),
    "nothing": (ready(),),
    "a_copy": (wire.copy_out_response(), ready()),
    "a_copy_in": (wire.copy_in_response(), ready()),
    "an_authentication_request": (wire.auth_cleartext(), ready()),
    "a_cancel_key": (wire.backend_key(1), ready()),
    "an_unknown_type": (message(b"!", b"x"), ready()),
    "a_length_below_four": (b"D\0\0\0\3", ready()),
    "a_length_of_two_gigabytes": (b"D\x7f\xff\xff\xff",),
    "a_ready_too_long": (message(b"Z", b"II"),),
    "a_short_description": (message(b"T", b"\0"), ready()),
    "silence": (),
}


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_in_answer_to_auth_query_lets_nobody_in_and_harms_nobody(asking, kind):
    one = asking(*NONSENSE[kind], client_login_timeout=0.4)

    for secret in ("word", ""):
        assert refused(one.client, "app", user="known", secret=secret).severity == "FATAL"

    with one.client("app", secret="word") as other:
        assert value(other, "select 1") == "1"
    assert one.is_up()


def test_the_right_answer_lets_in(asking):
    one = asking(*GOOD)

    with one.client("app", user="known", secret="word") as client:
        assert value(client, "select 1") == "1"


def test_the_right_answer_lets_in_however_it_is_cut(asking):
    def script(session):
        session.log_in()
        if session.parameters["user"] != "asker":
            session.serve()
        for byte in b"".join(GOOD if session.read_until(b"S") else ()):
            session.send(bytes([byte]))
        session.read()

    one = asking(script=script)

    one.client("app", user="known", secret="word").close()


def test_notices_and_parameters_in_between_are_nothing(asking):
    between = (wire.notice("look"), wire.parameter_status("x", "y"), wire.notification(1, "c"))
    one = asking(*between, TWO, *between, data_row("known", "word"), *between, command_complete(), *between, ready())

    one.client("app", user="known", secret="word").close()


def test_a_server_that_ends_in_the_middle_of_the_answer_is_told(asking):
    def script(session):
        session.log_in()
        if session.parameters["user"] != "asker":
            session.serve()
        session.read_until(b"S")
        session.send(TWO, data_row("known", "word"))

    one = asking(script=script)

    error = refused(one.client, "app", user="known", secret="word")

    assert (error.sqlstate, error.message) == ("08006", "server conn crashed?")


def test_a_right_row_before_the_end_is_no_answer_until_it_is_complete(asking):
    one = asking(TWO, data_row("known", "word"), command_complete(), client_login_timeout=0.4)

    assert refused(one.client, "app", user="known", secret="word").message.startswith("client_login_timeout")


def test_the_server_of_a_lookup_that_hangs_is_given_up(asking, fake_server):
    seen = []

    def script(session):
        session.log_in()
        if session.is_cancel:
            seen.append("cancel")
            return
        session.read_until(b"S")
        session.expect_closed()
        seen.append("closed")

    one = asking(script=script, client_login_timeout=0.3)

    refused(one.client, "app", user="known", secret="word")

    assert eventually(lambda: sorted(seen) == ["cancel", "closed"])


def test_a_client_that_sends_its_password_ahead_is_served(asking):
    one = asking(*GOOD)
    client = one.client("app", user="known", login=False)

    client.send(wire.startup(user="known", database="app"), wire.password("word"))

    kinds = [m.kind for m in client.read_until(b"Z")]
    assert kinds[-1] == b"Z"


def test_what_a_server_is_asked_is_the_query_with_the_name_as_its_parameter(asking):
    asked = []

    def script(session):
        session.log_in()
        if session.parameters["user"] != "asker":
            session.serve()
        asked.extend(session.read_until(b"S"))
        session.send(*GOOD)
        session.read()

    one = asking(script=script)

    one.client("app", user="known", secret="word", application_name="theirs", search_path="trojan").close()

    assert "".join(m.kind.decode() for m in asked) == "PBEPBDES"
    assert asked[0].texts()[1] == """select pg_catalog.set_config('search_path', 'pg_catalog, "$user", public, pg_temp', true)"""
    assert asked[3].texts()[1] == QUERY
    assert asked[4].body == b"\0\0" + struct.pack("!HHI", 0, 1, 5) + b"known" + b"\0\0"
