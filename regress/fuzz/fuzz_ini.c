/*
 * fuzz_ini.c - libFuzzer over the configuration files: any bytes, as an ini file,
 * as a userlist, and as the value of a setting, end in a snapshot or in errors.
 */
#include "config/config.h"
#include "config/userlist.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_take_secret(void *context, const struct userlist_line *line)
{
	size_t *total = context;

	must((line->problem == NULL) == (line->name != NULL));
	if (line->problem == NULL)
		*total += strlen(line->name) + strlen(line->secret);
}

/* What a snapshot shows must be what SET takes. */
static void
fuzz_show(const struct snapshot *s)
{
	struct bytes value = {0}, errors = {0};
	const char *key, *def;
	bool changeable;

	for (size_t i = 0; config_show(s, i, &key, &value, &def, &changeable); i++)
		must(strlen(value.data) == value.length);
	snapshot_unref(config_set(s, "default_pool_size", "3", &errors));
	must(errors.length == 0);
	bytes_free(&value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes errors = {0}, warnings = {0};
	size_t total = 0;
	struct snapshot *s = config_load_text("fuzz.ini", (const char *)data, size, &errors, &warnings);

	must((s == NULL) == (errors.length > 0));
	if (s != NULL)
		fuzz_show(s);
	snapshot_unref(s);
	userlist_read((const char *)data, size, fuzz_take_secret, &total);
	must(total <= size);
	bytes_free(&errors);
	bytes_free(&warnings);
	return 0;
}
