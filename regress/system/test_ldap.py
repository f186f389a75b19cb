"""auth_type=ldap: an LDAP server says whether the password is right."""

import time

import pytest

from lib import wire
from lib.eventually import eventually
from lib.nest import Nest
from lib.scene import Background, refused, said, value
from lib.slapd import BASE, READER, READER_PASSWORD, Slapd, password_of

REFUSED = ("FATAL", "28000", "LDAP authentication failed")


@pytest.fixture(scope="module")
def directory():
    with Nest() as own:
        yield Slapd(own)


@pytest.fixture
def weir(app, directory):
    """weir(options, **settings): a pgweir that asks the directory; auth_file names nobody but an administrator."""
    for name in ("alice", "bob", "star*"):
        if not app.query(f"select from pg_roles where rolname = '{name}'"):
            app.cluster.create_role(name, "scram", password_of(name))

    def make(options, environment=(), **main):
        options = f"ldapserver=127.0.0.1 ldapport={directory.port} {options}"
        one = app.weir(secrets={"nobody": "x"}, auth_type="ldap", auth_ldap_options=options, admin_users="alice",
                       options={"environment": dict(environment)} if environment else None, **main)
        return one.allow("LDAP authentication failed", "LDAP could not judge", "client_login_timeout")

    return make


def quoted(text):
    return '"' + text.replace('"', '""') + '"'


SIMPLE = f'ldapprefix="uid=" ldapsuffix=",{BASE}"'
SEARCH = f"ldapbasedn={quoted(BASE)} ldapbinddn={quoted(READER)} ldapbindpasswd={quoted(READER_PASSWORD)}"
FILTER = SEARCH + ' ldapsearchfilter="(&(objectClass=inetOrgPerson)(|(uid=$username)(mail=$username@example.net)))"'
MODES = {"bind": SIMPLE, "search": SEARCH, "filter": FILTER}


def log_in(one, user, password=None, **options):
    """A client that got in; the caller closes it."""
    return one.client("app", user=user, secret=password_of(user) if password is None else password, **options)


@pytest.mark.parametrize("mode", MODES)
def test_a_right_password_lets_in_and_logs_in_to_the_server_too(weir, mode):
    one = weir(MODES[mode])

    with log_in(one, "alice") as client:
        assert value(client, "select current_user") == "alice"


@pytest.mark.parametrize("mode", MODES)
def test_a_wrong_password_and_an_unknown_user_are_told_the_same(weir, mode):
    one = weir(MODES[mode])

    wrong = refused(log_in, one, "alice", "of bob")
    unknown = refused(log_in, one, "carol", "of carol")

    assert said(wrong) == said(unknown) == REFUSED
    assert wrong.fields == unknown.fields


@pytest.mark.parametrize("mode", MODES)
def test_an_empty_password_is_refused_although_the_server_would_take_it_for_an_anonymous_bind(weir, mode):
    one = weir(MODES[mode])

    assert said(refused(log_in, one, "alice", "")) == REFUSED
    assert "the password is empty" in one.log


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "name", ["*", "a*", "alice)(uid=*", "*)(|(uid=alice", f"alice,{BASE}", "alice,ou=x", "alice\\", "\\61lice", "", "#alice"]
)
def test_no_name_reaches_beyond_its_place(weir, mode, name):
    """Alice's password with a name that would mean her, were it not escaped."""
    one = weir(MODES[mode]).allow("no username supplied")

    error = refused(log_in, one, name, password_of("alice"))

    assert said(error) == (REFUSED if name else ("FATAL", "28000", "no username supplied"))


@pytest.mark.parametrize("mode", ["bind", "search"])
def test_a_name_with_characters_that_mean_something_is_found_as_it_is(weir, mode):
    one = weir(MODES[mode])

    with log_in(one, "star*") as client:
        assert value(client, "select current_user") == "star*"


def test_a_user_whom_the_search_finds_twice_is_refused(weir):
    one = weir(SEARCH + " ldapsearchattribute=mail")

    assert said(refused(log_in, one, "twin@example.net", password_of("twin"))) == REFUSED
    assert "the search found 2 entries" in one.log


def test_a_url_says_the_same_as_the_options(app, directory, weir):
    one = app.weir(
        auth_type="ldap",
        auth_ldap_options=f'ldapurl="{directory.url}/{BASE}?uid?sub" ldapbinddn="{READER}" '
        f"ldapbindpasswd={quoted(READER_PASSWORD)}",
    )

    with log_in(one, "bob") as client:
        assert value(client, "select current_user") == "bob"


def test_the_password_goes_over_tls_with_ldaptls(weir, directory):
    one = weir(SIMPLE + " ldaptls=1", environment={"LDAPTLS_CACERT": directory.certificate})

    with log_in(one, "alice") as client:
        assert value(client, "select 1") == "1"


def test_a_server_whose_certificate_nobody_knows_gets_no_password(weir):
    one = weir(SIMPLE + " ldaptls=1")

    assert said(refused(log_in, one, "alice")) == REFUSED
    assert "could not start TLS" in one.log


def test_the_console_is_open_to_an_administrator_whom_ldap_knows(weir):
    one = weir(SEARCH)

    with one.client("pgbouncer", user="alice", secret=password_of("alice")) as console:
        assert console.query("SHOW VERSION").rows
    assert said(refused(one.client, "pgbouncer", user="alice", secret="wrong")) == REFUSED
    one.allow("not allowed")
    assert refused(one.client, "pgbouncer", user="bob", secret=password_of("bob")).message == "not allowed"


def test_nobody_gets_in_while_the_server_is_down_and_everybody_after_it(weir, directory):
    one = weir(SEARCH)
    directory.stop()

    error = refused(log_in, one, "alice")
    directory.start()

    assert said(error) == REFUSED
    assert "Can't contact LDAP server" in one.log
    log_in(one, "alice").close()


def test_a_server_that_hangs_holds_up_nobody_but_those_who_wait_for_it(app, weir, directory):
    one = weir(SIMPLE, client_login_timeout=0.5, workers=1)
    settled = log_in(one, "alice")
    directory.pause()
    try:
        hung = [Background(refused, log_in, one, "bob") for _ in range(20)]

        assert value(settled, "select 1") == "1"
        errors = [each.result() for each in hung]
    finally:
        directory.resume()

    assert {error.message for error in errors} == {"client_login_timeout"}
    assert eventually(lambda: value(log_in(one, "bob"), "select 1")) == "1"


def test_a_client_that_leaves_while_it_is_judged_leaves_nothing_behind(weir, directory):
    one = weir(SIMPLE, workers=1)
    log_in(one, "alice").close()
    directory.pause()
    try:
        waiting = [wire.Client(one.port, login=False) for _ in range(30)]
        for client in waiting:
            client.send(wire.startup(user="bob", database="app"))
            client.read()
            client.send(wire.password(password_of("bob")))
        before = one.log.count("client unexpected eof")
        for client in waiting:
            client.close()
        eventually(lambda: one.log.count("client unexpected eof") == before + 30)
    finally:
        directory.resume()

    with log_in(one, "alice") as client:
        assert value(client, "select 1") == "1"


def test_the_end_of_the_process_does_not_wait_for_a_server_that_hangs(weir, directory):
    one = weir(SIMPLE, workers=1)
    before = one.threads()
    directory.pause()
    try:
        hung = Background(refused, log_in, one, "bob")
        eventually(lambda: one.threads() > before)
        began = time.monotonic()
        one.stop()
        took = time.monotonic() - began
    finally:
        directory.resume()

    assert hung.result().message == "pooler is shutting down"
    assert took < 3


def test_the_password_to_search_with_is_shown_nowhere(weir):
    one = weir(SEARCH)

    with one.client("pgbouncer", user="alice", secret=password_of("alice")) as console:
        shown = {row[0]: row[1] for row in console.query("SHOW CONFIG").rows}
    refused(log_in, one, "alice", "wrong")

    assert shown["auth_ldap_options"] == "****"
    assert "reads" not in one.log


def test_a_rule_has_options_of_its_own(app, weir, directory, nest):
    rules = nest.write(f"{nest.folder('rules')}/ldap.conf",
                       f"host app alice all ldap ldapserver=127.0.0.1 ldapport={directory.port} {SIMPLE}\n"
                       f"host app bob all ldap ldapserver=127.0.0.1 ldapport={directory.port} {SEARCH}\n")
    one = app.weir(auth_type="hba", auth_hba_file=rules).allow("LDAP authentication failed")

    for user in ("alice", "bob"):
        with log_in(one, user) as client:
            assert value(client, "select current_user") == user
        assert said(refused(log_in, one, user, "wrong")) == REFUSED


def test_options_that_make_no_sense_are_refused_with_the_file(weir):
    with pytest.raises(RuntimeError, match='unrecognized LDAP option "ldapbasdn"; did you mean "ldapbasedn"'):
        weir("ldapbasdn=x").start()
