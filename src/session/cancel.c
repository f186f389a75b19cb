/*
 * session/cancel.c - a client's CancelRequest: from the connection that brings it,
 * to the worker of the session that it names, to that session's server.  One whose key
 * was given by another process goes to that one (peer.c).
 *
 *     requester's worker ── find ──▶ target's worker ── pool_cancel ──▶ PostgreSQL
 *            ◀──────────── done ────────────┘  (then the requester's connection is closed)
 */
#include <stdlib.h>
#include <string.h>

#include "auth/crypto.h"
#include "observe/log.h"
#include "protocol/startup.h"
#include "session/cancel_key.h"
#include "session/peer.h"
#include "session/session_private.h"

struct cancel_message {
	struct message message;
	struct worker *from;     /* borrowed */
	struct worker *to;       /* borrowed */
	uint32_t requester_slot, requester_generation;
	uint32_t pid;
	unsigned peer_id;        /* whose layout the key has */
	uint8_t secret[CANCEL_KEY_MOST];
	size_t secret_length;
};

/* ------------------------------------------------------------------ keys */

size_t
session_cancel_secret_length(const struct session *s)
{
	return s->minor >= 2 ? CRYPTO_SHA256_LENGTH : 4;
}

/*
 * Nobody keeps a secret for the rare request that shows it: it is computed again, as the hash of one block.  What is
 * hashed is always as long, so nothing can be appended to it; ids come again after 2^31 connections, at another time.
 */
static void
cancel_secret(const struct session *s, uint8_t out[CRYPTO_SHA256_LENGTH])
{
	struct {
		uint8_t secret[sizeof(s->worker->process->secret)];
		uint64_t id;
		int64_t connected_wall_us;
	} of = {.id = s->id, .connected_wall_us = s->connected_wall_us};

	memcpy(of.secret, s->worker->process->secret, sizeof(of.secret));
	crypto_sha256(&of, sizeof(of), out);
	crypto_wipe(of.secret, sizeof(of.secret));
}

void
session_write_key(struct session *s, struct bytes *out)
{
	unsigned peer_id = (unsigned)s->snapshot->global.peer_id;
	size_t length = session_cancel_secret_length(s), begun;
	uint8_t secret[CRYPTO_SHA256_LENGTH];

	cancel_secret(s, secret);
	/* A short secret does not show the byte that lends its bits to the process id. */
	s->cancel_pid = cancel_key_pid(peer_id, s->worker->number, s->slot, peer_id != 0 ? secret[CRYPTO_SHA256_LENGTH - 2] : s->generation);
	if (peer_id != 0)
		cancel_key_set_hops(secret, length, CANCEL_KEY_HOPS);
	begun = message_begin(out, BACKEND_BACKEND_KEY);
	bytes_u32(out, s->cancel_pid);
	bytes_append(out, secret, length);
	message_end(out, begun);
}

/* ---------------------------------------------------------- to a session */

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

void
cancel_waiting(struct session *s)
{
	static const struct error canceled = {.sqlstate = "57014", .message = "canceling statement due to user request"};

	/* With a server on its way already it is done as soon as that one is here. */
	s->cancelled = true;
	if (pool_withdraw(&s->borrower))
		lazy_fail_waiting(s, &canceled);
}

static bool
cancel_is_for(const struct session *s, const struct cancel_message *c)
{
	uint8_t secret[CRYPTO_SHA256_LENGTH];

	if (s == NULL || s->state < SESSION_IDLE || s->state > SESSION_CONSOLE)
		return false;
	if (c->pid != s->cancel_pid || c->secret_length != session_cancel_secret_length(s))
		return false;
	cancel_secret(s, secret);
	if (c->peer_id != 0)
		cancel_key_set_hops(secret, c->secret_length, CANCEL_KEY_HOPS);
	return crypto_equal(c->secret, secret, c->secret_length);
}

/* The session that the key was given to, or NULL. */
static struct session *
cancel_find(const struct cancel_message *c)
{
	uint32_t step = cancel_key_step(c->peer_id);

	for (uint32_t slot = cancel_key_slot(c->peer_id, c->pid); slot < c->to->slot_count; slot += step) {
		struct session *s = worker_session(c->to, slot);

		if (cancel_is_for(s, c))
			return s;
		if (step == 0)
			break;
	}
	return NULL;
}

static void
cancel_deliver(struct message *m)
{
	struct cancel_message *c = container_of(m, struct cancel_message, message);
	struct session *s = cancel_find(c);

	if (s != NULL) {
		if (s->state == SESSION_CONSOLE)
			c->to->process->console->cancel(s);
		if (s->state == SESSION_WAITING) {
			cancel_waiting(s);
		} else if (s->state == SESSION_REPLICATION || (s->state == SESSION_ACTIVE && s->server->answers.count > 0 && !s->settling)) {
			pool_cancel(s->server, cancel_answer, c);
			return;
		}
	}
	cancel_answer(c);
}

/* To the worker that the key names. */
static void
cancel_send(struct session *s, unsigned peer_id, uint32_t pid, const char *secret, size_t length)
{
	struct process *process = s->worker->process;
	unsigned number = cancel_key_worker(pid);
	struct cancel_message *c;

	if (number >= hub_worker_count(process->hub)) {
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
	c->peer_id = peer_id;
	memcpy(c->secret, secret, length);
	c->secret_length = length;
	/* However often it was sent on, it is the key that the client got. */
	if (peer_id != 0)
		cancel_key_set_hops(c->secret, length, CANCEL_KEY_HOPS);
	loop_post(c->to->loop, &c->message);
}

/* -------------------------------------------------------------- to a peer */

/* The peer that gave the key; NULL when it is this process, or nobody who is known. */
static const struct peer_config *
cancel_peer(const struct session *s, uint32_t pid)
{
	int id = (int)cancel_key_peer(pid);
	const struct peer_config *peer = NULL;

	if (s->snapshot->global.peer_id == 0 || id == s->snapshot->global.peer_id)
		return NULL;
	HASH_FIND_INT(s->snapshot->peers, &id, peer);
	return peer != NULL && peer->host != NULL ? peer : NULL;
}

static void
cancel_send_on(struct session *s, const struct peer_config *peer, uint32_t pid, const char *secret, size_t length)
{
	uint8_t key[CANCEL_KEY_MOST];
	unsigned hops;

	memcpy(key, secret, length);
	hops = cancel_key_hops(key, length);
	if (hops == 0) {
		log_warning(NULL, "failed to forward cancel request because its TTL was exhausted");
		session_close(s, CLOSE_cancel_done, NULL);
		return;
	}
	cancel_key_set_hops(key, length, hops - 1);
	log_debug(NULL, "cancel request goes on to peer %d", peer->id);
	peer_forward(s, peer, pid, key, length);
}

void
cancel_request(struct session *s, uint32_t pid, const char *secret, size_t length)
{
	const struct peer_config *peer = cancel_peer(s, pid);

	if (length == 0 || length > CANCEL_KEY_MOST || atomic_load(&s->worker->process->shutdown) == SHUTDOWN_NOW)
		session_close(s, CLOSE_cancel_done, NULL);
	else if (peer != NULL)
		cancel_send_on(s, peer, pid, secret, length);
	else
		cancel_send(s, (unsigned)s->snapshot->global.peer_id, pid, secret, length);
}
