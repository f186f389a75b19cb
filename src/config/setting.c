/*
 * config/setting.c - the tables as arrays, and what all of their rows share:
 * finding one by name, and owning, copying and comparing its field.
 *
 * Reading and writing a value is in value.c.
 */
#include "setting.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "config/snapshot.h"

#define AT_BOOL(name) offsetof(struct settings, name)
#define AT_INT(name) offsetof(struct settings, name)
#define AT_ENUM(name) offsetof(struct settings, name)
#define AT_DURATION(name) offsetof(struct settings, name##_ms)
#define AT_SIZE(name) offsetof(struct settings, name)
#define AT_TEXT(name) offsetof(struct settings, name)

static const struct setting globals[] = {
#define SETTING(key, kind, ...) {.name = #key, .type = TYPE_##kind, .at = AT_##kind(key), .stored = true, __VA_ARGS__},
#include "tables/settings.h"
#undef SETTING
};

static const struct setting database_keys[] = {
#define FIELD(f) .at = offsetof(struct database_config, f), .stored = true
#define DATABASE_KEY(key, kind, ...) {.name = #key, .type = TYPE_##kind, .group = GROUP_COUNT, __VA_ARGS__},
#include "tables/database_keys.h"
#undef DATABASE_KEY
#undef FIELD
};

static const struct setting user_keys[] = {
#define FIELD(f) .at = offsetof(struct user_config, f), .stored = true
#define USER_KEY(key, kind, ...) {.name = #key, .type = TYPE_##kind, .group = GROUP_COUNT, __VA_ARGS__},
#include "tables/user_keys.h"
#undef USER_KEY
#undef FIELD
};

static const struct setting peer_keys[] = {
#define FIELD(f) .at = offsetof(struct peer_config, f), .stored = true
#define PEER_KEY(key, kind, ...) {.name = #key, .type = TYPE_##kind, .group = GROUP_COUNT, __VA_ARGS__},
#include "tables/peer_keys.h"
#undef PEER_KEY
#undef FIELD
};

struct setting_table
setting_globals(void)
{
	return (struct setting_table){globals, array_length(globals)};
}

struct setting_table
setting_database_keys(void)
{
	return (struct setting_table){database_keys, array_length(database_keys)};
}

struct setting_table
setting_user_keys(void)
{
	return (struct setting_table){user_keys, array_length(user_keys)};
}

struct setting_table
setting_peer_keys(void)
{
	return (struct setting_table){peer_keys, array_length(peer_keys)};
}

const struct setting *
setting_find(struct setting_table table, const char *name)
{
	const struct setting *row = table.rows;

	for (; row < table.rows + table.count; row++)
		if (text_equal_nocase(row->name, name))
			return row;
	return NULL;
}

bool
setting_is_nearer(const char *name, const char *near, unsigned *score)
{
	size_t length = strlen(name);
	unsigned distance = text_distance(name, near);

	if (distance >= *score || distance > max_of(length / 3, (size_t)1))
		return false;
	*score = distance;
	return true;
}

const char *
setting_nearest(struct setting_table table, const char *name)
{
	const char *nearest = NULL;
	unsigned score = UINT_MAX;

	for (size_t i = 0; i < table.count; i++)
		if (setting_is_nearer(name, table.rows[i].name, &score))
			nearest = table.rows[i].name;
	return nearest;
}

/* ---------------------------------------------------------------- fields */

static char **
setting_text(const struct setting *row, void *base)
{
	return (char **)(void *)((char *)base + row->at);
}

static bool
setting_is_text(const struct setting *row)
{
	return row->stored && row->type == TYPE_TEXT;
}

static size_t
setting_width(const struct setting *row)
{
	if (row->type == TYPE_TEXT)
		return sizeof(char *);
	return row->type == TYPE_DURATION || row->type == TYPE_SIZE ? sizeof(int64_t) : sizeof(int);
}

bool
setting_is_equal(const struct setting *row, const void *a, const void *b)
{
	char *text_a, *text_b;

	if (!setting_is_text(row))
		return memcmp((const char *)a + row->at, (const char *)b + row->at, setting_width(row)) == 0;
	memcpy(&text_a, (const char *)a + row->at, sizeof(text_a));
	memcpy(&text_b, (const char *)b + row->at, sizeof(text_b));
	return text_equal(text_a, text_b);
}

void
setting_unset_all(struct setting_table table, void *base)
{
	for (size_t i = 0; i < table.count; i++) {
		const struct setting *row = &table.rows[i];

		if (row->stored)
			memset((char *)base + row->at, setting_is_text(row) ? 0 : 0xff, setting_width(row));
	}
}

void
setting_default_all(struct setting_table table, void *base)
{
	struct bytes why = {0};

	for (size_t i = 0; i < table.count; i++)
		must(setting_parse(&table.rows[i], base, table.rows[i].def, &why));
	bytes_free(&why);
}

void
setting_own_all(struct setting_table table, void *base)
{
	for (size_t i = 0; i < table.count; i++) {
		char **text = setting_text(&table.rows[i], base);

		if (setting_is_text(&table.rows[i]))
			*text = text_copy(*text);
	}
}

void
setting_free_all(struct setting_table table, void *base)
{
	for (size_t i = 0; i < table.count; i++)
		if (setting_is_text(&table.rows[i]))
			free(*setting_text(&table.rows[i], base));
}

void
setting_copy(const struct setting *row, void *to, const void *from)
{
	if (setting_is_text(row))
		free(*setting_text(row, to));
	memcpy((char *)to + row->at, (const char *)from + row->at, setting_width(row));
	if (setting_is_text(row))
		*setting_text(row, to) = text_copy(*setting_text(row, to));
}
