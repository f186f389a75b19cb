/*
 * session/proof.c - how a client proves who it is: cleartext, md5, SCRAM-SHA-256
 * (PostgreSQL manual, "Authentication Methods").
 *
 * An unknown user goes through the same exchange as a known one and fails at its
 * end, in the same words.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/crypto.h"
#include "auth/keycache.h"
#include "auth/secret.h"
#include "observe/log.h"
#include "session/login_private.h"

static void
proof_refuse(struct session *s)
{
	char who[256];

	session_describe(s, who, sizeof(who));
	log_info(who, "login failed: db=%s user=%s", s->login->database, s->user_name);
	session_close(s, s->login->method == AUTH_SCRAM ? CLOSE_sasl_failed : CLOSE_password_failed, NULL);
}

static void
proof_begin_scram(struct session *s)
{
	static const char mechanisms[] = SCRAM_MECHANISM "\0";

	s->login->scram = scram_server_new(&s->login->keys, s->login->mock);
	login_ask(s, AUTHENTICATION_SASL, mechanisms, sizeof(mechanisms));
}

static void
proof_derive(struct job *job)
{
	struct session_login *login = container_of(job, struct session_login, derive);
	struct scram_keys asked = login->keys;

	if (scram_keys_derive(login->secret, asked.salt, asked.salt_length, asked.iterations, &login->keys))
		keycache_put(login->secret, &login->keys);
	else
		login->mock = true;
}

static void
proof_derived(struct job *job)
{
	struct session_login *login = container_of(job, struct session_login, derive);
	struct session *s = login->session;

	login->deriving = false;
	if (s->state == SESSION_CLOSING) {
		session_free_if_settled(s);
		return;
	}
	stream_resume(&s->stream);
	proof_begin_scram(s);
}

/* Keys from the secret: parsed, found in the cache, made in the thread pool, or made up for an unknown user. */
static void
proof_start_scram(struct session *s)
{
	struct session_login *login = s->login;
	struct scram_keys *keys = &login->keys;
	enum secret_kind kind = secret_kind(login->secret);

	if (kind == SECRET_SCRAM && scram_keys_from_secret(login->secret, keys)) {
		proof_begin_scram(s);
		return;
	}
	if (kind != SECRET_PLAIN) {
		login->mock = true;
		scram_keys_mock(s->user_name, s->worker->process->secret, keys);
		proof_begin_scram(s);
		return;
	}
	keycache_salt(s->user_name, login->secret, keys->salt);
	keys->salt_length = KEYCACHE_SALT_LENGTH;
	keys->iterations = s->snapshot->global.scram_iterations;
	if (keycache_get(login->secret, keys->salt, keys->salt_length, keys->iterations, keys)) {
		proof_begin_scram(s);
		return;
	}
	login->deriving = true;
	login->derive = (struct job){.work = proof_derive, .done = proof_derived};
	stream_pause(&s->stream);
	loop_work(s->worker->loop, &login->derive);
}

void
proof_begin(struct session *s)
{
	struct session_login *login = s->login;
	const struct user_config *user = snapshot_user(s->snapshot, s->user_name);

	login->secret = text_copy(user != NULL && user->secret != NULL && user->secret[0] != '\0' ? user->secret : NULL);
	login->method = (uint8_t)s->snapshot->global.auth_type;
	if (login->method == AUTH_MD5 && secret_kind(login->secret) == SECRET_SCRAM)
		login->method = AUTH_SCRAM;
	switch (login->method) {
	case AUTH_ANY:
		welcome_begin(s);
		break;
	case AUTH_TRUST:
		if (user != NULL && user->secret != NULL)
			welcome_begin(s);
		else
			session_close(s, CLOSE_trust_failed, NULL);
		break;
	case AUTH_PLAIN:
		login_ask(s, AUTHENTICATION_CLEARTEXT, NULL, 0);
		break;
	case AUTH_MD5:
		if (!crypto_random(login->salt, sizeof(login->salt)))
			proof_refuse(s);
		else
			login_ask(s, AUTHENTICATION_MD5, login->salt, sizeof(login->salt));
		break;
	default:
		proof_start_scram(s);
	}
}

/* ------------------------------------------------- answers to the request */

static void
proof_scram_step(struct session *s, const char *body, size_t length)
{
	struct session_login *login = s->login;
	struct reader r = reader_over(body, length);
	struct bytes reply = {0};
	enum scram_step step;

	if (!login->scram_begun) {
		const char *mechanism = reader_text(&r);
		uint32_t said = reader_u32(&r);
		const char *first = reader_bytes(&r, said == UINT32_MAX ? 0 : said);

		login->scram_begun = true;
		if (!reader_at_end(&r) || strcmp(mechanism, SCRAM_MECHANISM) != 0 || first == NULL)
			step = SCRAM_BROKEN;
		else
			step = scram_server_first(login->scram, first, said == UINT32_MAX ? 0 : said, &reply);
		if (step == SCRAM_CONTINUE)
			login_ask(s, AUTHENTICATION_SASL_CONTINUE, reply.data, reply.length);
	} else {
		step = scram_server_final(login->scram, body, length, &reply);
		if (step == SCRAM_DONE) {
			login_ask(s, AUTHENTICATION_SASL_FINAL, reply.data, reply.length);
			memcpy(login->keys.client_key, scram_server_client_key(login->scram), SCRAM_KEY_LENGTH);
			login->keys.has_client_key = true;
			welcome_begin(s);
		}
	}
	bytes_free(&reply);
	if (step == SCRAM_FAILED || step == SCRAM_BROKEN)
		proof_refuse(s);
}

void
proof_take_answer(struct session *s, const char *body, size_t length)
{
	struct session_login *login = s->login;
	struct reader r = reader_over(body, length);
	const char *answer;
	bool fits;

	if (login->method == AUTH_SCRAM) {
		proof_scram_step(s, body, length);
		return;
	}
	answer = reader_text(&r);
	if (!reader_at_end(&r)) {
		session_close(s, CLOSE_bad_packet, NULL);
		return;
	}
	if (login->method == AUTH_MD5)
		fits = secret_matches_md5(s->user_name, login->secret, login->salt, answer);
	else
		fits = secret_matches_plain(s->user_name, login->secret, answer);
	if (!fits) {
		proof_refuse(s);
		return;
	}
	if (login->method == AUTH_PLAIN) {
		free(login->secret);
		login->secret = text_copy(answer);
	}
	welcome_begin(s);
}
