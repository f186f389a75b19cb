/*
 * config/ini.c - PgBouncer's ini dialect through inih.
 *
 *     file stack ──▶ ini_next_line ──▶ inih ──▶ ini_handle ──▶ visit
 *
 * inih splits lines into section, key and value.  Our reader feeds it, and does
 * what inih has no notion of: it follows %include, knows file and line, and masks
 * the ':' and '=' inside of keys, where inih would split.  Behind each section
 * header it feeds a line of its own, the mark, as this inih reports no headers.
 */
#include "config/ini.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "base/bytes.h"
#include "config/file.h"

enum { INI_DEPTH = 10, INI_MOST_INCLUDES = 10000, INI_LONGEST_LINE = 1 << 20 };

static const char INI_MARK[] = "\003\n";
static const char MASKED_COLON = '\001';
static const char MASKED_EQUALS = '\002';

struct ini_file {
	char *name; /* owned */
	struct bytes text;
	size_t at;
	unsigned number;
};

struct ini {
	struct ini_file files[INI_DEPTH + 1];
	unsigned depth;
	unsigned includes; /* so far: files that include each other would grow without end */
	bool may_include;
	struct bytes line; /* masked, with its newline, on its way to inih */
	size_t sent;
	bool mark_is_due;
	ini_visit visit;
	void *context;
};

/* ----------------------------------------------------------- the file stack */

static struct ini_file *
ini_top(struct ini *ini)
{
	return &ini->files[ini->depth - 1];
}

static void
ini_report(struct ini *ini, const char *problem)
{
	struct ini_line line = {.file = ini_top(ini)->name, .number = ini_top(ini)->number, .problem = problem};

	ini->visit(ini->context, &line);
}

static void
ini_push(struct ini *ini, const char *name, struct bytes text)
{
	bool has_bom = text.length >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0;

	ini->files[ini->depth++] = (struct ini_file){.name = text_copy(name), .text = text, .at = has_bom ? 3 : 0};
}

static void
ini_pop(struct ini *ini)
{
	struct ini_file *file = ini_top(ini);

	free(file->name);
	bytes_free(&file->text);
	ini->depth--;
}

/* `%include FILE` at the top of the stack. */
static void
ini_include(struct ini *ini, const char *name)
{
	struct bytes text = {0}, problem = {0};
	const char *reason;

	if (!ini->may_include || ini->depth > INI_DEPTH) {
		ini_report(
		    ini, ini->may_include ? "%include is nested more than 10 deep" : "%include is not possible here");
		return;
	}
	reason = ++ini->includes > INI_MOST_INCLUDES ? "too many files are included" : file_read(name, &text);
	if (reason == NULL) {
		ini_push(ini, name, text);
		return;
	}
	bytes_format(&problem, "could not include file \"%s\": %s", name, reason);
	bytes_u8(&problem, 0);
	ini_report(ini, problem.data);
	bytes_free(&problem);
	bytes_free(&text);
}

/* --------------------------------------------------------------- one line */

/* The end of the quoted key that begins at LINE, one behind its closing quote; NULL when nothing closes it. */
static char *
ini_quoted_end(char *line)
{
	char quote = *line;
	char *at = line + 1;

	for (;;) {
		at = strchr(at, quote);
		if (at == NULL)
			return NULL;
		if (quote != '"' || at[1] != '"')
			return at + 1;
		at += 2;
	}
}

static char *
ini_key_end(char *line)
{
	return *line == '\'' || *line == '"' ? ini_quoted_end(line) : line + strcspn(line, "=");
}

/* Masks the key of LINE in place; NULL, or what is wrong with it. */
static const char *
ini_mask_key(char *line)
{
	char *end = ini_key_end(line);

	if (end == NULL)
		return "quoted key is not closed";
	for (char *at = line; at < end; at++) {
		if (iscntrl((unsigned char)*at) && *at != '\t')
			return "key contains a control character";
		if (*at == ':')
			*at = MASKED_COLON;
		if (*at == '=')
			*at = MASKED_EQUALS;
	}
	end += strspn(end, " \t");
	return *end == '=' ? NULL : "expected \"key = value\"";
}

static const char *
ini_check_section(struct ini *ini, const char *line)
{
	const char *end = strchr(line, ']');

	if (end == NULL)
		return "section header is not closed";
	end += 1 + strspn(end + 1, " \t");
	if (*end != '\0' && *end != '#' && *end != ';')
		return "nothing may follow a section header";
	ini->mark_is_due = true;
	return NULL;
}

/* Looks at LINE (without blanks around it) and queues it for inih, unless it is empty, an include, or wrong. */
static void
ini_take_line(struct ini *ini, char *line)
{
	const char *problem;

	if (*line == '\0' || *line == '#' || *line == ';')
		return;
	if (strncmp(line, "%include", 8) == 0 && isblank((unsigned char)line[8])) {
		ini_include(ini, line + 8 + strspn(line + 8, " \t"));
		return;
	}
	problem = *line == '[' ? ini_check_section(ini, line) : ini_mask_key(line);
	if (problem != NULL) {
		ini_report(ini, problem);
		return;
	}
	bytes_chars(&ini->line, line);
	bytes_u8(&ini->line, '\n');
}

/* The next raw line of the file on top as a text of its own, owned by the caller; NULL (reported) when it is none. */
static char *
ini_cut_line(struct ini *ini)
{
	struct ini_file *file = ini_top(ini);
	const char *start = file->text.data + file->at;
	size_t left = file->text.length - file->at;
	const char *newline = memchr(start, '\n', left);
	size_t length = newline != NULL ? (size_t)(newline - start) : left;

	file->at += min_of(length + 1, left);
	file->number++;
	if (length > INI_LONGEST_LINE - 8 || memchr(start, '\0', length) != NULL) {
		ini_report(ini, length > INI_LONGEST_LINE - 8 ? "line is too long" : "line contains a zero byte");
		return NULL;
	}
	for (; length > 0 && isspace((unsigned char)*start); length--)
		start++;
	while (length > 0 && isspace((unsigned char)start[length - 1]))
		length--;
	return text_copy_n(start, length);
}

/* Puts the next line for inih into ini->line; false at the end of all files. */
static bool
ini_next_line(struct ini *ini)
{
	char *line;

	bytes_clear(&ini->line);
	ini->sent = 0;
	if (ini->mark_is_due) {
		bytes_chars(&ini->line, INI_MARK);
		ini->mark_is_due = false;
	}
	while (ini->line.length == 0 && ini->depth > 0) {
		if (ini_top(ini)->at == ini_top(ini)->text.length) {
			ini_pop(ini);
			continue;
		}
		line = ini_cut_line(ini);
		if (line != NULL)
			ini_take_line(ini, line);
		free(line);
	}
	return ini->line.length > 0;
}

/* ------------------------------------------------------------ inih's side */

/* As fgets: at most SIZE - 1 bytes of the line under way. */
static char *
ini_feed(char *out, int size, void *context)
{
	struct ini *ini = context;
	size_t part;

	if (size < 2 || (ini->sent == ini->line.length && !ini_next_line(ini)))
		return NULL;
	part = min_of((size_t)size - 1, ini->line.length - ini->sent);
	memcpy(out, ini->line.data + ini->sent, part);
	out[part] = '\0';
	ini->sent += part;
	return out;
}

/* The key as meant: without quotes and masks, a doubled double quote as one.  Owned by the caller. */
static char *
ini_unmask_key(const char *name)
{
	bool quoted = *name == '\'' || *name == '"';
	char *key = text_copy(quoted ? name + 1 : name);
	char *to = key;

	if (quoted)
		key[strlen(key) - 1] = '\0';
	for (const char *from = key; *from != '\0'; from++) {
		*to = *from == MASKED_COLON ? ':' : *from == MASKED_EQUALS ? '=' : *from;
		to++;
		if (*name == '"' && from[0] == '"' && from[1] == '"')
			from++;
	}
	*to = '\0';
	return key;
}

static const char *
ini_check_key(const char *name)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.*-";

	if (*name == '\'' || *name == '"')
		return NULL;
	if (*name == '\0')
		return "expected a key before \"=\"";
	return name[strspn(name, plain)] == '\0' ? NULL : "key contains a character that needs quotes around the key";
}

static int
ini_handle(void *context, const char *section, const char *name, const char *value)
{
	struct ini *ini = context;
	struct ini_line line = {.file = ini_top(ini)->name, .number = ini_top(ini)->number, .section = section};
	char *key;

	if (value == NULL) {
		ini->visit(ini->context, &line);
		return 1;
	}
	line.problem = ini_check_key(name);
	if (line.problem != NULL) {
		ini_report(ini, line.problem);
		return 1;
	}
	key = ini_unmask_key(name);
	line.key = key;
	line.value = value;
	ini->visit(ini->context, &line);
	free(key);
	return 1;
}

static void
ini_run(struct ini *ini)
{
	ini_use_stack = false;
	ini_allow_realloc = true;
	ini_initial_alloc = 1024;
	ini_max_line = INI_LONGEST_LINE;
	ini_allow_bom = false; /* ini_push knows which file it belongs to */
	ini_allow_multiline = false;
	ini_allow_inline_comments = false;
	ini_allow_no_value = true;
	ini_stop_on_first_error = false;
	must(ini_parse_stream(ini_feed, ini, ini_handle, ini) == 0);
	must(ini->depth == 0);
	bytes_free(&ini->line);
}

void
ini_read_file(const char *path, ini_visit visit, void *context)
{
	struct ini ini = {.may_include = true, .visit = visit, .context = context};
	struct ini_line line = {.file = path};
	struct bytes text = {0};

	line.problem = file_read(path, &text);
	if (line.problem != NULL) {
		visit(context, &line);
		bytes_free(&text);
		return;
	}
	ini_push(&ini, path, text);
	ini_run(&ini);
}

void
ini_read_text(const char *name, const char *text, size_t length, ini_visit visit, void *context)
{
	struct ini ini = {.visit = visit, .context = context};
	struct bytes copy = {0};

	bytes_append(&copy, text, length);
	ini_push(&ini, name, copy);
	ini_run(&ini);
}
