/*
 * net/stream_tls.c - TLS between a stream's socket and its user.
 *
 *      recv ─▶ room.received ─▶ tls_read ─▶ the place where a plain stream receives ─▶ data()
 *      stream_send ─▶ room.gathered ─▶ tls_write ─▶ room.out ─▶ stream_push
 *
 * The rooms belong to the loop, so that an idle connection owns no buffer.  What TLS
 * has already, and the user does not want yet, brings no event of the socket: such a
 * stream queues in poller.pending.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/loop.h"
#include "net/poller.h"
#include "net/stream_private.h"

/* Ciphertext goes to the kernel in pieces of about this size. */
#define TLS_FLUSH_SIZE ((size_t)64 * 1024)
/* A peer that makes TLS answer (key updates, alerts) and does not read is let go beyond this. */
#define TLS_UNREAD_MOST ((size_t)1024 * 1024)

static struct bytes *
stream_out(struct stream *s)
{
	return &poller_tls_room(loop_poller(s->loop))->out;
}

/* Sends the ciphertext that a call into TLS has made. */
static void
stream_push_out(struct stream *s)
{
	struct bytes *out = stream_out(s);
	struct iovec piece = {.iov_base = out->data, .iov_len = out->length};

	if (out->length > 0 && !s->failed)
		stream_push(s, &piece, 1);
	bytes_clear(out);
	if (out->capacity > 2 * TLS_FLUSH_SIZE)
		bytes_free(out);
}

void
stream_call_again(struct stream *s)
{
	struct tls *t = s->tls;

	if (!s->attached || s->closing || !s->reading || s->held)
		return;
	if (!t->started || t->deferred || tls_is_pending(t))
		poller_call_again(loop_poller(s->loop), &t->node);
}

/* ------------------------------------------------------------- handshake */

void
stream_secure(struct stream *s, struct tls_context *context, const char *host)
{
	must(s->attached && !s->closing && s->tls == NULL);
	s->tls = tls_new(s, context, host);
	if (s->input != NULL)
		bytes_append(&s->tls->kept, leftover_bytes(s->input), leftover_length(s->input));
	leftover_free(&s->input);
	stream_call_again(s);
}

/* Takes what the socket has for a handshake; false when there is nothing to go on with. */
static bool
stream_feed_handshake(struct stream *s)
{
	struct tls *t = s->tls;
	char *room = poller_tls_room(loop_poller(s->loop))->received;
	ssize_t n;

	if (t->kept.length > 0 || (!t->started && !t->accepts))
		return true;
	n = recv(s->fd, room, LOOP_READ_SIZE, 0);
	if (n > 0) {
		tls_feed(t, room, (size_t)n);
		return true;
	}
	t->started = true;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n == 0)
		tls_fail(t, "TLS error: the peer closed the connection during the handshake");
	else
		tls_fail(t, strerrordesc_np(errno));
	return true;
}

static void
stream_tell_secured(struct stream *s)
{
	struct poller *p = loop_poller(s->loop);
	struct delivery d = {.stream = s, .outer = p->deliveries};

	p->deliveries = &d;
	s->events->secured(s);
	p->deliveries = d.outer;
	if (d.stream != NULL && !s->closing)
		stream_call_again(s);
}

static void
stream_handshake(struct stream *s)
{
	struct tls *t = s->tls;
	enum tls_step step;

	if (!stream_feed_handshake(s))
		return;
	step = tls_handshake(t, stream_out(s));
	tls_keep(t);
	stream_push_out(s);
	if (step == TLS_FAILED)
		s->events->ended(s, EPROTO);
	else if (step == TLS_DONE)
		stream_tell_secured(s);
}

static void
stream_defer(struct stream *s, bool deferred)
{
	if (s->tls->deferred == deferred)
		return;
	s->tls->deferred = deferred;
	stream_watch(s);
}

/* One step, if handshakes have not had their part of this turn yet; else it waits outside of the poller's set. */
static void
stream_try_handshake(struct stream *s)
{
	struct poller *p = loop_poller(s->loop);
	int64_t begun_us;

	if (p->handshakes_us >= POLLER_HANDSHAKES_US) {
		stream_defer(s, true);
		stream_call_again(s);
		return;
	}
	stream_defer(s, false);
	begun_us = clock_monotonic_us();
	stream_handshake(s);
	p->handshakes_us += clock_monotonic_us() - begun_us;
}

/* --------------------------------------------------------------- reading */

/* What tls_read answers, as recv(2) would. */
static ssize_t
stream_result(enum tls_step step, size_t length)
{
	if (step == TLS_DONE)
		return (ssize_t)length;
	if (step == TLS_ENDED)
		return 0;
	errno = step == TLS_FAILED ? EPROTO : EAGAIN;
	return -1;
}

static enum tls_step
stream_decrypt(struct stream *s, char *place, size_t room, size_t *length)
{
	struct bytes *out = stream_out(s);
	enum tls_step step = tls_read(s->tls, place, room, length, out);

	tls_keep(s->tls);
	if (out->length == 0)
		return step;
	stream_push_out(s);
	if (stream_unsent(s) > TLS_UNREAD_MOST && step == TLS_WAIT)
		step = tls_fail(s->tls, "TLS error: the peer does not read what it asks for");
	return step;
}

ssize_t
stream_receive_tls(struct stream *s, char *place, size_t room)
{
	char *received = poller_tls_room(loop_poller(s->loop))->received;
	enum tls_step step = TLS_WAIT;
	size_t length;
	ssize_t n;

	if (tls_is_pending(s->tls))
		step = stream_decrypt(s, place, room, &length);
	if (step != TLS_WAIT)
		return stream_result(step, length);
	n = recv(s->fd, received, LOOP_READ_SIZE, 0);
	if (n <= 0)
		return n;
	tls_feed(s->tls, received, (size_t)n);
	step = stream_decrypt(s, place, room, &length);
	return stream_result(step, length);
}

void
stream_read_tls(struct stream *s)
{
	if (unlikely(!s->tls->secured))
		stream_try_handshake(s);
	else
		stream_read(s);
}

void
stream_continue(struct list *node)
{
	struct stream *s = container_of(node, struct tls, node)->stream;

	if (s->closing || !s->reading || s->held)
		return;
	loop_refresh(s->loop);
	stream_read_tls(s);
}

/* --------------------------------------------------------------- sending */

static void
stream_encrypt(struct stream *s, const char *bytes, size_t length)
{
	while (length > 0) {
		size_t n = min_of(length, TLS_FLUSH_SIZE);

		if (!tls_write(s->tls, bytes, n, stream_out(s))) {
			/* Reading finds the same failure, and tells it. */
			s->failed = true;
			stream_call_again(s);
			return;
		}
		if (stream_out(s)->length >= TLS_FLUSH_SIZE)
			stream_push_out(s);
		bytes += n;
		length -= n;
	}
}

void
stream_send_tls(struct stream *s, const struct iovec *iov, int count)
{
	char *gathered = poller_tls_room(loop_poller(s->loop))->gathered;
	size_t filled = 0;

	if (!s->tls->secured)
		return;
	for (int i = 0; i < count; i++) {
		const char *bytes = iov[i].iov_base;
		size_t left = iov[i].iov_len;

		while (left > 0) {
			size_t n = min_of(left, TLS_RECORD_SIZE - filled);

			/* What fills records by itself is not copied. */
			if (filled == 0 && (left >= TLS_RECORD_SIZE || i == count - 1)) {
				n = i == count - 1 ? left : left - left % TLS_RECORD_SIZE;
				stream_encrypt(s, bytes, n);
			} else {
				memcpy(gathered + filled, bytes, n);
				filled += n;
			}
			if (filled == TLS_RECORD_SIZE) {
				stream_encrypt(s, gathered, filled);
				filled = 0;
			}
			bytes += n;
			left -= n;
		}
	}
	stream_encrypt(s, gathered, filled);
	stream_push_out(s);
}

void
stream_shut_tls(struct stream *s)
{
	struct bytes *out = stream_out(s);

	/* Behind what the kernel did not take it would come too late. */
	if (s->failed || stream_unsent(s) > 0)
		return;
	tls_shut(s->tls, out);
	if (out->length > 0)
		(void)!send(s->fd, out->data, out->length, MSG_NOSIGNAL | MSG_DONTWAIT);
	bytes_clear(out);
}

/* --------------------------------------------------------------- getters */

bool
stream_is_secure(const struct stream *s)
{
	return s->tls != NULL && s->tls->secured;
}

const char *
stream_failure(const struct stream *s)
{
	return s->tls != NULL ? s->tls->failure : NULL;
}
