/*
 * session/login.c - how a client gets in: the startup packet and the messages up to
 * its greeting (PostgreSQL manual, "Message Flow", "Start-up").  proof.c finds out who
 * it is, welcome.c lets it in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/crypto.h"
#include "observe/log.h"
#include "protocol/startup.h"
#include "session/login_private.h"

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
	bytes_free(&login->replication_startup);
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
	/* PostgreSQL hears a replication client's own words. */
	if (strcmp(name, "replication") == 0 || (s->replication != REPLICATION_NONE && strcmp(name, "application_name") != 0))
		return true;
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
	replication_take_startup(s, packet);
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

void
login_ask(struct session *s, enum authentication kind, const void *data, size_t length)
{
	struct bytes b = {0};

	message_authentication(&b, kind, data, length);
	session_send(s, &b);
	bytes_free(&b);
	if (s->state == SESSION_STARTUP)
		session_enter(s, SESSION_AUTH);
}

/* --------------------------------------------------------------- packets */

/* It is told before it succeeds or fails. */
static void
login_log_attempt(const struct session *s)
{
	char who[256];

	if (!s->snapshot->global.log_connections)
		return;
	session_describe(s, who, sizeof(who));
	log_info(who, "login attempt: db=%s user=%s tls=no", s->login->database, s->user_name);
}

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
			login_log_attempt(s);
			welcome_console(s);
			return;
		}
	} else if (atomic_load(&s->worker->process->shutdown) != SHUTDOWN_NONE) {
		session_close(s, CLOSE_pooler_shutdown, NULL);
		return;
	} else if (set->max_client_conn > 0 && atomic_load(&s->worker->process->clients) > (unsigned)set->max_client_conn) {
		session_close(s, CLOSE_too_many_clients, NULL);
		return;
	}
	login_log_attempt(s);
	proof_begin(s);
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
		proof_take_answer(s, bytes + FRAME_HEAD, size - FRAME_HEAD);
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
