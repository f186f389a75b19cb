/*
 * session/receiver.h - the one connection that LISTENs for all sessions of a database,
 * user and client_encoding, whatever their worker.
 *
 *   sessions ─▶ audience (one per worker) ── requests ──▶ receiver (on its home worker) ──▶ PostgreSQL
 *            ◀──────────────────────────── news, answers ──
 *
 * A worker's requests reach the receiver in their order, and what the receiver says
 * reaches a worker in the order in which PostgreSQL said it.
 */
#ifndef PGWEIR_SESSION_RECEIVER_H
#define PGWEIR_SESSION_RECEIVER_H

#include "session/notification.h"
#include "session/worker.h"

#define RECEIVER_CHANNEL_SIZE 48

struct receiver;

/* From a worker to the receiver, and, if it wants an answer, back again. */
struct receiver_request {
	struct message message;
	struct list node;
	struct receiver *receiver; /* borrowed: the audience that asks holds a reference */
	struct worker *worker;     /* whose audience asks */
	uint32_t slot;             /* the session that is answered, */
	uint32_t generation;       /* if it is still there */
	uint64_t number;           /* of the request, for the session */
	struct bytes add;          /* channels, each with its NUL: the worker has somebody for them from now on */
	struct bytes drop;         /* and nobody any more */
	bool wants_answer;         /* once all that was committed before the request has been passed on */
	bool waits;                /* for the connection, if it is not there; else the answer is that it is lost */
	uint64_t marker;           /* told of when it comes, if not 0 */
	int64_t asked_us;          /* monotonic */
	bool lost;                 /* the answer: there is no connection, or there was another one in between */
	char *problem;             /* owned: and why it cannot be had */
};

enum receiver_news_kind {
	NEWS_NOTIFICATION, /* for those who listen to its channel */
	NEWS_ALL,          /* for everybody */
	NEWS_MARKER,       /* for one session: the marker has come, or never will */
};

/* From the receiver to a worker that has an audience of it. */
struct receiver_news {
	struct message message;
	struct worker *worker;
	uint64_t receiver;                 /* its id */
	enum receiver_news_kind kind;
	struct notification *notification; /* owned reference */
	uint32_t slot, generation;
	uint64_t marker;
};

/* The receiver of that account and encoding, made when there is none, with WORKER as its home; a reference of the caller's. */
struct receiver *receiver_of(struct worker *worker, struct ledger *ledger, const char *user, const char *encoding);
void receiver_unref(struct receiver *l);
uint64_t receiver_id(const struct receiver *l);
/* One subscription more (1) or fewer (-1), for those who look on; any thread. */
void receiver_count(struct receiver *l, int more);
/* The channel on which markers come; nobody else knows its name. */
const char *receiver_marker(const struct receiver *l);
bool receiver_is(const struct receiver *l, const struct ledger *ledger, const char *user, const char *encoding);
/* Takes the request over; its answer comes by audience_take_answer, never before the return. */
void receiver_ask(struct receiver *l, struct receiver_request *request);

/* Appends NAME as an identifier, in quotes. */
void receiver_quote(struct bytes *out, const char *name);

/* ---- audience.c: what a receiver tells a worker, on that worker's thread ---- */
void audience_take_answer(struct message *m); /* of a receiver_request */
void audience_take_news(struct message *m);   /* of a receiver_news */

#endif
