/*
 * session/visit.h - an inquiry on behalf of one asker: its own facts of a catalog, or
 * why a name is among the unsafe ones.  Nobody else learns of it, and it ends with its answer.
 */
#ifndef PGWEIR_SRC_SESSION_VISIT_H
#define PGWEIR_SRC_SESSION_VISIT_H

#include "session/inquiry_private.h"

struct visit_answer {
	struct catalog_facts *facts; /* borrowed; NULL where causes were asked for, or when it failed */
	const char *causes;          /* borrowed: texts, each with a NUL */
	size_t causes_length;
	const char *problem;         /* borrowed: why it failed; NULL when it has not */
};

/*
 * Visits the database of L as USER.  ASKED is copied; NULL: the facts are loaded.  DONE is called exactly once and
 * later than the return, on W's thread, after half a minute at the latest; with NULL when the process ends before.
 */
void visit_begin(struct worker *w, struct ledger *l, const char *user, const struct facts_asked *asked,
    void (*done)(void *asker, const struct visit_answer *answer), void *asker);

#endif
