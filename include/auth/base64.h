/*
 * auth/base64.h - base64 (RFC 4648, section 4) over caller's memory.
 *
 * The decoder is strict: whole groups of four, padding only at the end, no
 * whitespace, no set bits behind the data.  One value has one spelling.
 */
#ifndef PGWEIR_AUTH_BASE64_H
#define PGWEIR_AUTH_BASE64_H

#include "base/base.h"

/* The characters that LENGTH bytes become, without a NUL. */
#define BASE64_LENGTH(length) (((length) + 2) / 3 * 4)

/* Writes BASE64_LENGTH(length) characters and a NUL; returns the characters written. */
size_t base64_encode(const void *data, size_t length, char *out);

/* False when TEXT is not base64 or needs more than CAPACITY bytes; *OUT_LENGTH is set on success only. */
bool base64_decode(const char *text, size_t length, void *out, size_t capacity, size_t *out_length);

#endif
