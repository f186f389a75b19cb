/*
 * parse_defaults.c - whom ALTER ROLE | DATABASE ... SET concerns.
 */
#include "parse_tree.h"

#include <stdlib.h>

#include "route/defaults.h"

static struct route_defaults
defaults_of_statement(const Node *statement)
{
	struct route_defaults d = {0};

	if (IsA(statement, AlterRoleSetStmt)) {
		const AlterRoleSetStmt *alter = (const AlterRoleSetStmt *)statement;

		if (alter->role != NULL && alter->role->roletype == ROLESPEC_CSTRING)
			d.role = text_copy(alter->role->rolename);
		d.database = text_copy(alter->database);
		d.setting = text_copy(alter->setstmt->name);
	} else if (IsA(statement, AlterDatabaseSetStmt)) {
		const AlterDatabaseSetStmt *alter = (const AlterDatabaseSetStmt *)statement;

		d.database = text_copy(alter->dbname);
		d.setting = text_copy(alter->setstmt->name);
	}
	return d;
}

struct route_defaults
route_defaults_of(const char *text, size_t length)
{
	struct route_defaults d = {0};
	struct parsed parsed;

	if (length > ROUTE_TEXT_MAX_BYTES)
		return d;
	parsed = parse_open(text, length);
	if (parsed.is_ok && list_length(parsed.statements) == 1)
		d = defaults_of_statement(linitial_node(RawStmt, parsed.statements)->stmt);
	parse_close(&parsed);
	return d;
}

void
route_defaults_free(struct route_defaults *d)
{
	free(d->role);
	free(d->database);
	free(d->setting);
	*d = (struct route_defaults){0};
}
