/*
 * base/memory.c - memory and plain text.  Running out of memory is not a state
 * that a pooler can serve in: it says so and ends.
 */
#include "base/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/bytes.h"

void
must_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "pgweir: bug at %s:%d: %s\n", file, line, condition);
	abort();
}

static void *
memory_checked(void *p, size_t size)
{
	if (p == NULL && size > 0) {
		fprintf(stderr, "pgweir: out of memory (%zu bytes wanted)\n", size);
		abort();
	}
	return p;
}

void *
memory_new(size_t size)
{
	return memory_checked(calloc(1, size), size);
}

void *
memory_array(size_t count, size_t size)
{
	must(size == 0 || count <= SIZE_MAX / size);
	return memory_checked(calloc(count, size), count * size);
}

void *
memory_resize(void *old, size_t size)
{
	return memory_checked(realloc(old, size), size);
}

void *
memory_copy(const void *bytes, size_t size)
{
	void *p = memory_checked(malloc(size > 0 ? size : 1), size);

	if (size > 0)
		memcpy(p, bytes, size);
	return p;
}

char *
text_copy(const char *text)
{
	return text == NULL ? NULL : memory_copy(text, strlen(text) + 1);
}

char *
text_copy_n(const char *bytes, size_t length)
{
	char *p = memory_checked(malloc(length + 1), length + 1);

	if (length > 0)
		memcpy(p, bytes, length);
	p[length] = '\0';
	return p;
}

char *
text_format(const char *format, ...)
{
	struct bytes b = {0};
	va_list args;

	va_start(args, format);
	bytes_vformat(&b, format, args);
	va_end(args);
	return bytes_take(&b);
}

bool
text_equal(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool
text_equal_nocase(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcasecmp(a, b) == 0);
}

bool
text_starts_nocase(const char *text, const char *prefix)
{
	return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/* The optimal string alignment distance, over names short enough for a table on the stack. */
unsigned
text_distance(const char *a, const char *b)
{
	enum { LONGEST = 63 };
	unsigned cost[LONGEST + 1][LONGEST + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > LONGEST || lb > LONGEST)
		return 99;
	for (size_t i = 0; i <= la; i++)
		cost[i][0] = (unsigned)i;
	for (size_t j = 0; j <= lb; j++)
		cost[0][j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		for (size_t j = 1; j <= lb; j++) {
			unsigned differs = a[i - 1] != b[j - 1];
			unsigned best = min_of(cost[i - 1][j] + 1, cost[i][j - 1] + 1);

			best = min_of(best, cost[i - 1][j - 1] + differs);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = min_of(best, cost[i - 2][j - 2] + 1);
			cost[i][j] = best;
		}
	}
	return cost[la][lb];
}

/* ------------------------------------------------------------ keyed hash */

static uint64_t hash_key[2];

static void __attribute__((constructor))
hash_key_init(void)
{
	if (getrandom(hash_key, sizeof(hash_key), 0) != (ssize_t)sizeof(hash_key)) {
		hash_key[0] = (uint64_t)getpid() * 0x9e3779b97f4a7c15u;
		hash_key[1] = (uint64_t)(uintptr_t)&hash_key;
	}
	hash_key[0] |= 1;
}

/* A folded 128-bit multiplication: every bit of both sides reaches every bit of the answer. */
uint64_t
hash_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t
hash_bytes(const void *bytes, size_t length)
{
	const unsigned char *p = bytes;
	uint64_t h = hash_key[0] ^ length;
	uint64_t word;

	for (; length >= 8; length -= 8, p += 8) {
		memcpy(&word, p, 8);
		h = hash_mix(h ^ word, hash_key[1] ^ 0xa0761d6478bd642fu);
	}
	word = 0;
	if (length > 0)
		memcpy(&word, p, length);
	h = hash_mix(h ^ word, hash_key[1] ^ 0xe7037ed1a0b428dbu);
	return hash_mix(h ^ 0x8ebc6af09c88c6e3u, hash_key[0]);
}
