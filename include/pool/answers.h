/*
 * pool/answers.h - the queue of answers that a server owes.
 *
 *      requests ──▶ server            answers owed, oldest first
 *      Parse (ours)                   [PARSE   swallow]   never seen by the client
 *      Bind                           [BIND    forward]
 *      Execute                        [EXECUTE forward]
 *      (a Parse the server has)       [PARSE   made   ]   written here when its turn comes
 *      Sync                           [SYNC    forward]   ends the batch: on an error all before it is dropped
 */
#ifndef PGWEIR_POOL_ANSWERS_H
#define PGWEIR_POOL_ANSWERS_H

#include "base/base.h"

struct statement;
struct name_change;

enum answer_kind { ANSWER_QUERY, ANSWER_FUNCTION, ANSWER_PARSE, ANSWER_BIND, ANSWER_DESCRIBE, ANSWER_EXECUTE, ANSWER_CLOSE, ANSWER_SYNC };

enum answer_way { ANSWER_FORWARD, ANSWER_SWALLOW, ANSWER_MADE };

/* What a swallowed answer is for. */
enum answer_purpose { PURPOSE_NONE, PURPOSE_FENCE, PURPOSE_PROBE, PURPOSE_LEARN, PURPOSE_RESET, PURPOSE_CHECK, PURPOSE_CLEAN, PURPOSE_LOOK, PURPOSE_REPREPARE, PURPOSE_MEND, PURPOSE_NAMES, PURPOSE_NAMES_TRIED, PURPOSE_NAMES_ASKED, PURPOSE_COMPARE, PURPOSE_PINS, PURPOSE_CHANNELS, PURPOSE_SEQUENCES, PURPOSE_LSN, PURPOSE_BEGIN };

struct answer {
	uint8_t kind;
	uint8_t way;
	uint8_t purpose;
	uint8_t reason;              /* enum route_reason of the request that this one ends */
	uint8_t does;                /* enum does: of the request that this one ends */
	bool is_private;             /* what it defines nobody sees but its session */
	bool tells_name;             /* own_name is there for the words of an error alone */
	bool of_unnamed;             /* it changes the unnamed statement; STATEMENT is what the client had for it before */
	bool describes_statement;    /* DESCRIBE: 't' comes before 'T' or 'n' */
	bool forgets;                /* EXECUTE: it takes every statement off the server */
	uint8_t name_hint;           /* BIND: of several names of one statement, the one with this in its hash is meant */
	struct statement *statement; /* owned reference: a Parse puts it on the server, a Close takes it away */
	struct name_change *change;  /* owned: what to undo in the session's names when this is dropped */
	uint64_t described;          /* COMPARE: what the description's hash has to be */
	char *own_name;              /* owned: a client's own name on the server that this makes, takes away or describes */
	char *refusal;               /* owned: an ErrorResponse that takes the place of the server's, which is bound to come */
};

struct answers {
	struct answer *ring; /* owned; NULL until used */
	uint32_t first;
	uint32_t count;
	uint32_t capacity; /* a power of two */
};

/* 0 is the oldest. */
static inline struct answer *
answers_at(const struct answers *a, uint32_t i)
{
	return &a->ring[(a->first + i) & (a->capacity - 1)];
}

/* The oldest one, or NULL. */
static inline struct answer *
answers_head(const struct answers *a)
{
	return a->count > 0 ? answers_at(a, 0) : NULL;
}

void answers_free(struct answers *a); /* must be empty of owned things: see answers_pop */
/* A new answer at the end, zeroed but for kind and way; valid until the next push. */
struct answer *answers_push(struct answers *a, enum answer_kind kind, enum answer_way way);
struct answer *answers_last(const struct answers *a); /* the newest one, of which there must be one */
/* True for what a ReadyForQuery ends: Query, Sync, FunctionCall. */
bool answer_is_end(const struct answer *a);
struct answer answers_pop(struct answers *a);      /* the oldest; its owned things are the caller's */
struct answer answers_pop_last(struct answers *a); /* the newest */
/* How many of the queued ones are Query, Sync or FunctionCall: a ReadyForQuery each. */
uint32_t answers_readies(const struct answers *a);
/* True when an error of an answer that is still owed may skip the message behind answer I, in the same batch. */
bool answers_may_skip(const struct answers *a, uint32_t i);

#endif
