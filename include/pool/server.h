/*
 * pool/server.h - one connection to PostgreSQL: its stream, the answers it owes,
 * the settings and statements it has, and who has borrowed it.
 *
 * A server belongs to one worker at a time.  `state` and the idle list are the
 * ledger's (under its mutex); everything else is the owning worker's.
 */
#ifndef PGWEIR_POOL_SERVER_H
#define PGWEIR_POOL_SERVER_H

#include "base/list.h"
#include "base/map.h"
#include "net/connect.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/timer.h"
#include "observe/close.h"
#include "pool/answers.h"
#include "pool/statement.h"

struct account;
struct borrower;
struct cell;
struct cluster;
struct ledger;
struct pool;
struct profile;
struct server_login;
struct startup_set;

enum server_state {
	SERVER_LOGIN,      /* connecting and logging in */
	SERVER_IDLE,       /* in the idle list of its owner */
	SERVER_CLAIMED,    /* idle at its owner, promised to a waiter of another worker */
	SERVER_IN_TRANSIT, /* on its way to another worker */
	SERVER_ACTIVE,     /* lent */
	SERVER_TESTING,    /* server_check_query or server_reset_query runs */
	SERVER_CANCELLING, /* given back, but a cancel request for it is still on its way, or its transaction has to end */
	SERVER_CLOSING
};

/* What the owner of a server is told to do with it; one at a time is under way. */
enum server_order { ORDER_NONE, ORDER_LOGIN, ORDER_HAND_OVER, ORDER_TAKE_OVER, ORDER_CLOSE, ORDER_CHECK };

/* What the owner uses it for just now; the owner's alone, so its events need no lock. */
enum server_use { USE_NONE, USE_LOGIN, USE_LENT, USE_TEST, USE_CANCEL, USE_RECOVERY };

struct prepared {
	UT_hash_handle hh;           /* by number */
	uint64_t number;
	struct statement *statement; /* owned reference */
	struct list used;            /* in server.prepared_used, oldest first */
	bool seen;                   /* while the server is asked which names it has */
};

/* A name of a client's own on the server. */
struct server_name {
	UT_hash_handle hh;           /* by name */
	struct list used;            /* in server.own_used, oldest first */
	struct statement *statement; /* owned reference; NULL: nobody knows which, or an empty one */
	bool empty;                  /* it stands there to be deallocated */
	bool failed;                 /* it could not be made there, and is not */
	bool seen;                   /* while the server is asked which names it has */
	char name[];
};

/* A parameter that a server reports. */
struct server_value {
	char *name;    /* owned */
	char *value;   /* owned: the last report */
	char *initial; /* owned: the report of its login, so its own default */
};

/* Nobody's last numbers, and those of several sessions. */
#define SEQUENCES_OF_NOBODY 0u
#define SEQUENCES_OF_MANY UINT32_MAX

struct server {
	struct stream stream;
	struct list all;                /* in pool.servers of the owner */
	struct list idle;               /* in the ledger's idle list */
	struct message order_message;
	struct pool *pool;              /* the owner; borrowed */
	struct ledger *ledger;          /* holds a reference */
	struct account *account;        /* borrowed from the ledger */
	struct cell *cell;              /* holds a reference: the (user, host) it counts for */
	struct cluster *cluster;        /* holds a reference: where its host is, also after a reload moved the entry */
	struct borrower *dedicated;     /* for whom it logs in, and for nobody else; borrowed, NULL once it has it */
	struct borrower *borrower;      /* who has it, or to whom it was promised; borrowed */
	uint64_t number;                /* in log lines; odd: sessions have the even numbers */
	uint32_t id;                    /* in the console */
	unsigned host;                  /* number in the cluster */
	uint32_t epoch;
	uint32_t renewals;              /* of its account, when it was opened */
	uint8_t state;
	uint8_t order;
	uint8_t use;
	char status;                    /* of the last ReadyForQuery: 'I', 'T' or 'E' */
	bool died;                      /* ended while an order for it was on its way */
	bool closed;                    /* the stream has had its last event */
	bool close_needed;              /* closed when it comes back */
	const char *close_text;         /* ORDER_CLOSE: why, for the log; borrowed */
	bool in_copy;                   /* between CopyInResponse and its end, seen from the request side */
	uint32_t left;                  /* enum effect: what a session has left on it, to be undone before the next one gets it */
	uint32_t sequences_of;          /* the session whose last numbers of sequences it holds (session.id), or SEQUENCES_OF_… */
	uint32_t veiled_by;             /* the session that may have made settings on it whose names nobody knows; 0: none */
	bool dirty;                     /* borrowed in a way that server_reset_query has to undo */
	bool fatal_seen;
	bool replication;               /* logged in for replication */
	bool beyond;                    /* opened beside the limits, and not counted in them */
	bool from_reserve;              /* opened beyond the size of its pool */
	uint32_t addresses_seen;        /* the ledger's address_changes when its own address was last looked at */
	bool risen;                     /* its login is no superuser's, and a role on it was */

	struct answers answers;
	const struct profile *profile;  /* the settings it has; owned reference */
	struct startup_set *set;        /* what it has logged in with; owned reference, NULL: nothing */
	struct server_value *values;    /* owned: reported parameters */
	unsigned value_count;
	struct prepared *prepared;      /* uthash: what is prepared on it */
	struct list prepared_used;
	struct server_name *own_names;  /* uthash: the names there that are clients' own */
	struct list own_used;
	struct statement *unnamed;      /* its unnamed statement as far as known; owned reference */
	uint32_t pin_questions;         /* bit n: the question for the reasons n is prepared */
	uint32_t fences;                /* bit n: the fence of n settings is prepared */
	bool lsn_question;              /* the question where the log is is prepared */

	struct list backends;           /* in the table of pool/backend.h, once it has logged in */
	_Atomic uint32_t holder;        /* what the client who has it was told for its process id; 0: nobody yet */
	uint32_t backend_pid;
	uint8_t cancel_secret[256];
	uint16_t cancel_secret_length;
	unsigned cancels;               /* cancel connections still open */
	int64_t recovery_due_us;        /* monotonic: when what a lost client left running must have ended */
	bool rolled_back;               /* its transaction was ended for that */

	int64_t connected_us;           /* monotonic, at the end of the login */
	int64_t connected_wall_us;
	int64_t request_wall_us;
	uint64_t lends;                 /* for work, and not to greet a client */
	int64_t returned_us;            /* monotonic: idle since */
	struct timer timer;             /* login, check, cancel deadlines */
	struct server_login *login;     /* owned, while it logs in */
	struct endpoint peer;
	struct endpoint local;
	uint64_t skip;                  /* bytes of the frame under way still to stream through */
};

/* PostgreSQL reports about fifteen parameters; what comes beyond this many names is not kept. */
#define SERVER_VALUES_MOST 200

/* The row of a reported parameter, or NULL. */
const struct server_value *server_value(const struct server *s, const char *name);
void server_set_value(struct server *s, const char *name, const char *value);

/* The prepared statements: a row of the LRU, or NULL.  server_prepare answers what had to go, to be closed (or NULL; owned by the caller). */
struct prepared *server_find_prepared(struct server *s, const struct statement *statement);
struct statement *server_prepare(struct server *s, struct statement *statement, unsigned most);
void server_unprepare(struct server *s, const struct statement *statement);
void server_forget_prepared(struct server *s); /* after DISCARD ALL or DEALLOCATE ALL */
/* The clients' own names.  server_name_set takes a reference of its own and answers the row, which is the youngest now. */
struct server_name *server_name_find(struct server *s, const char *name);
struct server_name *server_name_set(struct server *s, const char *name, struct statement *statement);
void server_name_remove(struct server *s, struct server_name *n);
struct server_name *server_name_oldest(struct server *s); /* or NULL */
void server_name_forget_all(struct server *s);
void server_set_unnamed(struct server *s, struct statement *statement); /* takes a reference of its own; NULL: unknown */
void server_set_profile(struct server *s, const struct profile *profile); /* takes a reference of its own */
/* After DISCARD ALL: prepared statements are gone, settings are those of its login. */
void server_start_over(struct server *s);
/* What a setting is on it without any startup set, where that is known: of those that are reported or in its own set.  Else NULL. */
const char *server_default(const struct server *s, const char *name);
/* What it is told so that a setting is as if nobody had made it; NULL: what it has logged in with, which is that. */
const char *server_unset_value(const struct server *s, const char *name);

/* A seed for random() that nobody can guess, as setseed() takes it; answers OUT. */
#define SEED_SIZE 32
const char *server_random_seed(char out[SEED_SIZE]);

/* For log lines and the console: "db/user@host:port". */
void server_describe(const struct server *s, char *out, size_t size);

#endif
