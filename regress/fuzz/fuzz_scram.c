/*
 * Fuzzes every parser of the auth layer that meets bytes from strangers.
 *
 * An input is a conversation of up to four lines.  A server of ours gets them as
 * messages of a client, and a client of ours as messages of a server; both have
 * fixed nonces and keys, so that whole exchanges can be found.  All lines in one
 * are also read as a stored secret, as base64 and as an md5 answer.  Whatever
 * happens, a reply exists only where the step allows one, and a mock exchange
 * never succeeds.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/base64.h"
#include "auth/crypto.h"
#include "auth/scram.h"
#include "auth/secret.h"

#define LINES 4
#define CLIENT_NONCE "rOprNGfwEbeRWgbNEkqO"
#define SERVER_NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct line {
	char *text; /* owned; of exactly its length, so that the sanitizer sees reads behind the end */
	size_t length;
};

/* The keys of RFC 7677's example. */
static const struct scram_keys *
fuzz_keys(void)
{
	static struct scram_keys keys;
	uint8_t salt[16];
	size_t length;

	if (keys.has_client_key)
		return &keys;
	must(base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==", 24, salt, sizeof(salt), &length));
	must(scram_keys_derive("pencil", salt, length, 4096, &keys));
	return &keys;
}

static size_t
fuzz_split(const uint8_t *data, size_t size, struct line *lines)
{
	const char *at = (const char *)data, *end = at + size;
	size_t count = 0;

	while (at < end && count < LINES) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		if (stop == NULL)
			stop = end;
		lines[count].length = (size_t)(stop - at);
		lines[count].text = memory_copy(at, lines[count].length);
		count++;
		at = stop < end ? stop + 1 : end;
	}
	return count;
}

static void
fuzz_server(const struct line *lines, size_t count, bool mock)
{
	struct scram_server *server = scram_server_new(fuzz_keys(), mock);
	struct bytes reply = {0};

	scram_server_fix_nonce(server, SERVER_NONCE);
	/* Its length chooses what the first line is told over. */
	if (count > 0 && lines[0].length % 2 != 0)
		scram_server_bind(server, (const uint8_t *)SERVER_NONCE, 16);
	must(scram_server_choose(server, count > 0 && lines[0].length % 4 == 3 ? SCRAM_MECHANISM_PLUS : SCRAM_MECHANISM));
	for (size_t i = 0; i < count; i++) {
		enum scram_step step;

		bytes_clear(&reply);
		if (i % 2 == 0)
			step = scram_server_first(server, lines[i].text, lines[i].length, &reply);
		else
			step = scram_server_final(server, lines[i].text, lines[i].length, &reply);
		must((step == SCRAM_CONTINUE || step == SCRAM_DONE) == (reply.length > 0));
		must((step == SCRAM_DONE) == (scram_server_client_key(server) != NULL));
		must(step != SCRAM_DONE || !mock);
	}
	bytes_free(&reply);
	scram_server_free(server);
}

static void
fuzz_client(const struct line *lines, size_t count, const char *password, const struct scram_keys *keys)
{
	struct scram_client *client = scram_client_new(password, keys);
	struct bytes reply = {0};
	bool proved = false;

	scram_client_fix_nonce(client, CLIENT_NONCE);
	must(scram_client_first(client, &reply) == SCRAM_CONTINUE);
	for (size_t i = 0; i < count; i++) {
		bytes_clear(&reply);
		if (i % 2 == 0) {
			scram_client_challenge(client, lines[i].text, lines[i].length);
			proved = scram_client_final(client, &reply) == SCRAM_CONTINUE;
			must(proved == (reply.length > 0));
		} else {
			must(scram_client_verify(client, lines[i].text, lines[i].length) != SCRAM_DONE || proved);
		}
	}
	bytes_free(&reply);
	scram_client_free(client);
}

static void
fuzz_texts(const uint8_t *data, size_t size)
{
	char *text = text_copy_n((const char *)data, size);
	struct scram_keys keys;
	uint8_t out[64];
	char answer[SECRET_MD5_SIZE], *prepared;
	size_t length = 0;

	if (scram_keys_from_secret(text, &keys))
		must(secret_kind(text) == SECRET_SCRAM && keys.salt_length <= SCRAM_SALT_MAX && keys.iterations > 0);
	if (base64_decode((const char *)data, size, out, sizeof(out), &length))
		must(length <= sizeof(out) && BASE64_LENGTH(length) == size);
	secret_md5_answer("user", text, "salt", answer);
	secret_matches_md5("user", "pencil", "salt", text);
	prepared = crypto_saslprep(text);
	crypto_wipe_text(prepared);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct line lines[LINES] = {0};
	size_t count = fuzz_split(data, size, lines);

	fuzz_server(lines, count, false);
	fuzz_server(lines, count, true);
	fuzz_client(lines, count, NULL, fuzz_keys());
	fuzz_client(lines, count, "pencil", NULL);
	fuzz_texts(data, size);
	for (size_t i = 0; i < count; i++)
		free(lines[i].text);
	return 0;
}
