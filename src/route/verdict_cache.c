/*
 * verdict_cache.c - a bounded cache of verdicts: sets of eight places each.
 *
 * The key is a keyed hash already, so its low bits choose the set.  Within a set a
 * hand goes round and takes the first place that was not used since it last came
 * by, so texts that are seen once do not drive out those that come again.
 */
#include "verdict_cache.h"

#include <stdlib.h>

#define WAYS 8

struct cache_set {
	uint64_t keys[WAYS][2];
	uint8_t filled; /* places in use */
	uint8_t used;   /* a bit per place: hit since the hand came by */
	uint8_t hand;
	struct verdict verdicts[WAYS];
};

struct verdict_cache {
	size_t set_count; /* a power of two */
	struct verdict_cache_counts counts;
	struct cache_set *sets; /* owned */
};

struct verdict_cache *
verdict_cache_new(size_t entries)
{
	struct verdict_cache *cache = memory_new(sizeof(*cache));

	cache->set_count = 1;
	while (cache->set_count * WAYS < entries)
		cache->set_count *= 2;
	cache->sets = memory_array(cache->set_count, sizeof(*cache->sets));
	return cache;
}

void
verdict_cache_free(struct verdict_cache **cache)
{
	if (*cache == NULL)
		return;
	free((*cache)->sets);
	free(*cache);
	*cache = NULL;
}

struct verdict_cache_counts
verdict_cache_counts(const struct verdict_cache *cache)
{
	return cache->counts;
}

static struct cache_set *
cache_set_of(struct verdict_cache *cache, const uint64_t key[2])
{
	return &cache->sets[key[0] & (cache->set_count - 1)];
}

const struct verdict *
verdict_cache_get(struct verdict_cache *cache, const uint64_t key[2])
{
	struct cache_set *set = cache_set_of(cache, key);

	for (unsigned i = 0; i < set->filled; i++) {
		if (set->keys[i][0] != key[0] || set->keys[i][1] != key[1])
			continue;
		set->used |= (uint8_t)(1u << i);
		cache->counts.hits++;
		return &set->verdicts[i];
	}
	cache->counts.misses++;
	return NULL;
}

static unsigned
cache_make_room(struct cache_set *set)
{
	if (set->filled < WAYS)
		return set->filled++;
	for (;;) {
		unsigned place = set->hand;

		set->hand = (uint8_t)((place + 1) % WAYS);
		if ((set->used & (1u << place)) == 0)
			return place;
		set->used &= (uint8_t) ~(1u << place);
	}
}

void
verdict_cache_put(struct verdict_cache *cache, const uint64_t key[2], const struct verdict *verdict)
{
	struct cache_set *set = cache_set_of(cache, key);
	unsigned place = cache_make_room(set);

	set->keys[place][0] = key[0];
	set->keys[place][1] = key[1];
	set->verdicts[place] = *verdict;
	set->used &= (uint8_t) ~(1u << place);
}
