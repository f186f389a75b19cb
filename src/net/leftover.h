/*
 * net/leftover.h - bytes that wait: those that a stream's user has not consumed yet, and
 * those that the kernel has not taken yet.
 *
 * Most streams have none most of the time, so a leftover is a pointer that is NULL while
 * nothing waits, and one piece of memory while something does.
 */
#ifndef PGWEIR_NET_LEFTOVER_H
#define PGWEIR_NET_LEFTOVER_H

#include "base/base.h"

struct leftover {
	size_t at;   /* what is in front of it is done with */
	size_t end;
	size_t room;
	char bytes[];
};

static inline size_t
leftover_length(const struct leftover *b)
{
	return b != NULL ? b->end - b->at : 0;
}

/* Borrowed until the leftover changes; it is not NULL. */
static inline char *
leftover_bytes(struct leftover *b)
{
	return b->bytes + b->at;
}

/* Room for MORE bytes behind the end, and that place; what is written there counts with leftover_grow. */
char *leftover_reserve(struct leftover **b, size_t more);
void leftover_grow(struct leftover *b, size_t length);
void leftover_append(struct leftover **b, const void *bytes, size_t length);
/* Drops the first LENGTH bytes; one that is empty is freed. */
void leftover_consume(struct leftover **b, size_t length);
void leftover_free(struct leftover **b);

#endif
