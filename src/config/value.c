/*
 * config/value.c - one value: from the text of a file to a row's field and back.
 *
 * Grammar as PgBouncer's: integers as strtol reads them with base 0, durations in
 * decimal seconds, booleans as integers; sizes have PostgreSQL's units.  More is taken where that file would be
 * refused there: words for booleans, and a comment behind anything but a text.
 */
#include "setting.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The value without a comment (a blank, then # or ;) and the blanks around it; owned by the caller. */
static char *
value_without_comment(const char *value)
{
	size_t end = 0;

	value += strspn(value, " \t");
	while (value[end] != '\0') {
		bool after_blank = end > 0 && isspace((unsigned char)value[end - 1]);

		if (after_blank && (value[end] == '#' || value[end] == ';'))
			break;
		end++;
	}
	while (end > 0 && isspace((unsigned char)value[end - 1]))
		end--;
	return text_copy_n(value, end);
}

static bool
value_in_range(const struct setting *row, int64_t number, int64_t most, struct bytes *why)
{
	int64_t max = row->max != 0 ? row->max : most;

	if (number >= row->min && number <= max)
		return true;
	if (row->type == TYPE_DURATION)
		bytes_format(why, "must be between %g and %g seconds", (double)row->min / 1000, (double)max / 1000);
	else
		bytes_format(why, "must be between %lld and %lld", (long long)row->min, (long long)max);
	return false;
}

static bool
value_read_long(const char *value, long *number)
{
	char *end;

	errno = 0;
	*number = strtol(value, &end, 0);
	return errno == 0 && end != value && *end == '\0';
}

static bool
value_parse_int(const struct setting *row, const char *value, int *out, struct bytes *why)
{
	long number;

	if (!value_read_long(value, &number)) {
		bytes_chars(why, "must be an integer");
		return false;
	}
	if (!value_in_range(row, number, INT_MAX, why))
		return false;
	*out = (int)number;
	return true;
}

static bool
value_parse_bool(const char *value, int *out, struct bytes *why)
{
	static const char *const yes[] = {"yes", "on", "true"};
	static const char *const no[] = {"no", "off", "false"};
	long number;

	if (value_read_long(value, &number)) {
		*out = number != 0;
		return true;
	}
	for (size_t i = 0; i < array_length(yes); i++) {
		if (text_equal_nocase(value, yes[i]) || text_equal_nocase(value, no[i])) {
			*out = text_equal_nocase(value, yes[i]);
			return true;
		}
	}
	bytes_chars(why, "must be 0 or 1");
	return false;
}

static bool
value_parse_duration(const struct setting *row, const char *value, int64_t *out, struct bytes *why)
{
	char *end;
	double seconds;

	seconds = strtod(value, &end);
	if (end == value || *end != '\0' || value[strspn(value, "0123456789.eE+-")] != '\0' || !isfinite(seconds)) {
		bytes_chars(why, "must be a number of seconds");
		return false;
	}
	if (seconds < 0 || seconds > INT_MAX) {
		bytes_format(why, "must be between 0 and %d seconds", INT_MAX);
		return false;
	}
	/* Zero often means "never": a tiny time must not turn into it. */
	*out = seconds > 0 ? max_of((int64_t)llround(seconds * 1000), (int64_t)1) : 0;
	return value_in_range(row, *out, (int64_t)INT_MAX * 1000, why);
}

/* PostgreSQL's units of memory, with its spelling; each is 1024 of the one before. */
static const char *const size_units[] = {"B", "kB", "MB", "GB", "TB"};

static bool
value_parse_size(const struct setting *row, const char *value, int64_t *out, struct bytes *why)
{
	char *end;
	long long number;
	int64_t unit = 1;

	errno = 0;
	number = strtoll(value, &end, 10);
	end += strspn(end, " \t");
	for (size_t i = 0; *end != '\0' && i < array_length(size_units); i++, unit *= 1024) {
		if (!text_equal_nocase(end, size_units[i]))
			continue;
		end += strlen(end);
		break;
	}
	if (errno != 0 || !isdigit((unsigned char)value[0]) || *end != '\0' || number > INT64_MAX / unit) {
		bytes_chars(why, "must be a number of bytes, or one with a unit: kB, MB, GB or TB");
		return false;
	}
	*out = number * unit;
	return value_in_range(row, *out, INT64_MAX, why);
}

/* True when the word at WORDS, up to LENGTH, equals VALUE. */
static bool
value_is_word(const char *value, const char *words, size_t length)
{
	return strlen(value) == length && strncasecmp(value, words, length) == 0;
}

/* The index of VALUE among the words, where spellings of one value share theirs; -1 when it is none. */
static int
value_find_word(const char *words, const char *value)
{
	int index = 0;

	while (*words != '\0') {
		size_t length = strcspn(words, " |");

		if (value_is_word(value, words, length))
			return index;
		words += length;
		index += *words == ' ';
		words += *words != '\0';
	}
	return -1;
}

static bool
value_parse_enum(const struct setting *row, const char *value, int *out, struct bytes *why)
{
	int index = value_find_word(row->words, value);

	if (index < 0) {
		bytes_chars(why, "must be one of");
		for (const char *at = row->words; *at != '\0'; at += *at != '\0') {
			size_t length = strcspn(at, " |");

			bytes_format(why, "%s %.*s", at == row->words ? "" : ",", (int)length, at);
			at += length;
		}
		return false;
	}
	*out = index;
	return true;
}

static bool
value_parse_number(const struct setting *row, char *field, const char *value, struct bytes *why)
{
	int64_t wide = 0;
	int number = 0;
	bool ok;

	switch (row->type) {
	case TYPE_BOOL:
		ok = value_parse_bool(value, &number, why);
		break;
	case TYPE_INT:
		ok = value_parse_int(row, value, &number, why);
		break;
	case TYPE_ENUM:
		ok = value_parse_enum(row, value, &number, why);
		break;
	case TYPE_SIZE:
		ok = value_parse_size(row, value, &wide, why);
		break;
	default:
		ok = value_parse_duration(row, value, &wide, why);
		break;
	}
	if (!ok || !row->stored)
		return ok;
	if (row->type == TYPE_DURATION || row->type == TYPE_SIZE)
		memcpy(field, &wide, sizeof(wide));
	else
		memcpy(field, &number, sizeof(number));
	return true;
}

bool
setting_parse(const struct setting *row, void *base, const char *value, struct bytes *why)
{
	char *field = (char *)base + row->at;
	char *clean, *text;
	bool ok;

	if (row->type >= TYPE_TEXT) {
		if (!row->stored)
			return true;
		memcpy(&text, field, sizeof(text));
		free(text);
		text = text_copy(value);
		memcpy(field, &text, sizeof(text));
		return true;
	}
	clean = value_without_comment(value);
	ok = value_parse_number(row, field, clean, why);
	free(clean);
	return ok;
}

/* --------------------------------------------------------------- writing */

static const char *
value_word(const char *words, int index, size_t *length)
{
	for (; index > 0 && *words != '\0'; index--) {
		words += strcspn(words, " ");
		words += *words == ' ';
	}
	*length = strcspn(words, " |");
	return words;
}

static void
value_format_duration(int64_t ms, struct bytes *out)
{
	bytes_format(out, "%lld", (long long)(ms / 1000));
	if (ms % 1000 == 0)
		return;
	bytes_format(out, ".%03d", (int)(ms % 1000));
	while (out->data[out->length - 1] == '0')
		out->length--;
}

static void
value_format_size(int64_t size, struct bytes *out)
{
	size_t unit = 0;

	for (; size != 0 && size % 1024 == 0 && unit + 1 < array_length(size_units); unit++)
		size /= 1024;
	bytes_format(out, "%lld%s", (long long)size, unit > 0 ? size_units[unit] : "");
}

static int
value_number(const struct setting *row, const void *base)
{
	int number;

	memcpy(&number, (const char *)base + row->at, sizeof(number));
	return number;
}

void
setting_format(const struct setting *row, const void *base, struct bytes *out)
{
	const char *field = (const char *)base + row->at;
	const char *word;
	char *text;
	int64_t wide;
	size_t length;

	switch (row->type) {
	case TYPE_BOOL:
	case TYPE_INT:
		bytes_format(out, "%d", value_number(row, base));
		return;
	case TYPE_ENUM:
		word = value_word(row->words, value_number(row, base), &length);
		bytes_append(out, word, length);
		return;
	case TYPE_DURATION:
		memcpy(&wide, field, sizeof(wide));
		value_format_duration(wide, out);
		return;
	case TYPE_SIZE:
		memcpy(&wide, field, sizeof(wide));
		value_format_size(wide, out);
		return;
	default:
		memcpy(&text, field, sizeof(text));
		bytes_chars(out, row->secret && text[0] != '\0' ? "****" : text);
		return;
	}
}

bool
setting_is_refused(const struct setting *row, const char *value)
{
	char *clean;
	bool refused;

	if (row->refused == NULL)
		return false;
	clean = value_without_comment(value);
	refused = value_find_word(row->refused, clean) >= 0;
	free(clean);
	return refused;
}
