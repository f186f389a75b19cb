/*
 * session/heal_proof.c - is all that is outstanding proven to read only?
 *
 * A replica runs nothing that writes, so there the judgement of whole parts will do.  On a
 * primary each text is looked at by itself, and each Bind must be sure to have meant what
 * its name means now: one that its own batch has parsed, or one that nothing of what is
 * outstanding makes or closes.
 */
#include "session/heal.h"

#include <string.h>

static bool
statement_only_reads(void *user, const struct statement_detail *statement)
{
	bool *reads = user;

	*reads &= statement->kind == KIND_READ || statement->kind == KIND_COPY_OUT;
	return *reads;
}

static bool
text_only_reads(struct session *s, const char *text)
{
	struct verdict v;
	bool reads = true;

	routing_judge(s, text, strlen(text), &v);
	return v.is_proven && route_each_detail(text, strlen(text), statement_only_reads, &reads) && reads;
}

/* The length of the messages up to the first that is acted on without waiting for more. */
static size_t
part_length(const char *bytes, size_t length, bool *is_query)
{
	struct frames frames = frames_over(FROM_CLIENT, bytes, length, UINT32_MAX);
	struct whole_frame frame;

	*is_query = length > 0 && bytes[0] == FRONTEND_QUERY;
	while (frames_next(&frames, &frame) == FRAME_OK)
		if (frame.type == FRONTEND_QUERY || frame.type == FRONTEND_SYNC || frame.type == FRONTEND_FLUSH || frame.type == FRONTEND_FUNCTION_CALL)
			return frames.at;
	return length;
}

/* True when it is, whatever a hint or the entry's route says. */
static bool
parts_are_proven(struct session *s, const char *at, const char *end)
{
	while (at < end) {
		bool is_query;
		size_t length = part_length(at, (size_t)(end - at), &is_query);
		struct brief b = routing_brief(s, at, length);

		if (b.known && b.kind != KIND_EMPTY && !b.heals && !(is_query && text_only_reads(s, at + FRAME_HEAD)))
			return false;
		at += length;
	}
	return true;
}

/* ------------------------------------------------------------- on a primary */

/* The statement that a Parse or a Close names; NULL: none. */
static const char *
frame_changes(const struct whole_frame *f)
{
	struct reader r = reader_over(f->body, f->length);
	bool is_close = f->type == FRONTEND_CLOSE;
	char what = is_close ? (char)reader_u8(&r) : 'S';
	const char *name = reader_text(&r);

	if ((f->type != FRONTEND_PARSE && !is_close) || what != 'S' || !reader_ok(&r))
		return NULL;
	return name;
}

/* Is that statement made or closed in FROM..TO? */
static bool
span_changes(const char *from, const char *to, const char *name)
{
	struct frames frames = frames_over(FROM_CLIENT, from, (size_t)(to - from), UINT32_MAX);
	struct whole_frame f;

	while (frames_next(&frames, &f) == FRAME_OK) {
		const char *changed = frame_changes(&f);

		if (changed != NULL && strcmp(changed, name) == 0)
			return true;
	}
	return false;
}

/* BATCH: where the batch begins that the Bind at AT is of; all that is parsed in it is proven. */
static bool
bind_is_proven(struct session *s, const char *batch, const char *at, const struct whole_frame *f)
{
	const struct heal *h = s->heal;
	struct reader r = reader_over(f->body, f->length);
	const char *portal = reader_text(&r), *name = reader_text(&r);

	(void)portal;
	if (!reader_ok(&r))
		return false;
	if (span_changes(batch, at, name))
		return true;
	/* The unnamed one is changed by more than these. */
	if (name[0] == '\0' || span_changes(h->request.data + h->from, h->request.data + h->request.length, name))
		return false;
	return routing_brief(s, at, FRAME_HEAD + f->length).heals;
}

static bool
frame_is_proven(struct session *s, const char *batch, const struct whole_frame *f)
{
	const char *at = f->body - FRAME_HEAD;
	struct brief b;

	switch (f->type) {
	case FRONTEND_QUERY:
		return text_only_reads(s, f->body);
	case FRONTEND_PARSE:
		b = routing_brief(s, at, FRAME_HEAD + f->length);
		return b.heals;
	case FRONTEND_BIND:
		return bind_is_proven(s, batch, at, f);
	case FRONTEND_DESCRIBE:
	case FRONTEND_EXECUTE:
	case FRONTEND_CLOSE:
	case FRONTEND_FLUSH:
	case FRONTEND_SYNC:
		return true;
	default:
		return false;
	}
}

static bool
frames_are_proven(struct session *s, const char *bytes, size_t length)
{
	struct frames frames = frames_over(FROM_CLIENT, bytes, length, UINT32_MAX);
	const char *batch = bytes;
	struct whole_frame f;

	while (frames_next(&frames, &f) == FRAME_OK) {
		if (!frame_is_proven(s, batch, &f))
			return false;
		if (f.type == FRONTEND_SYNC || f.type == FRONTEND_QUERY)
			batch = bytes + frames.at;
	}
	return frames.at == length;
}

bool
heal_is_proven(struct session *s)
{
	const struct heal *h = s->heal;
	const char *bytes = h->request.data + h->from;

	if (!h->asks)
		return true;
	if (h->on_replica)
		return parts_are_proven(s, bytes, h->request.data + h->request.length);
	return frames_are_proven(s, bytes, h->request.length - h->from);
}

uint64_t
heal_key(struct session *s)
{
	const struct heal *h = s->heal;
	const char *at = h->request.data + h->from;
	bool is_query;

	return routing_brief(s, at, part_length(at, h->request.length - h->from, &is_query)).key;
}
