/*
 * parse_footprint.c - which tables a statement changes and which it reads.
 *
 * A query is walked to its end, whatever it does: relations are its targets or are read,
 * and any other name that may write, by the facts, makes it a write of who knows what.
 * So is every command that is not known here to change no table.
 */
#include "parse_tree.h"

#include "facts_private.h"

#include <string.h>

struct tracer {
	const struct route_context *ctx; /* borrowed; its facts know footprints and routes */
	struct footprint *out;           /* borrowed */
};

static void
touches_any(struct footprint *out)
{
	out->writes_any = out->reads_any = true;
}

/* -------------------------------------------------------------- relations */

static bool
name_is_exact(const struct tracer *t, const RangeVar *relation)
{
	const char *name = relation->relname;

	while (*name != '\0' && (unsigned char)*name < 0x80)
		name++;
	return *name == '\0' || t->ctx->is_utf8;
}

/* Who is written needs not be safe to read: it may be unlogged, or temporary. */
static void
trace_target(struct tracer *t, const RangeVar *relation)
{
	if (!name_is_exact(t, relation))
		t->out->writes_any = true;
	else if (!name_is_temporary(relation))
		footprint_write_relation(t->out, t->ctx->facts, relation->schemaname, relation->relname);
}

static void
note_schema(void *user, char kind, const char *schema)
{
	bool *is_own = user;

	(void)kind;
	*is_own &= strcmp(schema, "pg_catalog") == 0;
}

/* PostgreSQL's own, and nothing of the database's by that name. */
static bool
mention_is_own(const struct tracer *t, const struct facts_mention *mention)
{
	bool is_own = true;

	facts_each_unsafe(t->ctx->facts, mention, note_schema, &is_own);
	return is_own;
}

static void
trace_read(struct tracer *t, const RangeVar *relation)
{
	struct facts_mention mention = {.place = FACTS_RELATION, .schema = relation->schemaname, .name = relation->relname,
	    .exact_encoding = t->ctx->is_utf8};

	if (!name_is_exact(t, relation))
		t->out->reads_any = true;
	else
		footprint_read_relation(t->out, t->ctx->facts, relation->schemaname, relation->relname);
	/* A view that calls what may write; the own ones only tell of their server. */
	if (facts_is_unsafe(t->ctx->facts, &mention) && !mention_is_own(t, &mention))
		t->out->writes_any = true;
}

/* ------------------------------------------------------------------ names */

/* Those of PostgreSQL's own functions that are volatile, and change no table. */
static bool
function_writes_no_table(const char *name)
{
	static const char *const names[] = {"nextval", "setval", "currval", "lastval", "set_config", "setseed", "pg_notify", "pg_sleep",
	    "current_setting", "pg_export_snapshot", "pg_current_xact_id", "txid_current", "pg_cancel_backend", "pg_terminate_backend",
	    "pg_reload_conf", "pg_switch_wal", "pg_backend_pid", "pg_is_in_recovery", "pg_last_wal_replay_lsn"};
	static const char *const prefixes[] = {"pg_advisory_", "pg_try_advisory_", "pg_stat_", "pg_current_wal_", "inet_", "pg_wal"};

	for (size_t i = 0; i < array_length(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	for (size_t i = 0; i < array_length(prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static void
trace_mention(struct tracer *t, const struct facts_mention *mention)
{
	const struct catalog_facts *facts = t->ctx->facts;
	char what = mention->place == FACTS_OPERATOR ? 'O' : 'F';

	if (facts_is_unsafe(facts, mention) && !(function_writes_no_table(mention->name) && mention_is_own(t, mention)))
		t->out->writes_any = true;
	if (mention->place != FACTS_TYPE)
		t->out->reads_any |= facts_has_footprint(facts, what, mention->schema, mention->name);
}

static void
trace_names(struct tracer *t, enum facts_place place, const List *names)
{
	struct facts_mention mention = name_mention(t->ctx, place, names);

	if (names != NIL)
		trace_mention(t, &mention);
}

/* t.f and (x).f may call f. */
static void
trace_members(struct tracer *t, enum facts_place place, const List *parts, int from)
{
	ListCell *cell;

	for_each_from(cell, parts, from) {
		struct facts_mention mention = {.place = place, .read_functions = t->ctx->read_functions, .exact_encoding = t->ctx->is_utf8};

		if (!IsA(lfirst(cell), String))
			continue;
		mention.name = strVal((const Node *)lfirst(cell));
		trace_mention(t, &mention);
	}
}

static void
trace_select(struct tracer *t, const SelectStmt *select)
{
	if (select->intoClause != NULL)
		t->out->writes_any = true;
}

static bool
trace_node(void *user, const Node *node)
{
	struct tracer *t = user;

	switch (nodeTag(node)) {
	case T_SelectStmt:
		trace_select(t, (const SelectStmt *)node);
		break;
	case T_InsertStmt:
		trace_target(t, ((const InsertStmt *)node)->relation);
		break;
	case T_UpdateStmt:
		trace_target(t, ((const UpdateStmt *)node)->relation);
		break;
	case T_DeleteStmt:
		trace_target(t, ((const DeleteStmt *)node)->relation);
		break;
	case T_MergeStmt:
		trace_target(t, ((const MergeStmt *)node)->relation);
		break;
	case T_RangeVar:
		trace_read(t, (const RangeVar *)node);
		break;
	case T_FuncCall:
		trace_names(t, FACTS_CALL, ((const FuncCall *)node)->funcname);
		break;
	case T_ColumnRef:
		trace_members(t, FACTS_ATTRIBUTE, ((const ColumnRef *)node)->fields, 1);
		break;
	case T_A_Indirection:
		trace_members(t, FACTS_MEMBER, ((const A_Indirection *)node)->indirection, 0);
		break;
	case T_A_Expr:
		trace_names(t, FACTS_OPERATOR, ((const A_Expr *)node)->name);
		break;
	case T_SubLink:
		trace_names(t, FACTS_OPERATOR, ((const SubLink *)node)->operName);
		break;
	case T_SortBy:
		trace_names(t, FACTS_OPERATOR, ((const SortBy *)node)->useOp);
		break;
	case T_TypeName:
		trace_names(t, FACTS_TYPE, ((const TypeName *)node)->names);
		break;
	case T_RangeTableSample:
		trace_names(t, FACTS_CALL, ((const RangeTableSample *)node)->method);
		break;
	default:
		break;
	}
	return true;
}

static void
trace_query(const struct route_context *ctx, const Node *query, struct footprint *out)
{
	struct tracer t = {.ctx = ctx, .out = out};

	if (!walk_each(query, trace_node, &t))
		touches_any(out);
}

/* ------------------------------------------------------------- statements */

/* Its constraints and defaults are the catalog's business; the query's are its own. */
static void
trace_copy(const struct route_context *ctx, const CopyStmt *copy, struct footprint *out)
{
	struct tracer t = {.ctx = ctx, .out = out};

	if (copy->query != NULL)
		trace_query(ctx, copy->query, out);
	else if (copy->is_from)
		trace_target(&t, copy->relation);
	else
		trace_read(&t, copy->relation);
	if (copy->whereClause != NULL)
		trace_query(ctx, copy->whereClause, out);
}

static void
trace_transaction(enum statement_kind kind, struct footprint *out)
{
	/* What was prepared becomes visible; what the transaction will read is not known yet. */
	out->writes_any = kind == KIND_TWO_PHASE;
	out->reads_any = kind == KIND_BEGIN || kind == KIND_BEGIN_READ_ONLY;
}

static bool
is_traced(const Node *statement)
{
	switch (nodeTag(statement)) {
	case T_SelectStmt:
	case T_InsertStmt:
	case T_UpdateStmt:
	case T_DeleteStmt:
	case T_MergeStmt:
		return true;
	default:
		return false;
	}
}

/* They change nothing that a table holds. */
static bool
is_without_tables(const Node *statement)
{
	switch (nodeTag(statement)) {
	case T_VariableSetStmt:
	case T_VariableShowStmt:
	case T_PrepareStmt:
	case T_DeallocateStmt:
	case T_DiscardStmt:
	case T_ListenStmt:
	case T_UnlistenStmt:
	case T_NotifyStmt:
	case T_FetchStmt:
	case T_ClosePortalStmt:
	case T_LockStmt:
	case T_ConstraintsSetStmt:
	case T_CheckPointStmt:
		return true;
	default:
		return false;
	}
}

void
parse_footprint(const struct route_context *ctx, const Node *statement, struct footprint *out)
{
	const Node *query = statement;

	if (IsA(statement, TransactionStmt)) {
		trace_transaction(parse_kind(statement), out);
		return;
	}
	if (is_without_tables(statement))
		return;
	if (IsA(statement, ExplainStmt))
		query = ((const ExplainStmt *)statement)->query;
	else if (IsA(statement, DeclareCursorStmt))
		query = ((const DeclareCursorStmt *)statement)->query;
	if (!facts_knows_footprints(ctx->facts) || !facts_knows_routes(ctx->facts) || facts_everything_unsafe(ctx->facts) != NULL)
		touches_any(out);
	else if (is_traced(query))
		trace_query(ctx, query, out);
	else if (IsA(statement, CopyStmt))
		trace_copy(ctx, (const CopyStmt *)statement, out);
	else
		touches_any(out);
}
