/*
 * session/gather.c - pieces of output, joined where they touch.
 */
#include "session/gather.h"

#include "net/stream.h"

/* More than this much made memory is not kept between uses. */
#define GATHER_KEEP ((size_t)256 * 1024)

void
gather_begin(struct gather *g, struct stream *stream)
{
	must(g->count == 0);
	g->stream = stream;
}

static struct gather_piece *
gather_last(struct gather *g)
{
	return g->count > 0 ? &g->pieces[g->count - 1] : NULL;
}

static void
gather_push(struct gather *g, struct gather_piece piece)
{
	if (g->count == GATHER_PIECES)
		gather_flush(g);
	g->pieces[g->count++] = piece;
}

void
gather_refer(struct gather *g, const char *bytes, size_t length)
{
	struct gather_piece *last = gather_last(g);

	if (length == 0)
		return;
	if (last != NULL && last->bytes != NULL && last->bytes + last->length == bytes) {
		last->length += length;
		return;
	}
	gather_push(g, (struct gather_piece){.bytes = bytes, .length = length});
}

struct bytes *
gather_make(struct gather *g)
{
	/* A flush resets `made`, so it must not happen between make and made. */
	if (g->count == GATHER_PIECES)
		gather_flush(g);
	return &g->made;
}

void
gather_made(struct gather *g, size_t before)
{
	struct gather_piece *last = gather_last(g);
	size_t length = g->made.length - before;

	if (length == 0)
		return;
	if (last != NULL && last->bytes == NULL && last->offset + last->length == before) {
		last->length += length;
		return;
	}
	g->pieces[g->count++] = (struct gather_piece){.offset = before, .length = length};
}

void
gather_flush(struct gather *g)
{
	struct iovec iov[GATHER_PIECES];

	for (unsigned i = 0; i < g->count; i++) {
		const struct gather_piece *p = &g->pieces[i];

		iov[i].iov_base = (void *)(p->bytes != NULL ? p->bytes : g->made.data + p->offset);
		iov[i].iov_len = p->length;
	}
	if (g->count > 0)
		stream_send(g->stream, iov, (int)g->count);
	g->count = 0;
	if (g->made.capacity > GATHER_KEEP)
		bytes_free(&g->made);
	bytes_clear(&g->made);
}

struct gather_mark
gather_mark(const struct gather *g)
{
	return (struct gather_mark){
	    .count = g->count, .last = g->count > 0 ? g->pieces[g->count - 1].length : 0, .made = g->made.length};
}

void
gather_rewind(struct gather *g, const struct gather_mark *m)
{
	must(m->count <= g->count);
	g->count = m->count;
	if (m->count > 0)
		g->pieces[m->count - 1].length = m->last;
	g->made.length = m->made;
}

void
gather_move(struct gather *g, const struct gather_mark *m, struct bytes *out)
{
	/* A piece that has grown since belongs to both sides of the mark. */
	size_t skipped = m->count > 0 ? m->last : 0;

	for (unsigned i = m->count > 0 ? m->count - 1 : 0; i < g->count; i++) {
		const struct gather_piece *p = &g->pieces[i];

		bytes_append(out, (p->bytes != NULL ? p->bytes : g->made.data + p->offset) + skipped, p->length - skipped);
		skipped = 0;
	}
	gather_rewind(g, m);
}

void
gather_drop(struct gather *g, const struct stream *stream)
{
	if (g->stream != stream)
		return;
	g->count = 0;
	bytes_clear(&g->made);
}

void
gather_free(struct gather *g)
{
	bytes_free(&g->made);
}
