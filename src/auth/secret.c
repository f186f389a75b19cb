/*
 * auth/secret.c - the kinds of stored secrets, and the checks of cleartext and
 * md5 answers against them.  SCRAM exchanges are in scram_server.c and
 * scram_client.c.
 */
#include "auth/secret.h"

#include <string.h>

#include "auth/crypto.h"
#include "auth/scram.h"

#define MD5_PREFIX "md5"
#define MD5_TEXT_LENGTH (SECRET_MD5_SIZE - 1)

enum secret_kind
secret_kind(const char *secret)
{
	if (secret == NULL || secret[0] == '\0')
		return SECRET_NONE;
	if (strncmp(secret, SCRAM_SECRET_PREFIX, strlen(SCRAM_SECRET_PREFIX)) == 0)
		return SECRET_SCRAM;
	if (strncmp(secret, MD5_PREFIX, strlen(MD5_PREFIX)) == 0 && strlen(secret) == MD5_TEXT_LENGTH &&
	    strspn(secret + strlen(MD5_PREFIX), "0123456789abcdef") == MD5_TEXT_LENGTH - strlen(MD5_PREFIX))
		return SECRET_MD5;
	return SECRET_PLAIN;
}

/* Digests first, so that not even the lengths show in the time that it takes. */
static bool
secret_same_text(const char *a, const char *b)
{
	uint8_t a_sum[CRYPTO_SHA256_LENGTH], b_sum[CRYPTO_SHA256_LENGTH];
	bool same;

	crypto_sha256(a, strlen(a), a_sum);
	crypto_sha256(b, strlen(b), b_sum);
	same = crypto_equal(a_sum, b_sum, sizeof(a_sum));
	crypto_wipe(a_sum, sizeof(a_sum));
	crypto_wipe(b_sum, sizeof(b_sum));
	return same;
}

static bool
secret_matches_plain_scram(const char *secret, const char *password)
{
	struct scram_keys stored = {0}, derived = {0};
	bool matches;

	matches = scram_keys_from_secret(secret, &stored) &&
	    scram_keys_derive(password, stored.salt, stored.salt_length, stored.iterations, &derived) &&
	    crypto_equal(stored.server_key, derived.server_key, sizeof(stored.server_key));
	crypto_wipe(&stored, sizeof(stored));
	crypto_wipe(&derived, sizeof(derived));
	return matches;
}

bool
secret_matches_plain(const char *user, const char *secret, const char *password)
{
	char sum[CRYPTO_MD5_HEX_SIZE];

	if (password[0] == '\0')
		return false;
	switch (secret_kind(secret)) {
	case SECRET_PLAIN:
		return secret_same_text(secret, password);
	case SECRET_MD5:
		return crypto_md5_hex(password, strlen(password), user, strlen(user), sum) &&
		    crypto_equal(secret + strlen(MD5_PREFIX), sum, sizeof(sum) - 1);
	case SECRET_SCRAM:
		return secret_matches_plain_scram(secret, password);
	case SECRET_NONE:
		break;
	}
	return false;
}

void
secret_md5_answer(const char *user, const char *secret, const char salt[4], char out[SECRET_MD5_SIZE])
{
	enum secret_kind kind = secret_kind(secret);
	char inner[CRYPTO_MD5_HEX_SIZE], sum[CRYPTO_MD5_HEX_SIZE];

	out[0] = '\0';
	if (kind == SECRET_MD5)
		memcpy(inner, secret + strlen(MD5_PREFIX), sizeof(inner));
	else if (kind != SECRET_PLAIN || !crypto_md5_hex(secret, strlen(secret), user, strlen(user), inner))
		return;
	if (crypto_md5_hex(inner, sizeof(inner) - 1, salt, 4, sum)) {
		memcpy(out, MD5_PREFIX, strlen(MD5_PREFIX));
		memcpy(out + strlen(MD5_PREFIX), sum, sizeof(sum));
	}
	crypto_wipe(inner, sizeof(inner));
}

bool
secret_matches_md5(const char *user, const char *secret, const char salt[4], const char *answer)
{
	char expected[SECRET_MD5_SIZE];

	secret_md5_answer(user, secret, salt, expected);
	if (expected[0] == '\0' || strlen(answer) != MD5_TEXT_LENGTH)
		return false;
	return crypto_equal(expected, answer, MD5_TEXT_LENGTH);
}
