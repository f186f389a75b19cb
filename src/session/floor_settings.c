/*
 * session/floor_settings.c - the settings by which clients see and move floors:
 *
 *    SHOW pgweir.last_lsn ── written ahead of it, on the server that will answer
 *    SET pgweir.min_lsn, SET pgweir.consistency ── kept by PostgreSQL like any setting
 *        of the client's own making, and read by floor_configure; what is no value for
 *        them is an error here, as PostgreSQL would make one
 */
#include <stdlib.h>
#include <string.h>

#include "base/lsn.h"
#include "session/floor.h"
#include "session/forward_private.h"
#include "session/own.h"

#define TELLER STATEMENT_PREFIX "tell_lsn"

/* For this transaction only, which is the one that asks. */
static const char tell[] =
	"select pg_catalog.set_config('pgweir.last_lsn', coalesce($1, case when pg_catalog.pg_is_in_recovery()"
	" then pg_catalog.pg_last_wal_replay_lsn() else pg_catalog.pg_current_wal_insert_lsn() end::pg_catalog.text), true)";

/* Inside a transaction of its own the session may be further already. */
static bool
floor_is_known(const struct session *s)
{
	const struct floor *f = s->floor;

	/* What it has read on a replica since then was later. */
	return f != NULL && f->mode == CONSISTENCY_SESSION && !f->unknown && f->cluster == NULL && s->server->status == 'I';
}

void
floor_tell(struct session *s, const char *text)
{
	struct gather *g = &s->worker->to_server;
	char value[LSN_TEXT_SIZE];
	struct bytes *out;
	size_t before, begun;

	/* A Parse of SHOW needs it to be there. */
	if (s->server->status == 'E' || strcasestr(text, "pgweir") == NULL)
		return;
	out = gather_make(g);
	before = out->length;
	begun = own_once_begin(out, TELLER, tell, 1);
	own_bind_value(out, floor_is_known(s) ? lsn_write(s->floor->lsn, value) : NULL);
	own_once_end(out, begun, TELLER);
	gather_made(g, before);
	own_once_expect(s->server, PURPOSE_REPREPARE);
}

/* ---------------------------------------------------------------- values */

static bool
value_is_lsn(const char *value)
{
	uint64_t lsn;

	return value[0] == '\0' || lsn_read(value, &lsn);
}

static bool
value_is_consistency(const char *value)
{
	return text_equal_nocase(value, "eventual") || text_equal_nocase(value, "session") || text_equal_nocase(value, "table");
}

static const struct {
	const char *name;
	bool (*is_valid)(const char *value);
	const char *hint;
} settings[] = {
	{"pgweir.min_lsn", value_is_lsn, "A position in the write-ahead log looks like 0/3000148."},
	{"pgweir.consistency", value_is_consistency, "Available values: eventual, session, table."},
};

static bool
detail_is_valid(struct session *s, const struct verdict_detail *detail)
{
	for (size_t i = 0; i < array_length(settings); i++) {
		struct error e = {.severity = "ERROR", .sqlstate = "22023", .hint = settings[i].hint};
		char *message;

		if (!text_equal_nocase(detail->name, settings[i].name) || detail->is_default)
			continue;
		if (detail->value != NULL && settings[i].is_valid(detail->value))
			return true;
		message = text_format("invalid value for parameter \"%s\": \"%s\"", settings[i].name, detail->value != NULL ? detail->value : "");
		e.message = message;
		feature_refuse(s, &e);
		free(message);
		return false;
	}
	return true;
}

enum ahead
floor_ahead_of_set(struct session *s, const struct verdict *v, const char *text, size_t length)
{
	struct verdict_detail detail;
	enum ahead ahead = AHEAD_GO;

	if ((v->kind != KIND_SET && v->kind != KIND_SET_LOCAL) || strcasestr(text, "pgweir.") == NULL)
		return AHEAD_GO;
	if (route_detail(text, length, &detail) && !detail_is_valid(s, &detail))
		ahead = AHEAD_REFUSE;
	verdict_detail_free(&detail);
	return ahead;
}
