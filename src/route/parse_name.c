/*
 * parse_name.c - the places in a query's tree where a name can hide, and the roles
 * of the catalog facts that each place consults.
 *
 * A name may call a function without looking like a call: t.f, (x).f, a cast, an
 * operator, a sort order, a sampling method.  Without facts no name is known.
 */
#include "parse_tree.h"

#include <string.h>

/* The last two parts of a qualified name; a bare name has no schema. */
struct facts_mention
name_mention(const struct route_context *ctx, enum facts_place place, const List *names)
{
	struct facts_mention mention = {
	    .place = place,
	    .name = "",
	    .read_functions = ctx->read_functions,
	    .exact_encoding = ctx->is_utf8,
	};
	ListCell *cell;

	foreach (cell, names) {
		const Node *part = lfirst(cell);

		if (!IsA(part, String))
			continue;
		mention.schema = mention.name[0] != '\0' ? mention.name : NULL;
		mention.name = strVal(part);
	}
	return mention;
}

static void
decide_by_mention(struct walk *walk, enum route_reason reason, const struct facts_mention *mention)
{
	struct bytes full = {0};

	if (!walk->is_decided)
		verdict_record(walk->ctx->cause, mention);
	if (mention->schema != NULL) {
		bytes_chars(&full, mention->schema);
		bytes_chars(&full, ".");
	}
	bytes_text(&full, mention->name);
	walk_decide(walk, reason, full.data);
	bytes_free(&full);
}

/* The session's temporary schema, by its alias or by its number. */
static bool
is_temporary_schema(const char *schema)
{
	return schema != NULL && strncmp(schema, "pg_temp", strlen("pg_temp")) == 0;
}

static void
check_mention(struct walk *walk, enum route_reason reason, const struct facts_mention *mention)
{
	if (is_temporary_schema(mention->schema))
		decide_by_mention(walk, reason, mention);
	else if (walk->ctx->facts == NULL)
		decide_by_mention(walk, ROUTE_REASON_no_catalog, mention);
	else if (facts_is_unsafe(walk->ctx->facts, mention))
		decide_by_mention(walk, reason, mention);
}

static void
check_names(struct walk *walk, enum route_reason reason, enum facts_place place, const List *names)
{
	struct facts_mention mention = name_mention(walk->ctx, place, names);

	if (names != NIL)
		check_mention(walk, reason, &mention);
}

/* Names that are unsafe where they are written, but do not make a view unsafe that uses them. */
static bool
is_unsafe_where_written(const char *name)
{
	return strcmp(name, "current_setting") == 0 || strcmp(name, "pg_my_temp_schema") == 0;
}

const char *
name_of_setting_asked(const FuncCall *call)
{
	const Node *name = llast(call->funcname), *first = call->args != NIL ? linitial(call->args) : NULL;
	const A_Const *constant = (const A_Const *)first;

	if (!IsA(name, String) || strcmp(strVal(name), "current_setting") != 0)
		return NULL;
	if (first == NULL || !IsA(first, A_Const) || constant->isnull || !IsA(&constant->val, String))
		return NULL;
	return constant->val.sval.sval;
}

/* A position is told by who writes: a replica may not be there yet. */
static bool
asks_for_followed_setting(const FuncCall *call)
{
	const char *setting = name_of_setting_asked(call);

	return setting != NULL && setting_is_followed(setting) && !text_equal_nocase(setting, "pgweir.last_lsn");
}

void
name_check_call(struct walk *walk, const Node *node)
{
	const FuncCall *call = (const FuncCall *)node;
	struct facts_mention mention = name_mention(walk->ctx, FACTS_CALL, call->funcname);

	if (strcmp(mention.name, "current_setting") == 0) {
		if (!asks_for_followed_setting(call)) {
			walk_decide(walk, ROUTE_REASON_node_setting, "current_setting");
			return;
		}
	} else if (is_unsafe_where_written(mention.name)) {
		decide_by_mention(walk, ROUTE_REASON_unsafe_function, &mention);
		return;
	}
	check_mention(walk, ROUTE_REASON_unsafe_function, &mention);
}

static void
check_member(struct walk *walk, enum facts_place place, const Node *part)
{
	struct facts_mention mention = {.place = place,
	    .read_functions = walk->ctx->read_functions,
	    .exact_encoding = walk->ctx->is_utf8};

	if (!IsA(part, String))
		return;
	mention.name = strVal(part);
	if (is_unsafe_where_written(mention.name))
		walk_decide(walk, ROUTE_REASON_unsafe_function, mention.name);
	else
		check_mention(walk, ROUTE_REASON_unsafe_function, &mention);
}

/* The numbers of commands within a transaction are not sent to replicas, which have zeros there. */
static bool
column_is_of_node(const ColumnRef *column)
{
	const Node *last = llast(column->fields);

	return IsA(last, String) && (strcmp(strVal(last), "cmin") == 0 || strcmp(strVal(last), "cmax") == 0);
}

/* t.f may be a call of f on t's row. */
void
name_check_column(struct walk *walk, const Node *node)
{
	const ColumnRef *column = (const ColumnRef *)node;
	ListCell *cell;

	if (walk->ctx->facts == NULL) {
		walk_decide(walk, ROUTE_REASON_no_catalog, "");
		return;
	}
	if (column_is_of_node(column)) {
		walk_decide(walk, ROUTE_REASON_unsafe_relation, strVal(llast(column->fields)));
		return;
	}
	for_each_from(cell, column->fields, 1)
		check_member(walk, FACTS_ATTRIBUTE, lfirst(cell));
}

/* (x).f may be a call of f on anything. */
void
name_check_members(struct walk *walk, const Node *node)
{
	const A_Indirection *members = (const A_Indirection *)node;
	ListCell *cell;

	foreach (cell, members->indirection)
		check_member(walk, FACTS_MEMBER, lfirst(cell));
}

void
name_check_expression(struct walk *walk, const Node *node)
{
	check_names(walk, ROUTE_REASON_unsafe_operator, FACTS_OPERATOR, ((const A_Expr *)node)->name);
}

void
name_check_sublink(struct walk *walk, const Node *node)
{
	check_names(walk, ROUTE_REASON_unsafe_operator, FACTS_OPERATOR, ((const SubLink *)node)->operName);
}

void
name_check_sort(struct walk *walk, const Node *node)
{
	check_names(walk, ROUTE_REASON_unsafe_operator, FACTS_OPERATOR, ((const SortBy *)node)->useOp);
}

/* %TYPE names a column, which is nothing that a read needs. */
void
name_check_type(struct walk *walk, const Node *node)
{
	const TypeName *type = (const TypeName *)node;

	if (type->pct_type || type->names == NIL)
		walk_decide(walk, ROUTE_REASON_unsafe_type, "%TYPE");
	check_names(walk, ROUTE_REASON_unsafe_type, FACTS_TYPE, type->names);
}

bool
name_is_temporary(const RangeVar *relation)
{
	if (relation == NULL)
		return false;
	return relation->relpersistence == 't' || is_temporary_schema(relation->schemaname);
}

void
name_check_relation(struct walk *walk, const Node *node)
{
	const RangeVar *relation = (const RangeVar *)node;
	struct facts_mention mention = {.place = FACTS_RELATION,
	    .schema = relation->schemaname,
	    .name = relation->relname,
	    .exact_encoding = walk->ctx->is_utf8};

	check_mention(walk, ROUTE_REASON_unsafe_relation, &mention);
}

void
name_check_sample(struct walk *walk, const Node *node)
{
	check_names(walk, ROUTE_REASON_unsafe_function, FACTS_CALL, ((const RangeTableSample *)node)->method);
}

/* A parameter may be of any type, with operators and casts of its own. */
void
name_check_parameter(struct walk *walk, const Node *node)
{
	(void)node;
	if (walk->ctx->facts == NULL)
		walk_decide(walk, ROUTE_REASON_no_catalog, "");
}
