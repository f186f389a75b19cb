/*
 * Fuzzes the way from a text to its verdict: the scanner, the parser's door, the
 * walk and the cache.
 *
 * Beside not stopping, two promises are checked: with a cache and without, the
 * verdict is the same; and a text that was changed so that its shape stayed has the
 * verdict of the original, as long as both parse.
 */
#include "route/verdict.h"

#include "../unit/route_rows.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_add_rows(struct catalog_facts *facts, char kind, const char *names)
{
	char *copy = text_copy(names), *rest = NULL;

	for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
		bool is_app = strncmp(word, "app.", 4) == 0;

		facts_add(facts, kind, is_app ? "app" : "pg_catalog", is_app ? word + 4 : word, true);
	}
	free(copy);
}

static const struct route_context *
fuzz_context(void)
{
	static struct route_context ctx = {.standard_conforming_strings = true, .ascii_safe_encoding = true, .is_utf8 = true};
	static struct catalog_facts *facts;

	if (facts != NULL)
		return &ctx;
	facts = facts_new(1);
	fuzz_add_rows(facts, 'f', unsafe_functions);
	fuzz_add_rows(facts, 'o', unsafe_operators);
	fuzz_add_rows(facts, 'r', unsafe_relations);
	fuzz_add_rows(facts, 't', unsafe_types);
	ctx.facts = facts;
	return &ctx;
}

static void
fuzz_expect_equal(const struct verdict *a, const struct verdict *b)
{
	must(a->target == b->target);
	must(a->reason == b->reason);
	must(a->kind == b->kind);
	must(a->statements == b->statements);
	must(a->may_copy_in == b->may_copy_in);
	must(a->effects == b->effects);
	must(strcmp(a->name, b->name) == 0);
}

/* Changes that leave many shapes alone. */
static char
fuzz_change(char c, int how)
{
	bool is_digit = c >= '0' && c <= '9', is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

	switch (how) {
	case 0:
		return is_digit ? (char)('0' + ('9' - c)) : c;
	case 1:
		return is_letter ? (char)(c ^ 0x20) : c;
	case 2:
		return c == ' ' ? '\n' : c;
	case 3:
		return c == '\n' ? ' ' : c;
	default:
		return is_letter && c != 'e' && c != 'E' ? (char)(c == 'z' ? 'a' : c + 1) : c;
	}
}

static void
fuzz_compare_changed(const char *text, size_t length, const struct shape *shape, const struct verdict *verdict)
{
	char *changed = memory_new(length + 1);

	for (int how = 0; how < 5; how++) {
		struct shape other;
		struct verdict again;

		for (size_t i = 0; i < length; i++)
			changed[i] = fuzz_change(text[i], how);
		shape_scan(changed, length, &other);
		if (other.hash[0] != shape->hash[0] || other.hash[1] != shape->hash[1] || other.hint != shape->hint)
			continue;
		route_judge(NULL, fuzz_context(), changed, length, &again);
		if (again.statements != ROUTE_STATEMENTS_UNKNOWN)
			fuzz_expect_equal(verdict, &again);
	}
	free(changed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct verdict_cache *cache = verdict_cache_new(8);
	struct verdict verdict, again;
	struct verdict_detail detail;
	struct shape shape;

	route_judge(NULL, fuzz_context(), text, size, &verdict);
	for (int i = 0; i < 2; i++) {
		route_judge(cache, fuzz_context(), text, size, &again);
		fuzz_expect_equal(&verdict, &again);
	}
	verdict_cache_free(&cache);
	must(!verdict.is_proven || verdict.statements != ROUTE_STATEMENTS_UNKNOWN);
	must(verdict.target != TARGET_REPLICA || verdict.is_proven || verdict.reason == ROUTE_REASON_hint_replica);
	route_detail(text, size, &detail);
	verdict_detail_free(&detail);
	shape_scan(text, size, &shape);
	if (verdict.statements != ROUTE_STATEMENTS_UNKNOWN)
		fuzz_compare_changed(text, size, &shape, &verdict);
	return 0;
}
