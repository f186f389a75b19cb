/*
 * pool/statement.c - the table of interned statements.
 *
 * What a text means depends on some settings ('01/02/2020'::date under DateStyle
 * DMY), so these are part of the key.
 */
#include "pool/statement.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/map.h"
#include "pool/profile.h"
#include "protocol/message.h"

const char *const statement_settings[] = {
	"client_encoding", "backslash_quote", "datestyle", "default_text_search_config", "intervalstyle", "lc_monetary", "role",
	"search_path", "standard_conforming_strings", "timezone", "xmloption", NULL,
};

struct statement_key {
	const struct profile *meaning;
	uint64_t hash;
	uint32_t era;
	uint32_t sql;
};

struct interned {
	struct statement public;
	UT_hash_handle hh;
	struct interned *next; /* of the same key: another text with an equal hash */
	atomic_int references;
	struct statement_key key;
	bool alone; /* not in the table */
	char body[];
};

static pthread_mutex_t statement_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct interned *statement_table;
static uint64_t statement_last;
static size_t statement_bytes;

/* The part of the profile that its meaning depends on.  The caller owns the reference. */
static const struct profile *
statement_meaning(const struct profile *profile, bool is_ascii)
{
	const struct profile *meaning = profile_empty();

	if (profile == meaning)
		return meaning;
	for (const char *const *name = statement_settings + is_ascii; *name != NULL; name++) {
		const char *value = profile_find(profile, *name);

		if (value != NULL)
			meaning = profile_with(meaning, *name, value);
	}
	return meaning;
}

static bool
body_is_ascii(const char *body, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)body[i] >= 128)
			return false;
	return true;
}

/* True when the text has a literal such as 'now' or ' Today', whose value is taken when it is parsed. */
static bool
statement_is_of_its_moment(const char *body, size_t length)
{
	static const char *const words[] = {"now", "today", "tomorrow", "yesterday"};
	const char *end = body + length;

	for (const char *quote = body; (quote = memchr(quote, '\'', (size_t)(end - quote))) != NULL; quote++) {
		const char *word = quote + 1;

		while (word < end && *word == ' ')
			word++;
		for (size_t i = 0; i < array_length(words); i++)
			if ((size_t)(end - word) >= strlen(words[i]) && strncasecmp(word, words[i], strlen(words[i])) == 0)
				return true;
	}
	return false;
}

static bool
statement_body_is(const struct statement *s, const char *body, size_t length)
{
	return s->body_length == length && memcmp(s->body, body, length) == 0;
}

static struct interned *
statement_make(const char *body, size_t length, const struct statement_key *key)
{
	struct interned *made = memory_new(sizeof(*made) + length);

	memcpy(made->body, body, length);
	made->key = *key;
	made->public.number = ++statement_last;
	made->public.body = made->body;
	made->public.body_length = length;
	made->public.meaning = profile_ref(key->meaning);
	made->public.sql = key->sql != 0;
	snprintf(made->public.name, sizeof(made->public.name), STATEMENT_PREFIX "%llu", (unsigned long long)statement_last);
	statement_bytes += sizeof(*made) + length;
	return made;
}

struct statement *
statement_intern(const char *body, size_t length, const struct statement_about *about)
{
	size_t text_length = strnlen(body, length);
	bool is_ascii = body_is_ascii(body, text_length);
	struct statement_key key = {
	    .meaning = statement_meaning(about->profile, is_ascii), .hash = hash_bytes(body, length), .era = about->era, .sql = about->sql};
	struct interned *head = NULL, *found = NULL;
	bool alone = about->alone || statement_is_of_its_moment(body, length);

	pthread_mutex_lock(&statement_mutex);
	if (!alone) {
		HASH_FIND(hh, statement_table, &key, sizeof(key), head);
		for (found = head; found != NULL && !statement_body_is(&found->public, body, length);)
			found = found->next;
	}
	if (found == NULL) {
		found = statement_make(body, length, &key);
		found->alone = alone;
		found->public.is_ascii = is_ascii;
		if (!alone && head == NULL)
			HASH_ADD(hh, statement_table, key, sizeof(key), found);
		if (head != NULL) {
			found->next = head->next;
			head->next = found;
		}
	}
	atomic_fetch_add(&found->references, 1);
	pthread_mutex_unlock(&statement_mutex);
	profile_unref(key.meaning);
	return &found->public;
}

struct statement *
statement_ref(struct statement *s)
{
	struct interned *i = container_of(s, struct interned, public);

	atomic_fetch_add_explicit(&i->references, 1, memory_order_relaxed);
	return s;
}

/* Takes it out of the table: a chain's head hands its place to the next. */
static void
statement_remove(struct interned *gone)
{
	struct interned *head;

	HASH_FIND(hh, statement_table, &gone->key, sizeof(gone->key), head);
	if (head != gone) {
		struct interned *before = head;

		while (before->next != gone)
			before = before->next;
		before->next = gone->next;
		return;
	}
	HASH_DEL(statement_table, gone);
	if (gone->next != NULL)
		HASH_ADD(hh, statement_table, key, sizeof(gone->key), gone->next);
}

void
statement_unref(struct statement *s)
{
	struct interned *i;

	if (s == NULL)
		return;
	i = container_of(s, struct interned, public);
	for (int seen = atomic_load(&i->references); seen > 1;)
		if (atomic_compare_exchange_weak(&i->references, &seen, seen - 1))
			return;
	pthread_mutex_lock(&statement_mutex);
	if (atomic_fetch_sub(&i->references, 1) != 1) {
		pthread_mutex_unlock(&statement_mutex);
		return;
	}
	if (!i->alone)
		statement_remove(i);
	statement_bytes -= sizeof(*i) + i->public.body_length;
	pthread_mutex_unlock(&statement_mutex);
	profile_unref(i->public.meaning);
	free(i);
}

bool
statement_is(const struct statement *s, const char *body, size_t length, const struct profile *profile)
{
	const struct profile *meaning;

	if (!statement_body_is(s, body, length) || container_of(s, const struct interned, public)->alone)
		return false;
	if (profile == profile_empty())
		return s->meaning == profile;
	meaning = statement_meaning(profile, s->is_ascii);
	profile_unref(meaning);
	return s->meaning == meaning;
}

void
statement_write_parse(const struct statement *s, bool unnamed, struct bytes *out)
{
	size_t begun = message_begin(out, FRONTEND_PARSE);

	bytes_text(out, unnamed ? "" : s->name);
	bytes_append(out, s->body, s->body_length);
	message_end(out, begun);
}

void
statement_totals(size_t *count, size_t *bytes)
{
	pthread_mutex_lock(&statement_mutex);
	*count = HASH_COUNT(statement_table);
	*bytes = statement_bytes;
	pthread_mutex_unlock(&statement_mutex);
}
