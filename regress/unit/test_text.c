/*
 * test_text.c - plain text, names that are near each other, and the keyed hash.
 */
#include "base/base.h"

#include "base/clock.h"
#include "base/map.h"
#include "test.h"

TEST("copies are owned, and NULL stays NULL")
{
	char *copy = text_copy("abc");
	char *part = text_copy_n("abcdef", 2);
	char *made = text_format("%s-%d", "x", 7);

	expect_text(copy, "abc");
	expect_text(part, "ab");
	expect_text(made, "x-7");
	expect(text_copy(NULL) == NULL);
	free(copy);
	free(part);
	free(made);
}

TEST("NULL equals NULL only")
{
	expect(text_equal(NULL, NULL));
	expect_false(text_equal(NULL, ""));
	expect_false(text_equal_nocase("", NULL));
	expect(text_equal("a", "a"));
	expect_false(text_equal("a", "A"));
	expect(text_equal_nocase("aBc", "AbC"));
}

TEST("a prefix is found whatever its case")
{
	expect(text_starts_nocase("SELECT 1", "select"));
	expect(text_starts_nocase("x", ""));
	expect_false(text_starts_nocase("sel", "select"));
}

TEST("the distance of two names counts inserted, dropped, changed and swapped letters")
{
	expect_int(text_distance("pool", "pool"), 0);
	expect_int(text_distance("pool", "pol"), 1);
	expect_int(text_distance("pool", "pools"), 1);
	expect_int(text_distance("pool", "tool"), 1);
	expect_int(text_distance("pool", "polo"), 1);
	expect_int(text_distance("", "abc"), 3);
	expect_int(text_distance("kitten", "sitting"), 3);
}

TEST("names too long to be compared are far apart")
{
	char name[65];

	memset(name, 'a', 64);
	name[64] = '\0';
	expect_int(text_distance(name, name), 99);
	expect_int(text_distance(name + 1, name + 1), 0);
}

TEST("equal bytes hash alike, and one changed or added byte does not")
{
	char a[24] = "abcdefghijklmnopqrstuvw", b[24];

	memcpy(b, a, sizeof(a));
	for (size_t length = 0; length < sizeof(a); length++) {
		expect(hash_bytes(a, length) == hash_bytes(b, length));
		expect(hash_bytes(a, length) != hash_bytes(a, length + 1));
		if (length == 0)
			continue;
		b[length - 1] ^= 1;
		expect(hash_bytes(a, length) != hash_bytes(b, length));
		b[length - 1] ^= 1;
	}
}

TEST("the low bits of the hash spread, as a table of buckets needs")
{
	unsigned used[256] = {0}, most = 0;

	for (unsigned i = 0; i < 25600; i++) {
		unsigned *bucket = &used[hash_bytes(&i, sizeof(i)) & 255];

		*bucket += 1;
		most = max_of(most, *bucket);
	}
	expect(most < 200);
}

struct entry {
	int key;
	UT_hash_handle hh;
};

TEST("a map finds what was put in, and nothing else")
{
	struct entry entries[100], *map = NULL, *found;

	for (int i = 0; i < 100; i++) {
		entries[i].key = i * 3;
		HASH_ADD_INT(map, key, &entries[i]);
	}
	for (int i = 0; i < 300; i++) {
		HASH_FIND_INT(map, &i, found);
		expect(found == (i % 3 == 0 ? &entries[i / 3] : NULL));
	}
	HASH_CLEAR(hh, map);
}

TEST("arrays come zeroed")
{
	int *numbers = memory_array(100, sizeof(*numbers));
	int sum = 0;

	for (int i = 0; i < 100; i++)
		sum += numbers[i];
	expect_int(sum, 0);
	free(numbers);
}

TEST("time is written as year to millisecond, with its zone")
{
	char text[40];

	setenv("TZ", "UTC", 1);
	expect_text(clock_format_milli(1783721953123456, text, sizeof(text)), "2026-07-10 22:19:13.123 UTC");
	expect_text(clock_format_second(1783721953123456, text, sizeof(text)), "2026-07-10 22:19:13 UTC");
}

TEST("monotonic time does not go back")
{
	int64_t before = clock_monotonic_us();

	expect(clock_monotonic_us() >= before);
	expect(clock_wall_us() > 1700000000000000);
}
