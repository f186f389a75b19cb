/*
 * config/hba_rule.c - what the fields of a rule mean:
 *
 *     local     database user                        method [name=value …]
 *     host…     database user address [netmask]      method [name=value …]
 */
#include "hba_rule.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "setting.h"

static const char *const rule_types[] = {
    [HBA_LOCAL] = "local",
    [HBA_HOST] = "host",
    [HBA_HOSTSSL] = "hostssl",
    [HBA_HOSTNOSSL] = "hostnossl",
    [HBA_HOSTGSSENC] = "hostgssenc",
    [HBA_HOSTNOGSSENC] = "hostnogssenc",
    NULL,
};

static const char *const rule_methods[] = {
    [HBA_TRUST] = "trust",
    [HBA_REJECT] = "reject",
    [HBA_MD5] = "md5",
    [HBA_PASSWORD] = "password",
    [HBA_PEER] = "peer",
    [HBA_CERT] = "cert",
    [HBA_SCRAM] = "scram-sha-256",
    [HBA_LDAP] = "ldap",
    [HBA_PAM] = "pam",
    NULL,
};

/* Methods of PostgreSQL that a pooler does not have. */
static const char *const rule_foreign_methods[] = {"gss", "sspi", "ident", "radius", "bsd", "oauth", NULL};

static const struct hba_keyword rule_database_words[] = {
    {"all", HBA_ALL}, {"sameuser", HBA_SAMEUSER}, {"replication", HBA_REPLICATION}, {NULL, HBA_NAME}};
static const struct hba_keyword rule_user_words[] = {{"all", HBA_ALL}, {NULL, HBA_NAME}};

const char *
hba_type_name(enum hba_type type)
{
	return rule_types[type];
}

const char *
hba_method_name(enum hba_method method)
{
	return rule_methods[method];
}

int
hba_find_word(const char *const *words, const char *word, const char **nearest)
{
	unsigned score = 99;

	*nearest = NULL;
	for (int i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], word) == 0)
			return i;
		if (text_equal_nocase(words[i], word))
			score = 0;
		else if (!setting_is_nearer(word, words[i], &score))
			continue;
		*nearest = words[i];
	}
	return -1;
}

/* -------------------------------------------------------------------- fields */

/* Says that FIELD cannot be WORD, and what it may have been meant to be. */
static bool
rule_reject_word(struct hba_scan *scan, const struct hba_line *line, const char *field, const char *word,
    const char *nearest)
{
	if (nearest != NULL)
		hba_scan_error(scan, line, "invalid %s \"%s\"; did you mean \"%s\"?", field, word, nearest);
	else
		hba_scan_error(scan, line, "invalid %s \"%s\"", field, word);
	return false;
}

/* The one word of the field number INDEX, or NULL (reported). */
static const struct hba_token *
rule_only_word(struct hba_scan *scan, const struct hba_line *line, size_t index, const char *field)
{
	if (index >= line->count)
		hba_scan_error(scan, line, "the line ends before the %s", field);
	else if (line->fields[index].count != 1)
		hba_scan_error(scan, line, "the %s must be one word", field);
	else
		return &line->fields[index].tokens[0];
	return NULL;
}

static bool
rule_read_type(struct hba_scan *scan, const struct hba_line *line, struct hba_rule *rule)
{
	const struct hba_token *token = rule_only_word(scan, line, 0, "connection type");
	const char *nearest;
	int type;

	if (token == NULL)
		return false;
	type = hba_find_word(rule_types, token->text, &nearest);
	if (type < 0)
		return rule_reject_word(scan, line, "connection type", token->text, nearest);
	rule->type = (enum hba_type)type;
	if (rule->type == HBA_HOSTGSSENC)
		hba_scan_warning(scan, line, "GSSAPI encryption is not supported: this line is for no client");
	return true;
}

static bool
rule_read_method(struct hba_scan *scan, const struct hba_line *line, size_t index, struct hba_rule *rule)
{
	const struct hba_token *token = rule_only_word(scan, line, index, "authentication method");
	const char *nearest, *foreign;
	int method;

	if (token == NULL)
		return false;
	method = hba_find_word(rule_methods, token->text, &nearest);
	if (method < 0 && hba_find_word(rule_foreign_methods, token->text, &foreign) >= 0) {
		hba_scan_error(scan, line, "authentication method \"%s\" is not supported", token->text);
		return false;
	}
	if (method < 0)
		return rule_reject_word(scan, line, "authentication method", token->text, nearest);
	rule->method = (enum hba_method)method;
	if (rule->method == HBA_PEER && rule->type != HBA_LOCAL)
		hba_scan_warning(scan, line, "\"peer\" works on local connections only: this line refuses its clients");
	if (rule->method == HBA_CERT && rule->type != HBA_HOSTSSL)
		hba_scan_warning(scan, line, "\"cert\" works on TLS connections only: this line refuses other clients");
	return true;
}

/* --------------------------------------------------------- databases, users */

/* NULL, or why PostgreSQL's special word is none here. */
static const char *
rule_group_problem(const struct hba_token *token)
{
	if (token->quoted)
		return NULL;
	if (token->text[0] == '+' || text_equal(token->text, "samerole") || text_equal(token->text, "samegroup"))
		return "who is a member of a role is known to PostgreSQL only";
	return NULL;
}

bool
hba_word_read(struct hba_scan *scan, const struct hba_line *line, const char *field,
    const struct hba_keyword *keywords, const struct hba_token *token, struct hba_word *out)
{
	const char *problem = rule_group_problem(token);
	struct bytes why = {0};

	*out = (struct hba_word){.text = text_copy(token->text), .meaning = HBA_NAME};
	if (problem != NULL) {
		hba_scan_error(scan, line, "%s \"%s\" is not supported: %s", field, token->text, problem);
		return false;
	}
	if (token->text[0] == '/') {
		out->meaning = HBA_PATTERN;
		out->pattern = pattern_new(token->text + 1, &why);
		bytes_u8(&why, 0);
		if (out->pattern == NULL)
			hba_scan_error(scan, line, "invalid regular expression \"%s\" as %s: %s", token->text + 1,
			    field, why.data);
		bytes_free(&why);
		return out->pattern != NULL;
	}
	for (; !token->quoted && keywords->word != NULL; keywords++) {
		if (strcmp(keywords->word, token->text) == 0)
			out->meaning = keywords->meaning;
		else if (text_equal_nocase(keywords->word, token->text))
			hba_scan_warning(scan, line, "\"%s\" is the name of a %s here; the word for it is \"%s\"",
			    token->text, field, keywords->word);
	}
	return true;
}

void
hba_word_free(struct hba_word *word)
{
	free(word->text);
	pattern_free(word->pattern);
}

/* Every word of a field; all of them are read, so that each error is reported. */
static bool
rule_read_words(struct hba_scan *scan, const struct hba_line *line, size_t index, const char *field,
    const struct hba_keyword *keywords, struct hba_word **words, size_t *count)
{
	const struct hba_field *from;
	bool ok = true;

	if (index >= line->count) {
		hba_scan_error(scan, line, "the line ends before the %s", field);
		return false;
	}
	from = &line->fields[index];
	*words = memory_array(max_of(from->count, 1), sizeof(**words));
	for (*count = 0; *count < from->count; ++*count)
		if (!hba_word_read(scan, line, field, keywords, &from->tokens[*count], &(*words)[*count]))
			ok = false;
	return ok;
}

/* ------------------------------------------------------------------- address */

/* A mask that is only ever met by IPv4 inside of IPv6 is meant for IPv4. */
static void
rule_unmap(struct hba_rule *rule)
{
	struct address plain = address_unmap(rule->address), all_but_v4 = address_mask(6, 96), mask = {.family = 4};

	if (plain.family != 4 || rule->address.family != 6 || !address_is_within(&rule->mask, &all_but_v4, &all_but_v4))
		return;
	memcpy(mask.bytes, rule->mask.bytes + 12, 4);
	rule->address = plain;
	rule->mask = mask;
}

/* `address/bits`; SLASH is its slash. */
static bool
rule_read_cidr(struct hba_scan *scan, const struct hba_line *line, const char *text, const char *slash,
    struct hba_rule *rule)
{
	char *address = text_copy_n(text, (size_t)(slash - text));
	bool is_address = address_parse(address, &rule->address);
	size_t digits = strspn(slash + 1, "0123456789");
	unsigned most = rule->address.family == 4 ? 32 : 128;
	unsigned long bits = digits > 0 && digits < 4 ? strtoul(slash + 1, NULL, 10) : 999;

	free(address);
	if (!is_address)
		hba_scan_error(scan, line, "invalid IP address in \"%s\"", text);
	else if (bits > most || slash[1 + digits] != '\0')
		hba_scan_error(scan, line, "invalid CIDR mask in address \"%s\"", text);
	else
		rule->mask = address_mask(rule->address.family, (unsigned)bits);
	return is_address && rule->mask.family != 0;
}

/* The netmask in the field number INDEX. */
static bool
rule_read_netmask(struct hba_scan *scan, const struct hba_line *line, size_t index, struct hba_rule *rule)
{
	const struct hba_token *token = rule_only_word(scan, line, index, "netmask");

	if (token == NULL)
		return false;
	if (!address_parse(token->text, &rule->mask)) {
		hba_scan_error(scan, line, "invalid netmask \"%s\"", token->text);
		return false;
	}
	if (rule->mask.family == rule->address.family)
		return true;
	hba_scan_error(scan, line, "the address and the netmask are not both IPv4 or both IPv6");
	return false;
}

/* What is neither an address nor could be a mistyped one. */
static bool
rule_is_host_name(const char *text)
{
	const char *name = text + (*text == '.');
	bool has_letter = false;

	for (const char *c = name; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && strchr("-._", *c) == NULL)
			return false;
		has_letter |= isalpha((unsigned char)*c) != 0;
	}
	return has_letter && *name != '.' && *name != '-' && strlen(name) < 256;
}

static bool
rule_read_host_name(struct hba_scan *scan, const struct hba_line *line, const struct hba_token *token,
    struct hba_rule *rule)
{
	static const char *const words[] = {"all", "samehost", "samenet", NULL};
	const char *nearest;

	hba_find_word(words, token->text, &nearest);
	if (!rule_is_host_name(token->text))
		return rule_reject_word(scan, line, "address", token->text, nearest);
	if (nearest != NULL && !token->quoted)
		hba_scan_warning(scan, line, "\"%s\" is the name of a host here; did you mean \"%s\"?", token->text,
		    nearest);
	rule->host = text_copy(token->text);
	rule->place = token->text[0] == '.' ? HBA_HOST_SUFFIX : HBA_HOST_NAME;
	return true;
}

/* The address field, number *INDEX, and the netmask behind it; *INDEX moves behind both. */
static bool
rule_read_address(struct hba_scan *scan, const struct hba_line *line, size_t *index, struct hba_rule *rule)
{
	const struct hba_token *token = rule_only_word(scan, line, *index, "address");
	const char *slash;
	bool ok;

	if (token == NULL)
		return false;
	++*index;
	slash = strchr(token->text, '/');
	rule->place = HBA_NETWORK;
	if (!token->quoted && strcmp(token->text, "all") == 0)
		rule->place = HBA_EVERYWHERE;
	else if (!token->quoted && strcmp(token->text, "samehost") == 0)
		rule->place = HBA_SAMEHOST;
	else if (!token->quoted && strcmp(token->text, "samenet") == 0)
		rule->place = HBA_SAMENET;
	if (rule->place != HBA_NETWORK)
		return true;
	if (slash != NULL)
		ok = rule_read_cidr(scan, line, token->text, slash, rule);
	else if (address_parse(token->text, &rule->address))
		ok = rule_read_netmask(scan, line, (*index)++, rule);
	else
		return rule_read_host_name(scan, line, token, rule);
	if (ok)
		rule_unmap(rule);
	return ok;
}

/* ------------------------------------------------------------------ the rule */

bool
hba_rule_read(struct hba_scan *scan, const struct hba_line *line, struct hba_rule *rule)
{
	size_t next = 3;
	bool ok;

	rule->file = text_copy(line->file);
	rule->line = line->number;
	if (!rule_read_type(scan, line, rule))
		return false;
	ok = rule_read_words(
	    scan, line, 1, "database", rule_database_words, &rule->databases, &rule->database_count);
	ok = rule_read_words(scan, line, 2, "user", rule_user_words, &rule->users, &rule->user_count) && ok;
	if (rule->type != HBA_LOCAL && (line->count > 3 || ok))
		ok = rule_read_address(scan, line, &next, rule) && ok;
	if (!ok || !rule_read_method(scan, line, next, rule))
		return false;
	return hba_options_read(scan, line, next + 1, rule);
}

void
hba_rule_free(struct hba_rule *rule)
{
	for (size_t i = 0; i < rule->database_count; i++)
		hba_word_free(&rule->databases[i]);
	for (size_t i = 0; i < rule->user_count; i++)
		hba_word_free(&rule->users[i]);
	for (size_t i = 0; i < rule->option_count; i++) {
		explicit_bzero(rule->options[i].value, strlen(rule->options[i].value));
		free(rule->options[i].name);
		free(rule->options[i].value);
	}
	if (rule->ldap != NULL)
		ldap_options_free(rule->ldap);
	free(rule->ldap);
	free(rule->databases);
	free(rule->users);
	free(rule->options);
	free(rule->file);
	free(rule->host);
	free(rule->map);
	free(rule->pam_service);
}
