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

static bool
is_operator_part(char c)
{
	return c != '\0' && strchr("+-*/<>=~!@#%^&|`?", c) != NULL;
}

/* Where a body is being read, and whether it is still in order. */
struct reading {
	const struct catalog_facts *facts;
	const char *read_functions;
	const char *start, *at, *end;
	bool is_catalog; /* the word before the point was pg_catalog */
};

/* What stands in front of a word that begins at WORD: a call in attribute notation has no parenthesis behind it. */
static enum facts_place
place_of_word(const struct reading *r, const char *word)
{
	const char *behind = r->at;

	while (behind < r->end && is_blank(*behind))
		behind++;
	if (behind < r->end && *behind == '(')
		return FACTS_CALL;
	while (word > r->start && is_blank(word[-1]))
		word--;
	if (word == r->start || word[-1] != '.')
		return FACTS_TYPE;
	for (word--; word > r->start && is_blank(word[-1]);)
		word--;
	return word > r->start && (word[-1] == ')' || word[-1] == ']') ? FACTS_MEMBER : FACTS_ATTRIBUTE;
}

/* Is NAME, which begins at WORD and ends where the reading is, unsafe? */
static bool
name_is_unsafe(struct reading *r, const char *name, const char *word)
{
	struct facts_mention mention = {
	    .place = FACTS_RELATION, .name = name, .read_functions = r->read_functions, .exact_encoding = true};

	mention.schema = r->is_catalog ? "pg_catalog" : NULL;
	r->is_catalog = strcmp(name, "pg_catalog") == 0 && r->at < r->end && *r->at == '.';
	if (!facts_has_name(r->facts, name))
		return false;
	if (facts_is_unsafe(r->facts, &mention))
		return true;
	mention.place = place_of_word(r, word);
	return facts_is_unsafe(r->facts, &mention);
}

static bool
word_is_unsafe(struct reading *r)
{
	const char *start = r->at;
	char word[WORD_MOST + 1];
	size_t length = 0;

	for (; r->at < r->end && is_word_part((unsigned char)*r->at); r->at++, length++)
		if (length < WORD_MOST)
			word[length] = (char)(*r->at >= 'A' && *r->at <= 'Z' ? *r->at | 0x20 : *r->at);
	word[min_of(length, (size_t)WORD_MOST)] = '\0';
	return name_is_unsafe(r, word, start);
}

/*
 * A name in quotes has letters and signs that no word has.  What is between two quotes need not be a name, so the words
 * in it are read as well.  With escapes in it nobody looks closer.
 */
static bool
quoted_is_unsafe(struct reading *r)
{
	const char *open = r->at++, *close = memchr(r->at, '"', (size_t)(r->end - r->at));
	struct reading name = *r;
	char word[WORD_MOST + 1];
	size_t length = close != NULL ? (size_t)(close - r->at) : 0;

	if (open - r->start >= 2 && open[-1] == '&' && (open[-2] | 0x20) == 'u')
		return true;
	if (length == 0 || length > WORD_MOST)
		return false;
	memcpy(word, r->at, length);
	word[length] = '\0';
	name.at = close + 1;
	return name_is_unsafe(&name, word, open);
}

/* Of a run of signs the lexer takes some from its start: which, depends on what it is in. */
static bool
operator_is_unsafe(struct reading *r)
{
	struct facts_mention mention = {.place = FACTS_OPERATOR, .exact_encoding = true};
	char run[WORD_MOST + 1];
	size_t length = 0;

	while (r->at < r->end && is_operator_part(*r->at) && length < WORD_MOST)
		run[length++] = *r->at++;
	mention.name = run;
	for (; length > 0; length--) {
		run[length] = '\0';
		if (facts_is_unsafe(r->facts, &mention))
			return true;
	}
	return false;
}

static bool
body_mentions_unsafe(const struct body *b, const struct catalog_facts *facts, const char *read_functions)
{
	struct reading r = {.facts = facts, .read_functions = read_functions, .start = b->source, .at = b->source};
	bool found = b->source == NULL;

	for (r.end = r.at + (found ? 0 : b->length); !found && r.at < r.end;) {
		if (is_word_part((unsigned char)*r.at))
			found = word_is_unsafe(&r);
		else if (*r.at == '"')
			found = quoted_is_unsafe(&r);
		else if (is_operator_part(*r.at))
			found = operator_is_unsafe(&r);
		else
			r.at++;
	}
	return found;
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
