/*
 * admin/show_users.c - USERS, LISTS and MEM: how many there are of each kind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_private.h"
#include "net/dns.h"
#include "pool/statement.h"

/* ----------------------------------------------------------------- users */

/* The sessions of one user, by the name that the client gave. */
struct user_count {
	UT_hash_handle hh;
	unsigned clients;
	size_t length;
	char name[];
};

static void
user_count_add(struct user_count **counts, const char *name, size_t length, unsigned clients)
{
	struct user_count *u;

	HASH_FIND(hh, *counts, name, length, u);
	if (u == NULL) {
		u = memory_new(sizeof(*u) + length + 1);
		u->length = length;
		memcpy(u->name, name, length);
		HASH_ADD_KEYPTR(hh, *counts, u->name, length, u);
	}
	u->clients += clients;
}

static void
user_counts_free(struct user_count **counts)
{
	struct user_count *u, *next;

	HASH_ITER(hh, *counts, u, next) {
		HASH_DEL(*counts, u);
		free(u);
	}
}

static void
collect_users(struct worker *w, const struct question *q, struct bytes *out)
{
	struct user_count *counts = NULL;

	(void)q;
	list_for_each(node, &w->sessions) {
		const struct session *s = list_entry(node, struct session, all);

		if (s->user_name != NULL && s->state >= SESSION_WELCOME && s->state <= SESSION_CONSOLE)
			user_count_add(&counts, s->user_name, strlen(s->user_name), 1);
	}
	for (const struct user_count *u = counts; u != NULL; u = u->hh.next) {
		bytes_u32(out, u->clients);
		bytes_text(out, u->name);
	}
	user_counts_free(&counts);
}

static struct user_count *
merge_users(const struct question *q)
{
	struct user_count *all = NULL;

	for (unsigned i = 0; i < q->count; i++) {
		struct reader r = reader_over(q->parts[i].bytes.data, q->parts[i].bytes.length);

		while (reader_left(&r) > 0) {
			unsigned clients = reader_u32(&r);
			const char *name = reader_text(&r);

			user_count_add(&all, name, strlen(name), clients);
		}
	}
	return all;
}

static void
put_user_size(struct table *t, int size)
{
	char text[16] = "";

	if (size >= 0)
		snprintf(text, sizeof(text), "%9d", size);
	table_text(t, text);
}

static void
put_user(struct console *c, const struct snapshot *s, const struct user_config *u, unsigned clients)
{
	static const char *const modes[] = {[POOL_SESSION] = "session", [POOL_TRANSACTION] = "transaction", [POOL_STATEMENT] = "statement"};
	struct table *t = &c->table;

	table_row(t);
	table_text(t, u->name);
	put_user_size(t, u->pool_size);
	put_user_size(t, u->reserve_pool_size);
	table_text(t, u->pool_mode == POOL_MODE_UNSET ? NULL : modes[u->pool_mode]);
	table_int(t, snapshot_max_user_connections(s, u));
	table_int(t, hub_user_servers(console_hub(c), u->name));
	table_int(t, snapshot_max_user_client_connections(s, u));
	table_int(t, clients);
	table_end(t);
}

/* Who is let in to the console without being named anywhere. */
static const struct user_config console_user = {
    .name = (char *)"pgbouncer",
    .pool_mode = POOL_MODE_UNSET,
    .route = ROUTE_MODE_UNSET,
    .pool_size = -1,
    .reserve_pool_size = -1,
    .max_user_connections = -1,
    .max_user_client_connections = -1,
};

static bool
console_user_is_listed(const struct snapshot *s)
{
	return snapshot_user(s, console_user.name) != NULL;
}

static int
user_order(const void *a, const void *b)
{
	return strcmp((*(const struct user_config *const *)a)->name, (*(const struct user_config *const *)b)->name);
}

static void
finish_users(struct console *c, const struct question *q)
{
	struct snapshot *s = hub_snapshot(console_hub(c));
	struct user_count *counts = merge_users(q), *found;
	const struct user_config **users = memory_array(HASH_COUNT(s->users) + 1, sizeof(*users));
	unsigned n = 0;

	if (!console_user_is_listed(s))
		users[n++] = &console_user;
	for (const struct user_config *u = s->users; u != NULL; u = u->hh.next)
		users[n++] = u;
	qsort(users, n, sizeof(*users), user_order);
	for (unsigned i = 0; i < n; i++) {
		HASH_FIND(hh, counts, users[i]->name, strlen(users[i]->name), found);
		put_user(c, s, users[i], found != NULL ? found->clients : 0);
	}
	free(users);
	user_counts_free(&counts);
	snapshot_unref(s);
	console_done(c, NULL);
}

void
command_show_users(struct console *c)
{
	ask_workers(c, collect_users, finish_users, 0);
}

/* ------------------------------------------------------------ lists, mem */

static void
collect_logins(struct worker *w, const struct question *q, struct bytes *out)
{
	unsigned logins = 0;

	(void)q;
	list_for_each(node, &w->sessions)
		logins += list_entry(node, struct session, all)->state < SESSION_WELCOME;
	bytes_u32(out, logins);
}

static unsigned
sum_logins(const struct question *q)
{
	unsigned logins = 0;

	for (unsigned i = 0; i < q->count; i++) {
		struct reader r = reader_over(q->parts[i].bytes.data, q->parts[i].bytes.length);

		logins += reader_u32(&r);
	}
	return logins;
}

static void
put_list(struct table *t, const char *name, size_t items)
{
	table_row(t);
	table_text(t, name);
	table_int(t, (int64_t)items);
	table_end(t);
}

static void
finish_lists(struct console *c, const struct question *q)
{
	struct hub_report report = hub_report(console_hub(c));
	struct snapshot *s = hub_snapshot(console_hub(c));
	struct dns_report dns = dns_report();
	unsigned clients = atomic_load(&console_process(c)->clients), logins = min_of(sum_logins(q), clients);
	struct table *t = &c->table;

	put_list(t, "databases", report.count + 1);
	put_list(t, "users", HASH_COUNT(s->users) + !console_user_is_listed(s));
	put_list(t, "peers", HASH_COUNT(s->peers));
	put_list(t, "pools", report.accounts + 1);
	put_list(t, "peer_pools", HASH_COUNT(s->peers));
	put_list(t, "free_clients", 0);
	put_list(t, "used_clients", clients - logins);
	put_list(t, "login_clients", logins);
	put_list(t, "free_servers", 0);
	put_list(t, "used_servers", report.servers);
	put_list(t, "dns_names", dns.names);
	put_list(t, "dns_zones", 0);
	put_list(t, "dns_queries", dns.queries);
	put_list(t, "dns_pending", dns.pending);
	dns_report_free(&dns);
	snapshot_unref(s);
	hub_report_free(&report);
	console_done(c, NULL);
}

void
command_show_lists(struct console *c)
{
	ask_workers(c, collect_logins, finish_lists, 0);
}

static void
put_mem(struct table *t, const char *name, size_t size, size_t used)
{
	table_row(t);
	table_text(t, name);
	table_int(t, (int64_t)size);
	table_int(t, (int64_t)used);
	table_int(t, 0);
	table_int(t, (int64_t)(size * used));
	table_end(t);
}

void
command_show_mem(struct console *c)
{
	struct hub_report report = hub_report(console_hub(c));
	struct snapshot *s = hub_snapshot(console_hub(c));
	size_t statements, bytes;

	statement_totals(&statements, &bytes);
	put_mem(&c->table, "user_cache", sizeof(struct user_config), HASH_COUNT(s->users));
	put_mem(&c->table, "db_cache", sizeof(struct ledger), report.count);
	put_mem(&c->table, "pool_cache", sizeof(struct account), report.accounts);
	put_mem(&c->table, "server_cache", sizeof(struct server), report.servers);
	put_mem(&c->table, "client_cache", sizeof(struct session), atomic_load(&console_process(c)->clients));
	put_mem(&c->table, "statement_cache", statements > 0 ? bytes / statements : 0, statements);
	snapshot_unref(s);
	hub_report_free(&report);
	console_done(c, NULL);
}
