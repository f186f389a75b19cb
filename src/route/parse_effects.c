/*
 * parse_effects.c - effects of statements, by their kind.
 *
 * What names in a statement do is found by their words (effect_words.c); here is
 * what the grammar says.  SURELY is what a statement does when it succeeds.
 */
#include "parse_tree.h"

#include "effects.h"

#include <string.h>

struct effect_masks {
	uint32_t may;
	uint32_t surely;
};

static struct effect_masks
effects_both(uint32_t effects)
{
	return (struct effect_masks){.may = effects, .surely = effects};
}

static struct effect_masks
effects_may(uint32_t effects)
{
	return (struct effect_masks){.may = effects};
}

static void
note_settings_of_set(const VariableSetStmt *set, struct effect_words *words)
{
	if (set->kind == VAR_SET_MULTI)
		effect_words_note_characteristics(words);
	else
		effect_words_note_setting(words, set->name != NULL ? set->name : "");
}

static struct effect_masks
effects_of_set(const VariableSetStmt *set, struct effect_words *words)
{
	bool is_reset = set->kind == VAR_RESET || set->kind == VAR_RESET_ALL || set->kind == VAR_SET_DEFAULT;
	uint32_t effects = EFFECT_settings;

	if (set->kind == VAR_SET_MULTI && strcmp(set->name, "SESSION CHARACTERISTICS") != 0)
		return effects_both(0);
	if (parse_is_transaction_setting(set->name))
		return effects_both(0);
	if (set->name != NULL && text_equal_nocase(set->name, "seed"))
		effects = EFFECT_seeds;
	if (set->is_local)
		effects &= ~(uint32_t)EFFECT_settings;
	else
		note_settings_of_set(set, words);
	return effects_both(effects | (is_reset ? EFFECT_resets : 0));
}

/* A relation is made where search_path says, which may be pg_temp. */
static struct effect_masks
effects_of_creation(const RangeVar *relation)
{
	return (struct effect_masks){.may = EFFECT_temporary, .surely = name_is_temporary(relation) ? EFFECT_temporary : 0};
}

static bool
names_are_temporary(const List *names)
{
	const Node *first = names != NIL ? linitial(names) : NULL;

	return list_length(names) > 1 && IsA(first, String) && strncmp(strVal(first), "pg_temp", 7) == 0;
}

static struct effect_masks
effects_of_naming(const List *names, uint32_t more)
{
	return (struct effect_masks){.may = EFFECT_temporary | more, .surely = names_are_temporary(names) ? EFFECT_temporary : 0};
}

static const RangeVar *
select_into(const SelectStmt *select)
{
	while (select->larg != NULL && select->intoClause == NULL)
		select = select->larg;
	return select->intoClause != NULL ? select->intoClause->rel : NULL;
}

static bool
option_is_said(const List *options, const char *name)
{
	ListCell *cell;

	foreach (cell, options) {
		if (strcmp(((const DefElem *)lfirst(cell))->defname, name) == 0)
			return true;
	}
	return false;
}

/* The body of a DO is no constant to the shape, so it may be read; in another language nobody can. */
static struct effect_masks
effects_of_do(const DoStmt *statement, struct effect_words *words)
{
	enum effect_reading reading = words->reading;
	const char *body = NULL;
	bool is_known = true;
	ListCell *cell;

	foreach (cell, statement->args) {
		const DefElem *option = lfirst(cell);

		if (option->arg == NULL || !IsA(option->arg, String))
			is_known = false;
		else if (strcmp(option->defname, "as") == 0)
			body = strVal(option->arg);
		else
			is_known &= text_equal(strVal(option->arg), "plpgsql");
	}
	if (body == NULL || !is_known) {
		words->has_unnamed = true;
		return effects_may(EFFECTS_UNKNOWN);
	}
	words->reading = READ_BODY;
	effect_words_scan(words, body, strlen(body));
	words->reading = reading;
	return effects_may(words->facts == NULL || words->facts_are_old ? EFFECTS_UNKNOWN : 0);
}

static struct effect_masks
effects_of_copy(const CopyStmt *copy)
{
	return effects_both(copy->is_from ? EFFECT_fills : 0);
}

static bool
is_query(const Node *statement)
{
	switch (nodeTag(statement)) {
	case T_SelectStmt:
	case T_InsertStmt:
	case T_UpdateStmt:
	case T_DeleteStmt:
	case T_MergeStmt:
	case T_CopyStmt:
	case T_DeclareCursorStmt:
	case T_CallStmt:
	case T_ExecuteStmt:
	case T_CreateTableAsStmt:
	case T_ExplainStmt:
		return true;
	default:
		return false;
	}
}

/*
 * Commands whose names are of channels, savepoints, cursors, statements and settings, and run nothing: no operator
 * or cast of the database's either.  A question behind SET TRANSACTION would be the query ahead of which the next
 * one has to come.
 */
static bool
is_of_plain_names(const Node *statement)
{
	switch (nodeTag(statement)) {
	case T_TransactionStmt:
	case T_VariableSetStmt:
	case T_VariableShowStmt:
	case T_DeallocateStmt:
	case T_ListenStmt:
	case T_UnlistenStmt:
	case T_NotifyStmt:
	case T_ClosePortalStmt:
		return true;
	default:
		return false;
	}
}

/* Commands that change no definition, and so start no event trigger. */
static bool
is_plain_command(const Node *statement)
{
	switch (nodeTag(statement)) {
	case T_TransactionStmt:
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
	case T_VacuumStmt:
	case T_CheckPointStmt:
	case T_LoadStmt:
	case T_DoStmt:
	case T_ConstraintsSetStmt:
	case T_TruncateStmt:
	case T_CreatedbStmt:
	case T_DropdbStmt:
		return true;
	default:
		return is_query(statement) && !IsA(statement, CreateTableAsStmt);
	}
}

static struct effect_masks
effects_of_definition(const Node *statement)
{
	switch (nodeTag(statement)) {
	case T_CreateStmt:
		return effects_of_creation(((const CreateStmt *)statement)->relation);
	case T_CreateForeignTableStmt:
		return effects_of_creation(((const CreateForeignTableStmt *)statement)->base.relation);
	case T_ViewStmt:
		return effects_of_creation(((const ViewStmt *)statement)->view);
	case T_CreateSeqStmt:
		return effects_of_creation(((const CreateSeqStmt *)statement)->sequence);
	case T_CompositeTypeStmt:
		return effects_of_creation(((const CompositeTypeStmt *)statement)->typevar);
	case T_CreateSchemaStmt:
		return effects_may(((const CreateSchemaStmt *)statement)->schemaElts != NIL ? EFFECT_temporary : 0);
	case T_CreateEnumStmt:
		return effects_of_naming(((const CreateEnumStmt *)statement)->typeName, 0);
	case T_CreateRangeStmt:
		return effects_of_naming(((const CreateRangeStmt *)statement)->typeName, 0);
	/* What these make is in no facts yet when the same transaction calls it. */
	case T_CreateDomainStmt:
		return effects_of_naming(((const CreateDomainStmt *)statement)->domainname, EFFECTS_UNKNOWN);
	case T_DefineStmt:
		return effects_of_naming(((const DefineStmt *)statement)->defnames, EFFECTS_UNKNOWN);
	case T_CreateFunctionStmt:
		return effects_of_naming(((const CreateFunctionStmt *)statement)->funcname, EFFECTS_UNKNOWN);
	case T_CreateTrigStmt:
	case T_CreateEventTrigStmt:
	case T_CreatePolicyStmt:
	case T_CreateCastStmt:
	case T_RuleStmt:
	case T_CreateExtensionStmt:
	case T_AlterExtensionStmt:
		return effects_may(EFFECTS_UNKNOWN);
	case T_AlterTableStmt:
		return effects_may(EFFECT_fills);
	case T_AlterRoleSetStmt:
	case T_AlterDatabaseSetStmt:
		return effects_both(EFFECT_defaults);
	case T_CreatedbStmt:
	case T_DropdbStmt:
		return effects_both(EFFECT_databases);
	case T_RenameStmt:
		return effects_both(((const RenameStmt *)statement)->renameType == OBJECT_DATABASE ? EFFECT_databases : 0);
	case T_AlterDatabaseStmt:
		return effects_both(option_is_said(((const AlterDatabaseStmt *)statement)->options, "tablespace") ? EFFECT_databases : 0);
	default:
		return effects_both(0);
	}
}

/* Which statements hang on the names that TRUNCATE ... CASCADE reaches is not in the text. */
static struct effect_masks
effects_of_truncate(const TruncateStmt *truncate, const struct effect_words *words)
{
	bool is_harmless = words->facts != NULL && !words->facts_are_old && facts_effects_of(words->facts, NULL).effects == 0;

	return effects_may(truncate->behavior == DROP_CASCADE && !is_harmless ? EFFECTS_UNKNOWN : 0);
}

static struct effect_masks effects_of_statement(const Node *statement, struct effect_words *words);

static struct effect_masks
effects_of_explain(const ExplainStmt *explain, struct effect_words *words)
{
	struct effect_masks masks = effects_of_statement(explain->query, words);

	if (option_is_said(explain->options, "analyze"))
		return masks;
	words->surely = 0;
	masks.surely &= EFFECT_executes;
	return masks;
}

static struct effect_masks
effects_of_table_as(const CreateTableAsStmt *create, struct effect_words *words)
{
	struct effect_masks masks = effects_of_creation(create->into->rel);

	if (IsA(create->query, ExecuteStmt)) {
		struct effect_masks inner = effects_of_statement(create->query, words);

		masks.may |= inner.may;
		masks.surely |= inner.surely;
	}
	return masks;
}

static struct effect_masks
effects_of_query(const Node *statement, struct effect_words *words)
{
	const RangeVar *into;

	switch (nodeTag(statement)) {
	case T_SelectStmt:
		into = select_into((const SelectStmt *)statement);
		return into != NULL ? effects_of_creation(into) : effects_both(0);
	case T_InsertStmt:
	case T_MergeStmt:
		return effects_both(EFFECT_fills);
	case T_UpdateStmt:
		return effects_may(words->has_default ? EFFECT_fills : 0);
	case T_CopyStmt:
		return effects_of_copy((const CopyStmt *)statement);
	case T_ExplainStmt:
		return effects_of_explain((const ExplainStmt *)statement, words);
	case T_CreateTableAsStmt:
		return effects_of_table_as((const CreateTableAsStmt *)statement, words);
	case T_DeclareCursorStmt:
		return effects_both((((const DeclareCursorStmt *)statement)->options & CURSOR_OPT_HOLD) != 0 ? EFFECT_holds : 0);
	case T_ExecuteStmt:
		words->has_unnamed = true;
		return (struct effect_masks){.may = EFFECT_executes | EFFECTS_UNKNOWN, .surely = EFFECT_executes};
	default:
		return effects_both(0);
	}
}

static struct effect_masks
effects_of_statement(const Node *statement, struct effect_words *words)
{
	if (is_query(statement))
		return effects_of_query(statement, words);
	switch (nodeTag(statement)) {
	case T_VariableSetStmt:
		return effects_of_set((const VariableSetStmt *)statement, words);
	case T_VariableShowStmt:
		return effects_both(text_equal_nocase(((const VariableShowStmt *)statement)->name, "pgweir.last_lsn") ? EFFECT_looks_lsn : 0);
	case T_PrepareStmt:
		return effects_both(EFFECT_prepares);
	case T_DeallocateStmt:
		return effects_both(EFFECT_deallocates);
	case T_DiscardStmt:
		if (((const DiscardStmt *)statement)->target != DISCARD_ALL)
			return effects_both(EFFECT_discards);
		words->has_unnamed = true;
		return effects_both(EFFECT_discards | EFFECT_settings | EFFECT_resets);
	case T_ListenStmt:
	case T_UnlistenStmt:
		return effects_both(EFFECT_listens);
	case T_NotifyStmt:
		return effects_both(EFFECT_notifies);
	case T_LoadStmt:
		return effects_both(EFFECT_loads);
	case T_DoStmt:
		return effects_of_do((const DoStmt *)statement, words);
	case T_TruncateStmt:
		return effects_of_truncate((const TruncateStmt *)statement, words);
	default:
		return effects_of_definition(statement);
	}
}

void
parse_effects(const char *text, size_t length, const RawStmt *raw, struct effect_words *words)
{
	uint32_t surely_before = words->surely;
	struct effect_masks masks;
	size_t offset, own_length;

	words->surely = 0;
	words->has_default = words->has_update = words->has_settings_view = false;
	parse_place(raw, length, &offset, &own_length);
	if (!is_of_plain_names(raw->stmt))
		effect_words_scan(words, text + offset, own_length);
	parse_strangers(raw->stmt, words);
	masks = effects_of_statement(raw->stmt, words);
	if (!is_query(raw->stmt))
		words->surely = 0;
	words->effects |= masks.may;
	words->surely |= masks.surely | surely_before;
	words->has_unnamed |= (masks.may & EFFECT_unknown) != 0;
	if (!is_of_plain_names(raw->stmt))
		effect_words_add_name(words, FACTS_NAME_ALWAYS);
	if (!is_plain_command(raw->stmt))
		effect_words_add_name(words, FACTS_NAME_DDL);
}
