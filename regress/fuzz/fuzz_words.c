/*
 * fuzz_words.c - libFuzzer over the small languages that people type: the console's
 * commands, connection strings, and the options of LDAP.
 */
#include "admin/grammar.h"
#include "config/connstr.h"
#include "config/ldap_options.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_command(const char *text)
{
	struct words w;

	if (grammar_read(text, &w) != GRAMMAR_OK)
		return;
	must(strlen(w.command) < GRAMMAR_COMMAND_SIZE && strlen(w.argument) < GRAMMAR_WORD_SIZE && strlen(w.value) < GRAMMAR_VALUE_SIZE);
	must(w.has_argument || !w.has_value);
}

static void
fuzz_pairs(const char *text)
{
	struct connstr c = connstr_over(text);
	size_t length = strlen(text);

	while (connstr_next(&c)) {
		must(c.at > text && c.at <= text + length);
		must(c.key.data[0] != '\0' && strlen(c.key.data) + strlen(c.value.data) < length);
	}
	must(c.at <= text + length);
	connstr_free(&c);
}

/* What is read is whole, and a copy says the same. */
static void
fuzz_ldap(const char *text)
{
	struct ldap_options options, copy;
	struct bytes why = {0};

	if (ldap_options_read(&options, text, &why)) {
		must(options.scheme != NULL && options.port > 0 && options.port <= 65535);
		copy = ldap_options_copy(&options);
		must(text_equal(copy.server, options.server) && text_equal(copy.bind_password, options.bind_password));
		ldap_options_free(&copy);
		ldap_options_free(&options);
	} else {
		must(why.length > 0 && why.data[why.length] == '\0');
	}
	bytes_free(&why);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_copy_n((const char *)data, size);

	fuzz_command(text);
	fuzz_pairs(text);
	fuzz_ldap(text);
	free(text);
	return 0;
}
