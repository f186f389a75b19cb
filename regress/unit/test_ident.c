/*
 * test_ident.c - maps from certificates' and the system's names to users.
 */
#include "auth/hba.h"

#include "test.h"

static struct bytes errors;

static void
take_error(void *context, const char *file, unsigned line, const char *message)
{
	(void)context;
	bytes_format(&errors, "%s:%u: %s\n", file, line, message);
	bytes_u8(&errors, 0);
	errors.length--;
}

static struct ident *
maps(const char *text)
{
	struct hba_sink sink = {.error = take_error, .warning = take_error};

	bytes_clear(&errors);
	return ident_read_text("i", text, strlen(text), &sink);
}

static const char *
refused(const char *text)
{
	struct ident *i = maps(text);

	if (i == NULL)
		return errors.data;
	ident_unref(i);
	return "(loaded)";
}

static bool
allows(const char *text, const char *map, const char *system_name, const char *user)
{
	struct ident *i = maps(text);
	bool does = ident_allows(i, map, system_name, user);

	expect(i != NULL);
	ident_unref(i);
	return does;
}

TEST("without a map the names have to be equal")
{
	expect(ident_allows(NULL, NULL, "joe", "joe"));
	expect_false(ident_allows(NULL, NULL, "joe", "Joe"));
	expect_false(ident_allows(NULL, NULL, "", ""));
	expect_false(ident_allows(NULL, "m", "joe", "joe"));
}

TEST("a map allows what its lines say, and nothing else")
{
	const char *text = "# comment\nm joe app  # more\nm joe reader\nother ann all\nm \"bob smith\" \"all\"\n";

	expect(allows(text, "m", "joe", "app"));
	expect(allows(text, "m", "joe", "reader"));
	expect_false(allows(text, "m", "joe", "joe"));
	expect_false(allows(text, "m", "ann", "app"));
	expect(allows(text, "other", "ann", "anybody"));
	expect_false(allows(text, "m", "bob smith", "anybody"));
	expect(allows(text, "m", "bob smith", "all"));
	expect_false(allows(text, "nope", "joe", "app"));
}

TEST("a pattern's group takes the place of \\1")
{
	const char *text = "m /^(.*)@example\\.org$ \\1\nm \"/^cn=(\\w+),ou=x$\" \"db_\\1_rw\"\nm /@guest\\.org$ guest\n";

	expect(allows(text, "m", "joe@example.org", "joe"));
	expect_false(allows(text, "m", "joe@example.org", "ann"));
	expect_false(allows(text, "m", "joe@example.org.evil", "joe"));
	expect(allows(text, "m", "cn=joe,ou=x", "db_joe_rw"));
	expect_false(allows(text, "m", "cn=joe,ou=x", "db_joe_ro"));
	expect_false(allows(text, "m", "@example.org", ""));
	expect(allows(text, "m", "anybody@guest.org", "guest"));
}

TEST("what is taken from a name is a name, also where it says all or looks like a pattern")
{
	const char *text = "m \"/^(.*)$\" \\1\n";

	expect_false(allows(text, "m", "all", "postgres"));
	expect(allows(text, "m", "all", "all"));
	expect_false(allows(text, "m", "/.*", "postgres"));
	expect_false(allows(text, "m", "\\1", "postgres"));
}

TEST("a user may be a pattern")
{
	expect(allows("m joe /^app_", "m", "joe", "app_x"));
	expect_false(allows("m joe /^app_", "m", "joe", "xapp_"));
}

TEST("a line that is not understood refuses the file")
{
	expect_text(refused("m joe"), "i:1: the line ends before the user\n");
	expect_text(refused("m"), "i:1: the line ends before the system name\n");
	expect_text(refused("m joe a b"), "i:1: nothing may follow the user\n");
	expect_text(refused("m a,b c"), "i:1: the system name must be one word\n");
	expect_text(refused("m joe +admins"),
	    "i:1: user \"+admins\" is not supported: who is a member of a role is known to PostgreSQL only\n");
	expect_text(refused("\nm /^( joe"),
	    "i:2: invalid regular expression \"^(\" as system name: a parenthesis is not closed\n");
	expect_text(refused("m /^x$ \\1"), "i:1: regular expression \"^x$\" has no group for \\1 in \"\\1\"\n");
	expect_text(refused("m +joe joe"), "(loaded)");
	expect_text(refused(""), "(loaded)");
}
