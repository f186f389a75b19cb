/*
 * config/userlist.h - the file of users and secrets: `"user" "secret"` per line.
 */
#ifndef PGWEIR_CONFIG_USERLIST_H
#define PGWEIR_CONFIG_USERLIST_H

#include "base/base.h"

/* What one line says: a user and a secret, or a problem.  Borrowed for the duration of the call. */
struct userlist_line {
	unsigned number; /* from 1 */
	const char *name;
	const char *secret; /* plaintext, md5 and 32 hex digits, or SCRAM-SHA-256$…; may be empty */
	const char *problem;
};

typedef void (*userlist_visit)(void *context, const struct userlist_line *line);

/*
 * Calls VISIT for each user of the text and for each malformed line.  The caller
 * decides what a problem means; it should refuse the whole file, as half a list
 * locks people out.
 */
void userlist_read(const char *text, size_t length, userlist_visit visit, void *context);

#endif
