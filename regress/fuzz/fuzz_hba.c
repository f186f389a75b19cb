/*
 * fuzz_hba.c - libFuzzer over the files of host-based rules and of ident maps: any
 * bytes end in rules or in errors, and any rules can be asked.
 */
#include "auth/hba.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_count(void *context, const char *file, unsigned line, const char *message)
{
	must(file != NULL && message[0] != '\0');
	(void)line;
	++*(unsigned *)context;
}

static void
fuzz_ignore(void *context, const char *file, unsigned line, const char *message)
{
	(void)context, (void)line;
	must(file != NULL && message[0] != '\0');
}

static void
fuzz_ask(const struct hba *hba)
{
	static const char *const peers[] = {"", "10.1.2.3", "::ffff:10.1.2.3", "fe80::1"};
	struct hba_question q = {.database = "app1", .user = "joe"};
	const struct hba_rule *rule;

	for (unsigned i = 0; i < 32; i++) {
		q.peer = (struct address){0};
		address_parse(peers[i & 3], &q.peer);
		q.tls = i & 4;
		q.physical_replication = i & 8;
		q.name_is_known = i & 16;
		must((hba_match(hba, &q, &rule) == HBA_MATCH) == (rule != NULL));
		if (rule != NULL)
			must((rule->type == HBA_LOCAL) == (q.peer.family == 0));
	}
}

/* Reads the seed as rules and as maps: neither may depend on what the other is. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned errors = 0;
	struct hba_sink sink = {.error = fuzz_count, .warning = fuzz_ignore, .context = &errors};
	struct hba *hba = hba_read_text("fuzz", (const char *)data, size, &sink);
	struct ident *ident;

	must((hba == NULL) == (errors > 0));
	if (hba != NULL)
		fuzz_ask(hba);
	hba_unref(hba);
	errors = 0;
	ident = ident_read_text("fuzz", (const char *)data, size, &sink);
	must((ident == NULL) == (errors > 0));
	ident_allows(ident, "m", "joe@example.org", "joe");
	ident_unref(ident);
	return 0;
}
