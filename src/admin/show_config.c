/*
 * admin/show_config.c - what SHOW says without asking anybody: the list of commands,
 * the version, settings, the state of the whole, peers, and pretended settings.
 */
#include <string.h>

#include "admin/admin_private.h"
#include "base/version.h"
#include "config/config.h"
#include "net/dns.h"
#include "pool/pause.h"
#include "session/peer.h"
#include "session/suspend.h"

void
command_show_help(struct console *c)
{
	struct bytes list = {0};

	command_list(c->role, &list);
	console_notice(c, "Console usage", list.data);
	bytes_free(&list);
	console_done(c, NULL);
}

void
command_show_version(struct console *c)
{
	table_row(&c->table);
	table_text(&c->table, "PgBouncer " PGBOUNCER_VERSION " (pgweir " PGWEIR_VERSION ")");
	table_end(&c->table);
	console_done(c, NULL);
}

/* Exporters count the columns, so what is to be known beside them is told in a notice. */
static void
tell_settings_without_effect(struct console *c, const struct bytes *list)
{
	if (list->length > 0)
		console_notice(c, "some settings are accepted without effect", list->data);
}

static void
put_setting(struct table *t, size_t index, const char *key, const char *value, const char *default_text, bool changeable)
{
	bool optional = config_is_optional(index);

	table_row(t);
	table_text(t, key);
	table_text(t, optional && value[0] == '\0' ? NULL : value);
	table_text(t, optional ? NULL : default_text);
	table_text(t, changeable ? "yes" : "no");
	table_end(t);
}

void
command_show_config(struct console *c)
{
	struct snapshot *s = hub_snapshot(console_hub(c));
	struct bytes value = {0}, without_effect = {0};
	const char *key, *default_text;
	bool changeable;

	for (size_t i = 0; config_show(s, i, &key, &value, &default_text, &changeable); i++) {
		put_setting(&c->table, i, key, value.data, default_text, changeable);
		if (config_no_object(i) != NULL)
			bytes_format(&without_effect, "\n\t%s: %s", key, config_no_object(i));
	}
	bytes_u8(&without_effect, 0);
	without_effect.length--;
	tell_settings_without_effect(c, &without_effect);
	bytes_free(&value);
	bytes_free(&without_effect);
	snapshot_unref(s);
	console_done(c, NULL);
}

static void
put_state(struct table *t, const char *key, bool value)
{
	table_row(t);
	table_text(t, key);
	table_text(t, value ? "yes" : "no");
	table_end(t);
}

static void
note_primary_paused(struct ledger *l, void *any)
{
	*(bool *)any |= pause_is_primary(l);
}

void
command_show_state(struct console *c)
{
	bool any_primary_paused = false;
	bool paused = pause_is_all(console_hub(c)), suspended = suspend_is_on(console_process(c));

	put_state(&c->table, "active", !paused && !suspended);
	put_state(&c->table, "paused", paused);
	put_state(&c->table, "suspended", suspended);
	hub_each_ledger(console_hub(c), note_primary_paused, &any_primary_paused);
	/* PgBouncer has no such row. */
	if (any_primary_paused)
		put_state(&c->table, "primary_paused", true);
	console_done(c, NULL);
}

void
command_show_peers(struct console *c)
{
	struct snapshot *s = hub_snapshot(console_hub(c));

	for (const struct peer_config *p = s->peers; p != NULL; p = p->hh.next) {
		table_row(&c->table);
		table_int(&c->table, p->id);
		table_text(&c->table, p->host);
		table_int(&c->table, p->port);
		table_int(&c->table, p->pool_size >= 0 ? p->pool_size : s->global.default_pool_size);
		table_end(&c->table);
	}
	snapshot_unref(s);
	console_done(c, NULL);
}

void
command_show_peer_pools(struct console *c)
{
	struct snapshot *s = hub_snapshot(console_hub(c));
	struct peer_report *rows;
	unsigned count = peers_report(console_process(c)->peers, s, &rows);

	for (unsigned i = 0; i < count; i++) {
		table_row(&c->table);
		table_int(&c->table, rows[i].id);
		table_int(&c->table, rows[i].cl_active_cancel_req);
		table_int(&c->table, rows[i].cl_waiting_cancel_req);
		table_int(&c->table, rows[i].sv_active_cancel);
		table_int(&c->table, rows[i].sv_login);
		table_end(&c->table);
	}
	free(rows);
	snapshot_unref(s);
	console_done(c, NULL);
}

void
command_show_dns_hosts(struct console *c)
{
	struct dns_report report = dns_report();

	for (unsigned i = 0; i < report.names; i++) {
		table_row(&c->table);
		table_text(&c->table, report.rows[i].name);
		table_int(&c->table, report.rows[i].ttl_s);
		table_text(&c->table, report.rows[i].addresses);
		table_end(&c->table);
	}
	dns_report_free(&report);
	console_done(c, NULL);
}

/* The serial numbers of zones are not watched, so there are none. */
void
command_show_dns_zones(struct console *c)
{
	console_done(c, NULL);
}

void
command_show_pretended(struct console *c)
{
	table_row(&c->table);
	table_text(&c->table, c->call.pretended->value);
	table_end(&c->table);
	console_done(c, NULL);
}

void
command_set_pretended(struct console *c)
{
	console_notice(c, "SET ignored", NULL);
	console_done(c, NULL);
}
