/*
 * facts_known.c - the names that a catalog has at all, of functions, relations and
 * types alike, so that one that came later is told from one that is harmless.
 *
 * Only hashes are kept, in one table with room to spare: 16 to 32 bytes for a name.  Of
 * two names with one hash (2^-64) the younger one would count as known.
 */
#include "facts_private.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 4096u

/* 0 marks an empty place. */
static uint64_t
hash_of_name(const char *name)
{
	uint64_t hash = hash_bytes(name, strlen(name));

	return hash != 0 ? hash : 1;
}

static size_t
known_place(const struct known_names *known, uint64_t hash)
{
	size_t at = (size_t)hash & (known->room - 1);

	while (known->hashes[at] != 0 && known->hashes[at] != hash)
		at = (at + 1) & (known->room - 1);
	return at;
}

static void
known_grow(struct known_names *known)
{
	struct known_names grown = {.room = max_of(known->room * 2, (size_t)ROOM_FIRST), .count = known->count};

	grown.hashes = memory_array(grown.room, sizeof(*grown.hashes));
	for (size_t i = 0; i < known->room; i++)
		if (known->hashes[i] != 0)
			grown.hashes[known_place(&grown, known->hashes[i])] = known->hashes[i];
	free(known->hashes);
	*known = grown;
}

void
known_names_add(struct known_names *known, const char *name)
{
	uint64_t hash = hash_of_name(name);
	size_t at;

	if (known->count * 2 >= known->room)
		known_grow(known);
	at = known_place(known, hash);
	known->count += known->hashes[at] == 0;
	known->hashes[at] = hash;
}

bool
known_names_has(const struct known_names *known, const char *name)
{
	return known->room > 0 && known->hashes[known_place(known, hash_of_name(name))] != 0;
}

void
known_names_free(struct known_names *known)
{
	free(known->hashes);
	*known = (struct known_names){0};
}

void
facts_query_names(struct bytes *out)
{
	/* Temporary relations come and go, and are nobody's but their session's.  A row's type has its relation's name. */
	bytes_chars(out, "select case when oid >= 16384 then 'f' else '' end, proname, null::oid from pg_proc"
	                 " union all select case relpersistence when 't' then 't' else 'r' end, relname, oid from pg_class"
	                 " where relkind not in ('i', 'I', 't')"
	                 " union all select '', typname, null from pg_type where typtype <> 'c' and (typelem = 0 or typlen <> -1)");
}
