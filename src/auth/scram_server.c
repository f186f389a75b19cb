/*
 * auth/scram_server.c - one SCRAM exchange with a client.  Unknown users are not
 * this file's business: they come with mock keys and take the same path.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/base64.h"
#include "auth/crypto.h"
#include "auth/scram.h"
#include "scram_message.h"

/* The longest gs2 header, and the data behind it. */
#define SERVER_BINDING_INPUT (sizeof("p=" SCRAM_BINDING_TYPE ",,") + SCRAM_BINDING_MAX)

enum scram_server_stage { SERVER_NEW, SERVER_CHALLENGED, SERVER_DONE, SERVER_ENDED };

struct scram_server {
	enum scram_server_stage stage;
	bool mock;
	bool bound;   /* the client chose the mechanism with channel binding */
	char binding; /* the client's channel-binding flag: 'n', 'y' or 'p' */
	uint8_t binding_data[SCRAM_BINDING_MAX];
	size_t binding_length; /* 0: it is not offered */
	struct scram_keys keys;
	uint8_t client_key[SCRAM_KEY_LENGTH]; /* valid in SERVER_DONE */
	char own_nonce[SCRAM_NONCE_SIZE];     /* "" until it is made */
	struct bytes nonce;		      /* the client's part and ours */
	struct bytes auth_message;	      /* grows by one piece a message */
	const char *problem;		      /* static */
};

struct scram_server *
scram_server_new(const struct scram_keys *keys, bool mock)
{
	struct scram_server *s = memory_new(sizeof(*s));

	must(keys->salt_length <= SCRAM_SALT_MAX);
	s->keys = *keys;
	s->mock = mock;
	return s;
}

void
scram_server_take_keys(struct scram_server *s, const struct scram_keys *keys)
{
	memcpy(s->keys.stored_key, keys->stored_key, SCRAM_KEY_LENGTH);
	memcpy(s->keys.server_key, keys->server_key, SCRAM_KEY_LENGTH);
}

void
scram_server_bind(struct scram_server *s, const uint8_t *data, size_t length)
{
	must(length <= SCRAM_BINDING_MAX && s->stage == SERVER_NEW);
	memcpy(s->binding_data, data, length);
	s->binding_length = length;
}

void
scram_server_mechanisms(const struct scram_server *s, struct bytes *out)
{
	if (s->binding_length > 0)
		bytes_text(out, SCRAM_MECHANISM_PLUS);
	bytes_text(out, SCRAM_MECHANISM);
	bytes_u8(out, 0);
}

bool
scram_server_choose(struct scram_server *s, const char *mechanism)
{
	s->bound = strcmp(mechanism, SCRAM_MECHANISM_PLUS) == 0;
	return s->bound ? s->binding_length > 0 : strcmp(mechanism, SCRAM_MECHANISM) == 0;
}

void
scram_server_free(struct scram_server *s)
{
	if (s == NULL)
		return;
	bytes_free(&s->nonce);
	bytes_free(&s->auth_message);
	crypto_wipe(s, sizeof(*s));
	free(s);
}

const uint8_t *
scram_server_client_key(const struct scram_server *s)
{
	return s->stage == SERVER_DONE ? s->client_key : NULL;
}

const char *
scram_server_problem(const struct scram_server *s)
{
	return s->problem;
}

void
scram_server_fix_nonce(struct scram_server *s, const char *nonce)
{
	scram_message_fix_nonce(s->own_nonce, nonce);
}

static enum scram_step
scram_server_end(struct scram_server *s, enum scram_step step, const char *problem)
{
	s->stage = SERVER_ENDED;
	s->problem = problem;
	return step;
}

/* ---------------------------------------------------------------- client-first */

/* "p=" and the type: the one that is offered. */
static const char *
scram_server_read_binding(struct scram_server *s, struct reader *r)
{
	size_t length = strlen(SCRAM_BINDING_TYPE);
	const char *type;

	if (!s->bound)
		return "The client wants channel binding, and chose a mechanism without it.";
	if (reader_u8(r) != '=')
		return "The channel-binding flag is malformed.";
	type = reader_bytes(r, length);
	if (type == NULL || memcmp(type, SCRAM_BINDING_TYPE, length) != 0 || reader_u8(r) != ',')
		return "The channel-binding type is not supported.";
	return NULL;
}

/* Reads the channel-binding flag and the comma behind it; returns what is wrong with it, or NULL. */
static const char *
scram_server_read_flag(struct scram_server *s, struct reader *r)
{
	s->binding = (char)reader_u8(r);
	if (s->binding == 'p')
		return scram_server_read_binding(s, r);
	if ((s->binding != 'n' && s->binding != 'y') || reader_u8(r) != ',')
		return "The channel-binding flag is malformed.";
	if (s->bound)
		return "The client chose a mechanism with channel binding, and sends none.";
	/* Somebody between us has taken the mechanism out of the list that it was sent. */
	if (s->binding == 'y' && s->binding_length > 0)
		return "The client supports channel binding and thinks that it was not offered.";
	return NULL;
}

/* Reads the gs2 header up to the bare message; returns what is wrong with it, or NULL. */
static const char *
scram_server_read_header(struct scram_server *s, struct reader *r)
{
	const char *problem = scram_server_read_flag(s, r);

	if (problem != NULL)
		return problem;
	if (scram_message_next(r) == 'a')
		return "The client asks for an authorization identity, which is not supported.";
	if (reader_u8(r) != ',')
		return "The authorization identity is malformed.";
	return NULL;
}

/* Reads the bare message; returns what is wrong with it, or NULL. */
static const char *
scram_server_read_bare(struct scram_server *s, struct reader *r)
{
	struct scram_text nonce;

	if (scram_message_next(r) == 'm')
		return "The client requires a SCRAM extension that is not supported.";
	scram_message_attribute(r, 'n');
	nonce = scram_message_attribute(r, 'r');
	scram_message_skip(r, '\0');
	if (!reader_ok(r))
		return "The client's first message is malformed.";
	if (!scram_message_is_nonce(nonce, SCRAM_NONCE_PEER_MAX))
		return "The client's nonce is too long or has characters that are not allowed.";
	bytes_append(&s->nonce, nonce.data, nonce.length);
	return NULL;
}

static void
scram_server_challenge(struct scram_server *s, struct bytes *reply)
{
	char salt[BASE64_LENGTH(SCRAM_SALT_MAX) + 1];
	size_t start = reply->length;

	base64_encode(s->keys.salt, s->keys.salt_length, salt);
	bytes_chars(&s->nonce, s->own_nonce);
	bytes_chars(reply, "r=");
	bytes_append(reply, s->nonce.data, s->nonce.length);
	bytes_format(reply, ",s=%s,i=%d", salt, s->keys.iterations);
	bytes_chars(&s->auth_message, ",");
	bytes_append(&s->auth_message, reply->data + start, reply->length - start);
}

enum scram_step
scram_server_first(struct scram_server *s, const char *message, size_t length, struct bytes *reply)
{
	struct reader r = scram_message_over(message, length);
	const char *problem;

	if (s->stage != SERVER_NEW)
		return scram_server_end(s, SCRAM_BROKEN, "The message is out of turn.");
	if (!reader_ok(&r))
		return scram_server_end(s, SCRAM_BROKEN, "The message is empty, too long, or has a zero byte.");
	problem = scram_server_read_header(s, &r);
	if (problem == NULL) {
		bytes_append(&s->auth_message, r.at, reader_left(&r));
		problem = scram_server_read_bare(s, &r);
	}
	if (problem != NULL)
		return scram_server_end(s, SCRAM_BROKEN, problem);
	if (s->own_nonce[0] == '\0' && !scram_message_new_nonce(s->own_nonce))
		return scram_server_end(s, SCRAM_FAILED, "There are no random numbers.");
	scram_server_challenge(s, reply);
	s->stage = SERVER_CHALLENGED;
	return SCRAM_CONTINUE;
}

/* ---------------------------------------------------------------- client-final */

/* What "c=" must say: base64 of the gs2 header and the channel's own data (RFC 5802, section 6). */
static void
scram_server_expected_binding(const struct scram_server *s, char out[BASE64_LENGTH(SERVER_BINDING_INPUT) + 1])
{
	struct bytes input = {0};

	bytes_u8(&input, (uint8_t)s->binding);
	if (s->binding == 'p')
		bytes_chars(&input, "=" SCRAM_BINDING_TYPE);
	bytes_chars(&input, ",,");
	if (s->binding == 'p')
		bytes_append(&input, s->binding_data, s->binding_length);
	base64_encode(input.data, input.length, out);
	bytes_free(&input);
}

/* Reads the message and completes the auth message; returns what is wrong with it, or NULL. */
static const char *
scram_server_read_final(struct scram_server *s, struct reader *r, uint8_t proof[SCRAM_KEY_LENGTH])
{
	const char *start = r->at;
	char expected[BASE64_LENGTH(SERVER_BINDING_INPUT) + 1];
	struct scram_text binding = scram_message_attribute(r, 'c');
	struct scram_text nonce = scram_message_attribute(r, 'r');
	struct scram_text text;
	const char *end;
	size_t length = 0;

	scram_message_skip(r, 'p');
	end = r->at > start ? r->at - 1 : start;
	text = scram_message_attribute(r, 'p');
	if (!reader_at_end(r) || !base64_decode(text.data, text.length, proof, SCRAM_KEY_LENGTH, &length) ||
	    length != SCRAM_KEY_LENGTH)
		return "The client's final message is malformed.";
	scram_server_expected_binding(s, expected);
	if (!scram_message_is(binding, expected, strlen(expected)))
		return "The channel-binding data is not that of this connection.";
	if (!scram_message_is(nonce, s->nonce.data, s->nonce.length))
		return "The nonce does not match.";
	bytes_chars(&s->auth_message, ",");
	bytes_append(&s->auth_message, start, (size_t)(end - start));
	return NULL;
}

/* Every exchange takes the same steps, mock or not. */
static bool
scram_server_check_proof(struct scram_server *s, const uint8_t proof[SCRAM_KEY_LENGTH])
{
	uint8_t stored_key[SCRAM_KEY_LENGTH];
	bool same;

	scram_message_proof(proof, s->keys.stored_key, &s->auth_message, s->client_key);
	crypto_sha256(s->client_key, SCRAM_KEY_LENGTH, stored_key);
	same = crypto_equal(stored_key, s->keys.stored_key, SCRAM_KEY_LENGTH);
	return same && !s->mock;
}

enum scram_step
scram_server_final(struct scram_server *s, const char *message, size_t length, struct bytes *reply)
{
	struct reader r = scram_message_over(message, length);
	uint8_t proof[SCRAM_KEY_LENGTH], signature[CRYPTO_SHA256_LENGTH];
	char text[BASE64_LENGTH(CRYPTO_SHA256_LENGTH) + 1];
	const char *problem;

	if (s->stage != SERVER_CHALLENGED)
		return scram_server_end(s, SCRAM_BROKEN, "The message is out of turn.");
	if (!reader_ok(&r))
		return scram_server_end(s, SCRAM_BROKEN, "The message is empty, too long, or has a zero byte.");
	problem = scram_server_read_final(s, &r, proof);
	if (problem != NULL)
		return scram_server_end(s, SCRAM_BROKEN, problem);
	if (!scram_server_check_proof(s, proof))
		return scram_server_end(s, SCRAM_FAILED, "The client's proof is wrong.");
	crypto_hmac(s->keys.server_key, SCRAM_KEY_LENGTH, s->auth_message.data, s->auth_message.length, signature);
	base64_encode(signature, sizeof(signature), text);
	bytes_chars(reply, "v=");
	bytes_chars(reply, text);
	s->stage = SERVER_DONE;
	return SCRAM_DONE;
}
