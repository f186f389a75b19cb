/*
 * config/snapshot.h - what the configuration files say, as one immutable,
 * reference-counted object.
 *
 * A snapshot is built whole or not at all (config_load in config/config.h); after that
 * nothing in it changes, so threads read it without a lock.  It holds no live
 * object: ledgers and sessions look their entry up by name.
 */
#ifndef PGWEIR_CONFIG_SNAPSHOT_H
#define PGWEIR_CONFIG_SNAPSHOT_H

#include "base/map.h"

/* So many hosts may an entry have. */
#define HOSTS_MOST 32

/* The values of the settings that are one of a list of words. */
enum pool_mode { POOL_SESSION, POOL_TRANSACTION, POOL_STATEMENT, POOL_MODE_UNSET = -1 };
enum route_mode { ROUTE_ANY, ROUTE_PRIMARY, ROUTE_REPLICA, ROUTE_PREFER_REPLICA, ROUTE_SPLIT, ROUTE_MODE_UNSET = -1 };
enum balance_mode { BALANCE_ROUND_ROBIN, BALANCE_LEAST_BUSY, BALANCE_UNSET = -1 };
enum read_from_primary { READ_FROM_PRIMARY_NEVER, READ_FROM_PRIMARY_FALLBACK, READ_FROM_PRIMARY_ALWAYS, READ_FROM_PRIMARY_UNSET = -1 };
enum session_features { FEATURES_KEEP, FEATURES_REJECT, FEATURES_IGNORE, FEATURES_UNSET = -1 };
enum track_sequences { TRACK_SEQUENCES_AUTO, TRACK_SEQUENCES_ALWAYS, TRACK_SEQUENCES_NEVER, TRACK_SEQUENCES_UNSET = -1 };
/* What a read is sure to see. */
enum consistency { CONSISTENCY_EVENTUAL, CONSISTENCY_SESSION, CONSISTENCY_TABLE };
enum server_recovery { RECOVERY_RECOVER, RECOVERY_CLOSE };
enum auth_type { AUTH_ANY, AUTH_TRUST, AUTH_PLAIN, AUTH_MD5, AUTH_SCRAM, AUTH_CERT, AUTH_HBA, AUTH_LDAP, AUTH_PAM,
	AUTH_PEER, AUTH_REJECT /* of host-based rules only */ };

/*
 * One field per row of tables/settings.h, named as the key: BOOL and ENUM and INT
 * are int, DURATION is int64_t milliseconds with `_ms` behind the name, SIZE is int64_t bytes, TEXT is an
 * owned char * that is never NULL ("" when unset).
 */
struct settings {
#define SETTING(name, type, ...) SETTING_FIELD_##type(name)
#define SETTING_FIELD_BOOL(name) int name;
#define SETTING_FIELD_INT(name) int name;
#define SETTING_FIELD_ENUM(name) int name;
#define SETTING_FIELD_DURATION(name) int64_t name##_ms;
#define SETTING_FIELD_SIZE(name) int64_t name;
#define SETTING_FIELD_TEXT(name) char *name;
#include "tables/settings.h"
#undef SETTING
};

struct parameter {
	char *name;  /* owned */
	char *value; /* owned */
};

/* A row of [databases].  Numbers are -1 and texts NULL where the row does not say. */
struct database_config {
	char *name;        /* owned, the key; "*" is the fallback row */
	char **hosts;      /* owned; host name, address, or a socket directory ("/dir", "@name"); host_count of them */
	uint16_t *ports;   /* owned; one per host */
	unsigned host_count;
	char *dbname;      /* owned; NULL in "*": the requested name */
	char *user;        /* forced user */
	char *password;
	char *auth_user;
	char *auth_dbname;
	char *auth_query;
	char *connect_query;
	struct parameter *parameters; /* client_encoding, datestyle, timezone, application_name as given; sent at server login */
	unsigned parameter_count;
	int pool_size;
	int min_pool_size;
	int reserve_pool_size;
	int replica_pool_size;
	int max_db_connections;
	int max_db_client_connections;
	int64_t query_wait_timeout_ms;
	int64_t server_lifetime_ms;
	enum pool_mode pool_mode;    /* POOL_MODE_UNSET */
	enum route_mode route;       /* ROUTE_MODE_UNSET */
	enum session_features session_features; /* FEATURES_UNSET */
	enum track_sequences track_sequences;   /* TRACK_SEQUENCES_UNSET */
	int consistency;             /* enum consistency, -1 */
	int max_pinned;
	int server_recovery;         /* enum server_recovery, -1 */
	int route_dry_run;           /* 0, 1, -1 */
	int lazy_begin;              /* 0, 1, -1 */
	int load_balance_hosts;      /* 0 disable, 1 round-robin, -1 */
	enum balance_mode balance;   /* BALANCE_UNSET */
	enum read_from_primary read_from_primary; /* READ_FROM_PRIMARY_UNSET */
	char *weight;                /* one number, or a comma list of one for each host; NULL */
	int64_t max_replica_lag_ms;
	int64_t max_replica_lag_bytes;
	int64_t max_replica_lag_soft_ms;
	char *read_functions;        /* comma list, NULL */
	int server_tls_sslmode;
	int server_tls_sslnegotiation;
	char *server_tls_ca_file;
	char *server_tls_cert_file;
	char *server_tls_key_file;
	char *server_tls_protocols;
	char *server_tls_ciphers;
	char *server_tls13_ciphers;
	UT_hash_handle hh;
};

/* A row of [users], a row of the userlist, or both. */
struct user_config {
	char *name;   /* owned */
	char *secret; /* owned: plaintext, md5…, SCRAM-SHA-256$…; NULL when the userlist does not name the user */
	bool configured; /* has a row in [users] */
	enum pool_mode pool_mode;
	enum route_mode route;
	enum session_features session_features;
	int consistency;
	int pool_size;
	int reserve_pool_size;
	int max_user_connections;
	int max_user_client_connections;
	int max_pinned;
	int64_t query_timeout_ms;
	int64_t query_wait_timeout_ms;
	int64_t idle_transaction_timeout_ms;
	int64_t transaction_timeout_ms;
	int64_t client_idle_timeout_ms;
	UT_hash_handle hh;
};

struct peer_config {
	int id;
	char *host; /* owned */
	uint16_t port;
	int pool_size;
	UT_hash_handle hh;
};

struct hba;
struct ident;

struct snapshot {
	struct settings global;
	struct database_config *databases; /* uthash by name */
	struct user_config *users;         /* uthash by name */
	struct peer_config *peers;         /* uthash by id */
	struct hba *hba;                   /* owned reference; NULL unless auth_type is hba */
	struct ident *ident;               /* likewise; NULL also without auth_ident_file */
	bool users_missing;                /* auth_file could not be read */
	bool users_are_routed;             /* a row of [users] has a route other than any */
	unsigned secrets;                  /* users of the user list with one */
	unsigned scram_secrets;            /* those of them whose secret is a SCRAM one */
	uint64_t number;                   /* counts up with every load of this process */
	int references;                    /* atomic */
};

/* The server_tls_* settings in force for one entry; the texts are the snapshot's, never NULL. */
struct server_tls {
	int sslmode;        /* enum tls_mode in net/tls.h */
	int sslnegotiation; /* enum tls_negotiation likewise */
	const char *ca_file;
	const char *cert_file;
	const char *key_file;
	const char *protocols;
	const char *ciphers;
	const char *tls13_ciphers;
};

/* The word of a mode, and the mode of a word (which may be NULL), or ROUTE_MODE_UNSET. */
const char *route_mode_word(enum route_mode route);
enum route_mode route_mode_of(const char *word);

struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s); /* NULL is fine; frees with the last reference */

/* The row of that name, else the "*" row, else NULL.  Borrowed. */
const struct database_config *snapshot_database(const struct snapshot *s, const char *name);
/* The name of an entry that is spelled nearly like NAME, or NULL.  Borrowed. */
const char *snapshot_database_nearest(const struct snapshot *s, const char *name);
/* The user of that name, or NULL.  Borrowed. */
const struct user_config *snapshot_user(const struct snapshot *s, const char *name);
/* True when NAME is in the comma list LIST (blanks around names are ignored). */
bool snapshot_list_has(const char *list, const char *name);

/*
 * The value in force, by PgBouncer's precedence: user, then database, then global.
 * DATABASE and USER may be NULL.  Zero limits mean "no limit" except as noted.
 */
enum pool_mode snapshot_pool_mode(const struct snapshot *s, const struct database_config *database, const struct user_config *user);
enum route_mode snapshot_route(const struct snapshot *s, const struct database_config *database, const struct user_config *user);
bool snapshot_lazy_begin(const struct snapshot *s, const struct database_config *database);
bool snapshot_route_dry_run(const struct snapshot *s, const struct database_config *database);
/* True when somebody has to know the roles of the entry's hosts: its route, or that of a user where it has several hosts. */
bool snapshot_is_routed(const struct snapshot *s, const struct database_config *database);
enum session_features snapshot_session_features(const struct snapshot *s, const struct database_config *database, const struct user_config *user);
enum track_sequences snapshot_track_sequences(const struct snapshot *s, const struct database_config *database);
int snapshot_pool_size(const struct snapshot *s, const struct database_config *database, const struct user_config *user);
int snapshot_replica_pool_size(const struct snapshot *s, const struct database_config *database, const struct user_config *user);
int snapshot_reserve_pool_size(const struct snapshot *s, const struct database_config *database, const struct user_config *user);
int snapshot_min_pool_size(const struct snapshot *s, const struct database_config *database, const struct user_config *user);
int snapshot_max_db_connections(const struct snapshot *s, const struct database_config *database);
int snapshot_max_user_connections(const struct snapshot *s, const struct user_config *user);
int snapshot_max_db_client_connections(const struct snapshot *s, const struct database_config *database);
int snapshot_max_user_client_connections(const struct snapshot *s, const struct user_config *user);
int snapshot_max_pinned(const struct snapshot *s, const struct database_config *database, const struct user_config *user);
enum consistency snapshot_consistency(const struct snapshot *s, const struct database_config *database, const struct user_config *user);
enum server_recovery snapshot_server_recovery(const struct snapshot *s, const struct database_config *database);
enum balance_mode snapshot_balance(const struct snapshot *s, const struct database_config *database);
enum read_from_primary snapshot_read_from_primary(const struct snapshot *s, const struct database_config *database);
/* The weight of that host of the entry. */
unsigned snapshot_weight(const struct snapshot *s, const struct database_config *database, unsigned host);
int64_t snapshot_query_wait_timeout_ms(const struct snapshot *s, const struct database_config *database, const struct user_config *user);
int64_t snapshot_server_lifetime_ms(const struct snapshot *s, const struct database_config *database);
int64_t snapshot_max_replica_lag_ms(const struct snapshot *s, const struct database_config *database);
int64_t snapshot_max_replica_lag_bytes(const struct snapshot *s, const struct database_config *database);
int64_t snapshot_max_replica_lag_soft_ms(const struct snapshot *s, const struct database_config *database);
struct server_tls snapshot_server_tls(const struct snapshot *s, const struct database_config *database);
int64_t snapshot_query_timeout_ms(const struct snapshot *s, const struct user_config *user);
int64_t snapshot_idle_transaction_timeout_ms(const struct snapshot *s, const struct user_config *user);
int64_t snapshot_transaction_timeout_ms(const struct snapshot *s, const struct user_config *user);
int64_t snapshot_client_idle_timeout_ms(const struct snapshot *s, const struct user_config *user);

#endif
