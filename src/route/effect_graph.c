/*
 * effect_graph.c - from what a database's names mention to what they do to a session.
 *
 * A node is a bare name; functions, tables and types that share one share its node.
 * An edge goes from what is mentioned to whoever mentions it, so that an effect is
 * handed on until nothing changes: a trigger's to its table, a table's to the view
 * over it, a function's to its callers.
 */
#include "base/map.h"

#include "effect_words.h"
#include "facts_private.h"

#include <stdlib.h>
#include <string.h>

/* So many settings are told by name; a name that changes others counts as changing unnamed ones. */
#define SETTINGS_MAX 64

struct effect_node {
	UT_hash_handle hh;
	char *name;                /* owned, the key */
	struct facts_effects does;
	struct effect_node **by;   /* owned array of borrowed nodes that mention it */
	unsigned by_count, by_room;
	unsigned seen;             /* the last source that mentioned it */
	bool is_queued;
};

struct setting_names {
	char *names[SETTINGS_MAX]; /* owned */
	unsigned count;
};

struct effect_graph {
	struct effect_node *nodes; /* owned */
	struct setting_names settings;
	unsigned sources;
	struct effect_node *reading; /* borrowed: whose source is read */
};

/* What is left of a graph: names that do something, and the settings. */
struct effect_names {
	struct effect_node *nodes; /* owned */
	struct facts_effects all;
	struct setting_names settings;
};

struct effect_graph *
effect_graph_new(void)
{
	return memory_new(sizeof(struct effect_graph));
}

static void
node_free(struct effect_node *node)
{
	free(node->by);
	free(node->name);
	free(node);
}

static void
nodes_free(struct effect_node **nodes)
{
	struct effect_node *node, *next;

	HASH_ITER(hh, *nodes, node, next)
	{
		HASH_DEL(*nodes, node);
		node_free(node);
	}
}

static void
settings_free(struct setting_names *settings)
{
	while (settings->count > 0)
		free(settings->names[--settings->count]);
}

void
effect_graph_free(struct effect_graph **graph)
{
	if (*graph == NULL)
		return;
	nodes_free(&(*graph)->nodes);
	settings_free(&(*graph)->settings);
	free(*graph);
	*graph = NULL;
}

static struct effect_node *
node_find(struct effect_node *nodes, const char *name)
{
	struct effect_node *node;

	HASH_FIND(hh, nodes, name, strlen(name), node);
	return node;
}

/* What a name does by itself: the unknown, and what PostgreSQL brings along. */
static struct facts_effects
effects_by_itself(const char *name)
{
	struct facts_effects does = {0};

	if (strcmp(name, "?") == 0)
		does.effects = EFFECTS_UNKNOWN;
	else if (strncmp(name, "pg_catalog.", 11) == 0)
		does.effects = effect_of_name(name + 11);
	does.has_unnamed = (does.effects & EFFECT_settings) != 0;
	return does;
}

static struct effect_node *
node_find_or_make(struct effect_graph *graph, const char *name)
{
	struct effect_node *node = node_find(graph->nodes, name);

	if (node != NULL)
		return node;
	node = memory_new(sizeof(*node));
	node->name = text_copy(name);
	node->does = effects_by_itself(name);
	HASH_ADD_KEYPTR(hh, graph->nodes, node->name, strlen(node->name), node);
	return node;
}

static void
node_add_by(struct effect_node *node, struct effect_node *by)
{
	if (node == by || (node->by_count > 0 && node->by[node->by_count - 1] == by))
		return;
	if (node->by_count == node->by_room) {
		node->by_room = max_of(node->by_room * 2, 4u);
		node->by = memory_resize(node->by, node->by_room * sizeof(struct effect_node *));
	}
	node->by[node->by_count++] = by;
}

void
effect_graph_mention(struct effect_graph *graph, const char *from, const char *to)
{
	struct effect_node *node = node_find_or_make(graph, from);

	if (to[0] != '\0')
		node_add_by(node_find_or_make(graph, to), node);
}

/* ------------------------------------------------------------- sources */

/* The bit of a setting; 0 when there are too many. */
static uint64_t
settings_bit(struct setting_names *settings, const char *name)
{
	for (unsigned i = 0; i < settings->count; i++) {
		if (text_equal_nocase(settings->names[i], name))
			return (uint64_t)1 << i;
	}
	if (settings->count == SETTINGS_MAX)
		return 0;
	settings->names[settings->count] = text_copy(name);
	return (uint64_t)1 << settings->count++;
}

static void
source_setting(void *user, const char *name)
{
	struct effect_graph *graph = user;
	uint64_t bit = settings_bit(&graph->settings, name);

	graph->reading->does.settings |= bit;
	graph->reading->does.has_unnamed |= bit == 0;
}

static void
source_name(void *user, const char *name)
{
	struct effect_graph *graph = user;
	struct effect_node *node = node_find(graph->nodes, name);

	if (node == NULL || node->seen == graph->sources)
		return;
	node->seen = graph->sources;
	node_add_by(node, graph->reading);
}

void
effect_graph_source(struct effect_graph *graph, const char *name, const char *source, size_t length)
{
	struct effect_words words = {.reading = READ_BODY, .take_setting = source_setting, .take_name = source_name, .user = graph};

	graph->sources++;
	graph->reading = node_find_or_make(graph, name);
	effect_words_scan(&words, source, length);
	graph->reading->does.effects |= words.effects;
	graph->reading->does.has_unnamed |= words.has_unnamed;
}

/* ------------------------------------------------------------- closure */

static bool
effects_add(struct facts_effects *to, const struct facts_effects *more)
{
	struct facts_effects before = *to;

	to->effects |= more->effects;
	to->has_unnamed |= more->has_unnamed;
	to->settings |= more->settings;
	return to->effects != before.effects || to->has_unnamed != before.has_unnamed || to->settings != before.settings;
}

static bool
does_something(const struct facts_effects *does)
{
	return does->effects != 0;
}

/* Each node is in the queue at most once at a time, and comes back only when it has got more. */
static void
graph_close(struct effect_graph *graph)
{
	size_t count = HASH_COUNT(graph->nodes), used = 0;
	struct effect_node **queue = memory_array(count + 1, sizeof(struct effect_node *));

	for (struct effect_node *node = graph->nodes; node != NULL; node = node->hh.next) {
		node->is_queued = does_something(&node->does);
		if (node->is_queued)
			queue[used++] = node;
	}
	while (used > 0) {
		struct effect_node *node = queue[--used];

		node->is_queued = false;
		for (unsigned i = 0; i < node->by_count; i++) {
			struct effect_node *by = node->by[i];

			if (!effects_add(&by->does, &node->does) || by->is_queued)
				continue;
			by->is_queued = true;
			queue[used++] = by;
		}
	}
	free(queue);
}

void
facts_take_effects(struct catalog_facts *facts, struct effect_graph **graph)
{
	struct effect_names *names = memory_new(sizeof(*names));
	struct effect_node *node, *next;

	graph_close(*graph);
	HASH_ITER(hh, (*graph)->nodes, node, next)
	{
		HASH_DEL((*graph)->nodes, node);
		if (!does_something(&node->does) || strcmp(node->name, "?") == 0) {
			node_free(node);
			continue;
		}
		free(node->by);
		node->by = NULL;
		HASH_ADD_KEYPTR(hh, names->nodes, node->name, strlen(node->name), node);
		effects_add(&names->all, &node->does);
	}
	names->settings = (*graph)->settings;
	(*graph)->settings.count = 0;
	effect_names_free(*facts_effect_names(facts));
	*facts_effect_names(facts) = names;
	effect_graph_free(graph);
}

void
effect_names_free(struct effect_names *names)
{
	if (names == NULL)
		return;
	nodes_free(&names->nodes);
	settings_free(&names->settings);
	free(names);
}

/* ---------------------------------------------------------------- asking */

static const struct effect_names *
names_of(const struct catalog_facts *facts)
{
	return *facts_effect_names((struct catalog_facts *)facts);
}

bool
facts_knows_effects(const struct catalog_facts *facts)
{
	return facts != NULL && names_of(facts) != NULL;
}

size_t
facts_effect_count(const struct catalog_facts *facts)
{
	return names_of(facts) != NULL ? HASH_COUNT(names_of(facts)->nodes) : 0;
}

struct facts_effects
facts_effects_of(const struct catalog_facts *facts, const char *name)
{
	const struct effect_names *names = names_of(facts);
	const struct effect_node *node;

	if (names == NULL)
		return (struct facts_effects){0};
	if (name == NULL)
		return names->all;
	node = node_find(names->nodes, name);
	return node != NULL ? node->does : (struct facts_effects){0};
}

void
facts_each_setting(const struct catalog_facts *facts, uint64_t settings, void (*take)(void *user, const char *name), void *user)
{
	const struct effect_names *names = names_of(facts);

	for (unsigned i = 0; names != NULL && i < names->settings.count; i++) {
		if ((settings & (uint64_t)1 << i) != 0)
			take(user, names->settings.names[i]);
	}
}
