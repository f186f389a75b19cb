/*
 * net/poller.c - the epoll set of a loop.
 */
#include "net/poller.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/loop.h"
#include "net/stream.h"
#include "net/tls_private.h"

static void
poller_tell_closed(struct poller *p)
{
	/* Whoever is told may close others. */
	for (size_t i = 0; i < p->closed_count; i++)
		stream_tell_closed(p->closed[i]);
	p->closed_count = 0;
}

void
poller_call_closed(struct poller *p, struct stream *s)
{
	if (p->closed_count == p->closed_room) {
		p->closed_room = max_of(2 * p->closed_room, (size_t)POLLER_BATCH);
		p->closed = memory_resize(p->closed, p->closed_room * sizeof(struct stream *));
	}
	p->closed[p->closed_count++] = s;
}

static void
poller_readable(uv_poll_t *poll, int status, int events)
{
	struct poller *p = container_of(poll, struct poller, poll);

	(void)status;
	(void)events;
	p->handshakes_us = 0;
	p->count = epoll_wait(p->set, p->batch, POLLER_BATCH, 0);
	for (p->at = 0; p->at < p->count; p->at++) {
		struct epoll_event e = p->batch[p->at];

		if (e.data.ptr != NULL)
			stream_ready(e.data.ptr, e.events);
	}
	p->count = 0;
}

static void
poller_settle(uv_prepare_t *settle)
{
	poller_tell_closed(container_of(settle, struct poller, settle));
}

/* Those that are not done queue again; they have their turn after the sockets. */
static void
poller_continue(uv_idle_t *again)
{
	struct poller *p = container_of(again, struct poller, again);
	struct list turn;

	list_init(&turn);
	list_insert_after(&p->pending, &turn);
	list_remove(&p->pending);
	p->handshakes_us = 0;
	for (struct list *node; (node = list_pop_front(&turn)) != NULL;)
		stream_continue(node);
	if (list_is_empty(&p->pending))
		uv_idle_stop(&p->again);
}

void
poller_call_again(struct poller *p, struct list *node)
{
	if (!list_is_empty(node))
		return;
	list_push_back(&p->pending, node);
	must(uv_idle_start(&p->again, poller_continue) == 0);
}

struct tls_room *
poller_tls_room(struct poller *p)
{
	if (p->tls.received == NULL) {
		p->tls.received = memory_new(LOOP_READ_SIZE);
		p->tls.gathered = memory_new(TLS_RECORD_SIZE);
	}
	return &p->tls;
}

void
poller_init(struct poller *p, uv_loop_t *uv)
{
	p->set = epoll_create1(EPOLL_CLOEXEC);
	must(p->set >= 0);
	list_init(&p->pending);
	must(uv_idle_init(uv, &p->again) == 0);
	must(uv_poll_init(uv, &p->poll, p->set) == 0);
	must(uv_poll_start(&p->poll, UV_READABLE, poller_readable) == 0);
	must(uv_prepare_init(uv, &p->settle) == 0);
	must(uv_prepare_start(&p->settle, poller_settle) == 0);
}

void
poller_close_handles(struct poller *p)
{
	poller_tell_closed(p);
	uv_close((uv_handle_t *)&p->poll, NULL);
	uv_close((uv_handle_t *)&p->settle, NULL);
	uv_close((uv_handle_t *)&p->again, NULL);
}

void
poller_free(struct poller *p)
{
	close(p->set);
	free(p->closed);
	free(p->tls.received);
	free(p->tls.gathered);
	bytes_free(&p->tls.out);
}

void
poller_watch(struct poller *p, struct stream *s, int fd, uint32_t events, bool known)
{
	struct epoll_event e = {.events = events, .data.ptr = s};
	int operation = events == 0 ? EPOLL_CTL_DEL : known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (events == 0 && !known)
		return;
	must(epoll_ctl(p->set, operation, fd, &e) == 0);
}

void
poller_forget(struct poller *p, const struct stream *s)
{
	for (int i = p->at + 1; i < p->count; i++)
		if (p->batch[i].data.ptr == s)
			p->batch[i].data.ptr = NULL;
	for (struct delivery *d = p->deliveries; d != NULL; d = d->outer)
		if (d->stream == s)
			d->stream = NULL;
}
