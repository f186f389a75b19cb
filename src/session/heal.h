/*
 * session/heal.h - a second try for reads that a replica has refused, or any server lost.
 *
 *      client ── request ──▶ kept ──▶ replica A ── ERROR 25006 … or gone
 *                              │                       │ nothing of its answer has reached the client
 *                              └── given back to the session's input ──▶ the primary, or replica B
 *
 * A session has a struct heal while a replica serves it, or a primary runs its reads, and until
 * what was run again is answered; they are a worker's, used again and again.  heal.c keeps what
 * has to be kept, heal_proof.c finds out whether all of it reads, heal_again.c runs it again,
 * heal_wait.c waits for word of a host, heal_shapes.c remembers what should not be tried anew,
 * and heal_lost.c tells the client what became of all other requests.
 */
#ifndef PGWEIR_SESSION_HEAL_H
#define PGWEIR_SESSION_HEAL_H

#include "pool/heals.h"
#include "session/relay_private.h"
#include "session/session_private.h"

/* Where it runs again. */
enum heal_again {
	HEAL_NOWHERE,
	HEAL_ON_PRIMARY,
	HEAL_ON_REPLICA,
	HEAL_ELSEWHERE, /* it was lost: wherever it may, but for the hosts that have lost it */
};

/* What becomes of an ErrorResponse of the server's. */
enum heal_verdict {
	HEAL_PASS,  /* it is the client's */
	HEAL_KEEP,  /* swallowed and kept: the connection is about to end */
	HEAL_RERUN, /* the frame is left where it is, and heal_refused follows */
};

struct heal {
	struct list free;        /* in worker.heals, while no session has it */
	struct session *session; /* borrowed; NULL then */
	struct timer timer;      /* while it waits for a check of the host */
	struct bytes request;    /* what the client has sent and what is not answered yet, from FROM on */
	size_t from;
	struct bytes held;       /* the oldest answer's head, which the client does not have yet */
	struct bytes told;       /* what of that head it has */
	size_t told_at;          /* so much of that was said again */
	struct bytes said;       /* an answer on its way through the comparison with it */
	struct bytes error;      /* the first try's ErrorResponse; empty: there was none */
	struct answers done;     /* of the oldest answer: what changes names has come to pass, and may have to be undone */
	struct gather_mark mark; /* what is gathered up to here belongs to answers that are complete */
	struct cluster *cluster; /* borrowed from the ledger, which keeps it: the one whose hosts the next two mean */
	uint32_t lost;           /* a mask of the hosts that have lost or refused it */
	uint8_t host;            /* the last of them */
	uint64_t key;            /* of its shape; 0: it has none */
	int64_t lost_us;         /* monotonic: since when it waits for a check of the host */
	int64_t due_us;          /* and how long it does */
	uint8_t again;           /* enum heal_again, until it has its server */
	bool on_replica : 1;     /* as far as anybody knows: what refuses it there is not the last word */
	bool seen : 1;           /* the server has answered a request of the session's, since it was lent */
	bool was_lost : 1;       /* it is run a second time for that */
	bool checked : 1;        /* the host that has lost it was asked since */
	bool closed : 1;         /* nothing is kept of what is outstanding, so nothing of it is run again */
	bool too_long : 1;       /* that is why */
	bool asks : 1;           /* whether all of it is proven has to be asked, should it matter */
	bool flushed : 1;        /* the client waits for the head: it is not held */
	bool answered : 1;       /* more of the oldest answer than its head has come */
	bool forwarded : 1;      /* and has reached the client */
	bool ended : 1;          /* its ReadyForQuery was just seen */
	bool refused : 1;        /* a replica has refused it */
	bool refused_fence : 1;  /* and so much as the settings in front of it, with the end of the connection */
	bool ended_by_admin : 1; /* the server said 57P01: it was not killed by what it ran */
	bool farewell : 1;       /* ERROR is FATAL, and the end of the connection follows */
	bool reruns : 1;         /* the error that is next in line makes it run again */
	bool muted : 1;          /* the answer does not fit what the client was told: it hears no more of it */
};

/* ---- heal.c; where it takes a struct heal the session must have one ---- */
/* The session has one from now on. */
struct heal *heal_take(struct session *s);
/* A request begins on the session's server. */
void heal_begin(struct session *s);
/* Bytes of the client's were forwarded. */
void heal_record(struct heal *h, const char *bytes, size_t length);
/* The client has sent a Flush. */
void heal_flushed(struct session *s);
/* True when the answer was taken over, to be undone if need be. */
bool heal_takes_done(struct heal *h, const struct answer *done);
/* The message was dealt with, and what is the client's of it was gathered since BEFORE. */
void heal_relayed(struct session *s, char type, enum step step, const struct gather_mark *before);
/* Sends what was gathered for the client, but for what is held. */
void heal_flush(struct session *s);
/* True when a message of that kind has to be here as a whole. */
bool heal_wants_whole(const struct heal *h, char type, size_t size);
/* All is answered, or the session ends. */
void heal_end(struct session *s);
void heal_free_all(struct worker *w);
/* True while all that is outstanding is kept, and nothing but heads has reached the client. */
bool heal_is_possible(const struct session *s);
/* Counts why it is not, where it is a matter of healing at all. */
void heal_count_missed(struct session *s);
bool heal_type_is_head(char type);

/* ---- heal_proof.c ---- */
/* True when all that is kept is proven to read only, whatever a hint or the entry's route says. */
bool heal_is_proven(struct session *s);
/* Of the oldest request: the same for requests of one shape; 0: it has none. */
uint64_t heal_key(struct session *s);

/* ---- heal_wait.c ---- */
void heal_look(struct timer *t); /* the timer's: was the host asked since? */
/* The session waits until it is known whether the host that has lost its request is gone; its request is in its input. */
void heal_wait(struct session *s);
/* What a client is told whose read is not run again, unless the server itself has said something. */
void heal_make_error(struct heal *h);

/* ---- heal_again.c ---- */
enum heal_verdict heal_judge_error(struct session *s, const struct relay_frame *f, const struct error *e);
/* HEAL_RERUN: BYTES are the server's from that error on; answers what was consumed of them. */
size_t heal_refused(struct session *s, const char *bytes, size_t length);
/* The server is lost.  True: it is run again, and the session has no server; false: it is for heal_lost.c. */
bool heal_lost(struct session *s);
/* The request is about to get its server: where it has to run is said there.  False: the session waits by heal_wait first. */
bool heal_aim(struct session *s);
/* The server's host is down, as the monitor says, while the session waits for an answer. */
void heal_host_is_down(struct session *s);
/* The first try ends with that, whoever says so, but not FATAL: the session goes on. */
void heal_keep_error(struct heal *h, const struct error *e);
/* Undoes what was noted of all that is outstanding, and what is owed for it. */
void heal_undo(struct session *s);
/* The session is between requests, as if there had been none; its server is the caller's to be rid of. */
void heal_leave(struct session *s);

/* ---- heal_shapes.c ---- */
/* True while reads of that shape go to the primary, since a replica has refused some. */
bool heal_diverts(const struct session *s, uint64_t key);
void heal_remember_refused(struct session *s, uint64_t key);
bool heal_is_quarantined(const struct session *s, uint64_t key);
void heal_quarantine(struct session *s, uint64_t key);

/* ---- heal_lost.c ---- */
/*
 * A monitored server is lost and what it ran is not run again.  True: the client was told, or will be at its next
 * statement, and the session has no server; false: the session cannot go on.
 */
bool heal_tell_lost(struct session *s);
/* The server says why it ends: true when that is told by heal_tell_lost, once it has ended. */
bool heal_keeps_farewell(struct session *s, const struct error *e);
#endif
