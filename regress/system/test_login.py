"""Logins: clients prove who they are to pgweir, pgweir proves it to PostgreSQL."""

import hashlib

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import pid_of, refused, said, value

METHODS = {"password": "plain", "md5": "md5", "scram": "scram-sha-256"}


def role(app, method):
    """A role with a password that all hosts want by that method."""
    name = f"login_{method}"
    if not app.query(f"select from pg_roles where rolname = '{name}'"):
        app.cluster.create_role(name, method, "the word")
    return name


def md5_secret(name, password):
    return "md5" + hashlib.md5((password + name).encode()).hexdigest()


@pytest.mark.parametrize("to_server", METHODS)
@pytest.mark.parametrize("from_client", METHODS)
def test_a_plain_password_serves_every_pair_of_methods(app, from_client, to_server):
    name = role(app, to_server)
    one = app.weir(secrets={name: "the word"}, auth_type=METHODS[from_client], admin_users=name)

    with one.client("app", user=name, secret="the word") as client:
        assert value(client, "select current_user") == name


@pytest.mark.parametrize("from_client", METHODS)
def test_unknown_users_and_wrong_passwords_are_told_the_same(app, from_client):
    one = app.weir(secrets={"known": "the word"}, auth_type=METHODS[from_client]).allow("authentication failed")

    wrong = refused(one.client, "app", user="known", secret="another word")
    unknown = refused(one.client, "app", user="unknown", secret="the word")

    text = ("SASL" if from_client == "scram" else "password") + " authentication failed"
    assert said(wrong) == said(unknown) == ("FATAL", "28P01", text)
    assert wrong.fields == unknown.fields


@pytest.mark.parametrize("from_client", METHODS)
def test_an_empty_password_never_matches(app, from_client):
    one = app.weir(secrets={"known": ""}, auth_type=METHODS[from_client]).allow("authentication failed")

    assert refused(one.client, "app", user="known", secret="").sqlstate == "28P01"
    assert one.is_up()


def test_trust_lets_in_those_whom_the_file_knows(app):
    one = app.weir(auth_type="trust").allow("authentication failed")

    assert value(one.client("app"), "select current_user") == "postgres"
    error = refused(one.client, "app", user="unknown")

    assert said(error) == ("FATAL", "28000", '"trust" authentication failed')


def test_any_lets_everybody_in_as_the_forced_user(app):
    one = app.weir(keys={"user": "postgres"}, auth_type="any")

    with one.client("app", user="whoever") as client:
        assert value(client, "select current_user") == "postgres"
    assert one.show("DATABASES", name="app")[0]["force_user"] == "postgres"


def test_a_forced_user_s_password_is_that_of_the_entry(app):
    name = role(app, "scram")
    one = app.weir(keys={"user": name, "password": "'the word'"}, secrets={"postgres": "mine"}, auth_type="scram-sha-256")

    with one.client("app", secret="mine") as client:
        assert value(client, "select current_user") == name


def test_a_scram_secret_passes_the_client_s_proof_through(app):
    """pgweir holds nothing but the server's own secret: what the client proves is enough for the server."""
    name = role(app, "scram")
    one = app.weir(secrets={name: app.cluster.secret_of(name)}, auth_type="scram-sha-256")

    with one.client("app", user=name, secret="the word") as client:
        assert value(client, "select current_user") == name


def test_auth_type_md5_asks_for_scram_where_the_secret_is_scram(app):
    name = role(app, "scram")
    one = app.weir(secrets={name: app.cluster.secret_of(name)}, auth_type="md5").allow("authentication failed")

    with one.client("app", user=name, secret="the word") as client:
        assert value(client, "select 1") == "1"
    assert refused(one.client, "app", user=name, secret="no").message == "SASL authentication failed"


def test_an_md5_secret_serves_both_sides(app):
    name = role(app, "md5")
    one = app.weir(secrets={name: md5_secret(name, "the word")}, auth_type="md5")

    with one.client("app", user=name, secret="the word") as client:
        assert value(client, "select current_user") == name


def test_a_plain_login_s_password_serves_a_secret_that_is_hashed(app):
    """Over auth_type=plain pgweir learns the password, so that it can prove it by SCRAM to the server."""
    name = role(app, "scram")
    one = app.weir(secrets={name: md5_secret(name, "the word")}, auth_type="plain")

    with one.client("app", user=name, secret="the word") as client:
        assert value(client, "select current_user") == name


def test_a_wrong_password_for_the_server_is_told_in_the_server_s_words(app):
    name = role(app, "scram")
    one = app.weir(secrets={name: "an old word"}, auth_type="scram-sha-256")
    one.allow("password authentication failed")

    error = refused(one.client, "app", user=name, secret="an old word")

    assert said(error) == ("FATAL", "28P01", f'password authentication failed for user "{name}"')


def test_a_secret_of_the_wrong_kind_for_the_server_is_told(app):
    name = role(app, "scram")
    one = app.weir(secrets={name: md5_secret(name, "the word")}, auth_type="md5")
    one.allow("wrong password type")

    error = refused(one.client, "app", user=name, secret="the word")

    assert said(error) == ("FATAL", "08006", "server login failed: wrong password type")


def test_a_client_logs_in_while_the_server_is_down_once_the_greeting_is_known(app, fake_server):
    server = fake_server()
    one = app.weir(databases={"fake": f"host=127.0.0.1 port={server.port}"}, query_wait_timeout=0.5)
    one.allow("server login failed", "query_wait_timeout", "pooler error")
    first = one.client("fake")
    greeted = first.parameters
    server.close()
    eventually(lambda: "server conn crashed?" in one.log)

    with one.client("fake") as second:
        assert second.parameters == greeted
        assert second.status == "I"


def test_a_psql_of_the_console_is_an_administrator_or_is_refused(app):
    one = app.weir(secrets={"postgres": "", "other": ""}).allow("not allowed")

    assert said(refused(one.client, "pgbouncer", user="other")) == ("FATAL", "28000", "not allowed")
    assert one.show("VERSION")


def test_a_login_without_a_user_is_refused(app):
    one = app.weir().allow("no username supplied")
    client = wire.Client(one.port, login=False)

    client.send(wire.startup(database="app"))

    assert said(wire.PgError(client.read().fields())) == ("FATAL", "28000", "no username supplied")


def test_the_database_is_the_user_when_none_is_named(app):
    one = app.weir(databases={"postgres": app.target("postgres")})
    client = wire.Client(one.port, login=False)
    client.send(wire.startup(user="postgres"))
    client.log_in()

    assert value(client, "select current_database()") == "postgres"


def test_new_users_and_passwords_are_known_after_a_reload(app):
    one = app.weir(secrets={"postgres": "old"}, auth_type="md5").allow("authentication failed")
    one.client("app", secret="old").close()

    one.write_users({"postgres": "new"}).reload()

    assert eventually(one.client, "app", secret="new")
    assert refused(one.client, "app", secret="old").sqlstate == "28P01"


def test_a_server_that_was_logged_in_once_serves_all_clients_of_its_user(app):
    name = role(app, "scram")
    one = app.weir(secrets={name: "the word"}, auth_type="scram-sha-256", admin_users=name)

    pids = {pid_of(one.client("app", user=name, secret="the word")) for _ in range(5)}

    assert len(pids) == 1
