/*
 * pool/dethrone.c - a former primary is not written to any more, not even by those who
 * have one of its servers in use.
 *
 *   cluster changed ──▶ every worker: its servers in use there ──▶ their sockets are shut
 *
 * A transaction that was begun before the failover, and a session that is pinned, would
 * write on where nobody looks any more; and who waits for a frozen host would wait for
 * ever.  To its borrower it is a server that was lost.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "observe/log.h"
#include "pool/hub_private.h"
#include "pool/pool_private.h"

struct dethroned_message {
	struct message message;
	struct pool *pool;
	struct cluster *cluster; /* a reference */
	uint32_t hosts;
};

static void
server_shut(struct server *s)
{
	char who[256];

	server_describe(s, who, sizeof(who));
	log_info(who, "is in use on a host that is not the primary any more, and is cut off");
	shutdown(s->stream.fd, SHUT_RDWR);
}

static void
pool_shut_dethroned(struct message *m)
{
	struct dethroned_message *d = container_of(m, struct dethroned_message, message);

	list_for_each_safe(node, &d->pool->servers) {
		struct server *s = list_entry(node, struct server, all);

		if (s->cluster == d->cluster && (d->hosts & 1u << s->host) != 0 && s->use == USE_LENT)
			server_shut(s);
	}
	cluster_unref(d->cluster);
	free(d);
}

void
hub_shut_dethroned(struct hub *h, struct cluster *c)
{
	uint32_t hosts = cluster_dethroned(c);

	for (unsigned w = 0; w < hub_worker_count(h) && hosts != 0; w++) {
		struct dethroned_message *d = memory_new(sizeof(*d));

		d->message.run = pool_shut_dethroned;
		d->pool = hub_pool(h, w);
		d->cluster = cluster_ref(c);
		d->hosts = hosts;
		loop_post(d->pool->loop, &d->message);
	}
}
