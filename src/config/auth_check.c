/*
 * config/auth_check.c - whether the settings of authentication fit together, and with
 * what this program was built with.  Not the files that they name.
 */
#include "auth_check.h"

#include "config/built.h"
#include "config/ldap_options.h"

static const char *
auth_refuse(struct bytes *why, const char *setting)
{
	bytes_u8(why, 0);
	why->length--;
	return setting;
}

const char *
auth_check(const struct settings *set, struct bytes *why)
{
	enum auth_type type = (enum auth_type)set->auth_type;
	struct ldap_options options;

	if (built_without(type) != NULL) {
		bytes_format(why, "auth_type cannot be used: this build has no %s", built_without(type));
		return auth_refuse(why, "auth_type");
	}
	if (set->auth_ldap_options[0] == '\0') {
		if (type != AUTH_LDAP)
			return NULL;
		bytes_chars(why, "auth_type is ldap, and auth_ldap_options is not set");
		return auth_refuse(why, "auth_type");
	}
	bytes_chars(why, "auth_ldap_options: ");
	if (!ldap_options_read(&options, set->auth_ldap_options, why))
		return auth_refuse(why, "auth_ldap_options");
	bytes_clear(why);
	ldap_options_free(&options);
	return NULL;
}
