/*
 * admin/show_heals.c - SHOW HEALS: reads that were run a second time, and what became
 * of transactions whose servers were lost.
 */
#include "admin/admin_private.h"

static const struct {
	const char *name;
	const char *text;
} heal_rows[HEAL_COUNT] = {
#define HEAL(name, text) {#name, text},
#include "tables/heals.h"
#undef HEAL
};

static void
put_heals(struct table *t, const struct ledger *l)
{
	for (unsigned i = 0; i < HEAL_COUNT; i++) {
		uint64_t sum = 0;

		for (unsigned w = 0; w < hub_worker_count(l->hub); w++)
			sum += atomic_load_explicit(&l->stats[w].heals[i], memory_order_relaxed);
		table_row(t);
		table_text(t, l->name);
		table_text(t, heal_rows[i].name);
		table_int(t, (int64_t)sum);
		table_text(t, heal_rows[i].text);
		table_end(t);
	}
}

void
command_show_heals(struct console *c)
{
	struct hub_report report = hub_report(console_hub(c));

	for (unsigned i = 0; i < report.count; i++)
		if (cluster_is_monitored(report.ledgers[i].ledger->cluster))
			put_heals(&c->table, report.ledgers[i].ledger);
	hub_report_free(&report);
	console_done(c, NULL);
}
