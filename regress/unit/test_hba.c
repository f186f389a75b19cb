/*
 * test_hba.c - host-based rules: which lines are understood, and which rule decides.
 */
#include "auth/hba.h"
#include "config/config.h"

#include <unistd.h>

#include "test.h"

static struct bytes errors, warnings;

static void
take(void *to, const char *file, unsigned line, const char *message)
{
	bytes_format(to, "%s:%u: %s\n", file, line, message);
	bytes_u8(to, 0);
	((struct bytes *)to)->length--;
}

static void
take_error(void *context, const char *file, unsigned line, const char *message)
{
	(void)context;
	take(&errors, file, line, message);
}

static void
take_warning(void *context, const char *file, unsigned line, const char *message)
{
	(void)context;
	take(&warnings, file, line, message);
}

static const struct hba_sink sink = {.error = take_error, .warning = take_warning};

static struct hba *
rules(const char *text)
{
	bytes_clear(&errors);
	bytes_clear(&warnings);
	return hba_read_text("h", text, strlen(text), &sink);
}

static const char *
said(const struct bytes *lines)
{
	return lines->length > 0 ? lines->data : "";
}

/* The errors of rules that must not load, "(loaded)" when they do. */
static const char *
refused(const char *text)
{
	struct hba *h = rules(text);

	if (h == NULL)
		return said(&errors);
	hba_unref(h);
	return "(loaded)";
}

/* The warnings of rules that must load. */
static const char *
warned(const char *text)
{
	struct hba *h = rules(text);

	expect_text(h == NULL ? said(&errors) : "", "");
	hba_unref(h);
	return said(&warnings);
}

/* A client over TCP without TLS. */
static struct hba_question
client(const char *database, const char *user, const char *peer)
{
	struct hba_question q = {.database = database, .user = user};

	expect(peer[0] == '\0' || address_parse(peer, &q.peer));
	return q;
}

/* The line of the rule that decides, 0 for none, -1 when a name is needed. */
static int
decided_by(const struct hba *h, struct hba_question q)
{
	const struct hba_rule *rule;

	switch (hba_match(h, &q, &rule)) {
	case HBA_MATCH:
		return (int)rule->line;
	case HBA_NEEDS_NAME:
		expect(rule == NULL);
		return -1;
	default:
		expect(rule == NULL);
		return 0;
	}
}

/* Likewise for one text and a client of that database, user and address ("" is a unix socket). */
static int
line_for(const char *text, const char *database, const char *user, const char *peer)
{
	struct hba *h = rules(text);
	int line;

	expect_text(h == NULL ? said(&errors) : "", "");
	line = decided_by(h, client(database, user, peer));
	hba_unref(h);
	return line;
}

/* ------------------------------------------------------------- which lines */

TEST("every form of a line is understood")
{
	static const char *const right[] = {"local all all trust", "local all all peer map=m", "host all all all reject",
	    "host all all 10.0.0.0/8 md5", "host all all 10.0.0.0 255.0.0.0 md5", "host all all ::1/128 scram-sha-256",
	    "host all all fe80:: ffff:: password", "hostssl all all all cert map=m clientname=DN",
	    "hostssl all all all cert clientcert=verify-full", "hostssl all all all md5 clientcert=verify-ca",
	    "hostnossl all all samenet md5", "hostnogssenc all all samehost md5", "host all all db.example.org md5",
	    "host all all .example.org md5", "host sameuser all all md5", "host replication,a,\"all\" b,\"c d\" all md5",
	    "host a, b all all md5", "host /^a$ \"/^b{2,3}$\" all md5", "host all all all pam",
	    "host all all all pam pamservice=other", "host all all all ldap ldapserver=x ldapprefix=\"cn=\" ldapsuffix=\", dc=x\"",
	    "host all all all ldap \"ldapurl=ldap://x/dc=y?uid?sub\"", "\tlocal\tall all trust # why not\r\n",
	    "local all all trust#why", "local \\\nall all \\\r\ntrust", "\xef\xbb\xbf# first\n\n  # second\nlocal all all trust"};

	for (size_t i = 0; i < array_length(right); i++) {
		if (strcmp(refused(right[i]), "(loaded)") != 0)
			printf("    %s: %s", right[i], said(&errors));
		expect_text(refused(right[i]), "(loaded)");
	}
}

TEST("a broken reject line refuses the file, with its place and the nearest word")
{
	expect_text(refused("local all all trust\nhost all evil all rejct\n"),
	    "h:2: invalid authentication method \"rejct\"; did you mean \"reject\"?\n");
	expect_text(refused("hots all evil all reject"), "h:1: invalid connection type \"hots\"; did you mean \"host\"?\n");
	expect_text(refused("HOST all evil all reject"), "h:1: invalid connection type \"HOST\"; did you mean \"host\"?\n");
	expect_text(refused("host all evil 10.0.0.0/33 reject"), "h:1: invalid CIDR mask in address \"10.0.0.0/33\"\n");
	expect_text(refused("host all evil 10.0.0.300 reject"), "h:1: invalid address \"10.0.0.300\"\n");
}

TEST("every error of a file is told, not the first alone")
{
	expect_text(refused("hots all all all md5\nlocal all all trust\nlocal all all md6\n"),
	    "h:1: invalid connection type \"hots\"; did you mean \"host\"?\n"
	    "h:3: invalid authentication method \"md6\"; did you mean \"md5\"?\n");
}

TEST("a line that ends too early says where")
{
	expect_text(refused("host"), "h:1: the line ends before the database\nh:1: the line ends before the user\n");
	expect_text(refused("local all"), "h:1: the line ends before the user\n");
	expect_text(refused("local all all"), "h:1: the line ends before the authentication method\n");
	expect_text(refused("host all all"), "h:1: the line ends before the address\n");
	expect_text(refused("host all all 10.0.0.0"), "h:1: the line ends before the netmask\n");
	expect_text(refused("host all all all"), "h:1: the line ends before the authentication method\n");
}

TEST("an address that is none is refused, never taken for the name of a host")
{
	static const char *const wrong[] = {"10.0.0.0/", "10.0.0.0/x", "10.0.0.0/08x", "10.0.0.0/-1", "10.0/16", "10",
	    "::1/129", "fe80::1%eth0/64", "host.example.org/24", "a,b", "...", ".", "a b", "*", "*.example.org", "1e5:", "/8"};
	char line[128];

	for (size_t i = 0; i < array_length(wrong); i++) {
		snprintf(line, sizeof(line), "host all all %s md5", wrong[i]);
		if (strcmp(refused(line), "(loaded)") == 0)
			printf("    accepted: %s\n", line);
		expect(strcmp(refused(line), "(loaded)") != 0);
	}
	expect_text(refused("host all all 10.0.0.0 ::1 md5"),
	    "h:1: the address and the netmask are not both IPv4 or both IPv6\n");
	expect_text(refused("host all all 10.0.0.0 md5"), "h:1: invalid netmask \"md5\"\n");
}

TEST("half a quote, half a list and a zero byte are refused")
{
	struct hba *h;

	expect_text(refused("host all \"a all all md5"), "h:1: a quote is not closed\n");
	expect_text(refused("host a,,b all all md5"), "h:1: a word is missing beside a comma\n");
	expect_text(refused("host a ,b all md5"), "h:1: a word is missing beside a comma\n");
	expect_text(refused("host a, # comment"), "h:1: a word is missing beside a comma\n");
	expect_text(refused("host \"\" all all md5"), "h:1: a word is empty\n");
	bytes_clear(&errors);
	h = hba_read_text("h", "local all all\0 trust", 20, &sink);
	expect(h == NULL);
	expect_text(said(&errors), "h:1: line contains a zero byte\n");
}

TEST("what only PostgreSQL can know is refused with the reason")
{
	expect_text(refused("local samerole all trust"),
	    "h:1: database \"samerole\" is not supported: who is a member of a role is known to PostgreSQL only\n");
	expect_text(refused("local all +admins trust"),
	    "h:1: user \"+admins\" is not supported: who is a member of a role is known to PostgreSQL only\n");
	expect_text(refused("host all all all gss"), "h:1: authentication method \"gss\" is not supported\n");
	expect_text(refused("host all all all ident"), "h:1: authentication method \"ident\" is not supported\n");
	expect_text(refused("local all \"+admins\" trust"), "(loaded)");
}

TEST("options that a method does not have, and values that they do not take, are refused")
{
	expect_text(refused("host all all all md5 map=m"), "h:1: option \"map\" is not for authentication method \"md5\"\n");
	expect_text(refused("local all all peer mpa=m"), "h:1: unrecognized option \"mpa\"; did you mean \"map\"?\n");
	expect_text(refused("local all all peer map"), "h:1: option \"map\" is not of the form name=value\n");
	expect_text(refused("local all all peer map="), "h:1: invalid value \"\" for option \"map\": must not be empty\n");
	expect_text(refused("local all all peer map=a map=b"), "h:1: option \"map\" is given twice\n");
	expect_text(refused("host all all all md5 clientcert=verify-ca"),
	    "h:1: option \"clientcert\" is for \"hostssl\" lines only\n");
	expect_text(refused("hostssl all all all md5 clientcert=1"),
	    "h:1: invalid value \"1\" for option \"clientcert\": must be verify-ca or verify-full\n");
	expect_text(refused("hostssl all all all cert clientcert=verify-ca"),
	    "h:1: \"cert\" compares the name: clientcert=verify-ca does not go with it\n");
	expect_text(refused("hostssl all all all cert clientname=X"),
	    "h:1: invalid value \"X\" for option \"clientname\": must be CN or DN\n");
	expect_text(refused("host all all all ldap ldapserver=x ldapprefix=a ldapport=0"), "h:1: ldapport \"0\" is no port\n");
	expect(strcmp(refused("host all all all ldap"), "(loaded)") != 0);
}

TEST("a bad regular expression refuses the line")
{
	expect_text(refused("local /^(a all trust"),
	    "h:1: invalid regular expression \"^(a\" as database: a parenthesis is not closed\n");
	expect_text(refused("local all / trust"), "h:1: invalid regular expression \"\" as user: it is empty\n");
}

TEST("what is harmless is a warning")
{
	expect_text(warned("host all all all peer"),
	    "h:1: \"peer\" works on local connections only: this line refuses its clients\n");
	expect_text(warned("host all all all cert"),
	    "h:1: \"cert\" works on TLS connections only: this line refuses other clients\n");
	expect_text(warned("local ALL all md5"), "h:1: \"ALL\" is the name of a database here; the word for it is \"all\"\n");
	expect_text(warned("host all all samehots md5"), "h:1: \"samehots\" is the name of a host here; did you mean \"samehost\"?\n");
	expect_text(warned("# nothing\n"), "h:0: there is no rule: no client can log in\n");
	expect_text(warned("hostssl all all all cert"), "");
}

TEST("a cert rule compares the whole name, and pam has PgBouncer's service")
{
	struct hba *h = rules("hostssl all all all cert\nhostssl all all all md5 clientcert=verify-ca\nhost all all all pam\n");

	expect_int(h->rules[0].client_cert, HBA_CERT_VERIFY_FULL);
	expect_int(h->rules[1].client_cert, HBA_CERT_VERIFY_CA);
	expect_int(h->rules[2].client_cert, HBA_CERT_NOT_ASKED);
	expect_text(h->rules[2].pam_service, "pgbouncer");
	hba_unref(h);
}

/* -------------------------------------------------------------- which rule */

TEST("the first rule that fits decides, and none is tried after it")
{
	const char *text = "host all evil all reject\nhost all all all md5\nhost all evil all trust\n";

	expect_int(line_for(text, "d", "evil", "1.2.3.4"), 1);
	expect_int(line_for(text, "d", "good", "1.2.3.4"), 2);
	expect_int(line_for(text, "d", "good", ""), 0);
	expect_int(decided_by(NULL, client("d", "u", "1.2.3.4")), 0);
}

TEST("local is for unix sockets, the host types for the rest, by TLS")
{
	struct hba *h = rules("hostgssenc all a all md5\nhostssl all a all md5\nhostnossl all b all md5\n"
			      "hostnogssenc all c all md5\nlocal all all peer\n");
	struct hba_question a = client("d", "a", "::1"), b = client("d", "b", "::1"), c = client("d", "c", "::1");

	expect_int(decided_by(h, a), 0);
	expect_int(decided_by(h, b), 3);
	expect_int(decided_by(h, c), 4);
	a.tls = b.tls = c.tls = true;
	expect_int(decided_by(h, a), 2);
	expect_int(decided_by(h, b), 0);
	expect_int(decided_by(h, c), 4);
	expect_int(decided_by(h, client("d", "a", "")), 5);
	hba_unref(h);
}

TEST("a peer that was lost before its address was asked for passes for nobody, not for a local one")
{
	struct hba *h = rules("local all all trust\nhost all all all trust\n");
	struct hba_question q = {.database = "d", .user = "u", .peer.family = ADDRESS_LOST};

	expect_int(decided_by(h, q), 0);
	hba_unref(h);
}

TEST("databases: lists, sameuser, patterns; a quoted keyword is a name")
{
	const char *text = "local a,\"b c\" all trust\nlocal sameuser all trust\nlocal \"/^x\\d+$\" all trust\n"
			   "local \"all\" all trust\nlocal \"sameuser\" all trust\n";

	expect_int(line_for(text, "a", "u", ""), 1);
	expect_int(line_for(text, "b c", "u", ""), 1);
	expect_int(line_for(text, "A", "u", ""), 0);
	expect_int(line_for(text, "u", "u", ""), 2);
	expect_int(line_for(text, "x12", "u", ""), 3);
	expect_int(line_for(text, "y12", "u", ""), 0);
	expect_int(line_for(text, "all", "u", ""), 4);
	expect_int(line_for(text, "sameuser", "u", ""), 5);
}

TEST("users: lists, patterns; sameuser and replication are names here")
{
	const char *text = "local all a,b trust\nlocal all /_ro$ trust\nlocal all sameuser,replication trust\n";

	expect_int(line_for(text, "d", "b", ""), 1);
	expect_int(line_for(text, "d", "app_ro", ""), 2);
	expect_int(line_for(text, "d", "d", ""), 0);
	expect_int(line_for(text, "d", "replication", ""), 3);
}

TEST("\"all\" and patterns are not for physical replication, \"replication\" for nothing else")
{
	struct hba *h = rules("local all,/.*,d,\"replication\" all trust\nlocal replication all md5\n");
	struct hba_question q = client("d", "u", "");

	expect_int(decided_by(h, q), 1);
	expect_int(decided_by(h, client("replication", "u", "")), 1);
	q.physical_replication = true;
	expect_int(decided_by(h, q), 2);
	hba_unref(h);
	h = rules("local replication all trust\n");
	expect_int(decided_by(h, client("replication", "u", "")), 0);
	hba_unref(h);
}

TEST("addresses: IPv4 inside of IPv6 meets rules for IPv4, in either writing")
{
	const char *text = "host all all 10.1.0.0/16 md5\nhost all all 10.2.0.0 255.255.0.0 md5\n"
			   "host all all ::ffff:10.3.0.0/112 md5\nhost all all fd00::/8 md5\nhost all all ::/0 reject\n";

	expect_int(line_for(text, "d", "u", "10.1.9.9"), 1);
	expect_int(line_for(text, "d", "u", "::ffff:10.1.9.9"), 1);
	expect_int(line_for(text, "d", "u", "10.2.9.9"), 2);
	expect_int(line_for(text, "d", "u", "10.3.9.9"), 3);
	expect_int(line_for(text, "d", "u", "fd12::1"), 4);
	expect_int(line_for(text, "d", "u", "::1"), 5);
	expect_int(line_for(text, "d", "u", "10.4.0.1"), 0);
}

TEST("samehost and samenet go by the interfaces' addresses")
{
	struct hba *h = rules("host all all samehost trust\nhost all all samenet md5\n");
	struct network *list = memory_array(2, sizeof(*list));

	expect(h->wants_networks);
	expect_int(decided_by(h, client("d", "u", "127.0.0.1")), 0);
	address_parse("192.168.7.5", &list[0].address);
	list[0].mask = address_mask(4, 24);
	address_parse("fd00::5", &list[1].address);
	list[1].mask = address_mask(6, 64);
	hba_take_networks(h, list, 2);
	expect_false(h->wants_networks);
	expect_int(decided_by(h, client("d", "u", "192.168.7.5")), 1);
	expect_int(decided_by(h, client("d", "u", "::ffff:192.168.7.9")), 2);
	expect_int(decided_by(h, client("d", "u", "192.168.8.5")), 0);
	expect_int(decided_by(h, client("d", "u", "fd00::77")), 2);
	hba_unref(h);
}

TEST("a name is asked for only where the rule that decides next has one")
{
	struct hba *h = rules("host all a 10.0.0.0/8 md5\nhost all all db.Example.org md5\nhost all all .example.net md5\n"
			      "host all all all reject\nhost all all other.example.org trust\n");
	struct hba_question q = client("d", "u", "1.2.3.4");

	expect_int(decided_by(h, client("d", "a", "10.0.0.1")), 1);
	expect_int(decided_by(h, q), -1);
	q.name_is_known = true;
	expect_int(decided_by(h, q), 4);
	q.name = "DB.example.org";
	expect_int(decided_by(h, q), 2);
	q.name = "web.EXAMPLE.net";
	expect_int(decided_by(h, q), 3);
	q.name = ".example.net";
	expect_int(decided_by(h, q), 4);
	q.name = "evilexample.net";
	expect_int(decided_by(h, q), 4);
	q.name = "x.db.example.org";
	expect_int(decided_by(h, q), 4);
	hba_unref(h);
}

/* ------------------------------------------------------------------- files */

static char directory[] = "/tmp/test_hba.XXXXXX";

static void
write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	fputs(text, file);
	fclose(file);
}

static struct hba *
rules_of_file(const char *name)
{
	char path[128];

	bytes_clear(&errors);
	bytes_clear(&warnings);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return hba_read_file(path, &sink);
}

/* The errors of a file that must not load, without the directory. */
static const char *
file_refused(const char *name)
{
	struct hba *h = rules_of_file(name);

	expect(h == NULL);
	hba_unref(h);
	return strlen(said(&errors)) > strlen(directory) ? errors.data + strlen(directory) + 1 : "";
}

TEST("includes and lists of names are found beside the file that names them")
{
	struct hba *h;
	char path[128];

	expect(mkdtemp(directory) != NULL);
	snprintf(path, sizeof(path), "mkdir %s/sub %s/sub/d", directory, directory);
	expect_int(system(path), 0);
	write_file("main.conf", "include sub/more.conf\ninclude_if_exists nothing.conf\nlocal @sub/names x trust\n"
				"include_dir sub/d\n");
	write_file("sub/more.conf", "# one\nlocal more all md5\n");
	write_file("sub/names", "one, two # comment\n\"three\"\n@names2\n");
	write_file("sub/names2", "four five\n");
	write_file("sub/d/b.conf", "local b all trust\n");
	write_file("sub/d/a.conf", "local a all trust\n");
	write_file("sub/d/c.txt", "nonsense\n");
	write_file("sub/d/.h.conf", "nonsense\n");

	h = rules_of_file("main.conf");

	expect_text(said(&errors), "");
	expect_int(h->count, 4);
	expect_text(strrchr(h->rules[0].file, '/'), "/more.conf");
	expect_int(h->rules[0].line, 2);
	expect_int(h->rules[1].line, 3);
	expect_int(h->rules[1].database_count, 5);
	expect_text(h->rules[1].databases[4].text, "five");
	expect_text(h->rules[2].databases[0].text, "a");
	expect_text(h->rules[3].databases[0].text, "b");
	hba_unref(h);
}

TEST("a file that cannot be read refuses the one that names it")
{
	write_file("i.conf", "include nothing.conf\n");
	expect(strncmp(file_refused("i.conf"), "i.conf:1: could not read file", 29) == 0);
	write_file("a.conf", "local @nothing all trust\n");
	expect(strncmp(file_refused("a.conf"), "a.conf:1: could not read file", 29) == 0);
	write_file("d.conf", "include_dir nothing\n");
	expect(strncmp(file_refused("d.conf"), "d.conf:1: could not open directory", 34) == 0);
	write_file("t.conf", "include a b\n");
	expect_text(file_refused("t.conf"), "t.conf:1: \"include\" takes one name\n");
	expect(strncmp(file_refused("nothing.conf"), "nothing.conf:0: could not read the file", 39) == 0);
}

TEST("files that include each other, and themselves, come to an end")
{
	write_file("r.conf", "include r.conf\n");
	expect(strstr(file_refused("r.conf"), "nested more than 10 deep") != NULL);
	write_file("n.conf", "local @n all trust\n");
	write_file("n", "@n @n @n\n");
	expect(strstr(file_refused("n.conf"), "too many files") != NULL ||
	       strstr(said(&errors), "nested more than 10 deep") != NULL);
}

TEST("a list of names that is empty is a warning, and meets nobody")
{
	struct hba *h;

	write_file("e.conf", "local @empty all trust\nlocal all all md5\n");
	write_file("empty", "# nobody\n");
	h = rules_of_file("e.conf");
	expect(strstr(said(&warnings), "names nobody") != NULL);
	expect_int(decided_by(h, client("d", "u", "")), 2);
	hba_unref(h);
	expect_int(system("rm -rf /tmp/test_hba.?????? "), 0);
}
