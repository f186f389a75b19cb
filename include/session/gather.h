/*
 * session/gather.h - the output of one wake-up for one stream, sent with one
 * system call: references into the read buffer and bytes made here, in order.
 *
 *     Bind (rewritten head, made) + its rest (in the read buffer) + Execute, Sync (there too)
 *      └────────────── sendmsg ──────────────┘
 */
#ifndef PGWEIR_SESSION_GATHER_H
#define PGWEIR_SESSION_GATHER_H

#include "base/bytes.h"

struct stream;

#define GATHER_PIECES 64

struct gather_piece {
	const char *bytes; /* borrowed; NULL: at OFFSET of `made` */
	size_t offset;
	size_t length;
};

struct gather {
	struct stream *stream; /* borrowed: where it all goes */
	struct gather_piece pieces[GATHER_PIECES];
	unsigned count;
	struct bytes made;     /* owned; kept for the next use */
};

/* Begins for STREAM; whatever was gathered must have been flushed. */
void gather_begin(struct gather *g, struct stream *stream);
/* Bytes that stay valid until the flush. */
void gather_refer(struct gather *g, const char *bytes, size_t length);
/* The buffer to make bytes in; gather_made afterwards with its length before. */
struct bytes *gather_make(struct gather *g);
void gather_made(struct gather *g, size_t before);
void gather_flush(struct gather *g);
/* How far it has come; good until the next flush. */
struct gather_mark {
	unsigned count;
	size_t last; /* the length of the last piece */
	size_t made;
};
struct gather_mark gather_mark(const struct gather *g);
/* Forgets what was gathered since the mark; gather_move appends it to OUT first. */
void gather_rewind(struct gather *g, const struct gather_mark *m);
void gather_move(struct gather *g, const struct gather_mark *m, struct bytes *out);
void gather_drop(struct gather *g, const struct stream *stream); /* forgets what was gathered for STREAM */
void gather_free(struct gather *g);

#endif
