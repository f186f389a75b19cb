/*
 * session/explain.c - see the header.
 */
#include "session/explain.h"

#include <stdlib.h>
#include <string.h>

#include "session/visit.h"

/* Facts that were looked at within this time are as good as those of a session. */
#define FACTS_FRESH_US ((int64_t)2500 * 1000)

struct explaining {
	struct worker *worker;       /* borrowed */
	struct ledger *ledger;       /* owned reference */
	struct catalog_facts *facts; /* owned reference; NULL: not known */
	char *text;                  /* owned */
	char *user;                  /* owned: who visits */
	char *problem;               /* owned, or NULL */
	struct route_cause cause;
	struct explanation out;
	void (*done)(void *user, const struct explanation *e);
	void *asker;                 /* owned */
};

static void
explain_free(struct explaining *x)
{
	facts_unref(&x->facts);
	ledger_unref(x->ledger);
	free(x->text);
	free(x->user);
	free(x->problem);
	free(x->asker);
	free(x);
}

static void
explain_finish(struct explaining *x, const char *causes)
{
	x->out.causes = causes != NULL ? causes : "";
	x->out.problem = x->problem;
	x->done(x->asker, &x->out);
	explain_free(x);
}

/* ------------------------------------------------------------- the causes */

struct found {
	const struct route_cause *cause;
	struct facts_asked asked; /* SCHEMA is borrowed from the facts */
};

/* A bare mention may be any of several: a function before a type that is called like it. */
static void
explain_take_row(void *user, char kind, const char *schema)
{
	struct found *f = user;

	if (f->asked.schema == NULL || (f->asked.kind == 't' && kind == 'f'))
		f->asked = (struct facts_asked){.kind = kind, .schema = schema, .name = f->cause->name};
}

static struct facts_asked
explain_row(const struct explaining *x, const struct database_config *d)
{
	struct found found = {.cause = &x->cause};
	struct facts_mention mention = {.place = x->cause.place,
	    .schema = x->cause.schema[0] != '\0' ? x->cause.schema : NULL,
	    .name = x->cause.name,
	    .read_functions = d != NULL ? d->read_functions : NULL,
	    .exact_encoding = true};

	if (x->cause.is_known && x->facts != NULL)
		facts_each_unsafe(x->facts, &mention, explain_take_row, &found);
	return found.asked;
}

static void
explain_take_causes(void *asker, const struct visit_answer *answer)
{
	struct explaining *x = asker;
	struct bytes causes = {0};

	if (answer == NULL) {
		explain_free(x);
		return;
	}
	if (answer->problem != NULL)
		x->problem = text_copy(answer->problem);
	bytes_append(&causes, answer->causes, answer->causes_length);
	bytes_u8(&causes, 0);
	explain_finish(x, causes.data);
	bytes_free(&causes);
}

/* ------------------------------------------------------------ the verdict */

/* True when the name that was noted is the one that the verdict tells. */
static bool
explain_name_decided(const struct explaining *x)
{
	const struct verdict *v = &x->out.verdict;
	size_t schema = strlen(x->cause.schema);
	const char *name = schema > 0 && strncmp(v->name, x->cause.schema, schema) == 0 ? v->name + schema + 1 : v->name;

	return x->cause.is_known && strncmp(name, x->cause.name, strlen(name)) == 0 && name[0] != '\0';
}

static void
explain_judge(struct explaining *x)
{
	struct snapshot *snapshot = pool_snapshot(x->worker->pool);
	const struct database_config *d = snapshot_database(snapshot, x->ledger->name);
	struct route_context ctx = routing_context_of(x->ledger, d, x->facts);
	struct explanation *e = &x->out;
	struct facts_asked asked;

	ctx.cause = &x->cause;
	route_judge(NULL, &ctx, x->text, strlen(x->text), &e->verdict);
	e->route = snapshot_route(snapshot, d, NULL);
	e->is_judged = e->route == ROUTE_SPLIT && snapshot_pool_mode(snapshot, d, NULL) != POOL_SESSION;
	e->dry_run = e->route == ROUTE_SPLIT && snapshot_route_dry_run(snapshot, d);
	e->read_from_primary = snapshot_read_from_primary(snapshot, d);
	e->reason = e->is_judged ? e->verdict.reason : routing_fixed_reason(e->route);
	e->target = e->is_judged && e->verdict.target == TARGET_REPLICA ? LEND_REPLICA : routing_home(e->route);
	if (!e->is_judged && snapshot_pool_mode(snapshot, d, NULL) != POOL_SESSION && hinted_moves(e->route, e->verdict.reason)) {
		e->reason = e->verdict.reason;
		e->target = e->verdict.target == TARGET_REPLICA ? LEND_REPLICA : LEND_PRIMARY;
	}
	e->knows_catalog = facts_knows_routes(x->facts);
	e->facts = e->knows_catalog ? facts_count(x->facts) : 0;
	if (!explain_name_decided(x))
		x->cause.is_known = false;
	asked = explain_row(x, d);
	e->kind = asked.kind;
	if (asked.schema == NULL)
		explain_finish(x, NULL);
	else
		visit_begin(x->worker, x->ledger, x->user, &asked, explain_take_causes, x);
}

static void
explain_take_facts(void *asker, const struct visit_answer *answer)
{
	struct explaining *x = asker;

	if (answer == NULL) {
		explain_free(x);
		return;
	}
	x->facts = facts_ref(answer->facts);
	if (answer->problem != NULL)
		x->problem = text_copy(answer->problem);
	explain_judge(x);
}

/* -------------------------------------------------------------- beginning */

/* Who asks for the entry's sessions already, or is logged in anyway; else whom the configuration names. */
static char *
explain_user(struct ledger *l, const struct snapshot *snapshot, const char *asker)
{
	const struct database_config *d = snapshot_database(snapshot, l->name);
	const char *names[] = {d != NULL ? d->user : NULL, snapshot->global.monitor_user, d != NULL ? d->auth_user : NULL,
	    snapshot->global.auth_user, asker};
	char *user = NULL;

	pthread_mutex_lock(&l->mutex);
	if (l->inquiry != NULL)
		user = text_copy(l->inquiry->borrower.account->user);
	for (struct account *a = l->accounts; a != NULL && user == NULL; a = a->hh.next)
		if (a->total > 0)
			user = text_copy(a->user);
	pthread_mutex_unlock(&l->mutex);
	for (size_t i = 0; i < array_length(names) && user == NULL; i++)
		if (names[i] != NULL && names[i][0] != '\0')
			user = text_copy(names[i]);
	return user;
}

void
explain_begin(struct worker *w, struct ledger *l, const char *text, const char *asker,
    void (*done)(void *user, const struct explanation *e), void *user)
{
	struct explaining *x = memory_new(sizeof(*x));
	int64_t looked_us = atomic_load_explicit(&l->facts_looked_us, memory_order_relaxed);
	uint64_t generation;

	x->worker = w;
	x->ledger = ledger_ref(l);
	x->text = text_copy(text);
	x->user = explain_user(l, pool_snapshot(w->pool), asker);
	x->done = done;
	x->asker = user;
	x->facts = ledger_facts(l, &generation);
	if (facts_knows_routes(x->facts) && loop_now_us(w->loop) - looked_us <= FACTS_FRESH_US) {
		explain_judge(x);
		return;
	}
	facts_unref(&x->facts);
	visit_begin(w, l, x->user, NULL, explain_take_facts, x);
}
