/*
 * config/hba_option.c - the name=value options behind a rule's method.  A name that
 * its method does not have, and a value that it does not take, refuse the line.
 */
#include "hba_rule.h"

#include <stdlib.h>
#include <string.h>

#include "config/built.h"

enum option_check { CHECK_TEXT, CHECK_LDAP, CHECK_CLIENT_CERT, CHECK_CLIENT_NAME };

#define OPTION_METHOD(m) (1u << (m))
#define OPTION_ANY_METHOD (~0u)

static const struct option_row {
	const char *name;
	unsigned methods;
	enum option_check check;
	bool needs_tls; /* only behind hostssl */
} option_rows[] = {
    {"map", OPTION_METHOD(HBA_CERT) | OPTION_METHOD(HBA_PEER), CHECK_TEXT, false},
    {"clientcert", OPTION_ANY_METHOD, CHECK_CLIENT_CERT, true},
    {"clientname", OPTION_ANY_METHOD, CHECK_CLIENT_NAME, true},
    {"pamservice", OPTION_METHOD(HBA_PAM), CHECK_TEXT, false},
    {"ldapurl", OPTION_METHOD(HBA_LDAP), CHECK_LDAP, false},
    {"ldapserver", OPTION_METHOD(HBA_LDAP), CHECK_LDAP, false},
    {"ldapport", OPTION_METHOD(HBA_LDAP), CHECK_LDAP, false},
    {"ldapscheme", OPTION_METHOD(HBA_LDAP), CHECK_LDAP, false},
    {"ldaptls", OPTION_METHOD(HBA_LDAP), CHECK_LDAP, false},
    {"ldapprefix", OPTION_METHOD(HBA_LDAP), CHECK_LDAP, false},
    {"ldapsuffix", OPTION_METHOD(HBA_LDAP), CHECK_LDAP, false},
    {"ldapbasedn", OPTION_METHOD(HBA_LDAP), CHECK_LDAP, false},
    {"ldapbinddn", OPTION_METHOD(HBA_LDAP), CHECK_LDAP, false},
    {"ldapbindpasswd", OPTION_METHOD(HBA_LDAP), CHECK_LDAP, false},
    {"ldapsearchattribute", OPTION_METHOD(HBA_LDAP), CHECK_LDAP, false},
    {"ldapsearchfilter", OPTION_METHOD(HBA_LDAP), CHECK_LDAP, false},
};

const char *
hba_rule_option(const struct hba_rule *rule, const char *name)
{
	for (size_t i = 0; i < rule->option_count; i++)
		if (strcmp(rule->options[i].name, name) == 0)
			return rule->options[i].value;
	return NULL;
}

static const struct option_row *
option_find(const char *name, const char **nearest)
{
	const char *words[array_length(option_rows) + 1] = {NULL};
	int at;

	for (size_t i = 0; i < array_length(option_rows); i++)
		words[i] = option_rows[i].name;
	at = hba_find_word(words, name, nearest);
	return at < 0 ? NULL : &option_rows[at];
}

/* NULL, or what the value has to be. */
static const char *
option_value_problem(enum option_check check, const char *value)
{
	switch (check) {
	case CHECK_CLIENT_CERT:
		if (text_equal(value, "verify-ca") || text_equal(value, "verify-full"))
			return NULL;
		return "must be verify-ca or verify-full";
	case CHECK_CLIENT_NAME:
		return text_equal(value, "CN") || text_equal(value, "DN") ? NULL : "must be CN or DN";
	case CHECK_TEXT:
		return value[0] != '\0' ? NULL : "must not be empty";
	case CHECK_LDAP: /* ldap_options_take knows better */
		break;
	}
	return NULL;
}

/* False (reported) when the option does not belong to this rule. */
static bool
option_is_allowed(struct hba_scan *scan, const struct hba_line *line, const struct hba_rule *rule,
    const struct option_row *row, const char *value)
{
	const char *problem = option_value_problem(row->check, value);

	if ((row->methods & OPTION_METHOD(rule->method)) == 0)
		hba_scan_error(scan, line, "option \"%s\" is not for authentication method \"%s\"", row->name,
		    hba_method_name(rule->method));
	else if (row->needs_tls && rule->type != HBA_HOSTSSL)
		hba_scan_error(scan, line, "option \"%s\" is for \"hostssl\" lines only", row->name);
	else if (problem != NULL)
		hba_scan_error(scan, line, "invalid value \"%s\" for option \"%s\": %s", value, row->name, problem);
	else if (hba_rule_option(rule, row->name) != NULL)
		hba_scan_error(scan, line, "option \"%s\" is given twice", row->name);
	else
		return true;
	return false;
}

/* The LDAP options are judged where auth_ldap_options is. */
static bool
option_take_ldap(struct hba_scan *scan, const struct hba_line *line, struct hba_rule *rule, const char *name,
    const char *value)
{
	struct bytes why = {0};
	bool ok;

	if (rule->ldap == NULL)
		rule->ldap = memory_new(sizeof(*rule->ldap));
	ok = name != NULL ? ldap_options_take(rule->ldap, name, value, &why) : ldap_options_finish(rule->ldap, &why);
	if (!ok)
		hba_scan_error(scan, line, "%s", why.data);
	bytes_free(&why);
	return ok;
}

static bool
option_take(struct hba_scan *scan, const struct hba_line *line, struct hba_rule *rule, const char *text)
{
	const char *equals = strchr(text, '='), *nearest;
	const struct option_row *row;
	char *name;

	if (equals == NULL) {
		hba_scan_error(scan, line, "option \"%s\" is not of the form name=value", text);
		return false;
	}
	name = text_copy_n(text, (size_t)(equals - text));
	row = option_find(name, &nearest);
	if (row == NULL && nearest != NULL)
		hba_scan_error(scan, line, "unrecognized option \"%s\"; did you mean \"%s\"?", name, nearest);
	else if (row == NULL)
		hba_scan_error(scan, line, "unrecognized option \"%s\"", name);
	if (row == NULL || !option_is_allowed(scan, line, rule, row, equals + 1) ||
	    (row->check == CHECK_LDAP && !option_take_ldap(scan, line, rule, name, equals + 1))) {
		free(name);
		return false;
	}
	rule->options = memory_resize(rule->options, (rule->option_count + 1) * sizeof(*rule->options));
	rule->options[rule->option_count++] = (struct hba_option){name, text_copy(equals + 1)};
	return true;
}

static bool
option_method_is_built(struct hba_scan *scan, const struct hba_line *line, const struct hba_rule *rule)
{
	const char *lacks = rule->method == HBA_PAM ? built_without(AUTH_PAM) :
	    rule->method == HBA_LDAP		    ? built_without(AUTH_LDAP) :
						      NULL;

	if (lacks != NULL)
		hba_scan_error(scan, line, "authentication method \"%s\" cannot be used: this build has no %s",
		    hba_method_name(rule->method), lacks);
	return lacks == NULL;
}

static bool
option_finish(struct hba_scan *scan, const struct hba_line *line, struct hba_rule *rule)
{
	const char *certificate = hba_rule_option(rule, "clientcert"), *service = hba_rule_option(rule, "pamservice");

	if (!option_method_is_built(scan, line, rule))
		return false;
	if (rule->method == HBA_LDAP && !option_take_ldap(scan, line, rule, NULL, NULL))
		return false;
	if (rule->method == HBA_CERT && text_equal(certificate, "verify-ca")) {
		hba_scan_error(scan, line, "\"cert\" compares the name: clientcert=verify-ca does not go with it");
		return false;
	}
	if (rule->method == HBA_CERT || text_equal(certificate, "verify-full"))
		rule->client_cert = HBA_CERT_VERIFY_FULL;
	else if (certificate != NULL)
		rule->client_cert = HBA_CERT_VERIFY_CA;
	rule->client_dn = text_equal(hba_rule_option(rule, "clientname"), "DN");
	rule->map = text_copy(hba_rule_option(rule, "map"));
	if (rule->method == HBA_PAM)
		rule->pam_service = text_copy(service != NULL ? service : "pgbouncer");
	return true;
}

bool
hba_options_read(struct hba_scan *scan, const struct hba_line *line, size_t first, struct hba_rule *rule)
{
	bool ok = true;

	for (size_t i = first; i < line->count; i++)
		for (size_t k = 0; k < line->fields[i].count; k++)
			if (!option_take(scan, line, rule, line->fields[i].tokens[k].text))
				ok = false;
	return ok && option_finish(scan, line, rule);
}
