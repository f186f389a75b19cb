/*
 * session/listening_private.h - what listening.c and handover.c share.
 */
#ifndef PGWEIR_SESSION_LISTENING_PRIVATE_H
#define PGWEIR_SESSION_LISTENING_PRIVATE_H

#include "session/listening.h"

/* Notifications in order, each with a reference. */
struct backlog {
	struct notification **ring; /* owned; NULL until used */
	uint32_t first, count, capacity;
};

void backlog_push(struct backlog *b, struct notification *n); /* takes a reference of its own */
struct notification *backlog_at(const struct backlog *b, uint32_t i);
struct notification *backlog_pop(struct backlog *b); /* the reference is the caller's */
void backlog_remove(struct backlog *b, uint32_t i);
void backlog_free(struct backlog *b);

/* What a transaction's end waits for. */
enum handover {
	HANDOVER_NONE,
	HANDOVER_ASKED,       /* the server: what it listens to */
	HANDOVER_JOINING,     /* the receiver: to have what is new */
	HANDOVER_JOINED,
	HANDOVER_MARKING,     /* the server: the marker, then UNLISTEN */
	HANDOVER_MARKED,      /* the receiver: the marker */
	HANDOVER_CLEANING,    /* the server: UNLISTEN */
	HANDOVER_CATCHING_UP, /* the receiver: all that was committed before */
	HANDOVER_DONE,
	HANDOVER_MOVING,      /* another receiver: to have all channels */
	HANDOVER_MOVED
};

struct listening {
	struct session *session;    /* borrowed: the owner */
	struct audience *audience;  /* joined; NULL until it is needed */
	struct list subscriptions;  /* of subscription.in_session */
	struct audience *next;      /* joined, while it moves there; else NULL */
	struct list next_ones;      /* of subscription.in_session: its subscriptions there */
	struct backlog queue;       /* from the receiver, for the client */
	struct backlog natives;     /* from the session's own server, until the marker */
	struct bytes listed;        /* what the server listens to, each name with its NUL */
	char *only;                 /* owned: of what it has, the one channel that was brought; NULL: all of them */
	char *problem;              /* owned: why there is no receiver; NULL: there is one, or it was not asked for */
	/* Requests whose answers are awaited, 0: none.  One that a lost server made pointless may be under way beside another. */
	uint64_t opening;           /* a LISTEN waits for a receiver */
	uint64_t beginning;         /* the client's request waits for a catch-up */
	uint64_t number;            /* the handover's */
	uint64_t marker;            /* the last one's */
	uint32_t marked_at;         /* how much of the queue is before it, once marked_shared */
	int64_t caught_up_us;       /* what other sessions committed before this has been delivered */
	enum handover step;
	bool heard : 1;             /* all that was committed before the client's request has been delivered */
	bool opened : 1;            /* the receiver has answered: it is there */
	bool brought : 1;           /* the server was made to LISTEN to what the session has */
	bool in_doubt : 1;          /* that was done inside of a transaction, which may have undone it */
	bool marked_native : 1;     /* the marker has come from the server, */
	bool marked_shared : 1;     /* and from the receiver */
	bool failed : 1;            /* a question of ours did */
};

struct listening *listening_make(struct session *s);
/* Asks the receiver; answers the request's number, for listening_answered. */
uint64_t listening_ask(struct session *s, bool waits, uint64_t marker);
/* The audience that the session belongs to now, by its user and client_encoding, and one user of it more. */
struct audience *listening_audience(struct session *s);
bool listening_is_at_home(const struct session *s); /* true when it has that one */
void listening_join(struct session *s);
void listening_end_all(struct list *subscriptions);
struct subscription *listening_find(const struct listening *l, const char *channel);

/* ---- handover.c ---- */
/* Makes the server LISTEN to what the session has, ahead of a statement that could change or look at it. */
enum ahead handover_bring(struct session *s);
void handover_answered(struct session *s, const struct receiver_request *r);
void handover_finish(struct listening *l);

#endif
