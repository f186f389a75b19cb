/*
 * session/fence.c - a server gets the client's settings, or the client's request never runs.
 *
 * All that differs is set by one prepared statement in front of the request, in the
 * same packet, with a Sync of its own and exit_on_error around it.  If any of it
 * fails the server ends.
 *
 *      Bind PGBOUNCER_fence_2 (names, values) · Execute · Sync · the client's request …
 *      └───────────────── answers swallowed ──────────┘
 *
 * Where another session may have left settings of which nobody knows (server.veiled_by), all of
 * them are reset first, and what is known to differ is set from there.
 *
 * What could fail before exit_on_error is on leaves the server alive: values that are
 * not in the encoding that the server has just now, so a new client_encoding goes in a
 * fence of its own ahead of them; a statement that somebody has deallocated, so it is
 * prepared anew after what nobody could look into; a statement_timeout, so behind one
 * the request waits until the fence is done.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/restore_private.h"

/* A fence sets at most this many; more take several fences in one packet. */
#define FENCE_MOST 24

#define UNVEIL STATEMENT_PREFIX "unveil"

/* ------------------------------------------------------------ difference */

void
difference_free(struct difference *d)
{
	free(d->names);
	free(d->values);
	*d = (struct difference){0};
}

void
difference_add(struct difference *d, const char *name, const char *value)
{
	if (d->count == d->room) {
		d->room = max_of(d->room * 2, 16u);
		d->names = memory_resize(d->names, d->room * sizeof(*d->names));
		d->values = memory_resize(d->values, d->room * sizeof(*d->values));
	}
	d->names[d->count] = name;
	d->values[d->count++] = value;
}

void
difference_bind(const struct difference *d, unsigned from, unsigned count, struct bytes *out)
{
	for (unsigned i = from; i < from + count; i++) {
		own_bind_value(out, d->names[i]);
		own_bind_value(out, d->values[i]);
	}
}

/* When a setting has its turn: each is of one kind. */
enum turn { TURN_IDENTITY, TURN_ENCODING, TURN_REST, TURN_FENCE };

static enum turn
turn_of(const char *name)
{
	if (strcmp(name, "role") == 0 || strcmp(name, "session_authorization") == 0)
		return TURN_IDENTITY;
	if (strcmp(name, "client_encoding") == 0)
		return TURN_ENCODING;
	return strcmp(name, "exit_on_error") == 0 ? TURN_FENCE : TURN_REST;
}

static void
difference_add_removed(struct difference *d, enum turn turn, const struct server *server, const struct profile *have,
    const struct profile *want)
{
	for (unsigned i = 0; i < profile_count(have); i++) {
		const char *name = profile_name(have, i);

		if (turn_of(name) == turn && profile_find(want, name) == NULL)
			difference_add(d, name, server_unset_value(server, name));
	}
}

static void
difference_add_made(struct difference *d, enum turn turn, const struct profile *have, const struct profile *want)
{
	for (unsigned i = 0; i < profile_count(want); i++) {
		const char *name = profile_name(want, i);

		if (turn_of(name) == turn && !text_equal(profile_find(have, name), profile_value(want, i)))
			difference_add(d, name, profile_value(want, i));
	}
}

static bool
text_is_ascii(const char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		if ((unsigned char)*text >= 128)
			return false;
	return true;
}

static void
difference_note_encoding(struct difference *d, unsigned from)
{
	for (unsigned i = from; i < d->count && !d->is_encoded; i++)
		d->is_encoded = !text_is_ascii(d->names[i]) || !text_is_ascii(d->values[i]);
}

/* By their login they may less than by a role, perhaps: what the role has set is changed while it is in force. */
static bool
login_is_ordinary(const struct server *server)
{
	const struct server_value *row = server_value(server, "is_superuser");

	return row != NULL && strcmp(row->initial, "off") == 0;
}

static void
difference_add_identity(struct difference *d, const struct profile *want)
{
	static const char *const identity[] = {"session_authorization", "role"};
	const char *value;

	for (size_t i = 0; i < array_length(identity); i++)
		if ((value = profile_find(want, identity[i])) != NULL)
			difference_add(d, identity[i], value);
}

void
difference_between(struct difference *d, const struct server *server, const struct profile *have, const struct profile *want)
{
	static const char *const identity[] = {"role", "session_authorization"};
	bool is_ordinary = login_is_ordinary(server);
	unsigned before;

	*d = (struct difference){0};
	if (have == want)
		return;
	if (is_ordinary)
		difference_add_removed(d, TURN_REST, server, have, want);
	/* Settings are made by the user who has logged in, who may do what a role may not. */
	for (size_t i = 0; i < array_length(identity); i++)
		if (profile_find(have, identity[i]) != NULL)
			difference_add(d, identity[i], NULL);
	before = d->count;
	difference_add_removed(d, TURN_ENCODING, server, have, want);
	difference_add_made(d, TURN_ENCODING, have, want);
	d->encoding = d->count > before ? d->count : 0;
	before = d->count;
	if (is_ordinary)
		difference_add_identity(d, want);
	else
		difference_add_removed(d, TURN_REST, server, have, want);
	difference_add_made(d, TURN_REST, have, want);
	if (!is_ordinary)
		difference_add_identity(d, want);
	difference_note_encoding(d, before);
}

/* ----------------------------------------------------------------- fence */

/* Sets COUNT settings between exit_on_error and what that is afterwards. */
static void
fence_text(struct bytes *text, unsigned count)
{
	bytes_chars(text, "select pg_catalog.set_config('exit_on_error','on',false)");
	for (unsigned i = 0; i < count; i++)
		bytes_format(text, ",pg_catalog.set_config($%u,$%u,false)", 2 * i + 1, 2 * i + 2);
	bytes_format(text, ",pg_catalog.set_config('exit_on_error',$%u,false)", 2 * count + 1);
	bytes_u8(text, 0);
}

/* One that may be there is closed first, which is no error when it is not. */
static void
fence_prepare(struct server *server, const char *name, unsigned count, struct bytes *out)
{
	struct bytes text = {0};
	size_t begun = message_begin(out, FRONTEND_CLOSE);

	bytes_u8(out, 'S');
	bytes_text(out, name);
	message_end(out, begun);
	answers_push(&server->answers, ANSWER_CLOSE, ANSWER_SWALLOW)->purpose = PURPOSE_FENCE;
	fence_text(&text, count);
	own_parse(name, text.data, 2 * count + 1, out);
	bytes_free(&text);
	server->fences |= 1u << count;
}

/* AFTERWARDS: exit_on_error then, NULL for its default. */
static void
fence_write(struct server *server, const struct difference *d, unsigned from, unsigned count, const char *afterwards, struct bytes *out)
{
	bool prepared = (server->fences & 1u << count) != 0;
	char name[32];
	size_t begun;

	snprintf(name, sizeof(name), STATEMENT_PREFIX "fence_%u", count);
	if (!prepared)
		fence_prepare(server, name, count, out);
	begun = own_bind_begin(out, name, 2 * count + 1);
	difference_bind(d, from, count, out);
	own_bind_value(out, afterwards);
	own_execute(out, begun);
	own_expect(server, !prepared, PURPOSE_FENCE);
}

void
restore_fence_server(struct server *server, const struct profile *want, struct bytes *out)
{
	const char *afterwards = profile_find(want, "exit_on_error");
	struct difference d;
	unsigned from = 0;

	difference_between(&d, server, server->profile, want);
	if (d.is_encoded && d.encoding > 0) {
		fence_write(server, &d, 0, d.encoding, "on", out);
		from = d.encoding;
	}
	do {
		unsigned count = min_of(d.count - from, (unsigned)FENCE_MOST);

		fence_write(server, &d, from, count, afterwards, out);
		from += count;
	} while (from < d.count);
	difference_free(&d);
	/* If any of it fails the server ends, so from here on it counts as done. */
	server_set_profile(server, want);
}

static bool
fence_unveils(const struct session *s)
{
	return s->server->veiled_by != 0 && s->server->veiled_by != s->id;
}

bool
restore_is_needed(const struct session *s)
{
	return s->server->profile != s->profile || fence_unveils(s);
}

static void
unveil_run(struct server *server, const char *text, struct bytes *out)
{
	own_once_end(out, own_once_begin(out, UNVEIL, text, 0), UNVEIL);
	own_once_expect(server, PURPOSE_FENCE);
}

/* RESET ALL leaves the role as it is. */
static const struct profile *
profile_after_reset(const struct server *server)
{
	static const char *const identity[] = {"role", "session_authorization"};
	const struct profile *p = profile_ref(startup_set_settings(server->set));

	for (size_t i = 0; i < array_length(identity); i++)
		if (profile_find(server->profile, identity[i]) != NULL)
			p = profile_with(p, identity[i], profile_find(server->profile, identity[i]));
	return p;
}

void
restore_unveil(struct session *s, struct bytes *out)
{
	struct server *server = s->server;
	const struct profile *left;

	if (!fence_unveils(s))
		return;
	unveil_run(server, "select pg_catalog.set_config('exit_on_error','on',false)", out);
	unveil_run(server, "reset all", out);
	message_sync(out);
	answers_push(&server->answers, ANSWER_SYNC, ANSWER_SWALLOW)->purpose = PURPOSE_FENCE;
	left = profile_after_reset(server);
	server_set_profile(server, left);
	profile_unref(left);
	server->veiled_by = 0;
}

void
restore_fence(struct session *s)
{
	struct gather *g = &s->worker->to_server;
	struct bytes *out = gather_make(g);
	size_t before = out->length;

	restore_unveil(s, out);
	restore_fence_server(s->server, s->profile, out);
	gather_made(g, before);
}

static void
fence_one_by_one(struct session *s)
{
	struct gather *g = &s->worker->to_server;
	struct bytes *out = gather_make(g);
	size_t before = out->length;

	restore_unveil(s, out);
	refit_write(s, out);
	gather_made(g, before);
	s->fencing = true;
}

bool
restore_waits_for_fence(struct session *s)
{
	const char *timeout;
	size_t length;

	if (s->fencing)
		return true;
	if (s->server->answers.count > 0 || s->server->status != 'I' || !restore_is_needed(s))
		return false;
	if (s->wary) {
		fence_one_by_one(s);
		return true;
	}
	timeout = profile_find(s->server->profile, "statement_timeout");
	length = timeout != NULL ? strlen(timeout) : 0;
	/* "0" is none; of minutes and more none passes within a fence. */
	if (length < 2 || timeout[length - 1] != 's')
		return false;
	restore_fence(s);
	s->fencing = true;
	return true;
}

bool
restore_disarm(struct session *s, struct bytes *out)
{
	const char *timeout = profile_find(s->server->profile, "idle_session_timeout");
	const struct profile *harmless;

	if (timeout == NULL || strcmp(timeout, "0") == 0)
		return false;
	harmless = profile_with(profile_ref(s->server->profile), "idle_session_timeout", "0");
	restore_fence_server(s->server, harmless, out);
	profile_unref(harmless);
	return true;
}
