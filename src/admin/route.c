/*
 * admin/route.c - ROUTE db 'sql': where a statement would go, and why, in rows of item
 * and value.  Judged by session/explain.c; nothing is run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_private.h"
#include "session/explain.h"

#define SHAPE_SIZE 1024

static void __attribute__((format(printf, 3, 4)))
put_item(struct table *t, const char *item, const char *format, ...)
{
	struct bytes value = {0};
	va_list args;

	va_start(args, format);
	bytes_vformat(&value, format, args);
	va_end(args);
	bytes_u8(&value, 0);
	table_row(t);
	table_text(t, item);
	table_text(t, value.data);
	table_end(t);
	bytes_free(&value);
}

/* -------------------------------------------------------------- the verdict */

static const char *
target_word(enum lend_target target)
{
	switch (target) {
	case LEND_ANY:
		return "any host";
	case LEND_PRIMARY:
		return "primary";
	case LEND_PREFER_REPLICA:
		return "replica, if there is one";
	default:
		return "replica";
	}
}

static enum lend_target
target_now(const struct explanation *e)
{
	return e->dry_run ? LEND_PRIMARY : e->target;
}

static void
put_route(struct table *t, const struct explanation *e)
{
	const char *beside = e->dry_run ? " (route_dry_run)" : e->route == ROUTE_SPLIT && !e->is_judged ? " (pool_mode=session)" : "";

	put_item(t, "route", "%s%s", route_mode_word(e->route), beside);
	put_item(t, "target", "%s", target_word(target_now(e)));
	if (e->dry_run && e->target != LEND_PRIMARY)
		put_item(t, "would be", "%s", target_word(e->target));
	put_item(t, "reason", "%s", route_reason_name(e->reason));
	put_item(t, "text", "%s", route_reason_text(e->reason));
	if (!e->is_judged)
		put_item(t, "with split", "%s (%s): %s", target_word(e->verdict.target == TARGET_REPLICA ? LEND_REPLICA : LEND_PRIMARY),
		    route_reason_name(e->verdict.reason), route_reason_text(e->verdict.reason));
}

static const char *
kind_word(char kind)
{
	switch (kind) {
	case 'f':
		return "function";
	case 'o':
		return "operator";
	case 'r':
		return "relation";
	default:
		return "type";
	}
}

static void
put_name(struct table *t, const struct explanation *e)
{
	const char *cause = e->causes;

	if (e->verdict.name[0] == '\0')
		return;
	if (e->kind == 0)
		put_item(t, "name", "%s", e->verdict.name);
	else
		put_item(t, "name", "%s %s", kind_word(e->kind), e->verdict.name);
	for (; *cause != '\0'; cause += strlen(cause) + 1)
		put_item(t, "because", "%s", cause);
}

static void
put_catalog(struct table *t, const struct explanation *e)
{
	if (e->knows_catalog)
		put_item(t, "catalog", "known: %zu unsafe names%s%s", e->facts, e->problem != NULL ? "; the cause is not: " : "",
		    e->problem != NULL ? e->problem : "");
	else
		put_item(t, "catalog", "not known: %s", e->problem != NULL ? e->problem : "it has not been read");
}

/* ---------------------------------------------------------------- effects */

static void
put_effects(struct table *t, const struct verdict *v)
{
	bool any = false;

	for (unsigned i = 0; i < EFFECT_COUNT; i++) {
		enum effect effect = (enum effect)(1u << i);

		if ((v->effects & effect) == 0)
			continue;
		put_item(t, "effect", "%s%s: %s", (v->surely & effect) != 0 ? "" : "perhaps ", effect_name(effect), effect_text(effect));
		any = true;
	}
	if (!any)
		put_item(t, "effect", "none");
}

/* ------------------------------------------------------------------ hosts */

/* What keeps a host from the statement that could be one of its hosts. */
static const char *
why_not(const struct explanation *e, enum lend_target target, const struct cluster_masks *masks, unsigned host)
{
	uint32_t bit = (uint32_t)1 << host;
	bool is_primary = (masks->primary & bit) != 0;

	if (((masks->primary | masks->replicas) & bit) == 0)
		return "it is out";
	if (target == LEND_PRIMARY && !is_primary)
		return "it is not the primary";
	if (target == LEND_PRIMARY)
		return "the primary is paused";
	if (!is_primary)
		return "its weight is 0";
	if (target == LEND_REPLICA_ONLY)
		return "route=replica goes to replicas only";
	return e->read_from_primary == READ_FROM_PRIMARY_NEVER && target == LEND_REPLICA ? "read_from_primary=never" : "there are replicas";
}

static void
put_host(struct table *t, const struct explanation *e, const struct cluster *c, unsigned host, uint32_t mask)
{
	static const char *const roles[] = {[HOST_UNKNOWN] = "of unknown role", [HOST_PRIMARY] = "primary", [HOST_REPLICA] = "replica"};
	static const char *const states[] = {[HOST_UP] = "", [HOST_OUT] = ", out", [HOST_DOWN] = ", down"};
	bool watched = cluster_is_monitored(c), eligible = (mask >> host & 1) != 0;
	struct cluster_masks masks = cluster_masks(c);
	struct host_report r = {.state = HOST_UP};

	if (watched)
		cluster_report(c, host, &r);
	put_item(t, "host", "%s:%u %s%s%s%s: %s%s", cluster_host_name(c, host), cluster_host_port(c, host),
	    watched ? roles[r.role] : "not watched", states[r.state], r.reason[0] != '\0' ? ", " : "", r.reason,
	    eligible ? "eligible" : "not eligible, ", eligible ? "" : watched ? why_not(e, target_now(e), &masks, host) : "its weight is 0");
}

static void
put_hosts(struct table *t, const struct explanation *e, struct ledger *l)
{
	const struct cluster *c = atomic_load(&l->cluster);
	uint32_t mask = ledger_hosts(l, target_now(e));

	for (unsigned host = 0; host < cluster_host_count(c); host++)
		put_host(t, e, c, host, mask);
}

/* ------------------------------------------------------------ the command */

static void
put_shape(struct table *t, const char *text)
{
	char shape[SHAPE_SIZE];

	shape_write(text, strlen(text), shape, sizeof(shape));
	put_item(t, "shape", "%s", shape);
}

static void
route_done(void *user, const struct explanation *e)
{
	struct console *c = console_find(user);

	if (c == NULL)
		return;
	put_item(&c->table, "database", "%s", c->ledger->name);
	put_route(&c->table, e);
	put_name(&c->table, e);
	put_catalog(&c->table, e);
	put_effects(&c->table, &e->verdict);
	put_hosts(&c->table, e, c->ledger);
	put_shape(&c->table, c->call.words.statement);
	console_done(c, NULL);
}

static void
route_refuse_database(struct console *c, const char *name)
{
	struct snapshot *s = hub_snapshot(console_hub(c));
	const char *nearest = snapshot_database_nearest(s, name);
	char hint[256];

	if (text_equal(name, "pgbouncer") || text_equal(name, "pgweir"))
		snprintf(hint, sizeof(hint), "It is the console's own name.");
	else if (nearest != NULL)
		snprintf(hint, sizeof(hint), "Perhaps you meant the database \"%s\".", nearest);
	else
		snprintf(hint, sizeof(hint), "SHOW DATABASES lists them.");
	console_fail_hinted(c, "3D000", hint, "database \"%s\" does not exist", name);
	snapshot_unref(s);
}

void
command_route(struct console *c)
{
	static const char hint[] = "ROUTE app 'select 1'";
	const struct words *w = &c->call.words;
	struct console_address asker = console_address(c);

	if (w->problem != NULL) {
		console_fail_hinted(c, "42601", hint, "%s", w->problem);
		return;
	}
	if (!w->has_argument || w->statement == NULL) {
		console_fail_hinted(c, "42601", hint, "ROUTE needs a database and a statement");
		return;
	}
	c->ledger = hub_ledger(console_hub(c), w->argument);
	if (c->ledger == NULL) {
		route_refuse_database(c, w->argument);
		return;
	}
	console_wait(c);
	explain_begin(c->session->worker, c->ledger, w->statement, c->session->user_name, route_done, memory_copy(&asker, sizeof(asker)));
}
