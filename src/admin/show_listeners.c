/*
 * admin/show_listeners.c - LISTENERS: the connections that listen for many clients.
 */
#include "admin/admin_private.h"
#include "session/receivers.h"

static void
put_listener(void *user, const struct receiver_report *l)
{
	struct table *t = user;

	table_row(t);
	table_text(t, l->database);
	table_text(t, l->user);
	table_text(t, l->encoding);
	table_int(t, l->channels);
	table_int(t, l->subscriptions);
	if (l->server != NULL) {
		table_int(t, l->server->id);
		table_int(t, l->server->backend_pid);
		table_text(t, cluster_host_name(l->server->cluster, l->server->host));
		table_int(t, cluster_host_port(l->server->cluster, l->server->host));
		table_time(t, l->server->connected_wall_us);
	} else {
		for (int i = 0; i < 5; i++)
			table_text(t, NULL);
	}
	table_time(t, l->lost_wall_us);
	table_end(t);
}

static void
collect_listeners(struct worker *w, const struct question *q, struct bytes *out)
{
	struct table t = q->table;

	t.out = out;
	receivers_each(w, put_listener, &t);
}

static void
finish_listeners(struct console *c, const struct question *q)
{
	for (unsigned i = 0; i < q->count; i++)
		bytes_append(&c->rows, q->parts[i].bytes.data, q->parts[i].bytes.length);
	console_done(c, NULL);
}

void
command_show_listeners(struct console *c)
{
	ask_workers(c, collect_listeners, finish_listeners, 0);
}
