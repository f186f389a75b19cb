/*
 * session/pin.c - why a session keeps its server from one transaction to the next.
 *
 * Nothing is modelled: after a transaction that may have left something PostgreSQL is
 * asked whether it has, and it is asked again until it says no.  What it cannot be asked
 * (LOAD, setseed, settings without a known name) stays until DISCARD ALL.  After what nobody
 * could look into random() is seeded anew along with the question: no seed stays unseen.
 */
#include "session/pin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "observe/log.h"
#include "route/shape.h"
#include "session/own.h"
#include "session/pins.h"

/*
 * Everything in a schema depends on it, so one look at an index finds objects of all kinds.  It costs 4 us,
 * and 2 us while there is no temporary schema; cursors 6 us, locks 90 us (all of the cluster's are listed).
 */
#define HAS_SCHEMA "pg_catalog.pg_my_temp_schema() operator(pg_catalog.<>) 0::pg_catalog.oid"
#define HAS_OBJECTS \
	"(" HAS_SCHEMA " and exists(select from pg_catalog.pg_depend" \
	" where refclassid operator(pg_catalog.=) 2615::pg_catalog.oid" \
	" and refobjid operator(pg_catalog.=) pg_catalog.pg_my_temp_schema()))"
#define HAS_HELD "exists(select from pg_catalog.pg_cursor() where is_holdable)"
/* That is never so, and it has a new seed then. */
#define HAS_SEED "pg_catalog.setseed($1::pg_catalog.float8) is null"
#define HAS_LOCKS \
	"exists(select from pg_catalog.pg_lock_status() where locktype operator(pg_catalog.=) 'advisory'::pg_catalog.text" \
	" and pid operator(pg_catalog.=) pg_catalog.pg_backend_pid())"

/* Places in pin_rows. */
#define PIN_OF_SEEDS 4
#define PIN_OF_HIDDEN 6

struct pin_row {
	enum effect effect;
	const char *text;
	const char *condition; /* NULL: PostgreSQL cannot be asked */
	uint32_t begun_by;     /* effects after which it is asked */
	uint32_t ended_by;     /* effects after which a pin is asked for; 0: after every transaction */
};

static const struct pin_row pin_rows[PIN_REASONS] = {
	{EFFECT_temporary, "temporary objects", HAS_OBJECTS, EFFECT_temporary | EFFECT_unknown, 0},
	{EFFECT_holds, "cursor WITH HOLD", HAS_HELD, EFFECT_holds | EFFECT_unknown, 0},
	{EFFECT_advisory, "advisory lock", HAS_LOCKS, EFFECT_advisory | EFFECT_unknown, EFFECT_advisory | EFFECT_unknown | EFFECT_discards},
	{EFFECT_loads, "LOAD", NULL, 0, 0},
	{EFFECT_seeds, "setseed()", HAS_SEED, EFFECT_unknown, 0},
	{EFFECT_draws, "sequence", NULL, 0, 0},
	{EFFECT_hides, "setting without a known name", NULL, 0, 0},
};

const char *
pin_reason_text(unsigned reason)
{
	return pin_rows[reason].text;
}

bool
session_pin(const struct session *s, unsigned reason, struct pin_report *out)
{
	const struct pin_note *n;

	if (s->pin_notes == NULL || s->pin_notes->notes[reason].since_us == 0)
		return false;
	n = &s->pin_notes->notes[reason];
	*out = (struct pin_report){.reason = pin_rows[reason].text, .statement = n->shape, .since_us = n->since_us};
	return true;
}

/* ----------------------------------------------------------------- notes */

struct pins *
pin_notes(struct session *s)
{
	if (s->pin_notes == NULL) {
		s->pin_notes = memory_new(sizeof(*s->pin_notes));
		s->pin_notes->session = s;
		list_init(&s->pin_notes->drawing);
	}
	return s->pin_notes;
}

void
pin_note_text(struct session *s, uint32_t effects, const char *text, size_t length)
{
	struct pins *p = pin_notes(s);
	const char *written = NULL;

	for (unsigned i = 0; i < PIN_REASONS; i++) {
		struct pin_note *n = &p->notes[i];

		if (n->shape[0] != '\0' || (effects & (pin_rows[i].effect | pin_rows[i].begun_by)) == 0)
			continue;
		if (written != NULL)
			memcpy(n->shape, written, sizeof(n->shape));
		else
			shape_write(text, length, n->shape, sizeof(n->shape));
		written = n->shape;
	}
}

/* ---------------------------------------------------------------- limits */

/* Counts the session among the pinned ones; false when there is no room and it was asked in time. */
static bool
pin_count(struct session *s, bool foreseen)
{
	struct pins *p = pin_notes(s);
	struct account *a = s->borrower.account;
	int most = atomic_load(&a->max_pinned);
	int before;

	if (p->counted)
		return true;
	before = atomic_fetch_add(&a->pinned, 1);
	if (foreseen && most > 0 && before >= most) {
		atomic_fetch_sub(&a->pinned, 1);
		return false;
	}
	p->counted = true;
	return true;
}

static void
pin_uncount(struct session *s)
{
	if (s->pin_notes == NULL || !s->pin_notes->counted)
		return;
	s->pin_notes->counted = false;
	atomic_fetch_sub(&s->borrower.account->pinned, 1);
}

static void
pin_refuse(struct session *s, uint32_t effects)
{
	char detail[256];
	struct error e = {.sqlstate = "53300",
	    .message = "too many servers are pinned to their clients",
	    .detail = detail,
	    .hint = "SHOW PINS on the console tells by whom. What ends with the transaction (ON COMMIT DROP, "
		    "pg_advisory_xact_lock) pins none; max_pinned says how many may be."};
	unsigned reason = 0;

	while ((pin_rows[reason].effect & effects) == 0)
		reason++;
	snprintf(detail, sizeof(detail), "The statement would pin one more (%s), and max_pinned is %d.", pin_rows[reason].text,
	    atomic_load(&s->borrower.account->max_pinned));
	feature_refuse(s, &e);
}

/* -------------------------------------------------------------- feature */

bool
pin_drops_on_commit(const char *text)
{
	const char *at = strcasestr(text, "on");

	for (; at != NULL; at = strcasestr(at + 2, "on")) {
		const char *word = at + 2;

		word += strspn(word, " \t\r\n");
		if (!text_starts_nocase(word, "commit"))
			continue;
		word += strlen("commit");
		word += strspn(word, " \t\r\n");
		if (text_starts_nocase(word, "drop"))
			return true;
	}
	return false;
}

enum ahead
pin_ahead(struct session *s, char type, const struct verdict *v, const char *text, size_t length)
{
	uint32_t sure = v->surely & PIN_EFFECTS & ~(uint32_t)EFFECT_draws;

	if ((sure & EFFECT_temporary) != 0 && pin_drops_on_commit(text))
		sure &= ~(uint32_t)EFFECT_temporary;
	/* A Parse does nothing yet, but the Bind of an unnamed statement is not asked for. */
	(void)type;
	if (sure != 0 && s->pins == 0 && s->features == FEATURES_KEEP && !pin_count(s, true)) {
		pin_refuse(s, sure);
		return AHEAD_REFUSE;
	}
	pin_note_text(s, v->effects, text, length);
	if ((v->effects & EFFECT_seeds) != 0 && (v->effects != EFFECTS_ALL || strcasestr(text, "setseed") != NULL))
		s->pin_notes->seeds = true;
	return AHEAD_GO;
}

/* Of EFFECTS, those that the transaction under way has: what nobody could read has all of them and none. */
static uint32_t
pin_said(const struct session *s, uint32_t effects)
{
	if (s->effects == EFFECTS_ALL)
		effects &= s->pin_notes != NULL && s->pin_notes->seeds ? EFFECT_seeds : 0;
	return s->effects & effects;
}

bool
pin_is_private(const struct session *s, uint32_t effects, uint32_t surely)
{
	return (surely & EFFECT_temporary) != 0 && (effects & (EFFECT_unknown | EFFECT_defines)) == 0 && s->features == FEATURES_KEEP &&
	    s->pool_mode != POOL_SESSION;
}

void
pin_tag(struct session *s, const char *tag)
{
	if (tag[0] == 'L' && strcmp(tag, "LOAD") == 0)
		pin_take(s, EFFECT_loads);
	else if (tag[0] == 'D' && strcmp(tag, "DISCARD ALL") == 0)
		pin_end(s, EFFECT_loads | EFFECT_seeds | EFFECT_draws | EFFECT_hides);
	/* Of what was prepared nothing has run. */
	else if (tag[0] != 'P' || strcmp(tag, "PREPARE") != 0)
		pin_take(s, pin_said(s, EFFECT_loads | EFFECT_seeds | EFFECT_hides));
}

void
pin_error(struct session *s, const char *sqlstate)
{
	uint32_t seeds = pin_said(s, EFFECT_seeds);

	if (seeds == 0)
		return;
	/* It was not begun, or its argument was refused: most likely nothing is left, and nobody counts on it. */
	if (sqlstate != NULL && (strncmp(sqlstate, "42", 2) == 0 || strcmp(sqlstate, "22023") == 0 || strcmp(sqlstate, "25P02") == 0))
		s->server->left |= seeds;
	else
		pin_take(s, seeds);
}

void
pin_take(struct session *s, uint32_t effects)
{
	if (s->pool_mode == POOL_SESSION || s->features == FEATURES_IGNORE)
		return;
	s->pins |= effects;
}

void
pin_explained(struct session *s)
{
	bool was_hidden = s->pin_notes != NULL && s->pin_notes->notes[PIN_OF_HIDDEN].since_us != 0;

	if (!was_hidden)
		s->pins &= ~(uint32_t)EFFECT_hides;
}

void
pin_end(struct session *s, uint32_t effects)
{
	/* They outlive the DISCARD ALL that ends the pin. */
	if (s->server != NULL)
		s->server->left |= s->pins & effects & (EFFECT_loads | EFFECT_seeds);
	s->pins &= ~effects;
}

/* ---------------------------------------------------------- the question */

/* The reasons that PostgreSQL is asked for after this transaction: bits of places in pin_rows. */
static unsigned
pin_asked(const struct session *s)
{
	unsigned asked = 0;

	if (s->pool_mode == POOL_SESSION || s->features == FEATURES_IGNORE)
		return 0;
	if ((s->effects | s->pins) == 0 && (s->pin_notes == NULL || s->pin_notes->doubtful == 0))
		return 0;
	for (unsigned i = 0; i < PIN_REASONS; i++) {
		const struct pin_row *row = &pin_rows[i];
		bool pinned = (s->pins & row->effect) != 0;

		if (row->condition == NULL || (pinned && row->effect == EFFECT_seeds))
			continue;
		if (s->pin_notes != NULL && (s->pin_notes->doubtful & 1u << i) != 0)
			asked |= 1u << i;
		if ((s->effects & row->begun_by) != 0 || (pinned && (row->ended_by == 0 || (s->effects & row->ended_by) != 0)))
			asked |= 1u << i;
	}
	return asked;
}

static void
pin_question(unsigned asked, struct bytes *text)
{
	bytes_chars(text, "select null");
	for (unsigned i = 0; i < PIN_REASONS; i++) {
		if ((asked & 1u << i) == 0)
			continue;
		bytes_chars(text, ",");
		bytes_chars(text, pin_rows[i].condition);
		if (pin_rows[i].effect == EFFECT_temporary)
			bytes_chars(text, "," HAS_SCHEMA);
	}
	bytes_u8(text, 0);
}

void
pin_ask(struct session *s, struct bytes *out)
{
	unsigned asked = pin_asked(s);
	bool prepared, seeds = (asked & 1u << PIN_OF_SEEDS) != 0;
	char name[32], seed[SEED_SIZE];
	size_t begun;

	if (asked == 0)
		return;
	prepared = (s->server->pin_questions & 1u << asked) != 0;
	snprintf(name, sizeof(name), STATEMENT_PREFIX "pins_%u", asked);
	if (!prepared) {
		struct bytes text = {0};

		pin_question(asked, &text);
		own_parse(name, text.data, seeds, out);
		bytes_free(&text);
		s->server->pin_questions |= 1u << asked;
	}
	begun = own_bind_begin(out, name, seeds);
	if (seeds)
		own_bind_value(out, server_random_seed(seed));
	own_execute(out, begun);
	own_expect(s->server, !prepared, PURPOSE_PINS);
}

/* A column of type boolean. */
static bool
row_is_true(struct reader *r)
{
	uint32_t length = reader_u32(r);
	const char *value = length != UINT32_MAX ? reader_bytes(r, length) : NULL;

	return value != NULL && length > 0 && value[0] == 't';
}

void
pin_row(struct session *s, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);
	unsigned asked = pin_asked(s);
	uint32_t pins = s->pins;

	reader_u16(&r);
	/* The constant in front. */
	reader_u32(&r);
	for (unsigned i = 0; i < PIN_REASONS; i++) {
		if ((asked & 1u << i) == 0)
			continue;
		pins &= ~(uint32_t)pin_rows[i].effect;
		if (row_is_true(&r))
			pins |= (uint32_t)pin_rows[i].effect;
		/* A server that has its temporary schema is another than it was, also when nothing is in it. */
		if (pin_rows[i].effect == EFFECT_temporary && row_is_true(&r))
			s->server->left |= EFFECT_temporary;
	}
	if (!reader_ok(&r)) {
		pin_failed(s);
		return;
	}
	s->pins = pins;
	if (s->pin_notes != NULL)
		s->pin_notes->doubtful = 0;
}

void
pin_failed(struct session *s)
{
	unsigned asked = pin_asked(s);

	for (unsigned i = 0; i < PIN_REASONS; i++)
		if ((asked & 1u << i) != 0)
			s->pins |= (uint32_t)pin_rows[i].effect;
	pin_notes(s)->doubtful |= (uint8_t)asked;
	s->server->pin_questions = 0;
}

/* --------------------------------------------------------------- settled */

static void
pin_begin_one(struct session *s, unsigned reason)
{
	struct pin_note *n = &pin_notes(s)->notes[reason];

	n->since_us = loop_now_us(s->worker->loop);
	stat_add(session_stats(s)->pins_taken[reason], 1);
}

static void
pin_end_one(struct session *s, unsigned reason)
{
	s->pin_notes->notes[reason] = (struct pin_note){0};
	stat_add(session_stats(s)->pins_ended[reason], 1);
}

static void
pin_warn(struct session *s)
{
	struct account *a = s->borrower.account;
	int most = atomic_load(&a->max_pinned);
	char who[256];

	if (s->pin_notes->exceeded || most <= 0 || atomic_load(&a->pinned) <= most)
		return;
	s->pin_notes->exceeded = true;
	session_describe(s, who, sizeof(who));
	log_warning(who, "pinned beyond max_pinned (%d) by what could not be foreseen", most);
}

/* Reasons that have come and gone since the last time. */
static void
pin_compare(struct session *s)
{
	for (unsigned i = 0; i < PIN_REASONS; i++) {
		bool is = (s->pins & pin_rows[i].effect) != 0;
		bool was = s->pin_notes != NULL && s->pin_notes->notes[i].since_us != 0;

		if (is && !was)
			pin_begin_one(s, i);
		else if (was && !is)
			pin_end_one(s, i);
		else if (!is && s->pin_notes != NULL)
			s->pin_notes->notes[i].shape[0] = '\0';
	}
}

static void
pin_forget(struct session *s)
{
	if (s->pin_notes == NULL)
		return;
	pin_uncount(s);
	list_remove(&s->pin_notes->drawing);
	free(s->pin_notes);
	s->pin_notes = NULL;
}

void
pin_settled(struct session *s)
{
	if (s->pin_notes == NULL && s->pins == 0)
		return;
	/* Such a session keeps nothing: what was done unforeseen is undone before the next one gets the server. */
	if (s->features == FEATURES_REJECT) {
		s->server->left |= s->pins;
		s->pins = 0;
	}
	pin_compare(s);
	if (s->pins == 0) {
		pin_forget(s);
		return;
	}
	s->pin_notes->seeds = false;
	pin_count(s, false);
	pin_warn(s);
}

void
pin_end_all(struct session *s)
{
	if (s->pin_notes == NULL && s->pins == 0)
		return;
	if (s->server != NULL)
		s->server->left |= s->pins;
	s->pins = 0;
	pin_compare(s);
	pin_forget(s);
}

bool
pin_is_expected(const struct session *s)
{
	return s->pin_notes != NULL && s->pin_notes->counted;
}
