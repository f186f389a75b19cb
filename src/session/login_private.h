/*
 * session/login_private.h - a login under way, as login.c (packets), proof.c (who is
 * it) and welcome.c (its pool and its greeting) share it.
 */
#ifndef PGWEIR_SESSION_LOGIN_PRIVATE_H
#define PGWEIR_SESSION_LOGIN_PRIVATE_H

#include "auth/scram.h"
#include "session/session_private.h"

struct session_login {
	struct job derive;
	struct session *session;
	char *database;          /* owned: as the client asked for it */
	char *secret;            /* owned, wiped; NULL for an unknown user */
	struct scram_server *scram; /* owned */
	struct scram_keys keys;
	uint8_t method;          /* enum auth_type in force, for this user's secret */
	bool deriving;
	bool scram_begun;        /* client-first has come */
	bool ok_sent;            /* AuthenticationOk has gone */
	bool console;
	bool mock;
	char salt[4];
	struct bytes replication_startup; /* of a replication client: its startup parameters */
	char *failure;           /* owned: why the server refused the startup settings; NULL */
	char failure_sqlstate[6];
};

/* Sends an authentication request. */
void login_ask(struct session *s, enum authentication kind, const void *data, size_t length);

/* Begins the exchange that auth_type asks for; welcome_begin follows when it went well. */
void proof_begin(struct session *s);
void proof_take_answer(struct session *s, const char *body, size_t length);

/* The client is who it says. */
void welcome_begin(struct session *s);
void welcome_console(struct session *s);
void welcome_write_key(struct session *s, struct bytes *b);
/* The greeting has gone, ReadyForQuery included: the login ends, and the session is in that state. */
void welcome_finish(struct session *s, enum session_state state);

#endif
