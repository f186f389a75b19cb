/*
 * session/relay_private.h - one message of the server, as relay.c and relay_error.c
 * share it.
 */
#ifndef PGWEIR_SESSION_RELAY_PRIVATE_H
#define PGWEIR_SESSION_RELAY_PRIVATE_H

#include "session/session_private.h"

/* An error longer than this is passed on without being looked at. */
#define ERROR_MOST ((size_t)1024 * 1024)

enum step { STEP_FORWARD, STEP_SWALLOW, STEP_BROKEN, STEP_CLOSED, STEP_RERUN /* nothing of the message was consumed: heal_refused takes it */ };

struct relay_frame {
	char type;
	const char *body;
	size_t length; /* of the body that is here */
	bool whole;    /* all of the body is here */
};

/* ---- relay_tag.c ---- */
/* The tags after which the session's settings or names, or the catalog, may not be what they were. */
void relay_look_at_tag(struct session *s, const struct answer *answer, const char *tag);

/* ---- relay_error.c ---- */
/* The request behind this answer was never done: what was noted of it is taken back. */
void relay_undo(struct session *s, struct answer *a);
/* It has come to pass, and what the answer owns goes. */
void relay_finish(struct answer *done);
/* Drops the COUNT oldest answers, undoing the newest first. */
void relay_drop(struct session *s, uint32_t count);
enum step relay_error(struct session *s, const struct relay_frame *f);

/* ---- description.c ---- */
/* What the client is told of a statement is remembered; what a copy of it says is compared with that. */
/* As in name_entry.described: of a statement that returns no rows.  Of no columns is something else. */
uint64_t description_of_nothing(void);
void description_note(struct session *s, const struct relay_frame *f);

/* ---- unnamed.c ---- */
void unnamed_failed(struct answer *a); /* A was done, and ended in an error: what was before is no more */
void unnamed_undo(struct session *s, struct answer *a);

#endif
