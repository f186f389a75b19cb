/*
 * pool/clean.c - what a session has left on its server (server.left) is undone before
 * anybody else gets it, by the smallest means.
 *
 *     pool_return ─▶ left? ─ no ──▶ given on
 *                       ├─ locks, cursors, channels ─▶ one Query that undoes just these ─▶ pool_return
 *                       ├─ other things ─▶ DISCARD ALL, alone, which leaves the seed ─▶ pool_return
 *                       ├─ nobody knows what ─▶ has it a temporary schema? ─▶ DISCARD ALL
 *                       └─ what nothing undoes ─▶ closed
 *
 * Settings are no part of this: whoever gets the server brings its own (session/restore.c).
 * server_reset_query, of session pools, is run behind it.
 */
#include "pool/clean.h"

#include <stdio.h>

#include "auth/crypto.h"
#include "pool/pool_private.h"
#include "route/verdict.h"

/*
 * No command takes these back.  A server that has had a temporary schema keeps it, and a transaction
 * that looks into it cannot be prepared; LOAD outlives DISCARD ALL.
 */
#define NEVER_UNDONE (EFFECT_temporary | EFFECT_loads)

/* Of these nothing stays, or another feature has cared for it. */
#define NOTHING_LEFT \
	(EFFECT_defaults | EFFECT_resets | EFFECT_executes | EFFECT_notifies | EFFECT_fills | EFFECT_asks_sequence | \
	    EFFECT_looks_prepared | EFFECT_looks_channels | EFFECT_looks_cursors | EFFECT_databases | EFFECT_hides)

struct clean_row {
	uint32_t effect;
	const char *sql;
};

static const struct clean_row clean_rows[] = {
	{EFFECT_advisory, "select pg_catalog.pg_advisory_unlock_all()"},
	{EFFECT_holds, "close all"},
	{EFFECT_listens, "unlisten *"},
	{EFFECT_draws, "discard sequences"},
};

const char *
server_random_seed(char out[SEED_SIZE])
{
	uint64_t bits;

	must(crypto_random(&bits, sizeof(bits)));
	/* As many as a double has: from -1 to 1. */
	snprintf(out, SEED_SIZE, "%.17g", (double)(bits >> 11) / (double)((uint64_t)1 << 52) - 1);
	return out;
}

/* What random() gave is not what it will give. */
static void
clean_write_seed(struct bytes *sql)
{
	char seed[SEED_SIZE];

	bytes_format(sql, "%sselect pg_catalog.setseed(%s)", sql->length > 0 ? "; " : "", server_random_seed(seed));
}

/* Appends the commands for what they undo; answers what is still to be done. */
static uint32_t
clean_write(uint32_t left, struct bytes *sql)
{
	for (size_t i = 0; i < array_length(clean_rows); i++) {
		if ((left & clean_rows[i].effect) == 0)
			continue;
		if (sql->length > 0)
			bytes_chars(sql, "; ");
		bytes_chars(sql, clean_rows[i].sql);
		left &= ~clean_rows[i].effect;
	}
	return left;
}

enum clean
clean_plan(uint32_t left, struct bytes *sql)
{
	if ((left & NEVER_UNDONE) != 0)
		return CLEAN_NEVER;
	if ((left & EFFECT_unknown) != 0)
		return CLEAN_LOOK_FIRST;
	left &= ~(uint32_t)NOTHING_LEFT;
	if (left == 0)
		return CLEAN_ALREADY;
	if (clean_write(left & ~(uint32_t)EFFECT_seeds, sql) == 0) {
		if ((left & EFFECT_seeds) != 0)
			clean_write_seed(sql);
		return CLEAN_BY_PARTS;
	}
	/* In a Query of its own: beside anything else it is an error. */
	sql->length = 0;
	bytes_chars(sql, "discard all");
	return CLEAN_BY_ALL;
}

/* ----------------------------------------------------------- on a server */

void
clean_begin(struct server *s, const char *query, enum answer_purpose purpose)
{
	struct bytes b = {0};

	s->use = USE_TEST;
	server_set_unnamed(s, NULL);
	answers_push(&s->answers, ANSWER_QUERY, ANSWER_SWALLOW)->purpose = (uint8_t)purpose;
	message_query(&b, text_equal(query, "<empty>") ? "" : query);
	timer_arm(loop_timers(s->pool->loop), &s->timer, s->pool->snapshot->global.server_connect_timeout_ms * 1000);
	stream_send_bytes(&s->stream, b.data, b.length);
	bytes_free(&b);
}

bool
clean_row_is_zero(const char *body, size_t length)
{
	struct reader r = reader_over(body, length);

	return reader_u16(&r) == 1 && reader_u32(&r) == 1 && reader_u8(&r) == '0';
}

static void
clean_run(struct server *s, const char *query, enum answer_purpose purpose)
{
	server_enter(s, SERVER_TESTING);
	clean_begin(s, query, purpose);
}

/* As clean_server, of what is known to be left. */
static bool
clean_left(struct server *s)
{
	struct bytes sql = {0};
	uint32_t left = s->left;
	enum clean plan = clean_plan(left, &sql);
	bool forgets_sequences = plan == CLEAN_BY_ALL || (left & EFFECT_draws) != 0;

	s->left = plan == CLEAN_BY_ALL ? left & EFFECT_seeds : 0;
	if (plan == CLEAN_ALREADY)
		return true;
	if (plan == CLEAN_LOOK_FIRST) {
		s->left = EFFECT_settings | EFFECT_seeds;
		clean_run(s, "select pg_catalog.pg_my_temp_schema()", PURPOSE_LOOK);
		return false;
	}
	if (plan == CLEAN_NEVER) {
		pool_close_server(&s, "session state that cannot be undone");
		return false;
	}
	bytes_u8(&sql, 0);
	if (forgets_sequences)
		s->sequences_of = SEQUENCES_OF_NOBODY;
	clean_run(s, sql.data, plan == CLEAN_BY_ALL ? PURPOSE_RESET : PURPOSE_CLEAN);
	bytes_free(&sql);
	return false;
}

bool
clean_server(struct server *s)
{
	const struct settings *set = &s->pool->snapshot->global;
	bool reset = s->dirty && set->server_reset_query[0] != '\0';

	if (s->left != 0 && !clean_left(s))
		return false;
	s->dirty = false;
	if (reset)
		clean_run(s, set->server_reset_query, PURPOSE_RESET);
	return !reset;
}
