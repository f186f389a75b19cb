/*
 * net/name.c - names of peers, and the addresses of this machine's interfaces.
 */
#include "net/name.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

static struct address
address_of(const struct sockaddr *from)
{
	struct address a = {0};

	if (from != NULL && from->sa_family == AF_INET) {
		a.family = 4;
		memcpy(a.bytes, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
	} else if (from != NULL && from->sa_family == AF_INET6) {
		a.family = 6;
		memcpy(a.bytes, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
	}
	return address_unmap(a);
}

static void
address_to(const struct address *a, struct sockaddr_storage *out)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	*out = (struct sockaddr_storage){0};
	if (a->family == 4) {
		memcpy(&in.sin_addr, a->bytes, 4);
		memcpy(out, &in, sizeof(in));
		return;
	}
	memcpy(&in6.sin6_addr, a->bytes, 16);
	memcpy(out, &in6, sizeof(in6));
}

struct address
name_peer_address(int fd)
{
	struct sockaddr_storage peer = {0};
	socklen_t length = sizeof(peer);

	if (getpeername(fd, (struct sockaddr *)&peer, &length) < 0)
		return (struct address){.family = ADDRESS_LOST};
	return address_of((const struct sockaddr *)&peer);
}

/* -------------------------------------------------------------------- lookup */

/*
 * libuv gives such requests half of its threads at most: a stranger whose names are answered slowly, or never,
 * holds up nobody's password.
 */
struct name_request {
	uv_getnameinfo_t there;
	uv_getaddrinfo_t back;
	struct name_lookup *lookup; /* borrowed */
};

static void
name_end(struct name_lookup *lookup, bool verified)
{
	if (!verified)
		lookup->name[0] = '\0';
	loop_refresh(lookup->loop);
	lookup->done(lookup);
}

/* The way back: does the name lead to the peer? */
static void
name_came_back(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	struct name_request *r = container_of(request, struct name_request, back);
	struct name_lookup *lookup = r->lookup;
	bool leads = false;

	for (const struct addrinfo *one = status == 0 ? found : NULL; one != NULL && !leads; one = one->ai_next) {
		struct address a = address_of(one->ai_addr);

		leads = address_is_equal(&a, &lookup->peer);
	}
	uv_freeaddrinfo(found);
	free(r);
	name_end(lookup, leads);
}

static void
name_found(uv_getnameinfo_t *request, int status, const char *name, const char *service)
{
	struct name_request *r = container_of(request, struct name_request, there);
	struct name_lookup *lookup = r->lookup;
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

	(void)service;
	if (status == 0 && strlen(name) < sizeof(lookup->name)) {
		memcpy(lookup->name, name, strlen(name) + 1);
		if (uv_getaddrinfo(loop_uv(lookup->loop), &r->back, name_came_back, lookup->name, NULL, &hints) == 0)
			return;
	}
	free(r);
	name_end(lookup, false);
}

static void
name_of_nobody(struct message *m)
{
	struct name_lookup *lookup = container_of(m, struct name_lookup, message);

	lookup->done(lookup);
}

void
name_lookup(struct loop *loop, struct name_lookup *lookup)
{
	struct name_request *r = memory_new(sizeof(*r));
	struct sockaddr_storage peer;

	r->lookup = lookup;
	lookup->loop = loop;
	lookup->name[0] = '\0';
	lookup->peer = address_unmap(lookup->peer);
	address_to(&lookup->peer, &peer);
	if (uv_getnameinfo(loop_uv(loop), &r->there, name_found, (const struct sockaddr *)&peer, NI_NAMEREQD | NI_NUMERICSERV) == 0)
		return;
	/* The connection was reset meanwhile, and the address with it. */
	free(r);
	lookup->message.run = name_of_nobody;
	loop_post(loop, &lookup->message);
}

/* ---------------------------------------------------------------- interfaces */

struct network *
name_list_networks(size_t *count)
{
	struct ifaddrs *all;
	struct network *list = NULL;

	*count = 0;
	if (getifaddrs(&all) < 0)
		return NULL;
	for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
		struct network n = {address_of(one->ifa_addr), address_of(one->ifa_netmask)};

		if ((one->ifa_flags & IFF_UP) == 0 || n.address.family == 0 || n.mask.family != n.address.family)
			continue;
		list = memory_resize(list, (*count + 1) * sizeof(*list));
		list[(*count)++] = n;
	}
	freeifaddrs(all);
	return list;
}
