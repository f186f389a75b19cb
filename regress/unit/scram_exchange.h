/*
 * regress/unit/scram_exchange.h - what the SCRAM tests share: the example of
 * RFC 7677, and a whole exchange whose messages a test may damage on their way.
 */
#ifndef PGWEIR_REGRESS_SCRAM_EXCHANGE_H
#define PGWEIR_REGRESS_SCRAM_EXCHANGE_H

#include <stdlib.h>
#include <string.h>

#include "auth/scram.h"

/* RFC 7677, section 3: user "user", password "pencil". */
#define RFC_SECRET \
	"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:" \
	"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define RFC_CLIENT_NONCE "rOprNGfwEbeRWgbNEkqO"
#define RFC_SERVER_NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define RFC_CLIENT_FIRST "n,,n=user,r=" RFC_CLIENT_NONCE
#define RFC_SERVER_FIRST "r=" RFC_CLIENT_NONCE RFC_SERVER_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define RFC_BOTH_NONCES "c=biws,r=" RFC_CLIENT_NONCE RFC_SERVER_NONCE
#define RFC_CLIENT_FINAL RFC_BOTH_NONCES ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define RFC_SERVER_FINAL "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static inline struct scram_keys
rfc_keys(void)
{
	static struct scram_keys keys;

	if (!keys.has_client_key) {
		struct scram_keys stored;

		must(scram_keys_from_secret(RFC_SECRET, &stored));
		must(scram_keys_derive("pencil", stored.salt, stored.salt_length, stored.iterations, &keys));
	}
	return keys;
}

static inline struct scram_server *
rfc_server(void)
{
	struct scram_keys keys = rfc_keys();
	struct scram_server *server = scram_server_new(&keys, false);

	scram_server_fix_nonce(server, RFC_SERVER_NONCE);
	return server;
}

/* A client that has keys only and has sent its first message. */
static inline struct scram_client *
started_client(void)
{
	struct scram_keys keys = rfc_keys();
	struct scram_client *client = scram_client_new(NULL, &keys);
	struct bytes reply = {0};

	scram_client_fix_nonce(client, RFC_CLIENT_NONCE);
	must(scram_client_first(client, &reply) == SCRAM_CONTINUE);
	bytes_free(&reply);
	return client;
}

/* One exchange of two sides; damage() may replace any message on its way. */
struct exchange {
	struct scram_client *client; /* owned */
	struct scram_server *server; /* owned */
	void (*damage)(struct bytes *message, int number, const void *how);
	const void *how;
	enum scram_step client_step, server_step;
};

/* A copy of exactly its size, so that the sanitizer sees reads behind the end. */
static inline char *
on_its_way(struct exchange *x, struct bytes *message, int number)
{
	if (x->damage != NULL)
		x->damage(message, number, x->how);
	return memory_copy(message->data != NULL ? message->data : "", message->length);
}

static inline void
exchange_steps(struct exchange *x, struct bytes *message)
{
	static enum scram_step (*const to_server[])(struct scram_server *, const char *, size_t, struct bytes *) = {
	    scram_server_first, scram_server_final};

	for (int round = 0; round < 2; round++) {
		char *copy;
		size_t length;

		bytes_clear(message);
		x->client_step =
		    round == 0 ? scram_client_first(x->client, message) : scram_client_final(x->client, message);
		if (x->client_step != SCRAM_CONTINUE)
			return;
		copy = on_its_way(x, message, 2 * round);
		length = message->length;
		bytes_clear(message);
		x->server_step = to_server[round](x->server, copy, length, message);
		free(copy);
		if (x->server_step > SCRAM_DONE)
			return;
		copy = on_its_way(x, message, 2 * round + 1);
		if (round == 0)
			x->client_step = scram_client_challenge(x->client, copy, message->length);
		else
			x->client_step = scram_client_verify(x->client, copy, message->length);
		free(copy);
		if (x->client_step > SCRAM_DONE)
			return;
		if (scram_client_needs_derivation(x->client))
			scram_client_derive(x->client);
	}
}

/* Runs the exchange to its end and frees both sides; true when both trust each other. */
static inline bool
exchange_succeeds(struct exchange *x)
{
	struct bytes message = {0};

	exchange_steps(x, &message);
	bytes_free(&message);
	scram_client_free(x->client);
	scram_server_free(x->server);
	return x->client_step == SCRAM_DONE && x->server_step == SCRAM_DONE;
}

#endif
