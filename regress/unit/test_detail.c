/*
 * What a session must know of single statements: names, constants, modes, and the
 * statements of a text one by one.
 */
#include "route/verdict.h"

#include "test.h"

static void
expect_parsed(const char *text, bool expected, struct verdict_detail *out)
{
	expect_int(route_detail(text, strlen(text), out), expected);
}

TEST("a SET gives its name and its value as text")
{
	struct verdict_detail d;

	expect_parsed("SET Search_Path TO a, \"B\"", true, &d);
	expect_text(d.name, "search_path");
	expect_text(d.value, NULL);
	expect_int(d.value_count, 2);
	expect_text(d.values[1], "B");
	verdict_detail_free(&d);
	expect_parsed("set local statement_timeout = 500", true, &d);
	expect(d.is_local);
	expect_int(d.kind, KIND_SET_LOCAL);
	expect_text(d.value, "500");
	verdict_detail_free(&d);
	expect_parsed("set pgweir.route = 'replica'", true, &d);
	expect_text(d.name, "pgweir.route");
	expect_text(d.value, "replica");
	verdict_detail_free(&d);
	expect_parsed("set x to default", true, &d);
	expect(d.is_default);
	verdict_detail_free(&d);
	expect_parsed("reset all", true, &d);
	expect(d.is_all);
	expect_int(d.kind, KIND_RESET);
	verdict_detail_free(&d);
	expect_parsed("set time zone interval '1' hour to minute", true, &d);
	expect_text(d.name, "timezone");
	expect(d.values == NULL);
	verdict_detail_free(&d);
	expect_parsed("set client_encoding = on; set a.b = 1", false, &d);
	verdict_detail_free(&d);
	expect_parsed("select 1", false, &d);
	verdict_detail_free(&d);
}

TEST("a BEGIN gives its modes, and the last one said counts")
{
	struct verdict_detail d;

	expect_parsed("begin read only, read write, isolation level repeatable read, not deferrable", true, &d);
	expect_false(d.is_read_only);
	expect(d.is_read_write);
	expect_int(d.isolation, ISOLATION_REPEATABLE_READ);
	expect_false(d.is_deferrable);
	verdict_detail_free(&d);
	expect_parsed("set session characteristics as transaction isolation level serializable, read only, deferrable", true, &d);
	expect(d.is_session_wide && d.is_read_only && d.is_deferrable);
	expect_int(d.isolation, ISOLATION_SERIALIZABLE);
	verdict_detail_free(&d);
	expect_parsed("commit and chain", true, &d);
	expect(d.is_chain);
	verdict_detail_free(&d);
	expect_parsed("rollback to savepoint \"Sp\"", true, &d);
	expect_text(d.name, "Sp");
	verdict_detail_free(&d);
}

TEST("names of statements, cursors and channels are given, or that all are meant")
{
	static const struct { const char *text, *name; bool all; enum statement_kind kind; } rows[] = {
	    {"deallocate prepare P1", "p1", false, KIND_DEALLOCATE}, {"deallocate all", NULL, true, KIND_DEALLOCATE}, {"discard all", "all", true, KIND_DISCARD},
	    {"discard temp", "temp", false, KIND_DISCARD}, {"show All", "all", true, KIND_SHOW}, {"show time zone", "timezone", false, KIND_SHOW}, {"listen \"C\"", "C", false, KIND_LISTEN},
	    {"unlisten *", NULL, true, KIND_UNLISTEN}, {"notify c, 'x'", "c", false, KIND_NOTIFY}, {"declare c cursor with hold for select 1", "c", false, KIND_DECLARE},
	    {"fetch next from c", "c", false, KIND_FETCH}, {"close all", NULL, true, KIND_CLOSE_CURSOR}, {"prepare p as select 1", "p", false, KIND_PREPARE}, {"execute p(1)", "p", false, KIND_EXECUTE},
	};

	for (size_t i = 0; i < array_length(rows); i++) {
		struct verdict_detail d;

		expect_parsed(rows[i].text, true, &d);
		expect_text(d.name, rows[i].name);
		expect_int(d.is_all, rows[i].all);
		expect_int(d.kind, rows[i].kind);
		verdict_detail_free(&d);
	}
}

struct told {
	char text[512];
	size_t most;
};

static bool
tell_statement(void *user, const struct statement_detail *one)
{
	struct told *told = user;
	size_t length = strlen(told->text);

	snprintf(told->text + length, sizeof(told->text) - length, "[%zu+%zu %s%s%s]", one->offset, one->length,
	    one->detail != NULL && one->detail->name != NULL ? one->detail->name : "", one->executes != NULL ? " runs " : "",
	    one->executes != NULL ? one->executes : "");
	return --told->most > 0;
}

static bool
note_analyzed(void *user, const struct statement_detail *one)
{
	*(bool *)user = one->is_analyzed;
	return true;
}

TEST("a statement is told apart whose Parse looks into it")
{
	static const struct { const char *text; bool is_analyzed; } rows[] = {
	    {"select 1", true}, {"-- it's\ntable t", true}, {"values (1)", true}, {"with w as (select 1) insert into t table w", true},
	    {"update t set a = 1", true}, {"delete from t", true}, {"declare c cursor for select 1", true}, {"explain select 1", true},
	    {"create table t as select 1", true}, {"call p('1')", true}, {"/* it's */ begin isolation level serializable", false},
	    {"set transaction isolation level serializable", false}, {"vacuum t", false}, {"create index concurrently on t (a)", false},
	    {"lock t", false}, {"show search_path", false}, {"create view v as select 1", false}, {"prepare p as select 1", false},
	};

	for (size_t i = 0; i < array_length(rows); i++) {
		bool is_analyzed = !rows[i].is_analyzed;

		expect(route_each_detail(rows[i].text, strlen(rows[i].text), note_analyzed, &is_analyzed));
		expect_int(is_analyzed, rows[i].is_analyzed);
	}
}

TEST("each statement of a text is told with its place, its names and what it executes")
{
	static const struct { const char *text; const char *told; bool is_ok; } rows[] = {
	    {"", "", true}, {"listen a", "[0+8 a]", true}, {"set a.b = 1;; select 2; listen \"C\" ", "[0+11 a.b][13+9 ][23+12 C]", true},
	    {"execute p(1); explain execute q; create temp table x as execute r", "[0+12 p runs p][13+18  runs q][32+33  runs r]", true},
	    {"explain analyze create table x as execute s", "[0+43  runs s]", true}, {"prepare p as select 1; selec", "", false},
	};

	for (size_t i = 0; i < array_length(rows); i++) {
		struct told told = {.most = 10};

		expect_int(route_each_detail(rows[i].text, strlen(rows[i].text), tell_statement, &told), rows[i].is_ok);
		expect_text(told.text, rows[i].told);
	}
}

TEST("whoever is told of statements may stop it")
{
	struct told told = {.most = 2};

	expect(route_each_detail("listen a; listen b; listen c", 28, tell_statement, &told));
	expect_text(told.text, "[0+8 a][9+9 b]");
}
