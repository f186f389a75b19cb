/*
 * cluster/election.h - who is the primary, given what the hosts have said.  Pure:
 * no clock, no socket.
 *
 * A host that says it is a primary is a claimant.  The rules, in their order:
 *   - a host of another system identifier is no member at all;
 *   - a claimant below the highest timeline ever elected is fenced: it is an old
 *     primary that came back;
 *   - the known primary stays while it claims, unless a claimant on a higher
 *     timeline was seen as a standby by this process: that is a promotion;
 *   - without a known primary a single claimant is the primary; among several only
 *     one that was seen as a standby, on a timeline above all the others;
 *   - an unknown timeline may follow, but never wins against a known one.
 * A standby is a replica unless it is astray: on another timeline than the primary's, and
 * not known to be still before the place where the two parted.
 * Until something is known, no host is used before every host has been asked once: the
 * first to answer may be the wrong one.
 */
#ifndef PGWEIR_CLUSTER_ELECTION_H
#define PGWEIR_CLUSTER_ELECTION_H

#include "cluster/cluster.h"

/* What is known of one host. */
struct candidate {
	bool heard; /* its first check has ended, well or not */
	bool up;
	bool standby;
	bool seen_as_standby;	    /* by this process, at any time */
	unsigned timeline;	    /* 0 unknown */
	uint64_t lsn;		    /* inserted or replayed; 0 unknown */
	int64_t lsn_at_us;	    /* when LSN was told */
	uint64_t system_identifier; /* 0 unknown; the last one told, also while it is down */
	unsigned followed;	    /* the timeline that it was on as a standby, the last time; 0 unknown */
	uint64_t followed_lsn;	    /* how far it had replayed there; 0 unknown */
};

/* What is remembered of a line of timelines. */
struct lineage {
	unsigned timeline; /* the highest ever elected; 0 none yet */
	unsigned parent;   /* the one it was forked from; 0 unknown */
	uint64_t fork_lsn; /* up to here at least both are one; 0 unknown */
};

/* What is remembered from one election to the next. */
struct election {
	int primary;		    /* the last one elected; -1 none yet */
	struct lineage lineage;
	uint64_t system_identifier; /* of the members; 0 unknown */
};

enum verdict {
	VERDICT_PRIMARY,
	VERDICT_REPLICA,
	VERDICT_DOWN,	   /* not reachable: its health has the reason */
	VERDICT_EARLY,	   /* nothing is known yet, and other hosts have not been asked */
	VERDICT_FOREIGN,   /* another system identifier */
	VERDICT_FENCED,	   /* claims on an old timeline */
	VERDICT_SECOND,	   /* claims beside the known primary */
	VERDICT_CONTESTED, /* claims beside others, and nobody can say who is right */
	VERDICT_ASTRAY,	   /* follows another timeline than the primary's */
	VERDICT_LATE,	   /* a replica that lags too much; not the election's, but the watch's */
};

struct election_result {
	struct cluster_masks masks;
	enum verdict verdicts[CLUSTER_HOSTS_MOST];
};

void election_init(struct election *e);

/*
 * Settles which system identifier the members have: the one that most hosts tell, and then
 * that one until no host tells it any more.  True when it changed: the caller then sets the
 * lineage known for it.
 */
bool election_settle_identifier(struct election *e, const struct candidate *hosts, unsigned count);

/* Decides, and remembers in E. */
void election_decide(struct election *e, const struct candidate *hosts, unsigned count, struct election_result *out);

/* Why a host with that verdict is out, for people; "" for a primary and a replica. */
const char *verdict_reason(enum verdict verdict);

#endif
