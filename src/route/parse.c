/*
 * parse.c - a text through PostgreSQL's own grammar, and its statements' verdicts
 * put together.
 *
 * libpg_query keeps its memory per thread and frees it when the thread ends.  Its
 * set-up of a thread takes one of the process's 1024 thread-specific keys for good,
 * and notes it in a variable of the whole process: so threads take turns there, and
 * only threads that live long may parse.  Parsed trees are walked, never printed: the library's
 * printers recurse without bounds.
 */
#include "parse_tree.h"

#include "effects.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LEXER_DETOURS_MAX (256u * 1024) /* about a millisecond */

static void
parse_set_up_thread(void)
{
	static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
	static _Thread_local bool is_done;

	if (is_done)
		return;
	is_done = true;
	pthread_mutex_lock(&turn);
	pg_query_exit_memory_context(pg_query_enter_memory_context());
	pthread_mutex_unlock(&turn);
}

static const bool is_operator_character[256] = {
    ['~'] = true, ['!'] = true, ['@'] = true, ['#'] = true, ['^'] = true, ['&'] = true, ['|'] = true, ['`'] = true,
    ['?'] = true, ['+'] = true, ['-'] = true, ['*'] = true, ['/'] = true, ['%'] = true, ['<'] = true, ['>'] = true,
    ['='] = true,
};

/*
 * The lexer reads a run of operator characters again for each comment start, plus
 * and minus in it: 64 KB of one kind of them take it seconds (measured: 4 s).  An
 * estimate of that work, in characters read twice.
 */
static size_t
lexer_detours(const char *sql, size_t length)
{
	size_t work = 0, run = 0, stops = 0;

	for (size_t i = 0; i < length; i++) {
		if (likely(!is_operator_character[(unsigned char)sql[i]])) {
			work += run * stops;
			run = stops = 0;
			continue;
		}
		run++;
		stops += sql[i] == '+' || sql[i] == '-' || (sql[i] == '*' && run > 1 && sql[i - 1] == '/');
	}
	return work + run * stops;
}

struct parsed
parse_open(const char *sql, size_t length)
{
	struct parsed parsed = {0};
	PgQueryInternalParsetreeAndError result;
	char *copy;

	parse_set_up_thread();
	parsed.memory = pg_query_enter_memory_context();
	if (memchr(sql, '\0', length) != NULL || lexer_detours(sql, length) > LEXER_DETOURS_MAX)
		return parsed;
	copy = text_copy_n(sql, length);
	result = pg_query_raw_parse(copy);
	free(copy);
	free(result.stderr_buffer);
	if (result.error != NULL) {
		pg_query_free_error(result.error);
		return parsed;
	}
	parsed.statements = result.tree;
	parsed.is_ok = true;
	return parsed;
}

void
parse_close(struct parsed *parsed)
{
	pg_query_exit_memory_context(parsed->memory);
	parsed->memory = NULL;
	parsed->statements = NULL;
}

/* RawStmt counts blanks and comments in front, and says 0 for "to the end". */
void
parse_place(const RawStmt *raw, size_t length, size_t *offset, size_t *own_length)
{
	size_t rest;

	*offset = min_of((size_t)max_of(raw->stmt_location, 0), length);
	rest = length - *offset;
	*own_length = raw->stmt_len > 0 ? min_of((size_t)raw->stmt_len, rest) : rest;
}

static bool
lives_in_transaction(enum statement_kind kind)
{
	switch (kind) {
	case KIND_DECLARE:
	case KIND_FETCH:
	case KIND_CLOSE_CURSOR:
	case KIND_COMMIT:
	case KIND_ROLLBACK:
	case KIND_SAVEPOINT:
	case KIND_RELEASE:
	case KIND_ROLLBACK_TO:
		return true;
	default:
		return false;
	}
}

/*
 * Adds the verdict on the next statement to that on those before it.  A text of
 * several goes to a replica only if each of them may: reads, and what stands
 * around them once a READ ONLY transaction has begun in the same text.
 */
static void
parse_combine(struct verdict *all, const struct verdict *next, bool *is_in_read_only)
{
	bool follows = next->target == TARGET_FOLLOW;

	all->may_copy_in |= next->may_copy_in;
	all->effects |= next->effects;
	all->surely |= next->surely;
	all->lacks_catalog |= next->lacks_catalog;
	all->has_new_relation |= next->has_new_relation;
	all->makes_relation |= next->makes_relation;
	footprint_add(&all->footprint, &next->footprint);
	if (next->kind == KIND_BEGIN_READ_ONLY)
		*is_in_read_only = true;
	if (*is_in_read_only && lives_in_transaction(next->kind))
		follows = false;
	if (all->target == TARGET_PRIMARY)
		return;
	if (next->target == TARGET_PRIMARY)
		verdict_decide(all, next->reason, next->name);
	else if (follows != (all->target == TARGET_FOLLOW))
		verdict_decide(all, ROUTE_REASON_batch_mixed, "");
}

static uint8_t
parse_does(const struct verdict *v)
{
	unsigned block = (v->modes & MODE_CHAINS) != 0 ? DOES_BEGIN : DOES_END;

	switch (v->kind) {
	case KIND_BEGIN:
	case KIND_BEGIN_READ_ONLY:
		return DOES_BEGIN;
	case KIND_COMMIT:
		return (uint8_t)(DOES_COMMIT | block);
	case KIND_ROLLBACK:
		return (uint8_t)block;
	case KIND_TWO_PHASE:
		return DOES_WRITE | DOES_COMMIT | DOES_END;
	case KIND_WRITE:
	case KIND_EXECUTE:
	case KIND_NOTIFY:
	case KIND_COPY_IN:
	case KIND_OTHER:
		return DOES_WRITE;
	default:
		return 0;
	}
}

static void
parse_judge_all(const struct route_context *ctx, const char *text, size_t length, const List *statements, struct verdict *out)
{
	struct route_context routes = *ctx;
	bool is_in_read_only = false;
	ListCell *cell;

	routes.facts = facts_knows_routes(ctx->facts) ? ctx->facts : NULL;
	foreach (cell, statements) {
		const RawStmt *raw = lfirst_node(RawStmt, cell);
		struct effect_words words = effects_begin(ctx, READ_PARSED);
		struct verdict next = {0};

		parse_judge_statement(&routes, raw->stmt, &next);
		next.does = parse_does(&next);
		parse_effects(text, length, raw, &words);
		parse_footprint(ctx, raw->stmt, &next.footprint);
		next.effects = words.effects;
		next.surely = words.surely;
		next.lacks_catalog = words.lacks_catalog;
		next.has_new_relation = words.has_new_relation;
		next.makes_relation = IsA(raw->stmt, CreateTableAsStmt) || strcmp(next.name, "SELECT INTO") == 0;
		if (foreach_current_index(cell) == 0) {
			is_in_read_only = next.kind == KIND_BEGIN_READ_ONLY;
			*out = next;
		} else {
			parse_combine(out, &next, &is_in_read_only);
			out->does = does_then(out->does, next.does);
			out->kind = KIND_OTHER;
			out->modes = 0;
		}
	}
	out->statements = (unsigned)list_length(statements);
	out->is_proven = out->target == TARGET_REPLICA;
}

void
parse_judge(const struct route_context *ctx, const char *text, size_t length, struct verdict *out)
{
	struct parsed parsed = parse_open(text, length);

	if (!parsed.is_ok) {
		verdict_unknown(out, ROUTE_REASON_not_parsed);
		effects_judge_unparsed(ctx, text, length, out);
	} else if (parsed.statements == NIL) {
		memset(out, 0, sizeof(*out));
		out->kind = KIND_EMPTY;
		verdict_decide(out, ROUTE_REASON_empty_query, "");
	} else {
		parse_judge_all(ctx, text, length, parsed.statements, out);
	}
	parse_close(&parsed);
}

bool
parse_effects_of_text(const char *text, size_t length, struct effect_words *words)
{
	struct parsed parsed = parse_open(text, length);
	bool is_ok = parsed.is_ok;
	ListCell *cell;

	foreach (cell, parsed.statements)
		parse_effects(text, length, lfirst_node(RawStmt, cell), words);
	parse_close(&parsed);
	return is_ok;
}
