/*
 * session/cancel_key.c - the layout of cancel keys; see cancel_key.h.
 */
#include "session/cancel_key.h"

#define SLOT_BITS 20u
#define SLOT_MASK ((1u << SLOT_BITS) - 1)
#define TURN_MASK 0x1fu
#define WORKER_SHIFT 25u
#define HOPS_BITS 3u

uint32_t
cancel_key_pid(unsigned peer_id, unsigned worker, uint32_t slot, uint32_t turn)
{
	if (peer_id == 0)
		return (uint32_t)worker << WORKER_SHIFT | (turn & TURN_MASK) << SLOT_BITS | ((slot + 1) & SLOT_MASK);
	return (uint32_t)worker << WORKER_SHIFT | (turn & 1) << 24 | (peer_id & 0xff) << 16 | (peer_id >> 8 & 0xff) << 8 |
	    (turn >> 1 & 1) << 7 | slot % CANCEL_KEY_BUCKETS;
}

unsigned
cancel_key_peer(uint32_t pid)
{
	return (pid >> 16 & 0xff) | (pid >> 8 & 0xff) << 8;
}

unsigned
cancel_key_worker(uint32_t pid)
{
	return pid >> WORKER_SHIFT;
}

uint32_t
cancel_key_slot(unsigned peer_id, uint32_t pid)
{
	return peer_id == 0 ? (pid - 1) & SLOT_MASK : pid % CANCEL_KEY_BUCKETS;
}

uint32_t
cancel_key_step(unsigned peer_id)
{
	return peer_id == 0 ? 0 : CANCEL_KEY_BUCKETS;
}

unsigned
cancel_key_hops(const uint8_t *secret, size_t length)
{
	return secret[length - 1] & HOPS_BITS;
}

void
cancel_key_set_hops(uint8_t *secret, size_t length, unsigned hops)
{
	secret[length - 1] = (uint8_t)((secret[length - 1] & ~HOPS_BITS) | (hops & HOPS_BITS));
}
