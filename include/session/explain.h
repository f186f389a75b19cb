/*
 * session/explain.h - where a text of an entry would go, for people: judged by the code
 * that judges for sessions, with the facts that they have, or with facts that are loaded
 * for this alone where they have none.
 *
 *     explain_begin ─┬─ facts are known ───────────┬─▶ judge ─┬─ no name decided ────┬─▶ done
 *                    └─ a visit loads them (visit.c) ┘         └─ a visit asks why ────┘
 */
#ifndef PGWEIR_SESSION_EXPLAIN_H
#define PGWEIR_SESSION_EXPLAIN_H

#include "config/snapshot.h"
#include "session/worker.h"

#include "route/verdict.h"

struct explanation {
	enum route_mode route;      /* of the entry */
	bool is_judged;             /* texts of the entry are judged: route=split, and not pool_mode=session */
	bool dry_run;
	enum read_from_primary read_from_primary;
	struct verdict verdict;     /* as with route=split */
	enum lend_target target;    /* of a session that is idle outside a transaction; with dry_run, what it would be */
	enum route_reason reason;   /* for it */
	char kind;                  /* of the name that decided: 'f', 'o', 'r', 't' as in route/facts.h; 0: no name of the catalog's */
	const char *causes;         /* why that name is unsafe: texts, each with a NUL, and an empty one; borrowed */
	const char *problem;        /* why the catalog, or the cause, could not be asked for; borrowed; or NULL */
	size_t facts;               /* how many unsafe names the catalog has */
	bool knows_catalog;
};

/*
 * Explains TEXT, which is copied.  DONE is called once, on W's thread, maybe before the return, and USER is freed
 * behind it; not at all when the process ends before.  ASKER: whoever asks, for want of a better user to log in with.
 */
void explain_begin(struct worker *w, struct ledger *l, const char *text, const char *asker,
    void (*done)(void *user, const struct explanation *e), void *user);

#endif
