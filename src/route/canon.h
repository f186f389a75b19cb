/*
 * canon.h - private to src/route: the canonical bytes of a statement, hashed as
 * they come, in 128 bits, through a small buffer on the stack.
 *
 * The hash is keyed per process, so that nobody can prepare two texts that
 * share a verdict.  Two lanes of 64-bit multiply-and-fold; no allocation.
 */
#ifndef PGWEIR_SRC_ROUTE_CANON_H
#define PGWEIR_SRC_ROUTE_CANON_H

#include "base/base.h"

#include <string.h>

#define CANON_ROOM 512
#define CANON_BLOCK 16

struct canon {
	const uint64_t *key; /* borrowed, four words */
	uint64_t lane[2];
	uint64_t total;      /* bytes that left the buffer */
	size_t used;
	unsigned char buffer[CANON_ROOM + CANON_BLOCK]; /* behind the room, zeroes that fill the last block */
};

static inline uint64_t
canon_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline void
canon_absorb(struct canon *c, const unsigned char *block)
{
	uint64_t a, b;

	memcpy(&a, block, sizeof(a));
	memcpy(&b, block + sizeof(a), sizeof(b));
	c->lane[0] = canon_fold(a ^ c->key[0], b ^ c->lane[0]);
	c->lane[1] = canon_fold(b ^ c->key[1], a ^ c->lane[1]);
}

/* Hashes whole blocks and keeps the rest at the buffer's start. */
static inline void
canon_flush(struct canon *c)
{
	size_t whole = c->used - c->used % CANON_BLOCK;

	for (size_t i = 0; i < whole; i += CANON_BLOCK)
		canon_absorb(c, c->buffer + i);
	memmove(c->buffer, c->buffer + whole, c->used - whole);
	c->used -= whole;
	c->total += whole;
}

static inline void
canon_begin(struct canon *c, const uint64_t key[4])
{
	c->key = key;
	c->lane[0] = key[2];
	c->lane[1] = key[3];
	c->total = 0;
	c->used = 0;
}

/* A place for up to ROOM contiguous bytes (at most CANON_ROOM less a block); the caller adds to used what it wrote. */
static inline unsigned char *
canon_reserve(struct canon *c, size_t room)
{
	if (CANON_ROOM - c->used < room)
		canon_flush(c);
	return c->buffer + c->used;
}

static inline void
canon_byte(struct canon *c, unsigned char byte)
{
	*canon_reserve(c, 1) = byte;
	c->used++;
}

static inline void
canon_bytes(struct canon *c, const unsigned char *bytes, size_t length)
{
	while (length > 0) {
		size_t part = min_of(length, (size_t)(CANON_ROOM / 2));

		memcpy(canon_reserve(c, part), bytes, part);
		c->used += part;
		bytes += part;
		length -= part;
	}
}

static inline void
canon_end(struct canon *c, uint64_t hash[2])
{
	uint64_t length = c->total + c->used;

	memset(c->buffer + c->used, 0, CANON_BLOCK);
	for (size_t i = 0; i <= c->used; i += CANON_BLOCK)
		canon_absorb(c, c->buffer + i);
	hash[0] = canon_fold(c->lane[0] ^ c->key[1], length ^ c->key[3]);
	hash[1] = canon_fold(c->lane[1] ^ c->key[0], length ^ c->key[2]);
}

/* Four words, the same for all threads of the process; each thread derives them once. */
const uint64_t *canon_key(void);

#endif
