/*
 * cluster/election.c - who is the primary; the rules are in the header.
 */
#include "cluster/election.h"

#define BIT(host) ((uint32_t)1 << (host))

void
election_init(struct election *e)
{
	*e = (struct election){.primary = -1};
}

static bool
election_is_early(const struct election *e, const struct candidate *hosts, unsigned count)
{
	if (e->primary >= 0 || e->system_identifier != 0)
		return false;
	for (unsigned i = 0; i < count; i++)
		if (!hosts[i].heard)
			return true;
	return false;
}

/* The identifier that most hosts tell, of those that are up; of equals the one named first.  0 when none does. */
static uint64_t
election_common_identifier(const struct candidate *hosts, unsigned count)
{
	uint64_t common = 0;
	unsigned most = 0;

	for (unsigned i = 0; i < count; i++) {
		unsigned votes = 0;

		if (!hosts[i].up || hosts[i].system_identifier == 0)
			continue;
		for (unsigned j = 0; j < count; j++)
			votes += hosts[j].up && hosts[j].system_identifier == hosts[i].system_identifier;
		if (votes <= most)
			continue;
		most = votes;
		common = hosts[i].system_identifier;
	}
	return common;
}

bool
election_settle_identifier(struct election *e, const struct candidate *hosts, unsigned count)
{
	uint64_t common;

	if (election_is_early(e, hosts, count))
		return false;
	for (unsigned i = 0; i < count; i++)
		if (e->system_identifier != 0 && hosts[i].system_identifier == e->system_identifier)
			return false;
	common = election_common_identifier(hosts, count);
	if (common == 0)
		return false;
	/* What was elected among hosts that told no identifier holds on. */
	if (e->system_identifier != 0)
		e->primary = -1;
	e->system_identifier = common;
	return true;
}

static bool
candidate_is_foreign(const struct candidate *h, const struct election *e)
{
	return h->system_identifier != 0 && e->system_identifier != 0 && h->system_identifier != e->system_identifier;
}

/* The timeline that a claimant must not be below. */
static unsigned
election_fence(const struct election *e, const struct candidate *hosts, unsigned count, bool primary_is_known)
{
	unsigned fence = e->lineage.timeline;

	/* A standby's timeline proves that a primary had it, but that alone deposes nobody. */
	for (unsigned i = 0; i < count && !primary_is_known; i++)
		if (hosts[i].up && hosts[i].standby && !candidate_is_foreign(&hosts[i], e))
			fence = max_of(fence, hosts[i].timeline);
	return fence;
}

static bool
candidate_is_fenced(const struct candidate *h, unsigned fence, bool is_known_primary)
{
	if (h->timeline == 0)
		return fence != 0 && !is_known_primary;
	return h->timeline < fence;
}

/* Sorts the hosts into members that claim, replicas, and those that are out. */
static uint32_t
election_sort(const struct election *e, const struct candidate *hosts, unsigned count, struct election_result *out)
{
	uint32_t claimants = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!hosts[i].up) {
			out->verdicts[i] = VERDICT_DOWN;
		} else if (candidate_is_foreign(&hosts[i], e)) {
			out->verdicts[i] = VERDICT_FOREIGN;
		} else if (hosts[i].standby) {
			out->verdicts[i] = VERDICT_REPLICA;
			out->masks.replicas |= BIT(i);
		} else {
			claimants |= BIT(i);
		}
	}
	return claimants;
}

static uint32_t
election_drop_fenced(const struct election *e, const struct candidate *hosts, unsigned count, uint32_t claimants,
    struct election_result *out)
{
	bool known = e->primary >= 0 && (claimants & BIT(e->primary)) != 0;
	unsigned fence = election_fence(e, hosts, count, known);

	for (unsigned i = 0; i < count; i++) {
		if (!(claimants & BIT(i)) || !candidate_is_fenced(&hosts[i], fence, (int)i == e->primary))
			continue;
		claimants &= ~BIT(i);
		out->verdicts[i] = VERDICT_FENCED;
	}
	return claimants;
}

/* The hosts of the mask that are on its highest timeline. */
static uint32_t
election_highest(const struct candidate *hosts, unsigned count, uint32_t mask)
{
	unsigned highest = 0;
	uint32_t best = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!(mask & BIT(i)) || hosts[i].timeline < highest)
			continue;
		if (hosts[i].timeline > highest)
			best = 0;
		highest = hosts[i].timeline;
		best |= BIT(i);
	}
	return best;
}

/* Those that were promoted before our eyes, to a timeline above FLOOR. */
static uint32_t
election_promoted(const struct candidate *hosts, unsigned count, uint32_t claimants, unsigned floor)
{
	uint32_t promoted = 0;

	for (unsigned i = 0; i < count; i++)
		if ((claimants & BIT(i)) && hosts[i].seen_as_standby && hosts[i].timeline > floor)
			promoted |= BIT(i);
	return promoted;
}

static bool
mask_is_single(uint32_t mask)
{
	return mask != 0 && (mask & (mask - 1)) == 0;
}

/* The one that wins among the claimants, as a mask; 0 when nobody does. */
static uint32_t
election_choose(const struct election *e, const struct candidate *hosts, unsigned count, uint32_t claimants)
{
	uint32_t known = e->primary >= 0 ? claimants & BIT(e->primary) : 0;
	uint32_t best;

	if (mask_is_single(claimants))
		return claimants;
	if (known != 0) {
		unsigned floor = hosts[e->primary].timeline;

		best = floor != 0 ? election_promoted(hosts, count, claimants, floor) : 0;
		best = election_highest(hosts, count, best != 0 ? best : known);
	} else {
		best = election_highest(hosts, count, claimants);
		best &= election_promoted(hosts, count, best, 0) == best ? best : 0;
	}
	return mask_is_single(best) ? best : 0;
}

/* Why a claimant that was not fenced has not won. */
static enum verdict
election_explain(const struct election *e, const struct candidate *h, bool has_winner)
{
	if (!has_winner)
		return VERDICT_CONTESTED;
	return h->timeline != 0 && h->timeline < e->lineage.timeline ? VERDICT_FENCED : VERDICT_SECOND;
}

/* A new timeline parts from the one that its primary followed before. */
static void
election_raise_timeline(struct election *e, const struct candidate *h)
{
	if (h->timeline <= e->lineage.timeline)
		return;
	e->lineage = (struct lineage){.timeline = h->timeline};
	if (h->followed == 0 || h->followed >= h->timeline)
		return;
	e->lineage.parent = h->followed;
	e->lineage.fork_lsn = h->followed_lsn;
}

/* WINNER is the mask of one host. */
static void
election_crown(struct election *e, const struct candidate *hosts, unsigned count, uint32_t winner)
{
	for (unsigned i = 0; i < count; i++) {
		if (!(winner & BIT(i)))
			continue;
		e->primary = (int)i;
		election_raise_timeline(e, &hosts[i]);
	}
}

/* True when what H has replayed may not be in the history of the primary, whose timeline is the highest known. */
static bool
candidate_is_astray(const struct candidate *h, const struct election *e, const struct candidate *primary)
{
	const struct lineage *l = &e->lineage;

	/* Where the primary had not been yet. */
	if (primary != NULL && h->timeline == 0 && primary->lsn != 0 && h->lsn > primary->lsn)
		return h->lsn_at_us <= primary->lsn_at_us;
	if (h->timeline == 0 || l->timeline == 0 || h->timeline == l->timeline)
		return false;
	/* It may follow a primary that is not, or not yet, to be seen: with no primary that is the best there is. */
	if (h->timeline > l->timeline)
		return primary != NULL;
	return h->timeline != l->parent || h->lsn == 0 || h->lsn > l->fork_lsn;
}

static void
election_drop_astray(const struct election *e, const struct candidate *hosts, unsigned count, struct election_result *out)
{
	const struct candidate *primary = out->masks.primary != 0 ? &hosts[e->primary] : NULL;

	for (unsigned i = 0; i < count; i++) {
		if (!(out->masks.replicas & BIT(i)) || !candidate_is_astray(&hosts[i], e, primary))
			continue;
		out->masks.replicas &= ~BIT(i);
		out->verdicts[i] = VERDICT_ASTRAY;
	}
}

static void
election_wait(const struct candidate *hosts, unsigned count, struct election_result *out)
{
	for (unsigned i = 0; i < count; i++)
		out->verdicts[i] = hosts[i].up ? VERDICT_EARLY : VERDICT_DOWN;
}

void
election_decide(struct election *e, const struct candidate *hosts, unsigned count, struct election_result *out)
{
	uint32_t claimants, winner;

	must(count <= CLUSTER_HOSTS_MOST);
	*out = (struct election_result){.masks = {0}};
	if (election_is_early(e, hosts, count)) {
		election_wait(hosts, count, out);
		return;
	}
	claimants = election_sort(e, hosts, count, out);
	claimants = election_drop_fenced(e, hosts, count, claimants, out);
	winner = election_choose(e, hosts, count, claimants);
	election_crown(e, hosts, count, winner);
	out->masks.primary = winner;
	election_drop_astray(e, hosts, count, out);
	for (unsigned i = 0; i < count; i++) {
		if (!(claimants & BIT(i)))
			continue;
		out->verdicts[i] = winner & BIT(i) ? VERDICT_PRIMARY : election_explain(e, &hosts[i], winner != 0);
	}
}

const char *
verdict_reason(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_PRIMARY:
	case VERDICT_REPLICA:
		return "";
	case VERDICT_DOWN:
		return "down";
	case VERDICT_EARLY:
		return "answers, but other hosts have not been asked yet";
	case VERDICT_FOREIGN:
		return "belongs to another database cluster: its system identifier differs from the other hosts'";
	case VERDICT_FENCED:
		return "claims to be the primary, but on an old timeline";
	case VERDICT_SECOND:
		return "claims to be the primary beside the known one";
	case VERDICT_CONTESTED:
		return "several hosts claim to be the primary, and none of them is known as such";
	case VERDICT_ASTRAY:
		return "follows another timeline than the primary's, and may have what the primary has not";
	case VERDICT_LATE:
		return "lags too much to be read";
	}
	return "";
}
