"""Every text with which a client can be refused, provoked once: severity, SQLSTATE, words, and the fields of the message.

One function provokes one text and returns the error that the client saw; REFUSED is their table.
"""

import itertools

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import DATABASE, Background, farewell, refused, waiting
from lib.tls import TlsClient, client_context

SECRETS = {"postgres": "", "dba": "the word"}
REFUSED = []
_numbers = itertools.count(1)


def told(sqlstate, text, severity="FATAL"):
    """Puts the function into the table; another SQLSTATE than PostgreSQL's own has no place there."""

    def put(provoke):
        REFUSED.append(pytest.param(provoke, severity, sqlstate, text, id=provoke.__name__))
        return provoke

    return put


class Stage:
    """What a function may use: .weir(...) before PostgreSQL, .desk(...) before a scripted server."""

    def __init__(self, app, desk, fake_server, certificates):
        self.app, self.fake_server, self.certificates = app, fake_server, certificates
        self._desk = desk

    def weir(self, *arguments, secrets=SECRETS, **settings):
        settings = {"query_wait_timeout": 20, **settings}
        return self.app.weir(*arguments, secrets=secrets, **settings).allow("pooler error", "login failed", "server", "requires forced user")

    def before(self, script, keys="", **settings):
        """A pgweir before a server of this script."""
        return self.before_port(self.fake_server(script).port, keys, **settings)

    def before_port(self, port, keys="", **settings):
        target = f"host=127.0.0.1 port={port} dbname=app {keys}"
        one = self.app.weir_of(
            f"[databases]\napp = {target}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {{port}}\n"
            "unix_socket_dir = {folder}\nauth_type = trust\nauth_file = {users}\nadmin_users = postgres\n"
            "pool_mode = transaction\n"
            + "".join(f"{k} = {v}\n" for k, v in {"server_login_retry": 1, **settings}.items()),
            secrets=SECRETS,
        )
        return one.allow(".")

    def ruled(self, rules, **settings):
        folder = self.app.cluster.nest.folder(f"refusals{next(_numbers)}")
        self.app.cluster.nest.write(f"{folder}/rules.conf", rules, 0o600)
        return self.weir(auth_type="hba", auth_hba_file=f"{folder}/rules.conf", **settings)

    def secured(self, **settings):
        made = self.certificates
        files = {"client_tls_cert_file": made.server.cert, "client_tls_key_file": made.server.key}
        return self.weir(client_tls_ca_file=made.ca.cert, **{"client_tls_sslmode": "require", **files, **settings})


@pytest.fixture
def stage(app, desk, fake_server, certificates):
    return Stage(app, desk, fake_server, certificates)


def raw(one, *messages):
    """What a client is told that sends these bytes."""
    client = one.client(login=False)
    client.send(*messages)
    return farewell(client)


def busy(one):
    """A client that has the only server."""
    client = one.client(DATABASE)
    client.query("begin")
    return client


# ---- who may come in ----


@told("3D000", "no such database: nope")
def an_unknown_database(stage):
    return refused(stage.weir().client, "nope")


@told("28P01", "password authentication failed")
def a_wrong_password(stage):
    return refused(stage.weir(auth_type="md5").client, DATABASE, user="dba", secret="another")


@told("28P01", "password authentication failed")
def a_wrong_password_in_clear(stage):
    return refused(stage.weir(auth_type="plain").client, DATABASE, user="dba", secret="another")


@told("28P01", "SASL authentication failed")
def a_wrong_proof(stage):
    return refused(stage.weir(auth_type="scram-sha-256").client, DATABASE, user="dba", secret="another")


@told("28P01", "SASL authentication failed")
def an_unknown_user(stage):
    return refused(stage.weir(auth_type="scram-sha-256").client, DATABASE, user="nobody", secret="another")


@told("28000", '"trust" authentication failed')
def an_unknown_user_who_would_be_trusted(stage):
    return refused(stage.weir().client, DATABASE, user="nobody")


@told("28000", "certificate authentication failed")
def another_ones_certificate(stage):
    one = stage.secured(auth_type="cert", client_tls_sslmode="verify-full")
    mine = stage.certificates.client("somebody")
    context = client_context()
    context.load_cert_chain(mine.cert, mine.key)
    return refused(TlsClient, one, DATABASE, context=context)


@told("28000", "unix socket login rejected")
def another_ones_socket(stage):
    return refused(stage.ruled("local all all peer\nhost all all all trust\n").client, DATABASE, unix=True)


@told("28000", "no authentication method is found")
def no_rule(stage):
    return refused(stage.ruled("local all all trust\n").client, DATABASE)


@told("28000", "login rejected")
def a_rule_that_rejects(stage):
    return refused(stage.ruled("host app all all reject\nhost all all all trust\n").client, DATABASE)


@told("28000", "not allowed")
def the_console(stage):
    return refused(stage.weir().client, "pgbouncer", user="dba")


@told("28000", "SSL required")
def no_tls(stage):
    return refused(stage.secured().client, DATABASE)


@told("57P03", 'database "app" is disabled')
def a_disabled_database(stage):
    one = stage.weir()
    one.console("DISABLE app")
    return refused(one.client, DATABASE)


@told("F0000", "bouncer config error")
def anybody_without_a_forced_user(stage):
    return refused(stage.weir(auth_type="any").client, DATABASE)


# ---- limits ----


@told("53300", "no more connections allowed (max_client_conn)")
def too_many_clients(stage):
    one = stage.weir(max_client_conn=1)
    one.first = eventually(one.client, DATABASE)
    return refused(one.client, DATABASE)


@told("53300", "client connections exceeded (max_db_client_connections)")
def too_many_clients_of_a_database(stage):
    one = stage.weir(max_db_client_connections=1)
    one.first = one.client(DATABASE)
    return refused(one.client, DATABASE)


@told("53300", "client connections exceeded (max_user_client_connections)")
def too_many_clients_of_a_user(stage):
    one = stage.weir(max_user_client_connections=1)
    one.first = one.client(DATABASE)
    return refused(one.client, DATABASE)


# ---- time ----


@told("57014", "query_wait_timeout")
def a_wait_that_is_too_long(stage):
    one = stage.weir(default_pool_size=1, query_wait_timeout=0.3)
    one.first, second = busy(one), one.client(DATABASE)
    second.send(wire.query("select 1"))
    return farewell(second)


@told("57014", "query_timeout")
def a_query_that_waits_too_long(stage):
    one = stage.weir(default_pool_size=1, query_timeout=0.3)
    one.first, second = busy(one), one.client(DATABASE)
    second.send(wire.query("select 1"))
    return farewell(second)


@told("57014", "query timeout")
def a_query_that_runs_too_long(stage):
    client = stage.weir(query_timeout=0.3).client(DATABASE)
    client.send(wire.query("select pg_sleep(20)"))
    return farewell(client)


@told("25P03", "idle transaction timeout")
def a_transaction_that_idles(stage):
    return farewell(busy(stage.weir(idle_transaction_timeout=0.3)))


@told("57014", "transaction timeout")
def a_transaction_that_is_too_long(stage):
    return farewell(busy(stage.weir(transaction_timeout=0.3)))


@told("57P05", "client_idle_timeout")
def a_client_that_idles(stage):
    return farewell(stage.weir(client_idle_timeout=0.3).client(DATABASE))


@told("08006", "client_login_timeout")
def a_login_that_stands_still(stage):
    one = stage.weir(client_login_timeout=0.3, auth_type="md5")
    return raw(one, wire.startup(user="dba", database=DATABASE))


@told("08006", "client_login_timeout (server down)")
def a_login_before_a_silent_server(stage):
    one = stage.before(lambda session: session.read_startup() and session.read(), client_login_timeout=0.5)
    return refused(one.client, DATABASE)


# ---- servers ----


@told("42704", "no such role, says the server")
def the_servers_own_refusal(stage):
    def refuses(session):
        session.read_startup()
        session.send(wire.error("no such role, says the server", sqlstate="42704", severity="FATAL"))

    return refused(stage.before(refuses).client, DATABASE)


@told("42704", "server login has been failing, cached error: no such role (server_login_retry)")
def a_refusal_that_is_remembered(stage):
    def refuses(session):
        session.read_startup()
        session.send(wire.error("no such role", sqlstate="42704", severity="FATAL"))

    one = stage.before(refuses, server_login_retry=20)
    refused(one.client, DATABASE)
    return refused(one.client, DATABASE)


@told("08006", "server login failed: wrong password type")
def no_password_for_the_server(stage):
    def asks(session):
        session.read_startup()
        session.send(wire.auth_cleartext())
        session.read()

    return refused(stage.before(asks).client, DATABASE)


@told("08006", "server conn crashed?")
def a_server_that_dies(stage):
    def vanishes(session):
        session.log_in()
        session.read()

    client = stage.before(vanishes, server_check_delay=30).client(DATABASE)
    client.send(wire.query("select 1"))
    return farewell(client)


@told("08006", "server login has been failing, cached error: connect failed (server_login_retry)")
def a_server_that_is_not_there(stage):
    server = stage.fake_server()
    one = stage.before_port(server.port, server_login_retry=20)
    first, second = one.client(DATABASE), one.client(DATABASE)
    server.close()
    first.send(wire.query("select 1"))
    eventually(lambda: "connect failed" in one.log)
    second.send(wire.query("select 1"))
    return farewell(second)


@told("08006", "server login failed: invalid server signature")
def a_server_that_does_not_know_the_secret(stage):
    def pretends(session):
        session.read_startup()
        session.send(wire.auth_sasl("SCRAM-SHA-256"))
        first = session.read().body.split(b"n,,", 1)[1]
        nonce = first.split(b"r=")[1] + b"0"
        session.send(wire.auth_sasl_continue(b"r=" + nonce + b",s=c2FsdA==,i=4096"))
        session.read()
        session.send(wire.auth_sasl_final(b"v=" + b"A" * 43 + b"="))
        session.read()

    return refused(stage.before(pretends, keys="user=postgres password=x").client, DATABASE)


# ---- the startup packet ----


@told("28000", "no username supplied")
def no_user(stage):
    return raw(stage.weir(), wire.startup(database=DATABASE))


@told("08P01", "old V2 protocol not supported")
def protocol_2(stage):
    return raw(stage.weir(), wire.startup(version=0x20000, user="postgres"))


@told("08P01", "invalid startup packet layout: expected terminator as last byte")
def no_terminator(stage):
    body = b"\0\3\0\0user\0postgres\0"
    return raw(stage.weir(), (len(body) + 4).to_bytes(4, "big") + body)


@told("08P01", "unsupported options startup parameter: only '-c config=val' and '--config=val' are allowed")
def odd_options(stage):
    return raw(stage.weir(), wire.startup(user="postgres", database=DATABASE, options="-x"))


@told("08P01", "received unencrypted data after SSL request")
def data_before_tls(stage):
    return raw(stage.secured(), wire.ssl_request() + wire.startup(user="postgres", database=DATABASE))


@told("08P01", "bad packet header: '0000000100000000'")
def a_header_that_is_none(stage):
    return raw(stage.weir(), bytes.fromhex("0000000100000000"))


# ---- the end ----


@told("57P01", "admin forced disconnect")
def kill_client(stage):
    one = stage.weir()
    client = one.client(DATABASE)
    one.console(f"KILL_CLIENT {one.show('CLIENTS', database=DATABASE)[0]['id']}")
    return farewell(client)


@told("57P01", "database removed")
def kill(stage):
    one = stage.weir()
    client = one.client(DATABASE)
    one.console("KILL app")
    return farewell(client)


@told("57P01", "database configuration changed")
def fast_close(stage):
    one = stage.weir(pool_mode="session", server_fast_close=1)
    client = one.client(DATABASE)
    client.query("select 1")
    one.console("RECONNECT app")
    return farewell(client)


@told("57P01", "pooler is shutting down")
def shutdown(stage):
    one = stage.weir()
    client = one.client(DATABASE)
    one.console("SHUTDOWN")
    return farewell(client)


@told("57P01", "server shutting down")
def shutdown_while_it_waits(stage):
    one = stage.weir(default_pool_size=1)
    first, second = busy(one), one.client(DATABASE)
    second.send(wire.query("select 1"))
    eventually(waiting, one, 1)
    one.console("SHUTDOWN WAIT_FOR_SERVERS")
    error = farewell(second)
    first.query("commit")
    return error


@told("0A000", "transaction blocks not allowed in statement pooling mode")
def begin_in_statement_mode(stage):
    client = stage.weir(pool_mode="statement").client(DATABASE)
    client.send(wire.query("begin"))
    return farewell(client)


@told("0A000", "PQexec disallowed")
def simple_queries(stage):
    client = stage.weir(disable_pqexec=1).client(DATABASE)
    client.send(wire.query("select 1"))
    return farewell(client)


# ---- refusals that the session survives ----


@told("42P05", 'prepared statement "a" already exists', severity="ERROR")
def a_name_that_is_taken(stage):
    client = stage.weir().client(DATABASE)
    return client.ask(wire.parse("select 1", "a"), wire.parse("select 2", "a"), wire.sync()).error


@told("26000", 'prepared statement "b" does not exist', severity="ERROR")
def a_name_that_nobody_has(stage):
    client = stage.weir().client(DATABASE)
    return client.ask(wire.bind(name="b"), wire.execute(), wire.sync()).error


@told("57014", "canceling statement due to user request", severity="ERROR")
def a_wait_that_is_cancelled(stage):
    one = stage.weir(default_pool_size=1)
    one.first, second = busy(one), one.client(DATABASE)
    answer = Background(second.ask, wire.query("select 1"))
    eventually(waiting, one, 1)
    second.cancel()
    return answer.result().error


@pytest.mark.parametrize("provoke, severity, sqlstate, text", REFUSED)
def test_a_refusal_says_why_in_pgbouncers_words_with_postgresqls_code(stage, provoke, severity, sqlstate, text):
    error = provoke(stage)

    assert (error.severity, error.sqlstate, error.message) == (severity, sqlstate, text)
    assert error.fields["V"] == severity and not set("SVCM") - set(error.fields)
