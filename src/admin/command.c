/*
 * admin/command.c - from words to a command: the table of commands, and the settings
 * of PostgreSQL's that drivers expect to find.  Whether the user may give the command
 * is asked where it is run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_private.h"
#include "admin/console.h"
#include "base/mdoc.h"

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

/* The words of SHOW; false when there is nothing to show by that name. */
static bool
call_show(struct call *call)
{
	const struct words *w = &call->words;

	call->command = command_find("SHOW", w->argument);
	if (call->command != NULL)
		return true;
	call->pretended = pretended_find(w->argument);
	call->command = &show_pretended;
	return call->pretended != NULL && call->pretended->value != NULL;
}

/* The words of a command that is not SHOW; false when there is no such command. */
static bool
call_other(struct call *call)
{
	const struct words *w = &call->words;

	if (w->has_value)
		call->pretended = pretended_find(w->argument);
	if (call->pretended != NULL) {
		call->command = &set_pretended;
		return true;
	}
	if (w->has_argument)
		call->command = command_find(w->command, w->argument);
	if (call->command != NULL)
		return true;
	call->command = command_find(w->command, NULL);
	if (call->command == NULL)
		return false;
	if (call->command->argument == ARGUMENT_SETTING)
		return w->has_value;
	return call->command->argument != ARGUMENT_NONE || !w->has_argument;
}

enum call_outcome
call_read(const char *text, struct call *out, char *problem, size_t size)
{
	bool known = false;

	*out = (struct call){0};
	switch (grammar_read(text, &out->words)) {
	case GRAMMAR_EMPTY:
		return CALL_EMPTY;
	case GRAMMAR_TOO_LONG:
		snprintf(problem, size, "bad arguments");
		return CALL_WRONG;
	case GRAMMAR_INVALID:
		break;
	default:
		known = text_equal_nocase(out->words.command, "SHOW") ? call_show(out) : call_other(out);
	}
	if (known)
		return CALL_OK;
	snprintf(problem, size, "invalid command '%s', use SHOW HELP;", text);
	return CALL_WRONG;
}

struct call
call_copy(const struct call *call)
{
	struct call copy = *call;

	copy.words.statement = text_copy(call->words.statement);
	return copy;
}

void
call_forget(struct call *call)
{
	free(call->words.statement);
	*call = (struct call){0};
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

void
console_write_commands(struct bytes *out)
{
	bytes_chars(out, ".Pp\nThe commands are:\n.Bl -tag -width Ds\n");
	for (size_t i = 0; i < array_length(commands); i++) {
		bytes_format(out, ".It Ic %s", commands[i].words);
		if (commands[i].usage != NULL)
			bytes_format(out, " Ar %s", commands[i].usage);
		bytes_chars(out, "\n");
		mdoc_text(out, commands[i].text);
		bytes_chars(out, "\n");
	}
	bytes_chars(out, ".El\n");
}
