/*
 * test_userlist.c - the file of users and secrets.
 */
#include "config/userlist.h"

#include "base/bytes.h"
#include "test.h"

static struct bytes seen;

static void
note(void *context, const struct userlist_line *line)
{
	(void)context;
	if (line->problem != NULL)
		bytes_format(&seen, "%u!%s\n", line->number, line->problem);
	else
		bytes_format(&seen, "%u %s:%s\n", line->number, line->name, line->secret);
}

static const char *
read_list(const char *text)
{
	bytes_clear(&seen);
	userlist_read(text, strlen(text), note, NULL);
	bytes_u8(&seen, 0);
	return seen.data;
}

TEST("users come with their plaintext, md5 and SCRAM secrets, in order")
{
	expect_text(read_list("\"a\" \"secret\"\n\"b\" "
			      "\"md5c4ca4238a0b923820dcc509a6f75849b\"\n\"c\"\t\"SCRAM-SHA-256$4096:c2FsdA==$x:y\"\n"),
	    "1 a:secret\n2 b:md5c4ca4238a0b923820dcc509a6f75849b\n3 c:SCRAM-SHA-256$4096:c2FsdA==$x:y\n");
}

TEST("a doubled quote is a quote, and what follows the secret is ignored")
{
	expect_text(read_list("\"a\"\"b\" \"c\"\"\" rest \"of\" the line\n"), "1 a\"b:c\"\n");
}

TEST("empty lines and comments are passed over, and blanks and carriage returns do not matter")
{
	expect_text(read_list("\n; one\n  # two\n  \"a\"   \"b\"  \r\n\"c\" \"d\""), "4 a:b\n5 c:d\n");
}

TEST("an empty secret is a secret, an empty user is none")
{
	expect_text(read_list("\"a\" \"\"\n\"\" \"b\"\n"), "1 a:\n2!user name is empty\n");
}

TEST("a malformed line is named, and the others are still read")
{
	expect_text(read_list("a b\n\"a\"\n\"a\" \"b\n\"a\" b\n\"c\" \"d\"\n"),
	    "1!expected a user name in double quotes\n2!expected a secret in double quotes behind the user name\n"
	    "3!expected a secret in double quotes behind the user name\n"
	    "4!expected a secret in double quotes behind the user name\n5 c:d\n");
}

TEST("names beyond 127 bytes are refused")
{
	char text[200] = "\"";

	memset(text + 1, 'n', 128);
	memcpy(text + 129, "\" \"x\"\n", 7);
	expect_text(read_list(text), "1!user name is too long\n");
}

TEST("secrets of 65531 bytes are taken, longer ones refused")
{
	size_t length = 65531;
	char *text = calloc(length + 16, 1);

	memcpy(text, "\"a\" \"", 5);
	memset(text + 5, 's', length);
	text[5 + length] = '"';
	expect_int(strlen(read_list(text)), length + 5);
	text[5 + length] = 's';
	text[6 + length] = '"';
	expect_text(read_list(text), "1!secret is too long\n");
	free(text);
}
