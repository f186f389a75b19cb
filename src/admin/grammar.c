/*
 * admin/grammar.c - reads the console's language; see the header for its rules.
 * What the words mean is the business of command.c.
 */
#include "admin/grammar.h"

#include <string.h>

struct scan {
	const char *at;
	bool failed;   /* not of the language */
	bool too_long; /* of the language, but it does not fit */
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Skips blanks; true when there was one. */
static bool
scan_blanks(struct scan *s)
{
	const char *begin = s->at;

	while (is_blank(*s->at))
		s->at++;
	return s->at > begin;
}

static void
scan_put(struct scan *s, char *out, size_t size, size_t *length, char c)
{
	if (*length + 1 >= size) {
		s->too_long = true;
		return;
	}
	out[(*length)++] = c;
	out[*length] = '\0';
}

/* What is between two QUOTEs, which are doubled inside. */
static void
scan_quoted(struct scan *s, char quote, char *out, size_t size)
{
	size_t length = 0;

	out[0] = '\0';
	for (s->at++;; s->at++) {
		if (*s->at == '\0') {
			s->failed = true;
			return;
		}
		if (*s->at == quote && *++s->at != quote)
			return;
		scan_put(s, out, size, &length, *s->at);
	}
}

static void
scan_word(struct scan *s, char *out, size_t size)
{
	size_t length = 0;

	if (*s->at == '"') {
		scan_quoted(s, '"', out, size);
		return;
	}
	s->failed = s->failed || !is_word(*s->at);
	for (; is_word(*s->at); s->at++)
		scan_put(s, out, size, &length, *s->at);
}

static void
scan_value(struct scan *s, char *out, size_t size)
{
	size_t length = 0;

	if (*s->at == '\'' || *s->at == '"') {
		scan_quoted(s, *s->at, out, size);
		return;
	}
	s->failed = s->failed || *s->at == '\0' || *s->at == ';';
	for (; *s->at != '\0' && *s->at != ';' && *s->at != '\'' && *s->at != '"' && !is_blank(*s->at); s->at++)
		scan_put(s, out, size, &length, *s->at);
}

/* The end of the text, with or without a semicolon. */
static enum grammar_outcome
scan_end(struct scan *s, struct words *out)
{
	scan_blanks(s);
	if (*s->at == ';')
		s->at++;
	scan_blanks(s);
	if (s->failed || *s->at != '\0')
		return GRAMMAR_INVALID;
	if (s->too_long)
		return GRAMMAR_TOO_LONG;
	if (text_equal_nocase(out->command, "SELECT"))
		memcpy(out->command, "SHOW", sizeof("SHOW"));
	return GRAMMAR_OK;
}

/* `= value` or `TO value`; false when neither follows, and nothing was read. */
static bool
scan_assignment(struct scan *s, struct words *out)
{
	bool blank = scan_blanks(s);

	if (*s->at == '=')
		s->at++;
	else if (blank && text_starts_nocase(s->at, "to") && (is_blank(s->at[2]) || s->at[2] == '\''))
		s->at += 2;
	else
		return false;
	scan_blanks(s);
	scan_value(s, out->value, sizeof(out->value));
	out->has_value = true;
	return true;
}

enum grammar_outcome
grammar_read(const char *text, struct words *out)
{
	struct scan s = {.at = text};

	*out = (struct words){0};
	scan_blanks(&s);
	if (*s.at == '\0' || *s.at == ';')
		return scan_end(&s, out) == GRAMMAR_OK ? GRAMMAR_EMPTY : GRAMMAR_INVALID;
	scan_word(&s, out->command, sizeof(out->command));
	if (!scan_blanks(&s) || *s.at == '\0' || *s.at == ';')
		return scan_end(&s, out);
	out->has_argument = true;
	scan_word(&s, out->argument, sizeof(out->argument));
	if (text_equal_nocase(out->command, "SET") && !scan_assignment(&s, out))
		return GRAMMAR_INVALID;
	return scan_end(&s, out);
}
