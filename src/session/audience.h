/*
 * session/audience.h - who listens to what on one worker: a receiver's channels, and
 * for each of them the sessions.
 *
 *   audience ──▶ channel ──▶ subscription ◀── listening (a session's)
 */
#ifndef PGWEIR_SESSION_AUDIENCE_H
#define PGWEIR_SESSION_AUDIENCE_H

#include "session/receiver.h"
#include "session/session.h"

struct audience;
struct listening;

struct subscription {
	struct list in_channel;
	struct list in_session;      /* in listening.subscriptions */
	struct channel *channel;     /* borrowed */
	struct listening *listening; /* borrowed */
	bool is_pending;             /* what comes is not the session's yet: it hears that channel on its own server */
};

/* The worker's audience of the receiver for that account and encoding, and one user of it more. */
struct audience *audience_join(struct worker *w, struct ledger *ledger, const char *user, const char *encoding);
void audience_leave(struct audience **a);
struct receiver *audience_receiver(const struct audience *a);

/* A subscription of LISTENING; it is pending.  The receiver is told if the channel is new to this worker. */
struct subscription *subscription_new(struct audience *a, struct listening *listening, const char *channel);
void subscription_end(struct subscription *s);
const char *subscription_channel(const struct subscription *s);

/* Asks the receiver, on behalf of the session; number and answer as in struct receiver_request. */
void audience_ask(struct audience *a, const struct session *s, uint64_t number, bool waits, uint64_t marker);


#endif
