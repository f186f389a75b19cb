/*
 * route/defaults.h - ALTER ROLE | DATABASE ... SET: whose logins begin with something
 * else now.
 */
#ifndef PGWEIR_ROUTE_DEFAULTS_H
#define PGWEIR_ROUTE_DEFAULTS_H

#include "base/base.h"

struct route_defaults {
	char *role;     /* owned; NULL: any */
	char *database; /* owned; NULL: any */
	char *setting;  /* owned: what is set or reset; NULL: several, or not known */
};

/* Whom the text concerns: everybody, unless it is one statement that says it.  Free with route_defaults_free. */
struct route_defaults route_defaults_of(const char *text, size_t length);
void route_defaults_free(struct route_defaults *d);

#endif
