"""The process: command line, pidfile, background, signals, log lines."""

import os
import re
import signal
import subprocess

import pytest

from lib import wire
from lib.eventually import eventually
from lib.pgweir import program_path
from lib.scene import Background, farewell, refused, said, value

# What pgBadger wants of a line that it takes for one of PgBouncer's.
PGBADGER = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?(?: [A-Z\+\-\d]{3,6})? \[?\d+\]? \S+ "
    r"(.\-0x[0-9a-f\.]*): ([\w\[\]().-]*)/([\w\[\]().-]*)@([\w.-]+)?(?:\(\d+\))?(?::\d+)? .*"
)
LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [A-Z]{3,5} \[\d+\] (LOG|WARNING|ERROR|FATAL|DEBUG|NOISE) "
    r"([CS]-0x[0-9a-f.]+: [^/ ]+/[^@ ]+@\S+ )?\S.*"
)


def alone(nest, *arguments):
    """Runs the program with these arguments; returns (exit code, output)."""
    program = nest.install(program_path())
    done = subprocess.run(
        nest.as_user([program, *arguments]), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20,
        cwd=nest.path,
    )
    return done.returncode, done.stdout


def test_the_version_names_pgbouncer_s(nest):
    code, output = alone(nest, "-V")

    assert code == 0
    assert re.match(r"pgweir \d+\.\d+\.\d+.*PgBouncer 1\.25", output)
    assert re.search(r"^libuv \d+\.\d+", output, re.M)
    assert re.search(r"^adns: ", output, re.M)
    assert re.search(r"^tls: OpenSSL \d", output, re.M)


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_option(nest, option):
    code, output = alone(nest, option)

    assert code == 0
    for each in ("-d, --daemon", "-q, --quiet", "-u, --user", "-v, --verbose", "-V, --version", "-h, --help"):
        assert each in output


def test_no_file_is_an_error(nest):
    code, output = alone(nest)

    assert code == 1
    assert "no configuration file specified" in output


def test_two_files_are_an_error(nest):
    code, output = alone(nest, "a.ini", "b.ini")

    assert code == 1
    assert "more than one configuration file specified" in output


def test_an_unknown_option_is_an_error(nest):
    code, output = alone(nest, "--no-such-option")

    assert code == 1
    assert "Usage: pgweir" in output


@pytest.mark.parametrize("arguments", [["-R"], ["--reboot"], ["-R", "-d", "pgweir.ini"]])
def test_the_option_for_an_online_restart_says_what_to_do_instead(nest, arguments):
    code, output = alone(nest, *arguments)

    assert code == 1
    for word in ("-R is not supported", "so_reuseport", "SHUTDOWN WAIT_FOR_CLIENTS", "pgweir(8)"):
        assert word in output


def test_a_missing_file_is_an_error(nest):
    code, output = alone(nest, "/nowhere/pgweir.ini")

    assert code == 1
    assert "/nowhere/pgweir.ini" in output and "FATAL cannot load config file" in output


def test_a_file_with_an_error_is_not_started(app):
    one = app.weir(options={"start": False}, pool_moode="session")

    done = one.run()

    assert done.returncode == 1
    assert re.search(rf"{one.config_path}:\d+: .*\"pool_moode\".*\"pool_mode\"", done.stdout)


def test_lines_in_json_are_not_promised(app):
    one = app.weir(options={"start": False}, log_format="json")

    done = one.run()

    assert done.returncode == 1
    assert re.search(rf'{one.config_path}:\d+: log_format "json" is not supported by this version', done.stdout)


def test_root_is_refused(app, nest):
    """Root in a namespace of its own, where the test itself is not root."""
    one = app.weir(options={"start": False})
    as_root = [] if os.getuid() == 0 else ["unshare", "--map-root-user"]

    done = subprocess.run(
        [*as_root, nest.install(one.program), one.config_path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20
    )

    assert done.returncode == 1
    assert "FATAL pgweir should not run as root" in done.stdout


@pytest.mark.parametrize("how", ["option", "setting"])
def test_the_process_becomes_the_user_that_it_is_told(app, nest, how):
    user = nest.user.pw_name
    one = app.weir(options={"start": False}, **({"user": user} if how == "setting" else {}))
    arguments = ["-u", user] if how == "option" else []
    process = subprocess.Popen(
        [nest.install(one.program), *arguments, one.config_path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        assert value(eventually(one.client, "app"), "select 1") == "1"
        assert os.stat(f"/proc/{process.pid}").st_uid == nest.user.pw_uid
    finally:
        process.send_signal(signal.SIGQUIT)
        assert process.wait(20) == 0


@pytest.mark.parametrize("user, why", [("root", "must be root to switch to user"), ("no-such-user", "could not find user")])
def test_a_user_that_it_cannot_become_is_fatal(app, user, why):
    one = app.weir(options={"start": False})

    done = one.run("-u", user)

    assert done.returncode == 1
    assert f'FATAL {why} "{user}"' in done.stdout


def test_the_user_that_it_is_already_is_fine(app, nest):
    one = app.weir(options={"arguments": [f"--user={nest.user.pw_name}"]}, user="no-such-user")

    assert value(one.client("app"), "select 1") == "1"


def gone(pid):
    return not os.path.exists(f"/proc/{pid}")


def test_a_daemon_writes_its_pidfile_and_removes_it(app):
    one = app.weir(options={"start": False})
    one.write_config(app.config(pidfile=f"{one.folder}/pid"))

    done = one.run("-d")
    pid = int(eventually(lambda: open(f"{one.folder}/pid").read()))
    assert value(eventually(one.client, "app"), "select 1") == "1"
    os.kill(pid, signal.SIGQUIT)

    assert done.returncode == 0
    assert eventually(gone, pid)
    assert not os.path.exists(f"{one.folder}/pid")
    assert "process up" in open(f"{one.folder}/pgweir.log").read()


def test_a_daemon_needs_a_pidfile(app):
    one = app.weir(options={"start": False})

    done = one.run("-d")

    assert done.returncode == 1
    assert "daemon needs pidfile configured" in done.stdout


def test_a_stale_pidfile_is_replaced(app, nest):
    one = app.weir(options={"start": False})
    ended = subprocess.Popen(["true"])
    ended.wait()
    nest.write(f"{one.folder}/pid", f"{ended.pid}\n")

    one.write_config(app.config(pidfile=f"{one.folder}/pid")).start()

    assert int(open(f"{one.folder}/pid").read()) == one.process.pid


def test_a_pidfile_that_cannot_be_written_is_fatal(app):
    one = app.weir(options={"start": False})

    done = one.write_config(app.config(pidfile="/nowhere/pid")).run()

    assert done.returncode == 1
    assert "FATAL could not write pidfile '/nowhere/pid': No such file or directory" in done.stdout


def test_a_pidfile_with_nonsense_is_replaced(app, nest):
    one = app.weir(options={"start": False})
    nest.write(f"{one.folder}/pid", "nonsense\n")

    one.write_config(app.config(pidfile=f"{one.folder}/pid")).start()

    assert int(open(f"{one.folder}/pid").read()) == one.process.pid
    assert f"stale pidfile '{one.folder}/pid' removed" in one.log


@pytest.mark.parametrize("arguments", [[], ["-d"]])
def test_a_live_pidfile_is_respected(app, arguments):
    one = app.weir(options={"start": False})
    one.write_config(app.config(pidfile=f"{one.folder}/pid")).start()

    second = one.run(*arguments)

    assert second.returncode == 1
    assert f"FATAL pidfile '{one.folder}/pid' exists, another instance running?" in second.stdout
    assert int(open(f"{one.folder}/pid").read()) == one.process.pid
    assert value(one.client("app"), "select 1") == "1"


def test_a_second_instance_on_the_unix_socket_is_refused(app):
    one = app.weir()
    text = open(one.config_path).read()
    one.write_config(text.replace("listen_addr = 127.0.0.1", "listen_addr ="))

    second = one.run()

    assert second.returncode == 1
    assert "unix socket is in use, cannot continue" in second.stdout
    assert value(one.client("app", unix=True), "select 1") == "1"


def test_a_socket_that_was_left_behind_is_replaced(app):
    one = app.weir()
    one.kill9()
    assert os.path.exists(f"{one.folder}/.s.PGSQL.{one.port}")

    one.start()

    assert value(one.client("app", unix=True), "select 1") == "1"


def test_nowhere_to_listen_is_an_error(app):
    one = app.weir(options={"start": False}, listen_addr="", unix_socket_dir="")

    done = one.run()

    assert done.returncode == 1 and "nowhere to listen on" in done.stdout


def test_sigterm_waits_for_the_clients(app):
    one = app.weir().allow("pooler is shutting down")
    client = one.client("app")

    one.process.send_signal(signal.SIGTERM)
    eventually(lambda: "waiting for clients" in one.log)
    assert value(client, "select 1") == "1"
    with pytest.raises((OSError, wire.PgError)):
        one.client("app")
    client.close()

    assert one.wait() == 0
    assert not os.path.exists(f"{one.folder}/.s.PGSQL.{one.port}")


def test_new_logins_are_told_of_the_shutdown(app):
    one = app.weir().allow("pooler is shutting down")
    client = one.client("app")

    one.process.send_signal(signal.SIGTERM)
    eventually(lambda: "waiting for clients" in one.log)

    error = refused(one.client, "app", unix=True)
    client.close()
    assert said(error) == ("FATAL", "57P01", "pooler is shutting down")
    assert one.wait() == 0


def test_sigint_waits_for_the_servers(app):
    """A transaction under way may end; who uses no server goes at once."""
    one = app.weir().allow("server shutting down", "pooler is shutting down")
    busy, idle = one.client("app"), one.client("app")
    busy.query("begin")

    one.process.send_signal(signal.SIGINT)

    assert farewell(idle).message == "server shutting down"
    assert value(busy, "select 1") == "1"
    assert one.is_up()
    busy.query("commit")
    assert one.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(app, number):
    one = app.weir().allow("shutting down")
    client = one.client("app")
    client.query("begin")

    one.process.send_signal(number)
    eventually(lambda: "shutting down, waiting" in one.log)
    assert value(client, "select 1") == "1"
    one.process.send_signal(number)

    assert one.wait(5) == 0


def test_sigquit_ends_at_once_and_says_so(app):
    one = app.weir().allow("shutting down")
    client = one.client("app")
    client.query("begin")

    one.process.send_signal(signal.SIGQUIT)

    assert said(farewell(client)) == ("FATAL", "57P01", "pooler is shutting down")
    assert one.wait(5) == 0
    assert not os.path.exists(f"{one.folder}/.s.PGSQL.{one.port}")
    assert eventually(lambda: app.pids() == [])


def test_sigquit_ends_a_query_under_way(app):
    one = app.weir().allow("shutting down")
    client = one.client("app")
    client.send(wire.query("select pg_sleep(60)"))
    eventually(lambda: app.query("select from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'"))

    one.process.send_signal(signal.SIGQUIT)

    assert one.wait(5) == 0


def test_usr1_pauses_and_usr2_resumes(app):
    one = app.weir()
    client = one.client("app")
    client.query("select 1")

    one.process.send_signal(signal.SIGUSR1)
    assert eventually(lambda: app.pids() == [])
    answer = Background(value, client, "select 2")
    eventually(lambda: one.show("POOLS", database="app")[0]["cl_waiting"] == 1)
    one.process.send_signal(signal.SIGUSR2)

    assert answer.result() == "2"


def test_signals_are_told_in_pgbouncer_s_words(app):
    one = app.weir()

    for number, words in (
        (signal.SIGHUP, "got SIGHUP, re-reading config"),
        (signal.SIGUSR2, "got SIGUSR2, but not paused/suspended"),
        (signal.SIGUSR1, "got SIGUSR1, pausing all activity"),
        (signal.SIGUSR1, "got SIGUSR1, but already paused/suspended"),
        (signal.SIGUSR2, "got SIGUSR2, continuing from PAUSE"),
    ):
        one.process.send_signal(number)
        assert eventually(lambda: f"] LOG {words}\n" in one.log)
    with one.client("pgbouncer") as console:
        console.query("SUSPEND")
        one.process.send_signal(signal.SIGUSR2)
        assert eventually(lambda: "got SIGUSR2, continuing from SUSPEND" in one.log)


def test_without_its_user_list_it_starts_and_lets_nobody_in(app):
    one = app.weir(auth_type="md5", auth_file="/nowhere/users").allow("could not read auth_file", "authentication failed")

    assert refused(one.client, "app", secret="any").sqlstate == "28P01"
    assert 'could not read auth_file "/nowhere/users"' in one.log


def test_a_reload_does_not_forget_the_users(app):
    one = app.weir(secrets={"postgres": "known"}, auth_type="md5").allow("auth_file", "config file loading failed")
    os.unlink(one.users_path)

    one.reload()
    assert eventually(lambda: "config file loading failed" in one.log)

    assert value(one.client("app", secret="known"), "select 1") == "1"


def test_every_line_of_the_log_has_pgbouncer_s_form(app):
    one = app.weir(default_pool_size=1, query_timeout=0.2).allow("query timeout", "authentication failed", "no such database")
    one.client("app").query("select 1")
    one.client("app", unix=True).query("select 1")
    refused(one.client, "nowhere")
    refused(one.client, "app", user="nobody")
    client = one.client("app")
    client.send(wire.query("select pg_sleep(5)"))
    farewell(client)

    lines = one.log.splitlines()

    assert len(lines) > 10
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert [line for line in lines if re.search(r" [CS]-", line) and not PGBADGER.match(line)] == []
    assert any(re.search(r"LOG C-\S+: app/postgres@127\.0\.0\.1:\d+ login attempt: db=app user=postgres", line) for line in lines)
    assert any(re.search(r"LOG S-\S+: app/postgres@127\.0\.0\.1:\d+ new connection to server", line) for line in lines)
    assert any(re.search(r"C-\S+: app/postgres@unix\S* closing because: ", line) for line in lines)


def test_the_log_cannot_be_forged_by_a_client(app):
    one = app.weir().allow("authentication failed")

    refused(one.client, "app", user="x\n2026-01-01 00:00:00.000 UTC [1] FATAL forged")

    assert [line for line in one.log.splitlines() if not LINE.fullmatch(line)] == []
    assert not re.search(r"^2026-01-01", one.log, re.M)


def test_quiet_keeps_standard_error_silent(app):
    one = app.weir(options={"arguments": ["-q"]})
    one.client("app").query("select 1")

    assert one.log == ""
    assert "login attempt" in open(f"{one.folder}/pgweir.log").read()


def test_connections_are_not_logged_when_nobody_wants_it(app):
    one = app.weir(log_connections=0, log_disconnections=0, log_pooler_errors=0)
    one.client("app").query("select 1")
    refused(one.client, "nowhere")
    refused(one.client, "app", user="stranger")

    assert not re.search("login attempt|login failed|new connection|closing because|pooler error", one.log)


def test_verbose_says_more(app):
    quiet = app.weir()
    verbose = app.weir(options={"arguments": ["-v", "-v"]})
    for one in (quiet, verbose):
        one.client("app").query("select 1")

    assert " DEBUG " not in quiet.log
    assert " DEBUG " in verbose.log
