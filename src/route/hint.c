/*
 * hint.c - comment hints: the words inside one comment.
 *
 * Which comments count (those at the start and at the end of a text) is known to
 * the scanner in shape.c; here is only the little language of the hint itself.
 */
#include "hint.h"

#include <string.h>
#include <strings.h>

static bool
hint_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct reader
hint_trim(const char *inside, size_t length)
{
	struct reader r = reader_over(inside, length);

	while (r.at < r.end && hint_is_space(*r.at))
		r.at++;
	while (r.end > r.at && hint_is_space(r.end[-1]))
		r.end--;
	return r;
}

/* Takes WORD off the front when it stands there, whatever its case. */
static bool
hint_take(struct reader *r, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(r->end - r->at) < length || strncasecmp(r->at, word, length) != 0)
		return false;
	*r = hint_trim(r->at + length, (size_t)(r->end - r->at) - length);
	return true;
}

enum route_hint
hint_read(const char *inside, size_t length)
{
	struct reader r = hint_trim(inside, length);

	if (!hint_take(&r, "pgweir") || !hint_take(&r, ":"))
		return HINT_NONE;
	if (hint_take(&r, "primary") && r.at == r.end)
		return HINT_PRIMARY;
	if (hint_take(&r, "replica") && r.at == r.end)
		return HINT_REPLICA;
	return HINT_NONE;
}

enum route_hint
hint_stronger(enum route_hint a, enum route_hint b)
{
	if (a == HINT_PRIMARY || b == HINT_PRIMARY)
		return HINT_PRIMARY;
	return a != HINT_NONE ? a : b;
}
