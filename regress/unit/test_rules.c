/*
 * What is kept of a database's rules from one look at it to the next, and which bodies of
 * functions mention what is unsafe.
 */
#include "route/bodies.h"
#include "route/rules.h"
#include "route/verdict.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

static char *
text_of(struct bytes *b)
{
	bytes_u8(b, 0);
	return b->data;
}

/* A look at rules 1 and 2 (of a and b), as VERSION of 2. */
static void
look(struct rules *rules, const char *version)
{
	rules_begin(rules);
	rules_list(rules, 1, "700", 11);
	rules_list(rules, 2, version, 12);
}

TEST("only rules that are new or have changed are looked into again")
{
	struct rules *rules = rules_new();
	struct bytes first = {0}, same = {0}, changed = {0}, hits = {0};

	look(rules, "701");
	expect_false(rules_unknown(rules, &first));
	expect_int(rules_unknown_count(rules), 2);
	rules_call(rules, 1, "", 0);
	rules_end(rules);
	look(rules, "701");
	expect_int(rules_unknown_count(rules), 0);
	expect(rules_unknown(rules, &same));
	expect_int(same.length, 0);
	rules_end(rules);
	look(rules, "702");
	expect(rules_unknown(rules, &changed));
	expect_text(text_of(&changed), "2");
	rules_call(rules, 2, "", 0);
	rules_end(rules);
	rules_hits(rules, &hits);
	expect(strcmp(text_of(&hits), "1,2") == 0 || strcmp(hits.data, "2,1") == 0);
	rules_free(&rules);
	bytes_free(&first);
	bytes_free(&same);
	bytes_free(&changed);
	bytes_free(&hits);
}

TEST("a look that fails half-way leaves nothing, and a rule that is gone is forgotten")
{
	struct rules *rules = rules_new();
	struct bytes hits = {0}, unknown = {0};

	look(rules, "701");
	rules_call(rules, 1, "", 0);
	look(rules, "701");
	expect_int(rules_unknown_count(rules), 2);
	rules_call(rules, 1, "", 0);
	rules_end(rules);
	rules_begin(rules);
	rules_list(rules, 2, "701", 12);
	rules_end(rules);
	rules_hits(rules, &hits);
	expect_text(text_of(&hits), "");
	rules_begin(rules);
	rules_list(rules, 1, "700", 11);
	expect(rules_unknown(rules, &unknown) && strcmp(text_of(&unknown), "1") == 0);
	rules_free(&rules);
	bytes_free(&hits);
	bytes_free(&unknown);
}

/* Relations 11 and 12 by those names; rule 2 is 12's, reads 11 and calls what draws from a sequence. */
static uint64_t
told(struct rules *rules, struct effect_graph *graph, const char *first, const char *second)
{
	struct catalog_names *names = catalog_names_new();
	uint64_t digest;

	catalog_names_add(names, 'r', first, 11);
	catalog_names_add(names, 'r', second, 12);
	look(rules, "701");
	rules_call(rules, 2, "pg_catalog.nextval", 0);
	rules_call(rules, 2, NULL, 11);
	rules_call(rules, 2, NULL, 13);
	rules_end(rules);
	digest = rules_mentions(rules, names, graph);
	catalog_names_free(&names);
	return digest;
}

TEST("what rules call and read is told by the names that relations have today")
{
	struct catalog_facts *facts = facts_new(1);
	struct effect_graph *former = effect_graph_new(), *graph = effect_graph_new();
	struct rules *rules = rules_new();
	uint64_t before = told(rules, former, "a", "b");

	effect_graph_mention(graph, "renamed", "pg_catalog.set_config");
	expect(told(rules, graph, "a", "d") != before);
	expect(told(rules, graph, "renamed", "d") != before);
	facts_take_effects(facts, &graph);
	expect_int(facts_effects_of(facts, "d").effects, facts_effects_of(facts, "renamed").effects | EFFECT_draws);
	expect_int(facts_effects_of(facts, "b").effects, 0);
	effect_graph_free(&former);
	facts_unref(&facts);
	rules_free(&rules);
}

TEST("a temporary relation has an oid, and is no name of the database")
{
	struct catalog_names *names = catalog_names_new(), *same = catalog_names_new();
	struct catalog_facts *facts = facts_new(1);
	char name[16];

	for (uint32_t oid = 1; oid <= 5000; oid++) {
		snprintf(name, sizeof(name), "r%u", oid);
		catalog_names_add(names, 'r', name, oid);
		catalog_names_add(same, 'r', name, oid + 5000);
	}
	catalog_names_add(names, 't', "own", 20000);
	catalog_names_add(names, '\0', "number", 0);
	catalog_names_add(same, '\0', "number", 0);
	expect(catalog_names_digest(names) == catalog_names_digest(same));
	expect_text(catalog_names_relation(names, 4999), "r4999");
	expect_text(catalog_names_relation(names, 20000), "own");
	expect(catalog_names_relation(names, 0) == NULL && catalog_names_relation(names, 5001) == NULL);
	facts_take_names(facts, names);
	expect(facts_may_have_name(facts, "r4999") && facts_may_have_name(facts, "number"));
	expect_false(facts_may_have_name(facts, "own"));
	catalog_names_free(&names);
	catalog_names_free(&same);
	facts_unref(&facts);
}

static void
add(struct bodies *bodies, uint32_t oid, const char *name, const char *source)
{
	bodies_add(bodies, &(struct body_source){.oid = oid, .schema = "app", .name = name, .source = source, .parameters = "\na\nOdd\n"});
}

TEST("a body that mentions what is unsafe makes its function unsafe, and those that call it")
{
	struct catalog_facts *facts = facts_new(1);
	struct bodies *bodies = bodies_new();
	struct facts_mention outer = {.place = FACTS_CALL, .schema = "app", .name = "outer_one"};
	struct bytes found = {0};

	facts_add(facts, 'f', "app", "writes", false);
	facts_add(facts, 'r', "app", "unl", false);
	facts_add(facts, 't', "app", "dom", false);
	facts_add(facts, 'f', "app", "Odd one", false);
	facts_add(facts, 'f', "app", "of_row", true);
	facts_add(facts, 'o', "app", "===", false);
	facts_add(facts, 't', "pg_catalog", "bool", false);
	add(bodies, 1, "outer_one", "select inner_one(a) from t");
	add(bodies, 2, "inner_one", "begin return app.\"writes\" (a); end");
	add(bodies, 3, "column_one", "select writes from t where writes > 5");
	add(bodies, 4, "reads_one", "SELECT count(*) FROM App.UNL");
	add(bodies, 5, "plain_one", "select a from t where unlike = 1");
	add(bodies, 6, "dynamic_one", "execute 'select writes(1)'");
	add(bodies, 7, "cast_one", "select a::dom");
	add(bodies, 8, "given_one", "select writes(1)");
	add(bodies, 9, "quoted_one", "select app.\"Odd one\"(1)");
	add(bodies, 10, "escaped_one", "select U&\"wr\\0069tes\"(1)");
	add(bodies, 11, "attribute_one", "select $1.of_row");
	add(bodies, 12, "member_one", "select ($1). writes");
	add(bodies, 13, "operator_one", "select a===-b");
	add(bodies, 14, "qualified_one", "select pg_catalog.writes(1), pg_catalog.\"writes\"(2)");
	add(bodies, 15, "harmless_one", "select t.writes, a = b, a == b, \"Odd\" from t -- \"one");
	add(bodies, 16, "commented_one", "select writes /* it */ (1)");
	add(bodies, 17, "lined_one", "select (1 + 1). -- its\n  writes");
	add(bodies, 18, "parameter_one", "select A.writes");
	add(bodies, 19, "numbered_one", "select $1 . writes");
	add(bodies, 20, "aliased_one", "begin return a::bigint::boolean; end");
	bodies_find_liars(bodies, facts, "app.given_one", &found);
	expect_text(text_of(&found), "1,2,4,6,7,9,10,11,12,13,16,17,18,19,20");
	expect(facts_is_unsafe(facts, &outer));
	bodies_free(&bodies);
	facts_unref(&facts);
	bytes_free(&found);
}
