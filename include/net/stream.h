/*
 * net/stream.h - a connected socket as a flow of bytes in both directions.
 *
 * The contract is completion-shaped: "here are bytes", "what you sent has gone",
 * "it has ended".  A stream owns memory only for bytes that its user did not
 * consume yet and for bytes that the kernel did not take yet; an idle one owns
 * none.  Its events come from its loop's thread only, and never from inside a
 * call into the stream except where said.
 *
 *      recv → loop's read buffer → events.data() ── consumed ──▶ gone
 *                                       └────── the rest ──▶ input (owned)
 *      stream_send(iov) → sendmsg ── taken ──▶ gone
 *                            └── the rest ──▶ output (owned) → WRITABLE → events.drained()
 */
#ifndef PGWEIR_NET_STREAM_H
#define PGWEIR_NET_STREAM_H

#include "base/base.h"

#include <sys/uio.h>

struct leftover;
struct loop;
struct stream;
struct tls;
struct tls_context;

struct stream_events {
	/* Bytes in order; returns how many were consumed.  The rest is kept and given again, with more behind it. */
	size_t (*data)(struct stream *s, char *bytes, size_t length);
	/* The owned output is empty again after it was not. */
	void (*drained)(struct stream *s);
	/* The peer has ended the stream or the socket failed (ERROR is an errno, 0 for an orderly end).  The user closes it. */
	void (*ended)(struct stream *s, int error);
	/* The last event, after stream_close: the memory may go now. */
	void (*closed)(struct stream *s);
	/* The handshake of stream_secure is over, and well; may be NULL where that is never called. */
	void (*secured)(struct stream *s);
};

struct stream {
	int fd;
	bool reading : 1;
	bool held : 1;      /* not read, whoever resumes it */
	bool writing : 1;   /* WRITABLE is armed */
	bool closing : 1;
	bool attached : 1;
	bool failed : 1;    /* sending failed: the end is reported by reading */
	bool watched : 1;   /* in the loop's epoll set */
	const struct stream_events *events;
	struct loop *loop;             /* borrowed */
	struct tls *tls;               /* owned; NULL while it is plain */
	struct leftover *input;         /* owned: not consumed yet; NULL: nothing */
	struct leftover *output;        /* owned: not sent yet; NULL: nothing */
};

/* Takes the connected or connecting, non-blocking FD.  Reading starts with stream_attach. */
void stream_init(struct stream *s, int fd, const struct stream_events *events);
/* Begins to serve the stream on this loop; again after stream_detach, on another one. */
void stream_attach(struct stream *s, struct loop *loop);
/* Stops serving it here; no event comes until it is attached again.  For streams that move between loops. */
void stream_detach(struct stream *s);
/* Idempotent, any time, also inside events; `closed` follows.  What was not sent yet is lost. */
void stream_close(struct stream *s);

/*
 * Sends the pieces, in order, behind whatever is still unsent.  What the kernel
 * does not take is copied.  A failure is told by the `ended` event later.
 */
void stream_send(struct stream *s, const struct iovec *iov, int count);
void stream_send_bytes(struct stream *s, const void *bytes, size_t length);
/* Bytes that the kernel has not taken yet. */
size_t stream_unsent(const struct stream *s);
/* Bytes that the user has not consumed yet. */
size_t stream_unconsumed(const struct stream *s);

/* Back-pressure: no `data` events and no reads until stream_resume. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);
/* No reads either, whatever pause and resume say, until it is let go or attached to another loop. */
void stream_hold(struct stream *s, bool held);
/* Offers the kept input once more, for a user that could not consume it before. */
void stream_offer(struct stream *s);
/* Puts bytes that were consumed back in front of the kept input; not while data() runs for this stream. */
void stream_unread(struct stream *s, const void *bytes, size_t length);

/* -------------------------------------------------------------------- TLS */

/*
 * Begins a handshake with the context, of a set of the stream's worker: as the one
 * that accepts, or, with an accept context's counterpart, as the one that connects to
 * HOST (its name or address, for SNI and for verify-full; NULL when accepting).
 * Bytes that data() leaves unconsumed, or left before, are the peer's first of TLS.
 * secured() follows, or ended() with stream_failure() telling why; not before the
 * return.  Until then what is sent is dropped and data() does not come.
 */
void stream_secure(struct stream *s, struct tls_context *context, const char *host);
/* True once secured() came. */
bool stream_is_secure(const struct stream *s);
/* Why TLS failed, for people, or NULL when it did not.  Borrowed. */
const char *stream_failure(const struct stream *s);
/* True when both sides have agreed on the protocol TLS_ALPN: required of direct TLS. */
bool stream_has_alpn(const struct stream *s);
/* Writes "TLSv1.3/TLS_AES_256_GCM_SHA384/ECDH=X25519", or "" for a plain stream. */
void stream_describe_tls(const struct stream *s, char *out, size_t size);
/* True when the peer has shown a certificate, and it was found valid. */
bool stream_peer_is_verified(const struct stream *s);
/* The common name in the peer's verified certificate; false when there is none, or it holds a NUL or does not fit. */
bool stream_peer_common_name(const struct stream *s, char *out, size_t size);
/* The whole subject of that certificate, as RFC 2253 writes it; false likewise. */
bool stream_peer_subject(const struct stream *s, char *out, size_t size);
/*
 * The channel binding "tls-server-end-point" (RFC 5929, section 4.1): the hash of
 * our own certificate when accepting, of the peer's when connecting.  Answers its
 * length, 0 when there is none.
 */
#define STREAM_BINDING_MAX 64
size_t stream_binding(const struct stream *s, uint8_t out[STREAM_BINDING_MAX]);

#endif
