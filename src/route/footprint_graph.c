/*
 * footprint_graph.c - what relations lead to: the catalog tells single steps, and whoever
 * is reached from a relation is found here.
 *
 *     view ──reads──▶ table ──cascade──▶ table        a step leads from and to the tops of
 *                       ▲ top of a tree of partitions  trees, for which all of the tree counts
 *
 * What leads to more tables than a footprint has room for counts as any, so a search ends
 * early and long chains of foreign keys cost nothing.
 */
#include "footprint_graph.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

struct graph_step {
	struct graph_step *next; /* owned */
	uint32_t to;
	bool is_read;            /* else only a write goes there */
};

/* The top of a tree of relations, which may be all of it. */
struct graph_top {
	UT_hash_handle hh;
	uint32_t oid;
	char *name;              /* owned; NULL until a row has said it */
	bool acts;               /* a write to it may change anything */
	bool asks;               /* a read of it may read anything */
	struct graph_step *steps; /* owned */
};

struct graph_relation {
	struct graph_relation *next; /* owned */
	char *schema, *name;         /* owned */
	uint32_t oid, top;
};

struct footprint_graph {
	struct graph_top *tops;           /* owned */
	struct graph_relation *relations; /* owned */
};

/* What was reached so far from one relation. */
struct search {
	const struct graph_top *found[FOOTPRINT_MOST];
	unsigned count;
	bool is_any;
};

static struct graph_top *
top_find(const struct footprint_graph *g, uint32_t oid)
{
	struct graph_top *top;

	HASH_FIND(hh, g->tops, &oid, sizeof(oid), top);
	return top;
}

static struct graph_top *
top_make(struct footprint_graph *g, const char *oid)
{
	uint32_t number = (uint32_t)strtoul(oid, NULL, 10);
	struct graph_top *top = top_find(g, number);

	if (top != NULL)
		return top;
	top = memory_new(sizeof(*top));
	top->oid = number;
	HASH_ADD(hh, g->tops, oid, sizeof(top->oid), top);
	return top;
}

static void
graph_add_step(struct footprint_graph *g, const char *from, const char *to, bool is_read)
{
	struct graph_top *top = top_make(g, from);
	struct graph_step *step = memory_new(sizeof(*step));

	step->to = top_make(g, to)->oid;
	step->is_read = is_read;
	step->next = top->steps;
	top->steps = step;
}

/* OIDS: the relation's, a blank, that of its top. */
static void
graph_add_relation(struct footprint_graph *g, const char *schema, const char *name, const char *oids)
{
	const char *blank = strchr(oids, ' ');
	struct graph_relation *relation = memory_new(sizeof(*relation));
	struct graph_top *top = top_make(g, blank != NULL ? blank + 1 : oids);

	relation->schema = text_copy(schema);
	relation->name = text_copy(name);
	relation->oid = (uint32_t)strtoul(oids, NULL, 10);
	relation->top = top->oid;
	relation->next = g->relations;
	g->relations = relation;
	if (relation->oid == top->oid && top->name == NULL)
		top->name = text_copy(name);
}

void
footprint_graph_take(struct footprint_graph **graph, char what, const char *first, const char *second, const char *third)
{
	if (*graph == NULL)
		*graph = memory_new(sizeof(**graph));
	switch (what) {
	case 'n':
		graph_add_relation(*graph, first, second, third);
		break;
	case 'e':
	case 'x':
		graph_add_step(*graph, first, second, what == 'e');
		break;
	case 'a':
		top_make(*graph, first)->acts = true;
		break;
	default:
		top_make(*graph, first)->asks = true;
		break;
	}
}

/* ---------------------------------------------------------------- searches */

static void
search_add(struct search *s, const struct graph_top *top, bool writes)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->found[i] == top)
			return;
	s->is_any |= s->count == FOOTPRINT_MOST || top == NULL || top->name == NULL || (writes ? top->acts : top->asks);
	if (!s->is_any)
		s->found[s->count++] = top;
}

/* All that a write to the top, or a read of it, leads to; the top itself comes first. */
static struct search
graph_search(const struct footprint_graph *g, const struct graph_top *from, bool writes)
{
	struct search s = {0};

	search_add(&s, from, writes);
	for (unsigned i = 0; i < s.count; i++)
		for (const struct graph_step *step = s.found[i]->steps; step != NULL && !s.is_any; step = step->next)
			if (writes || step->is_read)
				search_add(&s, top_find(g, step->to), writes);
	return s;
}

static void
graph_tell_relation(const struct footprint_graph *g, const struct graph_relation *r, bool writes, struct catalog_facts *facts)
{
	const struct graph_top *top = top_find(g, r->top);
	struct search s = graph_search(g, top, writes);

	if (s.is_any)
		facts_add_footprint(facts, writes ? 'W' : 'R', r->schema, r->name, "");
	for (unsigned i = 0; i < s.count; i++)
		if (s.found[i]->oid != r->oid)
			facts_add_footprint(facts, writes ? 'w' : 'r', r->schema, r->name, s.found[i]->name);
}

void
footprint_graph_tell(const struct footprint_graph *g, struct catalog_facts *facts)
{
	for (const struct graph_relation *r = g != NULL ? g->relations : NULL; r != NULL; r = r->next) {
		graph_tell_relation(g, r, true, facts);
		graph_tell_relation(g, r, false, facts);
	}
}

static void
top_free(struct graph_top *top)
{
	for (struct graph_step *step = top->steps, *next; step != NULL; step = next) {
		next = step->next;
		free(step);
	}
	free(top->name);
	free(top);
}

void
footprint_graph_free(struct footprint_graph **graph)
{
	struct footprint_graph *g = *graph;
	struct graph_top *top, *following;

	*graph = NULL;
	if (g == NULL)
		return;
	HASH_ITER(hh, g->tops, top, following)
	{
		HASH_DEL(g->tops, top);
		top_free(top);
	}
	for (struct graph_relation *r = g->relations, *next; r != NULL; r = next) {
		next = r->next;
		free(r->schema);
		free(r->name);
		free(r);
	}
	free(g);
}
