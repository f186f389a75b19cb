/*
 * The primitives against published vectors (RFC 1321, RFC 4231, RFC 7914,
 * RFC 4648), and SASLprep against what PostgreSQL does with the same texts.
 */
#include "auth/base64.h"
#include "auth/crypto.h"

#include "test.h"

static const char *
hex(const uint8_t *bytes, size_t length)
{
	static char text[129];

	for (size_t i = 0; i < length; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return text;
}

TEST("md5 of two pieces is the md5 of both in a row")
{
	char sum[CRYPTO_MD5_HEX_SIZE];

	expect(crypto_md5_hex("message ", 8, "digest", 6, sum));
	expect_text(sum, "f96b697d7cb7938d525a2f31aaf161d0");
	expect(crypto_md5_hex("", 0, "", 0, sum));
	expect_text(sum, "d41d8cd98f00b204e9800998ecf8427e");
}

TEST("sha256 gives the published sum")
{
	uint8_t sum[CRYPTO_SHA256_LENGTH];

	crypto_sha256("abc", 3, sum);

	expect_text(hex(sum, sizeof(sum)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST("hmac gives the published sums, for short and for long keys")
{
	uint8_t sum[CRYPTO_SHA256_LENGTH], long_key[131];

	memset(long_key, 0xaa, sizeof(long_key));
	crypto_hmac("Jefe", 4, "what do ya want for nothing?", 28, sum);
	expect_text(hex(sum, sizeof(sum)), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");

	crypto_hmac(long_key, sizeof(long_key), "Test Using Larger Than Block-Size Key - Hash Key First", 54, sum);
	expect_text(hex(sum, sizeof(sum)), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST("an hmac with an empty key does not reuse the key before it")
{
	uint8_t first[CRYPTO_SHA256_LENGTH], second[CRYPTO_SHA256_LENGTH];

	crypto_hmac("", 0, "text", 4, first);
	crypto_hmac("another key", 11, "text", 4, second);
	crypto_hmac("", 0, "text", 4, second);

	expect(crypto_equal(first, second, sizeof(first)));
}

TEST("pbkdf2 gives the published sum and refuses what makes no sense")
{
	uint8_t sum[CRYPTO_SHA256_LENGTH];

	expect(crypto_pbkdf2("passwd", "salt", 4, 1, sum));
	expect_text(hex(sum, sizeof(sum)), "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
	expect_false(crypto_pbkdf2("passwd", "salt", 4, 0, sum));
}

TEST("random bytes differ from call to call")
{
	uint8_t a[32] = {0}, b[32] = {0};

	expect(crypto_random(a, sizeof(a)));
	expect(crypto_random(b, sizeof(b)));
	expect_false(crypto_equal(a, b, sizeof(a)));
}

TEST("wiped memory is zero")
{
	char memory[8] = "secret", zero[8] = {0};

	crypto_wipe(memory, sizeof(memory));

	expect(crypto_equal(memory, zero, sizeof(zero)));
	crypto_wipe_text(NULL);
}

/* ---------------------------------------------------------------- base64 */

static bool
decodes(const char *text, const char *expected)
{
	char out[16];
	size_t length = 0;

	return base64_decode(text, strlen(text), out, sizeof(out), &length) && length == strlen(expected) &&
	    memcmp(out, expected, length) == 0;
}

TEST("base64 gives the published texts in both directions")
{
	static const char *const pairs[][2] = {
	    {"", ""},
	    {"f", "Zg=="},
	    {"fo", "Zm8="},
	    {"foo", "Zm9v"},
	    {"foob", "Zm9vYg=="},
	    {"fooba", "Zm9vYmE="},
	    {"foobar", "Zm9vYmFy"},
	    {"\xfb\xff\xfe", "+//+"},
	};
	char out[16];

	for (size_t i = 0; i < array_length(pairs); i++) {
		expect_int(base64_encode(pairs[i][0], strlen(pairs[i][0]), out), strlen(pairs[i][1]));
		expect_text(out, pairs[i][1]);
		expect(decodes(pairs[i][1], pairs[i][0]));
	}
}

TEST("base64 with a wrong length, padding, character or trailing bit is refused")
{
	static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg===", "====", "Z===", "=Zg=", "Zg==Zg==", "Zm9v\n",
	    "Zm 9", "Zm-v", "Zh==", "Zm9=", "Zm9v====", "\xc3\xa9==", "Zg=a"};

	for (size_t i = 0; i < array_length(bad); i++) {
		expect_false(decodes(bad[i], "f"));
		expect_false(decodes(bad[i], "fo"));
		expect_false(decodes(bad[i], "foo"));
		expect_false(decodes(bad[i], ""));
	}
}

TEST("base64 writes not a byte more than the caller has room for")
{
	char out[3] = "..";
	size_t length = 99;

	expect_false(base64_decode("Zm9v", 4, out, 2, &length));
	expect(base64_decode("Zm8=", 4, out, 2, &length));
	expect_int(length, 2);
	expect_int(out[2], '\0');
}

/* ---------------------------------------------------------------- SASLprep */

static void
expect_prepared(const char *text, const char *expected)
{
	char *prepared = crypto_saslprep(text);

	expect_text(prepared, expected);
	crypto_wipe_text(prepared);
}

TEST("saslprep maps spaces, drops what maps to nothing, and composes")
{
	expect_prepared("I\u00adX", "IX");
	expect_prepared("\u2168", "IX");
	expect_prepared("a\u200bb\u3000c", "a b c");
	expect_prepared("e\u0301", "\u00e9");
}

TEST("a text that saslprep does not accept stands for itself")
{
	expect_prepared("plain \t ascii", "plain \t ascii");
	expect_prepared("\u00e9\x07", "\u00e9\x07"); /* a control character */
	expect_prepared("\u06271", "\u06271");	     /* right to left, and ends otherwise */
	expect_prepared("\u0221x", "\u0221x");	     /* unassigned in Unicode 3.2 */
	expect_prepared("\u00ad", "\u00ad");	     /* nothing would be left */
	expect_prepared("\xff\xfe", "\xff\xfe");     /* not UTF-8 */
	expect_prepared("\xc3", "\xc3");	     /* cut off */
}

TEST("saslprep bears the characters that grow most, up to its limit and over it")
{
	struct {
		char text[3001];
	} *long_text = memory_new(sizeof(*long_text));
	char *prepared;

	for (size_t i = 0; i + 3 <= 2046; i += 3)
		memcpy(long_text->text + i, "\xef\xb7\xba", 3);
	prepared = crypto_saslprep(long_text->text);
	expect(strlen(prepared) > strlen(long_text->text));
	crypto_wipe_text(prepared);

	for (size_t i = 0; i + 3 <= 3000; i += 3)
		memcpy(long_text->text + i, "\xef\xb7\xba", 3);
	expect_prepared(long_text->text, long_text->text);
	free(long_text);
}
