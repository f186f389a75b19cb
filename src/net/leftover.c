/*
 * net/leftover.c - bytes that wait for somebody to take them; see leftover.h.
 */
#include "net/leftover.h"

#include <stdlib.h>
#include <string.h>

#define LEFTOVER_LEAST ((size_t)64)

char *
leftover_reserve(struct leftover **b, size_t more)
{
	struct leftover *old = *b;
	size_t length = leftover_length(old), room;

	if (old != NULL && old->at > 0) {
		memmove(old->bytes, old->bytes + old->at, length);
		old->at = 0;
		old->end = length;
	}
	if (old == NULL || more > old->room - length) {
		must(length + more >= more);
		room = max_of(max_of(length + more, old != NULL ? 2 * old->room : 0), LEFTOVER_LEAST);
		*b = memory_resize(old, sizeof(**b) + room);
		(*b)->at = 0;
		(*b)->end = length;
		(*b)->room = room;
	}
	return (*b)->bytes + length;
}

void
leftover_grow(struct leftover *b, size_t length)
{
	must(length <= b->room - b->end);
	b->end += length;
}

void
leftover_append(struct leftover **b, const void *bytes, size_t length)
{
	if (length == 0)
		return;
	memcpy(leftover_reserve(b, length), bytes, length);
	leftover_grow(*b, length);
}

void
leftover_consume(struct leftover **b, size_t length)
{
	must(length <= leftover_length(*b));
	if (length == leftover_length(*b))
		leftover_free(b);
	else
		(*b)->at += length;
}

void
leftover_free(struct leftover **b)
{
	free(*b);
	*b = NULL;
}
