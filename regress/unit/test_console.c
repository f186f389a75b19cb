/*
 * regress/unit/test_console.c - the console's language, and the way from a text to a command.
 */
#include "admin/admin_private.h"

#include "test.h"

static struct words words;
static struct call call;
static char problem[160];

static enum call_outcome
read_call(const char *text)
{
	problem[0] = '\0';
	return call_read(text, &call, problem, sizeof(problem));
}

/* ---------------------------------------------------------------- grammar */

TEST("a command is one or two words, with blanks and one semicolon where they please")
{
	expect_int(grammar_read(" \tshow\n pools ; ", &words), GRAMMAR_OK);
	expect_text(words.command, "show");
	expect_text(words.argument, "pools");
	expect(words.has_argument);

	expect_int(grammar_read("RELOAD", &words), GRAMMAR_OK);
	expect_text(words.command, "RELOAD");
	expect_false(words.has_argument);

	expect_int(grammar_read("reload;", &words), GRAMMAR_OK);
	expect_int(grammar_read("reload ;", &words), GRAMMAR_OK);
}

TEST("SELECT is another word for SHOW")
{
	expect_int(grammar_read("select version", &words), GRAMMAR_OK);
	expect_text(words.command, "SHOW");
	expect_text(words.argument, "version");
}

TEST("a quoted word keeps its case, its blanks and its doubled quotes")
{
	expect_int(grammar_read("PAUSE \"My \"\"own\"\" db\";", &words), GRAMMAR_OK);
	expect_text(words.argument, "My \"own\" db");
}

TEST("PRIMARY may follow the database of PAUSE and RESUME, and nothing else")
{
	expect_int(grammar_read("pause shop primary;", &words), GRAMMAR_OK);
	expect_text(words.argument, "shop");
	expect(words.of_primary);
	expect_int(grammar_read("RESUME \"primary\"", &words), GRAMMAR_OK);
	expect_false(words.of_primary);
	expect_int(grammar_read("pause primary", &words), GRAMMAR_OK);
	expect_false(words.of_primary);
	expect_int(grammar_read("pause shop primaryx", &words), GRAMMAR_INVALID);
	expect_int(grammar_read("pause shop primary now", &words), GRAMMAR_INVALID);
	expect_int(grammar_read("kill shop primary", &words), GRAMMAR_INVALID);
}

TEST("nothing, or a lone semicolon, is no command")
{
	expect_int(grammar_read("", &words), GRAMMAR_EMPTY);
	expect_int(grammar_read("  ", &words), GRAMMAR_EMPTY);
	expect_int(grammar_read(" ; ", &words), GRAMMAR_EMPTY);
}

TEST("what is not of the language is refused whole")
{
	static const char *const texts[] = {"show pools; show stats", "show pools now", ";;", "show pools;;", "pause my-db",
	    "pause \"open", "show 'pools'", "set x", "set", "set x = ", "set x = ;", "set x tok", "set x 5", "set x = 'open",
	    "set x = a b", "\"\"\"", "a\"b\"", "show \"a\"b"};

	for (size_t i = 0; i < array_length(texts); i++) {
		bool refused = grammar_read(texts[i], &words) == GRAMMAR_INVALID || read_call(texts[i]) == CALL_WRONG;

		if (!refused)
			printf("    %s\n", texts[i]);
		expect(refused);
	}
}

TEST("SET takes = or TO, and a bare or a quoted value")
{
	static const char *const texts[] = {"set query_timeout=5.5", "SET query_timeout = 5.5;", "set query_timeout to 5.5",
	    "set query_timeout TO '5.5' ;", "set \"query_timeout\"='5.5'", "set query_timeout to'5.5'"};

	for (size_t i = 0; i < array_length(texts); i++) {
		expect_int(grammar_read(texts[i], &words), GRAMMAR_OK);
		expect_text(words.argument, "query_timeout");
		expect(words.has_value);
		expect_text(words.value, "5.5");
	}
	expect_int(grammar_read("set a = 'it''s; here'", &words), GRAMMAR_OK);
	expect_text(words.value, "it's; here");
	expect_int(grammar_read("set a = ''", &words), GRAMMAR_OK);
	expect_text(words.value, "");
}

/* What ROUTE's statement is; "" when there is none. */
static const char *
statement_of(const char *text)
{
	free(words.statement);
	expect_int(grammar_read(text, &words), GRAMMAR_OK);
	expect_text(words.command, "ROUTE");
	expect_text(words.argument, "app");
	return words.statement != NULL ? words.statement : "";
}

TEST("ROUTE takes a statement in any of PostgreSQL's quotes, or without")
{
	expect_text(statement_of("ROUTE app 'select ''it''; $$x$$' ; "), "select 'it'; $$x$$");
	expect_text(statement_of("ROUTE app $$select 'it' $a$;$a$ $$;"), "select 'it' $a$;$a$ ");
	expect_text(statement_of("ROUTE app $a_1$ $$ $a$ $a_1$"), " $$ $a$ ");
	expect_text(statement_of("ROUTE app E'a\\'b\\\\c\\n\\x41\\101\\u00e9\\U0001f600'''"), "a'b\\c\nAA\u00e9\U0001f600'");
	expect_text(statement_of("ROUTE \"app\" select 'it'; select 2;"), "select 'it'; select 2;");
	expect_text(statement_of("ROUTE app ''"), "");
	expect_text(statement_of("ROUTE app\t\n'x'"), "x");
	expect(words.problem == NULL);
}

TEST("a statement of ROUTE that has no end, a character that cannot be, or something behind it, is told as such")
{
	static const char *const texts[] = {"ROUTE app '", "ROUTE app 'it''", "ROUTE app $$x$", "ROUTE app $a$x$b$", "ROUTE app E'x\\",
	    "ROUTE app E'x\\'", "ROUTE app E'\\0'", "ROUTE app E'\\400'", "ROUTE app E'\\x'", "ROUTE app E'\\ud800'", "ROUTE app E'\\U00110000'", "ROUTE app 'a' b",
	    "ROUTE app $$a$$ $$b$$"};

	for (size_t i = 0; i < array_length(texts); i++) {
		statement_of(texts[i]);
		if (words.problem == NULL)
			printf("    %s\n", texts[i]);
		expect(words.problem != NULL);
	}
	expect_text(statement_of("ROUTE app"), "");
	expect_text(statement_of("ROUTE app ;"), "");
	expect(words.problem == NULL);
	free(words.statement);
	words.statement = NULL;
}

TEST("words and values that are too long are told apart from wrong ones")
{
	char text[400];

	expect_int(grammar_read("fifteen_letters", &words), GRAMMAR_OK);
	expect_int(grammar_read("sixteen_letters_", &words), GRAMMAR_TOO_LONG);
	snprintf(text, sizeof(text), "pause %.63s", "0123456789012345678901234567890123456789012345678901234567890123456789");
	expect_int(grammar_read(text, &words), GRAMMAR_OK);
	snprintf(text, sizeof(text), "pause %.64s", "0123456789012345678901234567890123456789012345678901234567890123456789");
	expect_int(grammar_read(text, &words), GRAMMAR_TOO_LONG);
	snprintf(text, sizeof(text), "set a = '%0255d'", 0);
	expect_int(grammar_read(text, &words), GRAMMAR_OK);
	snprintf(text, sizeof(text), "set a = '%0256d'", 0);
	expect_int(grammar_read(text, &words), GRAMMAR_TOO_LONG);
}

/* --------------------------------------------------------------- commands */

TEST("a text becomes the command of its row, whatever its case")
{
	expect_int(read_call("show Pools;"), CALL_OK);
	expect_text(call.command->words, "SHOW POOLS");
	expect_text(call_columns(&call)[0].name, "database");

	expect_int(read_call("shutdown wait_for_clients"), CALL_OK);
	expect_text(call.command->words, "SHUTDOWN WAIT_FOR_CLIENTS");

	expect_int(read_call("pause"), CALL_OK);
	expect_int(read_call("pause db"), CALL_OK);
	expect_text(call.command->words, "PAUSE");
	expect_text(call.words.argument, "db");
}

TEST("what no row knows is an invalid command, repeated as it was given")
{
	expect_int(read_call("show"), CALL_WRONG);
	expect_text(problem, "invalid command 'show', use SHOW HELP;");
	expect_int(read_call("show Nothing;"), CALL_WRONG);
	expect_text(problem, "invalid command 'show Nothing;', use SHOW HELP;");
	expect_int(read_call("vacuum full"), CALL_WRONG);
	expect_text(problem, "invalid command 'vacuum full', use SHOW HELP;");
	expect_int(read_call("select 1 + 1"), CALL_WRONG);
	expect_text(problem, "invalid command 'select 1 + 1', use SHOW HELP;");
}

TEST("arguments where the row wants none make another command of it")
{
	expect_int(read_call("reload now"), CALL_WRONG);
	expect_text(problem, "invalid command 'reload now', use SHOW HELP;");
	expect_int(read_call("shutdown soon"), CALL_WRONG);
	expect_text(problem, "invalid command 'shutdown soon', use SHOW HELP;");
	expect_int(read_call("set query_timeout"), CALL_WRONG);
	expect_int(read_call("set"), CALL_WRONG);
	expect_text(problem, "invalid command 'set', use SHOW HELP;");
}

TEST("settings that drivers expect are answered without effect")
{
	expect_int(read_call("show Client_Encoding"), CALL_OK);
	expect_text(call.pretended->value, "UTF-8");
	expect_text(call_columns(&call)[0].name, "client_encoding");
	expect_int(read_call("set extra_float_digits = 3"), CALL_OK);
	expect(call.command->run == command_set_pretended);
	expect_int(read_call("set query_timeout = 3"), CALL_OK);
	expect(call.command->run == command_set);
}

TEST("a SHOW is for both roles, and nothing that changes anything is for the one that only looks")
{
	static const char *const texts[] = {"show pools", "show config", "show clients", "suspend", "reload", "pause", "kill", "set a = 1",
	    "shutdown", "kill_client 1", "reconnect", "disable a"};

	for (size_t i = 0; i < array_length(texts); i++) {
		expect_int(read_call(texts[i]), CALL_OK);
		expect_int(call.command->role, strncmp(texts[i], "show", 4) == 0 ? ROLE_STATS | ROLE_ADMIN : ROLE_ADMIN);
	}
	expect_int(read_call("show fds"), CALL_OK);
	expect_int(call.command->role, ROLE_ADMIN);
}

TEST("the list of commands shows a role what it may do")
{
	struct bytes list = {0};

	command_list(ROLE_STATS, &list);
	expect(strstr(list.data, "SHOW POOLS") != NULL);
	expect(strstr(list.data, "RELOAD") == NULL);
	bytes_free(&list);
}

/* ----------------------------------------------------------------- tables */

static const struct column numbers[] = {{"i", COLUMN_INT}, {"q", COLUMN_BIGINT}, {"n", COLUMN_NUMERIC}, {NULL, 0}};

TEST("numbers are sent as text or as their types' binary format")
{
	struct bytes out = {0};
	struct table t = {.out = &out, .columns = numbers, .binary = 5};
	static const char expected[] = "D\0\0\0\x2d\0\3" /* head, three columns */
	                               "\0\0\0\4\xff\xff\xff\xfe"
	                               "\0\0\0\2-7"
	                               "\0\0\0\x0c\0\2\0\1\0\0\0\0\0\1\0\2"
	                               "";

	table_row(&t);
	table_int(&t, -2);
	table_int(&t, -7);
	table_int(&t, 10002);
	table_end(&t);

	expect_int(out.length, 1 + 4 + 2 + 8 + 6 + 16);
	expect(memcmp(out.data + 5, expected + 5, 2 + 8 + 6 + 16) == 0);
	bytes_free(&out);
}

TEST("an int4 column says the greatest number it can instead of another one")
{
	struct bytes out = {0};
	struct table t = {.out = &out, .columns = numbers};

	table_row(&t);
	table_int(&t, (int64_t)1 << 40);
	table_text(&t, NULL);
	table_int(&t, (int64_t)1 << 40);
	table_end(&t);

	expect(memcmp(out.data + FRAME_HEAD + 2, "\0\0\0\x0a" "2147483647" "\xff\xff\xff\xff" "\0\0\0\x0d" "1099511627776", 4 + 10 + 4 + 4 + 13) == 0);
	bytes_free(&out);
}
