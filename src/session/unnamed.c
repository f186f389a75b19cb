/*
 * session/unnamed.c - the unnamed statement: what the client's is, as far as what was
 * sent ahead comes to pass, and what the server's is, as far as that is known.
 *
 * A Parse replaces it and a Query or a Close ends it, unless an error ahead in the
 * same batch skips them: then it is what it was, which the queued answer keeps.  A
 * Parse that fails leaves none.  A server of which nothing is known (NULL) is given
 * the client's, or has its own taken away, before anything is bound there.
 */
#include "session/forward_private.h"
#include "session/relay_private.h"

/* An unnamed statement up to this size is kept for a Bind in another transaction. */
#define UNNAMED_MOST ((size_t)64 * 1024)

void
unnamed_change(struct session *s, struct answer *a, struct statement *next)
{
	a->of_unnamed = true;
	a->statement = s->unnamed;
	s->unnamed = next;
	server_set_unnamed(s->server, next);
}

void
unnamed_drop(struct session *s)
{
	statement_unref(s->unnamed);
	s->unnamed = NULL;
	server_set_unnamed(s->server, NULL);
}

void
unnamed_release(struct session *s)
{
	if (s->unnamed != NULL && s->unnamed->body_length > UNNAMED_MOST)
		unnamed_drop(s);
}

void
unnamed_failed(struct answer *a)
{
	statement_unref(a->statement);
	a->statement = NULL;
}

/* The next message behind A that changes it too, whose own change stays; or NULL. */
static struct answer *
unnamed_next_change(const struct session *s, const struct answer *a)
{
	const struct answers *all = &s->server->answers;
	struct answer *next = NULL;

	for (uint32_t i = all->count; i > 0 && answers_at(all, i - 1) != a; i--)
		if (answers_at(all, i - 1)->of_unnamed && answers_at(all, i - 1)->way == ANSWER_FORWARD)
			next = answers_at(all, i - 1);
	return next;
}

void
unnamed_judge(struct session *s)
{
	struct verdict v;

	if (s->unnamed == NULL || !feature_judges(s))
		return;
	routing_judge(s, s->unnamed->body, strlen(s->unnamed->body), &v);
	s->unnamed_does = v.does;
	s->unnamed_effects = v.effects;
	s->unnamed_surely = v.surely;
}

void
unnamed_undo(struct session *s, struct answer *a)
{
	struct answer *next = unnamed_next_change(s, a);

	server_set_unnamed(s->server, NULL);
	a->of_unnamed = false;
	if (a->way != ANSWER_FORWARD)
		return;
	if (next != NULL) {
		statement_unref(next->statement);
		next->statement = a->statement;
	} else {
		statement_unref(s->unnamed);
		s->unnamed = a->statement;
	}
	a->statement = NULL;
	if (next == NULL)
		unnamed_judge(s);
}

bool
unnamed_is_in_doubt(const struct session *s)
{
	const struct answers *a = &s->server->answers;
	bool is_earlier = false;

	for (uint32_t i = a->count; i > 0; i--) {
		const struct answer *one = answers_at(a, i - 1);

		is_earlier |= answer_is_end(one);
		if (one->of_unnamed)
			return is_earlier && answers_may_skip(a, i - 1);
	}
	return false;
}
