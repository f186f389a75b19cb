/*
 * SCRAM-SHA-256 among honest sides: published and PostgreSQL's own values, both
 * sides against each other, and users who do not exist.
 */
#include "auth/crypto.h"
#include "auth/keycache.h"
#include "auth/scram.h"

#include "scram_exchange.h"
#include "test.h"

/* Passwords and the secrets that PostgreSQL 15 made of them. */
static const struct {
	const char *password;
	const char *secret;
} postgresql[] = {
    {"pencil",
	"SCRAM-SHA-256$4096:31Rl3Tgy64BVKZZu6mkvnQ==$tao8t8WS2a0n/Fqq"
	"8zklq7tAmX+IYCWgmjmMXbDYnIE=:o+UeOfiahRxUw1/yRSDltAQhOBYAdphxFXdbe8piqlw="},
    {"I\u00adX",
	"SCRAM-SHA-256$4096:AtVys47FKWO45QChE/SGHw==$k6yYzZNec2QycH0t"
	"8lpIQajVgNKDetOMc6pK9HrlI2o=:phzFG4mmQ+Q7DUilA9in4NmeNulJjRSzLukCerLiqGc="},
    {"\u2168",
	"SCRAM-SHA-256$4096:dP3o6FgreIvh71zQvDE0BA==$1/2is3kyCGgqwK39"
	"C3InxNAFC/bAXnAqmAkDdqTpA5g=:3PJ7LIjYiS83KSWpPQvIbuW/uFW9AGcloRY2R8O5k3c="},
    {"a\u200bb\u3000c",
	"SCRAM-SHA-256$4096:5qGg0WqLsT+lzkIzERgjaQ==$kqMHY+ZxYb2loI3A"
	"qOZrYp1lzBD6CBv/XYOLeFl7BMU=:vCIRRfJobWxkPrCR0ibJOQTHLesOSUqMBtH/pcq6N2k="},
    {"gr\u00fc\u00dfe \u00e9",
	"SCRAM-SHA-256$4096:D1e94lVBLfzyPGqQ34zJuw==$8soXLrhyPVA//5V1"
	"wn39v9de2+PZ0t4Za/qtnKwNYdE=:5wmrprzIBCnSo5pqAQM61PwhAM4eab5ztL1Y255HTKc="},
    {"\u06271",
	"SCRAM-SHA-256$4096:W7XP6HCp2TMBlWiyJMucUA==$lQBq8HfnxtPdRceP"
	"Ye+N43CNLRRK/LSTPRo9nK4+1/Q=:XFo/d5eXrbTnFdzcijVdWNSGNYgsBOEN6AbMahmr23k="},
    {"\u00ad",
	"SCRAM-SHA-256$4096:z7yh4DapUtg2DMzhRjlSrA==$C7UY3u4Rdq/O2nK3"
	"AI9SCHBeyCTHo9r0IJ66fVLMIh0=:Cu4BzkNVDO6O0jI7kQ6naxUCQMKVX3uD2kThnYOFrvw="},
    {"\u0221x",
	"SCRAM-SHA-256$4096:5IrLw4141lfWpfLw+HAPSg==$4IOvLffJT8sNne6Y"
	"rp5byp3OlyB+H7Nd/iT+eCkO+Os=:7LCV359ijzLRuWUVgL8QS/WvuJeqHqcXCZ3pzHdfBm8="},
    {"\ufdfa",
	"SCRAM-SHA-256$4096:kLxg2YtzWK0kObWzYglMLg==$578h0CeZd0KurW34"
	"x0+gCoidrwLEwDITeEbIA10tREs=:l3K4LBirESvbNWdfxJUvJfwPKdG7tPNW43WLBQZe8YE="},
    {"e\u0301\x07",
	"SCRAM-SHA-256$4096:Qsn6KO1KlOogYuFwg5/g0A==$VNUfp91x9Om/kux+"
	"A13zi+/HeDlgmH1eLuHXhBT3jAU=:vrHgpXwZHf5pkskMtk7V1uy/o3WlwHdEgpEDjvdB7kU="},
    {"\U0001F600 ok",
	"SCRAM-SHA-256$4096:vfVZdGxnre7DAVyrwAofSQ==$EKZv9PqML64nqKYh"
	"oNN2Xm8Qs1Mbc56l4ENLPkCL3IY=:gIb55dKSeBxfvYkd9gnyyBOtKFrjkfXf5O5/X2v4qAY="},
    {"tab\there",
	"SCRAM-SHA-256$4096:Oj2iVRGSSFlZpqnqGREInQ==$bwohJWVAG9HmhC+C"
	"PP1dbRmOPydvxqFWSOIozb76R/4=:fP2vrXDv9aYg0/AvcPHtOxe7jsEdWyxAYiZKCnciN34="},
};

/* ---------------------------------------------------------------- known answers */

TEST("the server gives the answers of RFC 7677")
{
	struct scram_server *server = rfc_server();
	struct bytes first = {0}, final = {0};

	expect_int(scram_server_first(server, RFC_CLIENT_FIRST, strlen(RFC_CLIENT_FIRST), &first), SCRAM_CONTINUE);
	expect_int(scram_server_final(server, RFC_CLIENT_FINAL, strlen(RFC_CLIENT_FINAL), &final), SCRAM_DONE);

	bytes_u8(&first, 0);
	bytes_u8(&final, 0);
	expect_text(first.data, RFC_SERVER_FIRST);
	expect_text(final.data, RFC_SERVER_FINAL);
	bytes_free(&first);
	bytes_free(&final);
	scram_server_free(server);
}

TEST("the client proves and verifies with the keys of RFC 7677")
{
	struct scram_client *client = started_client();
	struct bytes final = {0};
	/* As the RFC's, but for the empty user name that PostgreSQL's clients send. */
	const char *server_final = "v=3HO6Qt1M4MKJrmlKaoOqLAI0/0TV0HZe7J9H3MBtSOg=";

	expect_int(scram_client_challenge(client, RFC_SERVER_FIRST, strlen(RFC_SERVER_FIRST)), SCRAM_CONTINUE);
	expect_int(scram_client_final(client, &final), SCRAM_CONTINUE);
	bytes_u8(&final, 0);
	expect_text(final.data, RFC_BOTH_NONCES ",p=qvT2SWdEH5Q06albL+hjSYuUhCG7VndFyzIb7CK4n9k=");
	expect_int(scram_client_verify(client, server_final, strlen(server_final)), SCRAM_DONE);

	bytes_free(&final);
	scram_client_free(client);
}

TEST("PostgreSQL's secrets fit their passwords, beyond ASCII too")
{
	for (size_t i = 0; i < array_length(postgresql); i++) {
		struct scram_keys stored, derived;

		expect(scram_keys_from_secret(postgresql[i].secret, &stored));
		expect(scram_keys_derive(
		    postgresql[i].password, stored.salt, stored.salt_length, stored.iterations, &derived));
		expect(crypto_equal(stored.stored_key, derived.stored_key, SCRAM_KEY_LENGTH));
		expect(crypto_equal(stored.server_key, derived.server_key, SCRAM_KEY_LENGTH));
		expect_false(stored.has_client_key);
		expect(derived.has_client_key);
	}
}

/* ---------------------------------------------------------------- both sides */

TEST("a client with the password and a server with PostgreSQL's secret trust each other")
{
	struct scram_keys keys;
	struct exchange x = {0};

	expect(scram_keys_from_secret(postgresql[0].secret, &keys));
	x.server = scram_server_new(&keys, false);
	x.client = scram_client_new("pencil", NULL);

	expect(exchange_succeeds(&x));
}

TEST("the ClientKey that a client proves is enough to log in elsewhere with the same secret")
{
	struct scram_keys keys = rfc_keys(), learnt;
	struct scram_server *server = rfc_server();
	struct bytes reply = {0};
	struct exchange x = {0};

	scram_server_first(server, RFC_CLIENT_FIRST, strlen(RFC_CLIENT_FIRST), &reply);
	expect(scram_server_client_key(server) == NULL);
	scram_server_final(server, RFC_CLIENT_FINAL, strlen(RFC_CLIENT_FINAL), &reply);
	expect(scram_keys_from_secret(RFC_SECRET, &learnt));
	must(scram_server_client_key(server) != NULL);
	memcpy(learnt.client_key, scram_server_client_key(server), SCRAM_KEY_LENGTH);
	learnt.has_client_key = true;
	x.server = scram_server_new(&keys, false);
	x.client = scram_client_new(NULL, &learnt);

	expect(exchange_succeeds(&x));
	bytes_free(&reply);
	scram_server_free(server);
}

TEST("keys of another secret are noticed before a proof is sent")
{
	struct scram_keys server_keys, client_keys = rfc_keys();
	struct exchange x = {0};

	expect(scram_keys_from_secret(postgresql[0].secret, &server_keys));
	x.server = scram_server_new(&server_keys, false);
	x.client = scram_client_new(NULL, &client_keys);

	expect_false(exchange_succeeds(&x));
	expect_int(x.client_step, SCRAM_FAILED);
	expect_int(x.server_step, SCRAM_CONTINUE);
}

TEST("a password helps where the keys are not the server's")
{
	struct scram_keys server_keys, client_keys = rfc_keys();
	struct exchange x = {0};

	expect(scram_keys_from_secret(postgresql[0].secret, &server_keys));
	x.server = scram_server_new(&server_keys, false);
	x.client = scram_client_new("pencil", &client_keys);

	expect(exchange_succeeds(&x));
}

TEST("a wrong password fails and leaves no reply")
{
	struct scram_keys keys = rfc_keys();
	struct exchange x = {.server = scram_server_new(&keys, false), .client = scram_client_new("Pencil", NULL)};

	expect_false(exchange_succeeds(&x));
	expect_int(x.server_step, SCRAM_FAILED);
}

TEST("the second login with a password finds its keys in the cache")
{
	struct scram_client *client = scram_client_new("pencil", NULL);
	struct bytes reply = {0};

	keycache_clear();
	scram_client_fix_nonce(client, RFC_CLIENT_NONCE);
	scram_client_first(client, &reply);
	scram_client_challenge(client, RFC_SERVER_FIRST, strlen(RFC_SERVER_FIRST));
	expect(scram_client_needs_derivation(client));
	scram_client_derive(client);
	expect_false(scram_client_needs_derivation(client));
	scram_client_free(client);

	client = scram_client_new("pencil", NULL);
	scram_client_fix_nonce(client, RFC_CLIENT_NONCE);
	scram_client_first(client, &reply);
	scram_client_challenge(client, RFC_SERVER_FIRST, strlen(RFC_SERVER_FIRST));

	expect_false(scram_client_needs_derivation(client));
	expect_int(scram_client_final(client, &reply), SCRAM_CONTINUE);
	scram_client_free(client);
	bytes_free(&reply);
}

TEST("a client without password and without ClientKey does not start")
{
	struct scram_keys stored;
	struct bytes reply = {0};
	struct scram_client *client;

	expect(scram_keys_from_secret(RFC_SECRET, &stored));
	client = scram_client_new("", &stored);

	expect_int(scram_client_first(client, &reply), SCRAM_FAILED);
	expect_int(reply.length, 0);
	scram_client_free(client);
}

/* ---------------------------------------------------------------- unknown users */

TEST("a mock exchange looks like any other and fails, even for one who knows the mock keys")
{
	uint8_t process_secret[32] = {7};
	struct scram_keys keys, known;
	struct exchange x = {0};

	expect(scram_keys_derive("pencil", (const uint8_t *)"salt", 4, 1, &known));
	scram_keys_mock("nobody", process_secret, SCRAM_ITERATIONS_DEFAULT, &keys);
	expect_int(keys.salt_length, 16);
	expect_int(keys.iterations, 4096);
	x.server = scram_server_new(&known, true);
	x.client = scram_client_new(NULL, &known);

	expect_false(exchange_succeeds(&x));
	expect_int(x.server_step, SCRAM_FAILED);
}

TEST("a mock salt is the same at every login, and another for every user and process")
{
	uint8_t secret[32] = {7}, other[32] = {8};
	struct scram_keys a, b;

	scram_keys_mock("nobody", secret, SCRAM_ITERATIONS_DEFAULT, &a);
	scram_keys_mock("nobody", secret, SCRAM_ITERATIONS_DEFAULT, &b);
	expect(memcmp(a.salt, b.salt, 16) == 0);
	scram_keys_mock("nobody2", secret, SCRAM_ITERATIONS_DEFAULT, &b);
	expect(memcmp(a.salt, b.salt, 16) != 0);
	scram_keys_mock("nobody", other, SCRAM_ITERATIONS_DEFAULT, &b);
	expect(memcmp(a.salt, b.salt, 16) != 0);
}
