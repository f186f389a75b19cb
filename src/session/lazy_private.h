/*
 * session/lazy_private.h - what lazy.c and lazy_failed.c share.
 */
#ifndef PGWEIR_SESSION_LAZY_PRIVATE_H
#define PGWEIR_SESSION_LAZY_PRIVATE_H

#include "session/lazy.h"
#include "session/lone.h"

struct lazy {
	struct list free;   /* in worker.lazies, while no session has it */
	enum { LAZY_HELD, LAZY_SENT, LAZY_RUNNING, LAZY_MOVING, LAZY_FAILED } state;
	struct bytes texts; /* BEGIN, then each SET TRANSACTION, with their NULs */
	unsigned modes;     /* enum transaction_mode: what they come to */
	char *news;         /* owned: FAILED, and the client does not know: the ErrorResponse that it gets next; else NULL */
	bool is_primarys;   /* it is not for a replica: it was moved, or a replica would refuse what it has said */
	bool stays;         /* it has something that a move would lose */
};

/* ---- lazy.c ---- */
/* The session, which has none, gets one: HELD, without a text. */
struct lazy *lazy_begin(struct session *s);
void lazy_add_modes(struct session *s, unsigned modes);
/* The request is answered here with that tag, and is over. */
void lazy_answer(struct session *s, const struct lone *lone, const char *tag);
bool lazy_kind_begins(unsigned kind);
/* Appends the BEGIN that says these modes, with its NUL. */
void lazy_write_begin(unsigned modes, struct bytes *out);

/* ---- lazy_failed.c ---- */
/* True for COMMIT and ROLLBACK, but not AND CHAIN. */
bool lazy_ends_here(const struct verdict *v);
/* COMMIT or ROLLBACK of what nobody has begun, or of what has failed. */
void lazy_end(struct session *s, const struct lone *lone, const struct verdict *v);
#endif
