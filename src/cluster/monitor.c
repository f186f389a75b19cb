/*
 * cluster/monitor.c - from the hosts' answers to the clusters' masks.
 *
 *   host ──heard──▶ each cluster that names it: elect ──▶ masks, reports, log
 *                                                  └────▶ changed()
 *
 * A host is watched once, whatever the number of entries that name it; an election
 * is each cluster's own.  The highest timeline elected is kept for each system
 * identifier, so that a reload which builds a cluster anew does not forget the fence.
 */
#include "cluster/monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cluster/cluster_private.h"
#include "cluster/election.h"
#include "cluster/host.h"
#include "cluster/tls_rows.h"
#include "net/loop.h"
#include "observe/log.h"

/* An entry that never gets a primary is not worth 20 questions a second for ever. */
#define MONITOR_URGENT_US ((int64_t)120 * 1000000)

/* A cluster's place in the list of a host. */
struct host_use {
	struct list node;
	struct watch *watch; /* borrowed */
	struct host *host;   /* borrowed; NULL when an earlier place names the same host */
};

struct watch {
	struct list node;
	struct monitor *monitor; /* borrowed */
	struct cluster *cluster; /* owned reference */
	struct election election;
	int64_t orphaned_us; /* monotonic; since when there is no primary, 0 while there is one */
	uint32_t out;	     /* the hosts that were not usable the last time, once it was known */
	enum host_role last_roles[CLUSTER_HOSTS_MOST]; /* the last ones known */
	uint64_t role_changes[CLUSTER_HOSTS_MOST];
	unsigned count;
	struct host_use uses[];
};

struct lineage {
	struct list node;
	uint64_t system_identifier;
	unsigned timeline; /* the highest ever elected */
};

struct monitor {
	struct loop *loop; /* borrowed */
	void (*changed)(void *user, struct cluster *c);
	void *user; /* borrowed */
	struct list hosts;
	struct list watches;
	struct list lineages;
	struct probe_login login; /* its texts are owned */
	struct tls_rows tls;
	struct host_rules rules;
};

/* ----------------------------------------------------------- timelines */

static struct lineage *
monitor_lineage(struct monitor *m, uint64_t system_identifier)
{
	struct lineage *l;

	list_for_each (node, &m->lineages) {
		l = list_entry(node, struct lineage, node);
		if (l->system_identifier == system_identifier)
			return l;
	}
	l = memory_new(sizeof(*l));
	l->system_identifier = system_identifier;
	list_push_back(&m->lineages, &l->node);
	return l;
}

static void
watch_settle_identifier(struct watch *w, const struct candidate *candidates)
{
	bool was_unknown = w->election.system_identifier == 0;
	unsigned timeline = was_unknown ? w->election.timeline : 0;

	if (!election_settle_identifier(&w->election, candidates, w->count))
		return;
	if (!was_unknown)
		log_warning(w->uses[0].host->subject,
		    "no host tells the known system identifier any more: %llu from now on",
		    (unsigned long long)w->election.system_identifier);
	w->election.timeline = max_of(timeline, monitor_lineage(w->monitor, w->election.system_identifier)->timeline);
}

static void
watch_keep_timeline(struct watch *w)
{
	struct lineage *l;

	if (w->election.system_identifier == 0)
		return;
	l = monitor_lineage(w->monitor, w->election.system_identifier);
	l->timeline = max_of(l->timeline, w->election.timeline);
}

/* -------------------------------------------------------------- reports */

static void
watch_describe_lag(const struct watch *w, const struct host *h, struct host_report *report)
{
	const struct host *primary = w->election.primary >= 0 ? w->uses[w->election.primary].host : NULL;

	report->lag_us = -1;
	report->lag_bytes = -1;
	if (primary == NULL || primary == h || !h->standby || h->lsn == 0)
		return;
	report->lag_us = lag_of(&primary->history, h->lsn_at_us, h->lsn);
	report->lag_bytes = lag_bytes_of(&primary->history, h->lsn);
}

static void
watch_describe_reason(const struct watch *w, const struct host *h, enum verdict verdict, struct host_report *report)
{
	if (verdict == VERDICT_DOWN)
		snprintf(report->reason, sizeof(report->reason), "%s", h->health.reason);
	else if (verdict == VERDICT_FENCED && h->timeline != 0 && w->election.timeline != 0)
		snprintf(report->reason, sizeof(report->reason), "%s (%u, and %u has been seen)",
		    verdict_reason(verdict), h->timeline, max_of(w->election.timeline, h->timeline + 1));
	else
		snprintf(report->reason, sizeof(report->reason), "%s", verdict_reason(verdict));
}

static void
watch_count_role(struct watch *w, unsigned i, enum host_role role)
{
	if (role == HOST_UNKNOWN)
		return;
	if (w->last_roles[i] != HOST_UNKNOWN && w->last_roles[i] != role)
		w->role_changes[i]++;
	w->last_roles[i] = role;
}

static void
watch_describe(struct watch *w, unsigned i, enum verdict verdict, struct host_report *report)
{
	const struct host *h = w->uses[i].host;

	*report = (struct host_report){.role = cluster_host_role(w->cluster, i), .lag_us = -1, .lag_bytes = -1};
	watch_count_role(w, i, report->role);
	report->role_changes = w->role_changes[i];
	if (h == NULL) {
		snprintf(report->reason, sizeof(report->reason), "the same host is named before");
		return;
	}
	report->up = report->role != HOST_UNKNOWN;
	report->checked_us = h->checked_us;
	report->timeline = h->timeline;
	report->checks = h->checks;
	report->failures = h->failures;
	watch_describe_lag(w, h, report);
	watch_describe_reason(w, h, verdict, report);
}

/* Says what a host has become; once, although several clusters may find out. */
static void
host_say(struct host *h, enum verdict verdict, const char *reason)
{
	if (!h->health.heard || verdict == VERDICT_EARLY || h->said == (int)verdict)
		return;
	h->said = (int)verdict;
	if (verdict == VERDICT_PRIMARY)
		log_info(h->subject, "is the primary (timeline %u)", h->timeline);
	else if (verdict == VERDICT_REPLICA)
		log_info(h->subject, "is a replica");
	else if (verdict == VERDICT_DOWN)
		log_warning(h->subject, "is down: %s", reason);
	else
		log_error(h->subject, "is not used: %s", reason);
}

static void
watch_publish_reports(struct watch *w, const struct election_result *result)
{
	struct host_report report;

	for (unsigned i = 0; i < w->count; i++) {
		watch_describe(w, i, result->verdicts[i], &report);
		cluster_set_report(w->cluster, i, &report);
		if (w->uses[i].host != NULL)
			host_say(w->uses[i].host, result->verdicts[i], report.reason);
	}
}

static void
watch_publish_positions(const struct watch *w)
{
	struct cluster_position position;

	for (unsigned i = 0; i < w->count; i++) {
		const struct host *h = w->uses[i].host;

		if (h == NULL)
			continue;
		position =
		    (struct cluster_position){.lsn = h->lsn, .timeline = h->timeline, .at_us = h->lsn_asked_us};
		cluster_set_position(w->cluster, i, &position);
	}
}

/* Before the masks are: who sees a host in them also sees since when. */
static void
watch_note_returns(struct watch *w, const struct election_result *result)
{
	uint32_t usable = result->masks.primary | result->masks.replicas;
	int64_t now_us = clock_monotonic_us();

	for (unsigned i = 0; i < w->count; i++) {
		uint32_t bit = (uint32_t)1 << i;

		if (w->uses[i].host == NULL || result->verdicts[i] == VERDICT_EARLY)
			continue;
		if ((usable & bit) && (w->out & bit))
			cluster_set_up_since(w->cluster, i, now_us);
		w->out = usable & bit ? w->out & ~bit : w->out | bit;
	}
}

/* ------------------------------------------------------------ elections */

static void
watch_collect(const struct watch *w, struct candidate *candidates)
{
	for (unsigned i = 0; i < w->count; i++) {
		const struct host *h = w->uses[i].host;

		if (h == NULL) {
			candidates[i] = (struct candidate){.heard = true};
			continue;
		}
		candidates[i] = (struct candidate){
		    .heard = h->health.heard,
		    .up = h->health.up,
		    .standby = h->standby,
		    .seen_as_standby = h->seen_as_standby,
		    .timeline = h->timeline,
		    .system_identifier = h->system_identifier,
		};
	}
}

/* Whoever is to be the next primary should be found at once, not at its next turn. */
static void
watch_mind_primary(struct watch *w, bool has_primary)
{
	bool was_orphaned = w->orphaned_us != 0;

	if (has_primary) {
		w->orphaned_us = 0;
		return;
	}
	if (was_orphaned)
		return;
	w->orphaned_us = clock_monotonic_us();
	for (unsigned i = 0; i < w->count; i++)
		if (w->uses[i].host != NULL)
			host_look(w->uses[i].host);
}

static void
watch_elect(struct watch *w)
{
	struct candidate candidates[CLUSTER_HOSTS_MOST];
	struct election_result result;
	bool is_changed;

	watch_collect(w, candidates);
	watch_settle_identifier(w, candidates);
	election_decide(&w->election, candidates, w->count, &result);
	watch_keep_timeline(w);
	watch_note_returns(w, &result);
	watch_publish_positions(w);
	is_changed = cluster_set_masks(w->cluster, result.masks);
	watch_publish_reports(w, &result);
	watch_mind_primary(w, result.masks.primary != 0);
	if (is_changed)
		w->monitor->changed(w->monitor->user, w->cluster);
}

static void
monitor_heard(void *user, struct host *h)
{
	(void)user;
	list_for_each (node, &h->uses)
		watch_elect(list_entry(node, struct host_use, node)->watch);
}

static int64_t
monitor_hurry_ms(void *user, const struct host *h)
{
	int64_t now_us = clock_monotonic_us();
	int64_t hurry_ms = 0;

	(void)user;
	list_for_each (node, &h->uses) {
		const struct watch *w = list_entry(node, struct host_use, node)->watch;

		if (h->standby && cluster_wants_positions(w->cluster, now_us))
			return HOST_RUSH_MS;
		if (w->orphaned_us != 0 && now_us - w->orphaned_us < MONITOR_URGENT_US)
			hurry_ms = HOST_HURRY_MS;
	}
	return hurry_ms;
}

/* -------------------------------------------------------------- watches */

static void
watch_suspected(void *user, uint32_t hosts)
{
	struct watch *w = user;
	bool rushes = cluster_wants_positions(w->cluster, clock_monotonic_us());

	for (unsigned i = 0; i < w->count; i++) {
		struct host *h = w->uses[i].host;

		if (h == NULL)
			continue;
		if (hosts & (uint32_t)1 << i)
			host_look(h);
		if (rushes && h->standby)
			host_look_within(h, HOST_RUSH_MS);
	}
}

static struct host *
monitor_host(struct monitor *m, const char *name, uint16_t port)
{
	static const struct host_events events = {.heard = monitor_heard, .hurry_ms = monitor_hurry_ms};
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
watch_use_host(struct watch *w, unsigned i)
{
	struct host *h = monitor_host(w->monitor, cluster_host_name(w->cluster, i), cluster_host_port(w->cluster, i));

	w->uses[i].watch = w;
	list_init(&w->uses[i].node);
	if (watch_has_host(w, h, i))
		return;
	w->uses[i].host = h;
	list_push_back(&h->uses, &w->uses[i].node);
}

/* A cluster built anew at a reload goes on with what is known of its hosts. */
static void
watch_inherit(struct watch *w)
{
	list_for_each (node, &w->monitor->watches) {
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
	w->monitor = m;
	w->cluster = cluster_ref(c);
	w->count = count;
	election_init(&w->election);
	for (unsigned i = 0; i < count; i++)
		watch_use_host(w, i);
	watch_inherit(w);
	list_push_back(&m->watches, &w->node);
	cluster_listen(c, m->loop, watch_suspected, w);
	/* The hosts may be known already. */
	watch_elect(w);
}

static void
watch_free(struct watch *w)
{
	cluster_listen(w->cluster, NULL, NULL, NULL);
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
	list_init(&m->lineages);
	monitor_configure(m, &defaults);
	return m;
}

void
monitor_free(struct monitor *m)
{
	const char *const texts[] = {m->login.user, m->login.password, m->login.dbname};

	list_for_each_safe (node, &m->watches)
		watch_free(list_entry(node, struct watch, node));
	list_for_each_safe (node, &m->lineages)
		free(list_entry(node, struct lineage, node));
	for (unsigned i = 0; i < array_length(texts); i++)
		free((char *)(uintptr_t)texts[i]);
	tls_rows_free(&m->tls);
	free(m);
}
