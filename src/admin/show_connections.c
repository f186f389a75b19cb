/*
 * admin/show_connections.c - CLIENTS, SERVERS, SOCKETS: each worker writes the rows of
 * its own connections, in the asker's formats.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_private.h"
#include "base/clock.h"
#include "pool/profile.h"

/* What is asked for. */
enum { WANT_CLIENTS = 1, WANT_SERVERS = 2, WANT_BUFFERS = 4, WANT_ACTIVE_ONLY = 8 };

#define ID_SIZE 48

/* One row. */
struct connection {
	const char *type;
	const char *user;
	const char *database;
	enum replication replication;
	const char *state;
	struct endpoint peer, local;
	int64_t connected_wall_us;
	int64_t request_wall_us;
	int64_t wait_us;
	bool close_needed;
	char ptr[ID_SIZE];
	char link[ID_SIZE];  /* "" when it has none */
	int64_t pid;
	const char *application_name;
	unsigned prepared;
	int64_t id;
	const struct stream *stream;
	uint64_t skip;
};

static void
put_connection(struct table *t, const struct connection *n, int64_t want)
{
	static const char *const replications[] = {
	    [REPLICATION_NONE] = "none", [REPLICATION_LOGICAL] = "logical", [REPLICATION_PHYSICAL] = "physical"};
	char tls[128];

	stream_describe_tls(n->stream, tls, sizeof(tls));
	table_row(t);
	table_text(t, n->type);
	table_text(t, n->user);
	table_text(t, n->database);
	table_text(t, replications[n->replication]);
	table_text(t, n->state);
	table_text(t, n->peer.host);
	table_int(t, n->peer.port);
	table_text(t, n->local.host);
	table_int(t, n->local.port);
	table_time(t, n->connected_wall_us);
	table_time(t, n->request_wall_us);
	table_int(t, n->wait_us / 1000000);
	table_int(t, n->wait_us % 1000000);
	table_int(t, n->close_needed);
	table_text(t, n->ptr);
	table_text(t, n->link);
	table_int(t, n->pid);
	table_text(t, tls);
	table_text(t, n->application_name);
	table_int(t, n->prepared);
	table_int(t, n->id);
	if ((want & WANT_BUFFERS) != 0) {
		table_int(t, 0);
		table_int(t, 0);
		table_int(t, (int64_t)n->skip);
		table_int(t, 0);
		table_int(t, (int64_t)stream_unsent(n->stream));
		table_int(t, (int64_t)stream_unconsumed(n->stream));
		table_int(t, 0);
	}
	table_end(t);
}

static const char *
application_name_of(const struct profile *p)
{
	const char *name = p != NULL ? profile_find(p, "application_name") : NULL;

	return name != NULL ? name : "";
}

static void
name_client(const struct session *s, char out[ID_SIZE])
{
	snprintf(out, ID_SIZE, "0x%llx", (unsigned long long)session_number(s));
}

static void
name_server(const struct server *s, char out[ID_SIZE])
{
	snprintf(out, ID_SIZE, "0x%llx", (unsigned long long)s->number);
}

/* --------------------------------------------------------------- clients */

struct state_name {
	const char *name;        /* NULL: not shown */
	const char *socket_name; /* NULL: not shown either */
	bool is_active;
};

static const struct state_name client_states[SESSION_STATES] = {
	[SESSION_STARTUP] = {NULL, "cl_login", false},
	[SESSION_AUTH] = {NULL, "cl_login", false},
	[SESSION_WELCOME] = {"waiting", "cl_waiting", false},
	[SESSION_IDLE] = {"idle", "cl_active", false},
	[SESSION_WAITING] = {"waiting", "cl_waiting", false},
	[SESSION_ACTIVE] = {"active", "cl_active", true},
	[SESSION_REPLICATION] = {"active", "cl_active", true},
	[SESSION_CANCEL] = {"active_cancel_req", NULL, false},
	[SESSION_CONSOLE] = {"idle", "cl_active", true},
};

/* The name to show, or NULL when the connection is not wanted. */
static const char *
wanted_state(const struct state_name *row, int64_t want)
{
	if ((want & WANT_ACTIVE_ONLY) != 0 && !row->is_active)
		return NULL;
	return (want & WANT_BUFFERS) != 0 ? row->socket_name : row->name;
}

static unsigned
count_names(const struct session *s)
{
	unsigned n = 0;

	list_for_each(node, &s->names)
		n++;
	return n;
}

static void
put_client(struct table *t, const struct session *s, int64_t want)
{
	bool waits = s->state == SESSION_WAITING || s->state == SESSION_WELCOME;
	struct connection n = {
	    .type = "C",
	    .user = s->user_name != NULL ? s->user_name : "(nouser)",
	    .database = session_database_name(s),
	    .replication = s->replication,
	    .state = wanted_state(&client_states[s->state], want),
	    .connected_wall_us = s->connected_wall_us,
	    .request_wall_us = s->request_wall_us > 0 ? s->request_wall_us : s->connected_wall_us,
	    .wait_us = waits && s->borrower.since_us > 0 ? clock_monotonic_us() - s->borrower.since_us : 0,
	    .application_name = application_name_of(s->profile),
	    .prepared = count_names(s),
	    .id = s->id,
	    .stream = &s->stream,
	    .skip = s->skip,
	};
	unsigned uid;
	int pid;

	if (n.state == NULL)
		return;
	socket_describe_peer(s->stream.fd, &n.peer);
	socket_describe_local(s->stream.fd, &n.local);
	if (n.peer.is_unix && socket_peer_credentials(s->stream.fd, &pid, &uid))
		n.pid = pid;
	if (n.peer.is_unix)
		n.peer.port = n.local.port = (uint16_t)s->snapshot->global.listen_port;
	name_client(s, n.ptr);
	if (s->server != NULL)
		name_server(s->server, n.link);
	put_connection(t, &n, want);
}

/* --------------------------------------------------------------- servers */

static const struct state_name server_states[SERVER_CLOSING + 1] = {
	[SERVER_LOGIN] = {"new", "sv_login", false},
	[SERVER_IDLE] = {"idle", "sv_idle", false},
	[SERVER_CLAIMED] = {"active", "sv_active", true},
	[SERVER_IN_TRANSIT] = {"active", "sv_active", true},
	[SERVER_ACTIVE] = {"active", "sv_active", true},
	[SERVER_TESTING] = {"tested", "sv_tested", false},
	[SERVER_CANCELLING] = {"being_canceled", "sv_being_canceled", false},
};

static const struct state_name server_used = {"used", "sv_used", false};

/* The sessions of one worker that have a server. */
struct lent {
	const struct session **sessions; /* owned */
	unsigned count;
};

static struct lent
lent_of(const struct worker *w)
{
	struct lent lent = {0};

	list_for_each(node, &w->sessions) {
		const struct session *s = list_entry(node, struct session, all);

		if (s->server == NULL)
			continue;
		if (lent.count % 64 == 0)
			lent.sessions = memory_resize(lent.sessions, (lent.count + 64) * sizeof(*lent.sessions));
		lent.sessions[lent.count++] = s;
	}
	return lent;
}

static const struct session *
lent_to(const struct lent *lent, const struct server *server)
{
	for (unsigned i = 0; i < lent->count; i++)
		if (lent->sessions[i]->server == server)
			return lent->sessions[i];
	return NULL;
}

static const struct state_name *
server_state_row(struct server *s, const struct settings *set)
{
	enum server_state state = server_state_now(s);

	if (state == SERVER_IDLE && clock_monotonic_us() - s->returned_us > set->server_check_delay_ms * 1000)
		return &server_used;
	return &server_states[state];
}

static void
put_server(struct table *t, struct server *s, const struct lent *lent, int64_t want)
{
	const struct session *client = lent_to(lent, s);
	struct connection n = {
	    .type = "S",
	    .user = s->account->user,
	    .database = s->ledger->name,
	    .replication = client != NULL ? client->replication : REPLICATION_NONE,
	    .state = wanted_state(server_state_row(s, &pool_snapshot(s->pool)->global), want),
	    .peer = s->peer,
	    .local = s->local,
	    .connected_wall_us = s->connected_wall_us,
	    .request_wall_us = s->request_wall_us > 0 ? s->request_wall_us : s->connected_wall_us,
	    .close_needed = s->close_needed || s->epoch != ledger_epoch(s->ledger),
	    .pid = s->backend_pid,
	    .application_name = client != NULL ? application_name_of(client->profile) : application_name_of(s->profile),
	    .prepared = HASH_COUNT(s->prepared),
	    .id = s->id,
	    .stream = &s->stream,
	    .skip = s->skip,
	};

	if (n.state == NULL)
		return;
	name_server(s, n.ptr);
	if (client != NULL)
		name_client(client, n.link);
	put_connection(t, &n, want);
}

/* ------------------------------------------------------------- questions */

static void
collect_connections(struct worker *w, const struct question *q, struct bytes *out)
{
	struct table t = q->table;
	struct lent lent;

	t.out = out;
	if ((q->number & WANT_CLIENTS) != 0)
		list_for_each(node, &w->sessions)
			put_client(&t, list_entry(node, struct session, all), q->number);
	if ((q->number & WANT_SERVERS) == 0)
		return;
	lent = lent_of(w);
	list_for_each(node, pool_servers(w->pool)) {
		struct server *s = list_entry(node, struct server, all);

		if (!s->stream.closing && !s->closed)
			put_server(&t, s, &lent, q->number);
	}
	free(lent.sessions);
}

static void
finish_connections(struct console *c, const struct question *q)
{
	for (unsigned i = 0; i < q->count; i++)
		bytes_append(&c->rows, q->parts[i].bytes.data, q->parts[i].bytes.length);
	console_done(c, NULL);
}

void
command_show_clients(struct console *c)
{
	ask_workers(c, collect_connections, finish_connections, WANT_CLIENTS);
}

void
command_show_servers(struct console *c)
{
	ask_workers(c, collect_connections, finish_connections, WANT_SERVERS);
}

void
command_show_sockets(struct console *c)
{
	ask_workers(c, collect_connections, finish_connections, WANT_CLIENTS | WANT_SERVERS | WANT_BUFFERS);
}

void
command_show_active_sockets(struct console *c)
{
	ask_workers(c, collect_connections, finish_connections, WANT_CLIENTS | WANT_SERVERS | WANT_BUFFERS | WANT_ACTIVE_ONLY);
}
