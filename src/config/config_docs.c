/*
 * config/config_docs.c - the sample files and the manual page, as the tables have
 * them.
 */
#include "config/config.h"

#include <string.h>

#include "base/mdoc.h"
#include "setting.h"

static const char *const group_titles[GROUP_COUNT] = {
    [GROUP_GENERAL] = "The process",
    [GROUP_LISTEN] = "Where to listen",
    [GROUP_AUTH] = "Authentication",
    [GROUP_LOGIN] = "What a client may ask for",
    [GROUP_POOL] = "Pools",
    [GROUP_LIMIT] = "Limits",
    [GROUP_ROUTE] = "Routing, hosts and replicas",
    [GROUP_SERVER] = "Servers",
    [GROUP_TIMEOUT] = "Timeouts, in seconds",
    [GROUP_CONSOLE] = "Console",
    [GROUP_LOG] = "Log and statistics",
    [GROUP_HTTP] = "HTTP",
    [GROUP_NETWORK] = "Network",
    [GROUP_TLS] = "TLS",
    [GROUP_DNS] = "DNS",
    [GROUP_PEER] = "Peers",
};

/* ---------------------------------------------------------- sample files */

static void
docs_sample_setting(const struct setting *row, struct bytes *out)
{
	bytes_format(out, "\n; %s\n", row->text);
	if (row->words != NULL)
		bytes_format(out, "; One of: %s\n", row->words);
	if (row->refused != NULL)
		bytes_format(out, "; Not supported in this version: %s\n", row->refused);
	if (row->when == BOOT)
		bytes_chars(out, "; Changed by a restart only.\n");
	if (row->no_object != NULL)
		bytes_format(out, "; Accepted without effect: %s.\n", row->no_object);
	else if (!row->acted)
		bytes_chars(out, "; Accepted, and not acted on in this version.\n");
	bytes_format(out, ";%s =%s%s\n", row->name, row->def[0] != '\0' ? " " : "", row->def);
}

static void
docs_sample_keys(struct setting_table table, struct bytes *out)
{
	for (size_t i = 0; i < table.count; i++)
		bytes_format(out, ";   %-26s %s%s\n", table.rows[i].name, table.rows[i].text,
		    table.rows[i].acted ? "" : " (not acted on in this version)");
}

static void
docs_sample_databases(struct bytes *out)
{
	bytes_chars(out,
	    "[databases]\n"
	    "; name = key=value key='a value with blanks' ...\n;\n"
	    "; One server:\n"
	    ";app = host=127.0.0.1 port=5432 dbname=app\n;\n"
	    "; A primary and its replicas; which is which is asked of the hosts:\n"
	    ";orders = host=db1,db2,db3 dbname=orders route=split pool_size=10 replica_pool_size=20\n"
	    ";orders_ro = host=db1,db2,db3 dbname=orders route=replica\n"
	    "; The same, only to see what it would do (SHOW ROUTES on the console):\n"
	    ";orders_try = host=db1,db2,db3 dbname=orders route=split route_dry_run=1\n;\n"
	    "; Any other name, on the server behind a unix socket:\n"
	    ";* = host=/var/run/postgresql\n;\n"
	    "; Keys:\n");
	docs_sample_keys(setting_database_keys(), out);
}

static void
docs_sample_users(struct bytes *out)
{
	bytes_chars(out,
	    "\n[users]\n"
	    "; name = key=value ...\n;\n"
	    ";report = pool_mode=session max_user_connections=5 query_timeout=600\n;\n"
	    "; Keys:\n");
	docs_sample_keys(setting_user_keys(), out);
	bytes_chars(out,
	    "\n[peers]\n"
	    "; number = key=value ...\n;\n"
	    ";1 = host=10.0.0.1 port=6432\n;\n"
	    "; Keys:\n");
	docs_sample_keys(setting_peer_keys(), out);
}

static void
docs_sample_group(enum setting_group group, struct bytes *out)
{
	struct setting_table table = setting_globals();

	bytes_format(out, "\n;;;\n;;; %s\n;;;\n", group_titles[group]);
	for (size_t i = 0; i < table.count; i++)
		if (table.rows[i].group == group)
			docs_sample_setting(&table.rows[i], out);
}

void
config_write_sample(struct bytes *out)
{
	bytes_chars(out,
	    ";;; pgweir.ini: every setting with its default.\n"
	    ";;; Written by `pgweir --write-docs`; see pgweir.ini(5).\n\n");
	docs_sample_databases(out);
	docs_sample_users(out);
	bytes_chars(out, "\n; This section may also be called [pgbouncer].\n[pgweir]\n");
	for (enum setting_group group = 0; group < GROUP_COUNT; group++)
		docs_sample_group(group, out);
}

void
config_write_minimal_sample(struct bytes *out)
{
	bytes_chars(out,
	    "; One primary and two replicas; which is which is asked of the hosts.\n"
	    "[databases]\n"
	    "app = host=db1,db2,db3 port=5432 dbname=app route=split\n"
	    "app_ro = host=db1,db2,db3 port=5432 dbname=app route=replica\n\n"
	    "[pgweir]\n"
	    "listen_addr = *\n"
	    "listen_port = 6432\n"
	    "auth_type = scram-sha-256\n"
	    "; Lines of \"user\" \"secret\", the secret as pg_authid.rolpassword has it or in plain text.\n"
	    "auth_file = /etc/pgweir/userlist.txt\n"
	    "admin_users = admin\n"
	    "pool_mode = transaction\n");
}

/* ----------------------------------------------------------- manual page */

static void
docs_man_line(const char *label, const char *text, struct bytes *out)
{
	bytes_chars(out, ".br\n");
	bytes_chars(out, label);
	mdoc_text(out, text);
	bytes_chars(out, "\n");
}

static void
docs_man_words(const char *label, const char *words, struct bytes *out)
{
	bytes_chars(out, ".br\n");
	bytes_chars(out, label);
	for (; *words != '\0'; words++) {
		if (*words == ' ' || *words == '|')
			bytes_chars(out, ", ");
		else
			bytes_append(out, words, 1);
	}
	bytes_chars(out, "\n");
}

static void
docs_man_row(const struct setting *row, struct bytes *out)
{
	static const char *const kinds[] = {
	    [TYPE_BOOL] = "boolean",
	    [TYPE_INT] = "integer",
	    [TYPE_ENUM] = "word",
	    [TYPE_DURATION] = "seconds",
	    [TYPE_SIZE] = "bytes",
	    [TYPE_TEXT] = "text",
	    [TYPE_HOSTS] = "list",
	    [TYPE_PORTS] = "list",
	    [TYPE_PARAMETER] = "text",
	};

	bytes_format(out, ".It Ic %s Pq %s\n", row->name, kinds[row->type]);
	mdoc_text(out, row->text);
	bytes_chars(out, "\n");
	if (row->words != NULL)
		docs_man_words("One of ", row->words, out);
	if (row->refused != NULL)
		docs_man_words("Not supported in this version: ", row->refused, out);
	if (row->def != NULL)
		docs_man_line("Default: ", row->def[0] != '\0' ? row->def : "none", out);
	if (row->group != GROUP_COUNT && row->when == BOOT)
		docs_man_line("", "Changed by a restart only.", out);
	if (row->no_object != NULL)
		docs_man_line("Accepted without effect: ", row->no_object, out);
	else if (!row->acted)
		docs_man_line("", "Accepted, and not acted on in this version.", out);
}

static void
docs_man_group(enum setting_group group, struct bytes *out)
{
	struct setting_table table = setting_globals();

	bytes_format(out, ".Ss %s\n.Bl -tag -width Ds\n", group_titles[group]);
	for (size_t i = 0; i < table.count; i++)
		if (table.rows[i].group == group)
			docs_man_row(&table.rows[i], out);
	bytes_chars(out, ".El\n");
}

static void
docs_man_keys(const char *title, struct setting_table table, struct bytes *out)
{
	bytes_format(out, ".Sh %s\n.Bl -tag -width Ds\n", title);
	for (size_t i = 0; i < table.count; i++)
		docs_man_row(&table.rows[i], out);
	bytes_chars(out, ".El\n");
}

static const char docs_man_head[] = ".Dd 2026\n"
				    ".Dt PGWEIR.INI 5\n"
				    ".Os\n"
				    ".Sh NAME\n"
				    ".Nm pgweir.ini\n"
				    ".Nd configuration of pgweir\n"
				    ".Sh DESCRIPTION\n"
				    "The file consists of sections with lines of the form\n"
				    ".Ql key = value .\n"
				    "It is the format of PgBouncer, whose files are read as they are.\n"
				    ".Pp\n"
				    "A line whose first character other than a blank is\n"
				    ".Ql ;\\&\n"
				    "or\n"
				    ".Ql #\n"
				    "is a comment.\n"
				    "A value reaches to the end of its line.\n"
				    "Behind an integer, a number of seconds, a boolean or a word,\n"
				    "a blank followed by one of these characters begins a comment;\n"
				    "in a text they are part of the text.\n"
				    ".Pp\n"
				    "A key that contains other characters than letters, digits and\n"
				    ".Ql _.*-\n"
				    "is put between single or double quotes.\n"
				    "The names of parameters are read in any case.\n"
				    "Of several lines with one key, the last one counts.\n"
				    ".Pp\n"
				    ".Ql %include FILE\n"
				    "on a line of its own reads another file in this place,\n"
				    "relative to the working directory, at most ten deep.\n"
				    ".Pp\n"
				    "Integers are decimal, octal with a leading 0, or hexadecimal with 0x.\n"
				    "Seconds may have a fraction.\n"
				    "Booleans are 0 and 1, or yes, no, on, off, true and false.\n"
				    ".Pp\n"
				    "A file with an error is refused as a whole:\n"
				    "at start the process does not start, at reload nothing changes.\n"
				    ".Pp\n"
				    "A row of the sections\n"
				    ".Ic [databases] ,\n"
				    ".Ic [users]\n"
				    "and\n"
				    ".Ic [peers]\n"
				    "is a name and a list of\n"
				    ".Ql key=value ,\n"
				    "apart by blanks; a value with blanks is put between single quotes,\n"
				    "in which two single quotes stand for one.\n"
				    ".Sh MAIN SECTION\n"
				    "The section is called\n"
				    ".Ic [pgweir]\n"
				    "or\n"
				    ".Ic [pgbouncer] .\n";

void
config_write_settings_man(struct bytes *out)
{
	bytes_chars(out, docs_man_head);
	for (enum setting_group group = 0; group < GROUP_COUNT; group++)
		docs_man_group(group, out);
	docs_man_keys("KEYS OF DATABASES", setting_database_keys(), out);
	docs_man_keys("KEYS OF USERS", setting_user_keys(), out);
	docs_man_keys("KEYS OF PEERS", setting_peer_keys(), out);
	bytes_chars(out, ".Sh SEE ALSO\n.Xr pgweir 1\n");
}
