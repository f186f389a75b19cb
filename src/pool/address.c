/*
 * pool/address.c - a host name that has other addresses than before: servers that are
 * connected to one it does not have any more are closed, the idle ones now, the
 * others when they come back.
 */
#include <stdlib.h>

#include "pool/hub_private.h"
#include "pool/pool_private.h"

#define MOVED "host name has other addresses"

void
ledger_forget_addresses_locked(struct ledger *l)
{
	for (unsigned i = 0; i < l->address_count; i++)
		dns_addresses_unref(l->addresses[i]);
	free(l->addresses);
	l->addresses = NULL;
	l->address_count = 0;
}

const char *
server_moved_locked(struct server *s)
{
	const struct ledger *l = s->ledger;

	if (s->addresses_seen == l->address_changes)
		return NULL;
	if (s->cluster != l->cluster || s->host >= l->address_count || l->addresses[s->host] == NULL || s->peer.is_unix ||
	    dns_addresses_have(l->addresses[s->host], s->peer.host)) {
		s->addresses_seen = l->address_changes;
		return NULL;
	}
	return MOVED;
}

static void
account_close_moved_locked(struct account *a)
{
	for (unsigned i = 0; i < a->cell_count; i++) {
		for (unsigned w = 0; w < hub_worker_count(a->ledger->hub); w++) {
			list_for_each_safe(node, &a->cells[i]->idle[w]) {
				struct server *s = list_entry(node, struct server, idle);
				const char *reason = server_moved_locked(s);

				if (reason != NULL)
					ledger_close_one_locked(s, reason);
			}
		}
	}
}

/* Takes the addresses for each host of that name; false when there is none. */
static bool
ledger_take_addresses_locked(struct ledger *l, const char *name, struct dns_addresses *now)
{
	unsigned count = cluster_host_count(l->cluster);
	bool any = false;

	for (unsigned i = 0; i < count; i++) {
		if (!text_equal(cluster_host_name(l->cluster, i), name))
			continue;
		if (l->addresses == NULL) {
			l->addresses = memory_array(count, sizeof(struct dns_addresses *));
			l->address_count = count;
		}
		dns_addresses_unref(l->addresses[i]);
		l->addresses[i] = dns_addresses_ref(now);
		any = true;
	}
	return any;
}

void
ledger_addresses_changed(struct ledger *l, const char *name, struct dns_addresses *now)
{
	pthread_mutex_lock(&l->mutex);
	if (ledger_take_addresses_locked(l, name, now)) {
		l->address_changes++;
		for (struct account *a = l->accounts; a != NULL; a = a->hh.next)
			account_close_moved_locked(a);
	}
	pthread_mutex_unlock(&l->mutex);
}
