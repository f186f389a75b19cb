/*
 * session/sequence.h - currval() and lastval() on borrowed servers: a client is told
 * its own last number, or 55000, and never another's.
 */
#ifndef PGWEIR_SESSION_SEQUENCE_H
#define PGWEIR_SESSION_SEQUENCE_H

#include "session/feature.h"

#define SEQUENCE_EFFECTS (EFFECT_draws | EFFECT_fills | EFFECT_asks_sequence)

/* Ahead of what may draw a number or ask for the last one. */
enum ahead sequence_ahead(struct session *s, char type, const struct verdict *v, const char *text, size_t length);
/* Ahead of any text: where numbers are asked for, who gets a server finds no other's there. */
void sequence_lent(struct session *s);
/* As sequence_ahead, of what nobody reads: a text that is too long, a FunctionCall. */
void sequence_ahead_unseen(struct session *s);
/* A command is complete. */
void sequence_tag(struct session *s, const char *tag);
/* What the client has sent has failed, and may have drawn before. */
void sequence_failed(struct session *s);
/* The transaction is over, and is about to be known what pins the session. */
void sequence_settled(struct session *s);
/* The server may be given back: notes that it is the one to have again, or how long it may be kept. */
void sequence_released(struct session *s);
/* What was put ahead did not run. */
void sequence_undo(struct server *server);
/* True when an error in it is nobody's but ours: the client's own message gets it too. */
bool sequence_error_is_ours(const struct server *server);
/* The worker's timer: sessions that keep a server only because they have drawn a number. */
void sequence_watch(struct timer *t);

#endif
