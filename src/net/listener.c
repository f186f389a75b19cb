/*
 * net/listener.c - the sockets that listen: how they are made, and how what comes to
 * them is accepted.
 */
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "net/connect.h"
#include "net/loop.h"
#include "net/timer.h"
#include "observe/log.h"

/* After accept() has failed for want of descriptors or memory it is not asked again for this long. */
#define ACCEPT_REST_S 5
#define ACCEPT_BATCH 64

/* ---------------------------------------------------------------- making */

static int
listen_failed(int fd, const char *what, char *error, size_t size)
{
	snprintf(error, size, "%s: %s", what, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* An option without which the socket is not what was asked for. */
static bool
listen_set(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on)) == 0;
}

int
listen_tcp(const struct sockaddr *address, socklen_t length, const struct listen_how *how, char *error, size_t size)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return listen_failed(fd, "socket", error, size);
	if (!listen_set(fd, SOL_SOCKET, SO_REUSEADDR))
		return listen_failed(fd, "SO_REUSEADDR", error, size);
	if (how->reuse_port && !listen_set(fd, SOL_SOCKET, SO_REUSEPORT))
		return listen_failed(fd, "SO_REUSEPORT", error, size);
	if (address->sa_family == AF_INET6 && !listen_set(fd, IPPROTO_IPV6, IPV6_V6ONLY))
		return listen_failed(fd, "IPV6_V6ONLY", error, size);
	if (bind(fd, address, length) < 0)
		return listen_failed(fd, "bind", error, size);
	socket_apply_inherited(fd, &how->options, how->defer_accept_s);
	if (listen(fd, how->backlog) < 0)
		return listen_failed(fd, "listen", error, size);
	return fd;
}

/* True when something answers at the socket's file. */
static bool
unix_is_used(const struct sockaddr_un *address, socklen_t length)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* EAGAIN: its queue is full. */
	bool used = fd >= 0 && (connect(fd, (const struct sockaddr *)address, length) == 0 || errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return used;
}

/* The socket's file as the settings want it; what failed, or NULL. */
static const char *
unix_set_access(const char *path, unsigned mode, const char *group)
{
	struct group *g;

	if (group[0] != '\0') {
		errno = 0;
		g = getgrnam(group);
		if (g == NULL && errno == 0)
			errno = ENOENT;
		if (g == NULL)
			return "unix_socket_group is unknown";
		if (chown(path, (uid_t)-1, g->gr_gid) != 0)
			return "unix_socket_group cannot be set";
	}
	return chmod(path, mode) == 0 ? NULL : "unix_socket_mode cannot be set";
}

int
listen_unix(const char *path, unsigned mode, const char *group, int backlog, char *error, size_t size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t path_length = strlen(path);
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_length + 1);
	bool abstract = path[0] == '@';
	const char *failed;
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
	failed = abstract ? NULL : unix_set_access(path, mode, group);
	if (failed != NULL) {
		listen_failed(fd, failed, error, size);
		unlink(path);
		return -1;
	}
	if (listen(fd, backlog) < 0)
		return listen_failed(fd, "listen", error, size);
	return fd;
}

/* ------------------------------------------------------------- accepting */

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
listener_rest(struct listener *l)
{
	log_error(NULL, "accept() failed: %s; accepting no connections for %d seconds", strerror(errno), ACCEPT_REST_S);
	uv_poll_stop(&l->poll);
	timer_arm(loop_timers(l->loop), &l->rest, (int64_t)ACCEPT_REST_S * 1000 * 1000);
}

/* Takes at most that many connections; false when nothing waits any more, or none can be taken just now. */
static bool
listener_accept(struct listener *l, int most)
{
	for (int i = 0; i < most; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			l->accepted(l->user, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		return false;
	}
	return true;
}

static void
listener_readable(uv_poll_t *poll, int status, int events)
{
	struct listener *l = container_of(poll, struct listener, poll);

	(void)status;
	(void)events;
	loop_refresh(l->loop);
	if (!listener_accept(l, ACCEPT_BATCH) && errno != EAGAIN)
		listener_rest(l);
}

void
listener_drain(struct listener *l)
{
	while (listener_accept(l, ACCEPT_BATCH))
		;
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
