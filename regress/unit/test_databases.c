/*
 * test_databases.c - rows of [databases]: hosts, ports, weights, routes, and what is none of these.
 */
#include "config_text.h"

TEST("hosts and ports are paired: one port for all, or one for each")
{
	struct snapshot *s = load_text("[pgbouncer]\n[databases]\n"
				       "a = host=db1,db2,/run/x port=5433\n"
				       "b = port=1,2 host='db1, ::1'\n"
				       "c = dbname=z\n");
	const struct database_config *b = snapshot_database(s, "b");

	expect_int(snapshot_database(s, "a")->host_count, 3);
	expect_text(snapshot_database(s, "a")->hosts[2], "/run/x");
	expect_int(snapshot_database(s, "a")->ports[2], 5433);
	expect_text(b->hosts[1], "::1");
	expect_int(b->ports[0], 1);
	expect_int(b->ports[1], 2);
	expect_text(snapshot_database(s, "c")->hosts[0], "/tmp");
	expect_int(snapshot_database(s, "c")->ports[0], 5432);
	expect_text(snapshot_database(s, "c")->dbname, "z");
	snapshot_unref(s);
}

TEST("a weight is one for all hosts or one for each, else the global one")
{
	struct snapshot *s = load_text("[pgbouncer]\nweight = 7\n[databases]\na = host=x,y,z weight=3,0,1000\nb = host=x,y weight=5\nc = host=x\n");

	expect_int(snapshot_weight(s, snapshot_database(s, "a"), 0), 3);
	expect_int(snapshot_weight(s, snapshot_database(s, "a"), 1), 0);
	expect_int(snapshot_weight(s, snapshot_database(s, "a"), 2), 1000);
	expect_int(snapshot_weight(s, snapshot_database(s, "b"), 1), 5);
	expect_int(snapshot_weight(s, snapshot_database(s, "c"), 0), 7);
	snapshot_unref(s);
}

TEST("a weight that makes no sense is refused")
{
	expect_text(refused("[pgbouncer]\n[databases]\na = host=x,y,z weight=1,2\n"),
	    "t.ini:3: parameter \"weight\" has 2 values for 3 hosts\n");
	expect_text(refused("[pgbouncer]\n[databases]\na = host=x,y weight=1,-1\n"),
	    "t.ini:3: invalid value \"-1\" for parameter \"weight\": must be an integer\n");
	expect_text(refused("[pgbouncer]\n[databases]\na = host=x,y weight=1,\n"),
	    "t.ini:3: invalid value \"\" for parameter \"weight\": must be an integer\n");
	expect_text(refused("[pgbouncer]\n[databases]\na = host=x weight=1001\n"),
	    "t.ini:3: invalid value \"1001\" for parameter \"weight\": must be between 0 and 1000\n");
}

TEST("an entry of more hosts than fit a mask is refused")
{
	struct bytes text = {0};

	bytes_chars(&text, "[pgbouncer]\n[databases]\na = host=x");
	for (int i = 0; i < 32; i++)
		bytes_chars(&text, ",x");
	bytes_chars(&text, "\n");
	bytes_u8(&text, 0);
	expect_text(refused(text.data), "t.ini:3: parameter \"host\" has 33 items, and 32 are the most\n");
	bytes_free(&text);
}

TEST("an entry of several hosts is routed where a user is, one of a single host is not")
{
	struct snapshot *s = load_text("[pgbouncer]\n[databases]\na = host=x,y\nb = host=x\nc = host=x route=primary\n[users]\nu = route=split\n");
	struct snapshot *plain = load_text("[pgbouncer]\n[databases]\na = host=x,y\n[users]\nu = route=any\n");

	expect(snapshot_is_routed(s, snapshot_database(s, "a")));
	expect_false(snapshot_is_routed(s, snapshot_database(s, "b")));
	expect(snapshot_is_routed(s, snapshot_database(s, "c")));
	expect_false(snapshot_is_routed(plain, snapshot_database(plain, "a")));
	snapshot_unref(s);
	snapshot_unref(plain);
}

TEST("lists of hosts and ports that do not fit are refused")
{
	expect_text(refused("[pgbouncer]\n[databases]\na = host=x,y,z port=1,2\n"),
	    "t.ini:3: parameter \"port\" has 2 values for 3 hosts\n");
	expect_text(
	    refused("[pgbouncer]\n[databases]\na = host=x,,z\n"), "t.ini:3: parameter \"host\" has an empty item\n");
	expect_text(refused("[pgbouncer]\n[databases]\na = host=x port=0\n"),
	    "t.ini:3: invalid value \"0\" for parameter \"port\": must be between 1 and 65535\n");
	expect_text(refused("[pgbouncer]\nunix_socket_dir=\n[databases]\na = dbname=x\n"),
	    "t.ini: database \"a\" has no host, and unix_socket_dir is empty\n");
}

TEST("a row of databases takes all that it may say")
{
	struct snapshot *s = load_text(
	    "[pgbouncer]\n[databases]\n"
	    "'a b' = host = h user='o''neil' password='p w' connect_query='select 1' pool_size=5 min_pool_size=1 "
	    "reserve_pool=2 replica_pool_size=9 pool_mode=session route=split query_wait_timeout=1.5 "
	    "server_lifetime=60 "
	    "load_balance_hosts=round-robin client_encoding=latin1 timezone=UTC timezone=CET read_functions=app.f,g\n");
	const struct database_config *d = snapshot_database(s, "a b");

	expect_text(d->user, "o'neil");
	expect_text(d->password, "p w");
	expect_text(d->connect_query, "select 1");
	expect_text(d->dbname, "a b");
	expect_int(d->pool_size, 5);
	expect_int(d->min_pool_size, 1);
	expect_int(d->reserve_pool_size, 2);
	expect_int(d->replica_pool_size, 9);
	expect_int(d->pool_mode, POOL_SESSION);
	expect_int(d->route, ROUTE_SPLIT);
	expect_int(d->query_wait_timeout_ms, 1500);
	expect_int(d->server_lifetime_ms, 60000);
	expect_int(d->load_balance_hosts, 1);
	expect_int(d->parameter_count, 2);
	expect_text(d->parameters[1].name, "timezone");
	expect_text(d->parameters[1].value, "CET");
	expect_text(d->read_functions, "app.f,g");
	expect_int(d->max_db_connections, -1);
	expect(d->auth_user == NULL);
	snapshot_unref(s);
}

TEST("target_session_attrs is another spelling of route")
{
	struct snapshot *s = load_text("[pgbouncer]\n[databases]\na = target_session_attrs=read-write\n"
				       "b = target_session_attrs=prefer-standby\nc = target_session_attrs=any\n"
				       "d = target_session_attrs=standby\n");

	expect_int(snapshot_database(s, "a")->route, ROUTE_PRIMARY);
	expect_int(snapshot_database(s, "b")->route, ROUTE_PREFER_REPLICA);
	expect_int(snapshot_database(s, "c")->route, ROUTE_ANY);
	expect_int(snapshot_database(s, "d")->route, ROUTE_REPLICA);
	expect_text(route_mode_word(ROUTE_PREFER_REPLICA), "prefer-replica");
	expect_int(route_mode_of("SPLIT"), ROUTE_SPLIT);
	expect_int(route_mode_of("nowhere"), ROUTE_MODE_UNSET);
	expect_int(route_mode_of(NULL), ROUTE_MODE_UNSET);
	snapshot_unref(s);
}

TEST("connection strings that are none are refused")
{
	expect_text(refused("[pgbouncer]\n[databases]\na = host=\n"),
	    "t.ini:3: empty values are not allowed in a connection string\n");
	expect_text(refused("[pgbouncer]\n[databases]\na = host='x\n"), "t.ini:3: quoted value is not closed\n");
	expect_text(refused("[pgbouncer]\n[databases]\na = host\n"),
	    "t.ini:3: expected \"=\" behind a key of a connection string\n");
	expect_text(refused("[pgbouncer]\n[databases]\na = host='x'y=1\n"),
	    "t.ini:3: expected a blank behind a quoted value\n");
	expect_text(refused("[pgbouncer]\n[databases]\na = dbname=x # y\n"),
	    "t.ini:3: a comment cannot follow the text \"dbname\" of a connection string\n");
	expect_text(refused("[pgbouncer]\n[databases]\npgbouncer = host=x\n"),
	    "t.ini:3: database name \"pgbouncer\" is reserved for the console\n");
}

TEST("a comment behind the number that ends a row is a comment")
{
	struct snapshot *s =
	    load_text("[pgbouncer]\n[databases]\na = host=x port=5433 # here\nb = host=y pool_size=3 ; z=1\n");

	expect(s != NULL);
	expect_int(snapshot_database(s, "a")->ports[0], 5433);
	expect_int(snapshot_database(s, "b")->pool_size, 3);
	snapshot_unref(s);
}

TEST("the * row answers for every name that has none of its own, and has no dbname of its own")
{
	struct snapshot *s = load_text("[pgbouncer]\n[databases]\na = host=x\n* = host=y\n");

	expect_text(snapshot_database(s, "a")->hosts[0], "x");
	expect_text(snapshot_database(s, "zzz")->name, "*");
	expect(snapshot_database(s, "zzz")->dbname == NULL);
	snapshot_unref(s);
}
