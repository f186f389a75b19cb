/*
 * session/suspend.c - holds the streams of one worker, and lets them go again.  What
 * happens in the meantime keeps its place: input waits in the kernel, timeouts of
 * sessions are looked at again afterwards.
 */
#include "session/suspend.h"

#include <stdlib.h>

#include "pool/server.h"
#include "session/session.h"

static bool
session_can_be_held(const struct session *s)
{
	return s->state != SESSION_CONSOLE && s->state != SESSION_CANCEL && s->state != SESSION_CLOSING;
}

/* A login or a check goes on: it has a deadline of its own. */
static bool
server_can_be_held(const struct server *s)
{
	return (s->use == USE_NONE || s->use == USE_LENT) && s->stream.attached && !s->stream.closing && !s->closed;
}

static bool
session_has_unsent(const struct session *s)
{
	return stream_unsent(&s->stream) > 0 || (s->server != NULL && stream_unsent(&s->server->stream) > 0);
}

unsigned
suspend_hold(struct worker *w)
{
	unsigned unsent = 0;

	list_for_each(node, pool_servers(w->pool)) {
		struct server *s = list_entry(node, struct server, all);

		if (server_can_be_held(s))
			stream_hold(&s->stream, true);
	}
	list_for_each(node, &w->sessions) {
		struct session *s = list_entry(node, struct session, all);

		if (!session_can_be_held(s))
			continue;
		stream_hold(&s->stream, true);
		unsent += session_has_unsent(s);
	}
	return unsent;
}

void
suspend_close_unsent(struct worker *w)
{
	list_for_each_safe(node, &w->sessions) {
		struct session *s = list_entry(node, struct session, all);

		if (session_can_be_held(s) && session_has_unsent(s))
			session_close(s, CLOSE_suspend_timeout, NULL);
	}
}

/* Requests that were read before, and could not be served, are looked at again. */
static void
suspend_release(struct worker *w)
{
	list_for_each(node, pool_servers(w->pool)) {
		struct server *s = list_entry(node, struct server, all);

		stream_hold(&s->stream, false);
	}
	list_for_each_safe(node, &w->sessions) {
		struct session *s = list_entry(node, struct session, all);

		if (!s->stream.held)
			continue;
		stream_hold(&s->stream, false);
		stream_offer(&s->stream);
	}
}

/* --------------------------------------------------------------- messages */

struct suspend_message {
	struct message message;
	struct worker *worker;
};

static void
suspend_run(struct message *m)
{
	struct suspend_message *sm = container_of(m, struct suspend_message, message);

	if (suspend_is_on(sm->worker->process))
		suspend_hold(sm->worker);
	else
		suspend_release(sm->worker);
	free(sm);
}

bool
suspend_is_on(const struct process *p)
{
	return atomic_load(&p->suspended);
}

bool
suspend_all(struct process *p, bool suspended)
{
	if (atomic_exchange(&p->suspended, suspended) == suspended)
		return false;
	for (unsigned i = 0; i < hub_worker_count(p->hub); i++) {
		struct suspend_message *sm = memory_new(sizeof(*sm));

		*sm = (struct suspend_message){.message.run = suspend_run, .worker = p->workers[i]};
		loop_post(p->workers[i]->loop, &sm->message);
	}
	return true;
}
