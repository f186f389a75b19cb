/*
 * regress/unit/test_cluster.c - who is up, how late is a replica, what an answer tells, and
 * the picture that all threads share: the monitor without a server.
 */
#include "cluster/cluster.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "cluster/answer.h"
#include "cluster/cluster_private.h"
#include "cluster/health.h"
#include "cluster/lag.h"
#include "net/loop.h"
#include "test.h"

#define BIT(host) (1u << (host))

/* ----------------------------------------------------------------- health */

enum { FALL = 3, RISE = 2 };

static bool
take(struct health *h, enum check_result result)
{
	return health_take(h, result, "a reason", FALL, RISE);
}

TEST("a check that was broken off counts for nothing: the next good answer is still the first")
{
	struct health h;

	health_init(&h);
	expect_false(take(&h, CHECK_DROPPED));
	expect_text(h.reason, "not checked yet");

	expect(take(&h, CHECK_GOOD));
	expect(h.up);
}

TEST("a host is up with its first good answer")
{
	struct health h;

	health_init(&h);
	expect_text(h.reason, "not checked yet");

	expect(take(&h, CHECK_GOOD));
	expect(h.up);
	expect_text(h.reason, "");
}

TEST("a refusal puts a host down at once, timeouts only when they are many in a row")
{
	struct health h;

	health_init(&h);
	take(&h, CHECK_GOOD);
	expect_false(take(&h, CHECK_MISSED));
	expect_false(take(&h, CHECK_MISSED));
	take(&h, CHECK_GOOD);
	expect_false(take(&h, CHECK_MISSED));
	expect_false(take(&h, CHECK_MISSED));
	expect(take(&h, CHECK_MISSED));
	expect_text(h.reason, "a reason");

	health_init(&h);
	take(&h, CHECK_GOOD);
	expect(take(&h, CHECK_DOWN));
}

TEST("a host that was down comes back with check_rise good answers in a row")
{
	struct health h;

	health_init(&h);
	take(&h, CHECK_DOWN);
	expect_false(take(&h, CHECK_GOOD));
	expect(health_is_rising(&h));
	take(&h, CHECK_DOWN);
	expect_false(health_is_rising(&h));
	expect_false(take(&h, CHECK_GOOD));
	expect(take(&h, CHECK_GOOD));
	expect_false(health_is_rising(&h));
}

TEST("a host without a free connection stays what it was")
{
	struct health h;

	health_init(&h);
	take(&h, CHECK_GOOD);
	for (int i = 0; i < 10; i++)
		expect_false(take(&h, CHECK_FULL));
	expect(h.up);
}

/* -------------------------------------------------------------------- lag */

#define SECOND ((int64_t)1000000)

TEST("a replica's lag is the age of the newest sample that it has reached")
{
	struct lag_history h = {0};

	lag_add(&h, 10 * SECOND, 1000);
	lag_add(&h, 11 * SECOND, 2000);
	lag_add(&h, 12 * SECOND, 3000);

	expect_int(lag_of(&h, 13 * SECOND, 3000), 0);
	expect_int(lag_of(&h, 13 * SECOND, 2500), 2 * SECOND);
	expect_int(lag_of(&h, 13 * SECOND, 500), 3 * SECOND);
	expect_int(lag_bytes_of(&h, 2500), 500);
	expect_int(lag_bytes_of(&h, 9000), 0);
}

TEST("what a primary has written and not flushed makes nobody late, nor the page that it has flushed in the middle of a record")
{
	struct lag_history h = {.count = 0};

	lag_add_flushed(&h, 10 * SECOND, 1000, 1000);
	for (int at = 11; at < 20; at++)
		lag_add_flushed(&h, at * SECOND, 9000, 1000);
	expect_int(lag_of(&h, 19 * SECOND, 1000), 0);
	expect_int(lag_bytes_of(&h, 1000), 0);

	for (int at = 20; at < 30; at++)
		lag_add_flushed(&h, at * SECOND, 9000, 8192);
	expect_int(lag_of(&h, 29 * SECOND, 1000), 0);

	/* More was flushed: who is still there was late since the last time that he could not be further. */
	lag_add_flushed(&h, 30 * SECOND, 20000, 16384);
	expect_int(lag_of(&h, 31 * SECOND, 1000), 2 * SECOND);
	lag_add_flushed(&h, 31 * SECOND, 20000, 20000);
	expect_int(lag_of(&h, 32 * SECOND, 20000), 0);
	expect_int(lag_of(&h, 32 * SECOND, 8192), 2 * SECOND);
}

TEST("a primary that does not say what it has flushed is taken for one that flushes at once")
{
	struct lag_history h = {.count = 0};

	lag_add_flushed(&h, 10 * SECOND, 1000, 0);
	lag_add_flushed(&h, 11 * SECOND, 8192, 0);

	expect_int(lag_of(&h, 12 * SECOND, 1000), 2 * SECOND);
}

TEST("a replica that answered before the newest sample was taken is not late for it")
{
	struct lag_history h = {0};

	lag_add(&h, 10 * SECOND, 1000);
	lag_add(&h, 12 * SECOND, 3000);

	expect_int(lag_of(&h, 11 * SECOND, 1000), 0);
}

TEST("a replica that stays behind a primary which is idle again is late, whoever was asked last")
{
	struct lag_history h = {0};

	lag_add(&h, 10 * SECOND, 1000);
	for (int i = 11; i <= 20; i++)
		lag_add(&h, i * SECOND, 2000);

	expect_int(lag_of(&h, 20 * SECOND - 1, 1000), 10 * SECOND - 1);
	expect_int(lag_of(&h, 20 * SECOND + 1, 1000), 10 * SECOND + 1);
	expect_int(lag_of(&h, 10 * SECOND + 1, 1000), 0);
}

TEST("a primary that is idle makes nobody late")
{
	struct lag_history h = {0};

	for (int i = 0; i < 1000; i++)
		lag_add(&h, i * SECOND, 1000);
	lag_add(&h, 1000 * SECOND, 2000);

	expect_int(h.count, 2);
	expect_int(lag_of(&h, 1000 * SECOND + 5, 1000), SECOND + 5);
}

TEST("hours of samples fit, and old ones are only less exact")
{
	struct lag_history h = {0};
	int64_t lag_us;

	for (int i = 0; i <= 36000; i++)
		lag_add(&h, i * SECOND, 1000 + (uint64_t)i);
	lag_us = lag_of(&h, 36000 * SECOND, 1000 + 36000 - 300);

	expect(h.count <= LAG_SAMPLES);
	expect(lag_us >= 300 * SECOND && lag_us < 400 * SECOND);
	expect_int(lag_of(&h, 36000 * SECOND, 1000 + 36000 - 4), 4 * SECOND);
}

TEST("a history that runs backwards begins anew, and none is an unknown lag")
{
	struct lag_history h = {0};

	expect_int(lag_of(&h, SECOND, 1), -1);
	expect_int(lag_bytes_of(&h, 1), -1);
	lag_add(&h, 1 * SECOND, 5000);
	lag_add(&h, 2 * SECOND, 4000);
	expect_int(h.count, 1);
}

/* ---------------------------------------------------------------- answers */

static struct answer
refusal(const char *message)
{
	struct answer a;

	answer_read_refusal(&a, message, false);
	return a;
}

TEST("a server that starts up, or allows no hot standby, is down with its own words")
{
	struct answer a = refusal("connection to server at \"h\" (10.0.0.1), port 5432 failed: FATAL:  57P03: "
				  "the database system is not accepting connections\n"
				  "DETAIL:  Hot standby mode is disabled.\nLOCATION:  x, y.c:1\n");

	expect_int(a.result, CHECK_DOWN);
	expect_text(a.reason, "the database system is not accepting connections (Hot standby mode is disabled.)");
}

TEST("a refused connection is down, a full server and a denied login are not")
{
	struct answer refused =
	    refusal("connection to server at \"h\" (10.0.0.1), port 5432 failed: Connection refused\n"
		    "\tIs the server running on that host and accepting TCP/IP connections?\n");
	struct answer full =
	    refusal("connection to server at \"h\", port 1 failed: FATAL:  53300: sorry, too many clients already\n");
	struct answer denied =
	    refusal("connection to server at \"h\", port 1 failed: FATAL:  28P01: password authentication failed\n");

	expect_int(refused.result, CHECK_DOWN);
	expect_text(refused.reason, "Connection refused");
	expect_int(full.result, CHECK_FULL);
	expect_text(full.reason, "sorry, too many clients already");
	expect_int(denied.result, CHECK_MISSED);
}

TEST("a refusal's text holds nothing that a terminal would obey")
{
	struct answer a = refusal("x failed: \033[2J \xff\xfe bye\r\n");

	expect_text(a.reason, "?[2J ?? bye?");
}

TEST("a refusal without end is cut")
{
	char message[4096];
	struct answer a;

	memset(message, 'x', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	a = refusal(message);

	expect_int(strlen(a.reason), sizeof(a.reason) - 1);
}

/* The answer to a question that came back with these values, and as much flushed as is inserted. */
static struct answer
answer_of(const char *standby, const char *timeline, const char *lsn, const char *received, const char *identifier)
{
	const char *values[] = {standby, timeline, lsn, lsn, received, identifier};
	PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc columns[] = {{.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = "d"}, {.name = "e"}, {.name = "f"}};
	struct answer a;

	PQsetResultAttrs(rows, 6, columns);
	for (int i = 0; i < 6; i++)
		PQsetvalue(rows, 0, i, (char *)(uintptr_t)values[i], values[i] != NULL ? (int)strlen(values[i]) : -1);
	answer_read(&a, rows);
	PQclear(rows);
	return a;
}

TEST("a primary's answer has its timeline in hex, a standby's in decimal")
{
	struct answer primary = answer_of("f", "0000000A", "1/2000060", NULL, "7300000000000000001");
	struct answer standby = answer_of("t", NULL, "0/FF", "10", NULL);

	expect_int(primary.result, CHECK_GOOD);
	expect_int(primary.timeline, 10);
	expect_int(primary.lsn, 0x102000060);
	expect_int(primary.flushed, 0x102000060);
	expect_int(primary.system_identifier, 7300000000000000001);
	expect(standby.standby);
	expect_int(standby.timeline, 10);
	expect_int(standby.system_identifier, 0);
}

TEST("an answer with anything else in it is no answer")
{
	expect_int(answer_of(NULL, NULL, NULL, NULL, NULL).result, CHECK_MISSED);
	expect_int(answer_of("yes", NULL, NULL, NULL, NULL).result, CHECK_MISSED);
	expect_int(answer_of("f", "-1", NULL, NULL, NULL).result, CHECK_MISSED);
	expect_int(answer_of("f", "1G", NULL, NULL, NULL).result, CHECK_MISSED);
	expect_int(answer_of("f", "", NULL, NULL, NULL).result, CHECK_MISSED);
	expect_int(answer_of("f", NULL, "00000000000/1", NULL, NULL).result, CHECK_MISSED);
	expect_int(answer_of("f", NULL, "0/100000000", NULL, NULL).result, CHECK_MISSED);
	expect_int(answer_of("f", NULL, "12", NULL, NULL).result, CHECK_MISSED);
	expect_int(answer_of("t", NULL, NULL, "4294967296", NULL).result, CHECK_MISSED);
	expect_int(answer_of("t", NULL, NULL, NULL, "99999999999999999999").result, CHECK_MISSED);
	expect_int(answer_of("t", NULL, NULL, NULL, NULL).result, CHECK_GOOD);
}

/* A standby without a timeline, and what became of it with these answers to IDENTIFY_SYSTEM. */
static bool
identity_of(struct answer *a, const char *identifier, const char *timeline)
{
	const char *values[] = {identifier, timeline, "0/3000148", NULL};
	PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc columns[] = {{.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = "d"}};
	bool ok;

	*a = (struct answer){.result = CHECK_GOOD, .standby = true};
	PQsetResultAttrs(rows, 4, columns);
	for (int i = 0; i < 4; i++)
		PQsetvalue(rows, 0, i, (char *)(uintptr_t)values[i], values[i] != NULL ? (int)strlen(values[i]) : -1);
	ok = answer_read_identity(a, rows);
	PQclear(rows);
	return ok;
}

TEST("IDENTIFY_SYSTEM tells timeline and identifier of a standby, and what is none is not believed")
{
	struct answer a;

	expect(identity_of(&a, "7300000000000000001", "3"));
	expect_int(a.timeline, 3);
	expect_int(a.system_identifier, 7300000000000000001);
	expect_false(identity_of(&a, "7300000000000000001", "4294967296"));
	expect_false(identity_of(&a, "", "3"));
	expect_false(identity_of(&a, "-1", "3"));
	expect_int(a.timeline, 0);
}

/* ---------------------------------------------------------------- cluster */

static const char *const names[] = {"db1", "db2"};
static const uint16_t ports[] = {5432, 5433};

TEST("a cluster knows its hosts, and an unmonitored one has no roles")
{
	struct cluster *c = cluster_new(names, ports, 2, false);
	const uint16_t other_ports[] = {5432, 5432};
	struct host_report report;

	cluster_report(c, 1, &report);

	expect_int(cluster_host_count(c), 2);
	expect_text(report.host, "db2");
	expect_int(report.port, 5433);
	expect_int(report.state, HOST_UP);
	expect_int(cluster_host_role(c, 0), HOST_UNKNOWN);
	expect(cluster_has_same_hosts(c, names, ports, 2));
	expect_false(cluster_has_same_hosts(c, names, ports, 1));
	expect_false(cluster_has_same_hosts(c, names, other_ports, 2));
	cluster_unref(c);
}

TEST("masks change as one, and say whether they did")
{
	struct cluster *c = cluster_new(names, ports, 2, true);

	expect(cluster_set_masks(c, (struct cluster_masks){.primary = BIT(0), .replicas = BIT(1)}));
	expect_false(cluster_set_masks(c, (struct cluster_masks){.primary = BIT(0), .replicas = BIT(1)}));

	expect_int(cluster_host_role(c, 0), HOST_PRIMARY);
	expect_int(cluster_host_role(c, 1), HOST_REPLICA);
	expect_int(cluster_host_role(c, 99), HOST_UNKNOWN);
	cluster_unref(c);
}

struct listener_scene {
	struct loop *loop;
	unsigned calls;
	uint32_t hosts;
};

static void
hear_suspicion(void *user, uint32_t hosts)
{
	struct listener_scene *s = user;

	s->calls++;
	s->hosts |= hosts;
	loop_stop(s->loop);
}

TEST("many suspicions become one call that names all the hosts")
{
	struct cluster *c = cluster_new(names, ports, 2, true);
	struct listener_scene s = {.loop = loop_new(0, NULL)};

	cluster_suspect(c, 0);
	cluster_listen(c, s.loop, hear_suspicion, &s);
	for (int i = 0; i < 100; i++)
		cluster_suspect(c, (unsigned)i % 3);
	loop_run(s.loop);

	expect_int(s.calls, 1);
	expect_int(s.hosts, BIT(0) | BIT(1));
	cluster_listen(c, NULL, NULL, NULL);
	cluster_unref(c);
	loop_free(s.loop);
}

TEST("a suspicion on its way outlives the watch and the cluster's last owner")
{
	struct cluster *c = cluster_new(names, ports, 2, true);
	struct listener_scene s = {.loop = loop_new(0, NULL)};

	cluster_listen(c, s.loop, hear_suspicion, &s);
	cluster_suspect(c, 1);
	cluster_listen(c, NULL, NULL, NULL);
	cluster_unref(c);
	loop_free(s.loop);

	expect_int(s.calls, 0);
}

/* -------------------------------------------------------------- positions */

struct writer_scene {
	struct cluster *cluster;
	atomic_bool ended;
};

static void *
write_positions(void *user)
{
	struct writer_scene *s = user;

	for (unsigned i = 1; i <= 100000; i++) {
		struct cluster_position p = {.lsn = i, .timeline = i, .at_us = i, .since_us = i};

		cluster_set_position(s->cluster, 1, &p);
	}
	atomic_store(&s->ended, true);
	return NULL;
}

TEST("a position is read as one, never the log position of one check beside the time of another")
{
	struct writer_scene s = {.cluster = cluster_new(names, ports, 2, true)};
	struct cluster_position p;
	unsigned torn = 0;
	pthread_t writer;

	pthread_create(&writer, NULL, write_positions, &s);
	do {
		p = cluster_position(s.cluster, 1);
		torn += p.lsn != p.timeline || p.at_us != (int64_t)p.lsn || p.since_us != p.at_us;
	} while (!atomic_load(&s.ended));
	pthread_join(writer, NULL);

	expect_int(torn, 0);
	expect_int(cluster_position(s.cluster, 1).lsn, 100000);
	expect_int(cluster_position(s.cluster, 0).lsn, 0);
	cluster_unref(s.cluster);
}

TEST("who waits for a position wakes the monitor once, however often it says so")
{
	struct cluster *c = cluster_new(names, ports, 2, true);
	struct listener_scene s = {.loop = loop_new(0, NULL)};

	expect_false(cluster_wants_positions(c, clock_monotonic_us()));
	cluster_listen(c, s.loop, hear_suspicion, &s);
	for (int i = 0; i < 100; i++)
		cluster_want_positions(c);
	loop_run(s.loop);

	expect_int(s.calls, 1);
	expect_int(s.hosts, 0);
	expect(cluster_wants_positions(c, clock_monotonic_us()));
	expect_false(cluster_wants_positions(c, clock_monotonic_us() + 1000000));
	cluster_listen(c, NULL, NULL, NULL);
	cluster_unref(c);
	loop_free(s.loop);
}
