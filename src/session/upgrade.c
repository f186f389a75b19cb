/*
 * session/upgrade.c - how a client's connection becomes a TLS one: by SSLRequest, or by
 * a TLS hello in place of any packet (PostgreSQL manual, "SSL Session Encryption").
 *
 * What came in the clear and is read as if it had come inside is how a stranger puts
 * words into a client's mouth: nothing may follow a request before it is answered.
 * Unix sockets are never encrypted.
 */
#include "net/tls.h"
#include "session/login_private.h"

/* The first byte of a TLS hello. */
#define TLS_HANDSHAKE 0x16

/* NULL: this connection stays as it is. */
static struct tls_context *
upgrade_context(const struct session *s)
{
	struct endpoint peer;

	socket_describe_peer(s->stream.fd, &peer);
	return peer.is_unix ? NULL : tls_set_accept(pool_tls(s->worker->pool));
}

bool
upgrade_is_missing(const struct session *s)
{
	struct endpoint peer;

	if (s->snapshot->global.client_tls_sslmode < TLS_REQUIRE || stream_is_secure(&s->stream))
		return false;
	socket_describe_peer(s->stream.fd, &peer);
	return !peer.is_unix;
}

bool
upgrade_take_hello(struct session *s, const char *bytes)
{
	struct tls_context *context;

	if ((unsigned char)bytes[0] != TLS_HANDSHAKE || s->ssl_asked || s->gss_asked)
		return false;
	context = upgrade_context(s);
	if (context == NULL)
		return false;
	s->ssl_asked = true;
	s->direct_tls = true;
	stream_secure(&s->stream, context, NULL);
	return true;
}

void
upgrade_take_request(struct session *s, bool more)
{
	struct tls_context *context = upgrade_context(s);

	if (stream_is_secure(&s->stream)) {
		session_close(s, CLOSE_bad_packet, "SSL req inside SSL");
		return;
	}
	if (s->ssl_asked) {
		session_close(s, CLOSE_bad_packet, NULL);
		return;
	}
	s->ssl_asked = true;
	if (more) {
		session_close(s, CLOSE_data_before_tls, NULL);
		return;
	}
	stream_send_bytes(&s->stream, context != NULL ? "S" : "N", 1);
	if (context != NULL)
		stream_secure(&s->stream, context, NULL);
}

void
upgrade_take_gss_request(struct session *s, bool more)
{
	if (s->gss_asked) {
		session_close(s, CLOSE_bad_packet, NULL);
		return;
	}
	s->gss_asked = true;
	if (more)
		session_close(s, CLOSE_data_before_tls, "received unencrypted data after GSSAPI encryption request");
	else
		stream_send_bytes(&s->stream, "N", 1);
}

void
upgrade_done(struct session *s)
{
	if (s->direct_tls && !stream_has_alpn(&s->stream))
		session_close(s, CLOSE_bad_packet, "received direct SSL connection request without ALPN protocol negotiation extension");
}
