/*
 * pool/pool.h - lends server connections.
 *
 * A borrower (a client's session, or an inquiry of pgweir's own) asks for a server
 * of its account with the role that its statement needs.  It gets one at once, or
 * waits in order; what it gets is its own until it gives it back.
 *
 *   pool_lend ─▶ own idle server ─────────────────────────────▶ LEND_NOW
 *             ├▶ another worker's idle server (a claim) ─▶ LEND_LATER … granted()
 *             └▶ queue; a login is started if the limits allow ─▶ LEND_LATER … granted()
 *   pool_return ─▶ the oldest waiter that it may serve, else idle
 */
#ifndef PGWEIR_POOL_POOL_H
#define PGWEIR_POOL_POOL_H

#include "base/list.h"
#include "observe/close.h"
#include "pool/server.h"
#include "protocol/message.h"

struct account;
struct hub;
struct ledger;
struct pool;
struct snapshot;
struct scram_keys;
struct startup_set;
struct tls_set;

/* Which hosts may serve. */
enum lend_target {
	LEND_ANY,          /* every host of the entry */
	LEND_PRIMARY,
	LEND_REPLICA,      /* a replica; the primary as read_from_primary says: while there is no replica, beside them, or never */
	LEND_REPLICA_ONLY,
	LEND_PREFER_REPLICA, /* a replica; the primary while there is none, whatever read_from_primary says */
	LEND_TARGETS
};

enum lend_outcome { LEND_NOW, LEND_LATER };

/* Why a waiter is sent away; texts are valid during the call only. */
struct refusal {
	enum close_reason reason;
	const char *sqlstate; /* NULL: the reason's */
	const char *message;  /* NULL: the reason's */
};

struct borrower_events {
	/* The wait is over: the server is the borrower's. */
	void (*granted)(struct borrower *b, struct server *s);
	/* The wait is over without a server. */
	void (*refused)(struct borrower *b, const struct refusal *why);
	/* Bytes from the borrowed server; returns how many were consumed. */
	size_t (*data)(struct borrower *b, struct server *s, char *bytes, size_t length);
	/* Everything sent to the server has gone, after some had not. */
	void (*drained)(struct borrower *b, struct server *s);
	/* The connection has ended; the borrower must call pool_close_server before it returns. */
	void (*lost)(struct borrower *b, struct server *s, int error);
};

enum borrower_state { BORROWER_NONE, BORROWER_QUEUED, BORROWER_PROMISED };

struct borrower {
	const struct borrower_events *events;
	struct list order; /* in its target's queue */
	struct list own;   /* in its worker's part of that queue */
	struct pool *pool;       /* borrowed */
	struct account *account; /* borrowed; kept alive by account_attach */
	const struct bytes *startup; /* borrowed; of a dedicated server: its startup parameters */
	struct startup_set *set;     /* owned reference: what a server that is opened for it logs in with; NULL: nothing */
	struct startup_set *private_set; /* owned reference: it insists on a server of that one, which is opened for it; NULL: `set` will do */
	uint64_t sequence;
	uint64_t prefers;        /* the number of the server that it would have again; 0: any is as good */
	int64_t since_us;
	uint32_t hosts;          /* the only hosts of the target that may serve it, a mask; 0: all of them.  Set before pool_lend.  When
	                            none of them serves the target any more, it falls back to the primary, but for LEND_REPLICA_ONLY;
	                            where reads may not, or there is none, any replica may have it: the borrower has to look */
	uint8_t target;
	uint8_t state;           /* under the ledger's mutex */
	uint8_t overtaken;
	bool insists;            /* on a server of its own set, while one can be had; set before pool_lend, which may clear it */
	bool ordered;            /* under the ledger's mutex: a login was begun for it since it waits */
	bool beyond;             /* of a dedicated server: it is opened beside the limits, and not counted in them */
	bool abandoned;          /* under the ledger's mutex: it wants no server any more, and waits for the promised one */
};

/* ------------------------------------------------ a worker's part of the pool */

struct pool *pool_new(struct hub *hub, struct loop *loop, struct tls_set *tls); /* takes over the set's reference */
void pool_free(struct pool *p); /* after its servers are gone */
struct loop *pool_loop(const struct pool *p);
struct hub *pool_hub(const struct pool *p);
unsigned pool_number(const struct pool *p);
struct snapshot *pool_snapshot(const struct pool *p); /* the one in force on this worker; borrowed until the next message */
struct tls_set *pool_tls(const struct pool *p);       /* of that snapshot; borrowed likewise */
/* The servers that this worker owns: a list of server.all. */
struct list *pool_servers(struct pool *p);
/* Closes every server of this worker, at once. */
void pool_close_all(struct pool *p);

/* Asks for a server.  LEND_NOW fills *OUT; else one of granted() and refused() comes, never before the return. */
enum lend_outcome pool_lend(struct borrower *b, enum lend_target target, struct server **out);
/*
 * Asks for a server of its own, logged in with the parameters of STARTUP beside user and database (names and values,
 * each with a NUL), which must last until granted() or refused().  It is closed when it comes back.
 */
void pool_dedicate(struct borrower *b, enum lend_target target, const struct bytes *startup);
/* True when the configuration or the host's address has changed since its login: it will not be lent again.  By who has it. */
bool pool_server_is_outdated(struct server *s);
/* Leaves the queue; false when a server is already on its way: granted() comes all the same. */
bool pool_withdraw(struct borrower *b);
/* As pool_withdraw, for good: what was promised is granted or refused, and never queued for again. */
bool pool_abandon(struct borrower *b);
/* Gives the server back; its answers must be settled and its status 'I', or it is closed. */
void pool_return(struct server **s);
/* As pool_return, of one that was only asked for what a client has to be told at its login: it counts as not lent. */
void pool_return_unused(struct server **s);
/*
 * As pool_return, of a server whose client is gone while it ran something or was in a transaction: that is cancelled and
 * rolled back first.  BATCH: the extended messages that no Sync has ended.  What was sent must end with a whole message,
 * and name changes must have been undone.
 */
enum batch { BATCH_NONE, BATCH_OPEN, BATCH_FAILED /* an error came: the server drops what follows up to Sync */ };
void pool_recover(struct server **s, enum batch batch);
/*
 * As pool_recover, of a server that is about to be done by itself: it is cancelled only when that takes a while.
 * BYTES: what it has said and nobody has read; answers how many of them are consumed.
 */
size_t pool_let_finish(struct server **s, enum batch batch, const char *bytes, size_t length);
/* Closes a server that the borrower has (or the pool itself); REASON is logged. */
void pool_close_server(struct server **s, const char *reason);

/* ------------------------------------------------------------- cancelling */

/* Sends a CancelRequest for what the server runs; DONE is called on this worker when it has ended. */
void pool_cancel(struct server *s, void (*done)(void *user), void *user);

#endif
