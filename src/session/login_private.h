/*
 * session/login_private.h - a login under way, as its files share it:
 *
 *    login.c ──▶ claim.c ──▶ proof.c ──▶ exchange.c ──▶ welcome.c
 *    packets     what the    by which    the client     its pool and
 *                client      method,     proves it      its greeting
 *                says        which secret
 */
#ifndef PGWEIR_SESSION_LOGIN_PRIVATE_H
#define PGWEIR_SESSION_LOGIN_PRIVATE_H

#include "auth/scram.h"
#include "net/name.h"
#include "session/session_private.h"
#include "session/verifier.h"

struct hba_rule;
struct startup;

/* The longest name in PostgreSQL, its NUL included. */
#define NAME_SIZE 64

/* Who the login waits for.  Meanwhile the client's bytes stay where they are. */
enum login_pending {
	LOGIN_PENDING_NONE,
	LOGIN_PENDING_JOB,      /* the thread pool */
	LOGIN_PENDING_LOOKUP,   /* lookup_begin */
	LOGIN_PENDING_VERIFIER, /* verifier_begin; the one that can be forgotten */
};

struct login_name {
	struct name_lookup lookup;
	struct session *session; /* borrowed */
};

struct session_login {
	struct job job;
	void (*then)(struct session *s); /* what follows the job */
	struct session *session;
	char *database;          /* owned: as the client asked for it */
	struct bytes settings;   /* of the startup packet while it is read: name, value, name, value, each with its NUL */
	char *secret;            /* owned, wiped; NULL for an unknown user, "" for one without a usable password */
	char *answer;            /* owned, wiped: what the client answered, while it is judged */
	size_t answer_length;
	const struct hba_rule *rule;    /* borrowed from the snapshot; NULL unless auth_type is hba */
	struct login_name *name;        /* owned; NULL: the peer's name was not asked for */
	struct verification *verification; /* of verifier.c; NULL while none is under way */
	struct scram_server *scram;     /* owned */
	struct scram_keys keys;
	uint8_t method;          /* enum auth_type in force, for this user's secret */
	uint8_t pending;         /* enum login_pending */
	bool scram_begun;        /* client-first has come */
	bool looked_up;          /* auth_query has found the secret */
	bool cached;             /* some time ago: it is asked again before the client is refused */
	bool ok_sent;            /* AuthenticationOk has gone */
	bool console;
	bool mock;               /* whatever the client proves, it fails */
	bool keys_known;         /* of a plain password, from the cache */
	bool derived;            /* a key was derived for this login */
	bool matched;            /* what a job found out about the answer */
	char salt[4];
	unsigned uid;            /* the system user at the other end of a unix socket */
	struct bytes replication_startup; /* of a replication client: its startup parameters */
	char *failure;           /* owned: why the server refused the startup settings; NULL */
	char failure_sqlstate[6];
};

/* ---- login.c ---- */
/* Sends an authentication request. */
void login_ask(struct session *s, enum authentication kind, const void *data, size_t length);
/* Begins to wait.  False from login_resumed: the session has ended meanwhile, and may be gone. */
void login_wait(struct session *s, enum login_pending pending);
bool login_resumed(struct session *s);
/* What was decided on by the answer is done: takes the bytes that came meanwhile. */
void login_go_on(struct session *s);
/* Waits for WORK in the thread pool, then calls THEN, unless the session has ended. */
void login_work(struct session *s, void (*work)(struct job *job), void (*then)(struct session *s));

/* ---- upgrade.c ---- */
/* True when the client must use TLS, and does not. */
bool upgrade_is_missing(const struct session *s);
/* True when the connection's first BYTES (at least one) are TLS's, and are taken as such. */
bool upgrade_take_hello(struct session *s, const char *bytes);
/* SSLRequest, GSSENCRequest.  MORE: there are bytes behind it already. */
void upgrade_take_request(struct session *s, bool more);
void upgrade_take_gss_request(struct session *s, bool more);

/* ---- claim.c ---- */
/* Takes the parameters of the startup packet; false when the session was closed instead. */
bool claim_take(struct session *s, const struct startup *packet);

/* ---- proof.c ---- */
/* Finds the method and the secret, and begins the exchange; welcome_begin follows when it went well. */
void proof_begin(struct session *s);
/* Ends the session in the words of the method.  WHY is for the log. */
void proof_refuse(struct session *s, const char *why);

/* ---- exchange.c ---- */
/* Begins the exchange of login->method. */
void exchange_begin(struct session *s);
/* The body of a message of type 'p'. */
void exchange_take(struct session *s, const char *body, size_t length);
/* True when the client has been asked already. */
bool exchange_has_begun(const struct session_login *login);
/* Judges the answer that did not fit once more, by the secret of login->secret. */
void exchange_judge_again(struct session *s);

/* ---- welcome.c ---- */
/* The client is who it says. */
void welcome_begin(struct session *s);
void welcome_console(struct session *s);
/* What login_notify_message says, if anything. */
void welcome_write_notice(const struct session *s, struct bytes *b);
/* The greeting has gone, ReadyForQuery included: the login ends, and the session is in that state. */
void welcome_finish(struct session *s, enum session_state state);
/* True for the user "pgbouncer" of pgweir's own system user, through a unix socket. */
bool welcome_is_own_user(const struct session *s);

#endif
