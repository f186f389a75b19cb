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

#include "base/bytes.h"
#include "base/list.h"

#define POLLER_BATCH 128

/* Handshakes get this much of each turn of the loop, so that a storm of them does not starve queries. */
#define POLLER_HANDSHAKES_US 2000

struct loop;
struct stream;

/* A stream whose data() is running, on the C stack. */
struct delivery {
	struct stream *stream; /* NULL once it was sent to another loop */
	struct delivery *outer;
};

/* What TLS needs of a loop while it reads and writes; made at the first use. */
struct tls_room {
	char *received;     /* owned: LOOP_READ_SIZE bytes of ciphertext */
	char *gathered;     /* owned: a record's plaintext */
	struct bytes out;   /* ciphertext to be sent */
};

struct poller {
	uv_poll_t poll;      /* watches the set */
	uv_prepare_t settle; /* tells streams that are closed, before the loop sleeps */
	int set;             /* the epoll descriptor */
	struct epoll_event batch[POLLER_BATCH];
	int at, count;       /* of the batch under way */
	struct stream **closed; /* owned: those to be told that they are closed; closed_count of closed_room */
	size_t closed_count, closed_room;
	struct delivery *deliveries;
	uv_idle_t again;     /* runs while streams are pending */
	struct list pending; /* of tls.node: streams with something to do without their socket */
	int64_t handshakes_us; /* spent in this turn */
	struct tls_room tls;
};

void poller_init(struct poller *p, uv_loop_t *uv);
void poller_free(struct poller *p); /* after its handles are closed */
struct poller *loop_poller(struct loop *loop);

/* EVENTS are EPOLLIN and EPOLLOUT; 0 takes the descriptor out.  KNOWN tells whether it is in. */
void poller_watch(struct poller *p, struct stream *s, int fd, uint32_t events, bool known);
/* Forgets events of the stream that are in the batch under way, and its running deliveries. */
void poller_forget(struct poller *p, const struct stream *s);
void poller_close_handles(struct poller *p);
/* stream_tell_closed is called for the stream, once, from the loop. */
void poller_call_closed(struct poller *p, struct stream *s);

/* stream_continue is called for the node's stream, once, from the loop. */
void poller_call_again(struct poller *p, struct list *node);
struct tls_room *poller_tls_room(struct poller *p);

/* ---- called by the poller, in stream.c ---- */
void stream_ready(struct stream *s, uint32_t events);
void stream_tell_closed(struct stream *s);
void stream_continue(struct list *node);

#endif
