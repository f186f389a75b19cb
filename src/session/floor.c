/*
 * session/floor.c - consistency = session: which replicas a read may go to.
 *
 * A replica may serve when it has replayed the floor on the primary's timeline, as the
 * monitor heard from it.  The session then stays with the one that it has read from: to
 * another it goes only where that is as far as its own was after the last read.
 * A server whose login is younger than its host's position is not trusted with that: the
 * host may have been started anew in between, and then it may be behind itself.
 */
#include "session/floor.h"

#include <stdlib.h>

#include "base/lsn.h"
#include "session/heal.h"

/* As often as positions come while they are wanted. */
#define FLOOR_LOOK_US ((int64_t)20 * 1000)

/* -------------------------------------------------------------- settings */

static const char *const consistency_words[] = {
	[CONSISTENCY_EVENTUAL] = "eventual",
	[CONSISTENCY_SESSION] = "session",
	[CONSISTENCY_TABLE] = "table",
};

static enum consistency
floor_mode(const struct session *s)
{
	const char *word = profile_find(s->profile, "pgweir.consistency");

	for (size_t i = 0; word != NULL && i < array_length(consistency_words); i++)
		if (text_equal_nocase(word, consistency_words[i]))
			return (enum consistency)i;
	return snapshot_consistency(s->snapshot, s->database, s->user);
}

/* A text that is no position, as set_config() may have left it, is the most careful one. */
static uint64_t
floor_least(const struct session *s)
{
	const char *text = profile_find(s->profile, "pgweir.min_lsn");
	uint64_t lsn = 0;

	if (text != NULL && text[0] != '\0' && !lsn_read(text, &lsn))
		return UINT64_MAX;
	return lsn_normalise(lsn);
}

void
floor_add_startup(struct session *s)
{
	enum consistency mode = snapshot_consistency(s->snapshot, s->database, s->user);

	if (s->route == ROUTE_SPLIT && mode != CONSISTENCY_EVENTUAL && profile_find(s->startup, "pgweir.consistency") == NULL)
		s->startup = profile_with(s->startup, "pgweir.consistency", consistency_words[mode]);
}

void
floor_free(struct session *s)
{
	if (s->floor == NULL)
		return;
	floor_lose_marks(s);
	free(s->floor->tables);
	free(s->floor);
	s->floor = NULL;
}

void
floor_configure(struct session *s)
{
	bool has_entry = s->ledger != NULL && s->database != NULL && s->replication == REPLICATION_NONE;
	bool splits = has_entry && routing_judges(s) && !s->dry_run;
	enum consistency mode = splits ? floor_mode(s) : CONSISTENCY_EVENTUAL;
	uint64_t least = splits ? floor_least(s) : 0;
	bool looks = has_entry && (mode == CONSISTENCY_TABLE || floor_may_have_readers(s));
	struct table_floors *tables = looks ? floor_tables_of(s, mode == CONSISTENCY_TABLE) : NULL;

	if (mode == CONSISTENCY_EVENTUAL && least == 0 && tables == NULL) {
		floor_free(s);
		return;
	}
	if (s->floor == NULL)
		s->floor = memory_new(sizeof(*s->floor));
	/* What the session did before counts too, where it has done anything. */
	if (s->floor->mode != mode)
		s->floor->unknown = mode == CONSISTENCY_SESSION && s->state >= SESSION_IDLE;
	s->floor->mode = (uint8_t)mode;
	s->floor->least = least;
	if (tables != NULL)
		floor_watch_tables(s, tables);
}

/* --------------------------------------------------------------- replicas */

static struct cluster_position
position_of_primary(const struct cluster *c, struct cluster_masks masks)
{
	static const struct cluster_position none;

	return masks.primary != 0 ? cluster_position(c, (unsigned)__builtin_ctz(masks.primary)) : none;
}

/* What was written on a former primary counts as far as the new one has it: it began with that. */
static void
floor_follow_timeline(struct floor *f, const struct cluster_position *primary)
{
	if (f->timeline == 0 || primary->timeline <= f->timeline || primary->lsn == 0)
		return;
	f->lsn = primary->lsn;
	f->timeline = primary->timeline;
}

/*
 * Is the replica on the log that the floor and the primary are on?  One that does not tell its timeline
 * may be past a fork; before the first promotion there is none.
 */
static bool
position_is_on_line(const struct cluster_position *replica, const struct cluster_position *primary, unsigned least)
{
	if (primary->timeline != 0 && primary->timeline < least)
		return false;
	if (replica->timeline == 0)
		return max_of(primary->timeline, least) <= 1;
	if (primary->timeline != 0)
		return replica->timeline == primary->timeline;
	return replica->timeline >= least;
}

/*
 * The session's own replica, or one that is as far as that was after the session's last read.  One that was restarted
 * since then may be open to readers before it has replayed again what it had: nobody knows how far that was.
 */
static bool
floor_may_move(const struct floor *f, const struct cluster *c, unsigned host, const struct cluster_position *to)
{
	struct cluster_position from;

	if (f->cluster == NULL || f->mode != CONSISTENCY_SESSION)
		return true;
	/* After a reload the hosts have other numbers. */
	if (f->cluster != c)
		return false;
	from = cluster_position(c, f->host);
	if (from.lsn == 0 || from.since_us >= f->read_us)
		return false;
	return f->host == host || (from.at_us > f->read_us && to->lsn >= from.lsn && to->timeline >= from.timeline);
}

/* What a read has to see, by the session's consistency. */
struct needed {
	uint64_t lsn;
	unsigned timeline;
};

static bool
floor_allows(const struct floor *f, const struct cluster *c, unsigned host, const struct cluster_position *primary, struct needed needed)
{
	struct cluster_position replica = cluster_position(c, host);

	if (replica.lsn == 0 || replica.lsn < needed.lsn || !position_is_on_line(&replica, primary, needed.timeline))
		return false;
	return floor_may_move(f, c, host, &replica);
}

/* False when only the primary will do. */
static bool
floor_needs(struct session *s, struct needed *needed)
{
	struct floor *f = s->floor;
	struct table_floor tables;

	*needed = (struct needed){.lsn = max_of(f->lsn, f->least), .timeline = f->timeline};
	if (f->unknown)
		return false;
	if (!floor_reads_tables(s))
		return true;
	tables = floor_of_tables(s);
	*needed = (struct needed){.lsn = max_of(tables.lsn, f->least), .timeline = tables.timeline};
	return !tables.is_open;
}

static uint32_t
floor_hosts(struct session *s, const struct cluster *c, struct cluster_masks masks)
{
	struct cluster_position primary = position_of_primary(c, masks);
	struct needed needed;
	uint32_t hosts = 0;

	floor_follow_timeline(s->floor, &primary);
	if (!floor_needs(s, &needed))
		return 0;
	for (uint32_t left = masks.replicas; left != 0; left &= left - 1) {
		unsigned host = (unsigned)__builtin_ctz(left);

		if (floor_allows(s->floor, c, host, &primary, needed))
			hosts |= (uint32_t)1 << host;
	}
	return hosts;
}

/* ---------------------------------------------------------------- lending */

static void
floor_turn_to_primary(struct session *s, enum route_reason reason)
{
	s->floor->turned = reason != ROUTE_REASON_no_replica;
	s->floor->meant = s->batch.reason;
	s->target = LEND_PRIMARY;
	s->borrower.hosts = 0;
	s->batch.reason = (uint8_t)reason;
}

void
floor_choose(struct session *s)
{
	enum read_from_primary policy = snapshot_read_from_primary(s->snapshot, s->database);
	struct cluster *c = s->ledger->cluster;
	struct cluster_masks masks = cluster_masks(c);

	s->floor->turned = false;
	s->borrower.hosts = 0;
	if (s->target != LEND_REPLICA || (s->floor->mode == CONSISTENCY_EVENTUAL && s->floor->least == 0))
		return;
	if (masks.replicas == 0 && policy == READ_FROM_PRIMARY_NEVER)
		return;
	if (masks.replicas == 0) {
		floor_turn_to_primary(s, cluster_host_count(c) > 1 ? ROUTE_REASON_replica_down : ROUTE_REASON_no_replica);
		return;
	}
	s->borrower.hosts = floor_hosts(s, c, masks);
	if (s->borrower.hosts != 0) {
		s->borrower.hosts |= policy == READ_FROM_PRIMARY_ALWAYS ? masks.primary : 0;
		return;
	}
	cluster_want_positions(c);
	floor_turn_to_primary(s, ROUTE_REASON_not_caught_up);
}

/* True for the server of a host that is no replica, as far as anybody knows. */
static bool
server_is_primary(const struct server *server)
{
	return cluster_host_role(server->cluster, server->host) != HOST_REPLICA;
}

static bool
floor_includes(struct session *s, const struct server *server)
{
	struct cluster_masks masks = cluster_masks(server->cluster);

	return (floor_hosts(s, server->cluster, masks) & (uint32_t)1 << server->host) != 0;
}

/* Roles, hosts and floors may have changed while the session waited. */
static bool
floor_suits(struct session *s, const struct server *server)
{
	if (s->target != LEND_REPLICA || server_is_primary(server) || (s->floor->mode == CONSISTENCY_EVENTUAL && s->floor->least == 0))
		return true;
	return floor_includes(s, server) && cluster_position(server->cluster, server->host).at_us > server->connected_us;
}

bool
floor_takes(struct session *s)
{
	struct floor *f = s->floor;
	struct server *server;

	if (f == NULL)
		return true;
	/* Of a transaction whose server was lost. */
	floor_released(s);
	if (floor_suits(s, s->server)) {
		/* What a replica has refused may write after all. */
		if (s->heal != NULL && s->heal->refused)
			floor_sends(s, NULL, NULL);
		f->was_known = !f->unknown;
		f->unknown |= f->mode == CONSISTENCY_SESSION && server_is_primary(s->server);
		return true;
	}
	cluster_want_positions(s->server->cluster);
	pool_return(&s->server);
	floor_turn_to_primary(s, ROUTE_REASON_not_caught_up);
	if (pool_lend(&s->borrower, LEND_PRIMARY, &server) != LEND_NOW) {
		session_arm(s);
		return false;
	}
	s->server = server;
	return floor_takes(s);
}

/* What is run for the second time has its own mind about where. */
static bool
floor_waits(const struct session *s)
{
	bool is_first = s->heal == NULL || (s->heal->again == HEAL_NOWHERE && !s->heal->refused);

	return s->floor != NULL && s->floor->turned && is_first && s->state == SESSION_WAITING && s->target == LEND_PRIMARY;
}

int64_t
floor_due_us(const struct session *s)
{
	return floor_waits(s) ? loop_now_us(s->worker->loop) + FLOOR_LOOK_US : INT64_MAX;
}

bool
floor_looks_again(struct session *s)
{
	int64_t since_us = s->borrower.since_us;
	struct server *server;
	enum lend_outcome outcome;
	struct cluster *c;
	uint32_t hosts;

	if (!floor_waits(s))
		return false;
	c = s->ledger->cluster;
	cluster_want_positions(c);
	hosts = floor_hosts(s, c, cluster_masks(c));
	if (s->heal != NULL && s->heal->cluster == c)
		hosts &= ~s->heal->lost;
	if (hosts == 0 || !pool_withdraw(&s->borrower))
		return false;
	s->floor->turned = false;
	s->target = LEND_REPLICA;
	s->batch.reason = s->floor->meant;
	s->borrower.hosts = hosts;
	outcome = pool_lend(&s->borrower, LEND_REPLICA, &server);
	s->borrower.since_us = since_us;
	session_arm(s);
	if (outcome == LEND_NOW)
		s->borrower.events->granted(&s->borrower, server);
	return true;
}

void
floor_saw_nothing(struct session *s)
{
	s->floor->unknown &= !s->floor->was_known;
}

bool
floor_still_suits(struct session *s)
{
	return !floor_reads_tables(s) || server_is_primary(s->server) || floor_includes(s, s->server);
}

void
floor_heard(struct session *s)
{
	s->floor->unknown |= s->floor->mode == CONSISTENCY_SESSION;
}

void
floor_released(struct session *s)
{
	s->floor->asked = false;
	floor_lose_marks(s);
}
