/*
 * net/stream.c - streams over the loop's poller, with recv and sendmsg by hand.
 * WRITABLE is armed only after the kernel refused bytes.
 */
#include "net/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/loop.h"
#include "net/poller.h"
#include "net/stream_private.h"

/* Kept input at least this long is read into directly; shorter input is moved in front of the loop's buffer. */
#define STREAM_CARRY_MAX (LOOP_READ_SIZE / 4)

void
stream_init(struct stream *s, int fd, const struct stream_events *events)
{
	*s = (struct stream){.fd = fd, .events = events};
}

void
stream_watch(struct stream *s)
{
	uint32_t events = (s->reading && !s->held ? EPOLLIN : 0) | (s->writing ? EPOLLOUT : 0);

	if (s->tls != NULL && s->tls->deferred)
		events = 0;
	if (!s->attached)
		return;
	poller_watch(loop_poller(s->loop), s, s->fd, events, s->watched);
	s->watched = events != 0;
}

void
stream_attach(struct stream *s, struct loop *loop)
{
	must(!s->attached && !s->closing);
	s->loop = loop;
	s->attached = true;
	s->held = false;
	s->reading = true;
	s->writing = stream_unsent(s) > 0;
	stream_watch(s);
	if (s->tls != NULL)
		stream_call_again(s);
}

void
stream_detach(struct stream *s)
{
	must(s->attached && !s->closing);
	s->reading = false;
	s->writing = false;
	stream_watch(s);
	if (s->tls != NULL)
		list_remove(&s->tls->node);
	poller_forget(loop_poller(s->loop), s);
	s->attached = false;
	s->loop = NULL;
}

/* True while the stream's data() runs. */
static bool
stream_is_busy(const struct stream *s)
{
	for (const struct delivery *d = loop_poller(s->loop)->deliveries; d != NULL; d = d->outer)
		if (d->stream == s)
			return true;
	return false;
}

void
stream_close(struct stream *s)
{
	if (s->closing)
		return;
	must(s->attached);
	if (s->tls != NULL)
		stream_shut_tls(s);
	s->closing = true;
	s->reading = false;
	s->writing = false;
	leftover_free(&s->output);
	/* The kernel does it at close() only when nobody has a copy, and a child that a PAM module just forked has one. */
	stream_watch(s);
	close(s->fd);
	s->fd = -1;
	tls_free(s->tls);
	s->tls = NULL;
	if (!stream_is_busy(s))
		leftover_free(&s->input);
	poller_call_closed(loop_poller(s->loop), s);
}

void
stream_tell_closed(struct stream *s)
{
	poller_forget(loop_poller(s->loop), s);
	s->events->closed(s);
}

/* --------------------------------------------------------------- sending */

static void
stream_arm_writable(struct stream *s, bool on)
{
	if (s->writing == on)
		return;
	s->writing = on;
	stream_watch(s);
}

size_t
stream_unsent(const struct stream *s)
{
	return leftover_length(s->output);
}

size_t
stream_unconsumed(const struct stream *s)
{
	return leftover_length(s->input);
}

/* Sends what the kernel takes; answers how much, and remembers a failure. */
static size_t
stream_sendmsg(struct stream *s, const struct iovec *iov, int count)
{
	struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
	ssize_t n;

	if (count == 1)
		n = send(s->fd, iov[0].iov_base, iov[0].iov_len, MSG_NOSIGNAL);
	else
		n = sendmsg(s->fd, &m, MSG_NOSIGNAL);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			s->failed = true;
		return 0;
	}
	return (size_t)n;
}

void
stream_push(struct stream *s, const struct iovec *iov, int count)
{
	size_t taken = 0;

	if (stream_unsent(s) == 0)
		taken = stream_sendmsg(s, iov, count);
	if (s->failed)
		return;
	for (int i = 0; i < count; i++) {
		size_t length = iov[i].iov_len;
		size_t skipped = min_of(taken, length);

		taken -= skipped;
		leftover_append(&s->output, (char *)iov[i].iov_base + skipped, length - skipped);
	}
	if (stream_unsent(s) > 0)
		stream_arm_writable(s, true);
}

void
stream_send(struct stream *s, const struct iovec *iov, int count)
{
	if (s->closing || s->failed || count == 0)
		return;
	if (unlikely(s->tls != NULL))
		stream_send_tls(s, iov, count);
	else
		stream_push(s, iov, count);
}

void
stream_send_bytes(struct stream *s, const void *bytes, size_t length)
{
	struct iovec piece = {.iov_base = (void *)bytes, .iov_len = length};

	if (length > 0)
		stream_send(s, &piece, 1);
}

static void
stream_flush(struct stream *s)
{
	if (s->output != NULL) {
		struct iovec piece = {.iov_base = leftover_bytes(s->output), .iov_len = leftover_length(s->output)};

		leftover_consume(&s->output, stream_sendmsg(s, &piece, 1));
	}
	if (s->output != NULL && !s->failed)
		return;
	leftover_free(&s->output);
	stream_arm_writable(s, false);
	if (s->failed) {
		s->events->ended(s, EPIPE);
		return;
	}
	s->events->drained(s);
}

/* --------------------------------------------------------------- reading */

/* As recv(2), of plaintext. */
static ssize_t
stream_receive(struct stream *s, char *place, size_t room)
{
	if (unlikely(s->tls != NULL))
		return stream_receive_tls(s, place, room);
	return recv(s->fd, place, room, 0);
}

/*
 * Gives the bytes to the user; answers how many are left to keep.  The user may have
 * closed the stream or sent it to another thread meanwhile: then nothing is left,
 * and the stream must not be touched.
 */
static size_t
stream_deliver(struct stream *s, char *bytes, size_t length)
{
	struct poller *p = loop_poller(s->loop);
	struct delivery d = {.stream = s, .outer = p->deliveries};
	size_t consumed;

	p->deliveries = &d;
	consumed = s->events->data(s, bytes, length);
	p->deliveries = d.outer;
	must(consumed <= length);
	if (d.stream == NULL) {
		must(consumed == length);
		return 0;
	}
	if (s->closing)
		return 0;
	if (unlikely(s->tls != NULL)) {
		stream_call_again(s);
		if (!s->tls->started) {
			/* stream_secure was called: what is left is the peer's part of the handshake. */
			bytes_append(&s->tls->kept, bytes + consumed, length - consumed);
			return 0;
		}
	}
	return length - consumed;
}

/* The same of what is kept, which is given up: what is left is kept again, if the stream still is anybody's here. */
static void
stream_deliver_kept(struct stream *s, struct leftover *kept)
{
	size_t left;

	s->input = NULL;
	left = stream_deliver(s, leftover_bytes(kept), leftover_length(kept));
	leftover_consume(&kept, leftover_length(kept) - left);
	if (left > 0)
		s->input = kept;
}

void
stream_offer(struct stream *s)
{
	if (s->closing || !s->reading || s->held || s->input == NULL || stream_is_busy(s))
		return;
	stream_deliver_kept(s, s->input);
}

void
stream_unread(struct stream *s, const void *bytes, size_t length)
{
	struct leftover *input = NULL;

	if (s->closing || length == 0)
		return;
	must(!stream_is_busy(s));
	leftover_append(&input, bytes, length);
	if (s->input != NULL)
		leftover_append(&input, leftover_bytes(s->input), leftover_length(s->input));
	leftover_free(&s->input);
	s->input = input;
}

/* Reads behind a long unfinished frame in place, so that it is not copied at every read. */
static ssize_t
stream_read_long(struct stream *s)
{
	char *place = leftover_reserve(&s->input, LOOP_READ_SIZE);
	ssize_t n = stream_receive(s, place, LOOP_READ_SIZE);

	if (n <= 0)
		return n;
	leftover_grow(s->input, (size_t)n);
	stream_deliver_kept(s, s->input);
	return n;
}

static ssize_t
stream_read_short(struct stream *s)
{
	char *buffer = loop_read_buffer(s->loop);
	size_t kept = leftover_length(s->input);
	ssize_t n = stream_receive(s, buffer + kept, LOOP_READ_SIZE - kept);
	size_t left;

	if (n <= 0)
		return n;
	if (kept > 0) {
		memcpy(buffer, leftover_bytes(s->input), kept);
		leftover_free(&s->input);
	}
	left = stream_deliver(s, buffer, kept + (size_t)n);
	if (left > 0)
		leftover_append(&s->input, buffer + kept + (size_t)n - left, left);
	return n;
}

void
stream_read(struct stream *s)
{
	ssize_t n = leftover_length(s->input) > STREAM_CARRY_MAX ? stream_read_long(s) : stream_read_short(s);
	int error = errno;

	if (n > 0 || (n < 0 && (error == EAGAIN || error == EINTR)))
		return;
	s->events->ended(s, n < 0 ? error : 0);
}

void
stream_ready(struct stream *s, uint32_t events)
{
	if (s->closing)
		return;
	loop_refresh(s->loop);
	if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0 && s->writing) {
		/* It may close the stream or send it away; what is there to be read comes as another event. */
		stream_flush(s);
		return;
	}
	if (!s->reading || s->held)
		return;
	if (unlikely(s->tls != NULL))
		stream_read_tls(s);
	else
		stream_read(s);
}

void
stream_pause(struct stream *s)
{
	if (s->closing || !s->reading)
		return;
	s->reading = false;
	stream_watch(s);
}

void
stream_resume(struct stream *s)
{
	if (s->closing || s->reading)
		return;
	s->reading = true;
	stream_watch(s);
	if (s->tls != NULL)
		stream_call_again(s);
}

void
stream_hold(struct stream *s, bool held)
{
	if (s->closing || s->held == held)
		return;
	s->held = held;
	stream_watch(s);
	if (s->tls != NULL)
		stream_call_again(s);
}
