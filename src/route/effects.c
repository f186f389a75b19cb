/*
 * effects.c - what a text may do to its session: by its kind.
 */
#include "effects.h"

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

static const uint32_t effects_of_kind[] = {
	[KIND_SET] = EFFECT_settings,
	[KIND_SET_LOCAL] = EFFECT_settings,
	[KIND_RESET] = EFFECT_settings | EFFECT_resets,
	[KIND_SET_TRANSACTION] = EFFECT_settings,
	[KIND_PREPARE] = EFFECT_prepares,
	[KIND_EXECUTE] = EFFECT_executes | EFFECT_unknown,
	[KIND_DEALLOCATE] = EFFECT_deallocates,
	[KIND_DISCARD] = EFFECT_discards | EFFECT_resets,
	[KIND_LISTEN] = EFFECT_listens,
	[KIND_UNLISTEN] = EFFECT_listens,
	[KIND_NOTIFY] = EFFECT_notifies,
	[KIND_DECLARE] = EFFECT_holds,
	[KIND_COPY_IN] = EFFECT_fills,
	[KIND_OTHER] = EFFECTS_ALL,
};

void
effects_judge(struct verdict *verdict)
{
	bool has_row = (size_t)verdict->kind < array_length(effects_of_kind);

	verdict->effects = has_row ? effects_of_kind[verdict->kind] : 0;
	if (verdict->touches_settings)
		verdict->effects |= EFFECT_settings;
}
