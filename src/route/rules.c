/*
 * rules.c - the rewrite rules of a database and what they call, by oid.
 *
 * A rule's row version (xmin) says whether it is the one that was searched.  The names of
 * its relation and of those that it reads may change without it, and are those of each look.
 */
#include "route/rules.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

struct rule {
	UT_hash_handle hh;
	uint32_t oid;
	uint32_t version;
	uint32_t relation;
	struct bytes calls; /* names, with their NULs */
	struct bytes reads; /* uint32_t: relations */
	bool hits;
	bool is_known;
	bool is_listed;
};

struct rules {
	struct rule *all; /* owned */
	size_t unknown;
};

struct rules *
rules_new(void)
{
	return memory_new(sizeof(struct rules));
}

static void
rule_remove(struct rules *rules, struct rule *rule)
{
	HASH_DEL(rules->all, rule);
	bytes_free(&rule->calls);
	bytes_free(&rule->reads);
	free(rule);
}

void
rules_free(struct rules **rules)
{
	struct rule *rule, *next;

	if (*rules == NULL)
		return;
	HASH_ITER(hh, (*rules)->all, rule, next)
		rule_remove(*rules, rule);
	free(*rules);
	*rules = NULL;
}

void
rules_begin(struct rules *rules)
{
	struct rule *rule, *next;

	rules->unknown = 0;
	HASH_ITER(hh, rules->all, rule, next)
	{
		rule->is_listed = false;
		if (!rule->is_known)
			rule_remove(rules, rule);
	}
}

static struct rule *
rule_find(const struct rules *rules, uint32_t oid)
{
	struct rule *rule;

	HASH_FIND(hh, rules->all, &oid, sizeof(oid), rule);
	return rule;
}

void
rules_list(struct rules *rules, uint32_t oid, const char *version, uint32_t relation)
{
	struct rule *rule = rule_find(rules, oid);
	uint32_t number = (uint32_t)strtoul(version, NULL, 10);

	if (rule != NULL && rule->version != number) {
		rule_remove(rules, rule);
		rule = NULL;
	}
	if (rule == NULL) {
		rule = memory_new(sizeof(*rule));
		rule->oid = oid;
		rule->version = number;
		HASH_ADD(hh, rules->all, oid, sizeof(rule->oid), rule);
	}
	rule->relation = relation;
	rules->unknown += !rule->is_known && !rule->is_listed;
	rule->is_listed = true;
}

static void
append_oid(struct bytes *out, uint32_t oid)
{
	bytes_format(out, "%s%u", out->length > 0 ? "," : "", oid);
}

bool
rules_unknown(const struct rules *rules, struct bytes *out)
{
	if (rules->unknown == HASH_COUNT(rules->all))
		return false;
	for (const struct rule *rule = rules->all; rule != NULL; rule = rule->hh.next)
		if (!rule->is_known)
			append_oid(out, rule->oid);
	return true;
}

size_t
rules_unknown_count(const struct rules *rules)
{
	return rules->unknown;
}

void
rules_call(struct rules *rules, uint32_t oid, const char *name, uint32_t relation)
{
	struct rule *rule = rule_find(rules, oid);

	if (rule == NULL || rule->is_known)
		return;
	if (name == NULL)
		bytes_append(&rule->reads, &relation, sizeof(relation));
	else if (name[0] == '\0')
		rule->hits = true;
	else
		bytes_text(&rule->calls, name);
}

void
rules_end(struct rules *rules)
{
	struct rule *rule, *next;

	HASH_ITER(hh, rules->all, rule, next)
	{
		rule->is_known = true;
		if (!rule->is_listed)
			rule_remove(rules, rule);
	}
	rules->unknown = 0;
}

void
rules_hits(const struct rules *rules, struct bytes *out)
{
	for (const struct rule *rule = rules->all; rule != NULL; rule = rule->hh.next)
		if (rule->hits)
			append_oid(out, rule->oid);
}

uint64_t
rules_mentions(const struct rules *rules, const struct catalog_names *names, struct effect_graph *graph)
{
	uint64_t digest = 0;

	for (const struct rule *rule = rules->all; rule != NULL; rule = rule->hh.next) {
		struct mention_end from = {.relation = rule->relation}, to = {0};

		for (size_t at = 0; at < rule->calls.length; at += strlen(to.name) + 1) {
			to.name = rule->calls.data + at;
			digest += catalog_names_mention(names, from, to, graph);
		}
		to.name = NULL;
		for (size_t at = 0; at < rule->reads.length; at += sizeof(to.relation)) {
			memcpy(&to.relation, rule->reads.data + at, sizeof(to.relation));
			digest += catalog_names_mention(names, from, to, graph);
		}
	}
	return digest;
}
