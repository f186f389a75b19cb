/*
 * admin/show_stats.c - SHOW STATS and its parts, TOTALS, ROUTES.
 */
#include <stdlib.h>
#include <string.h>

#include "admin/admin_private.h"
#include "pool/route_counts.h"

enum parts { PART_TOTALS = 1, PART_AVERAGES = 2 };

static void
put_stats_row(struct table *t, const char *name, const uint64_t sums[SUM_COUNT], const struct averages *a, unsigned parts)
{
	table_row(t);
	table_text(t, name);
	for (unsigned i = 0; i < SUM_COUNT && (parts & PART_TOTALS) != 0; i++)
		table_int(t, (int64_t)sums[i]);
	for (unsigned i = 0; i < SUM_COUNT && (parts & PART_AVERAGES) != 0; i++)
		table_int(t, (int64_t)a->value[i]);
	table_end(t);
}

static void
put_console_stats(struct table *t, unsigned parts)
{
	struct averages a = sample_averages(UINT64_MAX);
	uint64_t sums[SUM_COUNT];

	sample_console_sums(sums);
	put_stats_row(t, CONSOLE_DATABASE, sums, &a, parts);
}

static void
show_stats_parts(struct console *c, unsigned parts)
{
	struct hub_report report = hub_report(console_hub(c));
	bool console_shown = false;

	for (unsigned i = 0; i < report.count; i++) {
		struct ledger *l = report.ledgers[i].ledger;
		struct averages a = sample_averages(l->id);
		uint64_t sums[SUM_COUNT];

		if (!console_shown && strcmp(l->name, CONSOLE_DATABASE) > 0) {
			put_console_stats(&c->table, parts);
			console_shown = true;
		}
		ledger_sums(l, sums);
		put_stats_row(&c->table, l->name, sums, &a, parts);
	}
	if (!console_shown)
		put_console_stats(&c->table, parts);
	hub_report_free(&report);
	console_done(c, NULL);
}

void
command_show_stats(struct console *c)
{
	show_stats_parts(c, PART_TOTALS | PART_AVERAGES);
}

void
command_show_stats_totals(struct console *c)
{
	show_stats_parts(c, PART_TOTALS);
}

void
command_show_stats_averages(struct console *c)
{
	show_stats_parts(c, PART_AVERAGES);
}

/* ---------------------------------------------------------------- totals */

static const char *const total_names[SUM_COUNT] = {
	[SUM_ASSIGNMENTS] = "server_assignment_count",
	[SUM_TRANSACTIONS] = "xact_count",
	[SUM_QUERIES] = "query_count",
	[SUM_RECEIVED] = "client_bytes",
	[SUM_SENT] = "server_bytes",
	[SUM_TRANSACTION_US] = "xact_time",
	[SUM_QUERY_US] = "query_time",
	[SUM_WAIT_US] = "wait_time",
	[SUM_CLIENT_PARSES] = "ps_client_parse_count",
	[SUM_SERVER_PARSES] = "ps_server_parse_count",
	[SUM_BINDS] = "ps_bind_count",
	[SUM_LOGINS] = "client_login_count",
};

static void
add_sums(struct ledger *l, void *user)
{
	uint64_t *all = user;
	uint64_t sums[SUM_COUNT];

	ledger_sums(l, sums);
	for (unsigned i = 0; i < SUM_COUNT; i++)
		all[i] += sums[i];
}

static void
put_totals(struct table *t, const char *prefix, const uint64_t values[SUM_COUNT])
{
	struct bytes name = {0};

	for (unsigned i = 0; i < SUM_COUNT; i++) {
		bytes_clear(&name);
		bytes_chars(&name, prefix);
		bytes_text(&name, total_names[i]);
		table_row(t);
		table_text(t, name.data);
		table_int(t, (int64_t)values[i]);
		table_end(t);
	}
	bytes_free(&name);
}

void
command_show_totals(struct console *c)
{
	struct averages a = sample_averages(0);
	uint64_t sums[SUM_COUNT];

	sample_console_sums(sums);
	hub_each_ledger(console_hub(c), add_sums, sums);
	put_totals(&c->table, "total_", sums);
	put_totals(&c->table, "avg_", a.value);
	console_done(c, NULL);
}

/* ---------------------------------------------------------------- routes */

static const uint8_t reason_targets[ROUTE_REASON_COUNT] = {
#define ROUTE_REASON(name, target, text) [ROUTE_REASON_##name] = TARGET_##target,
#include "tables/routes.h"
#undef ROUTE_REASON
};

static const char *const target_names[] = {
	[TARGET_PRIMARY] = "primary",
	[TARGET_REPLICA] = "replica",
	[TARGET_FOLLOW] = "follow",
};

static void
put_route(struct table *t, const char *database, const struct routed_host *h, unsigned reason)
{
	const uint64_t *n = h->counts[reason];

	table_row(t);
	table_text(t, database);
	table_text(t, route_reason_name(reason));
	table_text(t, target_names[reason_targets[reason]]);
	for (unsigned k = ROUTED_PRIMARY; k <= ROUTED_OTHER; k++)
		table_int(t, (int64_t)n[k]);
	table_text(t, h->name);
	table_int(t, h->port);
	table_int(t, (int64_t)(n[ROUTED_PRIMARY] + n[ROUTED_REPLICA] + n[ROUTED_OTHER]));
	table_int(t, (int64_t)n[ROUTED_DRY]);
	table_text(t, route_reason_text(reason));
	table_end(t);
}

static void
put_routes(struct table *t, const struct ledger *l)
{
	struct routes_report r = ledger_routes(l);

	for (unsigned reason = 0; reason < ROUTE_REASON_COUNT; reason++) {
		for (unsigned host = 0; host < r.count; host++) {
			const uint64_t *n = r.hosts[host].counts[reason];

			if (n[ROUTED_PRIMARY] + n[ROUTED_REPLICA] + n[ROUTED_OTHER] > 0)
				put_route(t, l->name, &r.hosts[host], reason);
		}
	}
	free(r.hosts);
}

void
command_show_routes(struct console *c)
{
	struct hub_report report = hub_report(console_hub(c));

	for (unsigned i = 0; i < report.count; i++)
		put_routes(&c->table, report.ledgers[i].ledger);
	hub_report_free(&report);
	console_done(c, NULL);
}
