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

/* What anything may change that cannot be looked into, and pg_settings does not show: asked for by every probe. */
static const char *const always[] = {"search_path", "role", "pgweir.consistency", "pgweir.min_lsn", "pgweir.route", "pgweir.route_notice"};

/* A probe asks for at most this many; a server with more is closed. */
#define PROBE_MOST 1600

#define PROBE STATEMENT_PREFIX "probe"

struct upkeep *
upkeep_of(struct session *s)
{
	if (s->upkeep == NULL)
		s->upkeep = memory_new(sizeof(*s->upkeep));
	return s->upkeep;
}

void
upkeep_free(struct session *s)
{
	struct upkeep *u = s->upkeep;

	if (u == NULL)
		return;
	s->upkeep = NULL;
	free(u->touched);
	free(u->mending);
	bytes_free(&u->found);
	bytes_free(&u->kept);
	bytes_free(&u->likely);
	bytes_free(&u->lost);
	route_defaults_free(&u->defaults);
	free(u);
}

bool
restore_has_touched(const struct session *s)
{
	return s->upkeep != NULL && s->upkeep->touched != NULL;
}

bool
restore_is_owed(const struct session *s)
{
	return restore_has_touched(s) && s->upkeep->is_probing;
}

static const char *
touched_names(const struct session *s)
{
	return s->upkeep != NULL ? s->upkeep->touched : NULL;
}

void
restore_touch(struct session *s, const char *name)
{
	struct bytes names = {0};

	if (s->features == FEATURES_IGNORE && !ignore_asks(name))
		return;
	for (const char *p = touched_names(s); p != NULL && *p != '\0'; p += strlen(p) + 1) {
		if (strcasecmp(p, name) == 0) {
			bytes_free(&names);
			return;
		}
		bytes_text(&names, p);
	}
	bytes_text(&names, name);
	bytes_u8(&names, 0);
	free(upkeep_of(s)->touched);
	s->upkeep->touched = names.data;
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
	*d = (struct difference){0};
	for (const char *p = touched_names(s); p != NULL && *p != '\0'; p += strlen(p) + 1)
		probe_add(d, s, p);
	probe_add_all(d, s, s->profile);
	probe_add_all(d, s, s->startup);
	probe_add_all(d, s, startup_set_settings(s->server->set));
	for (size_t i = 0; i < array_length(always); i++)
		probe_add(d, s, always[i]);
}

/* Sessions go on with the defaults that they began with, whatever later ones begin with: those, and what a RESET goes back to. */
static void
probe_defaults_text(const struct session *s, unsigned parameter, struct bytes *text)
{
	bytes_chars(text, " union all select name,pg_catalog.current_setting(name,true),reset_val from pg_catalog.pg_settings"
	                  " where source operator(pg_catalog.=) any('{global,database,user,\"database user\"}'::pg_catalog.text[])");
	if (s->upkeep->defaults.setting != NULL)
		bytes_format(text, " or pg_catalog.lower(name) operator(pg_catalog.=) pg_catalog.lower($%u)", parameter);
}

/* True when another server takes it: what the session has it was let make, and some anybody may make. */
static bool
probe_is_sure(const struct session *s, const char *name)
{
	static const char *const anybodys[] = {
	    "client_min_messages", "default_transaction_isolation", "default_transaction_read_only", "extra_float_digits",
	    "idle_in_transaction_session_timeout", "jit", "lock_timeout", "pgweir.consistency", "pgweir.min_lsn", "pgweir.route",
	    "pgweir.route_notice", "role", "row_security",
	    "search_path", "statement_timeout", "synchronous_commit", "work_mem",
	};

	for (size_t i = 0; i < array_length(anybodys); i++)
		if (strcasecmp(anybodys[i], name) == 0)
			return true;
	/* What a role has set and reset is no setting that the login would have to make. */
	return profile_find(s->server->risen ? s->startup : s->profile, name) != NULL;
}

/* What a role may perhaps not read: to ask for it would be an error.  pg_settings lists it for who may. */
static bool
probe_is_guarded(const char *name)
{
	static const char *const guarded[] = {"dynamic_library_path", "session_preload_libraries"};

	for (size_t i = 0; i < array_length(guarded); i++)
		if (strcasecmp(guarded[i], name) == 0)
			return true;
	return false;
}

/* How a name is asked for: 's' surely, 'd' if it is no setting that another has, 'p' if it is one that the session has. */
static char
probe_kind(const struct session *s, const char *name)
{
	if (probe_is_guarded(name))
		return 'p';
	if (probe_is_sure(s, name) || strcasecmp(name, "session_authorization") == 0)
		return 's';
	return strchr(name, '.') != NULL ? 'd' : 'p';
}

/*
 * A setting that the text was refused, or never came to, is not the session's: to set it on another server
 * would fail there too.  Those of the client's own making (a.b) are not listed, and are whose they are.
 * The third column is '' for a setting that there is, and that is not the session's.
 */
static void
probe_text(const struct session *s, const struct difference *d, struct bytes *text)
{
	bool are_sure = true;

	for (unsigned i = 0; i < d->count; i++)
		are_sure &= probe_kind(s, d->names[i]) == 's';
	if (are_sure)
		bytes_chars(text, "select n,pg_catalog.current_setting(n,true),null::pg_catalog.text from (values(null::pg_catalog.text,'s')");
	else
		bytes_chars(text, "select n,case when k operator(pg_catalog.=) 's' or p.source operator(pg_catalog.=) 'session'"
		                  " or (k operator(pg_catalog.=) 'd' and p.source is null) then pg_catalog.current_setting(n,true) end,"
		                  "case when k operator(pg_catalog.<>) 's' and p.source operator(pg_catalog.<>) 'session' then '' end from (values(null::pg_catalog.text,'s')");
	for (unsigned i = 0; i < d->count; i++)
		bytes_format(text, ",($%u,'%c')", i + 1, probe_kind(s, d->names[i]));
	bytes_chars(text, ") v(n,k)");
	if (!are_sure)
		bytes_chars(text, " left join pg_catalog.pg_settings p on pg_catalog.lower(p.name) operator(pg_catalog.=) pg_catalog.lower(n)");
	if (s->names_unknown)
		bytes_chars(text, " union all select name,pg_catalog.current_setting(name,true),null from pg_catalog.pg_settings"
		                  " where source operator(pg_catalog.=) 'session'");
	if (s->upkeep != NULL && s->upkeep->changes_defaults)
		probe_defaults_text(s, d->count + 1, text);
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
	if (s->upkeep != NULL && s->upkeep->defaults.setting != NULL)
		difference_add(&d, s->upkeep->defaults.setting, NULL);
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
	upkeep_of(s)->is_probing = true;
	bytes_clear(&s->upkeep->found);
	bytes_clear(&s->upkeep->kept);
}

static bool
probe_is_under_way(const struct session *s)
{
	return s->upkeep != NULL && s->upkeep->is_probing;
}

static bool
probe_is_likely(const struct session *s, const char *name)
{
	const struct bytes *likely = &s->upkeep->likely;

	for (size_t at = 0; at < likely->length; at += strlen(likely->data + at) + 1)
		if (strcasecmp(likely->data + at, name) == 0)
			return true;
	return false;
}

static bool
probe_is_told(const struct session *s, const char *name)
{
	for (size_t i = 0; i < array_length(always); i++)
		if (strcasecmp(always[i], name) == 0)
			return true;
	for (const char *p = touched_names(s); p != NULL && *p != '\0'; p += strlen(p) + 1)
		if (strcasecmp(p, name) == 0)
			return true;
	return false;
}

/* Something has another value now that was asked for by no name of its own: that is what had its name worked out. */
static bool
probe_explains(const struct session *s, const struct profile *now)
{
	for (unsigned i = 0; i < profile_count(now); i++) {
		const char *name = profile_name(now, i);

		if (!text_equal(profile_find(s->profile, name), profile_value(now, i)) && !probe_is_told(s, name))
			return true;
	}
	for (unsigned i = 0; i < s->server->value_count; i++)
		if (probe_is_likely(s, s->server->values[i].name))
			return true;
	return false;
}

bool
restore_is_explained(const struct session *s)
{
	return s->upkeep != NULL && s->upkeep->is_explained;
}

/* Name, value, and of a default what a reset goes back to; the first row has nothing. */
void
probe_row(struct session *s, struct reader *r)
{
	char *name = row_text(r), *value = row_text(r), *initial = row_text(r);
	bool is_asked = name != NULL && probe_is_under_way(s) && restore_name_is_followed(s, name);
	bool is_followed = is_asked && value != NULL;
	/* It may not be read now: it is what it was. */
	const char *unread = is_asked && value == NULL && initial == NULL && probe_is_guarded(name) ? profile_find(s->profile, name) : NULL;
	/* A server's own set is not this session's default. */
	bool is_kept = is_followed && initial != NULL && profile_find(startup_set_settings(s->server->set), name) == NULL;

	if (is_asked && (value != NULL || initial != NULL) && probe_is_likely(s, name))
		s->upkeep->is_explained = true;
	if (unread != NULL)
		profile_list(&s->upkeep->found, name, unread);
	if (is_followed && (is_kept || restore_is_own(s, name, value)))
		profile_list(&s->upkeep->found, name, value);
	if (is_kept)
		profile_list(&s->upkeep->kept, name, initial);
	free(name);
	free(value);
	free(initial);
}

void
restore_forget_probe(struct session *s)
{
	if (s->upkeep == NULL)
		return;
	bytes_free(&s->upkeep->found);
	bytes_free(&s->upkeep->kept);
	s->upkeep->is_probing = false;
}

/* A reset goes back to the defaults that the session began with. */
static void
probe_take_kept(struct session *s)
{
	struct bytes all = {0};

	if (s->upkeep->kept.length == 0)
		return;
	bytes_append(&all, s->upkeep->kept.data, s->upkeep->kept.length);
	for (unsigned i = 0; i < profile_count(s->startup); i++)
		profile_list(&all, profile_name(s->startup, i), profile_value(s->startup, i));
	profile_unref(s->startup);
	s->startup = profile_of(all.data, all.length);
	bytes_free(&all);
}

void
restore_take_probe(struct session *s)
{
	const struct profile *now;

	if (!probe_is_under_way(s))
		return;
	for (unsigned i = 0; i < s->server->value_count; i++) {
		const struct server_value *row = &s->server->values[i];

		if (restore_name_is_followed(s, row->name) && restore_is_own(s, row->name, row->value))
			profile_list(&s->upkeep->found, row->name, row->value);
	}
	now = profile_of(s->upkeep->found.data, s->upkeep->found.length);
	s->upkeep->is_explained |= probe_explains(s, now);
	probe_take_kept(s);
	restore_forget_probe(s);
	server_set_profile(s->server, now);
	/* What a superuser's role has set the login alone could not take back for the next client. */
	s->server->close_needed |= s->server->risen && profile_find(now, "role") == NULL && profile_find(now, "session_authorization") == NULL;
	restore_set_profile(s, now);
	restore_apply_pgweir(s);
}
