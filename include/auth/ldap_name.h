/*
 * auth/ldap_name.h - a user's name inside of LDAP's texts, where some characters mean
 * something: whoever may choose a name must not choose the rest.
 */
#ifndef PGWEIR_AUTH_LDAP_NAME_H
#define PGWEIR_AUTH_LDAP_NAME_H

#include "base/bytes.h"
#include "config/ldap_options.h"

/* Append the text as a value in a distinguished name (RFC 4514), and in a search filter (RFC 4515); without a NUL. */
void ldap_name_in_dn(struct bytes *out, const char *text);
void ldap_name_in_filter(struct bytes *out, const char *text);

/* The name to bind as in the mode without a search, and the filter of the mode with one; owned by the caller. */
char *ldap_name_to_bind(const struct ldap_options *options, const char *user);
char *ldap_name_filter(const struct ldap_options *options, const char *user);

#endif
