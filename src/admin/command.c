/*
 * admin/command.c - from words to a command: the table of commands, and the settings
 * of PostgreSQL's that drivers expect to find.  Whether the user may give the command
 * is asked where it is run.
 */
#include <stdio.h>
#include <string.h>

#include "admin/admin_private.h"

#define BOTH_ROLES (ROLE_STATS | ROLE_ADMIN)

static const struct command commands[] = {
#define COMMAND(name, said, ...) {.words = said, .run = command_##name, __VA_ARGS__},
#include "tables/commands.h"
#undef COMMAND
};

static const struct command show_pretended = {.words = "SHOW", .role = BOTH_ROLES, .run = command_show_pretended};
static const struct command set_pretended = {.words = "SET", .role = BOTH_ROLES, .run = command_set_pretended};

/* Those with a value can be asked for, all of them can be set. */
static const struct pretended pretended[] = {
	{"UTF-8", {{"client_encoding", COLUMN_TEXT}}},
	{"read committed", {{"default_transaction_isolation", COLUMN_TEXT}}},
	{"on", {{"standard_conforming_strings", COLUMN_TEXT}}},
	{"ISO", {{"datestyle", COLUMN_TEXT}}},
	{"GMT", {{"timezone", COLUMN_TEXT}}},
	{NULL, {{"extra_float_digits", COLUMN_TEXT}}},
	{NULL, {{"application_name", COLUMN_TEXT}}},
};

static const struct pretended *
pretended_find(const char *name)
{
	for (size_t i = 0; i < array_length(pretended); i++)
		if (text_equal_nocase(pretended[i].columns[0].name, name))
			return &pretended[i];
	return NULL;
}

static const struct command *
command_find(const char *first, const char *second)
{
	char words[GRAMMAR_COMMAND_SIZE + GRAMMAR_WORD_SIZE + 1];

	snprintf(words, sizeof(words), "%s%s%s", first, second != NULL ? " " : "", second != NULL ? second : "");
	for (size_t i = 0; i < array_length(commands); i++)
		if (text_equal_nocase(commands[i].words, words))
			return &commands[i];
	return NULL;
}

static enum call_outcome __attribute__((format(printf, 3, 4)))
call_is_wrong(char *problem, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(problem, size, format, args);
	va_end(args);
	return CALL_WRONG;
}

static enum call_outcome
call_show(struct call *call, char *problem, size_t size)
{
	const struct words *w = &call->words;

	call->command = command_find("SHOW", w->has_argument ? w->argument : "HELP");
	if (call->command != NULL)
		return CALL_OK;
	call->pretended = pretended_find(w->argument);
	if (call->pretended == NULL || call->pretended->value == NULL)
		return call_is_wrong(problem, size, "invalid command '%s', use SHOW HELP;", w->argument);
	call->command = &show_pretended;
	return CALL_OK;
}

/* The words of a command that is not SHOW. */
static enum call_outcome
call_other(struct call *call, char *problem, size_t size)
{
	const struct words *w = &call->words;
	enum argument argument;

	if (w->has_argument)
		call->command = command_find(w->command, w->argument);
	if (call->command != NULL)
		return CALL_OK;
	call->command = command_find(w->command, NULL);
	if (call->command == NULL)
		return call_is_wrong(problem, size, "invalid command '%s', use SHOW HELP;", w->command);
	argument = call->command->argument;
	if (argument == ARGUMENT_DATABASE_NEEDED && !w->has_argument)
		return call_is_wrong(problem, size, "a database is required");
	if ((argument == ARGUMENT_NONE && w->has_argument) || (argument == ARGUMENT_SETTING && !w->has_value) ||
	    (argument == ARGUMENT_WORD && !w->has_argument))
		return call_is_wrong(problem, size, "bad arguments");
	return CALL_OK;
}

enum call_outcome
call_read(const char *text, struct call *out, char *problem, size_t size)
{
	*out = (struct call){0};
	switch (grammar_read(text, &out->words)) {
	case GRAMMAR_EMPTY:
		return CALL_EMPTY;
	case GRAMMAR_INVALID:
		return call_is_wrong(problem, size, "invalid command '%.100s', use SHOW HELP;", text);
	case GRAMMAR_TOO_LONG:
		return call_is_wrong(problem, size, "bad arguments");
	default:
		break;
	}
	if (text_equal_nocase(out->words.command, "SHOW"))
		return call_show(out, problem, size);
	if (out->words.has_value)
		out->pretended = pretended_find(out->words.argument);
	if (out->pretended != NULL) {
		out->command = &set_pretended;
		return CALL_OK;
	}
	return call_other(out, problem, size);
}

const struct column *
call_columns(const struct call *call)
{
	return call->command == &show_pretended ? call->pretended->columns : call->command->columns;
}

void
command_list(unsigned role, struct bytes *out)
{
	for (size_t i = 0; i < array_length(commands); i++) {
		const struct command *c = &commands[i];
		int width = 26 - (int)strlen(c->words);

		if ((c->role & role) == 0)
			continue;
		bytes_format(out, "\n\t%s %-*s %s", c->words, max_of(width, 0), c->usage != NULL ? c->usage : "", c->text);
	}
	bytes_u8(out, 0);
	out->length--;
}
