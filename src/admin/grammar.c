/*
 * admin/grammar.c - reads the console's language; see the header for its rules.
 * What the words mean is the business of command.c.
 */
#include "admin/grammar.h"

#include <string.h>

#include "base/bytes.h"

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

/* PRIMARY behind the database of a PAUSE or RESUME. */
static void
scan_primary(struct scan *s, struct words *out)
{
	static const char primary[] = "primary";

	if (!scan_blanks(s) || !text_starts_nocase(s->at, primary) || is_word(s->at[sizeof(primary) - 1]))
		return;
	s->at += sizeof(primary) - 1;
	out->of_primary = true;
}

/* ------------------------------------------------------------ a statement */

static const char unterminated[] = "unterminated quoted string";

/* The length of "$tag$" at TEXT; 0 when none begins there. */
static size_t
dollar_length(const char *text)
{
	size_t length = 1;

	if (text[0] != '$' || (text[1] >= '0' && text[1] <= '9'))
		return 0;
	while (is_word(text[length]) || (unsigned char)text[length] >= 0x80)
		length++;
	return text[length] == '$' ? length + 1 : 0;
}

static void
scan_dollar(struct scan *s, struct words *out, size_t tag)
{
	const char *begin = s->at + tag, *end = begin;

	while (*end != '\0' && strncmp(end, s->at, tag) != 0)
		end++;
	if (*end == '\0') {
		out->problem = unterminated;
		return;
	}
	out->statement = text_copy_n(begin, (size_t)(end - begin));
	s->at = end + tag;
}

/* Digits of BASE at the scan, MOST of them; -1 when there is none. */
static long
scan_digits(struct scan *s, unsigned base, unsigned most)
{
	static const char digits[] = "0123456789abcdef";
	long value = -1;

	for (unsigned i = 0; i < most && *s->at != '\0'; i++, s->at++) {
		const char *digit = strchr(digits, *s->at | (*s->at >= 'A' ? 0x20 : 0));

		if (digit == NULL || (unsigned)(digit - digits) >= base)
			break;
		value = max_of(value, 0L) * (long)base + (digit - digits);
	}
	return value;
}

static void
put_unicode(struct bytes *out, long code)
{
	if (code < 0x80) {
		bytes_u8(out, (uint8_t)code);
	} else if (code < 0x800) {
		bytes_u8(out, (uint8_t)(0xc0 | code >> 6));
		bytes_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
	} else if (code < 0x10000) {
		bytes_u8(out, (uint8_t)(0xe0 | code >> 12));
		bytes_u8(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
		bytes_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
	} else {
		bytes_u8(out, (uint8_t)(0xf0 | code >> 18));
		bytes_u8(out, (uint8_t)(0x80 | (code >> 12 & 0x3f)));
		bytes_u8(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
		bytes_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
	}
}

/* What follows a backslash: PostgreSQL manual, "String Constants with C-Style Escapes". */
static void
scan_escape(struct scan *s, struct words *out, struct bytes *to)
{
	static const char letters[] = "bfnrt", bytes[] = "\b\f\n\r\t";
	const char *letter = *s->at != '\0' ? strchr(letters, *s->at) : NULL;
	bool is_code = *s->at == 'x' || *s->at == 'u' || *s->at == 'U';
	unsigned most = *s->at == 'x' ? 2 : *s->at == 'u' ? 4 : 8;
	bool is_unicode = is_code && most > 2;
	long code;

	if (!is_code && !(*s->at >= '0' && *s->at <= '7')) {
		if (*s->at != '\0')
			bytes_u8(to, (uint8_t)(letter != NULL ? bytes[letter - letters] : *s->at++));
		s->at += letter != NULL;
		return;
	}
	s->at += is_code;
	code = is_code ? scan_digits(s, 16, most) : scan_digits(s, 8, 3);
	if (code <= 0 || code > 0x10ffff || (is_unicode && code >= 0xd800 && code < 0xe000) ||
	    (!is_unicode && (uint8_t)code == 0))
		out->problem = "invalid escape in a string constant";
	else if (is_unicode)
		put_unicode(to, code);
	else
		bytes_u8(to, (uint8_t)code);
}

/* A string between single quotes; its end is behind the last one. */
static void
scan_string(struct scan *s, struct words *out, bool escapes)
{
	struct bytes to = {0};

	for (s->at++; out->problem == NULL; ) {
		if (*s->at == '\0') {
			out->problem = unterminated;
		} else if (*s->at == '\'' && *++s->at != '\'') {
			break;
		} else if (escapes && *s->at == '\\') {
			s->at++;
			scan_escape(s, out, &to);
		} else {
			bytes_u8(&to, (uint8_t)*s->at++);
		}
	}
	if (out->problem == NULL)
		out->statement = text_copy_n(to.length > 0 ? to.data : "", to.length);
	bytes_free(&to);
}

/* Whatever it is, it is of the language: what is wrong with it is told when the command runs. */
static enum grammar_outcome
scan_statement(struct scan *s, struct words *out)
{
	size_t tag;

	scan_blanks(s);
	tag = dollar_length(s->at);
	if (tag > 0)
		scan_dollar(s, out, tag);
	else if (*s->at == '\'')
		scan_string(s, out, false);
	else if ((*s->at | 0x20) == 'e' && s->at[1] == '\'') {
		s->at++;
		scan_string(s, out, true);
	} else {
		out->statement = *s->at != '\0' && *s->at != ';' ? text_copy(s->at) : NULL;
		return GRAMMAR_OK;
	}
	if (out->problem == NULL && scan_end(s, out) != GRAMMAR_OK)
		out->problem = "syntax error behind the statement: it is one string, or stands there without quotes";
	return GRAMMAR_OK;
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
	if (text_equal_nocase(out->command, "ROUTE") && !s.failed && !s.too_long)
		return scan_statement(&s, out);
	if (text_equal_nocase(out->command, "PAUSE") || text_equal_nocase(out->command, "RESUME"))
		scan_primary(&s, out);
	if (text_equal_nocase(out->command, "SET") && !scan_assignment(&s, out))
		return GRAMMAR_INVALID;
	return scan_end(&s, out);
}
