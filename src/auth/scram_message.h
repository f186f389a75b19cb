/*
 * auth/scram_message.h - what both sides of a SCRAM exchange share: the grammar
 * of "a=value,b=value" (RFC 5802, section 7), nonces, and the two signatures.
 * Private to src/auth.
 */
#ifndef PGWEIR_AUTH_SCRAM_MESSAGE_H
#define PGWEIR_AUTH_SCRAM_MESSAGE_H

#include "auth/scram.h"
#include "base/bytes.h"

#define SCRAM_NONCE_RANDOM 18 /* bytes, as PostgreSQL has it: 24 characters */
#define SCRAM_NONCE_SIZE 64   /* our own part as text, with its NUL */
#define SCRAM_NONCE_PEER_MAX 256

/* A piece of a message; borrowed. */
struct scram_text {
	const char *data;
	size_t length;
};

/* A reader over the message; it has failed when the message is empty, too long or holds a NUL. */
struct reader scram_message_over(const char *message, size_t length);

/* The name of the attribute that comes next, or 0 at the end. */
char scram_message_next(const struct reader *r);

/* Reads "NAME=value" and the comma behind it, if any. */
struct scram_text scram_message_attribute(struct reader *r, char name);

/* Reads over extensions, which both sides must ignore when they are optional, up to one called UNTIL or the end. */
void scram_message_skip(struct reader *r, char until);

/* A decimal number of 1..MOST without sign or leading zeros. */
bool scram_message_number(struct scram_text text, int most, int *out);

bool scram_message_is(struct scram_text text, const char *data, size_t length);
bool scram_message_is_nonce(struct scram_text text, size_t most);

/* Writes a fresh nonce as text; false without randomness. */
bool scram_message_new_nonce(char out[SCRAM_NONCE_SIZE]);

/* Replaces OUT by a nonce that a test chose. */
void scram_message_fix_nonce(char out[SCRAM_NONCE_SIZE], const char *nonce);

/* KEY xor HMAC(STORED_KEY, AUTH_MESSAGE): makes a proof of a ClientKey and a ClientKey of a proof. */
void scram_message_proof(
    const uint8_t *key, const uint8_t *stored_key, const struct bytes *auth_message, uint8_t out[SCRAM_KEY_LENGTH]);

#endif
