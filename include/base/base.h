/*
 * base/base.h - what every file may count on: must(), sizes, memory that never
 * comes back NULL, and helpers over plain types.
 *
 * must() is for our own bugs: it is always compiled in.  The world's faults are
 * results that the caller uses; the end of a conversation is a close reason.
 */
#ifndef PGWEIR_BASE_BASE_H
#define PGWEIR_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ends the process with file, line and the condition when the condition is false. */
#define must(condition) ((condition) ? (void)0 : must_failed(#condition, __FILE__, __LINE__))

_Noreturn void must_failed(const char *condition, const char *file, int line);

#define array_length(a) (sizeof(a) / sizeof((a)[0]))

/* The struct that holds MEMBER at POINTER. */
#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

#define min_of(a, b) ((a) < (b) ? (a) : (b))
#define max_of(a, b) ((a) > (b) ? (a) : (b))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Memory: end the process with a clear message instead of returning NULL. */
void *memory_new(size_t size);                       /* zeroed */
void *memory_array(size_t count, size_t size);       /* zeroed, overflow-checked */
void *memory_resize(void *old, size_t size);         /* contents kept, new part not zeroed */
void *memory_copy(const void *bytes, size_t size);   /* a new copy, owned by the caller */
char *text_copy(const char *text);                   /* NULL stays NULL; owned by the caller */
char *text_copy_n(const char *bytes, size_t length); /* adds the NUL; owned by the caller */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2))); /* owned by the caller */

/* Text comparisons; ASCII only, NULL equals NULL only. */
bool text_equal(const char *a, const char *b);
bool text_equal_nocase(const char *a, const char *b);
bool text_starts_nocase(const char *text, const char *prefix);
/* The distance of two names in edits (insert, delete, change, swap), for "did you mean"; at most 99. */
unsigned text_distance(const char *a, const char *b);

/* A 64-bit hash for tables whose keys strangers choose: keyed once per process from the kernel's randomness. */
uint64_t hash_bytes(const void *bytes, size_t length);
uint64_t hash_mix(uint64_t a, uint64_t b);

#endif
