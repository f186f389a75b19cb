/*
 * auth/ldap_name.c - a user's name inside of LDAP's texts.
 *
 * All that could mean something is written in hexadecimal, which both RFCs allow for
 * any character.
 */
#include "auth/ldap_name.h"

#include <string.h>

#define USER_NAME "$username"

static void
name_escape(struct bytes *out, char c)
{
	bytes_format(out, "\\%02x", (unsigned)(unsigned char)c);
}

static bool
name_is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

void
ldap_name_in_dn(struct bytes *out, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		/* A blank means nothing only between others, and a number sign only behind another. */
		bool at_edge = p == text || p[1] == '\0';

		if (name_is_control(*p) || strchr(",+\"\\<>;=", *p) != NULL || (at_edge && (*p == ' ' || *p == '#')))
			name_escape(out, *p);
		else
			bytes_u8(out, (uint8_t)*p);
	}
}

/* Beyond ASCII too: what is no UTF-8 would make the whole filter unreadable. */
void
ldap_name_in_filter(struct bytes *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (name_is_control(*text) || (unsigned char)*text >= 0x80 || strchr("*()\\", *text) != NULL)
			name_escape(out, *text);
		else
			bytes_u8(out, (uint8_t)*text);
	}
}

char *
ldap_name_to_bind(const struct ldap_options *options, const char *user)
{
	struct bytes out = {0};

	if (options->prefix != NULL)
		bytes_chars(&out, options->prefix);
	ldap_name_in_dn(&out, user);
	if (options->suffix != NULL)
		bytes_chars(&out, options->suffix);
	return bytes_take(&out);
}

char *
ldap_name_filter(const struct ldap_options *options, const char *user)
{
	const char *at = options->search_filter, *place;
	struct bytes out = {0};

	if (at == NULL) {
		bytes_format(&out, "(%s=", options->search_attribute != NULL ? options->search_attribute : "uid");
		ldap_name_in_filter(&out, user);
		bytes_chars(&out, ")");
		return bytes_take(&out);
	}
	while ((place = strstr(at, USER_NAME)) != NULL) {
		bytes_append(&out, at, (size_t)(place - at));
		ldap_name_in_filter(&out, user);
		at = place + strlen(USER_NAME);
	}
	bytes_chars(&out, at);
	return bytes_take(&out);
}
