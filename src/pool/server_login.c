/*
 * pool/server_login.c - logging in to PostgreSQL, by hand: startup, authentication,
 * the reported parameters, connect_query (PostgreSQL manual,
 * "Message Flow", "Start-up").
 *
 * The server is as much a stranger as a client: each message is checked, and any
 * field of an error may be missing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/crypto.h"
#include "auth/secret.h"
#include "observe/log.h"
#include "pool/backend.h"
#include "pool/login_private.h"
#include "pool/profile.h"

/* A login that needs more than this many frames is not a login. */
#define LOGIN_FRAMES_MOST 1000
#define LOGIN_FRAME_SIZE ((uint32_t)64 * 1024)

enum step { STEP_ON, STEP_WAIT, STEP_END };

void
server_login_free(struct server_login *login)
{
	if (login == NULL)
		return;
	connector_cancel(login->connector);
	login->connector = NULL;
	login->server = NULL;
	if (login->deriving)
		return;
	scram_client_free(login->scram);
	if (login->secret != NULL)
		crypto_wipe(login->secret, strlen(login->secret));
	free(login->secret);
	crypto_wipe(&login->keys, sizeof(login->keys));
	free(login);
}

/* What does not fit now will not fit at the next try: those who wait are told, as with the server's own errors. */
static enum step
login_fail(struct server *s, const char *message)
{
	pool_login_done(s, message, "08006");
	return STEP_END;
}

static void
login_send(struct server *s, char type, const void *data, size_t length)
{
	struct bytes b = {0};
	size_t begun = message_begin(&b, type);

	bytes_append(&b, data, length);
	message_end(&b, begun);
	stream_send_bytes(&s->stream, b.data, b.length);
	crypto_wipe(b.data, b.length);
	bytes_free(&b);
}

/* -------------------------------------------------------- authentication */

/* What to prove ourselves with, copied while the ledger is locked. */
static void
login_take_secret(struct server *s)
{
	struct server_login *login = s->login;
	const struct account *a = s->account;
	const char *secret;
	enum secret_kind kind;
	struct scram_keys stored;

	pthread_mutex_lock(&s->ledger->mutex);
	secret = account_secret_locked(a);
	kind = secret_kind(secret);
	/* A hash opens only what asks for that hash, the client's own password opens all. */
	login->secret = text_copy(kind != SECRET_PLAIN && a->client_password != NULL ? a->client_password : secret);
	/* A client's keys open the server only when both hold the same secret. */
	if (a->has_client_keys && kind == SECRET_SCRAM && scram_keys_from_secret(secret, &stored) &&
	    crypto_equal(stored.stored_key, a->client_keys.stored_key, sizeof(stored.stored_key))) {
		login->keys = a->client_keys;
		login->has_keys = true;
	}
	pthread_mutex_unlock(&s->ledger->mutex);
}

static enum step
login_answer_cleartext(struct server *s)
{
	if (secret_kind(s->login->secret) != SECRET_PLAIN)
		return login_fail(s, "server login failed: wrong password type");
	login_send(s, FRONTEND_PASSWORD, s->login->secret, strlen(s->login->secret) + 1);
	return STEP_ON;
}

static enum step
login_answer_md5(struct server *s, struct reader *r)
{
	const char *salt = reader_bytes(r, 4);
	char answer[SECRET_MD5_SIZE];

	if (salt == NULL)
		return login_fail(s, "server sent a broken authentication request");
	secret_md5_answer(s->account->user, s->login->secret, salt, answer);
	if (answer[0] == '\0')
		return login_fail(s, "server login failed: wrong password type");
	login_send(s, FRONTEND_PASSWORD, answer, strlen(answer) + 1);
	return STEP_ON;
}

static enum step
login_answer_sasl(struct server *s, struct reader *r)
{
	struct server_login *login = s->login;
	struct bytes b = {0};
	uint8_t binding[STREAM_BINDING_MAX];
	size_t binding_length = stream_binding(&s->stream, binding);
	bool offered = false, offered_plus = false, bound;
	size_t at;

	while (reader_left(r) > 1) {
		const char *mechanism = reader_text(r);

		offered |= strcmp(mechanism, SCRAM_MECHANISM) == 0;
		offered_plus |= strcmp(mechanism, SCRAM_MECHANISM_PLUS) == 0;
	}
	bound = offered_plus && binding_length > 0;
	if (reader_ok(r) && offered_plus && !stream_is_secure(&s->stream))
		return login_fail(s, "server offered SCRAM-SHA-256-PLUS over a connection without TLS");
	if (!reader_ok(r) || !(offered || bound))
		return login_fail(s, "server login failed: no supported authentication mechanism");
	if (login->scram != NULL)
		return login_fail(s, "server sent an unexpected authentication request");
	login->scram = scram_client_new(secret_kind(login->secret) == SECRET_PLAIN ? login->secret : NULL,
	    login->has_keys ? &login->keys : NULL);
	if (bound)
		scram_client_bind(login->scram, SCRAM_BOUND, binding, binding_length);
	else if (binding_length > 0)
		scram_client_bind(login->scram, SCRAM_UNOFFERED, NULL, 0);
	bytes_text(&b, bound ? SCRAM_MECHANISM_PLUS : SCRAM_MECHANISM);
	at = b.length;
	bytes_u32(&b, 0);
	if (scram_client_first(login->scram, &b) != SCRAM_CONTINUE) {
		bytes_free(&b);
		return login_fail(s, "server login failed: wrong password type");
	}
	bytes_set_u32(&b, at, (uint32_t)(b.length - at - 4));
	login_send(s, FRONTEND_PASSWORD, b.data, b.length);
	bytes_free(&b);
	return STEP_ON;
}

static enum step
login_send_proof(struct server *s)
{
	struct bytes b = {0};

	if (scram_client_final(s->login->scram, &b) != SCRAM_CONTINUE)
		return login_fail(s, "server login failed: wrong password type");
	login_send(s, FRONTEND_PASSWORD, b.data, b.length);
	bytes_free(&b);
	return STEP_ON;
}

static void
login_derive(struct job *job)
{
	scram_client_derive(container_of(job, struct server_login, derive)->scram);
}

static void
login_derived(struct job *job)
{
	struct server_login *login = container_of(job, struct server_login, derive);
	struct server *s = login->server;

	login->deriving = false;
	if (s == NULL) {
		server_login_free(login);
		return;
	}
	stream_resume(&s->stream);
	login_send_proof(s);
}

static enum step
login_continue_sasl(struct server *s, struct reader *r)
{
	struct server_login *login = s->login;
	size_t length = reader_left(r);
	enum scram_step step;

	if (login->scram == NULL)
		return login_fail(s, "server sent an unexpected authentication request");
	step = scram_client_challenge(login->scram, reader_bytes(r, length), length);
	if (step != SCRAM_CONTINUE)
		return login_fail(s, step == SCRAM_FAILED ? "server login failed: wrong password type" : "server sent a broken SCRAM message");
	if (!scram_client_needs_derivation(login->scram))
		return login_send_proof(s);
	login->deriving = true;
	login->derive = (struct job){.work = login_derive, .done = login_derived};
	stream_pause(&s->stream);
	loop_work(s->pool->loop, &login->derive);
	return STEP_WAIT;
}

static enum step
login_finish_sasl(struct server *s, struct reader *r)
{
	size_t length = reader_left(r);

	if (s->login->scram == NULL || scram_client_verify(s->login->scram, reader_bytes(r, length), length) != SCRAM_DONE)
		return login_fail(s, "server login failed: invalid server signature");
	s->login->verified = true;
	return STEP_ON;
}

static enum step
login_authenticate(struct server *s, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);

	switch (reader_u32(&r)) {
	case AUTHENTICATION_OK:
		if (s->login->scram != NULL && !s->login->verified)
			return login_fail(s, "server login failed: the SCRAM exchange was not finished");
		s->login->authenticated = true;
		return STEP_ON;
	case AUTHENTICATION_CLEARTEXT:
		return login_answer_cleartext(s);
	case AUTHENTICATION_MD5:
		return login_answer_md5(s, &r);
	case AUTHENTICATION_SASL:
		return login_answer_sasl(s, &r);
	case AUTHENTICATION_SASL_CONTINUE:
		return login_continue_sasl(s, &r);
	case AUTHENTICATION_SASL_FINAL:
		return login_finish_sasl(s, &r);
	default:
		return login_fail(s, "server login failed: authentication method is not supported");
	}
}

/* ------------------------------------------------------- after it worked */

static enum step
login_take_key(struct server *s, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);

	s->backend_pid = reader_u32(&r);
	s->cancel_secret_length = (uint16_t)min_of(reader_left(&r), sizeof(s->cancel_secret));
	memcpy(s->cancel_secret, reader_bytes(&r, s->cancel_secret_length), s->cancel_secret_length);
	return STEP_ON;
}

static enum step
login_take_parameter(struct server *s, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);
	const char *name = reader_text(&r);
	const char *value = reader_text(&r);

	if (!reader_at_end(&r) || s->value_count == SERVER_VALUES_MOST)
		return login_fail(s, "server sent a broken parameter");
	server_set_value(s, name, value);
	return STEP_ON;
}

static enum step
login_ready(struct server *s, char status)
{
	const struct snapshot *snap = s->pool->snapshot;
	const struct database_config *d = snapshot_database(snap, s->ledger->name);
	struct bytes b = {0};

	if (!s->login->authenticated)
		return login_fail(s, "server sent a message before authentication");
	if (status != 'I')
		return login_fail(s, "server is not idle after its login");
	s->status = status;
	if (s->login->querying || s->replication || d == NULL || d->connect_query == NULL) {
		pool_login_done(s, NULL, NULL);
		return STEP_END;
	}
	s->login->querying = true;
	message_query(&b, d->connect_query);
	stream_send_bytes(&s->stream, b.data, b.length);
	bytes_free(&b);
	return STEP_ON;
}

/*
 * True when it may be for the client's startup set that the server refuses: PostgreSQL
 * had accepted it, but privileges change.  Class 22: the value; 42: the name, or privileges.
 */
static bool
login_may_lack_set(const struct server *s, const char *sqlstate)
{
	return s->set != NULL && s->login->authenticated && (strncmp(sqlstate, "22", 2) == 0 || strncmp(sqlstate, "42", 2) == 0);
}

/* The next server logs in without it, and the fence will say who is to be told. */
static enum step
login_give_up_set(struct server *s, const char *message)
{
	char who[256];

	server_describe(s, who, sizeof(who));
	log_warning(who, "server login failed with a client's startup settings, which are left out from now on: %s", message);
	atomic_store(&s->set->refused, true);
	pthread_mutex_lock(&s->ledger->mutex);
	account_forget_startups_locked(s->account);
	pthread_mutex_unlock(&s->ledger->mutex);
	pool_close_server(&s, "login failed");
	return STEP_END;
}

static enum step
login_refused(struct server *s, const char *body, size_t length)
{
	struct error e;
	char message[1024];
	bool says_why, says_code;

	if (!message_read_error(body, length, &e))
		return login_fail(s, "server sent a broken error message");
	says_why = e.message != NULL && e.message[0] != '\0';
	says_code = e.sqlstate != NULL && strlen(e.sqlstate) == 5;
	if (says_code && server_login_retry_refused(s, e.sqlstate))
		return STEP_END;
	if (login_may_lack_set(s, says_code ? e.sqlstate : ""))
		return login_give_up_set(s, says_why ? e.message : "server login failed");
	snprintf(message, sizeof(message), "%s", says_why ? e.message : "server login failed");
	pool_login_done(s, message, says_code ? e.sqlstate : "08006");
	return STEP_END;
}

static enum step
login_frame(struct server *s, char type, const char *body, size_t length)
{
	if (++s->login->frames > LOGIN_FRAMES_MOST)
		return login_fail(s, "server does not finish its login");
	switch (type) {
	case BACKEND_AUTHENTICATION:
		return s->login->authenticated ? login_fail(s, "server sent an unexpected authentication request")
		                               : login_authenticate(s, body, length);
	case BACKEND_ERROR:
		return login_refused(s, body, length);
	case BACKEND_NOTICE:
	case BACKEND_NEGOTIATE_VERSION:
		return STEP_ON;
	case BACKEND_PARAMETER_STATUS:
		return s->login->authenticated ? login_take_parameter(s, body, length) : login_fail(s, "server sent a message before authentication");
	case BACKEND_BACKEND_KEY:
		return login_take_key(s, body, length);
	case BACKEND_READY:
		return login_ready(s, body[0]);
	default:
		return s->login->querying ? STEP_ON : login_fail(s, "server sent an unexpected message during login");
	}
}

size_t
server_login_data(struct server *s, char *bytes, size_t length)
{
	struct frames frames = frames_over(FROM_SERVER, bytes, length, LOGIN_FRAME_SIZE);
	struct whole_frame frame;
	enum frame_state state = FRAME_WAIT;

	if (s->login->channel != LOGIN_SPEAKING)
		return server_login_asked(s, bytes, length);
	while (!s->login->deriving && (state = frames_next(&frames, &frame)) == FRAME_OK)
		if (login_frame(s, frame.type, frame.body, frame.length) == STEP_END)
			return length;
	if (state != FRAME_BROKEN)
		return frames.at;
	login_fail(s, "server sent a message that is not of the protocol");
	return length;
}

/* --------------------------------------------------------------- connect */

void
server_login_speak(struct server *s)
{
	const struct database_config *d = snapshot_database(s->pool->snapshot, s->ledger->name);
	const struct profile *set = startup_set_settings(s->set);
	struct bytes b = {0};

	bytes_u32(&b, 0);
	bytes_u32(&b, 0x00030000);
	bytes_text(&b, "user");
	bytes_text(&b, s->account->user);
	bytes_text(&b, "database");
	bytes_text(&b, d != NULL && d->dbname != NULL ? d->dbname : s->ledger->name);
	for (unsigned i = 0; d != NULL && i < d->parameter_count; i++) {
		if (profile_find(set, d->parameters[i].name) != NULL)
			continue;
		bytes_text(&b, d->parameters[i].name);
		bytes_text(&b, d->parameters[i].value);
	}
	for (unsigned i = 0; i < profile_count(set); i++) {
		bytes_text(&b, profile_name(set, i));
		bytes_text(&b, profile_value(set, i));
	}
	if (s->dedicated != NULL)
		bytes_append(&b, s->dedicated->startup->data, s->dedicated->startup->length);
	bytes_u8(&b, 0);
	bytes_set_u32(&b, 0, (uint32_t)b.length);
	stream_send_bytes(&s->stream, b.data, b.length);
	bytes_free(&b);
}

static void
server_timed_out(struct timer *t)
{
	struct server *s = container_of(t, struct server, timer);

	if (s->use == USE_LOGIN)
		pool_login_done(s, "connect timeout", NULL);
	else if (s->use == USE_RECOVERY)
		recover_timed_out(s);
	else
		pool_close_server(&s, "test query timeout");
}

void
server_login_begin(struct server *s)
{
	const struct settings *set = &s->pool->snapshot->global;
	char who[256];

	if (s->from_reserve) {
		server_describe(s, who, sizeof(who));
		log_warning(who, "taking connection from reserve_pool");
	}
	s->use = USE_LOGIN;
	s->login = memory_new(sizeof(*s->login));
	s->login->server = s;
	login_take_secret(s);
	timer_init(&s->timer, server_timed_out);
	timer_arm(loop_timers(s->pool->loop), &s->timer, set->server_connect_timeout_ms * 1000);
	server_login_connect(s);
}

/* --------------------------------------------------------------- outcome */

/* What new clients are told: the parameters that this server has reported, or would have without a client's startup set. */
struct greeting *
greeting_of_server(const struct server *s)
{
	struct greeting *g = memory_new(sizeof(*g));

	atomic_init(&g->references, 1);
	g->values = memory_array(s->value_count + 1, sizeof(*g->values));
	for (unsigned i = 0; i < s->value_count; i++) {
		const char *name = s->values[i].name;
		const char *replaced = s->set != NULL ? profile_find(s->set->defaults, name) : NULL;

		g->values[g->count++] = (struct server_value){
		    .name = text_copy(name), .value = text_copy(replaced != NULL ? replaced : s->values[i].value)};
	}
	return g;
}

static void
login_succeeded(struct server *s)
{
	/* A replication connection's parameters are its client's own, and so are those of a private set. */
	bool is_common = s->dedicated == NULL && (s->set == NULL || !s->set->is_private);
	struct greeting *fresh = is_common ? greeting_of_server(s) : NULL, *old = NULL;
	struct account *a = s->account;
	char who[256];

	timer_disarm(loop_timers(s->pool->loop), &s->timer);
	server_login_free(s->login);
	s->login = NULL;
	s->connected_us = clock_monotonic_us();
	s->connected_wall_us = clock_wall_us();
	pthread_mutex_lock(&s->ledger->mutex);
	if (fresh != NULL && s->renewals == atomic_load(&a->renewals)) {
		old = a->greeting;
		a->greeting = fresh;
		fresh = NULL;
	}
	free(a->failure);
	a->failure = NULL;
	s->cell->failed_us = 0;
	pthread_mutex_unlock(&s->ledger->mutex);
	greeting_unref(old);
	greeting_unref(fresh);
	server_describe(s, who, sizeof(who));
	if (s->pool->snapshot->global.log_connections)
		log_info(who, "new connection to server (from %s:%u)", s->local.host, s->local.port);
	backend_add(s);
	s->dirty = false;
	if (s->dedicated != NULL)
		dedicated_grant(s);
	else
		pool_return(&s);
}

/* True when nobody but the server that now fails could have served those who wait in that queue. */
static bool
login_was_last_locked(const struct server *s, const struct queue *q)
{
	const struct account *a = s->account;
	uint32_t mask = queue_mask_locked(a, q);

	if (s->host >= a->cell_count || a->cells[s->host] != s->cell || (mask & 1u << s->host) == 0 || s->cell->total > 1)
		return false;
	for (unsigned i = 0; i < a->cell_count; i++)
		if (i != s->host && (mask & 1u << i) != 0 && (a->cells[i]->total > 0 || a->cells[i]->failed_us == 0))
			return false;
	return true;
}

static void
login_failed(struct server *s, const char *message, const char *sqlstate)
{
	struct account *a = s->account;
	struct refusal why = {.reason = CLOSE_server_login_failed, .sqlstate = sqlstate, .message = message};
	bool starting = sqlstate != NULL && strncmp(sqlstate, "57P0", 4) == 0 && sqlstate[4] <= '3';
	char who[256];

	server_describe(s, who, sizeof(who));
	log_warning(who, "server login failed: %s", message);
	cluster_suspect(s->cluster, s->host);
	pthread_mutex_lock(&s->ledger->mutex);
	s->cell->failed_us = clock_monotonic_us();
	free(a->failure);
	/* It will be there soon, or goes just now: nobody is sent away. */
	a->failure = starting ? NULL : text_copy(message);
	snprintf(a->failure_sqlstate, sizeof(a->failure_sqlstate), "%s", sqlstate != NULL ? sqlstate : "08006");
	if (sqlstate != NULL && !starting)
		dedicated_refuse_locked(s, &why);
	else
		dedicated_retry_locked(s);
	/* The server's own word is final for those who wait, unless other servers are there to serve them. */
	for (unsigned i = 0; i < a->queue_count && sqlstate != NULL && !starting; i++)
		if (login_was_last_locked(s, a->queues[i]))
			queue_refuse_locked(a->queues[i], &why);
	pthread_mutex_unlock(&s->ledger->mutex);
	pool_close_server(&s, sqlstate != NULL ? "login failed" : message);
}

void
pool_login_done(struct server *s, const char *message, const char *sqlstate)
{
	if (message == NULL)
		login_succeeded(s);
	else
		login_failed(s, message, sqlstate);
}
