"""auth_type=pam: PAM says whether the password is right.

The service is one of the test's own (auth_pam_dir), with pam_pwdfile over a file of users, so that nothing of the
machine's is touched.
"""

import os
import subprocess
import time
from pathlib import Path

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import Background, refused, said, value

REFUSED = ("FATAL", "28000", "PAM authentication failed")
PASSWORD = "the word"

# The sanitizers replace crypt_r(), and find the real one only where it is loaded before they begin.
ENVIRONMENT = {"LD_PRELOAD": "libcrypt.so.1"}

# "slow" hangs for as long as the file says so; the account of "former" may not be used; from 127.0.0.1 only.
SERVICE = """\
auth [success=ignore default=1] pam_succeed_if.so quiet user = slow
auth optional pam_exec.so quiet {folder}/hang
auth required pam_succeed_if.so quiet rhost = 127.0.0.1
auth required pam_pwdfile.so nodelay pwdfile={folder}/users
account required pam_succeed_if.so quiet user != former
"""


@pytest.fixture
def service(nest, request):
    """A folder with the file of the service `pgbouncer`."""
    folder = nest.folder("pam")
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=PASSWORD, stdout=subprocess.PIPE, text=True, check=True, timeout=10
    ).stdout.strip()
    users = ("known", "slow", "former", "locked", "nobody")
    nest.write(f"{folder}/users", "".join(f"{user}:{'!' if user == 'locked' else hashed}\n" for user in users))
    nest.write(f"{folder}/hang", "#!/bin/sh\nsleep 30\n", 0o755)
    nest.write(f"{folder}/pgbouncer", SERVICE.format(folder=folder))
    return folder


@pytest.fixture
def weir(app, service):
    """A pgweir that asks PAM; auth_file names nobody of those who log in."""
    for name in ("known", "slow"):
        if not app.query(f"select from pg_roles where rolname = '{name}'"):
            app.cluster.create_role(name, "scram", PASSWORD)

    def make(**main):
        main = {"auth_type": "pam", "auth_pam_dir": service, "admin_users": "known", **main}
        one = app.weir(secrets={"somebody": "x"}, options={"environment": ENVIRONMENT}, **main)
        return one.allow("PAM authentication failed", "PAM could not judge", "client_login_timeout")

    return make


def is_hanging(one):
    """True when a module's program runs for this pgweir."""
    tasks = f"/proc/{one.process.pid}/task"
    return any(Path(tasks, task, "children").read_text().split() for task in os.listdir(tasks))


def log_in(one, user, password=PASSWORD, **options):
    return one.client("app", user=user, secret=password, **options)


def test_a_right_password_lets_in_and_logs_in_to_the_server_too(weir):
    one = weir()

    with log_in(one, "known") as client:
        assert value(client, "select current_user") == "known"


@pytest.mark.parametrize("user", ["known", "unknown", "locked", "root", "known:", "\nknown"])
def test_a_wrong_password_and_an_unknown_user_are_told_the_same(weir, user):
    one = weir()

    assert said(refused(log_in, one, user, "another word")) == REFUSED


def test_an_empty_password_is_refused_without_a_question(weir):
    one = weir()

    assert said(refused(log_in, one, "known", "")) == REFUSED
    assert "the password is empty" in one.log


def test_an_account_that_may_not_be_used_is_refused_with_the_right_password(weir):
    one = weir()

    assert said(refused(log_in, one, "former")) == REFUSED
    assert "pam_acct_mgmt" in one.log


def test_pam_is_told_where_the_client_comes_from(weir):
    """The service lets in from 127.0.0.1 only."""
    one = weir()

    log_in(one, "known").close()
    assert said(refused(log_in, one, "known", unix=True)) == REFUSED


def test_the_console_is_open_to_an_administrator_whom_pam_knows(weir):
    one = weir()

    with one.client("pgbouncer", user="known", secret=PASSWORD) as console:
        assert console.query("SHOW VERSION").rows
    assert said(refused(one.client, "pgbouncer", user="known", secret="wrong")) == REFUSED


def test_many_at_once_are_each_judged_by_their_own_password(weir):
    """What a module keeps must not be shared: no wrong password may pass beside a right one."""
    one = weir()

    right = [Background(log_in, one, "known") for _ in range(20)]
    wrong = [Background(refused, log_in, one, "known", "another word") for _ in range(20)]

    assert all(value(each.result(), "select 1") == "1" for each in right)
    assert {said(each.result()) for each in wrong} == {REFUSED}


def test_a_module_that_hangs_holds_up_nobody_else(weir):
    one = weir(client_login_timeout=0.5, workers=1)
    before = one.threads()

    hung = [Background(refused, log_in, one, "slow") for _ in range(5)]
    eventually(lambda: one.threads() == before + 5)
    with log_in(one, "known") as client:
        assert value(client, "select 1") == "1"

    assert {each.result().message for each in hung} == {"client_login_timeout"}


def test_the_end_of_the_process_does_not_wait_for_a_module_that_hangs(weir):
    one = weir(workers=1)
    hung = Background(refused, log_in, one, "slow")
    eventually(is_hanging, one)

    began = time.monotonic()
    one.stop()

    assert time.monotonic() - began < 3
    assert hung.result().message == "pooler is shutting down"


def test_more_logins_than_the_queue_holds_are_refused_and_the_rest_wait(weir):
    one = weir(auth_threads=1, workers=1, max_client_conn=2000).allow("too many logins wait for PAM or LDAP")
    waiting = []

    def ask(user):
        client = wire.Client(one.port, login=False)
        client.send(wire.startup(user=user, database="app"))
        client.read()
        client.send(wire.password(PASSWORD))
        waiting.append(client)

    for _ in range(1002):
        ask("slow")
    eventually(lambda: "too many logins wait for PAM or LDAP" in one.log)
    for client in waiting:
        client.close()

    eventually(lambda: one.log.count("client unexpected eof") >= 1001)


def test_a_module_that_is_not_there_lets_nobody_in(weir, nest):
    folder = nest.folder("pam_of_nobody")
    nest.write(f"{folder}/pgbouncer", "auth required pam_of_nobody.so\naccount required pam_permit.so\n")
    one = weir(auth_pam_dir=folder)

    assert said(refused(log_in, one, "known")) == REFUSED
    assert "PAM could not judge the login" in one.log


def test_a_forced_user_logs_in_to_the_server_by_its_own_password(app, weir):
    """What the client proved is not the forced user's."""
    one = weir()
    one.write_config(app.config({"user": "slow", "password": f"'{PASSWORD}'"}, auth_type="pam", auth_pam_dir=f"{one.nest.path}/pam"))
    one.reload()

    def served():
        with log_in(one, "known") as client:
            return value(client, "select current_user")

    assert eventually(lambda: served() == "slow")


def test_a_rule_may_name_a_service_of_its_own(weir, service, nest):
    os.rename(f"{service}/pgbouncer", f"{service}/another")
    rules = nest.write(f"{service}/rules", "host app known all pam pamservice=another\n")
    one = weir(auth_type="hba", auth_hba_file=rules)

    with log_in(one, "known") as client:
        assert value(client, "select current_user") == "known"
    assert said(refused(log_in, one, "known", "another word")) == REFUSED
