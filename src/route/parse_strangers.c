/*
 * parse_strangers.c - names in a statement that the catalog did not have when it was
 * read: what they do, nobody knows yet.
 *
 * A function or a type may do anything.  A relation may be a view or have triggers, or be
 * the session's own temporary one: that is for the session to say.  current_setting('pgweir.last_lsn') is one
 * that PostgreSQL does not know until it is told.
 */
#include "parse_tree.h"

#include "effects.h"

#include <string.h>

/* So many names of WITH queries, and of relations that may be such, are told apart. */
#define NAMES_MAX 64

struct strangers {
	const struct effect_words *words;
	const char *ctes[NAMES_MAX];      /* borrowed from the tree */
	const char *relations[NAMES_MAX]; /* likewise: those that the catalog does not know */
	unsigned cte_count, relation_count;
	bool has_code;
	bool looks_lsn;
};

/* Types that have no code of a user's behind them; without facts all others may have. */
static bool
is_common_type(const char *name)
{
	static const char *const names[] = {"bytea", "cidr", "date", "inet", "json", "jsonb", "money", "name", "oid", "regclass", "regproc", "regtype",
	    "text", "timestamptz", "timetz", "tsquery", "tsvector", "uuid", "xml", "int2", "int4", "int8", "float4", "float8", "bool", "varchar",
	    "bpchar", "numeric", "timestamp", "time", "interval"};

	for (size_t i = 0; i < array_length(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool
text_is_ascii(const char *text)
{
	while (*text != '\0' && (unsigned char)*text < 0x80)
		text++;
	return *text == '\0';
}

static bool
schema_is_apart(const char *schema)
{
	return schema != NULL && (strcmp(schema, "pg_catalog") == 0 || strncmp(schema, "pg_temp", 7) == 0);
}

static bool
is_strange(const struct effect_words *words, const char *schema, const char *name)
{
	if (schema_is_apart(schema) || (!text_is_ascii(name) && !words->exact_encoding))
		return false;
	return words->facts != NULL && !facts_may_have_name(words->facts, name);
}

static void
take_relation(struct strangers *s, const RangeVar *relation)
{
	if (relation == NULL || !is_strange(s->words, relation->schemaname, relation->relname))
		return;
	if (s->relation_count < NAMES_MAX)
		s->relations[s->relation_count++] = relation->relname;
}

static void
take_code(struct strangers *s, const List *names, bool is_type)
{
	const Node *first = names != NIL ? linitial(names) : NULL, *last = names != NIL ? llast(names) : NULL;
	bool lacks_facts = s->words->facts == NULL || s->words->facts_are_old;
	const char *schema, *name;

	if (last == NULL || !IsA(first, String) || !IsA(last, String))
		return;
	schema = first != last ? strVal(first) : NULL;
	name = strVal(last);
	/* Calls are noted by the words then. */
	s->has_code |= is_type && lacks_facts && !schema_is_apart(schema) && !is_common_type(name);
	s->has_code |= is_strange(s->words, schema, name);
}

/* The targets of what writes are no children that are read. */
static bool
take_node(void *user, const Node *node)
{
	struct strangers *s = user;

	switch (nodeTag(node)) {
	case T_FuncCall:
		take_code(s, ((const FuncCall *)node)->funcname, false);
		s->looks_lsn |= text_equal_nocase(name_of_setting_asked((const FuncCall *)node), "pgweir.last_lsn");
		break;
	case T_TypeName:
		take_code(s, ((const TypeName *)node)->names, true);
		break;
	case T_RangeVar:
		take_relation(s, (const RangeVar *)node);
		break;
	case T_InsertStmt:
		take_relation(s, ((const InsertStmt *)node)->relation);
		break;
	case T_UpdateStmt:
		take_relation(s, ((const UpdateStmt *)node)->relation);
		break;
	case T_DeleteStmt:
		take_relation(s, ((const DeleteStmt *)node)->relation);
		break;
	case T_MergeStmt:
		take_relation(s, ((const MergeStmt *)node)->relation);
		break;
	case T_CommonTableExpr:
		if (s->cte_count < NAMES_MAX)
			s->ctes[s->cte_count++] = ((const CommonTableExpr *)node)->ctename;
		break;
	default:
		break;
	}
	return true;
}

static bool
is_cte(const struct strangers *s, const char *name)
{
	for (unsigned i = 0; i < s->cte_count; i++)
		if (strcmp(s->ctes[i], name) == 0)
			return true;
	return false;
}

/* The queries and names inside of a statement. */
static const void *
inside_of(const Node *statement)
{
	switch (nodeTag(statement)) {
	case T_ExplainStmt:
		return inside_of(((const ExplainStmt *)statement)->query);
	case T_CreateTableAsStmt:
		return inside_of(((const CreateTableAsStmt *)statement)->query);
	case T_DeclareCursorStmt:
		return ((const DeclareCursorStmt *)statement)->query;
	case T_PrepareStmt:
		return ((const PrepareStmt *)statement)->query;
	case T_CopyStmt:
		return ((const CopyStmt *)statement)->query != NULL ? ((const CopyStmt *)statement)->query
		                                                     : (const Node *)((const CopyStmt *)statement)->relation;
	case T_CallStmt:
		return ((const CallStmt *)statement)->funccall;
	case T_ExecuteStmt:
		return ((const ExecuteStmt *)statement)->params;
	case T_SelectStmt:
	case T_InsertStmt:
	case T_UpdateStmt:
	case T_DeleteStmt:
	case T_MergeStmt:
		return statement;
	default:
		return NULL;
	}
}

void
parse_strangers(const Node *statement, struct effect_words *words)
{
	struct strangers found = {.words = words};
	const void *inside = inside_of(statement);
	bool is_complete = inside == NULL || walk_each(inside, take_node, &found);

	if (found.looks_lsn)
		words->effects |= EFFECT_looks_lsn;
	for (unsigned i = 0; i < found.relation_count; i++)
		words->has_new_relation |= !is_cte(&found, found.relations[i]);
	if (!found.has_code && is_complete)
		return;
	words->effects |= EFFECTS_UNKNOWN;
	words->has_unnamed = true;
	words->lacks_catalog |= words->facts == NULL;
}
