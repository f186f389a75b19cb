/*
 * session/welcome.c - the end of a login: the client gets its pool, PostgreSQL judges
 * its startup settings the first time that they are seen, and it is greeted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "observe/log.h"
#include "session/floor.h"
#include "session/login_private.h"

/* The session's profile as servers spell it: what they accepted, with the client's own application name. */
static const struct profile *
welcome_profile_asked(const struct session *s)
{
	return profile_with(profile_ref(s->startup), "application_name", NULL);
}

static void
welcome_write_parameters(struct session *s, const struct greeting *g, struct bytes *b)
{
	for (unsigned i = 0; i < g->count; i++) {
		const char *name = g->values[i].name;
		const char *own = profile_find(s->profile, name);

		/* A replica's word must not tell a client of a routed entry that it may not write. */
		if (s->route == ROUTE_SPLIT && strcmp(name, "in_hot_standby") == 0)
			own = "off";
		if (strcmp(name, "session_authorization") == 0)
			own = s->borrower.account->user;
		message_parameter(b, name, own != NULL ? own : g->values[i].value);
	}
}

void
welcome_write_notice(const struct session *s, struct bytes *b)
{
	const char *text = s->snapshot->global.login_notify_message;
	struct error notice = {.sqlstate = "00000", .message = text};

	if (text[0] != '\0')
		message_notice(b, &notice);
}

/* The login is complete: parameters, key, ReadyForQuery. */
static void
welcome_greet(struct session *s, const struct greeting *g)
{
	struct bytes *b = &s->worker->scratch;

	s->utf8_server = text_equal_nocase(greeting_value(g, "client_encoding"), "UTF8") &&
	    text_equal_nocase(greeting_value(g, "server_encoding"), "UTF8");
	restore_apply_pgweir(s);
	if (s->route == ROUTE_SPLIT)
		inquiry_begin(s);
	if (!s->login->ok_sent)
		message_authentication(b, AUTHENTICATION_OK, NULL, 0);
	welcome_write_parameters(s, g, b);
	session_write_key(s, b);
	welcome_write_notice(s, b);
	message_ready(b, 'I');
	session_send(s, b);
	bytes_clear(b);
	welcome_finish(s, SESSION_IDLE);
	request_resume(s);
}

void
welcome_finish(struct session *s, enum session_state state)
{
	login_free(s->login);
	s->login = NULL;
	session_enter(s, state);
	s->idle_us = loop_now_us(s->worker->loop);
	stat_add(session_stats(s)->logins, 1);
	session_arm(s);
}

/* A routed client finds its route by SHOW, in either protocol and inside transactions: PostgreSQL itself answers. */
static void
welcome_add_route(struct session *s)
{
	if (s->route != ROUTE_ANY && profile_find(s->startup, "pgweir.route") == NULL)
		s->startup = profile_with(s->startup, "pgweir.route", route_mode_word((enum route_mode)s->route));
	floor_add_startup(s);
}

static bool
welcome_within_limits(struct session *s)
{
	int of_database = snapshot_max_db_client_connections(s->snapshot, s->database);
	int of_user = snapshot_max_user_client_connections(s->snapshot, s->user);
	unsigned clients;
	const char *kept = hub_add_client(s->worker->process->hub, s->user_name, &clients);

	free(s->user_name);
	s->user_name = (char *)kept;
	s->counted = true;
	if (atomic_fetch_add(&s->ledger->clients, 1) >= (unsigned)of_database && of_database > 0) {
		session_close(s, CLOSE_too_many_database_clients, NULL);
		return false;
	}
	if (of_user > 0 && clients > (unsigned)of_user) {
		session_close(s, CLOSE_too_many_user_clients, NULL);
		return false;
	}
	return true;
}

static void
welcome_refuse_database(struct session *s)
{
	char *text = text_format("no such database: %s", s->login->database), who[256];

	session_describe(s, who, sizeof(who));
	if (s->snapshot->global.log_connections)
		log_info(who, "login failed: db=%s user=%s", s->login->database, s->user_name);
	session_close(s, CLOSE_no_such_database, text);
	free(text);
}

/* Attaches the session to its pool; false when it was closed instead. */
static bool
welcome_attach(struct session *s)
{
	struct session_login *login = s->login;
	struct ledger *l = strlen(login->database) < NAME_SIZE ? hub_ledger(s->worker->process->hub, login->database) : NULL;
	const char *user;

	if (l == NULL) {
		welcome_refuse_database(s);
		return false;
	}
	s->ledger = l;
	session_configure(s);
	if (l->removed || s->database == NULL) {
		welcome_refuse_database(s);
		return false;
	}
	if (l->disabled) {
		char *text = text_format("database \"%s\" is disabled", login->database);

		session_close(s, CLOSE_database_disabled, text);
		free(text);
		return false;
	}
	/* A reload meanwhile may have taken away the user that all of auth_type=any are. */
	if (s->database->user == NULL && login->method == AUTH_ANY) {
		session_close(s, CLOSE_configuration, NULL);
		return false;
	}
	user = s->database->user != NULL ? s->database->user : s->user_name;
	s->borrower.account = account_attach(l, user, s->snapshot);
	if (!welcome_within_limits(s))
		return false;
	welcome_add_route(s);
	if (s->database->user == NULL && login->looked_up && login->secret[0] != '\0')
		account_learn_secret(s->borrower.account, login->secret);
	if (s->database->user == NULL && login->keys.has_client_key)
		account_learn_keys(s->borrower.account, &login->keys);
	if (s->database->user == NULL && (login->method == AUTH_PLAIN || login->method == AUTH_PAM || login->method == AUTH_LDAP))
		account_learn_password(s->borrower.account, login->answer);
	return true;
}

bool
welcome_is_own_user(const struct session *s)
{
	int pid;
	unsigned uid;

	return strcmp(s->user_name, "pgbouncer") == 0 && socket_peer_credentials(s->stream.fd, &pid, &uid) && uid == geteuid();
}

void
welcome_console(struct session *s)
{
	const struct settings *set = &s->snapshot->global;
	bool is_admin = snapshot_list_has(set->admin_users, s->user_name);
	struct bytes notice = {0};

	is_admin |= welcome_is_own_user(s);
	/* Where nobody has to prove anything, everybody may look, as PgBouncer has it. */
	if (!is_admin && set->auth_type != AUTH_ANY && !snapshot_list_has(set->stats_users, s->user_name)) {
		session_close(s, CLOSE_not_allowed, NULL);
		return;
	}
	login_ask(s, AUTHENTICATION_OK, NULL, 0);
	welcome_write_notice(s, &notice);
	session_send(s, &notice);
	bytes_free(&notice);
	login_free(s->login);
	s->login = NULL;
	s->profile = profile_ref(s->startup);
	session_enter(s, SESSION_CONSOLE);
	session_arm(s);
	s->worker->process->console->open(s, is_admin);
	login_go_on(s);
}

/* Waits for a server: the first of its kind, or the one that judges the client's startup settings. */
static void
welcome_wait(struct session *s)
{
	struct server *server;
	char *failure = NULL;
	char sqlstate[6];

	if (account_is_failing(s->borrower.account, &failure, sqlstate)) {
		session_close_as(s, CLOSE_server_login_retry, sqlstate, failure);
		free(failure);
		return;
	}
	/* Clients take no notice of waiting before this. */
	login_ask(s, AUTHENTICATION_OK, NULL, 0);
	s->login->ok_sent = true;
	if (pool_lend(&s->borrower, routing_home_of(s), &server) == LEND_LATER) {
		session_arm(s);
		return;
	}
	s->server = server;
	welcome_granted(s);
}

/* The client is who it says. */
void
welcome_begin(struct session *s)
{
	const struct profile *asked, *accepted;
	struct greeting *g;

	if (s->login->console) {
		welcome_console(s);
		return;
	}
	if (!welcome_attach(s))
		return;
	if (s->state == SESSION_STARTUP)
		session_enter(s, SESSION_AUTH);
	session_enter(s, SESSION_WELCOME);
	if (s->replication != REPLICATION_NONE) {
		replication_begin(s);
		return;
	}
	s->profile = profile_ref(s->startup);
	asked = welcome_profile_asked(s);
	accepted = asked == profile_empty() ? asked : account_known_startup(s->borrower.account, asked, &s->borrower.set);
	g = account_greeting(s->borrower.account);
	profile_unref(asked);
	if (g == NULL || accepted == NULL) {
		welcome_wait(s);
	} else {
		const char *name = profile_find(s->startup, "application_name");
		const struct profile *own = profile_with(profile_ref(accepted), "application_name", name);

		profile_unref(s->profile);
		profile_unref(s->startup);
		s->profile = own;
		s->startup = profile_ref(own);
		welcome_greet(s, g);
	}
	profile_unref(accepted);
	greeting_unref(g);
}

bool
welcome_granted(struct session *s)
{
	if (s->replication != REPLICATION_NONE) {
		replication_granted(s);
		return true;
	}
	s->learning = true;
	if (profile_count(s->startup) > 0) {
		restore_learn(s);
		return true;
	}
	welcome_learned(s);
	return true;
}

void
welcome_learn_failed(struct session *s, const struct error *e)
{
	free(s->login->failure);
	s->login->failure = text_copy(e->message != NULL ? e->message : close_row(CLOSE_server_settings)->text);
	snprintf(s->login->failure_sqlstate, sizeof(s->login->failure_sqlstate), "%s", e->sqlstate != NULL ? e->sqlstate : "08P01");
}

/* The client is told what PostgreSQL said of its startup settings; the server lives on. */
static void
welcome_refuse_settings(struct session *s)
{
	pool_return(&s->server);
	session_close_as(s, CLOSE_server_settings, s->login->failure_sqlstate, s->login->failure);
}

static void
welcome_take_learned(struct session *s)
{
	const struct profile *asked = welcome_profile_asked(s);
	const struct profile *accepted = profile_with(profile_ref(s->profile), "application_name", NULL);
	struct greeting *g = account_greeting(s->borrower.account);

	/* What was known of the logins may have been forgotten meanwhile. */
	if (g == NULL)
		g = greeting_of_server(s->server);
	account_learn_startup(s->borrower.account, asked, accepted, s->borrower.set, s->server->renewals);
	profile_unref(asked);
	profile_unref(accepted);
	profile_unref(s->startup);
	s->startup = profile_ref(s->profile);
	s->learning = false;
	/* Opened for this client, it is opened again with what the client came with. */
	s->server->close_needed |= s->borrower.set != NULL && s->server->lends == 1 && s->server->set == NULL;
	pool_return_unused(&s->server);
	welcome_greet(s, g);
	greeting_unref(g);
}

void
welcome_learned(struct session *s)
{
	if (s->login->failure != NULL) {
		welcome_refuse_settings(s);
		return;
	}
	welcome_take_learned(s);
}
