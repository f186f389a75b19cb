/*
 * pool/statement.h - prepared statements, interned for the whole process.
 *
 * Clients that prepare the same text with the same parameter types, under the
 * same settings that give it its meaning, share one statement; on every server
 * it has one name, so any server can run it for any of them.
 */
#ifndef PGWEIR_POOL_STATEMENT_H
#define PGWEIR_POOL_STATEMENT_H

#include "base/base.h"

struct bytes;
struct profile;

/* The names that statements have on servers begin as PgBouncer's do, for those who look for them there; their number follows. */
#define STATEMENT_PREFIX "PGBOUNCER_"
#define STATEMENT_NAME_SIZE 32

struct statement {
	uint64_t number;
	size_t body_length;
	const char *body; /* a Parse message behind its name: text, NUL, parameter types.  Owned */
	const struct profile *meaning; /* owned reference */
	char name[STATEMENT_NAME_SIZE];
};

/*
 * The statement of that Parse body (behind the name) under the settings of PROFILE.  Thread-safe;
 * the caller owns the reference.
 */
struct statement *statement_intern(const char *body, size_t length, const struct profile *profile);
struct statement *statement_ref(struct statement *s);
void statement_unref(struct statement *s); /* NULL is fine */

/* True when BODY under PROFILE is this very statement; cheap when the text differs early. */
bool statement_is(const struct statement *s, const char *body, size_t length, const struct profile *profile);

/* Appends a Parse message of the statement, under its own name or unnamed. */
void statement_write_parse(const struct statement *s, bool unnamed, struct bytes *out);

/* How many statements there are and what they hold, for the console. */
void statement_totals(size_t *count, size_t *bytes);

#endif
