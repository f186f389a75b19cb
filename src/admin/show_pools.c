/*
 * admin/show_pools.c - POOLS, DATABASES and HOSTS.  What the ledgers know is
 * copied from them; what only a worker knows of its sessions is asked of it.
 */
#include <stdlib.h>
#include <string.h>

#include "admin/admin_private.h"

static const char *const mode_names[] = {
	[POOL_SESSION] = "session",
	[POOL_TRANSACTION] = "transaction",
	[POOL_STATEMENT] = "statement",
};

static const char *
mode_name(enum pool_mode mode)
{
	return mode == POOL_MODE_UNSET ? NULL : mode_names[mode];
}

/* Shown where there is a list of hosts, as PgBouncer does. */
static const char *
balance_name(const struct database_config *d)
{
	if (d == NULL || d->host_count < 2)
		return NULL;
	return d->load_balance_hosts == 0 ? "disable" : "round-robin";
}

/* ------------------------------------------------- sessions of one worker */

/* How the sessions of one account are on one worker. */
struct session_count {
	UT_hash_handle hh;
	const struct account *account; /* key; NULL: the console's */
	unsigned active, waiting, cancels;
};

static struct session_count *
session_count_of(struct session_count **counts, const struct account *a)
{
	struct session_count *n;

	HASH_FIND_PTR(*counts, &a, n);
	if (n == NULL) {
		n = memory_new(sizeof(*n));
		n->account = a;
		HASH_ADD_PTR(*counts, account, n);
	}
	return n;
}

static void
count_session(struct session_count **counts, const struct session *s)
{
	if (s->state == SESSION_CONSOLE)
		session_count_of(counts, NULL)->active++;
	else if (s->state == SESSION_WAITING || s->state == SESSION_WELCOME)
		session_count_of(counts, s->borrower.account)->waiting++;
	else if (s->state == SESSION_IDLE || s->state == SESSION_ACTIVE || s->state == SESSION_REPLICATION)
		session_count_of(counts, s->borrower.account)->active++;
}

/* Who waits for auth_query waits in the pool of auth_user. */
static void
count_lookup(void *user, const struct account *a, unsigned sessions)
{
	struct session_count **counts = user;

	session_count_of(counts, a)->waiting += sessions;
}

static void
collect_counts(struct worker *w, const struct question *q, struct bytes *out)
{
	struct session_count *counts = NULL, *n, *next;

	(void)q;
	list_for_each(node, &w->sessions)
		count_session(&counts, list_entry(node, struct session, all));
	worker_each_lookup(w, count_lookup, &counts);
	list_for_each(node, pool_servers(w->pool)) {
		const struct server *s = list_entry(node, struct server, all);

		if (s->cancels > 0)
			session_count_of(&counts, s->account)->cancels += s->cancels;
	}
	HASH_ITER(hh, counts, n, next) {
		HASH_DEL(counts, n);
		bytes_append(out, n, sizeof(*n));
		free(n);
	}
}

static struct session_count
sum_counts(const struct question *q, const struct account *a)
{
	struct session_count sum = {.account = a};

	for (unsigned i = 0; i < q->count; i++) {
		const struct bytes *b = &q->parts[i].bytes;

		for (size_t at = 0; at < b->length; at += sizeof(struct session_count)) {
			const struct session_count *n = (const void *)(b->data + at);

			if (n->account != a)
				continue;
			sum.active += n->active;
			sum.waiting += n->waiting;
			sum.cancels += n->cancels;
		}
	}
	return sum;
}

/* ----------------------------------------------------------------- pools */

static void
put_pool(struct table *t, const char *database, const struct account_report *a, const struct session_count *n, const char *balance)
{
	const unsigned *servers = a->servers;
	unsigned used = min_of(a->used, servers[SERVER_IDLE]);

	table_row(t);
	table_text(t, database);
	table_text(t, a->user);
	table_int(t, n->active);
	table_int(t, n->waiting);
	table_int(t, n->cancels);
	table_int(t, 0);
	table_int(t, servers[SERVER_ACTIVE] + servers[SERVER_CLAIMED] + servers[SERVER_IN_TRANSIT]);
	table_int(t, n->cancels);
	table_int(t, servers[SERVER_CANCELLING]);
	table_int(t, servers[SERVER_IDLE] - used);
	table_int(t, used);
	table_int(t, servers[SERVER_TESTING]);
	table_int(t, servers[SERVER_LOGIN]);
	table_int(t, a->oldest_wait_us / 1000000);
	table_int(t, a->oldest_wait_us % 1000000);
	table_text(t, mode_name(a->pool_mode));
	table_text(t, balance);
	table_end(t);
}

static void
put_console_pool(struct table *t, const struct question *q)
{
	struct account_report a = {.user = (char *)(uintptr_t)CONSOLE_USER, .pool_mode = POOL_STATEMENT};
	struct session_count n = sum_counts(q, NULL);

	put_pool(t, CONSOLE_DATABASE, &a, &n, NULL);
}

static void
put_ledger_pools(struct table *t, const struct question *q, const struct ledger_report *l, const char *balance)
{
	for (unsigned i = 0; i < l->account_count; i++) {
		struct session_count n = sum_counts(q, l->accounts[i].account);

		put_pool(t, l->ledger->name, &l->accounts[i], &n, balance);
	}
}

static void
finish_pools(struct console *c, const struct question *q)
{
	struct hub_report report = hub_report(console_hub(c));
	struct snapshot *s = hub_snapshot(console_hub(c));
	bool console_shown = false;

	for (unsigned i = 0; i < report.count; i++) {
		const char *name = report.ledgers[i].ledger->name;

		if (!console_shown && strcmp(name, CONSOLE_DATABASE) > 0) {
			put_console_pool(&c->table, q);
			console_shown = true;
		}
		put_ledger_pools(&c->table, q, &report.ledgers[i], balance_name(snapshot_database(s, name)));
	}
	if (!console_shown)
		put_console_pool(&c->table, q);
	snapshot_unref(s);
	hub_report_free(&report);
	console_done(c, NULL);
}

void
command_show_pools(struct console *c)
{
	ask_workers(c, collect_counts, finish_pools, 0);
}

/* ------------------------------------------------------------- databases */

static void
put_database(struct table *t, const struct snapshot *s, const struct ledger_report *l)
{
	const struct database_config *d = snapshot_database(s, l->ledger->name);
	struct bytes hosts = {0};

	if (d == NULL)
		return;
	for (unsigned i = 0; i < d->host_count; i++)
		bytes_format(&hosts, "%s%s", i > 0 ? "," : "", d->hosts[i]);
	bytes_u8(&hosts, 0);
	table_row(t);
	table_text(t, l->ledger->name);
	table_text(t, d->host_count > 0 ? hosts.data : NULL);
	table_int(t, d->host_count > 0 ? d->ports[0] : 5432);
	table_text(t, d->dbname != NULL ? d->dbname : l->ledger->name);
	table_text(t, d->user);
	table_int(t, snapshot_pool_size(s, d, NULL));
	table_int(t, snapshot_min_pool_size(s, d, NULL));
	table_int(t, snapshot_reserve_pool_size(s, d, NULL));
	table_int(t, snapshot_server_lifetime_ms(s, d) / 1000);
	table_text(t, mode_name(d->pool_mode));
	table_text(t, balance_name(d));
	table_int(t, snapshot_max_db_connections(s, d));
	table_int(t, l->servers);
	table_int(t, snapshot_max_db_client_connections(s, d));
	table_int(t, l->clients);
	table_int(t, l->paused);
	table_int(t, l->disabled);
	table_int(t, l->primary_paused);
	table_end(t);
	bytes_free(&hosts);
}

static void
put_console_database(struct table *t, const struct snapshot *s, unsigned clients)
{
	table_row(t);
	table_text(t, CONSOLE_DATABASE);
	table_text(t, NULL);
	table_int(t, s->global.listen_port);
	table_text(t, CONSOLE_DATABASE);
	table_text(t, CONSOLE_USER);
	table_int(t, 2);
	table_int(t, 0);
	table_int(t, 0);
	table_int(t, s->global.server_lifetime_ms / 1000);
	table_text(t, mode_name(POOL_STATEMENT));
	table_text(t, NULL);
	table_int(t, 0);
	table_int(t, 0);
	table_int(t, 0);
	table_int(t, clients);
	table_int(t, 0);
	table_int(t, 0);
	table_int(t, 0);
	table_end(t);
}

static void
finish_databases(struct console *c, const struct question *q)
{
	struct hub_report report = hub_report(console_hub(c));
	struct snapshot *s = hub_snapshot(console_hub(c));
	unsigned clients = sum_counts(q, NULL).active;
	bool console_shown = false;

	for (unsigned i = 0; i < report.count; i++) {
		if (!console_shown && strcmp(report.ledgers[i].ledger->name, CONSOLE_DATABASE) > 0) {
			put_console_database(&c->table, s, clients);
			console_shown = true;
		}
		put_database(&c->table, s, &report.ledgers[i]);
	}
	if (!console_shown)
		put_console_database(&c->table, s, clients);
	snapshot_unref(s);
	hub_report_free(&report);
	console_done(c, NULL);
}

void
command_show_databases(struct console *c)
{
	ask_workers(c, collect_counts, finish_databases, 0);
}

/* ----------------------------------------------------------------- hosts */

/* What nobody knows is NULL. */
static void
put_known(struct table *t, bool known, int64_t value)
{
	if (known)
		table_int(t, value);
	else
		table_text(t, NULL);
}

static void
put_host(struct table *t, const struct ledger_report *l, unsigned host, unsigned weight)
{
	static const char *const roles[] = {[HOST_UNKNOWN] = "unknown", [HOST_PRIMARY] = "primary", [HOST_REPLICA] = "replica"};
	static const char *const states[] = {[HOST_DOWN] = "down", [HOST_OUT] = "out", [HOST_UP] = "up"};
	bool watched = cluster_is_monitored(l->cluster);
	struct host_report r = {.lag_us = -1, .lag_bytes = -1};

	if (watched)
		cluster_report(l->cluster, host, &r);
	table_row(t);
	table_text(t, l->ledger->name);
	table_text(t, cluster_host_name(l->cluster, host));
	table_int(t, cluster_host_port(l->cluster, host));
	table_text(t, watched ? roles[r.role] : "any");
	table_text(t, watched ? states[r.state] : "not watched");
	table_int(t, l->host_servers[host]);
	put_known(t, r.lag_us >= 0, r.lag_us);
	put_known(t, r.lag_bytes >= 0, r.lag_bytes);
	put_known(t, r.timeline != 0, r.timeline);
	table_int(t, (int64_t)r.checks);
	table_int(t, (int64_t)r.failures);
	table_int(t, (int64_t)r.role_changes);
	table_time(t, r.checked_us);
	table_text(t, r.reason);
	table_int(t, weight);
	table_time(t, r.changed_us);
	table_end(t);
}

void
command_show_hosts(struct console *c)
{
	struct hub_report report = hub_report(console_hub(c));
	struct snapshot *s = hub_snapshot(console_hub(c));

	for (unsigned i = 0; i < report.count; i++) {
		const struct ledger_report *l = &report.ledgers[i];
		const struct database_config *d = snapshot_database(s, l->ledger->name);

		for (unsigned host = 0; host < cluster_host_count(l->cluster); host++)
			put_host(&c->table, l, host, snapshot_weight(s, d, host));
	}
	snapshot_unref(s);
	hub_report_free(&report);
	console_done(c, NULL);
}
