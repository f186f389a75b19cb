/*
 * regress/unit/test.h - the smallest unit-test frame that reads as sentences.
 *
 *     TEST("a length that runs past the frame poisons the reader, not the process")
 *     {
 *             ...
 *             expect_false(reader_ok(&r));
 *     }
 *
 * Every test is registered by a constructor; main() runs them in order of
 * appearance and prints "N passed, N failed" as its last line.  A file includes
 * this header once.
 */
#ifndef PGWEIR_REGRESS_TEST_H
#define PGWEIR_REGRESS_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
	const char *promise;
	void (*run)(void);
	int line;
	struct test_case *next;
};

static struct test_case *test_first;
static bool test_ok;

static inline void
test_register(struct test_case *t)
{
	struct test_case **place = &test_first;

	/* Constructors run in an order of the linker's. */
	while (*place != NULL && (*place)->line < t->line)
		place = &(*place)->next;
	t->next = *place;
	*place = t;
}

static inline void
test_expect(bool ok, const char *what, const char *file, int line)
{
	if (ok)
		return;
	test_ok = false;
	printf("    %s:%d: expected %s\n", file, line, what);
}

static inline void
test_expect_int(long long actual, long long expected, const char *what, const char *file, int line)
{
	if (actual == expected)
		return;
	test_ok = false;
	printf("    %s:%d: %s is %lld, expected %lld\n", file, line, what, actual, expected);
}

static inline void
test_expect_text(const char *actual, const char *expected, const char *what, const char *file, int line)
{
	if (actual == expected || (actual != NULL && expected != NULL && strcmp(actual, expected) == 0))
		return;
	test_ok = false;
	printf("    %s:%d: %s is \"%s\", expected \"%s\"\n", file, line, what, actual != NULL ? actual : "(null)",
	    expected != NULL ? expected : "(null)");
}

#define expect(condition) test_expect((condition), #condition, __FILE__, __LINE__)
#define expect_false(condition) test_expect(!(condition), "not: " #condition, __FILE__, __LINE__)
#define expect_int(actual, expected) test_expect_int((long long)(actual), (long long)(expected), #actual, __FILE__, __LINE__)
#define expect_text(actual, expected) test_expect_text((actual), (expected), #actual, __FILE__, __LINE__)

#define TEST_JOIN_(a, b) a##b
#define TEST_JOIN(a, b) TEST_JOIN_(a, b)
#define TEST(sentence) \
	static void TEST_JOIN(test_run_, __LINE__)(void); \
	static struct test_case TEST_JOIN(test_case_, __LINE__) = {.promise = (sentence), .run = TEST_JOIN(test_run_, __LINE__), .line = __LINE__}; \
	static void __attribute__((constructor)) TEST_JOIN(test_add_, __LINE__)(void) { test_register(&TEST_JOIN(test_case_, __LINE__)); } \
	static void TEST_JOIN(test_run_, __LINE__)(void)

int
main(void)
{
	int passed = 0, failed = 0;

	for (struct test_case *t = test_first; t != NULL; t = t->next) {
		test_ok = true;
		t->run();
		if (test_ok) {
			passed++;
			continue;
		}
		failed++;
		printf("FAILED: %s\n", t->promise);
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}

#endif
