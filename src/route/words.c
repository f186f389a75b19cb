/*
 * words.c - a scanner of names: all of PostgreSQL's lexical structure that is needed
 * to tell a name from what stands in a string or a comment.
 */
#include "words.h"

#include <string.h>

enum word_class { CLASS_SIGN, CLASS_SPACE, CLASS_LETTER, CLASS_DIGIT };

static const unsigned char classes[256] = {
    [' '] = CLASS_SPACE, ['\t'] = CLASS_SPACE, ['\n'] = CLASS_SPACE, ['\r'] = CLASS_SPACE, ['\f'] = CLASS_SPACE, ['\v'] = CLASS_SPACE,
    ['a' ... 'z'] = CLASS_LETTER, ['A' ... 'Z'] = CLASS_LETTER, ['_'] = CLASS_LETTER, [0x80 ... 0xff] = CLASS_LETTER,
    ['0' ... '9'] = CLASS_DIGIT,
};

struct words
words_over(const char *text, size_t length)
{
	return (struct words){.at = (const unsigned char *)text, .end = (const unsigned char *)text + length};
}

static unsigned char
peek(const struct words *w, size_t ahead)
{
	return (size_t)(w->end - w->at) > ahead ? w->at[ahead] : 0;
}

static bool
is_word_part(unsigned char c)
{
	return classes[c] >= CLASS_LETTER || c == '$';
}

/* Comments nest. */
static bool
skip_block_comment(struct words *w)
{
	unsigned depth = 0;

	while (w->end - w->at >= 2) {
		if (w->at[0] == '/' && w->at[1] == '*')
			depth++;
		else if (w->at[0] == '*' && w->at[1] == '/')
			depth--;
		else {
			w->at++;
			continue;
		}
		w->at += 2;
		if (depth == 0)
			return true;
	}
	return false;
}

static bool
skip_space(struct words *w)
{
	for (;;) {
		while (w->at < w->end && classes[*w->at] == CLASS_SPACE)
			w->at++;
		if (peek(w, 0) == '-' && peek(w, 1) == '-') {
			while (w->at < w->end && *w->at != '\n' && *w->at != '\r')
				w->at++;
		} else if (peek(w, 0) == '/' && peek(w, 1) == '*') {
			if (!skip_block_comment(w))
				return false;
		} else
			return true;
	}
}

/* Keeps LENGTH bytes as the token's name, in lower case when FOLDS. */
static void
keep_name(struct words *w, const unsigned char *from, size_t length, bool folds)
{
	unsigned char seen = 0;

	w->is_odd = length > WORD_NAME_MAX;
	if (w->is_odd)
		length = 0;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = from[i];

		seen |= c;
		w->name[i] = (char)(folds && c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	w->name[length] = '\0';
	w->has_non_ascii = seen >= 0x80;
}

/* Up to the closing QUOTE, which is no doubled one; at stands behind the opening one.  NULL without an end. */
static const unsigned char *
find_close(struct words *w, unsigned char quote, bool *has_doubled)
{
	for (;;) {
		const unsigned char *found = memchr(w->at, quote, (size_t)(w->end - w->at));

		if (found == NULL)
			return NULL;
		w->at = found + 1;
		if (peek(w, 0) != quote)
			return found;
		*has_doubled = true;
		w->at++;
	}
}

static enum token
take_quoted(struct words *w, unsigned char quote, enum token token)
{
	const unsigned char *start = ++w->at, *close;
	bool has_doubled = false;

	close = find_close(w, quote, &has_doubled);
	if (close == NULL)
		return TOKEN_DOUBT;
	keep_name(w, start, has_doubled ? WORD_NAME_MAX + 1 : (size_t)(close - start), false);
	return token;
}

static enum token
take_escape_string(struct words *w)
{
	const unsigned char *start = ++w->at;
	bool is_plain = true;

	for (; w->at < w->end; w->at++) {
		if (*w->at == '\\' && w->end - w->at > 1) {
			is_plain = false;
			w->at++;
		} else if (*w->at == '\'') {
			w->at++;
			if (peek(w, 0) == '\'') {
				is_plain = false;
				continue;
			}
			keep_name(w, start, is_plain ? (size_t)(w->at - 1 - start) : WORD_NAME_MAX + 1, false);
			return TOKEN_STRING;
		}
	}
	return TOKEN_DOUBT;
}

/* b'', x'', n'', u&'': what they say is of no use. */
static enum token
take_prefixed_string(struct words *w)
{
	enum token token = take_quoted(w, '\'', TOKEN_STRING);

	w->name[0] = '\0';
	return token;
}

static enum token
take_word(struct words *w)
{
	const unsigned char *start = w->at;
	unsigned char first = *start | 0x20;

	while (w->at < w->end && is_word_part(*w->at))
		w->at++;
	if (w->at - start == 1 && peek(w, 0) == '\'') {
		if (first == 'e')
			return take_escape_string(w);
		if (first == 'b' || first == 'x' || first == 'n')
			return take_prefixed_string(w);
	}
	if (w->at - start == 1 && first == 'u' && peek(w, 0) == '&' && peek(w, 1) == '"')
		return TOKEN_DOUBT;
	if (w->at - start == 1 && first == 'u' && peek(w, 0) == '&' && peek(w, 1) == '\'') {
		w->at++;
		return take_prefixed_string(w);
	}
	keep_name(w, start, (size_t)(w->at - start), true);
	return TOKEN_WORD;
}

/* $1, or $tag$...$tag$; a lone dollar is a sign. */
static enum token
take_dollar(struct words *w)
{
	const unsigned char *start = w->at++, *close;
	size_t tag;

	if (classes[peek(w, 0)] == CLASS_DIGIT) {
		while (w->at < w->end && classes[*w->at] == CLASS_DIGIT)
			w->at++;
		return TOKEN_OTHER;
	}
	while (w->at < w->end && classes[*w->at] >= CLASS_LETTER)
		w->at++;
	if (peek(w, 0) != '$') {
		w->at = start + 1;
		w->sign = '$';
		return TOKEN_SIGN;
	}
	w->at++;
	tag = (size_t)(w->at - start);
	close = memmem(w->at, (size_t)(w->end - w->at), start, tag);
	if (close == NULL)
		return TOKEN_DOUBT;
	keep_name(w, w->at, (size_t)(close - w->at), false);
	w->at = close + tag;
	return TOKEN_STRING;
}

/* Letters behind the digits are a word of their own, as servers before 15 have it. */
static enum token
take_number(struct words *w)
{
	while (w->at < w->end && (classes[*w->at] == CLASS_DIGIT || (*w->at == '.' && peek(w, 1) != '.')))
		w->at++;
	return TOKEN_OTHER;
}

enum token
words_next(struct words *w)
{
	w->sign = '\0';
	w->name[0] = '\0';
	w->is_odd = w->has_non_ascii = false;
	if (!skip_space(w))
		return TOKEN_DOUBT;
	w->start = w->at;
	if (w->at >= w->end)
		return TOKEN_END;
	switch (*w->at) {
	case '\'':
		return take_quoted(w, '\'', TOKEN_STRING);
	case '"':
		return take_quoted(w, '"', TOKEN_NAME);
	case '$':
		return take_dollar(w);
	default:
		break;
	}
	if (classes[*w->at] == CLASS_LETTER)
		return take_word(w);
	if (classes[*w->at] == CLASS_DIGIT || (*w->at == '.' && classes[peek(w, 1)] == CLASS_DIGIT))
		return take_number(w);
	w->sign = (char)*w->at++;
	return TOKEN_SIGN;
}
