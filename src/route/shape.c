/*
 * shape.c - the scanner that turns a statement into its shape.
 *
 *     select * from t where id = 42 -- x      select * from t where id = <number>
 *     SELECT  * FROM t  WHERE id = 43         (one shape)
 *
 * It knows the tokens of PostgreSQL's lexer (PostgreSQL docs, "Lexical Structure")
 * and nothing of the grammar.  Every token goes into the hash with a blank in front
 * when white space or a comment stood there, so that only constants, comments,
 * letter case and the amount of white space are forgotten.  Whatever is unusual (a string that
 * goes on behind a line break, unicode escapes, numbers with letters behind them)
 * is doubt, and doubt hashes the text as it is.
 */
#include "route/shape.h"

#include "canon.h"
#include "hint.h"

/* What may be inside of a word comes last. */
enum char_class { IS_OTHER, IS_SPACE, IS_QUOTE, IS_DOUBLE_QUOTE, IS_DOT, IS_SIGN, IS_SEMICOLON, IS_WORD, IS_DIGIT, IS_DOLLAR };

static const unsigned char classes[256] = {
	[' '] = IS_SPACE, ['\t'] = IS_SPACE, ['\n'] = IS_SPACE, ['\r'] = IS_SPACE, ['\f'] = IS_SPACE,
	['a' ... 'z'] = IS_WORD, ['A' ... 'Z'] = IS_WORD, ['_'] = IS_WORD, [0x80 ... 0xff] = IS_WORD,
	['0' ... '9'] = IS_DIGIT, ['\''] = IS_QUOTE, ['"'] = IS_DOUBLE_QUOTE, ['$'] = IS_DOLLAR, ['.'] = IS_DOT,
	[';'] = IS_SEMICOLON,
	[','] = IS_SIGN, ['('] = IS_SIGN, [')'] = IS_SIGN, ['['] = IS_SIGN, [']'] = IS_SIGN, [':'] = IS_SIGN,
	['+'] = IS_SIGN, ['-'] = IS_SIGN, ['*'] = IS_SIGN, ['/'] = IS_SIGN, ['<'] = IS_SIGN, ['>'] = IS_SIGN,
	['='] = IS_SIGN, ['~'] = IS_SIGN, ['!'] = IS_SIGN, ['@'] = IS_SIGN, ['#'] = IS_SIGN, ['%'] = IS_SIGN,
	['^'] = IS_SIGN, ['&'] = IS_SIGN, ['|'] = IS_SIGN, ['`'] = IS_SIGN, ['?'] = IS_SIGN,
};

/* What stands in the hash for a folded constant; no token outside quotes has these bytes. */
enum mark { MARK_INTEGER = 1, MARK_NUMBER, MARK_STRING, MARK_ESCAPE_STRING, MARK_BITS, MARK_HEX, MARK_NATIONAL };

#define WORD_MAX 63 /* longer names are cut by the server: doubt */

struct scan {
	const unsigned char *at;
	const unsigned char *end;
	bool folds;             /* constants are forgotten */
	bool at_start;          /* no word of the current statement yet */
	bool any_token;         /* a token other than a semicolon was seen */
	bool after_string;      /* the last token was a string */
	const unsigned char *kept; /* where a constant stands that is not forgotten */
	enum route_hint first;  /* hint in the comments before the first token */
	enum route_hint last;   /* hint in the comments behind the last token */
	struct shape *out;
	struct canon canon;
};

static inline bool
is_word_part(unsigned char c)
{
	return classes[c] >= IS_WORD;
}

static inline unsigned char
peek(const struct scan *s, size_t ahead)
{
	return (size_t)(s->end - s->at) > ahead ? s->at[ahead] : 0;
}

static void
scan_note_comment(struct scan *s, const unsigned char *inside, const unsigned char *inside_end)
{
	enum route_hint hint = hint_read((const char *)inside, (size_t)(inside_end - inside));

	if (!s->any_token)
		s->first = hint_stronger(s->first, hint);
	else
		s->last = hint_stronger(s->last, hint);
}

static void
scan_line_comment(struct scan *s)
{
	const unsigned char *inside = s->at + 2;

	while (s->at < s->end && *s->at != '\n' && *s->at != '\r')
		s->at++;
	scan_note_comment(s, inside, s->at);
}

/* Comments nest.  False when it does not end. */
static bool
scan_block_comment(struct scan *s)
{
	const unsigned char *inside = s->at + 2;
	unsigned depth = 0;

	while (s->end - s->at >= 2) {
		if (s->at[0] == '/' && s->at[1] == '*')
			depth++;
		else if (s->at[0] == '*' && s->at[1] == '/')
			depth--;
		else {
			s->at++;
			continue;
		}
		s->at += 2;
		if (depth == 0) {
			scan_note_comment(s, inside, s->at - 2);
			return true;
		}
	}
	return false;
}

static inline void
scan_all_of(struct scan *s, unsigned char class)
{
	const unsigned char *at = s->at, *end = s->end;

	while (at < end && classes[*at] == class)
		at++;
	s->at = at;
}

/* False in doubt. */
static bool
scan_comments(struct scan *s)
{
	for (;; scan_all_of(s, IS_SPACE)) {
		if (peek(s, 0) == '-' && peek(s, 1) == '-')
			scan_line_comment(s);
		else if (peek(s, 0) != '/' || peek(s, 1) != '*')
			return true;
		else if (!scan_block_comment(s))
			return false;
	}
}

/* Skips white space and comments, and leaves one blank for them.  False in doubt. */
static inline bool
scan_space(struct scan *s)
{
	const unsigned char *start = s->at;

	scan_all_of(s, IS_SPACE);
	if (s->at < s->end && (*s->at == '-' || *s->at == '/') && !scan_comments(s))
		return false;
	if (s->at > start && s->any_token)
		canon_byte(&s->canon, ' ');
	return true;
}

static inline void
scan_put_constant(struct scan *s, enum mark mark, const unsigned char *start)
{
	if (s->folds && start != s->kept)
		canon_byte(&s->canon, (unsigned char)mark);
	else
		canon_bytes(&s->canon, start, (size_t)(s->at - start));
}

/* '...' with doubled quotes; at stands on the opening quote. */
static bool
scan_plain_string(struct scan *s)
{
	s->at++;
	for (;;) {
		const unsigned char *quote = memchr(s->at, '\'', (size_t)(s->end - s->at));

		if (quote == NULL)
			return false;
		s->at = quote + 1;
		if (peek(s, 0) != '\'')
			return true;
		s->at++;
	}
}

/* E'...'; escapes by number may be wrong in a way that the parser refuses: doubt. */
static bool
scan_escape_string(struct scan *s)
{
	for (s->at++; s->at < s->end; s->at++) {
		if (*s->at == '\\') {
			s->at++;
			if (s->at == s->end || (*s->at >= '0' && *s->at <= '7') || memchr("xuU", *s->at, 3) != NULL)
				return false;
		} else if (*s->at == '\'') {
			s->at++;
			if (peek(s, 0) != '\'')
				return true;
		}
	}
	return false;
}

static bool
scan_string(struct scan *s, enum mark mark, const unsigned char *start)
{
	if (s->after_string && mark == MARK_STRING)
		return false;
	if (!(mark == MARK_ESCAPE_STRING ? scan_escape_string(s) : scan_plain_string(s)))
		return false;
	scan_put_constant(s, mark, start);
	s->after_string = true;
	return true;
}

static bool
word_is(const unsigned char *word, size_t length, const char *other)
{
	return length == strlen(other) && memcmp(word, other, length) == 0;
}

static bool
word_starts_foldable(const unsigned char *word, size_t length)
{
	static const char *const words[] = {"select", "insert", "update", "delete", "with", "values", "merge", "table"};

	for (size_t i = 0; i < array_length(words); i++) {
		if (word_is(word, length, words[i]))
			return true;
	}
	return false;
}

/* The first argument of set_config says which setting: a constant there is part of the shape. */
static void
scan_keep_argument(struct scan *s)
{
	const unsigned char *at = s->at;

	while (at < s->end && (classes[*at] == IS_SPACE || *at == '('))
		at++;
	s->kept = at;
	if (at < s->end && (*at == '-' || *at == '/'))
		s->folds = false;
}

/* Names whose constants decide something: nothing behind them is folded. */
static void
scan_note_name(struct scan *s, const unsigned char *word, size_t length)
{
	if (length == 10 && word_is(word, length, "set_config"))
		scan_keep_argument(s);
	else if ((length == 15 && word_is(word, length, "current_setting")) ||
	    (length == 7 && word_is(word, length, "uescape")) || (length == 5 && word_is(word, length, "float")))
		s->folds = false;
}

static void
scan_first_word(struct scan *s, const unsigned char *word, size_t length)
{
	if (s->out->first_word[0] == '\0')
		memcpy(s->out->first_word, word, min_of(length, sizeof(s->out->first_word) - 1));
	/* once off it stays off: EXPLAIN (ANALYZE 0) and its kin are decided by constants */
	if (!word_starts_foldable(word, length))
		s->folds = false;
	s->at_start = false;
}

static enum mark
mark_of_prefix(unsigned char prefix)
{
	switch (prefix) {
	case 'e':
		return MARK_ESCAPE_STRING;
	case 'b':
		return MARK_BITS;
	case 'x':
		return MARK_HEX;
	default:
		return MARK_NATIONAL;
	}
}

/* Copies a word of at most MOST bytes in lower case; answers its length. */
static inline size_t
scan_fold_word(const unsigned char *from, size_t most, unsigned char *to)
{
	size_t length = 0;

	for (; length < most && is_word_part(from[length]); length++)
		to[length] = (unsigned char)(from[length] | (unsigned)((unsigned)(from[length] - 'A') < 26u) << 5);
	return length;
}

static bool
scan_word(struct scan *s)
{
	const unsigned char *start = s->at;
	unsigned char *word = canon_reserve(&s->canon, WORD_MAX + 1);
	size_t left = (size_t)(s->end - start), length = scan_fold_word(start, min_of(left, (size_t)WORD_MAX + 1), word);

	if (length > WORD_MAX)
		return false;
	s->at += length;
	if (length == 1 && peek(s, 0) == '\'' && memchr("ebxn", word[0], 4) != NULL && !s->at_start)
		return scan_string(s, mark_of_prefix(word[0]), start);
	if (word[0] == 'u' && length == 1 && peek(s, 0) == '&')
		return false;
	s->canon.used += length;
	s->after_string = false;
	if (s->at_start)
		scan_first_word(s, word, length);
	scan_note_name(s, word, length);
	return true;
}

static bool
scan_quoted_name(struct scan *s)
{
	const unsigned char *start = s->at++;

	for (;;) {
		const unsigned char *quote = memchr(s->at, '"', (size_t)(s->end - s->at));

		if (quote == NULL)
			return false;
		s->at = quote + 1;
		if (peek(s, 0) != '"')
			break;
		s->at++;
	}
	canon_bytes(&s->canon, start, (size_t)(s->at - start));
	scan_note_name(s, start + 1, (size_t)(s->at - start - 2));
	return true;
}

static bool
scan_number(struct scan *s)
{
	const unsigned char *start = s->at;
	enum mark mark;

	scan_all_of(s, IS_DIGIT);
	mark = *start == '.' || s->at - start > 9 ? MARK_NUMBER : MARK_INTEGER;
	if (peek(s, 0) == '.') {
		mark = MARK_NUMBER;
		s->at++;
		scan_all_of(s, IS_DIGIT);
	}
	if (peek(s, 0) == 'e' || peek(s, 0) == 'E') {
		size_t sign = peek(s, 1) == '+' || peek(s, 1) == '-';

		mark = MARK_NUMBER;
		s->at += min_of(1 + sign, (size_t)(s->end - s->at));
		if (classes[peek(s, 0)] != IS_DIGIT)
			return false;
		scan_all_of(s, IS_DIGIT);
	}
	if (s->at < s->end && (is_word_part(*s->at) || *s->at == '.'))
		return false;
	scan_put_constant(s, mark, start);
	return true;
}

static bool
scan_dollar_string(struct scan *s)
{
	const unsigned char *start = s->at++;
	const unsigned char *close;
	size_t tag;

	while (s->at < s->end && is_word_part(*s->at) && *s->at != '$')
		s->at++;
	if (peek(s, 0) != '$')
		return false;
	s->at++;
	tag = (size_t)(s->at - start);
	close = memmem(s->at, (size_t)(s->end - s->at), start, tag);
	if (close == NULL)
		return false;
	s->at = close + tag;
	scan_put_constant(s, MARK_STRING, start);
	return true;
}

/* $1 is kept as it is; $tag$...$tag$ is a string. */
static bool
scan_dollar(struct scan *s)
{
	const unsigned char *start = s->at;

	if (classes[peek(s, 1)] != IS_DIGIT)
		return scan_dollar_string(s);
	s->at++;
	scan_all_of(s, IS_DIGIT);
	if (s->at < s->end && is_word_part(*s->at))
		return false;
	canon_bytes(&s->canon, start, (size_t)(s->at - start));
	return true;
}

static bool
scan_sign(struct scan *s)
{
	unsigned char c = *s->at++;

	if (s->at_start && c != '(') {
		s->folds = false;
		s->at_start = false;
	}
	canon_byte(&s->canon, c);
	return true;
}

static bool
scan_one(struct scan *s)
{
	unsigned char class = classes[*s->at];
	bool ok;

	if (class == IS_WORD)
		return scan_word(s);
	if (class == IS_QUOTE)
		return !s->at_start && scan_string(s, MARK_STRING, s->at);
	if (class == IS_DOLLAR)
		ok = !s->at_start && scan_dollar(s);
	else if (class == IS_DIGIT || (class == IS_DOT && classes[peek(s, 1)] == IS_DIGIT))
		ok = !s->at_start && scan_number(s);
	else if (class == IS_DOUBLE_QUOTE)
		ok = !s->at_start && scan_quoted_name(s);
	else if (class == IS_SIGN || class == IS_DOT)
		ok = scan_sign(s);
	else
		return false;
	s->after_string = false;
	return ok;
}

/* False in doubt. */
static bool
scan_all(struct scan *s)
{
	for (;;) {
		if (!scan_space(s))
			return false;
		if (s->at == s->end)
			return true;
		if (*s->at == ';') {
			s->at++;
			s->at_start = true;
			s->after_string = false;
			canon_byte(&s->canon, ';');
			continue;
		}
		if (s->at_start && s->any_token && *s->at != '(')
			s->out->is_several = true;
		s->any_token = true;
		s->last = HINT_NONE;
		if (!scan_one(s))
			return false;
	}
}

static bool
has_non_ascii(const char *text, size_t length)
{
	uint64_t seen = 0;
	size_t i = 0;

	for (; length - i >= sizeof(seen); i += sizeof(seen)) {
		uint64_t word;

		memcpy(&word, text + i, sizeof(word));
		seen |= word;
	}
	for (; i < length; i++)
		seen |= (unsigned char)text[i];
	return (seen & 0x8080808080808080u) != 0;
}

static void
shape_take_whole(struct scan *s, const char *text, size_t length)
{
	canon_begin(&s->canon, canon_key());
	canon_byte(&s->canon, 0);
	canon_bytes(&s->canon, (const unsigned char *)text, length);
	s->out->is_folded = false;
	s->out->is_several = true;
	s->last = HINT_NONE;
}

void
shape_scan(const char *text, size_t length, struct shape *out)
{
	struct scan s;

	s.at = (const unsigned char *)text;
	s.end = s.at + length;
	s.folds = s.at_start = true;
	s.any_token = s.after_string = false;
	s.first = s.last = HINT_NONE;
	s.kept = NULL;
	s.out = out;
	canon_begin(&s.canon, canon_key());
	memset(out, 0, sizeof(*out));
	out->is_folded = true;
	out->has_non_ascii = has_non_ascii(text, length);
	if (!scan_all(&s))
		shape_take_whole(&s, text, length);
	out->hint = hint_stronger(s.first, s.last);
	canon_end(&s.canon, out->hash);
}

enum route_hint
route_hint_find(const char *text, size_t length)
{
	struct shape shape;

	shape_scan(text, length, &shape);
	return shape.hint;
}

enum route_hint
route_hint_find_first(const char *text, size_t length)
{
	struct scan s = {.at = (const unsigned char *)text, .end = (const unsigned char *)text + length};

	scan_space(&s);
	return s.first;
}
