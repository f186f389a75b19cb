/*
 * pool/ledger.h - one ledger per [databases] entry: exact counts per user and host,
 * idle servers per worker, and the queue of waiters.  One mutex each.
 *
 * Lock order: one ledger, then the hub's own mutex (its lists and counters), then a
 * loop's inbox.  No two ledgers are locked at once.
 */
#ifndef PGWEIR_POOL_LEDGER_H
#define PGWEIR_POOL_LEDGER_H

#include "auth/scram.h"
#include "base/map.h"
#include "cluster/cluster.h"
#include "config/snapshot.h"
#include "net/dns.h"
#include "pool/balance.h"
#include "pool/heals.h"
#include "pool/pool.h"
#include "pool/startup.h"
#include "route/facts.h"
#include "route/table_floors.h"

#include <pthread.h>
#include <stdatomic.h>

#define WORKERS_MOST 64
/* Reasons for which a session keeps its server (src/session/pin.c). */
#define PIN_REASONS 7

/* One (user, host): freed when its account has dropped it and its last server is gone. */
struct cell {
	unsigned host;
	unsigned total;               /* servers in every state */
	unsigned beyond;              /* of them, those that no limit counts */
	unsigned by_state[SERVER_CLOSING + 1];
	int references;
	unsigned *in_use;             /* borrowed from the ledger's balance: servers that somebody has, over all accounts */
	unsigned forgotten;           /* what that points to once the ledger has other hosts */
	int64_t failed_us;            /* monotonic time of the last failed login; 0: the last one was good */
	struct list *idle;            /* owned: a list of server.idle for each worker */
};

/* The waiters for one target and one set of its hosts: all in order, and each worker's own. */
struct queue {
	uint8_t target;
	uint32_t hosts;               /* their borrower.hosts */
	struct list order;
	struct list *own; /* owned: one for each worker */
	unsigned count;
};

/* Does somebody look whether the catalog is still what the facts say?  While nobody uses the entry, nobody does. */
enum facts_watch { FACTS_WATCHED, FACTS_UNWATCHED, FACTS_WANTED };

struct inquiry;
struct route_counts;
struct tls_set;
struct user_counter; /* process-wide: servers of one user, for max_user_connections */

/* What a new client is told without asking a server: immutable, counted. */
struct greeting {
	atomic_int references;
	unsigned count;
	struct server_value *values; /* owned */
};

/* A startup profile that a server has accepted, and how it spells it. */
struct known_startup {
	UT_hash_handle hh;
	const struct profile *asked;    /* key; owned reference */
	const struct profile *accepted; /* owned reference */
	struct startup_set *set;        /* owned reference; NULL: servers log in without any of it */
};

struct account {
	UT_hash_handle hh;
	char *user;                   /* owned, key: who logs in to the server */
	struct ledger *ledger;        /* borrowed */
	struct cell **cells;          /* owned array of references, one per host */
	unsigned cell_count;
	struct queue **queues;        /* owned: those of the targets with all of their hosts first, then as waiters need them */
	unsigned queue_count;
	struct list dedicated;        /* of borrower.order: they wait for servers of their own */
	unsigned total;
	unsigned beyond;              /* of them, those that no limit counts */
	unsigned clients;             /* attached sessions */
	atomic_int pinned;            /* sessions that keep their server over transactions, or are about to */
	atomic_bool asks_sequences;   /* currval() or lastval() was seen: drawn numbers are asked for later */
	atomic_uint draws_given_up;   /* servers that were kept for a drawn number and given up for a waiter */
	atomic_int max_pinned;        /* set at reload; 0: no limit */
	struct user_counter *counter; /* owned reference */
	/* limits, set at reload */
	int pool_size, replica_pool_size, min_pool_size, reserve_pool_size;
	enum pool_mode pool_mode;
	bool forced_user;
	/* the secret for logging in to servers */
	char *secret;                 /* owned; NULL or "" when there is none */
	char *learned_secret;         /* owned, wiped; what auth_query found, where there is no other */
	struct scram_keys client_keys; /* learned from a client's login */
	bool has_client_keys;
	char *client_password;        /* owned; learned from a client's cleartext login */
	/* the last failure, told while server_login_retry runs */
	char *failure;                /* owned; NULL when the last login was good */
	char failure_sqlstate[6];
	int64_t aged_us;              /* monotonic: when a server was last closed for its age */
	int64_t unused_us;            /* monotonic: since when it has neither clients nor servers; 0: it has */
	struct greeting *greeting;
	struct known_startup *startups; /* uthash by pointer */
	atomic_uint renewals;         /* counts changes of what its logins begin with; changed under the mutex */
	atomic_bool has_sets;         /* a server of it may have logged in with a startup set; read without the mutex */
};

/* Counters of one worker for one ledger: written by that worker only, read by all. */
struct ledger_stats {
	_Atomic uint64_t assignments, transactions, queries, received, sent;
	_Atomic uint64_t transaction_us, query_us, wait_us;
	_Atomic uint64_t client_parses, server_parses, binds, logins;
	_Atomic uint64_t pins_taken[PIN_REASONS], pins_ended[PIN_REASONS];
	_Atomic uint64_t heals[HEAL_COUNT];
	struct route_counts *_Atomic routes; /* owned: pool/route_counts.h; NULL until its first statement is over */
} __attribute__((aligned(64)));

#define stat_add(counter, n) \
	atomic_store_explicit(&(counter), atomic_load_explicit(&(counter), memory_order_relaxed) + (uint64_t)(n), memory_order_relaxed)

struct ledger {
	UT_hash_handle hh;
	pthread_mutex_t mutex;
	char *name;                   /* owned, key */
	struct hub *hub;              /* borrowed */
	atomic_int references;
	struct cluster *_Atomic cluster; /* owned reference; sessions read it without the mutex, so */
	struct cluster **former;      /* owned: those that a reload has replaced live as long as the ledger */
	unsigned former_count;
	struct account *accounts;     /* uthash by user */
	uint32_t epoch;
	unsigned total;               /* servers */
	unsigned beyond;              /* of them, those that no limit counts */
	unsigned waiting;
	unsigned vacating;            /* statements that want its database for themselves: no server is opened, none becomes idle */
	uint64_t sequence;
	int max_connections;          /* 0: no limit */
	int64_t server_lifetime_us;   /* 0: a server serves once */
	int64_t login_retry_us;       /* a host rests this long after a failed login */
	int64_t reserve_timeout_us;   /* who waited this long may use the reserve */
	unsigned login_concurrency;   /* logins under way for one account, at most */
	bool round_robin;             /* server_round_robin */
	bool paused, paused_by_name, disabled, automatic;
	atomic_bool removed;          /* gone from the configuration */
	bool one_host_at_a_time;      /* load_balance_hosts = disable */
	unsigned turn;                /* the host with which the next login begins */
	struct balance balance;       /* which host gets the next request */
	enum read_from_primary read_from_primary;
	bool primary_paused;          /* its primary serves nobody: PAUSE db PRIMARY */
	int64_t unused_us;            /* of an automatic one, monotonic: since when nobody uses it; 0: somebody does */
	struct dns_addresses **addresses; /* owned: by host, what its name was changed to; NULL: nothing has changed */
	unsigned address_count;
	uint32_t address_changes;
	atomic_uint clients;
	struct ledger_stats *stats;   /* owned: one for each worker */
	uint64_t id;                  /* of this process, never used again */
	struct catalog_facts *facts;  /* what is known of the catalog, under the mutex; NULL: nothing */
	bool facts_doubted;           /* under the mutex: the catalog has changed since, and nobody has looked yet */
	_Atomic uint64_t facts_generation; /* counts every change of `facts`, to nothing too */
	_Atomic int64_t facts_looked_us;   /* when the catalog was last seen to be as they say */
	struct table_floors *_Atomic floors; /* owned reference: how far its tables are written; set once, NULL: nobody asks */
	atomic_bool looks_for_floors; /* another entry may have made them meanwhile */
	atomic_bool wants_footprints; /* its writes are marked there: the facts are to tell what they change */
	_Atomic int facts_watch;           /* enum facts_watch */
	_Atomic uint32_t renewals;    /* counts the changes of defaults that are known to have been made on its hosts */
	_Atomic uint32_t era;         /* counts what may have changed the results of prepared statements */
	struct heal_shapes *_Atomic heal_shapes; /* owned; NULL: no replica has refused anything yet */
	struct inquiry *inquiry;      /* who asks for them; owned by session/, under the mutex */
};

/* -------------------------------------------------------------------- hub */

/* The process: its workers' pools, its ledgers, and the snapshot in force. */
struct hub;

struct hub *hub_new(unsigned workers, struct snapshot *snapshot, struct tls_set *tls); /* takes references of its own */
void hub_free(struct hub *h);
void hub_set_pool(struct hub *h, unsigned worker, struct pool *p);
unsigned hub_worker_count(const struct hub *h);
/* The id of a new connection, client or server: one more than that of the last one, 31 bits.  Any thread. */
uint32_t hub_next_connection(struct hub *h);
struct pool *hub_pool(struct hub *h, unsigned worker);
struct snapshot *hub_snapshot(struct hub *h); /* a reference of the caller's */
/* All ledgers are paused, those that are yet to be made too (pool/pause.h); false when they were that already. */
bool hub_set_paused(struct hub *h, bool paused);
bool hub_is_paused(const struct hub *h);

/*
 * Makes SNAPSHOT the one in force: ledgers take their limits, gone entries are removed.
 * TLS has a set for each worker, made of it, whose references are taken over; NULL
 * when no setting of TLS has changed and the sets stay.
 */
void hub_configure(struct hub *h, struct snapshot *snapshot, struct tls_set **tls);
/* What has to happen when a cluster's roles change; any thread. */
void hub_cluster_changed(struct hub *h, struct cluster *c);
/* Periodic work on all ledgers: idle and old servers, the reserve, logins that may be tried again.  Main thread. */
void hub_janitor(struct hub *h);
/* True once after servers have become outdated (pool_server_is_outdated): sessions that keep theirs may look. */
bool hub_take_outdated(struct hub *h);
void hub_note_outdated(struct hub *h);
/* Told of ledgers that come and go with their clusters; set before the first ledger.  Called under no lock. */
void hub_on_cluster(struct hub *h, void (*watch)(void *user, struct cluster *c, bool begins), void *user);

/* The ledger of that entry, made if the configuration has such an entry ("*" included); NULL if not.  A reference of the caller's. */
struct ledger *hub_ledger(struct hub *h, const char *database);
struct ledger *ledger_ref(struct ledger *l);
void ledger_unref(struct ledger *l);
/*
 * Counts one client of that user, over all entries; *CLIENTS is how many there are with it.  Answers the name as it is
 * kept for all of them: borrowed until hub_remove_client.
 */
const char *hub_add_client(struct hub *h, const char *user, unsigned *clients);
void hub_remove_client(struct hub *h, const char *user);
/* Calls EACH for every ledger, with a reference held, under no lock. */
void hub_each_ledger(struct hub *h, void (*each)(struct ledger *l, void *user), void *user);

/* ---------------------------------------------------------------- accounts */

/* The account of USER (who logs in to the server), attached: counted as a client until account_detach. */
struct account *account_attach(struct ledger *l, const char *user, const struct snapshot *snapshot);
void account_detach(struct account *a);
/* Learned at a client's login, for servers that want the same. */
void account_learn_keys(struct account *a, const struct scram_keys *keys);
void account_learn_password(struct account *a, const char *password);
/* What auth_query found for a user who has proved it; one that has changed is tried at once. */
void account_learn_secret(struct account *a, const char *secret);
/* The greeting of its servers, or NULL; a reference of the caller's. */
struct greeting *account_greeting(struct account *a);
/* The same as that server would have it; a reference of the caller's. */
struct greeting *greeting_of_server(const struct server *s);
void greeting_unref(struct greeting *g);
const char *greeting_value(const struct greeting *g, const char *name);
/* While logins fail and no server is up: true, with the text for clients and SQLSTATE (of size 6), owned by the caller. */
bool account_is_failing(struct account *a, char **text, char *sqlstate);
unsigned account_clients(struct account *a);
/* True when somebody waits for a server of it. */
bool account_is_wanted(struct account *a);
/* True when it has servers, and all of them are pinned. */
bool account_is_all_pinned(struct account *a);
unsigned account_waiting(const struct account *a); /* under the ledger's mutex */

/* Replaces what is known of the catalog (NULL: nothing any more); takes over the caller's reference. */
void ledger_set_facts(struct ledger *l, struct catalog_facts *facts);
/* The catalog has changed: what is known of it is what was. */
void ledger_doubt_facts(struct ledger *l);
/* A reference of the caller's, or NULL, as for those in doubt; *GENERATION is the count of its changes. */
struct catalog_facts *ledger_facts(struct ledger *l, uint64_t *generation);
/* The same, those in doubt too, which *DOUBTED says. */
struct catalog_facts *ledger_facts_or_former(struct ledger *l, uint64_t *generation, bool *doubted);

/*
 * How far the tables of the entry's database are written by this process: one for all entries of that database on the
 * same hosts.  Borrowed; they last as long as the ledger.  DBNAME: its name there.  MAKES: if there are none, else NULL.
 */
struct table_floors *ledger_floors(struct ledger *l, const char *dbname, bool makes);

/* ---------------------------------------------------- operator's commands */

void ledger_disable(struct ledger *l, bool disabled);
/* Servers in use; 0 means that a PAUSE is complete. */
unsigned ledger_servers(struct ledger *l);
/* Every server of it closes at its return, idle ones now. */
void ledger_reconnect(struct ledger *l);

#endif
