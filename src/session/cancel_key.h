/*
 * session/cancel_key.h - what the process id in BackendKeyData says.
 *
 * Alone (peer_id is 0) it is the worker's number and the session's slot, and a number
 * that tells it from those who had the slot last: a NOTIFY of theirs is not its own.
 *
 *     0 wwwwwwt | ttttssss ssssssss ssssssss       w: worker, t: turn, s: slot + 1
 *
 * Among peers the bytes 1 and 2 are the peer's id, as PgBouncer has it, and the low
 * two bits of the secret's last byte count how often the request may be sent on:
 *
 *     0 wwwwwwr | pppppppp pppppppp | rsssssss     p: low byte first, r: random, s: low bits of the slot
 *     .. secret .. rrrrrrtt
 *
 * So at least 32 bits of an eight-byte key are random, as when alone; the slot's low
 * bits only narrow down where to look.
 */
#ifndef PGWEIR_SESSION_CANCEL_KEY_H
#define PGWEIR_SESSION_CANCEL_KEY_H

#include "base/base.h"

/* The sessions of a worker whose slots have the same low bits. */
#define CANCEL_KEY_BUCKETS 128u
#define CANCEL_KEY_HOPS 3u /* a fresh key's request may be sent on so often */

/* PEER_ID is 0 for a process that is alone.  TURN lends its low five bits; among peers two, and they should be random. */
uint32_t cancel_key_pid(unsigned peer_id, unsigned worker, uint32_t slot, uint32_t turn);
unsigned cancel_key_peer(uint32_t pid);
unsigned cancel_key_worker(uint32_t pid);
/* Where to look first, and how far apart the others are; a step of 0 means that there is no other. */
uint32_t cancel_key_slot(unsigned peer_id, uint32_t pid);
uint32_t cancel_key_step(unsigned peer_id);

/* How often the request may still be sent on. */
unsigned cancel_key_hops(const uint8_t *secret, size_t length);
void cancel_key_set_hops(uint8_t *secret, size_t length, unsigned hops);

#endif
