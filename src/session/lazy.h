/*
 * session/lazy.h - a transaction that the client has begun and no server knows of yet.
 *
 *     BEGIN ─▶ HELD ── COMMIT, ROLLBACK ──▶ (answered here)
 *               │ ▲
 *     the first │ │ MOVING: COMMIT there, and again on the primary
 *     statement ▼ │
 *              SENT ── first answer ──▶ RUNNING (on a replica, may move) ── its end ──▶ (forgotten)
 *               │                          or forgotten at once
 *               └── lost on its way ──▶ FAILED ── COMMIT, ROLLBACK ──▶ (answered here)
 */
#ifndef PGWEIR_SRC_SESSION_LAZY_H
#define PGWEIR_SRC_SESSION_LAZY_H

#include "session/session_private.h"

/*
 * Looks at the request that begins at BYTES, of a session without a server, and answers it here if that is possible;
 * PLAN is where it would go.  Answers what was consumed; 0: it needs a server, and PLAN says where by now.
 */
size_t lazy_take(struct session *s, struct plan *plan, const char *bytes, size_t length);
/*
 * The same for a session whose transaction has failed here; to be asked before there is a plan.  0 when more has to come,
 * and when it has not failed any more: then the request, whose text may have changed, is one like any other.
 */
size_t lazy_refuse(struct session *s, const char *bytes, size_t length);

/* Puts the BEGIN that is held in front of the request that is about to be forwarded. */
void lazy_write(struct session *s);
/* What it was written for has to wait: the server is made to answer it. */
void lazy_wait(struct session *s);
/* A ReadyForQuery goes to the client. */
void lazy_ready(struct session *s, char status);
/* The request of that verdict is forwarded; V of a Bind has effects alone. */
void lazy_note(struct session *s, const struct verdict *v);
/* Nothing of the transaction may be done again elsewhere. */
void lazy_stay(struct session *s);
/* True when the transaction on the replica was ended for the request that begins at BYTES, which waits: it begins again on the primary. */
bool lazy_moves(struct session *s, const char *bytes, size_t length);
/* TEXT, of the verdict V, is forwarded as the first request to the session's server: a BEGIN that can be had elsewhere is noted. */
void lazy_note_begin(struct session *s, const struct verdict *v, const char *text);
/*
 * True when the transaction, of which the server has heard nothing but its BEGIN, was ended there for the request that
 * begins at BYTES: it waits, and begins again on a server that has logged in as it has to.
 */
bool lazy_begins_elsewhere(struct session *s, const char *bytes, size_t length);

#endif
