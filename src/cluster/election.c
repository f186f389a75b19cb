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

bool
election_settle_identifier(struct election *e, const struct candidate *hosts, unsigned count)
{
	uint64_t first = 0;

	for (unsigned i = 0; i < count; i++) {
		uint64_t told = hosts[i].system_identifier;

		if (told != 0 && told == e->system_identifier)
			return false;
		if (first == 0 && hosts[i].up)
			first = told;
	}
	if (first == 0)
		return false;
	/* What was elected among hosts that told no identifier holds on. */
	if (e->system_identifier != 0)
		e->primary = -1;
	e->system_identifier = first;
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
	unsigned fence = e->timeline;

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

static bool
election_is_early(const struct election *e, const struct candidate *hosts, unsigned count)
{
	if (e->primary >= 0)
		return false;
	for (unsigned i = 0; i < count; i++)
		if (!hosts[i].heard)
			return true;
	return false;
}

void
election_decide(struct election *e, const struct candidate *hosts, unsigned count, struct election_result *out)
{
	bool early = election_is_early(e, hosts, count);
	uint32_t claimants;
	uint32_t winner;

	must(count <= CLUSTER_HOSTS_MOST);
	*out = (struct election_result){.masks = {0}};
	claimants = election_sort(e, hosts, count, out);
	claimants = election_drop_fenced(e, hosts, count, claimants, out);
	winner = early ? 0 : election_choose(e, hosts, count, claimants);

	out->masks.primary = winner;
	for (unsigned i = 0; i < count; i++) {
		if (!(claimants & BIT(i)))
			continue;
		if (winner & BIT(i)) {
			out->verdicts[i] = VERDICT_PRIMARY;
			e->primary = (int)i;
			e->timeline = max_of(e->timeline, hosts[i].timeline);
		} else if (early) {
			out->verdicts[i] = VERDICT_EARLY;
		} else {
			out->verdicts[i] = winner != 0 ? VERDICT_SECOND : VERDICT_CONTESTED;
		}
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
		return "claims to be the primary while other hosts have not been asked yet";
	case VERDICT_FOREIGN:
		return "belongs to another database cluster: its system identifier differs from the other hosts'";
	case VERDICT_FENCED:
		return "claims to be the primary, but on an old timeline";
	case VERDICT_SECOND:
		return "claims to be the primary beside the known one";
	case VERDICT_CONTESTED:
		return "several hosts claim to be the primary, and none of them is known as such";
	}
	return "";
}
