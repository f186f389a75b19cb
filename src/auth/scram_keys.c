/*
 * auth/scram_keys.c - where SCRAM keys come from: a stored secret, a password,
 * or, for users who do not exist, a process secret.
 */
#include <string.h>

#include "auth/base64.h"
#include "auth/crypto.h"
#include "auth/scram.h"
#include "scram_message.h"

#define MOCK_SALT_LENGTH 16 /* as PostgreSQL's own secrets have it */

/* The text up to END, which is read over; END may be NUL for the rest. */
static struct scram_text
scram_keys_field(struct reader *r, char end)
{
	struct scram_text field = {r->at, reader_left(r)};
	const char *stop = end != '\0' ? memchr(r->at, end, reader_left(r)) : NULL;

	if (end != '\0' && stop == NULL) {
		r->failed = true;
		return (struct scram_text){"", 0};
	}
	if (stop != NULL)
		field.length = (size_t)(stop - r->at);
	reader_bytes(r, field.length + (stop != NULL));
	return field;
}

static bool
scram_keys_read_key(struct scram_text text, uint8_t out[SCRAM_KEY_LENGTH])
{
	size_t length = 0;

	return base64_decode(text.data, text.length, out, SCRAM_KEY_LENGTH, &length) && length == SCRAM_KEY_LENGTH;
}

static bool
scram_keys_read(struct reader *r, struct scram_keys *out)
{
	struct scram_text iterations = scram_keys_field(r, ':');
	struct scram_text salt = scram_keys_field(r, '$');
	struct scram_text stored = scram_keys_field(r, ':');
	struct scram_text server = scram_keys_field(r, '\0');

	return reader_ok(r) && scram_message_number(iterations, SCRAM_ITERATIONS_MAX, &out->iterations) &&
	    base64_decode(salt.data, salt.length, out->salt, sizeof(out->salt), &out->salt_length) &&
	    out->salt_length > 0 && scram_keys_read_key(stored, out->stored_key) &&
	    scram_keys_read_key(server, out->server_key);
}

bool
scram_keys_from_secret(const char *secret, struct scram_keys *out)
{
	size_t prefix = strlen(SCRAM_SECRET_PREFIX);
	struct reader r;

	*out = (struct scram_keys){0};
	if (strncmp(secret, SCRAM_SECRET_PREFIX, prefix) != 0)
		return false;
	r = reader_over(secret + prefix, strlen(secret + prefix));
	if (scram_keys_read(&r, out))
		return true;
	crypto_wipe(out, sizeof(*out));
	return false;
}

static void
scram_keys_fill(const uint8_t salted[CRYPTO_SHA256_LENGTH], struct scram_keys *out)
{
	crypto_hmac(salted, CRYPTO_SHA256_LENGTH, "Client Key", strlen("Client Key"), out->client_key);
	crypto_hmac(salted, CRYPTO_SHA256_LENGTH, "Server Key", strlen("Server Key"), out->server_key);
	crypto_sha256(out->client_key, SCRAM_KEY_LENGTH, out->stored_key);
	out->has_client_key = true;
}

bool
scram_keys_derive(const char *password, const uint8_t *salt, size_t salt_length, int iterations, struct scram_keys *out)
{
	uint8_t salted[CRYPTO_SHA256_LENGTH];
	char *prepared;
	bool ok;

	*out = (struct scram_keys){0};
	if (password[0] == '\0' || salt_length > SCRAM_SALT_MAX || iterations < 1 || iterations > SCRAM_ITERATIONS_MAX)
		return false;
	prepared = crypto_saslprep(password);
	ok = crypto_pbkdf2(prepared, salt, salt_length, iterations, salted);
	crypto_wipe_text(prepared);
	if (ok) {
		scram_keys_fill(salted, out);
		memcpy(out->salt, salt, salt_length);
		out->salt_length = salt_length;
		out->iterations = iterations;
	}
	crypto_wipe(salted, sizeof(salted));
	return ok;
}

void
scram_keys_mock(const char *user, const uint8_t process_secret[32], int iterations, struct scram_keys *out)
{
	uint8_t seed[CRYPTO_SHA256_LENGTH], salt[CRYPTO_SHA256_LENGTH];

	*out = (struct scram_keys){.salt_length = MOCK_SALT_LENGTH, .iterations = iterations};
	crypto_hmac(process_secret, 32, user, strlen(user), seed);
	crypto_hmac(seed, sizeof(seed), "salt", strlen("salt"), salt);
	crypto_hmac(seed, sizeof(seed), "stored", strlen("stored"), out->stored_key);
	crypto_hmac(seed, sizeof(seed), "server", strlen("server"), out->server_key);
	memcpy(out->salt, salt, MOCK_SALT_LENGTH);
	crypto_wipe(seed, sizeof(seed));
}
