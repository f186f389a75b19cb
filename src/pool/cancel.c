/*
 * pool/cancel.c - a CancelRequest on a connection of its own (PostgreSQL manual,
 * "Canceling Requests in Progress").
 *
 * PostgreSQL acts on a request some time after it has arrived, and closes the
 * connection when it has sent the signal.  Until then the server is given to
 * nobody else, so that a late signal cannot hit the next one's query.
 *
 * The request holds the server's secret: where the server's own connection has TLS,
 * this one has it too, or nothing is sent.
 */
#include <stdlib.h>

#include "pool/pool_private.h"
#include "protocol/startup.h"

struct cancel {
	struct stream stream;
	struct list all;             /* in pool.cancels */
	struct timer timer;
	struct connector *connector; /* owned while connecting */
	struct server *server;       /* borrowed: it counts its cancels and waits for them */
	struct pool *pool;           /* borrowed */
	bool secure;                 /* the server's connection has TLS */
	bool asked;                  /* for TLS; the answer has not come yet */
	void (*done)(void *user);
	void *user;                  /* borrowed */
};

/* The last cancel of a server has ended: whatever waited for that happens now. */
static void
server_cancel_ended(struct server *s)
{
	if (--s->cancels > 0)
		return;
	if (s->closed && s->order == ORDER_NONE) {
		server_free(s);
		return;
	}
	if (s->use == USE_RECOVERY && !s->stream.closing)
		recover_cancelled(s);
	else if (s->use == USE_CANCEL && !s->stream.closing)
		pool_return(&s);
}

static void
cancel_end(struct cancel *c)
{
	list_remove(&c->all);
	timer_disarm(loop_timers(c->pool->loop), &c->timer);
	connector_cancel(c->connector);
	c->connector = NULL;
	if (c->done != NULL)
		c->done(c->user);
	c->done = NULL;
	if (c->server != NULL)
		server_cancel_ended(c->server);
	c->server = NULL;
	if (c->stream.attached)
		stream_close(&c->stream);
	else
		free(c);
}

static void
cancel_secure(struct cancel *c)
{
	struct tls_context *context = pool_tls_of(c->pool, c->server->ledger);

	if (context == NULL)
		cancel_end(c);
	else
		stream_secure(&c->stream, context, cluster_host_name(c->server->cluster, c->server->host));
}

static size_t
cancel_data(struct stream *stream, char *bytes, size_t length)
{
	struct cancel *c = container_of(stream, struct cancel, stream);

	if (!c->asked)
		return length;
	c->asked = false;
	if (length == 1 && bytes[0] == 'S')
		cancel_secure(c);
	else
		cancel_end(c);
	return length;
}

static void
cancel_send(struct cancel *c)
{
	const struct server *s = c->server;
	struct bytes b = {0};

	startup_write_cancel(&b, s->backend_pid, s->cancel_secret, s->cancel_secret_length);
	stream_send_bytes(&c->stream, b.data, b.length);
	bytes_free(&b);
}

static void
cancel_secured(struct stream *stream)
{
	cancel_send(container_of(stream, struct cancel, stream));
}

static void
cancel_ask(struct cancel *c)
{
	struct bytes b = {0};

	startup_write_ssl_request(&b);
	c->asked = true;
	stream_send_bytes(&c->stream, b.data, b.length);
	bytes_free(&b);
}

static void
cancel_ended(struct stream *stream, int error)
{
	(void)error;
	cancel_end(container_of(stream, struct cancel, stream));
}

static void
cancel_drained(struct stream *stream)
{
	(void)stream;
}

static void
cancel_closed(struct stream *stream)
{
	free(container_of(stream, struct cancel, stream));
}

static const struct stream_events cancel_stream_events = {
	.data = cancel_data,
	.drained = cancel_drained,
	.ended = cancel_ended,
	.closed = cancel_closed,
	.secured = cancel_secured,
};

static void
cancel_connected(void *user, int fd, const char *error)
{
	struct cancel *c = user;

	(void)error;
	c->connector = NULL;
	if (fd < 0) {
		cancel_end(c);
		return;
	}
	stream_init(&c->stream, fd, &cancel_stream_events);
	stream_attach(&c->stream, c->pool->loop);
	if (!c->secure)
		cancel_send(c);
	else if (pool_tls_is_direct(c->pool, c->server->ledger))
		cancel_secure(c);
	else
		cancel_ask(c);
}

static void
cancel_timed_out(struct timer *t)
{
	cancel_end(container_of(t, struct cancel, timer));
}

void
pool_end_cancels(struct pool *p)
{
	for (struct list *node; (node = list_first(&p->cancels)) != NULL;)
		cancel_end(list_entry(node, struct cancel, all));
}

void
pool_cancel(struct server *s, void (*done)(void *user), void *user)
{
	static const struct connector_events events = {.connected = cancel_connected};
	const struct settings *set = &s->pool->snapshot->global;
	struct cancel *c = memory_new(sizeof(*c));
	struct socket_options options = {0};

	c->server = s;
	c->pool = s->pool;
	c->done = done;
	c->user = user;
	c->stream.fd = -1;
	c->secure = stream_is_secure(&s->stream);
	s->cancels++;
	list_push_back(&s->pool->cancels, &c->all);
	timer_init(&c->timer, cancel_timed_out);
	timer_arm(loop_timers(c->pool->loop), &c->timer, set->cancel_wait_timeout_ms > 0 ? set->cancel_wait_timeout_ms * 1000 : 10000000);
	/* The very address that the server is connected to: its name may have several. */
	c->connector = connector_start(c->pool->loop, s->peer.is_unix || s->peer.host[0] == '\0' ? cluster_host_name(s->cluster, s->host) : s->peer.host,
	    cluster_host_port(s->cluster, s->host), &options, &events, c);
}
