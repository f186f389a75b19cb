/*
 * auth/keycache.h - SCRAM keys that were derived once, for the whole process.
 *
 * PBKDF2 costs a millisecond and a login by it ten microseconds, so keys are kept:
 * at most KEYCACHE_LIMIT, the longest unused goes first.  They are found by an
 * HMAC of password, salt and iterations under a secret of this process; neither
 * the password nor anything that it could be guessed from offline stays here.
 * All calls are thread-safe.
 */
#ifndef PGWEIR_AUTH_KEYCACHE_H
#define PGWEIR_AUTH_KEYCACHE_H

#include "auth/scram.h"

#define KEYCACHE_LIMIT 1024
#define KEYCACHE_SALT_LENGTH 16

/* False, with OUT untouched, when they are not there. */
bool keycache_get(
    const char *password, const uint8_t *salt, size_t salt_length, int iterations, struct scram_keys *out);

/* Keeps a copy of KEYS, as scram_keys_derive made them of PASSWORD. */
void keycache_put(const char *password, const struct scram_keys *keys);

/*
 * The salt for a client whose secret is a plain password: the same for one user and
 * password as long as the process lives, so that derived keys are found again.
 */
void keycache_salt(const char *user, const char *password, uint8_t out[KEYCACHE_SALT_LENGTH]);

/* Forgets and wipes all keys. */
void keycache_clear(void);

size_t keycache_count(void);

#endif
