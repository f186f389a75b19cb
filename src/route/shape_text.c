/*
 * shape_text.c - a statement for people to recognize: constants are question marks,
 * comments are gone, white space is one blank.
 *
 * What is in a constant may be a secret.  Where its end is in doubt, the text ends.
 */
#include "route/shape.h"

#include <ctype.h>
#include <string.h>

struct shaping {
	const char *at;
	const char *end;
	char *out;
	size_t used;
	size_t size;
	bool blank; /* white space or a comment since the last character */
};

static void
shaping_put(struct shaping *s, char c)
{
	if (s->blank && s->used > 0) {
		/* No room for a blank and what follows it: two words would become one. */
		if (s->used + 2 >= s->size) {
			s->size = s->used + 1;
			return;
		}
		s->out[s->used++] = ' ';
	}
	s->blank = false;
	if (s->used + 1 < s->size)
		s->out[s->used++] = (unsigned char)c < 32 || (unsigned char)c == 127 ? '?' : c;
}

static bool
is_of_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 128;
}

static void
skip_line(struct shaping *s)
{
	while (s->at < s->end && *s->at != '\n')
		s->at++;
	s->blank = true;
}

static void
skip_comment(struct shaping *s)
{
	unsigned depth = 0;

	do {
		size_t left = (size_t)(s->end - s->at);

		if (left >= 2 && s->at[0] == '/' && s->at[1] == '*') {
			depth++;
			s->at += 2;
		} else if (left >= 2 && s->at[0] == '*' && s->at[1] == '/') {
			depth--;
			s->at += 2;
		} else {
			s->at++;
		}
	} while (depth > 0 && s->at < s->end);
	s->blank = true;
}

/* 'it''s'; a backslash may or may not hide the quote behind it, so what follows is not looked at. */
static void
shape_string(struct shaping *s)
{
	shaping_put(s, '?');
	for (s->at++; s->at < s->end; s->at++) {
		if (*s->at == '\\') {
			s->at = s->end;
			return;
		}
		if (*s->at != '\'')
			continue;
		s->at++;
		if (s->at == s->end || *s->at != '\'')
			return;
	}
}

/* $tag$ … $tag$: true when there is one here, and it was taken. */
static bool
shape_dollars(struct shaping *s)
{
	const char *tag = s->at, *close;
	size_t length;

	for (s->at++; s->at < s->end && is_of_word(*s->at) && *s->at != '$'; s->at++)
		continue;
	if (s->at == s->end || *s->at != '$' || isdigit((unsigned char)tag[1])) {
		s->at = tag;
		return false;
	}
	length = (size_t)(s->at + 1 - tag);
	close = memmem(s->at + 1, (size_t)(s->end - s->at - 1), tag, length);
	s->at = close != NULL ? close + length : s->end;
	shaping_put(s, '?');
	return true;
}

static void
shape_identifier(struct shaping *s)
{
	do {
		shaping_put(s, *s->at++);
	} while (s->at < s->end && *s->at != '"');
	if (s->at < s->end)
		shaping_put(s, *s->at++);
}

/* A prefix of a string (E, B, X, N, U&) is part of the constant. */
static bool
word_is_prefix(const char *word, size_t length, const char *end)
{
	if (word + length < end && word[length] == '\'' && length == 1)
		return strchr("eEbBxXnN", word[0]) != NULL;
	return length == 1 && (word[0] | 0x20) == 'u' && end - word > 2 && word[1] == '&' && (word[2] == '\'');
}

static void
shape_word(struct shaping *s)
{
	const char *word = s->at;

	while (s->at < s->end && is_of_word(*s->at))
		s->at++;
	if (word_is_prefix(word, (size_t)(s->at - word), s->end)) {
		s->at += *s->at == '&';
		shape_string(s);
		return;
	}
	for (const char *p = word; p < s->at; p++)
		shaping_put(s, *p);
}

static void
shape_number(struct shaping *s)
{
	while (s->at < s->end && (is_of_word(*s->at) || *s->at == '.'))
		s->at++;
	shaping_put(s, '?');
}

static void
shape_step(struct shaping *s)
{
	char c = *s->at;
	char next = s->end - s->at > 1 ? s->at[1] : '\0';

	if (isspace((unsigned char)c)) {
		s->blank = true;
		s->at++;
	} else if (c == '-' && next == '-') {
		skip_line(s);
	} else if (c == '/' && next == '*') {
		skip_comment(s);
	} else if (c == '\'') {
		shape_string(s);
	} else if (c == '$' && shape_dollars(s)) {
		return;
	} else if (c == '"') {
		shape_identifier(s);
	} else if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)next))) {
		shape_number(s);
	} else if (is_of_word(c)) {
		shape_word(s);
	} else {
		shaping_put(s, c);
		s->at++;
	}
}

void
shape_write(const char *text, size_t length, char *out, size_t size)
{
	struct shaping s = {.at = text, .end = text + length, .out = out, .size = size};

	while (s.at < s.end && s.used + 1 < size)
		shape_step(&s);
	out[s.used] = '\0';
}
