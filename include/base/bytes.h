/*
 * base/bytes.h - a growing buffer, a bounded writer over it, and a sticky reader.
 *
 * struct bytes is owned memory; struct reader borrows.  A reader never fails
 * half-way: after the first field that does not fit, every read answers zero or
 * an empty text, and reader_ok() is false.  Big-endian, as the PostgreSQL
 * protocol has it (PostgreSQL docs, "Message Data Types").
 */
#ifndef PGWEIR_BASE_BYTES_H
#define PGWEIR_BASE_BYTES_H

#include "base/base.h"

#include <stdarg.h>

struct bytes {
	char *data; /* owned; NULL while capacity is 0 */
	size_t length;
	size_t capacity;
};

void bytes_free(struct bytes *b);                  /* frees the memory and zeroes the struct */
void bytes_clear(struct bytes *b);                 /* length becomes 0, memory is kept */
char *bytes_reserve(struct bytes *b, size_t more); /* room for MORE bytes behind the end; returns that place */
void bytes_append(struct bytes *b, const void *data, size_t length);
void bytes_consume(struct bytes *b, size_t length); /* drops the first LENGTH bytes */
char *bytes_take(struct bytes *b);                  /* NUL-terminated; owned by the caller; the buffer is empty after */

void bytes_u8(struct bytes *b, uint8_t value);
void bytes_u16(struct bytes *b, uint16_t value);
void bytes_u32(struct bytes *b, uint32_t value);
void bytes_u64(struct bytes *b, uint64_t value);
void bytes_text(struct bytes *b, const char *text);  /* with its NUL; NULL counts as "" */
void bytes_chars(struct bytes *b, const char *text); /* without a NUL */
void bytes_format(struct bytes *b, const char *format, ...) __attribute__((format(printf, 2, 3))); /* without a NUL */
void bytes_vformat(struct bytes *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
void bytes_set_u32(struct bytes *b, size_t at, uint32_t value); /* overwrites four bytes already written */

struct reader {
	const char *at;
	const char *end;
	bool failed;
};

struct reader reader_over(const void *data, size_t length);
bool reader_ok(const struct reader *r);
bool reader_at_end(const struct reader *r); /* true when all was read and nothing failed */
size_t reader_left(const struct reader *r);
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
int32_t reader_i32(struct reader *r);
/* A NUL-terminated text inside the frame; never NULL: "" when it fails. */
const char *reader_text(struct reader *r);
/* LENGTH bytes, or NULL when they do not fit. */
const char *reader_bytes(struct reader *r, size_t length);

#endif
