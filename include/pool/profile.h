/*
 * pool/profile.h - a client's settings as an interned, immutable set.
 *
 * A profile holds what differs from the server's own defaults, as (name, value)
 * sorted by name.  Equal profiles are one object in the whole process, so "does
 * this server have this client's settings?" is a comparison of two pointers.
 */
#ifndef PGWEIR_POOL_PROFILE_H
#define PGWEIR_POOL_PROFILE_H

#include "base/base.h"

struct bytes;
struct profile;

/* The profile without any setting; never freed. */
const struct profile *profile_empty(void);
const struct profile *profile_ref(const struct profile *p);
void profile_unref(const struct profile *p);

/*
 * The profile P with NAME set to VALUE, or without NAME when VALUE is NULL.  Consumes the
 * caller's reference to P and returns one to the result.  Names compare without case.
 */
const struct profile *profile_with(const struct profile *p, const char *name, const char *value);

/*
 * The profile of what LENGTH bytes of TEXTS say: name, value, name, value, each with its NUL; the last
 * value of a name counts.  Returns a reference.
 */
const struct profile *profile_of(const char *texts, size_t length);

/* Appends one pair to such texts. */
void profile_list(struct bytes *texts, const char *name, const char *value);

unsigned profile_count(const struct profile *p);
const char *profile_name(const struct profile *p, unsigned i);  /* lower case; borrowed */
const char *profile_value(const struct profile *p, unsigned i); /* borrowed */
const char *profile_find(const struct profile *p, const char *name); /* NULL when it is not set; borrowed */

#endif
