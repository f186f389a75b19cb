/*
 * pool/hub.c - what all workers share: the snapshot in force, the ledgers, and
 * the counters of users.
 */
#include <stdlib.h>
#include <string.h>

#include "observe/log.h"
#include "pool/hub_private.h"
#include "pool/pool_private.h"

/* A name's length in PostgreSQL. */
#define ENTRY_NAME_MOST 63

struct hub {
	pthread_mutex_t mutex;           /* ledgers, counters, snapshot */
	unsigned workers;
	struct pool **pools;             /* owned array of borrowed pools */
	struct ledger *ledgers;          /* uthash by name; a reference each */
	struct user_counter *counters;   /* uthash by user */
	struct snapshot *snapshot;       /* owned reference */
	struct tls_set *tls;             /* owned reference: one worker's set, to tell what a reload changes */
	_Atomic uint32_t connections;    /* clients and servers there have been */
	atomic_bool paused;
	atomic_bool outdated;            /* servers have become outdated */
	void (*watch)(void *user, struct cluster *c, bool begins);
	void *watch_user;
};

static void
hub_configure_dns(const struct snapshot *s)
{
	dns_configure(s->global.dns_max_ttl_ms * 1000, s->global.dns_nxdomain_ttl_ms * 1000);
}

struct moved_name {
	const char *name;             /* borrowed */
	struct dns_addresses *now;    /* borrowed */
};

static void
ledger_name_moved(struct ledger *l, void *moved)
{
	const struct moved_name *m = moved;

	ledger_addresses_changed(l, m->name, m->now);
}

static void
hub_addresses_changed(void *hub, const char *name, struct dns_addresses *now)
{
	struct moved_name moved = {.name = name, .now = now};

	hub_each_ledger(hub, ledger_name_moved, &moved);
	hub_note_outdated(hub);
}

struct hub *
hub_new(unsigned workers, struct snapshot *snapshot, struct tls_set *tls)
{
	struct hub *h = memory_new(sizeof(*h));

	must(workers > 0 && workers <= WORKERS_MOST);
	pthread_mutex_init(&h->mutex, NULL);
	h->workers = workers;
	h->pools = memory_array(workers, sizeof(struct pool *));
	h->snapshot = snapshot_ref(snapshot);
	hub_configure_dns(snapshot);
	dns_on_change(hub_addresses_changed, h);
	h->tls = tls_set_ref(tls);
	return h;
}

void
hub_free(struct hub *h)
{
	struct ledger *l, *next;

	HASH_ITER(hh, h->ledgers, l, next) {
		HASH_DEL(h->ledgers, l);
		ledger_unref(l);
	}
	dns_on_change(NULL, NULL);
	dns_free();
	snapshot_unref(h->snapshot);
	tls_set_unref(h->tls);
	pthread_mutex_destroy(&h->mutex);
	free(h->pools);
	free(h);
}

void
hub_set_pool(struct hub *h, unsigned worker, struct pool *p)
{
	h->pools[worker] = p;
}

unsigned
hub_worker_count(const struct hub *h)
{
	return h->workers;
}

uint32_t
hub_next_connection(struct hub *h)
{
	return (atomic_fetch_add_explicit(&h->connections, 1, memory_order_relaxed) + 1) & INT32_MAX;
}

struct pool *
hub_pool(struct hub *h, unsigned worker)
{
	return h->pools[worker];
}

struct snapshot *
hub_snapshot(struct hub *h)
{
	struct snapshot *s;

	pthread_mutex_lock(&h->mutex);
	s = snapshot_ref(h->snapshot);
	pthread_mutex_unlock(&h->mutex);
	return s;
}

bool
hub_set_paused(struct hub *h, bool paused)
{
	return atomic_exchange(&h->paused, paused) != paused;
}

bool
hub_is_paused(const struct hub *h)
{
	return atomic_load(&h->paused);
}

void
hub_on_cluster(struct hub *h, void (*watch)(void *user, struct cluster *c, bool begins), void *user)
{
	h->watch = watch;
	h->watch_user = user;
}

void
hub_note_outdated(struct hub *h)
{
	atomic_store(&h->outdated, true);
}

bool
hub_take_outdated(struct hub *h)
{
	return atomic_load(&h->outdated) && atomic_exchange(&h->outdated, false);
}

static void
hub_watch(struct hub *h, struct cluster *c, bool begins)
{
	if (h->watch != NULL && cluster_is_monitored(c))
		h->watch(h->watch_user, c, begins);
}

/* -------------------------------------------------------------- counters */

struct user_counter *
hub_counter(struct hub *h, const char *user)
{
	struct user_counter *c;

	pthread_mutex_lock(&h->mutex);
	HASH_FIND(hh, h->counters, user, strlen(user), c);
	if (c == NULL) {
		c = memory_new(sizeof(*c));
		c->user = text_copy(user);
		HASH_ADD_KEYPTR(hh, h->counters, c->user, strlen(c->user), c);
	}
	c->references++;
	pthread_mutex_unlock(&h->mutex);
	return c;
}

void
hub_counter_unref(struct hub *h, struct user_counter *c)
{
	pthread_mutex_lock(&h->mutex);
	if (--c->references == 0) {
		HASH_DEL(h->counters, c);
		free(c->user);
		free(c);
	}
	pthread_mutex_unlock(&h->mutex);
}

const char *
hub_add_client(struct hub *h, const char *user, unsigned *clients)
{
	struct user_counter *c = hub_counter(h, user);

	*clients = (unsigned)atomic_fetch_add(&c->clients, 1) + 1;
	return c->user;
}

void
hub_remove_client(struct hub *h, const char *user)
{
	struct user_counter *c = hub_counter(h, user);

	atomic_fetch_sub(&c->clients, 1);
	hub_counter_unref(h, c);
	/* The reference that came with the client. */
	hub_counter_unref(h, c);
}

/* --------------------------------------------------------------- ledgers */

_Static_assert(HOSTS_MOST == CLUSTER_HOSTS_MOST, "every entry has a cluster");

static struct cluster *
cluster_of(const struct snapshot *s, const struct database_config *d)
{
	return cluster_new((const char *const *)d->hosts, d->ports, d->host_count, snapshot_is_routed(s, d));
}

static void
cluster_configure(struct cluster *c, const struct snapshot *s, const struct database_config *d)
{
	struct cluster_lag_limits limits = {
	    .most_us = snapshot_max_replica_lag_ms(s, d) * 1000,
	    .most_bytes = snapshot_max_replica_lag_bytes(s, d),
	    .soft_us = snapshot_max_replica_lag_soft_ms(s, d) * 1000,
	};

	cluster_set_lag_limits(c, &limits);
}

static void
ledger_configure_locked(struct ledger *l, const struct snapshot *s, const struct database_config *d)
{
	l->max_connections = snapshot_max_db_connections(s, d);
	l->login_retry_us = s->global.server_login_retry_ms * 1000;
	l->reserve_timeout_us = s->global.reserve_pool_timeout_ms * 1000;
	l->login_concurrency = (unsigned)max_of(s->global.server_login_concurrency, 1);
	l->round_robin = s->global.server_round_robin != 0;
	l->one_host_at_a_time = d->load_balance_hosts == 0;
	l->read_from_primary = snapshot_read_from_primary(s, d);
	l->balance.least_busy = snapshot_balance(s, d) == BALANCE_LEAST_BUSY;
	l->balance.slow_start_us = s->global.slow_start_ms * 1000;
	for (unsigned i = 0; i < d->host_count; i++)
		balance_set_weight(&l->balance, i, snapshot_weight(s, d, i));
	l->automatic = strcmp(d->name, "*") == 0;
	l->server_lifetime_us = snapshot_server_lifetime_ms(s, d) * 1000;
	for (struct account *a = l->accounts; a != NULL; a = a->hh.next)
		account_configure_locked(a, s, d);
}

struct ledger *
hub_ledger(struct hub *h, const char *database)
{
	const struct database_config *d;
	struct ledger *l;
	bool made = false;

	pthread_mutex_lock(&h->mutex);
	HASH_FIND(hh, h->ledgers, database, strlen(database), l);
	d = snapshot_database(h->snapshot, database);
	if (l == NULL && d != NULL && (strcmp(d->name, "*") != 0 || strlen(database) <= ENTRY_NAME_MOST)) {
		l = ledger_new(h, database, cluster_of(h->snapshot, d));
		cluster_configure(l->cluster, h->snapshot, d);
		l->paused = atomic_load(&h->paused);
		ledger_configure_locked(l, h->snapshot, d);
		HASH_ADD_KEYPTR(hh, h->ledgers, l->name, strlen(l->name), l);
		made = true;
	}
	if (l != NULL)
		ledger_ref(l);
	pthread_mutex_unlock(&h->mutex);
	if (made)
		hub_watch(h, l->cluster, true);
	if (made && l->automatic)
		log_info(NULL, "registered new auto-database: %s", l->name);
	return l;
}

/* The ledgers of this moment, each with a reference; NULL-terminated, owned by the caller. */
static struct ledger **
hub_list_ledgers(struct hub *h)
{
	struct ledger **list;
	unsigned n = 0;

	pthread_mutex_lock(&h->mutex);
	list = memory_array(HASH_COUNT(h->ledgers) + 1, sizeof(struct ledger *));
	for (struct ledger *l = h->ledgers; l != NULL; l = l->hh.next)
		list[n++] = ledger_ref(l);
	pthread_mutex_unlock(&h->mutex);
	return list;
}

void
hub_each_ledger(struct hub *h, void (*each)(struct ledger *l, void *user), void *user)
{
	struct ledger **list = hub_list_ledgers(h);

	for (unsigned i = 0; list[i] != NULL; i++) {
		each(list[i], user);
		ledger_unref(list[i]);
	}
	free(list);
}

/* ---------------------------------------------------------------- reload */

static bool
config_text_changed(const char *a, const char *b)
{
	return !text_equal(a, b);
}

/* True when servers that were logged in under the old row must not be used under the new one. */
static bool
database_needs_new_servers(const struct database_config *old, const struct database_config *new)
{
	if (old == NULL || old->host_count != new->host_count)
		return true;
	for (unsigned i = 0; i < old->host_count; i++)
		if (config_text_changed(old->hosts[i], new->hosts[i]) || old->ports[i] != new->ports[i])
			return true;
	return config_text_changed(old->dbname, new->dbname) || config_text_changed(old->user, new->user) ||
	    config_text_changed(old->connect_query, new->connect_query) || config_text_changed(old->auth_dbname, new->auth_dbname) ||
	    config_text_changed(old->auth_query, new->auth_query) || old->load_balance_hosts != new->load_balance_hosts;
}

/* A configuration and the contexts made of it. */
struct hub_state {
	const struct snapshot *snapshot;
	const struct tls_set *tls;
};

static uint64_t
database_tls_stamp(const struct hub_state *state, const char *name)
{
	const struct tls_context *c = tls_set_connect(state->tls, state->snapshot, snapshot_database(state->snapshot, name));

	return c != NULL ? tls_context_stamp(c) : 0;
}

static void
ledger_set_cluster_locked(struct ledger *l, struct cluster *c)
{
	l->former = memory_resize(l->former, (l->former_count + 1) * sizeof(struct cluster *));
	l->former[l->former_count++] = l->cluster;
	/* Also servers whose host stays: they count for cells that nobody looks at any more. */
	l->epoch++;
	l->turn = 0;
	balance_start_over(&l->balance);
	l->primary_paused &= cluster_is_monitored(c);
	ledger_forget_addresses_locked(l);
	l->cluster = c;
	for (struct account *a = l->accounts; a != NULL; a = a->hh.next) {
		ledger_close_idle_locked(a, UINT32_MAX, "database configuration changed");
		account_set_hosts_locked(a, cluster_host_count(c));
		account_forget_hosts_locked(a);
	}
}

static void
ledger_reload(struct ledger *l, const struct hub_state *was, const struct hub_state *is)
{
	const struct snapshot *old = was->snapshot, *new = is->snapshot;
	const struct database_config *d = snapshot_database(new, l->name);
	struct cluster *replaced = NULL, *fresh;
	bool monitored = snapshot_is_routed(new, d);

	pthread_mutex_lock(&l->mutex);
	ledger_configure_locked(l, new, d);
	l->removed = false;
	if (database_needs_new_servers(snapshot_database(old, l->name), d) ||
	    database_tls_stamp(was, l->name) != database_tls_stamp(is, l->name)) {
		l->epoch++;
		ledger_close_idle_all_locked(l, "database configuration changed");
		for (struct account *a = l->accounts; a != NULL; a = a->hh.next)
			account_forget_failure_locked(a);
	}
	if (monitored != cluster_is_monitored(l->cluster) ||
	    !cluster_has_same_hosts(l->cluster, (const char *const *)d->hosts, d->ports, d->host_count)) {
		fresh = cluster_of(new, d);
		replaced = l->cluster;
		ledger_set_cluster_locked(l, fresh);
	}
	cluster_configure(l->cluster, new, d);
	ledger_pump_all_locked(l);
	pthread_mutex_unlock(&l->mutex);
	if (replaced == NULL)
		return;
	hub_watch(l->hub, replaced, false);
	hub_watch(l->hub, l->cluster, true);
}

static void
ledger_remove(struct ledger *l)
{
	static const struct refusal why = {.reason = CLOSE_database_removed};

	pthread_mutex_lock(&l->mutex);
	l->removed = true;
	ledger_close_idle_all_locked(l, "database removed");
	for (struct account *a = l->accounts; a != NULL; a = a->hh.next)
		account_refuse_waiters_locked(a, &why);
	pthread_mutex_unlock(&l->mutex);
}

struct snapshot_message {
	struct message message;
	struct pool *pool;
	struct snapshot *snapshot; /* a reference */
	struct tls_set *tls;       /* a reference; NULL: no new one */
};

static void
pool_take_snapshot(struct message *m)
{
	struct snapshot_message *s = container_of(m, struct snapshot_message, message);

	snapshot_unref(s->pool->snapshot);
	s->pool->snapshot = s->snapshot;
	if (s->tls != NULL) {
		tls_set_unref(s->pool->tls);
		s->pool->tls = s->tls;
	}
	free(s);
}

static void
hub_send_snapshot(struct hub *h, struct snapshot *snapshot, struct tls_set **tls)
{
	for (unsigned w = 0; w < h->workers; w++) {
		struct snapshot_message *s = memory_new(sizeof(*s));

		s->message.run = pool_take_snapshot;
		s->pool = h->pools[w];
		s->snapshot = snapshot_ref(snapshot);
		s->tls = tls != NULL ? tls[w] : NULL;
		loop_post(h->pools[w]->loop, &s->message);
	}
}

void
hub_configure(struct hub *h, struct snapshot *snapshot, struct tls_set **tls)
{
	struct ledger **list = hub_list_ledgers(h);
	struct snapshot *old;
	struct tls_set *old_tls = h->tls;
	struct hub_state was = {.tls = h->tls}, is = {.snapshot = snapshot};

	if (tls != NULL)
		h->tls = tls_set_ref(tls[0]);
	pthread_mutex_lock(&h->mutex);
	old = h->snapshot;
	h->snapshot = snapshot_ref(snapshot);
	pthread_mutex_unlock(&h->mutex);
	hub_configure_dns(snapshot);
	was.snapshot = old;
	is.tls = h->tls;
	hub_send_snapshot(h, snapshot, tls);
	for (unsigned i = 0; list[i] != NULL; i++) {
		if (snapshot_database(snapshot, list[i]->name) != NULL)
			ledger_reload(list[i], &was, &is);
		else
			ledger_remove(list[i]);
		ledger_unref(list[i]);
	}
	free(list);
	snapshot_unref(old);
	hub_note_outdated(h);
	if (tls != NULL)
		tls_set_unref(old_tls);
}

/* --------------------------------------------------------------- changes */

static void
ledger_cluster_changed(struct ledger *l, void *changed)
{
	pthread_mutex_lock(&l->mutex);
	if (l->cluster == changed) {
		uint32_t usable = ledger_usable_locked(l);

		for (unsigned i = 0; i < cluster_host_count(l->cluster); i++)
			balance_set_up(&l->balance, i, cluster_up_since_us(l->cluster, i));
		for (struct account *a = l->accounts; a != NULL; a = a->hh.next) {
			for (unsigned i = 0; i < a->cell_count; i++)
				a->cells[i]->failed_us = 0;
			ledger_close_idle_locked(a, ~usable, "host is out of rotation");
			ledger_pump_locked(a);
		}
	}
	pthread_mutex_unlock(&l->mutex);
}

void
hub_cluster_changed(struct hub *h, struct cluster *c)
{
	hub_each_ledger(h, ledger_cluster_changed, c);
	hub_shut_dethroned(h, c);
}

/* An entry that is removed, or was made on demand, is forgotten when nobody uses it any more. */
static void
hub_forget_unused(struct hub *h, struct ledger *l, const struct snapshot *s)
{
	bool unused;

	if (!ledger_is_forgotten(l, s))
		return;
	pthread_mutex_lock(&h->mutex);
	/* One reference is the table's, one the caller's; a new one comes only from the table. */
	unused = atomic_load(&l->references) == 2;
	if (unused)
		HASH_DEL(h->ledgers, l);
	pthread_mutex_unlock(&h->mutex);
	if (!unused)
		return;
	hub_watch(h, l->cluster, false);
	ledger_unref(l);
}

static void
hub_janitor_ledger(struct ledger *l, void *snapshot)
{
	ledger_janitor(l, snapshot);
	/* One may have been on its way to a waiter. */
	hub_shut_dethroned(l->hub, l->cluster);
	hub_forget_unused(l->hub, l, snapshot);
}

void
hub_janitor(struct hub *h)
{
	struct snapshot *s = hub_snapshot(h);

	hub_each_ledger(h, hub_janitor_ledger, s);
	snapshot_unref(s);
}
