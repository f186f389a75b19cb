/*
 * pool/backend.c - a table of all servers by their process ids.
 *
 * It is looked at once for each notification, so one mutex does.  Who holds a server
 * is an atomic word of the server itself, written at each lend without a lock.
 */
#include "pool/backend.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static pthread_mutex_t backend_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct list buckets[256]; /* of server.backends */

static struct list *
backend_bucket_locked(uint32_t pid)
{
	struct list *bucket = &buckets[hash_mix(pid, 0) % array_length(buckets)];

	if (bucket->next == NULL)
		list_init(bucket);
	return bucket;
}

void
backend_add(struct server *s)
{
	pthread_mutex_lock(&backend_mutex);
	list_push_back(backend_bucket_locked(s->backend_pid), &s->backends);
	pthread_mutex_unlock(&backend_mutex);
}

void
backend_remove(struct server *s)
{
	pthread_mutex_lock(&backend_mutex);
	list_remove(&s->backends);
	pthread_mutex_unlock(&backend_mutex);
}

uint32_t
backend_holder(const struct endpoint *host, uint32_t pid)
{
	uint32_t holder = 0;

	pthread_mutex_lock(&backend_mutex);
	list_for_each(node, backend_bucket_locked(pid)) {
		struct server *s = list_entry(node, struct server, backends);

		if (s->backend_pid == pid && s->peer.port == host->port && strcmp(s->peer.host, host->host) == 0)
			holder = atomic_load_explicit(&s->holder, memory_order_acquire);
	}
	pthread_mutex_unlock(&backend_mutex);
	return holder != 0 ? holder : pid;
}
