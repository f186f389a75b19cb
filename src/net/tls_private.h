/*
 * net/tls_private.h - TLS as a machine without sockets: ciphertext in, plaintext out,
 * and the other way round.  Private to net/; net/stream_tls.c drives it.
 *
 *      socket ─▶ tls_feed ─▶ ┌─────┐ ─▶ tls_read  ─▶ plaintext
 *      socket ◀─   out    ◀─ └─────┘ ◀─ tls_write ◀─ plaintext
 *
 * OpenSSL never waits here: what it wants to send is appended to `out`, and what it
 * has not taken of the ciphertext is kept.
 */
#ifndef PGWEIR_NET_TLS_PRIVATE_H
#define PGWEIR_NET_TLS_PRIVATE_H

#include "base/list.h"
#include "net/stream.h"
#include "net/tls.h"

/* The most plaintext of one record (RFC 8446, section 5.1). */
#define TLS_RECORD_SIZE ((size_t)16 * 1024)

struct ssl_st;
struct ssl_ctx_st;

struct tls_context {
	struct ssl_ctx_st *ctx; /* owned */
	enum tls_mode mode;
	bool accepts;
	uint64_t stamp;
};

enum tls_step { TLS_DONE, TLS_WAIT, TLS_ENDED, TLS_FAILED };

struct tls {
	struct ssl_st *ssl;    /* owned */
	struct stream *stream; /* borrowed */
	struct list node;      /* in poller.pending */
	const char *fed;       /* ciphertext that is there to be taken, during a call */
	size_t fed_left;
	struct bytes *out;     /* where ciphertext goes, during a call; borrowed */
	struct bytes kept;     /* ciphertext not taken yet, between calls */
	char *failure;         /* owned; NULL while nothing failed */
	bool started : 1;
	bool accepts : 1;
	bool secured : 1;      /* the handshake is over */
	bool ended : 1;        /* the peer has said so (close_notify) */
	bool deferred : 1;     /* its handshake waits for the loop's next turn */
	bool unverified : 1;   /* the peer's certificate was found wanting, and let pass */
};

struct tls *tls_new(struct stream *s, struct tls_context *c, const char *host);
void tls_free(struct tls *t); /* NULL is fine */

/* BYTES stay the caller's; tls_keep copies what is left of them. */
void tls_feed(struct tls *t, const char *bytes, size_t length);
void tls_keep(struct tls *t);
/* True when there is something to read without the socket. */
bool tls_is_pending(const struct tls *t);

/* Each call may append to OUT, whatever it answers. */
enum tls_step tls_handshake(struct tls *t, struct bytes *out);
/* Answers TLS_DONE with *LENGTH bytes at PLACE, as many as there are and fit; never TLS_DONE with none. */
enum tls_step tls_read(struct tls *t, char *place, size_t room, size_t *length, struct bytes *out);
bool tls_write(struct tls *t, const void *bytes, size_t length, struct bytes *out);
/* Says that nothing follows (close_notify). */
void tls_shut(struct tls *t, struct bytes *out);
/* Notes a failure that is not OpenSSL's. */
enum tls_step tls_fail(struct tls *t, const char *why);

/* ---- tls_verify.c ---- */
/* Prepares the connection to HOST: SNI, and the name that a certificate has to hold. */
bool tls_expect_host(struct tls *t, const struct tls_context *c, const char *host);

/* ---- tls_context.c ---- */
/* What one context is made of: the texts of the settings, and of the files. */
struct tls_recipe {
	const char *prefix;        /* of the settings' names, for messages: "client_tls" */
	enum tls_mode mode;
	bool accepts;
	const char *protocols, *ciphers, *tls13_ciphers;
	const char *ecdhcurve, *dheparams; /* accepting only */
	const char *ca_path, *cert_path, *key_path;
	const struct bytes *ca, *cert, *key; /* NULL where no file is named */
	const struct tls_ticket_keys *keys;  /* accepting only */
};

/* NULL and a line in ERRORS when it cannot be made. */
struct tls_context *tls_context_new(const struct tls_recipe *r, struct bytes *errors);
void tls_context_free(struct tls_context *c); /* NULL is fine */
/* What OpenSSL has to say of its last error, and nothing is left in its queue; borrowed. */
const char *tls_library_reason(void);

#endif
