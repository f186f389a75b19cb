/*
 * SCRAM-SHA-256 among strangers: malformed, over-long and misplaced messages,
 * and every message of an honest exchange damaged at every byte.
 */
#include "auth/scram.h"

#include "scram_exchange.h"
#include "test.h"

static enum scram_step
server_first(const char *message)
{
	struct scram_server *server = rfc_server();
	struct bytes reply = {0};
	enum scram_step step = scram_server_first(server, message, strlen(message), &reply);

	expect((step == SCRAM_CONTINUE) == (reply.length > 0));
	expect((step == SCRAM_CONTINUE) == (scram_server_problem(server) == NULL));
	bytes_free(&reply);
	scram_server_free(server);
	return step;
}

static enum scram_step
server_final(const char *first, const char *final)
{
	struct scram_server *server = rfc_server();
	struct bytes reply = {0};
	enum scram_step step = scram_server_first(server, first, strlen(first), &reply);

	if (step == SCRAM_CONTINUE)
		step = scram_server_final(server, final, strlen(final), &reply);
	expect((step == SCRAM_DONE) == (scram_server_client_key(server) != NULL));
	bytes_free(&reply);
	scram_server_free(server);
	return step;
}

static enum scram_step
client_challenge(const char *message)
{
	struct scram_client *client = started_client();
	enum scram_step step = scram_client_challenge(client, message, strlen(message));

	expect((step == SCRAM_CONTINUE) == (scram_client_problem(client) == NULL));
	scram_client_free(client);
	return step;
}

/* ---------------------------------------------------------------- hostile clients */

TEST("the channel-binding flags n and y are taken, and p is refused")
{
	expect_int(server_first("n,,n=,r=abc"), SCRAM_CONTINUE);
	expect_int(server_first("y,,n=,r=abc"), SCRAM_CONTINUE);
	expect_int(server_first("p=tls-server-end-point,,n=,r=abc"), SCRAM_BROKEN);
	expect_int(server_first("x,,n=,r=abc"), SCRAM_BROKEN);
}

TEST("an authorization identity and a mandatory extension are refused, an optional one is not")
{
	expect_int(server_first("n,a=ann,n=,r=abc"), SCRAM_BROKEN);
	expect_int(server_first("n,,m=x,n=,r=abc"), SCRAM_BROKEN);
	expect_int(server_first("n,,n=,r=abc,x=1,y=,Z=2"), SCRAM_CONTINUE);
	expect_int(server_first("n,,n=,r=abc,x"), SCRAM_BROKEN);
	expect_int(server_first("n,,n=,r=abc,1=x"), SCRAM_BROKEN);
}

TEST("a malformed first message is refused")
{
	static const char *const bad[] = {"", "n", "n,", "n,,", "n,,n", "n,,n=", "n,,n=,", "n,,n=,r",
	    "n,,n=,r=", "n,,r=abc", "n,,n=,r=abc,", "n,,n=,r=a bc", "n,,n=,r=\xc3\xa9", "n,,n=,r=a\x7f", "n n=,r=abc",
	    ",,n=,r=abc"};

	for (size_t i = 0; i < array_length(bad); i++)
		expect_int(server_first(bad[i]), SCRAM_BROKEN);
}

TEST("a zero byte anywhere in a message is refused")
{
	struct scram_server *server = rfc_server();
	struct bytes reply = {0};

	expect_int(scram_server_first(server, "n,,n=,r=abc\0", 12, &reply), SCRAM_BROKEN);
	expect_int(reply.length, 0);
	scram_server_free(server);
}

TEST("over-long nonces and messages are refused")
{
	struct bytes message = {0};
	struct scram_server *server = rfc_server();
	struct bytes reply = {0};

	bytes_chars(&message, "n,,n=,r=");
	for (int i = 0; i < 256; i++)
		bytes_chars(&message, "x");
	bytes_u8(&message, 0);
	expect_int(server_first(message.data), SCRAM_CONTINUE);
	message.length--;
	bytes_text(&message, "x");
	expect_int(server_first(message.data), SCRAM_BROKEN);

	bytes_clear(&message);
	bytes_chars(&message, "n,,n=,r=abc,x=");
	while (message.length <= SCRAM_MESSAGE_MAX)
		bytes_chars(&message, "y");
	expect_int(scram_server_first(server, message.data, message.length, &reply), SCRAM_BROKEN);
	scram_server_free(server);
	bytes_free(&message);
}

TEST("the final message must repeat the header and the nonce, and end with the proof")
{
	static const char proof[] = ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
	static const char nonce[] = "r=" RFC_CLIENT_NONCE RFC_SERVER_NONCE;
	static const char *const headers[] = {"c=eSws,", "c=,", "c=biwsbiws,", ""};
	char *message;

	for (size_t i = 0; i < array_length(headers); i++) {
		message = text_format("%s%s%s", headers[i], nonce, proof);
		expect_int(server_final(RFC_CLIENT_FIRST, message), SCRAM_BROKEN);
		free(message);
	}
	message = text_format("c=biws,%sx%s", nonce, proof);
	expect_int(server_final(RFC_CLIENT_FIRST, message), SCRAM_BROKEN);
	free(message);
	message = text_format("c=biws,%s%s,x=1", nonce, proof);
	expect_int(server_final(RFC_CLIENT_FIRST, message), SCRAM_BROKEN);
	free(message);
	expect_int(server_final(RFC_CLIENT_FIRST, RFC_BOTH_NONCES ",p=YWJj"), SCRAM_BROKEN);
	expect_int(server_final(RFC_CLIENT_FIRST, RFC_BOTH_NONCES), SCRAM_BROKEN);
	expect_int(server_final(RFC_CLIENT_FIRST, ""), SCRAM_BROKEN);
	expect_int(server_final(RFC_CLIENT_FIRST, "p"), SCRAM_BROKEN);
}

TEST("a flag y must be repeated as y")
{
	expect_int(server_final("y,,n=user,r=" RFC_CLIENT_NONCE, RFC_CLIENT_FINAL), SCRAM_BROKEN);
}

TEST("messages out of turn are refused")
{
	struct scram_server *server = rfc_server();
	struct scram_client *client = started_client();
	struct bytes reply = {0};

	expect_int(scram_server_final(server, RFC_CLIENT_FINAL, strlen(RFC_CLIENT_FINAL), &reply), SCRAM_BROKEN);
	expect_int(scram_server_first(server, RFC_CLIENT_FIRST, strlen(RFC_CLIENT_FIRST), &reply), SCRAM_BROKEN);
	expect_int(scram_client_verify(client, RFC_SERVER_FINAL, strlen(RFC_SERVER_FINAL)), SCRAM_BROKEN);
	expect_int(scram_client_final(client, &reply), SCRAM_BROKEN);
	expect_int(scram_client_challenge(client, RFC_SERVER_FIRST, strlen(RFC_SERVER_FIRST)), SCRAM_BROKEN);
	expect_int(reply.length, 0);
	scram_server_free(server);
	scram_client_free(client);
}

/* ---------------------------------------------------------------- hostile servers */

TEST("a challenge must continue our nonce")
{
	expect_int(
	    client_challenge("r=" RFC_CLIENT_NONCE "x,s=c2FsdA==,i=1"), SCRAM_FAILED); /* well-formed; not our keys */
	expect_int(client_challenge("r=" RFC_CLIENT_NONCE ",s=c2FsdA==,i=1"), SCRAM_BROKEN);
	expect_int(client_challenge("r=rOpr,s=c2FsdA==,i=1"), SCRAM_BROKEN);
	expect_int(client_challenge("r=x" RFC_CLIENT_NONCE "x,s=c2FsdA==,i=1"), SCRAM_BROKEN);
}

TEST("a challenge with an absurd iteration count is refused")
{
	static const char *const bad[] = {
	    "0", "01", "-1", "+1", "", "1 ", "4096x", "1000001", "99999999999999999999", "0x10"};

	for (size_t i = 0; i < array_length(bad); i++) {
		char *message = text_format("r=" RFC_CLIENT_NONCE "x,s=c2FsdA==,i=%s", bad[i]);

		expect_int(client_challenge(message), SCRAM_BROKEN);
		free(message);
	}
	expect_int(client_challenge("r=" RFC_CLIENT_NONCE "x,s=c2FsdA==,i=1000000"), SCRAM_FAILED);
}

TEST("a challenge with an absurd salt or nonce, or a mandatory extension, is refused")
{
	char salt[89] = "", nonce[258] = "";
	char *message;

	memset(salt, 'A', 88);
	memset(nonce, 'x', 257);
	message = text_format("r=" RFC_CLIENT_NONCE "x,s=%s,i=1", salt);
	expect_int(client_challenge(message), SCRAM_BROKEN);
	free(message);
	message = text_format("r=" RFC_CLIENT_NONCE "%s,s=c2FsdA==,i=1", nonce);
	expect_int(client_challenge(message), SCRAM_BROKEN);
	free(message);
	expect_int(client_challenge("r=" RFC_CLIENT_NONCE "x,s=,i=1"), SCRAM_BROKEN);
	expect_int(client_challenge("r=" RFC_CLIENT_NONCE "x,s=c2F,i=1"), SCRAM_BROKEN);
	expect_int(client_challenge("m=x,r=" RFC_CLIENT_NONCE "x,s=c2FsdA==,i=1"), SCRAM_BROKEN);
	expect_int(client_challenge("e=other-error"), SCRAM_BROKEN);
}

static enum scram_step
client_verify(const char *message)
{
	struct scram_client *client = started_client();
	struct bytes final = {0};
	enum scram_step step;

	must(scram_client_challenge(client, RFC_SERVER_FIRST, strlen(RFC_SERVER_FIRST)) == SCRAM_CONTINUE);
	must(scram_client_final(client, &final) == SCRAM_CONTINUE);
	step = scram_client_verify(client, message, strlen(message));
	expect((step == SCRAM_DONE) == (scram_client_problem(client) == NULL));
	bytes_free(&final);
	scram_client_free(client);
	return step;
}

TEST("a server that does not know the secret, or reports an error, is not trusted")
{
	expect_int(client_verify("v=3HO6Qt1M4MKJrmlKaoOqLAI0/0TV0HZe7J9H3MBtSOg="), SCRAM_DONE);
	expect_int(client_verify(RFC_SERVER_FINAL), SCRAM_FAILED);
	expect_int(client_verify("e=invalid-proof"), SCRAM_FAILED);
	expect_int(client_verify("e"), SCRAM_FAILED);
	expect_int(client_verify("v="), SCRAM_BROKEN);
	expect_int(client_verify("v=YWJj"), SCRAM_BROKEN);
	expect_int(client_verify(""), SCRAM_BROKEN);
	expect_int(client_verify("v"), SCRAM_BROKEN);
}

/* ---------------------------------------------------------------- damage at every byte */

struct damage {
	int number; /* of the message, 0..3 */
	size_t at;
	int flip;     /* bits to change, or 0: cut the message off here */
	bool *missed; /* set when the message has no such byte */
};

static void
damage_one(struct bytes *message, int number, const void *how)
{
	const struct damage *d = how;

	if (number != d->number)
		return;
	if (d->at >= message->length)
		*d->missed = true;
	else if (d->flip == 0)
		message->length = d->at;
	else
		message->data[d->at] = (char)(message->data[d->at] ^ d->flip);
}

/* Damages one message of an honest exchange at every byte; returns how often that went unnoticed. */
static int
unnoticed_damage(int number, int flip)
{
	struct scram_keys keys = rfc_keys();
	bool missed = false;
	int unnoticed = 0;

	for (size_t at = 0; !missed; at++) {
		struct damage d = {.number = number, .at = at, .flip = flip, .missed = &missed};
		struct exchange x = {.server = rfc_server(), .damage = damage_one, .how = &d};

		x.client = scram_client_new(NULL, &keys);
		if (exchange_succeeds(&x) != missed)
			unnoticed++;
	}
	return unnoticed;
}

TEST("a message that is damaged at any byte never ends in trust")
{
	for (int number = 0; number < 4; number++)
		for (int bit = 0; bit < 8; bit++)
			expect_int(unnoticed_damage(number, 1 << bit), 0);
}

TEST("a message that is cut off anywhere never ends in trust")
{
	for (int number = 0; number < 4; number++)
		expect_int(unnoticed_damage(number, 0), 0);
}

TEST("a secret that is damaged or cut off anywhere gives no keys that let its password in")
{
	struct scram_keys good = rfc_keys(), keys;
	char *secret = text_copy(RFC_SECRET);

	for (size_t at = 0; secret[at] != '\0'; at++) {
		char kept = secret[at];

		secret[at] = '\0';
		expect_false(scram_keys_from_secret(secret, &keys));
		secret[at] = (char)(kept ^ 1);
		expect_false(scram_keys_from_secret(secret, &keys) && keys.iterations == good.iterations &&
		    memcmp(keys.salt, good.salt, sizeof(good.salt)) == 0 &&
		    memcmp(keys.stored_key, good.stored_key, SCRAM_KEY_LENGTH) == 0 &&
		    memcmp(keys.server_key, good.server_key, SCRAM_KEY_LENGTH) == 0);
		secret[at] = kept;
	}
	free(secret);
}
