/*
 * session/listening.h - one session's LISTEN: what it subscribes to, what waits for it,
 * and how a LISTEN of its server's becomes one of the shared receiver's.
 */
#ifndef PGWEIR_SESSION_LISTENING_H
#define PGWEIR_SESSION_LISTENING_H

#include "session/audience.h"
#include "session/feature.h"

struct relay_frame;

/* True when notifications of this session come by a receiver; else its server's are its own. */
bool listening_is_shared(const struct session *s);
void listening_free(struct session *s);

/* ---- while its transactions run ---- */
/* A server came: whom its process belongs to. */
void listening_lent(struct session *s);
/* False: the request waits, request_resume follows. */
bool listening_may_begin(struct session *s);
/* True: the next request waits until all before it have been settled. */
bool listening_blocks(const struct session *s);
enum ahead listening_ahead(struct session *s, char type, const struct verdict *v, const char *text);
/* The same of the batch that begins at BYTES: one that looks at channels has them there from its beginning.  AHEAD_GO or AHEAD_WAIT. */
enum ahead listening_ahead_of_batch(struct session *s, const char *bytes, size_t length);
/* A NotificationResponse of the session's server; false when it is broken. */
bool listening_native(struct session *s, const char *body, size_t length);
/* True: the ReadyForQuery that has come is sent by listening_release. */
bool listening_holds(struct session *s);

/* ---- when a transaction has ended (handover.c) ---- */
void listening_settle(struct session *s, struct bytes *out);
void listening_row(struct session *s, const char *body, size_t length);
void listening_failed(struct session *s);
/* Once all of that is answered: true while it waits for something, after which release_transaction is called again. */
bool listening_continues(struct session *s);
/* What has come goes to the client, and the ReadyForQuery that was held. */
void listening_release(struct session *s);

/* The server is lost while the ReadyForQuery is held: if nothing is wanted from it any more, that is sent. */
void listening_outlives(struct session *s);

/* False while a handover is under way, or notifications wait for its end: they would be lost with the server. */
bool listening_may_lose_server(const struct session *s);
/* Then: what its transaction had begun to listen to is rolled back. */
void listening_lost_server(struct session *s);

/* ---- from the audience ---- */
void listening_take(struct listening *l, struct notification *n);
bool listening_hears(const struct listening *l, uint64_t receiver);
/* True from the receiver's marker on: what comes now on a new channel the session's own server has not said. */
bool listening_is_past_marker(const struct listening *l);
void listening_answered(struct session *s, const struct receiver_request *r);
void listening_marked(struct session *s, uint64_t marker);
/* The client can take more. */
void listening_deliver(struct session *s);

#endif
