/*
 * config/snapshot.c - owning a snapshot, and the value in force for one session.
 */
#include "config/snapshot.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/ident.h"
#include "rows.h"
#include "setting.h"

/* Counts the snapshots made, so that each has a number of its own. */
static uint64_t snapshot_last_number;

struct snapshot *
snapshot_new(void)
{
	struct snapshot *s = memory_new(sizeof(*s));

	setting_default_all(setting_globals(), &s->global);
	s->number = __atomic_add_fetch(&snapshot_last_number, 1, __ATOMIC_RELAXED);
	s->references = 1;
	return s;
}

struct snapshot *
snapshot_copy(const struct snapshot *old)
{
	struct snapshot *s = snapshot_new();

	for (size_t i = 0; i < setting_globals().count; i++)
		setting_copy(&setting_globals().rows[i], &s->global, &old->global);
	for (struct database_config *from = old->databases; from != NULL; from = from->hh.next) {
		struct database_config *database = database_config_copy(from);

		HASH_ADD_KEYPTR(hh, s->databases, database->name, strlen(database->name), database);
	}
	for (struct user_config *from = old->users; from != NULL; from = from->hh.next) {
		struct user_config *user = user_config_copy(from);

		HASH_ADD_KEYPTR(hh, s->users, user->name, strlen(user->name), user);
	}
	for (struct peer_config *from = old->peers; from != NULL; from = from->hh.next) {
		struct peer_config *peer = peer_config_copy(from);

		HASH_ADD_INT(s->peers, id, peer);
	}
	s->users_are_routed = old->users_are_routed;
	s->hba = hba_ref(old->hba);
	s->ident = ident_ref(old->ident);
	return s;
}

struct snapshot *
snapshot_ref(struct snapshot *s)
{
	__atomic_add_fetch(&s->references, 1, __ATOMIC_RELAXED);
	return s;
}

static void
snapshot_free(struct snapshot *s)
{
	struct database_config *database, *next_database;
	struct user_config *user, *next_user;
	struct peer_config *peer, *next_peer;

	HASH_ITER (hh, s->databases, database, next_database) {
		HASH_DEL(s->databases, database);
		database_config_free(database);
	}
	HASH_ITER (hh, s->users, user, next_user) {
		HASH_DEL(s->users, user);
		user_config_free(user);
	}
	HASH_ITER (hh, s->peers, peer, next_peer) {
		HASH_DEL(s->peers, peer);
		peer_config_free(peer);
	}
	hba_unref(s->hba);
	ident_unref(s->ident);
	setting_free_all(setting_globals(), &s->global);
	free(s);
}

void
snapshot_unref(struct snapshot *s)
{
	if (s != NULL && __atomic_sub_fetch(&s->references, 1, __ATOMIC_ACQ_REL) == 0)
		snapshot_free(s);
}

const struct database_config *
snapshot_database(const struct snapshot *s, const char *name)
{
	struct database_config *found;

	HASH_FIND_STR(s->databases, name, found);
	if (found == NULL)
		HASH_FIND_STR(s->databases, "*", found);
	return found;
}

const struct user_config *
snapshot_user(const struct snapshot *s, const char *name)
{
	struct user_config *found;

	HASH_FIND_STR(s->users, name, found);
	return found;
}

bool
snapshot_list_has(const char *list, const char *name)
{
	size_t wanted = strlen(name);

	while (list != NULL && *list != '\0') {
		size_t length = strcspn(list, ",");
		size_t blanks = strspn(list, " \t");
		size_t end = length;

		while (end > blanks && isspace((unsigned char)list[end - 1]))
			end--;
		if (blanks < end && end - blanks == wanted && memcmp(list + blanks, name, wanted) == 0)
			return true;
		list += length + (list[length] == ',');
	}
	return false;
}

const char *
snapshot_database_nearest(const struct snapshot *s, const char *name)
{
	const char *nearest = NULL;
	unsigned score = UINT_MAX;

	for (const struct database_config *d = s->databases; d != NULL; d = d->hh.next)
		if (setting_is_nearer(name, d->name, &score))
			nearest = d->name;
	return nearest;
}

/* ------------------------------------------------------- values in force */

static const char *const route_words[] = {[ROUTE_ANY] = "any",
    [ROUTE_PRIMARY] = "primary",
    [ROUTE_REPLICA] = "replica",
    [ROUTE_PREFER_REPLICA] = "prefer-replica",
    [ROUTE_SPLIT] = "split"};

const char *
route_mode_word(enum route_mode route)
{
	return route_words[route];
}

enum route_mode
route_mode_of(const char *word)
{
	for (size_t i = 0; i < array_length(route_words); i++)
		if (text_equal_nocase(word, route_words[i]))
			return (enum route_mode)i;
	return ROUTE_MODE_UNSET;
}

enum pool_mode
snapshot_pool_mode(const struct snapshot *s, const struct database_config *database, const struct user_config *user)
{
	if (user != NULL && user->pool_mode != POOL_MODE_UNSET)
		return user->pool_mode;
	if (database != NULL && database->pool_mode != POOL_MODE_UNSET)
		return database->pool_mode;
	return (enum pool_mode)s->global.pool_mode;
}

enum route_mode
snapshot_route(const struct snapshot *s, const struct database_config *database, const struct user_config *user)
{
	if (user != NULL && user->route != ROUTE_MODE_UNSET)
		return user->route;
	if (database != NULL && database->route != ROUTE_MODE_UNSET)
		return database->route;
	return (enum route_mode)s->global.route;
}

bool
snapshot_lazy_begin(const struct snapshot *s, const struct database_config *database)
{
	if (database != NULL && database->lazy_begin >= 0)
		return database->lazy_begin != 0;
	return s->global.lazy_begin != 0;
}

bool
snapshot_route_dry_run(const struct snapshot *s, const struct database_config *database)
{
	if (database != NULL && database->route_dry_run >= 0)
		return database->route_dry_run != 0;
	return s->global.route_dry_run != 0;
}

bool
snapshot_is_routed(const struct snapshot *s, const struct database_config *database)
{
	return snapshot_route(s, database, NULL) != ROUTE_ANY || (s->users_are_routed && database->host_count > 1);
}

enum session_features
snapshot_session_features(const struct snapshot *s, const struct database_config *database, const struct user_config *user)
{
	if (user != NULL && user->session_features != FEATURES_UNSET)
		return user->session_features;
	if (database != NULL && database->session_features != FEATURES_UNSET)
		return database->session_features;
	return (enum session_features)s->global.session_features;
}

enum track_sequences
snapshot_track_sequences(const struct snapshot *s, const struct database_config *database)
{
	if (database != NULL && database->track_sequences != TRACK_SEQUENCES_UNSET)
		return database->track_sequences;
	return (enum track_sequences)s->global.track_sequences;
}

/* The most special value that is said at all; -1 is "not said". */
static int64_t
snapshot_pick(int64_t of_user, int64_t of_database, int64_t global)
{
	if (of_user >= 0)
		return of_user;
	return of_database >= 0 ? of_database : global;
}

/* As snapshot_pick, for limits where 0 is "not said" too. */
static int
snapshot_pick_limit(int special, int global)
{
	return special > 0 ? special : global;
}

#define OF(row, field) ((row) != NULL ? (row)->field : -1)

int
snapshot_pool_size(const struct snapshot *s, const struct database_config *database, const struct user_config *user)
{
	return (int)snapshot_pick(OF(user, pool_size), OF(database, pool_size), s->global.default_pool_size);
}

int
snapshot_replica_pool_size(
    const struct snapshot *s, const struct database_config *database, const struct user_config *user)
{
	int64_t size = snapshot_pick(-1, OF(database, replica_pool_size), s->global.replica_pool_size);

	return size >= 0 ? (int)size : snapshot_pool_size(s, database, user);
}

int
snapshot_reserve_pool_size(
    const struct snapshot *s, const struct database_config *database, const struct user_config *user)
{
	return (int)snapshot_pick(
	    OF(user, reserve_pool_size), OF(database, reserve_pool_size), s->global.reserve_pool_size);
}

int
snapshot_min_pool_size(const struct snapshot *s, const struct database_config *database, const struct user_config *user)
{
	(void)user;
	return (int)snapshot_pick(-1, OF(database, min_pool_size), s->global.min_pool_size);
}

int
snapshot_max_db_connections(const struct snapshot *s, const struct database_config *database)
{
	return snapshot_pick_limit(OF(database, max_db_connections), s->global.max_db_connections);
}

int
snapshot_max_user_connections(const struct snapshot *s, const struct user_config *user)
{
	return snapshot_pick_limit(OF(user, max_user_connections), s->global.max_user_connections);
}

int
snapshot_max_db_client_connections(const struct snapshot *s, const struct database_config *database)
{
	return snapshot_pick_limit(OF(database, max_db_client_connections), s->global.max_db_client_connections);
}

int
snapshot_max_user_client_connections(const struct snapshot *s, const struct user_config *user)
{
	return snapshot_pick_limit(OF(user, max_user_client_connections), s->global.max_user_client_connections);
}

int
snapshot_max_pinned(const struct snapshot *s, const struct database_config *database, const struct user_config *user)
{
	return (int)snapshot_pick(OF(user, max_pinned), OF(database, max_pinned), s->global.max_pinned);
}

enum consistency
snapshot_consistency(const struct snapshot *s, const struct database_config *database, const struct user_config *user)
{
	return (enum consistency)snapshot_pick(OF(user, consistency), OF(database, consistency), s->global.consistency);
}

enum server_recovery
snapshot_server_recovery(const struct snapshot *s, const struct database_config *database)
{
	return (enum server_recovery)snapshot_pick(-1, OF(database, server_recovery), s->global.server_recovery);
}

enum balance_mode
snapshot_balance(const struct snapshot *s, const struct database_config *database)
{
	return (enum balance_mode)snapshot_pick(-1, OF(database, balance), s->global.balance);
}

enum read_from_primary
snapshot_read_from_primary(const struct snapshot *s, const struct database_config *database)
{
	return (enum read_from_primary)snapshot_pick(-1, OF(database, read_from_primary), s->global.read_from_primary);
}

unsigned
snapshot_weight(const struct snapshot *s, const struct database_config *database, unsigned host)
{
	const char *list = database != NULL ? database->weight : NULL;

	if (list == NULL)
		return (unsigned)s->global.weight;
	for (const char *comma; host > 0 && (comma = strchr(list, ',')) != NULL; host--)
		list = comma + 1;
	return (unsigned)strtoul(list, NULL, 10);
}

int64_t
snapshot_query_wait_timeout_ms(
    const struct snapshot *s, const struct database_config *database, const struct user_config *user)
{
	return snapshot_pick(
	    OF(user, query_wait_timeout_ms), OF(database, query_wait_timeout_ms), s->global.query_wait_timeout_ms);
}

int64_t
snapshot_server_lifetime_ms(const struct snapshot *s, const struct database_config *database)
{
	int64_t special = OF(database, server_lifetime_ms);

	return special > 0 ? special : s->global.server_lifetime_ms;
}

int64_t
snapshot_max_replica_lag_ms(const struct snapshot *s, const struct database_config *database)
{
	return snapshot_pick(-1, OF(database, max_replica_lag_ms), s->global.max_replica_lag_ms);
}

int64_t
snapshot_max_replica_lag_bytes(const struct snapshot *s, const struct database_config *database)
{
	return snapshot_pick(-1, OF(database, max_replica_lag_bytes), s->global.max_replica_lag_bytes);
}

int64_t
snapshot_max_replica_lag_soft_ms(const struct snapshot *s, const struct database_config *database)
{
	return snapshot_pick(-1, OF(database, max_replica_lag_soft_ms), s->global.max_replica_lag_soft_ms);
}

int64_t
snapshot_query_timeout_ms(const struct snapshot *s, const struct user_config *user)
{
	return snapshot_pick(OF(user, query_timeout_ms), -1, s->global.query_timeout_ms);
}

int64_t
snapshot_idle_transaction_timeout_ms(const struct snapshot *s, const struct user_config *user)
{
	return snapshot_pick(OF(user, idle_transaction_timeout_ms), -1, s->global.idle_transaction_timeout_ms);
}

int64_t
snapshot_transaction_timeout_ms(const struct snapshot *s, const struct user_config *user)
{
	return snapshot_pick(OF(user, transaction_timeout_ms), -1, s->global.transaction_timeout_ms);
}

int64_t
snapshot_client_idle_timeout_ms(const struct snapshot *s, const struct user_config *user)
{
	return snapshot_pick(OF(user, client_idle_timeout_ms), -1, s->global.client_idle_timeout_ms);
}

/* The entry's text, or the global one. */
static const char *
snapshot_pick_text(const char *special, const char *global)
{
	return special != NULL ? special : global;
}

#define TEXT_OF(row, field) ((row) != NULL ? (row)->field : NULL)

struct server_tls
snapshot_server_tls(const struct snapshot *s, const struct database_config *database)
{
	const struct settings *global = &s->global;

	return (struct server_tls){
	    .sslmode = (int)snapshot_pick(-1, OF(database, server_tls_sslmode), global->server_tls_sslmode),
	    .sslnegotiation =
		(int)snapshot_pick(-1, OF(database, server_tls_sslnegotiation), global->server_tls_sslnegotiation),
	    .ca_file = snapshot_pick_text(TEXT_OF(database, server_tls_ca_file), global->server_tls_ca_file),
	    .cert_file = snapshot_pick_text(TEXT_OF(database, server_tls_cert_file), global->server_tls_cert_file),
	    .key_file = snapshot_pick_text(TEXT_OF(database, server_tls_key_file), global->server_tls_key_file),
	    .protocols = snapshot_pick_text(TEXT_OF(database, server_tls_protocols), global->server_tls_protocols),
	    .ciphers = snapshot_pick_text(TEXT_OF(database, server_tls_ciphers), global->server_tls_ciphers),
	    .tls13_ciphers =
		snapshot_pick_text(TEXT_OF(database, server_tls13_ciphers), global->server_tls13_ciphers),
	};
}
