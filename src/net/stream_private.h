/*
 * net/stream_private.h - what stream.c and stream_tls.c share: the plain half of a
 * stream, and the half that TLS puts between it and the user.
 */
#ifndef PGWEIR_NET_STREAM_PRIVATE_H
#define PGWEIR_NET_STREAM_PRIVATE_H

#include <sys/types.h>

#include "net/leftover.h"
#include "net/stream.h"
#include "net/tls_private.h"

/* ---- stream.c ---- */
/* Tells the poller what the stream waits for. */
void stream_watch(struct stream *s);
/* Sends what is on the wire already; the rest is copied. */
void stream_push(struct stream *s, const struct iovec *iov, int count);
/* Receives once and delivers. */
void stream_read(struct stream *s);

/* ---- stream_tls.c; the stream has TLS ---- */
void stream_send_tls(struct stream *s, const struct iovec *iov, int count);
/* As recv(2), of plaintext: EAGAIN too when what came is less than a record. */
ssize_t stream_receive_tls(struct stream *s, char *place, size_t room);
/* The socket is readable. */
void stream_read_tls(struct stream *s);
/* Sees to it that what is there without the socket is read; harmless when nothing is. */
void stream_call_again(struct stream *s);
/* The stream is about to be closed. */
void stream_shut_tls(struct stream *s);

#endif
