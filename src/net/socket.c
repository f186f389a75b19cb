/*
 * net/socket.c - options and addresses of sockets, and the ones that listen.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "config/snapshot.h"
#include "net/connect.h"
#include "net/loop.h"
#include "net/timer.h"

/* After accept() has failed for want of descriptors it is not asked again for this long. */
#define ACCEPT_REST_US ((int64_t)1000 * 1000)
#define ACCEPT_BATCH 64

struct socket_options
socket_options_of(const struct settings *set)
{
	return (struct socket_options){
	    .keepalive = set->tcp_keepalive,
	    .keepidle_s = set->tcp_keepidle,
	    .keepintvl_s = set->tcp_keepintvl,
	    .keepcnt = set->tcp_keepcnt,
	    .buffer_bytes = set->tcp_socket_buffer,
	    .user_timeout_ms = set->tcp_user_timeout,
	};
}

static void
socket_describe(const struct sockaddr_storage *address, struct endpoint *out)
{
	*out = (struct endpoint){0};
	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)address;

		inet_ntop(AF_INET, &in->sin_addr, out->host, sizeof(out->host));
		out->port = ntohs(in->sin_port);
		return;
	}
	if (address->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)address;

		inet_ntop(AF_INET6, &in->sin6_addr, out->host, sizeof(out->host));
		out->port = ntohs(in->sin6_port);
		return;
	}
	out->is_unix = true;
	snprintf(out->host, sizeof(out->host), "unix");
}

void
socket_describe_peer(int fd, struct endpoint *out)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);

	getpeername(fd, (struct sockaddr *)&address, &length);
	socket_describe(&address, out);
}

void
socket_describe_local(int fd, struct endpoint *out)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);

	getsockname(fd, (struct sockaddr *)&address, &length);
	socket_describe(&address, out);
}

bool
socket_peer_credentials(int fd, int *pid, unsigned *uid)
{
	struct ucred credentials;
	socklen_t length = sizeof(credentials);
	struct endpoint peer;

	socket_describe_peer(fd, &peer);
	if (!peer.is_unix || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0)
		return false;
	*pid = credentials.pid;
	*uid = credentials.uid;
	return true;
}

static void
socket_set(int fd, int level, int option, int value)
{
	if (value > 0)
		setsockopt(fd, level, option, &value, sizeof(value));
}

void
socket_apply_options(int fd, const struct socket_options *options)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);

	getsockname(fd, (struct sockaddr *)&address, &length);
	socket_set(fd, SOL_SOCKET, SO_SNDBUF, options->buffer_bytes);
	socket_set(fd, SOL_SOCKET, SO_RCVBUF, options->buffer_bytes);
	if (address.ss_family == AF_UNIX)
		return;
	socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	socket_set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, options->user_timeout_ms);
	if (!options->keepalive)
		return;
	socket_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	socket_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, options->keepidle_s);
	socket_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, options->keepintvl_s);
	socket_set(fd, IPPROTO_TCP, TCP_KEEPCNT, options->keepcnt);
}

/* ------------------------------------------------------------- listening */

static int
listen_failed(int fd, const char *what, char *error, size_t size)
{
	snprintf(error, size, "%s: %s", what, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

int
listen_tcp(const struct sockaddr *address, socklen_t length, int backlog, char *error, size_t size)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return listen_failed(fd, "socket", error, size);
	socket_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (address->sa_family == AF_INET6)
		socket_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (bind(fd, address, length) < 0)
		return listen_failed(fd, "bind", error, size);
	if (listen(fd, backlog) < 0)
		return listen_failed(fd, "listen", error, size);
	return fd;
}

/* True when something answers at the socket's file. */
static bool
unix_is_used(const struct sockaddr_un *address, socklen_t length)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool used = fd >= 0 && connect(fd, (const struct sockaddr *)address, length) == 0;

	if (fd >= 0)
		close(fd);
	return used;
}

static bool
unix_set_group(const char *path, const char *group)
{
	struct group *g = getgrnam(group);

	return g != NULL && chown(path, (uid_t)-1, g->gr_gid) == 0;
}

int
listen_unix(const char *path, unsigned mode, const char *group, int backlog, char *error, size_t size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t path_length = strlen(path);
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_length + 1);
	bool abstract = path[0] == '@';
	int fd;

	if (path_length >= sizeof(address.sun_path)) {
		snprintf(error, size, "unix socket path is too long: %s", path);
		return -1;
	}
	memcpy(address.sun_path, path, path_length + 1);
	if (abstract) {
		address.sun_path[0] = '\0';
		length--;
	}
	if (unix_is_used(&address, length)) {
		snprintf(error, size, "unix socket is in use, cannot continue");
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return listen_failed(fd, "socket", error, size);
	if (!abstract)
		unlink(path);
	if (bind(fd, (struct sockaddr *)&address, length) < 0)
		return listen_failed(fd, "bind", error, size);
	if (!abstract && (chmod(path, mode) < 0 || (group[0] != '\0' && !unix_set_group(path, group))))
		return listen_failed(fd, "setting the socket's mode and group", error, size);
	if (listen(fd, backlog) < 0)
		return listen_failed(fd, "listen", error, size);
	return fd;
}

struct listener {
	uv_poll_t poll;
	struct timer rest;
	struct loop *loop; /* borrowed */
	int fd;            /* owned */
	bool held;
	void (*accepted)(void *user, int fd);
	void *user;        /* borrowed */
};

static void
listener_readable(uv_poll_t *poll, int status, int events)
{
	struct listener *l = container_of(poll, struct listener, poll);

	(void)status;
	(void)events;
	loop_refresh(l->loop);
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			l->accepted(l->user, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno == EAGAIN)
			return;
		uv_poll_stop(poll);
		timer_arm(loop_timers(l->loop), &l->rest, ACCEPT_REST_US);
		return;
	}
}

static void
listener_rested(struct timer *t)
{
	struct listener *l = container_of(t, struct listener, rest);

	if (!l->held)
		must(uv_poll_start(&l->poll, UV_READABLE, listener_readable) == 0);
}

struct listener *
listener_new(struct loop *loop, int fd, void (*accepted)(void *user, int fd), void *user)
{
	struct listener *l = memory_new(sizeof(*l));

	l->loop = loop;
	l->fd = fd;
	l->accepted = accepted;
	l->user = user;
	timer_init(&l->rest, listener_rested);
	must(uv_poll_init(loop_uv(loop), &l->poll, fd) == 0);
	must(uv_poll_start(&l->poll, UV_READABLE, listener_readable) == 0);
	return l;
}

void
listener_hold(struct listener *l, bool held)
{
	l->held = held;
	if (held)
		uv_poll_stop(&l->poll);
	else
		must(uv_poll_start(&l->poll, UV_READABLE, listener_readable) == 0);
}

static void
listener_closed(uv_handle_t *handle)
{
	free(container_of((uv_poll_t *)(void *)handle, struct listener, poll));
}

void
listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	timer_disarm(loop_timers(l->loop), &l->rest);
	uv_close((uv_handle_t *)&l->poll, listener_closed);
	close(l->fd);
}
