/*
 * session/worker.c - a worker's beginning and end, and what reaches it from other threads.
 */
#include "session/worker.h"

#include <stdlib.h>
#include <unistd.h>

#include "route/verdict.h"
#include "session/heal.h"
#include "session/peer.h"
#include "session/sequence.h"
#include "session/session_private.h"

#define VERDICTS_KEPT 4096

struct worker *
worker_new(struct process *process, struct loop *loop, struct pool *pool)
{
	struct worker *w = memory_new(sizeof(*w));

	w->process = process;
	w->loop = loop;
	w->pool = pool;
	w->number = loop_number(loop);
	w->verdicts = verdict_cache_new(VERDICTS_KEPT);
	list_init(&w->sessions);
	list_init(&w->drawing);
	list_init(&w->heals);
	list_init(&w->lazies);
	timer_init(&w->drawing_timer, sequence_watch);
	list_init(&w->inquiries);
	list_init(&w->receivers);
	list_init(&w->audiences);
	list_init(&w->forwards);
	w->lookups = lookups_new();
	return w;
}

void
worker_free(struct worker *w)
{
	must(list_is_empty(&w->sessions));
	timer_disarm(loop_timers(w->loop), &w->drawing_timer);
	lookups_free(w->lookups);
	verdict_cache_free(&w->verdicts);
	heal_free_all(w);
	lazy_free_all(w);
	gather_free(&w->to_client);
	gather_free(&w->to_server);
	bytes_free(&w->scratch);
	free(w->slots);
	free(w);
}

struct accept_message {
	struct message message;
	struct worker *worker;
	int fd;
};

static void
worker_take_connection(struct message *m)
{
	struct accept_message *a = container_of(m, struct accept_message, message);

	session_accept(a->worker, a->fd);
	free(a);
}

void
worker_accept(struct worker *w, int fd, const struct worker *from)
{
	struct accept_message *a;

	atomic_fetch_add(&w->load, 1);
	atomic_fetch_add(&w->process->clients, 1);
	if (w == from) {
		session_accept(w, fd);
		return;
	}
	a = memory_new(sizeof(*a));
	a->message.run = worker_take_connection;
	a->worker = w;
	a->fd = fd;
	loop_post(w->loop, &a->message);
}

/* -------------------------------------------------------------- shutdown */

struct shutdown_message {
	struct message message;
	struct worker *worker;
	enum shutdown_mode mode;
};

/* Under WAIT_FOR_SERVERS those who use no server go at once; under NOW everybody does; under WAIT_FOR_CLIENTS nobody. */
static bool
session_must_go(const struct session *s, enum shutdown_mode mode)
{
	if (mode == SHUTDOWN_NOW)
		return true;
	if (mode == SHUTDOWN_WAIT_SERVERS)
		return s->state != SESSION_ACTIVE && s->state != SESSION_REPLICATION && s->state != SESSION_CONSOLE;
	return false;
}

static void
worker_shut(struct message *m)
{
	struct shutdown_message *sd = container_of(m, struct shutdown_message, message);
	struct worker *w = sd->worker;

	list_for_each_safe(node, &w->sessions) {
		struct session *s = list_entry(node, struct session, all);

		if (s->state != SESSION_CLOSING && session_must_go(s, sd->mode))
			session_close(s, sd->mode == SHUTDOWN_WAIT_SERVERS ? CLOSE_server_shutdown : CLOSE_pooler_shutdown, NULL);
	}
	if (sd->mode == SHUTDOWN_NOW) {
		inquiry_end_all(w);
		receiver_end_all(w);
		peer_end_all(w);
		lookup_end_all(w);
		pool_close_all(w->pool);
	}
	free(sd);
}

void
worker_shutdown(struct worker *w, enum shutdown_mode mode)
{
	struct shutdown_message *sd = memory_new(sizeof(*sd));

	sd->message.run = worker_shut;
	sd->worker = w;
	sd->mode = mode;
	loop_post(w->loop, &sd->message);
}

/* ---------------------------------------------------------------- reload */

struct drop_message {
	struct message message;
	struct worker *worker;
};

static void
worker_drop(struct message *m)
{
	struct drop_message *d = container_of(m, struct drop_message, message);

	list_for_each_safe(node, &d->worker->sessions) {
		struct session *s = list_entry(node, struct session, all);

		if (s->ledger == NULL || !session_is_between_transactions(s))
			continue;
		if (s->ledger->removed)
			session_close(s, CLOSE_database_removed, NULL);
		else if (session_must_fast_close(s))
			session_close(s, CLOSE_database_changed, NULL);
	}
	free(d);
}

void
worker_drop_outdated(struct worker *w)
{
	struct drop_message *d = memory_new(sizeof(*d));

	d->message.run = worker_drop;
	d->worker = w;
	loop_post(w->loop, &d->message);
}

/* ----------------------------------------------------------------- hosts */

struct hosts_message {
	struct message message;
	struct worker *worker;
	struct cluster *cluster; /* owned reference */
};

static bool
session_hangs(const struct session *s, const struct cluster *c)
{
	struct host_report report;

	if (s->state != SESSION_ACTIVE || s->heal == NULL || s->server->cluster != c)
		return false;
	cluster_report(c, s->server->host, &report);
	return report.state == HOST_DOWN;
}

static void
worker_look_at_hosts(struct message *m)
{
	struct hosts_message *h = container_of(m, struct hosts_message, message);

	list_for_each_safe(node, &h->worker->sessions) {
		struct session *s = list_entry(node, struct session, all);

		if (session_hangs(s, h->cluster))
			heal_host_is_down(s);
	}
	cluster_unref(h->cluster);
	free(h);
}

void
worker_hosts_changed(struct worker *w, struct cluster *c)
{
	struct hosts_message *h = memory_new(sizeof(*h));

	h->message.run = worker_look_at_hosts;
	h->worker = w;
	h->cluster = cluster_ref(c);
	loop_post(w->loop, &h->message);
}
