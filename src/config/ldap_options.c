/*
 * config/ldap_options.c - LDAP options: the words, what may stand together, and URLs
 * (RFC 4516).
 *
 * Stricter than PostgreSQL in one place: ldaptls is 0 or 1, since a word that is not
 * understood would send passwords in clear.
 */
#include "config/ldap_options.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "setting.h"

#define LDAP_PORT_PLAIN 389
#define LDAP_PORT_TLS 636

static bool __attribute__((format(printf, 2, 3)))
options_refuse(struct bytes *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	bytes_vformat(why, format, args);
	va_end(args);
	bytes_u8(why, 0);
	why->length--;
	return false;
}

/* Any of them may be a secret. */
static void
options_free_text(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

static void
options_set(char **field, const char *value)
{
	options_free_text(*field);
	*field = text_copy(value);
}

void
ldap_options_free(struct ldap_options *o)
{
	options_free_text(o->bind_password);
	free(o->server);
	free(o->scheme);
	free(o->prefix);
	free(o->suffix);
	free(o->base);
	free(o->bind_dn);
	free(o->search_attribute);
	free(o->search_filter);
	*o = (struct ldap_options){0};
}

struct ldap_options
ldap_options_copy(const struct ldap_options *from)
{
	struct ldap_options copy = *from;

	copy.server = text_copy(from->server);
	copy.scheme = text_copy(from->scheme);
	copy.prefix = text_copy(from->prefix);
	copy.suffix = text_copy(from->suffix);
	copy.base = text_copy(from->base);
	copy.bind_dn = text_copy(from->bind_dn);
	copy.bind_password = text_copy(from->bind_password);
	copy.search_attribute = text_copy(from->search_attribute);
	copy.search_filter = text_copy(from->search_filter);
	return copy;
}

/* ------------------------------------------------------------------ URLs */

static int
url_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The LENGTH characters at TEXT with %xx decoded, owned by the caller; NULL when they are no such text. */
static char *
url_decode(const char *text, size_t length)
{
	struct bytes out = {0};

	for (size_t i = 0; i < length; i++) {
		int high, low;

		if (text[i] != '%') {
			bytes_u8(&out, (uint8_t)text[i]);
			continue;
		}
		high = length - i > 2 ? url_hex(text[i + 1]) : -1;
		low = length - i > 2 ? url_hex(text[i + 2]) : -1;
		if (high < 0 || low < 0 || high + low == 0) {
			bytes_free(&out);
			return NULL;
		}
		bytes_u8(&out, (uint8_t)(high * 16 + low));
		i += 2;
	}
	return bytes_take(&out);
}

/* The part of the URL up to a '?', decoded and owned by the caller; *AT is behind it. */
static char *
url_part(const char **at)
{
	size_t length = strcspn(*at, "?");
	char *part = url_decode(*at, length);

	*at += length;
	*at += **at == '?';
	return part;
}

static bool
options_read_port(const char *text, int *port)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (!isdigit((unsigned char)text[0]) || *end != '\0' || number < 1 || number > 65535)
		return false;
	*port = (int)number;
	return true;
}

/* host, host:port or [address]:port */
static bool
url_read_host(struct ldap_options *o, const char *text, size_t length)
{
	char *host = url_decode(text, length), *colon;
	bool ok = host != NULL;

	colon = ok ? strrchr(host, ':') : NULL;
	if (colon != NULL && strchr(colon, ']') == NULL) {
		ok = options_read_port(colon + 1, &o->port);
		*colon = '\0';
	}
	free(o->server);
	o->server = ok && host[0] != '\0' ? text_copy(host) : NULL;
	free(host);
	return ok;
}

static bool
url_read_scope(struct ldap_options *o, const char *word)
{
	static const struct {
		const char *word;
		enum ldap_scope scope;
	} scopes[] = {{"", LDAP_BASE}, {"base", LDAP_BASE}, {"one", LDAP_ONE}, {"onelevel", LDAP_ONE},
	    {"sub", LDAP_SUBTREE}, {"subtree", LDAP_SUBTREE}};

	for (size_t i = 0; i < array_length(scopes); i++) {
		if (word != NULL && text_equal_nocase(word, scopes[i].word)) {
			o->scope = scopes[i].scope;
			o->has_scope = true;
			return true;
		}
	}
	return false;
}

/* What is behind the host: base, attributes (the first counts), scope, filter.  Extensions are not looked at. */
static bool
url_read_search(struct ldap_options *o, const char *at)
{
	char *base = url_part(&at), *attribute = url_part(&at), *scope = url_part(&at), *filter = url_part(&at);
	bool ok = base != NULL && attribute != NULL && filter != NULL && url_read_scope(o, scope);

	if (ok) {
		options_set(&o->base, base);
		attribute[strcspn(attribute, ",")] = '\0';
		if (attribute[0] != '\0')
			options_set(&o->search_attribute, attribute);
		if (filter[0] != '\0')
			options_set(&o->search_filter, filter);
	}
	free(base);
	free(attribute);
	free(scope);
	free(filter);
	return ok;
}

static bool
options_take_url(struct ldap_options *o, const char *url, struct bytes *why)
{
	size_t scheme = strcspn(url, ":");
	const char *host = url + scheme + strlen("://");
	size_t host_length;

	if (strncmp(url + scheme, "://", strlen("://")) != 0)
		return options_refuse(why, "ldapurl \"%s\" does not begin with ldap:// or ldaps://", url);
	free(o->scheme);
	o->scheme = text_copy_n(url, scheme);
	if (!text_equal_nocase(o->scheme, "ldap") && !text_equal_nocase(o->scheme, "ldaps"))
		return options_refuse(why, "ldapurl's scheme \"%s\" is not ldap or ldaps", o->scheme);
	host_length = strcspn(host, "/?");
	if (!url_read_host(o, host, host_length))
		return options_refuse(why, "could not understand the host in ldapurl \"%s\"", url);
	host += host_length;
	if (!url_read_search(o, host + (*host == '/')))
		return options_refuse(why, "could not understand ldapurl \"%s\"", url);
	return true;
}

/* --------------------------------------------------------------- options */

static const struct {
	const char *name;
	size_t at; /* of the text that takes the value as it is; the others are read by ldap_options_take */
} option_names[] = {
    {"ldapbasedn", offsetof(struct ldap_options, base)},
    {"ldapbinddn", offsetof(struct ldap_options, bind_dn)},
    {"ldapbindpasswd", offsetof(struct ldap_options, bind_password)},
    {"ldapport", offsetof(struct ldap_options, port)},
    {"ldapprefix", offsetof(struct ldap_options, prefix)},
    {"ldapscheme", offsetof(struct ldap_options, scheme)},
    {"ldapsearchattribute", offsetof(struct ldap_options, search_attribute)},
    {"ldapsearchfilter", offsetof(struct ldap_options, search_filter)},
    {"ldapserver", offsetof(struct ldap_options, server)},
    {"ldapsuffix", offsetof(struct ldap_options, suffix)},
    {"ldaptls", offsetof(struct ldap_options, tls)},
    {"ldapurl", SIZE_MAX},
};

static bool
options_refuse_name(const char *name, struct bytes *why)
{
	const char *nearest = NULL;
	unsigned score = UINT_MAX;

	for (size_t i = 0; i < array_length(option_names); i++)
		if (setting_is_nearer(name, option_names[i].name, &score))
			nearest = option_names[i].name;
	if (nearest != NULL)
		return options_refuse(why, "unrecognized LDAP option \"%s\"; did you mean \"%s\"?", name, nearest);
	return options_refuse(why, "unrecognized LDAP option \"%s\"", name);
}

static bool
options_take_scheme(struct ldap_options *o, const char *value, struct bytes *why)
{
	if (!text_equal_nocase(value, "ldap") && !text_equal_nocase(value, "ldaps"))
		return options_refuse(why, "ldapscheme is ldap or ldaps, not \"%s\"", value);
	options_set(&o->scheme, value);
	return true;
}

static bool
options_take_tls(struct ldap_options *o, const char *value, struct bytes *why)
{
	o->tls = strcmp(value, "1") == 0;
	return o->tls || strcmp(value, "0") == 0 || options_refuse(why, "ldaptls is 0 or 1, not \"%s\"", value);
}

bool
ldap_options_take(struct ldap_options *o, const char *name, const char *value, struct bytes *why)
{
	size_t i = 0;

	while (i < array_length(option_names) && strcmp(name, option_names[i].name) != 0)
		i++;
	if (i == array_length(option_names))
		return options_refuse_name(name, why);
	if (value[0] == '\0')
		return options_refuse(why, "%s has no value", name);
	if (strcmp(name, "ldapurl") == 0)
		return options_take_url(o, value, why);
	if (strcmp(name, "ldapscheme") == 0)
		return options_take_scheme(o, value, why);
	if (strcmp(name, "ldaptls") == 0)
		return options_take_tls(o, value, why);
	if (strcmp(name, "ldapport") == 0)
		return options_read_port(value, &o->port) || options_refuse(why, "ldapport \"%s\" is no port", value);
	options_set((char **)(void *)((char *)o + option_names[i].at), value);
	return true;
}

static bool
options_check(const struct ldap_options *o, struct bytes *why)
{
	bool searches = o->base != NULL || o->bind_dn != NULL || o->bind_password != NULL || o->search_attribute != NULL ||
	    o->search_filter != NULL;

	if ((o->prefix != NULL || o->suffix != NULL) && searches)
		return options_refuse(why,
		    "ldapprefix and ldapsuffix cannot be together with ldapbasedn, ldapbinddn, ldapbindpasswd, "
		    "ldapsearchattribute, ldapsearchfilter or ldapurl");
	if (o->prefix == NULL && o->suffix == NULL && o->base == NULL)
		return options_refuse(why, "one of ldapbasedn, ldapprefix, ldapsuffix and ldapurl is needed");
	if (o->search_attribute != NULL && o->search_filter != NULL)
		return options_refuse(why, "ldapsearchattribute and ldapsearchfilter cannot be together");
	if (o->server == NULL && (o->base == NULL || o->base[0] == '\0'))
		return options_refuse(why, "ldapserver is needed where ldapbasedn does not say the domain");
	return true;
}

bool
ldap_options_finish(struct ldap_options *o, struct bytes *why)
{
	if (!options_check(o, why))
		return false;
	if (o->scheme == NULL)
		o->scheme = text_copy("ldap");
	if (o->port == 0)
		o->port = text_equal_nocase(o->scheme, "ldaps") ? LDAP_PORT_TLS : LDAP_PORT_PLAIN;
	if (!o->has_scope)
		o->scope = LDAP_SUBTREE;
	return true;
}

/* ------------------------------------------------------------------ text */

/* The next `name=value` without its quotes, with a NUL; false at the end of the text or where a quote is not closed. */
static bool
options_next(const char **at, struct bytes *token, bool *open)
{
	const char *p = *at + strspn(*at, " \t\r\n,");

	*open = false;
	bytes_clear(token);
	if (*p == '\0')
		return false;
	for (; *p != '\0' && (*open || strchr(" \t\r\n,", *p) == NULL); p++) {
		if (*p != '"')
			bytes_u8(token, (uint8_t)*p);
		else if (*open && p[1] == '"')
			bytes_u8(token, (uint8_t)*p++);
		else
			*open = !*open;
	}
	bytes_u8(token, 0);
	*at = p;
	return !*open;
}

static bool
options_take_token(struct ldap_options *o, char *token, struct bytes *why)
{
	char *equals = strchr(token, '=');

	if (equals == NULL)
		return options_refuse(why, "expected name=value among the LDAP options");
	*equals = '\0';
	return ldap_options_take(o, token, equals + 1, why);
}

bool
ldap_options_read(struct ldap_options *out, const char *text, struct bytes *why)
{
	struct bytes token = {0};
	bool ok = true, open = false;

	*out = (struct ldap_options){0};
	while (ok && options_next(&text, &token, &open))
		ok = options_take_token(out, token.data, why);
	if (ok && open)
		ok = options_refuse(why, "a quote among the LDAP options is not closed");
	ok = ok && ldap_options_finish(out, why);
	if (token.data != NULL)
		explicit_bzero(token.data, token.capacity);
	bytes_free(&token);
	if (!ok)
		ldap_options_free(out);
	return ok;
}
