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

enum scram_server_stage { SERVER_NEW, SERVER_CHALLENGED, SERVER_DONE, SERVER_ENDED };

struct scram_server {
	enum scram_server_stage stage;
	bool mock;
	char binding; /* the client's channel-binding flag, 'n' or 'y' */
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

/* Reads the gs2 header up to the bare message; returns what is wrong with it, or NULL. */
static const char *
scram_server_read_header(struct scram_server *s, struct reader *r)
{
	s->binding = (char)reader_u8(r);
	if (s->binding == 'p')
		return "The client requires channel binding, which was not offered.";
	if ((s->binding != 'n' && s->binding != 'y') || reader_u8(r) != ',')
		return "The channel-binding flag is malformed.";
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

/* Reads the message and completes the auth message; returns what is wrong with it, or NULL. */
static const char *
scram_server_read_final(struct scram_server *s, struct reader *r, uint8_t proof[SCRAM_KEY_LENGTH])
{
	const char *start = r->at, *header = s->binding == 'n' ? "biws" : "eSws"; /* base64 of "n,," and "y,," */
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
	if (!scram_message_is(binding, header, strlen(header)))
		return "The channel-binding data does not repeat the client's first message.";
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
