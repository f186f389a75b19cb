/*
 * verdict.c - from a text to its verdict: what cannot be read with certainty, the
 * shape, the cache, the parse, the hint.
 *
 * Texts that do not parse are not kept: a constant may be what is wrong with them,
 * and their shape may be that of a good statement.
 */
#include "route/verdict.h"

#include "canon.h"
#include "effects.h"
#include "parse.h"
#include "verdict_cache.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	const char *text;
	enum target target;
} reasons[] = {
#define ROUTE_REASON(name, target, text) [ROUTE_REASON_##name] = {#name, text, TARGET_##target},
#include "tables/routes.h"
#undef ROUTE_REASON
};

const char *
route_reason_name(enum route_reason reason)
{
	must((unsigned)reason < ROUTE_REASON_COUNT);
	return reasons[reason].name;
}

const char *
route_reason_text(enum route_reason reason)
{
	must((unsigned)reason < ROUTE_REASON_COUNT);
	return reasons[reason].text;
}

uint8_t
does_then(uint8_t first, uint8_t second)
{
	if ((second & (DOES_BEGIN | DOES_END)) != 0)
		first &= (uint8_t)~(DOES_BEGIN | DOES_END);
	return first | second;
}

void
verdict_decide(struct verdict *verdict, enum route_reason reason, const char *name)
{
	size_t length = name != NULL ? min_of(strlen(name), sizeof(verdict->name) - 1) : 0;

	verdict->reason = reason;
	verdict->target = reasons[reason].target;
	if (length > 0)
		memcpy(verdict->name, name, length);
	verdict->name[length] = '\0';
}

/* The first one only: of several statements the first that may not go to a replica decides. */
void
verdict_record(struct route_cause *cause, const struct facts_mention *mention)
{
	if (cause == NULL || cause->is_known)
		return;
	cause->is_known = true;
	cause->place = mention->place;
	snprintf(cause->schema, sizeof(cause->schema), "%s", mention->schema != NULL ? mention->schema : "");
	snprintf(cause->name, sizeof(cause->name), "%s", mention->name);
}

void
verdict_unknown(struct verdict *verdict, enum route_reason reason)
{
	memset(verdict, 0, sizeof(*verdict));
	verdict->kind = KIND_OTHER;
	verdict->statements = ROUTE_STATEMENTS_UNKNOWN;
	verdict->may_copy_in = true;
	verdict->effects = EFFECTS_ALL;
	verdict->footprint.writes_any = verdict->footprint.reads_any = true;
	verdict->does = DOES_WRITE;
	verdict_decide(verdict, reason, "");
}

/* A hint moves what could run elsewhere; transaction control and settings stay where the session is. */
static void
verdict_apply_hint(struct verdict *verdict, enum route_hint hint)
{
	if (hint == HINT_NONE || verdict->target == TARGET_FOLLOW)
		return;
	verdict_decide(verdict, hint == HINT_PRIMARY ? ROUTE_REASON_hint_primary : ROUTE_REASON_hint_replica, "");
}

static void
judge_unreadable(enum route_reason reason, const char *text, size_t length, struct verdict *out)
{
	verdict_unknown(out, reason);
	verdict_apply_hint(out, route_hint_find_first(text, length));
}

/* Of the facts that a verdict is taken by. */
static uint64_t
context_generation(const struct route_context *ctx)
{
	const struct catalog_facts *facts = ctx->facts != NULL ? ctx->facts : ctx->former;

	return facts != NULL ? facts_generation(facts) : 0;
}

/* All that the verdict depends on beside the text. */
static void
make_key(const struct shape *shape, const struct route_context *ctx, uint64_t generation, uint64_t key[2])
{
	const uint64_t *secret = canon_key();
	uint64_t about[2];

	about[0] = canon_fold(ctx->settings_key ^ secret[0], ctx->database_id ^ secret[1]);
	about[1] = canon_fold(generation ^ secret[2],
	    (((uint64_t)shape->hint << 3) | (uint64_t)ctx->facts_are_old << 2 | (uint64_t)ctx->is_utf8 << 1 | (uint64_t)(ctx->facts != NULL)) ^ secret[3]);
	key[0] = canon_fold(shape->hash[0] ^ about[0], secret[2] ^ about[1]);
	key[1] = canon_fold(shape->hash[1] ^ about[1], secret[3] ^ about[0]);
}

static void
judge_new(const struct route_context *ctx, const struct shape *shape, const char *text, size_t length, struct verdict *out)
{
	parse_judge(ctx, text, length, out);
	out->generation = ctx->facts != NULL ? facts_generation(ctx->facts) : 0;
	verdict_apply_hint(out, shape->hint);
}

void
route_judge(struct verdict_cache *cache, const struct route_context *ctx, const char *text, size_t length,
    struct verdict *out)
{
	uint64_t key[2];
	struct shape shape;
	const struct verdict *known;

	if (length > ROUTE_TEXT_MAX_BYTES) {
		judge_unreadable(ROUTE_REASON_too_long, text, length, out);
		if (effects_can_read(ctx, text, length) && ctx->ascii_safe_encoding)
			effects_judge_unparsed(ctx, text, length, out);
		return;
	}
	if (!effects_can_read(ctx, text, length)) {
		judge_unreadable(ROUTE_REASON_nonstandard_strings, text, length, out);
		return;
	}
	shape_scan(text, length, &shape);
	if (shape.has_non_ascii && !ctx->ascii_safe_encoding) {
		judge_unreadable(ROUTE_REASON_encoding, text, length, out);
		return;
	}
	make_key(&shape, ctx, context_generation(ctx), key);
	must(cache == NULL || ctx->cause == NULL);
	known = cache != NULL ? verdict_cache_get(cache, key) : NULL;
	if (known != NULL) {
		*out = *known;
		return;
	}
	judge_new(ctx, &shape, text, length, out);
	out->key = key[0];
	if (cache != NULL && out->statements != ROUTE_STATEMENTS_UNKNOWN)
		verdict_cache_put(cache, key, out);
}
