/*
 * config/ident.c - a file of ident maps as one immutable object:
 *
 *     map  system-name|/pattern  user|all|/pattern
 */
#include "config/ident.h"

#include <stdlib.h>
#include <string.h>

#include "hba_rule.h"

struct ident *
ident_ref(struct ident *i)
{
	if (i != NULL)
		__atomic_add_fetch(&i->references, 1, __ATOMIC_RELAXED);
	return i;
}

static void
ident_line_free(struct ident_line *line)
{
	free(line->file);
	free(line->map);
	free(line->system_name);
	pattern_free(line->pattern);
	hba_word_free(&line->user);
}

void
ident_unref(struct ident *i)
{
	if (i == NULL || __atomic_sub_fetch(&i->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (size_t k = 0; k < i->count; k++)
		ident_line_free(&i->lines[k]);
	free(i->lines);
	free(i);
}

bool
ident_has_map(const struct ident *i, const char *map)
{
	for (size_t k = 0; i != NULL && k < i->count; k++)
		if (strcmp(i->lines[k].map, map) == 0)
			return true;
	return false;
}

/* Three fields of one word each. */
static bool
ident_has_three_words(struct hba_scan *scan, const struct hba_line *line)
{
	static const char *const names[] = {"map", "system name", "user"};

	for (size_t i = 0; i < array_length(names); i++) {
		if (i >= line->count)
			hba_scan_error(scan, line, "the line ends before the %s", names[i]);
		else if (line->fields[i].count != 1)
			hba_scan_error(scan, line, "the %s must be one word", names[i]);
		else
			continue;
		return false;
	}
	if (line->count == array_length(names))
		return true;
	hba_scan_error(scan, line, "nothing may follow the user");
	return false;
}

static bool
ident_read_line(struct hba_scan *scan, const struct hba_line *line, struct ident_line *out)
{
	static const struct hba_keyword no_words[] = {{NULL, HBA_NAME}}, user_words[] = {{"all", HBA_ALL}, {NULL, HBA_NAME}};
	struct hba_word system_name = {0};
	bool ok;

	if (!ident_has_three_words(scan, line))
		return false;
	out->file = text_copy(line->file);
	out->line = line->number;
	out->map = text_copy(line->fields[0].tokens[0].text);
	/* A system's name is not a role: a plus before it is a part of the name. */
	if (line->fields[1].tokens[0].text[0] == '/')
		ok = hba_word_read(scan, line, "system name", no_words, &line->fields[1].tokens[0], &system_name);
	else
		ok = (system_name.text = text_copy(line->fields[1].tokens[0].text)) != NULL;
	out->system_name = system_name.text;
	out->pattern = system_name.pattern;
	ok = hba_word_read(scan, line, "user", user_words, &line->fields[2].tokens[0], &out->user) && ok;
	if (!ok || out->user.meaning != HBA_NAME || strstr(out->user.text, "\\1") == NULL)
		return ok;
	if (out->pattern == NULL || pattern_groups(out->pattern) > 0)
		return true;
	hba_scan_error(scan, line, "regular expression \"%s\" has no group for \\1 in \"%s\"", out->system_name + 1,
	    out->user.text);
	return false;
}

static void
ident_take_line(struct hba_scan *scan, const struct hba_line *line)
{
	struct ident *i = scan->context;
	struct ident_line one = {0};

	if (!ident_read_line(scan, line, &one)) {
		ident_line_free(&one);
		return;
	}
	if ((i->count & (i->count - 1)) == 0)
		i->lines = memory_resize(i->lines, max_of(2 * i->count, 1) * sizeof(*i->lines));
	i->lines[i->count++] = one;
}

static struct hba_scan
ident_begin(const struct hba_sink *sink)
{
	struct ident *i = memory_new(sizeof(*i));

	i->references = 1;
	return (struct hba_scan){.sink = sink, .take = ident_take_line, .context = i};
}

static struct ident *
ident_end(struct hba_scan *scan)
{
	if (scan->errors == 0)
		return scan->context;
	ident_unref(scan->context);
	return NULL;
}

struct ident *
ident_read_file(const char *path, const struct hba_sink *sink)
{
	struct hba_scan scan = ident_begin(sink);

	scan.may_open = true;
	hba_scan_file(&scan, path);
	return ident_end(&scan);
}

struct ident *
ident_read_text(const char *name, const char *text, size_t length, const struct hba_sink *sink)
{
	struct hba_scan scan = ident_begin(sink);

	hba_scan_text(&scan, name, text, length);
	return ident_end(&scan);
}
