/*
 * auth/verify.h - what somebody else, PAM or an LDAP server, says of a password.
 */
#ifndef PGWEIR_AUTH_VERIFY_H
#define PGWEIR_AUTH_VERIFY_H

enum verify_result {
	VERIFY_OK,
	VERIFY_REFUSED, /* no such user, wrong password, an account that may not log in */
	VERIFY_FAILED,  /* nobody could be asked */
};

#endif
