/*
 * session/learn.c - a login's end: PostgreSQL judges the client's startup settings, the
 * first time that they are seen.
 *
 * They are set without a fence: nothing runs behind them, an error is the client's, and
 * the server lives on.  What they were before is asked along, so that servers can log in
 * with them and still be brought to serve clients without.
 */
#include <stdlib.h>
#include <string.h>

#include "session/restore_private.h"

#define LEARN STATEMENT_PREFIX "learn"

/* All that the client came with, for a server that has nothing of it. */
static void
learn_difference(const struct session *s, struct difference *d)
{
	const char *exits = profile_find(s->startup, "exit_on_error");

	difference_between(d, s->server, profile_empty(), s->startup);
	if (exits != NULL)
		difference_add(d, "exit_on_error", exits);
}

static void
learn_text(const struct difference *d, struct bytes *text)
{
	bytes_chars(text, "select null");
	for (unsigned i = 0; i < d->count; i++) {
		if (startup_set_takes(d->names[i], d->values[i]))
			bytes_format(text, ",pg_catalog.current_setting($%u,true)", 2 * i + 1);
		bytes_format(text, ",pg_catalog.set_config($%u,$%u,false)", 2 * i + 1, 2 * i + 2);
	}
	bytes_u8(text, 0);
}

static void
learn_ask(struct session *s, const struct difference *d, struct bytes *out)
{
	struct bytes text = {0};
	size_t begun;

	learn_text(d, &text);
	own_parse(LEARN, text.data, 2 * d->count, out);
	bytes_free(&text);
	begun = own_bind_begin(out, LEARN, 2 * d->count);
	difference_bind(d, 0, d->count, out);
	own_execute(out, begun);
	own_expect(s->server, true, PURPOSE_LEARN);
	own_close(out, LEARN);
	message_sync(out);
	answers_push(&s->server->answers, ANSWER_CLOSE, ANSWER_SWALLOW)->purpose = PURPOSE_LEARN;
	answers_push(&s->server->answers, ANSWER_SYNC, ANSWER_SWALLOW)->purpose = PURPOSE_LEARN;
}

void
restore_learn(struct session *s)
{
	struct bytes out = {0};
	struct difference d;

	if (s->server->profile != profile_empty())
		restore_fence_server(s->server, profile_empty(), &out);
	learn_difference(s, &d);
	learn_ask(s, &d, &out);
	stream_send_bytes(&s->server->stream, out.data, out.length);
	difference_free(&d);
	bytes_free(&out);
}

void
learn_row(struct session *s, struct reader *r)
{
	struct bytes accepted = {0}, settings = {0}, defaults = {0};
	struct difference d;

	learn_difference(s, &d);
	free(row_text(r));
	for (unsigned i = 0; i < d.count && reader_ok(r); i++) {
		bool taken = startup_set_takes(d.names[i], d.values[i]);
		char *before = taken ? row_text(r) : NULL, *value = row_text(r);

		if (value != NULL)
			profile_list(&accepted, d.names[i], value);
		if (value != NULL && before != NULL) {
			profile_list(&settings, d.names[i], value);
			profile_list(&defaults, d.names[i], before);
		}
		free(before);
		free(value);
	}
	difference_free(&d);
	startup_set_unref(s->borrower.set);
	s->borrower.set = startup_set_new(profile_of(settings.data, settings.length), profile_of(defaults.data, defaults.length),
	    s->server->renewals);
	restore_set_profile(s, profile_of(accepted.data, accepted.length));
	server_set_profile(s->server, s->profile);
	bytes_free(&accepted);
	bytes_free(&settings);
	bytes_free(&defaults);
}
