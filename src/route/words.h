/*
 * words.h - private to src/route: the tokens of a text or of a function's body, as
 * far as names, strings and single signs go.
 *
 * For standard_conforming_strings = on.  Nothing is allocated; a copy of the struct
 * is a place to come back to.
 */
#ifndef PGWEIR_SRC_ROUTE_WORDS_H
#define PGWEIR_SRC_ROUTE_WORDS_H

#include "base/base.h"

#define WORD_NAME_MAX 63 /* bytes: what is longer is cut by the server */

enum token {
	TOKEN_END,
	TOKEN_WORD,   /* a keyword or a name without quotes; name is in lower case */
	TOKEN_NAME,   /* a name in double quotes */
	TOKEN_STRING, /* name is what it says, when it is plain and short; else "" */
	TOKEN_SIGN,   /* one character, which is sign */
	TOKEN_OTHER,  /* a number or a parameter */
	TOKEN_DOUBT,  /* no end, or escapes by number: from here on anything may stand there */
};

struct words {
	const unsigned char *at;
	const unsigned char *start;   /* of the last token */
	const unsigned char *end;
	char sign;
	char name[WORD_NAME_MAX + 1]; /* of the last token; "" when it is odd */
	bool is_odd;                  /* the last name is too long for it, or has doubled quotes */
	bool has_non_ascii;           /* in the last name */
};

struct words words_over(const char *text, size_t length);
enum token words_next(struct words *w);

#endif
