/*
 * hba_token.h - the files of host-based rules and of ident maps as lines of fields
 * of words.  Private to config/: hba.c and ident.c give the fields a meaning.
 */
#ifndef PGWEIR_CONFIG_HBA_TOKEN_H
#define PGWEIR_CONFIG_HBA_TOKEN_H

#include "base/bytes.h"
#include "config/hba.h"

struct hba_token {
	char *text;  /* owned, without quotes */
	bool quoted; /* it began with a quote: a name, whatever it says */
};

/* One word, or several with commas between them. */
struct hba_field {
	struct hba_token *tokens; /* owned, at least one */
	size_t count;
};

struct hba_line {
	const char *file; /* borrowed */
	unsigned number;  /* where it begins */
	struct hba_field *fields; /* owned, at least one */
	size_t count;
};

/* Reading under way; the caller fills the first part. */
struct hba_scan {
	const struct hba_sink *sink;
	void (*take)(struct hba_scan *scan, const struct hba_line *line); /* for each line that says something */
	void *context;
	bool may_open; /* files that are named inside of files */

	unsigned depth;
	unsigned files;  /* opened so far */
	unsigned errors; /* reported so far */
};

/* Calls TAKE for each line of the file and of what it includes, in order; reports what is wrong with files and words. */
void hba_scan_file(struct hba_scan *scan, const char *path);
void hba_scan_text(struct hba_scan *scan, const char *name, const char *text, size_t length);

/* Report about a line. */
void hba_scan_error(struct hba_scan *scan, const struct hba_line *line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void hba_scan_warning(struct hba_scan *scan, const struct hba_line *line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
