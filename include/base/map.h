/*
 * base/map.h - the door to uthash: its settings for this program.
 *
 * Keys may be chosen by strangers, so the hash function is keyed per process
 * (hash_bytes).  Never a table per client: the first insert costs 630 bytes.
 */
#ifndef PGWEIR_BASE_MAP_H
#define PGWEIR_BASE_MAP_H

#include "base/base.h"

#define HASH_FUNCTION(key, length, value) ((value) = (unsigned)hash_bytes((key), (length)))
#define uthash_malloc(size) memory_new(size)
#define uthash_fatal(message) must(!message)

#include <uthash.h>

#endif
