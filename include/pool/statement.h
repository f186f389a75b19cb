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
	const char *body; /* a Parse message behind its name: text, NUL, parameter types.  Of SQL: the text of the PREPARE.  Owned */
	const struct profile *meaning; /* owned reference: of the profile that it was prepared under, what its meaning depends on */
	bool sql;                      /* prepared by SQL: its name on a server is the client's */
	bool is_ascii;                 /* its text means the same in every encoding */
	char name[STATEMENT_NAME_SIZE];
};

/* What makes two equal texts two statements. */
struct statement_about {
	const struct profile *profile; /* the settings that it is prepared under */
	uint32_t era;                  /* of the catalog: what was prepared before a table was changed stays as it was */
	bool sql;
	bool alone;                    /* its meaning is that of its moment: shared with nobody */
};

/* The statement of that Parse body (behind the name), or of that PREPARE.  Thread-safe; the caller owns the reference. */
struct statement *statement_intern(const char *body, size_t length, const struct statement_about *about);
struct statement *statement_ref(struct statement *s);
void statement_unref(struct statement *s); /* NULL is fine */

/* The settings that a statement's meaning depends on, NULL at the end.  The first is client_encoding: of ASCII it does not. */
extern const char *const statement_settings[];

/* True when BODY under PROFILE is this very statement; cheap when the text differs early. */
bool statement_is(const struct statement *s, const char *body, size_t length, const struct profile *profile);

/* Appends a Parse message of the statement, under its own name or unnamed. */
void statement_write_parse(const struct statement *s, bool unnamed, struct bytes *out);

/* How many statements there are and what they hold, for the console. */
void statement_totals(size_t *count, size_t *bytes);

#endif
