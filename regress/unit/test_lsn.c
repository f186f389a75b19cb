/*
 * regress/unit/test_lsn.c - positions in the write-ahead log.
 */
#include "base/lsn.h"

#include "test.h"

TEST("a position is read and written as pg_lsn does")
{
	char text[LSN_TEXT_SIZE];
	uint64_t lsn;

	expect(lsn_read("0/3000148", &lsn));
	expect_int(lsn, 0x3000148);
	expect(lsn_read("1A/ff", &lsn));
	expect_text(lsn_write(lsn, text), "1A/FF");
	expect(lsn_read("ffffFFFF/FFFFFFFF", &lsn));
	expect_text(lsn_write(lsn, text), "FFFFFFFF/FFFFFFFF");
	expect_text(lsn_write(0, text), "0/0");
}

TEST("what is no position is not read")
{
	static const char *const texts[] = {"", "/", "0/", "/0", "0/g", "x/1", "0/1 ", " 0/1", "0/1/2", "0x1/2", "-1/2", "123456789/0", "0/123456789", "0"};
	uint64_t lsn = 7;

	for (size_t i = 0; i < array_length(texts); i++) {
		expect_false(lsn_read(texts[i], &lsn));
		expect_int(lsn, 0);
	}
	expect_false(lsn_read(NULL, &lsn));
}

TEST("an insert position behind a page header counts as the page's start")
{
	expect_int(lsn_normalise(0x3000028), 0x3000000);
	expect_int(lsn_normalise(0x3002018), 0x3002000);
	expect_int(lsn_normalise(0x3002060), 0x3002060);
	expect_int(lsn_normalise(0x3002028), 0x3002028);
	expect_int(lsn_normalise(0), 0);
}
