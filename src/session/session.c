/*
 * session/session.c - the life of a session: its beginning, its state, its
 * deadlines and its end.  What it says to whom is in its neighbours: login,
 * request, forward, relay, release.
 */
#include "session/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "observe/log.h"
#include "session/floor.h"
#include "session/heal.h"
#include "session/listening.h"
#include "session/pin.h"
#include "session/vacate.h"

const char *const session_state_names[SESSION_STATES] = {
	[SESSION_STARTUP] = "login", [SESSION_AUTH] = "login", [SESSION_WELCOME] = "waiting", [SESSION_IDLE] = "idle",
	[SESSION_WAITING] = "waiting", [SESSION_ACTIVE] = "active", [SESSION_REPLICATION] = "active", [SESSION_CONSOLE] = "active",
	[SESSION_CANCEL] = "active_cancel_req", [SESSION_CLOSING] = "closing",
};

/* The edges of the picture in session.h. */
static const uint16_t session_edges[SESSION_STATES] = {
	[SESSION_STARTUP] = 1u << SESSION_AUTH | 1u << SESSION_WELCOME | 1u << SESSION_CONSOLE | 1u << SESSION_CANCEL | 1u << SESSION_CLOSING,
	[SESSION_AUTH] = 1u << SESSION_WELCOME | 1u << SESSION_CONSOLE | 1u << SESSION_CLOSING,
	[SESSION_WELCOME] = 1u << SESSION_IDLE | 1u << SESSION_REPLICATION | 1u << SESSION_CLOSING,
	[SESSION_IDLE] = 1u << SESSION_WAITING | 1u << SESSION_ACTIVE | 1u << SESSION_CLOSING,
	[SESSION_WAITING] = 1u << SESSION_ACTIVE | 1u << SESSION_IDLE | 1u << SESSION_CLOSING,
	[SESSION_ACTIVE] = 1u << SESSION_IDLE | 1u << SESSION_CLOSING,
	[SESSION_REPLICATION] = 1u << SESSION_CLOSING,
	[SESSION_CONSOLE] = 1u << SESSION_CLOSING,
	[SESSION_CANCEL] = 1u << SESSION_CLOSING,
	[SESSION_CLOSING] = 0,
};

void
session_enter(struct session *s, enum session_state state)
{
	must((session_edges[s->state] & 1u << state) != 0);
	if (state == SESSION_CONSOLE)
		atomic_fetch_add(&s->worker->process->consoles, 1);
	else if (s->state == SESSION_CONSOLE)
		atomic_fetch_sub(&s->worker->process->consoles, 1);
	s->state = (uint8_t)state;
}

struct ledger_stats *
session_stats(struct session *s)
{
	return &s->ledger->stats[s->worker->number];
}

/* ----------------------------------------------------------------- slots */

static void
session_take_slot(struct session *s)
{
	struct worker *w = s->worker;
	uint32_t i = w->slot_hint;

	while (i < w->slot_count && w->slots[i] != NULL)
		i++;
	if (i == w->slot_count) {
		uint32_t count = max_of(w->slot_count * 2, 64u);

		w->slots = memory_resize(w->slots, count * sizeof(struct session *));
		memset(w->slots + w->slot_count, 0, (count - w->slot_count) * sizeof(struct session *));
		w->slot_count = count;
	}
	w->slots[i] = s;
	w->slot_hint = i + 1;
	s->slot = i;
	s->generation = ++w->generation;
}

static void
session_leave_slot(struct session *s)
{
	struct worker *w = s->worker;

	w->slots[s->slot] = NULL;
	w->slot_hint = min_of(w->slot_hint, s->slot);
}

bool
session_is_between_transactions(const struct session *s)
{
	if (s->state == SESSION_IDLE)
		return s->lazy == NULL;
	return s->state == SESSION_ACTIVE && s->status == 'I' && s->server->answers.count == 0 && !s->in_batch && !s->settling && s->skip == 0;
}

bool
session_keeps_server(const struct session *s)
{
	return s->pool_mode == POOL_SESSION || s->pins != 0;
}

bool
session_must_fast_close(const struct session *s)
{
	if (s->server == NULL || !session_keeps_server(s) || !pool_snapshot(s->worker->pool)->global.server_fast_close)
		return false;
	return pool_server_is_outdated(s->server);
}

/* --------------------------------------------------------- configuration */

/* Who it is to the servers may have changed with the entry's forced user. */
static void
session_change_account(struct session *s)
{
	const char *user = s->database != NULL && s->database->user != NULL ? s->database->user : s->user_name;
	struct account *before = s->borrower.account;

	if (before == NULL || s->state != SESSION_IDLE || text_equal(before->user, user))
		return;
	s->borrower.account = account_attach(s->ledger, user, s->snapshot);
	account_detach(before);
	/* What the other one's servers made of its startup settings counts for that one. */
	startup_set_unref(s->borrower.set);
	s->borrower.set = NULL;
}

/* The user to whom the pool belongs. */
static const struct user_config *
session_pool_user(const struct session *s, const struct snapshot *snap)
{
	if (s->database != NULL && s->database->user != NULL)
		return snapshot_user(snap, s->database->user);
	return s->user;
}

void
session_configure(struct session *s)
{
	struct snapshot *fresh = pool_snapshot(s->worker->pool);

	if (s->snapshot != fresh) {
		snapshot_unref(s->snapshot);
		s->snapshot = snapshot_ref(fresh);
	}
	if (s->ledger == NULL)
		return;
	s->database = snapshot_database(fresh, s->ledger->name);
	s->user = snapshot_user(fresh, s->user_name);
	s->pool_mode = (uint8_t)snapshot_pool_mode(fresh, s->database, session_pool_user(s, fresh));
	s->features = (uint8_t)snapshot_session_features(fresh, s->database, s->user);
	s->route = (uint8_t)(s->database != NULL ? snapshot_route(fresh, s->database, s->user) : ROUTE_ANY);
	session_change_account(s);
	restore_apply_pgweir(s);
}

/* ---------------------------------------------------------------- events */

static void
borrower_granted(struct borrower *b, struct server *server)
{
	struct session *s = container_of(b, struct session, borrower);

	s->server = server;
	if (s->state == SESSION_CLOSING) {
		pool_return(&s->server);
		session_free_if_settled(s);
		return;
	}
	stat_add(session_stats(s)->wait_us, max_of(loop_now_us(s->worker->loop) - b->since_us, (int64_t)0));
	if (s->state == SESSION_WELCOME) {
		welcome_granted(s);
		return;
	}
	if (s->cancelled) {
		pool_return(&s->server);
		cancel_waiting(s);
		return;
	}
	if (!request_takes(s) || !floor_takes(s))
		return;
	stat_add(session_stats(s)->assignments, 1);
	listening_lent(s);
	session_enter(s, SESSION_ACTIVE);
	request_resume(s);
}

static void
borrower_refused(struct borrower *b, const struct refusal *why)
{
	struct session *s = container_of(b, struct session, borrower);

	if (s->state == SESSION_CLOSING)
		session_free_if_settled(s);
	else if (!lazy_outlives_wait(s, why->reason, &(struct error){.sqlstate = why->sqlstate, .message = why->message}))
		session_close_as(s, why->reason, why->sqlstate, why->message);
}

static size_t
borrower_data(struct borrower *b, struct server *server, char *bytes, size_t length)
{
	struct session *s = container_of(b, struct session, borrower);

	if (s->state == SESSION_REPLICATION)
		return replication_answer(s, server, bytes, length);
	return relay_data(s, server, bytes, length);
}

static void
borrower_drained(struct borrower *b, struct server *server)
{
	struct session *s = container_of(b, struct session, borrower);

	(void)server;
	stream_resume(&s->stream);
	request_resume(s);
}

/* The client has all of its answers and nothing of its session is lost, or its request has not begun. */
static bool
session_outlives_server(const struct session *s)
{
	bool settles = s->settling && !s->ready_held && !restore_is_owed(s);
	bool begins = (s->fencing && !s->fenced_again) || lazy_outlives_server(s);

	return (settles || begins) && s->state == SESSION_ACTIVE && !session_keeps_server(s) && !pin_is_expected(s);
}

static void
borrower_lost(struct borrower *b, struct server *server, int error)
{
	struct session *s = container_of(b, struct session, borrower);
	bool fatal = server->fatal_seen && !s->ready_held && !restore_is_owed(s);

	(void)error;
	if (s->ready_held && s->state == SESSION_ACTIVE && !session_keeps_server(s) && !pin_is_expected(s))
		listening_outlives(s);
	if (heal_lost(s))
		return;
	if (session_outlives_server(s)) {
		s->fenced_again |= s->fencing;
		s->fencing = false;
		relay_settle(s);
		server->close_needed = true;
		pin_settled(s);
		s->effects = 0;
		release_server(s);
		return;
	}
	if (heal_tell_lost(s))
		return;
	session_close(s, fatal ? CLOSE_server_ended : CLOSE_server_lost, NULL);
}

static const struct borrower_events session_borrower_events = {
	.granted = borrower_granted,
	.refused = borrower_refused,
	.data = borrower_data,
	.drained = borrower_drained,
	.lost = borrower_lost,
};

static size_t
session_take(struct session *s, char *bytes, size_t length)
{
	switch (s->state) {
	case SESSION_STARTUP:
	case SESSION_AUTH:
		return login_data(s, bytes, length);
	case SESSION_CONSOLE:
		return s->worker->process->console->data(s, bytes, length);
	case SESSION_IDLE:
	case SESSION_ACTIVE:
	case SESSION_WAITING:
		return request_data(s, bytes, length);
	case SESSION_REPLICATION:
		return replication_request(s, bytes, length);
	case SESSION_WELCOME:
		if (length > AHEAD_MOST)
			stream_pause(&s->stream);
		return 0;
	default:
		return length;
	}
}

static size_t
session_stream_data(struct stream *stream, char *bytes, size_t length)
{
	struct session *s = container_of(stream, struct session, stream);
	bool logging_in = s->state == SESSION_STARTUP || s->state == SESSION_AUTH;
	size_t taken = session_take(s, bytes, length);

	/* The login ended in the middle of these bytes: the rest is for somebody else. */
	if (logging_in && s->state > SESSION_AUTH && taken < length)
		taken += session_take(s, bytes + taken, length - taken);
	return taken;
}

static void
session_stream_drained(struct stream *stream)
{
	struct session *s = container_of(stream, struct session, stream);

	if (s->server != NULL)
		stream_resume(&s->server->stream);
	listening_deliver(s);
	stream_resume(&s->stream);
	request_resume(s);
}

static void
session_stream_ended(struct stream *stream, int error)
{
	struct session *s = container_of(stream, struct session, stream);
	const char *failure = stream_failure(stream);

	(void)error;
	session_close(s, failure != NULL ? CLOSE_tls_failed : CLOSE_client_gone, failure);
}

static void
session_stream_closed(struct stream *stream)
{
	struct session *s = container_of(stream, struct session, stream);

	s->stream_closed = true;
	session_free_if_settled(s);
}

static void
session_stream_secured(struct stream *stream)
{
	upgrade_done(container_of(stream, struct session, stream));
}

static const struct stream_events session_stream_events = {
	.data = session_stream_data,
	.drained = session_stream_drained,
	.ended = session_stream_ended,
	.closed = session_stream_closed,
	.secured = session_stream_secured,
};

/* ------------------------------------------------------------- beginning */

void
session_accept(struct worker *w, int fd)
{
	struct session *s = memory_new(sizeof(*s));

	s->worker = w;
	s->state = SESSION_STARTUP;
	s->status = 'I';
	s->snapshot = snapshot_ref(pool_snapshot(w->pool));
	s->profile = profile_empty();
	s->startup = profile_empty();
	s->borrower.events = &session_borrower_events;
	s->borrower.pool = w->pool;
	list_init(&s->names);
	list_init(&s->borrower.order);
	list_init(&s->borrower.own);
	timer_init(&s->timer, deadline_passed);
	s->connected_wall_us = loop_wall_us(s->worker->loop);
	s->idle_us = loop_now_us(s->worker->loop);
	list_push_back(&w->sessions, &s->all);
	session_take_slot(s);
	s->id = hub_next_connection(w->process->hub);
	log_debug(NULL, "C-0x%llx begins", (unsigned long long)session_number(s));
	stream_init(&s->stream, fd, &session_stream_events);
	stream_attach(&s->stream, w->loop);
	session_arm(s);
}

/* ------------------------------------------------------------------- end */

void
session_send(struct session *s, const struct bytes *b)
{
	stream_send_bytes(&s->stream, b->data, b->length);
}

void
session_send_error(struct session *s, const struct error *e)
{
	struct bytes b = {0};

	message_error(&b, e);
	session_send(s, &b);
	bytes_free(&b);
}

static void
session_tell_end(struct session *s, enum close_reason reason, const char *sqlstate, const char *message)
{
	const struct close_row *row = close_row(reason);
	struct gather *g = &s->worker->to_client;
	struct error e = {.severity = "FATAL",
	    .sqlstate = sqlstate != NULL ? sqlstate : row->sqlstate,
	    .message = message != NULL ? message : row->text};

	/* The words are the server's own: say whose login it was that they refused. */
	if (reason == CLOSE_server_login_failed && sqlstate != NULL)
		e.detail = row->text;
	if (reason == CLOSE_query_wait_timeout && s->borrower.account != NULL && account_is_all_pinned(s->borrower.account)) {
		e.detail = "All servers of the pool are pinned to their clients.";
		e.hint = "SHOW PINS on the console tells by whom and why; max_pinned keeps some of them free.";
	}
	/* In the middle of a message of the server's, an error of ours would be taken for its contents. */
	if (g->stream == &s->stream)
		relay_flush(s);
	if (row->silent || s->state == SESSION_CANCEL || (s->server != NULL && s->server->skip > 0))
		return;
	session_send_error(s, &e);
}

static void
session_log_end(struct session *s, enum close_reason reason, const char *message)
{
	const struct close_row *row = close_row(reason);
	const struct settings *set = &s->snapshot->global;
	char who[256];

	if (row->quiet || !(set->log_disconnections || (set->log_pooler_errors && !row->silent)))
		return;
	session_describe(s, who, sizeof(who));
	if (set->log_disconnections)
		log_info(who, "closing because: %s (age=%llds)", message != NULL ? message : row->text,
		    (long long)((loop_wall_us(s->worker->loop) - s->connected_wall_us) / 1000000));
	/* A shutdown is no error of the pooler's. */
	if (set->log_pooler_errors && !row->silent && reason != CLOSE_pooler_shutdown && reason != CLOSE_server_shutdown)
		log_warning(who, "pooler error: %s", message != NULL ? message : row->text);
}

/*
 * True when what the client has left under way can be ended so that somebody else gets the server.  Half a message
 * cannot be taken back, and the end of one's own making is none to recover from.
 */
static bool
session_recovers(const struct session *s, enum close_reason reason)
{
	switch (reason) {
	case CLOSE_server_lost:
	case CLOSE_server_ended:
	case CLOSE_server_broken:
	case CLOSE_server_settings:
	case CLOSE_pooler_shutdown:
	case CLOSE_packet_too_large:
		return false;
	default:
		break;
	}
	if (s->state == SESSION_REPLICATION || s->replication != REPLICATION_NONE || s->server->close_needed || s->server->stream.failed)
		return false;
	if (s->skip > 0 && !s->skip_dropped)
		return false;
	return snapshot_server_recovery(s->snapshot, s->database) == RECOVERY_RECOVER;
}

/* Nobody can be asked any more what the requests before the last one have left; temporary objects went with the rollback, or not. */
static void
session_note_left(struct session *s)
{
	uint32_t effects = s->effects == EFFECTS_ALL ? EFFECT_unknown : s->effects;

	if ((effects & EFFECT_temporary) != 0)
		effects = (effects & ~(uint32_t)EFFECT_temporary) | EFFECT_unknown;
	s->server->left |= effects;
	if (s->probe || s->reported)
		s->server->left |= EFFECT_settings;
}

/* The server of a session that ends in the middle of things cannot be given to anybody as it is. */
static void
session_drop_server(struct session *s, enum close_reason reason)
{
	bool clean = s->server->answers.count == 0 && s->status == 'I' && !s->settling && !s->in_batch && s->skip == 0;
	bool recovers = session_recovers(s, reason);

	/* What was gathered for it is owed an answer already. */
	if (recovers && s->worker->to_server.stream == &s->server->stream)
		gather_flush(&s->worker->to_server);
	relay_settle(s);
	clean &= reason != CLOSE_server_lost && reason != CLOSE_server_ended && reason != CLOSE_server_broken;
	if (clean && !s->server->stream.failed) {
		s->server->dirty |= s->pool_mode == POOL_SESSION;
		pool_return(&s->server);
		return;
	}
	if (recovers && !s->server->stream.failed) {
		s->server->dirty |= s->pool_mode == POOL_SESSION;
		session_note_left(s);
		pool_recover(&s->server, !s->in_batch ? BATCH_NONE : s->batch_failed ? BATCH_FAILED : BATCH_OPEN);
		return;
	}
	/* PostgreSQL would only notice at the query's end that nobody wants it any more. */
	if (s->server->answers.count > 0 && reason != CLOSE_server_lost && reason != CLOSE_server_ended && reason != CLOSE_pooler_shutdown)
		pool_cancel(s->server, NULL, NULL);
	if (reason == CLOSE_client_request || reason == CLOSE_client_gone)
		reason = CLOSE_client_unclean;
	pool_close_server(&s->server, close_row(reason)->text);
}

static void
session_uncount(struct session *s)
{
	const char *kept = s->user_name;

	if (!s->counted)
		return;
	s->counted = false;
	s->user_name = text_copy(kept);
	atomic_fetch_sub(&s->ledger->clients, 1);
	hub_remove_client(s->worker->process->hub, kept);
}

void
session_close_as(struct session *s, enum close_reason reason, const char *sqlstate, const char *message)
{
	if (s->state == SESSION_CLOSING)
		return;
	session_log_end(s, reason, message);
	session_tell_end(s, reason, sqlstate, message);
	if (s->state == SESSION_CONSOLE)
		s->worker->process->console->close(s);
	session_uncount(s);
	session_enter(s, SESSION_CLOSING);
	timer_disarm(loop_timers(s->worker->loop), &s->timer);
	listening_free(s);
	pin_end_all(s);
	heal_end(s);
	if (s->server != NULL)
		session_drop_server(s, reason);
	floor_free(s);
	if (s->vacating != NULL)
		vacate_end(s);
	if (s->borrower.account != NULL)
		pool_abandon(&s->borrower);
	names_clear(s);
	stream_close(&s->stream);
}

void
session_close(struct session *s, enum close_reason reason, const char *message)
{
	session_close_as(s, reason, NULL, message);
}

/* Frees the session once its stream has had its last event and no server is on its way to it. */
void
session_free_if_settled(struct session *s)
{
	if (!s->stream_closed || (s->login != NULL && login_is_busy(s->login)))
		return;
	if (s->borrower.account != NULL && !pool_abandon(&s->borrower))
		return;
	session_leave_slot(s);
	list_remove(&s->all);
	login_free(s->login);
	if (s->borrower.account != NULL)
		account_detach(s->borrower.account);
	ledger_unref(s->ledger);
	statement_unref(s->unnamed);
	facts_unref(&s->facts);
	profile_unref(s->profile);
	profile_unref(s->startup);
	startup_set_unref(s->borrower.set);
	startup_set_unref(s->borrower.private_set);
	snapshot_unref(s->snapshot);
	free(s->refusal);
	floor_free(s);
	upkeep_free(s);
	lazy_free(s);
	free(s->user_name);
	atomic_fetch_sub(&s->worker->load, 1);
	atomic_fetch_sub(&s->worker->process->clients, 1);
	free(s);
}
