/*
 * session/hinted.c - comment hints where nobody judges texts: with route = primary,
 * replica or prefer-replica.  A hint is stronger than any of them.
 *
 * The worst of a batch decides, as it does with route = split: one hint for the
 * primary is enough, while one for a replica moves a batch only if all of its
 * statements have it.
 */
#include "session/session_private.h"

#include <string.h>

bool
hinted_matters(const struct session *s)
{
	return s->route != ROUTE_ANY && s->route != ROUTE_SPLIT && s->pool_mode != POOL_SESSION;
}

bool
hinted_moves(enum route_mode route, enum route_reason reason)
{
	if (route == ROUTE_PRIMARY)
		return reason == ROUTE_REASON_hint_replica;
	return (route == ROUTE_REPLICA || route == ROUTE_PREFER_REPLICA) && reason == ROUTE_REASON_hint_primary;
}

/* The text that a message asks for, or NULL: none, or it was there with its Parse. */
static const char *
hinted_text(struct session *s, char type, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);
	const char *first = reader_text(&r), *second;
	const struct name_entry *e;

	if (type == FRONTEND_QUERY)
		return reader_ok(&r) ? first : NULL;
	second = reader_text(&r);
	if (!reader_ok(&r))
		return NULL;
	if (type == FRONTEND_PARSE)
		return second;
	if (second[0] == '\0')
		return s->unnamed != NULL ? s->unnamed->body : NULL;
	e = names_find(s, second);
	return e != NULL ? e->statement->body : NULL;
}

/* What the hint of a text is worth: a verdict knows what no hint moves. */
static enum route_reason
hinted_reason(struct session *s, const char *text)
{
	struct verdict v;

	if (likely(strcasestr(text, "pgweir") == NULL))
		return ROUTE_REASON_plain_read;
	routing_judge(s, text, strlen(text), &v);
	return v.reason;
}

void
hinted_add(struct session *s, struct hints *h, char type, const char *body, size_t length)
{
	enum route_reason reason;
	const char *text;

	if (type != FRONTEND_QUERY && type != FRONTEND_PARSE && type != FRONTEND_BIND)
		return;
	text = hinted_text(s, type, body, length);
	if (text == NULL)
		return;
	reason = hinted_reason(s, text);
	h->seen = true;
	h->primary |= reason == ROUTE_REASON_hint_primary;
	h->others |= reason != ROUTE_REASON_hint_replica;
}

void
hinted_decide(const struct session *s, const struct hints *h, struct brief *batch)
{
	enum route_mode route = (enum route_mode)s->route;

	if (h->primary && hinted_moves(route, ROUTE_REASON_hint_primary))
		*batch = (struct brief){.target = TARGET_PRIMARY, .reason = ROUTE_REASON_hint_primary, .known = true};
	else if (h->seen && !h->others && hinted_moves(route, ROUTE_REASON_hint_replica))
		*batch = (struct brief){.target = TARGET_REPLICA, .reason = ROUTE_REASON_hint_replica, .known = true};
}
