/*
 * pool/table_floors.c - which entries share what is known of their tables' writes:
 * those of one database on the same hosts.
 *
 * The first reader of an entry makes the floors; every other entry then looks once
 * whether they are its own too, since its clients may write there.  One that a reload moves to other hosts keeps what it has:
 * positions of another cluster's log make its reads more careful for a while.
 */
#include <pthread.h>
#include <stdlib.h>

#include "pool/ledger.h"

/* One at a time, so that two entries do not each make their own.  Taken before the hub's and a ledger's. */
static pthread_mutex_t search_mutex = PTHREAD_MUTEX_INITIALIZER;

struct search {
	const char *key;
	struct table_floors *found; /* a reference of the caller's */
};

static void
search_ledger(struct ledger *l, void *user)
{
	struct search *search = user;
	struct table_floors *floors = atomic_load_explicit(&l->floors, memory_order_acquire);

	if (search->found == NULL && floors != NULL && text_equal(table_floors_key(floors), search->key))
		search->found = table_floors_ref(floors);
}

/* The hosts in their order, each with its port, and the database. */
static void
key_write(const struct ledger *l, const char *dbname, struct bytes *out)
{
	const struct cluster *c = l->cluster;

	for (unsigned i = 0; i < cluster_host_count(c); i++)
		bytes_format(out, "%s:%u ", cluster_host_name(c, i), cluster_host_port(c, i));
	bytes_text(out, dbname);
}

/* Under the mutex. */
static void
ledger_take_floors(struct ledger *l, const char *key)
{
	struct search search = {.key = key};

	if (atomic_load_explicit(&l->floors, memory_order_acquire) != NULL)
		return;
	hub_each_ledger(l->hub, search_ledger, &search);
	atomic_store_explicit(&l->floors, search.found, memory_order_release);
}

static void
ledger_has_to_look(struct ledger *l, void *user)
{
	(void)user;
	atomic_store_explicit(&l->looks_for_floors, true, memory_order_release);
}

struct table_floors *
ledger_floors(struct ledger *l, const char *dbname, bool makes)
{
	struct table_floors *floors;
	struct bytes key = {0};

	atomic_store_explicit(&l->looks_for_floors, false, memory_order_relaxed);
	key_write(l, dbname, &key);
	pthread_mutex_lock(&search_mutex);
	ledger_take_floors(l, key.data);
	floors = atomic_load_explicit(&l->floors, memory_order_acquire);
	if (floors == NULL && makes) {
		floors = table_floors_new(key.data);
		atomic_store_explicit(&l->floors, floors, memory_order_release);
		hub_each_ledger(l->hub, ledger_has_to_look, NULL);
	}
	pthread_mutex_unlock(&search_mutex);
	bytes_free(&key);
	return floors;
}
