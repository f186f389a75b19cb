/*
 * bodies.c - functions whose label is a promise that their body does not keep.
 *
 * Each word is looked up once for each round; a round ends where nothing new was found.
 */
#include "route/bodies.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_MOST ((size_t)64 * 1024 * 1024) /* in all; more is taken to mention something */
#define WORD_MOST 63

struct body {
	uint32_t oid;
	char *schema, *name, *source; /* owned */
	char *parameters;             /* owned, may be NULL */
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
		free((*bodies)->all[i].parameters);
	}
	free((*bodies)->all);
	free(*bodies);
	*bodies = NULL;
}

void
bodies_add(struct bodies *bodies, const struct body_source *source)
{
	size_t length = strlen(source->source);
	bool is_kept = length <= BODY_MOST - bodies->bytes;

	if (bodies->count == bodies->room) {
		bodies->room = max_of(bodies->room * 2, (size_t)64);
		bodies->all = memory_resize(bodies->all, bodies->room * sizeof(*bodies->all));
	}
	bodies->all[bodies->count++] = (struct body){.oid = source->oid,
	    .schema = text_copy(source->schema),
	    .name = text_copy(source->name),
	    .source = is_kept ? text_copy_n(source->source, length) : NULL,
	    .parameters = source->parameters != NULL ? text_copy(source->parameters) : NULL,
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

/* Names that the grammar has for types, and theirs in the catalog. */
static const struct alias {
	const char *word, *type;
} aliases[] = {
    {"boolean", "bool"}, {"int", "int4"}, {"integer", "int4"}, {"smallint", "int2"}, {"bigint", "int8"}, {"real", "float4"},
    {"float", "float4"}, {"float", "float8"}, {"double", "float8"}, {"decimal", "numeric"}, {"dec", "numeric"},
    {"char", "bpchar"}, {"char", "varchar"}, {"character", "bpchar"}, {"character", "varchar"}, {"nchar", "bpchar"},
    {"nchar", "varchar"}, {"timestamp", "timestamptz"}, {"time", "timetz"}, {"bit", "varbit"},
};

/* Where a body is being read, and whether it is still in order. */
struct reading {
	const struct catalog_facts *facts;
	const char *read_functions;
	const char *parameters;  /* of the function, each between line feeds: p.f calls f, whatever p is */
	uint32_t unsafe_aliases; /* a bit for each of aliases[] */
	const char *start, *at, *end;
	bool is_catalog; /* the word before the point was pg_catalog */
};

static bool
begins_comment(const char *at, const char *end)
{
	return end - at >= 2 && ((at[0] == '/' && at[1] == '*') || (at[0] == '-' && at[1] == '-'));
}

static const char *
before_blanks(const char *start, const char *at)
{
	while (at > start && is_blank(at[-1]))
		at--;
	return at;
}

/* Does a comment seem to end in front of WORD? */
static bool
follows_comment(const char *start, const char *word)
{
	const char *at = before_blanks(start, word);

	if (at - start >= 2 && at[-1] == '/' && at[-2] == '*')
		return true;
	if (memchr(at, '\n', (size_t)(word - at)) == NULL)
		return false;
	for (; at > start && at[-1] != '\n'; at--)
		if (begins_comment(at - 1, word))
			return true;
	return false;
}

/* Is the word that ends at END the name or number of a parameter? */
static bool
is_parameter(const struct reading *r, const char *end)
{
	const char *from = end, *found = r->parameters;
	size_t length;

	while (from > r->start && is_word_part((unsigned char)from[-1]))
		from--;
	length = (size_t)(end - from);
	if (length == 0 || *from == '$')
		return length > 0;
	for (; (found = strchr(found, '\n')) != NULL && found[1] != '\0'; found++)
		if (strncasecmp(found + 1, from, length) == 0 && found[1 + length] == '\n')
			return true;
	return false;
}

/* What stands around a word that begins at WORD: a call in attribute notation has no parenthesis behind it. */
static enum facts_place
place_of_word(const struct reading *r, const char *word)
{
	const char *behind = r->at;

	while (behind < r->end && is_blank(*behind))
		behind++;
	if (behind < r->end && (*behind == '(' || begins_comment(behind, r->end)))
		return FACTS_CALL;
	if (follows_comment(r->start, word))
		return FACTS_MEMBER;
	word = before_blanks(r->start, word);
	if (word == r->start || word[-1] != '.')
		return FACTS_TYPE;
	word = before_blanks(r->start, word - 1);
	if (word == r->start || word[-1] == ')' || word[-1] == ']' || word[-1] == '/' || is_parameter(r, word))
		return FACTS_MEMBER;
	return FACTS_ATTRIBUTE;
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
	for (size_t i = 0; r->unsafe_aliases != 0 && i < array_length(aliases); i++)
		if ((r->unsafe_aliases & 1u << i) != 0 && strcmp(aliases[i].word, word) == 0)
			return true;
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

/* A bit for each. */
static uint32_t
aliases_that_are_unsafe(const struct catalog_facts *facts)
{
	struct facts_mention mention = {.place = FACTS_TYPE, .schema = "pg_catalog", .exact_encoding = true};
	uint32_t found = 0;

	for (size_t i = 0; i < array_length(aliases); i++) {
		mention.name = aliases[i].type;
		if (facts_is_unsafe(facts, &mention))
			found |= 1u << i;
	}
	return found;
}

static bool
body_mentions_unsafe(const struct body *b, const struct catalog_facts *facts, const char *read_functions)
{
	struct reading r = {.facts = facts, .read_functions = read_functions, .start = b->source, .at = b->source};
	bool found = b->source == NULL;

	r.parameters = b->parameters != NULL ? b->parameters : "";
	r.unsafe_aliases = found ? 0 : aliases_that_are_unsafe(facts);
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
