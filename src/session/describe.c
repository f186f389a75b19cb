/*
 * session/describe.c - what a session is called in log lines and in the console.
 */
#include <stdio.h>

#include "session/login_private.h"

/* Known as soon as the client has asked for one that there is. */
const char *
session_database_name(const struct session *s)
{
	const char *asked;

	if (s->ledger != NULL)
		return s->ledger->name;
	if (s->state == SESSION_CONSOLE || (s->login != NULL && s->login->console))
		return "pgbouncer";
	asked = s->login != NULL ? s->login->database : NULL;
	return asked != NULL && snapshot_database(s->snapshot, asked) != NULL ? asked : "(nodb)";
}

uint64_t
session_number(const struct session *s)
{
	return ((uint64_t)s->slot * hub_worker_count(s->worker->process->hub) + s->worker->number + 1) * 2;
}

static void
session_describe_peer(const struct session *s, char *out, size_t size)
{
	struct endpoint peer = {.host = "?"};
	unsigned uid;
	int pid;

	if (s->stream.fd >= 0)
		socket_describe_peer(s->stream.fd, &peer);
	if (peer.is_unix && socket_peer_credentials(s->stream.fd, &pid, &uid))
		snprintf(out, size, "unix(%d):%d", pid, s->snapshot->global.listen_port);
	else
		snprintf(out, size, "%s:%u", peer.host, peer.port);
}

void
session_describe(const struct session *s, char *out, size_t size)
{
	char peer[80];

	session_describe_peer(s, peer, sizeof(peer));
	snprintf(out, size, "C-0x%llx: %s/%s@%s", (unsigned long long)session_number(s), session_database_name(s),
	    s->user_name != NULL ? s->user_name : "(nouser)", peer);
}
