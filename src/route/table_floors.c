/*
 * table_floors.c - the array of slots.
 *
 * A writer raises the position before it takes its mark away, and a reader looks at the
 * marks first: who sees no mark of a write sees its position.
 */
#include "route/table_floors.h"

#include <stdatomic.h>
#include <stdlib.h>

struct slot {
	_Atomic uint32_t open; /* writes under way */
	_Atomic uint64_t lsn;
};

struct table_floors {
	char *key; /* owned */
	atomic_uint references;
	_Atomic unsigned timeline;
	_Atomic uint64_t lost;  /* writes whose position will never be known */
	_Atomic uint64_t found; /* so many of them are before a position that is */
	struct slot all;        /* every write counts here too */
	struct slot slots[FOOTPRINT_SLOTS + 1]; /* the last one: of FOOTPRINT_ANY */
};

struct table_floors *
table_floors_new(const char *key)
{
	struct table_floors *t = memory_new(sizeof(*t));

	atomic_init(&t->references, 1);
	t->key = text_copy(key);
	return t;
}

const char *
table_floors_key(const struct table_floors *t)
{
	return t->key;
}

struct table_floors *
table_floors_ref(struct table_floors *t)
{
	atomic_fetch_add_explicit(&t->references, 1, memory_order_relaxed);
	return t;
}

void
table_floors_unref(struct table_floors *t)
{
	if (t == NULL || atomic_fetch_sub_explicit(&t->references, 1, memory_order_acq_rel) != 1)
		return;
	free(t->key);
	free(t);
}

/* ---------------------------------------------------------------- writers */

static void
raise_lsn(_Atomic uint64_t *place, uint64_t lsn)
{
	uint64_t before = atomic_load_explicit(place, memory_order_relaxed);

	while (before < lsn && !atomic_compare_exchange_weak_explicit(place, &before, lsn, memory_order_release, memory_order_relaxed))
		;
}

static void
raise_timeline(struct table_floors *t, unsigned timeline)
{
	unsigned before = atomic_load_explicit(&t->timeline, memory_order_relaxed);

	while (before < timeline &&
	    !atomic_compare_exchange_weak_explicit(&t->timeline, &before, timeline, memory_order_release, memory_order_relaxed))
		;
}

static void
slot_close(struct slot *s)
{
	uint32_t before = atomic_fetch_sub_explicit(&s->open, 1, memory_order_acq_rel);

	must(before > 0);
}

void
table_floors_begin(struct table_floors *t, unsigned slot)
{
	must(slot <= FOOTPRINT_ANY);
	atomic_fetch_add(&t->all.open, 1);
	atomic_fetch_add(&t->slots[slot].open, 1);
}

void
table_floors_end(struct table_floors *t, unsigned slot, uint64_t lsn, unsigned timeline)
{
	must(slot <= FOOTPRINT_ANY);
	raise_timeline(t, timeline);
	raise_lsn(&t->all.lsn, lsn);
	raise_lsn(&t->slots[slot].lsn, lsn);
	slot_close(&t->slots[slot]);
	slot_close(&t->all);
}

void
table_floors_lose(struct table_floors *t, unsigned slot)
{
	must(slot <= FOOTPRINT_ANY);
	atomic_fetch_add(&t->lost, 1);
	slot_close(&t->slots[slot]);
	slot_close(&t->all);
}

uint64_t
table_floors_lost(const struct table_floors *t)
{
	return atomic_load(&t->lost);
}

bool
table_floors_is_in_doubt(const struct table_floors *t)
{
	uint64_t found = atomic_load(&t->found);

	return atomic_load(&t->lost) != found;
}

void
table_floors_know(struct table_floors *t, uint64_t lost, uint64_t lsn, unsigned timeline)
{
	if (atomic_load_explicit(&t->found, memory_order_relaxed) >= lost)
		return;
	raise_timeline(t, timeline);
	raise_lsn(&t->all.lsn, lsn);
	raise_lsn(&t->slots[FOOTPRINT_ANY].lsn, lsn);
	raise_lsn(&t->found, lost);
}

/* ---------------------------------------------------------------- readers */

static void
slot_read(const struct slot *s, struct table_floor *floor)
{
	uint64_t lsn;

	floor->is_open |= atomic_load(&s->open) != 0;
	lsn = atomic_load_explicit(&s->lsn, memory_order_acquire);
	floor->lsn = max_of(floor->lsn, lsn);
}

struct table_floor
table_floors_of(const struct table_floors *t, const struct footprint *footprint)
{
	uint64_t lost = table_floors_lost(t);
	struct table_floor floor = {.is_open = atomic_load(&t->found) != lost};

	if (footprint->reads_any)
		slot_read(&t->all, &floor);
	else
		slot_read(&t->slots[FOOTPRINT_ANY], &floor);
	for (unsigned i = 0; i < footprint->reads && !footprint->reads_any; i++)
		slot_read(&t->slots[footprint->read[i]], &floor);
	/* A mark that was taken away meanwhile may have been one of a write that was lost. */
	floor.is_open |= table_floors_lost(t) != lost;
	floor.timeline = atomic_load_explicit(&t->timeline, memory_order_acquire);
	return floor;
}
