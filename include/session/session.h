/*
 * session/session.h - one client's conversation.
 *
 *   STARTUP ─▶ AUTH ─▶ WELCOME ─▶ IDLE ◀──────────────┐
 *      │                  │        │ request          │ transaction ends:
 *      ▼                  │        ▼        granted   │ server returned
 *   CANCEL             (waits    WAITING ───────▶ ACTIVE
 *                     for a server)
 *                         └──────▶ REPLICATION (has its server for life)
 *   any ─▶ CLOSING ─▶ freed when the stream and every promise are settled
 */
#ifndef PGWEIR_SESSION_SESSION_H
#define PGWEIR_SESSION_SESSION_H

#include "net/stream.h"
#include "net/timer.h"
#include "observe/close.h"
#include "pool/pool.h"
#include "route/verdict.h"
#include "session/worker.h"

struct floor;
struct lazy;
struct heal;
struct listening;
struct pins;
struct session_login;
struct upkeep;
struct vacating;
struct profile;

enum session_state {
	SESSION_STARTUP,
	SESSION_AUTH,
	SESSION_WELCOME,
	SESSION_IDLE,
	SESSION_WAITING,
	SESSION_ACTIVE,
	SESSION_REPLICATION,
	SESSION_CONSOLE,
	SESSION_CANCEL,
	SESSION_CLOSING,
	SESSION_STATES
};

/* What a client wants to replicate. */
enum replication { REPLICATION_NONE, REPLICATION_LOGICAL, REPLICATION_PHYSICAL };

/* What a prepared statement, or the batch under way, was judged to be. */
struct brief {
	uint8_t target; /* enum target */
	uint8_t reason; /* enum route_reason */
	uint8_t kind;   /* enum statement_kind */
	bool known : 1;
	bool heals : 1;      /* nothing but reads that are proven, hint or not: they may be run again */
	uint32_t generation; /* of the catalog facts, cut */
	uint64_t key;        /* of its shapes; 0: there is none */
};

struct session {
	struct stream stream;
	struct borrower borrower;      /* its account is the session's pool */
	struct list all;               /* in worker.sessions */
	struct list names;             /* of name_entry.in_session */
	struct timer timer;
	struct worker *worker;         /* borrowed */
	struct snapshot *snapshot;     /* owned reference */
	const struct database_config *database; /* borrowed from the snapshot */
	const struct user_config *user;         /* borrowed from the snapshot; may be NULL */
	struct ledger *ledger;         /* owned reference; NULL before the login and in the console */
	struct server *server;         /* borrowed from the pool while ACTIVE */
	const struct profile *profile; /* the client's settings; owned reference */
	const struct profile *startup; /* the ones it came with; owned reference */
	struct statement *unnamed;     /* its unnamed statement; owned reference */
	struct catalog_facts *facts;   /* owned reference, see facts_are_former; NULL: not known */
	uint64_t facts_seen;           /* the ledger's facts_generation when they were taken */
	struct session_login *login;   /* owned, until it is logged in */
	struct vacating *vacating;     /* owned: the database that a statement of its wants for itself; else NULL */
	struct upkeep *upkeep;         /* owned: of the transaction's settings; NULL while it has none to look after */
	struct heal *heal;             /* borrowed from the worker: what a second try needs; NULL while none would come */
	char *refusal;                 /* owned: the ErrorResponse of a message that is being refused; else NULL */
	struct lazy *lazy;             /* owned: its transaction, while no server knows of it or it may move; else NULL */
	struct listening *listening;   /* owned: what it listens to; NULL while it never did */
	struct floor *floor;           /* owned: what its reads have to see; NULL with consistency = eventual */
	void *console;                 /* owned by admin/ */
	char *user_name;               /* as the client said it; owned, but while it is `counted`: then the hub's, for all of that name */
	int64_t connected_wall_us;
	int64_t request_wall_us;
	int64_t request_us;            /* monotonic: when the running request began; 0 while none runs */
	int64_t transaction_us;        /* when the running transaction began; 0 outside */
	int64_t idle_us;               /* since when it has been idle, in a transaction or out of one */
	uint32_t skip;                 /* bytes of the client's frame under way still to stream through */
	uint32_t cancel_pid;           /* what the client was told for a process id */
	uint32_t slot;
	uint32_t generation;
	uint32_t id;                   /* in the console; no later connection has it */
	uint16_t requests;             /* forwarded in this lend */
	uint8_t state;
	uint8_t minor;                 /* protocol 3.minor */
	uint8_t pool_mode;
	uint8_t features;              /* enum session_features in force for this session */
	uint8_t replication;           /* enum replication */
	uint8_t route;                 /* enum route_mode in force for this session */
	uint8_t own_isolation;         /* enum transaction_mode: of its own default_transaction_isolation; 0: it has none */
	uint8_t target;                /* enum lend_target of the lend */
	uint8_t modes;                 /* enum transaction_mode: of the transaction under way, as far as it was told; 0: the defaults */
	char status;                   /* last ReadyForQuery forwarded: 'I', 'T', 'E' */
	uint32_t effects;              /* enum effect: what the transaction under way may have done to the session */
	uint32_t pins;                 /* enum effect: why it keeps its server over transactions */
	struct pins *pin_notes;        /* owned: of its pins, and of those that the transaction may take; NULL: none */
	uint32_t unnamed_effects;      /* of its unnamed statement */
	uint32_t unnamed_surely;
	uint32_t unnamed_generation;   /* of the catalog facts that they were judged by, as in struct name_entry */
	uint8_t unnamed_does;          /* enum does */
	uint8_t does;                  /* enum does: of the request that is being forwarded */
	uint32_t sql_names;            /* how many of its names were prepared by SQL */
	struct brief batch;            /* the batch under way */
	bool has_begun : 1;            /* `modes` says how, and nothing was sent of its transaction but that BEGIN */
	bool skip_dropped : 1;         /* the skipped bytes are dropped instead of forwarded */
	bool in_batch : 1;             /* extended messages were forwarded since the last Sync */
	bool executed : 1;             /* one of them was an Execute */
	bool close_in_doubt : 1;       /* a name was closed where an error ahead may skip that */
	bool batch_failed : 1;         /* an error came: the rest up to Sync is dropped */
	bool ready_held : 1;           /* the transaction's ReadyForQuery goes to the client once it is settled */
	bool settling : 1;             /* the settings are read back; the server is not given back yet */
	bool probe : 1;                /* settings may have changed in this transaction */
	bool hides : 1;                /* it may have made settings of a client's own whose names nobody can tell */
	bool prepares_hiding : 1;      /* what it has prepared by SQL may make such */
	bool prepares_hidden : 1;      /* and says so itself */
	bool binds_private : 1;        /* what the unnamed portal defines nobody else sees */
	bool by_parameters : 1;        /* the names of what it sets may be parameters */
	bool names_unknown : 1;        /* and not only those of `touched` */
	bool unjudged : 1;             /* it ran a text that nobody has judged: the tags tell */
	bool mends : 1;                /* it ran resets that mend.c put right on the spot */
	bool disarming : 1;            /* they are known, and what would end an idle server is taken back */
	bool fencing : 1;              /* the request waits until the server has the settings */
	bool wary : 1;                 /* a fence has failed: the next one sets one by one what may be set */
	bool fenced_again : 1;         /* it is the second server on which that is tried */
	bool discarded : 1;            /* DISCARD ALL succeeded */
	bool reported : 1;             /* a followed parameter was reported in this transaction */
	bool blocked : 1;              /* requests wait for answers or for room */
	bool full : 1;                 /* the server owes as many answers as it may */
	bool clearing : 1;             /* DISCARD or DEALLOCATE is under way: requests wait for its end */
	bool notice : 1;               /* pgweir.route_notice */
	bool dry_run : 1;              /* route_dry_run: all of it goes to the primary */
	bool held_back : 1;            /* the lend is the primary's for that alone */
	bool stream_closed : 1;
	bool cancelled : 1;            /* the request that waited is dropped up to its end */
	bool counted : 1;              /* in the counts of its database and user */
	bool notified : 1;             /* was told that it waits */
	bool ssl_asked : 1;            /* asked for TLS already, or began with it */
	bool gss_asked : 1;
	bool direct_tls : 1;           /* began with TLS, without asking */
	bool escaped_strings : 1;      /* standard_conforming_strings is off */
	bool unsafe_encoding : 1;      /* client_encoding has multi-byte characters with ASCII bytes in them */
	bool utf8 : 1;                 /* client and server speak UTF8 */
	bool utf8_server : 1;          /* so does the server by itself */
	bool ddl : 1;                  /* the transaction has changed the catalog */
	bool defines_code : 1;         /* and some of it may change what names do to a session */
	bool draws : 1;                /* the transaction draws numbers of sequences for which the server is kept */
	bool draws_now : 1;            /* and so may the text that was sent last */
	bool making : 1;               /* names are made on the server for the message that waits */
	bool changed : 1;              /* the statement that was prepared again returns something else now */
	bool facts_are_former : 1;     /* the catalog has changed since */
	bool looking : 1;              /* the server has this client's names, and no others, until its transaction ends */
	bool asks_names : 1;           /* the server is asked which names there are when the transaction is over */
	bool names_asked : 1;          /* it was asked in the transaction, for a message that waits */
	bool names_brought : 1;        /* what that message may hide was prepared ahead of it, or cannot be */
	bool redefaulted : 1;          /* the transaction may have changed what logins begin with */
	bool altered : 1;              /* the transaction may have changed what statements return */
	bool times_out : 1;            /* it has an idle_session_timeout of its own */
	bool learning : 1;             /* the server is borrowed to learn the startup settings */
};

/* Takes a fresh connection. */
void session_accept(struct worker *w, int fd);
/* Ends the conversation: the client is told the reason's row, or MESSAGE instead of its text. */
void session_close(struct session *s, enum close_reason reason, const char *message);
/* As session_close with SQLSTATE of the caller's choice; both texts may be NULL. */
void session_close_as(struct session *s, enum close_reason reason, const char *sqlstate, const char *message);
/*
 * What names the session in log lines and in the console while it lives.  A later one
 * has it again, as with PgBouncer's pointers: log readers count by it how many there
 * are at once.  Servers have odd numbers.
 */
uint64_t session_number(const struct session *s);
/* "C-0x2a: db/user@host:port", the number in hexadecimal, for log lines. */
void session_describe(const struct session *s, char *out, size_t size);
/* The database's name as the client knows it. */
const char *session_database_name(const struct session *s);
/* Writes an ErrorResponse (not FATAL) to the client; a ReadyForQuery follows from the caller. */
void session_send_error(struct session *s, const struct error *e);
void session_send(struct session *s, const struct bytes *b);
/* True when its server stays with it from one transaction to the next: pool_mode=session, or it is pinned. */
bool session_keeps_server(const struct session *s);
/* True when it runs nothing: without a server, or with one that it keeps over transactions. */
bool session_is_between_transactions(const struct session *s);
/* server_fast_close: it keeps a server that is outdated. */
bool session_must_fast_close(const struct session *s);
/* Makes the session's cancel key and appends its BackendKeyData. */
void session_write_key(struct session *s, struct bytes *out);
/* The length of the key's secret part: 4 bytes for protocol 3.0, 32 for 3.2. */
size_t session_cancel_secret_length(const struct session *s);

#endif
