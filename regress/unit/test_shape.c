/*
 * Shapes: what is forgotten, what is not, and that two texts of one shape have one
 * verdict.
 */
#include "route/shape.h"

#include "route/verdict.h"
#include "test.h"

static struct shape
scan(const char *text)
{
	struct shape shape;
	/* of exactly its length, so that the sanitizer sees reads behind the end */
	char *copy = memory_copy(text, max_of(strlen(text), (size_t)1));

	shape_scan(copy, strlen(text), &shape);
	free(copy);
	return shape;
}

static bool
same(const char *a, const char *b)
{
	struct shape x = scan(a), y = scan(b);

	return x.hash[0] == y.hash[0] && x.hash[1] == y.hash[1];
}

struct pair {
	const char *a, *b;
};

static const struct pair alike[] = {
    {"select 1", "select 2"}, {"select 1", "SELECT   42"}, {"select 'a'", "select 'it''s'"}, {"select * from t where a = 1 and b = 'x'", "select * from T where A = 77 and B = ''"},
    {"select 1.5", "select 2e10"}, {"select .5", "select 1."}, {"select 1234567890", "select 1.5"}, {"select e'a'", "select E'b\\'c'"}, {"select b'1'", "select B'0'"},
    {"select $$a$$", "select $x$b$$c$x$"}, {"select 'a'", "select $$b$$"}, {"select 1 /* a */ + 2", "select 1 -- b\n + 3"}, {"select 1 /* a /* b */ c */ + 2", "select 1 + 2"},
    {"/* trace=1 */ select 1", "/* trace=2 */ select 2"}, {"insert into t values (1, 'a')", "insert into t values (2, 'b')"}, {"update t set a = 1", "update t set a = 2"},
    {"with x as (select 1) select * from x", "with x as (select 2) select * from x"}, {"(select 1)", "(select 2)"}, {"select 1; select 2", "select 3; select 4"},
    {"select * from t limit 10", "select * from t limit 20"}, {"select n'a'", "select N'b'"}, {"select x'a'", "select X'b'"}, {"values (1)", "values (2)"},
    {"select a\tfrom\nt", "select a from t"}, {"select a from t /* c1 */", "select a from t -- c2"},
};

static const struct pair apart[] = {
    {"select a", "select b"}, {"select 1", "select '1'"}, {"select 1", "select 1.5"}, {"select \"A\"", "select \"a\""}, {"select a", "select \"a\""}, {"select $1", "select $2"},
    {"select 'a' 'b'", "select 'a'\n'b'"}, {"select e 'a'", "select e'a'"}, {"select + + 1", "select ++1"}, {"select a b", "select ab"}, {"select - -1", "select --1\n1"},
    {"select 'a'", "select e'a'"}, {"select : :x", "select ::x"}, {"select a.b", "select a .b"}, {"select 1", "select 1; select 1"}, {"select 1", "explain select 1"},
    {"explain (analyze 0) select 1", "explain (analyze 1) select 1"}, {"select 1; explain (analyze 0) select 1", "select 1; explain (analyze 1) select 1"},
    {"set a.b = 1", "set a.b = 2"}, {"select current_setting('a.b')", "select current_setting('port')"}, {"select pg_catalog.\"current_setting\"('a.b')", "select pg_catalog.\"current_setting\"('port')"},
    {"select CURRENT_SETTING ('a.b')", "select CURRENT_SETTING ('port')"}, {"select current_setting/**/('a.b')", "select current_setting/**/('port')"},
    {"select u&'a' uescape '!'", "select u&'a' uescape '+'"}, {"select u&\"a\"", "select u&\"b\""}, {"select e'\\101'", "select e'\\102'"}, {"select e'\\x41'", "select e'\\x42'"},
    {"select 1::float(24)", "select 1::float(25)"}, {"select 1a", "select 2a"}, {"select 1_000", "select 2_000"}, {"select 0x1f", "select 0x2f"}, {"select 1..2", "select 1..3"},
    {"select 'a'\n'b'", "select 'a'\n'c'"}, {"select e'a'\n'b\\'; drop table x; --'", "select e'a'\n'b'; drop table y; --'"}, {"select 'abc", "select 'abd"}, {"select /* a", "select /* b"},
    {"select $a$b", "select $a$c"}, {"execute p(1)", "execute p(2)"}, {"copy t from '/a'", "copy t from '/b'"}, {"declare c cursor for select 1", "declare c cursor for select 2"},
    {"prepare p as select 1", "prepare p as select 2"}, {"begin; select 1", "begin; select 2"}, {"select a where b", "select a; where b"},
    {"select aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggx", "select aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggy"},
    {"select \v1", "select \v2"}, {"select *", "select"}, {"", "select"}, {"select \x01", "select 1"}, {"select '\x02'", "select \x03"},
};

TEST("constants, comments, blanks and letter case are forgotten")
{
	for (size_t i = 0; i < array_length(alike); i++) {
		bool ok = same(alike[i].a, alike[i].b);

		if (!ok)
			printf("    %s | %s\n", alike[i].a, alike[i].b);
		expect(ok);
	}
}

TEST("all else is not, nor are constants that decide something")
{
	for (size_t i = 0; i < array_length(apart); i++) {
		bool ok = !same(apart[i].a, apart[i].b);

		if (!ok)
			printf("    %s | %s\n", apart[i].a, apart[i].b);
		expect(ok);
	}
}

static enum route_reason
reason_of(const char *text)
{
	struct route_context ctx = {.standard_conforming_strings = true, .ascii_safe_encoding = true, .is_utf8 = true};
	struct catalog_facts *facts = facts_new(1);
	struct verdict verdict;

	facts_add(facts, 'f', "pg_catalog", "nextval", false);
	ctx.facts = facts;
	route_judge(NULL, &ctx, text, strlen(text), &verdict);
	facts_unref(&facts);
	return verdict.reason;
}

/* Pieces whose every pair and triple is tried: whatever shares a shape must share its verdict. */
static const char *const pieces[] = {"select ", "1", "'a'", "'a'\n", "e'a'", "e'\\''", "$$a$$", "$1", "\"x\"", "u&'a'", " ", "\n", "--c\n", "/*c*/", ";", "+", "-", "nextval('s')",
    "current_setting('port')", "current_setting('a.b')", "explain ", "(", ")", ",", "x", "E", "b'1'", ".5", "1.", "1e5", "from t ", "for update", "set a=1", "into y ", "insert into t ", "values(1)"};

struct seen {
	uint64_t hash[2];
	enum route_reason reason;
	char text[128];
};

static int
seen_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(((const struct seen *)a)->hash));
}

TEST("two texts of one shape have one verdict, or one of them does not parse")
{
	size_t n = array_length(pieces), count = 0, clashes = 0;
	struct seen *all = memory_array(n * n * n, sizeof(*all));

	for (size_t i = 0; i < n * n * n; i++) {
		struct seen *one = &all[count];
		struct shape shape;

		snprintf(one->text, sizeof(one->text), "select %s%s%s", pieces[i / n / n], pieces[i / n % n], pieces[i % n]);
		shape_scan(one->text, strlen(one->text), &shape);
		memcpy(one->hash, shape.hash, sizeof(one->hash));
		one->reason = reason_of(one->text);
		count += one->reason != ROUTE_REASON_not_parsed;
	}
	qsort(all, count, sizeof(*all), seen_order);
	for (size_t i = 1; i < count; i++) {
		if (seen_order(&all[i - 1], &all[i]) != 0 || all[i - 1].reason == all[i].reason)
			continue;
		if (clashes++ < 10)
			printf("    [%s] %s\n    [%s] %s\n", all[i - 1].text, route_reason_name(all[i - 1].reason), all[i].text, route_reason_name(all[i].reason));
	}
	expect_int(clashes, 0);
	expect(count > 1000);
	free(all);
}

TEST("the scanner tells the first word, whether more statements follow, and what it could not fold")
{
	expect_text(scan(" /* x */ SELECT 1").first_word, "select");
	expect_text(scan("((Values (1)))").first_word, "values");
	expect_text(scan("").first_word, "");
	expect_false(scan("select 1;").is_several);
	expect_false(scan(" ; ; select 1 ; -- x").is_several);
	expect(scan("select 1; select 2").is_several);
	expect(scan("select 1; (select 2)").is_several);
	expect_false(scan("select ';', \";\" /*;*/").is_several);
	expect(scan("select 1").is_folded);
	expect_false(scan("select 'a'\n'b'").is_folded);
	expect(scan("select 'a'\n'b'").is_several);
	expect(scan("select '\xc3\xa4'").has_non_ascii);
	expect(scan("select 123456789012 as \xe4").has_non_ascii);
	expect_false(scan("select 'a'").has_non_ascii);
}

TEST("hints are read in the comments before the first and behind the last token")
{
	static const struct { const char *text; enum route_hint hint; } rows[] = {
	    {"/* pgweir: primary */ select 1", HINT_PRIMARY}, {"/*pgweir:replica*/select 1", HINT_REPLICA}, {"-- pgweir: replica\nselect 1", HINT_REPLICA}, {"select 1 -- pgweir: replica", HINT_REPLICA},
	    {"select 1; /* PgWeir: REPLICA */ ;", HINT_REPLICA}, {"/* a */ -- b\n/* pgweir: replica */ select 1", HINT_REPLICA}, {"/* pgweir: replica */ select 1 /* pgweir: primary */", HINT_PRIMARY},
	    {"select 1 /* pgweir: replica */ from t", HINT_NONE}, {"select '/* pgweir: replica */'", HINT_NONE}, {"select \"-- pgweir: replica\"", HINT_NONE}, {"select $$-- pgweir: replica$$", HINT_NONE},
	    {"/* pgweir: replica, x */ select 1", HINT_NONE}, {"/* pgweir replica */ select 1", HINT_NONE}, {"/* /* pgweir: replica */ */ select 1", HINT_NONE}, {"/* pgweir: replica", HINT_NONE},
	    {"select e'a'\n'b\\' /* pgweir: replica */", HINT_NONE}, {"select 1; /* pgweir: replica */ select 2", HINT_NONE}, {"", HINT_NONE}, {"/**/", HINT_NONE}, {"--", HINT_NONE}};

	for (size_t i = 0; i < array_length(rows); i++) {
		enum route_hint hint = route_hint_find(rows[i].text, strlen(rows[i].text));

		if (hint != rows[i].hint)
			printf("    %s\n", rows[i].text);
		expect_int(hint, rows[i].hint);
	}
	expect_int(route_hint_find_first("select 1 /* pgweir: replica */", 30), HINT_NONE);
	expect_int(route_hint_find_first("/* pgweir: replica */ select '", 30), HINT_REPLICA);
}

TEST("a text may end anywhere, and long ones differ in their last byte")
{
	static const char text[] = "select e'a\\'b', $x$y$x$, \"q\", 1.5e+3, u&'x', b'1' /* c */ from t -- end";
	char *a = memory_new(70000), *b = memory_new(70000);

	for (size_t length = 0; length <= strlen(text); length++) {
		char *cut = memory_copy(text, max_of(length, (size_t)1));
		struct shape shape;

		shape_scan(cut, length, &shape);
		free(cut);
	}
	memset(a, 'x', 69999);
	memset(b, 'x', 69999);
	b[69998] = 'y';
	expect_false(same(a, b));
	b[69998] = 'x';
	expect(same(a, b));
	free(a);
	free(b);
}

TEST("a statement is written for people without any of its constants")
{
	static const struct { const char *text; const char *written; } rows[] = {
	    {"select  1,\n 'it''s', E'a\\'b' -- secret\n from t", "select ?, ?, ?"},
	    {"select 'a', $$b$$, $x$c$x$, $1, 1.5e+3, .5 from t", "select ?, ?, ?, $1, ?+?, ? from t"},
	    {"create temp table \"Mine\" (id int) /* secret /* nested */ */", "create temp table \"Mine\" (id int)"},
	    {"select 'backslash\\', 'secret'", "select ?"}, {"select U&'a', b'1', x'ff', n'x'", "select ?, ?, ?, ?"},
	    {"select 'unfinished", "select ?"}, {"select $a$unfinished", "select ?"}, {"/* unfinished", ""}, {"", ""}, {"select a1, _b$2", "select a1, _b$2"}};
	char out[64], small[8];

	for (size_t i = 0; i < array_length(rows); i++) {
		char *text = memory_copy(rows[i].text, max_of(strlen(rows[i].text), (size_t)1));

		shape_write(text, strlen(rows[i].text), out, sizeof(out));
		expect_text(out, rows[i].written);
		free(text);
	}
	shape_write("select a_long_name_of_something", 31, small, sizeof(small));
	expect_text(small, "select");
}
