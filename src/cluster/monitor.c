/*
 * cluster/monitor.c - the hosts, and the clusters that name them.
 *
 *   host ──heard──▶ each cluster that names it: watch_elect ──▶ changed()
 *
 * A host is watched once, whatever the number of entries that name it; an election
 * is each cluster's own.  What is known of timelines is kept for each system
 * identifier, so that neither a reload nor a restart forgets the fence.
 */
#include "cluster/monitor.h"

#include <stdlib.h>

#include "base/clock.h"
#include "cluster/cluster_private.h"
#include "cluster/tls_rows.h"
#include "cluster/watch.h"
#include "net/loop.h"

/* Positions come every 20 ms while somebody waits for one: that is no reason for an election in a thousand entries. */
#define MONITOR_REST_US ((int64_t)45000)

struct monitor {
	struct loop *loop; /* borrowed */
	void (*changed)(void *user, struct cluster *c);
	void *user; /* borrowed */
	struct list hosts;
	struct list watches;
	struct lineages *lineages; /* owned */
	struct probe_login login; /* its texts are owned */
	struct tls_rows tls;
	struct host_rules rules;
};

/* ------------------------------------------------------- events of hosts */

static void
monitor_heard(void *user, struct host *h)
{
	int64_t now_us = clock_monotonic_us();
	bool elects = h->news || now_us - h->elected_us > MONITOR_REST_US;

	(void)user;
	if (elects)
		h->elected_us = now_us;
	list_for_each (node, &h->uses) {
		struct watch *w = list_entry(node, struct host_use, node)->watch;

		if (elects)
			watch_elect(w);
		else
			watch_publish_positions(w, h);
	}
}

static int64_t
monitor_hurry_ms(void *user, const struct host *h)
{
	int64_t now_us = clock_monotonic_us();
	int64_t hurry_ms = 0;

	(void)user;
	list_for_each (node, &h->uses) {
		int64_t wish_ms = watch_hurry_ms(list_entry(node, struct host_use, node)->watch, h, now_us);

		if (wish_ms != 0 && (hurry_ms == 0 || wish_ms < hurry_ms))
			hurry_ms = wish_ms;
	}
	return hurry_ms;
}

static bool
monitor_wants_flush(void *user, const struct host *h)
{
	int64_t now_us = clock_monotonic_us();

	(void)user;
	list_for_each (node, &h->uses)
		if (watch_wants_flush(list_entry(node, struct host_use, node)->watch, h, now_us))
			return true;
	return false;
}

/* -------------------------------------------------------------- watches */

static struct host *
monitor_host(struct monitor *m, const char *name, uint16_t port)
{
	static const struct host_events events = {
	    .heard = monitor_heard,
	    .hurry_ms = monitor_hurry_ms,
	    .wants_flush = monitor_wants_flush,
	};
	struct host *h;

	list_for_each (node, &m->hosts) {
		h = list_entry(node, struct host, node);
		if (h->port == port && text_equal(h->name, name))
			return h;
	}
	h = host_new(m->loop, name, port, &m->login, &m->rules, &events, m);
	h->tls = tls_rows_find(&m->tls, name, port);
	list_push_back(&m->hosts, &h->node);
	return h;
}

static bool
watch_has_host(const struct watch *w, const struct host *h, unsigned before)
{
	for (unsigned i = 0; i < before; i++)
		if (w->uses[i].host == h)
			return true;
	return false;
}

static void
monitor_use_host(struct monitor *m, struct watch *w, unsigned i)
{
	struct host *h = monitor_host(m, cluster_host_name(w->cluster, i), cluster_host_port(w->cluster, i));

	w->uses[i].watch = w;
	list_init(&w->uses[i].node);
	if (watch_has_host(w, h, i))
		return;
	w->uses[i].host = h;
	list_push_back(&h->uses, &w->uses[i].node);
}

/* A cluster built anew at a reload goes on with what is known of its hosts. */
static void
monitor_inherit(const struct monitor *m, struct watch *w)
{
	list_for_each (node, &m->watches) {
		const struct election *known = &list_entry(node, struct watch, node)->election;
		const struct host_use *uses = list_entry(node, struct watch, node)->uses;

		for (unsigned i = 0; known->primary >= 0 && i < w->count; i++) {
			if (w->uses[i].host == NULL || w->uses[i].host != uses[known->primary].host)
				continue;
			w->election = *known;
			w->election.primary = (int)i;
			return;
		}
	}
}

static struct watch *
monitor_find(struct monitor *m, const struct cluster *c)
{
	list_for_each (node, &m->watches) {
		struct watch *w = list_entry(node, struct watch, node);

		if (w->cluster == c)
			return w;
	}
	return NULL;
}

void
monitor_watch(struct monitor *m, struct cluster *c)
{
	unsigned count = cluster_host_count(c);
	struct watch *w;

	must(cluster_is_monitored(c) && monitor_find(m, c) == NULL);
	w = memory_new(sizeof(*w) + count * sizeof(w->uses[0]));
	w->lineages = m->lineages;
	w->changed = m->changed;
	w->user = m->user;
	w->cluster = cluster_ref(c);
	w->count = count;
	election_init(&w->election);
	for (unsigned i = 0; i < count; i++)
		monitor_use_host(m, w, i);
	monitor_inherit(m, w);
	list_push_back(&m->watches, &w->node);
	cluster_listen(c, m->loop, watch_alarmed, w);
	/* The hosts may be known already. */
	watch_elect(w);
}

static void
watch_free(struct watch *w)
{
	cluster_listen(w->cluster, NULL, NULL, NULL);
	watch_forget_lateness(w);
	list_remove(&w->node);
	for (unsigned i = 0; i < w->count; i++) {
		list_remove(&w->uses[i].node);
		if (w->uses[i].host != NULL && list_is_empty(&w->uses[i].host->uses))
			host_free(w->uses[i].host);
	}
	cluster_unref(w->cluster);
	free(w);
}

void
monitor_unwatch(struct monitor *m, struct cluster *c)
{
	struct watch *w = monitor_find(m, c);

	if (w != NULL)
		watch_free(w);
}

/* -------------------------------------------------------------- options */

/* True when the text was another one. */
static bool
option_replace(const char **text, const char *fresh)
{
	fresh = fresh != NULL ? fresh : "";
	if (text_equal(*text, fresh))
		return false;
	free((char *)(uintptr_t)*text);
	*text = text_copy(fresh);
	return true;
}

void
monitor_configure(struct monitor *m, const struct monitor_options *options)
{
	bool logs_in_again = false;

	lineages_keep_in(m->lineages, options->state_file);
	m->rules.interval_ms = max_of(options->check_interval_ms, (int64_t)1);
	m->rules.timeout_ms = max_of(options->check_timeout_ms, (int64_t)1);
	m->rules.fall = max_of(options->check_fall, 1);
	m->rules.rise = max_of(options->check_rise, 1);
	logs_in_again |= option_replace(&m->login.user, options->user);
	logs_in_again |= option_replace(&m->login.password, options->password);
	logs_in_again |= option_replace(&m->login.dbname, options->dbname);
	logs_in_again |= tls_rows_replace(&m->tls, options->tls, options->tls_count);
	list_for_each (node, &m->hosts) {
		struct host *h = list_entry(node, struct host, node);

		h->tls = tls_rows_find(&m->tls, h->name, h->port);
		if (logs_in_again)
			host_login_again(h);
		else
			host_look(h);
	}
}

struct monitor *
monitor_new(struct loop *loop, void (*changed)(void *user, struct cluster *c), void *user)
{
	static const struct monitor_options defaults = {
	    .check_interval_ms = 1000,
	    .check_timeout_ms = 1000,
	    .check_fall = 3,
	    .check_rise = 2,
	};
	struct monitor *m = memory_new(sizeof(*m));

	m->loop = loop;
	m->changed = changed;
	m->user = user;
	list_init(&m->hosts);
	list_init(&m->watches);
	m->lineages = lineages_new(loop);
	monitor_configure(m, &defaults);
	return m;
}

void
monitor_free(struct monitor *m)
{
	const char *const texts[] = {m->login.user, m->login.password, m->login.dbname};

	list_for_each_safe (node, &m->watches)
		watch_free(list_entry(node, struct watch, node));
	lineages_free(m->lineages);
	for (unsigned i = 0; i < array_length(texts); i++)
		free((char *)(uintptr_t)texts[i]);
	tls_rows_free(&m->tls);
	free(m);
}
