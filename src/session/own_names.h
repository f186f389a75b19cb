/*
 * session/own_names.h - a client's prepared statements of SQL under their own names on
 * whatever server it has: before a text (own_names.c), and after it (asked_names.c).
 */
#ifndef PGWEIR_SRC_SESSION_OWN_NAMES_H
#define PGWEIR_SRC_SESSION_OWN_NAMES_H

#include "session/feature.h"

/* Effects of the texts that may meet such names. */
#define EFFECTS_OF_OWN_NAMES \
	(EFFECT_prepares | EFFECT_executes | EFFECT_deallocates | EFFECT_looks_prepared | EFFECT_unknown)

/* Ahead of what depends on names: AHEAD_WAIT while it is asked what the transaction has done to them. */
enum ahead own_names_learn(struct session *s);
/* Before a text that may meet the names of prepared statements. */
enum ahead own_names_ahead(struct session *s, char type, const struct verdict *v, const char *text, size_t length);
/* What a text that is sent does to the names: noted in A, to be undone with it; or the server is asked afterwards. */
void own_names_note(struct session *s, const struct verdict *v, const char *text, size_t length, struct answer *a);
/* The answer A was dropped, or an error: what of its name is on the server? */
void own_names_undo(struct session *s, struct answer *a);

/* True when the statement has the client's own name on this server: it was prepared by SQL, or is looked at. */
bool own_name_is_used(struct session *s, const struct name_entry *e);
/* Makes NAME on the server what it is to the session, E; NULL: nothing, also where another client has it. */
void own_name_ensure(struct session *s, const char *name, const struct name_entry *e);

/* Asks which names there are now; its rows; and what follows from them. */
void asked_names_write(struct session *s, struct bytes *out);
void asked_names_row(struct session *s, const char *body, size_t length);
void asked_names_done(struct session *s);

#endif
