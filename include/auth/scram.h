/*
 * auth/scram.h - SCRAM-SHA-256 (RFC 5802, RFC 7677; PostgreSQL docs, "SASL
 * Authentication"), both as the server towards our clients and as the client
 * towards our servers.
 *
 *     client                                       server
 *     scram_client_first      client-first  --->   scram_server_first
 *     scram_client_challenge  <--- server-first
 *     scram_client_derive (PBKDF2, when needed)
 *     scram_client_final      client-final  --->   scram_server_final
 *     scram_client_verify     <--- server-final
 *
 * Pure: messages in, messages out, no framing.  Towards clients, channel binding is
 * offered where the caller has one (RFC 5802, section 6; RFC 5929, section 4).
 * Both peers are strangers: every length and count of theirs has a bound.
 */
#ifndef PGWEIR_AUTH_SCRAM_H
#define PGWEIR_AUTH_SCRAM_H

#include "base/bytes.h"

#define SCRAM_MECHANISM "SCRAM-SHA-256"
#define SCRAM_MECHANISM_PLUS "SCRAM-SHA-256-PLUS"
#define SCRAM_BINDING_TYPE "tls-server-end-point"
#define SCRAM_BINDING_MAX 64 /* bytes of channel binding data */
#define SCRAM_SECRET_PREFIX "SCRAM-SHA-256$"
#define SCRAM_KEY_LENGTH 32
#define SCRAM_SALT_MAX 64
#define SCRAM_ITERATIONS_DEFAULT 4096
#define SCRAM_ITERATIONS_MAX 10000000	     /* in secrets, which we chose to trust */
#define SCRAM_ITERATIONS_FOREIGN_MAX 1000000 /* in a server's challenge: a quarter of a second */
#define SCRAM_MESSAGE_MAX 4096		     /* bytes of any one message */

/* All that a SCRAM secret holds, and the ClientKey where it is known.  A plain value: crypto_wipe() it after use. */
struct scram_keys {
	uint8_t client_key[SCRAM_KEY_LENGTH];
	bool has_client_key;
	uint8_t stored_key[SCRAM_KEY_LENGTH];
	uint8_t server_key[SCRAM_KEY_LENGTH];
	uint8_t salt[SCRAM_SALT_MAX];
	size_t salt_length;
	int iterations;
};

enum scram_step {
	SCRAM_CONTINUE, /* send the reply, if any, and go on */
	SCRAM_DONE,	/* both sides are who they say; send the reply, if any */
	SCRAM_FAILED,	/* well-formed, but the proof, the key or the peer is wrong */
	SCRAM_BROKEN	/* malformed or out of turn: a protocol violation */
};

/* Parses "SCRAM-SHA-256$iterations:salt$stored:server"; false, with OUT zeroed, when it is damaged. */
bool scram_keys_from_secret(const char *secret, struct scram_keys *out);

/*
 * Keys of a password, SASLprep included.  SLOW (a millisecond for 4096 iterations):
 * call it in a thread pool.  False, with OUT zeroed, for an empty password, a salt
 * over SCRAM_SALT_MAX, or iterations outside 1..SCRAM_ITERATIONS_MAX.
 */
bool scram_keys_derive(
    const char *password, const uint8_t *salt, size_t salt_length, int iterations, struct scram_keys *out);

/*
 * Keys for a user who does not exist, so that the exchange looks like any other.
 * The salt is always the same for one user and process secret.
 */
void scram_keys_mock(const char *user, const uint8_t process_secret[32], int iterations, struct scram_keys *out);

/* ---------------------------------------------------------------- towards clients */

struct scram_server; /* one exchange */

/*
 * KEYS are copied; salt and iterations are enough until the client's final message.
 * A mock exchange runs to its end and then fails, whatever the client proves.
 */
struct scram_server *scram_server_new(const struct scram_keys *keys, bool mock);
/* The keys that the client's final message is measured by, for the same salt and iterations. */
void scram_server_take_keys(struct scram_server *s, const struct scram_keys *keys);
/* Offers channel binding: this data, of the type SCRAM_BINDING_TYPE.  At most SCRAM_BINDING_MAX bytes; before the first message. */
void scram_server_bind(struct scram_server *s, const uint8_t *data, size_t length);
/* Appends what is offered, as AuthenticationSASL has it: names, each with a NUL, and one more NUL. */
void scram_server_mechanisms(const struct scram_server *s, struct bytes *out);
/* Takes the mechanism that the client chose, SCRAM_MECHANISM unless said; false when it was not offered. */
bool scram_server_choose(struct scram_server *s, const char *mechanism);
void scram_server_free(struct scram_server *s); /* wipes; NULL is harmless */

/*
 * Takes client-first and appends server-first to REPLY: CONTINUE; FAILED without
 * randomness; else BROKEN.  The user name in it is ignored, as PostgreSQL does:
 * the startup message has it.
 */
enum scram_step scram_server_first(struct scram_server *s, const char *message, size_t length, struct bytes *reply);

/* Takes client-final and appends server-final to REPLY: DONE; FAILED or BROKEN leave REPLY alone. */
enum scram_step scram_server_final(struct scram_server *s, const char *message, size_t length, struct bytes *reply);

/* The ClientKey that the client just proved, 32 bytes, for logins elsewhere in its name; NULL before DONE. Borrowed. */
const uint8_t *scram_server_client_key(const struct scram_server *s);

/* Why the last step was FAILED or BROKEN, fit for an error's detail; NULL when it was not.  Static text. */
const char *scram_server_problem(const struct scram_server *s);

/* Replaces the random part of the nonce, for known-answer tests and fuzzing only; at most 63 characters. */
void scram_server_fix_nonce(struct scram_server *s, const char *nonce);

/* ---------------------------------------------------------------- towards servers */

struct scram_client; /* one exchange */

/*
 * With keys, no password is needed when the server's salt and iterations are those
 * of the keys (salt_length 0: unknown, and taken on trust).  Both are copied.
 */
struct scram_client *scram_client_new(const char *password, const struct scram_keys *keys);
void scram_client_free(struct scram_client *s); /* wipes; NULL is harmless; not while a derivation runs */

/* Which mechanism of the server's offer to take, by what binds the connection (RFC 5802, section 6). */
enum scram_binding {
	SCRAM_UNBOUND,   /* the connection has nothing to bind to: 'n' */
	SCRAM_UNOFFERED, /* it has, and the server does not offer it: 'y', so that a stripped offer is found out */
	SCRAM_BOUND      /* SCRAM_MECHANISM_PLUS with "tls-server-end-point" */
};

/* DATA (copied; at most SCRAM_BINDING_MAX bytes) is for SCRAM_BOUND.  Before scram_client_first; without it the exchange is SCRAM_UNBOUND. */
void scram_client_bind(struct scram_client *s, enum scram_binding binding, const uint8_t *data, size_t length);

/* Appends client-first: CONTINUE; FAILED without randomness, or with neither a password nor a ClientKey. */
enum scram_step scram_client_first(struct scram_client *s, struct bytes *reply);

/* Takes server-first: CONTINUE; FAILED when there are only keys, and not for this challenge; BROKEN. */
enum scram_step scram_client_challenge(struct scram_client *s, const char *message, size_t length);

/* Whether scram_client_derive must run before scram_client_final: false with fitting keys, given or cached. */
bool scram_client_needs_derivation(const struct scram_client *s);

/* SLOW: call it in a thread pool, and touch S from nowhere else meanwhile.  Fills the key cache. */
void scram_client_derive(struct scram_client *s);

/* Appends client-final: CONTINUE, or FAILED when there are no keys. */
enum scram_step scram_client_final(struct scram_client *s, struct bytes *reply);

/* Takes server-final: DONE when the server knows the secret too; FAILED; BROKEN. */
enum scram_step scram_client_verify(struct scram_client *s, const char *message, size_t length);

/* As scram_server_problem and scram_server_fix_nonce. */
const char *scram_client_problem(const struct scram_client *s);
void scram_client_fix_nonce(struct scram_client *s, const char *nonce);

#endif
