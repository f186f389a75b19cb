/*
 * session/lookup.c - the secrets of users whom the user list does not name, as
 * auth_query finds them.
 */
#include "session/session_private.h"

bool
lookup_is_configured(const struct session *s)
{
	(void)s;
	return false;
}

void
lookup_begin(struct session *s)
{
	proof_secret_known(s, NULL);
}
