/*
 * base/lsn.c - positions in PostgreSQL's write-ahead log: their texts, and the one
 * place where the primary's counting and the replicas' differ.
 *
 *     … record | page header | record …
 *              ▲ replayed    ▲ the next insert
 */
#include "base/lsn.h"

#include <stdio.h>

enum {
	WAL_PAGE_SIZE = 8192,
	WAL_PAGE_HEADER = 24,
	WAL_SEGMENT_HEADER = 40,
	/* A segment's size is a power of two, of at least this. */
	WAL_SEGMENT_LEAST = 1024 * 1024,
	HALF_DIGITS_MOST = 8,
};

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads up to eight digits and moves *AT behind them; false when there is none. */
static bool
half_read(const char **at, uint64_t *out)
{
	int digits = 0;

	for (*out = 0; digits < HALF_DIGITS_MOST && digit_value(**at) >= 0; digits++)
		*out = *out << 4 | (uint64_t)digit_value(*(*at)++);
	return digits > 0;
}

bool
lsn_read(const char *text, uint64_t *out)
{
	uint64_t high, low;

	*out = 0;
	if (text == NULL || !half_read(&text, &high) || *text++ != '/' || !half_read(&text, &low) || *text != '\0')
		return false;
	*out = high << 32 | low;
	return true;
}

char *
lsn_write(uint64_t lsn, char out[LSN_TEXT_SIZE])
{
	snprintf(out, LSN_TEXT_SIZE, "%X/%X", (unsigned)(lsn >> 32), (unsigned)lsn);
	return out;
}

uint64_t
lsn_normalise(uint64_t lsn)
{
	if (lsn % WAL_SEGMENT_LEAST == WAL_SEGMENT_HEADER)
		return lsn - WAL_SEGMENT_HEADER;
	if (lsn % WAL_PAGE_SIZE == WAL_PAGE_HEADER)
		return lsn - WAL_PAGE_HEADER;
	return lsn;
}
