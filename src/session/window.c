/*
 * session/window.c - the settings that a statement was prepared under, in force around
 * its Parse alone: what PostgreSQL reads at the Parse ('01/02/2020'::date) it has to
 * read again as it did then.
 *
 * They are set for the transaction only, and set back to what they were, which the
 * server itself remembers: so it does not matter what the client has set in this
 * transaction, and an error takes all of it back.
 *
 * To set them is a query, behind which no isolation level can be chosen and no VACUUM
 * runs in the same batch.  Nothing is set that the Parse does not read: of BEGIN, SET,
 * VACUUM and their like that is the grammar alone.
 */
#include <string.h>

#include "session/forward_private.h"
#include "session/own.h"

#define SETTINGS_MOST 16

struct window {
	unsigned count;
	const char *names[SETTINGS_MOST];
	const char *values[SETTINGS_MOST]; /* NULL: what the server has logged in with */
};

static bool
window_note_analyzed(void *user, const struct statement_detail *detail)
{
	bool *is_analyzed = user;

	*is_analyzed |= detail->is_analyzed;
	return true;
}

bool
window_is_analyzed(const struct statement *statement)
{
	bool is_analyzed = false;

	return statement->sql || !route_each_detail(statement->body, strlen(statement->body), window_note_analyzed, &is_analyzed) || is_analyzed;
}

/* What the words of a text depend on, whatever they say. */
static bool
setting_is_read(const struct statement *statement, const char *name)
{
	if (strcmp(name, "client_encoding") == 0)
		return true;
	if (strcmp(name, "backslash_quote") == 0 || strcmp(name, "standard_conforming_strings") == 0)
		return strpbrk(statement->body, "\\&") != NULL;
	return false;
}

/* Takes away what the Parse does not read. */
static void
window_narrow(const struct statement *statement, struct window *w)
{
	unsigned count = 0;

	if (w->count == 0 || window_is_analyzed(statement))
		return;
	for (unsigned i = 0; i < w->count; i++) {
		if (!setting_is_read(statement, w->names[i]))
			continue;
		w->names[count] = w->names[i];
		w->values[count++] = w->values[i];
	}
	w->count = count;
}

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
		w->values[w->count++] = value != NULL ? value : server_unset_value(s->server, *name);
	}
	window_narrow(statement, w);
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
