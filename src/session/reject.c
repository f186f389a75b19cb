/*
 * session/reject.c - session_features = reject: statements whose effect would outlast
 * their transaction on its server are errors, made by the server in their place.
 *
 * Settings and the protocol's prepared statements follow the client all the same.
 * What a text does not say (a function that makes a temporary table) is found when
 * the transaction is over, and cleaned away.
 */
#include "session/reject.h"

#include <stdio.h>

#include "session/pin.h"

#define HINT_KEEP " Or set session_features = keep for this database or user."

struct reject_row {
	uint32_t effect;
	const char *what;
	const char *hint;
};

/* The first that fits tells the reason. */
static const struct reject_row reject_rows[] = {
	{EFFECT_prepares, "PREPARE", "Prepare statements through the protocol, as drivers do." HINT_KEEP},
	{EFFECT_executes, "EXECUTE", "Execute prepared statements through the protocol, as drivers do." HINT_KEEP},
	{EFFECT_listens, "LISTEN", "Listen on a connection that does not pass through the pool." HINT_KEEP},
	{EFFECT_holds, "DECLARE CURSOR ... WITH HOLD", "Use the cursor in the transaction that declares it, without WITH HOLD." HINT_KEEP},
	{EFFECT_advisory, "session-level advisory lock", "Take the lock for the transaction: pg_advisory_xact_lock() and its kin." HINT_KEEP},
	{EFFECT_loads, "LOAD", "Name the library in session_preload_libraries." HINT_KEEP},
	{EFFECT_seeds, "setseed()", "Make the random numbers in the application." HINT_KEEP},
	{EFFECT_temporary, "temporary object", "Use ON COMMIT DROP in a transaction, WITH queries, or a permanent table." HINT_KEEP},
	{EFFECT_asks_sequence, "currval() or lastval() of another transaction", "Use INSERT ... RETURNING, or ask in the same transaction." HINT_KEEP},
	{EFFECT_looks_prepared, "pg_prepared_statements", "The statements there are those of many clients." HINT_KEEP},
};

/* What only the tree tells: LISTEN is refused, UNLISTEN not; so is a cursor WITH HOLD, and no other. */
static bool
reject_look(void *user, const struct statement_detail *statement)
{
	uint32_t *found = user;

	if (statement->kind == KIND_PREPARE)
		*found |= EFFECT_prepares;
	if (statement->kind == KIND_LISTEN)
		*found |= EFFECT_listens;
	if (statement->executes != NULL)
		*found |= EFFECT_executes;
	if (statement->detail != NULL && statement->detail->is_hold)
		*found |= EFFECT_holds;
	return true;
}

static uint32_t
reject_find(const struct session *s, const struct verdict *v, const char *text, size_t length)
{
	uint32_t by_tree = EFFECT_prepares | EFFECT_executes | EFFECT_listens | EFFECT_holds;
	uint32_t drawn = EFFECT_draws | EFFECT_fills;
	uint32_t found = v->surely & ~by_tree;

	if ((v->effects & by_tree) != 0)
		route_each_detail(text, length, reject_look, &found);
	if ((found & EFFECT_temporary) != 0 && pin_drops_on_commit(text))
		found &= ~EFFECT_temporary;
	/* What the transaction itself has drawn it may ask for. */
	if ((s->effects & (drawn | EFFECT_unknown)) != 0 || (v->surely & drawn) != 0)
		found &= ~EFFECT_asks_sequence;
	return found;
}

enum ahead
reject_ahead(struct session *s, const struct verdict *v, const char *text, size_t length)
{
	uint32_t found = reject_find(s, v, text, length);
	char message[128];

	for (size_t i = 0; i < array_length(reject_rows); i++) {
		const struct reject_row *row = &reject_rows[i];

		if ((found & row->effect) == 0)
			continue;
		snprintf(message, sizeof(message), "%s is refused by session_features = reject", row->what);
		feature_refuse(s, &(struct error){.severity = "ERROR",
		    .sqlstate = "0A000",
		    .message = message,
		    .detail = "It needs one server for longer than its transaction, and this client gets a server for each transaction.",
		    .hint = row->hint});
		return AHEAD_REFUSE;
	}
	return AHEAD_GO;
}
