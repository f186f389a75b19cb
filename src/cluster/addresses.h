/*
 * cluster/addresses.h - the addresses of one host's name, as libpq wants them.
 *
 * libpq itself would block on the look-up.  One that a thread has cannot be stopped:
 * it outlives its check, and at most one is under way for a host.
 */
#ifndef PGWEIR_CLUSTER_ADDRESSES_H
#define PGWEIR_CLUSTER_ADDRESSES_H

#include "base/base.h"

struct loop;
struct addresses;

/* DONE hears of the end of each look-up: NULL, or why nothing was found (static text). */
struct addresses *addresses_new(
    struct loop *loop, const char *host, void (*done)(void *user, const char *problem), void *user);
/* DONE is not called any more. */
void addresses_free(struct addresses *a);

/* False for a numeric address and for a socket's folder. */
bool addresses_are_needed(const struct addresses *a);
/* NULL when a look-up is under way, one from before included; else why it could not begin (static text). */
const char *addresses_look_up(struct addresses *a);

/* Comma lists for hostaddr, and for host: its name once for each; the last that were found, NULL before.  Borrowed. */
const char *addresses_numbers(const struct addresses *a);
const char *addresses_names(const struct addresses *a);

#endif
