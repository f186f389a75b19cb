/*
 * base/address.c - IP addresses to and from text, and whether one is in a network.
 */
#include "base/address.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { ADDRESS_GROUPS = 8 };

static size_t
address_length(const struct address *a)
{
	return a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
}

/* ------------------------------------------------------------------- reading */

/* One number of at most LONGEST digits below LIMIT; where it ends, or NULL. */
static const char *
address_read_number(const char *at, int base, int longest, unsigned limit, unsigned *out)
{
	const char *start = at;
	unsigned value = 0;

	for (; at - start < longest && isxdigit((unsigned char)*at); at++) {
		int digit = isdigit((unsigned char)*at) ? *at - '0' : tolower((unsigned char)*at) - 'a' + 10;

		if (digit >= base)
			break;
		value = value * (unsigned)base + (unsigned)digit;
	}
	if (at == start || value >= limit)
		return NULL;
	*out = value;
	return at;
}

/* Exactly four decimal numbers; a leading zero would be octal to some readers, so it is no address. */
static bool
address_read_v4(const char *at, uint8_t out[4])
{
	for (int i = 0; i < 4; i++) {
		unsigned value;

		if (at[0] == '0' && isdigit((unsigned char)at[1]))
			return false;
		at = address_read_number(at, 10, 3, 256, &value);
		if (at == NULL || *at != (i < 3 ? '.' : '\0'))
			return false;
		out[i] = (uint8_t)value;
		at++;
	}
	return true;
}

/* The groups from AT to the end of the text or to "::", whose place goes to REST; false when malformed. */
static bool
address_read_groups(const char *at, uint8_t out[16], size_t *count, const char **rest)
{
	*rest = NULL;
	*count = 0;
	while (*at != '\0') {
		unsigned value;
		const char *end;

		if (strchr(at, ':') == NULL && strchr(at, '.') != NULL && *count <= ADDRESS_GROUPS - 2) {
			*count += 2;
			return address_read_v4(at, out + 2 * (*count - 2));
		}
		end = address_read_number(at, 16, 4, 0x10000, &value);
		if (end == NULL || *count == ADDRESS_GROUPS)
			return false;
		out[2 * *count] = (uint8_t)(value >> 8);
		out[2 * *count + 1] = (uint8_t)value;
		++*count;
		if (end[0] == ':' && end[1] == ':') {
			*rest = end + 2;
			return true;
		}
		if (*end != '\0' && (*end != ':' || end[1] == '\0'))
			return false;
		at = *end == ':' ? end + 1 : end;
	}
	return true;
}

static bool
address_read_v6(const char *text, uint8_t out[16])
{
	uint8_t head[16] = {0}, tail[16] = {0};
	size_t head_count = 0, tail_count = 0;
	const char *rest = NULL, *second;

	if (text[0] == ':' && text[1] == ':')
		rest = text + 2;
	else if (!address_read_groups(text, head, &head_count, &rest))
		return false;
	if (rest == NULL) {
		memcpy(out, head, 16);
		return head_count == ADDRESS_GROUPS;
	}
	if (!address_read_groups(rest, tail, &tail_count, &second) || second != NULL)
		return false;
	if (head_count + tail_count >= ADDRESS_GROUPS)
		return false;
	memcpy(out, head, 2 * head_count);
	memcpy(out + 16 - 2 * tail_count, tail, 2 * tail_count);
	return true;
}

bool
address_parse(const char *text, struct address *out)
{
	struct address a = {.family = 4};

	if (!address_read_v4(text, a.bytes)) {
		a = (struct address){.family = 6};
		if (!address_read_v6(text, a.bytes))
			return false;
	}
	*out = a;
	return true;
}

/* ------------------------------------------------------------------- writing */

/* The longest run of two or more zero groups: its first group, and its length in OUT. */
static size_t
address_longest_zeros(const struct address *a, size_t *out)
{
	size_t best = ADDRESS_GROUPS, run = 0;

	*out = 1;
	for (size_t i = 0; i < ADDRESS_GROUPS; i++) {
		run = a->bytes[2 * i] == 0 && a->bytes[2 * i + 1] == 0 ? run + 1 : 0;
		if (run > *out) {
			*out = run;
			best = i + 1 - run;
		}
	}
	return best;
}

static void
address_format_v6(const struct address *a, char out[ADDRESS_TEXT])
{
	size_t zeros, first = address_longest_zeros(a, &zeros), used = 0;

	for (size_t i = 0; i < ADDRESS_GROUPS; i++) {
		if (i == first) {
			used += (size_t)snprintf(out + used, ADDRESS_TEXT - used, "::");
			i += zeros - 1;
			continue;
		}
		used += (size_t)snprintf(out + used, ADDRESS_TEXT - used, "%s%x",
		    i > 0 && i != first + zeros ? ":" : "", (unsigned)a->bytes[2 * i] << 8 | a->bytes[2 * i + 1]);
	}
}

char *
address_format(const struct address *a, char out[ADDRESS_TEXT])
{
	const uint8_t *b = a->bytes;
	struct address plain = address_unmap(*a);

	out[0] = '\0';
	if (a->family == 4)
		snprintf(out, ADDRESS_TEXT, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
	else if (a->family == 6 && plain.family == 4)
		snprintf(out, ADDRESS_TEXT, "::ffff:%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
	else if (a->family == 6)
		address_format_v6(a, out);
	return out;
}

/* ------------------------------------------------------------------ networks */

struct address
address_mask(uint8_t family, unsigned bits)
{
	struct address mask = {.family = family};

	must(bits <= 8 * address_length(&mask));
	for (unsigned i = 0; i < bits; i++)
		mask.bytes[i / 8] = (uint8_t)(mask.bytes[i / 8] | 0x80 >> i % 8);
	return mask;
}

struct address
address_unmap(struct address a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct address plain = {.family = 4};

	if (a.family != 6 || memcmp(a.bytes, mapped, sizeof(mapped)) != 0)
		return a;
	memcpy(plain.bytes, a.bytes + sizeof(mapped), 4);
	return plain;
}

bool
address_is_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, address_length(a)) == 0;
}

bool
address_is_within(const struct address *a, const struct address *network, const struct address *mask)
{
	if (a->family != network->family || a->family != mask->family)
		return false;
	for (size_t i = 0; i < address_length(a); i++)
		if ((a->bytes[i] ^ network->bytes[i]) & mask->bytes[i])
			return false;
	return address_length(a) > 0;
}
