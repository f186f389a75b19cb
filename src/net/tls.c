/*
 * net/tls.c - TLS as a machine without sockets.
 */
#include "net/tls.h"

#include "net/stream.h"

void
tls_set_unref(struct tls_set *set)
{
	(void)set;
}

struct tls_context *
tls_set_accept(const struct tls_set *set)
{
	(void)set;
	return NULL;
}

struct tls_context *
tls_set_connect(const struct tls_set *set, const struct snapshot *s, const struct database_config *d)
{
	(void)set;
	(void)s;
	(void)d;
	return NULL;
}

void
stream_secure(struct stream *s, struct tls_context *context, const char *host)
{
	(void)s;
	(void)context;
	(void)host;
}

bool
stream_is_secure(const struct stream *s)
{
	return s->tls != NULL;
}

const char *
stream_failure(const struct stream *s)
{
	(void)s;
	return NULL;
}

bool
stream_has_alpn(const struct stream *s)
{
	(void)s;
	return false;
}

void
stream_describe_tls(const struct stream *s, char *out, size_t size)
{
	(void)s;
	if (size > 0)
		out[0] = '\0';
}

bool
stream_peer_is_verified(const struct stream *s)
{
	(void)s;
	return false;
}

bool
stream_peer_common_name(const struct stream *s, char *out, size_t size)
{
	(void)s;
	(void)out;
	(void)size;
	return false;
}

size_t
stream_binding(const struct stream *s, uint8_t out[STREAM_BINDING_MAX])
{
	(void)s;
	(void)out;
	return 0;
}
