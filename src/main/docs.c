/*
 * main/docs.c - the files that are made from the tables: samples and manual pages.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <stdlib.h>

#include "base/bytes.h"
#include "config/config.h"
#include "main/main_private.h"

struct doc {
	const char *folder;
	const char *name;
	void (*write)(struct bytes *out);
};

static const struct doc docs[] = {
	{"etc", "pgweir.ini", config_write_sample},
	{"etc", "pgweir.minimal.ini", config_write_minimal_sample},
	{"packaging/man", "pgweir.ini.5", config_write_settings_man},
	{"packaging/man", "pgweir.8", manual_write},
};

static bool
docs_make_folder(const char *directory, const char *folder)
{
	for (size_t i = 1; i <= strlen(folder); i++) {
		char *path;
		bool made;

		if (folder[i] != '/' && folder[i] != '\0')
			continue;
		path = text_format("%s/%.*s", directory, (int)i, folder);
		made = mkdir(path, 0755) == 0 || errno == EEXIST;
		free(path);
		if (!made)
			return false;
	}
	return true;
}

static bool
docs_write_one(const char *directory, const struct doc *d)
{
	char *path = text_format("%s/%s/%s", directory, d->folder, d->name);
	struct bytes text = {0};
	FILE *f = docs_make_folder(directory, d->folder) ? fopen(path, "we") : NULL;
	bool ok = f != NULL;

	d->write(&text);
	ok = ok && fwrite(text.data, 1, text.length, f) == text.length;
	if (f != NULL)
		ok = fclose(f) == 0 && ok;
	if (!ok)
		fprintf(stderr, "pgweir: could not write %s: %s\n", path, strerror(errno));
	bytes_free(&text);
	free(path);
	return ok;
}

int
docs_write(const char *directory)
{
	bool ok = true;

	for (size_t i = 0; i < array_length(docs); i++)
		ok = docs_write_one(directory, &docs[i]) && ok;
	return ok ? 0 : 1;
}
