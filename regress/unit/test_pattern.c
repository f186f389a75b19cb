/*
 * test_pattern.c - regular expressions: what they match, what is refused, what they cost.
 */
#include "config/pattern.h"

#include "test.h"

static bool
matches(const char *expression, const char *subject)
{
	struct bytes why = {0};
	struct pattern *p = pattern_new(expression, &why);
	bool does;

	expect(p != NULL);
	does = p != NULL && pattern_matches(p, subject);
	pattern_free(p);
	bytes_free(&why);
	return does;
}

/* Why EXPRESSION is refused; "" when it is not. */
static const char *
refused(const char *expression)
{
	static struct bytes why;
	struct pattern *p;

	bytes_clear(&why);
	p = pattern_new(expression, &why);
	expect((p == NULL) == (why.length > 0));
	pattern_free(p);
	bytes_u8(&why, 0);
	return why.data;
}

TEST("an expression is looked for anywhere, unless it is anchored")
{
	expect(matches("b", "abc"));
	expect_false(matches("^b", "abc"));
	expect(matches("^(app|web)_[a-z]+$", "web_reader"));
	expect_false(matches("^(app|web)_[a-z]+$", "web_reader1"));
	expect(matches("^[^]a-c]x$", "zx"));
	expect(matches("^[[:alpha:]_]{2,3}$", "a_b"));
	expect(matches("a\\.b", "a.b"));
	expect_false(matches("a\\.b", "axb"));
}

TEST("\\d is a digit, as in PostgreSQL's own example")
{
	expect(matches("^db\\d{2,4}$", "db123"));
	expect_false(matches("^db\\d{2,4}$", "db1"));
	expect_false(matches("^db\\d{2,4}$", "dbdd"));
	expect(matches("^\\D+$", "abc"));
	expect_false(matches("^\\D+$", "ab1"));
	expect(matches("^\\w+$", "a_1"));
}

TEST("the first group's place is told")
{
	struct bytes why = {0};
	struct pattern *p = pattern_new("^(.*)@example\\.org$", &why);
	size_t from, to;

	expect(pattern_capture(p, "joe@example.org", &from, &to));
	expect_int(from, 0);
	expect_int(to, 3);
	expect_int(pattern_groups(p), 1);
	expect_false(pattern_capture(p, "joe@example.com", &from, &to));
	expect_int(to, 0);
	pattern_free(p);
}

TEST("what the library would read as something else is refused")
{
	static const char *const wrong[] = {"", "(?:a)", "(?i)a", "a*?", "a+?", "a??", "*a", "^*", "a|*b", "***:a", "\\1",
	    "(a)\\1", "\\bword", "\\y", "\\x41", "\\<a", "a\\", "[\\d]", "[a", "[[:alpha:", "[", "(a", "a)", "a{", "a{x}",
	    "a{,3}", "a{3,2}", "a{2", "[[:nope:]]", "a{2}{3}"};

	for (size_t i = 0; i < array_length(wrong); i++) {
		if (refused(wrong[i])[0] == '\0')
			printf("    accepted: %s\n", wrong[i]);
		expect(refused(wrong[i])[0] != '\0');
	}
}

TEST("an expression that would take memory without bound is refused")
{
	char deep[256] = "";

	expect_text(refused("((a{1000}){1000}){1000}"), "its repetitions are too large");
	expect_text(refused("a{99999999999999999999}"), "its repetitions are too large");
	expect_text(refused("((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+"), "its repetitions are too large");
	memset(deep, '(', 200);
	expect_text(refused(deep), "parentheses are nested too deep");
	expect_text(refused("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"), "");
}
