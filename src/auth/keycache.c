/*
 * auth/keycache.c - a bounded table of derived keys with a list by last use.
 * The one piece of this layer that is shared by threads.
 */
#include "auth/keycache.h"

#include <endian.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "auth/crypto.h"
#include "base/list.h"
#include "base/map.h"

struct keycache_entry {
	uint8_t name[CRYPTO_SHA256_LENGTH];
	struct scram_keys keys;
	struct list by_use; /* in cache.by_use, most recent first */
	UT_hash_handle hh;
};

static struct {
	pthread_mutex_t lock;
	struct keycache_entry *entries; /* owned */
	struct list by_use;
	uint8_t name_secret[CRYPTO_SHA256_LENGTH];
	uint8_t salt_secret[CRYPTO_SHA256_LENGTH];
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static pthread_once_t keycache_once = PTHREAD_ONCE_INIT;

static void
keycache_start(void)
{
	list_init(&cache.by_use);
	must(crypto_random(cache.name_secret, sizeof(cache.name_secret)));
	must(crypto_random(cache.salt_secret, sizeof(cache.salt_secret)));
}

static void
keycache_lock(void)
{
	must(pthread_once(&keycache_once, keycache_start) == 0);
	must(pthread_mutex_lock(&cache.lock) == 0);
}

static void
keycache_unlock(void)
{
	must(pthread_mutex_unlock(&cache.lock) == 0);
}

/* HMAC under a key that is itself the password's HMAC: no text has to be joined, so none can be shifted. */
static void
keycache_hash(const uint8_t secret[CRYPTO_SHA256_LENGTH], const char *password, const void *rest, size_t length,
    uint8_t out[CRYPTO_SHA256_LENGTH])
{
	uint8_t key[CRYPTO_SHA256_LENGTH];

	crypto_hmac(secret, CRYPTO_SHA256_LENGTH, password, strlen(password), key);
	crypto_hmac(key, sizeof(key), rest, length, out);
	crypto_wipe(key, sizeof(key));
}

static void
keycache_name(
    const char *password, const uint8_t *salt, size_t salt_length, int iterations, uint8_t out[CRYPTO_SHA256_LENGTH])
{
	uint8_t rest[SCRAM_SALT_MAX + sizeof(uint32_t)];
	uint32_t number = htobe32((uint32_t)iterations);

	must(pthread_once(&keycache_once, keycache_start) == 0);
	memcpy(rest, &number, sizeof(number));
	memcpy(rest + sizeof(number), salt, salt_length);
	keycache_hash(cache.name_secret, password, rest, sizeof(number) + salt_length, out);
}

/* With the lock held. */
static struct keycache_entry *
keycache_find(const uint8_t name[CRYPTO_SHA256_LENGTH])
{
	struct keycache_entry *entry;

	HASH_FIND(hh, cache.entries, name, CRYPTO_SHA256_LENGTH, entry);
	if (entry == NULL)
		return NULL;
	list_remove(&entry->by_use);
	list_push_front(&cache.by_use, &entry->by_use);
	return entry;
}

/* With the lock held. */
static void
keycache_drop_oldest(void)
{
	struct keycache_entry *entry = list_entry(list_last(&cache.by_use), struct keycache_entry, by_use);

	list_remove(&entry->by_use);
	HASH_DEL(cache.entries, entry);
	crypto_wipe(entry, sizeof(*entry));
	free(entry);
}

/* With the lock held. */
static void
keycache_insert(const uint8_t name[CRYPTO_SHA256_LENGTH], const struct scram_keys *keys)
{
	struct keycache_entry *entry = memory_new(sizeof(*entry));

	memcpy(entry->name, name, sizeof(entry->name));
	entry->keys = *keys;
	list_push_front(&cache.by_use, &entry->by_use);
	HASH_ADD(hh, cache.entries, name, sizeof(entry->name), entry);
	if (HASH_COUNT(cache.entries) > KEYCACHE_LIMIT)
		keycache_drop_oldest();
}

bool
keycache_get(const char *password, const uint8_t *salt, size_t salt_length, int iterations, struct scram_keys *out)
{
	uint8_t name[CRYPTO_SHA256_LENGTH];
	struct keycache_entry *entry;

	if (salt_length > SCRAM_SALT_MAX)
		return false;
	keycache_name(password, salt, salt_length, iterations, name);
	keycache_lock();
	entry = keycache_find(name);
	if (entry != NULL)
		*out = entry->keys;
	keycache_unlock();
	return entry != NULL;
}

void
keycache_put(const char *password, const struct scram_keys *keys)
{
	uint8_t name[CRYPTO_SHA256_LENGTH];
	struct keycache_entry *entry;

	must(keys->salt_length <= SCRAM_SALT_MAX);
	keycache_name(password, keys->salt, keys->salt_length, keys->iterations, name);
	keycache_lock();
	entry = keycache_find(name);
	if (entry != NULL)
		entry->keys = *keys;
	else
		keycache_insert(name, keys);
	keycache_unlock();
}

void
keycache_salt(const char *user, const char *password, uint8_t out[KEYCACHE_SALT_LENGTH])
{
	uint8_t sum[CRYPTO_SHA256_LENGTH];

	must(pthread_once(&keycache_once, keycache_start) == 0);
	keycache_hash(cache.salt_secret, password, user, strlen(user), sum);
	memcpy(out, sum, KEYCACHE_SALT_LENGTH);
}

void
keycache_clear(void)
{
	keycache_lock();
	while (!list_is_empty(&cache.by_use))
		keycache_drop_oldest();
	keycache_unlock();
}

size_t
keycache_count(void)
{
	size_t count;

	keycache_lock();
	count = HASH_COUNT(cache.entries);
	keycache_unlock();
	return count;
}
