/*
 * cluster/addresses.c - look-ups in libuv's thread pool.
 */
#include "cluster/addresses.h"

#include <netdb.h>
#include <stdlib.h>
#include <uv.h>

#include "base/bytes.h"
#include "net/loop.h"

#define ADDRESSES_MOST 8

struct lookup {
	uv_getaddrinfo_t request;
	struct addresses *of; /* borrowed; NULL when nobody wants it any more */
};

struct addresses {
	struct loop *loop; /* borrowed */
	char *host;	   /* owned */
	void (*done)(void *user, const char *problem);
	void *user;	       /* borrowed */
	struct lookup *lookup; /* owned until its callback */
	char *names;	       /* owned; the host's name once for each address */
	char *numbers;	       /* owned; comma-separated: the last ones that were found */
};

struct addresses *
addresses_new(struct loop *loop, const char *host, void (*done)(void *user, const char *problem), void *user)
{
	struct addresses *a = memory_new(sizeof(*a));

	a->loop = loop;
	a->host = text_copy(host);
	a->done = done;
	a->user = user;
	return a;
}

void
addresses_free(struct addresses *a)
{
	if (a->lookup != NULL)
		a->lookup->of = NULL;
	free(a->names);
	free(a->numbers);
	free(a->host);
	free(a);
}

bool
addresses_are_needed(const struct addresses *a)
{
	struct sockaddr_storage ignored;

	if (a->host[0] == '/' || a->host[0] == '@')
		return false;
	return uv_ip4_addr(a->host, 0, (struct sockaddr_in *)&ignored) != 0 &&
	    uv_ip6_addr(a->host, 0, (struct sockaddr_in6 *)&ignored) != 0;
}

const char *
addresses_numbers(const struct addresses *a)
{
	return a->numbers;
}

const char *
addresses_names(const struct addresses *a)
{
	return a->names;
}

static void
addresses_keep(struct addresses *a, const struct addrinfo *found)
{
	struct bytes names = {0}, numbers = {0};
	char numeric[64];

	for (unsigned n = 0; found != NULL && n < ADDRESSES_MOST; found = found->ai_next, n++) {
		if (getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof(numeric), NULL, 0, NI_NUMERICHOST) !=
		    0)
			continue;
		bytes_format(&names, "%s%s", names.length > 0 ? "," : "", a->host);
		bytes_format(&numbers, "%s%s", numbers.length > 0 ? "," : "", numeric);
	}
	if (numbers.length > 0) {
		free(a->names);
		free(a->numbers);
		a->names = bytes_take(&names);
		a->numbers = bytes_take(&numbers);
	}
	bytes_free(&names);
	bytes_free(&numbers);
}

static void
addresses_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	struct lookup *lookup = container_of(request, struct lookup, request);
	struct addresses *a = lookup->of;

	free(lookup);
	if (a != NULL) {
		a->lookup = NULL;
		addresses_keep(a, status == 0 ? found : NULL);
	}
	uv_freeaddrinfo(found);
	if (a != NULL)
		a->done(a->user, status == 0 ? NULL : uv_strerror(status));
}

const char *
addresses_look_up(struct addresses *a)
{
	static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	int result;

	if (a->lookup != NULL)
		return NULL;
	a->lookup = memory_new(sizeof(*a->lookup));
	a->lookup->of = a;
	result = uv_getaddrinfo(loop_uv(a->loop), &a->lookup->request, addresses_found, a->host, NULL, &hints);
	if (result == 0)
		return NULL;
	free(a->lookup);
	a->lookup = NULL;
	return uv_strerror(result);
}
