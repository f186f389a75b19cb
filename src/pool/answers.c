/*
 * pool/answers.c - a ring that grows; a server's ring is as long as the deepest
 * pipeline that it has seen.
 */
#include "pool/answers.h"

#include <stdlib.h>

void
answers_free(struct answers *a)
{
	must(a->count == 0);
	free(a->ring);
	*a = (struct answers){0};
}

static void
answers_grow(struct answers *a)
{
	uint32_t capacity = a->capacity > 0 ? a->capacity * 2 : 16;
	struct answer *ring = memory_array(capacity, sizeof(*ring));

	for (uint32_t i = 0; i < a->count; i++)
		ring[i] = *answers_at(a, i);
	free(a->ring);
	a->ring = ring;
	a->first = 0;
	a->capacity = capacity;
}

struct answer *
answers_push(struct answers *a, enum answer_kind kind, enum answer_way way)
{
	struct answer *made;

	if (a->count == a->capacity)
		answers_grow(a);
	made = answers_at(a, a->count++);
	*made = (struct answer){.kind = (uint8_t)kind, .way = (uint8_t)way};
	return made;
}

struct answer
answers_pop(struct answers *a)
{
	struct answer gone;

	must(a->count > 0);
	gone = *answers_at(a, 0);
	a->first = (a->first + 1) & (a->capacity - 1);
	a->count--;
	return gone;
}

struct answer
answers_pop_last(struct answers *a)
{
	must(a->count > 0);
	return *answers_at(a, --a->count);
}

struct answer *
answers_last(const struct answers *a)
{
	must(a->count > 0);
	return answers_at(a, a->count - 1);
}

bool
answer_is_end(const struct answer *a)
{
	return a->kind == ANSWER_QUERY || a->kind == ANSWER_SYNC || a->kind == ANSWER_FUNCTION;
}

uint32_t
answers_readies(const struct answers *a)
{
	uint32_t readies = 0;

	for (uint32_t i = 0; i < a->count; i++)
		readies += answer_is_end(answers_at(a, i));
	return readies;
}

bool
answers_may_skip(const struct answers *a, uint32_t i)
{
	/* A Close cannot fail. */
	for (; i > 0 && !answer_is_end(answers_at(a, i - 1)); i--)
		if (answers_at(a, i - 1)->kind != ANSWER_CLOSE)
			return true;
	return false;
}
