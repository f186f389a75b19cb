/*
 * admin/show_pins.c - PINS: which sessions keep their servers over transactions, why
 * and since when; PIN_STATS: how often that began and ended.
 */
#include "admin/admin_private.h"
#include "base/clock.h"
#include "pool/profile.h"
#include "session/pins.h"

static void
put_client(struct table *t, const struct session *s)
{
	const char *application_name = profile_find(s->profile, "application_name");
	struct endpoint peer;

	socket_describe_peer(s->stream.fd, &peer);
	table_text(t, s->ledger->name);
	table_text(t, s->borrower.account->user);
	table_int(t, s->id);
	table_text(t, peer.host);
	table_int(t, peer.is_unix ? s->snapshot->global.listen_port : peer.port);
	table_text(t, application_name != NULL ? application_name : "");
}

static void
put_server(struct table *t, const struct server *s)
{
	table_int(t, s->id);
	table_int(t, s->backend_pid);
	table_text(t, cluster_host_name(s->cluster, s->host));
	table_int(t, cluster_host_port(s->cluster, s->host));
}

static void
put_pins(struct table *t, const struct session *s)
{
	int64_t age_us;

	for (unsigned i = 0; i < PIN_REASONS; i++) {
		struct pin_report pin;

		if (!session_pin(s, i, &pin))
			continue;
		age_us = clock_monotonic_us() - pin.since_us;
		table_row(t);
		put_client(t, s);
		put_server(t, s->server);
		table_text(t, pin.reason);
		table_text(t, pin.statement);
		table_time(t, clock_wall_us() - age_us);
		table_int(t, age_us / 1000000);
		table_end(t);
	}
}

static void
collect_pins(struct worker *w, const struct question *q, struct bytes *out)
{
	struct table t = q->table;

	t.out = out;
	list_for_each(node, &w->sessions) {
		const struct session *s = list_entry(node, struct session, all);

		if (s->pins != 0 && s->server != NULL)
			put_pins(&t, s);
	}
}

static void
finish_pins(struct console *c, const struct question *q)
{
	for (unsigned i = 0; i < q->count; i++)
		bytes_append(&c->rows, q->parts[i].bytes.data, q->parts[i].bytes.length);
	console_done(c, NULL);
}

void
command_show_pins(struct console *c)
{
	ask_workers(c, collect_pins, finish_pins, 0);
}

static void
put_pin_stats(struct ledger *l, void *table)
{
	uint64_t taken[PIN_REASONS], ended[PIN_REASONS];
	struct table *t = table;

	ledger_pins(l, taken, ended);
	for (unsigned i = 0; i < PIN_REASONS; i++) {
		table_row(t);
		table_text(t, l->name);
		table_text(t, pin_reason_text(i));
		table_int(t, (int64_t)taken[i]);
		table_int(t, (int64_t)ended[i]);
		table_int(t, (int64_t)(taken[i] - min_of(ended[i], taken[i])));
		table_end(t);
	}
}

void
command_show_pin_stats(struct console *c)
{
	hub_each_ledger(console_hub(c), put_pin_stats, &c->table);
	console_done(c, NULL);
}
