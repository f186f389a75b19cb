/*
 * config/pattern.c - regular expressions through the C library.
 *
 * The library reads some of what PostgreSQL's dialect has as something else ("(?:a)",
 * "a+?", "\d"), and takes memory without bound for nested repetitions.  So a scan
 * goes first: it translates \d, refuses what would mean another thing, and counts
 * what repetitions will cost.
 */
#include "config/pattern.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum { PATTERN_LONGEST = 1024, PATTERN_DEEPEST = 32, PATTERN_MOST_PARTS = 20000 };

struct pattern {
	regex_t compiled;
};

struct pattern_scan {
	const char *at;
	struct bytes out;	     /* what the library is given */
	size_t parts[PATTERN_DEEPEST]; /* of the groups that are open */
	unsigned depth;
	size_t last;		     /* the parts of what a repetition would repeat; 0: nothing */
	const char *problem;
};

/* One more atom of so many parts, as the LENGTH bytes at TEXT. */
static void
pattern_add(struct pattern_scan *scan, const char *text, size_t length)
{
	bytes_append(&scan->out, text, length);
	scan->parts[scan->depth]++;
	scan->last = 1;
}

static void
pattern_scan_escape(struct pattern_scan *scan)
{
	char c = scan->at[1];

	if (c == 'd')
		pattern_add(scan, "[[:digit:]]", 11);
	else if (c == 'D')
		pattern_add(scan, "[^[:digit:]]", 12);
	else if (c == '\0')
		scan->problem = "it ends with a backslash";
	else if (isdigit((unsigned char)c))
		scan->problem = "a back-reference is not supported in the expression itself";
	else if ((isalpha((unsigned char)c) && strchr("wWsS", c) == NULL) || strchr("<>`'", c) != NULL)
		scan->problem = "unsupported escape (of letters there are \\d \\D \\w \\W \\s \\S)";
	else
		pattern_add(scan, scan->at, 2);
	scan->at += 2;
}

/* Inside of a bracket expression at "[:", "[." or "[=": one behind its end, or NULL. */
static const char *
pattern_class_end(const char *at)
{
	char end[] = {at[1], ']', '\0'};
	const char *found = strstr(at + 2, end);

	return found != NULL ? found + 2 : NULL;
}

static const char *
pattern_bracket_end(const char *at)
{
	at++;
	at += *at == '^';
	at += *at == ']';
	while (at != NULL && *at != '\0' && *at != ']' && *at != '\\') {
		if (at[0] == '[' && at[1] != '\0' && strchr(":.=", at[1]) != NULL)
			at = pattern_class_end(at);
		else
			at++;
	}
	return at;
}

static void
pattern_scan_bracket(struct pattern_scan *scan)
{
	const char *end = pattern_bracket_end(scan->at);

	if (end == NULL || *end == '\0')
		scan->problem = "a bracket is not closed";
	else if (*end == '\\')
		scan->problem = "a backslash inside of brackets is not supported";
	if (scan->problem != NULL)
		return;
	pattern_add(scan, scan->at, (size_t)(end + 1 - scan->at));
	scan->at = end + 1;
}

/* {m}, {m,} or {m,n} at AT: the greater number, and one behind the brace; NULL when it is none of them. */
static const char *
pattern_read_interval(const char *at, unsigned long *times)
{
	char *end;
	unsigned long least, most;

	if (!isdigit((unsigned char)at[1]))
		return NULL;
	least = most = strtoul(at + 1, &end, 10);
	if (*end == ',' && isdigit((unsigned char)end[1]))
		most = strtoul(end + 1, &end, 10);
	else if (*end == ',')
		end++;
	if (*end != '}' || most < least)
		return NULL;
	*times = max_of(most, 1);
	return end + 1;
}

/* The library writes "x+" as "xx*", and "x{2,4}" as four of them. */
static void
pattern_scan_repetition(struct pattern_scan *scan)
{
	const char *end = scan->at + 1;
	unsigned long times = *scan->at == '+' ? 2 : 1;

	if (scan->last == 0)
		scan->problem = "a repetition has nothing to repeat";
	if (scan->problem == NULL && *scan->at == '{') {
		end = pattern_read_interval(scan->at, &times);
		if (end == NULL)
			scan->problem = "braces must hold numbers, as in {2} or {2,4}";
	}
	if (scan->problem == NULL && times > PATTERN_MOST_PARTS / scan->last)
		scan->problem = "its repetitions are too large";
	if (scan->problem != NULL)
		return;
	scan->parts[scan->depth] += scan->last * (times - 1);
	bytes_append(&scan->out, scan->at, (size_t)(end - scan->at));
	scan->last = 0;
	scan->at = end;
}

static void
pattern_scan_group(struct pattern_scan *scan)
{
	if (*scan->at == '(' && scan->depth + 1 == PATTERN_DEEPEST) {
		scan->problem = "parentheses are nested too deep";
		return;
	}
	if (*scan->at == ')' && scan->depth == 0) {
		scan->problem = "a parenthesis was not opened";
		return;
	}
	bytes_append(&scan->out, scan->at, 1);
	if (*scan->at == '(') {
		scan->parts[++scan->depth] = 0;
		scan->last = 0;
	} else {
		scan->last = scan->parts[scan->depth--] + 1;
		scan->parts[scan->depth] += scan->last;
	}
	scan->at++;
}

static void
pattern_scan_one(struct pattern_scan *scan)
{
	switch (*scan->at) {
	case '\\':
		pattern_scan_escape(scan);
		break;
	case '[':
		pattern_scan_bracket(scan);
		break;
	case '*':
	case '+':
	case '?':
	case '{':
		pattern_scan_repetition(scan);
		break;
	case '(':
	case ')':
		pattern_scan_group(scan);
		break;
	default:
		pattern_add(scan, scan->at, 1);
		if (*scan->at == '^' || *scan->at == '$' || *scan->at == '|')
			scan->last = 0;
		scan->at++;
	}
	if (scan->problem == NULL && scan->parts[scan->depth] > PATTERN_MOST_PARTS)
		scan->problem = "its repetitions are too large";
}

struct pattern *
pattern_new(const char *text, struct bytes *why)
{
	struct pattern_scan scan = {.at = text};
	struct pattern *p;
	char reason[128];
	int code;

	if (*text == '\0' || strlen(text) > PATTERN_LONGEST)
		scan.problem = *text == '\0' ? "it is empty" : "it is too long";
	while (scan.problem == NULL && *scan.at != '\0')
		pattern_scan_one(&scan);
	if (scan.problem == NULL && scan.depth > 0)
		scan.problem = "a parenthesis is not closed";
	if (scan.problem != NULL) {
		bytes_chars(why, scan.problem);
		bytes_free(&scan.out);
		return NULL;
	}
	bytes_u8(&scan.out, 0);
	p = memory_new(sizeof(*p));
	code = regcomp(&p->compiled, scan.out.data, REG_EXTENDED);
	bytes_free(&scan.out);
	if (code == 0)
		return p;
	regerror(code, &p->compiled, reason, sizeof(reason));
	bytes_chars(why, reason);
	free(p);
	return NULL;
}

void
pattern_free(struct pattern *p)
{
	if (p == NULL)
		return;
	regfree(&p->compiled);
	free(p);
}

bool
pattern_matches(const struct pattern *p, const char *subject)
{
	return regexec(&p->compiled, subject, 0, NULL, 0) == 0;
}

bool
pattern_capture(const struct pattern *p, const char *subject, size_t *from, size_t *to)
{
	regmatch_t found[2];

	*from = *to = 0;
	if (regexec(&p->compiled, subject, 2, found, 0) != 0)
		return false;
	if (found[1].rm_so >= 0) {
		*from = (size_t)found[1].rm_so;
		*to = (size_t)found[1].rm_eo;
	}
	return true;
}

size_t
pattern_groups(const struct pattern *p)
{
	return p->compiled.re_nsub;
}
