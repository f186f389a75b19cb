/*
 * canon.c - the key of the canonical hash: derived once per thread from the
 * process's own random key, the same in all threads.
 */
#include "canon.h"

const uint64_t *
canon_key(void)
{
	static _Thread_local uint64_t key[4];

	if (unlikely(key[0] == 0)) {
		for (unsigned i = 0; i < array_length(key); i++)
			key[i] = hash_mix(hash_bytes(&i, sizeof(i)), 0x9e3779b97f4a7c15u * (i + 1)) | 1;
	}
	return key;
}
