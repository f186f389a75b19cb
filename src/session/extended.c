/*
 * session/extended.c - the extended protocol's messages on their way to the server:
 * names of prepared statements are changed, and the answers are queued.
 */
#include <string.h>

#include "session/floor.h"
#include "session/forward_private.h"
#include "session/lazy.h"
#include "session/heal.h"
#include "session/own_names.h"
#include "session/pin.h"

/* A message whose statement name changes: its head made anew, its rest as it came. */
static size_t
extended_renamed(struct session *s, const struct frame *f, const char *before_name, const char *name)
{
	struct bytes *out = gather_make(&s->worker->to_server);
	size_t from = (size_t)(f->body.at - f->bytes);
	size_t at = out->length;

	bytes_u8(out, (uint8_t)f->type);
	bytes_u32(out, (uint32_t)(4 + strlen(before_name) + 1 + strlen(name) + 1 + (f->size - from)));
	bytes_text(out, before_name);
	bytes_text(out, name);
	gather_made(&s->worker->to_server, at);
	return forward_rest(s, f, from);
}

/* The statement of a Parse, read up to its text.  What is said of names or settings that are this session's is shared with nobody. */
static struct statement *
extended_intern(struct session *s, const struct frame *f, uint32_t effects)
{
	struct statement_about about = {.profile = names_profile(s)};
	struct statement *statement;

	about.era = atomic_load_explicit(&s->ledger->era, memory_order_relaxed);
	/* With temporary objects there, a name may be theirs for this client alone. */
	about.alone = (effects & EFFECT_executes) != 0 || (s->effects & EFFECT_settings) != 0 || pin_has_temporary(s);
	statement = statement_intern(f->body.at, reader_left(&f->body), &about);
	profile_unref(about.profile);
	return statement;
}

static size_t
extended_parse_unnamed(struct session *s, const struct frame *f)
{
	const char *body = f->body.at;
	size_t length = reader_left(&f->body);
	struct statement *next = NULL;

	if (s->unnamed != NULL && (s->effects & EFFECT_settings) == 0 && statement_is(s->unnamed, body, length, s->profile))
		next = statement_ref(s->unnamed);
	else
		next = extended_intern(s, f, s->unnamed_effects);
	unnamed_change(s, forward_expect(s, ANSWER_PARSE, ANSWER_FORWARD), next);
	return forward_rest(s, f, 0);
}

/* A Parse under the name that it has on the server. */
static size_t
extended_parse_as(struct session *s, const struct frame *f, const char *name)
{
	size_t before, from = (size_t)(f->body.at - f->bytes);
	struct bytes *out = gather_make(&s->worker->to_server);

	before = out->length;
	bytes_u8(out, FRONTEND_PARSE);
	bytes_u32(out, (uint32_t)(4 + strlen(name) + 1 + (f->size - from)));
	bytes_text(out, name);
	gather_made(&s->worker->to_server, before);
	forward_expect(s, ANSWER_PARSE, ANSWER_FORWARD);
	return forward_rest(s, f, from);
}

/* What a judgement of effects depends on beside the text: the facts, and whether they may have changed. */
static uint32_t
extended_generation(struct session *s)
{
	struct catalog_facts *facts = facts_of_session(s);

	if (facts != NULL)
		return (uint32_t)facts_generation(facts) << 1 | facts_are_old(s);
	facts = facts_former_of_session(s);
	/* Names that they know may do more now. */
	return facts != NULL ? (uint32_t)facts_generation(facts) << 1 | 1 : 0;
}

static void
extended_note_effects(struct session *s, struct name_entry *e, const struct verdict *v)
{
	e->does = v->does;
	e->effects = v->effects;
	e->surely = v->surely;
	e->effects_generation = extended_generation(s);
}

/* The effects of a prepared statement, judged again when the catalog's facts have changed. */
static void
extended_effects_of(struct session *s, struct name_entry *e, struct verdict *v)
{
	if (feature_judges(s) && e->effects_generation != extended_generation(s)) {
		routing_judge(s, e->statement->body, strlen(e->statement->body), v);
		extended_note_effects(s, e, v);
	}
	v->effects = e->effects;
	v->surely = e->surely;
}

/* The same of the unnamed one. */
static void
extended_effects_of_unnamed(struct session *s, struct verdict *v)
{
	uint32_t generation = extended_generation(s);

	if (s->unnamed != NULL && feature_judges(s) && s->unnamed_generation != generation) {
		routing_judge(s, s->unnamed->body, strlen(s->unnamed->body), v);
		s->unnamed_effects = v->effects;
		s->unnamed_surely = v->surely;
		s->unnamed_generation = generation;
	}
	v->effects = s->unnamed_effects;
	v->surely = s->unnamed_surely;
}

/*
 * True when a Parse is sure to succeed that the server would do again.  In a
 * transaction that has failed it would not, and what was asked before may fail yet;
 * behind an error in this batch the answer goes with the rest of it.
 */
static bool
extended_may_answer(const struct session *s)
{
	const struct answers *a = &s->server->answers;

	if (s->server->status == 'E')
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (answers_at(a, i)->way == ANSWER_FORWARD && answer_is_end(answers_at(a, i)))
			return false;
	return true;
}

static void
extended_parse_on_server(struct session *s, struct statement *statement)
{
	struct answer *a;

	inject_make_room(s, statement);
	inject_send_parse(s, statement, false);
	a = forward_expect(s, ANSWER_PARSE, ANSWER_FORWARD);
	a->statement = statement_ref(statement);
	stat_add(session_stats(s)->server_parses, 1);
}

/* E: of a statement that was prepared by NAME; NULL: of something else. */
static void
extended_expect_description(struct answer *a, const struct name_entry *e, const char *name)
{
	if (e == NULL || e->described != 0)
		return;
	a->own_name = text_copy(name);
	a->statement = statement_ref(e->statement);
}

/* Once a temporary object is gone, a name that it hid shows, and the statement may be one of other rows, which is an error. */
static void
extended_ask_description(struct session *s, const struct name_entry *e, const char *name)
{
	struct answer *a;

	inject_describe(s, e->statement->name);
	a = forward_expect(s, ANSWER_DESCRIBE, ANSWER_SWALLOW);
	a->purpose = PURPOSE_REPREPARE;
	a->describes_statement = true;
	extended_expect_description(a, e, name);
}

/* What the server has under the name E, or anything: a Parse of it fails there in any case. */
static const char *
extended_taken_name(struct session *s, const char *name, const struct name_entry *e)
{
	const struct server_name *n = own_name_is_used(s, e) ? server_name_find(s->server, name) : NULL;

	if (n != NULL && n->statement == e->statement && !n->failed)
		return name;
	return server_find_prepared(s->server, e->statement) != NULL ? e->statement->name : stand_in_for_taken(s);
}

/* A Parse under a name that is taken: the server says so. */
static size_t
extended_parse_taken(struct session *s, struct frame *f, const char *name, const struct name_entry *e)
{
	size_t consumed = extended_parse_as(s, f, extended_taken_name(s, name, e));
	struct answer *a = answers_last(&s->server->answers);

	a->own_name = text_copy(name);
	a->tells_name = true;
	return consumed;
}

static size_t
extended_parse_named(struct session *s, struct frame *f, const char *name, const struct verdict *v)
{
	struct name_entry *e = names_find(s, name);
	struct statement *statement;
	struct answer *a;

	if (e != NULL)
		return extended_parse_taken(s, f, name, e);
	statement = extended_intern(s, f, v->effects);
	/* One more of the same, that this Parse alone decides on. */
	if (!s->looking && server_find_prepared(s->server, statement) != NULL && !extended_may_answer(s)) {
		statement_unref(statement);
		statement = extended_intern(s, f, v->effects | EFFECT_executes);
	}
	if (s->looking) {
		extended_parse_as(s, f, name);
		a = answers_last(&s->server->answers);
		a->own_name = text_copy(name);
		server_name_set(s->server, name, statement);
	} else if (server_find_prepared(s->server, statement) != NULL) {
		a = forward_expect(s, ANSWER_PARSE, ANSWER_MADE);
	} else {
		extended_parse_on_server(s, statement);
		a = answers_last(&s->server->answers);
	}
	a->change = names_change(s, name, statement);
	e = names_find(s, name);
	extended_note_effects(s, e, v);
	statement_unref(statement);
	if (unlikely((s->pins & EFFECT_temporary) != 0) && !s->looking)
		extended_ask_description(s, e, name);
	return f->size;
}

/*
 * What the name means is told by an earlier batch: there a message may be skipped that
 * has changed it, and what it meant before is not for others to fill in.
 */
static bool
extended_is_in_doubt(struct session *s, const char *name)
{
	if (name[0] == '\0')
		return unnamed_is_in_doubt(s);
	s->close_in_doubt &= s->server->answers.count > 0;
	return s->close_in_doubt && names_is_in_doubt(s, name);
}

/* *V becomes what is known of the text, *JUDGED whether it was read. */
static inline enum ahead
extended_ahead_of_parse(struct session *s, const char *text, struct verdict *v, bool *judged)
{
	*judged = forward_has_to_judge(s, text);
	if (!*judged) {
		v->does = forward_does_unjudged(s);
		return AHEAD_GO;
	}
	routing_judge(s, text, strlen(text), v);
	return feature_ahead(s, FRONTEND_PARSE, v, text, strlen(text));
}

size_t
extended_parse(struct session *s, struct frame *f)
{
	const char *name, *text;
	struct reader after;
	struct verdict v = {0};
	enum ahead ahead;
	bool judged;

	if (!frame_is_whole(f))
		return 0;
	name = reader_text(&f->body);
	after = f->body;
	text = reader_text(&after);
	reader_bytes(&after, (size_t)reader_u16(&after) * 4);
	if (!reader_at_end(&after))
		return forward_broken(s);
	if (name[0] != '\0' && (extended_is_in_doubt(s, name) || (names_find(s, name) != NULL && names_is_owed(s, name))))
		return forward_wait_for_answers(s);
	if (name[0] != '\0' && own_names_learn(s) == AHEAD_WAIT)
		return forward_wait(s);
	ahead = extended_ahead_of_parse(s, text, &v, &judged);
	if (ahead == AHEAD_WAIT)
		return forward_wait(s);
	if (ahead == AHEAD_REFUSE)
		return feature_send_refused(s, f->type, name, f->size);
	if (ahead == AHEAD_SENT)
		return f->size;
	stat_add(session_stats(s)->client_parses, 1);
	touch_text(s, judged ? &v : NULL, text, strlen(text));
	if (judged) {
		s->ddl |= v.makes_relation && !pin_is_private(s, v.effects, v.surely);
		lazy_note(s, &v);
	}
	if (name[0] == '\0') {
		s->unnamed_does = v.does;
		s->unnamed_effects = v.effects;
		s->unnamed_surely = v.surely;
		s->unnamed_generation = extended_generation(s);
		return extended_parse_unnamed(s, f);
	}
	if (inject_renames(s))
		return extended_parse_named(s, f, name, &v);
	forward_expect(s, ANSWER_PARSE, ANSWER_FORWARD);
	return forward_rest(s, f, 0);
}

/* The name's entry, where names are kept; NULL for the unnamed statement. */
static struct name_entry *
extended_entry(struct session *s, const char *name)
{
	return name[0] != '\0' && inject_renames(s) ? names_find(s, name) : NULL;
}

/* What runs now has its effects now.  *BOUND becomes the name's entry. */
static enum ahead
extended_ahead_of_bind(struct session *s, const char *name, uint32_t *effects, struct name_entry **bound)
{
	struct name_entry *e = extended_entry(s, name);
	struct verdict v = {.effects = name[0] != '\0' && inject_renames(s) ? 0 : EFFECTS_ALL};
	const struct statement *statement = e != NULL ? e->statement : name[0] == '\0' ? s->unnamed : NULL;
	enum ahead ahead = AHEAD_GO;

	if (name[0] == '\0')
		extended_effects_of_unnamed(s, &v);
	else if (e != NULL)
		extended_effects_of(s, e, &v);
	/* Who listens is brought to where a transaction begins. */
	if (unlikely(s->listening != NULL) && statement != NULL && feature_judges(s))
		routing_judge(s, statement->body, strlen(statement->body), &v);
	if (statement != NULL && (v.effects != 0 || s->listening != NULL)) {
		ahead = feature_ahead(s, FRONTEND_BIND, &v, statement->body, strlen(statement->body));
		e = extended_entry(s, name);
	}
	if (ahead == AHEAD_GO && e != NULL)
		ahead = inject_ahead_of_use(s, e, FRONTEND_BIND);
	*effects = v.effects;
	*bound = e;
	return ahead;
}

/* What the statement that is bound does to names, once it runs.  E: its entry; NULL: it has no name, or one that nobody keeps. */
static void
extended_note_bound(struct session *s, const struct name_entry *e, const char *name, struct answer *a)
{
	const struct statement *bound = name[0] == '\0' ? s->unnamed : e != NULL ? e->statement : NULL;
	struct verdict v = {.effects = e != NULL ? e->effects : s->unnamed_effects};

	if ((v.effects & EFFECTS_OF_OWN_NAMES) == 0)
		return;
	if (bound != NULL)
		own_names_note(s, &v, bound->body, strlen(bound->body), a);
	else
		s->asks_names = inject_renames(s) && s->features != FEATURES_IGNORE;
}

/* A Parse that was sent ahead may have failed by then, and the error must still say the client's name; as it was written, too. */
static void
extended_remember_name(struct session *s, const struct name_entry *e, const char *name, const char *server_name, struct answer *a)
{
	if (e != NULL && server_name != name)
		a->name_hint = (uint8_t)e->hh.hashv;
	if (server_name == name || a->own_name != NULL || (extended_may_answer(s) && strlen(name) <= NAME_MOST))
		return;
	a->own_name = text_copy(name);
	a->tells_name = true;
}

/* The settings that it may change, and the resets that have to be put right behind its Execute. */
static void
extended_touch(struct session *s, const struct name_entry *e, const char *name)
{
	const struct statement *statement = e != NULL ? e->statement : name[0] == '\0' ? s->unnamed : NULL;
	uint32_t effects = e != NULL ? e->effects : name[0] == '\0' ? s->unnamed_effects : 0;
	struct verdict v;

	mend_note_bind(s, NULL);
	if ((effects & (EFFECT_settings | EFFECT_defaults | EFFECT_resets | EFFECT_unknown)) == 0)
		return;
	if (statement == NULL) {
		s->probe |= s->features != FEATURES_IGNORE;
		s->names_unknown = s->hides = true;
		return;
	}
	routing_judge(s, statement->body, strlen(statement->body), &v);
	touch_text(s, &v, statement->body, strlen(statement->body));
	mend_note_bind(s, (effects & EFFECT_resets) != 0 ? statement->body : NULL);
}

static uint8_t
extended_does(const struct session *s, const struct name_entry *e, const char *name)
{
	if (name[0] == '\0')
		return s->unnamed_does;
	return e != NULL ? e->does : DOES_WRITE;
}

static bool
extended_binds_private(const struct session *s, const struct name_entry *e, const char *portal, const char *name, uint32_t effects)
{
	uint32_t surely = e != NULL ? e->surely : name[0] == '\0' ? s->unnamed_surely : 0;

	return portal[0] == '\0' && pin_is_private(s, effects, surely);
}

size_t
extended_bind(struct session *s, struct frame *f)
{
	const char *portal = reader_text(&f->body);
	const char *name = reader_text(&f->body);
	const char *server_name;
	struct name_entry *e;
	enum ahead ahead;
	struct answer *a;
	uint32_t effects;

	if (!reader_ok(&f->body))
		return frame_is_whole(f) || f->here > AHEAD_MOST ? forward_broken(s) : 0;
	if (!frame_is_whole(f) && f->size <= AHEAD_MOST)
		return 0;
	if (extended_is_in_doubt(s, name))
		return forward_wait_for_answers(s);
	ahead = extended_ahead_of_bind(s, name, &effects, &e);
	if (ahead == AHEAD_WAIT)
		return forward_wait(s);
	if (ahead == AHEAD_REFUSE)
		return feature_send_refused(s, f->type, "", f->size);
	extended_touch(s, e, name);
	if (unlikely(s->floor != NULL))
		floor_sends_bound(s, name, inject_renames(s));
	if (frame_is_whole(f))
		touch_parameters(s, f->body);
	else
		s->hides |= s->by_parameters;
	stat_add(session_stats(s)->binds, 1);
	server_name = inject_renames(s) || name[0] == '\0' ? inject_server_name(s, name, f->type) : name;
	s->effects |= effects;
	s->binds_private = extended_binds_private(s, e, portal, name, effects);
	s->does = does_then(s->does, extended_does(s, e, name));
	/* Its portal may be a cursor. */
	if (effects != 0 || portal[0] != '\0')
		lazy_stay(s);
	a = forward_expect(s, ANSWER_BIND, ANSWER_FORWARD);
	extended_note_bound(s, e, name, a);
	extended_remember_name(s, e, name, server_name, a);
	if (server_name == name)
		return forward_rest(s, f, 0);
	return extended_renamed(s, f, portal, server_name);
}

/* Describe and Close name a statement or a portal: 'S' or 'P', then the name. */
static bool
frame_read_what(struct frame *f, char *what, const char **name)
{
	*what = (char)reader_u8(&f->body);
	*name = reader_text(&f->body);
	return reader_at_end(&f->body) && (*what == 'S' || *what == 'P');
}

/*
 * What EXECUTE returns is known to PostgreSQL only while the name that it runs is there,
 * and the Describe may come in another transaction than the Parse.
 */
static enum ahead
extended_ahead_of_describe(struct session *s, const char *name)
{
	struct name_entry *e = name[0] != '\0' && inject_renames(s) ? names_find(s, name) : NULL;
	const struct statement *statement = e != NULL ? e->statement : name[0] == '\0' ? s->unnamed : NULL;
	struct verdict v = {.effects = s->unnamed_effects, .surely = s->unnamed_surely};

	if (statement == NULL || s->features != FEATURES_KEEP)
		return AHEAD_GO;
	if (e != NULL)
		extended_effects_of(s, e, &v);
	if ((v.effects & EFFECT_executes) == 0)
		return AHEAD_GO;
	return own_names_ahead(s, FRONTEND_DESCRIBE, &v, statement->body, strlen(statement->body));
}

size_t
extended_describe(struct session *s, struct frame *f)
{
	const char *name, *server_name;
	enum ahead ahead = AHEAD_GO;
	struct name_entry *e;
	struct answer *a;
	char what;

	if (!frame_is_whole(f))
		return 0;
	if (!frame_read_what(f, &what, &name))
		return forward_broken(s);
	if (what == 'S' && extended_is_in_doubt(s, name))
		return forward_wait_for_answers(s);
	if (what == 'S')
		ahead = extended_ahead_of_describe(s, name);
	e = what == 'S' ? extended_entry(s, name) : NULL;
	if (e != NULL && ahead == AHEAD_GO)
		ahead = inject_ahead_of_use(s, e, FRONTEND_DESCRIBE);
	if (ahead == AHEAD_WAIT)
		return forward_wait(s);
	if (ahead == AHEAD_REFUSE)
		return feature_send_refused(s, f->type, "", f->size);
	server_name = what == 'S' && (inject_renames(s) || name[0] == '\0') ? inject_server_name(s, name, f->type) : name;
	a = forward_expect(s, ANSWER_DESCRIBE, ANSWER_FORWARD);
	a->describes_statement = what == 'S';
	extended_expect_description(a, e, name);
	if (server_name == name)
		return forward_rest(s, f, 0);
	inject_describe(s, server_name);
	return f->size;
}

/* Whoever looks sees at once that it is gone. */
static size_t
extended_close_looked_at(struct session *s, const struct frame *f, const char *name)
{
	struct answer *a = forward_expect(s, ANSWER_CLOSE, ANSWER_FORWARD);

	a->change = names_change(s, name, NULL);
	a->own_name = text_copy(name);
	s->close_in_doubt |= answers_may_skip(&s->server->answers, s->server->answers.count - 1);
	server_name_remove(s->server, server_name_find(s->server, name));
	return forward_rest(s, f, 0);
}

size_t
extended_close(struct session *s, struct frame *f)
{
	const char *name;
	struct answer *a;
	char what;

	if (!frame_is_whole(f))
		return 0;
	if (!frame_read_what(f, &what, &name))
		return forward_broken(s);
	if (what == 'S' && name[0] != '\0' && (extended_is_in_doubt(s, name) || names_is_owed(s, name)))
		return forward_wait_for_answers(s);
	/* The statement stays on the server for others; only the name goes. */
	if (what == 'S' && name[0] != '\0' && inject_renames(s)) {
		if (s->looking && server_name_find(s->server, name) != NULL)
			return extended_close_looked_at(s, f, name);
		forward_expect(s, ANSWER_CLOSE, ANSWER_MADE)->change = names_change(s, name, NULL);
		s->close_in_doubt |= answers_may_skip(&s->server->answers, s->server->answers.count - 1);
		return f->size;
	}
	a = forward_expect(s, ANSWER_CLOSE, ANSWER_FORWARD);
	if (what == 'S' && name[0] == '\0')
		unnamed_change(s, a, NULL);
	return forward_rest(s, f, 0);
}

size_t
extended_execute(struct session *s, struct frame *f)
{
	const char *portal;

	if (!frame_is_whole(f))
		return 0;
	portal = reader_text(&f->body);
	reader_u32(&f->body);
	if (!reader_at_end(&f->body))
		return forward_broken(s);
	forward_expect(s, ANSWER_EXECUTE, ANSWER_FORWARD)->is_private = s->binds_private && portal[0] == '\0';
	s->executed = true;
	forward_rest(s, f, 0);
	mend_execute(s);
	return f->size;
}

size_t
extended_sync(struct session *s, const struct frame *f)
{
	s->in_batch = s->executed = false;
	s->batch_failed = false;
	s->requests++;
	forward_expect_end(s, ANSWER_SYNC);
	return forward_rest(s, f, 0);
}

size_t
extended_flush(struct session *s, const struct frame *f)
{
	size_t consumed = forward_rest(s, f, 0);

	if (s->heal != NULL)
		heal_flushed(s);
	forward_made(s);
	return consumed;
}
