/*
 * main/manual.c - pgweir(8): the prose is here; options, signals, commands, reasons
 * and differences are the tables' rows.
 */
#include <stdlib.h>

#include "admin/console.h"
#include "base/mdoc.h"
#include "main/main_private.h"
#include "observe/close.h"

static const char manual_head[] =
    ".Dd 2026\n"
    ".Dt PGWEIR 8\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm pgweir\n"
    ".Nd PostgreSQL connection pooler and read/write router\n"
    ".Sh SYNOPSIS\n"
    ".Nm\n"
    ".Op Fl dqv\n"
    ".Op Fl u Ar user\n"
    ".Ar config-file\n"
    ".Nm\n"
    ".Fl V | Fl h\n"
    ".Nm\n"
    ".Fl -write-docs Ns = Ns Ar directory\n"
    ".Sh DESCRIPTION\n"
    ".Nm\n"
    "stands between PostgreSQL and its clients.\n"
    "Clients connect to it as they would to PostgreSQL;\n"
    "it lends each of them a connection to a server for a session, a transaction or a statement.\n"
    "For entries with\n"
    ".Ql route=split\n"
    "it sends statements that only read to the replicas, and everything else to the primary.\n"
    ".Pp\n"
    "The configuration file is described in\n"
    ".Xr pgweir.ini 5 .\n"
    "Files of PgBouncer are read as they are.\n";

static const char manual_console[] =
    ".Sh CONSOLE\n"
    "The databases\n"
    ".Ql pgbouncer\n"
    "and\n"
    ".Ql pgweir\n"
    "are the console:\n"
    ".Pp\n"
    ".Dl $ psql -h localhost -p 6432 -U admin pgbouncer\n"
    ".Pp\n"
    "Users in\n"
    ".Ic admin_users\n"
    "may give every command, users in\n"
    ".Ic stats_users\n"
    "those that begin with\n"
    ".Ic SHOW .\n"
    "The user\n"
    ".Ql pgbouncer\n"
    "needs no password on the unix socket when it belongs to the same system user as the process.\n"
    ".Ic SHOW HELP\n"
    "lists the commands.\n";

static const char manual_operation[] =
    ".Sh SEVERAL PROCESSES\n"
    "With\n"
    ".Ql so_reuseport = 1\n"
    "several processes of one system user listen on the same port, and the kernel gives each new connection to one of them.\n"
    "Each needs a\n"
    ".Ic unix_socket_dir ,\n"
    "a\n"
    ".Ic pidfile ,\n"
    "a\n"
    ".Ic logfile\n"
    "and a\n"
    ".Ic peer_id\n"
    "of its own; limits hold for each of them.\n"
    "A cancel request may come to a process that does not know the client.\n"
    "It is sent on to the process whose\n"
    ".Ic peer_id\n"
    "is in the client's key, at the address that\n"
    ".Ic [peers]\n"
    "has for it, three times at most:\n"
    ".Bd -literal -offset indent\n"
    "[pgweir]\n"
    "so_reuseport = 1\n"
    "peer_id = 1\n"
    "unix_socket_dir = /run/pgweir/1\n"
    "pidfile = /run/pgweir/1/pid\n"
    "%include /etc/pgweir/common.ini\n"
    "\n"
    "[peers]\n"
    "1 = host=/run/pgweir/1\n"
    "2 = host=/run/pgweir/2\n"
    ".Ed\n"
    ".Pp\n"
    "Keys have the layout of PgBouncer's, so that its processes may be among the peers.\n"
    "Several processes are not needed for speed: one uses all CPUs\n"
    ".Pq Ic workers .\n"
    ".Sh ROLLING RESTART\n"
    "A new version, or settings that need a restart, without a client that is refused or disconnected:\n"
    ".Bl -enum\n"
    ".It\n"
    "Let the running process have been started with\n"
    ".Ql so_reuseport = 1 ,\n"
    "as process 1 above.\n"
    ".It\n"
    "Start process 2 on the same port, and wait until it says\n"
    ".Ql process up .\n"
    "Both take clients now.\n"
    ".It\n"
    "Send process 1\n"
    ".Dv SIGTERM ,\n"
    "or\n"
    ".Ic SHUTDOWN WAIT_FOR_CLIENTS\n"
    "on its console.\n"
    "It takes what the kernel had already given to it, and no more.\n"
    "Its clients work as before, their cancel requests come by way of process 2, and it ends when the last of them has left.\n"
    "The console, on its unix socket, tells how many there are.\n"
    ".It\n"
    "Clients that never leave are ended by a second\n"
    ".Dv SIGTERM .\n"
    ".El\n"
    ".Pp\n"
    "While both run, each has its own pools: PostgreSQL's\n"
    ".Ic max_connections\n"
    "must have room for both.\n"
    "Where clients are far away, a connection may be half-way through TCP's handshake at the moment at which process 1 stops listening;\n"
    "Linux 5.14 and later hands it over with\n"
    ".Ql sysctl net.ipv4.tcp_migrate_req=1 .\n"
    "With systemd the two are\n"
    ".Ql pgweir@1.service\n"
    "and\n"
    ".Ql pgweir@2.service ,\n"
    "which read\n"
    ".Pa /etc/pgweir/1.ini\n"
    "and\n"
    ".Pa /etc/pgweir/2.ini .\n"
    ".Sh SYSTEMD\n"
    "Started with\n"
    ".Ev NOTIFY_SOCKET\n"
    "the process tells when it is ready, reloads and stops, and its line of statistics as the status.\n"
    "With\n"
    ".Ql WatchdogSec\n"
    "it lets the watchdog know that all of its threads are alive.\n"
    "The service that comes with it is stopped by\n"
    ".Dv SIGINT ,\n"
    "as PgBouncer's: clients in a transaction may end it.\n"
    ".Pp\n"
    "Sockets that systemd passes replace\n"
    ".Ic listen_addr ,\n"
    ".Ic listen_port\n"
    "and\n"
    ".Ic unix_socket_dir .\n"
    "With\n"
    ".Pa pgweir.socket\n"
    "those who connect while the service is restarted wait for it.\n"
    ".Ic listen_port\n"
    "remains the port that the console shows for clients of a unix socket.\n";

static const char manual_files[] =
    ".Sh ENVIRONMENT\n"
    ".Bl -tag -width NOTIFY_SOCKET\n"
    ".It Ev NOTIFY_SOCKET , WATCHDOG_USEC , LISTEN_FDS , LISTEN_PID\n"
    "See\n"
    ".Sx SYSTEMD .\n"
    ".It Ev TZ\n"
    "The time zone of log lines.\n"
    ".El\n"
    ".Sh FILES\n"
    ".Bl -tag -width Ds\n"
    ".It Pa /etc/pgweir/pgweir.ini\n"
    "The configuration in the packages and in the unit file.\n"
    "The program itself has no default: the file is named on the command line.\n"
    ".It Pa /tmp/.s.PGSQL.6432\n"
    "The unix socket, in\n"
    ".Ic unix_socket_dir .\n"
    ".It Ic state_file\n"
    "The timelines of the primaries that were seen, by which an old one is known after a restart;\n"
    "beside\n"
    ".Ic pidfile\n"
    "unless the setting says otherwise.\n"
    ".El\n"
    ".Sh EXIT STATUS\n"
    "0 after an orderly end,\n"
    "1 when the command line or the configuration was wrong, or when it could not listen.\n"
    ".Sh EXAMPLES\n"
    "A primary and two replicas behind one port; which is which is asked of the hosts:\n"
    ".Bd -literal -offset indent\n"
    "[databases]\n"
    "app = host=db1,db2,db3 port=5432 dbname=app route=split\n"
    "\n"
    "[pgweir]\n"
    "listen_addr = *\n"
    "auth_type = scram-sha-256\n"
    "auth_file = /etc/pgweir/userlist.txt\n"
    "admin_users = admin\n"
    "pool_mode = transaction\n"
    "monitor_user = monitor\n"
    ".Ed\n";

static const char manual_diagnostics[] =
    ".Sh DIAGNOSTICS\n"
    "A line of the log is\n"
    ".Pp\n"
    ".Dl 2026-07-10 22:19:13.123 UTC [pid] LEVEL subject message\n"
    ".Pp\n"
    "with one of the levels FATAL, ERROR, WARNING, LOG, DEBUG and NOISE.\n"
    "The subject of a client is\n"
    ".Ql C-0x2a: database/user@address:port ,\n"
    "that of a server\n"
    ".Ql S-0x2b: database/user@address:port ,\n"
    "with the number that is\n"
    ".Ic ptr\n"
    "in\n"
    ".Ic SHOW CLIENTS\n"
    "and\n"
    ".Ic SHOW SERVERS .\n"
    "A conversation ends with a line\n"
    ".Ql closing because:\n"
    "and the reason that the client was told.\n"
    ".Bl -tag -width Ds\n"
    ".It no more connections allowed (max_client_conn)\n"
    "Too many clients.\n"
    "SQLSTATE 53300, as for the other limits on clients.\n"
    ".It query_wait_timeout\n"
    "No server was free in time: see\n"
    ".Ic SHOW POOLS ,\n"
    "and\n"
    ".Ic SHOW HOSTS\n"
    "for a missing primary.\n"
    ".It server login has been failing, cached error: ... (server_login_retry)\n"
    "The last login failed with that error and no server is up; the next one is tried after\n"
    ".Ic server_login_retry .\n"
    ".It server conn crashed?\n"
    "The connection to the server broke while the client used it.\n"
    ".It the catalog of ... cannot be read, so all of its statements go to the primary\n"
    "A warning in the log; the reason follows.\n"
    ".El\n";

static const char manual_end[] =
    ".Sh LIMITS\n"
    "32 hosts in an entry, 64 workers.\n"
    "A statement of more than 64 KB is not judged and goes to the primary.\n"
    ".Sh CAVEATS\n"
    "In transaction and statement mode with\n"
    ".Ql session_features=ignore\n"
    "these stay on the server on which they were made, where another client may meet them:\n"
    ".Ic LISTEN ,\n"
    ".Ic PREPARE\n"
    "in SQL, cursors\n"
    ".Ic WITH HOLD ,\n"
    "temporary tables, session-level advisory locks, and what\n"
    ".Fn set_config\n"
    "sets, unless PostgreSQL reports that parameter.\n"
    "Clients that need them want\n"
    ".Ql session_features=keep ,\n"
    "the default, or\n"
    ".Ql pool_mode=session .\n"
    ".Pp\n"
    "A replica may be late: a read need not see what the same session has just written.\n"
    "Ask for the primary where it must.\n"
    ".Pp\n"
    "Other settings that are accepted and not acted on are marked in\n"
    ".Xr pgweir.ini 5 .\n";

static void
manual_item(struct bytes *out, const char *label, const char *text)
{
	bytes_format(out, ".It %s\n", label);
	mdoc_text(out, text);
	bytes_chars(out, "\n");
}

/* -------------------------------------------------------------- sections */

static void
manual_options(struct bytes *out)
{
	static const struct {
		char letter;
		const char *name;
		const char *argument;
		const char *text;
	} rows[] = {
#define OPTION(letter, name, argument, usage, text) {letter, name, argument, text},
#include "tables/options.h"
#undef OPTION
	};

	bytes_chars(out, ".Pp\nThe options are:\n.Bl -tag -width Ds\n");
	for (size_t i = 0; i < array_length(rows); i++) {
		char *label = text_format("%s%.*s%sFl -%s%s%s", rows[i].letter != 0 ? "Fl " : "", rows[i].letter != 0, &rows[i].letter,
		    rows[i].letter != 0 ? " , " : "", rows[i].name, rows[i].argument != NULL ? " Ns = Ns Ar " : "",
		    rows[i].argument != NULL ? rows[i].argument : "");

		manual_item(out, label, rows[i].text);
		free(label);
	}
	bytes_chars(out, ".El\n");
}

static void
manual_signals(struct bytes *out)
{
	bytes_chars(out, ".Sh SIGNALS\n.Bl -tag -width SIGUSR1\n");
#define SIGNAL(name, text) manual_item(out, "Dv " #name, text);
#include "tables/signals.h"
#undef SIGNAL
	bytes_chars(out, ".El\n");
}

/* What a client can be told when pgweir itself ends its connection. */
static void
manual_reasons(struct bytes *out)
{
	bytes_chars(out, ".Ss What clients are told\nThe errors of pgweir's own that end a connection, with their SQLSTATE:\n.Bl -tag -width 00000x\n");
	for (enum close_reason i = 0; i < CLOSE_COUNT; i++) {
		const struct close_row *row = close_row(i);

		if (!row->silent && row->sqlstate != NULL)
			manual_item(out, row->sqlstate, row->text);
	}
	bytes_chars(out, ".El\n");
}

static void
manual_differences(struct bytes *out)
{
	bytes_chars(out, ".Sh DIFFERENCES FROM PGBOUNCER\nWhatever is not named here is meant to be as in PgBouncer 1.25.\n.Bl -tag -width Ds\n");
#define DIFFERENCE(subject, what, why) \
	manual_item(out, subject, what); \
	bytes_chars(out, ".br\nReason: "); \
	mdoc_text(out, why); \
	bytes_chars(out, "\n");
#include "tables/differences.h"
#undef DIFFERENCE
	bytes_chars(out, ".El\n");
}

static void
manual_exceptions(struct bytes *out)
{
	bytes_chars(out,
	    ".Sh WHAT CANNOT BE THE SAME\n"
	    "With\n"
	    ".Ql session_features=keep\n"
	    "a session in transaction mode is what it is on a connection of its own, but for this:\n"
	    ".Bl -tag -width Ds\n");
#define EXCEPTION(subject, what, why) \
	manual_item(out, subject, what); \
	bytes_chars(out, ".br\nReason: "); \
	mdoc_text(out, why); \
	bytes_chars(out, "\n");
#include "tables/exceptions.h"
#undef EXCEPTION
	bytes_chars(out, ".El\n");
}

void
manual_write(struct bytes *out)
{
	bytes_chars(out, manual_head);
	manual_options(out);
	manual_signals(out);
	bytes_chars(out, manual_console);
	console_write_commands(out);
	manual_write_routing(out);
	manual_write_session(out);
	bytes_chars(out, manual_operation);
	bytes_chars(out, manual_files);
	bytes_chars(out, manual_diagnostics);
	manual_reasons(out);
	manual_exceptions(out);
	manual_differences(out);
	bytes_chars(out, manual_end);
}
