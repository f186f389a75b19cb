/*
 * effects_of.c - what pgweir thinks that texts do to a session, given a database's own
 * answers: the queries, the graph and the verdict without a pooler around them.
 *
 *     effects_of names | mentions | sources | rules | calls | change | changes      prints that query
 *     effects_of judge                   reads lines, words apart by tabs, bytes in hex:
 *         mention FROM TO · source NAME BODY · text TEXT
 *     and answers each text with a line: effects, a tab, names of settings, a tab, "all" or "more"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "route/verdict.h"

#define SERVER_VERSION 150000

static char *
unhex(const char *hex, size_t *length)
{
	char *out = memory_new(strlen(hex) / 2 + 1);
	unsigned byte;

	for (*length = 0; hex[0] != '\0' && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		out[(*length)++] = (char)byte;
	return out;
}

static void
print_setting(void *user, const char *name)
{
	(void)user;
	printf("%s ", name);
}

static void
judge(const struct catalog_facts *facts, const char *text, size_t length)
{
	struct route_context ctx = {.facts = facts, .standard_conforming_strings = true, .ascii_safe_encoding = true, .is_utf8 = true};
	struct verdict verdict;
	bool is_all;

	route_judge(NULL, &ctx, text, length, &verdict);
	for (unsigned i = 0; i < EFFECT_COUNT; i++) {
		if ((verdict.effects & 1u << i) != 0)
			printf("%s ", effect_name((enum effect)(1u << i)));
	}
	printf("\t");
	is_all = route_settings_named(&ctx, text, length, print_setting, NULL) == NAMED_ALL;
	printf("\t%s\n", is_all ? "all" : "more");
}

static void
judge_all(void)
{
	struct catalog_facts *facts = facts_new(1);
	struct effect_graph *graph = effect_graph_new();
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, stdin) > 0) {
		char *rest, *kind = strtok_r(line, "\t\n", &rest), *first = strtok_r(NULL, "\t\n", &rest), *second = strtok_r(NULL, "\t\n", &rest);
		size_t a_length, b_length;
		char *a = unhex(first != NULL ? first : "", &a_length), *b = unhex(second != NULL ? second : "", &b_length);

		if (kind != NULL && strcmp(kind, "mention") == 0)
			effect_graph_mention(graph, a, b);
		else if (kind != NULL && strcmp(kind, "source") == 0)
			effect_graph_source(graph, a, b, b_length);
		else if (graph != NULL)
			facts_take_effects(facts, &graph);
		if (kind != NULL && strcmp(kind, "text") == 0)
			judge(facts, a, a_length);
		free(a);
		free(b);
	}
	free(line);
	effect_graph_free(&graph);
	facts_unref(&facts);
}

int
main(int argc, char **argv)
{
	struct bytes query = {0};

	if (argc == 2 && strcmp(argv[1], "judge") == 0) {
		judge_all();
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "sources") == 0)
		facts_query_sources(SERVER_VERSION, &query);
	else if (argc == 2 && strcmp(argv[1], "calls") == 0)
		facts_query_calls(NULL, &query);
	else if (argc == 2 && strcmp(argv[1], "names") == 0)
		facts_query_names(&query);
	else if (argc == 2 && strcmp(argv[1], "rules") == 0)
		bytes_chars(&query, facts_query(FACTS_QUERY_RULES));
	else if (argc == 2 && strncmp(argv[1], "change", 6) == 0)
		bytes_chars(&query, facts_query(argv[1][6] == 's' ? FACTS_QUERY_CHANGE_SLOW : FACTS_QUERY_CHANGE));
	else
		facts_query_mentions(SERVER_VERSION, &query);
	printf("%.*s\n", (int)query.length, query.data);
	bytes_free(&query);
	return 0;
}
