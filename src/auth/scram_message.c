/*
 * auth/scram_message.c - reading and making the pieces of SCRAM messages.
 */
#include "scram_message.h"

#include <string.h>

#include "auth/base64.h"
#include "auth/crypto.h"

struct reader
scram_message_over(const char *message, size_t length)
{
	struct reader r = reader_over(message, length);

	if (length == 0 || length > SCRAM_MESSAGE_MAX || memchr(message, '\0', length) != NULL)
		r.failed = true;
	return r;
}

char
scram_message_next(const struct reader *r)
{
	return reader_left(r) > 0 ? *r->at : '\0';
}

struct scram_text
scram_message_attribute(struct reader *r, char name)
{
	struct scram_text value = {"", 0};
	const char *comma;

	if (reader_u8(r) != (uint8_t)name || reader_u8(r) != '=')
		r->failed = true;
	if (!reader_ok(r))
		return value;
	value.data = r->at;
	comma = memchr(r->at, ',', reader_left(r));
	value.length = comma != NULL ? (size_t)(comma - r->at) : reader_left(r);
	reader_bytes(r, value.length);
	if (comma == NULL)
		return value;
	reader_u8(r);
	/* A comma announces another attribute. */
	if (reader_at_end(r))
		r->failed = true;
	return value;
}

static bool
scram_message_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void
scram_message_skip(struct reader *r, char until)
{
	char name;

	while ((name = scram_message_next(r)) != '\0' && name != until) {
		if (!scram_message_is_letter(name))
			r->failed = true;
		scram_message_attribute(r, name);
	}
}

bool
scram_message_number(struct scram_text text, int most, int *out)
{
	int value = 0;

	if (text.length == 0 || text.length > 9 || text.data[0] == '0')
		return false;
	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		value = value * 10 + (text.data[i] - '0');
	}
	*out = value;
	return value <= most;
}

bool
scram_message_is(struct scram_text text, const char *data, size_t length)
{
	return text.length == length && memcmp(text.data, data, length) == 0;
}

bool
scram_message_is_nonce(struct scram_text text, size_t most)
{
	if (text.length == 0 || text.length > most)
		return false;
	for (size_t i = 0; i < text.length; i++)
		if (text.data[i] < '!' || text.data[i] > '~')
			return false;
	return true;
}

bool
scram_message_new_nonce(char out[SCRAM_NONCE_SIZE])
{
	uint8_t raw[SCRAM_NONCE_RANDOM];

	if (!crypto_random(raw, sizeof(raw)))
		return false;
	base64_encode(raw, sizeof(raw), out);
	return true;
}

void
scram_message_fix_nonce(char out[SCRAM_NONCE_SIZE], const char *nonce)
{
	size_t length = strlen(nonce);

	must(length < SCRAM_NONCE_SIZE);
	memcpy(out, nonce, length + 1);
}

void
scram_message_proof(
    const uint8_t *key, const uint8_t *stored_key, const struct bytes *auth_message, uint8_t out[SCRAM_KEY_LENGTH])
{
	uint8_t signature[CRYPTO_SHA256_LENGTH];

	crypto_hmac(stored_key, SCRAM_KEY_LENGTH, auth_message->data, auth_message->length, signature);
	for (size_t i = 0; i < SCRAM_KEY_LENGTH; i++)
		out[i] = key[i] ^ signature[i];
	/* The signature and the proof on the wire make the ClientKey. */
	crypto_wipe(signature, sizeof(signature));
}
