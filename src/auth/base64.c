/*
 * auth/base64.c - base64 for SCRAM messages and secrets.
 */
#include "auth/base64.h"

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t
base64_encode_group(const uint8_t *in, size_t count, char *out)
{
	uint32_t group = (uint32_t)in[0] << 16;

	if (count > 1)
		group |= (uint32_t)in[1] << 8;
	if (count > 2)
		group |= in[2];
	out[0] = base64_digits[group >> 18];
	out[1] = base64_digits[group >> 12 & 63];
	out[2] = count > 1 ? base64_digits[group >> 6 & 63] : '=';
	out[3] = count > 2 ? base64_digits[group & 63] : '=';
	return 4;
}

size_t
base64_encode(const void *data, size_t length, char *out)
{
	const uint8_t *in = data;
	size_t written = 0;

	for (size_t at = 0; at < length; at += 3)
		written += base64_encode_group(in + at, min_of(length - at, (size_t)3), out + written);
	out[written] = '\0';
	return written;
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

static size_t
base64_padding(const char *text, size_t length)
{
	if (length == 0 || text[length - 1] != '=')
		return 0;
	return text[length - 2] == '=' ? 2 : 1;
}

/* COUNT digits (2, 3 or 4) become COUNT - 1 bytes. */
static bool
base64_decode_group(const char *text, size_t count, uint8_t *out)
{
	uint32_t group = 0;

	for (size_t i = 0; i < 4; i++) {
		int value = i < count ? base64_value(text[i]) : 0;

		if (value < 0)
			return false;
		group = group << 6 | (uint32_t)value;
	}
	for (size_t i = 0; i < count - 1; i++)
		out[i] = (uint8_t)(group >> (16 - 8 * i));
	return (group & ((1u << (8 * (4 - count))) - 1)) == 0;
}

bool
base64_decode(const char *text, size_t length, void *out, size_t capacity, size_t *out_length)
{
	size_t padding, digits;
	uint8_t *to = out;

	if (length % 4 != 0)
		return false;
	padding = base64_padding(text, length);
	digits = length - padding;
	if (length / 4 * 3 - padding > capacity)
		return false;
	for (size_t at = 0; at < digits; at += 4) {
		if (!base64_decode_group(text + at, min_of(digits - at, (size_t)4), to))
			return false;
		to += 3;
	}
	*out_length = length / 4 * 3 - padding;
	return true;
}
