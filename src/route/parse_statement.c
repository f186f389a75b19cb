/*
 * parse_statement.c - one statement: its kind, and where it may go.
 *
 * Queries are walked; transaction control, settings and cursors follow the session;
 * everything that is not known here to be harmless is the primary's.
 */
#include "parse_tree.h"

#include <string.h>

static enum statement_kind
kind_of_transaction(const TransactionStmt *transaction)
{
	struct verdict_detail modes = {0};

	switch (transaction->kind) {
	case TRANS_STMT_BEGIN:
	case TRANS_STMT_START:
		parse_modes(transaction->options, &modes);
		return modes.is_read_only ? KIND_BEGIN_READ_ONLY : KIND_BEGIN;
	case TRANS_STMT_COMMIT:
		return KIND_COMMIT;
	case TRANS_STMT_ROLLBACK:
		return KIND_ROLLBACK;
	case TRANS_STMT_SAVEPOINT:
		return KIND_SAVEPOINT;
	case TRANS_STMT_RELEASE:
		return KIND_RELEASE;
	case TRANS_STMT_ROLLBACK_TO:
		return KIND_ROLLBACK_TO;
	default:
		return KIND_TWO_PHASE;
	}
}

static enum statement_kind
kind_of_set(const VariableSetStmt *set)
{
	if (set->kind == VAR_RESET || set->kind == VAR_RESET_ALL)
		return KIND_RESET;
	if (set->kind == VAR_SET_MULTI && strcmp(set->name, "SESSION CHARACTERISTICS") != 0)
		return KIND_SET_TRANSACTION;
	if (set->kind != VAR_SET_MULTI && parse_is_transaction_setting(set->name))
		return KIND_SET_TRANSACTION;
	return set->is_local ? KIND_SET_LOCAL : KIND_SET;
}

static enum statement_kind
kind_of_copy(const CopyStmt *copy)
{
	if (copy->filename != NULL || copy->is_program)
		return KIND_OTHER;
	return copy->is_from ? KIND_COPY_IN : KIND_COPY_OUT;
}

enum statement_kind
parse_kind(const Node *statement)
{
	switch (nodeTag(statement)) {
	case T_SelectStmt:
	case T_ExplainStmt:
		return KIND_READ;
	case T_InsertStmt:
	case T_UpdateStmt:
	case T_DeleteStmt:
	case T_MergeStmt:
		return KIND_WRITE;
	case T_TransactionStmt:
		return kind_of_transaction((const TransactionStmt *)statement);
	case T_VariableSetStmt:
		return kind_of_set((const VariableSetStmt *)statement);
	case T_VariableShowStmt:
		return KIND_SHOW;
	case T_PrepareStmt:
		return KIND_PREPARE;
	case T_ExecuteStmt:
		return KIND_EXECUTE;
	case T_DeallocateStmt:
		return KIND_DEALLOCATE;
	case T_DiscardStmt:
		return KIND_DISCARD;
	case T_ListenStmt:
		return KIND_LISTEN;
	case T_UnlistenStmt:
		return KIND_UNLISTEN;
	case T_NotifyStmt:
		return KIND_NOTIFY;
	case T_CopyStmt:
		return kind_of_copy((const CopyStmt *)statement);
	case T_FetchStmt:
		return KIND_FETCH;
	case T_DeclareCursorStmt:
		return KIND_DECLARE;
	case T_ClosePortalStmt:
		return KIND_CLOSE_CURSOR;
	default:
		return KIND_OTHER;
	}
}

/* BEGIN READ ONLY needs a replica as a whole; the rest stays where the session is. */
static void
judge_transaction(const TransactionStmt *transaction, struct verdict *out)
{
	struct verdict_detail modes = {0};

	if (out->kind == KIND_TWO_PHASE) {
		verdict_decide(out, ROUTE_REASON_utility, "two-phase commit");
		return;
	}
	parse_modes(transaction->options, &modes);
	if (modes.isolation == ISOLATION_SERIALIZABLE)
		verdict_decide(out, ROUTE_REASON_serializable, "");
	else if (out->kind == KIND_BEGIN_READ_ONLY)
		verdict_decide(out, ROUTE_REASON_read_only_transaction, "");
	else if (modes.is_read_write)
		verdict_decide(out, ROUTE_REASON_read_write_transaction, "");
	else
		verdict_decide(out, ROUTE_REASON_transaction_control, "");
}

static void
judge_set_transaction(const VariableSetStmt *set, struct verdict *out)
{
	struct verdict_detail modes = {0};

	if (set->kind != VAR_SET_MULTI || strcmp(set->name, "TRANSACTION SNAPSHOT") == 0) {
		verdict_decide(out, ROUTE_REASON_read_write_transaction, set->name);
		return;
	}
	parse_modes(set->args, &modes);
	if (modes.isolation == ISOLATION_SERIALIZABLE)
		verdict_decide(out, ROUTE_REASON_serializable, "");
	else if (modes.is_read_write)
		verdict_decide(out, ROUTE_REASON_read_write_transaction, "");
	else
		verdict_decide(out, ROUTE_REASON_transaction_control, "");
}

/* SHOW of what differs between servers is asked of the primary: drivers look for it that way. */
static void
judge_show(const VariableShowStmt *show, struct verdict *out)
{
	if (setting_is_followed(show->name) || strcmp(show->name, "transaction_isolation") == 0)
		verdict_decide(out, ROUTE_REASON_settings, "");
	else
		verdict_decide(out, ROUTE_REASON_node_setting, show->name);
}

static void
judge_query(const struct route_context *ctx, const Node *query, struct verdict *out)
{
	if (walk_query(ctx, query, out))
		return;
	if (out->kind == KIND_READ)
		out->kind = KIND_WRITE;
}

/* EXPLAIN plans its statement and may run it: it goes where the statement goes, if that is a read. */
static void
judge_explain(const struct route_context *ctx, const Node *query, struct verdict *out)
{
	switch (nodeTag(query)) {
	case T_SelectStmt:
	case T_InsertStmt:
	case T_UpdateStmt:
	case T_DeleteStmt:
	case T_MergeStmt:
		judge_query(ctx, query, out);
		return;
	case T_ExecuteStmt:
		verdict_decide(out, ROUTE_REASON_session_object, "EXPLAIN EXECUTE");
		break;
	default:
		verdict_decide(out, ROUTE_REASON_utility, "EXPLAIN");
	}
	out->kind = KIND_WRITE;
}

static void
judge_copy(const struct route_context *ctx, const CopyStmt *copy, struct verdict *out)
{
	out->may_copy_in = out->kind == KIND_COPY_IN;
	if (copy->filename != NULL || copy->is_program)
		verdict_decide(out, ROUTE_REASON_copy_file, "");
	else if (copy->is_from)
		verdict_decide(out, ROUTE_REASON_copy_from, copy->relation != NULL ? copy->relation->relname : "");
	else
		walk_query(ctx, copy->query != NULL ? copy->query : (const Node *)copy->relation, out);
}

/* A cursor over a proven read lives and dies with its transaction, and may be where that is. */
static void
judge_declare(const struct route_context *ctx, const DeclareCursorStmt *declare, struct verdict *out)
{
	if ((declare->options & CURSOR_OPT_HOLD) != 0)
		verdict_decide(out, ROUTE_REASON_session_object, "WITH HOLD");
	else if (walk_query(ctx, declare->query, out))
		verdict_decide(out, ROUTE_REASON_cursor, "");
}

/* Does the command make something temporary, which only its session sees? */
static bool
makes_temporary(const Node *statement)
{
	switch (nodeTag(statement)) {
	case T_CreateStmt:
		return name_is_temporary(((const CreateStmt *)statement)->relation);
	case T_CreateTableAsStmt:
		return name_is_temporary(((const CreateTableAsStmt *)statement)->into->rel);
	case T_ViewStmt:
		return name_is_temporary(((const ViewStmt *)statement)->view);
	case T_CreateSeqStmt:
		return name_is_temporary(((const CreateSeqStmt *)statement)->sequence);
	default:
		return false;
	}
}

static const char *
utility_name(const Node *statement)
{
	switch (nodeTag(statement)) {
	case T_DoStmt:
		return "DO";
	case T_CallStmt:
		return "CALL";
	case T_LockStmt:
		return "LOCK";
	case T_VacuumStmt:
		return ((const VacuumStmt *)statement)->is_vacuumcmd ? "VACUUM" : "ANALYZE";
	case T_ClusterStmt:
		return "CLUSTER";
	case T_ReindexStmt:
		return "REINDEX";
	case T_CheckPointStmt:
		return "CHECKPOINT";
	case T_ConstraintsSetStmt:
		return "SET CONSTRAINTS";
	case T_AlterSystemStmt:
		return "ALTER SYSTEM";
	case T_RefreshMatViewStmt:
		return "REFRESH MATERIALIZED VIEW";
	default:
		return NULL;
	}
}

static void
judge_utility(const Node *statement, struct verdict *out)
{
	const char *name = utility_name(statement);

	if (IsA(statement, LoadStmt))
		verdict_decide(out, ROUTE_REASON_session_object, "LOAD");
	else if (makes_temporary(statement))
		verdict_decide(out, ROUTE_REASON_session_object, "TEMP");
	else if (name != NULL)
		verdict_decide(out, ROUTE_REASON_utility, name);
	else
		verdict_decide(out, ROUTE_REASON_ddl, "");
}

static void
judge_by_kind(const struct route_context *ctx, const Node *statement, struct verdict *out)
{
	switch (out->kind) {
	case KIND_SET:
	case KIND_SET_LOCAL:
	case KIND_RESET:
	case KIND_DISCARD:
		verdict_decide(out, ROUTE_REASON_settings, "");
		return;
	case KIND_DEALLOCATE:
		verdict_decide(out, ROUTE_REASON_settings, "");
		return;
	case KIND_SET_TRANSACTION:
		judge_set_transaction((const VariableSetStmt *)statement, out);
		return;
	case KIND_SHOW:
		judge_show((const VariableShowStmt *)statement, out);
		return;
	case KIND_FETCH:
	case KIND_CLOSE_CURSOR:
		verdict_decide(out, ROUTE_REASON_cursor, "");
		return;
	case KIND_DECLARE:
		judge_declare(ctx, (const DeclareCursorStmt *)statement, out);
		return;
	case KIND_EXECUTE:
		verdict_decide(out, ROUTE_REASON_session_object, "EXECUTE");
		return;
	case KIND_PREPARE:
		verdict_decide(out, ROUTE_REASON_session_object, "PREPARE");
		return;
	case KIND_LISTEN:
	case KIND_UNLISTEN:
	case KIND_NOTIFY:
		verdict_decide(out, ROUTE_REASON_session_object, out->kind == KIND_NOTIFY ? "NOTIFY" : "LISTEN");
		return;
	default:
		judge_utility(statement, out);
	}
}

void
parse_judge_statement(const struct route_context *ctx, const Node *statement, struct verdict *out)
{
	out->kind = parse_kind(statement);
	out->modes = (uint8_t)parse_transaction_modes(statement);
	switch (nodeTag(statement)) {
	case T_SelectStmt:
		judge_query(ctx, statement, out);
		return;
	case T_InsertStmt:
	case T_UpdateStmt:
	case T_DeleteStmt:
	case T_MergeStmt:
		verdict_decide(out, ROUTE_REASON_writes, "");
		return;
	case T_ExplainStmt:
		judge_explain(ctx, ((const ExplainStmt *)statement)->query, out);
		return;
	case T_CopyStmt:
		judge_copy(ctx, (const CopyStmt *)statement, out);
		return;
	case T_TransactionStmt:
		judge_transaction((const TransactionStmt *)statement, out);
		return;
	default:
		judge_by_kind(ctx, statement, out);
	}
}
