/*
 * pool/part.c - one worker's part of the pool: made and freed, and what it knows of
 * the configuration.
 */
#include <stdlib.h>

#include "pool/pool_private.h"

struct pool *
pool_new(struct hub *hub, struct loop *loop, struct tls_set *tls)
{
	struct pool *p = memory_new(sizeof(*p));

	p->hub = hub;
	p->loop = loop;
	p->number = loop_number(loop);
	p->snapshot = hub_snapshot(hub);
	p->tls = tls;
	list_init(&p->servers);
	list_init(&p->cancels);
	return p;
}

void
pool_free(struct pool *p)
{
	must(list_is_empty(&p->servers));
	snapshot_unref(p->snapshot);
	tls_set_unref(p->tls);
	free(p);
}

struct loop *
pool_loop(const struct pool *p)
{
	return p->loop;
}

struct hub *
pool_hub(const struct pool *p)
{
	return p->hub;
}

unsigned
pool_number(const struct pool *p)
{
	return p->number;
}

struct list *
pool_servers(struct pool *p)
{
	return &p->servers;
}

struct snapshot *
pool_snapshot(const struct pool *p)
{
	return p->snapshot;
}

struct tls_set *
pool_tls(const struct pool *p)
{
	return p->tls;
}

static const struct database_config *
pool_database_of(const struct pool *p, const struct ledger *l)
{
	return snapshot_database(p->snapshot, l->name);
}

struct tls_context *
pool_tls_of(const struct pool *p, const struct ledger *l)
{
	return tls_set_connect(p->tls, p->snapshot, pool_database_of(p, l));
}

bool
pool_tls_is_direct(const struct pool *p, const struct ledger *l)
{
	return snapshot_server_tls(p->snapshot, pool_database_of(p, l)).sslnegotiation == TLS_DIRECT;
}
