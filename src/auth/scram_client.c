/*
 * auth/scram_client.c - one SCRAM exchange with a server, by a password or by
 * keys that a client of ours has proved.  A server is a stranger too: without
 * bounds its challenge could keep a thread busy for minutes.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/base64.h"
#include "auth/crypto.h"
#include "auth/keycache.h"
#include "auth/scram.h"
#include "scram_message.h"

enum scram_client_stage { CLIENT_NEW, CLIENT_STARTED, CLIENT_CHALLENGED, CLIENT_PROVED, CLIENT_ENDED };

struct scram_client {
	enum scram_client_stage stage;
	bool has_keys;	/* the keys fit the challenge (or may, before it came) */
	char *password; /* owned; NULL when there are only keys */
	struct scram_keys keys;
	enum scram_binding binding;
	uint8_t binding_data[SCRAM_BINDING_MAX];
	size_t binding_length;
	char own_nonce[SCRAM_NONCE_SIZE]; /* "" until it is made */
	struct bytes nonce;		  /* our part and the server's */
	struct bytes auth_message;	  /* grows by one piece a message */
	const char *problem;		  /* static */
};

struct scram_client *
scram_client_new(const char *password, const struct scram_keys *keys)
{
	struct scram_client *s = memory_new(sizeof(*s));

	s->password = text_copy(password);
	if (keys != NULL && keys->has_client_key) {
		s->keys = *keys;
		s->has_keys = true;
	}
	return s;
}

void
scram_client_free(struct scram_client *s)
{
	if (s == NULL)
		return;
	crypto_wipe_text(s->password);
	bytes_free(&s->nonce);
	bytes_free(&s->auth_message);
	crypto_wipe(s, sizeof(*s));
	free(s);
}

const char *
scram_client_problem(const struct scram_client *s)
{
	return s->problem;
}

void
scram_client_fix_nonce(struct scram_client *s, const char *nonce)
{
	scram_message_fix_nonce(s->own_nonce, nonce);
}

void
scram_client_bind(struct scram_client *s, enum scram_binding binding, const uint8_t *data, size_t length)
{
	must(s->stage == CLIENT_NEW && length <= sizeof(s->binding_data) && (length > 0) == (binding == SCRAM_BOUND));
	s->binding = binding;
	s->binding_length = length;
	if (length > 0)
		memcpy(s->binding_data, data, length);
}

static const char *
scram_client_header(const struct scram_client *s)
{
	static const char *const headers[] = {
	    [SCRAM_UNBOUND] = "n,,", [SCRAM_UNOFFERED] = "y,,", [SCRAM_BOUND] = "p=tls-server-end-point,,"};

	return headers[s->binding];
}

static enum scram_step
scram_client_end(struct scram_client *s, enum scram_step step, const char *problem)
{
	s->stage = CLIENT_ENDED;
	s->problem = problem;
	return step;
}

enum scram_step
scram_client_first(struct scram_client *s, struct bytes *reply)
{
	if (s->stage != CLIENT_NEW)
		return scram_client_end(s, SCRAM_BROKEN, "The message is out of turn.");
	if (!s->has_keys && (s->password == NULL || s->password[0] == '\0'))
		return scram_client_end(s, SCRAM_FAILED, "There is neither a password nor a SCRAM key for the server.");
	if (s->own_nonce[0] == '\0' && !scram_message_new_nonce(s->own_nonce))
		return scram_client_end(s, SCRAM_FAILED, "There are no random numbers.");
	/* The user is in the startup message; PostgreSQL ignores it here. */
	bytes_format(&s->auth_message, "n=,r=%s", s->own_nonce);
	bytes_chars(reply, scram_client_header(s));
	bytes_append(reply, s->auth_message.data, s->auth_message.length);
	s->stage = CLIENT_STARTED;
	return SCRAM_CONTINUE;
}

/* ---------------------------------------------------------------- server-first */

struct scram_challenge {
	struct scram_text nonce; /* borrowed from the message */
	uint8_t salt[SCRAM_SALT_MAX];
	size_t salt_length;
	int iterations;
};

/* Reads the message; returns what is wrong with it, or NULL. */
static const char *
scram_client_read_challenge(const struct scram_client *s, struct reader *r, struct scram_challenge *c)
{
	struct scram_text salt, iterations;
	size_t own = strlen(s->own_nonce);

	if (scram_message_next(r) == 'm')
		return "The server requires a SCRAM extension that is not supported.";
	c->nonce = scram_message_attribute(r, 'r');
	salt = scram_message_attribute(r, 's');
	iterations = scram_message_attribute(r, 'i');
	scram_message_skip(r, '\0');
	if (!reader_ok(r))
		return "The server's challenge is malformed.";
	if (!scram_message_is_nonce(c->nonce, own + SCRAM_NONCE_PEER_MAX) || c->nonce.length <= own ||
	    memcmp(c->nonce.data, s->own_nonce, own) != 0)
		return "The server's nonce does not continue ours, or is too long.";
	if (!base64_decode(salt.data, salt.length, c->salt, sizeof(c->salt), &c->salt_length) || c->salt_length == 0)
		return "The server's salt is malformed or too long.";
	if (!scram_message_number(iterations, SCRAM_ITERATIONS_FOREIGN_MAX, &c->iterations))
		return "The server's iteration count is malformed or too high.";
	return NULL;
}

static bool
scram_client_keys_fit(const struct scram_client *s, const struct scram_challenge *c)
{
	if (!s->has_keys)
		return false;
	if (s->keys.salt_length == 0)
		return true;
	return s->keys.iterations == c->iterations && s->keys.salt_length == c->salt_length &&
	    memcmp(s->keys.salt, c->salt, c->salt_length) == 0;
}

/* Finds keys for the challenge, or notes in the keys what is to be derived. */
static bool
scram_client_choose_keys(struct scram_client *s, const struct scram_challenge *c)
{
	if (scram_client_keys_fit(s, c))
		return true;
	s->has_keys = false;
	if (s->password == NULL)
		return false;
	if (keycache_get(s->password, c->salt, c->salt_length, c->iterations, &s->keys)) {
		s->has_keys = true;
		return true;
	}
	crypto_wipe(&s->keys, sizeof(s->keys));
	memcpy(s->keys.salt, c->salt, c->salt_length);
	s->keys.salt_length = c->salt_length;
	s->keys.iterations = c->iterations;
	return true;
}

enum scram_step
scram_client_challenge(struct scram_client *s, const char *message, size_t length)
{
	struct reader r = scram_message_over(message, length);
	struct scram_challenge c = {0};
	const char *problem;

	if (s->stage != CLIENT_STARTED)
		return scram_client_end(s, SCRAM_BROKEN, "The message is out of turn.");
	if (!reader_ok(&r))
		return scram_client_end(s, SCRAM_BROKEN, "The message is empty, too long, or has a zero byte.");
	problem = scram_client_read_challenge(s, &r, &c);
	if (problem != NULL)
		return scram_client_end(s, SCRAM_BROKEN, problem);
	if (!scram_client_choose_keys(s, &c))
		return scram_client_end(
		    s, SCRAM_FAILED, "The server's SCRAM secret is not the one that the client logged in with.");
	bytes_append(&s->nonce, c.nonce.data, c.nonce.length);
	bytes_chars(&s->auth_message, ",");
	bytes_append(&s->auth_message, message, length);
	s->stage = CLIENT_CHALLENGED;
	return SCRAM_CONTINUE;
}

bool
scram_client_needs_derivation(const struct scram_client *s)
{
	return s->stage == CLIENT_CHALLENGED && !s->has_keys;
}

void
scram_client_derive(struct scram_client *s)
{
	struct scram_keys wanted = s->keys;

	if (!scram_client_needs_derivation(s))
		return;
	/* Another login with this password may have come first while this one waited for its thread. */
	s->has_keys = keycache_get(s->password, wanted.salt, wanted.salt_length, wanted.iterations, &s->keys);
	if (s->has_keys)
		return;
	s->has_keys = scram_keys_derive(s->password, wanted.salt, wanted.salt_length, wanted.iterations, &s->keys);
	if (s->has_keys)
		keycache_put(s->password, &s->keys);
}

/* ---------------------------------------------------------------- client-final and server-final */

/* "c=": the header of client-first and the data that binds, in base64. */
static void
scram_client_add_binding(const struct scram_client *s, struct bytes *reply)
{
	char text[BASE64_LENGTH(32 + SCRAM_BINDING_MAX) + 1];
	struct bytes raw = {0};

	bytes_chars(&raw, scram_client_header(s));
	bytes_append(&raw, s->binding_data, s->binding_length);
	must(BASE64_LENGTH(raw.length) < sizeof(text));
	base64_encode(raw.data, raw.length, text);
	bytes_chars(reply, "c=");
	bytes_chars(reply, text);
	bytes_free(&raw);
}

enum scram_step
scram_client_final(struct scram_client *s, struct bytes *reply)
{
	uint8_t proof[SCRAM_KEY_LENGTH];
	char text[BASE64_LENGTH(SCRAM_KEY_LENGTH) + 1];
	uint8_t stored_key[SCRAM_KEY_LENGTH];
	size_t start = reply->length;

	if (s->stage != CLIENT_CHALLENGED)
		return scram_client_end(s, SCRAM_BROKEN, "The message is out of turn.");
	if (!s->has_keys)
		return scram_client_end(s, SCRAM_FAILED, "The keys could not be derived from the password.");
	scram_client_add_binding(s, reply);
	bytes_chars(reply, ",r=");
	bytes_append(reply, s->nonce.data, s->nonce.length);
	bytes_chars(&s->auth_message, ",");
	bytes_append(&s->auth_message, reply->data + start, reply->length - start);
	crypto_sha256(s->keys.client_key, SCRAM_KEY_LENGTH, stored_key);
	scram_message_proof(s->keys.client_key, stored_key, &s->auth_message, proof);
	base64_encode(proof, sizeof(proof), text);
	bytes_chars(reply, ",p=");
	bytes_chars(reply, text);
	s->stage = CLIENT_PROVED;
	return SCRAM_CONTINUE;
}

static bool
scram_client_check_signature(const struct scram_client *s, const uint8_t signature[SCRAM_KEY_LENGTH])
{
	uint8_t expected[CRYPTO_SHA256_LENGTH];

	crypto_hmac(s->keys.server_key, SCRAM_KEY_LENGTH, s->auth_message.data, s->auth_message.length, expected);
	return crypto_equal(expected, signature, sizeof(expected));
}

enum scram_step
scram_client_verify(struct scram_client *s, const char *message, size_t length)
{
	struct reader r = scram_message_over(message, length);
	uint8_t signature[SCRAM_KEY_LENGTH];
	struct scram_text text;
	size_t decoded = 0;

	if (s->stage != CLIENT_PROVED)
		return scram_client_end(s, SCRAM_BROKEN, "The message is out of turn.");
	if (scram_message_next(&r) == 'e')
		return scram_client_end(s, SCRAM_FAILED, "The server refused the proof.");
	text = scram_message_attribute(&r, 'v');
	scram_message_skip(&r, '\0');
	if (!reader_ok(&r) || !base64_decode(text.data, text.length, signature, sizeof(signature), &decoded) ||
	    decoded != sizeof(signature))
		return scram_client_end(s, SCRAM_BROKEN, "The server's final message is malformed.");
	if (!scram_client_check_signature(s, signature))
		return scram_client_end(s, SCRAM_FAILED, "The server does not know the secret.");
	s->stage = CLIENT_ENDED;
	return SCRAM_DONE;
}
