/*
 * config/ini.h - the ini dialect of PgBouncer's files, line by line.
 *
 * Knows sections, keys, quoting of keys, comments and %include, and nothing of
 * what the keys mean.  The door to inih.
 */
#ifndef PGWEIR_CONFIG_INI_H
#define PGWEIR_CONFIG_INI_H

#include "base/base.h"

/*
 * What one line says.  A section header has no key; a line that cannot be
 * understood has a problem (a sentence without a full stop) and nothing else.
 * All texts are borrowed for the duration of the call.
 */
struct ini_line {
	const char *file;
	unsigned number; /* from 1; 0 speaks of the file as a whole */
	const char *section;
	const char *key;   /* unquoted; NULL at a section header */
	const char *value; /* blanks around it removed, otherwise as written */
	const char *problem;
};

typedef void (*ini_visit)(void *context, const struct ini_line *line);

/*
 * Reads a file and what it includes (`%include FILE`, relative to the working
 * directory, at most 10 deep; the section carries across), and calls VISIT for
 * each section header, key and problem.
 */
void ini_read_file(const char *path, ini_visit visit, void *context);

/* Reads TEXT as if it were the file NAME; %include is a problem here. */
void ini_read_text(const char *name, const char *text, size_t length, ini_visit visit, void *context);

#endif
