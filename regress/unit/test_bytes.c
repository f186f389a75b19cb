/*
 * test_bytes.c - the growing buffer and the sticky reader.
 */
#include "base/bytes.h"

#include "test.h"

TEST("what is appended comes out as it went in")
{
	struct bytes b = {0};

	bytes_append(&b, "ab", 2);
	bytes_append(&b, NULL, 0);
	bytes_chars(&b, "cd");
	bytes_format(&b, "%d%s", 12, "x");
	bytes_text(&b, NULL);

	expect_int(b.length, 8);
	expect(memcmp(b.data, "abcd12x", 8) == 0);
	bytes_free(&b);
	expect(b.data == NULL && b.length == 0 && b.capacity == 0);
}

TEST("numbers are big-endian, and can be set afterwards")
{
	struct bytes b = {0};

	bytes_u8(&b, 0x01);
	bytes_u16(&b, 0x0203);
	bytes_u32(&b, 0);
	bytes_u64(&b, 0x08090a0b0c0d0e0fu);
	bytes_set_u32(&b, 3, 0x04050607);

	expect_int(b.length, 15);
	expect(memcmp(b.data, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 15) == 0);
	bytes_free(&b);
}

TEST("a buffer grows over many sizes and keeps its contents")
{
	struct bytes b = {0};
	bool is_whole = true;

	for (unsigned i = 0; i < 100000; i++)
		bytes_u8(&b, (uint8_t)(i * 7));
	for (unsigned i = 0; i < 100000; i++)
		is_whole = is_whole && (uint8_t)b.data[i] == (uint8_t)(i * 7);

	expect(is_whole);
	expect_int(b.length, 100000);
	bytes_free(&b);
}

TEST("a format longer than what is left of the buffer comes whole")
{
	struct bytes b = {0};
	char wide[300];

	memset(wide, 'w', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	bytes_chars(&b, "head ");
	bytes_format(&b, "%s!", wide);

	expect_int(b.length, 5 + 299 + 1);
	expect_int(b.data[304], '!');
	bytes_free(&b);
}

TEST("consuming drops the beginning and keeps the rest")
{
	struct bytes b = {0};

	bytes_chars(&b, "abcdef");
	bytes_consume(&b, 0);
	bytes_consume(&b, 4);
	expect_int(b.length, 2);
	expect(memcmp(b.data, "ef", 2) == 0);
	bytes_consume(&b, 2);
	expect_int(b.length, 0);
	bytes_free(&b);
}

TEST("taking gives a text away and leaves an empty buffer")
{
	struct bytes b = {0};
	char *text;

	bytes_chars(&b, "mine");
	text = bytes_take(&b);
	expect_text(text, "mine");
	expect(b.data == NULL && b.length == 0);
	free(text);

	text = bytes_take(&b);
	expect_text(text, "");
	free(text);
}

TEST("a reader reads back what the writer wrote")
{
	struct bytes b = {0};
	struct reader r;

	bytes_u8(&b, 200);
	bytes_u16(&b, 60000);
	bytes_u32(&b, 4000000000u);
	bytes_u64(&b, 1ull << 63);
	bytes_u32(&b, (uint32_t)-5);
	bytes_text(&b, "text");
	bytes_append(&b, "xyz", 3);
	r = reader_over(b.data, b.length);

	expect_int(reader_u8(&r), 200);
	expect_int(reader_u16(&r), 60000);
	expect_int(reader_u32(&r), 4000000000u);
	expect(reader_u64(&r) == 1ull << 63);
	expect_int(reader_i32(&r), -5);
	expect_text(reader_text(&r), "text");
	expect_int(reader_left(&r), 3);
	expect(memcmp(reader_bytes(&r, 3), "xyz", 3) == 0);
	expect(reader_at_end(&r));
	bytes_free(&b);
}

TEST("a length that runs past the frame poisons the reader, not the process")
{
	struct reader r = reader_over("\x7f\xff\xff\xffpg", 6);

	expect(reader_bytes(&r, reader_u32(&r)) == NULL);

	expect_false(reader_ok(&r));
	expect_int(reader_left(&r), 0);
	expect_int(reader_u8(&r), 0);
	expect_text(reader_text(&r), "");
	expect_false(reader_at_end(&r));
}

TEST("a text without its zero byte poisons the reader")
{
	struct reader r = reader_over("abc", 3);

	expect_text(reader_text(&r), "");
	expect_false(reader_ok(&r));
}

TEST("a reader over nothing is at its end at once")
{
	struct reader r = reader_over(NULL, 0);

	expect(reader_at_end(&r));
	expect_text(reader_text(&r), "");
	expect_false(reader_ok(&r));
}

TEST("every read that does not fit answers zero")
{
	for (size_t length = 0; length < 8; length++) {
		struct reader r = reader_over("\xff\xff\xff\xff\xff\xff\xff", length);

		expect(reader_u64(&r) == 0);
		expect_false(reader_ok(&r));
	}
}
