/*
 * net/poller.h - which descriptors of a loop have something to do: an epoll set of
 * our own inside libuv's.
 *
 *      libuv's loop ── one readable descriptor ──▶ epoll set ──▶ streams
 *
 * libuv's own poll handles cost 176 bytes each, and five system calls more than the
 * socket itself for every one that comes and goes; they cannot change loops either.
 */
#ifndef PGWEIR_NET_POLLER_H
#define PGWEIR_NET_POLLER_H

#include <sys/epoll.h>
#include <uv.h>

#include "base/list.h"

#define POLLER_BATCH 128

struct loop;
struct stream;

/* A stream whose data() is running, on the C stack. */
struct delivery {
	struct stream *stream; /* NULL once it was sent to another loop */
	struct delivery *outer;
};

struct poller {
	uv_poll_t poll;      /* watches the set */
	uv_prepare_t settle; /* tells streams that are closed, before the loop sleeps */
	int set;             /* the epoll descriptor */
	struct epoll_event batch[POLLER_BATCH];
	int at, count;       /* of the batch under way */
	struct list closed;  /* of stream.closing_node */
	struct delivery *deliveries;
};

void poller_init(struct poller *p, uv_loop_t *uv);
void poller_free(struct poller *p); /* after its handles are closed */
struct poller *loop_poller(struct loop *loop);

/* EVENTS are EPOLLIN and EPOLLOUT; 0 takes the descriptor out.  KNOWN tells whether it is in. */
void poller_watch(struct poller *p, struct stream *s, int fd, uint32_t events, bool known);
/* Forgets events of the stream that are in the batch under way, and its running deliveries. */
void poller_forget(struct poller *p, const struct stream *s);
void poller_close_handles(struct poller *p);

/* ---- called by the poller, in stream.c ---- */
void stream_ready(struct stream *s, uint32_t events);
void stream_tell_closed(struct stream *s);

#endif
