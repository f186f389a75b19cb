/*
 * session/inquiry.c - what pgweir itself asks a database: which of its names are
 * unsafe on a replica (route/facts.h).
 *
 * An inquiry is a borrower like any client, one per routed entry, on the worker
 * that first needed it.  It looks for a change of the catalog on a period, while
 * statements pass, and loads the facts anew when there was one.
 *
 *     change test ── same ──▶ rest ── a second, or DDL seen here ──▶ change test
 *          └── changed ──▶ BEGIN · names · rules · calls of new ones · closure · mentions · sources ──▶ COMMIT ──▶ new facts
 *                                                              ▲ a body mentions what is unsafe │
 *                                                              └────────────────────────────────┘
 */
#include <stdlib.h>
#include <string.h>

#include "observe/log.h"
#include "session/inquiry_private.h"

#define INQUIRY_REST_US ((int64_t)1000 * 1000)
#define INQUIRY_GRACE_US ((int64_t)50 * 1000)

struct catalog_facts *
facts_of_session(struct session *s)
{
	uint64_t now = atomic_load_explicit(&s->ledger->facts_generation, memory_order_acquire);
	bool doubted;

	if (now != s->facts_seen) {
		facts_unref(&s->facts);
		s->facts = ledger_facts_or_former(s->ledger, &s->facts_seen, &doubted);
		s->facts_are_former = doubted;
	}
	return s->facts_are_former ? NULL : s->facts;
}

struct catalog_facts *
facts_former_of_session(struct session *s)
{
	return facts_of_session(s) == NULL ? s->facts : NULL;
}

/* ------------------------------------------------------------- the server */

static void
inquiry_rest(struct inquiry *q, int64_t delay_us)
{
	timer_arm(loop_timers(q->worker->loop), &q->timer, delay_us);
}

/* Nothing is lent or promised to it any more. */
static void
inquiry_free(struct inquiry *q)
{
	timer_disarm(loop_timers(q->worker->loop), &q->timer);
	list_remove(&q->all);
	account_detach(q->borrower.account);
	ledger_unref(q->ledger);
	facts_unref(&q->facts);
	facts_unref(&q->last);
	effect_graph_free(&q->graph);
	inquiry_forget_load(q);
	rules_free(&q->rules);
	bytes_free(&q->origin);
	bytes_free(&q->asked_origin);
	bytes_free(&q->pattern);
	bytes_free(&q->change);
	bytes_free(&q->changed);
	visit_free(q->visit);
	free(q);
}

void
inquiry_end(struct inquiry *q)
{
	timer_disarm(loop_timers(q->worker->loop), &q->timer);
	if (q->server != NULL)
		pool_close_server(&q->server, "pgweir is shutting down");
	pthread_mutex_lock(&q->ledger->mutex);
	if (q->ledger->inquiry == q)
		q->ledger->inquiry = NULL;
	pthread_mutex_unlock(&q->ledger->mutex);
	q->ending = true;
	if (pool_abandon(&q->borrower))
		inquiry_free(q);
}

static void
inquiry_finish(struct inquiry *q)
{
	inquiry_forget_load(q);
	q->step = STEP_DONE;
	if (q->server != NULL)
		pool_return(&q->server);
	inquiry_rest(q, q->due || q->visit != NULL ? 0 : INQUIRY_REST_US);
	q->due = false;
}

/* ------------------------------------------------------------ the answers */

static void
inquiry_has_looked(struct inquiry *q)
{
	atomic_store_explicit(&q->ledger->facts_looked_us, loop_now_us(q->worker->loop), memory_order_relaxed);
	atomic_store_explicit(&q->ledger->facts_watch, FACTS_WATCHED, memory_order_relaxed);
}

/* What is being read is doubted already. */
static bool
inquiry_is_outdated(const struct inquiry *q)
{
	return q->visit == NULL && atomic_load(&q->ledger->facts_generation) != q->asked_generation;
}

static void
inquiry_publish(struct inquiry *q)
{
	struct catalog_facts *facts = q->facts;

	if (q->visit != NULL) {
		visit_take_facts(q);
		return;
	}
	/* DDL came by while the catalog was read: it is read once more. */
	if (inquiry_is_outdated(q)) {
		q->due = true;
		return;
	}
	facts_take_effects(facts, &q->graph);
	log_debug("route", "catalog of %s: %zu unsafe names, %zu that touch their session, read in %lld ms", q->ledger->name,
	    facts_count(facts), facts_effect_count(facts), (long long)(loop_now_us(q->worker->loop) - q->began_us) / 1000);
	bytes_clear(&q->change);
	bytes_append(&q->change, q->changed.data, q->changed.length);
	q->facts = NULL;
	/* Verdicts that were taken with an equal set are as good as new. */
	facts_take_names(facts, q->names);
	q->digest += q->closure_digest + catalog_names_digest(q->names);
	if (q->last != NULL && q->digest == q->last_digest && facts_knows_routes(q->last) == facts_knows_routes(facts) &&
	    facts_knows_footprints(q->last) == facts_knows_footprints(facts)) {
		facts_unref(&facts);
		facts = facts_ref(q->last);
	}
	facts_unref(&q->last);
	q->last = facts_ref(facts);
	q->last_digest = q->digest;
	inquiry_has_looked(q);
	ledger_set_facts(q->ledger, facts);
}

/* Once it is known what the rules call. */
static enum inquiry_step
inquiry_step_after_calls(const struct inquiry *q)
{
	if (!q->loads_routes)
		return STEP_MENTIONS;
	return q->pattern.length > 0 ? STEP_CLOSURE : STEP_PATTERN;
}

static enum inquiry_step
inquiry_step_after(const struct inquiry *q)
{
	switch (q->step) {
	case STEP_CHANGE:
		return q->is_uncounted ? STEP_CHANGE_SLOW : STEP_BEGIN;
	case STEP_RULES:
		return rules_unknown_count(q->rules) > 0 ? STEP_CALLS : inquiry_step_after_calls(q);
	case STEP_CALLS:
		return inquiry_step_after_calls(q);
	case STEP_SOURCES:
		if (q->visit != NULL && visit_wants_causes(q))
			return STEP_CAUSES;
		return q->loads_footprints ? STEP_FOOTPRINTS : STEP_COMMIT;
	case STEP_FOOTPRINTS:
		return STEP_COMMIT;
	default:
		return q->step + 1;
	}
}

static void
inquiry_next(struct inquiry *q)
{
	if (q->failed) {
		q->server->close_needed |= q->server->status != 'I';
		inquiry_finish(q);
		return;
	}
	if (q->step == STEP_RESET)
		server_set_profile(q->server, startup_set_settings(q->server->set));
	if (inquiry_has_tested(q) && inquiry_catalog_is_same(q)) {
		inquiry_has_looked(q);
		inquiry_finish(q);
		return;
	}
	if (inquiry_has_tested(q))
		q->asked_generation = atomic_load(&q->ledger->facts_generation);
	if (q->step == STEP_BEGIN)
		inquiry_take_origin(q);
	if (q->step == STEP_FOOTPRINTS)
		facts_complete_footprints(q->facts);
	if (q->step == STEP_COMMIT)
		inquiry_publish(q);
	if (q->step == STEP_RULES || q->step == STEP_CALLS)
		inquiry_take_rules(q);
	if (q->step == STEP_CLOSURE && q->has_bodies)
		q->step = STEP_SOURCES;
	q->has_bodies |= q->step == STEP_SOURCES;
	if (q->step >= STEP_NAMES && q->step < STEP_COMMIT && inquiry_is_outdated(q))
		q->step = STEP_COMMIT;
	else if (q->step == STEP_SOURCES && inquiry_found_liars(q))
		q->step = STEP_CLOSURE;
	else
		q->step = inquiry_step_after(q);
	if (q->step == STEP_DONE)
		inquiry_finish(q);
	else
		inquiry_ask(q);
}

static void
inquiry_failed(struct inquiry *q, const char *body, size_t length)
{
	struct error e;

	q->failed = true;
	if (!message_read_error(body, length, &e))
		return;
	if (q->visit != NULL)
		visit_fail(q, e.message);
	else
		log_warning("route", "the catalog of %s cannot be read, so nothing in it is known to be harmless: %s", q->ledger->name,
		    e.message != NULL ? e.message : "(no message)");
}

/* False when the server was let go of. */
static bool
inquiry_frame(struct inquiry *q, char type, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);

	switch (type) {
	case BACKEND_DATA_ROW:
		q->failed |= !q->failed && !inquiry_take_row(q, body, length);
		return true;
	case BACKEND_ERROR:
		inquiry_failed(q, body, length);
		return true;
	case BACKEND_PARAMETER_STATUS: {
		const char *name = reader_text(&r);
		const char *value = reader_text(&r);

		if (reader_ok(&r))
			server_set_value(q->server, name, value);
		return true;
	}
	case BACKEND_READY:
		if (answers_head(&q->server->answers) == NULL) {
			pool_close_server(&q->server, "server sent a message that the protocol does not allow");
			inquiry_finish(q);
			return false;
		}
		q->server->status = body[0];
		answers_pop(&q->server->answers);
		if (q->server->answers.count == 0)
			inquiry_next(q);
		return q->server != NULL;
	default:
		return true;
	}
}

static size_t
inquiry_data(struct borrower *b, struct server *server, char *bytes, size_t length)
{
	struct inquiry *q = container_of(b, struct inquiry, borrower);
	struct frames frames = frames_over(FROM_SERVER, bytes, length, INT32_MAX);
	struct whole_frame frame;
	enum frame_state state;

	(void)server;
	while ((state = frames_next(&frames, &frame)) == FRAME_OK)
		if (!inquiry_frame(q, frame.type, frame.body, frame.length))
			return length;
	if (state == FRAME_WAIT)
		return frames.at;
	pool_close_server(&q->server, "server sent a message that the protocol does not allow");
	inquiry_finish(q);
	return length;
}

static void
inquiry_granted(struct borrower *b, struct server *server)
{
	struct inquiry *q = container_of(b, struct inquiry, borrower);

	q->server = server;
	if (q->ending) {
		pool_return(&q->server);
		inquiry_free(q);
		return;
	}
	q->failed = false;
	if (q->visit != NULL)
		visit_granted(q);
	q->step = server->profile != startup_set_settings(server->set) ? STEP_RESET : STEP_CHANGE;
	inquiry_ask(q);
}

static void
inquiry_refused(struct borrower *b, const struct refusal *why)
{
	struct inquiry *q = container_of(b, struct inquiry, borrower);

	if (q->ending) {
		inquiry_free(q);
		return;
	}
	if (q->visit != NULL)
		visit_fail(q, why->message != NULL ? why->message : close_row(why->reason)->text);
	inquiry_finish(q);
}

static void
inquiry_drained(struct borrower *b, struct server *server)
{
	(void)b;
	(void)server;
}

static void
inquiry_lost(struct borrower *b, struct server *server, int error)
{
	struct inquiry *q = container_of(b, struct inquiry, borrower);

	(void)server;
	(void)error;
	pool_close_server(&q->server, "server conn crashed?");
	inquiry_finish(q);
}

static const struct borrower_events inquiry_events = {
	.granted = inquiry_granted,
	.refused = inquiry_refused,
	.data = inquiry_data,
	.drained = inquiry_drained,
	.lost = inquiry_lost,
};

/* -------------------------------------------------------- begin and end */

/* How many transactions the entry has had: without any, there is nothing to look for. */
static uint64_t
ledger_transactions(const struct ledger *l)
{
	uint64_t sum = 0;

	for (unsigned w = 0; w < hub_worker_count(l->hub); w++)
		sum += atomic_load_explicit(&l->stats[w].transactions, memory_order_relaxed);
	return sum;
}

/* Nobody is left of an entry that is to go when it is unused; the next client begins another inquiry. */
static bool
inquiry_is_unused(const struct inquiry *q)
{
	const struct settings *set = &pool_snapshot(q->worker->pool)->global;

	return atomic_load(&q->ledger->clients) == 0 && (q->ledger->automatic || set->pool_idle_timeout_ms > 0);
}

void
inquiry_lend(struct inquiry *q)
{
	struct server *server;

	if (pool_lend(&q->borrower, q->target, &server) == LEND_NOW)
		inquiry_granted(&q->borrower, server);
}

static void
inquiry_due(struct timer *t)
{
	struct inquiry *q = container_of(t, struct inquiry, timer);
	uint64_t transactions = ledger_transactions(q->ledger);
	uint64_t generation;
	struct catalog_facts *facts = ledger_facts(q->ledger, &generation);
	bool known = facts != NULL;

	facts_unref(&facts);
	if (q->visit != NULL) {
		visit_due(q);
		return;
	}
	/* It would keep the entry, and the watch over its hosts, for ever. */
	if (q->ledger->removed || inquiry_is_unused(q)) {
		inquiry_end(q);
		return;
	}
	if (known && transactions == q->transactions) {
		atomic_store_explicit(&q->ledger->facts_watch, FACTS_UNWATCHED, memory_order_relaxed);
		inquiry_rest(q, INQUIRY_REST_US);
		return;
	}
	q->transactions = transactions;
	inquiry_lend(q);
}

struct inquiry *
inquiry_make(struct worker *w, struct ledger *l, const char *user, enum lend_target target, const struct snapshot *snapshot)
{
	struct inquiry *q = memory_new(sizeof(*q));

	q->worker = w;
	q->ledger = ledger_ref(l);
	q->target = target;
	q->step = STEP_DONE;
	list_init(&q->all);
	list_init(&q->borrower.order);
	list_init(&q->borrower.own);
	q->borrower.events = &inquiry_events;
	q->borrower.pool = w->pool;
	q->borrower.account = account_attach(l, user, snapshot);
	timer_init(&q->timer, inquiry_due);
	return q;
}

/* Who marks the tables that it writes has to know what a statement may write, wherever it runs. */
static bool
session_needs_routes(const struct session *s)
{
	return s->route == ROUTE_SPLIT || atomic_load_explicit(&s->ledger->wants_footprints, memory_order_relaxed);
}

/* Not seen by other workers yet: another one's may be there first. */
static struct inquiry *
inquiry_new(struct session *s)
{
	struct inquiry *q = inquiry_make(s->worker, s->ledger, s->borrower.account->user, routing_home_of(s), s->snapshot);

	q->routes = session_needs_routes(s);
	return q;
}

/* The worker of the inquiry that what the session has defined concerns, or NULL: tables are nothing where nobody routes. */
static struct worker *
inquiry_worker_concerned(struct session *s)
{
	struct ledger *l = s->ledger;
	struct worker *w = NULL;

	pthread_mutex_lock(&l->mutex);
	if (l->inquiry != NULL && (l->inquiry->routes || s->defines_code))
		w = l->inquiry->worker;
	pthread_mutex_unlock(&l->mutex);
	return w;
}

struct due_message {
	struct message message;
	struct ledger *ledger; /* owned reference */
	struct worker *worker; /* borrowed: on whose thread it runs */
};

static void
inquiry_hurry(struct message *m)
{
	struct due_message *d = container_of(m, struct due_message, message);
	struct inquiry *q = NULL;

	/* Another worker's may have taken its place meanwhile; it begins by looking. */
	pthread_mutex_lock(&d->ledger->mutex);
	if (d->ledger->inquiry != NULL && d->ledger->inquiry->worker == d->worker)
		q = d->ledger->inquiry;
	pthread_mutex_unlock(&d->ledger->mutex);
	if (q != NULL && q->step == STEP_DONE && timer_is_armed(&q->timer))
		inquiry_rest(q, 0);
	else if (q != NULL)
		q->due = true;
	ledger_unref(d->ledger);
	free(d);
}

static void
inquiry_tell_to_hurry(struct ledger *l, struct worker *w)
{
	struct due_message *d = memory_new(sizeof(*d));

	d->message.run = inquiry_hurry;
	d->ledger = ledger_ref(l);
	d->worker = w;
	loop_post(w->loop, &d->message);
}

/* The entry is used again, and nobody has looked meanwhile: the first one of its sessions says so. */
static void
inquiry_look_again(struct session *s)
{
	struct ledger *l = s->ledger;
	int unwatched = FACTS_UNWATCHED;
	struct worker *w = NULL;

	if (!atomic_compare_exchange_strong(&l->facts_watch, &unwatched, FACTS_WANTED))
		return;
	pthread_mutex_lock(&l->mutex);
	if (l->inquiry != NULL)
		w = l->inquiry->worker;
	pthread_mutex_unlock(&l->mutex);
	if (w != NULL)
		inquiry_tell_to_hurry(l, w);
}

/* Is there one, and does it ask for all that the session needs?  If it has not, it is told to. */
static bool
inquiry_is_there(struct session *s)
{
	struct ledger *l = s->ledger;
	bool there, enough;

	pthread_mutex_lock(&l->mutex);
	there = l->inquiry != NULL;
	enough = !there || l->inquiry->routes || !session_needs_routes(s);
	if (!enough)
		l->inquiry->routes = true;
	pthread_mutex_unlock(&l->mutex);
	if (!enough)
		inquiry_catalog_changed(s);
	else if (there)
		inquiry_look_again(s);
	return there;
}

void
inquiry_begin(struct session *s)
{
	struct ledger *l = s->ledger;
	struct inquiry *q;
	bool first;

	if (inquiry_is_there(s))
		return;
	q = inquiry_new(s);
	pthread_mutex_lock(&l->mutex);
	first = l->inquiry == NULL;
	if (first)
		l->inquiry = q;
	pthread_mutex_unlock(&l->mutex);
	if (!first) {
		inquiry_free(q);
		return;
	}
	list_push_back(&s->worker->inquiries, &q->all);
	/* Who needs the facts for its routes waits for them; else the client's own server may do, once it is idle. */
	inquiry_rest(q, q->routes ? 0 : INQUIRY_GRACE_US);
}

static void
inquiry_ask_soon(struct session *s, bool forgets)
{
	struct worker *w = inquiry_worker_concerned(s);

	if (w == NULL)
		return;
	if (forgets)
		ledger_doubt_facts(s->ledger);
	inquiry_tell_to_hurry(s->ledger, w);
}

void
inquiry_catalog_changed(struct session *s)
{
	inquiry_ask_soon(s, true);
}

void
inquiry_look(struct session *s)
{
	inquiry_ask_soon(s, false);
}

void
inquiry_end_all(struct worker *w)
{
	list_for_each_safe(node, &w->inquiries) {
		struct inquiry *q = list_entry(node, struct inquiry, all);

		if (!q->ending)
			inquiry_end(q);
	}
}
