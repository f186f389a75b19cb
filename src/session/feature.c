/*
 * session/feature.c - session features on borrowed servers: which feature is asked
 * when.  What each of them does is in a file of its own.
 */
#include "session/feature.h"

#include <stdlib.h>
#include <string.h>

#include "session/floor.h"
#include "session/forward_private.h"
#include "session/listening.h"
#include "session/own_names.h"
#include "session/pin.h"
#include "session/reject.h"
#include "session/sequence.h"
#include "session/vacate.h"

bool
feature_judges(const struct session *s)
{
	return routing_judges(s) || (s->features != FEATURES_IGNORE && s->pool_mode != POOL_SESSION);
}

/* ----------------------------------------------------------------- ahead */

static enum ahead
feature_resets(struct session *s, char type, const struct verdict *v, const char *text, size_t length)
{
	(void)v;
	if (type != FRONTEND_QUERY)
		return AHEAD_GO;
	return mend_query(s, text, length) ? AHEAD_SENT : AHEAD_GO;
}

struct feature_row {
	uint32_t effects; /* asked for texts that may have one of these; or when it is needed whatever the text */
	enum ahead (*ahead)(struct session *s, char type, const struct verdict *v, const char *text, size_t length);
};

/* In this order: the first that does not answer AHEAD_GO decides. */
static const struct feature_row feature_rows[] = {
	{EFFECT_databases, vacate_ahead},
	{PIN_EFFECTS | EFFECT_unknown, pin_ahead},
	{SEQUENCE_EFFECTS, sequence_ahead},
	{EFFECTS_OF_OWN_NAMES | EFFECT_temporary, own_names_ahead},
	{EFFECT_resets, feature_resets},
};

static enum ahead
feature_ahead_each(struct session *s, char type, const struct verdict *v, const char *text, size_t length)
{
	/* What the protocol has prepared can be deallocated in any case. */
	if (s->features == FEATURES_IGNORE)
		return v->effects == EFFECT_deallocates && s->pool_mode != POOL_SESSION ? own_names_ahead(s, type, v, text, length) : AHEAD_GO;
	/* A session that listens is asked whatever the text: a BEGIN has no effects yet. */
	if (s->listening != NULL || ((v->effects & EFFECT_listens) != 0 && s->features != FEATURES_REJECT)) {
		enum ahead ahead = listening_ahead(s, type, v, text);

		if (ahead != AHEAD_GO)
			return ahead;
	}
	sequence_lent(s);
	if (v->effects == 0)
		return AHEAD_GO;
	/* Whatever the client's own servers are: those of others may be in the way. */
	if (s->pool_mode == POOL_SESSION && (v->effects & EFFECT_resets) != 0)
		return feature_resets(s, type, v, text, length);
	if (s->pool_mode == POOL_SESSION)
		return (v->effects & EFFECT_databases) != 0 ? vacate_ahead(s, type, v, text, length) : AHEAD_GO;
	if (s->features == FEATURES_REJECT && reject_ahead(s, v, text, length) == AHEAD_REFUSE)
		return AHEAD_REFUSE;
	for (size_t i = 0; i < array_length(feature_rows); i++) {
		enum ahead ahead = AHEAD_GO;

		if ((v->effects & feature_rows[i].effects) != 0)
			ahead = feature_rows[i].ahead(s, type, v, text, length);
		if (ahead != AHEAD_GO)
			return ahead;
	}
	return AHEAD_GO;
}

enum ahead
feature_ahead(struct session *s, char type, const struct verdict *v, const char *text, size_t length)
{
	enum ahead ahead = floor_ahead_of_set(s, v, text, length);

	if (ahead == AHEAD_GO)
		ahead = feature_ahead_each(s, type, v, text, length);
	if (ahead == AHEAD_GO && (v->effects & EFFECT_looks_lsn) != 0)
		floor_tell(s, text);
	return ahead;
}

/* --------------------------------------------------------------- refusal */

void
feature_refuse(struct session *s, const struct error *e)
{
	struct bytes b = {0};

	message_error(&b, e);
	free(s->refusal);
	s->refusal = b.data;
}

/* Fails in the parser, in whatever state the transaction is. */
#define REFUSED_TEXT "pgweir refuses this"

size_t
feature_send_refused(struct session *s, char type, const char *name, size_t consumed)
{
	struct bytes *out = gather_make(&s->worker->to_server);
	size_t before = out->length, begun;
	struct answer *a;

	switch (type) {
	case FRONTEND_QUERY:
		message_query(out, REFUSED_TEXT);
		a = forward_expect_end(s, ANSWER_QUERY);
		unnamed_change(s, a, NULL);
		break;
	case FRONTEND_PARSE:
		message_parse(out, name, REFUSED_TEXT);
		a = forward_expect(s, ANSWER_PARSE, ANSWER_FORWARD);
		if (name[0] == '\0')
			unnamed_change(s, a, NULL);
		break;
	default:
		begun = message_begin(out, FRONTEND_BIND);
		bytes_text(out, "");
		bytes_text(out, STATEMENT_PREFIX "refused");
		bytes_u16(out, 0);
		bytes_u16(out, 0);
		bytes_u16(out, 0);
		message_end(out, begun);
		a = forward_expect(s, ANSWER_BIND, ANSWER_FORWARD);
	}
	gather_made(&s->worker->to_server, before);
	a->refusal = s->refusal;
	s->refusal = NULL;
	return consumed;
}

/* ------------------------------------------------------------ afterwards */

/* What else has results of another type now is found out by PostgreSQL: relay_error.c. */
static bool
tag_alters(const char *tag)
{
	switch (tag[0]) {
	case 'A':
		return strncmp(tag, "ALTER ", 6) == 0;
	case 'D':
		return strncmp(tag, "DROP ", 5) == 0;
	default:
		return tag[0] == 'C' && strcmp(tag, "CREATE VIEW") == 0;
	}
}

void
feature_tag(struct session *s, const char *tag)
{
	pin_tag(s, tag);
	sequence_tag(s, tag);
	if ((s->effects & EFFECT_defaults) != 0)
		s->redefaulted |= strcmp(tag, "ALTER ROLE") == 0 || strcmp(tag, "ALTER DATABASE") == 0 ||
		    (s->effects != EFFECTS_ALL && (strcmp(tag, "DO") == 0 || strcmp(tag, "CALL") == 0));
	if (tag_alters(tag)) {
		s->altered = true;
		atomic_fetch_add_explicit(&s->ledger->era, 1, memory_order_relaxed);
	}
}

void
feature_error(struct session *s, const char *sqlstate)
{
	pin_error(s, sqlstate);
}

void
feature_settle(struct session *s, struct bytes *out)
{
	/* First: what the others ask with may be gone. */
	if (s->asks_names)
		asked_names_write(s, out);
	if (s->probe)
		restore_probe(s, out);
	pin_ask(s, out);
	listening_settle(s, out);
	/* Last: what the others do there is behind it then, and moves nothing that a replica shows. */
	floor_settle(s, out);
}

void
feature_row(struct session *s, const struct answer *answer, const char *body, size_t length)
{
	switch (answer->purpose) {
	case PURPOSE_NAMES_ASKED:
		asked_names_row(s, body, length);
		break;
	case PURPOSE_LEARN:
	case PURPOSE_PROBE:
		restore_row(s, answer, body, length);
		break;
	case PURPOSE_PINS:
		pin_row(s, body, length);
		break;
	case PURPOSE_CHANNELS:
		listening_row(s, body, length);
		break;
	case PURPOSE_LSN:
		floor_row(s, body, length);
		break;
	default:
		break;
	}
}

void
feature_failed(struct session *s, const struct answer *answer)
{
	if (answer->purpose == PURPOSE_PINS) {
		pin_failed(s);
		return;
	}
	if (answer->purpose == PURPOSE_LSN) {
		floor_failed(s);
		return;
	}
	if (answer->purpose == PURPOSE_CHANNELS)
		listening_failed(s);
	if (!s->server->fatal_seen)
		restore_forget_probe(s);
	/* Nobody knows what the server has now: the session goes on with its old settings, on another one. */
	s->server->close_needed = true;
}

void
feature_settled(struct session *s)
{
	floor_settled(s);
	if (s->asks_names && !s->server->close_needed)
		asked_names_done(s);
	s->asks_names = s->names_asked = false;
	s->looking = false;
	restore_take_probe(s);
	if (restore_is_explained(s))
		pin_explained(s);
	if (s->hides && s->features != FEATURES_IGNORE)
		s->server->veiled_by = s->id;
	sequence_settled(s);
	pin_settled(s);
	/* What was called may have deallocated anything. */
	if ((s->effects & EFFECT_unknown) != 0 && s->server != NULL)
		s->server->fences = 0;
	s->effects = 0;
}
