/*
 * test_ldap_name.c - a user's name inside of LDAP's texts: no name gets out of its place.
 */
#include "auth/ldap_name.h"

#include <stdlib.h>

#include "test.h"

static char *last;

static const char *
dn(const char *text)
{
	struct bytes out = {0};

	ldap_name_in_dn(&out, text);
	free(last);
	last = bytes_take(&out);
	return last;
}

static const char *
filter(const char *pattern, const char *user)
{
	struct ldap_options o = {.search_filter = (char *)(uintptr_t)pattern};

	free(last);
	last = ldap_name_filter(&o, user);
	return last;
}

TEST("an ordinary name stays as it is, in any language")
{
	expect_text(dn("alice b.c-d_e@example.net"), "alice b.c-d_e@example.net");
	expect_text(dn("J\xc3\xbcrgen"), "J\xc3\xbcrgen");
	expect_text(filter(NULL, "alice b.c-d_e@example.net"), "(uid=alice b.c-d_e@example.net)");
}

TEST("no name ends its part of a distinguished name")
{
	expect_text(dn("a,dc=x"), "a\\2cdc\\3dx");
	expect_text(dn("a+b\"c\\d<e>f;g"), "a\\2bb\\22c\\5cd\\3ce\\3ef\\3bg");
	expect_text(dn("a\nb\x7f"), "a\\0ab\\7f");
}

TEST("blanks and number signs are escaped where they would be dropped or mean something")
{
	expect_text(dn(" a b "), "\\20a b\\20");
	expect_text(dn("#a#b"), "\\23a#b");
	expect_text(dn(" "), "\\20");
}

TEST("no name ends its part of a filter, and none is a pattern")
{
	expect_text(filter(NULL, "*"), "(uid=\\2a)");
	expect_text(filter(NULL, "a)(|(uid=*"), "(uid=a\\29\\28|\\28uid=\\2a)");
	expect_text(filter(NULL, "a\\29"), "(uid=a\\5c29)");
	expect_text(filter(NULL, "\xff\x01"), "(uid=\\ff\\01)");
}

TEST("$username stands for the name wherever it is in the filter, and for nothing in the name")
{
	expect_text(filter("(|(uid=$username)(mail=$username@x))", "a*"), "(|(uid=a\\2a)(mail=a\\2a@x))");
	expect_text(filter("(uid=$username)", "$username"), "(uid=$username)");
	expect_text(filter("(objectClass=*)", "a"), "(objectClass=*)");
}

TEST("the attribute is the one that the options say")
{
	struct ldap_options o = {.search_attribute = (char *)(uintptr_t)"mail"};

	free(last);
	last = ldap_name_filter(&o, "a");

	expect_text(last, "(mail=a)");
}

TEST("the name to bind as is prefix, escaped user and suffix")
{
	struct ldap_options o = {.prefix = (char *)(uintptr_t)"cn=", .suffix = (char *)(uintptr_t)",dc=x"};

	free(last);
	last = ldap_name_to_bind(&o, "a,b");

	expect_text(last, "cn=a\\2cb,dc=x");
}
