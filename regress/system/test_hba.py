"""Host-based rules: which file is taken, which rule decides, what SHOW HBA says of them."""

import itertools
import subprocess

import pytest

from lib.eventually import eventually
from lib.scene import refused, said, value

NO_METHOD = ("FATAL", "28000", "no authentication method is found")
REJECTED = ("FATAL", "28000", "login rejected")
EVERYBODY = "local all all trust\nhost all all all trust\n"
SECRETS = {"postgres": "", "watcher": "", "app_ro": "the word", "evil": ""}
_numbers = itertools.count(1)


class Ruled:
    """A pgweir with auth_type=hba: .one, and .write(name, text) of the files beside its rules."""

    def __init__(self, app, rules, ident=None, **settings):
        self.app, self.folder = app, app.cluster.nest.folder(f"hba{next(_numbers)}")
        self.write("rules.conf", rules)
        if ident is not None:
            self.write("ident.conf", ident)
            settings["auth_ident_file"] = f"{self.folder}/ident.conf"
        files = {"auth_type": "hba", "auth_hba_file": f"{self.folder}/rules.conf"}
        self.settings = {**files, "stats_users": "watcher", **settings}
        self.one = app.weir({"user": "postgres"}, secrets=SECRETS, **self.settings)
        self.one.allow("login failed", "login rejected", "no authentication method", "pooler error", "SET failed")

    def write(self, name, text):
        self.app.cluster.nest.write(f"{self.folder}/{name}", text, 0o600)

    def reload(self):
        """Reads the files again; what was logged for it."""
        before = len(self.one.log)
        self.one.console("RELOAD")
        return self.one.log[before:]

    def refuse_reload(self):
        """Likewise, of a reload that must fail."""
        self.one.allow("config", "rules.conf", "ident.conf", "RELOAD failed")
        before = len(self.one.log)
        assert refused(self.one.console, "RELOAD").sqlstate == "F0000"
        return self.one.log[before:]


@pytest.fixture
def ruled(app):
    return lambda rules, **named: Ruled(app, rules, **named)


def lets_in(one, user="app_ro", database="app", **named):
    with one.client(database, user=user, secret="the word", **named) as client:
        return client.status == "I"


# ---- which file is taken ----


def test_a_broken_reject_line_refuses_the_file(ruled):
    """PgBouncer skips the line, and lets in whom it was to keep out."""
    it = ruled("host all evil all reject\n" + EVERYBODY)

    it.write("rules.conf", "host all evil all rejct\n" + EVERYBODY)
    log = it.refuse_reload()

    assert f'{it.folder}/rules.conf:1: invalid authentication method "rejct"; did you mean "reject"?' in log
    assert "config file loading failed" in log
    assert said(refused(it.one.client, "app", user="evil")) == REJECTED
    assert it.one.show("HBA")[0]["auth_method"] == "reject"


@pytest.mark.parametrize("rules", ["host all all 10.0.0.300 reject\n", "include nowhere.conf\n", "local all @nobody trust\n", None])
def test_pgweir_does_not_start_with_rules_that_it_does_not_understand(app, rules):
    folder = app.cluster.nest.folder(f"hba{next(_numbers)}")
    if rules is not None:
        app.cluster.nest.write(f"{folder}/rules.conf", rules + EVERYBODY, 0o600)
    one = app.weir(auth_type="hba", auth_hba_file=f"{folder}/rules.conf", options={"start": False})

    done = one.run()

    assert done.returncode == 1
    assert f"{folder}/rules.conf:" in done.stdout
    assert "cannot load config file" in done.stdout


def test_rules_need_a_file(app):
    one = app.weir(auth_type="hba", options={"start": False})

    done = one.run()

    assert done.returncode == 1
    assert "auth_hba_file is not set" in done.stdout


def test_a_broken_ident_file_refuses_the_reload(ruled):
    it = ruled(EVERYBODY, ident="m root app_ro\n")

    it.write("ident.conf", "m root\n")

    assert f"{it.folder}/ident.conf:1: the line ends before the user" in it.refuse_reload()
    assert lets_in(it.one)


def test_new_rules_are_for_new_logins(ruled):
    it = ruled(EVERYBODY)
    old = it.one.client("app", user="app_ro")

    it.write("rules.conf", "host all app_ro all reject\n" + EVERYBODY)
    it.reload()

    assert said(refused(it.one.client, "app", user="app_ro")) == REJECTED
    assert old.status == "I"


def test_set_reads_the_rules_or_refuses(ruled):
    it = ruled(EVERYBODY)
    it.write("new.conf", "host all app_ro all reject\n" + EVERYBODY)
    it.write("broken.conf", "hots all all all trust\n")

    refusal = refused(it.one.console, f"SET auth_hba_file = '{it.folder}/broken.conf'")
    assert lets_in(it.one)
    it.one.console(f"SET auth_hba_file = '{it.folder}/new.conf'")

    assert refusal.severity == "ERROR"
    assert said(refused(it.one.client, "app", user="app_ro")) == REJECTED


# ---- which rule decides ----


def test_the_first_rule_that_fits_decides(ruled):
    it = ruled("host all evil all reject\nhost app /_ro$ 127.0.0.0/8 scram-sha-256\nhost all postgres,watcher all trust\n")

    assert said(refused(it.one.client, "app", user="evil")) == REJECTED
    assert lets_in(it.one)
    wrong = refused(it.one.client, "app", user="app_ro", secret="another")
    assert said(wrong) == ("FATAL", "28P01", "SASL authentication failed")
    assert said(refused(it.one.client, "other", user="app_ro", secret="the word")) == NO_METHOD
    assert said(refused(it.one.client, "app", user="unknown")) == NO_METHOD
    assert value(it.one.client("app"), "select 1") == "1"


@pytest.mark.parametrize("method", ["md5", "password", "scram-sha-256", "trust"])
def test_each_method_of_a_rule_asks_for_what_it_says(ruled, method):
    it = ruled(f"host all app_ro all {method}\nhost all postgres all trust\n")

    assert lets_in(it.one)
    if method != "trust":
        assert refused(it.one.client, "app", user="app_ro", secret="another").sqlstate == "28P01"


@pytest.mark.parametrize(
    "rules, fits",
    [
        ("host all app_ro 127.0.0.1/32 trust", True),
        ("host all app_ro 127.0.0.1 255.255.255.255 trust", True),
        ("host all app_ro 10.0.0.0/8 trust", False),
        ("host all app_ro ::/0 trust", False),
        ("host all app_ro samehost trust", True),
        ("host all app_ro samenet trust", True),
        ("host all app_ro localhost trust", True),
        ("host all app_ro nobody.example.org trust", False),
        ("host all app_ro .example.org trust", False),
        ("local all app_ro trust", False),
        ("hostssl all app_ro all trust", False),
        ("hostnossl all app_ro all trust", True),
        ("hostgssenc all app_ro all trust", False),
        ("hostnogssenc all app_ro all trust", True),
        ("host sameuser app_ro all trust", False),
        ("host replication app_ro all trust", False),
        ('host "all" app_ro all trust', False),
        ("host @databases @users all trust", True),
        ("include more.conf", True),
    ],
)
def test_a_rule_is_for_whom_it_says(app, rules, fits):
    folder = app.cluster.nest.folder(f"hba{next(_numbers)}")
    files = {"rules.conf": rules + "\nhost all postgres all trust\n", "databases": "x, app # mine\n", "users": "app_ro\n"}
    for name, text in {**files, "more.conf": "host app app_ro all trust\n"}.items():
        app.cluster.nest.write(f"{folder}/{name}", text, 0o600)
    one = app.weir({"user": "postgres"}, secrets=SECRETS, auth_type="hba", auth_hba_file=f"{folder}/rules.conf")
    one.allow("no authentication method", "GSSAPI encryption")

    if fits:
        assert lets_in(one)
    else:
        assert said(refused(one.client, "app", user="app_ro")) == NO_METHOD


def test_tls_decides_between_hostssl_and_hostnossl(ruled, app):
    folder = app.cluster.nest.folder("hba_tls")
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    files = ["-subj", "/CN=localhost", "-keyout", f"{folder}/key", "-out", f"{folder}/crt"]
    subprocess.run(request + files, check=True, capture_output=True)
    for name in ("key", "crt"):
        app.cluster.nest.give(f"{folder}/{name}")
    tls = {"client_tls_sslmode": "allow", "client_tls_key_file": f"{folder}/key", "client_tls_cert_file": f"{folder}/crt"}
    it = ruled("hostssl all app_ro all trust\nhostnossl all app_ro all reject\nhost all all all trust\n", **tls)

    with it.one.connect("app", "app_ro", sslmode="require") as client:
        assert client.execute("select 1").fetchone()[0] == 1
    assert said(refused(it.one.client, "app", user="app_ro")) == REJECTED


def test_a_unix_socket_s_user_goes_through_the_ident_map(ruled):
    """The tests are run by root."""
    it = ruled("local all all peer map=m\nhost all all all trust\n", ident="m root app_ro\nm /^(ro)ot$ wat\\1\n")

    assert eventually(lets_in, it.one, unix=True)
    error = refused(it.one.client, "app", user="postgres", unix=True)

    assert said(error) == ("FATAL", "28000", "unix socket login rejected")


def test_a_map_that_does_not_exist_lets_nobody_in_and_is_told(ruled):
    it = ruled(EVERYBODY)
    it.one.allow("has no map")

    it.write("rules.conf", "local all all peer map=nope\nhost all all all trust\n")
    log = it.reload()

    assert 'rules.conf:1: auth_ident_file has no map "nope"' in log
    assert said(refused(it.one.client, "app", user="app_ro", unix=True)) == ("FATAL", "28000", "unix socket login rejected")


# ---- SHOW HBA ----


def test_show_hba_has_the_columns_of_pg_hba_file_rules(ruled):
    lines = [
        "# comment",
        'local all "a b",postgres trust',
        "host app,/^x all 10.0.0.0/8 scram-sha-256",
        "hostssl all all .example.org cert map=m",
        'host all nobody samenet ldap ldapserver=x ldapbasedn="dc=x" ldapbinddn=cn=y ldapbindpasswd=topsecret',
        "host all all all trust",
    ]
    it = ruled("\n".join(lines) + "\n", ident="m a b\n")

    rows = it.one.console("SHOW HBA", user="watcher")

    path = f"{it.folder}/rules.conf"
    assert [tuple(row.values()) for row in rows] == [
        (2, path, "local", "{all}", '{"a b",postgres}', None, None, "trust", None),
        (3, path, "host", "{app,/^x}", "{all}", "10.0.0.0", "255.0.0.0", "scram-sha-256", None),
        (4, path, "hostssl", "{all}", "{all}", ".example.org", None, "cert", "{map=m}"),
        (5, path, "host", "{all}", "{nobody}", "samenet", None, "ldap",
         "{ldapserver=x,ldapbasedn=dc=x,ldapbinddn=cn=y,ldapbindpasswd=****}"),
        (6, path, "host", "{all}", "{all}", "all", None, "trust", None),
    ]
    assert list(rows[0]) == ["line_number", "file_name", "type", "database", "user_name", "address", "netmask",
                             "auth_method", "options"]
    assert "topsecret" not in it.one.log


def test_show_hba_is_empty_without_rules_in_force(app):
    assert app.weir(auth_type="trust").console("SHOW HBA") == []
