/*
 * Catalog facts: which mention matches which row, and the SQL that asks for the rows.
 */
#include "route/facts.h"

#include "test.h"

static bool
is_unsafe(const struct catalog_facts *facts, enum facts_place place, const char *schema, const char *name)
{
	return facts_is_unsafe(facts, &(struct facts_mention){.place = place, .schema = schema, .name = name, .exact_encoding = true});
}

TEST("a bare mention matches any schema, a qualified one its own")
{
	struct catalog_facts *facts = facts_new(3);

	facts_add(facts, 'f', "app", "audit", false);

	expect(is_unsafe(facts, FACTS_CALL, NULL, "audit"));
	expect(is_unsafe(facts, FACTS_CALL, "app", "audit"));
	expect_false(is_unsafe(facts, FACTS_CALL, "other", "audit"));
	expect_false(is_unsafe(facts, FACTS_CALL, NULL, "Audit"));
	expect_false(is_unsafe(facts, FACTS_CALL, NULL, "audi"));
	expect_int(facts_generation(facts), 3);
	expect_int(facts_count(facts), 1);
	facts_unref(&facts);
	expect(facts == NULL);
}

TEST("each place consults its own roles")
{
	struct catalog_facts *facts = facts_new(1);

	facts_add(facts, 'f', "s", "plain_f", false);
	facts_add(facts, 'f', "s", "row_f", true);
	facts_add(facts, 'o', "s", "===", false);
	facts_add(facts, 'r', "s", "rel", false);
	facts_add(facts, 't', "s", "typ", false);

	expect(is_unsafe(facts, FACTS_CALL, NULL, "plain_f") && is_unsafe(facts, FACTS_CALL, NULL, "typ"));
	expect_false(is_unsafe(facts, FACTS_CALL, NULL, "rel"));
	expect(is_unsafe(facts, FACTS_ATTRIBUTE, NULL, "row_f") && is_unsafe(facts, FACTS_ATTRIBUTE, NULL, "typ"));
	expect_false(is_unsafe(facts, FACTS_ATTRIBUTE, NULL, "plain_f"));
	expect(is_unsafe(facts, FACTS_MEMBER, NULL, "plain_f") && is_unsafe(facts, FACTS_MEMBER, NULL, "typ"));
	expect(is_unsafe(facts, FACTS_OPERATOR, NULL, "===") && !is_unsafe(facts, FACTS_OPERATOR, NULL, "rel"));
	expect(is_unsafe(facts, FACTS_RELATION, NULL, "rel") && !is_unsafe(facts, FACTS_RELATION, NULL, "typ"));
	expect(is_unsafe(facts, FACTS_TYPE, NULL, "typ") && !is_unsafe(facts, FACTS_TYPE, NULL, "plain_f"));
	expect(facts_everything_unsafe(facts) == NULL);
	facts_unref(&facts);
}

TEST("one name may be unsafe in several schemas and roles")
{
	struct catalog_facts *facts = facts_new(1);

	facts_add(facts, 'f', "a", "x", false);
	facts_add(facts, 'f', "b", "x", true);
	facts_add(facts, 'r', "c", "x", false);

	expect(is_unsafe(facts, FACTS_CALL, "a", "x") && is_unsafe(facts, FACTS_CALL, "b", "x"));
	expect_false(is_unsafe(facts, FACTS_CALL, "c", "x"));
	expect(is_unsafe(facts, FACTS_RELATION, "c", "x") && is_unsafe(facts, FACTS_ATTRIBUTE, NULL, "x"));
	facts_unref(&facts);
}

TEST("a row of kind * or of no known kind, and an implied operator, make everything unsafe")
{
	static const struct { char kind; const char *name; } rows[] = {{'*', "int4 -> text"}, {'?', "x"}, {'o', "="}, {'o', "~~"}, {'\0', "x"}};

	for (size_t i = 0; i < array_length(rows); i++) {
		struct catalog_facts *facts = facts_new(1);

		facts_add(facts, rows[i].kind, "pg_catalog", rows[i].name, false);
		expect_text(facts_everything_unsafe(facts), rows[i].name);
		facts_unref(&facts);
	}
}

TEST("patterns name one function or all of a schema")
{
	expect(facts_pattern_matches("app.total, postgis.*", "app", "total"));
	expect(facts_pattern_matches("app.total, postgis.*", "postgis", "anything"));
	expect(facts_pattern_matches("a.b,c.d", "c", "d"));
	expect_false(facts_pattern_matches("app.total", "app", "totals"));
	expect_false(facts_pattern_matches("app.total", "ap", "p.total"));
	expect_false(facts_pattern_matches("app", "app", "total"));
	expect_false(facts_pattern_matches("*", "app", "total"));
	expect_false(facts_pattern_matches("", "app", "total"));
	expect_false(facts_pattern_matches(NULL, "app", "total"));
}

TEST("references keep the set alive")
{
	struct catalog_facts *facts = facts_new(1), *other = facts_ref(facts);

	facts_add(facts, 'f', "a", "x", false);
	facts_unref(&facts);
	expect(is_unsafe(other, FACTS_CALL, NULL, "x"));
	facts_unref(&other);
	facts_unref(&other);
	expect(facts_ref(NULL) == NULL);
}

static bool
mentions(const struct bytes *query, const char *part)
{
	return memmem(query->data, query->length, part, strlen(part)) != NULL;
}

TEST("the queries quote what they are given")
{
	struct facts_closure closure = {.pattern = "a'b", .hits = "1,2", .liars = "3,4", .read_functions = "app.o'x, s.*", .server_version_num = 150000};
	struct bytes query = {0};

	facts_query_closure(&closure, &query);
	expect(mentions(&query, "'a''b'::text"));
	expect(mentions(&query, "'{1,2}'"));
	expect(mentions(&query, "'{3,4}'"));
	expect(mentions(&query, "'app.o''x, s.*'"));
	expect(mentions(&query, "prosqlbody"));
	bytes_clear(&query);
	closure.hits = "1); drop table x; --";
	closure.server_version_num = 130000;
	facts_query_closure(&closure, &query);
	expect(mentions(&query, "'{}'"));
	expect_false(mentions(&query, "drop table"));
	expect_false(mentions(&query, "prosqlbody"));
	bytes_clear(&query);
	facts_query_calls("7,8", &query);
	expect(mentions(&query, "where r.oid = any('{7,8}'"));
	bytes_free(&query);
}

TEST("every query of the table has a text")
{
	for (int i = FACTS_QUERY_BEGIN; i <= FACTS_QUERY_COMMIT; i++)
		expect(strlen(facts_query((enum facts_query)i)) > 5);
}
