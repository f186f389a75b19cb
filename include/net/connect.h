/*
 * net/connect.h - sockets: the ones that listen, the ones that connect, and what
 * there is to know of a connected one.
 */
#ifndef PGWEIR_NET_CONNECT_H
#define PGWEIR_NET_CONNECT_H

#include "base/base.h"

#include <sys/socket.h>

struct loop;

/* The options of PgBouncer's tcp_* settings; 0 leaves the kernel's default. */
struct socket_options {
	int keepalive;
	int keepidle_s;
	int keepintvl_s;
	int keepcnt;
	int buffer_bytes;
	int user_timeout_ms;
};

struct settings;
struct socket_options socket_options_of(const struct settings *set);

/* An address as people read it. */
struct endpoint {
	bool is_unix;
	uint16_t port;
	char host[64]; /* numeric address, or "unix" */
};

void socket_describe_peer(int fd, struct endpoint *out);
void socket_describe_local(int fd, struct endpoint *out);
/* The process and user at the other end of a unix socket; false for TCP. */
bool socket_peer_credentials(int fd, int *pid, unsigned *uid);
void socket_apply_options(int fd, const struct socket_options *options);
/*
 * For a listening socket, from which accepted ones inherit: an option that is off
 * gets the kernel's value back (but for the size of buffers).  DEFER_ACCEPT_S 0: a
 * connection is accepted before it has sent anything.
 */
void socket_apply_inherited(int fd, const struct socket_options *options, int defer_accept_s);

/*
 * Connects to HOST ("/dir" and "@name" are unix sockets, else a name or an address)
 * without blocking; names are resolved in the thread pool.
 */
struct connector;

struct connector_events {
	/* FD is connected, non-blocking, and the caller's; or -1, with ERROR a text for people.  Exactly once. */
	void (*connected)(void *user, int fd, const char *error);
};

/* Never calls back before returning. */
struct connector *connector_start(struct loop *loop, const char *host, uint16_t port, const struct socket_options *options,
    const struct connector_events *events, void *user);
/* Gives up: no callback comes.  Frees it; NULL is fine.  Not after the callback. */
void connector_cancel(struct connector *c);

/*
 * Listening sockets.  Each returns a descriptor, or -1 with a reason in ERROR (of SIZE bytes).
 */
struct listen_how {
	struct socket_options options; /* of those who connect, from the first one on */
	int defer_accept_s;
	int backlog;
	bool reuse_port; /* other processes of this user may listen there too, and the kernel spreads the connections */
};

int listen_tcp(const struct sockaddr *address, socklen_t length, const struct listen_how *how, char *error, size_t size);
/* PATH is the socket's file ("@…" is abstract); a stale file is removed, a used one is an error. */
int listen_unix(const char *path, unsigned mode, const char *group, int backlog, char *error, size_t size);

/*
 * Calls ACCEPTED for each new connection (non-blocking, the callee's) until listener_free.
 * When accept() fails for want of something it rests for five seconds, and says so.
 */
struct listener;
struct listener *listener_new(struct loop *loop, int fd, void (*accepted)(void *user, int fd), void *user);
void listener_hold(struct listener *l, bool held); /* accepts nobody until it is let go; on its loop's thread */
/* Accepts what waits, before the end: closing would reset it. */
void listener_drain(struct listener *l);
void listener_free(struct listener *l); /* closes the socket; NULL is fine */

#endif
