#include "../../src/pool/clean.h"

#include "base/bytes.h"
#include "route/verdict.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

/* True when LEFT is undone by that plan and SQL. */
static bool
undone(uint32_t left, enum clean plan, const char *sql)
{
	struct bytes b = {0};
	bool same = clean_plan(left, &b) == plan && b.length == strlen(sql) && (b.length == 0 || memcmp(b.data, sql, b.length) == 0);

	bytes_free(&b);
	return same;
}

TEST("what has a command of its own is undone by it, and by no more")
{
	expect(undone(EFFECT_advisory, CLEAN_BY_PARTS, "select pg_catalog.pg_advisory_unlock_all()"));
	expect(undone(EFFECT_holds | EFFECT_fills, CLEAN_BY_PARTS, "close all"));
	expect(undone(EFFECT_listens | EFFECT_draws, CLEAN_BY_PARTS, "unlisten *; discard sequences"));
}

TEST("a seed is replaced by one that nobody knows")
{
	static const char begin[] = "close all; select pg_catalog.setseed(";
	struct bytes b = {0}, other = {0};

	expect_int(clean_plan(EFFECT_seeds | EFFECT_holds, &b), CLEAN_BY_PARTS);
	expect_int(clean_plan(EFFECT_seeds | EFFECT_holds, &other), CLEAN_BY_PARTS);
	expect(b.length > strlen(begin) && memcmp(b.data, begin, strlen(begin)) == 0 && b.data[b.length - 1] == ')');
	expect(b.length != other.length || memcmp(b.data, other.data, b.length) != 0);
	bytes_free(&b);
	bytes_free(&other);
}

TEST("what has none takes DISCARD ALL, which is alone in its Query")
{
	expect(undone(EFFECT_settings, CLEAN_BY_ALL, "discard all"));
	expect(undone(EFFECT_advisory | EFFECT_prepares | EFFECT_seeds, CLEAN_BY_ALL, "discard all"));
}

TEST("what only looks leaves nothing")
{
	expect(undone(0, CLEAN_ALREADY, ""));
	expect(undone(EFFECT_looks_cursors | EFFECT_notifies | EFFECT_asks_sequence, CLEAN_ALREADY, ""));
}

TEST("what no command takes back closes the server, and what nobody knows is looked for")
{
	expect(undone(EFFECT_temporary | EFFECT_advisory, CLEAN_NEVER, ""));
	expect(undone(EFFECT_loads, CLEAN_NEVER, ""));
	expect(undone(EFFECT_seeds | EFFECT_unknown, CLEAN_LOOK_FIRST, ""));
	expect(undone(EFFECT_unknown, CLEAN_LOOK_FIRST, ""));
	expect(undone(EFFECTS_ALL, CLEAN_NEVER, ""));
}
