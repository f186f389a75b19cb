/*
 * config/built.c - what this program was built with: libpam and libldap are used where
 * the Makefile found them.
 */
#include "config/built.h"

const char *
built_without(enum auth_type type)
{
#ifndef HAVE_PAM
	if (type == AUTH_PAM)
		return "PAM";
#endif
#ifndef HAVE_LDAP
	if (type == AUTH_LDAP)
		return "LDAP";
#endif
	(void)type;
	return NULL;
}
