/*
 * Stored secrets against cleartext and md5 answers.  The md5 and SCRAM secrets
 * were made by PostgreSQL 15 for roles m1 and s1, password "pencil".
 */
#include "auth/crypto.h"
#include "auth/secret.h"

#include "test.h"

#define MD5_SECRET "md57474753e4b2f9e23953d5977773aabb0"
#define SCRAM_SECRET \
	"SCRAM-SHA-256$4096:31Rl3Tgy64BVKZZu6mkvnQ==$tao8t8WS2a0n/Fqq8zklq7tAmX+IYCWgmjmMXbDYnIE=:" \
	"o+UeOfiahRxUw1/yRSDltAQhOBYAdphxFXdbe8piqlw="

static const char salt[4] = {0x01, 0x00, (char)0xff, 'a'};

TEST("the kind of a secret is told by its form")
{
	expect_int(secret_kind(NULL), SECRET_NONE);
	expect_int(secret_kind(""), SECRET_NONE);
	expect_int(secret_kind("pencil"), SECRET_PLAIN);
	expect_int(secret_kind(MD5_SECRET), SECRET_MD5);
	expect_int(secret_kind(SCRAM_SECRET), SECRET_SCRAM);
}

TEST("what only resembles an md5 secret is a password")
{
	expect_int(secret_kind("md5"), SECRET_PLAIN);
	expect_int(secret_kind("md57474753e4b2f9e23953d5977773aabb"), SECRET_PLAIN);
	expect_int(secret_kind("md57474753e4b2f9e23953d5977773aabb00"), SECRET_PLAIN);
	expect_int(secret_kind("md57474753E4B2F9E23953D5977773AABB0"), SECRET_PLAIN);
	expect_int(secret_kind("MD57474753e4b2f9e23953d5977773aabb0"), SECRET_PLAIN);
}

TEST("a password fits its secret in all three forms, and no other does")
{
	static const char *const secrets[] = {"pencil", SCRAM_SECRET};

	for (size_t i = 0; i < array_length(secrets); i++) {
		expect(secret_matches_plain("s1", secrets[i], "pencil"));
		expect_false(secret_matches_plain("s1", secrets[i], "pencil "));
		expect_false(secret_matches_plain("s1", secrets[i], "penci"));
	}
	expect(secret_matches_plain("m1", MD5_SECRET, "pencil"));
	expect_false(secret_matches_plain("m1", MD5_SECRET, "Pencil"));
	expect_false(secret_matches_plain("m2", MD5_SECRET, "pencil"));
}

TEST("a stored secret is not a password for itself")
{
	expect_false(secret_matches_plain("m1", MD5_SECRET, MD5_SECRET));
	expect_false(secret_matches_plain("s1", SCRAM_SECRET, SCRAM_SECRET));
}

TEST("nothing fits an empty secret, and an empty password fits nothing")
{
	expect_false(secret_matches_plain("u", NULL, ""));
	expect_false(secret_matches_plain("u", "", ""));
	expect_false(secret_matches_plain("u", NULL, "x"));
	expect_false(secret_matches_plain("u", "pencil", ""));
	expect_false(secret_matches_plain("u", SCRAM_SECRET, ""));
	/* what PostgreSQL would store for an empty password */
	expect_false(secret_matches_plain("u", "md57b774effe4a349c6dd82ad4f4f21d34c", ""));
}

TEST("a damaged SCRAM secret fits nothing, not even itself")
{
	const char *damaged = "SCRAM-SHA-256$4096:31Rl3Tgy64BVKZZu6mkvnQ==$tao8";

	expect_int(secret_kind(damaged), SECRET_SCRAM);
	expect_false(secret_matches_plain("u", damaged, "pencil"));
	expect_false(secret_matches_plain("u", damaged, damaged));
}

TEST("a password and its md5 secret give the same md5 answer, and each accepts the other's")
{
	char from_plain[SECRET_MD5_SIZE], from_md5[SECRET_MD5_SIZE];

	secret_md5_answer("m1", "pencil", salt, from_plain);
	secret_md5_answer("m1", MD5_SECRET, salt, from_md5);

	expect_text(from_plain, from_md5);
	expect_int(strlen(from_plain), 35);
	expect(secret_matches_md5("m1", "pencil", salt, from_md5));
	expect(secret_matches_md5("m1", MD5_SECRET, salt, from_plain));
}

TEST("an md5 answer is md5 of the inner digest and the salt, as PostgreSQL documents it")
{
	char answer[SECRET_MD5_SIZE], sum[CRYPTO_MD5_HEX_SIZE];

	secret_md5_answer("m1", MD5_SECRET, salt, answer);
	expect(crypto_md5_hex(&MD5_SECRET[3], 32, salt, 4, sum));

	expect_text(answer + 3, sum);
}

TEST("an md5 answer to another salt, for another user, or of another length is refused")
{
	static const char other[4] = {1, 2, 3, 4};
	char answer[SECRET_MD5_SIZE];

	secret_md5_answer("m1", "pencil", salt, answer);

	expect_false(secret_matches_md5("m1", "pencil", other, answer));
	expect_false(secret_matches_md5("m2", "pencil", salt, answer));
	expect_false(secret_matches_md5("m1", "pencil", salt, ""));
	expect_false(secret_matches_md5("m1", "pencil", salt, "md5"));
	expect_false(secret_matches_md5("m1", "pencil", salt, answer + 3));
	for (size_t i = 0; i < SECRET_MD5_SIZE - 1; i++) {
		answer[i] ^= 1;
		expect_false(secret_matches_md5("m1", "pencil", salt, answer));
		answer[i] ^= 1;
	}
	expect(secret_matches_md5("m1", "pencil", salt, answer));
}

TEST("there is no md5 answer for a SCRAM secret or for none")
{
	char answer[SECRET_MD5_SIZE] = "x";

	secret_md5_answer("s1", SCRAM_SECRET, salt, answer);
	expect_text(answer, "");
	expect_false(secret_matches_md5("s1", SCRAM_SECRET, salt, ""));
	secret_md5_answer("u", NULL, salt, answer);
	expect_text(answer, "");
	expect_false(secret_matches_md5("u", NULL, salt, ""));
}
