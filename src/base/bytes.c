/*
 * base/bytes.c - the growing buffer, its bounded writer, and the sticky reader.
 */
#include "base/bytes.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
bytes_free(struct bytes *b)
{
	free(b->data);
	*b = (struct bytes){0};
}

void
bytes_clear(struct bytes *b)
{
	b->length = 0;
}

char *
bytes_reserve(struct bytes *b, size_t more)
{
	if (more > b->capacity - b->length) {
		size_t wanted = b->length + more;
		size_t grown = b->capacity * 2;

		must(wanted >= more);
		b->capacity = max_of(max_of(wanted, grown), (size_t)64);
		b->data = memory_resize(b->data, b->capacity);
	}
	return b->data + b->length;
}

void
bytes_append(struct bytes *b, const void *data, size_t length)
{
	if (length == 0)
		return;
	memcpy(bytes_reserve(b, length), data, length);
	b->length += length;
}

void
bytes_consume(struct bytes *b, size_t length)
{
	must(length <= b->length);
	b->length -= length;
	if (b->length > 0 && length > 0)
		memmove(b->data, b->data + length, b->length);
}

char *
bytes_take(struct bytes *b)
{
	char *data;

	bytes_u8(b, 0);
	data = b->data;
	*b = (struct bytes){0};
	return data;
}

void
bytes_u8(struct bytes *b, uint8_t value)
{
	bytes_append(b, &value, sizeof(value));
}

void
bytes_u16(struct bytes *b, uint16_t value)
{
	value = htobe16(value);
	bytes_append(b, &value, sizeof(value));
}

void
bytes_u32(struct bytes *b, uint32_t value)
{
	value = htobe32(value);
	bytes_append(b, &value, sizeof(value));
}

void
bytes_u64(struct bytes *b, uint64_t value)
{
	value = htobe64(value);
	bytes_append(b, &value, sizeof(value));
}

void
bytes_text(struct bytes *b, const char *text)
{
	if (text == NULL)
		text = "";
	bytes_append(b, text, strlen(text) + 1);
}

void
bytes_chars(struct bytes *b, const char *text)
{
	bytes_append(b, text, strlen(text));
}

void
bytes_vformat(struct bytes *b, const char *format, va_list args)
{
	va_list again;
	int wanted;

	va_copy(again, args);
	wanted = vsnprintf(NULL, 0, format, again);
	va_end(again);
	must(wanted >= 0);
	bytes_reserve(b, (size_t)wanted + 1);
	vsnprintf(b->data + b->length, (size_t)wanted + 1, format, args);
	b->length += (size_t)wanted;
}

void
bytes_format(struct bytes *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	bytes_vformat(b, format, args);
	va_end(args);
}

void
bytes_set_u32(struct bytes *b, size_t at, uint32_t value)
{
	must(b->length >= 4 && at <= b->length - 4);
	value = htobe32(value);
	memcpy(b->data + at, &value, sizeof(value));
}

/* ---------------------------------------------------------------- reader */

struct reader
reader_over(const void *data, size_t length)
{
	const char *at = data != NULL ? data : "";

	must(data != NULL || length == 0);
	return (struct reader){.at = at, .end = at + length};
}

bool
reader_ok(const struct reader *r)
{
	return !r->failed;
}

bool
reader_at_end(const struct reader *r)
{
	return !r->failed && r->at == r->end;
}

size_t
reader_left(const struct reader *r)
{
	return r->failed ? 0 : (size_t)(r->end - r->at);
}

const char *
reader_bytes(struct reader *r, size_t length)
{
	const char *at = r->at;

	if (r->failed || length > (size_t)(r->end - r->at)) {
		r->failed = true;
		return NULL;
	}
	r->at += length;
	return at;
}

uint8_t
reader_u8(struct reader *r)
{
	const char *p = reader_bytes(r, 1);

	return p == NULL ? 0 : (uint8_t)*p;
}

uint16_t
reader_u16(struct reader *r)
{
	const char *p = reader_bytes(r, 2);
	uint16_t value = 0;

	if (p != NULL)
		memcpy(&value, p, sizeof(value));
	return be16toh(value);
}

uint32_t
reader_u32(struct reader *r)
{
	const char *p = reader_bytes(r, 4);
	uint32_t value = 0;

	if (p != NULL)
		memcpy(&value, p, sizeof(value));
	return be32toh(value);
}

uint64_t
reader_u64(struct reader *r)
{
	const char *p = reader_bytes(r, 8);
	uint64_t value = 0;

	if (p != NULL)
		memcpy(&value, p, sizeof(value));
	return be64toh(value);
}

int32_t
reader_i32(struct reader *r)
{
	return (int32_t)reader_u32(r);
}

const char *
reader_text(struct reader *r)
{
	const char *start = r->at;
	const char *nul = r->failed || r->at == r->end ? NULL : memchr(start, '\0', (size_t)(r->end - r->at));

	if (nul == NULL) {
		r->failed = true;
		return "";
	}
	r->at = nul + 1;
	return start;
}
