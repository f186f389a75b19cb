/*
 * config/hba_token.c - cuts files of rules into lines, fields and words.
 *
 *     file ──▶ lines (joined at a backslash) ──▶ fields (blanks) ──▶ words (commas, quotes)
 *       ▲                                                              │
 *       └────── include, include_if_exists, include_dir; @file ────────┘
 *
 * Where PostgreSQL's reader makes do with half a line (a quote that is not closed,
 * a comma with nothing behind it), this one refuses it.
 */
#include "hba_token.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/file.h"

enum { SCAN_DEEPEST = 10, SCAN_MOST_FILES = 1000 };

/* ------------------------------------------------------------------ messages */

static void __attribute__((format(printf, 3, 0)))
scan_report(struct hba_scan *scan, const struct hba_line *line, const char *format, va_list args, bool is_error)
{
	const struct hba_sink *sink = scan->sink;
	struct bytes message = {0};

	bytes_vformat(&message, format, args);
	bytes_u8(&message, 0);
	(is_error ? sink->error : sink->warning)(sink->context, line->file, line->number, message.data);
	bytes_free(&message);
	scan->errors += is_error;
}

void
hba_scan_error(struct hba_scan *scan, const struct hba_line *line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	scan_report(scan, line, format, args, true);
	va_end(args);
}

void
hba_scan_warning(struct hba_scan *scan, const struct hba_line *line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	scan_report(scan, line, format, args, false);
	va_end(args);
}

/* --------------------------------------------------------------- named files */

/* NAME as the file FROM means it: relative to its directory.  Owned by the caller. */
static char *
scan_path(const char *from, const char *name)
{
	const char *slash = strrchr(from, '/');

	if (name[0] == '/' || slash == NULL)
		return text_copy(name);
	return text_format("%.*s/%s", (int)(slash - from), from, name);
}

/* Reads a file that LINE names; false when it could not be, which is reported. */
static bool
scan_open(struct hba_scan *scan, const struct hba_line *line, const char *path, struct bytes *text)
{
	const char *problem = NULL;

	if (!scan->may_open)
		problem = "no file is opened here";
	else if (scan->depth == SCAN_DEEPEST)
		problem = "files are nested more than 10 deep";
	else if (++scan->files > SCAN_MOST_FILES)
		problem = "too many files are included";
	else
		problem = file_read(path, text);
	if (problem == NULL)
		return true;
	hba_scan_error(scan, line, "could not read file \"%s\": %s", path, problem);
	bytes_free(text);
	return false;
}

static void
scan_include(struct hba_scan *scan, const struct hba_line *line, const char *path)
{
	struct bytes text = {0};

	if (!scan_open(scan, line, path, &text))
		return;
	scan->depth++;
	hba_scan_text(scan, path, text.data, text.length);
	scan->depth--;
	bytes_free(&text);
}

static int
scan_is_conf(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 && strcmp(entry->d_name + length - 5, ".conf") == 0;
}

static int
scan_compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Every *.conf of a directory, in the order of their bytes. */
static void
scan_include_directory(struct hba_scan *scan, const struct hba_line *line, const char *path)
{
	struct dirent **entries = NULL;
	int count = scan->may_open ? scandir(path, &entries, scan_is_conf, scan_compare) : -1;

	if (count < 0)
		hba_scan_error(scan, line, "could not open directory \"%s\": %s", path,
		    scan->may_open ? strerrordesc_np(errno) : "no file is opened here");
	for (int i = 0; i < count; i++) {
		char *file = text_format("%s/%s", path, entries[i]->d_name);

		scan_include(scan, line, file);
		free(file);
		free(entries[i]);
	}
	free(entries);
}

static bool
scan_is_absent(const char *path)
{
	return access(path, F_OK) < 0 && errno == ENOENT;
}

/* True when LINE was an include, done or reported. */
static bool
scan_take_include(struct hba_scan *scan, const struct hba_line *line)
{
	const struct hba_token *word = line->fields[0].tokens;
	char *path;

	if (line->fields[0].count != 1 || word->quoted)
		return false;
	if (!text_equal(word->text, "include") && !text_equal(word->text, "include_if_exists") &&
	    !text_equal(word->text, "include_dir"))
		return false;
	if (line->count != 2 || line->fields[1].count != 1) {
		hba_scan_error(scan, line, "\"%s\" takes one name", word->text);
		return true;
	}
	path = scan_path(line->file, line->fields[1].tokens[0].text);
	if (text_equal(word->text, "include_dir"))
		scan_include_directory(scan, line, path);
	else if (!text_equal(word->text, "include_if_exists") || !scan_is_absent(path))
		scan_include(scan, line, path);
	free(path);
	return true;
}

/* --------------------------------------------------------------------- words */

static void
scan_push_token(struct hba_field *field, char *text, bool quoted)
{
	field->tokens = memory_resize(field->tokens, (field->count + 1) * sizeof(*field->tokens));
	field->tokens[field->count++] = (struct hba_token){text, quoted};
}

/*
 * The next word at *AT into OUT (owned by the caller, NULL at the end of the line).
 * BEHIND_COMMA says that one has to come, and takes whether another one has to.
 * Returns what is wrong, or NULL.
 */
static const char *
scan_word(const char **at, struct hba_token *out, bool *behind_comma)
{
	struct bytes word = {0};
	const char *c = *at + strspn(*at, " \t\r");
	bool quoted = false, needed = *behind_comma;

	*out = (struct hba_token){.quoted = *c == '"'};
	*behind_comma = false;
	for (; *c != '\0'; c++) {
		if (!quoted && strchr(" \t\r,#", *c) != NULL)
			break;
		if (*c == '"' && quoted && c[1] == '"')
			bytes_u8(&word, (uint8_t)*c++);
		else if (*c == '"')
			quoted = !quoted;
		else
			bytes_u8(&word, (uint8_t)*c);
	}
	*behind_comma = *c == ',';
	*at = *c == ',' ? c + 1 : *c == '#' ? c + strlen(c) : c;
	if (word.length > 0 && !quoted) {
		out->text = bytes_take(&word);
		return NULL;
	}
	bytes_free(&word);
	if (quoted)
		return "a quote is not closed";
	if (*behind_comma || needed)
		return "a word is missing beside a comma";
	return out->quoted ? "a word is empty" : NULL;
}

static void scan_names_file(struct hba_scan *scan, const struct hba_line *line, const char *name,
    struct hba_field *field);

/* The words of one field, those of @file in its place; false at the end of the line or when something is wrong. */
static bool
scan_field(struct hba_scan *scan, const struct hba_line *line, const char **at, struct hba_field *field)
{
	bool more = false;

	do {
		struct hba_token token;
		const char *problem = scan_word(at, &token, &more);

		if (problem != NULL)
			hba_scan_error(scan, line, "%s", problem);
		if (token.text == NULL)
			return false;
		if (token.text[0] != '@' || token.quoted) {
			scan_push_token(field, token.text, token.quoted);
			continue;
		}
		scan_names_file(scan, line, token.text + 1, field);
		free(token.text);
	} while (more);
	return true;
}

static void
scan_free_field(struct hba_field *field)
{
	for (size_t i = 0; i < field->count; i++) {
		explicit_bzero(field->tokens[i].text, strlen(field->tokens[i].text));
		free(field->tokens[i].text);
	}
	free(field->tokens);
}

/* --------------------------------------------------------------------- lines */

struct scan_cursor {
	const char *at;
	const char *end;
	unsigned number; /* of the line that is next */
};

static struct scan_cursor
scan_over(const char *text, size_t length)
{
	size_t mark = length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	return (struct scan_cursor){length > 0 ? text + mark : NULL, length > 0 ? text + length : NULL, 1};
}

/* The next line, with those that a backslash at the end joins to it, into OUT with a NUL; false at the end. */
static bool
scan_line(struct scan_cursor *c, struct bytes *out)
{
	bytes_clear(out);
	if (c->at == c->end)
		return false;
	while (c->at < c->end) {
		const char *newline = memchr(c->at, '\n', (size_t)(c->end - c->at));
		const char *end = newline != NULL ? newline : c->end;
		bool goes_on;

		bytes_append(out, c->at, (size_t)(end - c->at));
		c->at = newline != NULL ? newline + 1 : c->end;
		c->number++;
		if (out->length > 0 && out->data[out->length - 1] == '\r')
			out->length--;
		goes_on = out->length > 0 && out->data[out->length - 1] == '\\';
		out->length -= goes_on;
		if (!goes_on)
			break;
	}
	bytes_u8(out, 0);
	return true;
}

/* Every word of a file goes into FIELD, however its lines are cut. */
static void
scan_names_file(struct hba_scan *scan, const struct hba_line *line, const char *name, struct hba_field *field)
{
	char *path = scan_path(line->file, name);
	struct bytes text = {0}, one = {0};
	struct scan_cursor cursor;
	size_t before = field->count;
	struct hba_line inner = {.file = path, .number = 1};

	if (name[0] == '\0')
		hba_scan_error(scan, line, "a file name is missing behind @");
	if (name[0] == '\0' || !scan_open(scan, line, path, &text)) {
		free(path);
		return;
	}
	scan->depth++;
	cursor = scan_over(text.data, text.length);
	while (scan_line(&cursor, &one)) {
		const char *at = one.data;

		if (strlen(one.data) + 1 != one.length)
			hba_scan_error(scan, &inner, "line contains a zero byte");
		while (scan_field(scan, &inner, &at, field))
			;
		inner.number = cursor.number;
	}
	scan->depth--;
	if (field->count == before)
		hba_scan_warning(scan, line, "file \"%s\" names nobody", path);
	bytes_free(&text);
	bytes_free(&one);
	free(path);
}

/* Cuts TEXT into the fields of LINE; false when something is wrong with it. */
static bool
scan_fields(struct hba_scan *scan, struct hba_line *line, const char *text)
{
	unsigned errors = scan->errors;
	bool more = true;

	while (more) {
		struct hba_field field = {0};

		more = scan_field(scan, line, &text, &field);
		if (!more) {
			scan_free_field(&field);
			break;
		}
		line->fields = memory_resize(line->fields, (line->count + 1) * sizeof(*line->fields));
		line->fields[line->count++] = field;
	}
	return scan->errors == errors;
}

void
hba_scan_text(struct hba_scan *scan, const char *name, const char *text, size_t length)
{
	struct scan_cursor cursor = scan_over(text, length);
	struct bytes one = {0};
	struct hba_line line = {.file = name, .number = 1};

	while (scan_line(&cursor, &one)) {
		if (strlen(one.data) + 1 != one.length)
			hba_scan_error(scan, &line, "line contains a zero byte");
		else if (scan_fields(scan, &line, one.data) && line.count > 0 && !scan_take_include(scan, &line))
			scan->take(scan, &line);
		for (size_t i = 0; i < line.count; i++)
			scan_free_field(&line.fields[i]);
		free(line.fields);
		line = (struct hba_line){.file = name, .number = cursor.number};
	}
	if (one.data != NULL)
		explicit_bzero(one.data, one.capacity);
	bytes_free(&one);
}

void
hba_scan_file(struct hba_scan *scan, const char *path)
{
	struct hba_line whole = {.file = path};
	struct bytes text = {0};
	const char *problem = file_read(path, &text);

	if (problem == NULL)
		hba_scan_text(scan, path, text.data, text.length);
	else
		hba_scan_error(scan, &whole, "could not read the file: %s", problem);
	if (text.data != NULL)
		explicit_bzero(text.data, text.length);
	bytes_free(&text);
}
