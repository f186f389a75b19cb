/*
 * config/connstr.h - connection strings: `key=value key = 'it''s'`, as the rows of
 * [databases], [users] and [peers] have them.
 */
#ifndef PGWEIR_CONFIG_CONNSTR_H
#define PGWEIR_CONFIG_CONNSTR_H

#include "base/bytes.h"

struct connstr {
	const char *at;	     /* borrowed */
	const char *problem; /* why connstr_next ended before the end of the text; NULL when it did not */
	bool at_comment;     /* it ended at a # or ; where a key should be */
	struct bytes key;    /* owned, with a NUL */
	struct bytes value;  /* owned, with a NUL */
};

/* A cursor over TEXT, which must outlive it. */
struct connstr connstr_over(const char *text);
/* Reads the next pair into key and value; false at the end, at a comment, and at a problem. */
bool connstr_next(struct connstr *c);
void connstr_free(struct connstr *c);

#endif
