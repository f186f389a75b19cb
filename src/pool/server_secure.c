/*
 * pool/server_secure.c - the connection that a login speaks on: connect, ask for TLS
 * or begin it, and try the other way where server_tls_sslmode lets it (PostgreSQL
 * manual, "Message Flow", "SSL Session Encryption").
 *
 *      connect ─▶ SSLRequest ─▶ 'S' ─▶ handshake ─▶ startup
 *         │            └─▶ 'N' ─────────────────────▶ │      allow, prefer
 *         ├─▶ handshake (direct) ───────────────────▶ │
 *         └─▶ plain: unix, disable, allow's first ──▶ │
 *
 * What comes in plain text before or behind the 'S' was said by anybody: it is not
 * shown, and not believed (CVE-2021-23222, CVE-2024-10977).
 */
#include <stdio.h>
#include <string.h>

#include "observe/log.h"
#include "pool/login_private.h"
#include "protocol/startup.h"

static void
login_fail(struct server *s, const char *message)
{
	pool_login_done(s, message, "08006");
}

static struct tls_context *
login_context(const struct server *s)
{
	return s->peer.is_unix ? NULL : pool_tls_of(s->pool, s->ledger);
}

/* ----------------------------------------------------------------- begin */

static void
login_secure(struct server *s)
{
	struct tls_context *context = login_context(s);

	if (context == NULL) {
		login_fail(s, "server_tls_sslmode was changed during the login");
		return;
	}
	s->login->channel = LOGIN_SECURING;
	stream_secure(&s->stream, context, cluster_host_name(s->cluster, s->host));
}

static void
login_ask(struct server *s)
{
	struct bytes b = {0};

	startup_write_ssl_request(&b);
	s->login->channel = LOGIN_ASKED;
	stream_send_bytes(&s->stream, b.data, b.length);
	bytes_free(&b);
}

/* True when this connection begins without TLS. */
static bool
login_begins_plain(const struct server *s, const struct tls_context *context)
{
	if (context == NULL)
		return true;
	return s->login->retried ? s->login->plain : tls_context_mode(context) == TLS_ALLOW;
}

static void
login_speak(struct server *s)
{
	s->login->channel = LOGIN_SPEAKING;
	server_login_speak(s);
}

/* The cause is for the log, clients are told that it failed. */
static void
login_not_connected(struct server *s, const char *error)
{
	static const char told[] = "connect failed";
	char who[256];

	if (strncmp(error, told, strlen(told)) != 0) {
		pool_login_done(s, error, NULL);
		return;
	}
	server_describe(s, who, sizeof(who));
	log_info(who, "%s", error);
	pool_login_done(s, told, NULL);
}

static void
login_connected(void *user, int fd, const char *error)
{
	struct server *s = user;

	s->login->connector = NULL;
	if (fd < 0) {
		login_not_connected(s, error);
		return;
	}
	stream_init(&s->stream, fd, &server_stream_events);
	socket_describe_peer(fd, &s->peer);
	socket_describe_local(fd, &s->local);
	if (s->peer.is_unix) {
		s->peer.port = cluster_host_port(s->cluster, s->host);
		s->local.port = (uint16_t)s->pool->snapshot->global.listen_port;
	}
	stream_attach(&s->stream, s->pool->loop);
	if (login_begins_plain(s, login_context(s)))
		login_speak(s);
	else if (pool_tls_is_direct(s->pool, s->ledger))
		login_secure(s);
	else
		login_ask(s);
}

void
server_login_connect(struct server *s)
{
	static const struct connector_events events = {.connected = login_connected};
	struct socket_options options = socket_options_of(&s->pool->snapshot->global);

	s->login->channel = LOGIN_CONNECTING;
	s->login->connector = connector_start(s->pool->loop, cluster_host_name(s->cluster, s->host),
	    cluster_host_port(s->cluster, s->host), &options, &events, s);
}

/* ----------------------------------------------------------------- retry */

/* Begins anew on another connection, in plain text or with TLS; at most once for a login. */
static bool
login_retry(struct server *s, bool plain)
{
	struct server_login *login = s->login;

	if (login->retried)
		return false;
	login->retried = true;
	login->retrying = true;
	login->plain = plain;
	login->frames = 0;
	scram_client_free(login->scram);
	login->scram = NULL;
	stream_close(&s->stream);
	return true;
}

static bool
login_mode_is(const struct server *s, enum tls_mode mode)
{
	const struct tls_context *context = login_context(s);

	return context != NULL && tls_context_mode(context) == mode;
}

bool
server_login_retry_refused(struct server *s, const char *sqlstate)
{
	struct server_login *login = s->login;
	bool is_secure = stream_is_secure(&s->stream);

	/* What pg_hba.conf has no line for, it may have one for the other way round. */
	if (login->authenticated || strcmp(sqlstate, "28000") != 0)
		return false;
	if (!is_secure && login_mode_is(s, TLS_ALLOW))
		return login_retry(s, false);
	if (is_secure && login_mode_is(s, TLS_PREFER))
		return login_retry(s, true);
	return false;
}

bool
server_login_closed(struct server *s)
{
	if (s->login == NULL || !s->login->retrying)
		return false;
	s->login->retrying = false;
	s->stream = (struct stream){.fd = -1};
	server_login_connect(s);
	return true;
}

bool
server_login_is_retrying(const struct server *s)
{
	return s->login != NULL && s->login->retrying;
}

/* --------------------------------------------------------------- answers */

size_t
server_login_asked(struct server *s, const char *bytes, size_t length)
{
	if (s->login->channel != LOGIN_ASKED || length == 0)
		return 0;
	switch (bytes[0]) {
	case 'S':
		if (length > 1)
			login_fail(s, "received unencrypted data after SSL response");
		else
			login_secure(s);
		return length;
	case 'N':
		if (length > 1)
			login_fail(s, "received unencrypted data after SSL response");
		else if (login_mode_is(s, TLS_ALLOW) || login_mode_is(s, TLS_PREFER))
			login_speak(s);
		else
			login_fail(s, "server does not support TLS, but server_tls_sslmode requires it");
		return length;
	case 'E':
		if (!login_mode_is(s, TLS_PREFER) || !login_retry(s, true))
			login_fail(s, "server sent an error response during SSL exchange");
		return length;
	default:
		login_fail(s, "server sent an invalid response to SSL negotiation");
		return length;
	}
}

void
server_login_secured(struct server *s)
{
	if (pool_tls_is_direct(s->pool, s->ledger) && !stream_has_alpn(&s->stream))
		login_fail(s, "direct SSL connection was established without ALPN protocol negotiation extension");
	else
		login_speak(s);
}

void
server_login_ended(struct server *s)
{
	const char *failure = stream_failure(&s->stream);
	char message[512];

	if (failure != NULL && s->login->channel == LOGIN_SECURING && login_mode_is(s, TLS_PREFER) && login_retry(s, true))
		return;
	snprintf(message, sizeof(message), "%s", failure != NULL ? failure : "server closed the connection during login");
	/* A bad certificate is bad at the next try too: those who wait are told. */
	pool_login_done(s, message, failure != NULL ? "08006" : NULL);
}
