/*
 * session/claim.c - what a client says of itself in its startup packet (PostgreSQL
 * manual, "Message Formats", StartupMessage): who it is, which database it wants, and
 * the settings that its session begins with.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "observe/log.h"
#include "protocol/startup.h"
#include "session/login_private.h"

/* PgBouncer's, its NUL included. */
#define USER_SIZE 128

static void
claim_setting(struct session *s, const char *name, const char *value)
{
	if (snapshot_list_has(s->snapshot->global.ignore_startup_parameters, name))
		return;
	bytes_text(&s->login->settings, name);
	bytes_text(&s->login->settings, value);
}

/* All at once: nobody has proved anything yet, and a packet has room for thousands. */
static void
claim_take_settings(struct session *s)
{
	struct bytes *b = &s->login->settings;

	if (b->length > 0) {
		profile_unref(s->startup);
		s->startup = profile_of(b->data, b->length);
	}
	bytes_free(b);
}

/* The switches of the `options` parameter are settings like any other. */
static bool
claim_options(struct session *s, const char *options)
{
	bool ignored = snapshot_list_has(s->snapshot->global.ignore_startup_parameters, "options");

	for (;;) {
		char *name = NULL, *value = NULL;
		enum option_state state = startup_next_option(&options, &name, &value);

		if (state == OPTION_END)
			return true;
		if (state == OPTION_UNSUPPORTED && ignored)
			continue;
		if (state == OPTION_UNSUPPORTED) {
			session_close(s, CLOSE_unsupported_options, NULL);
			return false;
		}
		claim_setting(s, name, value);
		free(name);
		free(value);
	}
}

static bool
claim_parameter(struct session *s, const char *name, const char *value)
{
	if (strcmp(name, "user") == 0) {
		free(s->user_name);
		s->user_name = text_copy(value);
		return true;
	}
	if (strcmp(name, "database") == 0) {
		free(s->login->database);
		s->login->database = text_copy(value);
		return true;
	}
	/* PostgreSQL hears a replication client's own words. */
	if (strcmp(name, "replication") == 0 || (s->replication != REPLICATION_NONE && strcmp(name, "application_name") != 0))
		return true;
	if (strcmp(name, "options") == 0)
		return claim_options(s, value);
	claim_setting(s, name, value);
	return true;
}

/* Protocol extensions that nobody here knows, and minor versions above ours, are answered with what there is. */
static void
claim_negotiate(struct session *s, uint32_t asked_minor, const struct bytes *unknown, unsigned count)
{
	struct bytes b = {0};
	size_t begun;

	if (asked_minor == s->minor && count == 0)
		return;
	begun = message_begin(&b, BACKEND_NEGOTIATE_VERSION);
	bytes_u32(&b, 0x00030000u | s->minor);
	bytes_u32(&b, count);
	bytes_append(&b, unknown->data, unknown->length);
	message_end(&b, begun);
	session_send(s, &b);
	bytes_free(&b);
}

/* Where the client is, as PgBouncer puts it behind application names; the caller frees it. */
static char *
claim_peer(const struct session *s)
{
	char host[HOST_NAME_MAX + 1] = "";
	struct endpoint peer;
	unsigned uid;
	int pid;

	socket_describe_peer(s->stream.fd, &peer);
	if (!peer.is_unix || !socket_peer_credentials(s->stream.fd, &pid, &uid) || gethostname(host, sizeof(host) - 1) != 0)
		return text_format("%s:%u", peer.host, peer.port);
	return text_format("unix(%d@%s):%d", pid, host, s->snapshot->global.listen_port);
}

/* PostgreSQL shows an application name in printable ASCII. */
static void
claim_clean_application_name(struct session *s)
{
	const char *given = profile_find(s->startup, "application_name");
	char *clean;

	if (given == NULL && !s->snapshot->global.application_name_add_host)
		return;
	clean = text_copy(given != NULL ? given : "app");
	for (char *p = clean; *p != '\0'; p++)
		*p = *p < 32 || *p > 126 ? '?' : *p;
	if (s->snapshot->global.application_name_add_host) {
		char *peer = claim_peer(s), *with_host = text_format("%s - %s", clean, peer);

		free(peer);
		free(clean);
		clean = with_host;
	}
	if (strlen(clean) >= NAME_SIZE)
		clean[NAME_SIZE - 1] = '\0';
	s->startup = profile_with(s->startup, "application_name", clean);
	free(clean);
}

static bool
claim_parameters(struct session *s, const struct startup *packet)
{
	struct reader r = reader_over(packet->body, packet->body_length);
	struct bytes unknown = {0};
	const char *name, *value;
	unsigned unknown_count = 0;
	uint32_t asked_minor = packet->version & 0xffff;
	bool taken = true;

	s->minor = asked_minor >= 2 ? 2 : 0;
	replication_take_startup(s, packet);
	while (taken && startup_next(&r, &name, &value)) {
		if (strncmp(name, "_pq_.", 5) == 0) {
			bytes_text(&unknown, name);
			unknown_count++;
		} else {
			taken = claim_parameter(s, name, value);
		}
	}
	if (taken && !reader_ok(&r)) {
		session_close(s, CLOSE_bad_startup, NULL);
		taken = false;
	}
	claim_take_settings(s);
	if (taken)
		claim_negotiate(s, asked_minor, &unknown, unknown_count);
	bytes_free(&unknown);
	return taken;
}

bool
claim_take(struct session *s, const struct startup *packet)
{
	struct session_login *login = s->login;

	if (!claim_parameters(s, packet))
		return false;
	if (s->user_name == NULL || s->user_name[0] == '\0') {
		session_close(s, CLOSE_no_user, NULL);
		return false;
	}
	if (strlen(s->user_name) >= USER_SIZE) {
		session_close(s, CLOSE_user_too_long, NULL);
		return false;
	}
	if (login->database == NULL || login->database[0] == '\0') {
		free(login->database);
		login->database = text_copy(s->user_name);
	}
	login->console = strcmp(login->database, "pgbouncer") == 0 || strcmp(login->database, "pgweir") == 0;
	claim_clean_application_name(s);
	return true;
}
