"""auth_query: the secrets of users whom the user list does not name are asked for in PostgreSQL."""

import hashlib

import pytest

from lib.cluster import quote
from lib.eventually import eventually
from lib.scene import Background, crowd, pid_of, refused, said, value

ASKER = "aq_asker"
WRONG = {
    "plain": ("FATAL", "28P01", "password authentication failed"),
    "md5": ("FATAL", "28P01", "password authentication failed"),
    "scram-sha-256": ("FATAL", "28P01", "SASL authentication failed"),
}
# Who has no secret is asked as most others are, by SCRAM.
NOBODY = {**WRONG, "md5": WRONG["scram-sha-256"]}
BROKEN = ("FATAL", "F0000", "bouncer config error")

# As PgBouncer's manual has it.
FUNCTION = """
    create schema if not exists pooler;
    create or replace function pooler.user_lookup(in i_username text, out uname text, out phash text) returns record as $$
    begin
        select rolname, case when rolvaliduntil < now() then null else rolpassword end
        from pg_catalog.pg_authid where rolname = i_username and rolcanlogin into uname, phash;
    end;
    $$ language plpgsql security definer set search_path = pg_catalog, pg_temp
"""


def md5_secret(name, password):
    return "md5" + hashlib.md5((password + name).encode()).hexdigest()


class Scene:
    """Roles whom only PostgreSQL knows, and pgweir processes that ask it for them."""

    def __init__(self, app):
        self.app, self.cluster, self.query = app, app.cluster, app.query
        self.role(ASKER, "scram", "ask", "login superuser")
        self.query("drop table if exists aq_users; create table aq_users (name text, secret text)")

    def role(self, name, method="trust", password=None, options="login"):
        """A new role of that name; whatever servers the old one had are gone."""
        self.query(f"select pg_terminate_backend(pid) from pg_stat_activity where usename = {quote(name)}")
        self.query(f'drop role if exists "{name}"')
        return self.cluster.create_role(name, method, password, options)

    def weir(self, secrets=None, **main):
        main = {"auth_user": ASKER, "auth_type": "scram-sha-256", "admin_users": "postgres", **main}
        one = self.app.weir(secrets={ASKER: "ask", "postgres": "admin", **(secrets or {})}, **main)
        return one.allow("authentication failed", "pooler error")

    def table(self, **rows):
        """A custom table of users for the query of custom()."""
        for name, secret in rows.items():
            text = "null" if secret is None else "'" + secret + "'"
            self.query(f"insert into aq_users values ('{name}', {text})")

    def custom(self, **main):
        return self.weir(auth_query="select name, secret from public.aq_users where name = $1", **main)

    def asked(self, mark):
        """How often the query ran since the mark."""
        return len([s for s in self.app.primary.statements_since(mark) if ("pg_authid" in s.text or "aq_users" in s.text) and "$1" in s.text])


@pytest.fixture
def scene(app):
    made = Scene(app)
    yield made
    app.query("alter database app reset all; drop schema if exists trojan cascade")


def console(one, command):
    with one.client("pgbouncer", "postgres", secret="admin") as client:
        return client.query(command).dicts()


# ---- who gets in ----------------------------------------------------------------------


@pytest.mark.parametrize("stored,method", [("md5", "md5"), ("md5", "plain"), ("scram", "md5"), ("scram", "plain"), ("scram", "scram-sha-256")])
def test_a_user_whom_only_postgresql_knows_logs_in_to_it_with_the_same_secret(scene, stored, method):
    name = scene.role("aq_known", stored, "the word")
    one = scene.weir(auth_type=method)

    with one.client("app", user=name, secret="the word") as client:
        assert value(client, "select current_user") == name
    told = WRONG["scram-sha-256" if stored == "scram" and method == "md5" else method]
    assert said(refused(one.client, "app", user=name, secret="a wrong word")) == told


@pytest.mark.parametrize("method", ["plain", "md5", "scram-sha-256"])
@pytest.mark.parametrize("kind", ["plain", "md5", "scram"])
def test_secrets_of_a_custom_table_open_for_those_who_know_them_only(scene, kind, method):
    if (kind, method) == ("md5", "scram-sha-256"):
        method = "md5"
    scene.role("aq_custom")
    secrets = {"plain": "the word", "md5": md5_secret("aq_custom", "the word"), "scram": None}
    scene.role("aq_template", "scram", "the word")
    secrets["scram"] = scene.cluster.secret_of("aq_template")
    scene.table(aq_custom=secrets[kind], aq_nothing=None, aq_empty="")
    one = scene.custom(auth_type=method)
    told = WRONG["scram-sha-256" if kind == "scram" and method == "md5" else method]

    with one.client("app", user="aq_custom", secret="the word") as client:
        assert value(client, "select current_user") == "aq_custom"
    assert said(refused(one.client, "app", user="aq_custom", secret="a wrong word")) == told
    for name in ("aq_nothing", "aq_empty", "aq_unknown"):
        for secret in ("the word", ""):
            assert said(refused(one.client, "app", user=name, secret=secret)) == NOBODY[method]


@pytest.mark.parametrize("method", ["plain", "md5", "scram-sha-256"])
def test_an_expired_password_never_matches(scene, method):
    name = scene.role("aq_expired", "scram", "the word", "login valid until 'yesterday'")
    one = scene.weir(auth_type=method)

    assert said(refused(one.client, "app", user=name, secret="the word")) == NOBODY[method]
    scene.query(f"alter role {name} valid until 'infinity'")
    one.client("app", user=name, secret="the word").close()


@pytest.mark.parametrize("method", ["plain", "md5", "scram-sha-256"])
def test_a_null_password_never_matches(scene, method):
    name = scene.role("aq_null")
    one = scene.weir(auth_type=method)

    for secret in ("", "md5", "NULL", "null"):
        assert said(refused(one.client, "app", user=name, secret=secret)) == NOBODY[method]


def test_a_role_that_may_not_log_in_is_unknown(scene):
    name = scene.role("aq_nologin", "scram", "the word", "nologin")
    one = scene.weir(auth_type="trust")

    assert said(refused(one.client, "app", user=name)) == ("FATAL", "28000", '"trust" authentication failed')


def test_trust_needs_a_user_that_exists(scene):
    name = scene.role("aq_null")
    one = scene.weir(auth_type="trust")

    with one.client("app", user=name) as client:
        assert value(client, "select current_user") == name
    assert refused(one.client, "app", user="aq_unknown").sqlstate == "28000"


def test_the_user_list_is_asked_first(scene):
    name = scene.role("aq_known", "trust", "of the role")
    one = scene.weir(secrets={name: "of the list"})

    assert refused(one.client, "app", user=name, secret="of the role").sqlstate == "28P01"
    one.client("app", user=name, secret="of the list").close()


def test_a_client_of_an_entry_with_a_forced_user_proves_its_own_name(scene):
    name = scene.role("aq_known", "scram", "the word")
    one = scene.weir(keys={"user": "postgres"})

    with one.client("app", user=name, secret="the word") as client:
        assert value(client, "select current_user") == "postgres"
    assert refused(one.client, "app", user=name, secret="a wrong word").sqlstate == "28P01"


def test_a_function_of_pgbouncer_s_manual_serves_an_auth_user_without_rights(scene):
    scene.query(FUNCTION)
    scene.role("aq_humble", "scram", "ask")
    scene.query("revoke all on function pooler.user_lookup from public; grant usage on schema pooler to aq_humble")
    scene.query("grant execute on function pooler.user_lookup to aq_humble")
    name = scene.role("aq_known", "scram", "the word")
    one = scene.weir(secrets={"aq_humble": "ask"}, auth_user="aq_humble", auth_query="SELECT * FROM pooler.user_lookup($1)")

    with one.client("app", user=name, secret="the word") as client:
        assert value(client, "select current_user") == name
    # The function returns a row of NULLs for nobody.
    one.allow("returned as NULL")
    assert said(refused(one.client, "app", user="aq_unknown", secret="the word")) == BROKEN
    scene.query("drop schema pooler cascade")


def test_an_administrator_of_the_console_may_be_known_to_postgresql_alone(scene):
    name = scene.role("aq_known", "scram", "the word")
    one = scene.weir(admin_users=name, auth_dbname="app")

    with one.client("pgbouncer", user=name, secret="the word") as client:
        assert client.query("SHOW VERSION").rows
    assert refused(one.client, "pgbouncer", user=name, secret="a wrong word").sqlstate == "28P01"


# ---- where it is asked ----------------------------------------------------------------


def test_auth_query_runs_in_auth_dbname_as_auth_user_and_is_a_pool_of_its_own(scene):
    name = scene.role("aq_known", "scram", "the word")
    one = scene.weir(databases={"where": scene.app.target("postgres")}, auth_dbname="where")

    one.client("app", user=name, secret="the word").close()

    rows = {(row["database"], row["user"]): row for row in console(one, "SHOW POOLS")}
    assert rows["where", ASKER]["sv_idle"] == 1
    assert ("app", ASKER) not in rows


def test_an_entry_s_own_auth_user_auth_dbname_and_auth_query_count(scene):
    scene.table(aq_custom="the word")
    scene.role("aq_custom")
    scene.role("aq_other_asker", "trust", None, "login superuser")
    query = "auth_query='select name, secret from public.aq_users where name = $1'"
    entry = scene.app.target("app") + f" auth_user=aq_other_asker auth_dbname=app {query}"
    one = scene.weir(databases={"special": entry}, auth_dbname="nowhere").allow("is not configured")

    with one.client("special", user="aq_custom", secret="the word") as client:
        assert value(client, "select current_user") == "aq_custom"
    assert scene.app.primary.query("select from pg_stat_activity where usename = 'aq_other_asker'")
    assert refused(one.client, "app", user="aq_custom", secret="the word").message == BROKEN[2]


def test_an_authentication_database_that_is_not_configured_or_disabled_is_told(scene):
    one = scene.weir(auth_dbname="nowhere").allow("authentication database")

    assert said(refused(one.client, "app", user="aq_unknown", secret="word")) == BROKEN
    assert 'authentication database "nowhere" is not configured.' in one.log

    other = scene.weir(databases={"where": scene.app.target("postgres")}, auth_dbname="where").allow("authentication database")
    console(other, "DISABLE where")
    assert said(refused(other.client, "app", user="aq_unknown", secret="word")) == BROKEN
    assert 'authentication database "where" is disabled' in other.log


# ---- what cannot be done to it --------------------------------------------------------

TROJAN = """
    create schema if not exists trojan;
    grant all on schema trojan to public;
    create table trojan.pg_authid (rolname name, rolvaliduntil timestamptz, rolpassword text, rolcanlogin bool);
    insert into trojan.pg_authid values ('aq_victim', null, 'trojan', true);
    create function trojan.now() returns timestamptz return '2000-01-01'::timestamptz;
    grant select on trojan.pg_authid to public
"""


def test_search_path_in_auth_query_cannot_be_poisoned_by_alter_role_or_database(scene):
    scene.query(TROJAN)
    scene.role("aq_victim", "scram", "the word", "login valid until '2020-01-01'")
    scene.query(f"alter role {ASKER} set search_path = trojan, pg_catalog")
    scene.query("alter database app set search_path = trojan, pg_catalog")
    one = scene.weir(auth_type="plain")

    assert said(refused(one.client, "app", user="aq_victim", secret="trojan")) == WRONG["plain"]
    assert said(refused(one.client, "app", user="aq_victim", secret="the word")) == WRONG["plain"]


def test_search_path_in_auth_query_cannot_be_poisoned_by_a_session_on_the_same_server(scene):
    scene.query(TROJAN)
    scene.role("aq_victim", "scram", "the word")
    one = scene.weir(auth_type="plain", default_pool_size=1, session_features="ignore")
    with one.client("app", user=ASKER, secret="ask") as poisoner:
        pid = pid_of(poisoner)
        poisoner.query("set search_path = trojan, pg_catalog; create temp table pg_authid as table trojan.pg_authid")

        assert said(refused(one.client, "app", user="aq_victim", secret="trojan")) == WRONG["plain"]

        one.client("app", user="aq_victim", secret="the word").close()
        assert pid_of(poisoner) == pid
        assert value(poisoner, "show search_path") == "trojan, pg_catalog"
    assert [row["sv_idle"] for row in console(one, "SHOW POOLS") if row["user"] == ASKER] == [1]


def test_no_setting_of_a_session_reaches_auth_query_and_none_of_its_own_stays(scene):
    name = scene.role("aq_known", "scram", "the word")
    query = (
        "select rolname, case when current_setting('application_name') || current_setting('work_mem') = '4MB' "
        "and current_user = session_user then rolpassword end from pg_authid where rolname = $1"
    )
    one = scene.weir(auth_query=query, default_pool_size=1)
    with one.client("app", user=ASKER, secret="ask", application_name="theirs") as other:
        other.query("set work_mem = '11MB'; set role postgres")

        one.client("app", user=name, secret="the word").close()

        assert value(other, "select current_setting('work_mem') || current_user || current_setting('application_name')") == "11MBpostgrestheirs"
    with one.client("app", user=ASKER, secret="ask") as another:
        assert value(another, "show search_path") == '"$user", public'
        assert value(another, "show work_mem") == "4MB"


def test_the_name_of_the_user_is_a_parameter_and_not_text(scene):
    name = "aq'; drop table aq_users; --"
    scene.role(name, "scram", "the word")
    one = scene.weir()

    with one.client("app", user=name, secret="the word") as client:
        assert value(client, "select current_user") == name
    assert scene.query("select to_regclass('aq_users')") == [("aq_users",)]


def test_a_query_that_returns_another_user_lets_nobody_in(scene):
    scene.role("aq_known", "scram", "the word")
    one = scene.weir(auth_type="plain", auth_query="select 'postgres', 'the word' where $1 <> ''")
    one.allow("returned another one")

    assert said(refused(one.client, "app", user="aq_known", secret="the word")) == WRONG["plain"]


def test_a_long_name_is_not_cut_to_somebody_else_s(scene):
    short = scene.role("aq_" + "n" * 60, "scram", "the word")
    one = scene.weir(auth_type="plain", auth_query="select rolname, rolpassword from pg_authid where rolname = $1::name")
    one.allow("returned another one", "too long")

    one.client("app", user=short, secret="the word").close()
    assert refused(one.client, "app", user=short + "x", secret="the word")


@pytest.mark.parametrize(
    "query,why",
    [
        ("select rolname from pg_authid where rolname = $1", "1 columns were returned"),
        ("select $1::text, 'word', 3", "3 columns were returned"),
        ("select 'nobody' where $1 = ''", "1 columns were returned"),
        ("select $1::text, 'word' from generate_series(1, 2)", "more than one row"),
        ("select $1::text, 'word' from generate_series(1, 1000000)", "more than one row"),
        ("select null, 'word' where $1 <> ''", "returned as NULL"),
        ("select $1::text, repeat('x', 65532)", "too long"),
        ("select $1::text, repeat('x', 3000000)", "protocol does not allow"),
        ("select $1::text, (1 / 0)::text", "division by zero"),
        ("select from from", "syntax error"),
        ("select 'nobody', 'word'", "bind message supplies 1 parameters"),
        ("set work_mem = '5MB'", "bind message supplies 1 parameters"),
    ],
)
def test_a_query_that_answers_nonsense_lets_nobody_in_and_is_logged(scene, query, why):
    scene.role("aq_known", "trust", "word")
    one = scene.weir(auth_type="plain", auth_query=query).allow("auth_query")

    for _ in range(2):
        told = refused(one.client, "app", user="aq_known", secret="word")
        assert said(told) == BROKEN or why == "protocol does not allow" and told.sqlstate == "08P01"
    assert why in one.log
    one.client("app", user=ASKER, secret="ask").close()


def test_the_longest_secret_is_taken_whole(scene):
    scene.role("aq_known")
    one = scene.weir(auth_type="plain", auth_query="select $1::text, repeat('x', 65531)")

    assert refused(one.client, "app", user="aq_known", secret="x" * 2000).sqlstate == "28P01"
    assert "too long" not in one.log


# ---- changes --------------------------------------------------------------------------


@pytest.mark.parametrize("ttl", [0, 60])
@pytest.mark.parametrize("method", ["plain", "md5"])
def test_a_changed_password_counts_at_the_next_login_and_old_sessions_live_on(scene, method, ttl):
    name = scene.role("aq_changing", "md5", "the first")
    one = scene.weir(auth_type=method, auth_query_cache_ttl=ttl, default_pool_size=2)
    with one.client("app", user=name, secret="the first") as old:
        old.query("begin")
        scene.query(f"set password_encryption = md5; alter role {name} password 'the second'")

        with one.client("app", user=name, secret="the second") as new:
            assert pid_of(new) != pid_of(old)
        assert refused(one.client, "app", user=name, secret="the first").sqlstate == "28P01"
        old.query("commit")


def test_a_changed_scram_password_opens_new_servers(scene):
    name = scene.role("aq_changing", "scram", "the first")
    one = scene.weir(default_pool_size=2)
    with one.client("app", user=name, secret="the first") as old:
        old.query("begin")
        scene.query(f"alter role {name} password 'the second'")

        assert refused(one.client, "app", user=name, secret="the first").sqlstate == "28P01"
        with one.client("app", user=name, secret="the second") as new:
            assert pid_of(new) != pid_of(old)
        assert value(old, "select 1") == "1"


def test_a_scram_password_that_changed_under_the_cache_opens_at_the_second_try(scene):
    name = scene.role("aq_changing", "scram", "the first")
    one = scene.weir(auth_query_cache_ttl=60)
    one.client("app", user=name, secret="the first").close()
    scene.query(f"alter role {name} password 'the second'")

    refused(one.client, "app", user=name, secret="the second")
    one.client("app", user=name, secret="the second").close()


def test_a_dropped_user_is_refused_at_the_next_login(scene):
    name = scene.role("aq_known", "scram", "the word")
    one = scene.weir()
    one.client("app", user=name, secret="the word").close()
    scene.query(f"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{name}'; drop role {name}")

    assert refused(one.client, "app", user=name, secret="the word").sqlstate == "28P01"


# ---- cache ----------------------------------------------------------------------------


def test_without_a_cache_each_login_asks(scene):
    name = scene.role("aq_known", "scram", "the word")
    one = scene.weir()
    mark = scene.app.primary.mark()

    for _ in range(3):
        one.client("app", user=name, secret="the word").close()

    eventually(lambda: scene.asked(mark) == 3)


def test_the_cache_answers_for_auth_query_cache_ttl(scene):
    name = scene.role("aq_known", "scram", "the word")
    one = scene.weir(auth_query_cache_ttl=0.5)
    mark = scene.app.primary.mark()

    for _ in range(5):
        one.client("app", user=name, secret="the word").close()
    asked = scene.asked(mark)

    assert asked == 1
    assert eventually(lambda: one.client("app", user=name, secret="the word").close() or scene.asked(mark) > asked)


def test_the_cache_remembers_that_there_is_no_such_user(scene):
    one = scene.custom(auth_query_cache_ttl=60, auth_type="plain")
    mark = scene.app.primary.mark()

    for _ in range(3):
        refused(one.client, "app", user="aq_late", secret="the word")
    assert scene.asked(mark) == 1
    scene.role("aq_late")
    scene.table(aq_late="the word")
    assert refused(one.client, "app", user="aq_late", secret="the word")


@pytest.mark.parametrize("command", ["RELOAD", "RECONNECT", "RECONNECT app", "SET auth_query_cache_ttl = 30"])
def test_the_cache_is_cleared_by_reload_and_reconnect(scene, command):
    scene.role("aq_late")
    one = scene.custom(auth_query_cache_ttl=60, auth_type="plain")
    refused(one.client, "app", user="aq_late", secret="the word")
    scene.table(aq_late="the word")

    console(one, command)

    assert eventually(one.client, "app", user="aq_late", secret="the word")


def test_a_wrong_password_asks_once_more_before_it_is_refused(scene):
    name = scene.role("aq_known", "scram", "the word")
    one = scene.weir(auth_query_cache_ttl=60, auth_type="plain")
    one.client("app", user=name, secret="the word").close()
    mark = scene.app.primary.mark()

    refused(one.client, "app", user=name, secret="a wrong word")

    eventually(lambda: scene.asked(mark) == 1)


@pytest.mark.parametrize("ttl,most", [(0, 60), (30, 30)])
def test_a_storm_of_logins_is_few_queries_with_right_answers(scene, ttl, most):
    names = [scene.role(f"aq_storm{i}", "scram", f"word {i}") for i in range(2)]
    query = "select rolname, rolpassword from pg_authid, pg_sleep(0.2) where rolname = $1"
    one = scene.weir(auth_query=query, auth_query_cache_ttl=ttl, max_client_conn=300, default_pool_size=5)
    mark = scene.app.primary.mark()

    def log_in(number):
        right = number % 10 != 0
        name, word = names[number % 2], f"word {number % 2}" if right else "wrong"
        if not right:
            return refused(one.client, "app", user=name, secret=word).sqlstate == "28P01"
        with one.client("app", user=name, secret=word) as client:
            return value(client, "select current_user") == name

    assert all(crowd(200, log_in))
    assert 2 <= scene.asked(mark) <= most


# ---- waiting and failing --------------------------------------------------------------


def test_a_lookup_waits_while_its_database_is_paused(scene):
    name = scene.role("aq_known", "scram", "the word")
    one = scene.weir(databases={"where": scene.app.target("postgres")}, auth_dbname="where")
    console(one, "PAUSE where")

    login = Background(one.client, "app", user=name, secret="the word")
    eventually(lambda: [r["cl_waiting"] for r in console(one, "SHOW POOLS") if (r["database"], r["user"]) == ("where", ASKER)] == [1])
    assert login.is_running()
    console(one, "RESUME where")

    login.result().close()


def test_query_wait_timeout_ends_a_lookup(scene):
    one = scene.weir(databases={"where": scene.app.target("postgres")}, auth_dbname="where", query_wait_timeout=0.3)
    console(one, "PAUSE where")

    told = refused(one.client, "app", user="aq_known", secret="the word")

    assert said(told) == ("FATAL", "57014", "query_wait_timeout")
    console(one, "RESUME where")


def test_client_login_timeout_ends_a_lookup_that_hangs(scene):
    one = scene.weir(auth_query="select $1::text, pg_sleep(60)::text", client_login_timeout=0.5)
    one.allow("client_login_timeout")

    told = refused(one.client, "app", user="aq_known", secret="the word")

    assert said(told)[:2] == ("FATAL", "08006") and told.message.startswith("client_login_timeout")
    running = f"select from pg_stat_activity where usename = '{ASKER}' and state = 'active'"
    eventually(lambda: not scene.query(running))


def test_an_auth_user_that_postgresql_refuses_is_logged_and_then_failed_fast(scene):
    """Who logs in has proved nothing yet: the server's words, auth_user's name among them, are for the log."""
    one = scene.weir(secrets={ASKER: "a wrong word"}, server_login_retry=5).allow("server login failed")

    first = refused(one.client, "app", user="aq_known", secret="the word")
    second = refused(one.client, "app", user="aq_known", secret="the word")

    assert said(first) == ("FATAL", "08006", "server login failed")
    assert said(second) == ("FATAL", "08006", "server login has been failing")
    assert f'password authentication failed for user "{ASKER}"' in one.log


def test_a_server_that_ends_during_a_lookup_is_told(scene):
    one = scene.weir(auth_query="select $1::text, pg_terminate_backend(pg_backend_pid())::text").allow("auth_query")

    told = refused(one.client, "app", user="aq_known", secret="the word")

    assert said(told) == ("FATAL", "08006", "server conn crashed?")


def test_auth_query_keeps_within_max_db_connections_and_evicts_what_is_idle(scene):
    name = scene.role("aq_known", "scram", "the word")
    one = scene.weir(max_db_connections=1)
    for _ in range(3):
        with one.client("app", user=name, secret="the word") as client:
            assert value(client, "select current_user") == name

    assert sum(row["sv_idle"] + row["sv_active"] for row in console(one, "SHOW POOLS") if row["database"] == "app") == 1


def test_a_client_that_leaves_during_its_lookup_leaves_nothing_behind(scene):
    one = scene.weir(auth_query="select $1::text, 'word' from pg_sleep(0.3)", auth_type="plain")
    for _ in range(5):
        client = one.client("app", user="aq_known", secret="word", login=False)
        client.close()

    assert eventually(lambda: [r["items"] for r in console(one, "SHOW LISTS") if r["list"] == "login_clients"] == [0])


@pytest.mark.parametrize("paused", [True, False])
def test_the_process_ends_in_the_middle_of_lookups(scene, paused):
    one = scene.weir(auth_query="select $1::text, pg_sleep(60)::text").allow("pooler is shutting down")
    if paused:
        console(one, "PAUSE app")
    logins = [Background(refused, one.client, "app", user=f"aq_unknown{i}", secret="word") for i in range(4)]
    eventually(lambda: [r["cl_waiting"] for r in console(one, "SHOW POOLS") if r["user"] == ASKER] == [4])

    one.stop()

    assert {login.result().message for login in logins} == {"pooler is shutting down"}
