/*
 * session/cancel.c - a client's CancelRequest: from the connection that brings it,
 * to the worker of the session that it names, to that session's server.
 *
 *     requester's worker ── find ──▶ target's worker ── pool_cancel ──▶ PostgreSQL
 *            ◀──────────── done ────────────┘  (then the requester's connection is closed)
 */
#include <stdlib.h>
#include <string.h>

#include "auth/crypto.h"
#include "observe/log.h"
#include "session/session_private.h"

struct cancel_message {
	struct message message;
	struct worker *from;     /* borrowed */
	struct worker *to;       /* borrowed */
	uint32_t requester_slot, requester_generation;
	uint32_t pid;
	uint8_t secret[256];
	size_t secret_length;
};

static struct session *
worker_session(struct worker *w, uint32_t slot)
{
	return slot < w->slot_count ? w->slots[slot] : NULL;
}

/* Back on the requester's worker: PostgreSQL has been told, or there was nothing to tell. */
static void
cancel_finish(struct message *m)
{
	struct cancel_message *c = container_of(m, struct cancel_message, message);
	struct session *s = worker_session(c->from, c->requester_slot);

	if (s != NULL && s->generation == c->requester_generation && s->state == SESSION_CANCEL)
		session_close(s, CLOSE_cancel_done, NULL);
	free(c);
}

static void
cancel_answer(void *user)
{
	struct cancel_message *c = user;

	c->message.run = cancel_finish;
	loop_post(c->from->loop, &c->message);
}

/* A client that still waits has no query on any server: its request ends here. */
static bool
cancel_waiting(struct session *s)
{
	static const struct error canceled = {.sqlstate = "57014", .message = "canceling statement due to user request"};
	struct bytes b = {0};

	if (!pool_withdraw(&s->borrower))
		return false;
	session_enter(s, SESSION_IDLE);
	message_error(&b, &canceled);
	session_send(s, &b);
	bytes_free(&b);
	s->idle_us = loop_now_us(s->worker->loop);
	session_arm(s);
	request_cancel_waiting(s);
	return true;
}

static bool
cancel_is_for(const struct session *s, const struct cancel_message *c)
{
	if (s == NULL || s->state < SESSION_IDLE || s->state > SESSION_CONSOLE)
		return false;
	return c->secret_length == session_cancel_secret_length(s) && crypto_equal(c->secret, s->cancel_secret, c->secret_length);
}

static void
cancel_deliver(struct message *m)
{
	struct cancel_message *c = container_of(m, struct cancel_message, message);
	struct session *s = worker_session(c->to, c->pid & 0xffffff);

	if (cancel_is_for(s, c)) {
		if (s->state == SESSION_CONSOLE)
			c->to->process->console->cancel(s);
		if (s->state == SESSION_WAITING && cancel_waiting(s)) {
			cancel_answer(c);
			return;
		}
		if (s->state == SESSION_REPLICATION || (s->state == SESSION_ACTIVE && s->server->answers.count > 0 && !s->settling)) {
			pool_cancel(s->server, cancel_answer, c);
			return;
		}
	}
	cancel_answer(c);
}

void
cancel_request(struct session *s, uint32_t pid, const char *secret, size_t length)
{
	struct process *process = s->worker->process;
	uint32_t number = pid >> 24;
	struct cancel_message *c;

	if (number >= hub_worker_count(process->hub) || length > sizeof(c->secret)) {
		session_close(s, CLOSE_cancel_done, NULL);
		return;
	}
	c = memory_new(sizeof(*c));
	c->message.run = cancel_deliver;
	c->from = s->worker;
	c->to = process->workers[number];
	c->requester_slot = s->slot;
	c->requester_generation = s->generation;
	c->pid = pid;
	memcpy(c->secret, secret, length);
	c->secret_length = length;
	loop_post(c->to->loop, &c->message);
}
