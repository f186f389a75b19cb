/*
 * session/receiver_private.h - a receiver as its own files see it: receiver.c (who wants
 * what) and reception.c (the connection).  Its home's thread alone, but for the table.
 */
#ifndef PGWEIR_SESSION_RECEIVER_PRIVATE_H
#define PGWEIR_SESSION_RECEIVER_PRIVATE_H

#include "base/map.h"
#include "session/receiver.h"
#include "session/session_private.h"

/* How often it looks at what nobody tells it: PAUSE, a reload, roles. */
#define RECEIVER_TICK_US ((int64_t)100 * 1000)

enum receiver_state { RECEIVER_CLOSED, RECEIVER_ASKED, RECEIVER_GREETING, RECEIVER_UP };

/* A channel that somebody wants. */
struct station {
	UT_hash_handle hh;
	uint64_t workers; /* bit n: worker n has somebody for it */
	char name[];
};

struct marker {
	struct list node;
	struct worker *worker;
	uint64_t number;
	uint32_t slot, generation;
};

struct receiver {
	UT_hash_handle hh;        /* in the table of all, under its mutex */
	unsigned references;      /* likewise */
	_Atomic unsigned subscriptions; /* of sessions, on all workers; each counts its own */
	struct bytes key;         /* owned: ledger's id, user, encoding */
	uint64_t id;
	char marker_channel[RECEIVER_CHANNEL_SIZE];
	struct message end_message;
	struct list all;          /* in worker.receivers of its home; all below is its home's alone */
	struct borrower borrower;
	struct timer timer;
	struct bytes startup;     /* owned: the parameters of its login */
	struct worker *home;      /* borrowed */
	struct ledger *ledger;    /* owned reference */
	struct server *server;    /* borrowed from the pool once it is granted */
	struct station *stations; /* uthash by name */
	struct bytes todo;        /* statements that the next query has */
	struct list waiting;      /* of receiver_request.node */
	struct list sent;         /* likewise: answered when the query under way is */
	struct list markers;      /* of marker.node */
	uint64_t audience;        /* bit n: worker n has asked, and hears what is for all */
	int64_t unused_us;        /* since when nobody wants anything; 0: somebody does */
	int64_t retry_us;         /* not opened again before */
	int64_t lost_wall_us;     /* since when notifications may be lost; 0: all is well */
	enum receiver_state state;
	bool busy;                /* a query is under way */
	bool failed;              /* and has failed */
	bool shut;                /* the process ends */
	bool ending;              /* freed when the server that was promised has come */
};

/* ---- reception.c ---- */
extern const struct borrower_events receiver_events;
/* Asks for a connection. */
void receiver_open(struct receiver *r);
/* The connection is gone, or goes now; LOSSLESS: nobody misses anything. */
void receiver_close(struct receiver *r, const char *reason, bool lossless);
/* Sends what there is to do and whom to answer, if the connection is free. */
void receiver_pump(struct receiver *r);
bool receiver_is_wanted(const struct receiver *r);
void receiver_rest(struct receiver *r, int64_t delay_us);
void receiver_answer(struct receiver_request *request, bool lost, const char *problem);
void receiver_answer_all(struct list *requests, bool lost, const char *problem);
void receiver_write(struct bytes *out, const char *verb, const char *channel);

/* ---- receiver.c ---- */
void receiver_free(struct receiver *r); /* nothing is lent or promised to it any more */

#endif
