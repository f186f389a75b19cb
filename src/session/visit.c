/*
 * session/visit.c - see the header.  inquiry.c goes through the steps; what is other
 * than in an inquiry of the entry's own is here.
 */
#include "session/visit.h"

#include <stdlib.h>

/* For a server to be had, and for its answers: FACTS_QUERY_BEGIN limits each of them to 10 s. */
#define VISIT_WAIT_US ((int64_t)3000 * 1000)
#define VISIT_MOST_US ((int64_t)20 * 1000 * 1000)

struct visit {
	void (*done)(void *asker, const struct visit_answer *answer); /* NULL: it was called */
	void *asker;                 /* borrowed */
	bool wants_causes;
	char kind;                   /* of the name whose causes are wanted */
	char *schema, *name;         /* owned */
	struct catalog_facts *facts; /* owned: the answer */
	struct bytes causes;         /* the answer */
	char *problem;               /* owned: the first thing that went wrong */
	bool answered;
};

void
visit_granted(struct inquiry *q)
{
	timer_arm(loop_timers(q->worker->loop), &q->timer, VISIT_MOST_US);
}

bool
visit_wants_causes(const struct inquiry *q)
{
	return q->visit->wants_causes;
}

void
visit_ask_causes(struct inquiry *q, const struct facts_closure *closure, struct bytes *out)
{
	const struct visit *v = q->visit;
	struct facts_asked asked = {.kind = v->kind, .schema = v->schema, .name = v->name};

	facts_query_causes(closure, &asked, out);
}

void
visit_take_cause(struct inquiry *q, const char *text, size_t length)
{
	bytes_append(&q->visit->causes, text, length);
	bytes_u8(&q->visit->causes, 0);
}

/* The transaction is complete. */
void
visit_take_facts(struct inquiry *q)
{
	struct visit *v = q->visit;

	v->answered = true;
	if (v->wants_causes)
		return;
	facts_take_effects(q->facts, &q->graph);
	facts_take_names(q->facts, q->names);
	v->facts = q->facts;
	q->facts = NULL;
}

void
visit_fail(struct inquiry *q, const char *why)
{
	if (q->visit->problem == NULL && why != NULL)
		q->visit->problem = text_copy(why);
}

static void
visit_answer(struct visit *v, const struct visit_answer *answer)
{
	void (*done)(void *asker, const struct visit_answer *answer) = v->done;

	v->done = NULL;
	if (done != NULL)
		done(v->asker, answer);
}

void
visit_due(struct inquiry *q)
{
	struct visit *v = q->visit;
	struct visit_answer answer = {.facts = v->facts, .causes = v->causes.data, .causes_length = v->causes.length};

	if (!v->answered)
		answer.problem = v->problem != NULL ? v->problem : q->server != NULL ? "the server did not answer in time" : "no server was free in time";
	visit_answer(v, &answer);
	inquiry_end(q);
}

void
visit_free(struct visit *v)
{
	if (v == NULL)
		return;
	visit_answer(v, NULL);
	facts_unref(&v->facts);
	bytes_free(&v->causes);
	free(v->problem);
	free(v->schema);
	free(v->name);
	free(v);
}

static struct visit *
visit_new(const struct facts_asked *asked, void (*done)(void *asker, const struct visit_answer *answer), void *asker)
{
	struct visit *v = memory_new(sizeof(*v));

	v->done = done;
	v->asker = asker;
	if (asked == NULL)
		return v;
	v->wants_causes = true;
	v->kind = asked->kind;
	v->schema = text_copy(asked->schema);
	v->name = text_copy(asked->name);
	return v;
}

void
visit_begin(struct worker *w, struct ledger *l, const char *user, const struct facts_asked *asked,
    void (*done)(void *asker, const struct visit_answer *answer), void *asker)
{
	const struct snapshot *snapshot = pool_snapshot(w->pool);
	enum route_mode route = snapshot_route(snapshot, snapshot_database(snapshot, l->name), NULL);
	struct inquiry *q = inquiry_make(w, l, user, routing_home(route), snapshot);

	q->visit = visit_new(asked, done, asker);
	q->routes = true;
	list_push_back(&w->inquiries, &q->all);
	timer_arm(loop_timers(w->loop), &q->timer, VISIT_WAIT_US);
	inquiry_lend(q);
}
