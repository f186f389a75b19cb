/*
 * session/proof.c - by which method a client has to prove who it is, and the secret
 * that it is measured by.  exchange.c then talks to the client.
 *
 *    auth_type ──┬── hba: the matching rule's ──┬── any, reject ─────────────────────▶ decided
 *                └──────────────────────────────┼── pam, ldap ───────────────────────▶ exchange
 *                                               └── the rest: user list, auth_query ─▶ decided, or exchange
 *
 * An unknown user goes through the same exchange as a known one and fails at its
 * end, in the same words.
 */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "auth/crypto.h"
#include "auth/hba.h"
#include "auth/secret.h"
#include "net/name.h"
#include "observe/log.h"
#include "session/login_private.h"

static enum close_reason
proof_refusal(const struct session_login *login)
{
	switch (login->method) {
	case AUTH_TRUST:
		return CLOSE_trust_failed;
	case AUTH_SCRAM:
		return CLOSE_sasl_failed;
	case AUTH_CERT:
		return CLOSE_certificate_failed;
	case AUTH_PEER:
		return CLOSE_peer_failed;
	case AUTH_PAM:
		return CLOSE_pam_failed;
	case AUTH_LDAP:
		return CLOSE_ldap_failed;
	default:
		return CLOSE_password_failed;
	}
}

void
proof_refuse(struct session *s, const char *why)
{
	char who[256];

	session_describe(s, who, sizeof(who));
	if (s->snapshot->global.log_connections)
		log_info(who, "login failed: db=%s user=%s: %s", s->login->database, s->user_name, why);
	session_close(s, proof_refusal(s->login), NULL);
}

/* ------------------------------------------- methods without an exchange */

/* Nobody proves anything, so all are the same user on the server. */
static void
proof_by_any(struct session *s)
{
	const struct database_config *d = snapshot_database(s->snapshot, s->login->database);
	char who[256];

	if (s->login->console || d == NULL || d->user != NULL) {
		welcome_begin(s);
		return;
	}
	session_describe(s, who, sizeof(who));
	log_error(who, "auth_type=any requires forced user");
	session_close(s, CLOSE_configuration, NULL);
}

static const char *
proof_map(const struct session *s)
{
	return s->login->rule != NULL ? s->login->rule->map : NULL;
}

/* What the peer's certificate is called, if it was verified, can be this user's name. */
static bool
proof_certificate_fits(const struct session *s)
{
	const struct hba_rule *rule = s->login->rule;
	char name[1024];
	bool known;

	if (rule != NULL && rule->client_dn)
		known = stream_peer_subject(&s->stream, name, sizeof(name));
	else
		known = stream_peer_common_name(&s->stream, name, sizeof(name));
	return known && ident_allows(s->snapshot->ident, proof_map(s), name, s->user_name);
}

/* What `clientcert` of a rule asks for beside its method. */
static bool
proof_has_certificate(const struct session *s, const struct hba_rule *rule)
{
	if (!stream_peer_is_verified(&s->stream))
		return false;
	return rule->client_cert == HBA_CERT_VERIFY_CA || proof_certificate_fits(s);
}

static void
proof_by_certificate(struct session *s)
{
	if (!stream_is_secure(&s->stream))
		proof_refuse(s, "TLS connection required");
	else if (!stream_peer_is_verified(&s->stream))
		proof_refuse(s, "TLS client certificate required");
	else if (!proof_certificate_fits(s))
		proof_refuse(s, "TLS certificate name mismatch");
	else if (s->login->secret == NULL)
		proof_refuse(s, "no such user");
	else
		welcome_begin(s);
}

/* In the thread pool: who is behind a number may be asked of a directory far away. */
static void
proof_find_system_user(struct job *job)
{
	struct session_login *login = container_of(job, struct session_login, job);
	const struct session *s = login->session;
	struct passwd row, *found = NULL;
	char buffer[4096];

	if (getpwuid_r(login->uid, &row, buffer, sizeof(buffer), &found) == 0 && found != NULL)
		login->matched = ident_allows(s->snapshot->ident, proof_map(s), row.pw_name, s->user_name);
}

static void
proof_found_system_user(struct session *s)
{
	if (s->login->matched && s->login->secret != NULL)
		welcome_begin(s);
	else
		proof_refuse(s, "the system user at the other end is another");
}

static void
proof_by_peer(struct session *s)
{
	int pid;

	if (socket_peer_credentials(s->stream.fd, &pid, &s->login->uid))
		login_work(s, proof_find_system_user, proof_found_system_user);
	else
		proof_refuse(s, "this is no unix socket");
}

/*
 * auth_type md5 asks for SCRAM where the secret is one.  Who has no secret is asked as often for
 * either as those who have one are, and always for the same; PostgreSQL's own secrets are SCRAM.
 */
static bool
proof_prefers_scram(const struct session *s)
{
	enum secret_kind kind = secret_kind(s->login->secret);
	uint8_t sum[CRYPTO_SHA256_LENGTH];
	uint32_t number;

	if (kind != SECRET_NONE)
		return kind == SECRET_SCRAM;
	if (lookup_is_configured(s))
		return true;
	if (s->snapshot->secrets == 0)
		return false;
	crypto_hmac(s->worker->process->secret, sizeof(s->worker->process->secret), s->user_name, strlen(s->user_name), sum);
	memcpy(&number, sum, sizeof(number));
	return number % s->snapshot->secrets < s->snapshot->scram_secrets;
}

static void
proof_by_secret(struct session *s)
{
	struct session_login *login = s->login;

	switch (login->method) {
	case AUTH_TRUST:
		if (login->secret != NULL)
			welcome_begin(s);
		else
			proof_refuse(s, "no such user");
		break;
	case AUTH_CERT:
		proof_by_certificate(s);
		break;
	case AUTH_PEER:
		proof_by_peer(s);
		break;
	default:
		if (login->method == AUTH_MD5 && proof_prefers_scram(s))
			login->method = AUTH_SCRAM;
		exchange_begin(s);
	}
}

/* ---------------------------------------------------------------- secret */

static void
proof_take_secret(struct session *s, const char *secret)
{
	crypto_wipe_text(s->login->secret);
	s->login->secret = text_copy(secret);
	if (exchange_has_begun(s->login))
		exchange_judge_again(s);
	else
		proof_by_secret(s);
}

void
proof_secret_known(struct session *s, const char *secret)
{
	if (!login_resumed(s))
		return;
	proof_take_secret(s, secret);
	login_go_on(s);
}

static void
proof_seek_secret(struct session *s)
{
	const struct user_config *user = snapshot_user(s->snapshot, s->user_name);

	if (user != NULL && user->secret != NULL) {
		proof_take_secret(s, user->secret);
	} else if (lookup_is_configured(s)) {
		login_wait(s, LOGIN_PENDING_LOOKUP);
		lookup_begin(s);
	} else {
		proof_take_secret(s, NULL);
	}
}

/* ---------------------------------------------------------------- method */

static void
proof_take_method(struct session *s, enum auth_type method)
{
	s->login->method = (uint8_t)method;
	switch (method) {
	case AUTH_ANY:
		proof_by_any(s);
		break;
	case AUTH_REJECT:
		session_close(s, CLOSE_rejected, NULL);
		break;
	case AUTH_PAM:
	case AUTH_LDAP:
		exchange_begin(s);
		break;
	default:
		proof_seek_secret(s);
	}
}

static void
proof_take_rule(struct session *s, const struct hba_rule *rule)
{
	static const uint8_t methods[] = {[HBA_TRUST] = AUTH_TRUST, [HBA_REJECT] = AUTH_REJECT, [HBA_MD5] = AUTH_MD5, [HBA_PASSWORD] = AUTH_PLAIN,
	    [HBA_PEER] = AUTH_PEER, [HBA_CERT] = AUTH_CERT, [HBA_SCRAM] = AUTH_SCRAM, [HBA_LDAP] = AUTH_LDAP, [HBA_PAM] = AUTH_PAM};

	s->login->rule = rule;
	if (rule->client_cert != HBA_CERT_NOT_ASKED && rule->method != HBA_CERT && !proof_has_certificate(s, rule)) {
		s->login->method = AUTH_CERT;
		proof_refuse(s, "the rule asks for a certificate");
		return;
	}
	proof_take_method(s, methods[rule->method]);
}

static void proof_ask_rules(struct session *s);

static void
proof_named(struct name_lookup *lookup)
{
	struct session *s = container_of(lookup, struct login_name, lookup)->session;

	if (!login_resumed(s))
		return;
	proof_ask_rules(s);
	login_go_on(s);
}

/* A rule names hosts: the peer's own name is looked up once. */
static void
proof_ask_name(struct session *s)
{
	struct session_login *login = s->login;

	login->name = memory_new(sizeof(*login->name));
	login->name->session = s;
	login->name->lookup.peer = name_peer_address(s->stream.fd);
	login->name->lookup.done = proof_named;
	login_wait(s, LOGIN_PENDING_JOB);
	name_lookup(s->worker->loop, &login->name->lookup);
}

static void
proof_ask_rules(struct session *s)
{
	struct session_login *login = s->login;
	const struct hba_rule *rule = NULL;
	struct hba_question question = {.database = login->database, .user = s->user_name, .peer = name_peer_address(s->stream.fd),
	    .tls = stream_is_secure(&s->stream), .physical_replication = s->replication == REPLICATION_PHYSICAL, .name_is_known = login->name != NULL};

	/* A rule that keeps strangers out of the console must not depend on which of its names they know. */
	if (login->console)
		question.alias = strcmp(login->database, "pgweir") == 0 ? "pgbouncer" : "pgweir";
	if (login->name != NULL && login->name->lookup.name[0] != '\0')
		question.name = login->name->lookup.name;
	switch (hba_match(s->snapshot->hba, &question, &rule)) {
	case HBA_MATCH:
		proof_take_rule(s, rule);
		break;
	case HBA_NEEDS_NAME:
		proof_ask_name(s);
		break;
	case HBA_NONE:
		session_close(s, CLOSE_no_method, NULL);
	}
}

void
proof_begin(struct session *s)
{
	if (s->snapshot->global.auth_type == AUTH_HBA)
		proof_ask_rules(s);
	else
		proof_take_method(s, (enum auth_type)s->snapshot->global.auth_type);
}
