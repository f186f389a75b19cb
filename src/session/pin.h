/*
 * session/pin.h - why a session keeps its server from one transaction to the next:
 * what it has there can be neither moved nor made again.
 *
 *     a text that may ─▶ pin_ahead ─▶ … ReadyForQuery 'I' ─▶ pin_ask ─▶ pin_row ─▶ pin_settled
 *                            └ max_pinned: refused                PostgreSQL's word   taken, kept or ended
 */
#ifndef PGWEIR_SESSION_PIN_H
#define PGWEIR_SESSION_PIN_H

#include "session/feature.h"

/* The effects for which a server may be kept. */
#define PIN_EFFECTS (EFFECT_temporary | EFFECT_holds | EFFECT_advisory | EFFECT_loads | EFFECT_seeds | EFFECT_draws | EFFECT_hides)
/* How long a statement's shape gets. */
#define PIN_SHAPE_SIZE 160

/* Since when there is a pin of each reason, and what took it. */
struct pin_note {
	int64_t since_us; /* monotonic; 0: it is no pin */
	char shape[PIN_SHAPE_SIZE];
};

/* What a session with a pin, or in a transaction that may take one, has of its own. */
struct pins {
	struct pin_note notes[PIN_REASONS];
	bool counted;  /* in account.pinned: it is pinned, or has a place for it */
	bool seeds;    /* a text of this transaction calls setseed() */
	uint8_t doubtful; /* bits of reasons: PostgreSQL was asked and could not say */
	bool exceeded; /* it is pinned beyond max_pinned, and that was logged */
	struct list drawing; /* in worker.drawing: it may keep its server for a drawn number until somebody waits */
	struct session *session; /* borrowed: whose they are */
};

/* Who has temporary relations, or makes some now, knows them; the catalog's facts do not. */
static inline bool
pin_has_temporary(const struct session *s)
{
	return ((s->effects | s->pins) & EFFECT_temporary) != 0;
}

/* The session's; made when there are none. */
struct pins *pin_notes(struct session *s);
/* Feature: notes what takes a pin, and refuses one too many that is foreseen. */
enum ahead pin_ahead(struct session *s, char type, const struct verdict *v, const char *text, size_t length);
/* The first text that may have taken a pin for one of those reasons is the one that is shown. */
void pin_note_text(struct session *s, uint32_t effects, const char *text, size_t length);
/* A command is complete, or has failed (SQLSTATE: NULL when it is not known): a seed stays in any case. */
/* True when what a lone statement defines is seen by its session alone, which will keep its server for it. */
bool pin_is_private(const struct session *s, uint32_t effects, uint32_t surely);
void pin_tag(struct session *s, const char *tag);
void pin_error(struct session *s, const char *sqlstate);
/* Appends the question what the transaction has left, if it may have left or ended a pin. */
void pin_ask(struct session *s, struct bytes *out);
void pin_row(struct session *s, const char *body, size_t length);
/* Nobody knows what is left: it counts as there, and is asked for again. */
void pin_failed(struct session *s);
/* What the transaction has set has a name that is known: for the likes of it no server is kept. */
void pin_explained(struct session *s);
/* s->pins is PostgreSQL's word. */
void pin_settled(struct session *s);
/* The session ends: what it has left on its server, if it still has that, is the pool's to be rid of. */
void pin_end_all(struct session *s);
/* True of a text with ON COMMIT DROP: what ends with its transaction is temporary without being a pin. */
bool pin_drops_on_commit(const char *text);
/* True when the transaction was to take a pin, as its text says. */
bool pin_is_expected(const struct session *s);

/*
 * Takes pins that PostgreSQL cannot be asked for (LOAD, setseed, sequences), or ends some.  In a transaction, or
 * before its server is given back; it counts from there on.
 */
void pin_take(struct session *s, uint32_t effects);
void pin_end(struct session *s, uint32_t effects);

#endif
