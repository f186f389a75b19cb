/*
 * cluster/watch.c - elect, publish, say.
 *
 *   hosts ──▶ candidates ──▶ election ──▶ without those that lag ──▶ masks, positions, reports, log
 */
#include "cluster/watch.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cluster/cluster_private.h"
#include "observe/log.h"

/* An entry that never gets a primary is not worth 20 questions a second for ever, unless somebody waits for it. */
#define WATCH_URGENT_US ((int64_t)120 * 1000000)

/* ------------------------------------------------------------- lineages */

static void
watch_settle_identifier(struct watch *w, const struct candidate *candidates)
{
	bool was_unknown = w->election.system_identifier == 0;

	if (!election_settle_identifier(&w->election, candidates, w->count))
		return;
	if (!was_unknown) {
		log_warning(w->uses[0].host->subject,
		    "no host tells the known system identifier any more: %llu from now on",
		    (unsigned long long)w->election.system_identifier);
		w->election.lineage = (struct lineage){0};
	}
}

/* What the file or another cluster with these hosts knows counts here too. */
static void
watch_take_lineage(struct watch *w)
{
	struct lineage *mine = &w->election.lineage;
	struct lineage known = lineages_get(w->lineages, w->election.system_identifier);

	if (known.timeline > mine->timeline || (known.timeline == mine->timeline && mine->fork_lsn == 0))
		*mine = known;
}

/* ------------------------------------------------------------------ lag */

static const struct host *
watch_primary(const struct watch *w)
{
	return w->election.primary >= 0 ? w->uses[w->election.primary].host : NULL;
}

/* While the primary does not answer, nobody gets later: there may be nothing to catch up with. */
static struct replica_lag
watch_lag(const struct watch *w, const struct host *h)
{
	const struct host *primary = watch_primary(w);
	struct replica_lag lag = {.us = -1, .bytes = -1};
	int64_t at_us;

	if (primary == NULL || primary == h || h == NULL || !h->standby || h->lsn == 0 || primary->history.count == 0)
		return lag;
	at_us = h->lsn_at_us;
	if (!primary->health.up || primary->health.missed_in_row > 0)
		at_us = min_of(at_us, primary->history.samples[primary->history.count - 1].at_us);
	lag.us = lag_of(&primary->history, at_us, h->lsn);
	lag.bytes = lag_bytes_of(&primary->history, h->lsn);
	return lag;
}

static void
late_describe(char *out, size_t size, enum lateness late, const struct replica_lag *lag,
    const struct cluster_lag_limits *limits)
{
	switch (late) {
	case LATE_TIME:
		snprintf(out, size, "lags %.3f s: max_replica_lag is %.3f s", (double)lag->us / 1e6,
		    (double)limits->most_us / 1e6);
		break;
	case LATE_BYTES:
		snprintf(out, size, "lags %lld bytes: max_replica_lag_bytes is %lld", (long long)lag->bytes,
		    (long long)limits->most_bytes);
		break;
	case LATE_SOFT:
		snprintf(out, size, "lags %.3f s: max_replica_lag_soft is %.3f s", (double)lag->us / 1e6,
		    (double)limits->soft_us / 1e6);
		break;
	case LATE_NOT:
		out[0] = '\0';
		break;
	}
}

/* Says it once, although many clusters may have the same host and limit. */
static void
host_note_late(struct host *h, bool is_late, bool is_back, const char *reason)
{
	h->late_for += is_late ? 1 : -1u;
	if (is_late && h->late_for == 1)
		log_warning(h->subject, "is not read any more: %s", reason);
	else if (is_back && h->late_for == 0)
		log_info(h->subject, "has caught up, and is read again");
}

static void
watch_drop_late(struct watch *w, struct election_result *result)
{
	struct cluster_lag_limits limits = cluster_lag_limits(w->cluster);
	struct replica_lag lags[CLUSTER_HOSTS_MOST];
	enum lateness before[CLUSTER_HOSTS_MOST];
	char reason[HEALTH_REASON_SIZE];

	for (unsigned i = 0; i < w->count; i++)
		lags[i] = watch_lag(w, w->uses[i].host);
	memcpy(before, w->lateness, sizeof(before));
	lateness_judge(&limits, lags, w->count, result->masks.replicas, w->lateness);
	for (unsigned i = 0; i < w->count; i++) {
		bool is_late = w->lateness[i] != LATE_NOT;

		late_describe(reason, sizeof(reason), w->lateness[i], &lags[i], &limits);
		if (is_late != (before[i] != LATE_NOT))
			host_note_late(w->uses[i].host, is_late, result->verdicts[i] == VERDICT_REPLICA, reason);
		if (!is_late)
			continue;
		result->masks.replicas &= ~((uint32_t)1 << i);
		result->verdicts[i] = VERDICT_LATE;
	}
}

void
watch_forget_lateness(struct watch *w)
{
	for (unsigned i = 0; i < w->count; i++) {
		if (w->lateness[i] != LATE_NOT)
			host_note_late(w->uses[i].host, false, false, "");
		w->lateness[i] = LATE_NOT;
	}
}

/* -------------------------------------------------------------- reports */

/* What a replica that is up is not good for. */
static void
replica_describe(char *out, size_t size, const struct watch *w, const struct host *h)
{
	unsigned timeline = w->election.lineage.timeline;

	if (h->lsn == 0)
		snprintf(out, size, "tells no log position: it serves eventual reads only");
	else if (h->timeline == 0 && timeline != 0)
		snprintf(out, size, "does not tell its timeline: it serves eventual reads only");
	else if (h->timeline != timeline)
		snprintf(out, size, "is still on timeline %u: it serves eventual reads only", h->timeline);
}

static void
watch_describe_reason(const struct watch *w, unsigned i, enum verdict verdict, struct host_report *report)
{
	const struct host *h = w->uses[i].host;
	const struct lineage *l = &w->election.lineage;
	const struct replica_lag lag = {.us = report->lag_us, .bytes = report->lag_bytes};
	struct cluster_lag_limits limits;

	snprintf(report->reason, sizeof(report->reason), "%s", verdict_reason(verdict));
	if (verdict == VERDICT_DOWN) {
		snprintf(report->reason, sizeof(report->reason), "%s", h->health.reason);
	} else if (verdict == VERDICT_FENCED && h->timeline != 0 && l->timeline != 0) {
		snprintf(report->reason, sizeof(report->reason), "%s (%u, and %u has been seen)",
		    verdict_reason(verdict), h->timeline, max_of(l->timeline, h->timeline + 1));
	} else if (verdict == VERDICT_ASTRAY && h->timeline != 0) {
		snprintf(report->reason, sizeof(report->reason), "%s (%u, not %u)", verdict_reason(verdict),
		    h->timeline, l->timeline);
	} else if (verdict == VERDICT_LATE) {
		limits = cluster_lag_limits(w->cluster);
		late_describe(report->reason, sizeof(report->reason), w->lateness[i], &lag, &limits);
	} else if (verdict == VERDICT_REPLICA) {
		replica_describe(report->reason, sizeof(report->reason), w, h);
	}
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

static int64_t
watch_changed_us(struct watch *w, unsigned i, const struct host_report *report)
{
	if (w->shown[i].since_us == 0 || w->shown[i].role != report->role || w->shown[i].state != report->state)
		w->shown[i].since_us = report->asked_us != 0 ? clock_wall_us() : 0;
	w->shown[i].role = report->role;
	w->shown[i].state = report->state;
	return w->shown[i].since_us;
}

static void
watch_describe(struct watch *w, unsigned i, enum verdict verdict, struct host_report *report)
{
	const struct host *h = w->uses[i].host;
	struct replica_lag lag = watch_lag(w, h);
	bool is_used = cluster_host_role(w->cluster, i) != HOST_UNKNOWN;

	*report = (struct host_report){.role = cluster_host_role(w->cluster, i), .lag_us = lag.us, .lag_bytes = lag.bytes};
	if (verdict == VERDICT_LATE || verdict == VERDICT_ASTRAY)
		report->role = HOST_REPLICA;
	watch_count_role(w, i, report->role);
	report->role_changes = w->role_changes[i];
	if (h == NULL) {
		snprintf(report->reason, sizeof(report->reason), "the same host is named before");
		return;
	}
	report->state = is_used ? HOST_UP : verdict == VERDICT_DOWN ? HOST_DOWN : HOST_OUT;
	report->asked_us = h->asked_us;
	report->heard_us = h->heard_us;
	report->login_us = h->login_us;
	report->checked_us = h->checked_us;
	report->timeline = h->timeline;
	report->checks = h->checks;
	report->failures = h->failures;
	report->changed_us = watch_changed_us(w, i, report);
	watch_describe_reason(w, i, verdict, report);
}

/* Says what a host has become; once, although several clusters may find out. */
static void
host_say(struct host *h, enum verdict verdict, const char *reason)
{
	/* Who lags is said where it is found. */
	if (verdict == VERDICT_LATE)
		verdict = VERDICT_REPLICA;
	if (!h->health.heard || verdict == VERDICT_EARLY || h->said == (int)verdict)
		return;
	h->said = (int)verdict;
	if (verdict == VERDICT_PRIMARY)
		log_info(h->subject, "is the primary (timeline %u)", h->timeline);
	else if (verdict == VERDICT_REPLICA)
		log_info(h->subject, "is a replica");
	else if (verdict == VERDICT_DOWN)
		log_warning(h->subject, "is down: %s", reason);
	else if (verdict == VERDICT_ASTRAY)
		log_warning(h->subject, "is not used: %s", reason);
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

void
watch_publish_positions(const struct watch *w, const struct host *heard)
{
	struct cluster_position position;

	for (unsigned i = 0; i < w->count; i++) {
		const struct host *h = w->uses[i].host;

		if (h == NULL || (heard != NULL && h != heard))
			continue;
		position = (struct cluster_position){
		    .lsn = h->lsn,
		    .timeline = h->timeline,
		    .at_us = h->lsn_asked_us,
		    .since_us = h->login_us,
		};
		cluster_set_position(w->cluster, i, &position);
	}
}

/* Before the masks are: who sees a host in them also sees since when.  One that lagged was not away, nor was one not heard of yet. */
static void
watch_note_returns(struct watch *w, const struct election_result *result)
{
	uint32_t usable = result->masks.primary | result->masks.replicas;
	int64_t now_us = clock_monotonic_us();

	for (unsigned i = 0; i < w->count; i++) {
		uint32_t bit = (uint32_t)1 << i;

		if (w->uses[i].host == NULL || !w->uses[i].host->health.heard)
			continue;
		if (result->verdicts[i] == VERDICT_EARLY || result->verdicts[i] == VERDICT_LATE)
			continue;
		if ((usable & bit) && (w->out & bit))
			cluster_set_up_since(w->cluster, i, now_us);
		w->out = usable & bit ? w->out & ~bit : w->out | bit;
	}
}

/* Before the masks are: who hears of the new primary also finds what has become of the old one. */
static void
watch_note_dethroned(struct watch *w, const struct election_result *result)
{
	uint32_t used = result->masks.primary | result->masks.replicas, hosts = 0;

	for (unsigned i = 0; i < w->count && result->masks.primary != 0; i++)
		if (w->last_roles[i] == HOST_PRIMARY && !(used & (uint32_t)1 << i))
			hosts |= (uint32_t)1 << i;
	cluster_set_dethroned(w->cluster, hosts);
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
		    .lsn = h->lsn,
		    .lsn_at_us = h->lsn_at_us,
		    .system_identifier = h->system_identifier,
		    .followed = h->followed,
		    .followed_lsn = h->followed_lsn,
		};
	}
}

static void
watch_look_at_all(const struct watch *w)
{
	for (unsigned i = 0; i < w->count; i++)
		if (w->uses[i].host != NULL)
			host_look(w->uses[i].host);
}

static bool
watch_is_settled(const struct watch *w, const struct election_result *result)
{
	const struct host *primary = watch_primary(w);

	if (result->masks.primary == 0 || primary->health.missed_in_row > 0)
		return false;
	for (unsigned i = 0; i < w->count; i++)
		if (result->verdicts[i] == VERDICT_SECOND)
			return false;
	return true;
}

/* Whoever is to be the next primary should be found at once, not at its next turn. */
static void
watch_mind_primary(struct watch *w, const struct election_result *result)
{
	if (watch_is_settled(w, result)) {
		w->unsettled_us = 0;
		return;
	}
	if (w->unsettled_us != 0)
		return;
	w->unsettled_us = clock_monotonic_us();
	watch_look_at_all(w);
}

void
watch_elect(struct watch *w)
{
	struct candidate candidates[CLUSTER_HOSTS_MOST];
	struct election_result result;
	bool is_changed;

	watch_collect(w, candidates);
	watch_settle_identifier(w, candidates);
	watch_take_lineage(w);
	election_decide(&w->election, candidates, w->count, &result);
	lineages_raise(w->lineages, w->election.system_identifier, &w->election.lineage);
	watch_drop_late(w, &result);
	watch_note_returns(w, &result);
	watch_note_dethroned(w, &result);
	watch_publish_positions(w, NULL);
	is_changed = cluster_set_masks(w->cluster, result.masks);
	watch_publish_reports(w, &result);
	watch_mind_primary(w, &result);
	if (is_changed)
		w->changed(w->user, w->cluster);
}

/* --------------------------------------------------------------- rhythm */

static int64_t
watch_rush_ms(const struct host *h)
{
	return h->standby ? HOST_RUSH_MS : HOST_RUSH_PRIMARY_MS;
}

bool
watch_wants_flush(const struct watch *w, const struct host *h, int64_t now_us)
{
	return h == watch_primary(w) && cluster_wants_positions(w->cluster, now_us);
}

int64_t
watch_hurry_ms(const struct watch *w, const struct host *h, int64_t now_us)
{
	int64_t since_us = max_of(w->unsettled_us, cluster_primary_wanted_us(w->cluster));

	if (cluster_wants_positions(w->cluster, now_us) && (h->standby || h == watch_primary(w)))
		return watch_rush_ms(h);
	return w->unsettled_us != 0 && now_us - since_us < WATCH_URGENT_US ? HOST_HURRY_MS : 0;
}

void
watch_alarmed(void *watch, uint32_t hosts)
{
	struct watch *w = watch;
	bool rushes = cluster_wants_positions(w->cluster, clock_monotonic_us());

	for (unsigned i = 0; i < w->count; i++) {
		struct host *h = w->uses[i].host;

		if (h == NULL)
			continue;
		host_doubt(h, cluster_doubted_us(w->cluster, i));
		if ((hosts & (uint32_t)1 << i) || w->unsettled_us != 0)
			host_look(h);
		if (rushes && (h->standby || h == watch_primary(w)))
			host_look_within(h, watch_rush_ms(h));
	}
}
