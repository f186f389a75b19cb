/*
 * test_ldap_options.c - the options of auth_type=ldap: what is read, what is refused.
 */
#include "config/ldap_options.h"

#include "test.h"

static struct ldap_options o;
static struct bytes why;

/* NULL when the text is read, else what is wrong with it. */
static const char *
problem(const char *text)
{
	ldap_options_free(&o);
	bytes_clear(&why);
	return ldap_options_read(&o, text, &why) ? NULL : why.data;
}

TEST("a bind without a search has a server, a prefix and a suffix")
{
	expect_text(problem("ldapserver=ldap.example.net ldapprefix=\"cn=\" ldapsuffix=\", dc=example, dc=net\""), NULL);

	expect_text(o.server, "ldap.example.net");
	expect_text(o.prefix, "cn=");
	expect_text(o.suffix, ", dc=example, dc=net");
	expect_text(o.base, NULL);
	expect_text(o.scheme, "ldap");
	expect_int(o.port, 389);
	expect_false(o.tls);
}

TEST("a search has a base, who searches, and an attribute or a filter, and goes through the whole tree")
{
	expect_text(problem("ldapserver=one,ldapport=1389 ldaptls=1, ldapbasedn=\"dc=x\" ldapbinddn=\"cn=reader,dc=x\" "
			    "ldapbindpasswd=\"a \"\"word\"\"\" ldapsearchattribute=mail"),
	    NULL);

	expect_int(o.port, 1389);
	expect(o.tls);
	expect_text(o.base, "dc=x");
	expect_text(o.bind_dn, "cn=reader,dc=x");
	expect_text(o.bind_password, "a \"word\"");
	expect_text(o.search_attribute, "mail");
	expect_int(o.scope, LDAP_SUBTREE);
}

TEST("quotes may be around a value, around all of it, or around both sides")
{
	expect_text(problem("ldapserver=\"a b\" \"ldapbasedn=dc=x, dc=y\" \"ldapport\"=\"7\""), NULL);

	expect_text(o.server, "a b");
	expect_text(o.base, "dc=x, dc=y");
	expect_int(o.port, 7);
}

TEST("a URL says server, port, base, attribute and scope")
{
	expect_text(problem("ldapurl=\"ldaps://ldap.example.net:1636/ou=people,dc=x?mail,uid?sub\""), NULL);

	expect_text(o.scheme, "ldaps");
	expect_text(o.server, "ldap.example.net");
	expect_int(o.port, 1636);
	expect_text(o.base, "ou=people,dc=x");
	expect_text(o.search_attribute, "mail");
	expect_text(o.search_filter, NULL);
	expect_int(o.scope, LDAP_SUBTREE);
}

TEST("a URL may have a filter, and characters in hexadecimal")
{
	expect_text(problem("ldapurl=ldap://h/dc=a%20b??one?(uid=$username)"), NULL);

	expect_text(o.base, "dc=a b");
	expect_text(o.search_attribute, NULL);
	expect_text(o.search_filter, "(uid=$username)");
	expect_int(o.scope, LDAP_ONE);
}

TEST("a URL without a scope means the base alone, without a port the scheme's")
{
	expect_text(problem("ldapurl=ldaps://[::1]/dc=x"), NULL);

	expect_text(o.server, "[::1]");
	expect_int(o.port, 636);
	expect_int(o.scope, LDAP_BASE);
}

TEST("a URL without a host leaves the server to the DNS, by the base")
{
	expect_text(problem("ldapurl=\"ldap:///dc=example,dc=net?uid?sub\""), NULL);

	expect_text(o.server, NULL);
	expect_text(o.base, "dc=example,dc=net");
}

TEST("a URL that makes no sense is refused")
{
	expect_text(problem("ldapurl=http://h/dc=x"), "ldapurl's scheme \"http\" is not ldap or ldaps");
	expect_text(problem("ldapurl=h"), "ldapurl \"h\" does not begin with ldap:// or ldaps://");
	expect_text(problem("ldapurl=ldap://h:0/dc=x"), "could not understand the host in ldapurl \"ldap://h:0/dc=x\"");
	expect_text(problem("ldapurl=ldap://h:1x/dc=x"), "could not understand the host in ldapurl \"ldap://h:1x/dc=x\"");
	expect_text(problem("ldapurl=ldap://h/dc=x?uid?all"), "could not understand ldapurl \"ldap://h/dc=x?uid?all\"");
	expect_text(problem("ldapurl=ldap://h/dc=%4"), "could not understand ldapurl \"ldap://h/dc=%4\"");
	expect_text(problem("ldapurl=ldap://h/dc=%00x"), "could not understand ldapurl \"ldap://h/dc=%00x\"");
}

TEST("an option that does not exist is refused with the nearest one that does")
{
	expect_text(problem("ldapsever=x"), "unrecognized LDAP option \"ldapsever\"; did you mean \"ldapserver\"?");
	expect_text(problem("nothing=x"), "unrecognized LDAP option \"nothing\"");
}

TEST("values that make no sense are refused")
{
	expect_text(problem("ldapport=0"), "ldapport \"0\" is no port");
	expect_text(problem("ldapport=65536"), "ldapport \"65536\" is no port");
	expect_text(problem("ldapport=-1"), "ldapport \"-1\" is no port");
	expect_text(problem("ldapscheme=ldapi"), "ldapscheme is ldap or ldaps, not \"ldapi\"");
	expect_text(problem("ldaptls=yes"), "ldaptls is 0 or 1, not \"yes\"");
	expect_text(problem("ldapserver="), "ldapserver has no value");
	expect_text(problem("ldapserver"), "expected name=value among the LDAP options");
	expect_text(problem("ldapserver=\"x"), "a quote among the LDAP options is not closed");
}

TEST("the two modes cannot be mixed, and one of them is needed")
{
	const char *mixed = "ldapprefix and ldapsuffix cannot be together with ldapbasedn, ldapbinddn, ldapbindpasswd, "
			    "ldapsearchattribute, ldapsearchfilter or ldapurl";

	expect_text(problem("ldapserver=x ldapprefix=a ldapbasedn=dc=x"), mixed);
	expect_text(problem("ldapsuffix=a ldapurl=ldap://x/dc=x"), mixed);
	expect_text(problem("ldapserver=x"), "one of ldapbasedn, ldapprefix, ldapsuffix and ldapurl is needed");
	expect_text(problem(""), "one of ldapbasedn, ldapprefix, ldapsuffix and ldapurl is needed");
	expect_text(problem("ldapserver=x ldapbasedn=dc=x ldapsearchattribute=a ldapsearchfilter=b"),
	    "ldapsearchattribute and ldapsearchfilter cannot be together");
	expect_text(problem("ldapprefix=a"), "ldapserver is needed where ldapbasedn does not say the domain");
}

TEST("the password to bind with is in no message")
{
	const char *said = problem("ldapserver=x ldapbindpasswd=hidden ldapprefix=a");

	expect(said != NULL && strstr(said, "hidden") == NULL);
	said = problem("ldapserver=x ldapbindpasswd=\"hidden");
	expect(said != NULL && strstr(said, "hidden") == NULL);
}

TEST("a copy is one of its own")
{
	struct ldap_options copy;

	expect_text(problem("ldapserver=x ldapbasedn=dc=x ldapbindpasswd=w"), NULL);
	copy = ldap_options_copy(&o);
	ldap_options_free(&o);

	expect_text(copy.server, "x");
	expect_text(copy.bind_password, "w");
	expect_int(copy.port, 389);
	ldap_options_free(&copy);
}
