/*
 * session/exchange.c - the exchange in which a client proves who it is: cleartext, md5,
 * SCRAM-SHA-256 (PostgreSQL manual, "Authentication Methods" and "SASL Authentication").
 *
 * Who does not exist, or has no password that counts, is asked the same questions, and
 * every refusal has cost one derivation of a key, whatever there was to compare with.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/crypto.h"
#include "auth/keycache.h"
#include "auth/secret.h"
#include "config/hba.h"
#include "config/ldap_options.h"
#include "session/login_private.h"

/* ------------------------------------------------------------- refusals */

static void
exchange_waste(struct job *job)
{
	struct session_login *login = container_of(job, struct session_login, job);
	struct scram_keys keys;

	scram_keys_derive("nobody's", login->keys.salt, KEYCACHE_SALT_LENGTH, login->session->snapshot->global.scram_iterations, &keys);
	crypto_wipe(&keys, sizeof(keys));
}

static void
exchange_wasted(struct session *s)
{
	proof_refuse(s, "the password or the proof is wrong");
}

/* The answer does not fit.  How long that took to find out must not tell what it was compared with. */
static void
exchange_fail(struct session *s)
{
	/* It may have changed since auth_query found it. */
	if (s->login->cached) {
		login_wait(s, LOGIN_PENDING_LOOKUP);
		lookup_begin(s);
		return;
	}
	if (s->login->derived)
		proof_refuse(s, "the password or the proof is wrong");
	else
		login_work(s, exchange_waste, exchange_wasted);
}

static void
exchange_keep_answer(struct session_login *login, const char *body, size_t length)
{
	login->answer = text_copy_n(body, length);
	login->answer_length = length;
}

/* ------------------------------------------------------------ cleartext */

/* In the thread pool: a SCRAM secret needs a derivation. */
static void
exchange_compare(struct job *job)
{
	struct session_login *login = container_of(job, struct session_login, job);
	struct scram_keys stored;

	/* An empty password and a damaged secret are found out without one. */
	login->derived = login->answer[0] != '\0' && scram_keys_from_secret(login->secret, &stored);
	crypto_wipe(&stored, sizeof(stored));
	login->matched = secret_matches_plain(login->session->user_name, login->secret, login->answer);
}

static void
exchange_compared(struct session *s)
{
	if (s->login->matched)
		welcome_begin(s);
	else
		exchange_fail(s);
}

static void
exchange_take_plain(struct session *s)
{
	struct session_login *login = s->login;

	if (secret_kind(login->secret) == SECRET_SCRAM)
		login_work(s, exchange_compare, exchange_compared);
	else if (secret_matches_plain(s->user_name, login->secret, login->answer))
		welcome_begin(s);
	else
		exchange_fail(s);
}

/* ------------------------------------------------- somebody else's word */

void
proof_verified(struct session *s, bool ok)
{
	struct session_login *login = s->login;

	login->verification = NULL;
	if (!login_resumed(s))
		return;
	if (ok)
		welcome_begin(s);
	else
		proof_refuse(s, "the password was not accepted");
	login_go_on(s);
}

/* PAM's name for us, as /etc/pam.d has it for PgBouncer, unless a rule has another. */
#define PAM_SERVICE "pgbouncer"

static void
exchange_ask_ldap(struct session *s)
{
	struct session_login *login = s->login;
	struct ldap_options options;
	struct bytes why = {0};

	if (login->rule != NULL && login->rule->ldap != NULL) {
		login->verification = verifier_ask_ldap(s, login->rule->ldap, login->answer);
	} else if (ldap_options_read(&options, s->snapshot->global.auth_ldap_options, &why)) {
		login->verification = verifier_ask_ldap(s, &options, login->answer);
		ldap_options_free(&options);
	}
	bytes_free(&why);
}

static void
exchange_ask_pam(struct session *s)
{
	struct session_login *login = s->login;
	const char *service = login->rule != NULL ? login->rule->pam_service : NULL;

	login->verification = verifier_ask_pam(s, service != NULL ? service : PAM_SERVICE, login->answer);
}

static void
exchange_ask_verifier(struct session *s)
{
	struct session_login *login = s->login;

	login_wait(s, LOGIN_PENDING_VERIFIER);
	if (login->method == AUTH_PAM)
		exchange_ask_pam(s);
	else
		exchange_ask_ldap(s);
	if (login->verification == NULL && login_resumed(s))
		proof_refuse(s, "nobody can judge the password now");
}

/* ------------------------------------------------------------ passwords */

static void
exchange_take_md5(struct session *s)
{
	struct session_login *login = s->login;
	bool known = secret_kind(login->secret) != SECRET_NONE;
	/* Nobody's secret costs as much as somebody's. */
	const char *secret = known ? login->secret : "nobody's";

	if (secret_matches_md5(s->user_name, secret, login->salt, login->answer) && known)
		welcome_begin(s);
	else
		exchange_fail(s);
}

static void
exchange_take_password(struct session *s, const char *body, size_t length)
{
	struct reader r = reader_over(body, length);
	const char *answer = reader_text(&r);

	if (!reader_at_end(&r)) {
		session_close(s, CLOSE_bad_packet, NULL);
		return;
	}
	exchange_keep_answer(s->login, answer, length - 1);
	switch (s->login->method) {
	case AUTH_MD5:
		exchange_take_md5(s);
		break;
	case AUTH_PLAIN:
		exchange_take_plain(s);
		break;
	default:
		exchange_ask_verifier(s);
	}
}

/* ---------------------------------------------------------------- SCRAM */

static void
exchange_begin_scram(struct session *s)
{
	struct session_login *login = s->login;
	struct scram_keys *keys = &login->keys;
	enum secret_kind kind = secret_kind(login->secret);
	uint8_t binding[STREAM_BINDING_MAX];
	struct bytes offered = {0};

	if (kind == SECRET_PLAIN) {
		keycache_salt(s->user_name, login->secret, keys->salt);
		keys->salt_length = KEYCACHE_SALT_LENGTH;
		keys->iterations = s->snapshot->global.scram_iterations;
		login->keys_known = keycache_get(login->secret, keys->salt, keys->salt_length, keys->iterations, keys);
	} else if (kind != SECRET_SCRAM || !scram_keys_from_secret(login->secret, keys)) {
		login->mock = true;
		scram_keys_mock(s->user_name, s->worker->process->secret, s->snapshot->global.scram_iterations, keys);
	}
	login->scram = scram_server_new(keys, login->mock);
	scram_server_bind(login->scram, binding, stream_binding(&s->stream, binding));
	scram_server_mechanisms(login->scram, &offered);
	login_ask(s, AUTHENTICATION_SASL, offered.data, offered.length);
	bytes_free(&offered);
}

static void
exchange_take_first(struct session *s, const char *body, size_t length)
{
	struct session_login *login = s->login;
	struct reader r = reader_over(body, length);
	const char *mechanism = reader_text(&r);
	uint32_t said = reader_u32(&r);
	const char *first = reader_bytes(&r, said == UINT32_MAX ? 0 : said);
	struct bytes reply = {0};
	enum scram_step step = SCRAM_BROKEN;

	login->scram_begun = true;
	if (reader_at_end(&r) && scram_server_choose(login->scram, mechanism) && first != NULL)
		step = scram_server_first(login->scram, first, said == UINT32_MAX ? 0 : said, &reply);
	if (step == SCRAM_CONTINUE) {
		login_ask(s, AUTHENTICATION_SASL_CONTINUE, reply.data, reply.length);
	} else {
		const char *problem = scram_server_problem(login->scram);

		proof_refuse(s, problem != NULL ? problem : "the SASL mechanism was not offered");
	}
	bytes_free(&reply);
}

static void
exchange_judge_final(struct session *s, const char *body, size_t length)
{
	struct session_login *login = s->login;
	struct bytes reply = {0};

	if (scram_server_final(login->scram, body, length, &reply) != SCRAM_DONE) {
		exchange_fail(s);
		return;
	}
	login_ask(s, AUTHENTICATION_SASL_FINAL, reply.data, reply.length);
	bytes_free(&reply);
	memcpy(login->keys.client_key, scram_server_client_key(login->scram), SCRAM_KEY_LENGTH);
	login->keys.has_client_key = true;
	welcome_begin(s);
}

static void
exchange_derive(struct job *job)
{
	struct session_login *login = container_of(job, struct session_login, job);
	struct scram_keys asked = login->keys;

	login->matched = scram_keys_derive(login->secret, asked.salt, asked.salt_length, asked.iterations, &login->keys);
	if (login->matched)
		keycache_put(login->secret, &login->keys);
}

static void
exchange_derived(struct session *s)
{
	struct session_login *login = s->login;

	login->derived = true;
	if (!login->matched) {
		exchange_fail(s);
		return;
	}
	scram_server_take_keys(login->scram, &login->keys);
	exchange_judge_final(s, login->answer, login->answer_length);
}

/* The keys of a plain password were derived before, or are now: the client's proof is here. */
static void
exchange_take_final(struct session *s, const char *body, size_t length)
{
	struct session_login *login = s->login;

	if (secret_kind(login->secret) != SECRET_PLAIN || login->keys_known) {
		exchange_judge_final(s, body, length);
		return;
	}
	exchange_keep_answer(login, body, length);
	login_work(s, exchange_derive, exchange_derived);
}

/* ----------------------------------------------------------------- again */

bool
exchange_has_begun(const struct session_login *login)
{
	return login->answer != NULL || login->scram_begun;
}

/* A SCRAM proof was made for the old secret's salt, so the client has to try again. */
void
exchange_judge_again(struct session *s)
{
	if (s->login->method == AUTH_MD5)
		exchange_take_md5(s);
	else if (s->login->method == AUTH_PLAIN)
		exchange_take_plain(s);
	else
		exchange_fail(s);
}

/* ------------------------------------------------------------- beginning */

void
exchange_begin(struct session *s)
{
	struct session_login *login = s->login;

	switch (login->method) {
	case AUTH_SCRAM:
		exchange_begin_scram(s);
		break;
	case AUTH_MD5:
		if (crypto_random(login->salt, sizeof(login->salt)))
			login_ask(s, AUTHENTICATION_MD5, login->salt, sizeof(login->salt));
		else
			proof_refuse(s, "there are no random numbers");
		break;
	default:
		login_ask(s, AUTHENTICATION_CLEARTEXT, NULL, 0);
	}
}

void
exchange_take(struct session *s, const char *body, size_t length)
{
	if (s->login->method != AUTH_SCRAM)
		exchange_take_password(s, body, length);
	else if (!s->login->scram_begun)
		exchange_take_first(s, body, length);
	else
		exchange_take_final(s, body, length);
}
