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

/* ----------------------------------------------------------- the primary */

/* The hosts of which is known that they are replicas. */
static uint32_t
ledger_replicas(const struct ledger *l)
{
	uint32_t replicas = 0;

	for (unsigned i = 0; i < cluster_host_count(l->cluster); i++)
		if (cluster_host_role(l->cluster, i) == HOST_REPLICA)
			replicas |= 1u << i;
	return replicas;
}

bool
pause_primary(struct ledger *l, bool paused)
{
	bool changes;

	pthread_mutex_lock(&l->mutex);
	changes = l->primary_paused != paused;
	l->primary_paused = paused;
	for (struct account *a = l->accounts; changes && paused && a != NULL; a = a->hh.next)
		ledger_close_idle_locked(a, ~ledger_replicas(l), "pause mode");
	if (changes && !paused)
		ledger_pump_all_locked(l);
	pthread_mutex_unlock(&l->mutex);
	return changes;
}

bool
pause_is_primary(struct ledger *l)
{
	bool paused;

	pthread_mutex_lock(&l->mutex);
	paused = l->primary_paused;
	pthread_mutex_unlock(&l->mutex);
	return paused;
}

unsigned
pause_primary_servers(struct ledger *l)
{
	uint32_t replicas;
	unsigned servers;

	pthread_mutex_lock(&l->mutex);
	replicas = ledger_replicas(l);
	servers = l->total;
	for (const struct account *a = l->accounts; a != NULL; a = a->hh.next)
		for (uint32_t left = replicas; left != 0; left &= left - 1)
			servers -= a->cells[__builtin_ctz(left)]->total;
	pthread_mutex_unlock(&l->mutex);
	return servers;
}
