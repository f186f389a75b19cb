/*
 * regress/unit/test_election.c - who is the primary, given what the hosts have said.
 */
#include "cluster/election.h"

#include "test.h"

enum { A, B, C, HOSTS };

#define BIT(host) (1u << (host))

struct scene {
	struct election election;
	struct candidate hosts[HOSTS];
	struct election_result result;
};

static struct candidate
primary_on(unsigned timeline)
{
	return (struct candidate){.heard = true, .up = true, .timeline = timeline, .system_identifier = 7};
}

static struct candidate
standby_on(unsigned timeline)
{
	struct candidate h = primary_on(timeline);

	h.standby = h.seen_as_standby = true;
	h.lsn = h.followed_lsn = 100;
	h.followed = timeline;
	return h;
}

static struct candidate
promoted_to(unsigned timeline)
{
	struct candidate h = standby_on(timeline);

	h.standby = false;
	h.followed = timeline > 0 ? timeline - 1 : 0;
	return h;
}

static void
hold_election(struct scene *s)
{
	election_settle_identifier(&s->election, s->hosts, HOSTS);
	election_decide(&s->election, s->hosts, HOSTS, &s->result);
}

/* A is the primary on timeline 1, B and C follow it. */
static struct scene
peaceful_scene(void)
{
	struct scene s = {.hosts = {primary_on(1), standby_on(1), standby_on(1)}};

	election_init(&s.election);
	hold_election(&s);
	return s;
}

TEST("the only host out of recovery is the primary, the others are replicas")
{
	struct scene s = peaceful_scene();

	expect_int(s.result.masks.primary, BIT(A));
	expect_int(s.result.masks.replicas, BIT(B) | BIT(C));
	expect_int(s.result.verdicts[A], VERDICT_PRIMARY);
	expect_text(verdict_reason(s.result.verdicts[B]), "");
}

TEST("no host is used before every host was asked")
{
	struct scene s = {.hosts = {primary_on(1), standby_on(1), {.heard = false}}};

	election_init(&s.election);
	hold_election(&s);
	expect_int(s.result.masks.primary | s.result.masks.replicas, 0);
	expect_int(s.result.verdicts[A], VERDICT_EARLY);
	expect_int(s.result.verdicts[C], VERDICT_DOWN);

	s.hosts[C] = (struct candidate){.heard = true};
	hold_election(&s);
	expect_int(s.result.masks.primary, BIT(A));
	expect_int(s.result.masks.replicas, BIT(B));
}

TEST("a host that is asked for the first time holds up nobody once the primary is known")
{
	struct scene s = peaceful_scene();

	s.hosts[C] = (struct candidate){.heard = false};
	hold_election(&s);

	expect_int(s.result.masks.primary, BIT(A));
	expect_int(s.result.masks.replicas, BIT(B));
}

TEST("the members are those that most hosts agree with, not who answers first")
{
	struct scene s = {.hosts = {primary_on(1), primary_on(1), standby_on(1)}};

	s.hosts[A].system_identifier = 8;
	election_init(&s.election);
	hold_election(&s);

	expect_int(s.result.verdicts[A], VERDICT_FOREIGN);
	expect_int(s.result.masks.primary, BIT(B));
	expect_int(s.result.masks.replicas, BIT(C));
}

TEST("a primary that is down leaves no primary, and its replicas")
{
	struct scene s = peaceful_scene();

	s.hosts[A].up = false;
	hold_election(&s);

	expect_int(s.result.masks.primary, 0);
	expect_int(s.result.masks.replicas, BIT(B) | BIT(C));
	expect_int(s.result.verdicts[A], VERDICT_DOWN);
}

TEST("a promoted standby becomes the primary when the old one is down")
{
	struct scene s = peaceful_scene();

	s.hosts[A].up = false;
	hold_election(&s);
	s.hosts[B] = promoted_to(2);
	hold_election(&s);

	expect_int(s.result.masks.primary, BIT(B));
	expect_int(s.result.masks.replicas, BIT(C));
	expect_int(s.election.lineage.timeline, 2);
}

TEST("a promoted standby displaces a primary that still claims")
{
	struct scene s = peaceful_scene();

	s.hosts[B] = promoted_to(2);
	hold_election(&s);

	expect_int(s.result.masks.primary, BIT(B));
	expect_int(s.result.masks.replicas, BIT(C));
	expect_int(s.result.verdicts[A], VERDICT_FENCED);
}

TEST("an old primary that comes back is fenced, alone or not")
{
	struct scene s = peaceful_scene();

	s.hosts[B] = promoted_to(2);
	hold_election(&s);
	s.hosts[B].up = false;
	hold_election(&s);

	expect_int(s.result.masks.primary, 0);
	expect_int(s.result.verdicts[A], VERDICT_FENCED);
}

TEST("an old primary that was rewound follows as a replica")
{
	struct scene s = peaceful_scene();

	s.hosts[B] = promoted_to(2);
	hold_election(&s);
	s.hosts[A] = standby_on(2);
	hold_election(&s);

	expect_int(s.result.masks.primary, BIT(B));
	expect_int(s.result.masks.replicas, BIT(A) | BIT(C));
}

TEST("a stranger on a higher timeline that was never a standby displaces nobody")
{
	struct scene s = peaceful_scene();

	s.hosts[B] = primary_on(9);
	hold_election(&s);

	expect_int(s.result.masks.primary, BIT(A));
	expect_int(s.result.verdicts[B], VERDICT_SECOND);
	expect_int(s.election.lineage.timeline, 1);
}

TEST("on equal timelines the known primary stays")
{
	struct scene s = peaceful_scene();

	s.hosts[B] = promoted_to(1);
	hold_election(&s);

	expect_int(s.result.masks.primary, BIT(A));
	expect_int(s.result.verdicts[B], VERDICT_SECOND);
}

TEST("two claimants and none known is no primary at all")
{
	struct scene s = {.hosts = {primary_on(1), primary_on(2), standby_on(2)}};

	s.hosts[C].timeline = 0;
	election_init(&s.election);
	hold_election(&s);

	expect_int(s.result.masks.primary, 0);
	expect_int(s.result.verdicts[A], VERDICT_CONTESTED);
	expect_int(s.result.verdicts[B], VERDICT_CONTESTED);
}

TEST("two standbys promoted to the same timeline depose the old primary and elect nobody")
{
	struct scene s = peaceful_scene();

	s.hosts[B] = s.hosts[C] = promoted_to(2);
	hold_election(&s);

	expect_int(s.result.masks.primary, 0);
	expect_int(s.result.verdicts[B], VERDICT_CONTESTED);
}

TEST("of two promoted standbys the one on the higher timeline wins")
{
	struct scene s = peaceful_scene();

	s.hosts[A].up = false;
	s.hosts[B] = promoted_to(2);
	s.hosts[C] = promoted_to(3);
	hold_election(&s);

	expect_int(s.result.masks.primary, BIT(C));
}

TEST("a standby on a higher timeline shows that a lone claimant is an old primary")
{
	struct scene s = {.hosts = {primary_on(1), {.heard = true}, standby_on(2)}};

	election_init(&s.election);
	hold_election(&s);

	expect_int(s.result.masks.primary, 0);
	expect_int(s.result.verdicts[A], VERDICT_FENCED);
}

TEST("an unknown timeline never wins where timelines are known")
{
	struct scene s = peaceful_scene();

	s.hosts[B] = promoted_to(0);
	hold_election(&s);
	expect_int(s.result.masks.primary, BIT(A));

	s.hosts[A].up = false;
	hold_election(&s);
	expect_int(s.result.masks.primary, 0);
}

TEST("hosts that never tell a timeline still have a primary, and a failover")
{
	struct scene s = {.hosts = {primary_on(0), standby_on(0), standby_on(0)}};

	election_init(&s.election);
	hold_election(&s);
	expect_int(s.result.masks.primary, BIT(A));

	s.hosts[A].up = false;
	s.hosts[B] = promoted_to(0);
	hold_election(&s);
	expect_int(s.result.masks.primary, BIT(B));
}

TEST("a host of another database cluster serves nothing")
{
	struct scene s = peaceful_scene();

	s.hosts[C].system_identifier = 8;
	hold_election(&s);

	expect_int(s.result.masks.replicas, BIT(B));
	expect_int(s.result.verdicts[C], VERDICT_FOREIGN);
}

TEST("a new system identifier is taken over once no host tells the old one")
{
	struct scene s = peaceful_scene();

	s.hosts[A].system_identifier = s.hosts[B].system_identifier = 8;
	hold_election(&s);
	expect_int(s.result.masks.primary, 0);
	expect_int(s.result.masks.replicas, BIT(C));

	s.hosts[C].system_identifier = 8;
	expect(election_settle_identifier(&s.election, s.hosts, HOSTS));
	hold_election(&s);
	expect_int(s.result.masks.primary, BIT(A));
}

/* ------------------------------------------------------------- timelines */

static struct candidate
standby_at(unsigned timeline, uint64_t lsn)
{
	struct candidate h = standby_on(timeline);

	h.lsn = h.followed_lsn = lsn;
	return h;
}

/* B, at 1000 on timeline 1, is promoted; C has come as far as LSN. */
static struct scene
scene_after_promotion(uint64_t lsn)
{
	struct scene s = {.hosts = {primary_on(1), standby_at(1, 1000), standby_at(1, lsn)}};

	election_init(&s.election);
	hold_election(&s);
	s.hosts[A].up = false;
	s.hosts[B].standby = false;
	s.hosts[B].timeline = 2;
	hold_election(&s);
	return s;
}

TEST("a standby that the fork has not reached yet goes on, one that has passed it serves nothing")
{
	struct scene before = scene_after_promotion(1000), past = scene_after_promotion(1001);

	expect_int(before.election.lineage.parent, 1);
	expect_int(before.election.lineage.fork_lsn, 1000);
	expect_int(before.result.masks.replicas, BIT(C));
	expect_int(past.result.masks.primary, BIT(B));
	expect_int(past.result.masks.replicas, 0);
	expect_int(past.result.verdicts[C], VERDICT_ASTRAY);
}

TEST("a standby past the fork serves nothing while there is no primary either, and is back on the new timeline")
{
	struct scene s = scene_after_promotion(2000);

	s.hosts[B].up = false;
	hold_election(&s);
	expect_int(s.result.masks.replicas, 0);

	s.hosts[C].timeline = 2;
	hold_election(&s);
	expect_int(s.result.masks.replicas, BIT(C));
}

TEST("where nobody knows the fork, a standby on an old timeline serves nothing")
{
	struct scene s = {.hosts = {{.heard = true}, primary_on(2), standby_at(1, 5)}};

	election_init(&s.election);
	hold_election(&s);

	expect_int(s.result.masks.primary, BIT(B));
	expect_int(s.result.verdicts[C], VERDICT_ASTRAY);
}

TEST("a standby of an unknown timeline follows, but not where its primary has never been")
{
	struct scene s = {.hosts = {primary_on(2), standby_at(0, 1000), standby_at(0, 1001)}};

	s.hosts[A].lsn = 1000;
	election_init(&s.election);
	hold_election(&s);

	expect_int(s.result.masks.replicas, BIT(B));
	expect_int(s.result.verdicts[C], VERDICT_ASTRAY);
}

TEST("a claimant below a timeline that is known from before a restart is fenced, were it the only host")
{
	struct scene s = {.hosts = {primary_on(1), {.heard = true}, {.heard = true}}};

	election_init(&s.election);
	s.election.lineage.timeline = 2;
	hold_election(&s);

	expect_int(s.result.masks.primary, 0);
	expect_int(s.result.verdicts[A], VERDICT_FENCED);
}
