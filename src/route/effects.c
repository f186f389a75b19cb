/*
 * effects.c - what a text may do to its session: the rows of the table, texts that
 * nobody can parse, and which settings a text may change.
 */
#include "effects.h"

#include "parse.h"

#include <string.h>

/* Longer ones are not scanned: a question to PostgreSQL is cheaper. */
#define SCANNED_MAX_BYTES (1024u * 1024)

static const struct {
	const char *name;
	const char *text;
} effect_rows[] = {
#define EFFECT(name, text) {#name, text},
#include "tables/effects.h"
#undef EFFECT
};

const char *
effect_name(enum effect effect)
{
	return effect_rows[__builtin_ctz(effect)].name;
}

const char *
effect_text(enum effect effect)
{
	return effect_rows[__builtin_ctz(effect)].text;
}

struct effect_words
effects_begin(const struct route_context *ctx, enum effect_reading reading)
{
	/* What a name did before the catalog changed it may do still, beside all that nobody knows. */
	bool is_former = ctx->facts == NULL && ctx->former != NULL;
	const struct catalog_facts *facts = is_former ? ctx->former : ctx->facts;

	return (struct effect_words){
	    .reading = reading,
	    .facts = facts_knows_effects(facts) ? facts : NULL,
	    .facts_are_old = ctx->facts_are_old || is_former,
	    .exact_encoding = ctx->is_utf8,
	};
}

static void
scan_unparsed(struct effect_words *words, const char *text, size_t length)
{
	effect_words_scan(words, text, length);
	effect_words_add_name(words, FACTS_NAME_ALWAYS);
	effect_words_add_name(words, FACTS_NAME_DDL);
}

void
effects_judge_unparsed(const struct route_context *ctx, const char *text, size_t length, struct verdict *verdict)
{
	struct effect_words words = effects_begin(ctx, READ_ANYWHERE);

	if (length > SCANNED_MAX_BYTES)
		return;
	scan_unparsed(&words, text, length);
	verdict->effects = words.effects;
}

bool
effects_can_read(const struct route_context *ctx, const char *text, size_t length)
{
	return ctx->standard_conforming_strings || memchr(text, '\\', length) == NULL;
}

enum settings_named
route_settings_named(const struct route_context *ctx, const char *text, size_t length,
    void (*take)(void *user, const char *name), void *user)
{
	struct effect_words words = effects_begin(ctx, READ_PARSED);

	words.take_setting = take;
	words.user = user;
	if (!effects_can_read(ctx, text, length) || !ctx->ascii_safe_encoding || length > SCANNED_MAX_BYTES)
		return NAMED_NOT;
	if (length > ROUTE_TEXT_MAX_BYTES || !parse_effects_of_text(text, length, &words)) {
		words.reading = READ_ANYWHERE;
		scan_unparsed(&words, text, length);
	}
	if (words.has_unnamed)
		return NAMED_NOT;
	return words.has_parameter ? NAMED_BY_PARAMETERS : NAMED_ALL;
}
