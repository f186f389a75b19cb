/*
 * parse_detail.c - what a session must know of a single SET, BEGIN, DEALLOCATE and
 * the like: names, constants, modes.
 *
 * Everything is copied out of the parser's memory before that goes away.
 */
#include "parse_tree.h"

#include <stdlib.h>
#include <string.h>

bool
parse_is_transaction_setting(const char *name)
{
	return name != NULL && (text_equal_nocase(name, "transaction_read_only") || text_equal_nocase(name, "transaction_isolation") ||
	                           text_equal_nocase(name, "transaction_deferrable"));
}

char *
parse_constant(const Node *node)
{
	const A_Const *constant = (const A_Const *)node;

	if (!IsA(node, A_Const) || constant->isnull)
		return NULL;
	switch (nodeTag(&constant->val)) {
	case T_Integer:
		return text_format("%d", constant->val.ival.ival);
	case T_Float:
		return text_copy(constant->val.fval.fval);
	case T_Boolean:
		return text_copy(constant->val.boolval.boolval ? "true" : "false");
	case T_String:
		return text_copy(constant->val.sval.sval);
	default:
		return NULL;
	}
}

static enum transaction_isolation
isolation_of(const char *level)
{
	static const char *const levels[] = {"", "read uncommitted", "read committed", "repeatable read", "serializable"};

	for (unsigned i = 1; level != NULL && i < array_length(levels); i++) {
		if (text_equal_nocase(level, levels[i]))
			return (enum transaction_isolation)i;
	}
	return ISOLATION_UNSAID;
}

static void
mode_apply(const char *name, const char *value, struct verdict_detail *out)
{
	bool is_on = value != NULL && strcmp(value, "0") != 0;

	if (strcmp(name, "transaction_isolation") == 0)
		out->isolation = isolation_of(value);
	else if (strcmp(name, "transaction_deferrable") == 0)
		out->is_deferrable = is_on;
	else if (strcmp(name, "transaction_read_only") == 0) {
		out->is_read_only = is_on;
		out->is_read_write = !is_on;
	}
}

void
parse_modes(const List *options, struct verdict_detail *out)
{
	ListCell *cell;

	foreach (cell, options) {
		const DefElem *option = lfirst(cell);
		char *value = option->arg != NULL ? parse_constant(option->arg) : NULL;

		mode_apply(option->defname, value, out);
		free(value);
	}
}

static unsigned
modes_of(const List *options)
{
	static const unsigned levels[] = {[ISOLATION_UNSAID] = 0, [ISOLATION_READ_UNCOMMITTED] = MODE_READ_COMMITTED,
	    [ISOLATION_READ_COMMITTED] = MODE_READ_COMMITTED, [ISOLATION_REPEATABLE_READ] = MODE_REPEATABLE_READ,
	    [ISOLATION_SERIALIZABLE] = MODE_SERIALIZABLE};
	struct verdict_detail said = {0};

	parse_modes(options, &said);
	return levels[said.isolation] | (said.is_read_only ? MODE_READ_ONLY : 0u) | (said.is_read_write ? MODE_READ_WRITE : 0u);
}

unsigned
parse_transaction_modes(const Node *statement)
{
	const TransactionStmt *transaction = (const TransactionStmt *)statement;
	const VariableSetStmt *set = (const VariableSetStmt *)statement;

	if (IsA(statement, TransactionStmt))
		return modes_of(transaction->options) | (transaction->kind == TRANS_STMT_START ? MODE_STARTS : 0u) |
		    (transaction->chain ? MODE_CHAINS : 0u);
	if (!IsA(statement, VariableSetStmt))
		return 0;
	return set->kind == VAR_SET_MULTI && strcmp(set->name, "TRANSACTION") == 0 ? modes_of(set->args) : MODE_IS_ODD;
}

static char *
copy_or_null(const char *given)
{
	return given != NULL ? text_copy(given) : NULL;
}

/* The constants of SET, all or none. */
static void
detail_values(const List *args, struct verdict_detail *out)
{
	ListCell *cell;

	out->values = memory_array((size_t)list_length(args) + 1, sizeof(*out->values));
	foreach (cell, args) {
		char *value = parse_constant(lfirst(cell));

		if (value == NULL) {
			while (out->value_count > 0)
				free(out->values[--out->value_count]);
			free(out->values);
			out->values = NULL;
			return;
		}
		out->values[out->value_count++] = value;
	}
	if (out->value_count == 1)
		out->value = text_copy(out->values[0]);
}

static void
detail_set(const VariableSetStmt *set, struct verdict_detail *out)
{
	out->is_local = set->is_local;
	out->is_all = set->kind == VAR_RESET_ALL;
	out->is_default = set->kind == VAR_SET_DEFAULT;
	out->name = copy_or_null(set->name);
	if (set->kind == VAR_SET_VALUE) {
		detail_values(set->args, out);
	} else if (set->kind == VAR_SET_MULTI) {
		out->is_session_wide = strcmp(set->name, "SESSION CHARACTERISTICS") == 0;
		out->has_snapshot = strcmp(set->name, "TRANSACTION SNAPSHOT") == 0;
		if (!out->has_snapshot)
			parse_modes(set->args, out);
	}
}

static void
detail_transaction(const TransactionStmt *transaction, struct verdict_detail *out)
{
	out->is_chain = transaction->chain;
	out->name = copy_or_null(transaction->savepoint_name != NULL ? transaction->savepoint_name : transaction->gid);
	parse_modes(transaction->options, out);
}

static void
detail_discard(const DiscardStmt *discard, struct verdict_detail *out)
{
	static const char *const names[] = {
	    [DISCARD_ALL] = "all", [DISCARD_PLANS] = "plans", [DISCARD_SEQUENCES] = "sequences", [DISCARD_TEMP] = "temp"};

	out->name = text_copy(names[discard->target]);
	out->is_all = discard->target == DISCARD_ALL;
}

static void
detail_name(const char *name, struct verdict_detail *out)
{
	out->name = copy_or_null(name);
	out->is_all = name == NULL;
}

static bool
detail_fill(const Node *statement, struct verdict_detail *out)
{
	out->kind = parse_kind(statement);
	switch (nodeTag(statement)) {
	case T_TransactionStmt:
		detail_transaction((const TransactionStmt *)statement, out);
		return true;
	case T_VariableSetStmt:
		detail_set((const VariableSetStmt *)statement, out);
		return true;
	case T_VariableShowStmt:
		detail_name(((const VariableShowStmt *)statement)->name, out);
		out->is_all = text_equal(out->name, "all");
		return true;
	case T_PrepareStmt:
		detail_name(((const PrepareStmt *)statement)->name, out);
		return true;
	case T_ExecuteStmt:
		detail_name(((const ExecuteStmt *)statement)->name, out);
		return true;
	case T_DeallocateStmt:
		detail_name(((const DeallocateStmt *)statement)->name, out);
		return true;
	case T_DiscardStmt:
		detail_discard((const DiscardStmt *)statement, out);
		return true;
	case T_ListenStmt:
		detail_name(((const ListenStmt *)statement)->conditionname, out);
		return true;
	case T_UnlistenStmt:
		detail_name(((const UnlistenStmt *)statement)->conditionname, out);
		return true;
	case T_NotifyStmt:
		detail_name(((const NotifyStmt *)statement)->conditionname, out);
		out->value = copy_or_null(((const NotifyStmt *)statement)->payload);
		return true;
	case T_DeclareCursorStmt:
		detail_name(((const DeclareCursorStmt *)statement)->portalname, out);
		out->is_hold = (((const DeclareCursorStmt *)statement)->options & CURSOR_OPT_HOLD) != 0;
		return true;
	case T_FetchStmt:
		detail_name(((const FetchStmt *)statement)->portalname, out);
		return true;
	case T_ClosePortalStmt:
		detail_name(((const ClosePortalStmt *)statement)->portalname, out);
		return true;
	default:
		return false;
	}
}

bool
route_detail(const char *text, size_t length, struct verdict_detail *out)
{
	struct parsed parsed;
	bool is_filled;

	memset(out, 0, sizeof(*out));
	out->kind = KIND_OTHER;
	if (length > ROUTE_TEXT_MAX_BYTES)
		return false;
	parsed = parse_open(text, length);
	is_filled = parsed.is_ok && list_length(parsed.statements) == 1 &&
	    detail_fill(linitial_node(RawStmt, parsed.statements)->stmt, out);
	parse_close(&parsed);
	return is_filled;
}

/* EXECUTE, also inside of EXPLAIN and CREATE TABLE AS. */
static const char *
statement_executes(const Node *statement)
{
	if (IsA(statement, ExplainStmt))
		statement = ((const ExplainStmt *)statement)->query;
	if (IsA(statement, CreateTableAsStmt))
		statement = ((const CreateTableAsStmt *)statement)->query;
	return IsA(statement, ExecuteStmt) ? ((const ExecuteStmt *)statement)->name : NULL;
}

/* As PostgreSQL's stmt_requires_parse_analysis(). */
static bool
statement_is_analyzed(const Node *statement)
{
	switch (nodeTag(statement)) {
	case T_SelectStmt:
	case T_InsertStmt:
	case T_UpdateStmt:
	case T_DeleteStmt:
	case T_MergeStmt:
	case T_DeclareCursorStmt:
	case T_ExplainStmt:
	case T_CreateTableAsStmt:
	case T_CallStmt:
		return true;
	default:
		return false;
	}
}

bool
route_each_detail(const char *text, size_t length, statement_detail_call *call, void *user)
{
	struct parsed parsed;
	bool goes_on = true, is_ok;
	ListCell *cell;

	if (length > ROUTE_TEXT_MAX_BYTES)
		return false;
	parsed = parse_open(text, length);
	is_ok = parsed.is_ok;
	foreach (cell, parsed.statements) {
		const RawStmt *raw = lfirst_node(RawStmt, cell);
		struct verdict_detail detail = {.kind = KIND_OTHER};
		struct statement_detail one = {.kind = parse_kind(raw->stmt), .executes = statement_executes(raw->stmt)};

		one.is_analyzed = statement_is_analyzed(raw->stmt);
		parse_place(raw, length, &one.offset, &one.length);
		if (detail_fill(raw->stmt, &detail))
			one.detail = &detail;
		goes_on = call(user, &one);
		verdict_detail_free(&detail);
		if (!goes_on)
			break;
	}
	parse_close(&parsed);
	return is_ok;
}

void
verdict_detail_free(struct verdict_detail *detail)
{
	for (size_t i = 0; i < detail->value_count; i++)
		free(detail->values[i]);
	free(detail->values);
	free(detail->value);
	free(detail->name);
	memset(detail, 0, sizeof(*detail));
}
