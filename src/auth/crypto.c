/*
 * auth/crypto.c - the only file of this layer that knows OpenSSL and libidn.
 *
 * An implicit fetch costs about a microsecond in OpenSSL 3.0, more than the MD5
 * or HMAC that it is for.  So algorithms are fetched once per process, and each
 * thread keeps one digest and one HMAC context for its life.
 */
#include "auth/crypto.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stringprep.h>

#define SASLPREP_INPUT_MAX 2048
#define SASLPREP_GROWTH 18 /* NFKC makes at most 18 characters of one (U+FDFA) */

struct crypto_contexts {
	EVP_MD_CTX *digest; /* owned */
	EVP_MAC_CTX *hmac;  /* owned; keyed with zeros while at rest */
};

static struct {
	EVP_MD *md5; /* NULL when OpenSSL offers none */
	EVP_MD *sha256;
	EVP_MAC *hmac;
	pthread_key_t contexts;
} crypto;

static pthread_once_t crypto_once = PTHREAD_ONCE_INIT;
static _Thread_local struct crypto_contexts *crypto_mine;

static void
crypto_contexts_free(void *memory)
{
	struct crypto_contexts *c = memory;

	EVP_MD_CTX_free(c->digest);
	EVP_MAC_CTX_free(c->hmac);
	free(c);
}

static void
crypto_start(void)
{
	crypto.md5 = EVP_MD_fetch(NULL, "MD5", NULL);
	crypto.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	crypto.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	must(crypto.sha256 != NULL && crypto.hmac != NULL);
	must(pthread_key_create(&crypto.contexts, crypto_contexts_free) == 0);
	ERR_clear_error();
}

static struct crypto_contexts *
crypto_contexts_new(void)
{
	struct crypto_contexts *c = memory_new(sizeof(*c));
	char name[] = "SHA256";
	OSSL_PARAM digest[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
	    OSSL_PARAM_construct_end(),
	};

	c->digest = EVP_MD_CTX_new();
	c->hmac = EVP_MAC_CTX_new(crypto.hmac);
	must(c->digest != NULL && c->hmac != NULL);
	must(EVP_MAC_CTX_set_params(c->hmac, digest) == 1);
	must(pthread_setspecific(crypto.contexts, c) == 0);
	return c;
}

static struct crypto_contexts *
crypto_contexts_mine(void)
{
	if (unlikely(crypto_mine == NULL)) {
		must(pthread_once(&crypto_once, crypto_start) == 0);
		crypto_mine = crypto_contexts_new();
	}
	return crypto_mine;
}

bool
crypto_random(void *out, size_t length)
{
	must(length <= 1 << 20);
	if (RAND_bytes(out, (int)length) == 1)
		return true;
	ERR_clear_error();
	return false;
}

bool
crypto_equal(const void *a, const void *b, size_t length)
{
	return CRYPTO_memcmp(a, b, length) == 0;
}

void
crypto_wipe(void *memory, size_t length)
{
	OPENSSL_cleanse(memory, length);
}

void
crypto_wipe_text(char *text)
{
	if (text == NULL)
		return;
	OPENSSL_cleanse(text, strlen(text));
	free(text);
}

/* ---------------------------------------------------------------- digests */

bool
crypto_md5_hex(const void *a, size_t a_length, const void *b, size_t b_length, char out[CRYPTO_MD5_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	EVP_MD_CTX *context = crypto_contexts_mine()->digest;
	uint8_t sum[16];

	out[0] = '\0';
	if (crypto.md5 == NULL)
		return false;
	if (!EVP_DigestInit_ex(context, crypto.md5, NULL) || !EVP_DigestUpdate(context, a, a_length) ||
	    !EVP_DigestUpdate(context, b, b_length) || !EVP_DigestFinal_ex(context, sum, NULL)) {
		ERR_clear_error();
		return false;
	}
	for (size_t i = 0; i < sizeof(sum); i++) {
		out[2 * i] = digits[sum[i] >> 4];
		out[2 * i + 1] = digits[sum[i] & 15];
	}
	out[CRYPTO_MD5_HEX_SIZE - 1] = '\0';
	return true;
}

void
crypto_sha256(const void *data, size_t length, uint8_t out[CRYPTO_SHA256_LENGTH])
{
	EVP_MD_CTX *context = crypto_contexts_mine()->digest;

	must(EVP_DigestInit_ex(context, crypto.sha256, NULL) == 1);
	must(EVP_DigestUpdate(context, data, length) == 1);
	must(EVP_DigestFinal_ex(context, out, NULL) == 1);
}

void
crypto_hmac(const void *key, size_t key_length, const void *data, size_t length, uint8_t out[CRYPTO_SHA256_LENGTH])
{
	static const uint8_t no_key[CRYPTO_SHA256_LENGTH];
	EVP_MAC_CTX *context = crypto_contexts_mine()->hmac;

	/* A key of no bytes would mean "the key as before" to OpenSSL; zeros are the same key in RFC 2104. */
	if (key_length == 0) {
		key = no_key;
		key_length = sizeof(no_key);
	}
	must(EVP_MAC_init(context, key, key_length, NULL) == 1);
	must(EVP_MAC_update(context, data, length) == 1);
	must(EVP_MAC_final(context, out, NULL, CRYPTO_SHA256_LENGTH) == 1);
	/* The context outlives the secret, so it must not keep the key. */
	must(EVP_MAC_init(context, no_key, sizeof(no_key), NULL) == 1);
}

bool
crypto_pbkdf2(
    const char *password, const void *salt, size_t salt_length, int iterations, uint8_t out[CRYPTO_SHA256_LENGTH])
{
	size_t length = strlen(password);

	crypto_contexts_mine();
	if (length > INT32_MAX || salt_length > INT32_MAX || iterations < 1)
		return false;
	if (PKCS5_PBKDF2_HMAC(password, (int)length, salt, (int)salt_length, iterations, crypto.sha256,
		CRYPTO_SHA256_LENGTH, out) == 1)
		return true;
	ERR_clear_error();
	return false;
}

/* ---------------------------------------------------------------- SASLprep */

static bool
crypto_is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text > 127)
			return false;
	return true;
}

/* The prepared text in memory of libidn's, or NULL when the profile refuses it; WORK has room for CAPACITY characters. */
static char *
crypto_saslprep_characters(uint32_t *work, size_t length, size_t capacity)
{
	/* PostgreSQL treats a stored password and a sent one alike: unassigned characters are prohibited in both. */
	if (stringprep_4i(work, &length, capacity, STRINGPREP_NO_UNASSIGNED, stringprep_saslprep) != STRINGPREP_OK)
		return NULL;
	if (length == 0)
		return NULL;
	return stringprep_ucs4_to_utf8(work, (ssize_t)length, NULL, NULL);
}

char *
crypto_saslprep(const char *text)
{
	size_t length = strlen(text), count, capacity;
	uint32_t *characters, *work;
	char *prepared, *result;

	if (length > SASLPREP_INPUT_MAX || crypto_is_ascii(text))
		return text_copy(text);
	characters = stringprep_utf8_to_ucs4(text, (ssize_t)length, &count);
	if (characters == NULL)
		return text_copy(text);
	capacity = count * SASLPREP_GROWTH + 1;
	work = memory_array(capacity, sizeof(*work));
	memcpy(work, characters, count * sizeof(*work));
	prepared = crypto_saslprep_characters(work, count, capacity);
	result = text_copy(prepared != NULL ? prepared : text);
	crypto_wipe(characters, count * sizeof(*characters));
	crypto_wipe(work, capacity * sizeof(*work));
	crypto_wipe_text(prepared);
	free(characters);
	free(work);
	return result;
}

const char *
crypto_library_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}
