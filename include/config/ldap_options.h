/*
 * config/ldap_options.h - auth_ldap_options, and what an hba rule says behind "ldap":
 * PostgreSQL's options (its manual, "LDAP Authentication").
 *
 *     ldapserver=ldap.example.net ldapprefix="cn=" ldapsuffix=", dc=example, dc=net"
 *     ldapurl="ldap://ldap.example.net/dc=example,dc=net?uid?sub"
 *
 * A value's quotes may be around all of `name=value`, too; a doubled quote inside is one.
 */
#ifndef PGWEIR_CONFIG_LDAP_OPTIONS_H
#define PGWEIR_CONFIG_LDAP_OPTIONS_H

#include "base/bytes.h"

enum ldap_scope { LDAP_BASE, LDAP_ONE, LDAP_SUBTREE };

/* Texts are owned, NULL where the options do not say. */
struct ldap_options {
	char *server; /* hosts, apart by blanks; NULL: found through the DNS by the base */
	char *scheme; /* "ldap" or "ldaps"; never NULL once they are finished */
	char *prefix;
	char *suffix;
	char *base; /* NULL: a bind without a search */
	char *bind_dn;
	char *bind_password; /* never printed; wiped */
	char *search_attribute;
	char *search_filter; /* $username stands for the user */
	int port;            /* never 0 once they are finished */
	enum ldap_scope scope;
	bool has_scope;
	bool tls; /* StartTLS */
};

/*
 * Reads TEXT.  False: *out holds nothing, and WHY (for people, a NUL that is not counted
 * follows) says what is wrong, and the nearest option that exists.
 */
bool ldap_options_read(struct ldap_options *out, const char *text, struct bytes *why);

/*
 * The same option by option: OUT is zeroed, takes each, and is finished.  After false
 * it is to be freed.
 */
bool ldap_options_take(struct ldap_options *out, const char *name, const char *value, struct bytes *why);
bool ldap_options_finish(struct ldap_options *out, struct bytes *why);

struct ldap_options ldap_options_copy(const struct ldap_options *from);
void ldap_options_free(struct ldap_options *options); /* wipes and zeroes it */

#endif
