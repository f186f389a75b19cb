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

static socklen_t
address_to(const struct address *a, struct sockaddr_storage *out)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	*out = (struct sockaddr_storage){0};
	if (a->family == 4) {
		memcpy(&in.sin_addr, a->bytes, 4);
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	memcpy(&in6.sin6_addr, a->bytes, 16);
	memcpy(out, &in6, sizeof(in6));
	return sizeof(in6);
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

/* True when looking NAME up leads to PEER. */
static bool
name_leads_to(const char *name, const struct address *peer)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found;
	bool leads = false;

	if (getaddrinfo(name, NULL, &hints, &found) != 0)
		return false;
	for (const struct addrinfo *one = found; one != NULL && !leads; one = one->ai_next) {
		struct address a = address_of(one->ai_addr);

		leads = address_is_equal(&a, peer);
	}
	freeaddrinfo(found);
	return leads;
}

static void
name_work(struct job *job)
{
	struct name_lookup *lookup = container_of(job, struct name_lookup, job);
	struct sockaddr_storage peer;
	socklen_t length = address_to(&lookup->peer, &peer);

	if (lookup->peer.family == 0 || getnameinfo((const struct sockaddr *)&peer, length, lookup->name,
					   sizeof(lookup->name), NULL, 0, NI_NAMEREQD) != 0)
		lookup->name[0] = '\0';
	else if (!name_leads_to(lookup->name, &lookup->peer))
		lookup->name[0] = '\0';
}

static void
name_done(struct job *job)
{
	struct name_lookup *lookup = container_of(job, struct name_lookup, job);

	lookup->done(lookup);
}

void
name_lookup(struct loop *loop, struct name_lookup *lookup)
{
	lookup->peer = address_unmap(lookup->peer);
	lookup->job = (struct job){.work = name_work, .done = name_done};
	loop_work(loop, &lookup->job);
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
