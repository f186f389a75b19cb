/*
 * effects.h - private to src/route: what a text may do to its session.
 */
#ifndef PGWEIR_SRC_ROUTE_EFFECTS_H
#define PGWEIR_SRC_ROUTE_EFFECTS_H

#include "effect_words.h"

/* A scan of a text that was parsed, or (READ_ANYWHERE) was not; FACTS are left out while they do not know effects. */
struct effect_words effects_begin(const struct route_context *ctx, enum effect_reading reading);

/* False when a plain string of the text may end elsewhere than it seems to: without a backslash in it none does. */
bool effects_can_read(const struct route_context *ctx, const char *text, size_t length);

/* Fills in VERDICT's effects for a text that cannot be parsed, or is too long to be. */
void effects_judge_unparsed(const struct route_context *ctx, const char *text, size_t length, struct verdict *verdict);

#endif
