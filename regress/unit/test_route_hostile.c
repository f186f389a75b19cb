/*
 * What no text may do to the process: deep ones, long ones, and those that the lexer
 * reads again and again.
 */
#include "route/verdict.h"

#include "route_rows.h"
#include "test.h"

#include <pthread.h>

static struct verdict
judge(const char *text)
{
	struct catalog_facts *facts = known_facts(7);
	struct route_context ctx = plain_context(facts);
	struct verdict verdict;

	route_judge(NULL, &ctx, text, strlen(text), &verdict);
	facts_unref(&facts);
	return verdict;
}

static char *
repeated(const char *head, const char *part, size_t bytes, const char *tail)
{
	struct bytes b = {0};

	bytes_chars(&b, head);
	while (b.length < bytes)
		bytes_chars(&b, part);
	bytes_chars(&b, tail);
	return bytes_take(&b);
}

static void
judge_and_free(char *text)
{
	struct catalog_facts *facts = facts_new(1);
	struct route_context ctx = plain_context(facts);
	struct verdict verdict;
	struct verdict_detail detail;
	size_t length = strlen(text);

	route_judge(NULL, &ctx, text, length, &verdict);
	if (length > ROUTE_TEXT_MAX_BYTES)
		expect_int(verdict.reason, ROUTE_REASON_too_long);
	route_detail(text, length, &detail);
	verdict_detail_free(&detail);
	facts_unref(&facts);
	free(text);
}

static void *
judge_hostile(void *unused)
{
	static const size_t sizes[] = {1000, 20000, 65000, 200000};

	for (size_t i = 0; i < array_length(sizes); i++) {
		size_t n = sizes[i];

		judge_and_free(repeated("select 1", "+1", n, ""));
		judge_and_free(repeated("select ", "(", n, "1"));
		judge_and_free(repeated("select ", "NOT ", n, "true"));
		judge_and_free(repeated("select 1 where a in (1", ",1", n, ")"));
		judge_and_free(repeated("select ", "(select ", n, "1"));
		judge_and_free(repeated("select ", "- ", n, "1"));
		judge_and_free(repeated("select ", "case when ", n, "1"));
		judge_and_free(repeated("select 1", " union select 1", n, ""));
		judge_and_free(repeated("select 1 from t", " join t on true", n, ""));
		judge_and_free(repeated("select a", ".a", n, ""));
		judge_and_free(repeated("select a", "[1]", n, ""));
		judge_and_free(repeated("select 1", "::int", n, ""));
		judge_and_free(repeated("", "/*", n, "*/"));
		judge_and_free(repeated("select 1 ", "/**/", n, ""));
		judge_and_free(repeated("select 1 ", "+-", n, "1"));
		judge_and_free(repeated("select 1 ", "<>-", n, "1"));
		judge_and_free(repeated("select ", "$a$b", n, ""));
		judge_and_free(repeated("select 'a'", " -- x\n", n, ""));
		judge_and_free(repeated("", "select 1;", n, ""));
		judge_and_free(repeated("select true", " and true or true", n, ""));
		judge_and_free(repeated("select ", "f(", n, "1"));
		judge_and_free(repeated("select '", "''", n, "'"));
		judge_and_free(repeated("with a as (", "with a as (", n, "select 1"));
		judge_and_free(repeated("explain ", "explain ", n, "select 1"));
	}
	return unused;
}

TEST("deep and long texts end in a verdict on a thread with a stack of 1 MB")
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 1 << 20);
	expect_int(pthread_create(&thread, &attributes, judge_hostile, NULL), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
}

TEST("runs of operator characters, on which the lexer takes quadratic time, are not parsed")
{
	static const char *const parts[] = {"/*", "/**/", "+-", "+", "=-"};

	for (size_t i = 0; i < array_length(parts); i++) {
		char *text = repeated("select 1 ", parts[i], 60000, "1");

		expect_int(judge(text).reason, ROUTE_REASON_not_parsed);
		free(text);
	}
	expect_int(judge("/****** ---------- ********/ select 1 + - + - 1 -- --------------------------------").reason, ROUTE_REASON_plain_read);
}

TEST("nesting beyond reason is called too deep")
{
	char *text = repeated("select 1", "+1", 60000, "");

	expect_int(judge(text).reason, ROUTE_REASON_too_deep);
	free(text);
	text = repeated("select 1", "+1", 2000, "");
	expect_int(judge(text).reason, ROUTE_REASON_plain_read);
	free(text);
}
