/*
 * parse.h - private to src/route: what the files around libpg_query offer to the
 * rest of the layer.  No header of the library is needed to read this one.
 */
#ifndef PGWEIR_SRC_ROUTE_PARSE_H
#define PGWEIR_SRC_ROUTE_PARSE_H

#include "route/verdict.h"

/* Parses and judges the text, without hints and without a cache.  OUT is filled whole, but for the generation. */
void parse_judge(const struct route_context *ctx, const char *text, size_t length, struct verdict *out);

struct effect_words;
/* Parses the text and adds the effects of all its statements to WORDS; false when it does not parse. */
bool parse_effects_of_text(const char *text, size_t length, struct effect_words *words);

/* Sets reason, the reason's target, and the name (cut when it is long; NULL is ""). */
void verdict_decide(struct verdict *verdict, enum route_reason reason, const char *name);

/* Notes the mention in CAUSE, if there is one and it has none yet. */
void verdict_record(struct route_cause *cause, const struct facts_mention *mention);

/* As a verdict on a text of which nothing is known. */
void verdict_unknown(struct verdict *verdict, enum route_reason reason);

#endif
