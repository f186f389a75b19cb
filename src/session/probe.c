/*
 * session/probe.c - what a transaction has left of settings: PostgreSQL is asked, behind
 * its ReadyForQuery 'I' and before the server goes back.  Nothing is modelled.
 *
 * Known names are asked for: those that the transaction may have touched, and all that
 * the session has.  Where names are not known all settings are asked for that were made
 * in the session; a setting of the client's own making (a.b) that nobody has named stays
 * unseen, since PostgreSQL does not list those.  What the server reports is known anyway.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "session/feature.h"
#include "session/ignore.h"
#include "session/restore_private.h"

/* A probe asks for at most this many; a server with more is closed. */
#define PROBE_MOST 1600

#define PROBE STATEMENT_PREFIX "probe"

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
	if (server_value(s->server, name) != NULL || d->count == PROBE_MOST || !restore_name_is_followed(s, name))
		return;
	for (unsigned i = 0; i < d->count; i++)
		if (strcasecmp(d->names[i], name) == 0)
			return;
	difference_add(d, name, NULL);
}

static void
probe_add_all(struct difference *d, const struct session *s, const struct profile *p)
{
	for (unsigned i = 0; i < profile_count(p); i++)
		probe_add(d, s, profile_name(p, i));
}

static void
probe_names(const struct session *s, struct difference *d)
{
	/* What anything may change that cannot be looked into, and pg_settings does not show. */
	static const char *const always[] = {"search_path", "role", "pgweir.route", "pgweir.route_notice"};

	*d = (struct difference){0};
	for (const char *p = s->touched; p != NULL && *p != '\0'; p += strlen(p) + 1)
		probe_add(d, s, p);
	probe_add_all(d, s, s->profile);
	probe_add_all(d, s, s->startup);
	probe_add_all(d, s, startup_set_settings(s->server->set));
	for (size_t i = 0; i < array_length(always); i++)
		probe_add(d, s, always[i]);
}

/* True when another server takes it: what the session has it was let make, and some anybody may make. */
static bool
probe_is_sure(const struct session *s, const char *name)
{
	static const char *const anybodys[] = {
	    "client_min_messages", "default_transaction_isolation", "default_transaction_read_only", "extra_float_digits",
	    "idle_in_transaction_session_timeout", "jit", "lock_timeout", "pgweir.route", "pgweir.route_notice", "role", "row_security",
	    "search_path", "statement_timeout", "synchronous_commit", "work_mem",
	};

	for (size_t i = 0; i < array_length(anybodys); i++)
		if (strcasecmp(anybodys[i], name) == 0)
			return true;
	return profile_find(s->profile, name) != NULL;
}

/*
 * A setting that the text was refused, or never came to, is not the session's: to set it on another server
 * would fail there too.  Those of the client's own making (a.b) are not listed, and are whose they are.
 */
static void
probe_text(const struct session *s, const struct difference *d, struct bytes *text)
{
	bytes_chars(text, "select n,pg_catalog.current_setting(n,true) from (values(null::pg_catalog.text,true)");
	for (unsigned i = 0; i < d->count; i++)
		bytes_format(text, ",($%u,%s)", i + 1, probe_is_sure(s, d->names[i]) ? "true" : "false");
	bytes_chars(text, ") v(n,sure) where case when sure then true else not exists(select from pg_catalog.pg_settings where"
	                  " pg_catalog.lower(name) operator(pg_catalog.=) pg_catalog.lower(n)"
	                  " and source operator(pg_catalog.<>) 'session') end");
	if (s->names_unknown)
		bytes_chars(text, " union all select name,pg_catalog.current_setting(name,true) from pg_catalog.pg_settings"
		                  " where source operator(pg_catalog.=) 'session'");
	bytes_u8(text, 0);
}

void
restore_probe(struct session *s, struct bytes *out)
{
	struct answers *answers = &s->server->answers;
	struct bytes text = {0};
	struct difference d;
	size_t begun;

	probe_names(s, &d);
	s->server->close_needed |= d.count == PROBE_MOST;
	probe_text(s, &d, &text);
	own_parse(PROBE, text.data, d.count, out);
	begun = own_bind_begin(out, PROBE, d.count);
	for (unsigned i = 0; i < d.count; i++)
		own_bind_value(out, d.names[i]);
	own_execute_unsynced(out, begun);
	own_close(out, PROBE);
	message_sync(out);
	answers_push(answers, ANSWER_PARSE, ANSWER_SWALLOW)->purpose = PURPOSE_PROBE;
	answers_push(answers, ANSWER_BIND, ANSWER_SWALLOW)->purpose = PURPOSE_PROBE;
	answers_push(answers, ANSWER_EXECUTE, ANSWER_SWALLOW)->purpose = PURPOSE_PROBE;
	answers_push(answers, ANSWER_CLOSE, ANSWER_SWALLOW)->purpose = PURPOSE_PROBE;
	answers_push(answers, ANSWER_SYNC, ANSWER_SWALLOW)->purpose = PURPOSE_PROBE;
	difference_free(&d);
	bytes_free(&text);
	if (s->found == NULL)
		s->found = memory_new(sizeof(*s->found));
	bytes_clear(s->found);
}

/* Name and value; the first row has neither. */
void
probe_row(struct session *s, struct reader *r)
{
	char *name = row_text(r), *value = row_text(r);

	if (s->found != NULL && name != NULL && value != NULL && restore_name_is_followed(s, name) && restore_is_own(s, name, value))
		profile_list(s->found, name, value);
	free(name);
	free(value);
}

void
restore_forget_probe(struct session *s)
{
	if (s->found != NULL)
		bytes_free(s->found);
	free(s->found);
	s->found = NULL;
}

void
restore_take_probe(struct session *s)
{
	const struct profile *now;

	if (s->found == NULL)
		return;
	for (unsigned i = 0; i < s->server->value_count; i++) {
		const struct server_value *row = &s->server->values[i];

		if (restore_name_is_followed(s, row->name) && restore_is_own(s, row->name, row->value))
			profile_list(s->found, row->name, row->value);
	}
	now = profile_of(s->found->data, s->found->length);
	restore_forget_probe(s);
	server_set_profile(s->server, now);
	restore_set_profile(s, now);
	restore_apply_pgweir(s);
}
