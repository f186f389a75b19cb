/*
 * pool/pause.c - who is paused, and by which command.  A ledger is paused while all
 * are, or while it is paused by name.
 */
#include "pool/pause.h"

#include "pool/pool_private.h"

/* Makes the ledger what the commands add up to. */
static void
pause_apply(struct ledger *l)
{
	bool paused = pause_is_all(l->hub) || l->paused_by_name;

	l->paused = paused;
	for (struct account *a = l->accounts; paused && a != NULL; a = a->hh.next)
		ledger_close_idle_locked(a, UINT32_MAX, "pause mode");
	if (!paused)
		ledger_pump_all_locked(l);
}

static void
pause_apply_each(struct ledger *l, void *unused)
{
	(void)unused;
	pthread_mutex_lock(&l->mutex);
	pause_apply(l);
	pthread_mutex_unlock(&l->mutex);
}

bool
pause_all(struct hub *h, bool paused)
{
	if (!hub_set_paused(h, paused))
		return false;
	hub_each_ledger(h, pause_apply_each, NULL);
	return true;
}

bool
pause_is_all(const struct hub *h)
{
	return hub_is_paused(h);
}

bool
pause_one(struct ledger *l, bool paused)
{
	bool changes;

	pthread_mutex_lock(&l->mutex);
	changes = l->paused_by_name != paused;
	l->paused_by_name = paused;
	if (changes)
		pause_apply(l);
	pthread_mutex_unlock(&l->mutex);
	return changes;
}

bool
pause_is_one(struct ledger *l)
{
	bool paused;

	pthread_mutex_lock(&l->mutex);
	paused = l->paused_by_name;
	pthread_mutex_unlock(&l->mutex);
	return paused;
}
