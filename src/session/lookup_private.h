/*
 * session/lookup_private.h - what the files of auth_query share: lookup.c (who asks
 * and who is answered), flight.c (one query on one server), lookup_cache.c.
 */
#ifndef PGWEIR_SESSION_LOOKUP_PRIVATE_H
#define PGWEIR_SESSION_LOOKUP_PRIVATE_H

#include "session/login_private.h"

/* What is asked where, as one run of bytes that is equal for equal questions. */
struct lookup_key {
	char *bytes; /* owned: the ledger's id, auth_user, query and user, each text with its NUL */
	size_t length;
};

struct lookup_key lookup_key_new(const struct ledger *l, const char *auth_user, const char *query, const char *user);
struct lookup_key lookup_key_copy(const struct lookup_key *key);
void lookup_key_free(struct lookup_key *key);
const char *lookup_key_auth_user(const struct lookup_key *key); /* borrowed, as the next two */
const char *lookup_key_query(const struct lookup_key *key);
const char *lookup_key_user(const struct lookup_key *key);

enum lookup_outcome {
	LOOKUP_FOUND,   /* the user exists */
	LOOKUP_UNKNOWN, /* it does not */
	LOOKUP_FAILED   /* nobody knows: the client is told why */
};

struct lookup_result {
	enum lookup_outcome outcome;
	bool cached;
	char *secret;             /* owned, wiped; "" where nothing matches, NULL unless FOUND */
	enum close_reason reason; /* of FAILED.  A server's own words are for the log: whoever asks has proved nothing yet */
};

/* A session's question on its way to the worker that looks that user up, and back with its answer. */
struct lookup {
	struct message message;
	struct list node;        /* in its flight's list */
	struct session *session; /* borrowed: it stays until it is answered */
	struct worker *home;     /* borrowed: who looks the user up */
	bool fresh;              /* a cached answer will not do */
	struct ledger *ledger;   /* owned reference: where it is asked */
	struct lookup_key key;
	struct lookup_result result;
};

/* ---- lookup.c ---- */
/* On its home worker's thread: true when it was answered by what is kept, or because nobody is asked any more. */
bool lookup_answer_at_once(struct lookup *q);
/* Sends it back with a copy of the result. */
void lookup_answer(struct lookup *q, const struct lookup_result *result);
/* What was learned is kept for auth_query_cache_ttl. */
void lookup_keep(struct worker *w, struct ledger *l, const struct lookup_key *key, const struct lookup_result *result);

/* ---- flight.c: one question to PostgreSQL, for all who ask it at the same time ---- */
struct flight;
/* Joins the flight of that question, begins one, or waits for the next when the query of the one under way is older. */
void flight_take(struct lookup *q);
/* Ends the flights of this worker; the questions are refused. */
void flight_end_all(struct worker *w);

/* ---- lookup_cache.c: one for each worker ---- */
struct lookup_cache;

/* What must not have changed since an answer was kept: RELOAD and SET, RECONNECT. */
struct lookup_era {
	uint64_t snapshot; /* number */
	uint32_t epoch;    /* of the ledger */
};

struct lookup_cache *lookup_cache_new(void);
void lookup_cache_free(struct lookup_cache *c);
/* True when there is an answer of this era and not yet due: *SECRET, borrowed, is NULL for an unknown user. */
bool lookup_cache_get(struct lookup_cache *c, const struct lookup_key *key, struct lookup_era era, int64_t now_us, const char **secret);
void lookup_cache_put(struct lookup_cache *c, const struct lookup_key *key, struct lookup_era era, int64_t due_us, const char *secret);
void lookup_cache_drop(struct lookup_cache *c, const struct lookup_key *key);

/* A worker's part. */
struct lookups {
	struct lookup_cache *cache; /* owned */
	struct flight *flights;     /* uthash by key */
	bool ended;                 /* the process is ending: no server is asked for any more */
};

#endif
