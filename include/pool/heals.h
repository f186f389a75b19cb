/*
 * pool/heals.h - the counters of second tries, and the shapes that a ledger's
 * replicas have refused (session/heal.h).
 */
#ifndef PGWEIR_POOL_HEALS_H
#define PGWEIR_POOL_HEALS_H

#include <stdatomic.h>
#include <stdint.h>

enum heal_count {
#define HEAL(name, text) HEAL_##name,
#include "tables/heals.h"
#undef HEAL
	HEAL_COUNT
};

#define HEAL_SHAPES 256

/* What is known of one shape; each field for itself, and a word too old does little harm. */
struct heal_shape {
	_Atomic uint64_t key;           /* 0: nothing */
	_Atomic int64_t diverted_us;    /* monotonic: until when it goes to the primary */
	_Atomic int64_t quarantined_us; /* until when it is not run a second time */
	_Atomic uint32_t refusals;      /* in a row */
};

/* One for a ledger, made when a first shape is to be remembered. */
struct heal_shapes {
	struct heal_shape places[HEAL_SHAPES];
};

#endif
