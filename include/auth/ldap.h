/*
 * auth/ldap.h - passwords checked by an LDAP server: by a bind as the name made of
 * prefix, user and suffix, or by a search for the user and a bind as what was found.
 * The door to libldap; a build without it (HAVE_LDAP) fails every check.
 *
 * Blocks: each step on the network takes at most LDAP_STEP_SECONDS.
 */
#ifndef PGWEIR_AUTH_LDAP_H
#define PGWEIR_AUTH_LDAP_H

#include "auth/verify.h"
#include "base/bytes.h"
#include "config/ldap_options.h"

#define LDAP_STEP_SECONDS 5

/*
 * An empty password is refused without a question: to a server a bind with one is an
 * anonymous bind, which succeeds.  Appends to WHY (without a NUL), for the log, what is
 * wrong unless it is VERIFY_OK.  Any thread.
 */
enum verify_result ldap_verify(
    const struct ldap_options *options, const char *user, const char *password, struct bytes *why);

#endif
