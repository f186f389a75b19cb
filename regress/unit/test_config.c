/*
 * test_config.c - from files to a snapshot: values, errors, precedence, SET.
 */
#include "config/config.h"

#include <unistd.h>

#include "config_text.h"

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
}

/* Loads TEXT from a real file, in which every @ is the path of a userlist that holds USERS (NULL: there is none). */
static struct snapshot *
load_with_users(const char *text, const char *users)
{
	char main_path[] = "/tmp/test_config.XXXXXX", list_path[64];
	struct bytes whole = {0};
	struct snapshot *s;
	char *contents;

	bytes_clear(&errors);
	bytes_clear(&warnings);
	close(mkstemp(main_path));
	snprintf(list_path, sizeof(list_path), "%s.users", main_path);
	for (; *text != '\0'; text++)
		bytes_format(&whole, *text == '@' ? "%s" : "%.1s", *text == '@' ? list_path : text);
	contents = bytes_take(&whole);
	write_file(main_path, contents);
	if (users != NULL)
		write_file(list_path, users);
	s = config_load(main_path, &errors, &warnings);
	unlink(list_path);
	unlink(main_path);
	free(contents);
	return s;
}

static const char application[] = "[databases]\n"
				  "orcamentos = host=db.internal port=5432 dbname=orcamentos\n"
				  "\n"
				  "[pgbouncer]\n"
				  "listen_addr = *\n"
				  "listen_port = 6432\n"
				  "auth_type = md5\n"
				  "auth_file = @\n"
				  "\n"
				  "# Pool sizing\n"
				  "pool_mode = transaction\n"
				  "max_client_conn = 300  # Total from all app instances\n"
				  "default_pool_size = 25 # Actual DB connections\n"
				  "reserve_pool_size = 5\n";

TEST("the file of a real application loads, with comments behind its numbers")
{
	struct snapshot *s = load_with_users(application, "\"app\" \"secret\"\n");
	const struct database_config *database;

	expect(s != NULL);
	expect_text(said(&errors), "");
	expect_text(said(&warnings), "");
	expect_text(s->global.listen_addr, "*");
	expect_int(s->global.max_client_conn, 300);
	expect_int(s->global.default_pool_size, 25);
	expect_int(s->global.reserve_pool_size, 5);
	expect_int(s->global.pool_mode, POOL_TRANSACTION);
	expect_int(s->global.auth_type, AUTH_MD5);
	expect_text(snapshot_user(s, "app")->secret, "secret");
	database = snapshot_database(s, "orcamentos");
	expect_int(database->host_count, 1);
	expect_text(database->hosts[0], "db.internal");
	expect_int(database->ports[0], 5432);
	expect_text(database->dbname, "orcamentos");
	expect(snapshot_database(s, "other") == NULL);
	snapshot_unref(s);
}

TEST("a file of one header has every default")
{
	struct snapshot *s = load_text("[pgbouncer]\n");

	expect_int(s->global.listen_port, 6432);
	expect_int(s->global.unix_socket_mode, 0777);
	expect_int(s->global.max_packet_size, 2147483647);
	expect_int(s->global.query_wait_timeout_ms, 120000);
	expect_int(s->global.pool_mode, POOL_SESSION);
	expect_int(s->global.route, ROUTE_ANY);
	expect_int(s->global.server_login_concurrency, 8);
	expect_int(s->global.replica_pool_size, -1);
	expect_text(s->global.server_check_query, "<empty>");
	expect_text(s->global.track_extra_parameters, "IntervalStyle");
	expect_text(s->global.auth_user, "");
	expect_text(s->global.conffile, "t.ini");
	snapshot_unref(s);
}

TEST("integers may be octal or hexadecimal, times may have fractions, booleans may be words")
{
	struct snapshot *s =
	    load_text("[pgweir]\nunix_socket_mode = 0700\nlisten_port=0x10\nquery_timeout = 0.5\n"
		      "client_idle_timeout=1e2 ; two\nlog_stats=off\nsyslog = TRUE\nPOOL_MODE = Statement # x\n"
		      "server_round_robin=7\nserver_lifetime=0.0001\n");

	expect_int(s->global.unix_socket_mode, 0700);
	expect_int(s->global.listen_port, 16);
	expect_int(s->global.query_timeout_ms, 500);
	expect_int(s->global.client_idle_timeout_ms, 100000);
	expect_int(s->global.log_stats, 0);
	expect_int(s->global.syslog, 1);
	expect_int(s->global.pool_mode, POOL_STATEMENT);
	expect_int(s->global.server_round_robin, 1);
	expect_int(s->global.server_lifetime_ms, 1);
	snapshot_unref(s);
}

TEST("a text keeps its quotes and what looks like a comment")
{
	struct snapshot *s = load_text("[pgbouncer]\nserver_reset_query = SELECT 'a' ; SELECT \"b\" # c\n"
				       "server_check_query =\n");

	expect_text(s->global.server_reset_query, "SELECT 'a' ; SELECT \"b\" # c");
	expect_text(s->global.server_check_query, "");
	snapshot_unref(s);
}

TEST("values that are no values are refused with file, line, key and reason")
{
	expect_text(refused("[pgbouncer]\nlisten_port = 5432x\n"),
	    "t.ini:2: invalid value \"5432x\" for parameter \"listen_port\": must be an integer\n");
	expect_text(refused("[pgbouncer]\nlisten_port = 65536\n"),
	    "t.ini:2: invalid value \"65536\" for parameter \"listen_port\": must be between 0 and 65535\n");
	expect_text(refused("[pgbouncer]\nmax_client_conn = 99999999999999999999\n"),
	    "t.ini:2: invalid value \"99999999999999999999\" for parameter \"max_client_conn\": must be an integer\n");
	expect_text(refused("[pgbouncer]\nmax_client_conn = 10#x\n"),
	    "t.ini:2: invalid value \"10#x\" for parameter \"max_client_conn\": must be an integer\n");
	expect_text(refused("[pgbouncer]\nquery_timeout = nan\n"),
	    "t.ini:2: invalid value \"nan\" for parameter \"query_timeout\": must be a number of seconds\n");
	expect_text(refused("[pgbouncer]\nquery_timeout = -1\n"),
	    "t.ini:2: invalid value \"-1\" for parameter \"query_timeout\": must be between 0 and 2147483647 "
	    "seconds\n");
	expect_text(refused("[pgbouncer]\ncheck_interval = 0\n"),
	    "t.ini:2: invalid value \"0\" for parameter \"check_interval\": must be between 0.01 and 2.14748e+09 "
	    "seconds\n");
	expect_text(refused("[pgbouncer]\npool_mode = transactions\n"),
	    "t.ini:2: invalid value \"transactions\" for parameter \"pool_mode\": must be one of session, transaction, "
	    "statement\n");
	expect_text(refused("[pgbouncer]\nlog_stats = maybe\n"),
	    "t.ini:2: invalid value \"maybe\" for parameter \"log_stats\": must be 0 or 1\n");
}

TEST("an unknown name is refused, and the nearest one is offered")
{
	expect_text(refused("[pgbouncer]\n\ndefault_pol_size = 5\n"),
	    "t.ini:3: unrecognized parameter \"default_pol_size\" in section [pgbouncer]; did you mean "
	    "\"default_pool_size\"?\n");
	expect_text(
	    refused("[pgbouncer]\nxyzzy = 5\n"), "t.ini:2: unrecognized parameter \"xyzzy\" in section [pgbouncer]\n");
	expect_text(refused("[pgbouncer]\n[databses]\n"),
	    "t.ini:2: unrecognized section [databses]; did you mean [databases]?\n");
	expect_text(refused("[pgbouncer]\n[databases]\na = hots=x\n"),
	    "t.ini:3: unrecognized connection parameter \"hots\"; did you mean \"host\"?\n");
}

TEST("all errors are told at once, up to twenty")
{
	struct bytes text = {0};
	const char *all;
	unsigned lines = 0;

	bytes_chars(&text, "[pgbouncer]\n");
	for (int i = 0; i < 30; i++)
		bytes_format(&text, "nothing_%d = 1\n", i);
	bytes_u8(&text, 0);
	all = refused(text.data);
	for (; *all != '\0'; all++)
		lines += *all == '\n';
	expect_int(lines, 20);
	bytes_free(&text);
}

TEST("a key outside of sections and a file without the main section are refused")
{
	expect_text(refused("listen_port = 1\n"), "t.ini:1: parameter \"listen_port\" is outside of any section\n");
	expect_text(refused("[databases]\na = host=b\n"), "t.ini: section [pgbouncer] is missing\n");
	expect_text(refused(""), "t.ini: section [pgbouncer] is missing\n");
}

TEST("what this version knows and does not have is refused where it would be unsafe")
{
}

TEST("LDAP's options are judged with the file, and are needed where auth_type is ldap")
{
	expect_text(refused("[pgbouncer]\nauth_type = LDAP # old\n"),
	    "t.ini:2: auth_type is ldap, and auth_ldap_options is not set\n");
	expect_text(refused("[pgbouncer]\nauth_type = trust\nauth_ldap_options = ldapprefix=x ldapsever=y\n"),
	    "t.ini:3: auth_ldap_options: unrecognized LDAP option \"ldapsever\"; did you mean \"ldapserver\"?\n");
}

TEST("what this version does not act on is accepted with a warning, and without one at its default")
{
	struct snapshot *s = load_text("[pgbouncer]\nauth_type=trust\nsyslog=0\nhttp_port=9\n");

	expect(s != NULL);
	expect_text(said(&warnings), "t.ini:4: parameter \"http_port\" is accepted and not acted on in this version\n");
	snapshot_unref(s);
}

TEST("the last of several lines counts")
{
	struct snapshot *s = load_text("[pgbouncer]\nauth_type=hba\nlisten_port=1\nauth_type=trust\nlisten_port=2\n"
				       "[databases]\na = host=x\n[users]\n[databases]\na = host=y port=7\n");

	expect(s != NULL);
	expect_int(s->global.listen_port, 2);
	expect_int(HASH_COUNT(s->databases), 1);
	expect_text(snapshot_database(s, "a")->hosts[0], "y");
	snapshot_unref(s);
}

TEST("another header of the main section begins it anew, but for what is unset by default")
{
	struct snapshot *s = load_text("[pgbouncer]\nauth_type=hba\nlisten_port=1\nauth_user=joe\nlogfile=/l\n"
				       "[databases]\na = host=x\n[pgweir]\nauth_type=trust\n");

	expect(s != NULL);
	expect_int(s->global.listen_port, 6432);
	expect_text(s->global.logfile, "");
	expect_text(s->global.auth_user, "joe");
	expect_text(snapshot_database(s, "a")->hosts[0], "x");
	snapshot_unref(s);
}

TEST("a user's own value comes before the database's, and that before the general one")
{
	struct snapshot *s =
	    load_text("[pgbouncer]\ndefault_pool_size=20\nmax_user_connections=7\nquery_timeout=9\n[databases]\n"
		      "a = pool_size=5 pool_mode=transaction max_db_connections=0 server_lifetime=0\n[users]\n"
		      "u = pool_size=3 max_user_connections=0 query_timeout=0 route=primary\n");
	const struct database_config *a = snapshot_database(s, "a");
	const struct user_config *u = snapshot_user(s, "u");

	expect_int(snapshot_pool_size(s, NULL, NULL), 20);
	expect_int(snapshot_pool_size(s, a, NULL), 5);
	expect_int(snapshot_pool_size(s, a, u), 3);
	expect_int(snapshot_replica_pool_size(s, a, u), 3);
	expect_int(snapshot_pool_mode(s, a, u), POOL_TRANSACTION);
	expect_int(snapshot_route(s, a, u), ROUTE_PRIMARY);
	expect_int(snapshot_max_user_connections(s, u), 7);
	expect_int(snapshot_max_db_connections(s, a), 0);
	expect_int(snapshot_server_lifetime_ms(s, a), 3600000);
	expect_int(snapshot_query_timeout_ms(s, u), 0);
	expect_int(snapshot_query_timeout_ms(s, NULL), 9000);
	expect(u->configured && u->secret == NULL);
	snapshot_unref(s);
}

TEST("peers have a number, a host and a port")
{
	struct snapshot *s = load_text("[pgbouncer]\n[peers]\n1 = host=h\n2 = host=i port=7 pool_size=3\n");
	struct peer_config *peer;
	int id = 2;

	HASH_FIND_INT(s->peers, &id, peer);
	expect_int(peer->port, 7);
	expect_int(peer->pool_size, 3);
	expect_text(peer->host, "i");
	snapshot_unref(s);
	expect_text(refused("[pgbouncer]\n[peers]\nx = host=h\n"),
	    "t.ini:3: invalid peer \"x\": must be a number between 1 and 65535\n");
}

TEST("a user of the userlist and of [users] is one user")
{
	struct snapshot *s =
	    load_with_users("[pgbouncer]\nauth_file=@\n[users]\na = pool_size=3\n", "\"a\" \"x\"\n\"b\" \"y\"\n");

	expect_int(HASH_COUNT(s->users), 2);
	expect_text(snapshot_user(s, "a")->secret, "x");
	expect_int(snapshot_user(s, "a")->pool_size, 3);
	expect_false(snapshot_user(s, "b")->configured);
	snapshot_unref(s);
}

TEST("a broken line of the userlist refuses the load and names the line")
{
	struct snapshot *s = load_with_users("[pgbouncer]\nauth_type=trust\nauth_file=@\n", "\"a\" \"x\"\nb y\n");

	expect(s == NULL);
	expect(strstr(said(&errors), ".users:2: expected a user name in double quotes\n") != NULL);
	expect(strstr(said(&errors), "\"x\"") == NULL);
}

TEST("a userlist that is not there is a warning, and no way from one that was")
{
	struct snapshot *old = load_with_users("[pgbouncer]\nauth_file=@\n", "\"a\" \"x\"\n");
	struct snapshot *fresh = load_with_users("[pgbouncer]\nauth_type=md5\nauth_file=@\n", NULL);

	expect(fresh != NULL);
	expect(strstr(said(&warnings), ":3: could not read auth_file") != NULL);
	expect(config_keeps_users(fresh, fresh, &errors));
	expect_text(said(&errors), "");
	expect_false(config_keeps_users(fresh, old, &errors));
	expect_text(said(&errors), "without auth_file nobody could log in any more\n");
	snapshot_unref(old);
	snapshot_unref(fresh);
}

TEST("a file that is not there is an error of its own")
{
	bytes_clear(&errors);
	expect(config_load("/nonexistent/p.ini", &errors, &warnings) == NULL);
	expect_text(said(&errors), "/nonexistent/p.ini: No such file or directory\n");
}

TEST("SET makes a new snapshot and leaves the old one as it was")
{
	struct snapshot *s = load_text(
	    "[pgbouncer]\ndefault_pool_size=20\n[databases]\na = host=x,y timezone=UTC\n[users]\nu = pool_size=1\n"
	    "[peers]\n1 = host=p\n");
	struct snapshot *t = config_set(s, "Default_Pool_Size", "0x20", &errors);

	expect_int(t->global.default_pool_size, 32);
	expect_int(s->global.default_pool_size, 20);
	expect(t->number > s->number);
	snapshot_unref(s);
	expect_text(snapshot_database(t, "a")->hosts[1], "y");
	expect_text(snapshot_database(t, "a")->parameters[0].value, "UTC");
	expect_int(snapshot_user(t, "u")->pool_size, 1);
	expect_int(HASH_COUNT(t->peers), 1);
	snapshot_unref(t);
}

TEST("SET refuses what a file could not say, and leaves what only a start can change")
{
	struct snapshot *s = load_text("[pgbouncer]\n"), *t;

	expect(config_set(s, "default_pol_size", "1", &errors) == NULL);
	expect(config_set(s, "default_pool_size", "x", &errors) == NULL);
	expect(config_set(s, "log_format", "json", &errors) == NULL);
	expect(config_set(s, "auth_type", "ldap", &errors) == NULL);
	expect_text(said(&errors),
	    "unrecognized parameter \"default_pol_size\"; did you mean \"default_pool_size\"?\n"
	    "invalid value \"x\" for parameter \"default_pool_size\": must be an integer\n"
	    "log_format \"json\" is not supported by this version\n"
	    "auth_type is ldap, and auth_ldap_options is not set\n");
	t = config_set(s, "listen_port", "1", &errors);
	expect_int(t->global.listen_port, 6432);
	snapshot_unref(s);
	snapshot_unref(t);
}

TEST("a reload keeps what only a start can change, and says so")
{
	struct snapshot *old = load_text("[pgbouncer]\nlisten_port=1\nunix_socket_dir=/a\n");
	struct snapshot *fresh = load_text("[pgbouncer]\nlisten_port=2\nunix_socket_dir=/b\nmax_client_conn=5\n");

	bytes_clear(&warnings);
	config_keep_boot_settings(fresh, old, &warnings);

	expect_int(fresh->global.listen_port, 1);
	expect_text(fresh->global.unix_socket_dir, "/a");
	expect_int(fresh->global.max_client_conn, 5);
	expect_text(said(&warnings),
	    "parameter \"listen_port\" cannot be changed without a restart\n"
	    "parameter \"unix_socket_dir\" cannot be changed without a restart\n");
	snapshot_unref(old);
	snapshot_unref(fresh);
}

TEST("every setting is shown in the form in which it could be set again")
{
	struct snapshot *s = load_text("[pgbouncer]\nquery_timeout=0.25\nmonitor_password=hidden\n"), *t;
	struct bytes value = {0};
	const char *key, *def;
	bool changeable;
	size_t count = 0;

	for (; config_show(s, count, &key, &value, &def, &changeable); count++) {
		t = config_set(s, key, value.data, &errors);
		expect(t != NULL);
		snapshot_unref(t);
		expect(strstr(value.data, "hidden") == NULL);
		if (count == 0)
			expect_text(key, "admin_users");
		if (strcmp(key, "query_timeout") == 0)
			expect_text(value.data, "0.25");
		if (strcmp(key, "monitor_password") == 0)
			expect_text(value.data, "****");
		if (strcmp(key, "listen_port") == 0)
			expect_false(changeable);
		if (strcmp(key, "unix_socket_mode") == 0)
			expect_text(def, "0777");
	}
	expect(count > 100);
	bytes_free(&value);
	snapshot_unref(s);
}

TEST("a list has the names that are in it, whole and without their blanks")
{
	expect(snapshot_list_has("a, b ,cc", "b"));
	expect(snapshot_list_has("a, b ,cc", "cc"));
	expect_false(snapshot_list_has("a, b ,cc", "c"));
	expect_false(snapshot_list_has("a, b ,cc", ""));
	expect_false(snapshot_list_has("", "a"));
	expect_false(snapshot_list_has(",,", ""));
}
