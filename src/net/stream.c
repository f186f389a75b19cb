/*
 * net/stream.c - streams over uv_poll, with recv and sendmsg by hand.
 *
 * The poll handle is memory of its own: when a stream moves to another loop or
 * is closed, the old loop frees the handle in its close callback.  WRITABLE is
 * armed only after the kernel refused bytes.
 */
#include "net/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "net/loop.h"

/* Kept input at least this long is read into directly; shorter input is moved in front of the loop's buffer. */
#define STREAM_CARRY_MAX (LOOP_READ_SIZE / 4)

struct stream_handle {
	uv_poll_t poll;
	struct stream *stream; /* borrowed; NULL once detached */
	bool busy;             /* inside events.data() */
};

static void stream_poll_event(uv_poll_t *poll, int status, int events);

void
stream_init(struct stream *s, int fd, const struct stream_events *events)
{
	*s = (struct stream){.fd = fd, .events = events};
}

static void
stream_watch(struct stream *s)
{
	int events = (s->reading ? UV_READABLE : 0) | (s->writing ? UV_WRITABLE : 0);

	if (!s->attached)
		return;
	if (events == 0)
		uv_poll_stop(&s->handle->poll);
	else
		must(uv_poll_start(&s->handle->poll, events, stream_poll_event) == 0);
}

void
stream_attach(struct stream *s, struct loop *loop)
{
	must(!s->attached && !s->closing);
	s->loop = loop;
	s->handle = memory_new(sizeof(*s->handle));
	s->handle->stream = s;
	must(uv_poll_init(loop_uv(loop), &s->handle->poll, s->fd) == 0);
	s->attached = true;
	s->reading = true;
	stream_watch(s);
}

static void
stream_handle_closed(uv_handle_t *handle)
{
	struct stream_handle *h = container_of((uv_poll_t *)(void *)handle, struct stream_handle, poll);
	struct stream *s = h->stream;

	free(h);
	if (s != NULL)
		s->events->closed(s);
}

void
stream_detach(struct stream *s)
{
	must(s->attached && !s->closing && !s->writing);
	s->handle->stream = NULL;
	s->attached = false;
	s->loop = NULL;
	uv_close((uv_handle_t *)&s->handle->poll, stream_handle_closed);
	s->handle = NULL;
}

void
stream_close(struct stream *s)
{
	if (s->closing)
		return;
	s->closing = true;
	s->reading = false;
	s->writing = false;
	bytes_free(&s->output);
	must(s->attached);
	/* Closed first: the kernel forgets it by itself, and libuv's own attempts to take it out cost nothing. */
	close(s->fd);
	s->fd = -1;
	uv_close((uv_handle_t *)&s->handle->poll, stream_handle_closed);
	if (!s->handle->busy)
		bytes_free(&s->input);
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
	return s->output.length - s->output_at;
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
	s->sent += (uint64_t)n;
	return (size_t)n;
}

void
stream_send(struct stream *s, const struct iovec *iov, int count)
{
	size_t taken = 0;

	if (s->closing || s->failed || count == 0)
		return;
	if (stream_unsent(s) == 0)
		taken = stream_sendmsg(s, iov, count);
	if (s->failed)
		return;
	for (int i = 0; i < count; i++) {
		size_t length = iov[i].iov_len;
		size_t skipped = min_of(taken, length);

		taken -= skipped;
		bytes_append(&s->output, (char *)iov[i].iov_base + skipped, length - skipped);
	}
	if (stream_unsent(s) > 0)
		stream_arm_writable(s, true);
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
	struct iovec piece = {.iov_base = s->output.data + s->output_at, .iov_len = stream_unsent(s)};

	if (piece.iov_len > 0)
		s->output_at += stream_sendmsg(s, &piece, 1);
	if (stream_unsent(s) > 0 && !s->failed)
		return;
	bytes_free(&s->output);
	s->output_at = 0;
	stream_arm_writable(s, false);
	if (s->failed) {
		s->events->ended(s, EPIPE);
		return;
	}
	s->events->drained(s);
}

/* --------------------------------------------------------------- reading */

/*
 * Gives the bytes to the user; answers how many are left to keep.  The user may have
 * closed the stream or sent it to another thread meanwhile: then nothing is left,
 * and the stream must not be touched.
 */
static size_t
stream_deliver(struct stream *s, char *bytes, size_t length)
{
	struct stream_handle *h = s->handle;
	size_t consumed;

	h->busy = true;
	consumed = s->events->data(s, bytes, length);
	h->busy = false;
	must(consumed <= length);
	if (h->stream != s) {
		must(consumed == length);
		return 0;
	}
	return s->closing ? 0 : length - consumed;
}

void
stream_offer(struct stream *s)
{
	struct bytes kept = s->input;
	size_t left;

	if (s->closing || s->handle->busy || !s->reading || kept.length == 0)
		return;
	s->input = (struct bytes){0};
	left = stream_deliver(s, kept.data, kept.length);
	if (left == 0) {
		bytes_free(&kept);
		return;
	}
	bytes_consume(&kept, kept.length - left);
	s->input = kept;
}

/* Reads behind a long unfinished frame in place, so that it is not copied at every read. */
static ssize_t
stream_read_long(struct stream *s)
{
	struct bytes kept = s->input;
	char *place = bytes_reserve(&kept, LOOP_READ_SIZE);
	ssize_t n = recv(s->fd, place, LOOP_READ_SIZE, 0);
	size_t left;

	if (n <= 0) {
		s->input = kept;
		return n;
	}
	s->input = (struct bytes){0};
	s->received += (uint64_t)n;
	kept.length += (size_t)n;
	left = stream_deliver(s, kept.data, kept.length);
	if (left == 0) {
		bytes_free(&kept);
		return n;
	}
	bytes_consume(&kept, kept.length - left);
	s->input = kept;
	return n;
}

static ssize_t
stream_read_short(struct stream *s)
{
	char *buffer = loop_read_buffer(s->loop);
	size_t kept = s->input.length;
	ssize_t n = recv(s->fd, buffer + kept, LOOP_READ_SIZE - kept, 0);
	size_t left;

	if (n <= 0)
		return n;
	s->received += (uint64_t)n;
	if (kept > 0) {
		memcpy(buffer, s->input.data, kept);
		bytes_free(&s->input);
	}
	left = stream_deliver(s, buffer, kept + (size_t)n);
	if (left > 0)
		bytes_append(&s->input, buffer + kept + (size_t)n - left, left);
	return n;
}

static void
stream_read(struct stream *s)
{
	ssize_t n = s->input.length > STREAM_CARRY_MAX ? stream_read_long(s) : stream_read_short(s);
	int error = errno;

	if (n > 0)
		return;
	if (n < 0 && (error == EAGAIN || error == EINTR))
		return;
	s->events->ended(s, n < 0 ? error : 0);
}

/*
 * On a reset libuv reports UV_EBADF with no events and a stopped handle while the
 * last bytes are still readable: they are read first, then the end is told.
 */
static void
stream_drain_broken(struct stream *s, const struct stream_handle *h)
{
	while (h->stream == s && !s->closing) {
		ssize_t n = s->input.length > STREAM_CARRY_MAX ? stream_read_long(s) : stream_read_short(s);
		int error = errno;

		if (n > 0)
			continue;
		if (n < 0 && error == EINTR)
			continue;
		s->events->ended(s, n < 0 && error != EAGAIN ? error : ECONNRESET);
		return;
	}
}

static void
stream_poll_event(uv_poll_t *poll, int status, int events)
{
	struct stream_handle *h = container_of(poll, struct stream_handle, poll);
	struct stream *s = h->stream;

	if (s == NULL || s->closing)
		return;
	loop_refresh(s->loop);
	if (status < 0) {
		stream_drain_broken(s, h);
		return;
	}
	if ((events & UV_WRITABLE) != 0 && s->writing)
		stream_flush(s);
	/* A flush may have closed or moved the stream. */
	if ((events & UV_READABLE) != 0 && h->stream == s && s->reading && !s->closing)
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
}
