/*
 * admin/show_fds.c - FDS: the descriptors of listeners, clients and servers.  In
 * PgBouncer it hands a running process over to the next one, with passwords, keys and
 * cancel keys; here those columns are NULL, and no descriptor goes with the rows.
 */
#include <stdlib.h>

#include "admin/admin_private.h"
#include "pool/profile.h"

/* One row. */
struct descriptor {
	int fd;
	const char *task;
	const char *user;     /* NULL for a listener */
	const char *database;
	struct endpoint at;
	int link;             /* the descriptor at the other side; 0: none */
	const struct profile *profile;
};

static void
put_setting(struct table *t, const struct profile *p, const char *name)
{
	table_text(t, p != NULL ? profile_find(p, name) : NULL);
}

static void
put_descriptor(struct table *t, const struct descriptor *d)
{
	table_row(t);
	table_int(t, d->fd);
	table_text(t, d->task);
	table_text(t, d->user);
	table_text(t, d->database);
	table_text(t, d->at.host);
	table_int(t, d->at.port);
	table_text(t, NULL);
	table_int(t, d->link);
	put_setting(t, d->profile, "client_encoding");
	put_setting(t, d->profile, "standard_conforming_strings");
	put_setting(t, d->profile, "DateStyle");
	put_setting(t, d->profile, "TimeZone");
	table_text(t, NULL);
	table_text(t, NULL);
	table_text(t, NULL);
	table_end(t);
}

static void
put_listener(struct table *t, int fd, int port)
{
	struct descriptor d = {.fd = fd, .task = "pooler"};

	socket_describe_local(fd, &d.at);
	if (d.at.is_unix)
		d.at.port = (uint16_t)port;
	put_descriptor(t, &d);
}

static void
put_listeners(struct table *t, const struct console_control *control, int port)
{
	int fd;

	for (unsigned i = 0; (fd = control->listener(control->main, i)) != LISTENERS_END; i++)
		if (fd >= 0)
			put_listener(t, fd, port);
}

static void
put_client(struct table *t, const struct session *s)
{
	struct descriptor d = {.fd = s->stream.fd,
	    .task = "client",
	    .user = s->user_name,
	    .database = session_database_name(s),
	    .link = s->server != NULL ? s->server->stream.fd : 0,
	    .profile = s->profile};

	socket_describe_peer(d.fd, &d.at);
	if (d.at.is_unix)
		d.at.port = (uint16_t)s->snapshot->global.listen_port;
	put_descriptor(t, &d);
}

static void
put_server(struct table *t, const struct server *s, int link)
{
	struct descriptor d = {.fd = s->stream.fd,
	    .task = "server",
	    .user = s->account->user,
	    .database = s->ledger->name,
	    .at = s->peer,
	    .link = link,
	    .profile = s->profile};

	put_descriptor(t, &d);
}

static bool
session_is_shown(const struct session *s)
{
	return s->state >= SESSION_WELCOME && s->state <= SESSION_ACTIVE;
}

/* The client's descriptor; 0: nobody has the server. */
static int
client_of(const struct worker *w, const struct server *server)
{
	list_for_each(node, &w->sessions) {
		const struct session *s = list_entry(node, struct session, all);

		if (s->server == server)
			return s->stream.fd;
	}
	return 0;
}

static void
collect_fds(struct worker *w, const struct question *q, struct bytes *out)
{
	struct table t = q->table;

	t.out = out;
	if (w->number == 0)
		put_listeners(&t, q->control, pool_snapshot(w->pool)->global.listen_port);
	list_for_each(node, &w->sessions) {
		const struct session *s = list_entry(node, struct session, all);

		if (session_is_shown(s))
			put_client(&t, s);
	}
	list_for_each(node, pool_servers(w->pool)) {
		const struct server *s = list_entry(node, struct server, all);

		if (s->use != USE_LOGIN && !s->stream.closing && !s->closed)
			put_server(&t, s, client_of(w, s));
	}
}

static void
finish_fds(struct console *c, const struct question *q)
{
	for (unsigned i = 0; i < q->count; i++)
		bytes_append(&c->rows, q->parts[i].bytes.data, q->parts[i].bytes.length);
	console_done(c, NULL);
}

void
command_show_fds(struct console *c)
{
	ask_workers(c, collect_fds, finish_fds, 0);
}
