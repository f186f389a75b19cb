/*
 * session/touch.c - which settings a text may change: they are asked for when its
 * transaction is over.
 *
 * A name too many costs a row of the probe, one that is missed reaches the next client
 * of that server; so whatever looks like SET name = is taken for it.
 */
#include "session/feature.h"
#include "session/ignore.h"
#include "session/restore_private.h"

static void
touch_name(void *user, const char *name)
{
	restore_touch(user, name);
}

void
touch_text(struct session *s, const struct verdict *v, const char *text, size_t length)
{
	bool named;

	if (s->features == FEATURES_IGNORE) {
		if (ignore_looks(s, text)) {
			routing_settings_named(s, text, length, touch_name, s);
			s->probe = true;
		}
		return;
	}
	if (v == NULL) {
		s->unjudged = true;
		return;
	}
	if ((v->effects & EFFECT_settings) == 0)
		return;
	s->probe = true;
	named = routing_settings_named(s, text, length, touch_name, s);
	/* What was prepared by SQL is no command, so it hardly ever has a setting that the session has not. */
	s->names_unknown |= !named && v->kind != KIND_EXECUTE;
}
