/*
 * facts.c - the set of unsafe names of one database.
 *
 * A table keyed by name; each name has the rows (role, schema) that carry it.  The
 * set is built by one thread and then only read, so looking up takes no lock.
 * Unsafe operators whose names the grammar implies (=, <, ~~ ...) make everything unsafe.
 */
#include "route/facts.h"

#include "base/map.h"

#include "facts_private.h"

#include <stdatomic.h>
#include <string.h>
#include <strings.h>

struct facts_row {
	struct facts_row *next; /* owned */
	char kind;
	bool attribute;
	char *schema;           /* owned */
};

struct facts_name {
	UT_hash_handle hh;
	char *name;             /* owned, the key */
	struct facts_row *rows; /* owned */
};

struct catalog_facts {
	atomic_uint references;
	uint64_t generation;
	size_t count;
	bool leaves_out_routes;
	char *everything;         /* owned; NULL while names decide */
	struct bytes defaults;    /* role, setting, role, setting, with their NULs */
	bool has_non_ascii[256];  /* by kind */
	struct facts_name *names; /* owned */
	struct effect_names *effects; /* owned; NULL while they are not known */
	struct footprint_names *footprints; /* owned; likewise */
	struct known_names known;     /* all names, also of what is harmless; empty while they are not known */
};

struct catalog_facts *
facts_new(uint64_t generation)
{
	struct catalog_facts *facts = memory_new(sizeof(*facts));

	atomic_init(&facts->references, 1);
	facts->generation = generation;
	return facts;
}

static bool
is_ascii(const char *text)
{
	while (*text != '\0' && (unsigned char)*text < 0x80)
		text++;
	return *text == '\0';
}

/* Operators that the grammar or the planner uses where none is written. */
static bool
is_implied_operator(const char *name)
{
	static const char *const names[] = {"=", "<>", "<", ">", "<=", ">=", "~~", "!~~", "~~*", "!~~*", "~", "!~", "~*", "!~*",
	    "~<~", "~<=~", "~>~", "~>=~", "*="};

	for (size_t i = 0; i < array_length(names); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static struct facts_name *
facts_find(const struct catalog_facts *facts, const char *name)
{
	struct facts_name *found = NULL;

	HASH_FIND(hh, facts->names, name, strlen(name), found);
	return found;
}

bool
facts_has_name(const struct catalog_facts *facts, const char *name)
{
	return facts_find(facts, name) != NULL;
}

static struct facts_name *
facts_find_or_make(struct catalog_facts *facts, const char *name)
{
	struct facts_name *found = facts_find(facts, name);

	if (found != NULL)
		return found;
	found = memory_new(sizeof(*found));
	found->name = text_copy(name);
	HASH_ADD_KEYPTR(hh, facts->names, found->name, strlen(found->name), found);
	return found;
}

void
facts_add(struct catalog_facts *facts, char kind, const char *schema, const char *name, bool attribute)
{
	struct facts_name *place;
	struct facts_row *row;
	bool is_known = kind != '\0' && strchr("fortp", kind) != NULL;

	if (kind == 'd') {
		bytes_text(&facts->defaults, schema);
		bytes_text(&facts->defaults, name);
		return;
	}
	facts->count++;
	if (facts->everything == NULL && (!is_known || (kind == 'o' && is_implied_operator(name))))
		facts->everything = text_copy(name);
	if (!is_known)
		return;
	place = facts_find_or_make(facts, name);
	row = memory_new(sizeof(*row));
	row->kind = kind;
	row->attribute = attribute;
	row->schema = text_copy(schema);
	row->next = place->rows;
	place->rows = row;
	if (!is_ascii(name) || !is_ascii(schema))
		facts->has_non_ascii[(unsigned char)kind] = true;
}

struct catalog_facts *
facts_ref(struct catalog_facts *facts)
{
	if (facts != NULL)
		atomic_fetch_add_explicit(&facts->references, 1, memory_order_relaxed);
	return facts;
}

static void
facts_free_name(struct facts_name *name)
{
	for (struct facts_row *row = name->rows, *next; row != NULL; row = next) {
		next = row->next;
		free(row->schema);
		free(row);
	}
	free(name->name);
	free(name);
}

void
facts_unref(struct catalog_facts **shared)
{
	struct catalog_facts *facts = *shared;
	struct facts_name *name, *next;

	*shared = NULL;
	if (facts == NULL || atomic_fetch_sub_explicit(&facts->references, 1, memory_order_acq_rel) > 1)
		return;
	HASH_ITER(hh, facts->names, name, next)
	{
		HASH_DEL(facts->names, name);
		facts_free_name(name);
	}
	effect_names_free(facts->effects);
	known_names_free(&facts->known);
	bytes_free(&facts->defaults);
	footprint_names_free(facts->footprints);
	free(facts->everything);
	free(facts);
}

struct known_names *
facts_known_names(struct catalog_facts *facts)
{
	return &facts->known;
}

bool
facts_may_have_name(const struct catalog_facts *facts, const char *name)
{
	return facts->known.count == 0 || known_names_has(&facts->known, name);
}

struct effect_names **
facts_effect_names(struct catalog_facts *facts)
{
	return &facts->effects;
}

struct footprint_names **
facts_footprint_names(struct catalog_facts *facts)
{
	return &facts->footprints;
}

const struct footprint_names *
facts_footprints(const struct catalog_facts *facts)
{
	return facts->footprints;
}

void
facts_leave_out_routes(struct catalog_facts *facts)
{
	facts->leaves_out_routes = true;
}

bool
facts_knows_routes(const struct catalog_facts *facts)
{
	return facts != NULL && !facts->leaves_out_routes;
}

uint64_t
facts_generation(const struct catalog_facts *facts)
{
	return facts->generation;
}

size_t
facts_count(const struct catalog_facts *facts)
{
	return facts->count;
}

const char *
facts_everything_unsafe(const struct catalog_facts *facts)
{
	return facts->everything;
}

bool
facts_has_defaults(const struct catalog_facts *facts)
{
	return facts->defaults.length > 0;
}

bool
facts_default_is(const struct catalog_facts *facts, const char *role, const char *setting)
{
	const char *at = facts->defaults.data, *end;

	if (at == NULL)
		return false;
	end = at + facts->defaults.length;
	while (at < end) {
		const char *of = at, *said = of + strlen(of) + 1;

		if ((of[0] == '\0' || strcmp(of, role) == 0) && strcmp(said, setting) == 0)
			return true;
		at = said + strlen(said) + 1;
	}
	return false;
}

static bool
place_consults(enum facts_place place, const struct facts_row *row)
{
	switch (place) {
	case FACTS_CALL:
	case FACTS_MEMBER:
		return row->kind == 'f' || row->kind == 't';
	case FACTS_ATTRIBUTE:
		return row->kind == 't' || (row->kind == 'f' && row->attribute);
	case FACTS_OPERATOR:
		return row->kind == 'o';
	case FACTS_RELATION:
		return row->kind == 'r';
	case FACTS_TYPE:
		return row->kind == 't';
	case FACTS_PARAMETER:
		return row->kind == 'p';
	}
	return true;
}

/* A name that is not ASCII may be spelled in other bytes than the set has: any such name of the role counts. */
static bool
facts_may_differ_in_bytes(const struct catalog_facts *facts, const struct facts_mention *mention)
{
	static const struct facts_row roles[] = {{.kind = 'f', .attribute = true}, {.kind = 'o'}, {.kind = 'r'}, {.kind = 't'}};

	if (mention->exact_encoding || (is_ascii(mention->name) && (mention->schema == NULL || is_ascii(mention->schema))))
		return false;
	for (size_t i = 0; i < array_length(roles); i++) {
		if (facts->has_non_ascii[(unsigned char)roles[i].kind] && place_consults(mention->place, &roles[i]))
			return true;
	}
	return false;
}

static bool
facts_row_applies(const struct facts_row *row, const struct facts_mention *mention)
{
	if (!place_consults(mention->place, row))
		return false;
	if (mention->schema != NULL && strcmp(mention->schema, row->schema) != 0)
		return false;
	return row->kind != 'f' || !facts_pattern_matches(mention->read_functions, row->schema, mention->name);
}

bool
facts_is_unsafe(const struct catalog_facts *facts, const struct facts_mention *mention)
{
	const struct facts_name *found = facts_find(facts, mention->name);

	for (const struct facts_row *row = found != NULL ? found->rows : NULL; row != NULL; row = row->next) {
		if (facts_row_applies(row, mention))
			return true;
	}
	return facts_may_differ_in_bytes(facts, mention);
}

void
facts_each_unsafe(const struct catalog_facts *facts, const struct facts_mention *mention,
    void (*take)(void *user, char kind, const char *schema), void *user)
{
	const struct facts_name *found = facts_find(facts, mention->name);

	for (const struct facts_row *row = found != NULL ? found->rows : NULL; row != NULL; row = row->next) {
		if (facts_row_applies(row, mention))
			take(user, row->kind, row->schema);
	}
}

/* Does the one pattern of LENGTH bytes, "schema.name" or "schema.*", name SCHEMA.NAME? */
static bool
pattern_matches(const char *pattern, size_t length, const char *schema, const char *name)
{
	size_t schema_length = strlen(schema);

	if (length <= schema_length || memcmp(pattern, schema, schema_length) != 0 || pattern[schema_length] != '.')
		return false;
	pattern += schema_length + 1;
	length -= schema_length + 1;
	if (length == 1 && *pattern == '*')
		return true;
	return length == strlen(name) && memcmp(pattern, name, length) == 0;
}

bool
facts_pattern_matches(const char *patterns, const char *schema, const char *name)
{
	const char *at = patterns != NULL ? patterns : "";

	while (*(at += strspn(at, ", \t")) != '\0') {
		size_t length = strcspn(at, ", \t");

		if (pattern_matches(at, length, schema, name))
			return true;
		at += length;
	}
	return false;
}
