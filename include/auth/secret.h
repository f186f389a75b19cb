/*
 * auth/secret.h - what the user list or a query stores for a user, and whether
 * a cleartext or md5 answer fits it.
 *
 * A secret has PostgreSQL's three forms (pg_authid.rolpassword and the user
 * list): the password itself, "md5" with 32 lower-case hexadecimal digits of
 * md5(password || user), or "SCRAM-SHA-256$iterations:salt$stored:server".
 * A text that begins with "SCRAM-SHA-256$" is never a password: when it is
 * damaged, it fits nothing.
 */
#ifndef PGWEIR_AUTH_SECRET_H
#define PGWEIR_AUTH_SECRET_H

#include "base/base.h"

enum secret_kind { SECRET_NONE, SECRET_PLAIN, SECRET_MD5, SECRET_SCRAM };

#define SECRET_MD5_SIZE 36 /* "md5", 32 digits and a NUL */

/* NULL and "" are SECRET_NONE, which nothing fits. */
enum secret_kind secret_kind(const char *secret);

/*
 * Whether PASSWORD, as a PasswordMessage brings it, fits the secret.  Compares in
 * constant time; an empty password fits nothing.  SLOW for SECRET_SCRAM (PBKDF2).
 */
bool secret_matches_plain(const char *user, const char *secret, const char *password);

/*
 * Whether ANSWER is the md5 response to SALT (PostgreSQL docs, "Message Flow",
 * AuthenticationMD5Password); SECRET_PLAIN or SECRET_MD5, false for all others.
 */
bool secret_matches_md5(const char *user, const char *secret, const char salt[4], const char *answer);

/* The md5 response that a client sends; "" when the secret is not SECRET_PLAIN or SECRET_MD5, or there is no MD5. */
void secret_md5_answer(const char *user, const char *secret, const char salt[4], char out[SECRET_MD5_SIZE]);

#endif
