/*
 * cluster/probe.c - the door to libpq.
 *
 *   probe_ask ──▶ RESOLVING ──▶ CONNECTING ──▶ ASKING ──▶ answered, IDLE
 *        │         (thread pool)    ▲             │
 *        └── connection from before ┼─────────────┘ found dead: connect once more
 *                                   └── the deadline ends any of them
 *
 * A standby whose role may not see the receiver tells its timeline on a replication
 * connection (PostgreSQL manual, "Streaming Replication Protocol"): the next check
 * comes over one, for as long as the host lets it.
 *
 * libpq closes and opens sockets inside PQconnectPoll, and the new one may get the
 * old one's number: the poll handle is thrown away before each step, and its memory
 * belongs to libuv until it is closed.
 */
#include "cluster/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "cluster/addresses.h"
#include "cluster/monitor.h"
#include "net/loop.h"

/* A replication connection that was refused is not asked for again before this. */
#define PROBE_REFUSED_US ((int64_t)600 * 1000000)

enum probe_state { PROBE_IDLE, PROBE_RESOLVING, PROBE_CONNECTING, PROBE_ASKING, PROBE_FAILED };

struct probe_watch {
	uv_poll_t poll;
	struct probe *probe; /* borrowed; NULL once it was let go */
};

struct probe {
	struct loop *loop; /* borrowed */
	char *host;	   /* owned */
	uint16_t port;
	const struct probe_events *events;
	void *user; /* borrowed */
	struct timer deadline;
	enum probe_state state;
	const struct probe_login *login; /* borrowed, while asking */
	const struct monitor_tls *tls;	 /* borrowed, likewise; never NULL then */
	int64_t timeout_ms;
	PGconn *connection;	     /* owned; NULL while there is none */
	struct probe_watch *watch;   /* owned by libuv once it is closed */
	struct addresses *addresses; /* owned */
	bool reused;		     /* the connection is from an earlier check */
	unsigned level;		     /* of the question */
	PGresult *result;	     /* owned; of the question under way */
	struct answer failure;	     /* what PROBE_FAILED will tell */
	bool replicates;	     /* the connection is, or will be, one of replication */
	bool nudges;		     /* the nudge is to be sent, or under way */
	bool identifying;	     /* IDENTIFY_SYSTEM is under way, for STANDBY */
	struct answer standby;
	int64_t refused_us;	     /* monotonic: a replication connection was refused; 0 never */
	int64_t begun_us;	     /* monotonic: the last connection was begun; 0 never */
};

static void probe_connect(struct probe *p);
static void probe_send(struct probe *p);
static void probe_event(uv_poll_t *poll, int status, int events);

/* ----------------------------------------------------------- the socket */

static void
probe_watch_closed(uv_handle_t *handle)
{
	free(container_of((uv_poll_t *)(void *)handle, struct probe_watch, poll));
}

static void
probe_let_go(struct probe *p)
{
	if (p->watch == NULL)
		return;
	p->watch->probe = NULL;
	uv_close((uv_handle_t *)&p->watch->poll, probe_watch_closed);
	p->watch = NULL;
}

static bool
probe_wait_for(struct probe *p, int events)
{
	int fd = PQsocket(p->connection);

	if (fd < 0)
		return false;
	if (p->watch == NULL) {
		p->watch = memory_new(sizeof(*p->watch));
		p->watch->probe = p;
		if (uv_poll_init(loop_uv(p->loop), &p->watch->poll, fd) != 0) {
			free(p->watch);
			p->watch = NULL;
			return false;
		}
	}
	return uv_poll_start(&p->watch->poll, events, probe_event) == 0;
}

static void
probe_disconnect(struct probe *p)
{
	probe_let_go(p);
	PQclear(p->result);
	p->result = NULL;
	if (p->connection != NULL)
		PQfinish(p->connection);
	p->connection = NULL;
	p->level = 0;
	p->nudges = p->identifying = false;
}

/* ---------------------------------------------------------- the outcome */

static void
probe_finish(struct probe *p, const struct answer *a)
{
	timer_disarm(loop_timers(p->loop), &p->deadline);
	p->state = PROBE_IDLE;
	p->login = NULL;
	p->events->answered(p->user, a);
}

/* The check has failed; the caller of probe_ask hears of it from the loop. */
static void
probe_fail(struct probe *p, const struct answer *a)
{
	struct answer copy = *a;

	probe_disconnect(p);
	p->state = PROBE_FAILED;
	p->failure = copy;
	timer_arm(loop_timers(p->loop), &p->deadline, 0);
}

static void
probe_fail_text(struct probe *p, enum check_result result, const char *reason)
{
	struct answer a;

	answer_fail(&a, result, reason);
	probe_fail(p, &a);
}

static void
probe_deadline(struct timer *t)
{
	struct probe *p = container_of(t, struct probe, deadline);
	static const char *const where[] = {
	    [PROBE_RESOLVING] = "looking up its name",
	    [PROBE_CONNECTING] = "connecting",
	    [PROBE_ASKING] = "its answer",
	};
	struct answer a = p->failure;
	char reason[80];

	if (p->state == PROBE_IDLE)
		return;
	if (p->state != PROBE_FAILED) {
		snprintf(
		    reason, sizeof(reason), "%s took longer than %lld ms", where[p->state], (long long)p->timeout_ms);
		answer_fail(&a, CHECK_MISSED, reason);
	}
	probe_disconnect(p);
	probe_finish(p, &a);
}

static void
probe_give_up_replication(struct probe *p)
{
	p->replicates = false;
	p->refused_us = clock_monotonic_us();
}

/* The connection broke during the check.  One from before may have been dead for long: that says nothing yet. */
static void
probe_broke(struct probe *p)
{
	struct answer a;

	if (p->reused) {
		probe_connect(p);
		return;
	}
	answer_read_refusal(&a, PQerrorMessage(p->connection), PQconnectionNeedsPassword(p->connection));
	if (p->replicates && a.result != CHECK_DOWN) {
		probe_give_up_replication(p);
		probe_connect(p);
		return;
	}
	probe_fail(p, &a);
}

/* ----------------------------------------------------------- connecting */

static void
probe_ignore_notice(void *unused, const PGresult *notice)
{
	(void)unused;
	(void)notice;
}

#define PROBE_PAIRS_MOST 32

/* Without the pairs that have no value. */
static PGconn *
probe_start(const char *const pairs[][2], unsigned length)
{
	const char *keys[PROBE_PAIRS_MOST + 1], *values[PROBE_PAIRS_MOST + 1];
	unsigned count = 0;

	must(length <= PROBE_PAIRS_MOST);
	for (unsigned i = 0; i < length; i++) {
		if (pairs[i][1] == NULL || pairs[i][1][0] == '\0')
			continue;
		keys[count] = pairs[i][0];
		values[count++] = pairs[i][1];
	}
	keys[count] = values[count] = NULL;
	return PQconnectStartParams(keys, values, 0);
}

static void
probe_open(struct probe *p)
{
	bool has_address = addresses_numbers(p->addresses) != NULL;
	const struct probe_login *login = p->login;
	const struct monitor_tls *tls = p->tls;
	char port[8];
	const char *const pairs[][2] = {
	    {"host", has_address ? addresses_names(p->addresses) : p->host},
	    {"hostaddr", addresses_numbers(p->addresses)},
	    {"port", port},
	    {"user", login->user},
	    {"password", login->password},
	    {"dbname", login->dbname},
	    /* With a database it runs queries too, and needs no line of its own in pg_hba.conf. */
	    {"replication", p->replicates ? "database" : NULL},
	    {"sslmode", tls->sslmode},
	    {"sslrootcert", tls->sslrootcert},
	    {"sslcert", tls->sslcert},
	    {"sslkey", tls->sslkey},
	    {"ssl_min_protocol_version", tls->least_protocol},
	    {"ssl_max_protocol_version", tls->most_protocol},
	    {"application_name", "pgweir monitor"},
	    /* Looking for Kerberos tickets may ask the network, and would block. */
	    {"gssencmode", "disable"},
	    /* A name with several addresses is one host, whatever it is. */
	    {"target_session_attrs", "any"},
	};

	snprintf(port, sizeof(port), "%u", p->port);
	p->state = PROBE_CONNECTING;
	p->begun_us = clock_monotonic_us();
	p->connection = probe_start(pairs, array_length(pairs));
	must(p->connection != NULL);
	PQsetNoticeReceiver(p->connection, probe_ignore_notice, NULL);
	/* The only way to learn the SQLSTATE of a refusal. */
	PQsetErrorVerbosity(p->connection, PQERRORS_VERBOSE);
	if (PQstatus(p->connection) == CONNECTION_BAD || !probe_wait_for(p, UV_WRITABLE))
		probe_broke(p);
}

static void
probe_connecting(struct probe *p)
{
	int events = UV_READABLE;

	probe_let_go(p);
	switch (PQconnectPoll(p->connection)) {
	case PGRES_POLLING_OK:
		p->state = PROBE_ASKING;
		PQsetnonblocking(p->connection, 1);
		probe_send(p);
		return;
	case PGRES_POLLING_WRITING:
		events = UV_WRITABLE;
		break;
	case PGRES_POLLING_READING:
		break;
	default:
		probe_broke(p);
		return;
	}
	if (!probe_wait_for(p, events))
		probe_broke(p);
}

static void
probe_looked_up(void *user, const char *problem)
{
	struct probe *p = user;

	if (p->state != PROBE_RESOLVING)
		return;
	/* A name service that fails for a moment takes no host away whose address was known. */
	if (addresses_numbers(p->addresses) != NULL)
		probe_open(p);
	else
		probe_fail_text(p, CHECK_MISSED, problem != NULL ? problem : "its name has no address");
}

static void
probe_look_up(struct probe *p)
{
	const char *problem;

	p->state = PROBE_RESOLVING;
	problem = addresses_look_up(p->addresses);
	if (problem != NULL)
		probe_fail_text(p, CHECK_MISSED, problem);
}

static void
probe_connect(struct probe *p)
{
	probe_disconnect(p);
	p->reused = false;
	if (addresses_are_needed(p->addresses))
		probe_look_up(p);
	else
		probe_open(p);
}

/* --------------------------------------------------------------- asking */

static void
probe_flush(struct probe *p)
{
	int left = PQflush(p->connection);

	if (left < 0 || !probe_wait_for(p, left > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE))
		probe_broke(p);
}

/*
 * A commit that changes nothing: nobody waits for it to be flushed, no client, no standby, and the WAL writer flushes
 * it within its delay, with all that is before it.
 */
static const char nudge[] = "select pg_catalog.txid_current()";

static const char *
probe_text(const struct probe *p)
{
	if (p->nudges)
		return nudge;
	return p->identifying ? "IDENTIFY_SYSTEM" : question_text(p->level);
}

static void
probe_send(struct probe *p)
{
	PQclear(p->result);
	p->result = NULL;
	if (!PQsendQuery(p->connection, probe_text(p))) {
		probe_broke(p);
		return;
	}
	probe_flush(p);
}

/* The timeline of a standby, where the question has not told it: in this check, or over another connection in the next. */
static void
probe_conclude_good(struct probe *p, const struct answer *a)
{
	bool wants_identity = a->standby && a->timeline == 0;
	bool was_refused = p->refused_us != 0 && clock_monotonic_us() - p->refused_us < PROBE_REFUSED_US;

	if (wants_identity && p->replicates) {
		p->identifying = true;
		p->standby = *a;
		probe_send(p);
		return;
	}
	if (a->standby ? wants_identity && !was_refused : p->replicates) {
		p->replicates = a->standby;
		probe_disconnect(p);
	}
	probe_finish(p, a);
}

static void
probe_conclude_identity(struct probe *p)
{
	struct answer a = p->standby;

	p->identifying = false;
	if (PQresultStatus(p->result) != PGRES_TUPLES_OK || !answer_read_identity(&a, p->result)) {
		probe_give_up_replication(p);
		probe_disconnect(p);
	}
	PQclear(p->result);
	p->result = NULL;
	probe_finish(p, &a);
}

static void
probe_conclude(struct probe *p)
{
	struct answer a;

	if (p->nudges) {
		/* Whether it may, or is no primary any more, the question is asked. */
		p->nudges = false;
		probe_send(p);
		return;
	}
	if (p->identifying) {
		probe_conclude_identity(p);
		return;
	}
	switch (PQresultStatus(p->result)) {
	case PGRES_TUPLES_OK:
		answer_read(&a, p->result);
		break;
	case PGRES_FATAL_ERROR:
		if (question_may_ask_less(p->result, p->level)) {
			p->level++;
			probe_send(p);
			return;
		}
		answer_read_error(&a, p->result);
		break;
	default:
		answer_fail(&a, CHECK_MISSED, "it answered the check with something else");
		break;
	}
	PQclear(p->result);
	p->result = NULL;
	if (a.result == CHECK_GOOD)
		probe_conclude_good(p, &a);
	else
		probe_fail(p, &a);
}

static bool
result_ends_connection(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status != PGRES_TUPLES_OK && status != PGRES_FATAL_ERROR;
}

static void
probe_asking(struct probe *p)
{
	PGresult *next;

	if (!PQconsumeInput(p->connection)) {
		probe_broke(p);
		return;
	}
	while (!PQisBusy(p->connection)) {
		next = PQgetResult(p->connection);
		if (PQstatus(p->connection) == CONNECTION_BAD) {
			PQclear(next);
			probe_broke(p);
			return;
		}
		if (next == NULL && p->result != NULL) {
			probe_conclude(p);
			return;
		}
		/* One statement has one result: more, or none, or a COPY is no PostgreSQL. */
		if (next == NULL || p->result != NULL || result_ends_connection(next)) {
			PQclear(next);
			probe_fail_text(p, CHECK_MISSED, "it answered the check with something else");
			return;
		}
		p->result = next;
	}
	probe_flush(p);
}

/* Between checks a server has nothing to say but its end. */
static void
probe_idling(struct probe *p, bool is_broken)
{
	bool is_alive = PQconsumeInput(p->connection) != 0 && PQstatus(p->connection) == CONNECTION_OK && !is_broken;

	for (PGnotify *n; is_alive && (n = PQnotifies(p->connection)) != NULL;)
		PQfreemem(n);
	if (is_alive && PQstatus(p->connection) == CONNECTION_OK)
		return;
	probe_disconnect(p);
	p->events->lost(p->user);
}

static void
probe_event(uv_poll_t *poll, int status, int events)
{
	struct probe *p = container_of(poll, struct probe_watch, poll)->probe;

	(void)events;
	if (p == NULL)
		return;
	/* libuv reports a reset as an error and stops the handle; what libpq has to say of it comes from the socket. */
	if (status < 0)
		probe_let_go(p);
	if (p->state == PROBE_CONNECTING)
		probe_connecting(p);
	else if (p->state == PROBE_ASKING)
		probe_asking(p);
	else if (p->state == PROBE_IDLE)
		probe_idling(p, status < 0);
}

/* ----------------------------------------------------------- the outside */

struct probe *
probe_new(struct loop *loop, const char *host, uint16_t port, const struct probe_events *events, void *user)
{
	struct probe *p = memory_new(sizeof(*p));

	p->loop = loop;
	p->host = text_copy(host);
	p->addresses = addresses_new(loop, host, probe_looked_up, p);
	p->port = port;
	p->events = events;
	p->user = user;
	timer_init(&p->deadline, probe_deadline);
	return p;
}

void
probe_free(struct probe *p)
{
	if (p == NULL)
		return;
	timer_disarm(loop_timers(p->loop), &p->deadline);
	probe_disconnect(p);
	addresses_free(p->addresses);
	free(p->host);
	free(p);
}

bool
probe_is_asking(const struct probe *p)
{
	return p->state != PROBE_IDLE;
}

int64_t
probe_begun_us(const struct probe *p)
{
	return p->begun_us;
}

void
probe_ask(struct probe *p, const struct probe_login *login, const struct monitor_tls *tls, int64_t timeout_ms, bool nudges)
{
	static const struct monitor_tls unsaid;

	must(p->state == PROBE_IDLE);
	p->login = login;
	p->tls = tls != NULL ? tls : &unsaid;
	p->timeout_ms = timeout_ms;
	timer_arm(loop_timers(p->loop), &p->deadline, timeout_ms * 1000);
	if (p->connection == NULL) {
		probe_connect(p);
		return;
	}
	p->state = PROBE_ASKING;
	p->reused = true;
	p->nudges = nudges;
	probe_send(p);
}

void
probe_reset(struct probe *p)
{
	p->refused_us = 0;
	if (p->state == PROBE_IDLE)
		probe_disconnect(p);
	else
		probe_fail_text(p, CHECK_DROPPED, "its check began anew");
}
