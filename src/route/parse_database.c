/*
 * parse_database.c - the databases that CREATE, DROP and ALTER DATABASE need for
 * themselves.
 */
#include "parse_tree.h"

#include <string.h>

#include "base/bytes.h"
#include "route/databases.h"

static const DefElem *
option_find(const List *options, const char *name)
{
	ListCell *cell;

	foreach (cell, options) {
		const DefElem *option = lfirst(cell);

		if (strcmp(option->defname, name) == 0)
			return option;
	}
	return NULL;
}

static void
names_add(struct bytes *names, const char *name)
{
	if (name != NULL && name[0] != '\0')
		bytes_text(names, name);
}

/* A database is made from another one, template1 unless it says otherwise. */
static void
names_of_create(const CreatedbStmt *create, struct bytes *names)
{
	const DefElem *template = option_find(create->options, "template");

	names_add(names, create->dbname);
	if (template != NULL && template->arg != NULL && IsA(template->arg, String))
		names_add(names, strVal(template->arg));
	else
		names_add(names, "template1");
}

static void
names_of_statement(const Node *statement, struct bytes *names)
{
	switch (nodeTag(statement)) {
	case T_CreatedbStmt:
		names_of_create((const CreatedbStmt *)statement, names);
		break;
	case T_DropdbStmt:
		names_add(names, ((const DropdbStmt *)statement)->dbname);
		break;
	case T_RenameStmt:
		if (((const RenameStmt *)statement)->renameType != OBJECT_DATABASE)
			break;
		names_add(names, ((const RenameStmt *)statement)->subname);
		names_add(names, ((const RenameStmt *)statement)->newname);
		break;
	case T_AlterDatabaseStmt:
		if (option_find(((const AlterDatabaseStmt *)statement)->options, "tablespace") != NULL)
			names_add(names, ((const AlterDatabaseStmt *)statement)->dbname);
		break;
	default:
		break;
	}
}

char *
route_databases(const char *text, size_t length)
{
	struct bytes names = {0};
	struct parsed parsed;
	ListCell *cell;

	if (length > ROUTE_TEXT_MAX_BYTES || strcasestr(text, "database") == NULL)
		return NULL;
	parsed = parse_open(text, length);
	if (parsed.is_ok) {
		foreach (cell, parsed.statements)
			names_of_statement(lfirst_node(RawStmt, cell)->stmt, &names);
	}
	parse_close(&parsed);
	if (names.length > 0)
		bytes_u8(&names, 0);
	return names.data;
}
