/*
 * pool/pause.c - who is paused, and by which command.  A ledger is paused while all
 * are, or while it is paused by name.
 */
#include "pool/pause.h"

#include <stdlib.h>

/* The process has one hub; the ledgers' numbers are never used again. */
static struct {
	pthread_mutex_t mutex;
	bool all;
	uint64_t *own; /* owned: ids of the ledgers that are paused by name */
	unsigned own_count;
} pauses = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Where ID is in the list, or its end. */
static unsigned
pause_find(uint64_t id)
{
	unsigned i = 0;

	while (i < pauses.own_count && pauses.own[i] != id)
		i++;
	return i;
}

/* Sets what the ledger's commands add up to. */
static void
pause_apply(struct ledger *l, void *unused)
{
	(void)unused;
	ledger_pause(l, pauses.all || pause_find(l->id) < pauses.own_count);
}

bool
pause_all(struct hub *h, bool paused)
{
	bool changes;

	pthread_mutex_lock(&pauses.mutex);
	changes = pauses.all != paused;
	pauses.all = paused;
	if (changes)
		hub_each_ledger(h, pause_apply, NULL);
	pthread_mutex_unlock(&pauses.mutex);
	return changes;
}

bool
pause_is_all(void)
{
	bool all;

	pthread_mutex_lock(&pauses.mutex);
	all = pauses.all;
	pthread_mutex_unlock(&pauses.mutex);
	return all;
}

static void
pause_remember(uint64_t id, bool paused)
{
	unsigned at = pause_find(id);

	if (!paused) {
		pauses.own[at] = pauses.own[--pauses.own_count];
		return;
	}
	pauses.own = memory_resize(pauses.own, (pauses.own_count + 1) * sizeof(pauses.own[0]));
	pauses.own[pauses.own_count++] = id;
}

bool
pause_one(struct ledger *l, bool paused)
{
	bool changes;

	pthread_mutex_lock(&pauses.mutex);
	changes = (pause_find(l->id) < pauses.own_count) != paused;
	if (changes) {
		pause_remember(l->id, paused);
		pause_apply(l, NULL);
	}
	pthread_mutex_unlock(&pauses.mutex);
	return changes;
}

bool
pause_is_one(const struct ledger *l)
{
	bool paused;

	pthread_mutex_lock(&pauses.mutex);
	paused = pause_find(l->id) < pauses.own_count;
	pthread_mutex_unlock(&pauses.mutex);
	return paused;
}
