/*
 * The cache of derived keys: it finds what was put, forgets the longest unused,
 * and bears threads.
 */
#include "auth/keycache.h"

#include <pthread.h>

#include "test.h"

static struct scram_keys
keys_numbered(int number)
{
	struct scram_keys keys = {.has_client_key = true, .salt_length = sizeof(number), .iterations = 4096};

	memcpy(keys.salt, &number, sizeof(number));
	memcpy(keys.client_key, &number, sizeof(number));
	return keys;
}

static bool
same_keys(const struct scram_keys *a, const struct scram_keys *b)
{
	return memcmp(a->client_key, b->client_key, sizeof(a->client_key)) == 0 && a->salt_length == b->salt_length &&
	    memcmp(a->salt, b->salt, sizeof(a->salt)) == 0 && a->iterations == b->iterations &&
	    a->has_client_key == b->has_client_key;
}

static bool
is_cached(const char *password, int number)
{
	struct scram_keys wanted = keys_numbered(number), found;

	return keycache_get(password, wanted.salt, wanted.salt_length, wanted.iterations, &found) &&
	    same_keys(&found, &wanted);
}

TEST("keys are found by password, salt and iterations, and by nothing less")
{
	struct scram_keys keys = keys_numbered(1), found = {0};

	keycache_clear();
	keycache_put("pencil", &keys);

	expect(keycache_get("pencil", keys.salt, keys.salt_length, 4096, &found));
	expect(same_keys(&found, &keys));
	expect_false(keycache_get("pencil", keys.salt, keys.salt_length, 4097, &found));
	expect_false(keycache_get("pencil", keys.salt, keys.salt_length - 1, 4096, &found));
	expect_false(keycache_get("pencils", keys.salt, keys.salt_length, 4096, &found));
	expect_false(is_cached("pencil", 2));
}

TEST("the cache is bounded and forgets the longest unused")
{
	keycache_clear();
	for (int i = 0; i < KEYCACHE_LIMIT; i++) {
		struct scram_keys keys = keys_numbered(i);

		keycache_put("pencil", &keys);
	}
	expect(is_cached("pencil", 0));

	for (int i = KEYCACHE_LIMIT; i < KEYCACHE_LIMIT + 10; i++) {
		struct scram_keys keys = keys_numbered(i);

		keycache_put("pencil", &keys);
	}

	expect_int(keycache_count(), KEYCACHE_LIMIT);
	expect(is_cached("pencil", 0));
	expect_false(is_cached("pencil", 1));
	expect_false(is_cached("pencil", 10));
	expect(is_cached("pencil", 11));
}

TEST("putting the same keys twice keeps one entry")
{
	struct scram_keys keys = keys_numbered(7);

	keycache_clear();
	keycache_put("pencil", &keys);
	keycache_put("pencil", &keys);

	expect_int(keycache_count(), 1);
}

TEST("an oversized salt is simply not there")
{
	uint8_t salt[SCRAM_SALT_MAX + 1] = {0};
	struct scram_keys found;

	expect_false(keycache_get("pencil", salt, sizeof(salt), 4096, &found));
}

TEST("the salt for a plain password is the same every time, and another for another user or password")
{
	uint8_t first[KEYCACHE_SALT_LENGTH], second[KEYCACHE_SALT_LENGTH];

	keycache_salt("ann", "pencil", first);
	keycache_salt("ann", "pencil", second);
	expect(memcmp(first, second, sizeof(first)) == 0);
	keycache_salt("bob", "pencil", second);
	expect(memcmp(first, second, sizeof(first)) != 0);
	keycache_salt("ann", "pencils", second);
	expect(memcmp(first, second, sizeof(first)) != 0);
	keycache_salt("annp", "encil", second);
	expect(memcmp(first, second, sizeof(first)) != 0);
}

static void *
put_and_get(void *argument)
{
	uintptr_t wrong = 0;
	int start = *(int *)argument;

	for (int i = 0; i < 3000; i++) {
		struct scram_keys keys = keys_numbered(start + i % 700), found;

		keycache_put("pencil", &keys);
		if (keycache_get("pencil", keys.salt, keys.salt_length, keys.iterations, &found) &&
		    !same_keys(&found, &keys))
			wrong++;
	}
	return (void *)wrong;
}

TEST("threads that put, get and evict at once never see each other's keys")
{
	pthread_t threads[4];
	int starts[4];
	void *wrong;

	keycache_clear();
	for (int i = 0; i < 4; i++) {
		starts[i] = i * 350;
		expect_int(pthread_create(&threads[i], NULL, put_and_get, &starts[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &wrong);
		expect(wrong == NULL);
	}
	expect_int(keycache_count(), KEYCACHE_LIMIT);
	keycache_clear();
	expect_int(keycache_count(), 0);
}
