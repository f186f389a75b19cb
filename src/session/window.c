/*
 * session/window.c - the settings that a statement was prepared under, in force around
 * its Parse alone: what PostgreSQL reads at the Parse ('01/02/2020'::date) it has to
 * read again as it did then.
 *
 * They are set for the transaction only, and set back to what they were, which the
 * server itself remembers: so it does not matter what the client has set in this
 * transaction, and an error takes all of it back.
 */
#include <string.h>

#include "session/forward_private.h"
#include "session/own.h"

#define SETTINGS_MOST 16

struct window {
	unsigned count;
	const char *names[SETTINGS_MOST];
	const char *values[SETTINGS_MOST]; /* NULL: the server's default */
};

/* What differs from now, or may: the transaction may have set something. */
static void
window_find(const struct session *s, const struct statement *statement, struct window *w)
{
	bool certain = (s->effects & EFFECT_settings) == 0;

	w->count = 0;
	for (const char *const *name = statement_settings + statement->is_ascii; *name != NULL && w->count < SETTINGS_MOST; name++) {
		const char *value = profile_find(statement->meaning, *name);

		if (certain && text_equal(value, profile_find(s->profile, *name)))
			continue;
		w->names[w->count] = *name;
		w->values[w->count++] = value;
	}
}

static void
window_run(struct session *s, const struct bytes *text, const struct window *w, bool opens, enum answer_purpose purpose)
{
	struct bytes *out = gather_make(&s->worker->to_server);
	size_t before = out->length, begun;
	unsigned parameters = opens ? 2 * w->count : w->count;

	begun = own_once_begin(out, STATEMENT_PREFIX "window", text->data, parameters);
	for (unsigned i = 0; i < w->count; i++) {
		own_bind_value(out, w->names[i]);
		if (opens)
			own_bind_value(out, w->values[i]);
	}
	own_once_end(out, begun, STATEMENT_PREFIX "window");
	gather_made(&s->worker->to_server, before);
	own_once_expect(s->server, purpose);
}

bool
window_open(struct session *s, const struct statement *statement, enum answer_purpose purpose)
{
	struct bytes text = {0};
	struct window w;

	window_find(s, statement, &w);
	if (w.count == 0)
		return false;
	bytes_chars(&text, "select null");
	for (unsigned i = 0; i < w.count; i++)
		bytes_format(&text,
		    ",pg_catalog.set_config(pg_catalog.concat('pgweir.was_',$%u),pg_catalog.current_setting($%u),true),"
		    "pg_catalog.set_config($%u,$%u,true)",
		    2 * i + 1, 2 * i + 1, 2 * i + 1, 2 * i + 2);
	bytes_u8(&text, 0);
	window_run(s, &text, &w, true, purpose);
	bytes_free(&text);
	return true;
}

void
window_close(struct session *s, const struct statement *statement, enum answer_purpose purpose)
{
	struct bytes text = {0};
	struct window w;

	window_find(s, statement, &w);
	bytes_chars(&text, "select null");
	for (unsigned i = 0; i < w.count; i++)
		bytes_format(&text, ",pg_catalog.set_config($%u,pg_catalog.current_setting(pg_catalog.concat('pgweir.was_',$%u)),true)",
		    i + 1, i + 1);
	bytes_u8(&text, 0);
	window_run(s, &text, &w, false, purpose);
	bytes_free(&text);
}
