/*
 * session/heal_shapes.c - what a ledger remembers of shapes: which its replicas have
 * refused, and which have cost servers.
 *
 * A shape that was refused goes to the primary for a second, and for twice as long at
 * each refusal that follows: one that can never run on a replica is tried there ever less,
 * and one that met a bad moment is back soon.  The key has the catalog's generation in it,
 * so nothing of it outlives a change of the catalog.
 */
#include "session/heal.h"

#include <stdlib.h>

#define DIVERTED_FIRST_US ((int64_t)1000 * 1000)
#define DIVERTED_MOST_US ((int64_t)300 * 1000 * 1000)
/* What was not refused again for this long begins anew. */
#define CALM_US ((int64_t)60 * 1000 * 1000)
#define QUARANTINE_US ((int64_t)60 * 1000 * 1000)

/* Under another user or other settings a text may mean something else. */
static uint64_t
shape_key(const struct session *s, uint64_t key)
{
	uint64_t about[3] = {key, (uint64_t)(uintptr_t)s->borrower.account, (uint64_t)(uintptr_t)s->profile};

	return key != 0 ? hash_bytes(about, sizeof(about)) | 1 : 0;
}

static struct heal_shape *
shape_place(struct ledger *l, uint64_t key)
{
	struct heal_shapes *shapes = atomic_load_explicit(&l->heal_shapes, memory_order_acquire);

	return shapes != NULL && key != 0 ? &shapes->places[key / 2 % HEAL_SHAPES] : NULL;
}

/* The shape's place, taken from whatever has it. */
static struct heal_shape *
shape_take(struct ledger *l, uint64_t key)
{
	struct heal_shapes *made, *none = NULL;
	struct heal_shape *place;

	if (key == 0)
		return NULL;
	if (atomic_load(&l->heal_shapes) == NULL) {
		made = memory_new(sizeof(*made));
		if (!atomic_compare_exchange_strong(&l->heal_shapes, &none, made))
			free(made);
	}
	place = shape_place(l, key);
	if (atomic_load(&place->key) != key) {
		atomic_store(&place->key, key);
		atomic_store(&place->diverted_us, 0);
		atomic_store(&place->quarantined_us, 0);
		atomic_store(&place->refusals, 0);
	}
	return place;
}

static struct heal_shape *
shape_find(const struct session *s, uint64_t key)
{
	struct heal_shape *place;

	key = shape_key(s, key);
	place = shape_place(s->ledger, key);
	return place != NULL && atomic_load_explicit(&place->key, memory_order_relaxed) == key ? place : NULL;
}

bool
heal_diverts(const struct session *s, uint64_t key)
{
	const struct heal_shape *place;

	if (likely(atomic_load_explicit(&s->ledger->heal_shapes, memory_order_relaxed) == NULL))
		return false;
	place = shape_find(s, key);
	return place != NULL && loop_now_us(s->worker->loop) < atomic_load_explicit(&place->diverted_us, memory_order_relaxed);
}

void
heal_remember_refused(struct session *s, uint64_t key)
{
	struct heal_shape *place = shape_take(s->ledger, shape_key(s, key));
	int64_t now_us = loop_now_us(s->worker->loop), hold_us;

	/* Those that were under way together count as one. */
	if (place == NULL || now_us < atomic_load(&place->diverted_us))
		return;
	if (now_us - atomic_load(&place->diverted_us) > CALM_US)
		atomic_store(&place->refusals, 0);
	hold_us = DIVERTED_FIRST_US << min_of(atomic_fetch_add(&place->refusals, 1), 16u);
	atomic_store(&place->diverted_us, now_us + min_of(hold_us, DIVERTED_MOST_US));
}

bool
heal_is_quarantined(const struct session *s, uint64_t key)
{
	const struct heal_shape *place = shape_find(s, key);

	return place != NULL && loop_now_us(s->worker->loop) < atomic_load_explicit(&place->quarantined_us, memory_order_relaxed);
}

void
heal_quarantine(struct session *s, uint64_t key)
{
	struct heal_shape *place = shape_take(s->ledger, shape_key(s, key));

	if (place != NULL)
		atomic_store(&place->quarantined_us, loop_now_us(s->worker->loop) + QUARANTINE_US);
}
