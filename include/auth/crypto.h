/*
 * auth/crypto.h - the door to OpenSSL (and to libidn, for SASLprep): digests,
 * HMAC, PBKDF2, randomness, and memory that is compared and wiped with care.
 *
 * Every function may be called from any thread.  Contexts are kept per thread
 * and algorithms are fetched once, because OpenSSL 3.0 is slow at both.
 * OpenSSL's error queue is left as it was found empty: TLS reads it.
 */
#ifndef PGWEIR_AUTH_CRYPTO_H
#define PGWEIR_AUTH_CRYPTO_H

#include "base/base.h"

#define CRYPTO_SHA256_LENGTH 32
#define CRYPTO_MD5_HEX_SIZE 33 /* 32 digits and a NUL */

/* Fills OUT with bytes that nobody can guess; false when the system has none. */
bool crypto_random(void *out, size_t length);

/* Compares in a time that depends on LENGTH alone. */
bool crypto_equal(const void *a, const void *b, size_t length);

/* Overwrites memory; the compiler does not leave it out. */
void crypto_wipe(void *memory, size_t length);

/* Wipes a NUL-terminated text and frees it; NULL is harmless. */
void crypto_wipe_text(char *text);

/* The version of OpenSSL; static text. */
const char *crypto_library_version(void);

/* MD5 of A followed by B as lower-case hexadecimal; false when OpenSSL offers no MD5 (FIPS). */
bool crypto_md5_hex(const void *a, size_t a_length, const void *b, size_t b_length, char out[CRYPTO_MD5_HEX_SIZE]);

void crypto_sha256(const void *data, size_t length, uint8_t out[CRYPTO_SHA256_LENGTH]);

/* HMAC-SHA-256 (RFC 2104). */
void crypto_hmac(
    const void *key, size_t key_length, const void *data, size_t length, uint8_t out[CRYPTO_SHA256_LENGTH]);

/* PBKDF2 with HMAC-SHA-256, one block (RFC 5802's Hi).  SLOW: about 0.25 microseconds an iteration. */
bool crypto_pbkdf2(
    const char *password, const void *salt, size_t salt_length, int iterations, uint8_t out[CRYPTO_SHA256_LENGTH]);

/*
 * SASLprep (RFC 4013) as PostgreSQL applies it: a text that is pure ASCII, is not
 * UTF-8, contains what the profile prohibits, or comes out empty stands for itself.
 * So does one of more than 2048 bytes, since libidn's cost is quadratic.
 * The result is owned by the caller: crypto_wipe_text().
 */
char *crypto_saslprep(const char *text);

#endif
