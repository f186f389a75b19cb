/*
 * net/connect.c - from a host and a port to a connected socket, without blocking.
 * Each address of the name (net/dns.h) is tried in turn; the caller's deadline ends it all.
 */
#include "net/connect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "net/dns.h"
#include "net/loop.h"
#include "net/timer.h"

/* One address being tried; libuv owns it once it is closed. */
struct attempt {
	uv_poll_t poll;
	struct connector *connector; /* borrowed */
};

struct connector {
	struct timer start;
	struct dns_wait *lookup;    /* owned while it waits */
	struct loop *loop;          /* borrowed */
	char *host;                 /* owned */
	uint16_t port;
	struct socket_options options;
	const struct connector_events *events;
	void *user;                 /* borrowed */
	struct dns_answer found;    /* owned reference */
	unsigned tried;             /* how many of its addresses */
	struct attempt *attempt;    /* owned until it is closed; NULL between attempts */
	int fd;
	char error[256];
};

static void connector_try_next(struct connector *c);

static void
attempt_closed(uv_handle_t *handle)
{
	free(container_of((uv_poll_t *)(void *)handle, struct attempt, poll));
}

static void
connector_end_attempt(struct connector *c)
{
	if (c->attempt != NULL)
		uv_close((uv_handle_t *)&c->attempt->poll, attempt_closed);
	c->attempt = NULL;
}

static void
connector_dispose(struct connector *c)
{
	connector_end_attempt(c);
	dns_cancel(c->lookup);
	dns_addresses_unref(c->found.addresses);
	free(c->host);
	free(c);
}

static void
connector_finish(struct connector *c, int fd)
{
	const struct connector_events *events = c->events;
	void *user = c->user;
	char error[256];

	memcpy(error, c->error, sizeof(error));
	connector_dispose(c);
	events->connected(user, fd, fd < 0 ? error : NULL);
}

static void
connector_poll_event(uv_poll_t *poll, int status, int events)
{
	struct connector *c = container_of(poll, struct attempt, poll)->connector;
	int error = 0;
	socklen_t length = sizeof(error);
	int fd = c->fd;

	(void)status;
	(void)events;
	loop_refresh(c->loop);
	connector_end_attempt(c);
	c->fd = -1;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error == 0) {
		socket_apply_options(fd, &c->options);
		connector_finish(c, fd);
		return;
	}
	snprintf(c->error, sizeof(c->error), "connect failed: %s", strerror(error));
	close(fd);
	connector_try_next(c);
}

static bool
connector_try(struct connector *c, const struct sockaddr *address, socklen_t length)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		snprintf(c->error, sizeof(c->error), "socket failed: %s", strerror(errno));
		return false;
	}
	if (connect(fd, address, length) < 0 && errno != EINPROGRESS) {
		snprintf(c->error, sizeof(c->error), "connect failed: %s", strerror(errno));
		close(fd);
		return false;
	}
	c->fd = fd;
	c->attempt = memory_new(sizeof(*c->attempt));
	c->attempt->connector = c;
	must(uv_poll_init(loop_uv(c->loop), &c->attempt->poll, fd) == 0);
	must(uv_poll_start(&c->attempt->poll, UV_WRITABLE, connector_poll_event) == 0);
	return true;
}

static void
address_set_port(struct sockaddr_storage *address, uint16_t port)
{
	if (address->ss_family == AF_INET6)
		((struct sockaddr_in6 *)address)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)address)->sin_port = htons(port);
}

static void
connector_try_next(struct connector *c)
{
	const struct dns_addresses *all = c->found.addresses;

	while (all != NULL && c->tried < all->count) {
		const struct dns_address *a = &all->list[(c->found.first + c->tried++) % all->count];
		struct sockaddr_storage address = a->address;

		address_set_port(&address, c->port);
		if (connector_try(c, (struct sockaddr *)&address, a->length))
			return;
	}
	connector_finish(c, -1);
}

static void
connector_looked_up(void *user, struct dns_answer found)
{
	struct connector *c = user;

	c->lookup = NULL;
	c->found = found;
	if (found.addresses == NULL)
		snprintf(c->error, sizeof(c->error), "server DNS lookup failed");
	connector_try_next(c);
}

static void
connector_start_unix(struct connector *c)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.%u", c->host, c->port);
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)max_of(n, 0) + 1);

	if (n < 0 || (size_t)n >= sizeof(address.sun_path)) {
		snprintf(c->error, sizeof(c->error), "unix socket path is too long");
		connector_finish(c, -1);
		return;
	}
	if (c->host[0] == '@') {
		address.sun_path[0] = '\0';
		length--;
	}
	if (!connector_try(c, (struct sockaddr *)&address, length))
		connector_finish(c, -1);
}

static void
connector_begin(struct timer *t)
{
	struct connector *c = container_of(t, struct connector, start);
	struct dns_answer found;

	if (c->host[0] == '/' || c->host[0] == '@')
		connector_start_unix(c);
	else if (dns_find(c->loop, c->host, &found, &c->lookup, connector_looked_up, c))
		connector_looked_up(c, found);
}

/* A numeric address needs no thread of the pool. */
static bool
connector_start_numeric(struct connector *c)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(struct sockaddr_in);

	if (uv_ip4_addr(c->host, c->port, (struct sockaddr_in *)&address) != 0) {
		if (uv_ip6_addr(c->host, c->port, (struct sockaddr_in6 *)&address) != 0)
			return false;
		length = sizeof(struct sockaddr_in6);
	}
	return connector_try(c, (struct sockaddr *)&address, length);
}

struct connector *
connector_start(struct loop *loop, const char *host, uint16_t port, const struct socket_options *options,
    const struct connector_events *events, void *user)
{
	struct connector *c = memory_new(sizeof(*c));

	c->loop = loop;
	c->host = text_copy(host);
	c->port = port;
	c->options = *options;
	c->events = events;
	c->user = user;
	c->fd = -1;
	timer_init(&c->start, connector_begin);
	if (host[0] == '/' || host[0] == '@' || !connector_start_numeric(c))
		timer_arm(loop_timers(loop), &c->start, 0);
	return c;
}

void
connector_cancel(struct connector *c)
{
	if (c == NULL)
		return;
	timer_disarm(loop_timers(c->loop), &c->start);
	connector_end_attempt(c);
	if (c->fd >= 0)
		close(c->fd);
	connector_dispose(c);
}
