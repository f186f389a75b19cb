/*
 * names.c - see the header.  The relations are one table of oids with open addressing,
 * and their names one text: they live no longer than a look.
 */
#include "route/names.h"

#include "facts_private.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 4096u

struct relation_name {
	uint32_t oid;  /* 0: an empty place */
	size_t at;     /* in texts */
};

struct catalog_names {
	struct known_names known;
	struct relation_name *relations; /* owned */
	size_t room, count;              /* of them; the room is a power of two */
	struct bytes texts;
	uint64_t digest;
};

struct catalog_names *
catalog_names_new(void)
{
	struct catalog_names *names = memory_new(sizeof(*names));

	names->room = ROOM_FIRST;
	names->relations = memory_array(names->room, sizeof(*names->relations));
	return names;
}

void
catalog_names_free(struct catalog_names **names)
{
	if (*names == NULL)
		return;
	known_names_free(&(*names)->known);
	bytes_free(&(*names)->texts);
	free((*names)->relations);
	free(*names);
	*names = NULL;
}

static struct relation_name *
relation_place(const struct catalog_names *names, uint32_t oid)
{
	size_t at = (size_t)hash_mix(oid, 0) & (names->room - 1);

	while (names->relations[at].oid != 0 && names->relations[at].oid != oid)
		at = (at + 1) & (names->room - 1);
	return &names->relations[at];
}

static void
relations_grow(struct catalog_names *names)
{
	struct relation_name *old = names->relations;
	size_t room = names->room;

	names->room *= 2;
	names->relations = memory_array(names->room, sizeof(*names->relations));
	for (size_t i = 0; i < room; i++)
		if (old[i].oid != 0)
			*relation_place(names, old[i].oid) = old[i];
	free(old);
}

static void
relation_add(struct catalog_names *names, uint32_t oid, const char *name)
{
	struct relation_name *place;

	if ((names->count + 1) * 2 > names->room)
		relations_grow(names);
	place = relation_place(names, oid);
	names->count += place->oid == 0;
	*place = (struct relation_name){.oid = oid, .at = names->texts.length};
	bytes_text(&names->texts, name);
}

void
catalog_names_add(struct catalog_names *names, char kind, const char *name, uint32_t relation)
{
	if (relation != 0)
		relation_add(names, relation, name);
	if (kind == 't')
		return;
	known_names_add(&names->known, name);
	names->digest += hash_mix(hash_bytes(name, strlen(name)), 1);
}

const char *
catalog_names_relation(const struct catalog_names *names, uint32_t relation)
{
	const struct relation_name *place = relation_place(names, relation);

	return relation != 0 && place->oid == relation ? names->texts.data + place->at : NULL;
}

uint64_t
catalog_names_mention(const struct catalog_names *names, struct mention_end from, struct mention_end to, struct effect_graph *graph)
{
	const char *of = from.name != NULL ? from.name : catalog_names_relation(names, from.relation);
	const char *what = to.name != NULL ? to.name : catalog_names_relation(names, to.relation);

	if (of == NULL || what == NULL)
		return 0;
	effect_graph_mention(graph, of, what);
	return hash_mix(hash_bytes(of, strlen(of)), hash_bytes(what, strlen(what)));
}

uint64_t
catalog_names_digest(const struct catalog_names *names)
{
	return names->digest;
}

void
facts_take_names(struct catalog_facts *facts, struct catalog_names *names)
{
	struct known_names *known = facts_known_names(facts);

	known_names_free(known);
	*known = names->known;
	names->known = (struct known_names){0};
}
