/*
 * base/address.h - an IP address as bytes: text, networks, masks.  Pure: no socket
 * and no resolver knows of it.
 */
#ifndef PGWEIR_BASE_ADDRESS_H
#define PGWEIR_BASE_ADDRESS_H

#include "base/base.h"

enum { ADDRESS_LOST = 255 }; /* a family: nobody can tell any more */

struct address {
	uint8_t family;    /* 4, 6, ADDRESS_LOST, or 0: none, the peer of a unix socket */
	uint8_t bytes[16]; /* the first 4 of them where family is 4; the rest zero */
};

/* The network of an interface. */
struct network {
	struct address address;
	struct address mask;
};

enum { ADDRESS_TEXT = 46 }; /* room for any address as text, with its NUL */

/* Reads four decimal numbers, or IPv6 as RFC 4291 writes it (no zone); false when TEXT is neither. */
bool address_parse(const char *text, struct address *out);
/* Writes it as RFC 5952 has it ("" where there is none); returns OUT. */
char *address_format(const struct address *a, char out[ADDRESS_TEXT]);
/* The mask of the first BITS bits; BITS must fit the family (4: 32, 6: 128). */
struct address address_mask(uint8_t family, unsigned bits);
/* An IPv4 address inside of IPv6 (::ffff:1.2.3.4) as IPv4; any other as it is. */
struct address address_unmap(struct address a);
bool address_is_equal(const struct address *a, const struct address *b);
/* True when A is of the network's family and equal to it in the bits of MASK. */
bool address_is_within(const struct address *a, const struct address *network, const struct address *mask);

#endif
