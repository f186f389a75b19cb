/*
 * session/restore.c - settings that follow the client: which do, and what of them
 * pgweir reads itself.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "observe/log.h"
#include "session/feature.h"
#include "session/floor.h"
#include "session/ignore.h"
#include "session/restore_private.h"

/* A client may not set these, or they describe the node, or are of one transaction. */
static const char *const unfollowed[] = {
	"in_hot_standby", "integer_datetimes", "is_superuser", "seed", "server_encoding", "server_version", "transaction_deferrable",
	"transaction_isolation", "transaction_read_only",
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
restore_is_own(const struct session *s, const char *name, const char *value)
{
	const char *usual;

	if (value == NULL)
		return false;
	if (profile_find(s->startup, name) != NULL)
		return true;
	if (strcasecmp(name, "role") == 0)
		return strcmp(value, "none") != 0;
	usual = server_default(s->server, name);
	return usual == NULL || strcmp(usual, value) != 0;
}

void
restore_set_profile(struct session *s, const struct profile *p)
{
	profile_unref(s->profile);
	s->profile = p;
}

char *
row_text(struct reader *r)
{
	uint32_t length = reader_u32(r);
	const char *bytes;

	if (length == UINT32_MAX)
		return NULL;
	bytes = reader_bytes(r, length);
	return bytes != NULL ? text_copy_n(bytes, length) : NULL;
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

void
restore_take_reported(struct session *s)
{
	const struct profile *p = profile_ref(s->profile);

	for (unsigned i = 0; i < s->server->value_count; i++) {
		const struct server_value *row = &s->server->values[i];
		const char *value = restore_is_own(s, row->name, row->value) ? row->value : NULL;

		if (restore_name_is_followed(s, row->name) && !text_equal(profile_find(p, row->name), value))
			p = profile_with(p, row->name, value);
	}
	server_set_profile(s->server, p);
	restore_set_profile(s, p);
	s->reported = false;
}

/* ------------------------------------------- settings that we act upon */

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

/* What the client's transactions begin with, by its own word. */
static void
restore_apply_isolation(struct session *s)
{
	const char *level = profile_find(s->profile, "default_transaction_isolation");

	if (level == NULL)
		s->own_isolation = 0;
	else if (text_equal_nocase(level, "serializable"))
		s->own_isolation = MODE_SERIALIZABLE;
	else
		s->own_isolation = text_equal_nocase(level, "repeatable read") ? MODE_REPEATABLE_READ : MODE_READ_COMMITTED;
}

int64_t
restore_idle_timeout_ms(const struct session *s)
{
	static const struct { const char *unit; int64_t ms; } units[] = {
	    {"", 1}, {"ms", 1}, {"s", 1000}, {"min", 60 * 1000}, {"h", 3600 * 1000}, {"d", 24 * 3600 * 1000},
	};
	const char *value = s->times_out ? profile_find(s->profile, "idle_session_timeout") : NULL;
	char *unit;
	int64_t count;

	if (value == NULL)
		return 0;
	/* As PostgreSQL shows it: within 32 bits, in the largest unit that fits. */
	count = strtoll(value, &unit, 10);
	for (size_t i = 0; i < array_length(units) && count > 0 && count <= INT32_MAX; i++)
		if (strcmp(unit, units[i].unit) == 0)
			return count * units[i].ms;
	return 0;
}

void
restore_apply_pgweir(struct session *s)
{
	enum route_mode own = route_mode_of(profile_find(s->profile, "pgweir.route"));
	const char *notice = profile_find(s->profile, "pgweir.route_notice");
	bool monitored;

	restore_apply_lexing(s);
	restore_apply_isolation(s);
	s->times_out = profile_find(s->profile, "idle_session_timeout") != NULL;
	s->notice = text_equal_nocase(notice, "on") || text_equal_nocase(notice, "true") || text_equal_nocase(notice, "1") ||
	    text_equal_nocase(notice, "yes");
	if (s->ledger == NULL || s->database == NULL)
		return;
	s->route = (uint8_t)snapshot_route(s->snapshot, s->database, s->user);
	monitored = cluster_is_monitored(s->ledger->cluster);
	if (!monitored)
		s->route = ROUTE_ANY;
	s->dry_run = s->route == ROUTE_SPLIT && snapshot_route_dry_run(s->snapshot, s->database);
	if (monitored && own != ROUTE_MODE_UNSET && own != ROUTE_ANY)
		s->route = (uint8_t)own;
	floor_configure(s);
}
