/*
 * session/mend.c - RESET goes back to what the client came with, also on a server that
 * has logged in with other startup settings.
 *
 * Behind the command, before anything else is run, what the server's set says otherwise
 * is set to the client's:
 *
 *      Parse Bind Execute (RESET …)   Parse Bind Execute (set_config …)   Sync
 *      └ the client sees the tag ┘    └ it sees what is reported ┘        └ its ReadyForQuery
 */
#include <stdlib.h>
#include <string.h>

#include "session/feature.h"
#include "session/forward_private.h"
#include "session/restore_private.h"

#define MEND STATEMENT_PREFIX "mend"
#define RESET_NAME STATEMENT_PREFIX "reset"

static bool
name_is_identity(const char *name)
{
	return text_equal_nocase(name, "role") || text_equal_nocase(name, "session_authorization");
}

/* What a reset leaves otherwise than it should: of everything, or of NAME alone.  RESET ALL leaves the user and the role. */
static void
mend_difference(const struct session *s, const char *name, struct difference *out)
{
	struct difference d;

	*out = (struct difference){0};
	difference_between(&d, s->server, startup_set_settings(s->server->set), s->startup);
	for (unsigned i = 0; i < d.count; i++)
		if (name != NULL ? text_equal_nocase(name, d.names[i]) : !name_is_identity(d.names[i]))
			difference_add(out, d.names[i], d.values[i]);
	difference_free(&d);
}

static void
mend_write(struct session *s, const struct difference *d, bool is_local, struct bytes *out)
{
	struct bytes text = {0};
	size_t begun;

	bytes_chars(&text, "select null");
	for (unsigned i = 0; i < d->count; i++)
		bytes_format(&text, ",pg_catalog.set_config($%u,$%u,%s)", 2 * i + 1, 2 * i + 2, is_local ? "true" : "false");
	bytes_u8(&text, 0);
	begun = own_once_begin(out, MEND, text.data, 2 * d->count);
	difference_bind(d, 0, d->count, out);
	own_once_end(out, begun, MEND);
	own_once_expect(s->server, PURPOSE_MEND);
	bytes_free(&text);
}

/* The command itself, as the extended protocol has it, so that what follows is of the same batch. */
static void
mend_write_command(struct session *s, const char *text, struct bytes *out)
{
	own_once_end(out, own_once_begin(out, RESET_NAME, text, 0), RESET_NAME);
	own_once_expect(s->server, PURPOSE_REPREPARE)->way = ANSWER_FORWARD;
}

/* What TEXT resets that the server's startup set has otherwise; nothing when it is another command. */
static bool
mend_of_text(const struct session *s, const char *text, size_t length, struct difference *d, bool *is_local)
{
	struct verdict_detail detail;
	bool resets = route_detail(text, length, &detail);

	*d = (struct difference){0};
	resets = resets && (detail.kind == KIND_RESET || ((detail.kind == KIND_SET || detail.kind == KIND_SET_LOCAL) && detail.is_default));
	*is_local = resets && detail.is_local;
	if (resets && (detail.is_all || detail.name != NULL))
		mend_difference(s, detail.is_all ? NULL : detail.name, d);
	verdict_detail_free(&detail);
	return d->count > 0;
}

static bool
mend_is_needed(const struct session *s)
{
	return startup_set_settings(s->server->set) != s->startup;
}

bool
mend_query(struct session *s, const char *text, size_t length)
{
	struct gather *g = &s->worker->to_server;
	struct difference d;
	struct bytes *out;
	size_t before;
	bool is_local, mends;

	mends = mend_is_needed(s) && mend_of_text(s, text, length, &d, &is_local);
	if (!mends)
		return false;
	out = gather_make(g);
	before = out->length;
	mend_write_command(s, text, out);
	mend_write(s, &d, is_local, out);
	message_sync(out);
	gather_made(g, before);
	forward_expect_end(s, ANSWER_SYNC);
	difference_free(&d);
	s->mends = true;
	return true;
}

void
mend_note_bind(struct session *s, const char *text)
{
	if (s->upkeep != NULL) {
		free(s->upkeep->mending);
		s->upkeep->mending = NULL;
	}
	if (text != NULL && mend_is_needed(s))
		upkeep_of(s)->mending = text_copy(text);
}

void
mend_execute(struct session *s)
{
	struct gather *g = &s->worker->to_server;
	struct difference d;
	struct bytes *out;
	size_t before;
	bool is_local;

	if (s->upkeep == NULL || s->upkeep->mending == NULL)
		return;
	if (mend_of_text(s, s->upkeep->mending, strlen(s->upkeep->mending), &d, &is_local)) {
		out = gather_make(g);
		before = out->length;
		mend_write(s, &d, is_local, out);
		gather_made(g, before);
		s->mends = true;
	}
	difference_free(&d);
	free(s->upkeep->mending);
	s->upkeep->mending = NULL;
}

bool
mend_hides(const struct session *s, const char *name, const char *value)
{
	struct difference d;
	const char *mended;
	bool hides;

	if (!s->mends)
		return false;
	mend_difference(s, name, &d);
	mended = d.count > 0 && d.values[0] == NULL ? server_default(s->server, name) : d.count > 0 ? d.values[0] : NULL;
	/* From PostgreSQL 14 on only the last value is reported, at the end. */
	hides = d.count > 0 && !text_equal(mended, value);
	difference_free(&d);
	return hides;
}
