/*
 * session/lookup_cache.c - answers of auth_query, kept for auth_query_cache_ttl.
 *
 * Each worker has its own, for the users that it looks up, so there is no lock.  A
 * bound on its bytes holds, whatever names strangers think of: the oldest answer goes.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/crypto.h"
#include "session/lookup_private.h"

#define LOOKUP_CACHE_BYTES ((size_t)4 * 1024 * 1024)

struct cached {
	UT_hash_handle hh;
	struct list age;       /* in cache.oldest */
	struct lookup_key key;
	struct lookup_era era;
	int64_t due_us;
	char *secret;          /* owned, wiped; NULL: there is no such user */
	size_t size;
};

struct lookup_cache {
	struct cached *entries; /* uthash by key */
	struct list oldest;
	size_t size;
};

struct lookup_cache *
lookup_cache_new(void)
{
	struct lookup_cache *c = memory_new(sizeof(*c));

	list_init(&c->oldest);
	return c;
}

static void
cached_remove(struct lookup_cache *c, struct cached *e)
{
	HASH_DEL(c->entries, e);
	list_remove(&e->age);
	c->size -= e->size;
	crypto_wipe_text(e->secret);
	lookup_key_free(&e->key);
	free(e);
}

void
lookup_cache_free(struct lookup_cache *c)
{
	list_for_each_safe(node, &c->oldest)
		cached_remove(c, list_entry(node, struct cached, age));
	free(c);
}

static struct cached *
cached_find(struct lookup_cache *c, const struct lookup_key *key)
{
	struct cached *e;

	HASH_FIND(hh, c->entries, key->bytes, key->length, e);
	return e;
}

bool
lookup_cache_get(struct lookup_cache *c, const struct lookup_key *key, struct lookup_era era, int64_t now_us, const char **secret)
{
	struct cached *e = cached_find(c, key);

	if (e == NULL)
		return false;
	if (now_us >= e->due_us || era.snapshot != e->era.snapshot || era.epoch != e->era.epoch) {
		cached_remove(c, e);
		return false;
	}
	*secret = e->secret;
	return true;
}

void
lookup_cache_drop(struct lookup_cache *c, const struct lookup_key *key)
{
	struct cached *e = cached_find(c, key);

	if (e != NULL)
		cached_remove(c, e);
}

void
lookup_cache_put(struct lookup_cache *c, const struct lookup_key *key, struct lookup_era era, int64_t due_us, const char *secret)
{
	struct cached *e = memory_new(sizeof(*e));

	lookup_cache_drop(c, key);
	e->key = lookup_key_copy(key);
	e->era = era;
	e->due_us = due_us;
	e->secret = text_copy(secret);
	e->size = sizeof(*e) + key->length + (secret != NULL ? strlen(secret) : 0);
	HASH_ADD_KEYPTR(hh, c->entries, e->key.bytes, e->key.length, e);
	list_push_back(&c->oldest, &e->age);
	c->size += e->size;
	while (c->size > LOOKUP_CACHE_BYTES)
		cached_remove(c, list_entry(list_first(&c->oldest), struct cached, age));
}
