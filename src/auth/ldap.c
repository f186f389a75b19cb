/*
 * auth/ldap.c - passwords checked by an LDAP server (RFC 4513, "Simple Authentication
 * Method"; ldap(3)).
 *
 * Referrals are not followed: a password goes to nobody but the servers of the options.
 */
#include "auth/ldap.h"

#ifdef HAVE_LDAP
#include <ldap.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "auth/ldap_name.h"

/* The library reads its own configuration at its first use, which is better done by one thread alone. */
static void
ldap_prepare(void)
{
	int version;

	ldap_get_option(NULL, LDAP_OPT_PROTOCOL_VERSION, &version);
}

static enum verify_result
ldap_fail(struct bytes *why, const char *what, int code)
{
	bytes_format(why, "%s: %s", what, ldap_err2string(code));
	return VERIFY_FAILED;
}

/* ------------------------------------------------------------ connection */

/* "host:port host:port" of the servers that the DNS has for the domain of the base; NULL when there are none. */
static char *
ldap_find_servers(const struct ldap_options *options, struct bytes *why)
{
	char *domain = NULL, *found = NULL, *servers = NULL;
	int code = ldap_dn2domain(options->base, &domain);

	if (code == LDAP_SUCCESS)
		code = ldap_domain2hostlist(domain, &found);
	if (code == LDAP_SUCCESS)
		servers = text_copy(found);
	else
		ldap_fail(why, "could not find a server by ldapbasedn", code);
	ldap_memfree(domain);
	ldap_memfree(found);
	return servers;
}

/* One URI per server, apart by blanks; owned by the caller. */
static char *
ldap_uris(const struct ldap_options *options, const char *servers)
{
	struct bytes out = {0};

	for (const char *at = servers; *at != '\0'; at += strspn(at, " ")) {
		size_t length = strcspn(at, " ");

		bytes_format(&out, "%s%s://%.*s", out.length > 0 ? " " : "", options->scheme, (int)length, at);
		/* The DNS says the ports itself. */
		if (options->server != NULL)
			bytes_format(&out, ":%d", options->port);
		at += length;
	}
	return bytes_take(&out);
}

static int
ldap_set_up(LDAP *ld)
{
	struct timeval limit = {.tv_sec = LDAP_STEP_SECONDS};
	int version = LDAP_VERSION3, code;

	code = ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	if (code == LDAP_SUCCESS)
		code = ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &limit);
	if (code == LDAP_SUCCESS)
		code = ldap_set_option(ld, LDAP_OPT_TIMEOUT, &limit);
	if (code == LDAP_SUCCESS)
		code = ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	return code;
}

/* A connection with TLS where it is asked for, not bound yet; NULL when there is none. */
static LDAP *
ldap_connect_to(const struct ldap_options *options, struct bytes *why)
{
	char *servers = options->server != NULL ? text_copy(options->server) : ldap_find_servers(options, why);
	char *uris = servers != NULL ? ldap_uris(options, servers) : NULL;
	LDAP *ld = NULL;
	int code;

	free(servers);
	if (uris == NULL)
		return NULL;
	code = ldap_initialize(&ld, uris);
	if (code == LDAP_SUCCESS)
		code = ldap_set_up(ld);
	if (code == LDAP_SUCCESS && options->tls)
		code = ldap_start_tls_s(ld, NULL, NULL);
	if (code != LDAP_SUCCESS) {
		bytes_format(why, "could not %s %s: %s", options->tls ? "start TLS with" : "connect to", uris, ldap_err2string(code));
		if (ld != NULL)
			ldap_unbind_ext_s(ld, NULL, NULL);
		ld = NULL;
	}
	free(uris);
	return ld;
}

/* ------------------------------------------------------------- questions */

static int
ldap_bind_as(LDAP *ld, const char *name, const char *password)
{
	struct berval secret = {.bv_len = strlen(password), .bv_val = (char *)(uintptr_t)password};

	return ldap_sasl_bind_s(ld, name, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
}

/* The distinguished name of the only entry in FOUND, owned by the caller; NULL when there is not one. */
static enum verify_result
ldap_only_entry(LDAP *ld, LDAPMessage *found, char **name, struct bytes *why)
{
	int count = ldap_count_entries(ld, found);
	char *dn = count == 1 ? ldap_get_dn(ld, ldap_first_entry(ld, found)) : NULL;

	*name = text_copy(dn);
	ldap_memfree(dn);
	if (*name != NULL && (*name)[0] != '\0')
		return VERIFY_OK;
	if (count > 1)
		bytes_format(why, "the search found %d entries", count);
	else
		bytes_chars(why, count == 1 ? "the entry found has no name" : "the search found nobody");
	return VERIFY_REFUSED;
}

static enum verify_result
ldap_search_on(
    LDAP *ld, const struct ldap_options *options, const char *filter, char **name, struct bytes *why)
{
	static const int scopes[] = {
	    [LDAP_BASE] = LDAP_SCOPE_BASE, [LDAP_ONE] = LDAP_SCOPE_ONELEVEL, [LDAP_SUBTREE] = LDAP_SCOPE_SUBTREE};
	char nothing[] = LDAP_NO_ATTRS, *attributes[] = {nothing, NULL};
	enum verify_result result;
	LDAPMessage *found = NULL;
	int code;

	code = ldap_bind_as(ld, options->bind_dn != NULL ? options->bind_dn : "",
	    options->bind_dn != NULL && options->bind_password != NULL ? options->bind_password : "");
	if (code != LDAP_SUCCESS)
		return ldap_fail(why, "could not bind in order to search", code);
	/* Two are enough to know that the user is not the only one. */
	code = ldap_search_ext_s(
	    ld, options->base, scopes[options->scope], filter, attributes, 0, NULL, NULL, NULL, 2, &found);
	if (code == LDAP_SUCCESS || code == LDAP_SIZELIMIT_EXCEEDED)
		result = ldap_only_entry(ld, found, name, why);
	else
		result = ldap_fail(why, "could not search", code);
	if (result == VERIFY_OK && code == LDAP_SIZELIMIT_EXCEEDED) {
		bytes_chars(why, "the search found more than the server tells");
		result = VERIFY_REFUSED;
	}
	ldap_msgfree(found);
	return result;
}

/* Whom to bind as, owned by the caller: searched on a connection of its own, which keeps nobody's rights. */
static enum verify_result
ldap_find_name(const struct ldap_options *options, const char *user, char **name, struct bytes *why)
{
	enum verify_result result;
	char *filter;
	LDAP *ld;

	if (options->base == NULL) {
		*name = ldap_name_to_bind(options, user);
		return VERIFY_OK;
	}
	ld = ldap_connect_to(options, why);
	if (ld == NULL)
		return VERIFY_FAILED;
	filter = ldap_name_filter(options, user);
	result = ldap_search_on(ld, options, filter, name, why);
	if (result != VERIFY_OK)
		bytes_format(why, " (filter \"%s\")", filter);
	free(filter);
	ldap_unbind_ext_s(ld, NULL, NULL);
	return result;
}

static enum verify_result
ldap_try_password(const struct ldap_options *options, const char *name, const char *password, struct bytes *why)
{
	LDAP *ld = ldap_connect_to(options, why);
	int code;

	if (ld == NULL)
		return VERIFY_FAILED;
	code = ldap_bind_as(ld, name, password);
	ldap_unbind_ext_s(ld, NULL, NULL);
	switch (code) {
	case LDAP_SUCCESS:
		return VERIFY_OK;
	case LDAP_INVALID_CREDENTIALS:
	case LDAP_NO_SUCH_OBJECT:
	case LDAP_INVALID_DN_SYNTAX:
	case LDAP_INAPPROPRIATE_AUTH:
	case LDAP_INSUFFICIENT_ACCESS:
	case LDAP_UNWILLING_TO_PERFORM:
	case LDAP_CONSTRAINT_VIOLATION:
		bytes_format(why, "could not bind as \"%s\": %s", name, ldap_err2string(code));
		return VERIFY_REFUSED;
	default:
		bytes_format(why, "could not bind as \"%s\": %s", name, ldap_err2string(code));
		return VERIFY_FAILED;
	}
}

enum verify_result
ldap_verify(const struct ldap_options *options, const char *user, const char *password, struct bytes *why)
{
	static pthread_once_t prepared = PTHREAD_ONCE_INIT;
	enum verify_result result;
	char *name = NULL;

	if (password[0] == '\0') {
		bytes_chars(why, "the password is empty");
		return VERIFY_REFUSED;
	}
	pthread_once(&prepared, ldap_prepare);
	result = ldap_find_name(options, user, &name, why);
	if (result == VERIFY_OK)
		result = ldap_try_password(options, name, password, why);
	free(name);
	return result;
}

#else

enum verify_result
ldap_verify(const struct ldap_options *options, const char *user, const char *password, struct bytes *why)
{
	(void)options;
	(void)user;
	(void)password;
	bytes_chars(why, "this build has no LDAP");
	return VERIFY_FAILED;
}

#endif
