/*
 * config/ldap_options.h - auth_ldap_options, and what an hba rule says behind "ldap":
 * PostgreSQL's options (its manual, "LDAP Authentication").
 *
 *     ldapserver=ldap.example.net ldapprefix="cn=" ldapsuffix=", dc=example, dc=net"
 *     ldapurl="ldap://ldap.example.net/dc=example,dc=net?uid?sub"
 */
#ifndef PGWEIR_CONFIG_LDAP_OPTIONS_H
#define PGWEIR_CONFIG_LDAP_OPTIONS_H

#include "base/bytes.h"

enum ldap_scope { LDAP_BASE, LDAP_ONE, LDAP_SUBTREE };

/* Texts are owned, NULL where the options do not say. */
struct ldap_options {
	char *server; /* hosts, apart by blanks; NULL: found through the DNS by the base */
	char *scheme; /* "ldap" or "ldaps", never NULL */
	char *prefix;
	char *suffix;
	char *base; /* NULL: a bind without a search */
	char *bind_dn;
	char *bind_password; /* never printed; wiped */
	char *search_attribute;
	char *search_filter; /* $username stands for the user */
	int port;            /* never 0 */
	enum ldap_scope scope;
	bool tls; /* StartTLS */
};

/*
 * Reads TEXT.  False: *out holds nothing, and WHY (a line for people, without a NUL)
 * says what is wrong with the nearest name there is.
 */
bool ldap_options_read(struct ldap_options *out, const char *text, struct bytes *why);
void ldap_options_free(struct ldap_options *options); /* zeroes it */

#endif
