/*
 * bodies.c - functions whose label is a promise that their body does not keep.
 *
 * Each word is looked up once for each round; a round ends where nothing new was found.
 */
#include "route/bodies.h"

#include <stdlib.h>
#include <string.h>

#define BODY_MOST ((size_t)64 * 1024 * 1024) /* in all; more is taken to mention something */
#define WORD_MOST 63

struct body {
	uint32_t oid;
	char *schema, *name, *source; /* owned */
	size_t length;
	bool is_liar;
};

struct bodies {
	struct body *all; /* owned */
	size_t count, room, bytes;
};

struct bodies *
bodies_new(void)
{
	return memory_new(sizeof(struct bodies));
}

void
bodies_free(struct bodies **bodies)
{
	if (*bodies == NULL)
		return;
	for (size_t i = 0; i < (*bodies)->count; i++) {
		free((*bodies)->all[i].schema);
		free((*bodies)->all[i].name);
		free((*bodies)->all[i].source);
	}
	free((*bodies)->all);
	free(*bodies);
	*bodies = NULL;
}

void
bodies_add(struct bodies *bodies, uint32_t oid, const char *schema, const char *name, const char *source, size_t length)
{
	bool is_kept = length <= BODY_MOST - bodies->bytes;

	if (bodies->count == bodies->room) {
		bodies->room = max_of(bodies->room * 2, (size_t)64);
		bodies->all = memory_resize(bodies->all, bodies->room * sizeof(*bodies->all));
	}
	bodies->all[bodies->count++] = (struct body){.oid = oid,
	    .schema = text_copy(schema),
	    .name = text_copy(name),
	    .source = is_kept ? text_copy_n(source, length) : NULL,
	    .length = length};
	bodies->bytes += is_kept ? length : 0;
}

static bool
is_word_part(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || c >= 128;
}

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == '"';
}

/* Is the word that ends at AT unsafe?  What follows tells a call. */
static bool
word_is_unsafe(const struct catalog_facts *facts, const char *read_functions, const char *word, const char *at, const char *end)
{
	struct facts_mention mention = {.place = FACTS_RELATION, .name = word, .read_functions = read_functions, .exact_encoding = true};

	if (!facts_has_name(facts, word))
		return false;
	if (facts_is_unsafe(facts, &mention))
		return true;
	while (at < end && is_blank(*at))
		at++;
	mention.place = at < end && *at == '(' ? FACTS_CALL : FACTS_TYPE;
	return facts_is_unsafe(facts, &mention);
}

static bool
body_mentions_unsafe(const struct body *b, const struct catalog_facts *facts, const char *read_functions)
{
	const char *at = b->source, *end = at + b->length;
	char word[WORD_MOST + 1];

	if (b->source == NULL)
		return true;
	while (at < end) {
		size_t length = 0;

		while (at < end && !is_word_part((unsigned char)*at))
			at++;
		for (; at < end && is_word_part((unsigned char)*at); at++, length++)
			if (length < WORD_MOST)
				word[length] = (char)(*at >= 'A' && *at <= 'Z' ? *at | 0x20 : *at);
		word[min_of(length, (size_t)WORD_MOST)] = '\0';
		if (length > 0 && word_is_unsafe(facts, read_functions, word, at, end))
			return true;
	}
	return false;
}

static bool
body_is_found(struct body *b, struct catalog_facts *facts, const char *read_functions)
{
	struct facts_mention own = {.place = FACTS_CALL, .schema = b->schema, .name = b->name, .exact_encoding = true};

	if (b->is_liar || facts_pattern_matches(read_functions, b->schema, b->name))
		return false;
	b->is_liar = body_mentions_unsafe(b, facts, read_functions);
	if (!b->is_liar || facts_is_unsafe(facts, &own))
		return false;
	facts_add(facts, 'f', b->schema, b->name, true);
	return true;
}

void
bodies_find_liars(const struct bodies *bodies, struct catalog_facts *facts, const char *read_functions, struct bytes *oids)
{
	bool found = facts_everything_unsafe(facts) == NULL;

	for (size_t i = 0; i < bodies->count; i++)
		bodies->all[i].is_liar = false;
	while (found) {
		found = false;
		for (size_t i = 0; i < bodies->count; i++)
			found |= body_is_found(&bodies->all[i], facts, read_functions);
	}
	for (size_t i = 0; i < bodies->count; i++)
		if (bodies->all[i].is_liar)
			bytes_format(oids, "%s%u", oids->length > 0 ? "," : "", bodies->all[i].oid);
}
