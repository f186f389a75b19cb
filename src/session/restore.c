/*
 * session/restore.c - settings that follow the client.
 *
 * The fence: all that differs is set by one prepared statement in front of the
 * client's request, in the same packet, with a Sync of its own and exit_on_error
 * around it.  If any of it fails, the server ends and the request never runs.
 *
 *      Bind PGBOUNCER_fence_2 (names, values) · Execute · Sync · the client's request …
 *      └───────────────── answers swallowed ──────────┘
 *
 * The probe: after a transaction that may have changed settings, PostgreSQL is
 * asked what they are.  Nothing is modelled.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "observe/log.h"
#include "session/ignore.h"
#include "session/own.h"
#include "session/session_private.h"

/* A fence sets at most this many; more take several fences in one packet. */
#define FENCE_MOST 24
/* A probe asks for at most this many, which is what PostgreSQL's target lists hold; a server with more is closed. */
#define PROBE_MOST 1600

/* Reported parameters that a client may not set, or that describe the node. */
static const char *const unfollowed[] = {
	"in_hot_standby", "integer_datetimes", "is_superuser", "server_encoding", "server_version", "session_authorization",
};

bool
restore_name_is_followed(const struct session *s, const char *name)
{
	for (size_t i = 0; i < array_length(unfollowed); i++)
		if (strcasecmp(unfollowed[i], name) == 0)
			return false;
	return s->features != FEATURES_IGNORE || ignore_follows(s, name);
}

bool
restore_is_needed(const struct session *s)
{
	return s->server->profile != s->profile;
}

/* ------------------------------------------------------------ difference */

struct difference {
	const char **names;  /* owned array of borrowed names */
	const char **values; /* owned array; NULL: back to the server's own default */
	unsigned count;
	unsigned room;
};

static void
difference_free(struct difference *d)
{
	free(d->names);
	free(d->values);
	*d = (struct difference){0};
}

static void
difference_add(struct difference *d, const char *name, const char *value)
{
	if (d->count == d->room) {
		d->room = max_of(d->room * 2, 64u);
		d->names = memory_resize(d->names, d->room * sizeof(*d->names));
		d->values = memory_resize(d->values, d->room * sizeof(*d->values));
	}
	d->names[d->count] = name;
	d->values[d->count++] = value;
}

/* What has to be set for a server with the profile HAVE to be as WANT: client_encoding first, since values are text in it. */
static void
difference_between(struct difference *d, const struct profile *have, const struct profile *want)
{
	*d = (struct difference){0};
	for (int pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < profile_count(have); i++) {
			const char *name = profile_name(have, i);

			if ((strcmp(name, "client_encoding") == 0) == (pass == 0) && profile_find(want, name) == NULL)
				difference_add(d, name, NULL);
		}
		for (unsigned i = 0; i < profile_count(want); i++) {
			const char *name = profile_name(want, i);

			if ((strcmp(name, "client_encoding") == 0) == (pass == 0) && !text_equal(profile_find(have, name), profile_value(want, i)))
				difference_add(d, name, profile_value(want, i));
		}
	}
}

/* ----------------------------------------------------------------- fence */

/* The text that sets COUNT settings; FENCED ends the server when one fails. */
static void
fence_text(struct bytes *text, unsigned count, bool fenced)
{
	bytes_chars(text, "select ");
	bytes_chars(text, fenced ? "pg_catalog.set_config('exit_on_error','on',false)" : "null");
	for (unsigned i = 0; i < count; i++)
		bytes_format(text, ",pg_catalog.set_config($%u,$%u,false)", 2 * i + 1, 2 * i + 2);
	if (fenced)
		bytes_chars(text, ",pg_catalog.set_config('exit_on_error','off',false)");
}

static void
fence_write(struct server *server, const struct difference *d, unsigned from, unsigned count, struct bytes *out)
{
	bool prepared = (server->fences & 1u << count) != 0;
	char name[32];
	size_t begun;

	snprintf(name, sizeof(name), STATEMENT_PREFIX "fence_%u", count);
	if (!prepared) {
		struct bytes text = {0};

		fence_text(&text, count, true);
		bytes_u8(&text, 0);
		own_parse(name, text.data, 2 * count, out);
		bytes_free(&text);
		server->fences |= 1u << count;
	}
	begun = own_bind_begin(out, name, 2 * count);
	for (unsigned i = from; i < from + count; i++) {
		own_bind_value(out, d->names[i]);
		own_bind_value(out, d->values[i]);
	}
	own_execute(out, begun);
	own_expect(server, !prepared, PURPOSE_FENCE);
}

void
restore_fence_server(struct server *server, const struct profile *want, struct bytes *out)
{
	struct difference d;

	difference_between(&d, server->profile, want);
	for (unsigned from = 0; from < d.count; from += FENCE_MOST)
		fence_write(server, &d, from, min_of(d.count - from, (unsigned)FENCE_MOST), out);
	difference_free(&d);
	/* If any of it fails the server ends, so from here on it counts as done. */
	server_set_profile(server, want);
}

void
restore_fence(struct session *s)
{
	struct gather *g = &s->worker->to_server;
	struct bytes *out = gather_make(g);
	size_t before = out->length;

	restore_fence_server(s->server, s->profile, out);
	gather_made(g, before);
}

/* ----------------------------------------------------------------- learn */

/*
 * The startup settings are set without a fence: nothing runs behind them, an error
 * is the client's, and the server lives on.
 */
void
restore_learn(struct session *s)
{
	struct bytes out = {0}, text = {0};
	struct difference d;
	size_t begun;

	difference_between(&d, s->server->profile, s->startup);
	if (d.count == 0) {
		welcome_learned(s);
		return;
	}
	fence_text(&text, d.count, false);
	bytes_u8(&text, 0);
	own_parse(STATEMENT_PREFIX "learn", text.data, 2 * d.count, &out);
	begun = own_bind_begin(&out, STATEMENT_PREFIX "learn", 2 * d.count);
	for (unsigned i = 0; i < d.count; i++) {
		own_bind_value(&out, d.names[i]);
		own_bind_value(&out, d.values[i]);
	}
	own_execute(&out, begun);
	own_expect(s->server, true, PURPOSE_LEARN);
	begun = message_begin(&out, FRONTEND_CLOSE);
	bytes_u8(&out, 'S');
	bytes_text(&out, STATEMENT_PREFIX "learn");
	message_end(&out, begun);
	message_sync(&out);
	answers_push(&s->server->answers, ANSWER_CLOSE, ANSWER_SWALLOW)->purpose = PURPOSE_LEARN;
	answers_push(&s->server->answers, ANSWER_SYNC, ANSWER_SWALLOW)->purpose = PURPOSE_LEARN;
	stream_send_bytes(&s->server->stream, out.data, out.length);
	difference_free(&d);
	bytes_free(&text);
	bytes_free(&out);
}

/* One column of a DataRow as a text; NULL for NULL.  Owned by the caller. */
static char *
row_text(struct reader *r)
{
	uint32_t length = reader_u32(r);
	const char *bytes;

	if (length == UINT32_MAX)
		return NULL;
	bytes = reader_bytes(r, length);
	return bytes != NULL ? text_copy_n(bytes, length) : NULL;
}

/* A setting's value in the profile: one that equals the server's own default is none. */
static const struct profile *
profile_with_value(const struct profile *p, const struct server *server, const char *name, const char *value)
{
	const struct server_value *row = server_value(server, name);

	if (value != NULL && row != NULL && strcmp(row->initial, value) == 0)
		value = NULL;
	return profile_with(p, name, value);
}

static void
learn_row(struct session *s, struct reader *r)
{
	struct difference d;
	const struct profile *learned = profile_ref(s->startup);

	difference_between(&d, s->server->profile, s->startup);
	free(row_text(r));
	for (unsigned i = 0; i < d.count && reader_ok(r); i++) {
		char *value = row_text(r);

		if (d.values[i] != NULL)
			learned = profile_with(learned, d.names[i], value);
		free(value);
	}
	difference_free(&d);
	profile_unref(s->profile);
	s->profile = learned;
	server_set_profile(s->server, learned);
}

/* ----------------------------------------------------------------- probe */

void
restore_touch(struct session *s, const char *name)
{
	struct bytes names = {0};

	if (s->features == FEATURES_IGNORE && !ignore_asks(name))
		return;
	for (const char *p = s->touched; p != NULL && *p != '\0'; p += strlen(p) + 1) {
		if (strcasecmp(p, name) == 0) {
			bytes_free(&names);
			return;
		}
		bytes_text(&names, p);
	}
	bytes_text(&names, name);
	bytes_u8(&names, 0);
	free(s->touched);
	s->touched = names.data;
}

static void
probe_add(struct difference *d, const struct session *s, const char *name)
{
	const struct server_value *row = server_value(s->server, name);

	/* What the server reports is known already. */
	if (row != NULL || d->count == PROBE_MOST || !restore_name_is_followed(s, name))
		return;
	for (unsigned i = 0; i < d->count; i++)
		if (strcasecmp(d->names[i], name) == 0)
			return;
	difference_add(d, name, NULL);
}

/* The names to ask for: what the transaction touched, what the session has set, and what is always followed. */
static void
probe_names(const struct session *s, struct difference *d)
{
	*d = (struct difference){0};
	for (const char *p = s->touched; p != NULL && *p != '\0'; p += strlen(p) + 1)
		probe_add(d, s, p);
	for (unsigned i = 0; i < profile_count(s->profile); i++)
		probe_add(d, s, profile_name(s->profile, i));
	for (unsigned i = 0; i < profile_count(s->startup); i++)
		probe_add(d, s, profile_name(s->startup, i));
	probe_add(d, s, "search_path");
	probe_add(d, s, "pgweir.route");
	probe_add(d, s, "pgweir.route_notice");
}

void
restore_probe(struct session *s, struct bytes *out)
{
	struct bytes text = {0};
	struct difference d;
	size_t begun;

	probe_names(s, &d);
	s->server->close_needed |= d.count == PROBE_MOST;
	bytes_chars(&text, "select null");
	for (unsigned i = 0; i < d.count; i++)
		bytes_format(&text, ",pg_catalog.current_setting($%u,true)", i + 1);
	bytes_u8(&text, 0);
	own_parse(STATEMENT_PREFIX "probe", text.data, d.count, out);
	begun = own_bind_begin(out, STATEMENT_PREFIX "probe", d.count);
	for (unsigned i = 0; i < d.count; i++)
		own_bind_value(out, d.names[i]);
	bytes_u16(out, 0);
	message_end(out, begun);
	begun = message_begin(out, FRONTEND_EXECUTE);
	bytes_text(out, STATEMENT_PREFIX "portal");
	bytes_u32(out, 0);
	message_end(out, begun);
	begun = message_begin(out, FRONTEND_CLOSE);
	bytes_u8(out, 'S');
	bytes_text(out, STATEMENT_PREFIX "probe");
	message_end(out, begun);
	message_sync(out);
	answers_push(&s->server->answers, ANSWER_PARSE, ANSWER_SWALLOW)->purpose = PURPOSE_PROBE;
	answers_push(&s->server->answers, ANSWER_BIND, ANSWER_SWALLOW)->purpose = PURPOSE_PROBE;
	answers_push(&s->server->answers, ANSWER_EXECUTE, ANSWER_SWALLOW)->purpose = PURPOSE_PROBE;
	answers_push(&s->server->answers, ANSWER_CLOSE, ANSWER_SWALLOW)->purpose = PURPOSE_PROBE;
	answers_push(&s->server->answers, ANSWER_SYNC, ANSWER_SWALLOW)->purpose = PURPOSE_PROBE;
	difference_free(&d);
	bytes_free(&text);
}

static void
session_set_profile(struct session *s, const struct profile *p)
{
	profile_unref(s->profile);
	s->profile = p;
}

/* The settings behind a RESET ALL that held: those that the client came with, and what it has set in that transaction. */
static const struct profile *
profile_started_over(const struct session *s, const struct profile *found)
{
	const struct profile *own = profile_ref(s->startup);

	for (const char *p = s->touched; p != NULL && *p != '\0'; p += strlen(p) + 1)
		own = profile_with(own, p, profile_find(found, p));
	profile_unref(found);
	return own;
}

/* True when all settings of the session are still what they were. */
static bool
profile_still_holds(const struct session *s, const struct profile *found)
{
	for (unsigned i = 0; i < profile_count(s->profile); i++)
		if (!text_equal(profile_find(found, profile_name(s->profile, i)), profile_value(s->profile, i)))
			return false;
	return true;
}

static void
probe_row(struct session *s, struct reader *r)
{
	const struct profile *found = profile_ref(s->profile);
	const struct profile *own;
	struct difference d;

	probe_names(s, &d);
	free(row_text(r));
	for (unsigned i = 0; i < d.count && reader_ok(r); i++) {
		char *value = row_text(r);

		found = profile_with_value(found, s->server, d.names[i], value);
		free(value);
	}
	difference_free(&d);
	server_set_profile(s->server, found);
	/* RESET of one setting goes back to what the client came with. */
	own = found;
	for (const char *p = s->touched; s->reset_one && p != NULL && *p != '\0'; p += strlen(p) + 1)
		own = profile_with(own, p, profile_find(s->startup, p));
	/* One that was rolled back has changed nothing. */
	if (s->reset_all && (s->reset_held || !profile_still_holds(s, found))) {
		own = profile_started_over(s, own);
		release_tell_startup(s);
	}
	session_set_profile(s, own);
	restore_apply_pgweir(s);
}

void
restore_row(struct session *s, const struct answer *answer, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);

	reader_u16(&r);
	if (answer->purpose == PURPOSE_LEARN)
		learn_row(s, &r);
	else if (answer->purpose == PURPOSE_PROBE)
		probe_row(s, &r);
}

/* -------------------------------------------------------------- reported */

void
restore_take_reported(struct session *s)
{
	const struct profile *p = profile_ref(s->profile);

	for (unsigned i = 0; i < s->server->value_count; i++) {
		const struct server_value *row = &s->server->values[i];

		if (restore_name_is_followed(s, row->name))
			p = profile_with_value(p, s->server, row->name, row->value);
	}
	server_set_profile(s->server, p);
	session_set_profile(s, p);
	s->reported = false;
}

/* ---------------------------------------------------------- our settings */

/* How the client's texts are to be read by a parser that is not the server's. */
static void
restore_apply_lexing(struct session *s)
{
	static const char *const client_only[] = {"SJIS", "BIG5", "GBK", "GB18030", "UHC", "JOHAB", "SHIFT_JIS_2004", "SHIFTJIS"};
	const char *encoding = profile_find(s->profile, "client_encoding");

	s->escaped_strings = text_equal_nocase(profile_find(s->profile, "standard_conforming_strings"), "off");
	s->utf8 = s->utf8_server && (encoding == NULL || text_equal_nocase(encoding, "UTF8"));
	s->unsafe_encoding = false;
	for (size_t i = 0; encoding != NULL && i < array_length(client_only); i++)
		s->unsafe_encoding |= text_equal_nocase(encoding, client_only[i]);
}

void
restore_apply_pgweir(struct session *s)
{
	static const char *const words[] = {[ROUTE_ANY] = "any", [ROUTE_PRIMARY] = "primary", [ROUTE_REPLICA] = "replica", [ROUTE_SPLIT] = "split"};
	const char *route = profile_find(s->profile, "pgweir.route");
	const char *notice = profile_find(s->profile, "pgweir.route_notice");

	restore_apply_lexing(s);
	s->notice = text_equal_nocase(notice, "on") || text_equal_nocase(notice, "true") || text_equal_nocase(notice, "1") ||
	    text_equal_nocase(notice, "yes");
	if (s->ledger == NULL || s->database == NULL)
		return;
	s->route = (uint8_t)snapshot_route(s->snapshot, s->database, s->user);
	if (!cluster_is_monitored(s->ledger->cluster)) {
		s->route = ROUTE_ANY;
		return;
	}
	for (size_t i = ROUTE_PRIMARY; i < array_length(words); i++)
		if (text_equal_nocase(route, words[i]))
			s->route = (uint8_t)i;
}
