/*
 * session/login.c - how a client gets in: startup packet, who it is, the proof of
 * it, and the greeting (PostgreSQL manual, "Message Flow", "Start-up").
 *
 * An unknown user goes through the same exchange as a known one and fails at its
 * end, in the same words.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/crypto.h"
#include "auth/keycache.h"
#include "auth/secret.h"
#include "observe/log.h"
#include "protocol/startup.h"
#include "session/session_private.h"

struct session_login {
	struct job derive;
	struct session *session;
	char *database;          /* owned: as the client asked for it */
	char *secret;            /* owned, wiped; NULL for an unknown user */
	struct scram_server *scram; /* owned */
	struct scram_keys keys;
	uint8_t method;          /* enum auth_type in force, for this user's secret */
	bool deriving;
	bool scram_begun;        /* client-first has come */
	bool ok_sent;            /* AuthenticationOk has gone */
	bool console;
	bool mock;
	char salt[4];
	char *failure;           /* owned: why the server refused the startup settings; NULL */
	char failure_sqlstate[6];
};

static void login_welcome(struct session *s);

bool
login_is_busy(const struct session_login *login)
{
	return login->deriving;
}

void
login_free(struct session_login *login)
{
	if (login == NULL)
		return;
	scram_server_free(login->scram);
	crypto_wipe(&login->keys, sizeof(login->keys));
	if (login->secret != NULL)
		crypto_wipe(login->secret, strlen(login->secret));
	free(login->secret);
	free(login->database);
	free(login->failure);
	free(login);
}

/* --------------------------------------------------------------- startup */

static bool
login_is_console(const char *database)
{
	return strcmp(database, "pgbouncer") == 0 || strcmp(database, "pgweir") == 0;
}

static bool
login_set(struct session *s, const char *name, const char *value)
{
	if (snapshot_list_has(s->snapshot->global.ignore_startup_parameters, name))
		return true;
	s->startup = profile_with(s->startup, name, value);
	return true;
}

/* The switches of the `options` parameter are settings like any other. */
static bool
login_take_options(struct session *s, const char *options)
{
	bool ignored = snapshot_list_has(s->snapshot->global.ignore_startup_parameters, "options");

	for (;;) {
		char *name = NULL, *value = NULL;
		enum option_state state = startup_next_option(&options, &name, &value);

		if (state == OPTION_END)
			return true;
		if (state == OPTION_UNSUPPORTED && ignored)
			continue;
		if (state == OPTION_UNSUPPORTED) {
			session_close(s, CLOSE_unsupported_options, NULL);
			return false;
		}
		login_set(s, name, value);
		free(name);
		free(value);
	}
}

static bool
login_take_replication(struct session *s, const char *value)
{
	static const char *const no[] = {"false", "off", "no", "0", "f", "n"};

	for (size_t i = 0; i < array_length(no); i++)
		if (text_equal_nocase(value, no[i]))
			return true;
	session_close_as(s, CLOSE_unsupported_parameter, "0A000", "replication connections are not supported");
	return false;
}

static bool
login_take_parameter(struct session *s, const char *name, const char *value)
{
	if (strcmp(name, "user") == 0) {
		free(s->user_name);
		s->user_name = text_copy(value);
		return true;
	}
	if (strcmp(name, "database") == 0) {
		free(s->login->database);
		s->login->database = text_copy(value);
		return true;
	}
	if (strcmp(name, "replication") == 0)
		return login_take_replication(s, value);
	if (strcmp(name, "options") == 0)
		return login_take_options(s, value);
	return login_set(s, name, value);
}

/* Protocol extensions that nobody here knows, and minor versions above ours, are answered with what there is. */
static void
login_negotiate(struct session *s, uint32_t asked_minor, const struct bytes *unknown, unsigned count)
{
	struct bytes b = {0};
	size_t begun;

	if (asked_minor == s->minor && count == 0)
		return;
	begun = message_begin(&b, BACKEND_NEGOTIATE_VERSION);
	bytes_u32(&b, 0x00030000u | s->minor);
	bytes_u32(&b, count);
	bytes_append(&b, unknown->data, unknown->length);
	message_end(&b, begun);
	session_send(s, &b);
	bytes_free(&b);
}

/* PostgreSQL shows an application name in printable ASCII. */
static void
login_clean_application_name(struct session *s)
{
	const char *given = profile_find(s->startup, "application_name");
	struct endpoint peer;
	char *clean;

	if (given == NULL && !s->snapshot->global.application_name_add_host)
		return;
	clean = text_copy(given != NULL ? given : "app");
	for (char *p = clean; *p != '\0'; p++)
		*p = *p < 32 || *p > 126 ? '?' : *p;
	if (s->snapshot->global.application_name_add_host) {
		char *with_host;

		socket_describe_peer(s->stream.fd, &peer);
		with_host = text_format("%s - %s:%u", clean, peer.host, peer.port);
		free(clean);
		clean = with_host;
	}
	/* A name's length in PostgreSQL is 63 bytes. */
	if (strlen(clean) > 63)
		clean[63] = '\0';
	s->startup = profile_with(s->startup, "application_name", clean);
	free(clean);
}

static bool
login_take_parameters(struct session *s, const struct startup *packet)
{
	struct reader r = reader_over(packet->body, packet->body_length);
	struct bytes unknown = {0};
	const char *name, *value;
	unsigned unknown_count = 0;
	uint32_t asked_minor = packet->version & 0xffff;

	s->minor = asked_minor >= 2 ? 2 : 0;
	while (startup_next(&r, &name, &value)) {
		if (strncmp(name, "_pq_.", 5) == 0) {
			bytes_text(&unknown, name);
			unknown_count++;
		} else if (!login_take_parameter(s, name, value)) {
			bytes_free(&unknown);
			return false;
		}
	}
	if (!reader_ok(&r)) {
		bytes_free(&unknown);
		session_close(s, CLOSE_bad_startup, NULL);
		return false;
	}
	login_negotiate(s, asked_minor, &unknown, unknown_count);
	bytes_free(&unknown);
	login_clean_application_name(s);
	return true;
}

/* -------------------------------------------------------------- the proof */

static void
login_ask(struct session *s, enum authentication kind, const void *data, size_t length)
{
	struct bytes b = {0};

	message_authentication(&b, kind, data, length);
	session_send(s, &b);
	bytes_free(&b);
	if (s->state == SESSION_STARTUP)
		session_enter(s, SESSION_AUTH);
}

static void
login_refuse(struct session *s)
{
	char who[256];

	session_describe(s, who, sizeof(who));
	log_info(who, "login failed: db=%s user=%s", s->login->database, s->user_name);
	session_close(s, s->login->method == AUTH_SCRAM ? CLOSE_sasl_failed : CLOSE_password_failed, NULL);
}

static void
login_begin_scram(struct session *s)
{
	static const char mechanisms[] = SCRAM_MECHANISM "\0";

	s->login->scram = scram_server_new(&s->login->keys, s->login->mock);
	login_ask(s, AUTHENTICATION_SASL, mechanisms, sizeof(mechanisms));
}

static void
login_derive(struct job *job)
{
	struct session_login *login = container_of(job, struct session_login, derive);
	struct scram_keys asked = login->keys;

	if (scram_keys_derive(login->secret, asked.salt, asked.salt_length, asked.iterations, &login->keys))
		keycache_put(login->secret, &login->keys);
	else
		login->mock = true;
}

static void
login_derived(struct job *job)
{
	struct session_login *login = container_of(job, struct session_login, derive);
	struct session *s = login->session;

	login->deriving = false;
	if (s->state == SESSION_CLOSING) {
		session_free_if_settled(s);
		return;
	}
	stream_resume(&s->stream);
	login_begin_scram(s);
}

/* Keys from the secret: parsed, found in the cache, made in the thread pool, or made up for an unknown user. */
static void
login_start_scram(struct session *s)
{
	struct session_login *login = s->login;
	struct scram_keys *keys = &login->keys;
	enum secret_kind kind = secret_kind(login->secret);

	if (kind == SECRET_SCRAM && scram_keys_from_secret(login->secret, keys)) {
		login_begin_scram(s);
		return;
	}
	if (kind != SECRET_PLAIN) {
		login->mock = true;
		scram_keys_mock(s->user_name, s->worker->process->secret, keys);
		login_begin_scram(s);
		return;
	}
	keycache_salt(s->user_name, login->secret, keys->salt);
	keys->salt_length = KEYCACHE_SALT_LENGTH;
	keys->iterations = s->snapshot->global.scram_iterations;
	if (keycache_get(login->secret, keys->salt, keys->salt_length, keys->iterations, keys)) {
		login_begin_scram(s);
		return;
	}
	login->deriving = true;
	login->derive = (struct job){.work = login_derive, .done = login_derived};
	stream_pause(&s->stream);
	loop_work(s->worker->loop, &login->derive);
}

static void
login_start_proof(struct session *s)
{
	struct session_login *login = s->login;
	const struct user_config *user = snapshot_user(s->snapshot, s->user_name);

	login->secret = text_copy(user != NULL && user->secret != NULL && user->secret[0] != '\0' ? user->secret : NULL);
	login->method = (uint8_t)s->snapshot->global.auth_type;
	if (login->method == AUTH_MD5 && secret_kind(login->secret) == SECRET_SCRAM)
		login->method = AUTH_SCRAM;
	switch (login->method) {
	case AUTH_ANY:
		login_welcome(s);
		break;
	case AUTH_TRUST:
		if (user != NULL && user->secret != NULL)
			login_welcome(s);
		else
			session_close(s, CLOSE_trust_failed, NULL);
		break;
	case AUTH_PLAIN:
		login_ask(s, AUTHENTICATION_CLEARTEXT, NULL, 0);
		break;
	case AUTH_MD5:
		if (!crypto_random(login->salt, sizeof(login->salt)))
			login_refuse(s);
		else
			login_ask(s, AUTHENTICATION_MD5, login->salt, sizeof(login->salt));
		break;
	default:
		login_start_scram(s);
	}
}

/* ------------------------------------------------- answers to the request */

static void
login_scram_step(struct session *s, const char *body, size_t length)
{
	struct session_login *login = s->login;
	struct reader r = reader_over(body, length);
	struct bytes reply = {0};
	enum scram_step step;

	if (!login->scram_begun) {
		const char *mechanism = reader_text(&r);
		uint32_t said = reader_u32(&r);
		const char *first = reader_bytes(&r, said == UINT32_MAX ? 0 : said);

		login->scram_begun = true;
		if (!reader_at_end(&r) || strcmp(mechanism, SCRAM_MECHANISM) != 0 || first == NULL)
			step = SCRAM_BROKEN;
		else
			step = scram_server_first(login->scram, first, said == UINT32_MAX ? 0 : said, &reply);
		if (step == SCRAM_CONTINUE)
			login_ask(s, AUTHENTICATION_SASL_CONTINUE, reply.data, reply.length);
	} else {
		step = scram_server_final(login->scram, body, length, &reply);
		if (step == SCRAM_DONE) {
			login_ask(s, AUTHENTICATION_SASL_FINAL, reply.data, reply.length);
			memcpy(login->keys.client_key, scram_server_client_key(login->scram), SCRAM_KEY_LENGTH);
			login->keys.has_client_key = true;
			login_welcome(s);
		}
	}
	bytes_free(&reply);
	if (step == SCRAM_FAILED || step == SCRAM_BROKEN)
		login_refuse(s);
}

static void
login_take_password(struct session *s, const char *body, size_t length)
{
	struct session_login *login = s->login;
	struct reader r = reader_over(body, length);
	const char *answer;
	bool fits;

	if (login->method == AUTH_SCRAM) {
		login_scram_step(s, body, length);
		return;
	}
	answer = reader_text(&r);
	if (!reader_at_end(&r)) {
		session_close(s, CLOSE_bad_packet, NULL);
		return;
	}
	if (login->method == AUTH_MD5)
		fits = secret_matches_md5(s->user_name, login->secret, login->salt, answer);
	else
		fits = secret_matches_plain(s->user_name, login->secret, answer);
	if (!fits) {
		login_refuse(s);
		return;
	}
	if (login->method == AUTH_PLAIN) {
		free(login->secret);
		login->secret = text_copy(answer);
	}
	login_welcome(s);
}

/* --------------------------------------------------------------- welcome */

/* The session's profile as servers spell it: what they accepted, with the client's own application name. */
static const struct profile *
login_profile_asked(const struct session *s)
{
	return profile_with(profile_ref(s->startup), "application_name", NULL);
}

static void
login_write_parameters(struct session *s, const struct greeting *g, struct bytes *b)
{
	for (unsigned i = 0; i < g->count; i++) {
		const char *name = g->values[i].name;
		const char *own = profile_find(s->profile, name);

		/* A replica's word must not tell a client of a routed entry that it may not write. */
		if (s->route == ROUTE_SPLIT && strcmp(name, "in_hot_standby") == 0)
			own = "off";
		if (strcmp(name, "session_authorization") == 0)
			own = s->borrower.account->user;
		message_parameter(b, name, own != NULL ? own : g->values[i].value);
	}
}

static void
login_write_key(struct session *s, struct bytes *b)
{
	size_t begun = message_begin(b, BACKEND_BACKEND_KEY);

	session_make_cancel_secret(s);
	bytes_u32(b, s->worker->number << 24 | s->slot);
	bytes_append(b, s->cancel_secret, session_cancel_secret_length(s));
	message_end(b, begun);
}

/* The login is complete: parameters, key, ReadyForQuery. */
static void
login_greet(struct session *s, const struct greeting *g)
{
	struct bytes *b = &s->worker->scratch;
	char who[256];

	s->utf8_server = text_equal_nocase(greeting_value(g, "client_encoding"), "UTF8") &&
	    text_equal_nocase(greeting_value(g, "server_encoding"), "UTF8");
	restore_apply_pgweir(s);
	inquiry_begin(s);
	if (!s->login->ok_sent)
		message_authentication(b, AUTHENTICATION_OK, NULL, 0);
	login_write_parameters(s, g, b);
	login_write_key(s, b);
	message_ready(b, 'I');
	login_free(s->login);
	s->login = NULL;
	session_enter(s, SESSION_IDLE);
	s->idle_us = loop_now_us(s->worker->loop);
	session_send(s, b);
	bytes_clear(b);
	stat_add(session_stats(s)->logins, 1);
	session_arm(s);
	if (s->snapshot->global.log_connections) {
		session_describe(s, who, sizeof(who));
		log_info(who, "login attempt: db=%s user=%s", session_database_name(s), s->user_name);
	}
	request_resume(s);
}

/* A routed client finds its route by SHOW, in either protocol and inside transactions: PostgreSQL itself answers. */
static void
login_add_route(struct session *s)
{
	static const char *const words[] = {[ROUTE_ANY] = "any", [ROUTE_PRIMARY] = "primary", [ROUTE_REPLICA] = "replica", [ROUTE_SPLIT] = "split"};

	if (s->route != ROUTE_ANY && profile_find(s->startup, "pgweir.route") == NULL)
		s->startup = profile_with(s->startup, "pgweir.route", words[s->route]);
}

static bool
login_within_limits(struct session *s)
{
	int of_database = snapshot_max_db_client_connections(s->snapshot, s->database);
	int of_user = snapshot_max_user_client_connections(s->snapshot, s->user);
	unsigned clients = hub_add_client(s->worker->process->hub, s->user_name);

	s->counted = true;
	if (atomic_fetch_add(&s->ledger->clients, 1) >= (unsigned)of_database && of_database > 0) {
		session_close(s, CLOSE_too_many_database_clients, NULL);
		return false;
	}
	if (of_user > 0 && clients > (unsigned)of_user) {
		session_close(s, CLOSE_too_many_user_clients, NULL);
		return false;
	}
	return true;
}

/* Attaches the session to its pool; false when it was closed instead. */
static bool
login_attach(struct session *s)
{
	struct session_login *login = s->login;
	struct ledger *l = hub_ledger(s->worker->process->hub, login->database);
	const char *user = s->user_name;
	char text[256];

	if (l == NULL) {
		snprintf(text, sizeof(text), "no such database: %s", login->database);
		session_close(s, CLOSE_no_such_database, text);
		return false;
	}
	s->ledger = l;
	session_configure(s);
	if (l->removed || s->database == NULL) {
		snprintf(text, sizeof(text), "no such database: %s", login->database);
		session_close(s, CLOSE_no_such_database, text);
		return false;
	}
	if (l->disabled) {
		snprintf(text, sizeof(text), "database \"%s\" is disabled", login->database);
		session_close(s, CLOSE_database_disabled, text);
		return false;
	}
	if (s->database->user != NULL)
		user = s->database->user;
	s->borrower.account = account_attach(l, user, s->snapshot);
	if (!login_within_limits(s))
		return false;
	login_add_route(s);
	if (s->database->user == NULL && login->keys.has_client_key)
		account_learn_keys(s->borrower.account, &login->keys);
	if (s->database->user == NULL && login->method == AUTH_PLAIN)
		account_learn_password(s->borrower.account, login->secret);
	return true;
}

static void
login_console(struct session *s)
{
	const struct settings *set = &s->snapshot->global;
	bool is_admin = snapshot_list_has(set->admin_users, s->user_name);
	int pid;
	unsigned uid;

	if (strcmp(s->user_name, "pgbouncer") == 0 && socket_peer_credentials(s->stream.fd, &pid, &uid) && uid == geteuid())
		is_admin = true;
	if (!is_admin && !snapshot_list_has(set->stats_users, s->user_name)) {
		session_close(s, CLOSE_not_allowed, NULL);
		return;
	}
	login_ask(s, AUTHENTICATION_OK, NULL, 0);
	login_free(s->login);
	s->login = NULL;
	s->is_admin = is_admin;
	session_enter(s, SESSION_CONSOLE);
	session_arm(s);
	s->worker->process->console->open(s, is_admin);
}

/* Waits for a server: the first of its kind, or the one that judges the client's startup settings. */
static void
login_wait(struct session *s)
{
	enum lend_target target = s->route == ROUTE_ANY ? LEND_ANY : s->route == ROUTE_REPLICA ? LEND_REPLICA_ONLY : LEND_PRIMARY;
	struct server *server;
	char *failure = NULL;
	char sqlstate[6];

	if (account_is_failing(s->borrower.account, &failure, sqlstate)) {
		char *text = text_format("server login has been failing, cached error: %s (server_login_retry)", failure);

		session_close_as(s, CLOSE_server_login_retry, sqlstate, text);
		free(text);
		free(failure);
		return;
	}
	/* Clients take no notice of waiting before this. */
	login_ask(s, AUTHENTICATION_OK, NULL, 0);
	s->login->ok_sent = true;
	if (pool_lend(&s->borrower, target, &server) == LEND_LATER) {
		session_arm(s);
		return;
	}
	s->server = server;
	login_granted(s);
}

/* The client is who it says. */
static void
login_welcome(struct session *s)
{
	const struct profile *asked, *accepted;
	struct greeting *g;

	if (s->login->console) {
		login_console(s);
		return;
	}
	if (!login_attach(s))
		return;
	if (s->state == SESSION_STARTUP)
		session_enter(s, SESSION_AUTH);
	session_enter(s, SESSION_WELCOME);
	s->profile = profile_ref(s->startup);
	asked = login_profile_asked(s);
	accepted = asked == profile_empty() ? asked : account_known_startup(s->borrower.account, asked);
	g = account_greeting(s->borrower.account);
	profile_unref(asked);
	if (g == NULL || accepted == NULL) {
		login_wait(s);
	} else {
		const char *name = profile_find(s->startup, "application_name");
		const struct profile *own = profile_with(profile_ref(accepted), "application_name", name);

		profile_unref(s->profile);
		profile_unref(s->startup);
		s->profile = own;
		s->startup = profile_ref(own);
		login_greet(s, g);
	}
	profile_unref(accepted);
	greeting_unref(g);
}

bool
login_granted(struct session *s)
{
	s->learning = true;
	if (profile_count(s->startup) > 0) {
		restore_learn(s);
		return true;
	}
	login_learned(s);
	return true;
}

void
login_learn_failed(struct session *s, const struct error *e)
{
	free(s->login->failure);
	s->login->failure = text_copy(e->message != NULL ? e->message : close_row(CLOSE_server_settings)->text);
	snprintf(s->login->failure_sqlstate, sizeof(s->login->failure_sqlstate), "%s", e->sqlstate != NULL ? e->sqlstate : "08P01");
}

/* The client is told what PostgreSQL said of its startup settings; the server lives on. */
static void
login_refuse_settings(struct session *s)
{
	pool_return(&s->server);
	session_close_as(s, CLOSE_server_settings, s->login->failure_sqlstate, s->login->failure);
}

static void
login_take_learned(struct session *s)
{
	const struct profile *asked = login_profile_asked(s);
	const struct profile *accepted = profile_with(profile_ref(s->profile), "application_name", NULL);
	struct greeting *g = account_greeting(s->borrower.account);

	account_learn_startup(s->borrower.account, asked, accepted);
	profile_unref(asked);
	profile_unref(accepted);
	profile_unref(s->startup);
	s->startup = profile_ref(s->profile);
	s->learning = false;
	pool_return(&s->server);
	must(g != NULL);
	login_greet(s, g);
	greeting_unref(g);
}

void
login_learned(struct session *s)
{
	if (s->login->failure != NULL) {
		login_refuse_settings(s);
		return;
	}
	login_take_learned(s);
}

/* --------------------------------------------------------------- packets */

static void
login_startup(struct session *s, const struct startup *packet)
{
	const struct settings *set = &s->snapshot->global;

	s->login = memory_new(sizeof(*s->login));
	s->login->session = s;
	if (!login_take_parameters(s, packet))
		return;
	if (s->user_name == NULL || s->user_name[0] == '\0') {
		session_close(s, CLOSE_no_user, NULL);
		return;
	}
	if (s->login->database == NULL || s->login->database[0] == '\0') {
		free(s->login->database);
		s->login->database = text_copy(s->user_name);
	}
	s->login->console = login_is_console(s->login->database);
	if (s->login->console) {
		int pid;
		unsigned uid;

		if (strcmp(s->user_name, "pgbouncer") == 0 && socket_peer_credentials(s->stream.fd, &pid, &uid) && uid == geteuid()) {
			login_console(s);
			return;
		}
	} else if (atomic_load(&s->worker->process->shutdown) != SHUTDOWN_NONE) {
		session_close(s, CLOSE_pooler_shutdown, NULL);
		return;
	} else if (set->max_client_conn > 0 && atomic_load(&s->worker->process->clients) > (unsigned)set->max_client_conn) {
		session_close(s, CLOSE_too_many_clients, NULL);
		return;
	}
	login_start_proof(s);
}

/* Each kind of encryption may be asked for once. */
static void
login_refuse_encryption(struct session *s, bool again)
{
	if (again)
		session_close(s, CLOSE_bad_packet, NULL);
	else
		stream_send_bytes(&s->stream, "N", 1);
}

static size_t
login_startup_data(struct session *s, const char *bytes, size_t length)
{
	struct startup packet = startup_read(bytes, length);

	switch (packet.kind) {
	case STARTUP_WAIT:
		return 0;
	case STARTUP_SSL:
		login_refuse_encryption(s, s->ssl_refused);
		s->ssl_refused = true;
		break;
	case STARTUP_GSS:
		login_refuse_encryption(s, s->gss_refused);
		s->gss_refused = true;
		break;
	case STARTUP_CANCEL:
		session_enter(s, SESSION_CANCEL);
		cancel_request(s, packet.cancel_pid, packet.cancel_secret, packet.cancel_secret_length);
		break;
	case STARTUP_SESSION:
		login_startup(s, &packet);
		break;
	case STARTUP_V2:
		session_close(s, CLOSE_old_protocol, NULL);
		break;
	case STARTUP_UNSUPPORTED:
		session_close(s, CLOSE_unsupported_protocol, NULL);
		break;
	default:
		session_close(s, CLOSE_bad_packet, NULL);
	}
	return packet.kind == STARTUP_BROKEN ? length : packet.size;
}

static size_t
login_auth_data(struct session *s, const char *bytes, size_t length)
{
	char type;
	size_t size;
	enum frame_state state = frame_read(FROM_CLIENT, bytes, length, 65536, &type, &size);

	if (s->login->deriving)
		return 0;
	if (state == FRAME_BROKEN || (state == FRAME_OK && type != FRONTEND_PASSWORD && type != FRONTEND_TERMINATE)) {
		session_close(s, CLOSE_bad_packet, NULL);
		return length;
	}
	if (state == FRAME_WAIT || size > length)
		return 0;
	if (type == FRONTEND_TERMINATE)
		session_close(s, CLOSE_client_request, NULL);
	else
		login_take_password(s, bytes + FRAME_HEAD, size - FRAME_HEAD);
	return size;
}

size_t
login_data(struct session *s, char *bytes, size_t length)
{
	size_t at = 0;

	while (at < length && (s->state == SESSION_STARTUP || s->state == SESSION_AUTH)) {
		size_t consumed;

		if (s->state == SESSION_STARTUP && s->login != NULL)
			break;
		consumed = s->state == SESSION_STARTUP ? login_startup_data(s, bytes + at, length - at) : login_auth_data(s, bytes + at, length - at);
		if (consumed == 0)
			break;
		at += min_of(consumed, length - at);
	}
	return s->state == SESSION_CLOSING ? length : at;
}
