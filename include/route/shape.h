/*
 * route/shape.h - the shape of a statement: its text without what cannot change
 * where it may go (constants, comments, the amount of white space, letter case).
 *
 * Two texts of one shape have the same verdict, or one of them is an error that
 * no server would run.  The scanner allocates nothing; where it is in doubt it
 * takes the text byte for byte.
 */
#ifndef PGWEIR_ROUTE_SHAPE_H
#define PGWEIR_ROUTE_SHAPE_H

#include "base/base.h"

/*
 * The statement for people to recognize, cut at SIZE bytes (its NUL included): constants are question marks, comments are
 * gone.  Nothing of a constant gets in, whatever standard_conforming_strings is.
 */
void shape_write(const char *text, size_t length, char *out, size_t size);

/* What a comment at the start or the end of a text asks for. */
enum route_hint { HINT_NONE, HINT_PRIMARY, HINT_REPLICA };

struct shape {
	uint64_t hash[2];     /* keyed per process */
	enum route_hint hint;
	bool is_folded;       /* false: the hash covers the text byte for byte */
	bool is_several;      /* a statement follows a semicolon (or may) */
	bool has_non_ascii;
	char first_word[24];  /* the first word in lower case, maybe cut; "" when there is none */
};

/* Scans LENGTH bytes at TEXT, read with standard_conforming_strings on and in an encoding that ASCII is safe in. */
void shape_scan(const char *text, size_t length, struct shape *out);

/* The hint in the comments at the start or the end of the text; primary wins where they differ. */
enum route_hint route_hint_find(const char *text, size_t length);
/* As above, but it looks at the comments before the first word only: any encoding, any length. */
enum route_hint route_hint_find_first(const char *text, size_t length);

#endif
