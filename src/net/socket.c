/*
 * net/socket.c - options and addresses of sockets.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/snapshot.h"
#include "net/connect.h"

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
	/* The address of a connection that was reset is nobody's. */
	out->is_unix = address->ss_family == AF_UNIX;
	snprintf(out->host, sizeof(out->host), "%s", out->is_unix ? "unix" : "?");
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

/* The option as a socket has it that nobody has touched; 0 when the kernel does not know it. */
static int
socket_default(int family, int level, int option)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int value = 0;
	socklen_t length = sizeof(value);

	if (fd < 0)
		return 0;
	getsockopt(fd, level, option, &value, &length);
	close(fd);
	return value;
}

static void
socket_set_or_default(int fd, int family, int level, int option, int value)
{
	if (value <= 0)
		value = socket_default(family, level, option);
	setsockopt(fd, level, option, &value, sizeof(value));
}

void
socket_apply_inherited(int fd, const struct socket_options *options, int defer_accept_s)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);
	int keepalive = options->keepalive, family;

	getsockname(fd, (struct sockaddr *)&address, &length);
	family = address.ss_family;
	socket_set(fd, SOL_SOCKET, SO_SNDBUF, options->buffer_bytes);
	socket_set(fd, SOL_SOCKET, SO_RCVBUF, options->buffer_bytes);
	if (family == AF_UNIX)
		return;
	socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer_accept_s, sizeof(defer_accept_s));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keepalive, sizeof(keepalive));
	socket_set_or_default(fd, family, IPPROTO_TCP, TCP_KEEPIDLE, options->keepidle_s);
	socket_set_or_default(fd, family, IPPROTO_TCP, TCP_KEEPINTVL, options->keepintvl_s);
	socket_set_or_default(fd, family, IPPROTO_TCP, TCP_KEEPCNT, options->keepcnt);
	socket_set_or_default(fd, family, IPPROTO_TCP, TCP_USER_TIMEOUT, options->user_timeout_ms);
}
