/*
 * config/pattern.h - the regular expressions of the host-based rules and ident maps:
 * POSIX extended ones, compiled once, matched by any thread.  The door to <regex.h>.
 *
 * PostgreSQL's own dialect knows more.  What differs is refused, never read as
 * something else; \d and \D are understood.
 */
#ifndef PGWEIR_CONFIG_PATTERN_H
#define PGWEIR_CONFIG_PATTERN_H

#include "base/bytes.h"

struct pattern;

/* Compiles TEXT (without the leading slash); NULL, with the reason appended to WHY. */
struct pattern *pattern_new(const char *text, struct bytes *why);
void pattern_free(struct pattern *p);

bool pattern_matches(const struct pattern *p, const char *subject);
/* Likewise, and gives the place of its first group in SUBJECT; FROM == TO == 0 where that took no part. */
bool pattern_capture(const struct pattern *p, const char *subject, size_t *from, size_t *to);
/* The number of groups in the pattern. */
size_t pattern_groups(const struct pattern *p);

#endif
