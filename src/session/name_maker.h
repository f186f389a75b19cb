/*
 * session/name_maker.h - what is put ahead of a text so that the server has the names
 * of prepared statements that it may meet; see own_names.h for when.
 */
#ifndef PGWEIR_SRC_SESSION_NAME_MAKER_H
#define PGWEIR_SRC_SESSION_NAME_MAKER_H

#include "session/session_private.h"

/* One text on its way, and what is put in front of it. */
struct maker {
	struct session *s;
	enum answer_purpose purpose;
	bool synced; /* what is put in front has its own Sync, and the text waits for it */
	bool names;  /* the text prepares or deallocates itself: an empty statement is there for its sake */
	bool sent;
	unsigned depth; /* of the EXECUTE that is run by one that is run */
};

void maker_sync(struct maker *m);
/* NAME is on the server what it is to the session, E; NULL: nobody else's statement has that name. */
void maker_ensure(struct maker *m, const char *name, const struct name_entry *e);
/* Something has that name, to be deallocated or to be in the way: an empty statement will do. */
void maker_ensure_any(struct maker *m, const char *name);
/* All of the client's names, or those that SQL has prepared; and nobody else's. */
void maker_ensure_all(struct maker *m, bool sql_only);
/* The server has this client's names and no others, ours included. */
void maker_show(struct maker *m);
/*
 * Ahead of a temporary object, which may hide what a statement reads: PostgreSQL finds
 * that it has other columns then only where it has been prepared before.  What was
 * described to the client is compared by inject_ahead_of_use.
 */
void maker_bring(struct maker *m);

#endif
