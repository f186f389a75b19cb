/*
 * parse_walk.c - walks the tree of a query and stops at the first thing that sends
 * it to the primary.
 *
 * The table says for each node which fields hold children and which names must be
 * checked; a node that is not in it is not proven.  The walk keeps its own stack, so that no
 * text can exhaust the thread's, and counts depth, because a statement that is
 * nested beyond reason is the server's to refuse.
 */
#include "parse_tree.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 2000
#define STEPS_AT_HAND 128
#define CHILDREN_MAX 16

struct walk_step {
	const Node *node; /* borrowed */
	unsigned depth;
};

struct walk_row {
	bool is_known;
	void (*check)(struct walk *walk, const Node *node);
	unsigned short children[CHILDREN_MAX]; /* offsets of pointers to nodes; 0 ends them */
};

static void
walk_check_select(struct walk *walk, const Node *node)
{
	const SelectStmt *select = (const SelectStmt *)node;

	if (select->intoClause != NULL)
		walk_decide(walk, name_is_temporary(select->intoClause->rel) ? ROUTE_REASON_session_object : ROUTE_REASON_writes,
		    "SELECT INTO");
	else if (select->lockingClause != NIL)
		walk_decide(walk, ROUTE_REASON_locks_rows, "");
}

static void
walk_check_writer(struct walk *walk, const Node *node)
{
	(void)node;
	walk_decide(walk, ROUTE_REASON_writes, "");
}

#define AT(type, field) offsetof(type, field)

static const struct walk_row rows[] = {
    [T_SelectStmt] = {true, walk_check_select,
        {AT(SelectStmt, distinctClause), AT(SelectStmt, targetList), AT(SelectStmt, fromClause), AT(SelectStmt, whereClause),
            AT(SelectStmt, groupClause), AT(SelectStmt, havingClause), AT(SelectStmt, windowClause), AT(SelectStmt, valuesLists),
            AT(SelectStmt, sortClause), AT(SelectStmt, limitOffset), AT(SelectStmt, limitCount), AT(SelectStmt, withClause),
            AT(SelectStmt, larg), AT(SelectStmt, rarg)}},
    /* Without their targets, which are not read. */
    [T_InsertStmt] = {true, walk_check_writer,
        {AT(InsertStmt, cols), AT(InsertStmt, selectStmt), AT(InsertStmt, onConflictClause),
            AT(InsertStmt, returningList), AT(InsertStmt, withClause)}},
    [T_UpdateStmt] = {true, walk_check_writer,
        {AT(UpdateStmt, targetList), AT(UpdateStmt, whereClause), AT(UpdateStmt, fromClause),
            AT(UpdateStmt, returningList), AT(UpdateStmt, withClause)}},
    [T_DeleteStmt] = {true, walk_check_writer,
        {AT(DeleteStmt, usingClause), AT(DeleteStmt, whereClause), AT(DeleteStmt, returningList),
            AT(DeleteStmt, withClause)}},
    [T_MergeStmt] = {true, walk_check_writer,
        {AT(MergeStmt, sourceRelation), AT(MergeStmt, joinCondition), AT(MergeStmt, mergeWhenClauses),
            AT(MergeStmt, withClause)}},
    [T_MergeWhenClause] = {true, NULL,
        {AT(MergeWhenClause, condition), AT(MergeWhenClause, targetList), AT(MergeWhenClause, values)}},
    [T_OnConflictClause] = {true, NULL,
        {AT(OnConflictClause, infer), AT(OnConflictClause, targetList), AT(OnConflictClause, whereClause)}},
    [T_InferClause] = {true, NULL, {AT(InferClause, indexElems), AT(InferClause, whereClause)}},
    [T_IndexElem] = {true, NULL, {AT(IndexElem, expr)}},
    [T_CurrentOfExpr] = {true, walk_check_writer, {0}},
    [T_MultiAssignRef] = {true, NULL, {AT(MultiAssignRef, source)}},
    [T_WithClause] = {true, NULL, {AT(WithClause, ctes)}},
    [T_CommonTableExpr] = {true, NULL, {AT(CommonTableExpr, ctequery), AT(CommonTableExpr, cycle_clause)}},
    [T_CTECycleClause] = {true, NULL, {AT(CTECycleClause, cycle_mark_value), AT(CTECycleClause, cycle_mark_default)}},

    [T_RangeVar] = {true, name_check_relation, {0}},
    [T_RangeSubselect] = {true, NULL, {AT(RangeSubselect, subquery)}},
    [T_RangeFunction] = {true, NULL, {AT(RangeFunction, functions), AT(RangeFunction, coldeflist)}},
    [T_RangeTableSample] = {true, name_check_sample,
        {AT(RangeTableSample, relation), AT(RangeTableSample, args), AT(RangeTableSample, repeatable)}},
    [T_RangeTableFunc] = {true, NULL,
        {AT(RangeTableFunc, docexpr), AT(RangeTableFunc, rowexpr), AT(RangeTableFunc, namespaces), AT(RangeTableFunc, columns)}},
    [T_RangeTableFuncCol] = {true, NULL,
        {AT(RangeTableFuncCol, typeName), AT(RangeTableFuncCol, colexpr), AT(RangeTableFuncCol, coldefexpr)}},
    [T_JoinExpr] = {true, NULL, {AT(JoinExpr, larg), AT(JoinExpr, rarg), AT(JoinExpr, quals)}},
    [T_ColumnDef] = {true, NULL,
        {AT(ColumnDef, typeName), AT(ColumnDef, collClause), AT(ColumnDef, raw_default), AT(ColumnDef, constraints)}},

    [T_ResTarget] = {true, NULL, {AT(ResTarget, indirection), AT(ResTarget, val)}},
    [T_FuncCall] = {true, name_check_call,
        {AT(FuncCall, args), AT(FuncCall, agg_order), AT(FuncCall, agg_filter), AT(FuncCall, over)}},
    [T_ColumnRef] = {true, name_check_column, {0}},
    [T_A_Indirection] = {true, name_check_members, {AT(A_Indirection, arg), AT(A_Indirection, indirection)}},
    [T_A_Indices] = {true, NULL, {AT(A_Indices, lidx), AT(A_Indices, uidx)}},
    [T_A_Expr] = {true, name_check_expression, {AT(A_Expr, lexpr), AT(A_Expr, rexpr)}},
    [T_SubLink] = {true, name_check_sublink, {AT(SubLink, testexpr), AT(SubLink, subselect)}},
    [T_SortBy] = {true, name_check_sort, {AT(SortBy, node)}},
    [T_TypeCast] = {true, NULL, {AT(TypeCast, arg), AT(TypeCast, typeName)}},
    [T_TypeName] = {true, name_check_type, {AT(TypeName, typmods)}},
    [T_ParamRef] = {true, name_check_parameter, {0}},
    [T_CollateClause] = {true, NULL, {AT(CollateClause, arg)}},
    [T_WindowDef] = {true, NULL,
        {AT(WindowDef, partitionClause), AT(WindowDef, orderClause), AT(WindowDef, startOffset), AT(WindowDef, endOffset)}},
    [T_GroupingSet] = {true, NULL, {AT(GroupingSet, content)}},
    [T_GroupingFunc] = {true, NULL, {AT(GroupingFunc, args)}},
    [T_A_ArrayExpr] = {true, NULL, {AT(A_ArrayExpr, elements)}},
    [T_BoolExpr] = {true, NULL, {AT(BoolExpr, args)}},
    [T_CaseExpr] = {true, NULL, {AT(CaseExpr, arg), AT(CaseExpr, args), AT(CaseExpr, defresult)}},
    [T_CaseWhen] = {true, NULL, {AT(CaseWhen, expr), AT(CaseWhen, result)}},
    [T_CoalesceExpr] = {true, NULL, {AT(CoalesceExpr, args)}},
    [T_MinMaxExpr] = {true, NULL, {AT(MinMaxExpr, args)}},
    [T_NullTest] = {true, NULL, {AT(NullTest, arg)}},
    [T_BooleanTest] = {true, NULL, {AT(BooleanTest, arg)}},
    [T_NamedArgExpr] = {true, NULL, {AT(NamedArgExpr, arg)}},
    [T_RowExpr] = {true, NULL, {AT(RowExpr, args)}},
    [T_XmlExpr] = {true, NULL, {AT(XmlExpr, named_args), AT(XmlExpr, args)}},
    [T_XmlSerialize] = {true, NULL, {AT(XmlSerialize, expr), AT(XmlSerialize, typeName)}},

    [T_SQLValueFunction] = {true, NULL, {0}},
    [T_A_Const] = {true, NULL, {0}},
    [T_A_Star] = {true, NULL, {0}},
    [T_Integer] = {true, NULL, {0}},
    [T_Float] = {true, NULL, {0}},
    [T_Boolean] = {true, NULL, {0}},
    [T_String] = {true, NULL, {0}},
    [T_BitString] = {true, NULL, {0}},
    [T_SetToDefault] = {true, NULL, {0}},
};

void
walk_decide(struct walk *walk, enum route_reason reason, const char *name)
{
	if (walk->is_decided)
		return;
	walk->is_decided = true;
	verdict_decide(walk->out, reason, name);
}

static void
walk_grow(struct walk *walk, struct walk_step *at_hand)
{
	size_t size = walk->capacity * 2 * sizeof(*walk->steps);

	if (walk->steps == at_hand) {
		walk->steps = memory_new(size);
		memcpy(walk->steps, at_hand, walk->used * sizeof(*walk->steps));
	} else
		walk->steps = memory_resize(walk->steps, size);
	walk->capacity *= 2;
}

static void
walk_push(struct walk *walk, struct walk_step *at_hand, const void *node, unsigned depth)
{
	if (node == NULL)
		return;
	if (walk->used == walk->capacity)
		walk_grow(walk, at_hand);
	walk->steps[walk->used++] = (struct walk_step){.node = node, .depth = depth};
}

static void
walk_list(struct walk *walk, struct walk_step *at_hand, const List *list, unsigned depth)
{
	ListCell *cell;

	foreach (cell, list)
		walk_push(walk, at_hand, lfirst(cell), depth);
}

static const struct walk_row *
row_of(const Node *node)
{
	return (size_t)nodeTag(node) < array_length(rows) ? &rows[nodeTag(node)] : &rows[0];
}

static void
walk_children(struct walk *walk, struct walk_step *at_hand, const Node *node, unsigned depth)
{
	const struct walk_row *row = row_of(node);

	for (size_t i = 0; i < CHILDREN_MAX && row->children[i] != 0; i++) {
		const void *child;

		memcpy(&child, (const char *)node + row->children[i], sizeof(child));
		walk_push(walk, at_hand, child, depth + 1);
	}
}

static void
walk_node(struct walk *walk, struct walk_step *at_hand, const Node *node, unsigned depth)
{
	const struct walk_row *row = row_of(node);

	if (!row->is_known) {
		walk_decide(walk, ROUTE_REASON_utility, "");
		return;
	}
	if (row->check != NULL)
		row->check(walk, node);
	walk_children(walk, at_hand, node, depth);
}

bool
walk_each(const Node *root, bool (*visit)(void *user, const Node *node), void *user)
{
	struct walk_step at_hand[STEPS_AT_HAND];
	struct walk walk = {.capacity = STEPS_AT_HAND, .steps = at_hand};
	bool goes_on = true;

	walk_push(&walk, at_hand, root, 0);
	while (walk.used > 0 && goes_on) {
		struct walk_step step = walk.steps[--walk.used];

		if (IsA(step.node, List)) {
			walk_list(&walk, at_hand, (const List *)step.node, step.depth);
			continue;
		}
		goes_on = step.depth <= DEPTH_MAX && row_of(step.node)->is_known && visit(user, step.node);
		walk_children(&walk, at_hand, step.node, step.depth);
	}
	if (walk.steps != at_hand)
		free(walk.steps);
	return goes_on;
}

bool
walk_query(const struct route_context *ctx, const Node *query, struct verdict *out)
{
	struct walk_step at_hand[STEPS_AT_HAND];
	struct walk walk = {.ctx = ctx, .out = out, .capacity = STEPS_AT_HAND, .steps = at_hand};

	if (ctx->facts != NULL && facts_everything_unsafe(ctx->facts) != NULL)
		walk_decide(&walk, ROUTE_REASON_unsafe_everything, facts_everything_unsafe(ctx->facts));
	walk_push(&walk, at_hand, query, 0);
	while (walk.used > 0 && !walk.is_decided) {
		struct walk_step step = walk.steps[--walk.used];

		if (step.depth > DEPTH_MAX)
			walk_decide(&walk, ROUTE_REASON_too_deep, "");
		else if (IsA(step.node, List))
			walk_list(&walk, at_hand, (const List *)step.node, step.depth);
		else
			walk_node(&walk, at_hand, step.node, step.depth);
	}
	if (walk.steps != at_hand)
		free(walk.steps);
	if (!walk.is_decided)
		verdict_decide(out, ROUTE_REASON_plain_read, "");
	return !walk.is_decided;
}
