/*
 * base/spares.h - things of one kind that come and go with every transaction: they are
 * kept for the next user, with the buffers that they own.  Their first member is a
 * struct list.
 */
#ifndef PGWEIR_BASE_SPARES_H
#define PGWEIR_BASE_SPARES_H

#include "base/list.h"

/* One that was kept, as it was given back, or a new one of zeros. */
static inline void *
spares_take(struct list *spares, size_t size)
{
	struct list *node = list_pop_front(spares);

	if (node == NULL) {
		node = memory_new(size);
		list_init(node);
	}
	return node;
}

/* THING is in no list; what it owns stays its own.  The list owns it now. */
static inline void
spares_keep(struct list *spares, void *thing)
{
	list_init(thing);
	list_push_front(spares, thing);
}

#endif
