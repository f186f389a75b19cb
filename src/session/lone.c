/*
 * session/lone.c - finds requests of one statement that returns no rows:
 *
 *     Query
 *     [Parse ""] [Describe S] Bind [Describe P] Execute Sync
 *
 * A Parse that names its statement is among them only while no server is to have it:
 * else such names are made where they can be told from those that exist.
 */
#include "session/lone.h"

#include <string.h>

/* How far the messages of a batch have come. */
enum lone_part { PART_BEGIN, PART_PARSED, PART_DESCRIBED, PART_BOUND, PART_PORTAL_DESCRIBED, PART_EXECUTED };

static bool
lone_may_name(struct session *s, const struct lone *l, const char *name)
{
	if (name[0] == '\0')
		return true;
	return l->names && s->snapshot->global.max_prepared_statements > 0 && names_find(s, name) == NULL;
}

static bool
lone_parse(struct session *s, struct lone *l, struct reader r, enum lone_part *part)
{
	const char *name = reader_text(&r);

	if (*part != PART_BEGIN || !reader_ok(&r) || !lone_may_name(s, l, name))
		return false;
	l->name = name;
	l->parse = r.at;
	l->parse_length = reader_left(&r);
	l->text = reader_text(&r);
	*part = PART_PARSED;
	return reader_u16(&r) == 0 && reader_at_end(&r);
}

/* What the statement of that name says, before or behind a Parse of this batch; NULL when there is none. */
static const char *
lone_text_of(struct session *s, const struct lone *l, const char *name)
{
	struct name_entry *e;

	if (l->parse != NULL)
		return strcmp(name, l->name) == 0 ? l->text : NULL;
	if (name[0] == '\0')
		return s->unnamed != NULL ? s->unnamed->body : NULL;
	e = names_find(s, name);
	return e != NULL ? e->statement->body : NULL;
}

static bool
lone_bind(struct session *s, struct lone *l, struct reader r, enum lone_part *part)
{
	const char *portal = reader_text(&r), *name = reader_text(&r);

	if (*part > PART_DESCRIBED || !reader_ok(&r) || portal[0] != '\0')
		return false;
	reader_bytes(&r, (size_t)reader_u16(&r) * 2);
	if (reader_u16(&r) != 0)
		return false;
	reader_bytes(&r, (size_t)reader_u16(&r) * 2);
	l->text = lone_text_of(s, l, name);
	l->binds = true;
	*part = PART_BOUND;
	return reader_at_end(&r) && l->text != NULL;
}

static bool
lone_describe(struct lone *l, struct reader r, enum lone_part *part)
{
	char what = (char)reader_u8(&r);
	const char *name = reader_text(&r);

	if (!reader_at_end(&r))
		return false;
	if (what == 'S' && *part == PART_PARSED && strcmp(name, l->name) == 0) {
		l->describes_statement = true;
		*part = PART_DESCRIBED;
		return true;
	}
	if (what != 'P' || *part != PART_BOUND || name[0] != '\0')
		return false;
	l->describes_portal = true;
	*part = PART_PORTAL_DESCRIBED;
	return true;
}

static bool
lone_execute(struct reader r, enum lone_part *part)
{
	const char *portal = reader_text(&r);

	reader_u32(&r);
	if ((*part != PART_BOUND && *part != PART_PORTAL_DESCRIBED) || !reader_at_end(&r) || portal[0] != '\0')
		return false;
	*part = PART_EXECUTED;
	return true;
}

static bool
lone_message(struct session *s, struct lone *l, const struct whole_frame *f, enum lone_part *part)
{
	struct reader r = reader_over(f->body, f->length);

	switch (f->type) {
	case FRONTEND_PARSE:
		return lone_parse(s, l, r, part);
	case FRONTEND_DESCRIBE:
		return lone_describe(l, r, part);
	case FRONTEND_BIND:
		return lone_bind(s, l, r, part);
	case FRONTEND_EXECUTE:
		return lone_execute(r, part);
	default:
		return false;
	}
}

static enum lone_state
lone_query(struct lone *l, const struct whole_frame *f)
{
	struct reader r = reader_over(f->body, f->length);

	l->text = reader_text(&r);
	l->is_query = true;
	return reader_at_end(&r) ? LONE_YES : LONE_NO;
}

static enum lone_state
lone_walk(struct session *s, const char *bytes, size_t length, struct lone *out)
{
	struct frames frames = frames_over(FROM_CLIENT, bytes, length, (uint32_t)s->snapshot->global.max_packet_size);
	enum lone_part part = PART_BEGIN;
	struct whole_frame f;
	enum frame_state state;

	while ((state = frames_next(&frames, &f)) == FRAME_OK) {
		out->length = frames.at;
		if (f.type == FRONTEND_QUERY && part == PART_BEGIN)
			return lone_query(out, &f);
		if (f.type == FRONTEND_SYNC)
			return part == PART_EXECUTED ? LONE_YES : LONE_NO;
		if (!lone_message(s, out, &f, &part))
			return LONE_NO;
	}
	return state == FRAME_WAIT && length < AHEAD_MOST ? LONE_WAIT : LONE_NO;
}

enum lone_state
lone_read(struct session *s, const char *bytes, size_t length, struct lone *out)
{
	*out = (struct lone){0};
	return lone_walk(s, bytes, length, out);
}

enum lone_state
lone_read_named(struct session *s, const char *bytes, size_t length, struct lone *out)
{
	*out = (struct lone){.names = true};
	return lone_walk(s, bytes, length, out);
}

/* ---------------------------------------------------------------- answer */

static void
lone_append(struct bytes *out, char type)
{
	message_end(out, message_begin(out, type));
}

/* The statement of its Parse; the caller owns the reference. */
static struct statement *
lone_intern(struct session *s, const struct lone *lone)
{
	struct statement_about about = {.profile = names_profile(s)};
	struct statement *statement;

	about.era = atomic_load_explicit(&s->ledger->era, memory_order_relaxed);
	statement = statement_intern(lone->parse, lone->parse_length, &about);
	profile_unref(about.profile);
	return statement;
}

static void
lone_keep_unnamed(struct session *s, const struct lone *lone)
{
	statement_unref(s->unnamed);
	s->unnamed = lone->parse != NULL ? lone_intern(s, lone) : NULL;
	s->unnamed_does = 0;
	s->unnamed_effects = s->unnamed_surely = 0;
	unnamed_judge(s);
}

static void
lone_keep_name(struct session *s, const struct lone *lone)
{
	struct statement *statement = lone_intern(s, lone);
	struct name_change *change = names_change(s, lone->name, statement);
	struct verdict v;

	routing_judge(s, statement->body, strlen(statement->body), &v);
	names_find(s, lone->name)->does = v.does;
	names_keep(&change);
	statement_unref(statement);
}

void
lone_answer(struct session *s, const struct lone *lone, const char *tag, struct bytes *out)
{
	size_t begun;

	stat_add(session_stats(s)->queries, 1);
	if (lone->is_query || (lone->parse != NULL && lone->name[0] == '\0'))
		lone_keep_unnamed(s, lone);
	else if (lone->parse != NULL)
		lone_keep_name(s, lone);
	if (lone->parse != NULL) {
		stat_add(session_stats(s)->client_parses, 1);
		lone_append(out, BACKEND_PARSE_COMPLETE);
	}
	if (lone->describes_statement) {
		begun = message_begin(out, BACKEND_PARAMETER_DESCRIPTION);
		bytes_u16(out, 0);
		message_end(out, begun);
		lone_append(out, BACKEND_NO_DATA);
	}
	if (lone->binds) {
		stat_add(session_stats(s)->binds, 1);
		lone_append(out, BACKEND_BIND_COMPLETE);
	}
	if (lone->describes_portal)
		lone_append(out, BACKEND_NO_DATA);
	message_command(out, tag);
}
