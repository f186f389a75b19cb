"""Where log lines go: standard error, a file, syslog; and the line of statistics."""

import os
import re
import signal
import subprocess

import pytest

from lib.eventually import eventually
from lib.scene import value

CALLS = r"""
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void
note(const char *format, ...)
{
	FILE *f = fopen(getenv("SYSLOG_CALLS"), "a");
	va_list args;

	va_start(args, format);
	vfprintf(f, format, args);
	va_end(args);
	fclose(f);
}

static void
call(int priority, const char *format, va_list args)
{
	char text[9000];

	vsnprintf(text, sizeof(text), format, args);
	note("syslog %d %s\n", priority, text);
}

void openlog(const char *ident, int option, int facility) { note("openlog %s %d %d\n", ident, option, facility); }
void closelog(void) { note("closelog\n"); }
void syslog(int priority, const char *format, ...) { va_list a; va_start(a, format); call(priority, format, a); va_end(a); }
void __syslog_chk(int priority, int flag, const char *format, ...)
{ va_list a; (void)flag; va_start(a, format); call(priority, format, a); va_end(a); }
"""
PID, USER, DAEMON, LOCAL3 = 1, 1 << 3, 3 << 3, 19 << 3
ERR, WARNING, INFO = 3, 4, 6


@pytest.fixture(scope="module")
def recorder(nest):
    """A library that writes down what is asked of syslog(3)."""
    source = nest.write(f"{nest.path}/calls.c", CALLS)
    subprocess.run(["gcc", "-shared", "-fPIC", "-w", "-o", f"{nest.path}/calls.so", source], check=True)
    return f"{nest.path}/calls.so"


@pytest.fixture
def syslogged(app, recorder, nest):
    """Makes a pgweir whose calls of syslog are written down: (weir, calls())."""

    def make(**main):
        path = nest.write(f"{nest.path}/calls-{os.urandom(4).hex()}", "", 0o666)
        environment = {"LD_PRELOAD": recorder, "SYSLOG_CALLS": path}
        one = app.weir(options={"environment": environment}, **main)
        return one, lambda: open(path).read()

    return make


def test_syslog_gets_the_lines_without_clock_and_level(syslogged):
    one, calls = syslogged(syslog=1)
    one.allow("no such database")

    assert value(one.client("app"), "select 1") == "1"

    said = calls()
    assert said.startswith(f"openlog pgbouncer {PID} {DAEMON}\n")
    assert re.search(rf"^syslog {INFO} process up: pgweir", said, re.M)
    assert re.search(rf"^syslog {INFO} C-0x\S+: \S+/\S+@127\.0\.0\.1:\d+ login attempt: db=app user=postgres", said, re.M)


def test_syslog_s_facility_and_name_are_settings_and_change_at_reload(syslogged, app):
    one, calls = syslogged(syslog=1, syslog_facility="LOCAL3", syslog_ident="weir")
    assert f"openlog weir {PID} {LOCAL3}\n" in calls()

    one.write_config(app.config(syslog=1, syslog_facility="user", syslog_ident="other")).reload()
    eventually(lambda: f"openlog other {PID} {USER}\n" in calls())
    one.write_config(app.config(syslog=0)).reload()

    eventually(lambda: calls().endswith("closelog\n"))
    one.console("SET syslog = 1")
    assert eventually(lambda: f"openlog pgbouncer {PID} {DAEMON}\n" in calls())


def test_an_unknown_facility_is_a_warning(syslogged):
    one, calls = syslogged(syslog=1, syslog_facility="kernel")
    one.allow('syslog_facility "kernel" is unknown, using "daemon"')

    assert f"openlog pgbouncer {PID} {DAEMON}\n" in calls()
    assert re.search(rf'^syslog {WARNING} syslog_facility "kernel" is unknown', calls(), re.M)


def test_without_syslog_nothing_is_sent_there(syslogged):
    one, calls = syslogged()
    one.client("app").query("select 1")

    assert "openlog" not in calls() and "syslog" not in calls()


def open_files(one):
    folder = f"/proc/{one.process.pid}/fd"
    return [os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)]


@pytest.mark.parametrize("how", ["signal", "command"])
def test_the_file_is_opened_again_for_a_rotation(app, how):
    one = app.weir()
    path = f"{one.folder}/pgweir.log"
    os.rename(path, path + ".1")

    one.reload() if how == "signal" else one.console("RELOAD")

    eventually(lambda: path + ".1" not in open_files(one))
    one.client("app").query("select 'after'")
    assert eventually(lambda: "login attempt: db=app" in open(path).read())
    assert "process up" in open(path + ".1").read()
    assert "login attempt: db=app" not in open(path + ".1").read()


def test_a_rotation_works_while_the_new_file_is_broken(app, nest):
    one = app.weir().allow("ERROR", "auth_file is not set")
    path = f"{one.folder}/pgweir.log"
    os.rename(path, path + ".1")
    nest.write(one.config_path, "[pgbouncer]\nnonsense = 1\n")

    one.reload()

    assert eventually(os.path.exists, path)
    assert eventually(lambda: "config file loading failed" in open(path).read())


def test_another_file_can_be_named_at_reload(app):
    one = app.weir()

    one.write_config(app.config(logfile=f"{one.folder}/other.log")).reload()

    eventually(os.path.exists, f"{one.folder}/other.log")
    one.client("app").query("select 1")
    assert eventually(lambda: "login attempt: db=app" in open(f"{one.folder}/other.log").read())
    assert "login attempt: db=app" not in open(f"{one.folder}/pgweir.log").read()


def test_a_file_that_cannot_be_opened_is_no_start_and_no_end(app):
    """At the start it is fatal; at a reload the file in use stays."""
    one = app.weir(options={"start": False}).allow("could not open log file")
    done = one.write_config(app.config(logfile="/nowhere/log")).run()
    assert done.returncode == 1
    assert 'FATAL could not open log file "/nowhere/log": No such file or directory' in done.stdout

    one.write_config(app.config()).start()
    one.write_config(app.config(logfile="/nowhere/log")).reload()

    assert eventually(lambda: 'WARNING could not open log file "/nowhere/log"' in open(f"{one.folder}/pgweir.log").read())
    assert value(one.client("app"), "select 1") == "1"


def test_the_file_does_not_silence_standard_error(app):
    one = app.weir()
    one.client("app").query("select 1")

    assert "login attempt" in one.log
    assert eventually(lambda: one.log == open(f"{one.folder}/pgweir.log").read())


def test_the_level_changes_at_reload_unless_the_command_line_says_it(app):
    free, fixed = app.weir(), app.weir(options={"arguments": ["-v"]})
    for one in (free, fixed):
        one.write_config(app.config(verbose=2)).reload()
        eventually(lambda: "got SIGHUP, re-reading config" in one.log)

    assert eventually(lambda: free.client("app").query("select 1") and " DEBUG " in free.log)
    for one in (free, fixed):
        one.write_config(app.config(verbose=0)).reload()
        eventually(lambda: one.log.count("got SIGHUP, re-reading config") == 2)
    eventually(lambda: free.show("CONFIG", key="verbose")[0]["value"] == "0")
    quiet, loud = len(free.log), len(fixed.log)
    for one in (free, fixed):
        one.client("app").query("select 1")
    assert " DEBUG " not in free.log[quiet:]
    assert " DEBUG " in fixed.log[loud:]


@pytest.mark.parametrize("arguments", [["-vv"], ["-v", "--verbose"]])
def test_the_option_counts(app, arguments):
    one = app.weir(options={"arguments": arguments})

    one.client("app").query("select 1")

    assert " DEBUG " in one.log


STATS = re.compile(
    r" LOG stats: \d+ xacts/s, \d+ queries/s, \d+ client parses/s, \d+ server parses/s, \d+ binds/s, \d+ client logins/s, "
    r"in \d+ B/s, out \d+ B/s, xact \d+ us, query \d+ us, wait \d+ us$", re.M
)


def test_the_line_of_statistics_comes_every_stats_period(app):
    one = app.weir(stats_period=0.2)

    assert eventually(lambda: len(STATS.findall(one.log)) >= 3)


def test_the_line_of_statistics_can_be_turned_off(app):
    one = app.weir(stats_period=0.1, log_stats=0)

    one.client("app").query("select pg_sleep(0.4)")

    assert "stats:" not in one.log


def test_the_clock_is_in_the_zone_of_the_environment(app):
    one = app.weir(options={"environment": {"TZ": "Asia/Kolkata"}})

    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} IST \[\d+\] LOG ", one.log)
