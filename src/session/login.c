/*
 * session/login.c - how a client gets in: the packets of a connection's beginning, up
 * to its greeting (PostgreSQL manual, "Message Flow", "Start-up").
 */
#include <stdlib.h>
#include <string.h>

#include "auth/crypto.h"
#include "observe/log.h"
#include "protocol/startup.h"
#include "session/login_private.h"

bool
login_is_busy(const struct session_login *login)
{
	return login->pending != LOGIN_PENDING_NONE && login->pending != LOGIN_PENDING_VERIFIER;
}

void
login_free(struct session_login *login)
{
	if (login == NULL)
		return;
	verifier_forget(&login->verification);
	scram_server_free(login->scram);
	crypto_wipe(&login->keys, sizeof(login->keys));
	crypto_wipe_text(login->secret);
	if (login->answer != NULL)
		crypto_wipe(login->answer, login->answer_length);
	free(login->answer);
	free(login->name);
	free(login->database);
	free(login->failure);
	bytes_free(&login->replication_startup);
	free(login);
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

/* --------------------------------------------------------------- waiting */

void
login_wait(struct session *s, enum login_pending pending)
{
	must(s->login->pending == LOGIN_PENDING_NONE);
	s->login->pending = (uint8_t)pending;
}

bool
login_resumed(struct session *s)
{
	must(s->login->pending != LOGIN_PENDING_NONE);
	s->login->pending = LOGIN_PENDING_NONE;
	if (s->state == SESSION_CLOSING) {
		session_free_if_settled(s);
		return false;
	}
	stream_resume(&s->stream);
	return true;
}

static void
login_worked(struct job *job)
{
	struct session_login *login = container_of(job, struct session_login, job);
	struct session *s = login->session;

	if (!login_resumed(s))
		return;
	login->then(s);
	login_go_on(s);
}

void
login_work(struct session *s, void (*work)(struct job *job), void (*then)(struct session *s))
{
	login_wait(s, LOGIN_PENDING_JOB);
	s->login->job = (struct job){.work = work, .done = login_worked};
	s->login->then = then;
	loop_work(s->worker->loop, &s->login->job);
}

void
login_go_on(struct session *s)
{
	stream_offer(&s->stream);
}

/* --------------------------------------------------------------- packets */

/* It is told before it succeeds or fails. */
static void
login_log_attempt(const struct session *s)
{
	char who[256], tls[128];

	if (!s->snapshot->global.log_connections)
		return;
	session_describe(s, who, sizeof(who));
	stream_describe_tls(&s->stream, tls, sizeof(tls));
	log_info(who, "login attempt: db=%s user=%s tls=%s", s->login->database, s->user_name, tls[0] != '\0' ? tls : "no");
}

/*
 * No new client is let in while the process is ending.  Where others listen on the same
 * port, one that the kernel had given to this process is served: it could not know.
 */
static bool
login_is_too_late(const struct session *s)
{
	int mode = atomic_load(&s->worker->process->shutdown);
	struct endpoint peer;

	if (mode != SHUTDOWN_WAIT_CLIENTS || !s->snapshot->global.so_reuseport)
		return mode != SHUTDOWN_NONE;
	socket_describe_peer(s->stream.fd, &peer);
	return peer.is_unix;
}

static void
login_startup(struct session *s, const struct startup *packet)
{
	const struct settings *set = &s->snapshot->global;

	s->login = memory_new(sizeof(*s->login));
	s->login->session = s;
	if (upgrade_is_missing(s)) {
		session_close(s, CLOSE_tls_required, NULL);
		return;
	}
	if (!claim_take(s, packet))
		return;
	if (s->login->console) {
		if (welcome_is_own_user(s)) {
			login_log_attempt(s);
			welcome_console(s);
			return;
		}
	} else if (login_is_too_late(s)) {
		session_close(s, CLOSE_pooler_shutdown, NULL);
		return;
	} else if (set->max_client_conn > 0 && atomic_load(&s->worker->process->clients) > (unsigned)set->max_client_conn) {
		session_close(s, CLOSE_too_many_clients, NULL);
		return;
	}
	login_log_attempt(s);
	proof_begin(s);
}

/* Names the bytes that made no sense, as far as there are eight. */
static void
login_refuse_header(struct session *s, const char *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	char hex[17] = "", *text;

	for (size_t i = 0; i < min_of(length, (size_t)8); i++) {
		hex[2 * i] = digits[(unsigned char)bytes[i] >> 4];
		hex[2 * i + 1] = digits[(unsigned char)bytes[i] & 15];
	}
	text = text_format("bad packet header: '%s'", hex);
	session_close(s, CLOSE_bad_packet, text);
	free(text);
}

static size_t
login_startup_data(struct session *s, const char *bytes, size_t length)
{
	struct startup packet;

	if (upgrade_take_hello(s, bytes))
		return 0;
	packet = startup_read(bytes, length);
	switch (packet.kind) {
	case STARTUP_WAIT:
		return 0;
	case STARTUP_SSL:
		upgrade_take_request(s, length > packet.size);
		break;
	case STARTUP_GSS:
		upgrade_take_gss_request(s, length > packet.size);
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
		login_refuse_header(s, bytes, length);
	}
	return packet.kind == STARTUP_BROKEN ? length : packet.size;
}

static size_t
login_auth_data(struct session *s, const char *bytes, size_t length)
{
	char type;
	size_t size;
	enum frame_state state = frame_read(FROM_CLIENT, bytes, length, 65536, &type, &size);

	if (state == FRAME_BROKEN) {
		login_refuse_header(s, bytes, length);
		return length;
	}
	if (state == FRAME_OK && type != FRONTEND_PASSWORD && type != FRONTEND_TERMINATE) {
		session_close(s, CLOSE_bad_packet, NULL);
		return length;
	}
	if (state == FRAME_WAIT || size > length)
		return 0;
	if (type == FRONTEND_TERMINATE)
		session_close(s, CLOSE_client_request, NULL);
	else
		exchange_take(s, bytes + FRAME_HEAD, size - FRAME_HEAD);
	return size;
}

size_t
login_data(struct session *s, char *bytes, size_t length)
{
	size_t at = 0;

	while (at < length && (s->state == SESSION_STARTUP || s->state == SESSION_AUTH)) {
		size_t consumed = 0;

		if (s->login != NULL && s->login->pending != LOGIN_PENDING_NONE) {
			if (length - at > AHEAD_MOST)
				stream_pause(&s->stream);
			break;
		}
		if (s->state == SESSION_AUTH)
			consumed = login_auth_data(s, bytes + at, length - at);
		else if (s->login == NULL)
			consumed = login_startup_data(s, bytes + at, length - at);
		if (consumed == 0)
			break;
		at += min_of(consumed, length - at);
	}
	return s->state == SESSION_CLOSING ? length : at;
}
