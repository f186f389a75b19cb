/*
 * session/flight.c - auth_query on its way: an ordinary, counted server of auth_user's
 * pool is borrowed, asked, and given back.
 *
 *   (fence)  the server's settings become its login's own, if a session has changed them
 *   Parse Bind Execute    search_path, until the Sync
 *   Parse Bind Describe Execute    the query, with the user's name as its parameter
 *   Sync
 *
 * No client's word reaches that server but the name, as a parameter.  The search_path
 * is PostgreSQL's default one behind pg_catalog, with temporary tables last: what ALTER
 * ROLE, ALTER DATABASE or a temporary table of another session say of it counts for
 * nothing, so no table or function of theirs can pose as pg_authid.
 *
 * Who asks while the query runs gets the next flight, since the answer under way may be
 * older than the password that it has to prove.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/crypto.h"
#include "observe/log.h"
#include "session/lookup_private.h"

/* The longest secret, as in the user list. */
#define SECRET_MOST ((uint32_t)65531)
/* A message longer than this ends the server: two columns of that size, and room. */
#define FLIGHT_FRAME_MOST ((uint32_t)192 * 1024)
/* A deadline that met a grant in transit looks again after this long. */
#define FLIGHT_LOOK_AGAIN_US ((int64_t)100 * 1000)

#define SEARCH_PATH "select pg_catalog.set_config('search_path', 'pg_catalog, \"$user\", public, pg_temp', true)"

/* What the answer says so far. */
struct reading {
	bool described;    /* rows from here on are the query's */
	bool name_is_null;
	bool secret_is_null;
	unsigned rows;
	char *name;        /* owned */
	char *secret;      /* owned, wiped */
	char *problem;     /* owned: the first; NULL while all is well */
};

struct flight {
	UT_hash_handle hh;
	struct borrower borrower;
	struct timer timer;
	struct worker *worker;  /* borrowed */
	struct ledger *ledger;  /* owned reference */
	struct server *server;  /* borrowed from the pool once it is granted */
	struct list asked;      /* of lookup.node: who gets this answer */
	struct list later;      /* of lookup.node: who came when the query was under way */
	struct lookup_key key;
	struct reading reading;
	int64_t begun_us;
	bool ending;            /* freed when the server that was promised has come */
};

static void flight_take_all(struct list *asked);

/* ------------------------------------------------------- begin and end */

static void
reading_clear(struct reading *r)
{
	free(r->name);
	crypto_wipe_text(r->secret);
	free(r->problem);
	*r = (struct reading){0};
}

/* Nothing is lent or promised to it. */
static void
flight_free(struct flight *f)
{
	must(list_is_empty(&f->asked) && list_is_empty(&f->later));
	timer_disarm(loop_timers(f->worker->loop), &f->timer);
	account_detach(f->borrower.account);
	ledger_unref(f->ledger);
	lookup_key_free(&f->key);
	reading_clear(&f->reading);
	free(f);
}

/* The flight is over: who asked is answered, and who came later gets the next one, all of them the same. */
static void
flight_end(struct flight *f, const struct lookup_result *result)
{
	struct list *node, later;

	must(f->server == NULL);
	HASH_DEL(f->worker->lookups->flights, f);
	lookup_keep(f->worker, f->ledger, &f->key, result);
	while ((node = list_pop_front(&f->asked)) != NULL)
		lookup_answer(list_entry(node, struct lookup, node), result);
	list_init(&later);
	while ((node = list_pop_front(&f->later)) != NULL)
		if (!lookup_answer_at_once(list_entry(node, struct lookup, node)))
			list_push_back(&later, node);
	f->ending = true;
	if (pool_abandon(&f->borrower))
		flight_free(f);
	flight_take_all(&later);
}

static void
flight_fail(struct flight *f, enum close_reason reason)
{
	struct lookup_result result = {.outcome = LOOKUP_FAILED, .reason = reason};

	flight_end(f, &result);
}

void
flight_end_all(struct worker *w)
{
	struct flight *f, *next;

	HASH_ITER (hh, w->lookups->flights, f, next) {
		if (f->server != NULL)
			pool_close_server(&f->server, "pgweir is shutting down");
		flight_fail(f, CLOSE_pooler_shutdown);
	}
}

/* ------------------------------------------------------------- deadlines */

/* When it has to be over, and what is said then; INT64_MAX: never. */
static int64_t
flight_due_us(const struct flight *f, enum close_reason *reason)
{
	const struct snapshot *snap = pool_snapshot(f->worker->pool);
	const struct user_config *user = snapshot_user(snap, f->borrower.account->user);
	int64_t login_ms = snap->global.client_login_timeout_ms, limit_ms;
	int64_t due_us = login_ms > 0 ? f->begun_us + login_ms * 1000 : INT64_MAX;

	*reason = CLOSE_client_login_timeout_server;
	if (f->server == NULL)
		limit_ms = snapshot_query_wait_timeout_ms(snap, snapshot_database(snap, f->ledger->name), user);
	else
		limit_ms = snapshot_query_timeout_ms(snap, user);
	if (limit_ms > 0 && f->borrower.since_us + limit_ms * 1000 < due_us) {
		due_us = f->borrower.since_us + limit_ms * 1000;
		*reason = f->server == NULL ? CLOSE_query_wait_timeout : CLOSE_query_timeout;
	}
	return due_us;
}

static void
flight_arm(struct flight *f)
{
	enum close_reason reason;
	int64_t due_us = flight_due_us(f, &reason);

	if (due_us == INT64_MAX)
		timer_disarm(loop_timers(f->worker->loop), &f->timer);
	else
		timer_arm(loop_timers(f->worker->loop), &f->timer, due_us - loop_now_us(f->worker->loop));
}

static void
flight_timed_out(struct timer *t)
{
	struct flight *f = container_of(t, struct flight, timer);
	enum close_reason reason;

	if (flight_due_us(f, &reason) > loop_now_us(f->worker->loop)) {
		flight_arm(f);
		return;
	}
	if (f->server != NULL) {
		pool_cancel(f->server, NULL, NULL);
		pool_close_server(&f->server, close_row(reason)->text);
	} else if (!pool_withdraw(&f->borrower)) {
		timer_arm(loop_timers(f->worker->loop), &f->timer, FLIGHT_LOOK_AGAIN_US);
		return;
	}
	flight_fail(f, reason);
}

/* -------------------------------------------------------------- the query */

static void
write_parse_and_bind(struct bytes *out, const char *query, const char *parameter)
{
	size_t begun;

	message_parse(out, "", query);
	begun = message_begin(out, FRONTEND_BIND);
	bytes_text(out, "");
	bytes_text(out, "");
	bytes_u16(out, 0);
	bytes_u16(out, parameter != NULL);
	if (parameter != NULL) {
		bytes_u32(out, (uint32_t)strlen(parameter));
		bytes_chars(out, parameter);
	}
	bytes_u16(out, 0);
	message_end(out, begun);
}

/* Two rows are one more than there may be. */
static void
write_execute(struct bytes *out)
{
	size_t begun = message_begin(out, FRONTEND_EXECUTE);

	bytes_text(out, "");
	bytes_u32(out, 2);
	message_end(out, begun);
}

static void
flight_ask(struct flight *f)
{
	struct server *server = f->server;
	struct bytes out = {0};
	size_t begun;

	if (server->profile != profile_empty())
		restore_fence_server(server, profile_empty(), &out);
	write_parse_and_bind(&out, SEARCH_PATH, NULL);
	write_execute(&out);
	write_parse_and_bind(&out, lookup_key_query(&f->key), lookup_key_user(&f->key));
	begun = message_begin(&out, FRONTEND_DESCRIBE);
	bytes_u8(&out, 'P');
	bytes_text(&out, "");
	message_end(&out, begun);
	write_execute(&out);
	message_sync(&out);
	answers_push(&server->answers, ANSWER_SYNC, ANSWER_SWALLOW);
	/* A session's own unnamed statement is gone from here on. */
	server_set_unnamed(server, NULL);
	stream_send_bytes(&server->stream, out.data, out.length);
	bytes_free(&out);
}

/* ------------------------------------------------------------- the answer */

static void
reading_problem(struct reading *r, const char *text)
{
	if (r->problem == NULL)
		r->problem = text_copy(text);
}

/* A column's value; NULL and *IS_NULL for NULL, and NULL with a problem when it cannot be. */
static char *
reading_take_column(struct reading *r, struct reader *row, bool *is_null)
{
	uint32_t length = reader_u32(row);
	const char *value;

	*is_null = length == UINT32_MAX;
	if (*is_null)
		return NULL;
	value = reader_bytes(row, length);
	if (value == NULL || length > SECRET_MOST || memchr(value, '\0', length) != NULL) {
		reading_problem(r, "a value that is too long or broken was returned");
		return NULL;
	}
	return text_copy_n(value, length);
}

static void
reading_take_row(struct reading *r, const char *body, size_t length)
{
	struct reader row = reader_over(body, length);

	if (!r->described || r->problem != NULL)
		return;
	if (++r->rows > 1) {
		reading_problem(r, "more than one row was returned");
		return;
	}
	if (reader_u16(&row) != 2) {
		reading_problem(r, "a broken row was returned");
		return;
	}
	r->name = reading_take_column(r, &row, &r->name_is_null);
	r->secret = reading_take_column(r, &row, &r->secret_is_null);
	if (!reader_at_end(&row))
		reading_problem(r, "a broken row was returned");
}

static void
reading_take_columns(struct reading *r, unsigned columns)
{
	char text[96];

	r->described = true;
	if (columns == 2)
		return;
	snprintf(text, sizeof(text), "%u columns were returned where two, the user's name and its secret, are needed", columns);
	reading_problem(r, text);
}

static void
reading_take_error(struct reading *r, const char *body, size_t length)
{
	struct error e;

	if (message_read_error(body, length, &e) && e.message != NULL)
		reading_problem(r, e.message);
	else
		reading_problem(r, "the server sent an error without a message");
}

/* The query has been answered, well or not. */
static void
flight_conclude(struct flight *f)
{
	struct reading *r = &f->reading;
	struct lookup_result result = {.outcome = LOOKUP_UNKNOWN};
	const char *user = lookup_key_user(&f->key);

	if (r->problem == NULL && r->rows == 1 && r->name_is_null)
		reading_problem(r, "the user's name was returned as NULL");
	if (r->problem != NULL) {
		log_warning("auth", "auth_query \"%s\" failed in database %s as %s: %s", lookup_key_query(&f->key), f->ledger->name,
		    lookup_key_auth_user(&f->key), r->problem);
		result.outcome = LOOKUP_FAILED;
		result.reason = CLOSE_configuration;
	} else if (r->rows == 1 && !text_equal(r->name, user)) {
		/* PostgreSQL cuts long names, and who is cut to somebody else's name is not that somebody. */
		log_warning("auth", "auth_query was asked for user \"%.128s\" and returned another one: login is refused", user);
	} else if (r->rows == 1) {
		result.outcome = LOOKUP_FOUND;
		result.secret = r->secret_is_null ? "" : r->secret;
	}
	pool_return(&f->server);
	flight_end(f, &result);
}

/* What this server says makes no sense: nobody else gets it. */
static void
flight_break(struct flight *f)
{
	pool_close_server(&f->server, close_row(CLOSE_server_broken)->text);
	flight_fail(f, CLOSE_server_broken);
}

/* The answers of one Sync are complete: the fence's, or the query's own.  False when the flight has ended. */
static bool
flight_take_ready(struct flight *f, char status)
{
	struct answers *owed = &f->server->answers;

	f->server->status = status;
	while (owed->count > 0 && answers_pop(owed).kind != ANSWER_SYNC)
		continue;
	if (owed->count > 0)
		return true;
	flight_conclude(f);
	return false;
}

/* False when the flight has ended. */
static bool
flight_take_frame(struct flight *f, char type, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);
	struct reading *reading = &f->reading;

	switch (type) {
	case BACKEND_ROW_DESCRIPTION:
		reading_take_columns(reading, reader_u16(&r));
		return true;
	case BACKEND_NO_DATA:
		reading_take_columns(reading, 0);
		return true;
	case BACKEND_DATA_ROW:
		reading_take_row(reading, body, length);
		return true;
	case BACKEND_ERROR:
		reading_take_error(reading, body, length);
		return true;
	case BACKEND_PARAMETER_STATUS: {
		const char *name = reader_text(&r);
		const char *value = reader_text(&r);

		if (reader_ok(&r))
			server_set_value(f->server, name, value);
		return true;
	}
	case BACKEND_READY:
		return flight_take_ready(f, body[0]);
	case BACKEND_CLOSE_COMPLETE:
	case BACKEND_PARSE_COMPLETE:
	case BACKEND_BIND_COMPLETE:
	case BACKEND_COMMAND_COMPLETE:
	case BACKEND_EMPTY_QUERY:
	case BACKEND_PORTAL_SUSPENDED:
	case BACKEND_NOTICE:
	case BACKEND_NOTIFICATION:
		return true;
	default:
		flight_break(f);
		return false;
	}
}

static size_t
flight_data(struct borrower *b, struct server *server, char *bytes, size_t length)
{
	struct flight *f = container_of(b, struct flight, borrower);
	struct frames frames = frames_over(FROM_SERVER, bytes, length, FLIGHT_FRAME_MOST);
	struct whole_frame frame;
	enum frame_state state;

	(void)server;
	while ((state = frames_next(&frames, &frame)) == FRAME_OK)
		if (!flight_take_frame(f, frame.type, frame.body, frame.length))
			return length;
	if (state == FRAME_WAIT)
		return frames.at;
	flight_break(f);
	return length;
}

/* ---------------------------------------------------------- the borrower */

static void
flight_granted(struct borrower *b, struct server *server)
{
	struct flight *f = container_of(b, struct flight, borrower);

	f->server = server;
	if (f->ending) {
		pool_return(&f->server);
		flight_free(f);
		return;
	}
	b->since_us = loop_now_us(f->worker->loop);
	flight_arm(f);
	flight_ask(f);
}

static void
flight_refused(struct borrower *b, const struct refusal *why)
{
	struct flight *f = container_of(b, struct flight, borrower);

	if (f->ending)
		flight_free(f);
	else
		flight_fail(f, why->reason);
}

static void
flight_drained(struct borrower *b, struct server *server)
{
	(void)b;
	(void)server;
}

static void
flight_lost(struct borrower *b, struct server *server, int error)
{
	struct flight *f = container_of(b, struct flight, borrower);

	(void)server;
	(void)error;
	pool_close_server(&f->server, close_row(CLOSE_server_lost)->text);
	flight_fail(f, CLOSE_server_lost);
}

static const struct borrower_events flight_events = {
	.granted = flight_granted,
	.refused = flight_refused,
	.data = flight_data,
	.drained = flight_drained,
	.lost = flight_lost,
};

/* --------------------------------------------------------------- taking */

/* A routed entry is asked where its newest passwords are. */
static enum lend_target
flight_target(const struct flight *f)
{
	const struct snapshot *snap = pool_snapshot(f->worker->pool);
	const struct database_config *d = snapshot_database(snap, f->ledger->name);

	return routing_home(d != NULL ? snapshot_route(snap, d, NULL) : ROUTE_ANY);
}

static struct flight *
flight_new(struct worker *w, const struct lookup *q)
{
	struct flight *f = memory_new(sizeof(*f));

	f->worker = w;
	f->ledger = ledger_ref(q->ledger);
	f->key = lookup_key_copy(&q->key);
	f->begun_us = loop_now_us(w->loop);
	list_init(&f->asked);
	list_init(&f->later);
	list_init(&f->borrower.order);
	list_init(&f->borrower.own);
	f->borrower.events = &flight_events;
	f->borrower.pool = w->pool;
	f->borrower.account = account_attach(q->ledger, lookup_key_auth_user(&q->key), pool_snapshot(w->pool));
	timer_init(&f->timer, flight_timed_out);
	HASH_ADD_KEYPTR(hh, w->lookups->flights, f->key.bytes, f->key.length, f);
	return f;
}

static void
flight_begin(struct flight *f)
{
	struct server *server;
	char *failure = NULL;
	char sqlstate[6];

	if (account_is_failing(f->borrower.account, &failure, sqlstate)) {
		free(failure);
		flight_fail(f, CLOSE_server_login_retry);
		return;
	}
	if (pool_lend(&f->borrower, flight_target(f), &server) == LEND_NOW)
		flight_granted(&f->borrower, server);
	else
		flight_arm(f);
}

/* The lookups of one key, for which there is no flight: they get one. */
static void
flight_take_all(struct list *asked)
{
	struct flight *f;
	struct list *node = list_first(asked);

	if (node == NULL)
		return;
	f = flight_new(list_entry(node, struct lookup, node)->home, list_entry(node, struct lookup, node));
	while ((node = list_pop_front(asked)) != NULL)
		list_push_back(&f->asked, node);
	flight_begin(f);
}

void
flight_take(struct lookup *q)
{
	struct list asked;
	struct flight *f;

	HASH_FIND(hh, q->home->lookups->flights, q->key.bytes, q->key.length, f);
	if (f != NULL) {
		list_push_back(f->server == NULL ? &f->asked : &f->later, &q->node);
		return;
	}
	list_init(&asked);
	list_push_back(&asked, &q->node);
	flight_take_all(&asked);
}

static unsigned
list_count(const struct list *head)
{
	unsigned count = 0;

	list_for_each(node, head)
		count++;
	return count;
}

void
worker_each_lookup(struct worker *w, void (*each)(void *user, const struct account *a, unsigned sessions), void *user)
{
	for (const struct flight *f = w->lookups->flights; f != NULL; f = f->hh.next)
		each(user, f->borrower.account, list_count(&f->asked) + list_count(&f->later));
}
