/*
 * pool/login_private.h - a login under way: what server_login.c (startup and
 * authentication) and server_secure.c (connection and TLS) share.
 */
#ifndef PGWEIR_POOL_LOGIN_PRIVATE_H
#define PGWEIR_POOL_LOGIN_PRIVATE_H

#include "pool/pool_private.h"

/* How far the connection is: not before LOGIN_SPEAKING may anything but TLS be said. */
enum login_channel { LOGIN_CONNECTING, LOGIN_ASKED, LOGIN_SECURING, LOGIN_SPEAKING };

struct server_login {
	struct job derive;
	struct server *server;       /* borrowed; NULL once the server has given up */
	struct connector *connector; /* owned while connecting */
	struct scram_client *scram;  /* owned */
	char *secret;                /* owned, wiped */
	struct scram_keys keys;      /* of a client with the same secret */
	bool has_keys;
	bool deriving;
	bool authenticated;
	bool verified;               /* the server has proved that it knows the secret */
	bool querying;               /* connect_query runs */
	bool retrying;               /* the connection closes, and another one follows */
	bool retried;                /* it is that other one */
	bool plain;                  /* that one has to be without TLS; else with it */
	enum login_channel channel;
	unsigned frames;
};

/* Connects; server_login_speak follows, or pool_login_done. */
void server_login_connect(struct server *s);
/* The first bytes of the server while TLS is asked for; answers how many were consumed. */
size_t server_login_asked(struct server *s, const char *bytes, size_t length);
/* An error came before the server had anything proved: true when the login begins anew, with or without TLS. */
bool server_login_retry_refused(struct server *s, const char *sqlstate);

/* Says the startup message: the connection is as secure as it has to be. */
void server_login_speak(struct server *s);

#endif
