/*
 * session/feature.h - session features on borrowed servers: the places where they
 * see a client's texts go by, and what a transaction has left.
 *
 *     text ─▶ feature_ahead ─▶ server ─▶ feature_tag … ReadyForQuery 'I' ─▶ feature_settle
 *                │ refuse                                                       │ questions, swallowed
 *                ▼                                                              ▼ feature_row
 *        an error in its place                                 the server is kept, or given back
 */
#ifndef PGWEIR_SESSION_FEATURE_H
#define PGWEIR_SESSION_FEATURE_H

#include "session/session_private.h"

/* What becomes of a message before it is forwarded. */
enum ahead {
	AHEAD_GO,
	AHEAD_WAIT,   /* it stays in the input; asked again at request_resume, which whoever answers this sees to */
	AHEAD_REFUSE, /* feature_refuse was called: the server fails here, with that error */
	AHEAD_SENT,   /* the feature has forwarded it, in another form, and expects the answers */
};

/* True when the session's texts have to be judged: for their routes, or for their effects. */
bool feature_judges(const struct session *s);

/*
 * Asked before a Query or Parse goes to the server, and before the Bind of a named statement that was
 * prepared earlier.  V: the text's verdict; of a Bind only its effects are known.  TYPE: which of the
 * three.  May be asked several times for one message, so it changes nothing that it would change twice.
 */
enum ahead feature_ahead(struct session *s, char type, const struct verdict *v, const char *text, size_t length);

/* What AHEAD_REFUSE means: the client gets this error in the place of the one that the server is made to give. */
void feature_refuse(struct session *s, const struct error *e);
/* Sends the server a message of that TYPE that fails for sure; NAME: of the statement it prepares.  Answers CONSUMED. */
size_t feature_send_refused(struct session *s, char type, const char *name, size_t consumed);

/* A command of the client's is complete. */
void feature_tag(struct session *s, const char *tag);
/* One has failed; SQLSTATE is NULL when it is not known. */
void feature_error(struct session *s, const char *sqlstate);

/*
 * The transaction is over and the server is about to go back: appends what has to be asked or done first
 * to OUT, its answers pushed to be swallowed.
 */
void feature_settle(struct session *s, struct bytes *out);
/* A row, or an error, of the answer to such a question. */
void feature_row(struct session *s, const struct answer *answer, const char *body, size_t length);
void feature_failed(struct session *s, const struct answer *answer);
/* All of it is answered, s->effects still tells what for. */
void feature_settled(struct session *s);

#endif
