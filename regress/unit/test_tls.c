/*
 * regress/unit/test_tls.c - lists of protocols, and which settings make a context.
 */
#include "net/tls.h"

#include "config/config.h"
#include "test.h"

/* What is said of a configuration; the sets are freed again. */
static const char *
said(const char *settings, unsigned *made)
{
	static char text[2000];
	struct bytes ini = {0}, errors = {0}, warnings = {0};
	struct tls_set *sets[3] = {NULL, NULL, NULL};
	struct tls_ticket_keys keys = {{0}};
	struct snapshot *s;

	bytes_format(&ini, "[databases]\na = host=h server_tls_sslmode=require\n[pgbouncer]\nauth_type = trust\n%s\n", settings);
	s = config_load_text("t.ini", ini.data, ini.length, &errors, &warnings);
	expect(s != NULL);
	*made = 0;
	if (s != NULL && tls_sets_new(s, &keys, sets, 3, &errors)) {
		*made = (tls_set_accept(sets[2]) != NULL) + 2u * (tls_set_connect(sets[2], s, NULL) != NULL) +
		    4u * (tls_set_connect(sets[0], s, snapshot_database(s, "a")) != NULL);
		for (int i = 0; i < 3; i++)
			tls_set_unref(sets[i]);
	}
	bytes_u8(&errors, 0);
	snprintf(text, sizeof(text), "%s", errors.data);
	bytes_free(&ini);
	bytes_free(&errors);
	bytes_free(&warnings);
	snapshot_unref(s);
	return text;
}

static bool
has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

TEST("a list of protocols is a sum of words, and ! takes out")
{
	expect_int(tls_protocols_parse("secure"), 0xc);
	expect_int(tls_protocols_parse("default"), 0xc);
	expect_int(tls_protocols_parse("all"), 0xf);
	expect_int(tls_protocols_parse("legacy"), 0xf);
	expect_int(tls_protocols_parse("TLSv1.3"), 0x8);
	expect_int(tls_protocols_parse("tlsv1.0, tlsv1.2"), 0x5);
	expect_int(tls_protocols_parse("all:!tlsv1.0"), 0xe);
	expect_int(tls_protocols_parse("!tlsv1.3"), 0x7);
	expect_int(tls_protocols_parse("secure,!tlsv1.2"), 0x8);
}

TEST("what is no list of protocols is none")
{
	const char *const bad[] = {"", ",", "tlsv1.4", "secure,", "!", "all,!all", "tlsv1.2 tlsv1.3", "ssl"};

	for (size_t i = 0; i < array_length(bad); i++)
		expect_int(tls_protocols_parse(bad[i]), 0);
}

TEST("a context is made for each side that may have TLS, and for no other")
{
	unsigned made;

	expect_text(said("", &made), "");
	expect_int(made, 2 + 4);
	expect_text(said("server_tls_sslmode = disable", &made), "");
	expect_int(made, 4);
}

TEST("values that OpenSSL does not take are told with their key")
{
	unsigned made;

	expect(has(said("server_tls_protocols = tlsv9", &made), "server_tls_protocols: invalid value \"tlsv9\""));
	expect_int(made, 0);
	expect(has(said("server_tls_ciphers = NONE-SUCH", &made), "server_tls_ciphers: invalid value \"NONE-SUCH\""));
	expect(has(said("server_tls13_ciphers = NONE_SUCH", &made), "server_tls13_ciphers: invalid value \"NONE_SUCH\""));
	expect(has(said("server_tls_ca_file = /nowhere", &made), "server_tls_ca_file: could not read \"/nowhere\": No such file"));
	expect(has(said("server_tls_ca_file = /dev/null", &made), "server_tls_ca_file: could not load authorities"));
	expect(has(said("server_tls_cert_file = /dev/null", &made), "server_tls_cert_file is set without server_tls_key_file"));
	expect(has(said("server_tls_sslnegotiation = direct", &made), "server_tls_sslnegotiation: direct needs"));
}

TEST("who is known by a certificate has to be asked for one")
{
	unsigned made;

	expect(has(said("auth_type = cert", &made), "auth_type=cert requires client_tls_sslmode=verify-full"));
	expect(has(said("auth_type = cert\nclient_tls_sslmode = verify-ca", &made), "auth_type=cert requires client_tls_sslmode=verify-full"));
	expect_false(has(said("auth_type = cert\nclient_tls_sslmode = verify-full", &made), "auth_type=cert requires"));
}

TEST("clients cannot be given TLS without a certificate")
{
	unsigned made;

	expect(has(said("client_tls_sslmode = prefer", &made), "client_tls_key_file and client_tls_cert_file must be set"));
	expect(has(said("client_tls_sslmode = prefer\nclient_tls_key_file = /dev/null\nclient_tls_cert_file = /dev/null", &made),
	    "client_tls_cert_file: could not load certificate"));
	expect(has(said("client_tls_sslmode = prefer\nclient_tls_ecdhcurve = nonesuch", &made), "client_tls_ecdhcurve: invalid value"));
	expect(has(said("client_tls_sslmode = prefer\nclient_tls_dheparams = strong", &made), "client_tls_dheparams: invalid value"));
}
